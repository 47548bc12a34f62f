//! The commands and their options.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Checks configurations of the JWT filter, explains its decisions, and makes tokens to try it with. Works offline.
#[derive(Debug, Parser)]
#[command(name = "jwt-auth", version = env!("JWT_AUTH_VERSION"), propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check configurations: every fault with its line, and what is worth a second look
    ///
    /// Takes plugin configurations (YAML or JSON) and files that hold the filter: an Envoy configuration, an ECDS file, an
    /// EnvoyFilter, a WasmPlugin, an EnvoyExtensionPolicy. A Wasm filter is taken for this one if its name, root_id or
    /// module has jwt-auth or jwt_auth in it, or its configuration the field consumers.
    ///
    /// Exit codes: 0 without faults, 1 with faults, 2 when a file cannot be read.
    #[command(after_help = "Examples:\n  jwt-auth check envoy.yaml\n  jwt-auth check --format json ecds/*.yaml")]
    Check(CheckArguments),

    /// Print the JSON Schema of the plugin configuration
    ///
    /// With it an editor completes and checks configurations; it is also in the repository, envoy/jwt-auth.schema.json.
    #[command(after_help = "Example:\n  jwt-auth schema > jwt-auth.schema.json")]
    Schema,

    /// Print the completions of a shell
    #[command(
        after_help = "Example:\n  jwt-auth completions bash > ~/.local/share/bash-completion/completions/jwt-auth"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the manual page
    #[command(after_help = "Example:\n  jwt-auth man | man -l -")]
    Man,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Files to check; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// How to print what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The completions of a shell.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jwt-auth", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page.
pub fn manual() -> String {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    _ = clap_mangen::Man::new(Cli::command()).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

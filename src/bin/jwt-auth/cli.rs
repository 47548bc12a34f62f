//! The commands and their options.

use clap::{CommandFactory, Parser, Subcommand};
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

/// The completions of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jwt-auth", &mut script);
    script
}

/// The manual: a page on the whole, and after it one on each command.
pub fn manual() -> Vec<u8> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    page
}

//! The commands and their options.

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jwt_auth_filter::crypto::Algorithm;
use serde_json::Value;

use crate::manage::arguments::{ConsumerCommand, CredentialCommand};

/// Checks configurations of the JWT filter, explains its decisions, manages its consumers, and makes tokens to try it with.
/// Works offline, but for --from-discovery.
#[derive(Debug, Parser)]
#[command(name = "jwt-auth", version = env!("JWT_AUTH_VERSION"), propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check configurations: show every fault with its line, and warn of risky settings
    ///
    /// Takes plugin configurations (YAML or JSON) and files that hold the filter: an Envoy configuration, an ECDS file, a
    /// ConfigMap with one of these, an EnvoyFilter, a WasmPlugin, an EnvoyExtensionPolicy. A Wasm filter or a dynamic module
    /// counts as this one if jwt-auth or jwt_auth is part of its name, root_id, filter_name or module, or if its
    /// configuration has the field consumers.
    ///
    /// Exit codes: 0 without faults, 1 with faults, 2 when a file cannot be read; 0 when it watched files.
    #[command(after_help = "Examples:\n  jwt-auth check envoy.yaml\n  jwt-auth check --watch envoy.yaml\n  \
                            jwt-auth check --format json ecds/*.yaml")]
    Check(CheckArguments),

    /// Convert Kong's configuration into one for Envoy
    ///
    /// Services and routes become clusters and routes; the plugins jwt and acl, consumers and their credentials become the
    /// filter's configuration; the plugins cors and request-termination become Envoy's own. Manifests of the Kong Ingress
    /// Controller are read too. What has no counterpart is listed at the end, with its line.
    ///
    /// Exit codes: 0 when it is converted, 1 when Kong or the filter would refuse it, or with --strict when something has
    /// no counterpart, 2 when a file cannot be read.
    #[command(after_help = "Examples:\n  jwt-auth convert kong.yaml > envoy.yaml\n  \
                            deck gateway dump -o - | jwt-auth convert --strict -\n  \
                            kubectl get -A -o yaml ingress,service,secret,kongplugin,kongconsumer | jwt-auth convert -")]
    Convert(ConvertArguments),

    /// Explain what the filter does with a token or a request, step by step
    ///
    /// The code that runs in the proxy decides. Nothing is sent anywhere. Without --token, --token-file and --request, the
    /// program reads a token, a request or a curl command line from standard input. A request is raw HTTP, its headers
    /// alone, the output of curl -v, or a URL. A command line may be for a POSIX shell, cmd.exe or PowerShell, as browsers
    /// copy it.
    ///
    /// With --follow it explains each denial that the filter logs, as it comes, until Ctrl-C: what was wrong, whose request
    /// it was, what it usually comes from and what to do. No token is in a log, so it says what the line says.
    ///
    /// Exit codes: 0 if the request passes, 1 if it is refused, 2 when something cannot be read; 0 when it followed a log.
    #[command(after_help = "Examples:\n  \
        jwt-auth explain --config envoy.yaml --token eyJhbGciOi…\n  \
        jwt-auth explain --config envoy.yaml --token-file token.txt --at 2026-11-24T16:00:00Z\n  \
        pbpaste | jwt-auth explain --config envoy.yaml       # a copied curl command line\n  \
        jwt-auth explain --follow envoy.log --config envoy.yaml\n  \
        docker logs -f envoy 2>&1 | jwt-auth explain --follow -")]
    Explain(ExplainArguments),

    /// Manage the consumers of a configuration: add, remove, list
    ///
    /// The file keeps its comments, order and layout. The result is checked as `check` does before it takes the place of the
    /// file, in one step: an Envoy that watches the file never reads half of it.
    ///
    /// Exit codes: 0 when it is done, 1 when the filter would refuse the result, 2 when it cannot be done.
    #[command(after_help = "Example:\n  jwt-auth consumer add ClientApp --config envoy.yaml", subcommand)]
    Consumer(ConsumerCommand),

    /// Manage the credentials of consumers: add, remove, rotate, list
    ///
    /// The file is changed as by `consumer`. Secrets are read from files or made here, and shown by no command but the one
    /// that makes them.
    ///
    /// Exit codes: 0 when it is done, 1 when the filter would refuse the result, 2 when it cannot be done.
    #[command(
        after_help = "Example:\n  jwt-auth credential add ClientApp --config envoy.yaml --key app --public-key public.pem",
        subcommand
    )]
    Credential(CredentialCommand),

    /// Make a token for tests
    ///
    /// The token has iat, exp and the claims that you give. A value that is JSON keeps its type: 7, true, ["a"], or "7" for
    /// a string that looks like a number. Every other value is a string.
    #[command(after_help = "Examples:\n  \
        jwt-auth token --key private.pem --claim iss=https://auth.example.com --claim 'groups=[\"a\"]'\n  \
        jwt-auth token --secret \"$SECRET\" --alg HS512 --claim iss=client-app --exp 5m\n  \
        jwt-auth token --key private.pem --claim iss=x --exp -1h      # an expired token")]
    Token(TokenArguments),

    /// Make a key: the private key in PEM (PKCS#8), the public key in PEM and as a JWK; for HS256 to HS512 a secret
    ///
    /// jwt-auth token --key reads the output, and so does openssl (from 3.5 on for ML-DSA).
    #[command(after_help = "Examples:\n  \
        jwt-auth keygen ES256 > key.txt && jwt-auth token --key key.txt --claim iss=client-app\n  \
        jwt-auth keygen RS256 --bits 4096 --kid 2026-11\n  \
        jwt-auth keygen HS256")]
    Keygen(KeygenArguments),

    /// Print the JSON Schema of the plugin configuration
    ///
    /// An editor completes and checks configurations with it. The repository has it too: envoy/jwt-auth.schema.json.
    #[command(after_help = "Example:\n  jwt-auth schema > jwt-auth.schema.json")]
    Schema,

    /// Print the token page: one HTML file that explains tokens in a browser, without a network
    ///
    /// It shows what explain and check show, and makes tokens and configurations. It can be mailed to people who have a
    /// browser and nothing else. The program has it if it was built with it, as make install does.
    #[command(after_help = "Example:\n  jwt-auth page > jwt-auth.html")]
    Page,

    /// Print the completions for a shell
    #[command(
        after_help = "Example:\n  jwt-auth completions bash > ~/.local/share/bash-completion/completions/jwt-auth"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print a manual page
    #[command(after_help = "Examples:\n  jwt-auth man | man -l -\n  jwt-auth man check | man -l -")]
    Man {
        /// The command that the page describes, such as check or credential-add; by default, the whole program
        #[arg(value_parser = command_name)]
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Files to check; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Go on, and check each file again whenever it changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// When to show the line of the file below each fault and warning; a line that may hold a secret is never shown
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub source: ShowSource,
}

/// What `convert` is asked for.
#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// Kong's declarative configuration (formats 1.1, 2.1, 3.0), the output of `deck`, answers of the Admin API, or manifests
    /// for Kubernetes; several files count as one, `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The address on which Envoy listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8000")]
    pub listen: SocketAddr,

    /// The address of Envoy's administration interface
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    pub admin: SocketAddr,

    /// The edition of the filter that Envoy loads
    #[arg(long, value_enum, default_value_t)]
    pub edition: Edition,

    /// Where Envoy finds the Wasm module; by default, dist/jwt-auth.wasm
    #[arg(long, value_name = "FILE")]
    pub module: Option<String>,

    /// The ingress class that is Kong's, in manifests for Kubernetes
    #[arg(long, value_name = "NAME", default_value = "kong")]
    pub ingress_class: String,

    /// Convert nothing if any setting has no counterpart
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The plugin configuration, or a file that holds the filter, such as an Envoy configuration
    #[arg(long, value_name = "FILE", required_unless_present = "follow")]
    pub config: Option<PathBuf>,

    /// Which filter of the file: its name, root_id, filter_name or plugin name; by default, the first
    #[arg(long, value_name = "NAME", requires = "config")]
    pub filter: Option<String>,

    /// Explain each denial in Envoy's log as it comes; - for standard input
    #[arg(long, value_name = "ENVOY_LOG", group = "subject",
        conflicts_with_all = ["route", "service", "client_certificate", "jwks", "revocations", "at"])]
    pub follow: Option<PathBuf>,

    /// The token
    #[arg(long, value_name = "TOKEN", group = "subject")]
    pub token: Option<String>,

    /// A file that holds the token
    #[arg(long, value_name = "FILE", group = "subject")]
    pub token_file: Option<PathBuf>,

    /// A file that holds a request or a curl command line; - for standard input
    #[arg(long, value_name = "FILE", group = "subject")]
    pub request: Option<PathBuf>,

    /// The name of the Envoy route that the request takes, for rules with routes
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,

    /// The name of the Envoy cluster that the request goes to, for rules with services
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,

    /// The certificate that the client shows: a file in PEM, or its SHA-256 fingerprint in hexadecimal
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<String>,

    /// A file with the key set that the issuer publishes, for credentials with remote_jwks or discovery
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,

    /// A file with the list of revoked tokens, for revocation_list
    #[arg(long, value_name = "FILE")]
    pub revocations: Option<PathBuf>,

    /// The time to decide for, by default now: 2026-11-24T16:00:00Z, 2026-11-24, seconds since the epoch, +5m or -1h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<String>,

    /// How to print the explanation
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signer").required(true).args(["key", "secret"]))]
pub(crate) struct TokenArguments {
    /// The algorithm; by default, the usual one of the key: RS256, HS256, …
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    pub alg: Option<Algorithm>,

    /// A file with a private key in PEM or as a JWK, or with a secret in its first line; - for standard input
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// The secret, for HS256, HS384 and HS512; other users of the machine may see it in the list of processes
    #[arg(long)]
    pub secret: Option<String>,

    /// The secret is in base64, as with `secret_is_base64`
    #[arg(long)]
    pub base64: bool,

    /// A claim; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = typed_member)]
    pub claim: Vec<(String, Value)>,

    /// A parameter of the header; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = typed_member)]
    pub header: Vec<(String, Value)>,

    /// How long from now it expires: 90s, 5m, 1h, 7d, -1h; none for never
    #[arg(long, value_name = "SPAN", default_value = "1h", allow_hyphen_values = true)]
    pub exp: String,

    /// How long from now it becomes valid
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub nbf: Option<String>,

    /// The id of the key, for the header; by default, that of the JWK
    #[arg(long)]
    pub kid: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArguments {
    /// The algorithm that the key is for; Ed25519 and Ed448 are the two curves of EdDSA
    #[arg(value_name = "ALG", value_parser = algorithm)]
    pub algorithm: Algorithm,

    /// The length of an RSA key in bits, 2048 to 8192; by default 2048
    #[arg(long, value_parser = clap::value_parser!(u16).range(2048..=8192))]
    pub bits: Option<u16>,

    /// The id of the key, for the JWK
    #[arg(long)]
    pub kid: Option<String>,
}

fn command_name(name: &str) -> Result<String, String> {
    let program = Cli::command();
    let names: Vec<String> = program.get_subcommands().flat_map(page_names).collect();
    if names.iter().any(|it| it == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("expected one of {}", names.join(", ")))
    }
}

/// The names of the manual pages of a command: its own, and those of its commands, as `credential-add`.
fn page_names(command: &clap::Command) -> impl Iterator<Item = String> {
    let own = command.get_name();
    let inner = command.get_subcommands().map(move |inner| format!("{own}-{}", inner.get_name()));
    std::iter::once(own.to_owned()).chain(inner)
}

pub(crate) fn algorithm(name: &str) -> Result<Algorithm, String> {
    name.parse().map_err(|_| format!("expected one of {}", Algorithm::ALL.map(Algorithm::name).join(", ")))
}

/// `name=value`, the value as JSON if it is JSON, else as a text.
fn typed_member(text: &str) -> Result<(String, Value), String> {
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected a name and a value, name=value")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// An edition of the filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Edition {
    /// The Wasm module
    #[default]
    Wasm,
    /// The dynamic module, which Envoy 1.38 or newer finds in the folder that ENVOY_DYNAMIC_MODULES_SEARCH_PATH names
    Native,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// When the line of the file is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowSource {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The completions of a shell.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jwt-auth", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual page of the program, or of one of its commands; `None` if it has no such command.
pub(crate) fn manual(command: Option<&str>) -> Option<String> {
    let mut program = Cli::command();
    program.build();
    let command = match command {
        Some(name) => name.split('-').try_fold(&program, |command, name| command.find_subcommand(name))?.clone(),
        None => program,
    };
    // The name that is shown is `jwt-auth check`, and that of its file `jwt-auth-check`.
    let name = command.get_bin_name().unwrap_or("jwt-auth").replace(' ', "-");
    let mut page = Vec::new();
    clap_mangen::Man::new(command).title(name).render(&mut page).ok()?;
    Some(String::from_utf8_lossy(&page).into_owned())
}

//! The options of `jwt-auth consumer` and `jwt-auth credential`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use jwt_auth_filter::crypto::Algorithm;

use crate::cli::{Format, algorithm};

#[derive(Debug, Subcommand)]
pub(crate) enum ConsumerCommand {
    /// Add a consumer, without a credential
    #[command(after_help = "Example:\n  jwt-auth consumer add ClientApp --config envoy.yaml --group partners")]
    Add(ConsumerAddArguments),

    /// Take a consumer out, with all of its credentials
    #[command(after_help = "Example:\n  jwt-auth consumer remove ClientApp --config envoy.yaml --dry-run")]
    Remove(ConsumerRemoveArguments),

    /// List the consumers
    #[command(after_help = "Example:\n  jwt-auth consumer list --config envoy.yaml")]
    List(ConsumerListArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Give a consumer a credential: what its tokens are verified with
    ///
    /// The algorithm is that of the key, unless --algorithm names another that the key can verify.
    #[command(after_help = "Examples:\n  \
        jwt-auth credential add ClientApp --config envoy.yaml --key https://auth.example.com --public-key public.pem\n  \
        jwt-auth credential add ClientApp --config envoy.yaml --key app --generate --algorithm ES256 > private.pem\n  \
        jwt-auth credential add ClientApp --config envoy.yaml --from-discovery https://auth.example.com --cluster auth")]
    Add(Box<CredentialAddArguments>),

    /// Take a credential of a consumer out
    #[command(
        after_help = "Example:\n  jwt-auth credential remove ClientApp --config envoy.yaml --fingerprint kPrK_qmx"
    )]
    Remove(CredentialRemoveArguments),

    /// Add a new key beside an old one, and say when the old one can go
    ///
    /// The new credential has the same key and demands as the old one, so tokens of both are accepted. Of a credential with
    /// jwks, the new key is added to its set.
    #[command(after_help = "Example:\n  jwt-auth credential rotate ClientApp --config envoy.yaml --public-key new.pem")]
    Rotate(CredentialRotateArguments),

    /// List the credentials, with the fingerprint of each key: the JWK thumbprint (RFC 7638). Secrets have none
    #[command(after_help = "Examples:\n  jwt-auth credential list --config envoy.yaml\n  \
                            jwt-auth credential list ClientApp --config envoy.yaml --format json")]
    List(CredentialListArguments),
}

/// The file, and which configuration of it.
#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// The plugin configuration, or a file that holds the filter, such as an ECDS file or an Envoy configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Which filter of the file, if it has several: its name, root_id, filter_name or plugin name, or the line of its configuration
    #[arg(long, value_name = "NAME")]
    pub filter: Option<String>,
}

/// A file that is changed.
#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    #[command(flatten)]
    pub file: FileArguments,

    /// Show what would change, with secrets hidden, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumerAddArguments {
    /// The consumer's username
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The consumer's id
    #[arg(long)]
    pub id: Option<String>,

    /// The consumer's custom_id
    #[arg(long, value_name = "ID")]
    pub custom_id: Option<String>,

    /// A group that the consumer is in; may be given several times
    #[arg(long, value_name = "GROUP")]
    pub group: Vec<String>,

    #[command(flatten)]
    pub change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumerRemoveArguments {
    /// The consumer: its username, id or custom_id
    #[arg(value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConsumerListArguments {
    #[command(flatten)]
    pub file: FileArguments,

    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verifier").required(true)
    .args(["public_key", "secret_file", "generate", "jwks", "jwks_uri", "from_discovery"]))]
pub(crate) struct CredentialAddArguments {
    /// The consumer: its username, id or custom_id
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,

    /// The value of the key claim, usually the iss of the tokens; with --from-discovery the issuer
    #[arg(long, value_name = "VALUE", required_unless_present = "from_discovery")]
    pub key: Option<String>,

    #[command(flatten)]
    pub new_key: NewKeyArguments,

    /// Where the issuer publishes its key set, for the filter to fetch
    #[arg(long, value_name = "URI", requires = "cluster")]
    pub jwks_uri: Option<String>,

    /// An issuer, or where it publishes its metadata. The program asks it once, for its name and where its key set is
    #[arg(long, value_name = "URL")]
    pub from_discovery: Option<String>,

    /// The Envoy cluster that reaches the issuer
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,

    /// With --from-discovery, write the keys of today into the configuration, so that the filter fetches none
    #[arg(long, requires = "from_discovery", conflicts_with = "cluster")]
    pub inline: bool,

    #[command(flatten)]
    pub change: ChangeArguments,
}

/// What a new key is.
#[derive(Debug, Args)]
pub(crate) struct NewKeyArguments {
    /// The algorithm that tokens are signed with
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    pub algorithm: Option<Algorithm>,

    /// A file with a public key or a certificate in PEM, or a JWK; - for standard input
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,

    /// A file with a secret in its first line, for HS256, HS384 and HS512; - for standard input
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Make a key. What signs, the private key or the secret, is printed once, and is kept nowhere else than a secret in the
    /// configuration
    #[arg(long, conflicts_with = "dry_run")]
    pub generate: bool,

    /// A file with a JWK set, whose keys are written into the configuration; - for standard input
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,

    /// The id of the key that --generate makes, for a set
    #[arg(long, requires = "generate")]
    pub kid: Option<String>,
}

/// Which of a consumer's credentials is meant, if it has several.
#[derive(Debug, Args)]
pub(crate) struct ChoiceArguments {
    /// The credential with this key
    #[arg(long, value_name = "VALUE")]
    pub key: Option<String>,

    /// The credential with a key whose fingerprint begins so
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,

    /// The credential with this number, as `credential list` shows it
    #[arg(long, value_name = "N")]
    pub number: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialRemoveArguments {
    /// The consumer: its username, id or custom_id
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,

    #[command(flatten)]
    pub choice: ChoiceArguments,

    #[command(flatten)]
    pub change: ChangeArguments,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verifier").required(true).args(["public_key", "secret_file", "generate", "jwks"]))]
pub(crate) struct CredentialRotateArguments {
    /// The consumer: its username, id or custom_id
    #[arg(value_name = "CONSUMER")]
    pub consumer: String,

    #[command(flatten)]
    pub choice: ChoiceArguments,

    #[command(flatten)]
    pub new_key: NewKeyArguments,

    /// The longest time that a token is valid, from iat to exp: 90s, 5m, 1h, 7d; by default what the configuration says of it
    #[arg(long, value_name = "SPAN")]
    pub max_token_life: Option<String>,

    #[command(flatten)]
    pub change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialListArguments {
    /// The consumer; by default, all
    #[arg(value_name = "CONSUMER")]
    pub consumer: Option<String>,

    #[command(flatten)]
    pub file: FileArguments,

    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

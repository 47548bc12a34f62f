//! The plugin configuration: what a person writes, read into types whose values are all valid.
//!
//! Reading never stops at the first fault: the log shows all of them at once, each at the path of its field.

mod consumers;
mod fault;
mod fields;
mod protobuf;
pub mod schema;

pub use self::fault::Fault;
use self::{
    consumers::Consumers,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, flag, in_words, name, number_up_to, printable, text},
    schema::{Field, Shape},
};
use crate::{
    claims::TimeChecks,
    consumer::{Credentials, HeaderText},
    json::Value,
    policy::Policy,
    request::TokenPlaces,
    token_cache::CacheLimits,
};

/// The longest `maximum_expiration`: a year, in seconds.
const MAXIMUM_EXPIRATION: u32 = 31_536_000;
const MAX_CACHE_ENTRIES: u32 = 1_000_000;
const MAX_CACHE_BYTES: u32 = 1 << 30;

/// The fields of the configuration, in the order in which they are documented.
pub const FIELDS: &[Field] = &[
    Field::with_default(
        "header_names",
        Shape::List(&Shape::Token),
        "Request headers that are searched for `Bearer <token>`.",
        r#"["authorization"]"#,
        r#"["authorization", "x-token"]"#,
    ),
    Field::with_default(
        "uri_param_names",
        Shape::List(&Shape::Name),
        "Query parameters that are searched for a token.",
        r#"["jwt"]"#,
        r#"["access_token"]"#,
    ),
    Field::with_default(
        "cookie_names",
        Shape::List(&Shape::Token),
        "Cookies that are searched for a token.",
        "[]",
        r#"["session"]"#,
    ),
    Field::with_default(
        "key_claim_name",
        Shape::Name,
        "The claim that names the credential. It is looked for in the claims, then in the token's header.",
        r#""iss""#,
        r#""kid""#,
    ),
    Field::with_default(
        "secret_is_base64",
        Shape::Flag,
        "Whether the secrets of HS256, HS384 and HS512 are configured in base64.",
        "false",
        "true",
    ),
    Field::with_default(
        "claims_to_verify",
        Shape::List(&Shape::OneOf(&["exp", "nbf"])),
        "The time claims that must be numbers and are checked against the clock.",
        "[]",
        r#"["exp"]"#,
    ),
    Field::with_default(
        "maximum_expiration",
        Shape::Number { maximum: MAXIMUM_EXPIRATION },
        "How many seconds `exp` may lie in the future; 0 for any number. Above 0 it needs `exp` in `claims_to_verify`.",
        "0",
        "3600",
    ),
    Field::optional(
        "anonymous",
        Shape::Name,
        "The id or username of the consumer that a request passes as when authentication fails; without it, such a \
         request is refused.",
        r#""guest""#,
    ),
    Field::with_default("run_on_preflight", Shape::Flag, "Whether `OPTIONS` requests need a token.", "true", "false"),
    Field::optional("realm", Shape::HeaderText, "The realm that `WWW-Authenticate` names.", r#""api""#),
    Field::with_default(
        "host_crypto",
        Shape::OneOf(&["auto", "off"]),
        "Whether the host verifies RS* and ES* signatures where it has shown that it can: `auto`, or `off` for never.",
        r#""auto""#,
        r#""off""#,
    ),
    Field::with_default(
        "token_cache_size",
        Shape::Number { maximum: MAX_CACHE_ENTRIES },
        "How many verified tokens a worker remembers; 0 for none.",
        "10000",
        "0",
    ),
    Field::with_default(
        "token_cache_bytes",
        Shape::Number { maximum: MAX_CACHE_BYTES },
        "How many bytes of memory the remembered tokens may take in a worker.",
        "16777216",
        "1048576",
    ),
    Field::optional(
        "consumers",
        Shape::List(&Shape::Object(consumers::FIELDS)),
        "Who may call, and with what credentials.",
        r#"[{"username": "ClientApp", "jwt_secrets": [{"key": "client-app", "secret": "a long and random secret"}]}]"#,
    ),
];

/// A whole configuration: every value in it is valid.
#[derive(Debug)]
pub struct Config {
    /// What is demanded of a request.
    pub policy: Policy,
    /// What tokens are verified with.
    pub credentials: Credentials,
    /// Whether the host may check signatures.
    pub host_crypto: HostCryptoUse,
    /// `token_cache_size` and `token_cache_bytes`.
    pub token_cache: CacheLimits,
}

/// `host_crypto`: whether the host may check signatures, where it has shown that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCryptoUse {
    /// Where it can.
    Auto,
    /// Never.
    Off,
}

impl Config {
    /// Reads a plugin configuration as a proxy hands it over: JSON (of a `StringValue`), or the serialized message of a
    /// `google.protobuf.Struct`. Nothing at all is a configuration without a field.
    ///
    /// # Errors
    /// Every fault that the configuration has, in its order.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let faults = Faults::default();
        let config = decode(bytes)
            .map_err(|problem| faults.report(Place::Root, problem))
            .and_then(|value| Self::read(value, &faults));
        match config {
            Ok(config) => faults.unless_any(config),
            Err(Reported) => faults.unless_any(()).and_then(|()| Err(Vec::new())),
        }
    }

    fn read(value: Value, faults: &Faults) -> Result<Self, Reported> {
        let mut fields = Fields::of(value, Place::Root, faults, FIELDS)?;

        let token_places = token_places(&mut fields);
        let key_claim_name = fields.or_default("key_claim_name", name, "iss".to_owned());
        let time_checks = time_checks(&mut fields);
        let run_on_preflight = fields.or_default("run_on_preflight", flag, true);
        let realm = fields.optional("realm", header_text);
        let host_crypto = fields.or_default("host_crypto", host_crypto_use, HostCryptoUse::Auto);
        let token_cache = token_cache(&mut fields);
        let secret_is_base64 = fields.or_default("secret_is_base64", flag, false);
        let (consumers, consumers_read) = Consumers::read(&mut fields, secret_is_base64.unwrap_or(false));
        let anonymous = fields.optional("anonymous", |value| {
            let name = name(value)?;
            consumers.list.find(&name).ok_or_else(|| {
                let found = format!("\"{}\", the name of no consumer", printable(&name));
                Problem::new(found, "the id or username of one in consumers")
            })
        });

        secret_is_base64?;
        consumers_read?;
        let policy = Policy {
            token_places: token_places?,
            key_claim_name: key_claim_name?,
            time_checks: time_checks?,
            anonymous: anonymous?,
            run_on_preflight: run_on_preflight?,
            realm: realm?,
        };
        Ok(Self { policy, credentials: consumers.credentials, host_crypto: host_crypto?, token_cache: token_cache? })
    }
}

/// Tells the two forms apart. JSON goes first: the first byte of a serialized Struct, 0x0A, is white space to JSON, but
/// what follows it is none.
fn decode(bytes: &[u8]) -> Result<Value<'_>, Problem> {
    let json = std::str::from_utf8(bytes).ok().map(Value::parse);
    match json {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if bytes.trim_ascii_start().starts_with(b"{") && protobuf::parse(bytes).is_none() => {
            Err(Problem::new(format!("JSON that is broken ({error})"), "a JSON object"))
        }
        _ => protobuf::parse(bytes)
            .ok_or_else(|| Problem::new("neither of the two forms", "a google.protobuf.Struct, or a JSON object")),
    }
}

fn token_places(fields: &mut Fields) -> Result<TokenPlaces, Reported> {
    let header_names = fields.values("header_names", header_name);
    let uri_param_names = fields.values("uri_param_names", name);
    let cookie_names = fields.values("cookie_names", cookie_name);
    Ok(TokenPlaces {
        header_names: header_names?.unwrap_or_else(|| vec!["authorization".to_owned()]),
        uri_param_names: uri_param_names?.unwrap_or_else(|| vec!["jwt".to_owned()]),
        cookie_names: cookie_names?.unwrap_or_default(),
    })
}

fn time_checks(fields: &mut Fields) -> Result<TimeChecks, Reported> {
    let claims = fields.values("claims_to_verify", |value| match text(value)?.as_ref() {
        claim @ ("exp" | "nbf") => Ok(claim.to_owned()),
        other => Err(Problem::new(format!("\"{}\"", printable(other)), "exp or nbf")),
    });
    let maximum_expiration = fields.or_default("maximum_expiration", number_up_to(MAXIMUM_EXPIRATION), 0)?;
    let claims = claims?.unwrap_or_default();
    let verifies = |claim: &str| claims.iter().any(|name| name == claim);
    if maximum_expiration > 0 && !verifies("exp") {
        let problem = Problem::new("set without exp in claims_to_verify", "0, or exp in claims_to_verify");
        return Err(fields.report("maximum_expiration", problem));
    }
    Ok(TimeChecks {
        exp: verifies("exp"),
        nbf: verifies("nbf"),
        maximum_expiration: (maximum_expiration > 0).then_some(maximum_expiration),
    })
}

fn host_crypto_use(value: Value) -> Result<HostCryptoUse, Problem> {
    match text(value)?.as_ref() {
        "auto" => Ok(HostCryptoUse::Auto),
        "off" => Ok(HostCryptoUse::Off),
        other => Err(Problem::new(format!("\"{}\"", printable(other)), "auto or off")),
    }
}

fn token_cache(fields: &mut Fields) -> Result<CacheLimits, Reported> {
    let entries = fields.or_default("token_cache_size", number_up_to(MAX_CACHE_ENTRIES), 10_000);
    let bytes = fields.or_default("token_cache_bytes", number_up_to(MAX_CACHE_BYTES), 16 << 20);
    Ok(CacheLimits { entries: entries? as usize, bytes: bytes? as usize })
}

/// Reads a text that is sent in a header, so it must pass through one unchanged.
fn header_text(value: Value) -> Result<HeaderText, Problem> {
    let text = text(value)?;
    let found = if text.is_empty() { "an empty string" } else { "a text that no header can carry unchanged" };
    let expected = "a text without control characters and without space at its ends";
    HeaderText::new(&text).ok_or_else(|| Problem::new(found, expected))
}

fn header_name(value: Value) -> Result<String, Problem> {
    token(value, "the name of a header").map(|name| name.to_ascii_lowercase())
}

fn cookie_name(value: Value) -> Result<String, Problem> {
    token(value, "the name of a cookie")
}

/// Reads a token in the sense of RFC 9110 §5.6.2, the form of names of headers and cookies.
fn token(value: Value, expected: &str) -> Result<String, Problem> {
    const SYMBOLS: &[u8] = b"!#$%&'*+-.^_`|~";

    let text = text(value)?;
    let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || SYMBOLS.contains(&byte));
    if is_token { Ok(text.into_owned()) } else { Err(Problem::new(in_words(&Value::String(text)), expected)) }
}

//! The key of a new credential: read from a file, or made.

use std::{io, io::IsTerminal};

use jwt_auth_filter::{
    crypto::{Algorithm, Key},
    encoding::json,
};
use serde_json::Value;

use super::{arguments::NewKeyArguments, keys::usual};
use crate::{configure::Verifier, input::Input, keygen, output};

const PUBLIC: [&str; 3] = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"];

/// What was given, read before the configuration is.
pub(super) enum Given {
    PublicKey { name: String, text: String },
    Secret { name: String, text: String },
    Set { name: String, text: String },
    ToBeMade { kid: Option<String> },
}

/// A key as a credential has it.
pub(super) struct Made {
    pub(super) algorithm: Option<Algorithm>,
    pub(super) verifier: Verifier,
    /// The keys as JWKs, as far as there are such.
    pub(super) jwks: Vec<Value>,
    /// What signs, if it was made here.
    pub(super) private: Option<String>,
}

impl Given {
    /// Reads what the options name; `None` if they name no key.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn read(arguments: &NewKeyArguments) -> Result<Option<Self>, String> {
        let read = |file: &Option<std::path::PathBuf>, what: &str| {
            let Some(file) = file else { return Ok(None) };
            let input = Input::new(file);
            if input.is_stdin() && io::stdin().is_terminal() {
                output::note(&format!("reading {what}; end it with Ctrl-D"));
            }
            input.read().map(|text| Some((input.to_string(), text)))
        };
        if let Some((name, text)) = read(&arguments.public_key, "a public key")? {
            return Ok(Some(Self::PublicKey { name, text }));
        }
        if let Some((name, text)) = read(&arguments.secret_file, "a secret")? {
            return Ok(Some(Self::Secret { name, text }));
        }
        if let Some((name, text)) = read(&arguments.jwks, "a JWK set")? {
            return Ok(Some(Self::Set { name, text }));
        }
        Ok(arguments.generate.then(|| Self::ToBeMade { kid: arguments.kid.clone() }))
    }

    /// The key for an algorithm. Without one it is for `old` if it can be, else for what it is usually for.
    ///
    /// # Errors
    /// If it is no such key. No message repeats what was read.
    pub(super) fn made(&self, algorithm: Option<Algorithm>, old: Option<Algorithm>) -> Result<Made, String> {
        match self {
            Self::PublicKey { name, text } => {
                public_key(text, algorithm, old).map_err(|problem| format!("{name}: {problem}"))
            }
            Self::Secret { name, text } => secret(text, algorithm, old).map_err(|problem| format!("{name}: {problem}")),
            Self::Set { name, text } => match serde_json::from_str(text) {
                Ok(set @ Value::Object(_)) => {
                    let jwks = set.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
                    Ok(Made { algorithm, verifier: Verifier::KeySet(set), jwks, private: None })
                }
                _ => Err(format!("{name}: no JSON object; expected a JWK set, {{\"keys\": […]}}")),
            },
            Self::ToBeMade { kid } => generated(algorithm.or(old), kid.as_deref()),
        }
    }
}

fn public_key(text: &str, algorithm: Option<Algorithm>, old: Option<Algorithm>) -> Result<Made, String> {
    const EXPECTED: &str = "expected a public key or a certificate in PEM, or a JWK";

    let is_jwk = text.trim_start().starts_with('{');
    let text = if is_jwk { text } else { only_public_block(text).unwrap_or(text) };
    let key = Key::from_text(text).map_err(|error| format!("{error}; {EXPECTED}"))?;
    let jwk: Option<Value> = if is_jwk { serde_json::from_str(text).ok() } else { None };
    let own = jwk.as_ref().and_then(|jwk| jwk.get("alg")?.as_str()?.parse().ok());
    let algorithm = algorithm.or(old.filter(|old| key.fits(*old))).or(own).or_else(|| usual(&key));
    if let Some(algorithm) = algorithm {
        key.for_algorithm(algorithm).map_err(|error| format!("{error}; expected {}", algorithm.key_in_words()))?;
    }
    let verifier = jwk.clone().map_or_else(|| Verifier::PublicKey(text.to_owned()), Verifier::Jwk);
    Ok(Made { algorithm, verifier, jwks: jwk.into_iter().collect(), private: None })
}

/// The only block of a text with a public key, beside others that stay where they are: `keygen` prints the private key, too.
fn only_public_block(text: &str) -> Option<&str> {
    let mut found = PUBLIC.into_iter().flat_map(|label| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let starts: Vec<usize> = text.match_indices(&begin).map(|(at, _)| at).collect();
        starts.into_iter().filter_map(move |at| {
            let rest = text.get(at..)?;
            rest.get(..rest.find(&end)?.checked_add(end.len())?)
        })
    });
    found.next().filter(|_| found.next().is_none())
}

fn secret(text: &str, algorithm: Option<Algorithm>, old: Option<Algorithm>) -> Result<Made, String> {
    let algorithm = algorithm.or(old.filter(|old| old.is_symmetric())).unwrap_or(Algorithm::HS256);
    if !algorithm.is_symmetric() {
        return Err(format!("a secret, and {algorithm} verifies with {}", algorithm.key_in_words()));
    }
    if text.contains("-----BEGIN ") {
        return Err("a key in PEM; expected a secret in the first line".to_owned());
    }
    let secret = text.lines().next().unwrap_or_default();
    if secret.is_empty() {
        return Err("its first line is empty; expected a secret there".to_owned());
    }
    let verifier = Verifier::Secret(secret.to_owned());
    Ok(Made { algorithm: Some(algorithm), verifier, jwks: Vec::new(), private: None })
}

fn generated(algorithm: Option<Algorithm>, kid: Option<&str>) -> Result<Made, String> {
    let algorithm = algorithm.ok_or("--generate: expected --algorithm too, such as ES256")?;
    let key = keygen::NewKey::generate(algorithm, keygen::USUAL_BITS, kid).ok_or("the key cannot be made")?;
    let verifier = match key.public {
        Some(public) => Verifier::PublicKey(public),
        None => Verifier::Secret(key.private.trim_end().to_owned()),
    };
    let private = format!("{}\n", key.private.trim_end());
    Ok(Made { algorithm: Some(algorithm), verifier, jwks: vec![key.jwk], private: Some(private) })
}

impl Made {
    /// The fingerprint of a public key.
    pub(super) fn fingerprint(&self) -> Option<[u8; 32]> {
        match &self.verifier {
            Verifier::PublicKey(pem) => Key::from_text(pem).ok()?.thumbprint(),
            Verifier::Jwk(jwk) => Key::from_jwk(&json::Value::parse(&jwk.to_string()).ok()?).ok()?.thumbprint(),
            _ => None,
        }
    }
}

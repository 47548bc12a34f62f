//! A token for tests.

#[cfg(feature = "program")]
pub(crate) mod command;

use jwt_auth_filter::{crypto::Algorithm, encoding::base64::decode_lenient};
use serde_json::{Map, Value};

use crate::signing_key::{self, Secret, SigningKey, base64url};

/// What signs, and the name that it has.
pub struct Signer {
    key: Box<dyn SigningKey>,
    kid: Option<String>,
}

impl Signer {
    /// The key in a text: a private key in PEM or as a JWK, or a secret in its first line.
    ///
    /// # Errors
    /// If there is none, in words that begin with the name of the text's `source`.
    pub fn of(text: &str, is_base64: bool, source: &str) -> Result<Self, String> {
        if let Some(key) = signing_key::from_jwk(text) {
            return Ok(Self { key, kid: signing_key::kid_of(text) });
        }
        let key = match signing_key::from_pem(text) {
            Some(key) => key,
            None => {
                refuse_other_than_secret(text).map_err(|problem| format!("{source}: {problem}"))?;
                secret(text.lines().next().unwrap_or_default(), is_base64, source)?
            }
        };
        // `keygen` prints the JWK in a line of its own, behind the PEM or the secret.
        let kid = text.lines().find(|line| line.starts_with('{')).and_then(signing_key::kid_of);
        Ok(Self { key, kid })
    }

    /// A secret that was given, or an objection that names where.
    pub(crate) fn of_secret(text: &str, is_base64: bool, source: &str) -> Result<Self, String> {
        Ok(Self { key: secret(text, is_base64, source)?, kid: None })
    }

    /// The algorithms that it signs by, the usual one first.
    pub fn algorithms(&self) -> &'static [Algorithm] {
        self.key.algorithms()
    }

    /// What verifies: the public key in PEM, or the secret.
    pub fn verifier(&self) -> Option<String> {
        self.key.public_pem().or_else(|| self.key.private_text())
    }

    /// A token with these claims. Its header has `alg`, `typ`, the key's `kid` unless there is another, and the rest.
    ///
    /// # Errors
    /// If the key is none for the algorithm: which ones it is for.
    pub fn token(&self, algorithm: Algorithm, header: &[(String, Value)], claims: &Value) -> Result<String, String> {
        let mut members = member("alg", algorithm.name());
        members.extend(member("typ", "JWT"));
        members.extend(self.kid.iter().flat_map(|kid| member("kid", kid.as_str())));
        let header = with(members, header);
        let signing_input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let signature = self.key.sign(algorithm, signing_input.as_bytes()).ok_or_else(|| {
            let names: Vec<&str> = self.algorithms().iter().map(|algorithm| algorithm.name()).collect();
            format!("the key signs with {}", names.join(", "))
        })?;
        Ok(format!("{signing_input}.{}", base64url(signature)))
    }
}

fn secret(text: &str, is_base64: bool, source: &str) -> Result<Box<dyn SigningKey>, String> {
    let secret = match is_base64 {
        true => decode_lenient(text).ok_or_else(|| format!("{source}: the secret is not base64"))?,
        false => text.into(),
    };
    if secret.is_empty() { Err(format!("{source}: the secret is empty")) } else { Ok(Box::new(Secret(secret))) }
}

/// Objects to a file that holds a key, and none that signs: nobody's secret looks like it.
fn refuse_other_than_secret(text: &str) -> Result<(), String> {
    let what = match text {
        _ if text.trim_start().starts_with(['{', '[']) => "JSON that is not a private JWK",
        _ if !text.contains("-----BEGIN ") => return Ok(()),
        _ if text.contains("ENCRYPTED") => "an encrypted private key",
        _ if text.contains("-----BEGIN OPENSSH ") => "a private key in OpenSSH's own format",
        _ if text.contains("PRIVATE KEY-----") && text.contains("\\n") => {
            "a private key with \\n instead of line breaks"
        }
        _ if text.contains("PRIVATE KEY-----") => "a private key that is broken, or of another kind",
        _ => "not a private key, and a public key cannot sign",
    };
    let expected = "an unencrypted private key in PEM or as a JWK: RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA";
    Err(format!("{what}; expected {expected}"))
}

/// An object of one member.
fn member(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// The members of both, of which the later count.
fn with(mut members: Map<String, Value>, more: &[(String, Value)]) -> Value {
    members.extend(more.iter().cloned());
    Value::Object(members)
}

//! What was given to verify a token with: a configuration, or only a key.

use jwt_auth_cli::{configure::Verifier, token::Signer};
use serde_json::Value;

/// What a text is.
pub(crate) enum Given {
    Nothing,
    Configuration,
    Key(GivenKey),
}

/// A key without a configuration.
pub(crate) struct GivenKey {
    /// What it is, for people.
    pub in_words: &'static str,
    pub verifier: Verifier,
}

impl Given {
    /// Tells a key from a configuration. Whether it is a good one is judged later.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        match GivenKey::of(text) {
            Some(key) => Self::Key(key),
            None => Self::Configuration,
        }
    }
}

impl GivenKey {
    fn of(text: &str) -> Option<Self> {
        let key = |in_words, verifier| Some(Self { in_words, verifier });
        if text.starts_with("-----BEGIN ") {
            return Self::of_pem(text);
        }
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            return Self::of_json(text, json);
        }
        // What `jwt-auth keygen HS256` prints: the secret, and in a line of its own the JWK.
        let is_jwk = |line: &&str| line.starts_with("{\"") && line.contains("\"kty\"");
        if let Some(line) = text.lines().find(is_jwk) {
            return Self::of_json(line, serde_json::from_str(line).ok()?);
        }
        let is_secret = !text.contains('\n') && !text.contains(": ") && !text.ends_with(':') && !text.starts_with('{');
        if is_secret { key("a secret", Verifier::Secret(text.to_owned())) } else { None }
    }

    fn of_pem(text: &str) -> Option<Self> {
        let public = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"].into_iter().find_map(|kind| block(text, kind));
        if let Some(pem) = public {
            let in_words = if pem.contains("CERTIFICATE") { "a certificate" } else { "a public key in PEM" };
            return Some(Self { in_words, verifier: Verifier::PublicKey(pem) });
        }
        // Only its public half goes on from here.
        let public = Signer::of(text, false, "").ok().and_then(|signer| signer.verifier());
        let verifier = public.map_or_else(|| Verifier::PublicKey(text.to_owned()), Verifier::PublicKey);
        let in_words = if text.contains("PRIVATE") { "a private key, of which the public half is used" } else { "PEM" };
        Some(Self { in_words, verifier })
    }

    fn of_json(text: &str, json: Value) -> Option<Self> {
        let is_pem = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("-----BEGIN "));
        let members = match &json {
            Value::Object(members) => members,
            Value::String(secret) => {
                return Some(Self { in_words: "a secret", verifier: Verifier::Secret(secret.clone()) });
            }
            _ => return None,
        };
        if members.contains_key("kty") {
            let is_private = ["d", "priv"].iter().any(|name| members.contains_key(*name));
            let public = Signer::of(text, false, "").ok().filter(|_| is_private).and_then(|signer| signer.verifier());
            return Some(match (public, members.get("kty").and_then(Value::as_str)) {
                (Some(pem), _) => Self {
                    in_words: "a private JWK, of which the public half is used",
                    verifier: Verifier::PublicKey(pem),
                },
                (None, Some("oct")) => {
                    let set = serde_json::json!({ "keys": [json] });
                    Self { in_words: "a secret as a JWK", verifier: Verifier::KeySet(set) }
                }
                (None, _) => Self { in_words: "a JWK", verifier: Verifier::Jwk(json) },
            });
        }
        if members.contains_key("keys") && !members.contains_key("consumers") {
            return Some(Self { in_words: "a key set", verifier: Verifier::KeySet(json) });
        }
        (!members.is_empty() && members.values().all(is_pem))
            .then_some(Self { in_words: "a map of keys in PEM", verifier: Verifier::KeySet(json) })
    }
}

/// The first block of a kind in a text of PEM.
fn block(text: &str, kind: &str) -> Option<String> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    Some(format!("{begin}{body}{end}\n"))
}

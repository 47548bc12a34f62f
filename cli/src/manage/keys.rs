//! What verifies the tokens of a credential, as it may be shown: never a secret, nor anything made of one.

use jwt_auth_filter::{
    crypto::{Algorithm, Key},
    encoding::{base64::decode_standard, json},
    jwks::Uri,
};
use serde_json::Value;
use x509_cert::{Certificate, der::Decode};

use crate::{certificate, document::Node, signing_key::base64url};

/// A key of a credential, or where its keys come from.
pub(super) struct Verifying {
    /// What it is: a secret, a public key, a certificate, where a set is fetched.
    pub(super) what: String,
    pub(super) kid: Option<String>,
    pub(super) algorithm: Option<String>,
    /// The JWK thumbprint (RFC 7638 §3) of a public key, in base64url.
    pub(super) fingerprint: Option<String>,
    /// When its certificate ends, in seconds since the epoch.
    pub(super) expires: Option<u64>,
}

impl Verifying {
    /// The keys of a credential.
    pub(super) fn all_of(credential: &Node) -> Vec<Self> {
        let text = |name: &str| credential.get(name).and_then(Node::text).map(str::to_owned);
        let own = text("algorithm");
        for field in ["remote_jwks", "discovery"] {
            if let Some(source) = credential.given(field) {
                let uri = source.get("uri").and_then(Node::text).unwrap_or_default();
                // A query may hold what nobody should see.
                let uri = Uri::parse(uri).map(|uri| uri.to_string()).unwrap_or_default();
                return vec![Self::new(format!("{field} {uri}"), own)];
            }
        }
        if let Some(set) = credential.given("jwks") {
            let set = match set.text() {
                Some(text) => serde_json::from_str(text).unwrap_or_default(),
                None => set.to_json(),
            };
            return of_set(&set, own.as_deref());
        }
        let algorithm = own.unwrap_or_else(|| Algorithm::HS256.to_string());
        if algorithm.parse().is_ok_and(Algorithm::is_symmetric) {
            return vec![Self::new("secret", Some(algorithm))];
        }
        match credential.given("rsa_public_key") {
            Some(key) => match key.text() {
                Some(text) => vec![Self::of_text(text, Some(algorithm))],
                None => vec![Self { algorithm: Some(algorithm), ..Self::of_jwk(&key.to_json()) }],
            },
            None => vec![Self::new("nothing", Some(algorithm))],
        }
    }

    fn new(what: impl Into<String>, algorithm: Option<String>) -> Self {
        Self { what: what.into(), kid: None, algorithm, fingerprint: None, expires: None }
    }

    /// Of a public key in PEM, or of the text of a JWK.
    fn of_text(text: &str, algorithm: Option<String>) -> Self {
        let expires = certificate::der(text).and_then(|der| end_of(&der));
        let what = if expires.is_some() { "certificate" } else { "public key" };
        let fingerprint = Key::from_text(text).ok().and_then(|key| key.thumbprint()).map(base64url);
        Self { fingerprint, expires, ..Self::new(what, algorithm) }
    }

    fn of_jwk(jwk: &Value) -> Self {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        if text("kty").as_deref() == Some("oct") {
            return Self { kid: text("kid"), ..Self::new("secret", text("alg")) };
        }
        let written = jwk.to_string();
        let key = json::Value::parse(&written).ok().and_then(|jwk| Key::from_jwk(&jwk).ok());
        let first = jwk.get("x5c").and_then(|chain| chain.get(0)).and_then(Value::as_str);
        let expires = first.and_then(decode_standard).and_then(|der| end_of(&der));
        let algorithm = text("alg").or_else(|| usual(key.as_ref()?).map(|it| it.to_string()));
        let fingerprint = key.and_then(|key| key.thumbprint()).map(base64url);
        Self { kid: text("kid"), fingerprint, expires, ..Self::new("public key", algorithm) }
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        let parts = [self.algorithm.as_deref(), Some(self.what.as_str()), self.fingerprint.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// The algorithm that tokens of a key are usually signed with.
pub(super) fn usual(key: &Key) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| key.fits(*algorithm))
}

fn of_set(set: &Value, algorithm: Option<&str>) -> Vec<Verifying> {
    let narrowed = |it: Verifying| Verifying { algorithm: algorithm.map(str::to_owned).or(it.algorithm), ..it };
    if let Some(keys) = set.get("keys").and_then(Value::as_array) {
        return keys.iter().map(|jwk| narrowed(Verifying::of_jwk(jwk))).collect();
    }
    let of_pem = |(kid, pem): (&String, &Value)| {
        let text = pem.as_str().unwrap_or_default();
        let usual = Key::from_text(text).ok().and_then(|key| usual(&key)).map(|it| it.to_string());
        narrowed(Verifying { kid: Some(kid.clone()), ..Verifying::of_text(text, usual) })
    };
    set.as_object().into_iter().flatten().map(of_pem).collect()
}

/// When a certificate ends, in seconds since the epoch.
fn end_of(der: &[u8]) -> Option<u64> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}

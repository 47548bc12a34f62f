//! A new key, for tests and for whoever signs tokens.

#[cfg(feature = "program")]
pub(crate) mod command;

use std::fmt;

use jwt_auth_filter::crypto::Algorithm::{self, *};
use serde_json::Value;

use crate::signing_key;

/// The length of an RSA key, unless another is asked for.
pub const USUAL_BITS: u16 = 2048;

/// A key that was made, in all of its forms.
pub struct NewKey {
    /// The private key in PEM (PKCS#8), or the secret.
    pub private: String,
    /// The public key in PEM; a secret has none.
    pub public: Option<String>,
    /// What verifies, as a JWK.
    pub jwk: Value,
}

impl NewKey {
    /// Makes a key for an algorithm. `bits` are the length of an RSA key. `None` if it cannot be made.
    pub fn generate(algorithm: Algorithm, bits: u16, kid: Option<&str>) -> Option<Self> {
        let key = signing_key::generate(algorithm, bits)?;
        let mut jwk = key.jwk();
        let name = match algorithm {
            // The name that every verifier knows; not all know those of RFC 9864.
            Ed25519 | Ed448 => EdDSA.name(),
            algorithm => algorithm.name(),
        };
        if let Value::Object(jwk) = &mut jwk {
            jwk.extend([("alg".to_owned(), name.into()), ("use".to_owned(), "sig".into())]);
            jwk.extend(kid.iter().map(|kid| ("kid".to_owned(), (*kid).into())));
        }
        Some(Self { private: key.private_text()?, public: key.public_pem(), jwk })
    }
}

impl fmt::Display for NewKey {
    /// What signs, then what verifies in both of its forms.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { private, public, jwk } = self;
        writeln!(formatter, "{private}{}{jwk}", public.as_deref().unwrap_or_default())
    }
}

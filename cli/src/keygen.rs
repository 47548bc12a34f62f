//! A new key, for tests and for whoever signs tokens.

#[cfg(feature = "program")]
pub(crate) mod command;

use jwt_auth_filter::crypto::Algorithm::{self, *};
use serde_json::Value;

use crate::signing_key;

/// The length of an RSA key, unless another is asked for.
pub const USUAL_BITS: u16 = 2048;

/// Makes a key for an algorithm: what signs, then what verifies in both of its forms. `bits` are the length of an RSA key.
/// `None` if it cannot be made.
pub fn text(algorithm: Algorithm, bits: u16, kid: Option<&str>) -> Option<String> {
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
    Some(format!("{}{}{jwk}\n", key.private_text()?, key.public_pem().unwrap_or_default()))
}

//! `jwt-auth keygen`: a new key, for tests and for whoever signs tokens.

use std::process::ExitCode;

use jwt_auth_filter::crypto::Algorithm::*;
use serde_json::Value;

use crate::{
    cli::KeygenArguments,
    output,
    signing_key::{self, SigningKey},
};

/// Makes a key and prints it: what signs, then what verifies in both of its forms.
pub(crate) fn run(arguments: &KeygenArguments) -> ExitCode {
    let is_rsa = matches!(arguments.algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512);
    if arguments.bits.is_some() && !is_rsa {
        return output::fail("--bits is for RSA keys: RS256 to RS512, PS256 to PS512");
    }
    let bits = arguments.bits.unwrap_or(2048);
    match signing_key::generate(arguments.algorithm, bits).and_then(|key| text(key.as_ref(), arguments)) {
        Some(text) => output::print(&text),
        None => output::fail("the key cannot be made"),
    }
}

fn text(key: &dyn SigningKey, arguments: &KeygenArguments) -> Option<String> {
    let mut jwk = key.jwk();
    let algorithm = match arguments.algorithm {
        // The name that every verifier knows; not all know those of RFC 9864.
        Ed25519 | Ed448 => EdDSA.name(),
        algorithm => algorithm.name(),
    };
    if let Value::Object(jwk) = &mut jwk {
        jwk.extend([("alg".to_owned(), algorithm.into()), ("use".to_owned(), "sig".into())]);
        jwk.extend(arguments.kid.iter().map(|kid| ("kid".to_owned(), kid.as_str().into())));
    }
    Some(format!("{}{}{jwk}\n", key.private_text()?, key.public_pem().unwrap_or_default()))
}

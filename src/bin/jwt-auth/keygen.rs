//! `jwt-auth keygen`: a new key, for tests and for whoever signs tokens.

use std::process::ExitCode;

use serde_json::Value;

use crate::{
    cli::KeygenArguments,
    output,
    signing_key::{self, Kind, SigningKey},
};

/// Makes a key and prints it: what signs, then what verifies in both of its forms.
pub fn run(arguments: &KeygenArguments) -> ExitCode {
    match signing_key::generate(arguments.algorithm, arguments.bits).and_then(|key| text(key.as_ref(), arguments)) {
        Some(text) => output::print(&text),
        None => output::fail("the key cannot be made"),
    }
}

fn text(key: &dyn SigningKey, arguments: &KeygenArguments) -> Option<String> {
    let mut jwk = key.jwk();
    let algorithm = match arguments.algorithm {
        Kind::For(algorithm) => algorithm.name(),
        Kind::Ed448 => "EdDSA",
    };
    if let Value::Object(jwk) = &mut jwk {
        jwk.extend([("alg".to_owned(), algorithm.into()), ("use".to_owned(), "sig".into())]);
        jwk.extend(arguments.kid.iter().map(|kid| ("kid".to_owned(), kid.as_str().into())));
    }
    Some(format!("{}{}{jwk}\n", key.private_text()?, key.public_pem().unwrap_or_default()))
}

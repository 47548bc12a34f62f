//! `jwt-auth token`: a token for tests.

use std::process::ExitCode;

use jwt_auth_filter::base64::decode_lenient;
use serde_json::{Map, Value};

use crate::{
    cli::TokenArguments,
    input::Input,
    output,
    signing_key::{self, Secret, SigningKey, base64url},
    time,
};

/// Makes a token and prints it.
pub fn run(arguments: &TokenArguments) -> ExitCode {
    match token(arguments) {
        Ok(token) => output::print(&format!("{token}\n")),
        Err(problem) => output::fail(&problem),
    }
}

fn token(arguments: &TokenArguments) -> Result<String, String> {
    let key = key(arguments)?;
    let algorithm = arguments.alg.or_else(|| key.algorithms().first().copied()).ok_or("the key signs nothing")?;
    let mut header = member("alg", algorithm.name());
    header.extend(member("typ", "JWT"));
    header.extend(arguments.kid.iter().flat_map(|kid| member("kid", kid.as_str())));
    let header = with(header, &arguments.header);
    let claims = with(times(arguments)?, &arguments.claim);
    let signing_input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
    let signature = key.sign(algorithm, signing_input.as_bytes()).ok_or_else(|| {
        let names: Vec<&str> = key.algorithms().iter().map(|algorithm| algorithm.name()).collect();
        format!("--alg {algorithm}: the key signs by {}", names.join(", "))
    })?;
    Ok(format!("{signing_input}.{}", base64url(signature)))
}

/// The key that was given: a private key in PEM or as a JWK, or a secret.
fn key(arguments: &TokenArguments) -> Result<Box<dyn SigningKey>, String> {
    let secret = match (&arguments.secret, &arguments.key) {
        (Some(secret), _) => secret.clone(),
        (None, Some(file)) => {
            let input = Input::new(file);
            let text = input.read()?;
            if let Some(key) = signing_key::from_pem(&text).or_else(|| signing_key::from_jwk(&text)) {
                return Ok(key);
            }
            // Neither is anybody's secret.
            if text.contains("-----BEGIN ") || text.trim_start().starts_with('{') {
                let expected =
                    "an unencrypted private key in PEM or as a JWK: RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA";
                return Err(format!("{input}: no key that can sign; expected {expected}"));
            }
            // What `keygen` prints of a secret: the secret, and its JWK in a line of its own.
            text.lines().next().unwrap_or_default().to_owned()
        }
        (None, None) => return Err("expected --key or --secret".to_owned()),
    };
    let secret = match arguments.base64 {
        true => decode_lenient(&secret).ok_or("the secret is not base64")?,
        false => secret.into_bytes(),
    };
    if secret.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(Box::new(Secret(secret))) }
}

/// `iat`, and the times that were asked for.
fn times(arguments: &TokenArguments) -> Result<Map<String, Value>, String> {
    let now = time::now();
    let moment = |option: &str, text: &str| {
        let span = time::parse_span(text).map_err(|expected| format!("{option} {text:?}: {expected}"))?;
        now.checked_add(span).ok_or_else(|| format!("{option} {text:?}: too far off"))
    };
    let mut times = member("iat", now);
    if arguments.exp != "none" {
        times.extend(member("exp", moment("--exp", &arguments.exp)?));
    }
    if let Some(nbf) = &arguments.nbf {
        times.extend(member("nbf", moment("--nbf", nbf)?));
    }
    Ok(times)
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

//! `jwt-auth token`: a token for tests.

use std::process::ExitCode;

use jwt_auth_filter::encoding::base64::decode_lenient;
use serde_json::{Map, Value};

use crate::{
    cli::TokenArguments,
    input::Input,
    output,
    signing_key::{self, Secret, SigningKey, base64url},
    time,
};

/// Makes a token and prints it.
pub(crate) fn run(arguments: &TokenArguments) -> ExitCode {
    match token(arguments) {
        Ok(token) => output::print(&format!("{token}\n")),
        Err(problem) => output::fail(&problem),
    }
}

fn token(arguments: &TokenArguments) -> Result<String, String> {
    let Signer { key, kid } = signer(arguments)?;
    let algorithm = arguments.alg.or_else(|| key.algorithms().first().copied()).ok_or("the key cannot sign")?;
    let mut header = member("alg", algorithm.name());
    header.extend(member("typ", "JWT"));
    header.extend(arguments.kid.clone().or(kid).into_iter().flat_map(|kid| member("kid", kid)));
    let header = with(header, &arguments.header);
    let claims = with(times(arguments)?, &arguments.claim);
    let signing_input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
    let signature = key.sign(algorithm, signing_input.as_bytes()).ok_or_else(|| {
        let names: Vec<&str> = key.algorithms().iter().map(|algorithm| algorithm.name()).collect();
        format!("--alg {algorithm}: the key signs with {}", names.join(", "))
    })?;
    Ok(format!("{signing_input}.{}", base64url(signature)))
}

/// What signs, and the name that it has.
struct Signer {
    key: Box<dyn SigningKey>,
    kid: Option<String>,
}

/// The key that was given: a private key in PEM or as a JWK, or a secret.
fn signer(arguments: &TokenArguments) -> Result<Signer, String> {
    match (&arguments.secret, &arguments.key) {
        (Some(text), _) => Ok(Signer { key: secret(text, arguments.base64, "--secret")?, kid: None }),
        (None, Some(file)) => signer_in(&Input::new(file), arguments.base64),
        (None, None) => Err("expected --key or --secret".to_owned()),
    }
}

fn signer_in(input: &Input, is_base64: bool) -> Result<Signer, String> {
    let text = input.read()?;
    if let Some(key) = signing_key::from_jwk(&text) {
        return Ok(Signer { key, kid: signing_key::kid_of(&text) });
    }
    let key = match signing_key::from_pem(&text) {
        Some(key) => key,
        None => {
            refuse_other_than_secret(&text).map_err(|problem| format!("{input}: {problem}"))?;
            secret(text.lines().next().unwrap_or_default(), is_base64, &input.to_string())?
        }
    };
    // `keygen` prints the JWK in a line of its own, behind the PEM or the secret.
    let kid = text.lines().find(|line| line.starts_with('{')).and_then(signing_key::kid_of);
    Ok(Signer { key, kid })
}

/// A secret that was given, or an objection that names where.
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

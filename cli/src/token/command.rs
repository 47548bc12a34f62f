//! `jwt-auth token`.

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::{Signer, member, with};
use crate::{cli::TokenArguments, input::Input, output, time};

/// Makes a token and prints it.
pub(crate) fn run(arguments: &TokenArguments) -> ExitCode {
    match token(arguments) {
        Ok(token) => output::print(&format!("{token}\n")),
        Err(problem) => output::fail(&problem),
    }
}

fn token(arguments: &TokenArguments) -> Result<String, String> {
    let signer = signer(arguments)?;
    let algorithm = arguments.alg.or_else(|| signer.algorithms().first().copied()).ok_or("the key cannot sign")?;
    let kid = arguments.kid.iter().flat_map(|kid| member("kid", kid.as_str()));
    let header: Vec<(String, Value)> = kid.chain(arguments.header.iter().cloned()).collect();
    let claims = with(times(arguments)?, &arguments.claim);
    signer.token(algorithm, &header, &claims).map_err(|problem| format!("--alg {algorithm}: {problem}"))
}

/// The key that was given: a private key in PEM or as a JWK, or a secret.
fn signer(arguments: &TokenArguments) -> Result<Signer, String> {
    match (&arguments.secret, &arguments.key) {
        (Some(text), _) => Signer::of_secret(text, arguments.base64, "--secret"),
        (None, Some(file)) => {
            let input = Input::new(file);
            Signer::of(&input.read()?, arguments.base64, &input.to_string())
        }
        (None, None) => Err("expected --key or --secret".to_owned()),
    }
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

//! What the filter takes, and what is seldom meant.

use jwt_auth_filter::{
    algorithm::Algorithm,
    config::{Config, Path, Step},
    key::Key,
};

use super::{Finding, Message};
use crate::{
    configurations::{Configuration, CredentialPlace, OnFailure},
    document::Node,
};

/// The warnings about a configuration without faults.
pub fn of(configuration: &Configuration, config: &Config) -> Vec<Finding> {
    let warn = |path: Vec<Step>, text: &str| Finding {
        at: configuration.root.place(&path),
        path: Some(Path(path).to_string()),
        message: Message::Warning(text.to_owned()),
    };
    let field = |name: &str| vec![Step::Field(name.to_owned())];
    let mut warnings = Vec::new();

    if config.credentials.is_empty() {
        warnings.push(warn(field("consumers"), "no consumer has a credential, so no token is accepted"));
    }
    if !config.policy.time_checks.exp {
        warnings.push(warn(field("claims_to_verify"), "without exp, a token that has expired is accepted for ever"));
    }
    if !config.policy.token_places.uri_param_names.is_empty() {
        let text = "a token is accepted in the query string, where access logs and histories keep it; [] turns it off";
        warnings.push(warn(field("uri_param_names"), text));
    }
    for credential in configuration.credentials() {
        if let Some(text) = weak_secret(&credential, config) {
            warnings.push(warn(credential.path("secret"), &text));
        }
        for source in ["remote_jwks", "discovery"] {
            let uri = credential.node.get(source).and_then(|source| source.get("uri")).and_then(Node::text);
            if uri.is_some_and(|uri| uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))) {
                let mut path = credential.path(source);
                path.push(Step::Field("uri".to_owned()));
                warnings.push(warn(path, "over plain HTTP, whoever is on the way can put in keys of their own"));
            }
        }
    }
    warnings.extend(on_failure(configuration.on_failure));
    warnings
}

fn on_failure(on_failure: OnFailure) -> Option<Finding> {
    let (at, text) = match on_failure {
        OnFailure::Settled => return None,
        OnFailure::Unset(at) => {
            (at, "not set: should the module fail, all requests get 503 until a restart; FAIL_RELOAD starts it anew")
        }
        OnFailure::Open(at) => (at, "should the module fail, every request passes unchecked"),
    };
    Some(Finding { at, path: Some("failure_policy".to_owned()), message: Message::Warning(text.to_owned()) })
}

/// A secret that is shorter than the hash of its algorithm (RFC 7518 §3.2).
fn weak_secret(credential: &CredentialPlace, config: &Config) -> Option<String> {
    let credential = config.credentials.with_key(credential.key()?).get(credential.before)?;
    let algorithm = credential.algorithm();
    let least = match algorithm {
        Algorithm::HS256 => 32,
        Algorithm::HS384 => 48,
        Algorithm::HS512 => 64,
        _ => return None,
    };
    match credential.verification_key() {
        Key::Secret(secret) if secret.len() < least => Some(format!(
            "{} bytes long; {algorithm} needs {least}, or who has a token can guess it (RFC 7518, section 3.2)",
            secret.len()
        )),
        _ => None,
    }
}

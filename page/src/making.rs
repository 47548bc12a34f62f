//! Keys, tokens and configurations that the page makes.

use jwt_auth_cli::{
    configure::{Form, Host, Verifier},
    keygen::{NewKey, USUAL_BITS},
    token::Signer,
};
use jwt_auth_filter::crypto::Algorithm;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    explaining,
    given::{Given, GivenKey},
    problem,
};

/// What is filled in to make a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenForm {
    algorithm: String,
    /// A private key, or a secret.
    key: String,
    /// A JSON object.
    claims: String,
}

/// What is filled in to make a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigurationForm {
    host: HostName,
    username: String,
    /// Separated by commas, and so the audiences.
    groups: String,
    key: String,
    algorithm: String,
    verifier: VerifierKind,
    /// The secret, the public key or the key set; or the address of what is fetched.
    verifies: String,
    cluster: String,
    secret_is_base64: bool,
    exp: bool,
    nbf: bool,
    in_query: bool,
    audiences: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum HostName {
    Plugin,
    Envoy,
    Istio,
    EnvoyGateway,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerifierKind {
    Secret,
    PublicKey,
    Jwks,
    RemoteJwks,
    Discovery,
}

/// A new key.
pub(crate) fn key(algorithm: &str) -> Value {
    let key = algorithm.parse().ok().and_then(|algorithm| NewKey::generate(algorithm, USUAL_BITS, None));
    match key {
        Some(key) => json!({ "private": key.private, "public": key.public, "jwk": key.jwk }),
        None => problem("the key cannot be made"),
    }
}

/// A token, with what verifies it.
pub(crate) fn token(form: &TokenForm) -> Value {
    let made = || -> Result<Value, (&str, String)> {
        let claims: Value = serde_json::from_str(&form.claims).map_err(|error| ("claims", error.to_string()))?;
        if !claims.is_object() {
            return Err(("claims", "expected a JSON object".to_owned()));
        }
        let signer = Signer::of(form.key.trim(), false, "key").map_err(|problem| ("key", problem))?;
        let algorithm: Algorithm = form.algorithm.parse().map_err(|_| ("key", "no such algorithm".to_owned()))?;
        let token = signer.token(algorithm, &[], &claims).map_err(|problem| ("key", problem))?;
        Ok(json!({ "token": token, "verifier": signer.verifier() }))
    };
    made().unwrap_or_else(|(field, text)| json!({ "problem": { "in": field, "text": text } }))
}

/// A configuration, with what is to be said of it.
pub(crate) fn configuration(form: &ConfigurationForm) -> Value {
    let claims = [("exp", form.exp), ("nbf", form.nbf)];
    let made = Form {
        key_claim_name: String::new(),
        claims_to_verify: claims
            .into_iter()
            .filter(|(_, is_asked)| *is_asked)
            .map(|(name, _)| name.to_owned())
            .collect(),
        audiences: listed(&form.audiences),
        not_in_query: !form.in_query,
        secret_is_base64: form.secret_is_base64,
        username: form.username.trim().to_owned(),
        groups: listed(&form.groups),
        key: form.key.trim().to_owned(),
        algorithm: form.algorithm.clone(),
        verifier: form.verifier(),
    };
    let text = made.yaml(form.host.into());
    json!({ "configuration": text, "check": explaining::check(&text) })
}

impl ConfigurationForm {
    fn verifier(&self) -> Verifier {
        let text = self.verifies.trim();
        let fetched =
            |field| Verifier::Fetched { field, uri: text.to_owned(), cluster: self.cluster.trim().to_owned() };
        match self.verifier {
            VerifierKind::RemoteJwks => fetched("remote_jwks"),
            VerifierKind::Discovery => fetched("discovery"),
            _ if text.is_empty() => Verifier::None,
            VerifierKind::Secret => Verifier::Secret(text.to_owned()),
            VerifierKind::Jwks => serde_json::from_str(text).map_or(Verifier::None, Verifier::KeySet),
            VerifierKind::PublicKey => match Given::of(text) {
                Given::Key(GivenKey { verifier: verifier @ Verifier::Jwk(_), .. }) => verifier,
                Given::Key(GivenKey { verifier: verifier @ Verifier::PublicKey(_), .. }) => verifier,
                _ => Verifier::PublicKey(text.to_owned()),
            },
        }
    }
}

/// The items of a list as people type it.
fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

impl From<HostName> for Host {
    fn from(name: HostName) -> Self {
        match name {
            HostName::Plugin => Self::Plugin,
            HostName::Envoy => Self::Envoy,
            HostName::Istio => Self::Istio,
            HostName::EnvoyGateway => Self::EnvoyGateway,
        }
    }
}

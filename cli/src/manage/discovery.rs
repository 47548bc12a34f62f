//! What an issuer says of itself: the only place where the program asks somebody over a network, and only where it is told to.

use std::{sync::Arc, time::Duration};

use jwt_auth_filter::jwks::{Answer, Issuer, MAX_BYTES, Uri};
use serde_json::Value;
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

/// All requests to an issuer together take no longer.
const TIMEOUT: Duration = Duration::from_secs(10);
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// An issuer, as its metadata describe it.
pub(super) struct Discovered {
    pub(super) issuer: Issuer,
    /// Where its metadata are.
    pub(super) metadata: Uri,
    /// Where its key set is.
    pub(super) jwks_uri: Uri,
    /// The keys of its set, as it publishes them now.
    pub(super) keys: Value,
    /// What is worth knowing of the set.
    pub(super) notes: Vec<String>,
}

impl Discovered {
    /// Asks the issuer of a URL, or the one whose metadata are there. Redirects are not followed, since the filter follows none.
    ///
    /// # Errors
    /// If it does not answer as an issuer does.
    pub(super) fn ask(url: &str) -> Result<Self, String> {
        let given = Uri::parse(url).map_err(|error| format!("--from-discovery: {error}"))?;
        let agent = agent()?;
        let (metadata, answer) = metadata(&agent, &given)?;
        let refuse = |problem: &dyn std::fmt::Display| format!("{metadata}: {problem}");
        let issuer = issuer_of(&answer).ok_or_else(|| refuse(&"no metadata that name an issuer and its key set"))?;
        let jwks_uri = answer.jwks_uri(&issuer).map_err(|error| refuse(&error))?;
        if !is_of(&issuer, metadata.as_str()) {
            return Err(refuse(&format!(
                "the metadata is of the issuer {:?}, which would publish it elsewhere (OpenID Connect Discovery 1.0 §4.3)",
                issuer.as_str()
            )));
        }
        let set = get(&agent, &jwks_uri)?;
        let parsed = set.key_set().map_err(|error| format!("{jwks_uri}: {error}"))?;
        let mut notes = Vec::new();
        if !parsed.passed_over.is_empty() {
            notes.push(format!("{jwks_uri}: {}", parsed.passed_over));
        }
        if parsed.set.is_empty() {
            notes.push(format!("{jwks_uri}: no key that verifies tokens; until there is one, none is accepted"));
        }
        let keys = serde_json::from_slice(&set.body).unwrap_or_default();
        Ok(Self { issuer, metadata, jwks_uri, keys, notes })
    }

    /// Whether one cluster of Envoy's reaches metadata and key set: it is asked for both with the same name.
    pub(super) fn is_on_one_host(&self) -> bool {
        self.metadata.authority().eq_ignore_ascii_case(self.jwks_uri.authority())
    }
}

fn agent() -> Result<Agent, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(
            "no certificates of authorities are found on this machine; SSL_CERT_FILE names a file with them".to_owned()
        );
    }
    let roots: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent("jwt-auth")
        .build();
    Ok(config.new_agent())
}

/// The metadata of an issuer: where they are said to be, or at the first of the places where they usually are.
fn metadata(agent: &Agent, given: &Uri) -> Result<(Uri, Answer), String> {
    let places = places(given);
    let mut last = None;
    for place in &places {
        let answer = get(agent, place)?;
        if answer.status != Some(404) {
            return Ok((place.clone(), answer));
        }
        last = Some(place);
    }
    Err(format!("{}: the status was 404", last.map(ToString::to_string).unwrap_or_default()))
}

/// OpenID Connect Discovery 1.0 §4 adds to the issuer's path, and RFC 8414 §3 puts something before it.
fn places(given: &Uri) -> Vec<Uri> {
    let text = given.as_str();
    if text.contains("/.well-known/") {
        return vec![given.clone()];
    }
    let issuer = text.trim_end_matches('/');
    let (scheme, _) = text.split_once("://").unwrap_or_default();
    let path = given.path_and_query().trim_end_matches('/');
    [format!("{issuer}{OPENID}"), format!("{scheme}://{}{OAUTH}{path}", given.authority())]
        .iter()
        .filter_map(|place| Uri::parse(place).ok())
        .collect()
}

/// Whether an issuer publishes its metadata there. Of one with many tenants there is no telling.
fn is_of(issuer: &Issuer, metadata: &str) -> bool {
    let is_place =
        Uri::parse(issuer.as_str()).is_ok_and(|issuer| places(&issuer).iter().any(|it| it.as_str() == metadata));
    is_place || issuer.is_template()
}

fn issuer_of(answer: &Answer) -> Option<Issuer> {
    let members: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == Some(200))?;
    Issuer::parse(members.get("issuer")?.as_str()?)
}

fn get(agent: &Agent, uri: &Uri) -> Result<Answer, String> {
    let refuse = |error: ureq::Error| format!("{uri}: {error}");
    let mut response = agent.get(uri.as_str()).header("accept", "application/json").call().map_err(refuse)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_BYTES as u64).read_to_vec().map_err(refuse)?;
    if status != 200 && status != 404 {
        return Err(format!("{uri}: the status was {status}"));
    }
    Ok(Answer { status: Some(status), size: body.len(), body, ..Answer::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_where_both_standards_put_them() {
        let places = |url: &str| -> Vec<String> {
            super::places(&Uri::parse(url).unwrap()).iter().map(|it| it.as_str().to_owned()).collect()
        };
        assert_eq!(
            places("https://a.example.com/t/"),
            [
                "https://a.example.com/t/.well-known/openid-configuration",
                "https://a.example.com/.well-known/oauth-authorization-server/t"
            ]
        );
        assert_eq!(places("https://a/.well-known/x"), ["https://a/.well-known/x"]);
    }

    #[test]
    fn metadata_are_those_of_the_issuer_that_publishes_them_there() {
        let is_of = |issuer: &str, metadata: &str| super::is_of(&Issuer::parse(issuer).unwrap(), metadata);
        assert!(is_of("https://a/t", "https://a/t/.well-known/openid-configuration"));
        assert!(is_of("https://a/t/", "https://a/.well-known/oauth-authorization-server/t"));
        assert!(is_of("https://a/{tenantid}/v2.0", "https://a/common/v2.0/.well-known/openid-configuration"));
        assert!(!is_of("https://b/t", "https://a/t/.well-known/openid-configuration"));
        assert!(!is_of("https://a/u", "https://a/t/.well-known/openid-configuration"));
    }
}

//! Judging what a server answers: a key set, or the metadata that says where it is.

use std::{str, time::Duration};

use thiserror::Error;

use super::{Issuer, KeySet, KeySetError, MAX_BYTES, Origin, Parsed, Uri};
use crate::encoding::{UntrustedText, json::Value};

/// What came back for a fetch.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The status; `None` when there was no answer at all.
    pub status: Option<u16>,
    /// The header `Cache-Control`, if it is there and text.
    pub cache_control: Option<String>,
    /// The header `ETag`, if it is there and text.
    pub etag: Option<String>,
    /// How long the body is, in bytes.
    pub size: usize,
    /// The body; may be left out when `size` is above [`Fetched::max_bytes`](super::Fetched::max_bytes).
    pub body: Vec<u8>,
}

/// Why a fetch gave no key set. Of what the server said no variant repeats more than an issuer's name.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FetchError {
    /// The host could not send the request: there is no such cluster, or nothing to connect to.
    #[error("the request could not be sent; is the cluster configured?")]
    NotSent,
    /// No answer came: the connection failed, or the time was up.
    #[error("no answer")]
    NoAnswer,
    /// The status is not 200. Redirects are not followed.
    #[error("the status was {0}")]
    Status(u16),
    /// The proxy answers in place of the server, which it does not reach: why, in its words.
    #[error("the connection to the server failed: {0}")]
    NoConnection(UntrustedText),
    /// The host does not keep the answer for other workers.
    #[error("the answer could not be shared with other workers")]
    NotShared,
    /// The body is longer than it may be.
    #[error("the answer had {0} bytes")]
    TooLarge(usize),
    /// The body is not JSON, or one in which a member occurs twice.
    #[error("the answer was not JSON with distinct members")]
    NotJson,
    /// The body is not a key set.
    #[error("the answer was not a key set: {0}")]
    NoKeySet(KeySetError),
    /// The body is not a list of revoked tokens: at this line and column.
    #[error("the answer was not a revocation list: line {line}, column {column}")]
    NoRevocationList {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The metadata is of another issuer (RFC 8414 §3.3).
    #[error("{}", of_other_issuer(.0.as_ref()))]
    OtherIssuer(Option<UntrustedText>),
    /// The metadata has no `jwks_uri` that is an `http` or `https` URI.
    #[error("the metadata had no usable jwks_uri")]
    NoJwksUri,
}

fn of_other_issuer(found: Option<&UntrustedText>) -> String {
    match found {
        Some(issuer) => format!("the metadata is of the issuer {issuer}, which is not the credential's"),
        None => "the metadata names no issuer".to_owned(),
    }
}

impl FetchError {
    /// The kind of failure, as metrics name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotSent | Self::NoAnswer | Self::NotShared => "unreachable",
            Self::Status(_) | Self::NoConnection(_) => "status",
            Self::TooLarge(_) => "too_large",
            Self::NotJson
            | Self::NoKeySet(_)
            | Self::NoRevocationList { .. }
            | Self::OtherIssuer(_)
            | Self::NoJwksUri => "invalid",
        }
    }
}

impl Answer {
    /// The body, of at most so many bytes.
    pub(super) fn body(&self, max_bytes: usize) -> Result<&[u8], FetchError> {
        match self.status {
            None => Err(FetchError::NoAnswer),
            Some(200) if self.size > max_bytes => Err(FetchError::TooLarge(self.size)),
            Some(200) => Ok(&self.body),
            Some(status) => Err(self.connection_failure().unwrap_or(FetchError::Status(status))),
        }
    }

    /// What Envoy says for a server that it does not reach, be it for want of TLS; some versions say more of that. A server
    /// may say the same, so it is told like any text of a server's.
    fn connection_failure(&self) -> Option<FetchError> {
        const START: &str = "upstream connect error or disconnect/reset before headers. ";
        const REASONS: [&str; 2] = ["transport failure reason: ", "reset reason: "];

        let text = str::from_utf8(&self.body).ok()?.strip_prefix(START)?;
        let (_, reason) = REASONS.iter().find_map(|name| text.split_once(name))?;
        Some(FetchError::NoConnection(UntrustedText::new(reason.trim_end())))
    }

    /// The key set that the answer holds. It may have no key that can be used: an issuer withdraws its keys in this way.
    ///
    /// # Errors
    /// Why it holds none.
    pub fn key_set(&self) -> Result<Parsed, FetchError> {
        key_set(self.body(MAX_BYTES)?)
    }

    /// Where the key set is, by the answer that describes the issuer (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).
    pub fn jwks_uri(&self, issuer: &Issuer) -> Result<Uri, FetchError> {
        let Value::Object(members) = json(self.body(MAX_BYTES)?)? else { return Err(FetchError::OtherIssuer(None)) };
        let text = |name: &str| match members.iter().find(|(key, _)| key == name) {
            Some((_, Value::String(text))) => Some(text.as_ref()),
            _ => None,
        };
        let named = text("issuer");
        if !named.is_some_and(|name| issuer.is_named(name)) {
            return Err(FetchError::OtherIssuer(named.map(UntrustedText::new)));
        }
        text("jwks_uri").and_then(|uri| Uri::parse(uri).ok()).ok_or(FetchError::NoJwksUri)
    }

    /// Whether what the validator stands for is still the newest (RFC 9110 §15.4.5).
    pub(super) fn is_not_modified(&self) -> bool {
        self.status == Some(304)
    }

    /// The validator of the answer (RFC 9110 §8.8.3), if it has one that may be sent back.
    pub(super) fn validator(&self) -> Option<&str> {
        const MAX_BYTES: usize = 256;

        let is_tag = |tag: &&str| {
            tag.len() <= MAX_BYTES && tag.ends_with('"') && tag.bytes().all(|byte| byte.is_ascii_graphic())
        };
        self.etag.as_deref().filter(is_tag)
    }

    /// The `max-age` of the answer (RFC 9111 §5.2.2.1), if it has one that is a number.
    pub fn max_age(&self) -> Option<Duration> {
        let directives = self.cache_control.as_deref()?.split(',');
        let (_, seconds) = directives
            .filter_map(|directive| directive.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))?;
        seconds.trim().trim_matches('"').parse().ok().map(Duration::from_secs)
    }
}

/// Reads the text of a key set.
pub(super) fn key_set(text: &[u8]) -> Result<Parsed, FetchError> {
    KeySet::read(&json(text)?, Origin::Fetched).map_err(FetchError::NoKeySet)
}

fn json(text: &[u8]) -> Result<Value<'_>, FetchError> {
    std::str::from_utf8(text).ok().and_then(|text| Value::parse(text).ok()).ok_or(FetchError::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_reached_is_told_in_the_proxy_s_words() {
        let error = |status, body: &str| {
            let answer = Answer { status: Some(status), body: body.into(), ..Answer::default() };
            answer.key_set().unwrap_err().to_string()
        };
        let start = "upstream connect error or disconnect/reset before headers. ";
        for (body, reason) in [
            (
                "reset reason: remote connection failure, transport failure reason: TLS_error:|268435581:SSL routines:\
                 OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
                "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            ),
            ("retried and the latest reset reason: connection timeout\n", "connection timeout"),
            ("reset reason: a\nb", "a\\nb"),
        ] {
            let expected = format!("the connection to the server failed: \"{reason}\"");
            assert_eq!(error(503, &format!("{start}{body}")), expected);
        }
        for body in ["", "down", "reset reason: x", start] {
            assert_eq!(error(503, body), "the status was 503", "{body}");
        }
        assert!(error(503, &format!("{start}reset reason: {}", "x".repeat(1000))).len() < 200);
    }

    #[test]
    fn metadata_of_another_issuer_are_refused_with_its_name() {
        let error = |body: &str| {
            let answer = Answer { status: Some(200), body: body.into(), ..Answer::default() };
            answer.jwks_uri(&Issuer::parse("https://a").unwrap()).unwrap_err().to_string()
        };
        let other = r#"{"issuer":"https://b\n/{tenantid}","jwks_uri":"https://a/jwks"}"#;
        let expected = r#"the metadata is of the issuer "https://b\n/{tenantid}", which is not the credential's"#;
        assert_eq!(error(other), expected);
        for none in ["{}", r#"{"issuer":null}"#, r#"{"issuer":7}"#, "[]"] {
            assert_eq!(error(none), "the metadata names no issuer", "{none}");
        }
        assert_eq!(error(r#"{"issuer":"https://a"}"#), "the metadata had no usable jwks_uri");
    }
}

//! The `http` and `https` URIs (RFC 9110 §4.2) that key sets are fetched from.

use std::{fmt, ops::Range};

use thiserror::Error;

/// An `http` or `https` URI without user and fragment, in printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
    authority: Range<usize>,
    path_and_query: String,
}

/// A text is no [`Uri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an http or https URI that has a host and neither user nor fragment")]
pub struct UriError;

impl Uri {
    /// Reads a URI. It may be 2,048 bytes long.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        const MAX_BYTES: usize = 2048;

        let (scheme, rest) = text.split_once("://").ok_or(UriError)?;
        let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['#', '\\', '"', '<', '>']);
        if !is_http || authority.is_empty() || authority.contains('@') || !is_plain || text.len() > MAX_BYTES {
            return Err(UriError);
        }
        let start = text.len().saturating_sub(rest.len());
        let path = rest.get(authority.len()..).unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            text: text.to_owned(),
            authority: start..start.saturating_add(authority.len()),
            path_and_query: format!("{slash}{path}"),
        })
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.text.get(self.authority.clone()).unwrap_or_default()
    }

    /// Path and query, as a request line has them.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The headers of the request that fetches it, unless it is still what this validator stands for.
    pub fn request_headers<'a>(&'a self, etag: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let usual = [
            (":method", "GET"),
            (":path", self.path_and_query()),
            (":authority", self.authority()),
            ("accept", "application/jwk-set+json, application/json"),
            ("user-agent", "jwt-auth-filter"),
        ];
        usual.into_iter().chain(etag.map(|etag| ("if-none-match", etag))).collect()
    }
}

/// Without the query, which may hold what no log should.
impl fmt::Display for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_taken_apart_into_what_a_request_needs() {
        for (text, authority, path) in [
            ("https://a.example.com/jwks.json", "a.example.com", "/jwks.json"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "/"),
            ("HTTPS://[::1]:1?a=b", "[::1]:1", "/?a=b"),
            ("https://a/b?c=http://d", "a", "/b?c=http://d"),
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!((uri.authority(), uri.path_and_query()), (authority, path));
        }
        assert_eq!(Uri::parse("https://a/b?key=1").unwrap().to_string(), "https://a/b");
        assert!(Uri::parse(&format!("https://a/{}", "b".repeat(2038))).is_ok());
    }

    #[test]
    fn a_request_says_what_it_is_for_and_what_is_there_already() {
        let uri = Uri::parse("https://a.example.com:1/jwks?b").unwrap();
        let usual = [
            (":method", "GET"),
            (":path", "/jwks?b"),
            (":authority", "a.example.com:1"),
            ("accept", "application/jwk-set+json, application/json"),
            ("user-agent", "jwt-auth-filter"),
        ];
        assert_eq!(uri.request_headers(None), usual);
        assert_eq!(uri.request_headers(Some("\"1\"")), [usual.as_slice(), &[("if-none-match", "\"1\"")]].concat());
    }

    #[test]
    fn what_is_no_http_uri_is_refused() {
        let long = format!("https://a/{}", "b".repeat(2039));
        for text in [
            "",
            "a",
            "/jwks",
            "//a/b",
            "ftp://a/b",
            "https://",
            "https:///b",
            "https://u:p@a/",
            "https://a/#b",
            "https://a/ b",
            "https://a/\r\nx: y",
            "https://é/",
            "https://a\\b",
            &long,
        ] {
            assert_eq!(Uri::parse(text), Err(UriError), "{text:?}");
        }
    }
}

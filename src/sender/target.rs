//! The URI that a request is for, as it is compared with the one that a proof was made for.

use std::fmt;

use crate::request::Request;

/// Scheme, host and port of an `http` or `https` URI (RFC 9110 §4.2), normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    /// In lower case.
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://host:port`, to which a slash may be added.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        Self::of(scheme.as_bytes(), authority.strip_suffix('/').unwrap_or(authority).as_bytes())
    }

    /// Takes a scheme and an authority. A user is no part of either.
    fn of(scheme: &[u8], authority: &[u8]) -> Option<Self> {
        let is_https = scheme.eq_ignore_ascii_case(b"https");
        if !is_https && !scheme.eq_ignore_ascii_case(b"http") {
            return None;
        }
        let authority = std::str::from_utf8(authority).ok()?;
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte);
        // A colon within brackets is one of an IPv6 address.
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
            None => (authority, None),
        };
        if host.is_empty() || !host.bytes().all(is_of_host) || port.is_some_and(|port| port.starts_with('+')) {
            return None;
        }
        let usual = if is_https { 443 } else { 80 };
        let port = port.map_or(Some(usual), |port| port.parse().ok())?;
        Some(Self { is_https, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let (scheme, usual) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(formatter, ":{}", self.port) }
    }
}

/// A URI without query and fragment, normalized by its syntax and scheme (RFC 3986 §6.2.2 and §6.2.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    origin: Origin,
    path: Vec<u8>,
}

impl Target {
    /// Reads the `htu` of a proof. What stands there of a query and a fragment does not count (RFC 9449 §4.3).
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let uri = uri.split(['?', '#']).next()?;
        let (scheme, rest) = uri.split_once("://")?;
        let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
        let origin = Origin::of(scheme.as_bytes(), authority.as_bytes())?;
        Some(Self { origin, path: normalized(path.as_bytes()) })
    }

    /// What a request is for: at an origin that is known, or at the one that the request names.
    pub(super) fn of(request: &impl Request, origin: Option<&Origin>) -> Option<Self> {
        let origin = match origin {
            Some(origin) => origin.clone(),
            None => Origin::of(&request.header(":scheme")?, &request.header(":authority")?)?,
        };
        let path = request.path()?;
        let path = path.split(|byte| b"?#".contains(byte)).next()?;
        Some(Self { origin, path: normalized(path) })
    }
}

/// A path in which what means the same is written the same: percent-encoding, dot segments, an empty path.
fn normalized(path: &[u8]) -> Vec<u8> {
    let path = with_usual_escapes(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut parts = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            b"." => {}
            b".." => _ = segments.pop(),
            _ => {
                segments.push(part);
                continue;
            }
        }
        // Of a last dot segment its slash stays.
        segments.extend(is_last.then_some(&b""[..]));
    }
    match path.first() {
        Some(b'/') | None => [b"/", segments.join(&b'/').as_slice()].concat(),
        // `*` of an `OPTIONS` request.
        Some(_) => path,
    }
}

/// A path without escapes of what needs none (RFC 3986 §2.3), and the others in upper case.
fn with_usual_escapes(path: &[u8]) -> Vec<u8> {
    let mut left = path;
    let mut usual = Vec::with_capacity(path.len());
    while let Some((first, rest)) = left.split_first() {
        let escaped = (*first == b'%').then(|| escaped_octet(rest)).flatten();
        match escaped {
            Some((octet, rest)) if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) => {
                usual.push(octet);
                left = rest;
            }
            Some((octet, rest)) => {
                usual.extend(format!("%{octet:02X}").into_bytes());
                left = rest;
            }
            None => {
                usual.push(*first);
                left = rest;
            }
        }
    }
    usual
}

/// The octet of two hexadecimal digits, and what follows them.
fn escaped_octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<2>()?;
    let [octet] = crate::encoding::hex::decode(digits)?;
    Some((octet, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        Target::parse(one).unwrap() == Target::parse(other).unwrap()
    }

    #[test]
    fn an_origin_is_shown_without_its_usual_port() {
        for (origin, shown) in [
            ("HTTPS://A.example:443/", "https://a.example"),
            ("http://a:80", "http://a"),
            ("https://a:80", "https://a:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Origin::parse(origin).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_uri_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("https://a.example/b", "HTTPS://A.example:443/b"),
            ("http://a/b", "http://a:80/b"),
            ("https://a", "https://a/"),
            ("https://a:/", "https://a/"),
            ("https://a/b?c=d#e", "https://a/b"),
            ("https://a/b#e?c", "https://a/b"),
            ("https://a?c=/d", "https://a/"),
            ("https://[::1]:443/b", "https://[::1]/b"),
            ("https://a/%7euser%2fx", "https://a/~user%2Fx"),
            ("https://a/b/./c/../d", "https://a/b/d"),
            ("https://a/b/%2e%2E/d", "https://a/d"),
            ("https://a/b/..", "https://a/"),
            ("https://a/b/.", "https://a/b/"),
            ("https://a/../../b", "https://a/b"),
        ] {
            assert!(same(one, other), "{one} and {other}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_not_the_same() {
        for (one, other) in [
            ("https://a/b", "http://a/b"),
            ("https://a/b", "https://a:444/b"),
            ("https://a:80/b", "http://a/b"),
            ("https://a/b", "https://b/b"),
            ("https://a/b", "https://a.b/b"),
            ("https://a./b", "https://a/b"),
            ("https://a/b", "https://a/B"),
            ("https://a/b", "https://a/b/"),
            ("https://a/b", "https://a//b"),
            ("https://a/b/c", "https://a/b%2Fc"),
            ("https://a/b%3Fc", "https://a/b?c"),
            ("https://a/%", "https://a/%25"),
            ("https://a/%zz", "https://a/%ZZ"),
        ] {
            assert!(!same(one, other), "{one} and {other}");
        }
    }

    #[test]
    fn what_is_no_http_uri_is_none() {
        for uri in [
            "",
            "a",
            "/b",
            "//a/b",
            "https:",
            "https://",
            "https:///b",
            "ftp://a/b",
            "https://u@a/b",
            "https://a\\@b/",
            "https://a:b/",
            "https://a:65536/",
            "https://a:+1/",
            "https://a b/",
            "https://\u{e9}/",
            "https://a\n/",
        ] {
            assert_eq!(Target::parse(uri), None, "{uri:?}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(Origin::parse("https://api.example.com"), Origin::parse("HTTPS://API.example.com:443/"));
        for text in
            ["https://a/b", "https://a//", "https://a?b", "https://a#b", "https://u:p@a", "a", "wss://a", "https://"]
        {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}

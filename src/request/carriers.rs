//! Where a request may carry a token, and finding it.

use std::borrow::Cow;

use super::Request;

/// The names under which a token may stand in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenPlaces {
    /// Query parameters.
    pub uri_param_names: Vec<String>,
    /// Cookies.
    pub cookie_names: Vec<String>,
    /// Headers that hold `Bearer <token>`, in lower case.
    pub header_names: Vec<String>,
    /// Headers that hold the token alone, in lower case.
    pub raw_header_names: Vec<String>,
}

impl TokenPlaces {
    /// All headers that may hold a token, in lower case, but for `Cookie`.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.header_names.iter().chain(&self.raw_header_names).map(String::as_str)
    }
}

/// Why a request has not one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOneToken {
    /// There is none.
    None,
    /// There are at least two different ones.
    Several,
}

/// The parts of a request that may hold a token.
pub struct Carriers<'r> {
    path: Option<Cow<'r, [u8]>>,
    cookies: Option<Cow<'r, [u8]>>,
    headers: Vec<Cow<'r, [u8]>>,
    raw_headers: Vec<Cow<'r, [u8]>>,
}

impl<'r> Carriers<'r> {
    /// Fetches those parts that the places name, and no others.
    pub fn fetch(request: &'r impl Request, places: &TokenPlaces) -> Self {
        let values = |names: &[String]| names.iter().flat_map(|name| request.header_values(name)).collect();
        Self {
            path: if places.uri_param_names.is_empty() { None } else { request.path() },
            cookies: if places.cookie_names.is_empty() { None } else { request.cookies() },
            headers: values(&places.header_names),
            raw_headers: values(&places.raw_header_names),
        }
    }

    /// The one token that the parts hold. The same token in two places is one; empty values do not count.
    pub fn token<'c>(&'c self, places: &'c TokenPlaces) -> Result<Cow<'c, [u8]>, NotOneToken> {
        let in_query = self.path.iter().flat_map(|path| query_values(path, &places.uri_param_names));
        let in_cookies = self.cookies.iter().flat_map(|cookies| cookie_values(cookies, &places.cookie_names));
        let in_headers = self.headers.iter().filter_map(|value| bearer_token(value));
        let in_raw_headers = self.raw_headers.iter().map(|value| value.trim_ascii());

        let mut tokens = in_query
            .chain(in_cookies.chain(in_headers).chain(in_raw_headers).map(Cow::Borrowed))
            .filter(|t| !t.is_empty());
        let token = tokens.next().ok_or(NotOneToken::None)?;
        if tokens.any(|other| other != token) { Err(NotOneToken::Several) } else { Ok(token) }
    }
}

/// Every value of the named parameters of a path's query, decoded as a form. An escape that is broken stays as it is.
fn query_values<'r>(path: &'r [u8], names: &'r [String]) -> impl Iterator<Item = Cow<'r, [u8]>> {
    let query = path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    query.split(|byte| *byte == b'&').filter_map(|pair| query_value(pair, names))
}

/// The value of a query's `name=value`, if the name is one of these.
pub(super) fn query_value<'r>(pair: &'r [u8], names: &[String]) -> Option<Cow<'r, [u8]>> {
    let (name, value) = form_urlencoded::parse(pair).next()?;
    names.iter().any(|wanted| *wanted == name).then_some(match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    })
}

/// Every value of the named cookies (RFC 6265 §4.2.1; names are compared exactly). Of two cookies of one name a service may
/// read either.
fn cookie_values<'r>(cookies: &'r [u8], names: &'r [String]) -> impl Iterator<Item = &'r [u8]> {
    names.iter().flat_map(|name| cookies.split(|byte| *byte == b';').filter_map(|cookie| cookie_value(cookie, name)))
}

/// The value of a cookie `name=value`, if it has this name. Services strip space around both (RFC 6265 §5.2).
pub(super) fn cookie_value<'r>(cookie: &'r [u8], name: &str) -> Option<&'r [u8]> {
    let value = cookie.trim_ascii().strip_prefix(name.as_bytes())?.trim_ascii_start().strip_prefix(b"=")?;
    Some(value.trim_ascii_start())
}

/// The token of a header `Bearer <token>`, the scheme in any case (RFC 9110 §11.1).
///
/// It is all that follows. A proxy joins headers of one name by commas, which no JWT holds: so what stands behind a comma
/// makes the token a bad one, rather than going upstream unchecked.
pub(super) fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";

    let (scheme, rest) = value.trim_ascii().split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_some_and(u8::is_ascii_whitespace);
    is_bearer.then(|| rest.trim_ascii_start()).filter(|token| !token.is_empty())
}

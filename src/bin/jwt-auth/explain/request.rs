//! The request to explain: from a token, from HTTP as it stands on the wire, or from a `curl` command line.

use std::borrow::Cow;

use jwt_auth_filter::{
    identity::RequestHeaders,
    request::{Request, TokenPlaces},
};

use super::curl;

/// A request as the filter sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenRequest {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names as they were given.
    pub headers: Vec<(String, String)>,
    /// The names of the Envoy route and cluster, as far as they are known.
    pub route: Option<String>,
    pub cluster: Option<String>,
    /// The headers that the filter has set.
    pub set: Vec<(String, String)>,
}

impl GivenRequest {
    /// The request that carries a token at the first place of the configuration: a header, else the query, else a cookie.
    /// White space in the token, which copying leaves behind, is not part of it.
    pub fn with_token(token: &str, places: &TokenPlaces) -> Self {
        let token = strip_scheme(token.trim());
        let token: String = token.chars().filter(|c| !c.is_whitespace()).collect();
        let mut request = Self { method: "GET".to_owned(), target: "/".to_owned(), ..Self::default() };
        if let Some(name) = places.header_names.first() {
            request.headers.push((name.clone(), format!("Bearer {token}")));
        } else if let Some(name) = places.uri_param_names.first() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            request.target = format!("/?{}", query.append_pair(name, &token).finish());
        } else if let Some(name) = places.cookie_names.first() {
            request.headers.push(("cookie".to_owned(), format!("{name}={token}")));
        }
        request
    }

    /// Reads what a person has at hand: a `curl` command line, HTTP, or a token alone.
    pub fn parse(text: &str, places: &TokenPlaces) -> Result<Self, String> {
        let text = text.trim_start();
        let first_line = text.lines().next().unwrap_or_default().trim_end();
        if first_line.is_empty() {
            return Err("is empty; expected a token, an HTTP request or a curl command line".to_owned());
        }
        let first_word = first_line.split_whitespace().next().unwrap_or_default();
        if matches!(first_word.trim_start_matches("$ "), "curl" | "$") {
            return curl::parse(text);
        }
        if is_request_line(first_line) { Self::parse_http(text) } else { Ok(Self::with_token(text, places)) }
    }

    fn parse_http(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let mut words = lines.next().unwrap_or_default().split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = target_of(words.next().unwrap_or_default());
        let mut headers = Vec::new();
        for (at, line) in lines.enumerate().take_while(|(_, line)| !line.trim_end().is_empty()) {
            // A name may begin with a colon, as in HTTP/2.
            let colon = line.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at);
            let header = colon.and_then(|colon| Some((line.get(..colon)?.trim(), line.get(colon..)?.get(1..)?.trim())));
            let number = at.saturating_add(2);
            let (name, value) = header
                .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
                .ok_or_else(|| format!("line {number} is no header; expected `name: value`"))?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self { method, target, headers, ..Self::default() })
    }

    /// The path without the query, in which a token may stand.
    pub fn path_alone(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// `GET /path` and `GET /path HTTP/1.1`.
fn is_request_line(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [method, target, rest @ ..] => {
            let is_target = target.starts_with('/') || target.contains("://") || *target == "*";
            let is_version = rest.iter().all(|version| version.starts_with("HTTP/"));
            method.bytes().all(|byte| byte.is_ascii_uppercase()) && rest.len() < 2 && is_target && is_version
        }
        _ => false,
    }
}

/// The path and query of a URL, or of what stands for one.
pub fn target_of(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let target = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default(),
        None if url.starts_with(['/', '?', '*']) => url,
        None => url.find(['/', '?']).and_then(|at| url.get(at..)).unwrap_or_default(),
    };
    if target.starts_with(['/', '*']) { target.to_owned() } else { format!("/{target}") }
}

/// A token that was copied together with its scheme.
fn strip_scheme(token: &str) -> &str {
    match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest,
        _ => token,
    }
}

impl Request for GivenRequest {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.method.as_bytes().into())
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.target.as_bytes().into())
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        joined(self, name, ",")
    }

    fn cookies(&self) -> Option<Cow<'_, [u8]>> {
        joined(self, "cookie", "; ")
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.route.clone().map(String::into_bytes)
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.cluster.clone().map(String::into_bytes)
    }
}

impl RequestHeaders for GivenRequest {
    fn set_header(&mut self, name: &str, value: &str) {
        self.remove_header(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self.set.push((name.to_owned(), value.to_owned()));
    }

    fn remove_header(&mut self, name: &str) -> bool {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        true
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        let values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.as_bytes().to_vec()).collect()
    }

    fn add_header(&mut self, name: &str, value: &[u8]) {
        // The filter adds back what it has left of a header, which was text before.
        self.headers.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
    }

    fn set_path(&mut self, path: &[u8]) {
        self.target = String::from_utf8_lossy(path).into_owned();
    }
}

/// All values of a header, as a proxy joins them.
fn joined<'r>(request: &'r GivenRequest, name: &str, separator: &str) -> Option<Cow<'r, [u8]>> {
    let values = request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    match values.as_slice() {
        [] => None,
        [value] => Some(value.as_bytes().into()),
        values => Some(values.join(separator).into_bytes().into()),
    }
}

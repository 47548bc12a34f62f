//! The request to explain: from a token, from HTTP as it stands on the wire, or from a `curl` command line.

use std::borrow::Cow;

use jwt_auth_filter::{
    identity::RequestHeaders,
    request::{Request, TokenPlaces},
};

use super::curl;

const EXPECTED: &str = "a token, an HTTP request or a curl command line, as browsers copy them";

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
    pub fn with_token(token: &str, places: &TokenPlaces) -> Self {
        let mut request = Self { method: "GET".to_owned(), target: "/".to_owned(), ..Self::default() };
        if let Some(name) = places.header_names.first() {
            request.headers.push((name.clone(), format!("Bearer {token}")));
        } else if let Some(name) = places.uri_param_names.first() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            request.target = format!("/?{}", query.append_pair(name, token).finish());
        } else if let Some(name) = places.cookie_names.first() {
            request.headers.push(("cookie".to_owned(), format!("{name}={token}")));
        }
        request
    }

    /// Reads what a person has at hand: a `curl` command line or what `curl -v` prints, HTTP, a URL, or a token alone.
    pub fn parse(text: &str, places: &TokenPlaces) -> Result<Self, String> {
        let text = without_indentation(text);
        let text = sent_by_curl(&text).unwrap_or(text);
        let first_line = text.lines().next().unwrap_or_default().trim_end();
        if first_line.is_empty() {
            return Err(format!("is empty; expected {EXPECTED}"));
        }
        if let Some(command) = curl_command(&text) {
            return curl::parse(command);
        }
        if is_request_line(first_line) || is_header_line(first_line) {
            return Self::parse_http(&text);
        }
        if first_line.contains("://") && text.split_whitespace().count() == 1 {
            return Ok(Self { method: "GET".to_owned(), target: target_of(first_line), ..Self::default() });
        }
        let what = if first_line.starts_with(['{', '[']) { "JSON" } else { "none of what can be explained" };
        let token = token_of(&text).ok_or_else(|| format!("is {what}; expected {EXPECTED}"))?;
        Ok(Self::with_token(&token, places))
    }

    /// HTTP as it stands on the wire, or only headers, as browsers show them.
    fn parse_http(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().enumerate().peekable();
        let mut request = Self { method: "GET".to_owned(), target: "/".to_owned(), ..Self::default() };
        if let Some((_, line)) = lines.next_if(|(_, line)| is_request_line(line)) {
            let mut words = line.split_whitespace();
            request.method = words.next().unwrap_or_default().to_owned();
            let target = words.next().unwrap_or_default();
            if target.contains('#') {
                return Err(
                    "line 1 has a # in its target, to which Envoy answers 400; expected a path and a query".to_owned()
                );
            }
            request.target = target_of(target);
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for (at, line) in lines.take_while(|(_, line)| !line.trim_end().is_empty()) {
            let number = at.saturating_add(1);
            // A line that begins with white space goes on with the one before (RFC 9112 §5.2).
            if let (Some((_, value)), true) = (headers.last_mut(), line.starts_with([' ', '\t'])) {
                value.push_str(if value.is_empty() { "" } else { " " });
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = header_of(line).ok_or_else(|| {
                format!("line {number} is no header; expected `name: value`, without white space around the name")
            })?;
            headers.push((name.to_owned(), value.to_owned()));
        }
        request.take(headers);
        Ok(request)
    }

    /// Takes the headers, and of HTTP/2's own those that matter.
    fn take(&mut self, headers: Vec<(String, String)>) {
        for (name, value) in headers {
            match name.as_str() {
                ":method" => self.method = value,
                ":path" => self.target = target_of(&value),
                own if own.starts_with(':') => {}
                _ => self.headers.push((name, value)),
            }
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path to show: without the query, in which a token may stand, and without what looks like one in the path.
    pub fn path_alone(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        // What every JSON object begins with in base64.
        let without_token =
            |part: &str| part.find("eyJ").and_then(|at| part.get(..at)).map(|start| format!("{start}…"));
        let parts: Vec<String> = path.split('/').map(|part| without_token(part).unwrap_or(part.to_owned())).collect();
        parts.join("/")
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

/// A header, or one of HTTP/2's own, such as `:path`, and its value. White space before the colon is not for Envoy either.
fn header_of(line: &str) -> Option<(&str, &str)> {
    let colon = line.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at)?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let bare = name.strip_prefix(':').unwrap_or(name);
    (!bare.is_empty() && bare.bytes().all(is_of_name)).then(|| (name, value.get(1..).unwrap_or_default().trim()))
}

/// A header, and no URL.
fn is_header_line(line: &str) -> bool {
    header_of(line).is_some_and(|(_, value)| !value.starts_with("//"))
}

/// The lines without what all of them have in front, if they were copied from a text that indents them, and without empty ones
/// before.
fn without_indentation(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_blank = |line: &&str| line.trim().is_empty();
    let lines = || text.split_inclusive('\n').skip_while(is_blank);
    let first = lines().next().unwrap_or_default();
    let indentation = first.get(..first.len().saturating_sub(first.trim_start().len())).unwrap_or_default();
    lines().map(|line| line.strip_prefix(indentation).unwrap_or(line)).collect()
}

/// The first request of what `curl -v` prints.
fn sent_by_curl(text: &str) -> Option<String> {
    let is_trace = text.starts_with(['>', '*']);
    let sent =
        text.lines().filter_map(|line| line.strip_prefix('>')).map(|line| line.strip_prefix(' ').unwrap_or(line));
    let sent: Vec<&str> = sent.skip_while(|line| !is_request_line(line)).collect();
    (is_trace && !sent.is_empty()).then(|| sent.join("\n"))
}

/// A `curl` command line, without a prompt or another command in front.
fn curl_command(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let word = rest.split_whitespace().next()?;
        match word.rsplit(['/', '\\']).next()? {
            "curl" | "curl.exe" => return Some(rest),
            "$" | "%" | "#" | ">" | "sudo" | "time" => rest = rest.get(word.len()..)?,
            _ => return None,
        }
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

/// The token in a text that holds nothing else but its scheme and the name of its header, which were copied together with
/// it. Line breaks and white space in it were left behind by copying, too.
pub fn token_of(text: &str) -> Option<String> {
    let text = without_prefix(without_prefix(text.trim(), "authorization:"), "bearer ");
    let words = || text.split_whitespace();
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_word = !text.contains(['{', '}', '(', ')', '<', '>', ':'])
        && text.lines().all(|line| line.split_whitespace().count() < 2);
    (words().next().is_some() && (is_word || words().all(|word| word.bytes().all(is_of_token))))
        .then(|| words().collect())
}

/// A text without what it begins with, in any case.
fn without_prefix<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest.trim_start(),
        _ => text,
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
        // Envoy joins several of this one into one, without those that are empty.
        let is_joined = name.eq_ignore_ascii_case("authorization");
        let mut values = self.values(name).peekable();
        let first = values.peek().copied();
        let value = if is_joined { values.find(|value| !value.is_empty()).or(first) } else { first };
        value.map(|value| value.as_bytes().into())
    }

    fn cookies(&self) -> Option<Cow<'_, [u8]>> {
        let cookies: Vec<&str> = self.values("cookie").collect();
        (!cookies.is_empty()).then(|| cookies.join("; ").into_bytes().into())
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
        self.values(name).map(|value| value.as_bytes().to_vec()).collect()
    }

    fn add_header(&mut self, name: &str, value: &[u8]) {
        // The filter adds back what it has left of a header, which was text before.
        self.headers.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
    }

    fn set_path(&mut self, path: &[u8]) {
        self.target = String::from_utf8_lossy(path).into_owned();
    }
}

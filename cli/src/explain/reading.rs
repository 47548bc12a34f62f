//! Reading the request to explain: from a token, from HTTP as it stands on the wire, or from a `curl` command line.

use jwt_auth_filter::request::TokenPlaces;

use super::{
    curl,
    request::{GivenRequest, origin_of, target_of},
};

const EXPECTED: &str = "a token, an HTTP request or a curl command line, as browsers copy them";

/// Reads what a person has at hand: a `curl` command line or what `curl -v` prints, HTTP, a URL, or a token alone.
pub(super) fn read(text: &str, places: &TokenPlaces) -> Result<GivenRequest, String> {
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
        return http(&text);
    }
    if first_line.contains("://") && text.split_whitespace().count() == 1 {
        let (scheme, authority) = origin_of(first_line);
        let (method, target) = ("GET".to_owned(), target_of(first_line));
        return Ok(GivenRequest { method, target, scheme, authority, ..GivenRequest::default() });
    }
    let what = if first_line.starts_with(['{', '[']) { "JSON" } else { "nothing that can be explained" };
    let token = token_of(&text).ok_or_else(|| format!("is {what}; expected {EXPECTED}"))?;
    Ok(GivenRequest::with_token(&token, places))
}

/// HTTP as it stands on the wire, or only headers, as browsers show them.
fn http(text: &str) -> Result<GivenRequest, String> {
    let mut lines = text.lines().enumerate().peekable();
    let mut request = GivenRequest { method: "GET".to_owned(), target: "/".to_owned(), ..GivenRequest::default() };
    if let Some((_, line)) = lines.next_if(|(_, line)| is_request_line(line)) {
        let mut words = line.split_whitespace();
        request.method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        if target.contains('#') {
            return Err(
                "line 1 has a # in its target, to which Envoy answers 400; expected a path and a query".to_owned()
            );
        }
        (request.scheme, request.authority) = origin_of(target);
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
            format!("line {number} is not a header; expected `name: value`, without white space around the name")
        })?;
        headers.push((name.to_owned(), value.to_owned()));
    }
    take(&mut request, headers);
    Ok(request)
}

/// Takes the headers, and of HTTP/2's own those that matter.
fn take(request: &mut GivenRequest, headers: Vec<(String, String)>) {
    for (name, value) in headers {
        match name.as_str() {
            ":method" => request.method = value,
            ":path" => request.target = target_of(&value),
            ":scheme" => request.scheme = Some(value),
            ":authority" => request.authority = Some(value),
            own if own.starts_with(':') => {}
            _ => request.headers.push((name, value)),
        }
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

/// The token in a text that holds nothing else but its scheme and the name of its header, which were copied together with
/// it. Line breaks and white space in it were left behind by copying, too.
pub(super) fn token_of(text: &str) -> Option<String> {
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

//! Which requests a route takes: its protocols, paths and headers, as Envoy is to match them.

use std::fmt::Write;

use regex_syntax::ast::{self, Ast, Visitor, parse::Parser};

use super::super::{
    entity_fields::{EntityFields, texts_of},
    gateway::PathMatch,
};
use crate::{diagnostics::Diagnostic, document::NodeContent, position::Position};

/// What a route takes of what Envoy's listener speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocols {
    pub grpc_only: bool,
    /// The status that a request without TLS gets.
    pub without_tls: Option<u16>,
    /// Where it says so, if it takes only WebSockets.
    pub only_websockets: Option<Position>,
}

/// `None` if the route takes nothing that Envoy's listener speaks. A request without TLS may get the status `redirect`.
pub(super) fn protocols(fields: &mut EntityFields, redirect: u16) -> Option<Protocols> {
    let place = fields.place_of("protocols");
    let protocols = fields.texts("protocols");
    let Some(place) = place.filter(|_| !protocols.is_empty()) else {
        return Some(Protocols { grpc_only: false, without_tls: None, only_websockets: None });
    };
    let has = |names: &[&str]| protocols.iter().any(|protocol| names.contains(&protocol.as_str()));
    if !has(&["http", "https", "grpc", "grpcs", "ws", "wss"]) {
        fields.note("protocols", place, "has no counterpart; the route is left out");
        return None;
    }
    let only_websockets = (!has(&["http", "https", "grpc", "grpcs"])).then_some(place);
    let grpc_only = has(&["grpc", "grpcs"]) && !has(&["http", "https"]);
    let without_tls =
        (only_websockets.is_none() && !has(&["http", "grpc"])).then_some(if grpc_only { 426 } else { redirect });
    if let Some(status) = without_tls {
        let message = format!("only with TLS: the route answers {status} until the listener has a certificate");
        fields.note("protocols", place, &message);
    }
    Some(Protocols { grpc_only, without_tls, only_websockets })
}

/// The paths; `None` if they are no list of texts.
pub(super) fn paths(
    fields: &mut EntityFields,
    is_regex: fn(&str) -> bool,
    may_be_old: bool,
    lacks: &mut Vec<Diagnostic>,
) -> Option<Vec<PathMatch>> {
    let Some(node) = fields.take("paths") else { return Some(Vec::new()) };
    let texts = texts_of(node);
    let texts = fields.expect("paths", node, texts, "a list of texts")?;
    let mut paths = Vec::new();
    for (text, item) in texts.iter().zip(node.items()) {
        let is_path = |char: char| char.is_ascii_alphanumeric() || "/.-_~%:@!$&'()*+,;=".contains(char);
        let is_sound = text.trim_start_matches('~').starts_with('/') && (is_regex(text) || text.chars().all(is_path));
        let expected = "a path from its first slash on; from format 3.0 on, a regular expression begins with ~";
        fields.expect("paths", item, is_sound.then_some(()), expected)?;
        if !is_regex(text) {
            if may_be_old && text.contains(['(', '*', '+']) {
                let message = "is taken as a prefix; a regular expression for Kong before 3.0 must begin with ~ here";
                fields.note("paths", item.at, message);
            }
            paths.push(PathMatch::Prefix(as_in_requests(text)));
            continue;
        }
        let regex = text.strip_prefix('~').unwrap_or(text).replace("(?<", "(?P<");
        if runs_in_envoy(&regex) {
            paths.push(PathMatch::Regex(encoded_in_any_case(&regex)));
        } else {
            lacks.push(fields.remark("paths", item.at, "a regular expression that Envoy cannot run"));
            paths.push(PathMatch::Beyond(literal_start(&regex)));
        }
    }
    Some(paths)
}

/// Whether Envoy takes a regular expression, and means the same by it.
pub(super) fn runs_in_envoy(regex: &str) -> bool {
    // Envoy sees other characters only percent-encoded.
    regex.chars().all(|char| char.is_ascii_graphic() && !"\"`".contains(char))
        && regex_syntax::parse(regex).is_ok()
        && Parser::new().parse(regex).is_ok_and(|ast| ast::visit(&ast, NoneTwice).is_ok())
}

/// Refuses what is repeated twice: for the gateway `a++` gives nothing back, and Envoy does not take it.
struct NoneTwice;

impl Visitor for NoneTwice {
    type Output = ();
    type Err = ();

    fn finish(self) -> Result<(), ()> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        let is_twice = matches!(ast, Ast::Repetition(outer) if matches!(*outer.ast, Ast::Repetition(_)));
        if is_twice { Err(()) } else { Ok(()) }
    }
}

/// A text that all begins with that a regular expression matches.
fn literal_start(regex: &str) -> String {
    let is_literal = |char: char| char.is_ascii_alphanumeric() || "/_-".contains(char);
    let end = regex.find(|char| !is_literal(char)).unwrap_or(regex.len());
    let (start, rest) = regex.split_at_checked(end).unwrap_or_default();
    let start = if regex.contains('|') { "" } else { start };
    // What stands before one of these need not be there.
    let start =
        if rest.starts_with(['?', '*', '{']) { start.get(..start.len().saturating_sub(1)) } else { Some(start) };
    start.filter(|start| start.starts_with('/')).unwrap_or("/").to_owned()
}

/// A path as Envoy has it after its normalization, like that of the gateway: unreserved characters are not
/// percent-encoded (RFC 3986 section 2.3), those that a path cannot have are, and no slash follows another.
fn as_in_requests(path: &str) -> String {
    const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@/[]";

    let mut rest = path.as_bytes();
    let mut text = String::new();
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = (byte == b'%').then(|| after.first_chunk().and_then(|digits| decoded(*digits))).flatten();
        rest = if encoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte);
        match encoded {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(byte.into()),
            None if byte == b'/' && text.ends_with('/') => {}
            None if is_plain(byte) || byte == b'%' => text.push(byte.into()),
            _ => _ = write!(text, "%{:02X}", encoded.unwrap_or(byte)),
        }
    }
    text
}

/// A regular expression of which what is percent-encoded matches in any case, and also what needs no encoding.
fn encoded_in_any_case(regex: &str) -> String {
    let mut parts = regex.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    let encoded = parts.map(|part| {
        let byte = part.as_bytes().first_chunk().and_then(|digits| decoded(*digits));
        match (byte, part.split_at_checked(2)) {
            (Some(byte), Some((_, rest))) if byte.is_ascii_alphanumeric() => format!("{}{rest}", char::from(byte)),
            (Some(b'.' | b'-' | b'_' | b'~'), Some((digits, rest))) => format!(r"\x{digits}{rest}"),
            (Some(_), Some((digits, rest))) => format!("(?i:%{digits}){rest}"),
            _ => format!("%{part}"),
        }
    });
    [first].into_iter().chain(encoded).collect()
}

/// The byte that two hexadecimal digits stand for.
fn decoded(digits: [u8; 2]) -> Option<u8> {
    let digits =
        std::str::from_utf8(&digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// The headers; `None` if they are no map of lists of texts.
pub(super) fn headers(fields: &mut EntityFields) -> Option<Vec<(String, Vec<String>)>> {
    let Some(node) = fields.take("headers") else { return Some(Vec::new()) };
    // For the gateway an underscore in the name is the same as a dash.
    let name = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let headers = node.members().iter().map(|member| Some((name(&member.name), texts_of(&member.value)?)));
    let headers = headers.collect::<Option<Vec<_>>>().filter(|_| matches!(node.content, NodeContent::Object(_)));
    fields.expect("headers", node, headers, "a map of lists of texts")
}

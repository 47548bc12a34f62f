//! YAML and JSON files as trees of values, each of which knows its line and column.

#[cfg(feature = "program")]
mod extent;
mod json_text;
mod node;
mod scalar;
mod yaml_text;

#[cfg(feature = "program")]
pub(crate) use self::extent::{Extent, ExtentContent, ExtentMember, Extents, ScalarForm};
pub(crate) use self::node::{Node, NodeContent, NodeMember, NodeText};
use crate::{diagnostics::Diagnostic, position::Position};

/// Deeper than any configuration, and the same as the filter itself takes.
const MAX_DEPTH: usize = 127;

/// Whose reading of YAML counts. They differ in which plain words are booleans, numbers or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Envoy (yaml-cpp): `yes`, `on` and `y` are `true`, whole numbers beyond 32 bits and all fractions are text.
    Envoy,
    /// Programs in Go that turn YAML to JSON, such as kubectl and decK: `yes` and `on` are `true`, `y` is text, and
    /// numbers are numbers.
    Go,
}

/// Reads all documents of a YAML file, or the one of a JSON file.
///
/// # Errors
/// At the first place where it is neither, an object has a member twice, or the nesting goes beyond 127 levels.
pub(crate) fn read(text: &str, dialect: Dialect) -> Result<Vec<Node>, Diagnostic> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is YAML too, but for tabs and the reading of large numbers.
    if text.trim_start().starts_with(['{', '['])
        && let Ok(node) = json_text::read(text)
    {
        return Ok(vec![node]);
    }
    yaml_text::read(text, dialect)
}

/// The first place in a YAML file whose value a program of its own is to put in, as its tag says: `!env`, `!vault`.
pub(crate) fn custom_tag(text: &str) -> Option<Position> {
    yaml_text::custom_tag(text)
}

/// Reads JSON.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_json(text: &str) -> Result<Node, Diagnostic> {
    json_text::read(text)
}

/// The first member whose name another before it has.
fn repeated(members: &[NodeMember]) -> Option<&NodeMember> {
    let mut names = std::collections::HashSet::with_capacity(members.len());
    members.iter().find(|member| !names.insert(member.name.as_str()))
}

/// The objection to a member that occurs twice.
fn refuse_repeated(members: &[NodeMember]) -> Result<(), Diagnostic> {
    match repeated(members) {
        Some(member) => Err(Diagnostic::unreadable(member.at, "a member that its object already has")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

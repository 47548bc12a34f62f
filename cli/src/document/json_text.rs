//! JSON with positions: serde_json reads it, and the place of a value follows from where its text lies in the document.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{MAX_DEPTH, Node, NodeContent, NodeMember, NodeText, refuse_repeated};
use crate::{
    diagnostics::Diagnostic,
    position::{Lines, Position},
};

/// Reads a whole document.
pub(super) fn read(text: &str) -> Result<Node, Diagnostic> {
    let reader = JsonReader { text, lines: Lines::of(text) };
    reader.node(parse(text, Position::START)?, MAX_DEPTH)
}

struct JsonReader<'t> {
    text: &'t str,
    lines: Lines<'t>,
}

impl<'t> JsonReader<'t> {
    fn node(&self, raw: &'t RawValue, depth: usize) -> Result<Node, Diagnostic> {
        let text = raw.get();
        let at = self.position(text);
        let refuse = |problem: &str| Diagnostic::unreadable(at, problem);
        let depth = depth.checked_sub(1).ok_or_else(|| refuse("nesting beyond 127 levels"))?;
        let content = match text.as_bytes().first() {
            Some(b'{') => NodeContent::Object(self.members(parse(text, at)?, depth)?),
            Some(b'[') => {
                let items: Vec<&RawValue> = parse(text, at)?;
                NodeContent::List(items.into_iter().map(|item| self.node(item, depth)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => NodeContent::Text(self.string(text, at)?),
            Some(b't') => NodeContent::Bool(true),
            Some(b'f') => NodeContent::Bool(false),
            Some(b'n') => NodeContent::Null,
            _ => {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                NodeContent::Number(number.ok_or_else(|| refuse("a number beyond the range of a double"))?)
            }
        };
        Ok(Node { at, content })
    }

    fn members(&self, RawMembers(members): RawMembers<'t>, depth: usize) -> Result<Vec<NodeMember>, Diagnostic> {
        let members: Vec<NodeMember> = members
            .into_iter()
            .map(|(name, value)| {
                let at = self.position(name.get());
                Ok(NodeMember { name: parse(name.get(), at)?, at, value: self.node(value, depth)? })
            })
            .collect::<Result<_, _>>()?;
        refuse_repeated(&members)?;
        Ok(members)
    }

    fn string(&self, raw: &'t str, at: Position) -> Result<NodeText, Diagnostic> {
        let text: String = parse(raw, at)?;
        let is_literal = raw.get(1..raw.len().saturating_sub(1)) == Some(&text);
        let first = is_literal.then(|| at.of_inner(Position::new(1, 2)));
        Ok(NodeText { text, first, has_escapes: true })
    }

    /// Where a part of the document stands in it.
    fn position(&self, part: &str) -> Position {
        self.lines.position(part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }
}

/// Reads a text that begins at a position.
pub(super) fn parse<'t, T: Deserialize<'t>>(text: &'t str, at: Position) -> Result<T, Diagnostic> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let problem = message.split(" at line ").next().unwrap_or_default();
        let inner = Lines::of(text).position_of_byte(error.line(), error.column());
        Diagnostic::unreadable(if at == Position::START { inner } else { at }, problem)
    })
}

/// The members of an object, names and values as they stand in the document.
pub(super) struct RawMembers<'t>(pub(super) Vec<(&'t RawValue, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for RawMembers<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawMembersVisitor;

        impl<'de> Visitor<'de> for RawMembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }

        deserializer.deserialize_map(RawMembersVisitor)
    }
}

//! Reading the fields of one thing in the source: what is left over in the end is reported.

use super::report::{self, Report};
use crate::{
    diagnostics::Diagnostic,
    document::{Node, NodeContent},
    position::Position,
};

/// The fields of a thing that are still to be read. `null` is the same as no field.
pub(super) struct EntityFields<'s, 'r> {
    path: &'s str,
    members: Vec<(&'s str, &'s Node)>,
    pub report: &'r mut Report,
}

impl<'s, 'r> EntityFields<'s, 'r> {
    pub(super) fn of(path: &'s str, node: &'s Node, report: &'r mut Report) -> Self {
        let members = node.members().iter().map(|member| (member.name.as_str(), &member.value));
        Self { path, members: members.filter(|(_, node)| !node.is_null()).collect(), report }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'s Node> {
        let at = self.members.iter().position(|(key, _)| *key == name)?;
        Some(self.members.swap_remove(at).1)
    }

    pub(super) fn place_of(&self, name: &str) -> Option<Position> {
        self.members.iter().find(|(key, _)| *key == name).map(|(_, node)| node.at)
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let node = self.take(name)?;
        let text = node.text().map(str::to_owned);
        self.expect(name, node, text, "a text")
    }

    /// A text; `None` if it is empty.
    pub(super) fn name(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let node = self.take(name)?;
        let flag = if let NodeContent::Bool(flag) = node.content { Some(flag) } else { None };
        self.expect(name, node, flag, "true or false")
    }

    /// A whole number from 0 to a maximum.
    pub(super) fn number(&mut self, name: &str, maximum: u32) -> Option<u64> {
        let node = self.take(name)?;
        let number = match node.content {
            NodeContent::Number(number) if number.fract() == 0.0 && (0.0..=f64::from(maximum)).contains(&number) => {
                Some(number as u64)
            }
            _ => None,
        };
        self.expect(name, node, number, &format!("a whole number from 0 to {maximum}"))
    }

    pub(super) fn port(&mut self, name: &str) -> Option<u16> {
        self.number(name, u32::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(node) = self.take(name) else { return Vec::new() };
        let texts = texts_of(node);
        self.expect(name, node, texts, "a list of texts").unwrap_or_default()
    }

    /// Reports a field with a value that cannot be.
    pub(super) fn expect<T>(&mut self, name: &str, node: &Node, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            let message = format!("{}; expected {expected}", node.in_words());
            self.report.fault(node.at, &format!("{}.{name}", self.path), message);
        }
        value
    }

    /// Reports a field whose value has no counterpart.
    pub(super) fn note(&mut self, name: &str, at: Position, message: &str) {
        self.report.note(at, &format!("{}.{name}", self.path), message);
    }

    /// What is to be said of a field later, when more is known.
    pub(super) fn remark(&self, name: &str, at: Position, message: &str) -> Diagnostic {
        report::note(at, &format!("{}.{name}", self.path), message)
    }

    /// Notes what is left, but for the fields without a meaning for requests, and those at their defaults.
    pub(super) fn finish(self, without_meaning: &[&str], defaults: &[(&str, &str)]) {
        const ALWAYS: [&str; 8] =
            ["id", "tags", "created_at", "updated_at", "ws_id", "cache_key", "_comment", "_ignore"];

        for (name, node) in self.members {
            let at_default = || defaults.iter().any(|(key, json)| *key == name && node.is(json));
            if ALWAYS.contains(&name) || without_meaning.contains(&name) || node.is_empty() || at_default() {
                continue;
            }
            self.report.note(node.at, &format!("{}.{name}", self.path), "has no counterpart");
        }
    }
}

/// The items of a list of texts. An empty one may be written as a map, since Lua has no lists of its own.
pub(super) fn texts_of(node: &Node) -> Option<Vec<String>> {
    if node.is("{}") {
        return Some(Vec::new());
    }
    let NodeContent::List(items) = &node.content else { return None };
    items.iter().map(|item| item.text().map(str::to_owned)).collect()
}

//! YAML and JSON files as trees of values, each of which knows its line and column.

mod json_text;
mod position;
mod scalar;
mod yaml;

use std::borrow::Cow;

use jwt_auth_filter::{config::Step, encoding::json::Value};
use thiserror::Error;

pub(crate) use self::position::Position;

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

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    /// Any number, as the double that it is to JSON's users.
    Number(f64),
    Text(Text),
    List(Vec<Node>),
    /// The members in the order of the file, no name twice.
    Object(Vec<Member>),
}

/// A text, and where its characters stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub text: String,
    /// Where the first character stands, if each line of the text is a line of the file with the same indentation.
    pub first: Option<Position>,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub name: String,
    /// Where the name stands.
    pub at: Position,
    pub value: Node,
}

/// Why a file cannot be read, and where. Never repeats what stands in the file: it may be a secret.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{problem}")]
pub(crate) struct Unreadable {
    pub at: Position,
    pub problem: String,
}

/// Reads all documents of a YAML file, or the one of a JSON file.
///
/// # Errors
/// At the first place where it is neither, an object has a member twice, or the nesting goes beyond 127 levels.
pub(crate) fn read(text: &str, dialect: Dialect) -> Result<Vec<Node>, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // JSON is YAML too, but for tabs and the reading of large numbers.
    if text.trim_start().starts_with(['{', '['])
        && let Ok(node) = json_text::read(text)
    {
        return Ok(vec![node]);
    }
    yaml::read(text, dialect)
}

/// Reads JSON.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_json(text: &str) -> Result<Node, Unreadable> {
    json_text::read(text)
}

impl Node {
    /// The value of an object's member.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|member| &member.value)
    }

    /// A member of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[Member] {
        match &self.content {
            Content::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The value where it stands in the file, when it was read from a text of the file whose first character stands
    /// there; when that is not known, all of it stands `at` one place.
    pub(crate) fn relocated(self, first: Option<Position>, at: Position) -> Self {
        let place = |inner: Position| first.map_or(at, |first| first.of_inner(inner));
        let relocate = |node: Self| node.relocated(first, at);
        let content = match self.content {
            Content::Text(Text { text, first: inner }) => {
                Content::Text(Text { text, first: first.and(inner).map(place) })
            }
            Content::List(items) => Content::List(items.into_iter().map(relocate).collect()),
            Content::Object(members) => {
                let relocate = |Member { name, at, value }| Member { name, at: place(at), value: relocate(value) };
                Content::Object(members.into_iter().map(relocate).collect())
            }
            other => other,
        };
        Self { at: place(self.at), content }
    }

    /// Where a path leads: to the value; to its name if the value spans lines or is nothing; and where a step leads
    /// nowhere, to the last value on the way that is there.
    pub(crate) fn place(&self, path: &[Step]) -> Position {
        let Some((step, rest)) = path.split_first() else { return self.at };
        match step {
            Step::Field(name) => self.member(name).map_or(self.at, |member| {
                let spans = matches!(member.value.content, Content::Null | Content::List(_) | Content::Object(_));
                if rest.is_empty() && spans { member.at } else { member.value.place(rest) }
            }),
            Step::Item(index) => self.items().get(*index).map_or(self.at, |item| item.place(rest)),
        }
    }

    /// The value that a path leads to.
    pub(crate) fn find(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| match step {
            Step::Field(name) => node.get(name),
            Step::Item(index) => node.items().get(*index),
        })
    }

    /// Where the name of the field stands that a path leads to, if it is there.
    pub(crate) fn name_place(&self, path: &[Step]) -> Option<Position> {
        let (Step::Field(name), rest) = path.split_last()? else { return None };
        Some(self.find(rest)?.member(name)?.at)
    }

    /// The value as the filter's own reader takes it.
    pub(crate) fn to_value(&self) -> Value<'_> {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(*number),
            Content::Text(text) => Value::String(Cow::Borrowed(&text.text)),
            Content::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Content::Object(members) => Value::Object(
                members.iter().map(|member| (Cow::Borrowed(member.name.as_str()), member.value.to_value())).collect(),
            ),
        }
    }
}

/// The first member whose name another before it has.
fn repeated(members: &[Member]) -> Option<&Member> {
    let mut names = std::collections::HashSet::with_capacity(members.len());
    members.iter().find(|member| !names.insert(member.name.as_str()))
}

/// The objection to a member that occurs twice.
fn refuse_repeated(members: &[Member]) -> Result<(), Unreadable> {
    match repeated(members) {
        Some(member) => Err(Unreadable { at: member.at, problem: "a member that its object already has".to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

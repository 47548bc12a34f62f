//! The source as a tree that knows in which file, and where in it, everything stands.

use crate::document;

/// Where something stands: the number of the file, and its line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub file: usize,
    pub line: usize,
    pub column: usize,
}

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A document of the file with this number.
    pub(super) fn of(file: usize, node: document::Node) -> Self {
        let place = Place { file, line: node.at.line, column: node.at.column };
        let value = match node.content {
            document::Content::Null => Value::Null,
            document::Content::Bool(flag) => Value::Flag(flag),
            document::Content::Number(number) => Value::Number(number),
            document::Content::Text(text) => Value::Text(text.text),
            document::Content::List(items) => Value::List(items.into_iter().map(|item| Self::of(file, item)).collect()),
            document::Content::Object(members) => {
                let members = members.into_iter().map(|member| (member.name, Self::of(file, member.value)));
                Value::Map(members.collect())
            }
        };
        Self { place, value }
    }

    /// The members, if it is a map.
    pub(super) fn members(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// A member that is there and not null.
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// The items, if it is a list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether it says nothing: null, or a list or a map without anything in it.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::List(items) => items.is_empty(),
            Value::Map(members) => members.is_empty(),
            _ => false,
        }
    }

    /// What it is, without repeating it: it may be a secret.
    pub(super) fn in_words(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Flag(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether it is the same as this JSON.
    pub(super) fn is(&self, json: &str) -> bool {
        serde_json::from_str(json).is_ok_and(|value: serde_json::Value| value == self.to_json())
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Number(number) if number.fract() == 0.0 && (0.0..=9e15).contains(number) => (*number as u64).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(members) => members.iter().map(|(name, node)| (name.clone(), node.to_json())).collect(),
        }
    }
}

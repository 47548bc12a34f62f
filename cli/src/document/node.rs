//! A value of a file, and where it stands.

use std::borrow::Cow;

use jwt_auth_filter::{config::Step, encoding::json::Value};

use crate::position::Position;

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: NodeContent,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeContent {
    Null,
    Bool(bool),
    /// Any number, as the double that it is to JSON's users.
    Number(f64),
    Text(NodeText),
    List(Vec<Node>),
    /// The members in the order of the file, no name twice.
    Object(Vec<NodeMember>),
}

/// A text, and where its characters stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeText {
    pub text: String,
    /// Where the first character stands, if each line of the text is a line of the file with the same indentation.
    pub first: Option<Position>,
    /// Whether it stands between double quotes, where a backslash escapes.
    pub has_escapes: bool,
}

impl NodeText {
    /// A text that stands nowhere as it is.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), first: None, has_escapes: false }
    }
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeMember {
    pub name: String,
    /// Where the name stands.
    pub at: Position,
    pub value: Node,
}

impl Node {
    /// The value of an object's member.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|member| &member.value)
    }

    /// A member of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&NodeMember> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[NodeMember] {
        match &self.content {
            NodeContent::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            NodeContent::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            NodeContent::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// A member's value that is there and not null.
    pub(crate) fn given(&self, name: &str) -> Option<&Node> {
        self.get(name).filter(|node| !node.is_null())
    }

    pub(crate) fn is_null(&self) -> bool {
        self.content == NodeContent::Null
    }

    /// Whether it says nothing: null, or a list or an object without anything in it.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.content {
            NodeContent::Null => true,
            NodeContent::List(items) => items.is_empty(),
            NodeContent::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    /// The value as one of the file with this number.
    pub(crate) fn in_file(mut self, file: usize) -> Self {
        self.set_file(file);
        self
    }

    fn set_file(&mut self, file: usize) {
        self.at.file = file;
        match &mut self.content {
            NodeContent::Text(NodeText { first: Some(first), .. }) => first.file = file,
            NodeContent::List(items) => items.iter_mut().for_each(|item| item.set_file(file)),
            NodeContent::Object(members) => members.iter_mut().for_each(|member| {
                member.at.file = file;
                member.value.set_file(file);
            }),
            _ => {}
        }
    }

    /// The value where it stands in the file, when it was read from a text of the file whose first character stands
    /// there; when that is not known, all of it stands `at` one place.
    pub(crate) fn relocated(self, first: Option<Position>, at: Position) -> Self {
        let place = |inner: Position| first.map_or(at, |first| first.of_inner(inner));
        let relocate = |node: Self| node.relocated(first, at);
        let content = match self.content {
            NodeContent::Text(text) => NodeContent::Text(NodeText { first: first.and(text.first).map(place), ..text }),
            NodeContent::List(items) => NodeContent::List(items.into_iter().map(relocate).collect()),
            NodeContent::Object(members) => {
                let relocate =
                    |NodeMember { name, at, value }| NodeMember { name, at: place(at), value: relocate(value) };
                NodeContent::Object(members.into_iter().map(relocate).collect())
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
                let spans =
                    matches!(member.value.content, NodeContent::Null | NodeContent::List(_) | NodeContent::Object(_));
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
            NodeContent::Null => Value::Null,
            NodeContent::Bool(flag) => Value::Bool(*flag),
            NodeContent::Number(number) => Value::Number(*number),
            NodeContent::Text(text) => Value::String(Cow::Borrowed(&text.text)),
            NodeContent::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            NodeContent::Object(members) => Value::Object(
                members.iter().map(|member| (Cow::Borrowed(member.name.as_str()), member.value.to_value())).collect(),
            ),
        }
    }

    /// The value as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.content {
            NodeContent::Null => serde_json::Value::Null,
            NodeContent::Bool(flag) => (*flag).into(),
            NodeContent::Number(number) if number.fract() == 0.0 && (0.0..=9e15).contains(number) => {
                (*number as u64).into()
            }
            NodeContent::Number(number) => (*number).into(),
            NodeContent::Text(text) => text.text.as_str().into(),
            NodeContent::List(items) => items.iter().map(Node::to_json).collect(),
            NodeContent::Object(members) => {
                members.iter().map(|member| (member.name.clone(), member.value.to_json())).collect()
            }
        }
    }

    /// Whether it is the same as this JSON.
    pub(crate) fn is(&self, json: &str) -> bool {
        serde_json::from_str(json).is_ok_and(|value: serde_json::Value| value == self.to_json())
    }

    /// What it is, without repeating it: it may be a secret.
    pub(crate) fn in_words(&self) -> &'static str {
        match &self.content {
            NodeContent::Null => "null",
            NodeContent::Bool(_) => "true or false",
            NodeContent::Number(_) => "a number",
            NodeContent::Text(_) => "a text",
            NodeContent::List(_) => "a list",
            NodeContent::Object(_) => "a map",
        }
    }
}

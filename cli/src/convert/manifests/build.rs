//! Making the nodes of entities, each at the place of what it was made of.

use crate::{
    document::{Node, NodeContent, NodeMember, NodeText},
    position::Position,
};

pub(super) fn text(at: Position, text: impl Into<String>) -> Node {
    Node { at, content: NodeContent::Text(NodeText::new(text)) }
}

pub(super) fn flag(at: Position, flag: bool) -> Node {
    Node { at, content: NodeContent::Bool(flag) }
}

pub(super) fn list(at: Position, items: impl IntoIterator<Item = Node>) -> Node {
    Node { at, content: NodeContent::List(items.into_iter().collect()) }
}

/// A list of the texts that commas separate.
pub(super) fn separated(at: Position, value: &str) -> Node {
    list(at, value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| text(at, item)))
}

/// What an annotation, which can only be a text, says in words of JSON: a flag or a number; else the text.
pub(super) fn scalar(at: Position, value: &str) -> Node {
    let content = match serde_json::from_str(value.trim()) {
        Ok(serde_json::Value::Bool(flag)) => NodeContent::Bool(flag),
        Ok(serde_json::Value::Number(number)) => NodeContent::Number(number.as_f64().unwrap_or_default()),
        _ => NodeContent::Text(NodeText::new(value)),
    };
    Node { at, content }
}

/// The members of an entity that is being made.
pub(super) struct Members {
    at: Position,
    members: Vec<NodeMember>,
}

impl Members {
    pub(super) fn at(at: Position) -> Self {
        Self { at, members: Vec::new() }
    }

    /// Sets a member; what stood under the name before gives way.
    pub(super) fn set(&mut self, name: &str, value: Node) {
        self.members.retain(|member| member.name != name);
        self.members.push(NodeMember { name: name.to_owned(), at: value.at, value });
    }

    pub(super) fn with(mut self, name: &str, value: Node) -> Self {
        self.set(name, value);
        self
    }

    /// Sets all members of an object but some.
    pub(super) fn set_all(&mut self, object: &Node, but: &[&str]) {
        for member in object.members().iter().filter(|member| !but.contains(&member.name.as_str())) {
            self.set(&member.name, member.value.clone());
        }
    }

    pub(super) fn node(self) -> Node {
        Node { at: self.at, content: NodeContent::Object(self.members) }
    }
}

//! What policies and credentials demand of tokens, and seldom means what it looks like.

use jwt_auth_filter::{
    config::Step,
    token::{ClaimPath, Glob, TokenType},
};

use crate::document::Node;

/// A remark about a field: the way to it, and what to say.
pub(super) type Remark = (Vec<Step>, String);

/// The remarks about the demands that an object has, a policy or a credential, and those within them.
pub(super) fn remarks(node: &Node, path: &[Step]) -> Vec<Remark> {
    let at = |name: &str| [path, &[Step::Field(name.to_owned())]].concat();
    let mut remarks = Vec::new();
    let types = node.get("token_types").map(Node::items).unwrap_or_default();
    if types.iter().filter_map(Node::text).any(|name| TokenType::new(name) == TokenType::new("JWT")) {
        let text = "JWT is the type of any token, ID tokens included; it tells no kinds apart";
        remarks.push((at("token_types"), text.to_owned()));
    }
    let each = |name: &str| {
        let items = node.get(name).map(Node::items).unwrap_or_default().iter().enumerate();
        items.map(|(index, item)| ([at(name), vec![Step::Item(index)]].concat(), item)).collect::<Vec<_>>()
    };
    let required: Vec<&str> = each("require").into_iter().filter_map(|(_, item)| item.text()).collect();
    each("subjects").iter().for_each(|(path, item)| of_pattern(item, path, &mut remarks));
    each("required_claims").iter().for_each(|(path, item)| of_requirement(item, path, &required, &mut remarks));
    remarks
}

fn of_requirement(node: &Node, path: &[Step], required: &[&str], remarks: &mut Vec<Remark>) {
    of_pattern(node, path, remarks);
    let below = |name: &str| [path, &[Step::Field(name.to_owned())]].concat();
    for name in ["any", "all"] {
        for (index, item) in node.get(name).map(Node::items).unwrap_or_default().iter().enumerate() {
            of_requirement(item, &[below(name), vec![Step::Item(index)]].concat(), required, remarks);
        }
    }
    if let Some(other) = node.get("not") {
        if let Some(claim) = other.get("claim").and_then(Node::text)
            && other.get("present").is_none()
            && !required.iter().any(|name| ClaimPath::parse(name) == ClaimPath::parse(claim))
        {
            let text = format!("a token without {claim} meets this; name {claim} in require, if it must be there");
            remarks.push((below("not"), text));
        }
        of_requirement(other, &below("not"), required, remarks);
    }
}

/// About a pattern that ends or begins within a word, as far as can be told.
fn of_pattern(node: &Node, path: &[Step], remarks: &mut Vec<Remark>) {
    let text = |name: &str| node.get(name).and_then(Node::text);
    let glob = text("glob").and_then(Glob::parse);
    let glob_start = glob.as_ref().map(|glob| ("glob", glob.start()));
    let glob_end = glob.as_ref().map(|glob| ("glob", glob.end()));
    let is_in_word = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
    let starts = text("prefix").map(|start| ("prefix", start)).into_iter().chain(glob_start);
    let ends = text("suffix").map(|end| ("suffix", end)).into_iter().chain(glob_end);
    let mut remark = |name: &str, text: String| {
        remarks.push(([path, &[Step::Field(name.to_owned())]].concat(), text));
    };
    for (name, start) in starts.filter(|(_, start)| is_in_word(start.chars().next_back())) {
        let text = format!("{start:?} also begins longer names, such as \"{start}2\"; end it with what separates them");
        remark(name, text);
    }
    for (name, end) in ends.filter(|(_, end)| is_in_word(end.chars().next())) {
        let text = format!("{end:?} also ends longer names, such as \"x{end}\"; begin it with what separates them");
        remark(name, text);
    }
}

//! A change of a configuration in its file, and of nothing else there.
//!
//! Comments, order and layout stay: the text is changed only where a list begins, goes on or ends, which is known from the
//! places of its values. What comes out is read again. If it is anything but the file with this one change, nothing is changed.

mod block;
mod embedded;
mod flow;
mod hidden;
mod page;
#[cfg(test)]
mod tests;

use jwt_auth_filter::config::Step;
use serde_json::Value;

pub(crate) use self::hidden::without_secrets;
use self::{embedded::Embedded, page::Page};
use crate::{
    configurations::{self, Configuration},
    document::{self, Dialect, Extent, ExtentContent, Node, NodeMember},
    position::Lines,
    yaml_output::Yaml,
};

/// A text in a text in a text is a ConfigMap with a file that holds JSON. Nothing is deeper.
const MAX_PAGES: usize = 3;

/// A change of a list of a configuration. The way to the list begins at the configuration and ends with its name.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Adds items at its end. The list is made if there is none.
    Append { list: Vec<Step>, items: Vec<Yaml> },
    /// Takes an item out. A list that has no item left goes with it, unless somebody has commented on it.
    Remove { list: Vec<Step>, index: usize },
}

/// A part of a text, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    start: usize,
    end: usize,
    text: String,
}

impl Edit {
    fn list(&self) -> &[Step] {
        match self {
            Self::Append { list, .. } | Self::Remove { list, .. } => list,
        }
    }

    /// The text of a file with this change in one of its configurations, which is the one of this number.
    ///
    /// # Errors
    /// Why the file cannot be changed there, in words that end with what helps.
    pub(crate) fn applied(&self, text: &str, is_json: bool, number: usize) -> Result<String, String> {
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
        let found = configurations::find(unmarked, is_json).map_err(|unreadable| unreadable.to_string())?;
        let configuration = found.configurations.get(number).ok_or("there is no such configuration")?;
        let pages = pages(unmarked, configuration)?;
        let last = pages.last().ok_or("there is no configuration")?;
        let changed = self.change(last, &configuration.root)?;
        let (mut replacements, mut outer) = (changed, pages.as_slice());
        while let [rest @ .., page] = outer {
            if let Some(embedded) = &page.embedded {
                replacements = replacements.iter().map(|it| embedded.carried(it)).collect::<Option<_>>().ok_or(
                    "the text that holds the configuration cannot hold the change in its form; write it as a block (|)",
                )?;
            }
            outer = rest;
        }
        let changed = applied(unmarked, replacements);
        self.verify(&pages, &changed, is_json, number).ok_or(
            "its layout is one that the program cannot change without changing more; make the change with an editor, \
             and check it with `jwt-auth check`",
        )?;
        let mark = text.strip_suffix(unmarked).unwrap_or_default();
        Ok(format!("{mark}{changed}"))
    }

    fn change(&self, page: &Page, root: &Node) -> Result<Vec<Replacement>, String> {
        const LAYOUT: &str = "its layout is one that the program cannot change; make the change with an editor, and check it with `jwt-auth check`";
        let (Step::Field(name), way) = self.list().split_last().ok_or(LAYOUT)? else { return Err(LAYOUT.to_owned()) };
        let own = page.configuration().ok_or(LAYOUT)?;
        refuse_other_source(root, own)?;
        let map = descend(own, way, page)?;
        let node = root.find(way).ok_or(LAYOUT)?;
        if node.member(name).is_some() != map.member(name).is_some() {
            return Err(format!("{name} comes from elsewhere (<<, or a tag); write it out here first"));
        }
        if let Some(member) = map.member(name) {
            refuse_shared(&member.value, page)?;
        }
        match self {
            Self::Append { items, .. } => page.append(map, name, items),
            Self::Remove { index, .. } => page.remove(map, name, *index),
        }
        .ok_or_else(|| LAYOUT.to_owned())
    }

    /// Makes sure that the file has this change and no other.
    fn verify(&self, pages: &[Page], changed: &str, is_json: bool, number: usize) -> Option<()> {
        let [first, ..] = pages else { return None };
        let before = configurations::find(&first.text, is_json).ok()?.configurations;
        let after = configurations::find(changed, is_json).ok()?.configurations;
        let others = |all: &[Configuration]| -> Vec<Value> {
            let others = all.iter().enumerate().filter(|(at, _)| *at != number);
            others.map(|(_, it)| it.root.to_json()).collect()
        };
        let (old, new) = (before.get(number)?, after.get(number)?);
        let is_whole = self.is_done(&old.root, &new.root)? && others(&before) == others(&after);
        let mut text = changed.to_owned();
        for (at, page) in pages.iter().enumerate() {
            let (old, new) = (read(&page.text)?, read(&text)?);
            let same = old.len() == new.len()
                && old.iter().zip(&new).enumerate().all(|(document, (old, new))| {
                    if document == page.document {
                        are_same(old, new, Some(&page.path))
                    } else {
                        are_same(old, new, None)
                    }
                });
            if !same {
                return None;
            }
            if at.checked_add(1)? < pages.len() {
                text = new.get(page.document)?.find(&page.path)?.text()?.to_owned();
            }
        }
        is_whole.then_some(())
    }

    /// Whether a configuration is another with this change.
    fn is_done(&self, old: &Node, new: &Node) -> Option<bool> {
        let list = self.list();
        let items = |root: &Node| -> Vec<Value> {
            root.find(list).map(Node::items).unwrap_or_default().iter().map(Node::to_json).collect()
        };
        let mut expected = items(old);
        match self {
            Self::Append { items, .. } => expected.extend(items.iter().map(Yaml::to_json)),
            Self::Remove { index, .. } if *index < expected.len() => _ = expected.remove(*index),
            Self::Remove { .. } => return None,
        }
        let found = items(new);
        let are_items =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(one, other)| is_same(one, other));
        Some(are_items && are_same(old, new, Some(list)))
    }
}

/// The texts in which a configuration stands: the file, and where the configuration is in a text of the file, that text too.
fn pages(text: &str, configuration: &Configuration) -> Result<Vec<Page>, String> {
    const UNKNOWN: &str = "where the configuration stands in the file is not clear; write it as a google.protobuf.Struct, or as \
                           JSON in a block (|)";
    let mut pages: Vec<Page> = Vec::new();
    let mut offset = Lines::of(text).offset(configuration.root.at);
    let (mut text, mut embedded) = (text.to_owned(), None::<Embedded>);
    loop {
        if pages.len() >= MAX_PAGES {
            return Err(UNKNOWN.to_owned());
        }
        let page = Page::of(text, embedded.take(), offset).ok_or(UNKNOWN)?;
        let extent = page.target().ok_or(UNKNOWN)?;
        if let Some(shared) = page.shared() {
            return Err(refused_as_shared(shared, &page));
        }
        let ExtentContent::Scalar { form, text: inner } = &extent.content else {
            pages.push(page);
            return Ok(pages);
        };
        let next = Embedded::of(&page.text, extent, *form, inner).ok_or(UNKNOWN)?;
        offset = next.offset_of(offset);
        text = inner.clone();
        embedded = Some(next);
        pages.push(page);
    }
}

/// Refuses a filter without any configuration: what stands at its place is something else.
fn refuse_other_source(root: &Node, own: &Extent) -> Result<(), String> {
    if own.member("<<").is_some() {
        return Err("the configuration has a merge key (<<); write its fields out first".to_owned());
    }
    let is_own = root.members().len() == own.members().len()
        && root.members().iter().zip(own.members()).all(|(node, extent)| node.name == extent.name);
    if is_own {
        Ok(())
    } else {
        Err("the filter has no configuration yet; write an empty one, {}, there first".to_owned())
    }
}

/// Where a way leads, if nothing on it is repeated elsewhere.
fn descend<'e>(from: &'e Extent, way: &[Step], page: &Page) -> Result<&'e Extent, String> {
    let mut extent = from;
    for step in way {
        refuse_shared(extent, page)?;
        extent =
            extent.find(std::slice::from_ref(step)).ok_or("an alias (*) stands there; write the value out first")?;
    }
    refuse_shared(extent, page)?;
    Ok(extent)
}

fn refuse_shared(extent: &Extent, page: &Page) -> Result<(), String> {
    if matches!(extent.content, ExtentContent::Alias) {
        return Err("an alias (*) stands there; write the value out first".to_owned());
    }
    if extent.is_shared { Err(refused_as_shared(extent, page)) } else { Ok(()) }
}

fn refused_as_shared(extent: &Extent, page: &Page) -> String {
    let line = Lines::of(&page.text).position(extent.start).line;
    let within = if page.embedded.is_some() { " of the text that holds it" } else { "" };
    format!(
        "what stands in line {line}{within} has an anchor (&), and aliases (*) repeat it elsewhere; write it out there first"
    )
}

/// A text with parts of it replaced. All line breaks are those that the text has already.
fn applied(text: &str, mut replacements: Vec<Replacement>) -> String {
    let is_crlf = text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    replacements.sort_by_key(|it| it.start);
    let (mut changed, mut at) = (String::with_capacity(text.len()), 0);
    for Replacement { start, end, text: new } in replacements {
        changed += text.get(at..start).unwrap_or_default();
        changed += &if is_crlf { new.replace('\n', "\r\n") } else { new };
        at = end.max(at);
    }
    changed + text.get(at..).unwrap_or_default()
}

fn read(text: &str) -> Option<Vec<Node>> {
    document::read(text, Dialect::Envoy).ok()
}

/// Whether two values are the same, but for what stands at the end of a way.
fn are_same(old: &Node, new: &Node, but: Option<&[Step]>) -> bool {
    let Some((step, rest)) = but.map(<[Step]>::split_first).unwrap_or_default() else {
        return but.is_some() || is_same(&old.to_json(), &new.to_json());
    };
    match step {
        Step::Field(name) => {
            let others = |node: &Node| -> Vec<NodeMember> {
                node.members().iter().filter(|member| member.name != *name).cloned().collect()
            };
            let (old_others, new_others) = (others(old), others(new));
            let are_others = old_others.len() == new_others.len()
                && old_others
                    .iter()
                    .zip(&new_others)
                    .all(|(one, other)| one.name == other.name && are_same(&one.value, &other.value, None));
            are_others
                && match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => are_same(old, new, Some(rest)),
                    _ => rest.is_empty(),
                }
        }
        Step::Item(index) => {
            let (old, new) = (old.items(), new.items());
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .enumerate()
                    .all(|(at, (one, other))| are_same(one, other, (at == *index).then_some(rest)))
        }
    }
}

/// Whether two values are the same. A key in PEM may have got the line break that the file's last line had none of.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            one == other || (one.contains("-----BEGIN ") && one.trim_end() == other.trim_end())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.keys().eq(other.keys())
                && one.values().zip(other.values()).all(|(one, other)| is_same(one, other))
        }
        _ => one == other,
    }
}

//! A text in which a configuration stands, with what is known of its layout.

use jwt_auth_filter::config::Step;

use super::{Replacement, block, embedded::Embedded, flow};
use crate::{
    document::{Extent, ExtentContent, ExtentMember, Extents},
    yaml_output::{Layout, Yaml},
};

/// A text: the file, or what stands in a text of the file.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: String,
    extents: Extents,
    /// How it stands in the text around it, if it is not the file.
    pub(super) embedded: Option<Embedded>,
    /// Which document, and the way in it, to the configuration or the text that holds it.
    pub(super) document: usize,
    pub(super) path: Vec<Step>,
    layout: Layout,
    /// What each level between brackets is indented by, if values have lines of their own there.
    unit: Option<String>,
    is_compact: bool,
}

impl Page {
    /// A text, and what stands at an offset of it: a map, or a text that holds one.
    pub(super) fn of(text: String, embedded: Option<Embedded>, offset: usize) -> Option<Self> {
        let extents = Extents::of(&text)?;
        let mut found = None;
        for (document, extent) in extents.documents.iter().enumerate() {
            let mut path = Vec::new();
            if found.is_none() && find(extent, offset, &mut path) {
                found = Some((document, path));
            }
        }
        let (document, path) = found?;
        let mut page = Self {
            layout: Layout::default(),
            unit: None,
            is_compact: extents.is_json && !text.contains("\": "),
            text,
            extents,
            embedded,
            document,
            path,
        };
        page.unit = page.first(&|page, extent| flow::unit(page, extent));
        page.layout = Layout {
            step: page
                .first(&|page, extent| page.steps(extent, |it| matches!(it, ExtentContent::Map { is_flow: false, .. })))
                .unwrap_or(2),
            list_step: page
                .first(&|page, extent| {
                    page.steps(extent, |it| matches!(it, ExtentContent::List { is_flow: false, .. }))
                })
                .unwrap_or(0),
        };
        Some(page)
    }

    /// The configuration, or the text that holds it.
    pub(super) fn target(&self) -> Option<&Extent> {
        self.extents.documents.get(self.document)?.find(&self.path)
    }

    /// The configuration, if it stands here.
    pub(super) fn configuration(&self) -> Option<&Extent> {
        self.target().filter(|extent| matches!(extent.content, ExtentContent::Map { .. }))
    }

    /// What aliases repeat of that which holds the configuration.
    pub(super) fn shared(&self) -> Option<&Extent> {
        let document = self.extents.documents.get(self.document)?;
        (0..=self.path.len())
            .filter_map(|length| document.find(self.path.get(..length)?))
            .find(|extent| extent.is_shared)
    }

    /// All documents of the text.
    pub(super) fn documents(&self) -> &[Extent] {
        &self.extents.documents
    }

    /// Adds items to a list of a map.
    pub(super) fn append(&self, map: &Extent, list: &str, items: &[Yaml]) -> Option<Vec<Replacement>> {
        match (&map.content, map.member(list)) {
            (ExtentContent::Map { is_flow: true, .. }, None) => flow::append_list(self, map, list, items),
            (ExtentContent::Map { is_flow: false, .. }, None) => block::append_list(self, map, list, items),
            (ExtentContent::Map { is_flow, .. }, Some(member)) => match &member.value.content {
                ExtentContent::List { is_flow: false, .. } => block::append(self, &member.value, items),
                ExtentContent::List { items: there, .. } if *is_flow || !there.is_empty() => {
                    flow::append(self, &member.value, items)
                }
                ExtentContent::List { .. } | ExtentContent::Scalar { .. } if !is_flow => {
                    block::begin_list(self, map, member, items)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes an item out of a list of a map.
    pub(super) fn remove(&self, map: &Extent, list: &str, index: usize) -> Option<Vec<Replacement>> {
        let member = map.member(list)?;
        let ExtentContent::List { is_flow, items } = &member.value.content else { return None };
        let is_last = items.len() == 1;
        let goes = is_last && map.members().len() > 1 && !self.is_commented(member);
        match &map.content {
            ExtentContent::Map { is_flow: true, .. } if goes => flow::remove_member(self, map, list),
            ExtentContent::Map { is_flow: false, .. } if goes && self.begins_line(member.start) => {
                block::remove_member(self, map, member)
            }
            _ if *is_flow => flow::remove(self, &member.value, index),
            _ if is_last => block::empty_list(self, member),
            _ => block::remove(self, &member.value, index),
        }
    }

    /// Whether a comment stands beside or in a list with one item, and not in that item.
    fn is_commented(&self, member: &ExtentMember) -> bool {
        let only = member.value.items().first();
        let parts = [
            only.and_then(|only| self.text.get(member.name_end..only.start)),
            only.and_then(|only| self.text.get(only.end..member.value.end)),
        ];
        parts.into_iter().flatten().any(|part| part.contains('#'))
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// How values are written between brackets here, in lines of their own or not.
    pub(super) fn flow(&self, in_lines: bool) -> crate::yaml_output::Flow {
        crate::yaml_output::Flow {
            is_json: self.extents.is_json,
            is_compact: self.is_compact,
            unit: self.unit.clone().filter(|_| in_lines),
        }
    }

    /// What each level between brackets is indented by, if values have lines of their own.
    pub(super) fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// A part of the text.
    pub(super) fn part(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Where the line of an offset begins.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.part(0, offset).rfind('\n').map_or(0, |at| at.saturating_add(1))
    }

    /// Where the next line begins, or the text ends.
    pub(super) fn next_line(&self, offset: usize) -> usize {
        let rest = self.part(offset, self.text.len());
        rest.find('\n').map_or(self.text.len(), |at| offset.saturating_add(at).saturating_add(1))
    }

    /// The end of a line, before its break.
    pub(super) fn line_end(&self, offset: usize) -> usize {
        let next = self.next_line(offset);
        let line = self.part(offset, next);
        offset.saturating_add(line.trim_end_matches(['\r', '\n']).len())
    }

    /// The number of bytes before an offset in its line.
    pub(super) fn column(&self, offset: usize) -> usize {
        offset.saturating_sub(self.line_start(offset))
    }

    /// The white space that a line begins with.
    pub(super) fn indentation(&self, offset: usize) -> &str {
        let start = self.line_start(offset);
        let line = self.part(start, self.line_end(start));
        line.get(..line.len().saturating_sub(line.trim_start().len())).unwrap_or_default()
    }

    /// Whether only white space stands before an offset in its line.
    pub(super) fn begins_line(&self, offset: usize) -> bool {
        self.part(self.line_start(offset), offset).trim().is_empty()
    }

    /// Where the lines go on behind a value that ends at an offset and stands in a column: comments further right belong to it.
    pub(super) fn behind(&self, end: usize, column: usize) -> usize {
        let is_at_start = end > 0 && self.part(0, end).ends_with('\n');
        let mut behind = if is_at_start { end } else { self.next_line(end) };
        let mut at = behind;
        while at < self.text.len() {
            let line = self.part(at, self.next_line(at)).trim();
            let is_own = line.starts_with('#') && self.indentation(at).len() > column;
            if !is_own && !line.is_empty() {
                break;
            }
            at = self.next_line(at);
            if is_own {
                behind = at;
            }
        }
        behind
    }

    /// Lines put in where a line begins, or at the end of the text.
    pub(super) fn lines_at(&self, at: usize, lines: &str) -> Replacement {
        let is_open = at == self.text.len() && !self.text.is_empty() && !self.text.ends_with('\n');
        let text = if is_open { format!("\n{}", lines.trim_end_matches('\n')) } else { lines.to_owned() };
        Replacement { start: at, end: at, text }
    }

    /// Lines taken out.
    pub(super) fn without_lines(&self, start: usize, end: usize) -> Replacement {
        let is_open = end == self.text.len() && !self.text.ends_with('\n');
        let before = self.part(0, start);
        let before = if is_open { before.strip_suffix('\n').unwrap_or(before) } else { before };
        let start = if is_open { before.strip_suffix('\r').unwrap_or(before).len() } else { start };
        Replacement { start, end, text: String::new() }
    }

    /// The first answer that a value of the text has to a question, in its order.
    fn first<T>(&self, ask: &dyn Fn(&Self, &Extent) -> Option<T>) -> Option<T> {
        fn within<T>(page: &Page, extent: &Extent, ask: &dyn Fn(&Page, &Extent) -> Option<T>) -> Option<T> {
            ask(page, extent).or_else(|| extent.children().find_map(|(_, child)| within(page, child, ask)))
        }
        self.extents.documents.iter().find_map(|document| within(self, document, ask))
    }

    /// How much further right than their names values of a kind stand.
    fn steps(&self, extent: &Extent, is_kind: impl Fn(&ExtentContent) -> bool) -> Option<usize> {
        if matches!(extent.content, ExtentContent::Map { is_flow: true, .. }) {
            return None;
        }
        let members = extent.members().iter().filter(|member| is_kind(&member.value.content));
        let mut steps = members.map(|member| self.column(member.value.start).checked_sub(self.column(member.start)));
        steps.find_map(|step| step.filter(|step| *step <= 8))
    }
}

/// Looks for what stands at an offset, and writes down the way to it.
fn find(extent: &Extent, offset: usize, path: &mut Vec<Step>) -> bool {
    match &extent.content {
        ExtentContent::Map { .. } if extent.start == offset => return true,
        ExtentContent::Scalar { .. } => return (extent.start..extent.end).contains(&offset),
        _ => {}
    }
    for (step, child) in extent.children() {
        if (child.start..=child.end).contains(&offset) {
            path.push(step);
            if find(child, offset, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

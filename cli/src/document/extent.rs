//! From where to where the values of a text stand in it, for those who change the text and nothing else of it.

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};
use jwt_auth_filter::config::Step;
use serde_json::value::RawValue;

use super::{
    json_text::{self, RawMembers},
    yaml_text,
};
use crate::position::Position;

/// The documents of a text.
#[derive(Debug)]
pub(crate) struct Extents {
    pub documents: Vec<Extent>,
    /// Whether it is JSON, where every text is quoted.
    pub is_json: bool,
}

/// Where a value stands, in bytes.
#[derive(Debug)]
pub(crate) struct Extent {
    pub start: usize,
    /// Behind its last character. A collection in block style ends where its last value does.
    pub end: usize,
    /// Whether an alias repeats it somewhere else.
    pub is_shared: bool,
    pub content: ExtentContent,
}

/// How a value is written.
#[derive(Debug)]
pub(crate) enum ExtentContent {
    /// The text is what it says, whatever it is taken for.
    Scalar {
        form: ScalarForm,
        text: String,
    },
    Alias,
    List {
        is_flow: bool,
        items: Vec<Extent>,
    },
    Map {
        is_flow: bool,
        members: Vec<ExtentMember>,
    },
}

/// How a text, a number or another word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarForm {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// Lines of their own, whose breaks are kept or are white space.
    Block,
}

/// A member of a map.
#[derive(Debug)]
pub(crate) struct ExtentMember {
    pub name: String,
    pub start: usize,
    /// Behind the last character of its name.
    pub name_end: usize,
    pub value: Extent,
}

impl Extents {
    /// Those of a text that could be read as [`read`](super::read) does; `None` for any other.
    pub(crate) fn of(text: &str) -> Option<Self> {
        if text.trim_start().starts_with(['{', '[']) && json_text::read(text).is_ok() {
            let raw = json_text::parse(text, Position::START).ok()?;
            return Some(Self { documents: vec![of_json(text, raw)?], is_json: true });
        }
        let aliased = aliased(text)?;
        let mut reader = Reader { text, events: yaml_text::events(text), aliased };
        let mut documents = Vec::new();
        loop {
            match reader.next()? {
                (Event::DocumentStart(..), _) => {
                    let (event, span) = reader.next()?;
                    documents.push(reader.extent(event, span, 0)?);
                }
                (Event::StreamEnd, _) => return Some(Self { documents, is_json: false }),
                _ => {}
            }
        }
    }
}

impl Extent {
    /// The value that a path leads to, unless an alias stands on the way.
    pub(crate) fn find(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, |extent, step| match step {
            Step::Field(name) => extent.member(name).map(|member| &member.value),
            Step::Item(index) => extent.items().get(*index),
        })
    }

    pub(crate) fn member(&self, name: &str) -> Option<&ExtentMember> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The members of a map; none of anything else.
    pub(crate) fn members(&self) -> &[ExtentMember] {
        match &self.content {
            ExtentContent::Map { members, .. } => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.content {
            ExtentContent::List { items, .. } => items,
            _ => &[],
        }
    }

    /// What it holds, each with the step that leads there.
    pub(crate) fn children(&self) -> impl Iterator<Item = (Step, &Self)> {
        let members = self.members().iter().map(|member| (Step::Field(member.name.clone()), &member.value));
        members.chain(self.items().iter().enumerate().map(|(at, item)| (Step::Item(at), item)))
    }
}

fn of_json(text: &str, raw: &RawValue) -> Option<Extent> {
    let start_of = |raw: &RawValue| raw.get().as_ptr().addr().checked_sub(text.as_ptr().addr());
    let start = start_of(raw)?;
    let content = match raw.get().as_bytes().first() {
        Some(b'{') => {
            let RawMembers(members) = json_text::parse(raw.get(), Position::START).ok()?;
            let member = |(name, value): (&RawValue, &RawValue)| {
                let start = start_of(name)?;
                Some(ExtentMember {
                    name: json_text::parse(name.get(), Position::START).ok()?,
                    start,
                    name_end: start.checked_add(name.get().len())?,
                    value: of_json(text, value)?,
                })
            };
            let members = members.into_iter().map(member).collect::<Option<_>>()?;
            ExtentContent::Map { is_flow: true, members }
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = json_text::parse(raw.get(), Position::START).ok()?;
            let items = items.into_iter().map(|item| of_json(text, item)).collect::<Option<_>>()?;
            ExtentContent::List { is_flow: true, items }
        }
        Some(b'"') => {
            let text = json_text::parse(raw.get(), Position::START).ok()?;
            ExtentContent::Scalar { form: ScalarForm::DoubleQuoted, text }
        }
        _ => ExtentContent::Scalar { form: ScalarForm::Plain, text: raw.get().to_owned() },
    };
    Some(Extent { start, end: start.checked_add(raw.get().len())?, is_shared: false, content })
}

/// The anchors that aliases name.
fn aliased(text: &str) -> Option<HashSet<usize>> {
    let mut events = yaml_text::events(text);
    let mut aliased = HashSet::new();
    while let Some(event) = events.next_event() {
        match event.ok()?.0 {
            Event::Alias(anchor) => _ = aliased.insert(anchor),
            Event::StreamEnd => break,
            _ => {}
        }
    }
    Some(aliased)
}

struct Reader<'t> {
    text: &'t str,
    events: Parser<'t, StrInput<'t>>,
    aliased: HashSet<usize>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Span)> {
        self.events.next_event()?.ok()
    }

    /// The extent of a value; one that is left out stands at `before`.
    fn extent(&mut self, event: Event<'t>, span: Span, before: usize) -> Option<Extent> {
        let (start, end) = (span.start.byte_offset()?, span.end.byte_offset()?);
        let is_block = |style| style == StructureStyle::Block;
        let (anchor, end, content) = match event {
            Event::Alias(_) => (0, end, ExtentContent::Alias),
            Event::Scalar(word, ScalarStyle::Plain, anchor, _) if word.is_empty() && anchor == 0 => {
                let content = ExtentContent::Scalar { form: ScalarForm::Plain, text: String::new() };
                return Some(Extent { start: before, end: before, is_shared: false, content });
            }
            Event::Scalar(word, style, anchor, _) => {
                let form = form(style);
                let end = if form == ScalarForm::Block { self.block_end(start, end, &word)? } else { end };
                (anchor, end, ExtentContent::Scalar { form, text: word.into_owned() })
            }
            Event::SequenceStart(style, anchor, _) => {
                let start = if is_block(style) { self.first_dash(before, start)? } else { start };
                let (items, end) = self.items(start)?;
                let last = items.last().map_or(end, |last| last.end);
                let is_shared = self.aliased.contains(&anchor);
                let content = ExtentContent::List { is_flow: !is_block(style), items };
                return Some(Extent { start, end: if is_block(style) { last } else { end }, is_shared, content });
            }
            Event::MappingStart(style, anchor, _) => {
                let (members, end) = self.members()?;
                let last = members.last().map_or(end, |last| last.value.end);
                let content = ExtentContent::Map { is_flow: !is_block(style), members };
                (anchor, if is_block(style) { last } else { end }, content)
            }
            _ => return None,
        };
        Some(Extent { start, end, is_shared: self.aliased.contains(&anchor), content })
    }

    /// Where a list in block style begins. The parser's own place is the first item if the list stands no further right than its
    /// name.
    fn first_dash(&self, before: usize, start: usize) -> Option<usize> {
        if self.text.get(start..)?.strip_prefix('-').is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n'])) {
            return Some(start);
        }
        let mut at = before;
        for line in self.text.get(before..start)?.split_inclusive('\n') {
            let content = line.trim_start();
            if at > before && content.starts_with('-') {
                return at.checked_add(line.len())?.checked_sub(content.len());
            }
            at = at.checked_add(line.len())?;
        }
        None
    }

    /// The end of a block without the empty lines behind it, unless they are part of what it says.
    fn block_end(&self, start: usize, end: usize, word: &str) -> Option<usize> {
        let source = self.text.get(start..end)?;
        let content = source.trim_end();
        let rest = source.get(content.len()..)?;
        let line_break = rest.find('\n').map_or(rest.len(), |at| at.saturating_add(1));
        if word.ends_with("\n\n") { Some(end) } else { start.checked_add(content.len())?.checked_add(line_break) }
    }

    /// The items of a list, and where its end is marked.
    fn items(&mut self, start: usize) -> Option<(Vec<Extent>, usize)> {
        let mut items: Vec<Extent> = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, span) => return Some((items, span.end.byte_offset()?)),
                (event, span) => {
                    let before = items.last().map_or(start, |last| last.end);
                    items.push(self.extent(event, span, before)?);
                }
            }
        }
    }

    fn members(&mut self) -> Option<(Vec<ExtentMember>, usize)> {
        let mut members = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let (start, name_end) = (span.start.byte_offset()?, span.end.byte_offset()?);
            let name = match event {
                Event::MappingEnd => return Some((members, name_end)),
                Event::Scalar(name, ..) => name.into_owned(),
                _ => return None,
            };
            let (event, span) = self.next()?;
            let value = self.extent(event, span, name_end)?;
            members.push(ExtentMember { name, start, name_end, value });
        }
    }
}

fn form(style: ScalarStyle) -> ScalarForm {
    match style {
        ScalarStyle::SingleQuoted => ScalarForm::SingleQuoted,
        ScalarStyle::DoubleQuoted => ScalarForm::DoubleQuoted,
        ScalarStyle::Literal | ScalarStyle::Folded => ScalarForm::Block,
        _ => ScalarForm::Plain,
    }
}

//! YAML with positions, built from the events of a parser.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Dialect, MAX_DEPTH, Node, NodeContent, NodeMember, NodeText, refuse_repeated, scalar};
use crate::{diagnostics::Diagnostic, position::Position};

/// How many values aliases may add to a file: more than any configuration needs, and no trap for memory.
const MAX_ALIASED: usize = 1_000_000;

/// Reads all documents of a file.
pub(super) fn read(text: &str, dialect: Dialect) -> Result<Vec<Node>, Diagnostic> {
    let mut reader = YamlReader { events: events(text), text, dialect, anchors: HashMap::new(), aliased: 0 };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::DocumentStart(..), _) => {
                reader.anchors.clear();
                let (event, span) = reader.next()?;
                documents.push(reader.node(event, span, MAX_DEPTH)?);
            }
            (Event::StreamEnd, _) => return Ok(documents),
            _ => {}
        }
    }
}

/// What a file consists of.
pub(super) fn events(text: &str) -> Parser<'_, StrInput<'_>> {
    // libyaml and yaml-cpp add no line feed to a block that the file ends in.
    let options = granit_parser::options! { block_scalar_eof_without_line_feed: true, emit_comments: false };
    Parser::new_from_str_with_options(text, options)
}

/// The first place with a tag that is not of YAML's core schema, such as `!env`: what stands there is not the value.
pub(super) fn custom_tag(text: &str) -> Option<Position> {
    let mut events = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = events.next_event() {
        let tag = match event {
            Event::StreamEnd => return None,
            Event::Scalar(.., tag) | Event::SequenceStart(.., tag) | Event::MappingStart(.., tag) => tag,
            _ => None,
        };
        if tag.is_some_and(|tag| tag.original() != "!" && tag.is_custom()) {
            return Some(position(&span.start));
        }
    }
    None
}

struct YamlReader<'t> {
    events: Parser<'t, StrInput<'t>>,
    text: &'t str,
    dialect: Dialect,
    /// The values with an anchor, each with its number of values.
    anchors: HashMap<usize, (Node, usize)>,
    aliased: usize,
}

impl<'t> YamlReader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Diagnostic> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(unreadable(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let at = position(&span.start);
        let refuse = |problem: &str| Diagnostic::unreadable(at, problem);
        let depth = depth.checked_sub(1).ok_or_else(|| refuse("nesting beyond 127 levels"))?;
        let (anchor, content) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(word, style, anchor, tag) => (anchor, self.scalar(word, style, tag.as_deref(), &span)),
            Event::SequenceStart(_, anchor, _) => (anchor, NodeContent::List(self.items(depth)?)),
            Event::MappingStart(_, anchor, _) => (anchor, NodeContent::Object(self.members(depth)?)),
            _ => return Err(refuse("no value")),
        };
        let node = Node { at, content };
        if anchor != 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    /// The value that an alias stands for. A fault in it is shown at the value itself.
    fn alias(&mut self, anchor: usize, at: Position) -> Result<Node, Diagnostic> {
        let refuse = |problem: &str| Diagnostic::unreadable(at, problem);
        let (node, size) = self.anchors.get(&anchor).ok_or_else(|| refuse("an alias of a value that holds it"))?;
        self.aliased = self.aliased.saturating_add(*size);
        if self.aliased > MAX_ALIASED {
            Err(refuse("aliases for more than a million values"))
        } else {
            Ok(node.clone())
        }
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<NodeMember>, Diagnostic> {
        let mut members = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let at = position(&span.start);
            let (name, is_ignored) = match event {
                Event::MappingEnd => break,
                Event::Scalar(name, _, _, tag) => (name.into_owned(), is_ignored(tag.as_deref(), self.dialect)),
                _ => return Err(Diagnostic::unreadable(at, "a key that is not a single word or text")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth)?;
            if !is_ignored {
                members.push(NodeMember { name, at, value });
            }
        }
        refuse_repeated(&members)?;
        // Envoy takes a merge key for any other.
        Ok(if self.dialect == Dialect::Go { merged(members) } else { members })
    }

    fn scalar(&self, word: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> NodeContent {
        let is_plain = style == ScalarStyle::Plain;
        let is_text = match (tag, self.dialect) {
            (None, _) => !is_plain,
            // Envoy looks for the tag `!` alone, and decides by the looks of the word under every other.
            (Some(tag), Dialect::Envoy) => tag.original() == "!",
            (Some(tag), Dialect::Go) => tag.original() == "!" || tag.is_yaml_core_schema_tag("str"),
        };
        match if is_text { None } else { Some(scalar::resolve(&word, self.dialect)) } {
            Some(NodeContent::Text(NodeText { text, .. })) => NodeContent::Text(self.text_of(text, style, span)),
            Some(other) => other,
            None => NodeContent::Text(self.text_of(word.into_owned(), style, span)),
        }
    }

    fn text_of(&self, text: String, style: ScalarStyle, span: &Span) -> NodeText {
        NodeText { first: self.first(&text, style, span), has_escapes: style == ScalarStyle::DoubleQuoted, text }
    }

    /// Where a text's first character stands, if the text stands in the file as it is, but for indentation.
    fn first(&self, text: &str, style: ScalarStyle, span: &Span) -> Option<Position> {
        let start = position(&span.start);
        if style == ScalarStyle::Literal {
            // The parser's span begins at the first line that is not blank.
            let blank = text.bytes().take_while(|byte| *byte == b'\n').count();
            return Some(Position { line: start.line.saturating_sub(blank), ..start });
        }
        let source = span.slice(self.text)?;
        let quotes = usize::from(style != ScalarStyle::Plain);
        let inner = source.get(quotes..source.len().saturating_sub(quotes))?;
        (inner == text && !inner.contains('\n')).then(|| start.of_inner(Position::new(1, quotes.saturating_add(1))))
    }
}

/// The members with those of the objects under the merge key `<<`, of which the object's own count, and else the first.
fn merged(mut members: Vec<NodeMember>) -> Vec<NodeMember> {
    let holds_objects = |node: &Node| match &node.content {
        NodeContent::Object(_) => true,
        NodeContent::List(items) => items.iter().all(|item| matches!(item.content, NodeContent::Object(_))),
        _ => false,
    };
    let Some(at) = members.iter().position(|it| it.name == "<<" && holds_objects(&it.value)) else { return members };
    let merged = members.remove(at).value;
    let mut names: HashSet<String> = members.iter().map(|own| own.name.clone()).collect();
    let theirs = [&merged].into_iter().chain(merged.items()).flat_map(Node::members);
    members.extend(theirs.filter(|member| names.insert(member.name.clone())).cloned());
    members
}

/// Whether a key's tag says that its member is not part of the configuration.
fn is_ignored(tag: Option<&Tag>, dialect: Dialect) -> bool {
    dialect == Dialect::Envoy && tag.is_some_and(|tag| tag.original() == "!ignore")
}

fn size(node: &Node) -> usize {
    let inner: usize = match &node.content {
        NodeContent::List(items) => items.iter().map(size).sum(),
        NodeContent::Object(members) => members.iter().map(|member| size(&member.value)).sum(),
        _ => 0,
    };
    inner.saturating_add(1)
}

fn position(marker: &Marker) -> Position {
    Position::new(marker.line(), marker.col().saturating_add(1))
}

fn unreadable(error: &ScanError) -> Diagnostic {
    Diagnostic::unreadable(position(error.marker()), error.info())
}

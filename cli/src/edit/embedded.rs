//! A text that stands in a scalar of another text, such as JSON in a block of YAML.

use super::Replacement;
use crate::document::{Extent, ScalarForm};

/// How a text stands in another.
#[derive(Debug)]
pub(super) struct Embedded {
    text: String,
    /// Where each of its bytes stands in the other text, and where its end does. What begins a line stands behind the
    /// indentation.
    offsets: Vec<usize>,
    form: ScalarForm,
    /// That of every line of a block.
    indentation: usize,
}

impl Embedded {
    /// What a scalar of a text holds. `None` if its bytes are not found there one by one.
    pub(super) fn of(outer: &str, extent: &Extent, form: ScalarForm, text: &str) -> Option<Self> {
        let (offsets, indentation) = match form {
            ScalarForm::Plain => return None,
            ScalarForm::Block => of_block(outer, extent.start, text)?,
            ScalarForm::SingleQuoted | ScalarForm::DoubleQuoted => {
                let source = outer.get(extent.start.checked_add(1)?..extent.end.checked_sub(1)?)?;
                let start = extent.start.checked_add(1)?;
                (of_quoted(source, start, form, text)?, 0)
            }
        };
        Some(Self { text: text.to_owned(), offsets, form, indentation })
    }

    /// The place here of what stands at an offset of the other text; the beginning, if that is none here.
    pub(super) fn offset_of(&self, outer: usize) -> usize {
        let found = self.offsets.iter().position(|offset| *offset == outer);
        // What is told to stand where its text begins is all of the text.
        found.unwrap_or_else(|| self.text.len().saturating_sub(self.text.trim_start().len()))
    }

    /// Where a byte of this text stands in the other.
    pub(super) fn outer(&self, inner: usize) -> Option<usize> {
        self.offsets.get(inner).copied()
    }

    /// A replacement here as one in the other text. `None` if its form cannot hold it.
    pub(super) fn carried(&self, replacement: &Replacement) -> Option<Replacement> {
        let Replacement { start, end, text } = replacement;
        let (mut outer_start, mut outer_end) = (self.outer(*start)?, self.outer(*end)?);
        let text = match self.form {
            ScalarForm::Plain => return None,
            ScalarForm::SingleQuoted if text.contains('\n') => return None,
            ScalarForm::SingleQuoted => text.replace('\'', "''"),
            ScalarForm::DoubleQuoted => {
                let quoted = serde_json::Value::from(text.as_str()).to_string();
                quoted.get(1..quoted.len().checked_sub(1)?)?.to_owned()
            }
            ScalarForm::Block => {
                let indentation = " ".repeat(self.indentation);
                let are_lines = text.is_empty() || text.ends_with('\n');
                if are_lines && self.begins_line(*start) && self.begins_line(*end) {
                    outer_start = self.line_start(*start, outer_start)?;
                    outer_end = self.line_start(*end, outer_end)?;
                    text.split_inclusive('\n').map(|line| format!("{indentation}{line}")).collect()
                } else {
                    text.replace('\n', &format!("\n{indentation}"))
                }
            }
        };
        Some(Replacement { start: outer_start, end: outer_end, text })
    }

    fn begins_line(&self, inner: usize) -> bool {
        inner == 0 || self.text.get(..inner).is_some_and(|before| before.ends_with('\n'))
    }

    /// Where the line of a byte begins in the other text, with its indentation.
    fn line_start(&self, inner: usize, outer: usize) -> Option<usize> {
        // The end of the last line has none of the block behind it.
        if inner == self.text.len() { Some(outer) } else { outer.checked_sub(self.indentation) }
    }
}

/// The places of a block's bytes, and its indentation. It begins with its first line that is not empty.
fn of_block(outer: &str, start: usize, text: &str) -> Option<(Vec<usize>, usize)> {
    let line_start = outer.get(..start)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let indentation = start.checked_sub(line_start)?;
    if !outer.get(line_start..start)?.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let rest = text.trim_start_matches('\n');
    let mut offsets = vec![start; text.len().checked_sub(rest.len())?];
    let mut at = start;
    for char in rest.chars() {
        offsets.extend((0..char.len_utf8()).map(|byte| at.saturating_add(byte)));
        let source = outer.get(at..)?;
        let line_break = ["\r\n", "\n"].into_iter().find(|it| source.starts_with(it));
        match line_break {
            // In a folded block a break is a space.
            Some(line_break) if char == '\n' || char == ' ' => {
                at = at.checked_add(line_break.len())?;
                let line = outer.get(at..)?;
                let spaces = line.len().checked_sub(line.trim_start_matches(' ').len())?;
                at = at.checked_add(spaces.min(indentation))?;
            }
            None if source.starts_with(char) => at = at.checked_add(char.len_utf8())?,
            _ => return None,
        }
    }
    let end = if text.ends_with('\n') { outer.get(..at)?.rfind('\n')?.checked_add(1)? } else { at };
    offsets.push(end);
    Some((offsets, indentation))
}

/// The places of the bytes between quotes.
fn of_quoted(source: &str, start: usize, form: ScalarForm, text: &str) -> Option<Vec<usize>> {
    let mut offsets = Vec::with_capacity(text.len());
    let mut decoded = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(char) = source.get(at..)?.chars().next() {
        let length = match (form, char) {
            (_, '\n' | '\r') => return None,
            (ScalarForm::SingleQuoted, '\'') => 2,
            (ScalarForm::DoubleQuoted, '\\') => escape_length(source.get(at..)?)?,
            _ => char.len_utf8(),
        };
        let written = source.get(at..at.checked_add(length)?)?;
        let char: String = match (form, char) {
            (ScalarForm::SingleQuoted, '\'') => "'".to_owned(),
            (ScalarForm::DoubleQuoted, '\\') => serde_json::from_str(&format!("\"{written}\"")).ok()?,
            _ => char.to_string(),
        };
        let place = start.checked_add(at)?;
        offsets.extend(std::iter::repeat_n(place, char.len()));
        decoded += &char;
        at = at.checked_add(length)?;
    }
    offsets.push(start.checked_add(at)?);
    (decoded == text).then_some(offsets)
}

/// How long an escape is that JSON has too. A pair of surrogates is one.
fn escape_length(source: &str) -> Option<usize> {
    let unit = |from: usize| u32::from_str_radix(source.get(from..from.checked_add(4)?)?, 16).ok();
    Some(match source.as_bytes().get(1)? {
        b'u' if (0xd800..0xdc00).contains(&unit(2)?) && source.get(6..8) == Some("\\u") => 12,
        b'u' => 6,
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
        _ => return None,
    })
}

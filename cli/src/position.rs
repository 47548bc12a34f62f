//! Lines and columns.

use std::fmt;

/// A place in a file. Lines and columns (in characters) are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The number of the file among those that are read together, counted from 0.
    pub file: usize,
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub(crate) const START: Self = Self::new(1, 1);

    /// A place in the first file, or in the only one.
    pub(crate) const fn new(line: usize, column: usize) -> Self {
        Self { file: 0, line, column }
    }

    /// The place in a file of a place in a text whose lines all begin in the column of this one.
    pub(crate) fn of_inner(self, inner: Self) -> Self {
        Self {
            file: self.file,
            line: self.line.saturating_add(inner.line).saturating_sub(1),
            column: self.column.saturating_add(inner.column).saturating_sub(1),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A text by its lines.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let after_breaks =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at.saturating_add(1));
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The position of the byte at an offset.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        Position::new(line, before.chars().count().saturating_add(1))
    }

    /// The offset of what stands at a position; that of the line's end beyond it.
    pub(crate) fn offset(&self, position: Position) -> usize {
        let start_of = |line: usize| self.starts.get(line).copied().unwrap_or(self.text.len());
        let start = start_of(position.line.saturating_sub(1));
        let line = self.text.get(start..start_of(position.line)).unwrap_or_default();
        let before = line.chars().take(position.column.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
        start.saturating_add(before)
    }

    /// The position of a byte by its line and the number of its byte there, both counted from 1.
    pub(crate) fn position_of_byte(&self, line: usize, byte: usize) -> Position {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let offset = start.saturating_add(byte.saturating_sub(1)).min(self.text.len());
        self.position((0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or_default())
    }
}

//! What could not be converted, and where it stands in the source.

use std::fmt;

use crate::document::Position;

/// A place in the source, the name of what stands there, and what about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Remark {
    pub place: Position,
    pub subject: String,
    pub message: String,
}

/// Remarks of two kinds, collected while reading.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What has no counterpart.
    pub notes: Vec<Remark>,
    /// What the gateway itself would not take, so that nothing can be made of it.
    pub faults: Vec<Remark>,
}

impl Report {
    pub(super) fn note(&mut self, place: Position, subject: &str, message: impl Into<String>) {
        self.notes.push(Remark { place, subject: subject.to_owned(), message: message.into() });
    }

    pub(super) fn fault(&mut self, place: Position, subject: &str, message: impl Into<String>) {
        self.faults.push(Remark { place, subject: subject.to_owned(), message: message.into() });
    }
}

/// `file:line:column: subject: message`, with the names of the files given.
pub(super) struct Line<'r>(pub &'r Remark, pub &'r [String]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self(Remark { place: Position { file, line, column }, subject, message }, files) = self;
        let file = files.get(*file).map_or("?", String::as_str);
        write!(formatter, "{file}:{line}:{column}: {subject}: {message}")
    }
}

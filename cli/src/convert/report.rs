//! What could not be converted, and where it stands in the source.

use crate::{
    diagnostics::{Diagnostic, Severity},
    position::Position,
};

/// Diagnostics of two kinds, collected while reading.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What has no counterpart.
    pub notes: Vec<Diagnostic>,
    /// What the gateway itself would not take, so that nothing can be made of it.
    pub faults: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn note(&mut self, at: Position, subject: &str, message: impl Into<String>) {
        self.notes.push(note(at, subject, message));
    }

    pub(super) fn fault(&mut self, at: Position, subject: &str, message: impl Into<String>) {
        self.faults.push(Diagnostic::fault(at, message).about(subject));
    }

    /// The same in the order of the files, each once.
    pub(super) fn sorted(mut self) -> Self {
        for diagnostics in [&mut self.notes, &mut self.faults] {
            diagnostics.sort();
            diagnostics.dedup();
        }
        self
    }
}

/// That something has no counterpart.
pub(super) fn note(at: Position, subject: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Severity::Note, at, message).about(subject)
}

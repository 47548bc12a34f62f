//! What a command says about places in the files that it reads.

#[cfg(feature = "program")]
mod excerpt;
mod harmless;

use std::fmt;

use serde_json::{Value, json};

#[cfg(feature = "program")]
pub(crate) use self::excerpt::Excerpts;
pub(crate) use self::harmless::leads_to_harmless;
use crate::position::Position;

/// A file, as far as messages need it.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// How it is called in messages.
    pub name: String,
    pub text: String,
}

/// One thing to say about a place in a file. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Diagnostic {
    pub severity: Severity,
    pub at: Position,
    /// The field or thing that it is about; for a fault in the file itself, none.
    pub subject: Option<String>,
    /// What stands there, or what is to be known of it.
    pub message: String,
    /// What should stand there.
    pub expected: Option<String>,
    /// Whether the value there is of a kind that holds no secrets. Without that its line is never shown.
    pub is_harmless: bool,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// What is there cannot be used.
    Fault,
    /// It can be used, and is seldom meant.
    Warning,
    /// It can be used in part.
    Note,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, at: Position, message: impl Into<String>) -> Self {
        Self { severity, at, subject: None, message: message.into(), expected: None, is_harmless: false }
    }

    pub(crate) fn fault(at: Position, message: impl Into<String>) -> Self {
        Self::new(Severity::Fault, at, message)
    }

    pub(crate) fn warning(at: Position, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, at, message)
    }

    /// Why a file cannot be read. Which field stands there is not known, so the words of its line alone decide whether it
    /// may be shown.
    pub(crate) fn unreadable(at: Position, problem: impl Into<String>) -> Self {
        Self::fault(at, problem).if_harmless(true)
    }

    /// The same about a field or a thing of this name.
    pub(crate) fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// The same with what should stand there.
    pub(crate) fn expecting(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    /// The same, about a value whose kind holds no secrets, or may hold some.
    pub(crate) fn if_harmless(self, is_harmless: bool) -> Self {
        Self { is_harmless, ..self }
    }

    pub(crate) fn is_fault(&self) -> bool {
        self.severity == Severity::Fault
    }

    /// `file:line:column: …` in one line, which editors read.
    pub(crate) fn line(&self, sources: &[SourceFile]) -> String {
        let file = sources.get(self.at.file).map_or("?", |source| source.name.as_str());
        let severity = if self.severity == Severity::Warning { "warning: " } else { "" };
        format!("{file}:{}: {severity}{self}", self.at)
    }

    /// The line, and below it what stands there, where that is wanted and holds no secret.
    #[cfg(feature = "program")]
    pub(crate) fn text(&self, sources: &[SourceFile], excerpts: Excerpts) -> String {
        let line = self.line(sources);
        match sources.get(self.at.file).and_then(|source| excerpt::of(self, &source.text, excerpts)) {
            Some(excerpt) => format!("{line}\n{excerpt}"),
            None => line,
        }
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let Self { at, subject, message, expected, .. } = self;
        let (line, column) = (at.line, at.column);
        if self.is_fault() {
            json!({ "line": line, "column": column, "path": subject, "found": message, "expected": expected })
        } else {
            json!({ "line": line, "column": column, "path": subject, "message": message })
        }
    }
}

impl fmt::Display for Diagnostic {
    /// What there is to say, without the place.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(formatter, "{subject}: ")?;
        }
        formatter.write_str(&self.message)?;
        self.expected.iter().try_for_each(|expected| write!(formatter, "; expected {expected}"))
    }
}

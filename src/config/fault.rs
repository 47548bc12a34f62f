//! What is wrong with a configuration, and where.

use std::{cell::RefCell, fmt};

/// One fault: a line for the person who wrote the configuration. Never holds a secret or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `consumers[2].jwt_secrets[0].rsa_public_key`; empty for the configuration as a whole.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let path = if self.path.is_empty() { "the configuration" } else { &self.path };
        write!(formatter, "{path}: {}; expected {}", self.found, self.expected)
    }
}

/// A fault that does not know its place yet.
pub(super) struct Problem {
    pub(super) found: String,
    pub(super) expected: String,
}

impl Problem {
    pub(super) fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { found: found.into(), expected: expected.into() }
    }
}

/// Says that a fault was found and reported, so the value is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

/// A place in the configuration. It becomes text only when a fault is found there.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => formatter.write_str(name),
            Self::Field(parent, name) => write!(formatter, "{parent}.{name}"),
            Self::Item(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// Collects faults, so that one look at the log shows them all.
#[derive(Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub(super) fn report(&self, place: Place, problem: Problem) -> Reported {
        let Problem { found, expected } = problem;
        self.0.borrow_mut().push(Fault { path: place.to_string(), found, expected });
        Reported
    }

    /// The value, if no fault was reported.
    pub(super) fn unless_any<T>(self, value: T) -> Result<T, Vec<Fault>> {
        let faults = self.0.into_inner();
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }
}

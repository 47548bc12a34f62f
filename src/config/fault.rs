//! What is wrong with a configuration, or seldom meant, and where.

use std::{cell::RefCell, fmt};

/// One fault: a line for the person who wrote the configuration. Never holds a secret or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `consumers[2].jwt_secrets[0].rsa_public_key`; without a step for the configuration as a whole.
    pub path: Path,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
}

/// [`Fault::found`] of a field that should not be there.
pub const UNKNOWN_FIELD: &str = "an unknown field";

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}; expected {}", self.path, self.found, self.expected)
    }
}

/// What whoever wrote the configuration should know of a field, although it is no fault. Never holds a secret or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The field.
    pub path: Path,
    /// What about it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.text)
    }
}

/// The way from the root of a configuration to a place in it. As text it repeats no name that may be a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// A step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the field of an object. The name may be any text: it is the one that stands in the configuration.
    Field(String),
    /// To an item of a list, counted from 0.
    Item(usize),
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("the configuration");
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) => write!(formatter, "{}{}", if at == 0 { "" } else { "." }, printable(name))?,
                Step::Item(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A word of the configuration as a message may repeat it: short, and of the characters that names are made of.
pub(super) fn printable(word: &str) -> String {
    let is_name = !word.is_empty()
        && (word.len() <= 32 || is_uuid(word) || is_phrase(word))
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_name { word.to_owned() } else { "(an unprintable name)".to_owned() }
}

/// Whether a text is words with underscores between them, as the longest names of fields are, and no secret is.
fn is_phrase(text: &str) -> bool {
    let is_word = |word: &str| (1..=16).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= 64 && text.split('_').count() > 2 && text.split('_').all(is_word)
}

/// Whether a text has the form of a UUID (RFC 9562 §4), which the gateway gives to everything as its id.
fn is_uuid(text: &str) -> bool {
    let is_group =
        |(group, length): (&str, usize)| group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.len() == 36 && text.split('-').zip([8, 4, 4, 4, 12]).all(is_group)
}

/// A text that stands where one of a few words should. It is repeated only if it is like one: secrets are pasted into the
/// wrong fields, too.
pub(super) fn other_word(text: &str) -> String {
    let is_word =
        !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { format!("\"{text}\"") } else { "another word".to_owned() }
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

/// A place in the configuration. It becomes a path only when a fault is found there.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    pub(super) fn to_path(self) -> Path {
        let (parent, step) = match self {
            Self::Root => return Path::default(),
            Self::Field(parent, name) => (parent, Step::Field(name.to_owned())),
            Self::Item(parent, index) => (parent, Step::Item(index)),
        };
        let mut path = parent.to_path();
        path.0.push(step);
        path
    }
}

/// Collects faults, so that one look at the log shows them all, and warnings.
#[derive(Default)]
pub(super) struct Faults {
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Warning>>,
}

impl Faults {
    pub(super) fn report(&self, place: Place, problem: Problem) -> Reported {
        let Problem { found, expected } = problem;
        self.faults.borrow_mut().push(Fault { path: place.to_path(), found, expected });
        Reported
    }

    pub(super) fn warn(&self, place: Place, text: String) {
        self.warnings.borrow_mut().push(Warning { path: place.to_path(), text });
    }

    /// The warnings so far.
    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// The value, if no fault was reported.
    pub(super) fn unless_any<T>(self, value: T) -> Result<T, Vec<Fault>> {
        let faults = self.faults.into_inner();
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }
}

//! Texts that nobody vouches for.

use std::fmt;

/// A text that anybody may have written. It is shown escaped and cut off, so that it can neither forge nor flood a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedText(String);

impl UntrustedText {
    const MAX_CHARS: usize = 100;

    /// Takes a text as it came.
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(Self::MAX_CHARS).collect())
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

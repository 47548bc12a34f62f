//! Texts that a header can carry unchanged.

use std::sync::Arc;

/// A text that may be sent as the value of a header: not empty, without control characters, and without white space at
/// its ends, which a receiver would strip (RFC 9110 §5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderText(Arc<str>);

impl HeaderText {
    /// Takes a text, if a header can carry it unchanged.
    pub fn new(text: &str) -> Option<Self> {
        Self::fits(text).then(|| Self(text.into()))
    }

    /// Whether a header can carry a text unchanged.
    pub fn fits(text: &str) -> bool {
        !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is a scope (RFC 6749 §3.3), which a challenge may hold within quotes.
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl std::borrow::Borrow<str> for HeaderText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

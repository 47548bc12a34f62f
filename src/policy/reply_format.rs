//! How a policy wants refused clients answered.

use std::sync::Arc;

use crate::encoding::HeaderText;

/// `response`: how refused clients are answered, to match the errors of an existing API.
#[derive(Debug, Clone)]
pub struct ReplyFormat {
    /// Whether the answer tells the reason. Without it nobody can learn from answers how far a token got.
    pub detail: bool,
    /// Where it is not known who calls.
    pub unauthorized: Template,
    /// Where whoever calls may not.
    pub forbidden: Template,
    /// Where it cannot be found out now who calls.
    pub unavailable: Template,
}

/// An answer's parts, each where it is not to be the usual one.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The media type of the body.
    pub content_type: Option<HeaderText>,
    /// The body, with [`Template::MESSAGE`] where the message goes.
    pub body: Option<Arc<str>>,
}

impl Template {
    /// Stands in a body for the message, which is inserted as the content of a JSON string.
    pub const MESSAGE: &'static str = "%MESSAGE%";
}

impl Default for ReplyFormat {
    fn default() -> Self {
        let usual = Template::default;
        Self { detail: true, unauthorized: usual(), forbidden: usual(), unavailable: usual() }
    }
}

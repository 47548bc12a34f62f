//! The kinds of refusal, and how a policy wants each answered.

use std::rc::Rc;

use crate::consumer::HeaderText;

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is not known who calls: 401.
    Unauthorized,
    /// Whoever calls may not: 403.
    Forbidden,
    /// It cannot be found out now who calls: 503.
    Unavailable,
}

/// `response`: how refused clients are answered, to match the errors of an API that is there already.
#[derive(Debug, Clone)]
pub struct ReplyFormat {
    /// Whether the answer tells the reason. Without it nobody can learn from answers how far a token got.
    pub detail: bool,
    /// For [`Kind::Unauthorized`].
    pub unauthorized: Template,
    /// For [`Kind::Forbidden`].
    pub forbidden: Template,
    /// For [`Kind::Unavailable`].
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
    pub body: Option<Rc<str>>,
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

impl ReplyFormat {
    /// The parts of a kind of answer.
    pub fn template(&self, kind: Kind) -> &Template {
        match kind {
            Kind::Unauthorized => &self.unauthorized,
            Kind::Forbidden => &self.forbidden,
            Kind::Unavailable => &self.unavailable,
        }
    }
}

impl Kind {
    /// The usual HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::Unavailable => 503,
        }
    }

    /// All that a client is told that is told nothing.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::Unavailable => "Service Unavailable",
        }
    }
}

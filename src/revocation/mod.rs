//! Tokens that are revoked before they expire: which ones, kept small, and compared with a token's own marks.

mod entry;
mod mark;
mod set;

pub use self::{
    entry::{Entry, EntryError, Names},
    mark::{Mark, Marks},
    set::RevocationSet,
};

/// All that is revoked.
#[derive(Debug, Default)]
pub struct Revocations {
    /// What the configuration names.
    pub inline: Option<RevocationSet>,
}

impl Revocations {
    /// Whether anything may be revoked.
    pub fn are_any(&self) -> bool {
        self.inline.is_some()
    }

    /// Whether a token with these marks, issued at this time, is revoked.
    pub fn revoke(&self, marks: &Marks, issued_at: Option<f64>) -> bool {
        self.inline.as_ref().is_some_and(|set| set.revokes(marks, issued_at))
    }
}

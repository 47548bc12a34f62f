//! Tokens that are revoked before they expire: which ones, kept small, and compared with a token's own marks.

mod entry;
mod list;
mod mark;
mod set;

use std::sync::Arc;

pub use self::{
    entry::{Entry, EntryError, Names},
    list::{MAX_ENTRIES, MAX_LIST_BYTES, RemoteList},
    mark::{Mark, Marks},
    set::RevocationSet,
};

/// All that is revoked.
#[derive(Debug, Default)]
pub struct Revocations {
    /// What the configuration names.
    pub inline: Option<RevocationSet>,
    /// What is fetched.
    pub list: Option<Arc<RemoteList>>,
    /// Whether tokens pass while the list cannot be had.
    pub allows_without_list: bool,
}

/// Why a token is refused.
#[derive(Debug, Clone)]
pub enum Revocation {
    /// It is revoked.
    Revoked,
    /// Whether it is can be said only by a list that is not there.
    Unknown(Arc<RemoteList>),
}

impl Revocations {
    /// Whether anything may be revoked.
    pub fn are_any(&self) -> bool {
        self.inline.is_some() || self.list.is_some()
    }

    /// Whether a token with these marks, issued at this time, may pass.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, marks: &Marks, issued_at: Option<f64>) -> Result<(), Revocation> {
        let revokes = |set: &RevocationSet| set.revokes(marks, issued_at);
        if self.inline.as_ref().is_some_and(revokes) {
            return Err(Revocation::Revoked);
        }
        let Some(list) = &self.list else { return Ok(()) };
        match list.current() {
            Some(set) if revokes(&set) => Err(Revocation::Revoked),
            None if !self.allows_without_list => Err(Revocation::Unknown(Arc::clone(list))),
            _ => Ok(()),
        }
    }
}

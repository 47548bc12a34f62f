//! A request that may have to wait for a key set.

use super::{
    Denial, Reason,
    search::{Awaited, Search},
};
use crate::{
    jwks::{Millis, Wait},
    token::Timestamp,
};

/// How old a set must be, in milliseconds, that is fetched again because of a signature alone. Whoever sends forged tokens
/// so takes no more of the reserve of fetches than comes back, and leaves it to the keys that were rotated.
const SETTLED: Millis = 10_000;

/// A request of which no token is valid, one of them because no key has signed it that is there: a key set may still bring
/// one that has.
#[derive(Debug)]
pub struct Pending {
    pub(super) denial: Box<Denial>,
    pub(super) search: Box<Search>,
    pub(super) arrival: Arrival,
}

/// What is known of a request that may have to wait, beside what it asks.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it arrived.
    pub at: Millis,
    /// How many bytes of its body are kept meanwhile.
    pub body: u64,
}

impl Pending {
    /// Says when the request arrived more exactly than in seconds, and that it has a body.
    pub fn arriving(self, arrival: Arrival) -> Self {
        Self { arrival, ..self }
    }

    /// Why the request is refused if it waits no longer. That a key set has not the token's `kid` can only be said of a set
    /// that was fetched after the request arrived: the key may have been published since.
    pub(super) fn denial_at_last(self, now: Timestamp) -> Denial {
        let is_old = |awaited: &&Awaited| awaited.lacks_kid && awaited.seen.fetched_at < self.arrival.at;
        let old = self.search.awaited.iter().find(is_old);
        match (&self.denial.reason, old) {
            (Reason::InvalidSignature | Reason::AlgorithmMismatch, Some(Awaited { seen, .. })) => {
                Denial { reason: Reason::KeySetUnavailable(seen.set.retry_after(now)), ..*self.denial }
            }
            _ => *self.denial,
        }
    }

    /// What the request waits for: sets that were not there, and newer ones of those that were fetched before it arrived; some
    /// time before, if they have the token's `kid`. And what has changed since it was seen, which need not be waited for.
    pub fn wait(&self) -> Wait {
        let may_change = |awaited: &&Awaited| {
            let age = if awaited.lacks_kid { 0 } else { SETTLED };
            awaited.is_missing
                || awaited.seen.fetched_at.saturating_add(age) < self.arrival.at
                || awaited.seen.has_changed()
        };
        let sets = self.search.awaited.iter().filter(may_change).map(|awaited| awaited.seen.clone());
        Wait { sets: sets.collect(), body: self.arrival.body }
    }
}

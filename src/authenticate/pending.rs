//! A request that may have to wait for a key set.

use std::sync::Arc;

use super::{
    Denial, Reason,
    search::{Awaited, Search},
};
use crate::{
    jwks::{Millis, Need, Wait},
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
        let mut sets = self.search.awaited.iter().filter(|set| set.lacks_kid).map(|set| &set.keys);
        let old = sets.find(|keys| keys.need() == Need::Kid && keys.fetched_at() < self.arrival.at);
        match (&self.denial.reason, old) {
            (Reason::InvalidSignature | Reason::AlgorithmMismatch, Some(keys)) => {
                Denial { reason: Reason::KeySetUnavailable(keys.retry_after(now)), ..*self.denial }
            }
            _ => *self.denial,
        }
    }

    /// What the request waits for: sets that are not there, and newer ones of those that were fetched before it arrived; some
    /// time before, if they have the token's `kid`.
    pub fn wait(&self) -> Wait {
        let may_change = |set: &&Awaited| {
            let age = if set.lacks_kid { 0 } else { SETTLED };
            set.keys.need() == Need::Set || set.keys.fetched_at().saturating_add(age) < self.arrival.at
        };
        let sets = self.search.awaited.iter().filter(may_change).map(|set| Arc::clone(&set.keys));
        Wait { sets: sets.collect(), body: self.arrival.body }
    }
}

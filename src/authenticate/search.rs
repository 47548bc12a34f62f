//! The search for the key that has signed a token.

use std::sync::Arc;

use super::{Denial, Reason};
use crate::{
    jwks::{Fetched, KeySet, Seen, VerificationKey},
    policy::{Credential, Keys},
    token::Timestamp,
};

/// How much verifying one request may cost, over all credentials and key sets, as [`Key::verification_cost`] counts: two
/// Ed448 signatures, or 25 on P-256. Forged signatures cost their sender nothing; without a bound, many keys of one issuer
/// would let a small request block a worker.
///
/// [`Key::verification_cost`]: crate::crypto::Key::verification_cost
pub const VERIFICATION_BUDGET: u32 = 100;

/// The search for the keys of a request's tokens, each over the credentials that it may be of.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The number of the token that it is about.
    pub(super) token: usize,
    /// Whether any key serves the token's algorithm.
    pub(super) fits: bool,
    /// The keys that were tried. A token may be compared with a set that replaces theirs.
    tried: Vec<Tried>,
    /// What trying them has cost.
    spent: u32,
    /// Whether a key was left that the budget did not suffice for.
    is_exhausted: bool,
    /// The sets of the token that a newer one may take the place of.
    sets: Vec<Awaited>,
    /// Those of all tokens that no key has signed: a newer one may have the key.
    pub(super) awaited: Vec<Awaited>,
    /// Whether the request has waited.
    pub(super) is_again: bool,
}

/// A key that was tried.
#[derive(Debug)]
struct Tried {
    /// The number of the token.
    token: usize,
    key: Arc<VerificationKey>,
    has_signed: bool,
}

/// A set of which a newer one may have the key of a token.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) seen: Seen,
    /// Whether it was not there.
    pub(super) is_missing: bool,
    /// Whether the set has not the token's `kid`. If it has, or the token has none, the issuer may still have put another key
    /// in the place of that; but then the refusal stands if no newer set can be had.
    pub(super) lacks_kid: bool,
}

impl Search {
    /// Goes on to another token. What the others have cost counts.
    pub(super) fn begin(&mut self, token: usize) {
        (self.token, self.fits, self.is_exhausted) = (token, false, false);
        self.sets.clear();
    }

    /// The keys of a credential, if they are there. Nothing is expected of a set for a token that names a revoked key.
    pub(super) fn keys(&mut self, credential: &Credential, kid: Option<&str>) -> Option<Arc<KeySet>> {
        let Keys::Remote(remote) = credential.keys() else { return credential.keys().current() };
        if kid.is_some_and(|kid| remote.is_revoked(kid)) {
            return remote.current();
        }
        let seen = Seen::new(Arc::clone(remote) as Arc<dyn Fetched>);
        let keys = remote.current();
        let lacks_kid = keys.as_ref().zip(kid).is_some_and(|(keys, kid)| !keys.has_kid(kid));
        self.sets.push(Awaited { seen, is_missing: keys.is_none(), lacks_kid });
        keys
    }

    /// The first of the keys that has signed the token. None is tried twice, not even one that two credentials share, or for a
    /// request that has waited.
    pub(super) fn find<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Arc<VerificationKey>>,
        verifies: impl Fn(&VerificationKey) -> bool,
    ) -> Option<Arc<VerificationKey>> {
        for key in keys {
            let has_signed = match self.outcome_of(key) {
                Some(known) => known,
                None if !self.affords(key) => return None,
                None => {
                    let has_signed = verifies(key);
                    self.tried.push(Tried { token: self.token, key: Arc::clone(key), has_signed });
                    has_signed
                }
            };
            if has_signed {
                return Some(Arc::clone(key));
            }
        }
        None
    }

    /// Whether a key that was tried has signed the token.
    fn outcome_of(&self, key: &Arc<VerificationKey>) -> Option<bool> {
        let mut tried = self.tried.iter().filter(|tried| tried.token == self.token);
        tried.find(|tried| Arc::ptr_eq(&tried.key, key)).map(|tried| tried.has_signed)
    }

    /// Notes that a token can be judged once something has arrived that was not there.
    pub(super) fn await_arrival(&mut self, of: Arc<dyn Fetched>) {
        self.awaited.push(Awaited { seen: Seen::missing(of), is_missing: true, lacks_kid: false });
    }

    /// The search anew, with what it has tried so far.
    pub(super) fn again(self) -> Self {
        Self { tried: self.tried, spent: self.spent, is_again: true, ..Self::default() }
    }

    /// Whether one more key may be tried. The first always may.
    fn affords(&mut self, key: &VerificationKey) -> bool {
        let spent = self.spent.saturating_add(key.key().verification_cost());
        let affords = self.spent == 0 || spent <= VERIFICATION_BUDGET;
        if affords {
            self.spent = spent;
        } else {
            self.is_exhausted = true;
        }
        affords
    }

    /// What it means that no key has verified the token.
    pub(super) fn in_vain(&mut self, first: &Credential, now: Timestamp) -> Denial {
        if self.is_exhausted {
            return Denial::of_consumer(first, Reason::VerificationBudget);
        }
        let reason = match self.sets.iter().find(|set| set.is_missing) {
            Some(Awaited { seen, .. }) => Reason::KeySetUnavailable(seen.set.retry_after(now)),
            None if self.fits => Reason::InvalidSignature,
            None => Reason::AlgorithmMismatch,
        };
        self.awaited.append(&mut self.sets);
        Denial::of_consumer(first, reason)
    }
}

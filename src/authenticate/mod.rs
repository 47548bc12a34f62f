//! The decision: policy, credentials, request and time give an outcome.

mod cache;
mod checks;
mod outcome;

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

pub use self::{
    cache::TokenCache,
    checks::Check,
    outcome::{Authenticated, Decision, Denial, Outcome, Reason},
};
use crate::{
    config::Config,
    crypto::Verifier,
    encoding::{
        UntrustedText,
        json::{Members, Raw},
    },
    jwks::{KeySet, Millis, Need, RemoteKeys, VerificationKey, Wait},
    policy::{Consumer, Credential, Keys, Policy},
    request::{Carriers, Request},
    token::{self, Compact, JwsError, Part, Times, Timestamp},
};

/// How much verifying one request may cost, over all credentials and key sets, as [`Key::verification_cost`] counts: two
/// Ed448 signatures, or 25 on P-256. Forged signatures cost their sender nothing; without a bound, many keys of one issuer
/// would let a small request block a worker.
///
/// [`Key::verification_cost`]: crate::crypto::Key::verification_cost
pub const VERIFICATION_BUDGET: u32 = 100;

/// How old a set must be, in milliseconds, that is fetched again because of a signature alone. Whoever sends forged tokens
/// so takes no more of the reserve of fetches than comes back, and leaves it to the keys that were rotated.
const SETTLED: Millis = 10_000;

/// Decides about requests by one configuration. Remembers the tokens that it has verified.
pub struct Authenticator<V> {
    config: Arc<Config>,
    verifier: V,
    cache: RefCell<TokenCache<VerifiedToken>>,
    cache_use: Cell<CacheUse>,
}

/// How often the cache was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// For a token that it knew.
    pub hits: u64,
    /// For a token that it did not know.
    pub misses: u64,
}

/// What a verified token says.
#[derive(Debug, Clone)]
struct VerifiedToken {
    /// The credential whose signature it has.
    credential: Arc<Credential>,
    /// The key that it was verified with.
    key: Arc<VerificationKey>,
    /// Its time claims.
    times: Times,
    /// What its credential depended on, [`Policy::lookup`]: elsewhere another may be its.
    lookup: usize,
    /// All its claims, a JSON object, where any policy uses them.
    payload: Option<Arc<str>>,
}

/// Why a token is not valid, and what might make it so.
struct Invalid {
    denial: Denial,
    search: Option<Search>,
}

/// A request whose token no key has signed that is there, while a key set may still bring one that has.
#[derive(Debug)]
pub struct Pending {
    denial: Denial,
    search: Search,
    arrival: Arrival,
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
    fn denial_at_last(self, now: Timestamp) -> Denial {
        let mut sets = self.search.sets.iter().filter(|set| set.lacks_kid).map(|set| &set.keys);
        let old = sets.find(|keys| keys.need() == Need::Kid && keys.fetched_at() < self.arrival.at);
        match (&self.denial.reason, old) {
            (Reason::InvalidSignature | Reason::AlgorithmMismatch, Some(keys)) => {
                Denial { reason: Reason::KeySetUnavailable(keys.retry_after(now)), ..self.denial }
            }
            _ => self.denial,
        }
    }

    /// What the request waits for: sets that are not there, and newer ones of those that were fetched before it arrived; some
    /// time before, if they have the token's `kid`.
    pub fn wait(&self) -> Wait {
        let may_change = |set: &&Awaited| {
            let age = if set.lacks_kid { 0 } else { SETTLED };
            set.keys.need() == Need::Set || set.keys.fetched_at().saturating_add(age) < self.arrival.at
        };
        let sets = self.search.sets.iter().filter(may_change).map(|set| Arc::clone(&set.keys));
        Wait { sets: sets.collect(), body: self.arrival.body }
    }
}

impl<V: Verifier> Authenticator<V> {
    /// Starts with an empty cache. Several may share a configuration.
    pub fn new(config: impl Into<Arc<Config>>, verifier: V) -> Self {
        let config = config.into();
        let cache = RefCell::new(TokenCache::new(config.token_cache));
        Self { config, verifier, cache, cache_use: Cell::default() }
    }

    /// What it decides by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What verifies signatures.
    pub fn verifier(&self) -> &V {
        &self.verifier
    }

    /// How often the cache was asked so far.
    pub fn cache_use(&self) -> CacheUse {
        self.cache_use.get()
    }

    /// Decides about a request at the time `now`, with the keys that are there.
    pub fn decide(&self, request: &impl Request, now: Timestamp) -> Decision<'_> {
        self.decide_or_wait(request, now).unwrap_or_else(|pending| self.give_up(request, now, pending))
    }

    /// Decides about a request at the time `now`.
    ///
    /// # Errors
    /// What the request should wait for: its token is not valid, and a key set that has yet to arrive may change that.
    pub fn decide_or_wait(&self, request: &impl Request, now: Timestamp) -> Result<Decision<'_>, Pending> {
        self.weigh(request, now, None)
    }

    /// Decides again about a request that has waited. Keys that have been tried are not tried again, and what they have cost
    /// counts.
    ///
    /// # Errors
    /// What the request should wait for now.
    pub fn decide_again(
        &self,
        request: &impl Request,
        now: Timestamp,
        pending: Pending,
    ) -> Result<Decision<'_>, Pending> {
        let arrival = pending.arrival;
        self.weigh(request, now, Some(pending.search.again())).map_err(|pending| pending.arriving(arrival))
    }

    /// Decides about a request that is not to wait any longer. Nothing is verified: what the request has come to is known.
    pub fn give_up(&self, request: &impl Request, now: Timestamp, pending: Pending) -> Decision<'_> {
        let policy = self.config.policy_for(request);
        self.decision(policy, without_token(policy, pending.denial_at_last(now)))
    }

    fn decision<'c>(&'c self, policy: &'c Policy, outcome: Outcome<'c>) -> Decision<'c> {
        Decision { policy, claim_headers: &self.config.claim_headers, outcome }
    }

    fn weigh(&self, request: &impl Request, now: Timestamp, search: Option<Search>) -> Result<Decision<'_>, Pending> {
        let policy = self.config.policy_for(request);
        if let Some(outcome) = self.without_authentication(policy, request) {
            return Ok(self.decision(policy, outcome));
        }
        match self.check(policy, request, now, search) {
            Ok(authenticated) => Ok(self.decision(policy, Outcome::Authenticated(authenticated))),
            Err(Invalid { denial, search: Some(search) }) => {
                Err(Pending { denial, search, arrival: Arrival { at: now.saturating_mul(1000), body: 0 } })
            }
            Err(Invalid { denial, search: None }) => Ok(self.decision(policy, without_token(policy, denial))),
        }
    }

    /// What becomes of a request whose token does not matter.
    fn without_authentication(&self, policy: &Policy, request: &impl Request) -> Option<Outcome<'_>> {
        if let Err(denial) = self.route_is_its_own(request) {
            return Some(Outcome::Denied(denial));
        }
        if policy.disabled {
            return Some(Outcome::Disabled);
        }
        (!policy.run_on_preflight && is_preflight(request)).then_some(Outcome::Preflight)
    }

    /// A proxy chooses the route again when the filter takes a header away. Where rules go by the route, a client must
    /// not be able to choose one by a header that will be gone: so it is refused what else is only overwritten.
    fn route_is_its_own(&self, request: &impl Request) -> Result<(), Denial> {
        if !self.config.rules.is_empty() {
            for name in self.config.own_headers() {
                if request.header(name).is_some() {
                    return Err(Reason::ForbiddenHeader(name.to_owned()).into());
                }
            }
        }
        Ok(())
    }

    /// Finds the request's token and checks it. What is in the cache is checked against the time all the same.
    fn check(
        &self,
        policy: &Policy,
        request: &impl Request,
        now: Timestamp,
        search: Option<Search>,
    ) -> Result<Authenticated, Invalid> {
        let carriers = Carriers::fetch(request, &policy.token_places);
        let token = carriers.token(&policy.token_places)?;
        let VerifiedToken { credential, times, payload, .. } = self.verified(policy, &token, now, search)?;

        let deny = |reason| Denial::of_consumer(&credential, reason);
        times.check(policy.time_checks, now).map_err(|faults| deny(Reason::Claims(faults)))?;
        let claim_headers = if policy.uses_claims() {
            let payload = payload.as_deref().unwrap_or_default();
            let claims = Members::parse(payload).map_err(|_| deny(JwsError::NotAnObject(Part::Payload).into()))?;
            check_claims(policy, credential.consumer(), &claims).map_err(deny)?;
            policy.forwarding.headers(payload, &claims)
        } else {
            check_access(policy, credential.consumer()).map_err(deny)?;
            Vec::new()
        };
        Ok(Authenticated::new(credential, claim_headers))
    }

    /// A token that is verified, but for the time: now, or when it came before, for as long as its key is not removed.
    fn verified(
        &self,
        policy: &Policy,
        token: &[u8],
        now: Timestamp,
        search: Option<Search>,
    ) -> Result<VerifiedToken, Invalid> {
        let stands = |known: &&VerifiedToken| known.lookup == policy.lookup && !known.key.is_removed();
        let known = self.cache.borrow_mut().get(token).filter(stands).cloned();
        let CacheUse { hits, misses } = self.cache_use.get();
        if let Some(verified) = known {
            self.cache_use.set(CacheUse { hits: hits.saturating_add(1), misses });
            return Ok(verified);
        }
        // A request that has waited was counted before.
        let new_miss = u64::from(search.is_none());
        self.cache_use.set(CacheUse { hits, misses: misses.saturating_add(new_miss) });
        let verified = self.verify(policy, token, now, search.unwrap_or_default())?;
        let beside = verified.payload.as_ref().map_or(0, |payload| payload.len());
        self.cache.borrow_mut().insert(token, verified.clone(), beside);
        Ok(verified)
    }

    /// Verifies a token, but for the time. The checks stand in the order of [`Check`].
    fn verify(
        &self,
        policy: &Policy,
        token: &[u8],
        now: Timestamp,
        mut search: Search,
    ) -> Result<VerifiedToken, Invalid> {
        let compact = Compact::decode(token)?;
        let jws = compact.parse()?;
        let algorithm = jws.algorithm().ok_or(Reason::UnsupportedAlgorithm)?;
        if let Some(name) = jws.unsupported_header() {
            return Err(Reason::UnsupportedHeader(name).into());
        }

        let claim = jws.claim_or_header(&policy.key_claim_name).ok_or(Reason::NoKeyClaim)?;
        let identifier = claim.string().filter(|text| !text.is_empty()).ok_or(Reason::InvalidKeyClaim)?;
        let credentials = self.config.credentials_for(policy).identified_by(&identifier);
        let mut credentials = credentials.iter().filter(|credential| credential.expects(&jws.claims)).peekable();
        let unknown = || Reason::UnknownIdentifier(UntrustedText::new(&identifier));
        let first = Arc::clone(credentials.peek().ok_or_else(unknown)?);

        let kid = jws.header.get("kid").and_then(Raw::string);
        for credential in credentials {
            let Some(algorithm) = credential.algorithm_for(algorithm) else { continue };
            let Some(keys) = search.keys(credential, kid.as_deref()) else { continue };
            search.fits |= keys.serves(algorithm);
            let verifies = |key: &VerificationKey| {
                self.verifier.verify(key.key(), key.prepared(), algorithm, jws.signing_input, jws.signature)
            };
            if let Some(key) = search.find(keys.candidates(algorithm, kid.as_deref()), verifies) {
                return Ok(VerifiedToken {
                    credential: Arc::clone(credential),
                    key,
                    times: Times::of(&jws.claims),
                    lookup: policy.lookup,
                    payload: self.config.uses_claims().then(|| jws.payload.into()),
                });
            }
        }
        Err(search.in_vain(&first, now))
    }
}

/// The search for the key of a token, over the credentials that it may be of.
#[derive(Debug, Default)]
struct Search {
    /// Whether any key serves the token's algorithm.
    fits: bool,
    /// The keys that have not signed the token. It may be compared with a set that replaces theirs.
    tried: Vec<Arc<VerificationKey>>,
    /// What trying them has cost.
    spent: u32,
    /// Whether a key was left that the budget did not suffice for.
    is_exhausted: bool,
    /// Sets that a newer one may take the place of, which has the key.
    sets: Vec<Awaited>,
}

/// A set of which a newer one may have the key of a token.
#[derive(Debug)]
struct Awaited {
    keys: Arc<RemoteKeys>,
    /// Whether the set has not the token's `kid`. If it has, or the token has none, the issuer may still have put another key
    /// in the place of that; but then the refusal stands if no newer set can be had.
    lacks_kid: bool,
}

impl Search {
    /// The keys of a credential, if they are there. Nothing is expected of a set for a token that names a revoked key.
    fn keys(&mut self, credential: &Credential, kid: Option<&str>) -> Option<Arc<KeySet>> {
        let keys = credential.keys().current();
        if let Keys::Remote(remote) = credential.keys()
            && !kid.is_some_and(|kid| remote.is_revoked(kid))
        {
            let lacks_kid = keys.as_ref().zip(kid).is_some_and(|(keys, kid)| !keys.has_kid(kid));
            self.sets.push(Awaited { keys: Arc::clone(remote), lacks_kid });
        }
        keys
    }

    /// The first of the keys that has signed the token. Keys that were tried before are passed by, also those that two
    /// credentials share.
    fn find<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Arc<VerificationKey>>,
        verifies: impl Fn(&VerificationKey) -> bool,
    ) -> Option<Arc<VerificationKey>> {
        for key in keys {
            if self.tried.iter().any(|tried| Arc::ptr_eq(tried, key)) {
                continue;
            }
            if !self.affords(key) {
                return None;
            }
            if verifies(key) {
                return Some(Arc::clone(key));
            }
            self.tried.push(Arc::clone(key));
        }
        None
    }

    /// The search anew, with what it has tried so far.
    fn again(self) -> Self {
        Self { tried: self.tried, spent: self.spent, ..Self::default() }
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
    fn in_vain(self, first: &Credential, now: Timestamp) -> Invalid {
        if self.is_exhausted {
            return Denial::of_consumer(first, Reason::VerificationBudget).into();
        }
        let reason = match self.sets.iter().map(|set| &set.keys).find(|keys| keys.need() == Need::Set) {
            Some(keys) => Reason::KeySetUnavailable(keys.retry_after(now)),
            None if self.fits => Reason::InvalidSignature,
            None => Reason::AlgorithmMismatch,
        };
        let search = (!self.sets.is_empty()).then_some(self);
        Invalid { denial: Denial::of_consumer(first, reason), search }
    }
}

impl<D: Into<Denial>> From<D> for Invalid {
    fn from(denial: D) -> Self {
        Self { denial: denial.into(), search: None }
    }
}

/// Whether a browser asks whether it may send a request (Fetch standard, CORS-preflight request). Any other `OPTIONS` may do
/// whatever the service makes of it, such as a method that another header names.
fn is_preflight(request: &impl Request) -> bool {
    request.method().is_some_and(|method| *method == *b"OPTIONS")
        && request.header("origin").is_some()
        && request.header("access-control-request-method").is_some()
}

/// What becomes of a request whose authentication failed. `allow` and `deny` hold for the anonymous consumer as well.
fn without_token(policy: &Policy, denial: Denial) -> Outcome<'_> {
    match &policy.anonymous {
        Some(consumer) if !denial.reason.is_of_known_caller() => match check_access(policy, consumer) {
            Ok(()) => Outcome::Anonymous { consumer, denial },
            Err(reason) => Outcome::Denied(Denial {
                reason,
                consumer: Some(Arc::clone(consumer)),
                before_anonymous: Some(Box::new(denial.reason)),
            }),
        },
        _ => Outcome::Denied(denial),
    }
}

/// Checks what a policy demands of the claims, and of the consumer, in the order of [`Check`].
fn check_claims(policy: &Policy, consumer: &Consumer, claims: &Members) -> Result<(), Reason> {
    if !policy.audiences.is_empty() && !token::is_for_audience(claims, &policy.audiences) {
        return Err(Reason::Audience);
    }
    check_access(policy, consumer)?;
    match policy.required_claims.iter().find(|required| !required.is_met_by(claims)) {
        Some(required) => Err(Reason::InsufficientClaims(Arc::clone(required))),
        None => Ok(()),
    }
}

fn check_access(policy: &Policy, consumer: &Consumer) -> Result<(), Reason> {
    if policy.access.admits(consumer) { Ok(()) } else { Err(Reason::NotAllowed) }
}

//! The decision: policy, credentials, request and time give an outcome.

mod cache;
mod checks;
mod on_route;
mod outcome;
mod pending;
mod search;

use std::{
    cell::{Cell, RefCell},
    iter,
    sync::Arc,
};

use self::search::Search;
pub use self::{
    cache::TokenCache,
    checks::Check,
    on_route::OnRoute,
    outcome::{Authenticated, Decision, Denial, Outcome, Reason},
    pending::{Arrival, Pending},
    search::VERIFICATION_BUDGET,
};
use crate::{
    config::Config,
    crypto::Verifier,
    encoding::{
        UntrustedText,
        json::{Members, Raw},
    },
    jwks::{Fetched, VerificationKey},
    policy::{Consumer, Credential, Demands, Policy},
    request::{Carriers, FoundToken, Request},
    revocation::{Marks, Revocation, Revocations},
    sender::{Binding, Checker, NoMemory, Presented, ReplayMemory},
    token::{Compact, JwsError, Part, Times, Timestamp, TokenType},
};

/// Decides about requests by one configuration. Remembers the tokens that it has verified.
pub struct Authenticator<V> {
    config: Arc<Config>,
    verifier: V,
    proofs: Box<dyn ReplayMemory>,
    cache: RefCell<TokenCache<VerifiedToken>>,
    cache_use: Cell<CacheUse>,
    keeps: Keeps,
}

/// What is kept of a verified token beside its time claims.
#[derive(Debug, Clone, Copy)]
struct Keeps {
    claims: bool,
    token_type: bool,
    marks: bool,
}

impl Keeps {
    /// What a policy looks at, which may be that of a route and none of the configuration's.
    fn of(policy: &Policy) -> Self {
        Self { claims: policy.uses_claims(), token_type: !policy.demands.token_types.is_empty(), marks: false }
    }

    fn and(self, other: Self) -> Self {
        Self {
            claims: self.claims || other.claims,
            token_type: self.token_type || other.token_type,
            marks: self.marks || other.marks,
        }
    }

    /// Whether nothing is left to be asked for.
    fn covers(self, wanted: Self) -> bool {
        (self.claims || !wanted.claims) && (self.token_type || !wanted.token_type) && (self.marks || !wanted.marks)
    }
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
    /// What it is bound to.
    binding: Binding,
    /// What its credential depended on, [`Policy::lookup`]: elsewhere another may be its.
    lookup: usize,
    /// Whether its parts end with padding, which a token may have in some places only.
    is_padded: bool,
    /// What is known of it beside, for any policy or credential that looks at it.
    kept: Keeps,
    /// Its type.
    token_type: Option<TokenType>,
    /// What it may be revoked by, where anything is.
    marks: Option<Marks>,
    /// All its claims, a JSON object.
    payload: Option<Arc<str>>,
}

impl VerifiedToken {
    /// How many bytes it keeps alive elsewhere.
    fn size_beside(&self) -> usize {
        let token_type = self.token_type.as_ref().map_or(0, |it| it.as_str().len());
        let marks = self.marks.as_ref().map_or(0, Marks::size);
        self.payload.as_ref().map_or(0, |payload| payload.len()).saturating_add(token_type).saturating_add(marks)
    }
}

impl<V: Verifier> Authenticator<V> {
    /// Starts with an empty cache. Several may share a configuration. It takes no proof of possession before it
    /// [remembers](Self::remembering) those that were used.
    pub fn new(config: impl Into<Arc<Config>>, verifier: V) -> Self {
        let config = config.into();
        let cache = RefCell::new(TokenCache::new(config.token_cache));
        let keeps = Keeps {
            claims: config.uses_claims(),
            token_type: config.uses_token_types(),
            marks: config.revocations.are_any(),
        };
        Self { config, verifier, proofs: Box::new(NoMemory), cache, cache_use: Cell::default(), keeps }
    }

    /// The same with a memory of the proofs of possession that were used, the same one for all workers.
    pub fn remembering(self, proofs: impl ReplayMemory + 'static) -> Self {
        Self { proofs: Box::new(proofs), ..self }
    }

    /// What it decides by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The consumers and credentials of what it decides by, if nobody else does: see [`Config::take_callers`].
    pub fn take_callers(&mut self) -> Option<impl Send + use<V>> {
        Config::take_callers(&mut self.config)
    }

    /// What verifies signatures.
    pub fn verifier(&self) -> &V {
        &self.verifier
    }

    /// How often the cache was asked so far.
    pub fn cache_use(&self) -> CacheUse {
        self.cache_use.get()
    }

    /// Decides about requests whose route has a policy of its own, if it has one: it takes the place of those of the
    /// configuration, over which it must have been read.
    pub fn on_route<'c>(&'c self, policy: Option<&'c Policy>) -> OnRoute<'c, V> {
        OnRoute::new(self, policy)
    }

    /// Decides about a request at the time `now`, with the keys that are there.
    pub fn decide(&self, request: &impl Request, now: Timestamp) -> Decision<'_> {
        self.on_route(None).decide(request, now)
    }

    /// Decides about a request at the time `now`.
    ///
    /// # Errors
    /// What the request should wait for: its token is not valid, and a key set that has yet to arrive may change that.
    pub fn decide_or_wait(&self, request: &impl Request, now: Timestamp) -> Result<Decision<'_>, Pending> {
        self.on_route(None).decide_or_wait(request, now)
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
        self.on_route(None).decide_again(request, now, pending)
    }

    /// Decides about a request that is not to wait any longer. Nothing is verified: what the request has come to is known.
    pub fn give_up(&self, request: &impl Request, now: Timestamp, pending: Pending) -> Decision<'_> {
        self.on_route(None).give_up(request, now, pending)
    }

    /// Finds the request's token and checks it.
    fn check(
        &self,
        policy: &Policy,
        request: &impl Request,
        now: Timestamp,
        search: &mut Search,
    ) -> Result<Authenticated, Denial> {
        let carriers = Carriers::fetch(request, &policy.token_places);
        if policy.token_places.first_valid {
            return self.check_each(policy, request, &carriers.distinct_tokens()?, now, search);
        }
        self.check_token(policy, request, &carriers.token()?, now, search)
    }

    /// Checks one token after the other until one is valid, all within the budget of one request. If none is, the refusal is
    /// that of the first, or rather of one that a key set may still make valid.
    fn check_each(
        &self,
        policy: &Policy,
        request: &impl Request,
        tokens: &[FoundToken],
        now: Timestamp,
        search: &mut Search,
    ) -> Result<Authenticated, Denial> {
        let mut refused: Option<(usize, Denial)> = None;
        for (number, token) in tokens.iter().enumerate() {
            let is_decided = search.awaited.is_empty();
            search.begin(number);
            let denial = match self.check_token(policy, request, token, now, search) {
                Err(denial) if !denial.reason.is_of_known_caller() => denial,
                of_known_caller => return of_known_caller,
            };
            if refused.is_none() || (is_decided && !search.awaited.is_empty()) {
                refused = Some((number, denial));
            }
        }
        let (number, denial) = refused.ok_or(Reason::NoToken)?;
        search.token = number;
        Err(denial)
    }

    /// Checks a token. What is in the cache is checked against the time all the same.
    fn check_token(
        &self,
        policy: &Policy,
        request: &impl Request,
        token: &FoundToken,
        now: Timestamp,
        search: &mut Search,
    ) -> Result<Authenticated, Denial> {
        let verified = self.verified(policy, token, now, search)?;
        let presented = Presented { request, token: &token.octets, scheme: token.place.scheme(), at: now };
        let longest_window = self.config.longest_proof_window;
        let checker = Checker { verifier: &self.verifier, memory: self.proofs.as_ref(), longest_window };
        admit(policy, &self.config.revocations, &verified, &presented, &checker).map_err(|reason| {
            if let (Reason::RevocationsUnavailable(_), Some(list)) = (&reason, &self.config.revocations.list) {
                search.await_arrival(Arc::clone(list) as Arc<dyn Fetched>);
            }
            Denial::of_token(&verified.credential, reason)
        })
    }

    /// A token that is verified, but for the time: now, or when it came before, for as long as its key is not removed.
    fn verified(
        &self,
        policy: &Policy,
        token: &FoundToken,
        now: Timestamp,
        search: &mut Search,
    ) -> Result<VerifiedToken, Denial> {
        let stands = |known: &&VerifiedToken| {
            known.lookup == policy.lookup
                && !known.key.is_removed()
                && (!known.is_padded || token.place.may_be_padded())
                && known.kept.covers(Keeps::of(policy))
        };
        let known = self.cache.borrow_mut().get(&token.octets).filter(stands).cloned();
        let CacheUse { hits, misses } = self.cache_use.get();
        if let Some(verified) = known {
            self.cache_use.set(CacheUse { hits: hits.saturating_add(1), misses });
            return Ok(verified);
        }
        // A request that has waited was counted before.
        let new_miss = u64::from(!search.is_again);
        self.cache_use.set(CacheUse { hits, misses: misses.saturating_add(new_miss) });
        let verified = self.verify(policy, token, now, search)?;
        let beside = verified.size_beside();
        self.cache.borrow_mut().insert(&token.octets, verified.clone(), beside);
        Ok(verified)
    }

    /// Verifies a token, but for the time. The checks stand in the order of [`Check`].
    fn verify(
        &self,
        policy: &Policy,
        token: &FoundToken,
        now: Timestamp,
        search: &mut Search,
    ) -> Result<VerifiedToken, Denial> {
        let kept = self.keeps.and(Keeps::of(policy));
        let compact = Compact::decode(&token.octets, token.place.may_be_padded())?;
        let jws = compact.parse()?;
        let algorithm = jws.algorithm().ok_or(Reason::UnsupportedAlgorithm)?;
        let signature = jws.signature()?;
        if let Some(name) = jws.unsupported_header() {
            return Err(Reason::UnsupportedHeader(name).into());
        }

        let claim = policy.key_claim_name.find(&jws).ok_or(Reason::NoKeyClaim)?;
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
                self.verifier.verify(key.key(), key.prepared(), algorithm, jws.signing_input, signature)
            };
            if let Some(key) = search.find(keys.candidates(algorithm, kid.as_deref()), verifies) {
                return Ok(VerifiedToken {
                    credential: Arc::clone(credential),
                    key,
                    times: Times::of(&jws.claims),
                    binding: Binding::of(&jws.claims),
                    lookup: policy.lookup,
                    is_padded: token.octets.contains(&b'='),
                    kept,
                    token_type: if kept.token_type { jws.token_type() } else { None },
                    marks: kept.marks.then(|| Marks::of(&jws.claims, credential)),
                    payload: kept.claims.then(|| jws.payload.into()),
                });
            }
        }
        Err(search.in_vain(&first, now))
    }
}

/// Checks what policy and credential demand of a verified token, and of its consumer, in the order of [`Check`].
fn admit<R: Request, V: Verifier>(
    policy: &Policy,
    revocations: &Revocations,
    token: &VerifiedToken,
    presented: &Presented<R>,
    checker: &Checker<V>,
) -> Result<Authenticated, Reason> {
    let VerifiedToken { credential, times, binding, marks, .. } = token;
    times.check(credential.time_checks(policy.time_checks), presented.at).map_err(Reason::Claims)?;
    if let Some(marks) = marks {
        revocations.check(marks, times.issued_at()).map_err(|revocation| match revocation {
            Revocation::Revoked => Reason::Revoked,
            Revocation::Unknown(list) => Reason::RevocationsUnavailable(list.retry_after(presented.at)),
        })?;
    }
    let proof = policy.sender.check(binding, presented, checker).map_err(Reason::Sender)?;
    let authenticated = admit_claims(policy, token)?;
    // Last of all: a request that is refused, or waits, must not have used its proof up.
    proof.map_or(Ok(()), |proof| proof.spend(checker, presented.at)).map_err(Reason::Sender)?;
    Ok(authenticated)
}

/// Checks what policy and credential demand of a verified token that may be used now, and of its consumer.
fn admit_claims(policy: &Policy, token: &VerifiedToken) -> Result<Authenticated, Reason> {
    let VerifiedToken { credential, token_type, payload, .. } = token;
    let demands = || iter::once(&policy.demands).chain(credential.demands());
    if !demands().all(|it| it.admit_type(token_type.as_ref())) {
        return Err(Reason::TokenType);
    }
    let authenticated = |claims| Authenticated::new(Arc::clone(credential), policy, claims);
    if !policy.passes_claims_on() && !demands().any(Demands::use_claims) {
        return check_access(policy, credential.consumer()).map(|()| authenticated(None));
    }
    let payload = payload.as_ref().ok_or(JwsError::NotAnObject(Part::Payload))?;
    let claims = Members::parse(payload).map_err(|_| JwsError::NotAnObject(Part::Payload))?;
    if let Some(missing) = demands().find_map(|it| it.missing_claim(&claims)) {
        return Err(Reason::MissingClaim(Arc::clone(missing)));
    }
    if !demands().all(|it| it.admit_audience(&claims)) {
        return Err(Reason::Audience);
    }
    check_access(policy, credential.consumer())?;
    if !demands().all(|it| it.admit_subject(&claims)) {
        return Err(Reason::Subject);
    }
    if let Some(unmet) = demands().find_map(|it| it.unmet(&claims)) {
        return Err(Reason::InsufficientClaims(Arc::clone(unmet)));
    }
    Ok(authenticated(Some((payload, &claims))))
}

/// The anonymous consumer that is in no group is nobody in particular: as the gateway's ACL plugin does, the client is asked to
/// say who it is, unless `deny` means this consumer.
fn check_anonymous(policy: &Policy, consumer: &Consumer) -> Result<(), Reason> {
    let is_nobody = consumer.groups.names().is_empty() && !policy.access.denies(consumer);
    check_access(policy, consumer).map_err(|reason| if is_nobody { Reason::AnonymousWithoutGroup } else { reason })
}

fn check_access(policy: &Policy, consumer: &Consumer) -> Result<(), Reason> {
    if policy.access.admits(consumer) { Ok(()) } else { Err(Reason::NotAllowed) }
}

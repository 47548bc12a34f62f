//! The decision: policy, credentials, request and time give an outcome.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
};

use crate::{
    claim_checks::{self, RequiredClaim},
    claims::{ClaimFault, ClaimFaults, Times, Timestamp},
    config::Config,
    consumer::{Consumer, Credential, Keys},
    identity,
    json::{Members, Raw},
    jws::{Compact, JwsError, Part},
    key_set::{KeySet, VerificationKey},
    policy::Policy,
    remote_keys::{Need, RemoteKeys, Wait},
    request::{Carriers, NotOneToken, Request},
    token_cache::TokenCache,
    upstream::Header,
    verifier::Verifier,
};

/// A request decided: what is to be done with it, and by which policy. All that follows, for the upstream, the client and
/// the operators, follows from this alone.
#[derive(Debug)]
pub struct Decision<'c> {
    /// What the request was measured by.
    pub policy: &'c Policy,
    /// The headers that any policy fills with claims: those that do not apply must not come from the client either.
    pub claim_headers: &'c [Rc<str>],
    /// What is to be done with it.
    pub outcome: Outcome<'c>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Outcome<'c> {
    /// It goes upstream as its token's consumer.
    Authenticated(Authenticated),
    /// Authentication failed; it goes upstream as the anonymous consumer.
    Anonymous {
        /// The consumer of the policy's `anonymous`.
        consumer: &'c Consumer,
        /// Why authentication failed.
        denial: Denial,
    },
    /// It is a preflight request that needs no token.
    Preflight,
    /// No token is asked for where it goes.
    Disabled,
    /// It is refused.
    Denied(Denial),
}

impl Outcome<'_> {
    /// A name that never changes: `authenticated`, `anonymous`, `preflight`, `disabled`, or `denied.` with the name of
    /// the reason.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Authenticated(_) => "authenticated".into(),
            Self::Anonymous { .. } => "anonymous".into(),
            Self::Preflight => "preflight".into(),
            Self::Disabled => "disabled".into(),
            Self::Denied(denial) => format!("denied.{}", denial.reason.name()).into(),
        }
    }

    /// Who calls, if that is known.
    pub fn consumer(&self) -> Option<&Consumer> {
        match self {
            Self::Authenticated(authenticated) => Some(authenticated.credential.consumer()),
            Self::Anonymous { consumer, .. } => Some(consumer),
            Self::Denied(denial) if denial.reason.is_of_known_caller() => denial.consumer.as_deref(),
            Self::Preflight | Self::Disabled | Self::Denied(_) => None,
        }
    }
}

/// Proof that a request carried a valid token. Only this module can make one.
#[derive(Debug, Clone)]
pub struct Authenticated {
    credential: Rc<Credential>,
    claim_headers: Vec<Header>,
}

impl Authenticated {
    /// The credential that the token was signed with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The headers that the policy makes of the token's claims.
    pub fn claim_headers(&self) -> &[Header] {
        &self.claim_headers
    }
}

/// A refusal: the reason and, where the token named one, whose credential it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The consumer that the token named; not proven to be the caller unless [`Reason::is_of_known_caller`].
    pub consumer: Option<Rc<Consumer>>,
}

/// Why a request is refused, in the order in which it is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The client sent a header that only the filter may write, and so may have chosen whose rule applies: its name.
    ForbiddenHeader(String),
    /// No place holds a token.
    NoToken,
    /// The places hold different tokens.
    MultipleTokens,
    /// The token is no compact JWS of JSON objects.
    Malformed(JwsError),
    /// `alg` is missing, not a string, or not a supported algorithm.
    UnsupportedAlgorithm,
    /// The header asks for an extension: the name of its parameter.
    UnsupportedHeader(&'static str),
    /// Neither claims nor header have the key claim.
    NoKey,
    /// The key claim is empty or not a string.
    InvalidKey,
    /// No credential has the token's key.
    UnknownKey(UntrustedText),
    /// The token's `alg` is that of none of its key's credentials.
    AlgorithmMismatch,
    /// A key set that the token may need is not there; in so many seconds it may be.
    KeySetUnavailable(u32),
    /// The signature is that of none of its key's credentials.
    InvalidSignature,
    /// A time claim does not allow it.
    Claims(ClaimFaults),
    /// The token is meant for another audience.
    Audience,
    /// `allow` and `deny` do not let the consumer through.
    NotAllowed,
    /// The claims do not hold what is required.
    InsufficientClaims(Rc<RequiredClaim>),
}

impl Reason {
    /// The names of all reasons, in the order of the variants.
    pub const NAMES: [&str; 19] = [
        "forbidden_header",
        "no_token",
        "multiple_tokens",
        "malformed_token",
        "unsupported_algorithm",
        "unsupported_header",
        "no_key_claim",
        "invalid_key_claim",
        "unknown_key",
        "algorithm_mismatch",
        "key_set_unavailable",
        "invalid_signature",
        "invalid_time_claim",
        "expired",
        "not_valid_yet",
        "lifetime_too_long",
        "audience",
        "not_allowed",
        "insufficient_claims",
    ];

    /// A short name that never changes and holds nothing of a request: for metrics, logs and filter state. Of several
    /// claims at fault it is the first one's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ForbiddenHeader(_) => "forbidden_header",
            Self::NoToken => "no_token",
            Self::MultipleTokens => "multiple_tokens",
            Self::Malformed(_) => "malformed_token",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnsupportedHeader(_) => "unsupported_header",
            Self::NoKey => "no_key_claim",
            Self::InvalidKey => "invalid_key_claim",
            Self::UnknownKey(_) => "unknown_key",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::KeySetUnavailable(_) => "key_set_unavailable",
            Self::InvalidSignature => "invalid_signature",
            Self::Claims(faults) => match faults.iter().next() {
                Some((_, ClaimFault::Expired)) => "expired",
                Some((_, ClaimFault::NotValidYet)) => "not_valid_yet",
                Some((_, ClaimFault::TooFarOff)) => "lifetime_too_long",
                Some((_, ClaimFault::NotANumber)) | None => "invalid_time_claim",
            },
            Self::Audience => "audience",
            Self::NotAllowed => "not_allowed",
            Self::InsufficientClaims(_) => "insufficient_claims",
        }
    }

    /// Whether it is known who calls, and it is that caller who may not.
    pub fn is_of_known_caller(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::InsufficientClaims(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::ForbiddenHeader(name) => write!(formatter, "the client sent the header {name}"),
            Self::NoToken => formatter.write_str("no token"),
            Self::MultipleTokens => formatter.write_str("Multiple tokens provided"),
            Self::Malformed(error) => write!(formatter, "Bad token; {error}"),
            Self::UnsupportedAlgorithm => formatter.write_str("Bad token; invalid alg"),
            Self::UnsupportedHeader(name) => write!(formatter, "Bad token; invalid {name}"),
            Self::NoKey => formatter.write_str("no key claim"),
            Self::InvalidKey => formatter.write_str("the key claim is empty or not a string"),
            Self::UnknownKey(key) => write!(formatter, "No credentials found for {key}"),
            Self::AlgorithmMismatch => formatter.write_str("Invalid algorithm"),
            Self::KeySetUnavailable(_) => formatter.write_str("Key set unavailable"),
            Self::InvalidSignature => formatter.write_str("Invalid signature"),
            Self::Claims(faults) => faults.fmt(formatter),
            Self::Audience => formatter.write_str("aud: not allowed"),
            Self::NotAllowed => formatter.write_str("the consumer is not allowed"),
            Self::InsufficientClaims(required) => write!(formatter, "Insufficient claims: {required}"),
        }
    }
}

/// A text that anybody may have written. It is shown escaped and cut off, so that it can neither forge nor flood a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedText(String);

impl UntrustedText {
    const MAX_CHARS: usize = 100;

    /// Takes a text as it came.
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(Self::MAX_CHARS).collect())
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

/// Decides about requests by one configuration. Remembers the tokens that it has verified.
pub struct Authenticator<V> {
    config: Config,
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
    credential: Rc<Credential>,
    /// The key that it was verified with.
    key: Rc<VerificationKey>,
    /// Its time claims.
    times: Times,
    /// What its credential depended on, [`Policy::lookup`]: elsewhere another may be its.
    lookup: usize,
    /// All its claims, a JSON object, where any policy uses them.
    payload: Option<Rc<str>>,
}

/// Why a token is not valid, and what might make it so.
struct Invalid {
    denial: Denial,
    wait: Option<Wait>,
}

impl<V: Verifier> Authenticator<V> {
    /// Starts with an empty cache.
    pub fn new(config: Config, verifier: V) -> Self {
        let cache = RefCell::new(TokenCache::new(config.token_cache));
        Self { config, verifier, cache, cache_use: Cell::default() }
    }

    /// What it decides by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How often the cache was asked so far.
    pub fn cache_use(&self) -> CacheUse {
        self.cache_use.get()
    }

    /// Decides about a request at the time `now`, with the keys that are there.
    pub fn decide(&self, request: &impl Request, now: Timestamp) -> Decision<'_> {
        self.weigh(request, now).0
    }

    /// Decides about a request at the time `now`.
    ///
    /// # Errors
    /// What the request should wait for: its token is not valid, and a key set that has yet to arrive may change that.
    pub fn decide_or_wait(&self, request: &impl Request, now: Timestamp) -> Result<Decision<'_>, Wait> {
        match self.weigh(request, now) {
            (_, Some(wait)) => Err(wait),
            (decision, None) => Ok(decision),
        }
    }

    fn weigh(&self, request: &impl Request, now: Timestamp) -> (Decision<'_>, Option<Wait>) {
        let policy = self.config.policy_for(request);
        let mut wait = None;
        let outcome = self.outcome(policy, request, now, &mut wait);
        (Decision { policy, claim_headers: &self.config.claim_headers, outcome }, wait)
    }

    fn outcome<'c>(
        &'c self,
        policy: &'c Policy,
        request: &impl Request,
        now: Timestamp,
        wait: &mut Option<Wait>,
    ) -> Outcome<'c> {
        if let Err(denial) = self.route_is_its_own(request) {
            return Outcome::Denied(denial);
        }
        if policy.disabled {
            return Outcome::Disabled;
        }
        if !policy.run_on_preflight && request.method().is_some_and(|method| *method == *b"OPTIONS") {
            return Outcome::Preflight;
        }
        match self.check(policy, request, now) {
            Ok(authenticated) => Outcome::Authenticated(authenticated),
            Err(invalid) => {
                *wait = invalid.wait;
                without_token(policy, invalid.denial)
            }
        }
    }

    /// A proxy chooses the route again when the filter takes a header away. Where rules go by the route, a client must
    /// not be able to choose one by a header that will be gone: so it is refused what else is only overwritten.
    fn route_is_its_own(&self, request: &impl Request) -> Result<(), Denial> {
        if self.config.rules.is_empty() {
            return Ok(());
        }
        let names = identity::NAMES.into_iter().chain(self.config.claim_headers.iter().map(AsRef::as_ref));
        match names.into_iter().find(|name| request.header(name).is_some()) {
            Some(name) => Err(Reason::ForbiddenHeader(name.to_owned()).into()),
            None => Ok(()),
        }
    }

    /// Finds the request's token and checks it. What is in the cache is checked against the time all the same.
    fn check(&self, policy: &Policy, request: &impl Request, now: Timestamp) -> Result<Authenticated, Invalid> {
        let carriers = Carriers::fetch(request, &policy.token_places);
        let token = carriers.token(&policy.token_places)?;
        let VerifiedToken { credential, times, payload, .. } = self.verified(policy, &token, now)?;

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
        Ok(Authenticated { credential, claim_headers })
    }

    /// A token that is verified, but for the time: now, or when it came before, for as long as its key is not removed.
    fn verified(&self, policy: &Policy, token: &[u8], now: Timestamp) -> Result<VerifiedToken, Invalid> {
        let stands = |known: &&VerifiedToken| known.lookup == policy.lookup && !known.key.is_removed();
        let known = self.cache.borrow_mut().get(token).filter(stands).cloned();
        let CacheUse { hits, misses } = self.cache_use.get();
        if let Some(verified) = known {
            self.cache_use.set(CacheUse { hits: hits.saturating_add(1), misses });
            return Ok(verified);
        }
        self.cache_use.set(CacheUse { hits, misses: misses.saturating_add(1) });
        let verified = self.verify(policy, token, now)?;
        let beside = verified.payload.as_ref().map_or(0, |payload| payload.len());
        self.cache.borrow_mut().insert(token, verified.clone(), beside);
        Ok(verified)
    }

    /// Verifies a token, but for the time. The checks stand in the order in which their answers take precedence.
    fn verify(&self, policy: &Policy, token: &[u8], now: Timestamp) -> Result<VerifiedToken, Invalid> {
        let compact = Compact::decode(token)?;
        let jws = compact.parse()?;
        let algorithm = jws.algorithm().ok_or(Reason::UnsupportedAlgorithm)?;
        if let Some(name) = jws.unsupported_header() {
            return Err(Reason::UnsupportedHeader(name).into());
        }

        let key = jws.claim_or_header(&policy.key_claim_name).ok_or(Reason::NoKey)?;
        let key = key.string().filter(|key| !key.is_empty()).ok_or(Reason::InvalidKey)?;
        let credentials = self.config.credentials_for(policy).with_key(&key);
        let Some(first) = credentials.first() else { return Err(Reason::UnknownKey(UntrustedText::new(&key)).into()) };

        let kid = jws.header.get("kid").and_then(Raw::string);
        let mut search = Search::default();
        for credential in credentials.iter().filter(|credential| credential.allows(algorithm)) {
            let Some(keys) = search.keys(credential, kid.as_deref()) else { continue };
            search.fits |= keys.serves(algorithm);
            let verifies =
                |it: &&Rc<VerificationKey>| self.verifier.verify(it.key(), algorithm, jws.signing_input, jws.signature);
            if let Some(key) = keys.candidates(algorithm, kid.as_deref()).find(verifies) {
                return Ok(VerifiedToken {
                    credential: Rc::clone(credential),
                    key: Rc::clone(key),
                    times: Times::of(&jws.claims),
                    lookup: policy.lookup,
                    payload: self.config.uses_claims().then(|| jws.payload.into()),
                });
            }
        }
        Err(search.in_vain(first, now))
    }
}

/// The search for the key of a token, over the credentials that it may be of.
#[derive(Default)]
struct Search {
    /// Whether any key serves the token's algorithm.
    fits: bool,
    /// A set that is not there.
    missing: Option<Rc<RemoteKeys>>,
    /// A set that is there, and has not the token's `kid`.
    without_kid: Option<Rc<RemoteKeys>>,
}

impl Search {
    /// The keys of a credential, if they are there.
    fn keys(&mut self, credential: &Credential, kid: Option<&str>) -> Option<Rc<KeySet>> {
        let keys = credential.keys().current();
        if let Keys::Remote(remote) = credential.keys() {
            match &keys {
                None => self.missing = Some(Rc::clone(remote)),
                Some(keys) if kid.is_some_and(|kid| !keys.has_kid(kid)) => self.without_kid = Some(Rc::clone(remote)),
                Some(_) => {}
            }
        }
        keys
    }

    /// What it means that no key has verified the token.
    fn in_vain(self, first: &Credential, now: Timestamp) -> Invalid {
        let wait = |keys, need| Some(Wait { keys, need });
        let no_key = if self.fits { Reason::InvalidSignature } else { Reason::AlgorithmMismatch };
        let (reason, wait) = match (self.missing, self.without_kid) {
            (Some(keys), _) => (Reason::KeySetUnavailable(keys.retry_after(now)), wait(keys, Need::Set)),
            (None, Some(keys)) => (no_key, wait(keys, Need::Kid)),
            (None, None) => (no_key, None),
        };
        Invalid { denial: Denial::of_consumer(first, reason), wait }
    }
}

impl<D: Into<Denial>> From<D> for Invalid {
    fn from(denial: D) -> Self {
        Self { denial: denial.into(), wait: None }
    }
}

/// What becomes of a request whose authentication failed. `allow` and `deny` hold for the anonymous consumer as well.
fn without_token(policy: &Policy, denial: Denial) -> Outcome<'_> {
    match &policy.anonymous {
        Some(consumer) if !denial.reason.is_of_known_caller() => match check_access(policy, consumer) {
            Ok(()) => Outcome::Anonymous { consumer, denial },
            Err(reason) => Outcome::Denied(Denial { reason, consumer: Some(Rc::clone(consumer)) }),
        },
        _ => Outcome::Denied(denial),
    }
}

/// Checks what a policy demands of the claims, and of the consumer, in the order in which the answers take precedence.
fn check_claims(policy: &Policy, consumer: &Consumer, claims: &Members) -> Result<(), Reason> {
    if !policy.audiences.is_empty() && !claim_checks::is_for_audience(claims, &policy.audiences) {
        return Err(Reason::Audience);
    }
    check_access(policy, consumer)?;
    match policy.required_claims.iter().find(|required| !required.is_met_by(claims)) {
        Some(required) => Err(Reason::InsufficientClaims(Rc::clone(required))),
        None => Ok(()),
    }
}

fn check_access(policy: &Policy, consumer: &Consumer) -> Result<(), Reason> {
    if policy.access.admits(consumer) { Ok(()) } else { Err(Reason::NotAllowed) }
}

impl Denial {
    /// The denial of a token that names a credential's consumer.
    fn of_consumer(credential: &Credential, reason: Reason) -> Self {
        Self { reason, consumer: Some(Rc::clone(credential.consumer())) }
    }
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, consumer: None }
    }
}

impl From<NotOneToken> for Denial {
    fn from(error: NotOneToken) -> Self {
        match error {
            NotOneToken::None => Reason::NoToken.into(),
            NotOneToken::Several => Reason::MultipleTokens.into(),
        }
    }
}

impl From<JwsError> for Reason {
    fn from(error: JwsError) -> Self {
        Self::Malformed(error)
    }
}

impl From<JwsError> for Denial {
    fn from(error: JwsError) -> Self {
        Reason::from(error).into()
    }
}

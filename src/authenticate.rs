//! The decision: policy, credentials, request and time give an outcome.

use std::{cell::RefCell, fmt, rc::Rc};

use crate::{
    claims::{ClaimFaults, Times, Timestamp},
    config::Config,
    consumer::{Consumer, Credential},
    jws::{Compact, JwsError},
    policy::Policy,
    request::{Carriers, NotOneToken, Request},
    token_cache::TokenCache,
    verifier::Verifier,
};

/// A request decided: what is to be done with it, and by which policy. All that follows, for the upstream, the client and
/// the operators, follows from this alone.
#[derive(Debug)]
pub struct Decision<'c> {
    /// What the request was measured by.
    pub policy: &'c Policy,
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
    /// It is refused.
    Denied(Denial),
}

/// Proof that a request carried a valid token. Only this module can make one.
#[derive(Debug, Clone)]
pub struct Authenticated {
    credential: Rc<Credential>,
}

impl Authenticated {
    /// The credential that the token was signed with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// A failed authentication: the reason and, where the token named one, whose credential it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The consumer that the token named; not proven to be the caller.
    pub consumer: Option<Rc<Consumer>>,
}

/// Why authentication failed, in the order in which it is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
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
    /// The signature is that of none of its key's credentials.
    InvalidSignature,
    /// A time claim does not allow it.
    Claims(ClaimFaults),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::NoToken => formatter.write_str("no token"),
            Self::MultipleTokens => formatter.write_str("Multiple tokens provided"),
            Self::Malformed(error) => write!(formatter, "Bad token; {error}"),
            Self::UnsupportedAlgorithm => formatter.write_str("Bad token; invalid alg"),
            Self::UnsupportedHeader(name) => write!(formatter, "Bad token; invalid {name}"),
            Self::NoKey => formatter.write_str("no key claim"),
            Self::InvalidKey => formatter.write_str("the key claim is empty or not a string"),
            Self::UnknownKey(key) => write!(formatter, "No credentials found for {key}"),
            Self::AlgorithmMismatch => formatter.write_str("Invalid algorithm"),
            Self::InvalidSignature => formatter.write_str("Invalid signature"),
            Self::Claims(faults) => faults.fmt(formatter),
        }
    }
}

/// A text that anybody may have written. It is shown escaped and cut off, so that it can neither forge nor flood a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedText(String);

impl UntrustedText {
    const MAX_CHARS: usize = 100;

    fn new(text: &str) -> Self {
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
}

/// What a verified token says.
#[derive(Debug, Clone)]
struct VerifiedToken {
    /// The credential whose signature it has.
    credential: Rc<Credential>,
    /// Its time claims.
    times: Times,
}

impl<V: Verifier> Authenticator<V> {
    /// Starts with an empty cache.
    pub fn new(config: Config, verifier: V) -> Self {
        let cache = RefCell::new(TokenCache::new(config.token_cache));
        Self { config, verifier, cache }
    }

    /// What it decides by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Decides about a request at the time `now`.
    pub fn decide(&self, request: &impl Request, now: Timestamp) -> Decision<'_> {
        let policy = &self.config.policy;
        Decision { policy, outcome: self.outcome(policy, request, now) }
    }

    fn outcome<'c>(&'c self, policy: &'c Policy, request: &impl Request, now: Timestamp) -> Outcome<'c> {
        if !policy.run_on_preflight && request.method().is_some_and(|method| *method == *b"OPTIONS") {
            return Outcome::Preflight;
        }
        match self.check(policy, request, now) {
            Ok(authenticated) => Outcome::Authenticated(authenticated),
            Err(denial) => match &policy.anonymous {
                Some(consumer) => Outcome::Anonymous { consumer, denial },
                None => Outcome::Denied(denial),
            },
        }
    }

    /// Finds the request's token and checks it. What is in the cache is checked against the time all the same.
    fn check(&self, policy: &Policy, request: &impl Request, now: Timestamp) -> Result<Authenticated, Denial> {
        let carriers = Carriers::fetch(request, &policy.token_places);
        let token = carriers.token(&policy.token_places)?;

        let known = self.cache.borrow_mut().get(&token).cloned();
        let VerifiedToken { credential, times } = match known {
            Some(verified) => verified,
            None => {
                let verified = self.verify(policy, &token)?;
                self.cache.borrow_mut().insert(&token, verified.clone());
                verified
            }
        };

        times
            .check(policy.time_checks, now)
            .map_err(|faults| Denial::of_consumer(&credential, Reason::Claims(faults)))?;
        Ok(Authenticated { credential })
    }

    /// Verifies a token, but for the time. The checks stand in the order in which their answers take precedence.
    fn verify(&self, policy: &Policy, token: &[u8]) -> Result<VerifiedToken, Denial> {
        let compact = Compact::decode(token)?;
        let jws = compact.parse()?;
        let algorithm = jws.algorithm().ok_or(Reason::UnsupportedAlgorithm)?;
        if let Some(name) = jws.unsupported_header() {
            return Err(Reason::UnsupportedHeader(name).into());
        }

        let key = jws.claim_or_header(&policy.key_claim_name).ok_or(Reason::NoKey)?;
        let key = key.string().filter(|key| !key.is_empty()).ok_or(Reason::InvalidKey)?;
        let credentials = self.config.credentials.with_key(&key);
        let Some(first) = credentials.first() else { return Err(Reason::UnknownKey(UntrustedText::new(&key)).into()) };

        let mut fitting = credentials.iter().filter(|credential| credential.algorithm() == algorithm).peekable();
        fitting.peek().ok_or_else(|| Denial::of_consumer(first, Reason::AlgorithmMismatch))?;
        let credential = fitting
            .find(|it| self.verifier.verify(it.verification_key(), algorithm, jws.signing_input, jws.signature))
            .ok_or_else(|| Denial::of_consumer(first, Reason::InvalidSignature))?;
        Ok(VerifiedToken { credential: Rc::clone(credential), times: Times::of(&jws.claims) })
    }
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

impl From<JwsError> for Denial {
    fn from(error: JwsError) -> Self {
        Reason::Malformed(error).into()
    }
}

//! What is decided about a request, and why. [`authenticate`](crate::authenticate) decides.

use std::{borrow::Cow, fmt, sync::Arc};

use super::Check;
use crate::{
    encoding::{UntrustedText, json::Members},
    policy::{Consumer, Credential, FailureKind, Header, Policy, ResourceMetadata},
    request::NotOneToken,
    sender::SenderFault,
    token::{ClaimFault, ClaimFaults, ClaimPath, JwsError, Part, Requirement},
};

/// A request decided: what is to be done with it, and by which policy. All that follows, for the upstream, the client and
/// the operators, follows from this alone.
#[derive(Debug)]
pub struct Decision<'c> {
    /// What the request was measured by.
    pub policy: &'c Policy,
    /// The headers that any policy fills with claims: those that do not apply must not come from the client either.
    pub claim_headers: &'c [Arc<str>],
    /// Which of the request's different tokens it is about, counted from 0: the first, unless the first valid one counts.
    pub token: usize,
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
    /// It has no token and needs none; it goes upstream without an identity.
    Optional,
    /// It is a preflight request that needs no token.
    Preflight,
    /// No token is asked for where it goes.
    Disabled,
    /// It asks for the metadata of a resource, which the filter answers itself. No token is needed.
    ResourceMetadata(&'c ResourceMetadata),
    /// It is refused.
    Denied(Denial),
}

impl Outcome<'_> {
    /// A name that never changes: `authenticated`, `anonymous`, `optional`, `preflight`, `disabled`, `resource_metadata`, or
    /// `denied.` with the name of
    /// the reason.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Authenticated(_) => "authenticated".into(),
            Self::Anonymous { .. } => "anonymous".into(),
            Self::Optional => "optional".into(),
            Self::Preflight => "preflight".into(),
            Self::Disabled => "disabled".into(),
            Self::ResourceMetadata(_) => "resource_metadata".into(),
            Self::Denied(denial) => format!("denied.{}", denial.reason.name()).into(),
        }
    }

    /// Who calls, if that is known.
    pub fn consumer(&self) -> Option<&Consumer> {
        match self {
            Self::Authenticated(authenticated) => Some(authenticated.credential.consumer()),
            Self::Anonymous { consumer, .. } => Some(consumer),
            Self::Denied(denial) if denial.reason.is_of_known_caller() => denial.consumer.as_deref(),
            Self::Optional | Self::Preflight | Self::Disabled | Self::ResourceMetadata(_) | Self::Denied(_) => None,
        }
    }

    /// The credential whose signature the request's token has, if that was found out.
    pub fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Authenticated(authenticated) => Some(authenticated.credential()),
            Self::Denied(denial) | Self::Anonymous { denial, .. } => denial.credential.as_deref(),
            Self::Optional | Self::Preflight | Self::Disabled | Self::ResourceMetadata(_) => None,
        }
    }

    /// Why authentication or what follows it failed: the checks before [`Reason::check`] have passed.
    pub fn failure(&self) -> Option<&Reason> {
        match self {
            Self::Denied(denial) | Self::Anonymous { denial, .. } => {
                Some(denial.before_anonymous.as_deref().unwrap_or(&denial.reason))
            }
            Self::Authenticated(_) | Self::Optional | Self::Preflight | Self::Disabled | Self::ResourceMetadata(_) => {
                None
            }
        }
    }
}

/// Proof that a request carried a valid token. Only [`authenticate`](crate::authenticate) makes one.
#[derive(Debug, Clone)]
pub struct Authenticated {
    credential: Arc<Credential>,
    claim_headers: Vec<Header>,
    told: Option<Box<Told>>,
}

/// What other filters are told of a token's claims.
#[derive(Debug, Clone)]
struct Told {
    filter_state: Vec<Header>,
    payload: Option<Arc<str>>,
}

impl Authenticated {
    /// A token of this credential. What the policy passes on of its claims is found in `payload`, the text of `claims`, if they
    /// were read.
    pub(super) fn new(credential: Arc<Credential>, policy: &Policy, claims: Option<(&Arc<str>, &Members)>) -> Self {
        let Some((payload, claims)) = claims.filter(|_| policy.passes_claims_on()) else {
            return Self { credential, claim_headers: Vec::new(), told: None };
        };
        let claim_headers = policy.forwarding.headers(payload, claims);
        let filter_state: Vec<Header> = policy.claims_to_filter_state.iter().filter_map(|it| it.of(claims)).collect();
        let wants_payload = policy.dynamic_metadata.as_ref().is_some_and(|it| it.uses_claims());
        let told = Told { filter_state, payload: wants_payload.then(|| Arc::clone(payload)) };
        let is_told = !told.filter_state.is_empty() || wants_payload;
        Self { credential, claim_headers, told: is_told.then(|| Box::new(told)) }
    }

    /// The credential that the token was signed with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The claims that the policy writes to the filter state, each by its key.
    pub fn claims_for_filter_state(&self) -> &[Header] {
        self.told.as_ref().map_or(&[], |told| &told.filter_state)
    }

    /// All claims, a JSON object, if the policy writes some to the dynamic metadata.
    pub(crate) fn payload(&self) -> Option<&str> {
        self.told.as_ref()?.payload.as_deref()
    }

    /// The headers that the policy makes of the token's claims.
    pub fn claim_headers(&self) -> &[Header] {
        &self.claim_headers
    }
}

/// A refusal: the reason and, where the token named one, whose credential it was.
#[derive(Debug, Clone)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The consumer that the token named; not proven to be the caller unless [`Reason::is_of_known_caller`].
    pub consumer: Option<Arc<Consumer>>,
    /// The credential whose signature the token has, if that was found out.
    pub credential: Option<Arc<Credential>>,
    /// Why authentication failed before, if it is the anonymous consumer that is refused.
    pub before_anonymous: Option<Box<Reason>>,
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
    NoKeyClaim,
    /// The key claim is empty or not a string.
    InvalidKeyClaim,
    /// No credential has the identifier that the key claim holds.
    UnknownIdentifier(UntrustedText),
    /// So many keys may have signed the token that trying them all would cost too much.
    VerificationBudget,
    /// A key set that the token may need is not there; in so many seconds it may be.
    KeySetUnavailable(u32),
    /// The token's `alg` is that of none of its key's credentials.
    AlgorithmMismatch,
    /// The signature is that of none of its key's credentials.
    InvalidSignature,
    /// A time claim does not allow it.
    Claims(ClaimFaults),
    /// A list of revoked tokens that the token may be on is not there; in so many seconds it may be.
    RevocationsUnavailable(u32),
    /// The token is revoked.
    Revoked,
    /// It is not known that the token comes from whom it is bound to.
    Sender(SenderFault),
    /// The token's type is none of those that are wanted.
    TokenType,
    /// A claim is not there that must be.
    MissingClaim(Arc<ClaimPath>),
    /// The token is meant for another audience.
    Audience,
    /// `allow` does not let the anonymous consumer through, which is in no group: whoever calls must authenticate.
    AnonymousWithoutGroup,
    /// `allow` and `deny` do not let the consumer through.
    NotAllowed,
    /// The token's subject is none of those that are wanted.
    Subject,
    /// The claims do not hold what is required.
    InsufficientClaims(Arc<Requirement>),
}

impl Reason {
    /// The names of all reasons, in the order in which they are checked.
    pub const NAMES: [&str; 36] = [
        "forbidden_header",
        "no_token",
        "multiple_tokens",
        "malformed_token",
        "unsupported_algorithm",
        "unsupported_header",
        "no_key_claim",
        "invalid_key_claim",
        "unknown_key",
        "verification_budget",
        "key_set_unavailable",
        "algorithm_mismatch",
        "invalid_signature",
        "invalid_time_claim",
        "expired",
        "not_valid_yet",
        "too_old",
        "lifetime_too_long",
        "revocations_unavailable",
        "revoked",
        "unbound_token",
        "unusable_confirmation",
        "wrong_scheme",
        "no_certificate",
        "wrong_certificate",
        "invalid_dpop_proof",
        "use_dpop_nonce",
        "token_type",
        "missing_claim",
        "audience",
        "anonymous_without_group",
        "not_allowed",
        "subject",
        "insufficient_claims",
        "replayed_dpop_proof",
        "dpop_memory_full",
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
            Self::NoKeyClaim => "no_key_claim",
            Self::InvalidKeyClaim => "invalid_key_claim",
            Self::UnknownIdentifier(_) => "unknown_key",
            Self::VerificationBudget => "verification_budget",
            Self::KeySetUnavailable(_) => "key_set_unavailable",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::InvalidSignature => "invalid_signature",
            Self::Claims(faults) => match faults.iter().next() {
                Some((_, ClaimFault::Expired)) => "expired",
                Some((_, ClaimFault::NotValidYet)) => "not_valid_yet",
                Some((_, ClaimFault::TooOld)) => "too_old",
                Some((_, ClaimFault::TooFarOff)) => "lifetime_too_long",
                Some((_, ClaimFault::NotANumber)) | None => "invalid_time_claim",
            },
            Self::Sender(fault) => fault.name(),
            Self::TokenType => "token_type",
            Self::MissingClaim(_) => "missing_claim",
            Self::Audience => "audience",
            Self::RevocationsUnavailable(_) => "revocations_unavailable",
            Self::Revoked => "revoked",
            Self::AnonymousWithoutGroup => "anonymous_without_group",
            Self::NotAllowed => "not_allowed",
            Self::Subject => "subject",
            Self::InsufficientClaims(_) => "insufficient_claims",
        }
    }

    /// The check that failed; those before it have passed, and those after it were not made.
    pub fn check(&self) -> Check {
        match self {
            Self::ForbiddenHeader(_) => Check::Headers,
            Self::NoToken | Self::MultipleTokens => Check::Token,
            Self::Malformed(JwsError::NotBase64Url(Part::Signature)) => Check::SignatureForm,
            Self::Malformed(_) => Check::Form,
            Self::UnsupportedAlgorithm => Check::KnownAlgorithm,
            Self::UnsupportedHeader(_) => Check::Extensions,
            Self::NoKeyClaim | Self::InvalidKeyClaim => Check::KeyClaim,
            Self::UnknownIdentifier(_) => Check::Credential,
            Self::VerificationBudget => Check::Budget,
            Self::KeySetUnavailable(_) => Check::KeySet,
            Self::AlgorithmMismatch => Check::Algorithm,
            Self::InvalidSignature => Check::Signature,
            Self::Claims(ClaimFaults { exp: Some(ClaimFault::TooFarOff), .. }) => Check::MaximumExpiration,
            Self::Claims(_) => Check::Times,
            Self::Sender(SenderFault::Replayed | SenderFault::MemoryFull(_)) => Check::FirstUse,
            Self::Sender(_) => Check::Sender,
            Self::TokenType => Check::TokenType,
            Self::MissingClaim(_) => Check::Presence,
            Self::Audience => Check::Audience,
            Self::RevocationsUnavailable(_) | Self::Revoked => Check::Revocation,
            Self::AnonymousWithoutGroup | Self::NotAllowed => Check::Access,
            Self::Subject => Check::Subject,
            Self::InsufficientClaims(_) => Check::RequiredClaims,
        }
    }

    /// What kind of failure of authentication it is; none if it is known who calls.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        match self {
            reason if reason.is_of_known_caller() => None,
            // Whoever needs a nonce gets it with the refusal, and cannot get it otherwise.
            Self::Sender(SenderFault::NonceNeeded(_)) => None,
            Self::NoToken => Some(FailureKind::Missing),
            Self::KeySetUnavailable(_) | Self::RevocationsUnavailable(_) | Self::Sender(SenderFault::MemoryFull(_)) => {
                Some(FailureKind::Unavailable)
            }
            Self::Claims(faults) if faults.are_expiry() => Some(FailureKind::Expired),
            _ => Some(FailureKind::Invalid),
        }
    }

    /// Whether it is known who calls, and it is that caller who may not.
    pub fn is_of_known_caller(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::Subject | Self::InsufficientClaims(_))
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
            Self::NoKeyClaim => formatter.write_str("no key claim"),
            Self::InvalidKeyClaim => formatter.write_str("the key claim is empty or not a string"),
            Self::UnknownIdentifier(identifier) => write!(formatter, "No credentials found for {identifier}"),
            Self::VerificationBudget => formatter.write_str("more keys to try than one request may cost"),
            Self::KeySetUnavailable(_) => formatter.write_str("Key set unavailable"),
            Self::AlgorithmMismatch => formatter.write_str("Invalid algorithm"),
            Self::InvalidSignature => formatter.write_str("Invalid signature"),
            Self::Claims(faults) => faults.fmt(formatter),
            Self::Sender(fault) => fault.fmt(formatter),
            Self::TokenType => formatter.write_str("typ: not allowed"),
            Self::MissingClaim(claim) => write!(formatter, "{claim}: missing"),
            Self::Audience => formatter.write_str("aud: not allowed"),
            Self::Subject => formatter.write_str("sub: not allowed"),
            Self::RevocationsUnavailable(_) => formatter.write_str("Revocation list unavailable"),
            Self::Revoked => formatter.write_str("Token revoked"),
            Self::AnonymousWithoutGroup => formatter.write_str("the anonymous consumer is in no group that is allowed"),
            Self::NotAllowed => formatter.write_str("the consumer is not allowed"),
            Self::InsufficientClaims(required) => write!(formatter, "Insufficient claims: {required}"),
        }
    }
}

impl Denial {
    /// The denial of a token that names a credential's consumer.
    pub(crate) fn of_consumer(credential: &Credential, reason: Reason) -> Self {
        Self { consumer: Some(Arc::clone(credential.consumer())), ..reason.into() }
    }

    /// The denial of a token that a credential's key has signed.
    pub(crate) fn of_token(credential: &Arc<Credential>, reason: Reason) -> Self {
        Self { credential: Some(Arc::clone(credential)), ..Self::of_consumer(credential, reason) }
    }
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, consumer: None, credential: None, before_anonymous: None }
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

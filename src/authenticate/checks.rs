//! The checks that a request goes through.

/// What a request is checked for, in the order of the checks: the first that fails is the reason of a refusal, those before
/// it have passed, and those after it are not made. A check that a policy does not ask for passes.
///
/// Access is checked by itself for the anonymous consumer, who is taken when an earlier check has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The client sends no header that only the filter may write.
    Headers,
    /// The places that may hold a token hold exactly one.
    Token,
    /// The token has three parts, of which the first two are JSON objects.
    Form,
    /// The token's `alg` is one that the filter knows.
    KnownAlgorithm,
    /// The token's third part is base64url.
    SignatureForm,
    /// The token's header asks for nothing that the filter does not do.
    Extensions,
    /// The key claim names a credential.
    KeyClaim,
    /// There is a credential of that name.
    Credential,
    /// The keys that must be tried cost no more than one request may.
    Budget,
    /// The key sets that the token needs are there.
    KeySet,
    /// A key of the credential serves the token's `alg`.
    Algorithm,
    /// A key of the credential has signed the token.
    Signature,
    /// `exp`, `nbf` and `iat` allow the token now.
    Times,
    /// `exp` is not too far off.
    MaximumExpiration,
    /// The token is not revoked.
    Revocation,
    /// The token comes from whom it is bound to.
    Sender,
    /// The token's type is one of those that are wanted.
    TokenType,
    /// The claims are there that must be.
    Presence,
    /// The token is meant for this audience.
    Audience,
    /// `allow` and `deny` let the consumer through.
    Access,
    /// The token is of one of the subjects that are wanted.
    Subject,
    /// The claims hold what is required.
    RequiredClaims,
    /// The proof of possession is used for the first time.
    FirstUse,
}

impl Check {
    /// All checks, in their order.
    pub const ALL: [Self; 23] = [
        Self::Headers,
        Self::Token,
        Self::Form,
        Self::KnownAlgorithm,
        Self::SignatureForm,
        Self::Extensions,
        Self::KeyClaim,
        Self::Credential,
        Self::Budget,
        Self::KeySet,
        Self::Algorithm,
        Self::Signature,
        Self::Times,
        Self::MaximumExpiration,
        Self::Revocation,
        Self::Sender,
        Self::TokenType,
        Self::Presence,
        Self::Audience,
        Self::Access,
        Self::Subject,
        Self::RequiredClaims,
        Self::FirstUse,
    ];

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Token => "token",
            Self::Form => "form",
            Self::KnownAlgorithm => "alg",
            Self::SignatureForm => "encoding",
            Self::Extensions => "extensions",
            Self::KeyClaim => "key",
            Self::Credential => "credential",
            Self::Budget => "budget",
            Self::KeySet => "key set",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Times => "times",
            Self::MaximumExpiration => "maximum",
            Self::Sender => "sender",
            Self::TokenType => "type",
            Self::Presence => "present",
            Self::Audience => "audience",
            Self::Revocation => "revocation",
            Self::Access => "access",
            Self::Subject => "subject",
            Self::RequiredClaims => "claims",
            Self::FirstUse => "first use",
        }
    }
}

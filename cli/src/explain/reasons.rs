//! What a refusal usually comes from, and what to do about it. The one table of it: `explain --follow` shows its lines, and
//! `docs/responses.md` has all of them.

use jwt_auth_filter::authenticate::Check;

/// A reason in words.
#[derive(Debug, PartialEq, Eq)]
pub struct InWords {
    /// The name of the reason.
    pub reason: &'static str,
    /// The check that fails with it; none fails when the host does not do what it must.
    pub check: Option<Check>,
    /// What it usually comes from.
    pub cause: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// The reason that has this name.
pub fn find(reason: &str) -> Option<&'static InWords> {
    ALL.iter().find(|it| it.reason == reason)
}

const fn failed(check: Check, reason: &'static str, cause: &'static str, remedy: &'static str) -> InWords {
    InWords { reason, check: Some(check), cause, remedy }
}

/// All reasons, in the order in which they are checked.
pub const ALL: &[InWords] = &[
    failed(
        Check::Headers,
        "forbidden_header",
        "The client, or a proxy before this one, sends a header that only the filter may write.",
        "Leave the header out there. If the name is one of `reserved_headers` by mistake, take it out of that list.",
    ),
    failed(
        Check::Token,
        "no_token",
        "The token is not where the filter searches, or `Bearer` is missing before it.",
        "Compare where the client puts it with `header_names`, `uri_param_names` and `cookie_names`.",
    ),
    failed(
        Check::Token,
        "multiple_tokens",
        "Two places hold different tokens, such as a header and an old cookie.",
        "Have the client send one, search fewer places, or set `first_valid`.",
    ),
    failed(
        Check::Form,
        "malformed_token",
        "The token was cut off, stands in quotes, or is not a signed JWT: it is opaque, or encrypted.",
        "Look at what the client sends: `jwt-auth explain` or the token page say what is wrong with its form.",
    ),
    failed(
        Check::KnownAlgorithm,
        "unsupported_algorithm",
        "The token's `alg` is missing, `none`, or an algorithm that the filter does not have.",
        "Have the issuer sign with one of the algorithms in the configuration's reference.",
    ),
    failed(
        Check::Extensions,
        "unsupported_header",
        "The token's header has `crit`, a `b64` that is not `true`, or a `kid` that is not a string.",
        "Have the issuer leave the extension out; the filter must not pass over what it does not understand.",
    ),
    failed(
        Check::KeyClaim,
        "no_key_claim",
        "The token has no claim of the name in `key_claim_name`, which is `iss` if you do not set it.",
        "Set `key_claim_name` to the claim that tells your issuers apart, or have the issuer add it.",
    ),
    failed(
        Check::KeyClaim,
        "invalid_key_claim",
        "The claim that `key_claim_name` names is empty or not a string.",
        "Have the issuer correct it, or set `key_claim_name` to another claim.",
    ),
    failed(
        Check::Credential,
        "unknown_key",
        "No credential's `key` equals the token's `iss`, character by character. A slash at the end counts.",
        "If you trust the issuer that the log names, add a credential for it: `jwt-auth credential add`.",
    ),
    failed(
        Check::Budget,
        "verification_budget",
        "More keys may have signed the token than one request may try.",
        "Give the keys a `kid` that tokens name, and take old keys out.",
    ),
    failed(
        Check::KeySet,
        "key_set_unavailable",
        "The issuer's keys could not be fetched.",
        "The log's other lines tell which set and why: its address, its cluster, or its certificate.",
    ),
    failed(
        Check::Algorithm,
        "algorithm_mismatch",
        "The credential has another `algorithm` than the token's `alg`. Without the field it is HS256.",
        "Set the credential's `algorithm` to what the issuer signs with, and give it a key for that.",
    ),
    failed(
        Check::Signature,
        "invalid_signature",
        "Another key signed the token: the issuer has rotated it, or the secret is base64 and `secret_is_base64` is not set.",
        "Compare the issuer's key with `jwt-auth credential list`; `jwt-auth credential rotate` adds a new one.",
    ),
    failed(
        Check::Times,
        "invalid_time_claim",
        "A claim of `claims_to_verify`, or `iat` with `max_token_age`, is absent or not a number.",
        "Have the issuer add it, in seconds since the epoch, or do not ask for it.",
    ),
    failed(
        Check::Times,
        "expired",
        "The token has expired, or the clocks differ.",
        "Have the client get a new token in time. If the clocks differ, set them, or `clock_skew_seconds`.",
    ),
    failed(
        Check::Times,
        "not_valid_yet",
        "The token becomes valid later, or the issuer's clock is ahead.",
        "Set the clocks, or `clock_skew_seconds`.",
    ),
    failed(
        Check::Times,
        "too_old",
        "The token was issued longer ago than `max_token_age`.",
        "Have the client get a new token more often, or raise `max_token_age`.",
    ),
    failed(
        Check::MaximumExpiration,
        "lifetime_too_long",
        "The token's `exp` is further off than `maximum_expiration`.",
        "Have the issuer give tokens a shorter life, or raise `maximum_expiration`.",
    ),
    failed(
        Check::Revocation,
        "revocations_unavailable",
        "The list of revoked tokens could not be fetched.",
        "The log's other lines tell why: its address, its cluster, or its certificate.",
    ),
    failed(
        Check::Revocation,
        "revoked",
        "Somebody has revoked the token, its subject, its consumer or its credential.",
        "Nothing, if that was meant. Otherwise look at `revoked` and at the list of `revocation_list`.",
    ),
    failed(
        Check::Sender,
        "unbound_token",
        "The token is not bound to its sender, and `sender_constraint` is `required`.",
        "Have the client ask for a bound token, with DPoP or with its certificate.",
    ),
    failed(
        Check::Sender,
        "unusable_confirmation",
        "The token's `cnf` asks for a proof that the filter does not have.",
        "Have the issuer bind tokens with `jkt` (DPoP) or `x5t#S256` (a certificate).",
    ),
    failed(
        Check::Sender,
        "wrong_scheme",
        "A token that is bound to a key comes as `Bearer`, or one that is not comes as `DPoP`.",
        "Have the client send `DPoP <token>` with a proof for a bound token, and `Bearer <token>` for others.",
    ),
    failed(
        Check::Sender,
        "no_certificate",
        "The token is bound to a certificate, and the client showed none to this proxy.",
        "Have the client use its certificate, and the listener ask for it. A proxy in between ends the TLS of the client.",
    ),
    failed(
        Check::Sender,
        "wrong_certificate",
        "The token is bound to another certificate: the client has renewed its own, or the token is somebody else's.",
        "Have the client get a new token with its present certificate.",
    ),
    failed(
        Check::Sender,
        "invalid_dpop_proof",
        "The proof of possession is missing or wrong: of another key, token, method or address, or too old.",
        "The log says what is wrong. Behind another proxy, the address that the client sees must be the one that the filter sees.",
    ),
    failed(
        Check::Sender,
        "use_dpop_nonce",
        "The proof has no nonce, or an old one. Each client's first request is refused like this.",
        "Nothing, if the client repeats the request with the nonce of the answer.",
    ),
    failed(
        Check::TokenType,
        "token_type",
        "The token is of another kind, such as an ID token where an access token is wanted.",
        "Have the client send the right token, or add its `typ` to `token_types`.",
    ),
    failed(
        Check::Presence,
        "missing_claim",
        "The token lacks a claim of `require`.",
        "Have the issuer add the claim that the log names, or take it out of `require`.",
    ),
    failed(
        Check::Audience,
        "audience",
        "The token is meant for another service.",
        "Have the client ask for a token for this one, or add its `aud` to `audiences`.",
    ),
    failed(
        Check::Access,
        "anonymous_without_group",
        "There is no valid token, and `allow` keeps the anonymous consumer out.",
        "Ask `jwt-auth explain` what was wrong with the token, or put the anonymous consumer into a group of `allow`.",
    ),
    failed(
        Check::Access,
        "not_allowed",
        "`deny` names the consumer or its group, or `allow` does not.",
        "Put the consumer into a group that `allow` names, if it may call.",
    ),
    failed(
        Check::Subject,
        "subject",
        "The token's `sub` is none of `subjects`.",
        "Add the subject to `subjects`, if it may call.",
    ),
    failed(
        Check::RequiredClaims,
        "insufficient_claims",
        "The token's claims do not hold what `required_claims` asks for, such as a scope.",
        "Have the client ask for the scope or role that the log names.",
    ),
    failed(
        Check::FirstUse,
        "replayed_dpop_proof",
        "A proof of possession was used twice: the client sends the same one again, or somebody has copied it.",
        "Have the client make a new proof for each request, also when it tries again.",
    ),
    failed(
        Check::FirstUse,
        "dpop_memory_full",
        "There is no room to remember more proofs.",
        "Wait until old ones go, or raise `max_dpop_proofs`.",
    ),
    InWords {
        reason: "internal_error",
        check: None,
        cause: "The proxy did not do what safety needs, such as removing a header or naming the route.",
        remedy: "The log says what. It is often an older Envoy, or a filter that stands before this one.",
    },
];

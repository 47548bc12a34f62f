//! A token: its compact serialization (RFC 7515), its time claims, and what its other claims must hold (RFC 7519).

mod claim_path;
mod jws;
mod key_claim;
mod required_claims;
mod text_pattern;
mod times;
mod token_type;

pub use self::{
    claim_path::{ClaimPath, Found},
    jws::{Compact, Jws, JwsError, Part},
    key_claim::KeyClaim,
    required_claims::{Condition, RequiredClaim, Requirement, Scalar, is_for_audience},
    text_pattern::{Glob, TextPattern},
    times::{ClaimFault, ClaimFaults, TimeChecks, Times, Timestamp},
    token_type::TokenType,
};

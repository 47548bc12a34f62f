//! A token: its compact serialization (RFC 7515), its time claims, and what its other claims must hold (RFC 7519).

mod claim_path;
mod jws;
mod required_claims;
mod times;

pub use self::{
    claim_path::ClaimPath,
    jws::{Compact, Jws, JwsError, Part},
    required_claims::{Condition, RequiredClaim, Scalar, is_for_audience},
    times::{ClaimFault, ClaimFaults, TimeChecks, Times, Timestamp},
};

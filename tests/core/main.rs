//! The core, natively and without a proxy.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod access;
mod authentication;
mod configuration;
mod dpop;
mod gateway;
mod host_crypto;
mod hs256;
mod interoperability;
mod issuers;
mod key_set_configuration;
mod key_sets;
mod kinds;
mod log_lines;
mod metadata;
mod resource_metadata;
mod revocation;
mod revocation_list;
mod rfc_vectors;
mod route_policy;
mod sender;
mod support;
mod token_cache;
mod token_places;
mod verification_budget;
mod wycheproof;

/// Verifies a signature with the core's own code. Other verifiers are put to the same tests.
fn verify(
    key: &jwt_auth_filter::crypto::Key,
    algorithm: jwt_auth_filter::crypto::Algorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    key.verify(algorithm, message, signature)
}

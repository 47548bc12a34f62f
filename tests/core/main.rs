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
mod host_crypto;
mod issuers;
mod key_set_configuration;
mod key_sets;
mod rfc_vectors;
mod support;
mod token_cache;
mod verification_budget;
mod wycheproof;

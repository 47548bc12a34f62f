//! The JWT plugin of the Kong Gateway as a proxy-wasm HTTP filter.
//!
//! The core decides; it knows no proxy, does no I/O and reads no clock. From the leaves upwards:
//!
//! - [`json`], [`base64`]: strict decoding
//! - [`algorithm`], [`key`], [`key_set`]: what signs a token, and verifying with it
//! - [`jws`], [`claims`], [`claim_path`], [`claim_checks`]: a token, its time claims, and its other claims
//! - [`request`]: finding the token
//! - [`remote_keys`]: key sets that an issuer publishes, and keeping them fresh
//! - [`consumer`], [`access`], [`forwarding`], [`reply_format`], [`policy`]: who may call, and what a policy says
//! - [`decision`]: what is decided about a request
//! - [`verifier`], [`host_crypto`]: who checks a signature
//! - [`reply`], [`identity`], [`hiding`], [`upstream`]: what the client and the upstream are told of it
//! - [`config`]: reading all that can be configured
//! - [`token_cache`], [`authenticate`]: deciding, and what is remembered for it
//! - [`token_names`], [`throttle`]: what operators are told of it, and how often
//!
//! Compiled to `wasm32-wasip1` the crate is a module for Envoy and other proxy-wasm hosts; `proxy` alone names them.

#![deny(missing_docs, unsafe_code)]
// A panic takes a worker's Wasm machine down, so no input may cause one. A test is meant to panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

pub mod access;
pub mod algorithm;
pub mod authenticate;
pub mod base64;
pub mod claim_checks;
pub mod claim_path;
pub mod claims;
pub mod config;
pub mod consumer;
pub mod decision;
pub mod forwarding;
pub mod hiding;
pub mod host_crypto;
pub mod identity;
pub mod json;
pub mod jws;
pub mod key;
pub mod key_set;
pub mod policy;
#[cfg(target_arch = "wasm32")]
mod proxy;
pub mod remote_keys;
pub mod reply;
pub mod reply_format;
pub mod request;
pub mod throttle;
pub mod token_cache;
pub mod token_names;
pub mod upstream;
pub mod verifier;

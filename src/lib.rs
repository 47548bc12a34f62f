//! The JWT plugin of the Kong Gateway as a proxy-wasm HTTP filter.
//!
//! The core decides; it knows no proxy, does no I/O and reads no clock. From the leaves upwards:
//!
//! - [`encoding`]: strict JSON and base64, texts that a header can carry
//! - [`crypto`]: algorithms, keys, and who checks a signature
//! - [`token`]: a JWS, its time claims, and conditions on its other claims
//! - [`jwks`]: key sets, and keeping those that an issuer publishes fresh
//! - [`request`]: finding the token in a request, and taking it out
//! - [`sender`]: that a token comes from whom it was issued to
//! - [`policy`]: consumers and their credentials, who may call, what is forwarded and answered
//! - [`revocation`]: tokens that are revoked before they expire
//! - [`config`]: reading all that can be configured
//! - [`authenticate`]: deciding about a request, and what is remembered for it
//! - [`reply`], [`upstream`]: what the client and the upstream are told of it
//! - [`observe`]: what operators are told of it, and how often
//!
//! Compiled to `wasm32-wasip1`, and with the feature `module`, the crate is a module for Envoy and other proxy-wasm hosts; `proxy` alone names them.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a test is meant to panic"))]

pub mod authenticate;
pub mod config;
pub mod crypto;
pub mod encoding;
pub mod jwks;
pub mod observe;
pub mod policy;
#[cfg(all(target_arch = "wasm32", feature = "module"))]
mod proxy;
pub mod reply;
pub mod request;
pub mod revocation;
pub mod sender;
mod shared_name;
pub mod token;
pub mod upstream;

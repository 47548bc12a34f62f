//! What people ask of the filter's core: whether a configuration is right, why a request is refused, a key, a token.
//!
//! The program `jwt-auth` and the token page both render what is here. With the feature `program`, which is on by default,
//! the library has the program's commands too. Without it nothing here reads a file or a clock, prints anything, or ends the
//! process.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects, reason = "a test is meant to panic"))]
#![cfg_attr(not(feature = "program"), allow(dead_code, reason = "the commands use more than the token page does"))]

mod certificate;
pub mod check;
#[cfg(feature = "program")]
mod cli;
mod configurations;
pub mod configure;
#[cfg(feature = "program")]
mod convert;
mod diagnostics;
mod document;
#[cfg(feature = "program")]
mod edit;
pub mod explain;
mod hosts;
#[cfg(feature = "program")]
mod input;
#[cfg(feature = "program")]
mod interrupt;
#[cfg(feature = "program")]
mod json_schema;
pub mod keygen;
#[cfg(feature = "program")]
mod manage;
#[cfg(feature = "program")]
mod output;
mod position;
mod printable;
#[cfg(feature = "program")]
pub mod program;
#[cfg(feature = "program")]
mod replace;
mod signing_key;
mod time;
pub mod token;
mod yaml_output;

#[cfg(feature = "comparison")]
pub use convert::fuzzed as comparison;

/// A number of things: `1 fault`, `2 faults`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

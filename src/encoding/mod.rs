//! Texts and their encodings: strict JSON and base64, texts that a header can carry, texts that nobody vouches for.

pub mod base64;
pub mod date_time;
mod header_text;
pub mod hex;
pub mod json;
pub mod protobuf;
mod untrusted_text;

pub use self::{
    header_text::{HeaderText, is_scope_token},
    untrusted_text::UntrustedText,
};

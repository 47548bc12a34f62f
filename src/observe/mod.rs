//! What operators are told of decisions: which token it was, and how often.

mod throttle;
mod token_names;

pub use self::{throttle::Throttle, token_names::TokenNames};

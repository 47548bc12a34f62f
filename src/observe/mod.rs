//! What operators are told of decisions: how many there were, which token it was, and how often.

mod counters;
mod decision_log;
mod fetch_log;
mod log_level;
mod metadata;
mod throttle;
mod token_names;

pub use self::{
    counters::{Counters, INTERNAL_ERROR},
    decision_log::DecisionLog,
    fetch_log::FetchLog,
    log_level::LogLevel,
    metadata::Metadata,
    throttle::Throttle,
    token_names::TokenNames,
};

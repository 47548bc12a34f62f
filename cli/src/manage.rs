//! Consumers and their credentials in a configuration: shown, added, taken out, and their keys rotated.

pub(crate) mod arguments;
mod change;
mod consumer;
mod credential;
mod discovery;
mod keys;
mod listing;
mod new_key;
mod rotation;
mod target;

pub(crate) use self::{consumer::run as run_consumer, credential::run as run_credential};

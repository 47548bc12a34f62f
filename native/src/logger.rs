//! Where the lines of [`log`] go: to Envoy, unless nobody reads that level.

use std::panic;

use jwt_auth_filter::observe::LogLevel;
use log::{LevelFilter, Log, Metadata, Record};

use crate::abi;

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        abi::is_logged(metadata.level().into())
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            abi::log(record.level().into(), &format!("jwt_auth: {}", record.args()));
        }
    }

    fn flush(&self) {}
}

/// Has lines go to Envoy from here on, and the place of a panic, should there ever be one. Its message stays here: it could
/// repeat what a client sent.
pub(crate) fn install() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        abi::log(LogLevel::Critical, &format!("jwt_auth: panicked at {place}; please report it"));
    }));
}

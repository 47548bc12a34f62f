//! Where the lines of [`log`] go: to the host, which filters by its own level. The level is learnt now and then, so that a line
//! that nobody reads costs no call.

use std::panic;

use log::{LevelFilter, Log, Metadata, Record};

use super::abi;
use crate::observe::LogLevel;

struct Logger;

impl Log for Logger {
    fn enabled(&self, _metadata: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let level = record.level().into();
        match record.args().as_str() {
            Some(line) => abi::log(level, line),
            None => abi::log(level, &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}

/// Learns which lines the host keeps. A host that does not tell gets all.
pub(super) fn learn_level() {
    log::set_max_level(match abi::log_level() {
        Ok(0) | Err(_) => LevelFilter::Trace,
        Ok(1) => LevelFilter::Debug,
        Ok(2) => LevelFilter::Info,
        Ok(3) => LevelFilter::Warn,
        Ok(_) => LevelFilter::Error,
    });
}

/// Has lines go to the host from here on, and the place of a panic, should there ever be one. Its message stays here: it
/// could repeat what a client sent.
pub(super) fn install() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        abi::log(LogLevel::Critical, &format!("panicked at {place}; please report it"));
    }));
}

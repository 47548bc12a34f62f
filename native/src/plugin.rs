//! A configuration of the filter, made on Envoy's main thread and shared by all workers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use jwt_auth_filter::{config::Config, jwks::Answer};
use log::{error, info, warn};

use crate::{
    abi::{self, FilterConfig},
    key_sets::KeySets,
    metrics::Metrics,
};

/// Why something is refused in an older Envoy.
pub(crate) const NO_DYNAMIC_METADATA: &str = "dynamic_metadata requires Envoy 1.40";

/// A configuration that is in force, or was while the last of its requests was taken up.
pub(crate) struct Plugin {
    /// No other one has this number, so that what a worker keeps for one is never taken for another's.
    pub(crate) number: u64,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) key_sets: KeySets,
}

/// Envoy hands it from thread to thread as a pointer, of which the compiler knows nothing.
const _: fn() = || {
    fn is_shared_between_threads<T: Send + Sync>() {}
    is_shared_between_threads::<Plugin>();
};

impl Plugin {
    /// Reads a configuration; `None` when it is at fault, which the log tells.
    pub(crate) fn new(envoy: FilterConfig, configuration: &[u8]) -> Option<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);

        let config = match Config::parse(configuration) {
            Ok(config) => Arc::new(config),
            Err(faults) => {
                faults.iter().for_each(|fault| error!("{fault}"));
                error!("configuration refused: {} faults", faults.len());
                return None;
            }
        };
        if config.writes_dynamic_metadata() && !abi::takes_dynamic_metadata() {
            error!("configuration refused: {NO_DYNAMIC_METADATA}");
            return None;
        }
        if config.credentials.is_empty() {
            warn!("no consumer has a credential: no token will be accepted");
        }
        config.warnings.iter().for_each(|warning| warn!("{warning}"));
        info!("configured with {} credential keys", config.credentials.len());
        let metrics = Arc::new(Metrics::define(envoy, config.measure_verification));
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let key_sets = KeySets::new(number, envoy, &config, Arc::clone(&metrics));
        Some(Self { number, config, metrics, key_sets })
    }

    /// Does what is due. On the main thread.
    pub(crate) fn tick(&self) {
        self.key_sets.tick();
    }

    /// Takes the answer to a request of its own. On the main thread.
    pub(crate) fn answered(&self, call: u32, answer: Answer) {
        self.key_sets.answered(call, answer);
    }
}

/// How many configurations of the process have ended.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Changes whenever a configuration has ended, of which a worker may still keep something.
pub(crate) fn ended() -> u64 {
    ENDED.load(Ordering::Acquire)
}

impl Drop for Plugin {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::Release);
        free(Config::take_callers(&mut self.config));
    }
}

/// Has a thread of its own free the consumers and credentials of a configuration: with many consumers that takes longer than a request
/// should wait for a worker, on which the last share of a configuration is mostly given up.
pub(crate) fn free(callers: Option<impl Send + 'static>) {
    if let Some(callers) = callers {
        // If there can be no thread, they are freed here.
        _ = thread::Builder::new().name("jwt_auth_free".to_owned()).spawn(move || drop(callers));
    }
}

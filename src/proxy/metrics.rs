//! What is counted. The names are fixed when the module is configured; nothing of a request can make one.
//!
//! A request only adds to numbers in this worker's memory, which costs no call to the host; once a second they go there.

use std::cell::{Cell, RefCell};

use super::abi::{self, MetricType};
use crate::{
    authenticate::{CacheUse, Outcome, Reason},
    crypto::{Algorithm, Key, Verifier},
};

/// The reason of a refusal that is no client's fault.
pub(super) const INTERNAL_ERROR: &str = "internal_error";

/// The counters of a worker.
pub(super) struct Metrics {
    authenticated: Counter,
    anonymous: Counter,
    preflight: Counter,
    disabled: Counter,
    denied: Vec<(&'static str, Counter)>,
    log_lines_left_out: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    cache_use: RefCell<CacheUse>,
}

impl Metrics {
    /// Defines all of them, so that each is there, as 0, before anything happens.
    pub(super) fn define() -> Self {
        let denied = Reason::NAMES.into_iter().chain([INTERNAL_ERROR]);
        Self {
            authenticated: Counter::define("authenticated"),
            anonymous: Counter::define("anonymous"),
            preflight: Counter::define("preflight"),
            disabled: Counter::define("disabled"),
            denied: denied.map(|name| (name, Counter::define(&format!("denied.{name}")))).collect(),
            log_lines_left_out: Counter::define("log_lines_left_out"),
            cache_hits: Counter::define("token_cache_hits"),
            cache_misses: Counter::define("token_cache_misses"),
            cache_use: RefCell::default(),
        }
    }

    /// Counts what was decided.
    pub(super) fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Authenticated(_) => self.authenticated.add(1),
            Outcome::Anonymous { .. } => self.anonymous.add(1),
            Outcome::Preflight => self.preflight.add(1),
            Outcome::Disabled => self.disabled.add(1),
            Outcome::Denied(denial) => self.count_denied(denial.reason.name()),
        }
    }

    /// Counts a refusal by its reason's name.
    pub(super) fn count_denied(&self, reason: &str) {
        if let Some((_, counter)) = self.denied.iter().find(|(name, _)| *name == reason) {
            counter.add(1);
        }
    }

    /// Counts denials that were not logged.
    pub(super) fn count_left_out(&self, lines: u64) {
        self.log_lines_left_out.add(lines);
    }

    /// Takes what was counted to the host.
    pub(super) fn flush(&self, cache_use: CacheUse) {
        let CacheUse { hits, misses } = self.cache_use.replace(cache_use);
        self.cache_hits.add(cache_use.hits.saturating_sub(hits));
        self.cache_misses.add(cache_use.misses.saturating_sub(misses));
        let single = [
            &self.authenticated,
            &self.anonymous,
            &self.preflight,
            &self.disabled,
            &self.log_lines_left_out,
            &self.cache_hits,
            &self.cache_misses,
        ];
        single.into_iter().chain(self.denied.iter().map(|(_, counter)| counter)).for_each(Counter::flush);
    }
}

/// A counter of the host's, and what is not yet added to it.
struct Counter {
    id: Option<u32>,
    pending: Cell<u64>,
}

impl Counter {
    fn define(name: &str) -> Self {
        Self { id: define(MetricType::Counter, name), pending: Cell::new(0) }
    }

    fn add(&self, count: u64) {
        self.pending.set(self.pending.get().saturating_add(count));
    }

    fn flush(&self) {
        let pending = i64::try_from(self.pending.take()).unwrap_or(i64::MAX);
        if let Some(id) = self.id.filter(|_| pending > 0) {
            _ = abi::increment_metric(id, pending);
        }
    }
}

/// Defines a metric of this filter. A host that refuses it goes without.
fn define(kind: MetricType, name: &str) -> Option<u32> {
    abi::define_metric(kind, &format!("jwt_auth.{name}")).ok()
}

/// Verifies signatures and, if it is to, keeps how long that takes.
pub(super) struct Timed<V> {
    verifier: V,
    histogram: Option<u32>,
}

impl<V> Timed<V> {
    pub(super) fn new(verifier: V, is_measured: bool) -> Self {
        let histogram = is_measured.then(|| define(MetricType::Histogram, "verification_microseconds")).flatten();
        Self { verifier, histogram }
    }
}

impl<V: Verifier> Verifier for Timed<V> {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(histogram) = self.histogram else {
            return self.verifier.verify(key, algorithm, message, signature);
        };
        let start = abi::now();
        let verdict = self.verifier.verify(key, algorithm, message, signature);
        if let (Ok(start), Ok(end)) = (start, abi::now()) {
            let taken = end.saturating_sub(start).as_micros();
            _ = abi::record_metric(histogram, u64::try_from(taken).unwrap_or(u64::MAX));
        }
        verdict
    }
}

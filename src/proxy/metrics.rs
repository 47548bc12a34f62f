//! What is counted, as the host keeps it.
//!
//! A request only adds to numbers in this worker's memory, which costs no call to the host; once a second they go there.

use std::cell::{Cell, RefCell};

use super::abi::{self, MetricType};
use crate::{
    authenticate::{CacheUse, Outcome},
    crypto::{Algorithm, Key, Prepared, Verifier},
    observe::{Counters, INTERNAL_ERROR},
};

/// The counters of a worker.
pub(super) struct Metrics {
    counters: Counters<Counter>,
    cache_use: RefCell<CacheUse>,
}

impl Metrics {
    pub(super) fn define() -> Self {
        Self { counters: Counters::define(Counter::define), cache_use: RefCell::default() }
    }

    /// Counts what was decided.
    pub(super) fn count(&self, outcome: &Outcome) {
        self.counters.of(outcome).inspect(|counter| counter.add(1));
    }

    /// Counts a refusal that is no client's fault.
    pub(super) fn count_internal_error(&self) {
        self.counters.denied(INTERNAL_ERROR).inspect(|counter| counter.add(1));
    }

    /// Counts denials that were not logged.
    pub(super) fn count_left_out(&self, lines: u64) {
        self.counters.log_lines_left_out.add(lines);
    }

    /// Takes what was counted to the host.
    pub(super) fn flush(&self, cache_use: CacheUse) {
        let CacheUse { hits, misses } = self.cache_use.replace(cache_use);
        self.counters.token_cache_hits.add(cache_use.hits.saturating_sub(hits));
        self.counters.token_cache_misses.add(cache_use.misses.saturating_sub(misses));
        self.counters.all().for_each(Counter::flush);
    }
}

/// A counter of the host's, and what is not yet added to it. A host that refuses it goes without.
struct Counter {
    number: Option<u32>,
    pending: Cell<u64>,
}

impl Counter {
    fn define(name: &str) -> Self {
        Self { number: abi::define_metric(MetricType::Counter, name).ok(), pending: Cell::new(0) }
    }

    fn add(&self, count: u64) {
        self.pending.set(self.pending.get().saturating_add(count));
    }

    fn flush(&self) {
        let pending = i64::try_from(self.pending.take()).unwrap_or(i64::MAX);
        if let Some(number) = self.number.filter(|_| pending > 0) {
            _ = abi::increment_metric(number, pending);
        }
    }
}

/// Verifies signatures and, if it is to, keeps how long that takes.
pub(super) struct Timed<V> {
    verifier: V,
    histogram: Option<u32>,
}

impl<V> Timed<V> {
    pub(super) fn new(verifier: V, is_measured: bool) -> Self {
        let define = || abi::define_metric(MetricType::Histogram, "jwt_auth.verification_microseconds").ok();
        Self { verifier, histogram: is_measured.then(define).flatten() }
    }
}

impl<V: Verifier> Verifier for Timed<V> {
    fn verify(&self, key: &Key, prepared: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(histogram) = self.histogram else {
            return self.verifier.verify(key, prepared, algorithm, message, signature);
        };
        let start = abi::now();
        let verdict = self.verifier.verify(key, prepared, algorithm, message, signature);
        if let (Ok(start), Ok(end)) = (start, abi::now()) {
            let taken = end.saturating_sub(start).as_micros();
            _ = abi::record_metric(histogram, u64::try_from(taken).unwrap_or(u64::MAX));
        }
        verdict
    }
}

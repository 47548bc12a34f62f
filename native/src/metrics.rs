//! What is counted, as Envoy keeps it.
//!
//! Envoy adds to a counter on behalf of a request. Before 1.39, what is counted where there is none, on the main thread, waits
//! for the next.

use std::sync::atomic::{AtomicU64, Ordering};

use jwt_auth_filter::{
    jwks::{Event, Kind},
    observe::Counters,
};

use crate::abi::{FilterConfig, Request};

/// The counters of a configuration.
pub(crate) struct Metrics {
    pub(crate) requests: Counters<Counter>,
    fetches: [(Kind, &'static str, Counter); Event::COUNTERS.len()],
    fetched: AtomicU64,
    config: FilterConfig,
    verification: Option<usize>,
}

impl Metrics {
    /// Defines all of them, so that each is there, as 0, before anything happens.
    pub(crate) fn define(config: FilterConfig, measures_verification: bool) -> Self {
        let define = |name: &str| Counter { number: config.define_counter(name), pending: AtomicU64::new(0) };
        let histogram = || config.define_histogram("jwt_auth.verification_microseconds");
        Self {
            requests: Counters::define(define),
            fetches: Event::COUNTERS.map(|(kind, result, name)| (kind, result, define(name))),
            fetched: AtomicU64::new(0),
            config,
            verification: measures_verification.then(histogram).flatten(),
        }
    }

    /// Counts a fetch that has ended. On the main thread.
    pub(crate) fn count_fetch(&self, kind: Kind, event: &Event) {
        if let Some((.., counter)) = self.fetches.iter().find(|(of, name, _)| *of == kind && *name == event.name(kind))
            && !counter.number.is_some_and(|number| self.config.count(number, 1))
        {
            counter.pending.fetch_add(1, Ordering::Relaxed);
            self.fetched.fetch_add(1, Ordering::Release);
        }
    }

    /// Hands over what was counted without a request.
    pub(crate) fn hand_over(&self, request: Request) {
        if self.fetched.load(Ordering::Acquire) > 0 && self.fetched.swap(0, Ordering::Acquire) > 0 {
            self.fetches
                .iter()
                .for_each(|(.., counter)| counter.add(request, counter.pending.swap(0, Ordering::Relaxed)));
        }
    }

    /// Keeps how long a verification took.
    pub(crate) fn record_verification(&self, request: Request, microseconds: u64) {
        if let Some(histogram) = self.verification {
            request.record(histogram, microseconds);
        }
    }

    /// Whether it is kept how long a verification takes.
    pub(crate) fn measures_verification(&self) -> bool {
        self.verification.is_some()
    }
}

/// A counter of Envoy's. Should Envoy refuse to define it, nothing is counted.
#[derive(Debug)]
pub(crate) struct Counter {
    number: Option<usize>,
    pending: AtomicU64,
}

impl Counter {
    /// Adds to it on behalf of a request.
    pub(crate) fn add(&self, request: Request, by: u64) {
        if let Some(number) = self.number.filter(|_| by > 0) {
            request.count(number, by);
        }
    }
}

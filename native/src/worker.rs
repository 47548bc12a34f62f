//! What a worker thread keeps for a configuration: the tokens that it knows, and how many lines it has logged. So no request
//! waits for another thread.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Weak},
    time::Instant,
};

use jwt_auth_aws_lc::AwsLc;
use jwt_auth_filter::{
    authenticate::{Authenticator, CacheUse, Decision, Outcome},
    crypto::{Algorithm, Key, Prepared, Verifier},
    observe::{DecisionLog, Metadata},
    policy::Policy,
};
use log::error;

use crate::{
    abi,
    key_sets::now,
    plugin::{self, NO_DYNAMIC_METADATA, Plugin},
    proofs,
    request::EnvoyRequest,
    routes::{self, Number},
};

/// A worker's part of a configuration.
pub(crate) struct Worker {
    pub(crate) authenticator: Authenticator<Timed>,
    log: DecisionLog,
    cache_use: Cell<CacheUse>,
    /// The policies of routes, over the configuration; `None` for those that are at fault there.
    route_policies: RefCell<HashMap<Number, Option<Rc<Policy>>>>,
}

/// A configuration's worker on this thread.
struct Entry {
    plugin: Weak<Plugin>,
    number: u64,
    worker: Rc<Worker>,
}

thread_local! {
    /// One for each configuration that this thread has had a request for, as long as it may have another.
    static WORKERS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    /// How many configurations had ended when those were last looked through.
    static ENDED: Cell<u64> = const { Cell::new(0) };
}

impl Worker {
    /// This thread's worker for a configuration.
    pub(crate) fn of(plugin: &Arc<Plugin>) -> Rc<Self> {
        WORKERS.with_borrow_mut(|workers| {
            let known = workers.iter().find(|entry| entry.number == plugin.number);
            let worker = known.map_or_else(|| Rc::new(Self::new(plugin)), |entry| Rc::clone(&entry.worker));
            if known.is_none() {
                let (plugin, number) = (Arc::downgrade(plugin), plugin.number);
                workers.push(Entry { plugin, number, worker: Rc::clone(&worker) });
            }
            let ended = plugin::ended();
            if ENDED.replace(ended) != ended {
                let has_ended = |entry: &mut Entry| entry.plugin.strong_count() == 0;
                workers.extract_if(.., has_ended).for_each(|entry| worker.log.inherit(&entry.worker.log));
            }
            worker
        })
    }

    fn new(plugin: &Plugin) -> Self {
        let verifier =
            Timed { verifier: AwsLc, is_measured: plugin.metrics.measures_verification(), taken: Cell::new(None) };
        let proofs = proofs::share(&plugin.config);
        Self {
            authenticator: Authenticator::new(Arc::clone(&plugin.config), verifier).remembering(proofs),
            log: DecisionLog::default(),
            cache_use: Cell::default(),
            route_policies: RefCell::default(),
        }
    }

    /// The policy that a route has of its own. It is read once for each worker and configuration.
    ///
    /// # Errors
    /// It is at fault over this configuration, which the log tells, or another module's.
    pub(crate) fn route_policy(&self, number: Number) -> Result<Rc<Policy>, &'static str> {
        let known = self.route_policies.borrow().get(&number).cloned();
        let policy = known.unwrap_or_else(|| {
            let policy = self.read_route_policy(number);
            let mut policies = self.route_policies.borrow_mut();
            routes::retain_current(&mut policies);
            policies.insert(number, policy.clone());
            policy
        });
        policy.ok_or("the route's own policy cannot be followed")
    }

    fn read_route_policy(&self, number: Number) -> Option<Rc<Policy>> {
        let Some(policy) = routes::find(number) else {
            error!("the route has a configuration of another module for this filter");
            return None;
        };
        let read = policy.over(self.authenticator.config());
        let faults = match read {
            Ok(policy) if policy.dynamic_metadata.is_some() && !abi::takes_dynamic_metadata() => {
                error!("policy of a route: {NO_DYNAMIC_METADATA}");
                return None;
            }
            Ok(policy) => return Some(Rc::new(policy)),
            Err(faults) => faults,
        };
        faults.iter().for_each(|fault| error!("policy of a route, over the filter's configuration: {fault}"));
        None
    }

    /// Tells the operators what was decided.
    pub(crate) fn tell(&self, plugin: &Plugin, decision: &Decision, request: &EnvoyRequest, envoy: abi::Request) {
        let counters = &plugin.metrics.requests;
        counters.of(&decision.outcome).inspect(|counter| counter.add(envoy, 1));
        self.log.left_out(|| now() / 1000).inspect(|lines| counters.log_lines_left_out.add(envoy, *lines));
        self.log.tell(decision, request, || request.client_address(), || now() / 1000);
    }

    /// Hands over what a decision has cost, and what was counted without a request.
    pub(crate) fn account(&self, plugin: &Plugin, envoy: abi::Request) {
        let cache_use = self.authenticator.cache_use();
        let before = self.cache_use.replace(cache_use);
        let counters = &plugin.metrics.requests;
        counters.token_cache_hits.add(envoy, cache_use.hits.saturating_sub(before.hits));
        counters.token_cache_misses.add(envoy, cache_use.misses.saturating_sub(before.misses));
        if let Some(taken) = self.authenticator.verifier().taken.take() {
            plugin.metrics.record_verification(envoy, taken);
        }
        plugin.metrics.hand_over(envoy);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        plugin::free(self.authenticator.take_callers());
    }
}

/// Writes what was decided where access logs and other filters find it; whether all of it could be written.
pub(crate) fn publish(decision: &Decision, envoy: abi::Request) -> bool {
    write_filter_state(decision, envoy);
    let Some(Metadata { namespace, message }) = Metadata::of(decision) else { return true };
    message.is_some_and(|message| envoy.set_dynamic_metadata(namespace, &message))
}

/// Writes to the filter state, under the names that the Wasm edition has there.
fn write_filter_state(Decision { policy, outcome, .. }: &Decision, envoy: abi::Request) {
    if let Outcome::Authenticated(authenticated) = outcome {
        for (key, value) in authenticated.claims_for_filter_state() {
            envoy.set_filter_state(&format!("wasm.jwt_auth.claim.{key}"), value.as_bytes());
        }
    }
    if !policy.filter_state {
        return;
    }
    if let Some(consumer) = outcome.consumer() {
        envoy.set_filter_state("wasm.jwt_auth.consumer", consumer.name().as_bytes());
    }
    if let Outcome::Authenticated(authenticated) = outcome {
        envoy.set_filter_state("wasm.jwt_auth.credential", authenticated.credential().identifier().as_str().as_bytes());
    }
    envoy.set_filter_state("wasm.jwt_auth.outcome", outcome.name().as_bytes());
}

/// Verifies signatures and, if it is to, keeps how long that takes.
pub(crate) struct Timed {
    verifier: AwsLc,
    is_measured: bool,
    /// Microseconds, not yet told.
    taken: Cell<Option<u64>>,
}

impl Verifier for Timed {
    fn verify(&self, key: &Key, prepared: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.is_measured {
            return self.verifier.verify(key, prepared, algorithm, message, signature);
        }
        let start = Instant::now();
        let verdict = self.verifier.verify(key, prepared, algorithm, message, signature);
        self.taken.set(Some(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)));
        verdict
    }
}

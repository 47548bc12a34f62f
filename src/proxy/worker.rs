//! What a worker does with a request: deciding, and doing what was decided.

use std::rc::Rc;

use log::error;

use super::{
    abi::{Action, Status},
    host::{self, HostRequest, HostVerifier, Ticker},
    key_sets::KeySets,
    metrics::{Metrics, Timed},
    proofs::HostData,
};
use crate::{
    authenticate::{Arrival, Authenticator, Decision, Outcome, Pending},
    config::Config,
    jwks::{Millis, Next, Woken},
    observe::DecisionLog,
    reply::Reply,
    request::expected_body,
    sender::SharedMemory,
    upstream,
};

/// A configured worker.
pub(super) struct Worker {
    authenticator: Authenticator<Timed<HostVerifier>>,
    key_sets: KeySets,
    metrics: Metrics,
    log: DecisionLog,
    is_in_envoy: bool,
}

impl Worker {
    pub(super) fn new(plugin_id: u32, config: Config, is_in_envoy: bool, ticker: Rc<Ticker>) -> Self {
        let key_sets = KeySets::new(plugin_id, &config, is_in_envoy, ticker);
        let verifier = Timed::new(HostVerifier::new(config.host_crypto, is_in_envoy), config.measure_verification);
        let proofs = SharedMemory::new(HostData, config.max_dpop_proofs);
        Self {
            authenticator: Authenticator::new(config, verifier).remembering(proofs),
            key_sets,
            metrics: Metrics::define(),
            log: DecisionLog::default(),
            is_in_envoy,
        }
    }

    /// The key sets that it fetches, and who waits for them.
    pub(super) fn key_sets(&self) -> &KeySets {
        &self.key_sets
    }

    /// Decides about the request that the host is calling about, and concludes it; or has it wait for a key set.
    pub(super) fn handle(&self, context_id: u32, has_body: bool) -> Action {
        let request = HostRequest::current(self.is_in_envoy);
        let weighed = self.authenticator.decide_or_wait(&request, host::now());
        let weighed = weighed.map_err(|pending| {
            let body = if has_body { expected_body(&request) } else { 0 };
            pending.arriving(Arrival { at: self.key_sets.now(), body })
        });
        self.conclude_or_wait(context_id, request, weighed, None)
    }

    /// Concludes what is decided. What has to wait does so until the deadline, or for a time that begins now.
    fn conclude_or_wait<'w>(
        &'w self,
        context_id: u32,
        mut request: HostRequest,
        mut weighed: Result<Decision<'w>, Pending>,
        deadline: Option<Millis>,
    ) -> Action {
        loop {
            let pending = match weighed {
                Ok(decision) => return self.conclude(&decision, &mut request),
                Err(pending) => pending,
            };
            weighed = match self.key_sets.wait(context_id, pending, deadline) {
                Next::Wait => return Action::Pause,
                Next::TryAgain(pending) => self.authenticator.decide_again(&request, host::now(), pending),
                Next::GiveUp(pending) => Ok(self.authenticator.give_up(&request, host::now(), pending)),
            };
        }
    }

    /// Goes on with requests that have waited long enough. Called in the root's context.
    pub(super) fn wake(&self) {
        self.key_sets.wake(|woken| self.go_on(woken));
    }

    fn go_on(&self, Woken { id, deadline, with: pending }: Woken<Pending>) {
        self.key_sets.on_behalf_of(id, || {
            let request = HostRequest::current(self.is_in_envoy);
            let weighed = match deadline {
                Some(_) => self.authenticator.decide_again(&request, host::now(), pending),
                None => Ok(self.authenticator.give_up(&request, host::now(), pending)),
            };
            if self.conclude_or_wait(id, request, weighed, deadline) == Action::Continue {
                self.key_sets.resume(id);
            }
        });
    }

    /// Ends in good order, when another configuration takes over: requests that still wait are answered, and other workers
    /// may fetch what this one was fetching. Called in the root's context.
    pub(super) fn end(&self) {
        for (id, with) in self.key_sets.dismiss() {
            self.go_on(Woken { id, deadline: None, with });
        }
        self.key_sets.release();
    }

    /// Takes out of the trailers what some services merge into the headers: names that only the filter may write, and
    /// tokens that are to be hidden.
    pub(super) fn clean_trailers(&self) {
        let config = self.authenticator.config();
        config.own_headers().chain(config.hidden_headers()).for_each(host::remove_trailer);
    }

    /// Does what was decided with the request that the host is calling about, or is told to mean: tells the operators,
    /// and either changes the request for the upstream or answers it.
    fn conclude(&self, decision: &Decision, request: &mut HostRequest) -> Action {
        if let Some(status) = request.declined() {
            return self.fail_untold(status);
        }
        if let Some(reply) = Reply::to(decision, request) {
            self.tell(decision, request);
            return host::refuse(&reply);
        }
        if let Err(problem) = upstream::prepare(decision, request) {
            return self.fail(&problem.to_string());
        }
        if let Some(status) = request.declined() {
            return self.fail_untold(status);
        }
        if decision.policy.forwarding.clear_route_cache && self.is_in_envoy {
            host::clear_route_cache();
        }
        self.tell(decision, request);
        Action::Continue
    }

    /// Tells the operators what was decided.
    fn tell(&self, decision: &Decision, request: &HostRequest) {
        self.metrics.count(&decision.outcome);
        self.log.tell(decision, request, host::client_address, host::now);
        if self.is_in_envoy {
            write_filter_state(decision);
        }
    }

    /// Refuses a request that the host does not tell all of.
    fn fail_untold(&self, status: Status) -> Action {
        self.fail(&format!("the host does not hand over the whole request, {status}"))
    }

    /// Refuses a request because of the host or the set-up, not of the client.
    fn fail(&self, problem: &str) -> Action {
        error!("denied: {problem}");
        self.metrics.count_internal_error();
        host::refuse(&Reply::internal_error())
    }

    /// What is due now and then, and at least once a second.
    pub(super) fn tick(&self) {
        self.key_sets.tick();
        self.wake();
        self.log.left_out(host::now).inspect(|lines| self.metrics.count_left_out(*lines));
        self.metrics.flush(self.authenticator.cache_use());
    }
}

impl Drop for Worker {
    /// What was counted since the last tick is not lost with the configuration. The last request that was taken up under
    /// it has ended by now.
    fn drop(&mut self) {
        self.log.left_out_at_last().inspect(|lines| self.metrics.count_left_out(*lines));
        self.metrics.flush(self.authenticator.cache_use());
    }
}

/// Writes what was decided where access logs and other filters of the proxy find it.
fn write_filter_state(Decision { policy, outcome, .. }: &Decision) {
    if let Outcome::Authenticated(authenticated) = outcome {
        for (key, value) in authenticated.claims_for_filter_state() {
            host::set_filter_state(&format!("jwt_auth.claim.{key}"), value);
        }
    }
    if !policy.filter_state {
        return;
    }
    if let Some(consumer) = outcome.consumer() {
        host::set_filter_state("jwt_auth.consumer", consumer.name());
    }
    if let Outcome::Authenticated(authenticated) = outcome {
        host::set_filter_state("jwt_auth.credential", authenticated.credential().identifier().as_str());
    }
    host::set_filter_state("jwt_auth.outcome", &outcome.name());
}

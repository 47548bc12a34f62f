//! One request, from its headers until Envoy is done with it.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jwt_auth_filter::{
    authenticate::{Arrival, Decision, OnRoute, Pending},
    jwks::{Millis, Next},
    policy::Policy,
    reply::Reply,
    request::{Protocol, expected_body},
    upstream,
};

use crate::{
    abi::{self, Fields},
    key_sets::{DECIDE_AGAIN, KeySets, now},
    plugin::Plugin,
    request::EnvoyRequest,
    routes::Number,
    worker::{Timed, Worker, publish},
};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It goes on.
    Passes,
    /// It waits for a key set. What follows its headers waits too.
    Waits,
    /// It was answered.
    Refused,
}

/// A request that Envoy has this filter look at.
pub(crate) struct Exchange {
    plugin: Arc<Plugin>,
    /// By which it goes while it waits.
    number: u32,
    state: Cell<State>,
    /// The policy that its route has of its own, and the number that Envoy knows it by.
    route: OnceCell<(Number, Rc<Policy>)>,
    waiting: RefCell<Option<(Pending, Millis)>>,
}

impl Exchange {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);

        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self { plugin, number, state: Cell::new(State::Refused), route: OnceCell::new(), waiting: RefCell::new(None) }
    }

    /// What has become of it.
    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    /// Decides about it, once its headers are there.
    pub(crate) fn headers(&self, envoy: abi::Request, has_body: bool) -> State {
        let worker = Worker::of(&self.plugin);
        let Some(request) = EnvoyRequest::of(envoy) else {
            return self.fail(&worker, "Envoy did not hand over the headers", envoy);
        };
        if let Some(number) = route_number(envoy) {
            match worker.route_policy(number) {
                Ok(policy) => _ = self.route.set((number, policy)),
                Err(problem) => return self.fail(&worker, problem, envoy),
            }
        }
        let weighed = self.on_route(&worker).decide_or_wait(&request, now() / 1000);
        let weighed = weighed.map_err(|pending| {
            let body = if has_body { expected_body(&request) } else { 0 };
            pending.arriving(Arrival { at: now(), body })
        });
        self.conclude_or_wait(&worker, request, envoy, weighed, None)
    }

    /// What decides about it.
    fn on_route<'r>(&'r self, worker: &'r Worker) -> OnRoute<'r, Timed> {
        worker.authenticator.on_route(self.route.get().map(|(_, policy)| &**policy))
    }

    /// Decides again, after it has waited. Says whether it is to go on now.
    pub(crate) fn woken(&self, envoy: abi::Request, event: u64) -> bool {
        let Some((pending, deadline)) = self.waiting.take() else { return false };
        let _told = Told(&self.plugin.key_sets);
        let worker = Worker::of(&self.plugin);
        let state = match EnvoyRequest::of(envoy) {
            None => self.fail(&worker, "Envoy did not hand over the headers", envoy),
            Some(request) if event == DECIDE_AGAIN => {
                let weighed = self.on_route(&worker).decide_again(&request, now() / 1000, pending);
                self.conclude_or_wait(&worker, request, envoy, weighed, Some(deadline))
            }
            Some(request) => {
                let decision = self.on_route(&worker).give_up(&request, now() / 1000, pending);
                self.conclude_or_wait(&worker, request, envoy, Ok(decision), Some(deadline))
            }
        };
        state == State::Passes
    }

    /// Takes out of the trailers what some services merge into the headers: names that only the filter may write, and tokens
    /// that are to be hidden.
    pub(crate) fn clean_trailers(&self, envoy: abi::Request) {
        let config = &self.plugin.config;
        let hidden_here = self.route.get().into_iter().flat_map(|(_, policy)| policy.hidden_headers());
        for name in config.own_headers().chain(config.hidden_headers()).chain(hidden_here) {
            envoy.remove_field(Fields::Trailers, name);
        }
    }

    /// Concludes what is decided. What has to wait does so until the deadline, or for a time that begins now.
    fn conclude_or_wait<'r>(
        &'r self,
        worker: &'r Worker,
        mut request: EnvoyRequest,
        envoy: abi::Request,
        mut weighed: Result<Decision<'r>, Pending>,
        deadline: Option<Millis>,
    ) -> State {
        loop {
            let pending = match weighed {
                Ok(decision) => return self.conclude(worker, &decision, &mut request, envoy),
                Err(pending) => pending,
            };
            let wait = pending.wait();
            let timeout = wait.sets.iter().map(|set| set.source().timeout).max().unwrap_or_default();
            let until = deadline.unwrap_or_else(|| now().saturating_add(timeout.as_millis() as Millis));
            // It is in place before the alarm can ring, which it does on this thread, after this.
            match self.plugin.key_sets.wait(self.number, &wait, Some(until), envoy.alarm()) {
                Next::Wait => {
                    *self.waiting.borrow_mut() = Some((pending, until));
                    return self.become_(State::Waits);
                }
                Next::TryAgain(_) => {
                    weighed = self.on_route(worker).decide_again(&request, now() / 1000, pending);
                }
                Next::GiveUp(_) => {
                    weighed = Ok(self.on_route(worker).give_up(&request, now() / 1000, pending));
                }
            }
        }
    }

    /// Does what was decided: tells the operators, and either changes the request for the upstream or answers it.
    fn conclude(&self, worker: &Worker, decision: &Decision, request: &mut EnvoyRequest, envoy: abi::Request) -> State {
        worker.account(&self.plugin, envoy);
        if let Some(reply) = Reply::to(decision, request) {
            publish(decision, envoy);
            worker.tell(&self.plugin, decision, request, envoy);
            return self.refuse(&reply, envoy);
        }
        if let Err(problem) = upstream::prepare(decision, request) {
            return self.fail(worker, &problem.to_string(), envoy);
        }
        if !publish(decision, envoy) {
            return self.fail(worker, "the claims are nested too deep for dynamic metadata", envoy);
        }
        // Routes may depend on all that was written.
        if decision.policy.forwarding.clear_route_cache {
            envoy.clear_route_cache();
            if route_number(envoy) != self.route.get().map(|(number, _)| *number) {
                return self.fail(worker, "the route that was chosen anew has another policy of its own", envoy);
            }
        }
        worker.tell(&self.plugin, decision, request, envoy);
        self.become_(State::Passes)
    }

    fn fail(&self, worker: &Worker, problem: &str, envoy: abi::Request) -> State {
        worker.tell_failure(&self.plugin, problem, envoy);
        self.refuse(&Reply::internal_error(), envoy)
    }

    /// Answers it here. To a gRPC request Envoy says it in gRPC's way.
    pub(crate) fn refuse(&self, reply: &Reply, envoy: abi::Request) -> State {
        let protocol = Protocol::of(envoy.field(Fields::Headers, "content-type").as_deref());
        let mut headers = reply.headers(protocol);
        if protocol == Protocol::Grpc {
            headers.push(("grpc-status", grpc_status(reply.status).into()));
        }
        self.state.set(State::Refused);
        envoy.respond(reply.status, &headers, reply.content(protocol).as_bytes());
        State::Refused
    }

    fn become_(&self, state: State) -> State {
        self.state.set(state);
        state
    }
}

/// A request that was told and decides. The others that wait are told once it has, also if it panics.
struct Told<'k>(&'k KeySets);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.decided();
    }
}

/// By which Envoy knows the policy of the request's route, if it has one of its own.
fn route_number(envoy: abi::Request) -> Option<Number> {
    envoy.route_configuration().map(|configuration| configuration.addr())
}

/// What a gRPC client is told instead of an HTTP status (gRPC's "HTTP to gRPC Status Code Mapping"). Envoy would say 0 here.
fn grpc_status(http: u16) -> &'static str {
    match http {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502 | 503 | 504 => "14",
        _ => "2",
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.waiting.take().is_some() {
            self.plugin.key_sets.forget(self.number);
        }
    }
}

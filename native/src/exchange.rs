//! One request, from its headers until Envoy is done with it.

use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jwt_auth_filter::{
    authenticate::{Arrival, Decision, OnRoute, Pending},
    jwks::{Millis, Next},
    observe::INTERNAL_ERROR,
    policy::Policy,
    reply::Reply,
    request::{Protocol, expected_body},
    upstream,
};
use log::error;

use crate::{
    abi::{self, Fields},
    key_sets::{GIVE_UP, decided, now},
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
    is_answered: Cell<bool>,
    /// Whether Envoy is done with it. That can be while a hook of its own runs: when it has answered, or lets it go on.
    is_gone: Cell<bool>,
    /// The policy that its route has of its own, and the number that Envoy knows it by.
    route: OnceCell<(Number, Rc<Policy>)>,
    waiting: Cell<Option<Pending>>,
}

impl Exchange {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);

        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self {
            plugin,
            number,
            state: Cell::new(State::Refused),
            is_answered: Cell::new(false),
            is_gone: Cell::new(false),
            route: OnceCell::new(),
            waiting: Cell::new(None),
        }
    }

    /// What has become of it.
    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    /// Decides about it, once its headers are there.
    pub(crate) fn headers(&self, envoy: abi::Request, has_body: bool) -> State {
        #[cfg(feature = "panic-drill")]
        panic_if_told(envoy);
        let worker = Worker::of(&self.plugin);
        let Some(request) = EnvoyRequest::of(envoy) else {
            return self.fail("Envoy did not hand over the headers", envoy);
        };
        if let Some(number) = route_number(envoy) {
            match worker.route_policy(number) {
                Ok(policy) => _ = self.route.set((number, policy)),
                Err(problem) => return self.fail(problem, envoy),
            }
        }
        let weighed = self.on_route(&worker).decide_or_wait(&request, now() / 1000);
        let weighed = weighed.map_err(|pending| {
            let body = if has_body { expected_body(&request) } else { 0 };
            pending.arriving(Arrival { at: now(), body })
        });
        self.conclude_or_wait(&worker, request, envoy, weighed, None)
    }

    /// Notes that Envoy is done with it.
    pub(crate) fn is_over(&self) {
        self.is_gone.set(true);
    }

    /// What decides about it.
    fn on_route<'r>(&'r self, worker: &'r Worker) -> OnRoute<'r, Timed> {
        worker.authenticator.on_route(self.route.get().map(|(_, policy)| &**policy))
    }

    /// Decides again, after it has waited, or does without what it waited for. Says whether it is to go on now.
    pub(crate) fn woken(&self, envoy: abi::Request, deadline: Millis) -> bool {
        let Some(pending) = self.waiting.take() else { return false };
        let _told = Told;
        let worker = Worker::of(&self.plugin);
        let state = match EnvoyRequest::of(envoy) {
            None => self.fail("Envoy did not hand over the headers", envoy),
            Some(request) if deadline == GIVE_UP => {
                let decision = self.on_route(&worker).give_up(&request, now() / 1000, pending);
                self.conclude_or_wait(&worker, request, envoy, Ok(decision), None)
            }
            Some(request) => {
                let weighed = self.on_route(&worker).decide_again(&request, now() / 1000, pending);
                self.conclude_or_wait(&worker, request, envoy, weighed, Some(deadline))
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
            match self.plugin.key_sets.wait(self.number, &pending.wait(), deadline, envoy.alarm()) {
                Next::Wait => {
                    // It is in place before the alarm can ring, which it does on this thread, after this.
                    self.waiting.set(Some(pending));
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
            return self.fail(&problem.to_string(), envoy);
        }
        if !publish(decision, envoy) {
            return self.fail("the claims are nested too deep for dynamic metadata", envoy);
        }
        // Routes may depend on all that was written.
        if decision.policy.forwarding.clear_route_cache {
            envoy.clear_route_cache();
            if route_number(envoy) != self.route.get().map(|(number, _)| *number) {
                return self.fail("the route that was chosen anew has another policy of its own", envoy);
            }
        }
        worker.tell(&self.plugin, decision, request, envoy);
        self.become_(State::Passes)
    }

    /// Refuses it because of Envoy or the set-up, not of the client.
    fn fail(&self, problem: &str, envoy: abi::Request) -> State {
        error!("denied: {problem}");
        self.plugin.metrics.requests.denied(INTERNAL_ERROR).inspect(|counter| counter.add(envoy, 1));
        self.refuse(&Reply::internal_error(), envoy)
    }

    /// Refuses it after a panic, unless it was answered before that.
    pub(crate) fn panicked(&self, envoy: abi::Request) -> State {
        if self.is_gone.get() || self.is_answered.get() {
            return State::Refused;
        }
        self.fail("the module panicked", envoy)
    }

    /// Answers it here, the last thing that is done with it. To a gRPC request Envoy says it in gRPC's way.
    fn refuse(&self, reply: &Reply, envoy: abi::Request) -> State {
        let protocol = Protocol::of(envoy.field(Fields::Headers, "content-type").as_deref());
        let mut headers = reply.headers(protocol);
        if protocol == Protocol::Grpc {
            headers.push(("grpc-status", grpc_status(reply.status).into()));
        }
        self.state.set(State::Refused);
        self.is_answered.set(true);
        envoy.respond(reply.status, &headers, reply.content(protocol).as_bytes());
        State::Refused
    }

    fn become_(&self, state: State) -> State {
        self.state.set(state);
        state
    }
}

#[cfg(feature = "panic-drill")]
#[expect(clippy::panic, reason = "that is what the drill is about")]
fn panic_if_told(envoy: abi::Request) {
    if envoy.field(Fields::Headers, "x-panic-drill").is_some() {
        panic!("a request asked for it");
    }
}

/// A request that was told and decides. The others that wait are told once it has, also if it panics.
struct Told;

impl Drop for Told {
    fn drop(&mut self) {
        decided();
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

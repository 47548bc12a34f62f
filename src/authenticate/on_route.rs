//! Deciding about a request on its route: by the policy that the route has of its own, or else by the configuration.

use std::sync::Arc;

use super::{Arrival, Authenticator, Decision, Denial, Outcome, Pending, Reason, check_anonymous, search::Search};
use crate::{
    config::Config,
    crypto::Verifier,
    policy::{FailureKind, Policy},
    request::Request,
    token::Timestamp,
};

/// Decides about the requests of a route.
pub struct OnRoute<'c, V> {
    authenticator: &'c Authenticator<V>,
    own: Option<&'c Policy>,
}

impl<'c, V: Verifier> OnRoute<'c, V> {
    pub(super) fn new(authenticator: &'c Authenticator<V>, own: Option<&'c Policy>) -> Self {
        Self { authenticator, own }
    }

    /// What it decides by, beside the route's own policy.
    pub fn config(&self) -> &'c Config {
        &self.authenticator.config
    }

    /// Decides about a request at the time `now`, with the keys that are there.
    pub fn decide(&self, request: &impl Request, now: Timestamp) -> Decision<'c> {
        self.decide_or_wait(request, now).unwrap_or_else(|pending| self.give_up(request, now, pending))
    }

    /// Decides about a request at the time `now`.
    ///
    /// # Errors
    /// What the request should wait for: its token is not valid, and a key set that has yet to arrive may change that.
    pub fn decide_or_wait(&self, request: &impl Request, now: Timestamp) -> Result<Decision<'c>, Pending> {
        self.weigh(request, now, None)
    }

    /// Decides again about a request that has waited. Keys that have been tried are not tried again, and what they have cost
    /// counts.
    ///
    /// # Errors
    /// What the request should wait for now.
    pub fn decide_again(
        &self,
        request: &impl Request,
        now: Timestamp,
        pending: Pending,
    ) -> Result<Decision<'c>, Pending> {
        let arrival = pending.arrival;
        self.weigh(request, now, Some(pending.search.again())).map_err(|pending| pending.arriving(arrival))
    }

    /// Decides about a request that is not to wait any longer. Nothing is verified: what the request has come to is known.
    pub fn give_up(&self, request: &impl Request, now: Timestamp, pending: Pending) -> Decision<'c> {
        let policy = self.policy(request);
        self.decision(policy, pending.search.token, without_token(policy, pending.denial_at_last(now)))
    }

    fn policy(&self, request: &impl Request) -> &'c Policy {
        self.own.unwrap_or_else(|| self.authenticator.config.policy_for(request))
    }

    fn decision(&self, policy: &'c Policy, token: usize, outcome: Outcome<'c>) -> Decision<'c> {
        Decision { policy, claim_headers: &self.authenticator.config.claim_headers, token, outcome }
    }

    fn weigh(&self, request: &impl Request, now: Timestamp, search: Option<Search>) -> Result<Decision<'c>, Pending> {
        let config = &self.authenticator.config;
        if let Some(metadata) = config.resource_metadata(request) {
            return Ok(self.decision(&config.policy, 0, Outcome::ResourceMetadata(metadata)));
        }
        let policy = self.policy(request);
        if let Some(outcome) = self.without_authentication(policy, request) {
            return Ok(self.decision(policy, 0, outcome));
        }
        let mut search = search.unwrap_or_default();
        match self.authenticator.check(policy, request, now, &mut search) {
            Ok(authenticated) => Ok(self.decision(policy, search.token, Outcome::Authenticated(authenticated))),
            Err(denial) if !search.awaited.is_empty() => {
                let arrival = Arrival { at: now.saturating_mul(1000), body: 0 };
                Err(Pending { denial: denial.into(), search: Box::new(search), arrival })
            }
            Err(denial) => Ok(self.decision(policy, search.token, without_token(policy, denial))),
        }
    }

    /// What becomes of a request whose token does not matter.
    fn without_authentication(&self, policy: &Policy, request: &impl Request) -> Option<Outcome<'c>> {
        if let Err(denial) = self.route_is_its_own(request) {
            return Some(Outcome::Denied(denial));
        }
        if policy.disabled {
            return Some(Outcome::Disabled);
        }
        (!policy.run_on_preflight && is_preflight(request)).then_some(Outcome::Preflight)
    }

    /// A proxy chooses the route again when the filter takes a header away. Where the policy goes by the route, a client must
    /// not be able to choose one by a header that will be gone: so it is refused what else is only overwritten.
    fn route_is_its_own(&self, request: &impl Request) -> Result<(), Denial> {
        let config = &self.authenticator.config;
        if self.own.is_some() || !config.rules.is_empty() {
            for name in config.own_headers() {
                if request.header(name).is_some() {
                    return Err(Reason::ForbiddenHeader(name.to_owned()).into());
                }
            }
        }
        Ok(())
    }
}

/// Whether a browser asks whether it may send a request (Fetch standard, CORS-preflight request). Any other `OPTIONS` may do
/// whatever the service makes of it, such as a method that another header names.
fn is_preflight(request: &impl Request) -> bool {
    request.method().is_some_and(|method| *method == *b"OPTIONS")
        && request.header("origin").is_some()
        && request.header("access-control-request-method").is_some()
}

/// What becomes of a request whose authentication failed. `allow` and `deny` hold for the anonymous consumer as well.
fn without_token(policy: &Policy, denial: Denial) -> Outcome<'_> {
    let Some(kind) = denial.reason.failure_kind() else { return Outcome::Denied(denial) };
    if policy.optional && kind == FailureKind::Missing {
        return Outcome::Optional;
    }
    match &policy.anonymous {
        Some(consumer) if kind.is_among(&policy.anonymous_for) => match check_anonymous(policy, consumer) {
            Ok(()) => Outcome::Anonymous { consumer, denial },
            Err(reason) => Outcome::Denied(Denial {
                reason,
                consumer: Some(Arc::clone(consumer)),
                credential: denial.credential,
                before_anonymous: Some(Box::new(denial.reason)),
            }),
        },
        _ => Outcome::Denied(denial),
    }
}

//! What a worker does with a request: deciding, and doing what was decided.

use log::{debug, error, info};
use proxy_wasm::types::Action;

use super::host::{self, HostRequest, HostVerifier};
use crate::{
    authenticate::{Authenticator, Decision, Outcome},
    config::Config,
    identity,
    reply::Reply,
};

/// A configured worker.
pub(super) struct Worker {
    authenticator: Authenticator<HostVerifier>,
}

impl Worker {
    pub(super) fn new(config: Config) -> Self {
        let verifier = HostVerifier::new(config.host_crypto);
        Self { authenticator: Authenticator::new(config, verifier) }
    }

    /// Decides about the request that the host is calling about, and concludes it.
    pub(super) fn handle(&self) -> Action {
        let mut request = HostRequest::current();
        self.conclude(&self.authenticator.decide(&request, host::now()), &mut request)
    }

    /// Does what was decided with the request that the host is calling about, or is told to mean: tells the operators,
    /// and either changes the request for the upstream or answers it.
    pub(super) fn conclude(&self, decision: &Decision, request: &mut HostRequest) -> Action {
        let Decision { policy, outcome } = decision;
        log_outcome(outcome);
        let Some(identity) = identity::headers(outcome) else {
            return match outcome {
                Outcome::Denied(denial) => host::refuse(&Reply::unauthorized(&denial.reason, policy)),
                _ => host::refuse(&Reply::internal_error()),
            };
        };
        match identity::apply(&identity, request) {
            Ok(()) => Action::Continue,
            Err(problem) => {
                error!("denied: {problem}");
                host::refuse(&Reply::internal_error())
            }
        }
    }
}

/// Tells operators what was decided; never a token or a key.
fn log_outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Authenticated(authenticated) => {
            let credential = authenticated.credential();
            debug!("authenticated: consumer {}, credential {:?}", credential.consumer(), credential.key().as_str());
        }
        Outcome::Anonymous { consumer, denial } => debug!("anonymous: consumer {consumer}, because: {}", denial.reason),
        Outcome::Preflight => debug!("preflight: passed without a token"),
        Outcome::Denied(denial) => match &denial.consumer {
            Some(consumer) => info!("denied: {}; consumer {consumer}", denial.reason),
            None => info!("denied: {}", denial.reason),
        },
    }
}

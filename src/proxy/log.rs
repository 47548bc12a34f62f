//! What operators read of each decision; never a token or a key.

use log::{debug, info};

use super::{
    host::{self, HostRequest},
    metrics::Metrics,
};
use crate::{
    authenticate::{Decision, Denial, Outcome},
    encoding::UntrustedText,
    observe::{Throttle, TokenNames},
    policy::Policy,
    request::Request,
    token::Timestamp,
};

/// How many denials a worker logs in a second. A flood of requests must not become a flood of lines.
const DENIALS_PER_SECOND: u32 = 100;

/// The log of a worker.
pub(super) struct Log {
    denials: Throttle,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { denials: Throttle::new(DENIALS_PER_SECOND) }
    }

    /// Tells what was decided about a request.
    pub(super) fn decision(&self, decision: &Decision, request: &HostRequest, metrics: &Metrics) {
        match &decision.outcome {
            Outcome::Authenticated(authenticated) => {
                debug!("authenticated: {}", authenticated.credential().described());
            }
            Outcome::Anonymous { consumer, denial } => {
                debug!("anonymous: consumer {consumer}, because: {}", denial.reason);
            }
            Outcome::Preflight => debug!("preflight: passed without a token"),
            Outcome::Disabled => debug!("disabled: passed without a token"),
            Outcome::Denied(denial) => self.denial(denial, decision.policy, request, metrics),
        }
    }

    fn denial(&self, denial: &Denial, policy: &Policy, request: &HostRequest, metrics: &Metrics) {
        let now = host::now();
        self.left_out(now, metrics);
        if self.denials.admits(now) {
            info!(
                "denied: {}; reason {}{}",
                denial.reason,
                denial.reason.name(),
                circumstances(denial, policy, request)
            );
        }
    }

    /// Tells how many denials were not logged, once their second is over.
    pub(super) fn left_out(&self, now: Timestamp, metrics: &Metrics) {
        if let Some(count) = self.denials.left_out(now) {
            metrics.count_left_out(count);
            info!("{count} more requests were denied that are not logged one by one");
        }
    }
}

/// Whose request it was, where it was going and where it came from, as far as each is known.
fn circumstances(denial: &Denial, policy: &Policy, request: &HostRequest) -> String {
    let consumer = denial.consumer.as_ref().map(|consumer| format!(", consumer {consumer}"));
    let token = TokenNames::of(request, &policy.token_places);
    let route = described("route", request.route_name());
    let client = described("client", host::client_address());
    format!("{}{route}{token}{client}", consumer.unwrap_or_default())
}

fn described(what: &str, octets: Option<Vec<u8>>) -> String {
    let text = octets.filter(|octets| !octets.is_empty()).map(|octets| String::from_utf8_lossy(&octets).into_owned());
    text.map_or_else(String::new, |text| format!(", {what} {}", UntrustedText::new(&text)))
}

//! What operators read of each decision; never a token or a key.

use log::{debug, info};

use super::{Throttle, TokenNames};
use crate::{
    authenticate::{Decision, Denial, Outcome},
    encoding::UntrustedText,
    request::Request,
    token::Timestamp,
};

/// How many denials a worker logs in a second. A flood of requests must not become a flood of lines.
const DENIALS_PER_SECOND: u32 = 100;

/// The lines of a worker about its decisions.
pub struct DecisionLog {
    denials: Throttle,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self { denials: Throttle::new(DENIALS_PER_SECOND) }
    }
}

impl DecisionLog {
    /// Tells what was decided about a request. `client` gives the address that it came from, as far as that is known.
    pub fn tell(
        &self,
        decision: &Decision,
        request: &impl Request,
        client: impl FnOnce() -> Option<Vec<u8>>,
        now: impl FnOnce() -> Timestamp,
    ) {
        match &decision.outcome {
            Outcome::Authenticated(authenticated) => {
                debug!("authenticated: {}", authenticated.credential().described());
            }
            Outcome::Anonymous { consumer, denial } => {
                debug!("anonymous: consumer {consumer}, because: {}", denial.reason);
            }
            Outcome::Optional => debug!("optional: passed without a token"),
            Outcome::Preflight => debug!("preflight: passed without a token"),
            Outcome::Disabled => debug!("disabled: passed without a token"),
            Outcome::ResourceMetadata(metadata) => debug!("resource metadata: {}", metadata.url()),
            Outcome::Denied(denial) if self.denials.admits(now()) => {
                let circumstances = circumstances(denial, decision, request, client());
                info!("denied: {}; reason {}{circumstances}", denial.reason, denial.reason.name());
            }
            Outcome::Denied(_) => {}
        }
    }

    /// How many denials were not logged, once their second is over; that is told then.
    pub fn left_out(&self, now: impl FnOnce() -> Timestamp) -> Option<u64> {
        let count = self.denials.left_out(now)?;
        info!("{count} more requests were denied; they are not logged one by one");
        Some(count)
    }

    /// The same when no more will come, without waiting for the second to be over.
    pub fn left_out_at_last(&self) -> Option<u64> {
        self.left_out(|| Timestamp::MAX)
    }

    /// Takes over what another has left out and not told, as nobody will ask it any more.
    pub fn inherit(&self, ended: &Self) {
        self.denials.inherit(&ended.denials);
    }
}

/// Whose request it was, where it was going and where it came from, as far as each is known.
fn circumstances(denial: &Denial, decision: &Decision, request: &impl Request, client: Option<Vec<u8>>) -> String {
    let consumer = denial.consumer.as_ref().map(|consumer| format!(", consumer {consumer}"));
    let token = TokenNames::of(request, &decision.policy.token_places, decision.token);
    let route = described("route", request.route_name());
    let client = described("client", client);
    format!("{}{route}{token}{client}", consumer.unwrap_or_default())
}

fn described(what: &str, octets: Option<Vec<u8>>) -> String {
    let text = octets.filter(|octets| !octets.is_empty()).map(|octets| String::from_utf8_lossy(&octets).into_owned());
    text.map_or_else(String::new, |text| format!(", {what} {}", UntrustedText::new(&text)))
}

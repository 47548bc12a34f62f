//! What the upstream gets of a request that passes: who calls, claims as headers, and no more credentials than wanted.

pub mod identity;

use crate::{
    authenticate::{Decision, Outcome},
    policy::IDENTITY_HEADERS,
    request::{self, NotChanged, RequestHeaders},
};

/// Makes a request that passes into what the upstream is to get.
///
/// # Errors
/// The host did not do it; the request must not go upstream.
pub fn prepare(decision: &Decision, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    identity::apply(&identity::headers(&decision.outcome), request)?;
    let of_claims = match &decision.outcome {
        Outcome::Authenticated(authenticated) => authenticated.claim_headers(),
        _ => &[],
    };
    for name in decision.claim_headers {
        let value = of_claims.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        identity::write(name, value, request)?;
    }
    let written = IDENTITY_HEADERS.into_iter().chain(decision.claim_headers.iter().map(|name| &**name));
    request::keep_end_to_end(written, request)?;
    if decision.policy.forwarding.hide_credentials && !matches!(decision.outcome, Outcome::Disabled) {
        request::take_out_tokens(&decision.policy.token_places, request)?;
    }
    Ok(())
}

//! What the upstream gets of a request that passes: who calls, claims as headers, and no more credentials than wanted.

pub mod identity;

use crate::{
    authenticate::{Decision, Outcome},
    policy::{IDENTITY_HEADERS, Policy},
    request::{self, Carriers, NotChanged, RequestHeaders},
};

/// Makes a request that passes into what the upstream is to get.
///
/// # Errors
/// The host did not do it; the request must not go upstream.
pub fn prepare(decision: &Decision, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    identity::apply(&identity::headers(decision), request)?;
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
    hide_tokens(decision, request)
}

/// Takes out the tokens that the upstream is not to get. Beside one that was verified, it never gets another that was not.
fn hide_tokens(decision: &Decision, request: &mut impl RequestHeaders) -> Result<(), NotChanged> {
    let Policy { token_places: places, forwarding, .. } = decision.policy;
    match &decision.outcome {
        Outcome::Disabled => Ok(()),
        _ if forwarding.hide_credentials => request::take_out_tokens(places, None, request),
        Outcome::Authenticated(_) if places.first_valid => {
            let valid = Carriers::fetch(request, places).numbered(decision.token).map(|it| it.octets.into_owned());
            request::take_out_tokens(places, valid.as_deref(), request)
        }
        _ => Ok(()),
    }
}

//! What the filter demands of a request, as types whose values are all valid.

use std::rc::Rc;

use crate::{
    claims::TimeChecks,
    consumer::{Consumer, HeaderText},
    request::TokenPlaces,
};

/// The plugin's settings. Field names are those of the configuration unless a type says more.
#[derive(Debug)]
pub struct Policy {
    /// `header_names`, `uri_param_names`, `cookie_names`: where a token may stand.
    pub token_places: TokenPlaces,
    /// The claim that names the credential.
    pub key_claim_name: String,
    /// `claims_to_verify` and `maximum_expiration`.
    pub time_checks: TimeChecks,
    /// Who a caller is taken for when authentication fails; without it the request is refused.
    pub anonymous: Option<Rc<Consumer>>,
    /// Whether `OPTIONS` requests need a token.
    pub run_on_preflight: bool,
    /// The realm of the challenge.
    pub realm: Option<HeaderText>,
}

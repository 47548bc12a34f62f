//! What the filter demands of a request and does with it, as types whose values are all valid.

use std::sync::Arc;

use super::{
    Access, ClaimHeader, Consumer, Demands, DynamicMetadata, FailureKind, Forwarding, ReplyFormat, ResourceMetadata,
};
use crate::{
    encoding::HeaderText,
    request::TokenPlaces,
    sender::SenderPolicy,
    token::{KeyClaim, TimeChecks},
};

/// The names of the identity headers, in lower case.
pub const IDENTITY_HEADERS: [&str; 6] = [
    "x-consumer-id",
    "x-consumer-custom-id",
    "x-consumer-username",
    "x-consumer-groups",
    "x-credential-identifier",
    "x-anonymous-consumer",
];

/// The plugin's settings, as they stand at the top of the configuration or in a rule. Field names are those of the
/// configuration unless a type says more.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Requests pass without a token, and no setting beside this one matters.
    pub disabled: bool,
    /// `header_names` to `first_valid`: where a token may stand.
    pub token_places: TokenPlaces,
    /// The claim that names the credential.
    pub key_claim_name: KeyClaim,
    /// Whether secrets are configured in base64.
    pub secret_is_base64: bool,
    /// What a token's credential depends on: the same number in policies with the same `key_claim_name` and
    /// `secret_is_base64`, and in no others.
    pub lookup: usize,
    /// `claims_to_verify`, `maximum_expiration`, `max_token_age` and `clock_skew_seconds`.
    pub time_checks: TimeChecks,
    /// `sender_constraint` and `client_certificate_from`.
    pub sender: SenderPolicy,
    /// What is demanded of a token beside.
    pub demands: Demands,
    /// `allow` and `deny`.
    pub access: Access,
    /// Who a caller is taken for when authentication fails; without it the request is refused.
    pub anonymous: Option<Arc<Consumer>>,
    /// The failures of authentication for which a caller is taken for that one.
    pub anonymous_for: Vec<FailureKind>,
    /// Whether a request without a token passes, without an identity.
    pub optional: bool,
    /// Whether `OPTIONS` requests need a token.
    pub run_on_preflight: bool,
    /// The realm of the challenge.
    pub realm: Option<HeaderText>,
    /// What clients find out about the resource, if that is published. Every challenge says where.
    pub resource_metadata: Option<Arc<ResourceMetadata>>,
    /// What the upstream gets.
    pub forwarding: Forwarding,
    /// How refused clients are answered.
    pub response: ReplyFormat,
    /// Whether the outcome is written to the proxy's filter state.
    pub filter_state: bool,
    /// Claims that are written to the proxy's filter state, each by its key.
    pub claims_to_filter_state: Vec<ClaimHeader>,
    /// What is written to the proxy's dynamic metadata.
    pub dynamic_metadata: Option<Arc<DynamicMetadata>>,
}

impl Policy {
    /// The headers, in lower case, that hold tokens which are hidden from the upstream.
    pub fn hidden_headers(&self) -> impl Iterator<Item = &str> {
        self.hides_tokens().then(|| self.token_places.headers()).into_iter().flatten()
    }

    /// Whether it needs more of a token's claims than the time.
    pub fn uses_claims(&self) -> bool {
        self.demands.use_claims() || self.passes_claims_on()
    }

    /// Whether it tells the upstream, or other filters, what the claims are.
    pub fn passes_claims_on(&self) -> bool {
        self.forwarding.uses_claims()
            || !self.claims_to_filter_state.is_empty()
            || self.dynamic_metadata.as_ref().is_some_and(|it| it.uses_claims())
    }

    /// Whether tokens may be taken out of a request: all of them, or those beside the valid one.
    pub fn hides_tokens(&self) -> bool {
        self.forwarding.hide_credentials || self.token_places.first_valid
    }
}

/// A policy for the requests that the proxy routes to certain places.
#[derive(Debug)]
pub struct Rule {
    /// The names of routes; any route if there are none.
    pub routes: Vec<String>,
    /// The names of clusters; any cluster if there are none.
    pub services: Vec<String>,
    /// What holds there.
    pub policy: Policy,
}

impl Rule {
    /// Whether it is the rule of a route and a cluster. What the proxy does not name is none of a list.
    pub fn matches(&self, route: Option<&[u8]>, cluster: Option<&[u8]>) -> bool {
        let is_among = |names: &[String], name: Option<&[u8]>| {
            names.is_empty() || name.is_some_and(|name| names.iter().any(|own| own.as_bytes() == name))
        };
        is_among(&self.routes, route) && is_among(&self.services, cluster)
    }
}

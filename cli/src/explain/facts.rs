//! What is shown beside the checks: looked up where the core has found it. Nothing is decided here, and a look-up that
//! fails shows less.

mod sender;

use std::{borrow::Cow, iter, sync::Arc};

use jwt_auth_filter::{
    authenticate::Decision,
    config::Config,
    crypto::Algorithm,
    encoding::json::Raw,
    policy::{Credential, Demands, Keys, Policy},
    request::Carriers,
    token::{Jws, TimeChecks},
};

use super::{hints, request::GivenRequest};
use crate::{configurations::Configuration, printable::printable};

/// What is known of a request and its token.
pub(super) struct Facts<'a> {
    pub configuration: &'a Configuration,
    pub policy: &'a Policy,
    pub request: &'a GivenRequest,
    /// The token, if there is one, and its number among the different ones.
    pub token: &'a [u8],
    pub number: usize,
    /// The same, if it can be read.
    pub jws: Option<&'a Jws<'a>>,
    /// The value of its key claim.
    pub identifier: String,
    /// The credentials that the key claim names.
    pub credentials: &'a [Arc<Credential>],
    /// Whether any token is revoked.
    pub revokes: bool,
    /// The one of them whose signature the token has.
    pub signed_by: Option<&'a Credential>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(
        config: &'a Config,
        configuration: &'a Configuration,
        decision: &'a Decision<'a>,
        request: &'a GivenRequest,
        token: &'a [u8],
        jws: Option<&'a Jws<'a>>,
    ) -> Self {
        let (policy, number) = (decision.policy, decision.token);
        let claim = jws.and_then(|jws| policy.key_claim_name.find(jws)?.string());
        let identifier = claim.map(Cow::into_owned).unwrap_or_default();
        let credentials = config.credentials_for(policy).identified_by(&identifier);
        let revokes = config.revocations.are_any();
        let signed_by = decision.outcome.credential();
        Self { configuration, policy, request, token, number, jws, identifier, credentials, revokes, signed_by }
    }

    /// What policy and credential demand of the token.
    pub(super) fn demands(&self) -> impl Iterator<Item = &'a Demands> {
        iter::once(&self.policy.demands).chain(self.signed_by.and_then(Credential::demands))
    }

    /// The time claims that are checked.
    pub(super) fn time_checks(&self) -> TimeChecks {
        let own = self.policy.time_checks;
        self.signed_by.map_or(own, |credential| credential.time_checks(own))
    }

    /// The token's type as it stands there.
    pub(super) fn token_type(&self) -> String {
        self.jws.and_then(|jws| jws.header.get("typ")).map_or("absent".to_owned(), |typ| printable(typ.text()))
    }

    /// A claim.
    pub(super) fn claim(&self, name: &str) -> Option<Raw<'a>> {
        self.jws?.claims.get(name)
    }

    /// The token's `alg` as it stands there.
    pub(super) fn alg(&self) -> String {
        self.jws.and_then(|jws| jws.header.get("alg")).map_or("missing".to_owned(), |alg| printable(alg.text()))
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.jws?.algorithm()
    }

    pub(super) fn algorithm_name(&self) -> &'static str {
        self.algorithm().map(Algorithm::name).unwrap_or_default()
    }

    /// That no place of the configuration holds a token.
    pub(super) fn no_place(&self) -> String {
        let mut names: Vec<String> = self.policy.token_places.each().map(|place| place.to_string()).collect();
        names.dedup();
        if names.is_empty() {
            return "the filter looks for none: header_names, token_headers, websocket_protocols, uri_param_names, \
                    cookie_names and split_cookies are all empty"
                .to_owned();
        }
        format!("none in {}", names.join(", "))
    }

    /// The places that hold a token.
    pub(super) fn places(&self) -> String {
        let carriers = Carriers::fetch(self.request, &self.policy.token_places);
        let mut names: Vec<String> = carriers.tokens().map(|token| token.place.to_string()).collect();
        names.dedup();
        names.join(" and ")
    }

    /// Where the token stands that is looked at: one of several, where the first valid one counts.
    pub(super) fn place(&self) -> String {
        let places = &self.policy.token_places;
        let carriers = Carriers::fetch(self.request, places);
        match carriers.distinct_tokens() {
            Ok(tokens) if places.first_valid && tokens.len() > 1 => {
                let place = tokens.get(self.number).map(|token| token.place.to_string()).unwrap_or_default();
                let (number, count) = (self.number.saturating_add(1), tokens.len());
                format!("in {place}: number {number} of {count} different ones")
            }
            _ => format!("in {}", self.places()),
        }
    }

    /// Whose the credentials are, and in which lines they stand.
    pub(super) fn credential(&self) -> String {
        let credentials = self.configuration.credentials();
        let own = credentials.into_iter().filter(|it| it.identifier() == Some(&self.identifier));
        let lines: Vec<String> = own.map(|it| it.node.at.line.to_string()).collect();
        let consumer = self.credentials.first().map(|first| first.consumer().to_string()).unwrap_or_default();
        format!("of consumer {consumer}, in line {}", lines.join(" and "))
    }

    /// A credential of another identifier that may be meant.
    pub(super) fn similar_credential(&self) -> String {
        hints::of_identifier(&self.identifier, self.configuration)
    }

    /// The credentials that take the token's algorithm, whether or not they have a key for it.
    fn allowing(&self) -> impl Iterator<Item = &'a Arc<Credential>> {
        let algorithm = self.algorithm();
        self.credentials.iter().filter(move |it| algorithm.is_some_and(|algorithm| it.allows(algorithm)))
    }

    /// The addresses of the key sets that are not there.
    pub(super) fn missing_key_sets(&self) -> String {
        let missing = self.allowing().filter_map(|credential| match credential.keys() {
            Keys::Remote(keys) if keys.current().is_none() => Some(keys.source().uri.to_string()),
            _ => None,
        });
        let mut uris: Vec<String> = missing.collect();
        uris.dedup();
        uris.join(" and ")
    }

    /// What the credentials take instead of the token's algorithm.
    pub(super) fn other_algorithms(&self) -> String {
        let takes = |algorithm: &Algorithm| {
            let serves = |it: &Arc<Credential>| {
                let algorithm = it.algorithm_for(*algorithm);
                algorithm.zip(it.keys().current()).is_some_and(|(algorithm, keys)| keys.serves(algorithm))
            };
            self.credentials.iter().any(serves)
        };
        let names: Vec<&str> = Algorithm::ALL.into_iter().filter(takes).map(Algorithm::name).collect();
        let own = self.algorithm_name();
        match names.as_slice() {
            [] => format!("the credential has no key that it can use, and the token has {own}"),
            names => format!("the credential takes {}, not {own}", names.join(" and ")),
        }
    }

    /// What a signature that does not verify may come from.
    pub(super) fn of_signature(&self) -> String {
        let Some((jws, algorithm)) = self.jws.zip(self.algorithm()) else { return String::new() };
        let has_kid = |kid: &str| self.allowing().any(|it| it.keys().current().is_some_and(|it| it.has_kid(kid)));
        let kid = jws.header.get("kid").and_then(Raw::string).filter(|kid| !has_kid(kid));
        let unknown = kid.map(|kid| format!("; no key has the kid {kid:?}")).unwrap_or_default();
        let secrets = hints::of_secrets(jws, algorithm, &self.secrets(), self.policy.secret_is_base64);
        format!("{unknown}{secrets}")
    }

    /// The secrets of the credentials, as they stand in the file.
    fn secrets(&self) -> Vec<&str> {
        let credentials = self.configuration.credentials();
        let own = credentials.into_iter().filter(|it| it.identifier() == Some(&self.identifier));
        own.filter_map(|it| it.node.get("secret")?.text()).collect()
    }
}

//! Envoy with a converted configuration, as far as routes and filters decide. The filter is the core itself.

use std::{borrow::Cow, sync::LazyLock};

use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn},
};
use serde_json::{Value, json};

use super::{
    file::{CONSUMERS, key, secret},
    model::{Caller, Fate, Request},
};
use crate::signing_key::{base64url, from_jwk};

pub(super) struct Envoy {
    routes: Vec<Value>,
    /// Their names, in the order in which they see a request.
    filters: Vec<String>,
    filter: Authenticator<BuiltIn>,
}

impl Envoy {
    pub(super) fn of(bootstrap: &Value) -> Self {
        let manager = &bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
        let [host] = list(&manager["route_config"]["virtual_hosts"]) else { panic!("{manager}") };
        let filters = list(&manager["http_filters"]);
        let ours = filters.iter().find(|filter| filter["name"] == "jwt_auth").unwrap();
        let config = ours["typed_config"]["filter_config"]["value"].to_string();
        Self {
            routes: list(&host["routes"]).to_vec(),
            filters: filters.iter().map(|filter| text(&filter["name"]).to_owned()).collect(),
            filter: Authenticator::new(Config::parse(config.as_bytes()).unwrap(), BuiltIn),
        }
    }

    pub(super) fn fate(&self, request: &Request) -> Fate {
        let sent = Sent { request, route: None };
        let route = self.routes.iter().find(|route| matches(&route["match"], &sent.target(), sent.verb())).unwrap();
        let sent = Sent { route: Some(text(&route["name"])), ..sent };
        let mut passes_as = None;
        for filter in &self.filters {
            match filter.as_str() {
                // Envoy's filter looks only at routes to a cluster.
                "envoy.filters.http.cors" => {
                    let policy = &route["typed_per_filter_config"]["envoy.filters.http.cors"];
                    if request.is_preflight && route.get("route").is_some() && policy.is_object() {
                        return Fate::Preflight;
                    }
                }
                "jwt_auth" => match self.filter.decide(&sent, 1_000_000).outcome {
                    Outcome::Authenticated(authenticated) => {
                        passes_as = Some(authenticated.credential().consumer().name().to_owned());
                    }
                    Outcome::Anonymous { consumer, .. } => passes_as = Some(consumer.name().to_owned()),
                    Outcome::Optional | Outcome::Preflight | Outcome::Disabled | Outcome::ResourceMetadata(_) => {
                        passes_as = None
                    }
                    Outcome::Denied(_) => return Fate::Refused,
                },
                "envoy.filters.http.router" => {
                    return match (route.get("direct_response"), route.get("route")) {
                        (Some(answer), None) => answered(answer),
                        (None, Some(_)) => Fate::Passes(passes_as),
                        _ => panic!("{route}"),
                    };
                }
                other => panic!("{other}"),
            }
        }
        panic!("no router")
    }
}

fn answered(answer: &Value) -> Fate {
    let body = answer["body"]["inline_string"].as_str().unwrap_or_default();
    match answer["status"].as_u64().unwrap() {
        503 if body.contains("no counterpart") => Fate::Unavailable,
        status => Fate::Answered(status.try_into().unwrap()),
    }
}

fn matches(condition: &Value, path: &str, method: &str) -> bool {
    condition.as_object().unwrap().iter().all(|(kind, value)| match kind.as_str() {
        "prefix" => path.starts_with(text(value)),
        "path" => path == text(value),
        "headers" => list(value).iter().all(|header| {
            assert_eq!(header["name"], ":method");
            let regex = text(&header["string_match"]["safe_regex"]["regex"]);
            regex.trim_start_matches("(?:").trim_end_matches(')').split('|').any(|name| name == method)
        }),
        _ => panic!("{condition}"),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A request as the filter sees it.
struct Sent<'a> {
    request: &'a Request,
    route: Option<&'a str>,
}

impl Sent<'_> {
    fn target(&self) -> String {
        match self.request.route {
            Some((service, 0)) => format!("/{service}/x"),
            Some((service, _)) => format!("/{service}/1/x"),
            None => "/elsewhere".to_owned(),
        }
    }

    fn verb(&self) -> &'static str {
        if self.request.is_preflight { "OPTIONS" } else { "GET" }
    }

    fn value(&self, name: &str) -> Option<String> {
        match (name, self.request.is_preflight) {
            ("authorization", _) => Some(format!("Bearer {}", token(self.request.caller)?)),
            ("origin", true) => Some("https://app.example.com".to_owned()),
            ("access-control-request-method", true) => Some("GET".to_owned()),
            _ => None,
        }
    }
}

impl jwt_auth_filter::request::Request for Sent<'_> {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.verb().as_bytes().into())
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.target().into_bytes().into())
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        Some(self.value(name)?.into_bytes().into())
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        self.header(name).into_iter().collect()
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.route.map(|route| route.as_bytes().to_vec())
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The tokens of all consumers, each well signed, and with another's secret.
static TOKENS: LazyLock<Vec<[String; 2]>> = LazyLock::new(|| {
    let signed = |consumer: usize, secret: String| {
        let jwk = json!({ "kty": "oct", "k": base64url(secret) }).to_string();
        let parts = [json!({ "alg": "HS256" }), json!({ "iss": key(consumer) })];
        let message = parts.map(|part| base64url(part.to_string())).join(".");
        let signature = from_jwk(&jwk).unwrap().sign(Algorithm::HS256, message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature))
    };
    let all = 0..CONSUMERS.len();
    all.map(|it| [signed(it, secret(it)), signed(it, secret((it + 1) % CONSUMERS.len()))]).collect()
});

fn token(caller: Caller) -> Option<&'static str> {
    match caller {
        Caller::Nobody => None,
        Caller::Consumer(number) => Some(&TOKENS[number][0]),
        Caller::Forger(number) => Some(&TOKENS[number][1]),
    }
}

//! The plugin `cors` as Envoy's filter of that name: the filter itself, and the policy of a route.

use super::{
    gateway::{Cors, Origin},
    yaml_output::{Yaml, map, some},
};

/// How Envoy calls the filter.
pub(super) const NAME: &str = "envoy.filters.http.cors";
pub(super) const MESSAGE: &str = "envoy.extensions.filters.http.cors.v3.Cors";

/// What a route configures for the filter.
pub(super) fn policy(cors: &Cors) -> Yaml {
    let origins = cors.origins.iter().map(|origin| match origin {
        Origin::Exact(origin) => map([("exact", some(origin.as_str()))]),
        Origin::Regex(regex) => map([("safe_regex", Some(map([("regex", some(regex.as_str()))])))]),
    });
    let policy = map([
        ("@type", some(format!("type.googleapis.com/{MESSAGE}Policy"))),
        ("allow_origin_string_match", some(origins.collect::<Vec<_>>())),
        ("allow_methods", some(cors.methods.as_str())),
        ("allow_headers", some(cors.headers.as_str())),
        ("expose_headers", cors.exposed_headers.as_deref().map(Yaml::from)),
        ("max_age", cors.max_age.as_deref().map(Yaml::from)),
        ("allow_credentials", cors.credentials.then(|| true.into())),
        ("allow_private_network_access", cors.private_network.then(|| true.into())),
        // The gateway answers a preflight request of every origin itself.
        ("forward_not_matching_preflights", some(false)),
    ]);
    map([(NAME, Some(policy))])
}

/// The header that keeps a cache from giving one origin's answer to another.
pub(super) fn vary() -> Yaml {
    map([("header", Some(map([("key", some("vary")), ("value", some("Origin"))])))])
}

//! `resource_metadata`: what the filter publishes of the resource that it protects.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{
    consumers::ConsumerList,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, flag, in_words, name, other_word, text},
    schema::{Field, Shape},
};
use crate::{
    encoding::{is_scope_token, json::Value},
    jwks::Uri,
    policy::{ResourceMetadata, Rule},
    request::TokenPlaces,
    sender::DpopPolicy,
};

/// The fields of `resource_metadata`. Their names are those of RFC 9728 §2.
pub(super) const FIELDS: &[Field] = &[
    Field::required(
        "resource",
        Shape::Uri,
        "The URL by which clients know the resource, without query and fragment.",
        r#""https://api.example.com/mcp""#,
    ),
    Field::optional(
        "authorization_servers",
        Shape::List(&Shape::Uri),
        "The issuers of tokens for the resource; without the field, those of the credentials.",
        r#"["https://auth.example.com"]"#,
    ),
    Field::optional(
        "scopes_supported",
        Shape::List(&Shape::Name),
        "The scopes that clients may ask for.",
        r#"["orders:read", "orders:write"]"#,
    ),
    Field::optional(
        "bearer_methods_supported",
        Shape::List(&Shape::OneOf(METHODS)),
        "How clients may send tokens; without the field, as `header_names` and `uri_param_names` say: in the header \
         `Authorization`, in the query parameter `access_token`.",
        r#"["header"]"#,
    ),
    Field::optional("resource_name", Shape::Name, "The name of the resource, for people.", r#""Orders""#),
    Field::optional(
        "resource_documentation",
        Shape::Uri,
        "The page with the documentation for developers.",
        r#""https://docs.example.com/orders""#,
    ),
    Field::optional(
        "resource_policy_uri",
        Shape::Uri,
        "The page that says how the data may be used.",
        r#""https://example.com/policy""#,
    ),
    Field::optional(
        "resource_tos_uri",
        Shape::Uri,
        "The page with the terms of service.",
        r#""https://example.com/tos""#,
    ),
    Field::optional(
        "jwks_uri",
        Shape::Uri,
        "The key set of the resource itself, with which it signs its answers.",
        r#""https://api.example.com/jwks.json""#,
    ),
    Field::with_default(
        "dpop_bound_access_tokens_required",
        Shape::Flag,
        "Whether clients are told that a token must be bound to a key (DPoP). It needs `dpop`.",
        "false",
        "true",
    ),
    Field::with_default(
        "tls_client_certificate_bound_access_tokens",
        Shape::Flag,
        "Whether clients are told that a token may be bound to their certificate.",
        "false",
        "true",
    ),
];

const METHODS: &[&str] = &["header", "query"];
const PAGES: [&str; 4] = ["resource_documentation", "resource_policy_uri", "resource_tos_uri", "jwks_uri"];

/// What the metadata follow from where the field does not say it.
pub(super) struct Surroundings<'c> {
    pub(super) consumers: &'c ConsumerList,
    pub(super) places: &'c TokenPlaces,
    pub(super) dpop: Option<&'c DpopPolicy>,
    /// Whether the key of a credential is the issuer of its tokens.
    pub(super) key_is_issuer: bool,
}

/// Reads `resource_metadata`.
pub(super) fn read(
    fields: &mut Fields,
    field: &str,
    around: &Surroundings,
) -> Result<Option<Arc<ResourceMetadata>>, Reported> {
    fields.object(field, FIELDS, |fields| {
        let resource = fields.required("resource", "the URL of the resource", resource);
        let servers = fields.filled_list("authorization_servers", |value, place, faults| {
            Ok(uri_of_issuer(value).map_err(|problem| faults.report(place, problem))?.as_str().to_owned())
        });
        let scopes = fields.filled_list("scopes_supported", |value, place, faults| {
            scope(value).map_err(|problem| faults.report(place, problem))
        });
        let methods = fields.filled_list("bearer_methods_supported", |value, place, faults| {
            method(value).map_err(|problem| faults.report(place, problem))
        });
        let title = fields.optional("resource_name", name);
        let pages: Vec<_> = PAGES.map(|page| (page, fields.optional(page, uri))).into();

        let dpop_required = dpop_required(fields, around.dpop);
        let certificates = fields.or_default("tls_client_certificate_bound_access_tokens", flag, false);

        let methods = methods?.unwrap_or_else(|| methods_of(around.places));
        let mut more = Map::new();
        let mut add = |name: &str, value: Option<Json>| more.extend(value.map(|value| (name.to_owned(), value)));
        add("scopes_supported", scopes?.map(Json::from));
        add("bearer_methods_supported", (!methods.is_empty()).then(|| methods.into()));
        add("resource_name", title?.map(Json::from));
        for (page, uri) in pages {
            add(page, uri?.map(|uri| uri.as_str().into()));
        }
        add("dpop_signing_alg_values_supported", around.dpop.map(|dpop| dpop.algorithm_names().into()));
        add("dpop_bound_access_tokens_required", dpop_required?.then_some(true.into()));
        add("tls_client_certificate_bound_access_tokens", certificates?.then_some(true.into()));
        let known = || around.consumers.issuers(around.key_is_issuer).map(str::to_owned).collect();
        Ok(Arc::new(ResourceMetadata::new(resource?, servers?.unwrap_or_else(known), more)))
    })
}

/// The resources of all policies, each once. What is published at one place must be one document.
pub(super) fn all<'p>(
    top: Option<&'p Arc<ResourceMetadata>>,
    rules: &'p [Rule],
    faults: &Faults,
) -> Result<Vec<Arc<ResourceMetadata>>, Reported> {
    let mut all: Vec<Arc<ResourceMetadata>> = top.cloned().into_iter().collect();
    for (at, rule) in rules.iter().enumerate() {
        let Some(metadata) = &rule.policy.resource_metadata else { continue };
        match all.iter().find(|known| known.is_beside(metadata)) {
            Some(known) if known == metadata => {}
            Some(_) => {
                let list = Place::Field(&Place::Root, "rules");
                let rule = Place::Item(&list, at);
                let found = "other metadata of a resource than another policy has";
                let expected = "the same for both, or another resource";
                return Err(faults.report(Place::Field(&rule, "resource_metadata"), Problem::new(found, expected)));
            }
            None => all.push(Arc::clone(metadata)),
        }
    }
    Ok(all)
}

/// Reads whether clients are told that they need proofs. Without `dpop` none is taken.
fn dpop_required(fields: &mut Fields, dpop: Option<&DpopPolicy>) -> Result<bool, Reported> {
    const FIELD: &str = "dpop_bound_access_tokens_required";
    let is_required = fields.or_default(FIELD, flag, false)?;
    if is_required && dpop.is_none() {
        return Err(fields.report(FIELD, Problem::new("set without dpop", "false, or dpop beside resource_metadata")));
    }
    Ok(is_required)
}

/// How the policy takes tokens, as far as RFC 6750 §2 has names for it.
fn methods_of(places: &TokenPlaces) -> Vec<String> {
    let header = places.header_names.iter().any(|name| name == "authorization").then_some("header");
    let query = places.uri_param_names.iter().any(|name| name == "access_token").then_some("query");
    header.into_iter().chain(query).map(str::to_owned).collect()
}

/// Reads the identifier of a resource (RFC 9728 §1.2). It is sent in challenges, within quotes.
fn resource(value: Value) -> Result<Uri, Problem> {
    let uri = uri(value)?;
    if uri.as_str().contains('?') {
        return Err(Problem::new("a URL with a query", "one without a query, such as https://api.example.com/mcp"));
    }
    Ok(uri)
}

/// Reads the identifier of an issuer (RFC 8414 §2).
fn uri_of_issuer(value: Value) -> Result<Uri, Problem> {
    let uri = uri(value)?;
    if uri.as_str().contains('?') { Err(Problem::new("a URL with a query", "the URL of an issuer")) } else { Ok(uri) }
}

fn uri(value: Value) -> Result<Uri, Problem> {
    let text = text(value)?;
    Uri::parse(&text).map_err(|error| Problem::new(error.to_string(), "one such as https://api.example.com/mcp"))
}

fn scope(value: Value) -> Result<String, Problem> {
    let scope = text(value)?;
    if is_scope_token(&scope) {
        Ok(scope.into_owned())
    } else {
        Err(Problem::new(in_words(&Value::String(scope)), "a scope, without spaces, quotes and backslashes"))
    }
}

fn method(value: Value) -> Result<String, Problem> {
    let method = text(value)?;
    if METHODS.contains(&method.as_ref()) {
        Ok(method.into_owned())
    } else {
        Err(Problem::new(other_word(&method), "header or query; the filter reads no token in a body"))
    }
}

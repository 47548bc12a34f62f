//! `claims_to_filter_state` and `dynamic_metadata`: what other filters and access logs are told of a request.

use std::sync::Arc;

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, in_words, name, text},
    schema::{Field, Shape},
    upstream_fields::{SEPARATOR, separator},
};
use crate::{
    encoding::json::{Value, repeated},
    policy::{ClaimHeader, DynamicMetadata},
    token::ClaimPath,
};

pub(super) const CLAIMS_TO_FILTER_STATE: Field = Field::optional(
    "claims_to_filter_state",
    Shape::List(&Shape::Object(CLAIM_FIELDS)),
    "Claims that are written to Envoy's filter state, for access logs and other filters, without a header for the upstream.",
    r#"[{"claim": "tenant", "key": "tenant"}]"#,
);
pub(super) const DYNAMIC_METADATA: Field = Field::optional(
    "dynamic_metadata",
    Shape::Object(METADATA_FIELDS),
    "Has the native edition write consumer, credential and outcome to Envoy's dynamic metadata, for access logs and other \
     filters. It needs Envoy 1.40; the Wasm edition refuses it.",
    r#"{"claims": ["tenant"]}"#,
);

const CLAIM_FIELDS: &[Field] = &[
    Field::required("claim", Shape::Name, "The claim, named as in `claims_to_headers`.", r#""realm_access.roles""#),
    Field::required(
        "key",
        Shape::Token,
        "What follows `wasm.jwt_auth.claim.` in the key of the filter state.",
        r#""roles""#,
    ),
    SEPARATOR,
];
const METADATA_FIELDS: &[Field] = &[
    Field::with_default(
        "namespace",
        Shape::Name,
        "The namespace that all of it is in.",
        r#""jwt_auth""#,
        r#""caller""#,
    ),
    Field::optional(
        "claims",
        Shape::List(&Shape::Name),
        "Claims that are written below `claims`, each by the text that names it here, with the type that it has.",
        r#"["tenant", "realm_access.roles"]"#,
    ),
    Field::optional(
        "payload_in_metadata",
        Shape::Name,
        "The name that all claims are written below.",
        r#""jwt_payload""#,
    ),
];

/// Reads `claims_to_filter_state`.
pub(super) fn claims_to_filter_state(fields: &mut Fields, field: &str) -> Result<Vec<ClaimHeader>, Reported> {
    let claims = fields.list(field, claim)?.unwrap_or_default();
    if repeated(claims.iter().map(|it| &*it.header)).is_some() {
        return Err(fields.report(field, Problem::new("a key twice", "a key of its own for each")));
    }
    Ok(claims)
}

fn claim(value: Value, place: Place, faults: &Faults) -> Result<ClaimHeader, Reported> {
    let mut fields = Fields::of(value, place, faults, CLAIM_FIELDS)?;
    let claim = fields.required("claim", "the claim to write", claim_path);
    let key = fields.required("key", "the end of the key that it is written to", key);
    let separator = fields.or_default("separator", separator, ",".to_owned());
    Ok(ClaimHeader { claim: claim?, header: key?, separator: separator? })
}

/// Reads a part of a key. Envoy's access logs end it at a colon or a bracket.
fn key(value: Value) -> Result<Arc<str>, Problem> {
    let text = text(value)?;
    let is_part = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let problem = || Problem::new(in_words(&Value::String(text.clone())), "letters, digits, _ - and .");
    if is_part { Ok(text.as_ref().into()) } else { Err(problem()) }
}

/// Reads `dynamic_metadata`.
pub(super) fn dynamic_metadata(fields: &mut Fields, field: &str) -> Result<Option<Arc<DynamicMetadata>>, Reported> {
    fields.object(field, METADATA_FIELDS, |fields| {
        let namespace = fields.or_default("namespace", name, "jwt_auth".to_owned());
        let claims = fields.filled_values("claims", named_claim);
        let payload_in_metadata = fields.optional("payload_in_metadata", free_name);
        let (namespace, claims) = (namespace?, claims?.unwrap_or_default());
        Ok(Arc::new(DynamicMetadata { namespace, claims, payload_in_metadata: payload_in_metadata? }))
    })
}

fn named_claim(value: Value) -> Result<(String, ClaimPath), Problem> {
    let named = name(value)?;
    let path = claim_path(Value::String(named.as_str().into()))?;
    Ok((named, path))
}

fn free_name(value: Value) -> Result<String, Problem> {
    let name = name(value)?;
    if DynamicMetadata::NAMES.contains(&name.as_str()) {
        let expected = format!("another name than {}", DynamicMetadata::NAMES.join(", "));
        return Err(Problem::new(format!("{name}, below which something else is written"), expected));
    }
    Ok(name)
}

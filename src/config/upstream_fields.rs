//! What the upstream gets: `claims_to_headers`, `forward_payload_header`, `hide_credentials`, `clear_route_cache`.

use std::sync::Arc;

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, in_words, printable, text},
    header_name,
    schema::{Field, Shape},
};
use crate::{
    encoding::json::{Value, repeated},
    policy::{ClaimHeader, Forwarding, IDENTITY_HEADERS, Policy},
};

/// The fields of an item of `claims_to_headers`.
pub(super) const CLAIM_FIELDS: &[Field] = &[
    Field::required(
        "claim",
        Shape::Name,
        "The claim: a name, or names of nested objects with dots between them; `[]` behind a name goes into each item of a \
         list. A dot or a bracket within a name is written `\\.`, `\\[`, `\\]`.",
        r#""realm_access.roles""#,
    ),
    Field::required("header", Shape::Token, "The header that the upstream gets it in.", r#""x-roles""#),
    SEPARATOR,
];

/// What stands between the items of a list that becomes one text.
pub(super) const SEPARATOR: Field = Field::with_default(
    "separator",
    Shape::Name,
    "What stands between the items of a list: punctuation and spaces.",
    r#"",""#,
    r#"" ""#,
);

/// Headers that say where a message ends or what becomes of it on the way, and the one that says whom it is for.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads the four fields.
pub(super) fn read(fields: &mut Fields, parent: Option<&Forwarding>) -> Result<Forwarding, Reported> {
    let claims = fields.inherited("claims_to_headers", parent.map(|it| &it.claims_to_headers), |fields, field| {
        Ok(fields.list(field, claim_header)?.unwrap_or_default())
    });
    let payload_header =
        fields.inherited("forward_payload_header", parent.map(|it| &it.payload_header), |fields, field| {
            fields.optional(field, written_header)
        });
    let hide = fields.inherited("hide_credentials", parent.map(|it| &it.hide_credentials), Fields::flag_or_false);
    let clear = fields.inherited("clear_route_cache", parent.map(|it| &it.clear_route_cache), Fields::flag_or_false);
    Ok(Forwarding {
        claims_to_headers: claims?,
        payload_header: payload_header?,
        hide_credentials: hide?,
        clear_route_cache: clear?,
    })
}

/// Refuses names that would write over each other or over a token.
pub(super) fn check_names(fields: &Fields, policy: &Policy) -> Result<(), Reported> {
    let Forwarding { claims_to_headers, payload_header, .. } = &policy.forwarding;
    let at = |field, problem| Err(fields.report(field, problem));
    let written: Vec<&Arc<str>> = policy.forwarding.header_names().collect();
    if let Some(name) = written.iter().find(|name| policy.token_places.headers().any(|own| own == name.as_ref())) {
        let field = if payload_header.as_ref() == Some(*name) { "forward_payload_header" } else { "claims_to_headers" };
        let found = format!("{}, a header that may hold the token", printable(name));
        return at(field, Problem::new(found, "a header that is not searched for a token"));
    }
    if let Some(name) = repeated(written.iter().map(|name| name.as_ref())) {
        let field = if claims_to_headers.is_empty() { "forward_payload_header" } else { "claims_to_headers" };
        return at(field, Problem::new(format!("{} twice", printable(name)), "a header of its own for each"));
    }
    Ok(())
}

fn claim_header(value: Value, place: Place, faults: &Faults) -> Result<ClaimHeader, Reported> {
    let mut fields = Fields::of(value, place, faults, CLAIM_FIELDS)?;
    let claim = fields.required("claim", "the claim to send", claim_path);
    let header = fields.required("header", "the name of a header", written_header);
    let separator = fields.or_default("separator", separator, ",".to_owned());
    Ok(ClaimHeader { claim: claim?, header: header?, separator: separator? })
}

/// Reads the name of a header that the filter is to write. A service that takes `_` for `-` must not be told who calls
/// by it.
pub(super) fn written_header(value: Value) -> Result<Arc<str>, Problem> {
    let name = header_name(value)?;
    let dashed = name.replace('_', "-");
    if IDENTITY_HEADERS.contains(&dashed.as_str()) || RESERVED.contains(&name.as_str()) {
        let found = format!("{}, a header that the filter must not write", printable(&name));
        return Err(Problem::new(found, "another header than identity headers, HTTP's own, host and cookie"));
    }
    Ok(name.into())
}

/// An item of a list that holds one of the separator's characters is percent-encoded, so it must be one that is.
pub(super) fn separator(value: Value) -> Result<String, Problem> {
    const EXPECTED: &str = "ASCII punctuation other than - . _ ~ %, and spaces";

    let text = text(value)?;
    let is_mark = |mark: char| mark == ' ' || (mark.is_ascii_punctuation() && !"-._~%".contains(mark));
    if !text.is_empty() && text.chars().all(is_mark) {
        Ok(text.into_owned())
    } else {
        Err(Problem::new(in_words(&Value::String(text)), EXPECTED))
    }
}

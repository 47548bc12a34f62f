//! `sender_constraint` and `client_certificate_from`: that a token comes from whom it was issued to.

use super::{
    fault::{Problem, Reported},
    fields::{Fields, other_word, text},
    schema::{Field, Shape},
};
use crate::{
    encoding::json::Value,
    sender::{CertificateSource, SenderConstraint, SenderPolicy},
};

pub(super) const CONSTRAINT: Field = Field::with_default(
    "sender_constraint",
    Shape::OneOf(&["off", "if_bound", "required"]),
    "Which tokens must be shown to come from whom they were issued to: those that are bound, by their `cnf` \
         (`if_bound`), all (`required`: one that is not bound is refused), or none (`off`: whoever has a token may use it).",
    r#""if_bound""#,
    r#""required""#,
);
pub(super) const CERTIFICATE_FROM: Field = Field::with_default(
    "client_certificate_from",
    Shape::OneOf(&["connection", "client-cert", "x-forwarded-client-cert"]),
    "What tells the client's certificate: the connection, or a header that a trusted proxy in front sets and takes from \
         clients, `client-cert` (RFC 9440) or `x-forwarded-client-cert`.",
    r#""connection""#,
    r#""client-cert""#,
);

/// Reads the fields.
pub(super) fn read(fields: &mut Fields, parent: Option<&SenderPolicy>) -> Result<SenderPolicy, Reported> {
    let constraint = fields.inherited(CONSTRAINT.name, parent.map(|it| &it.constraint), |fields, field| {
        let read = |value| word(value, &SenderConstraint::ALL.map(|it| (it.name(), it)));
        fields.or_default(field, read, SenderConstraint::IfBound)
    });
    let source = parent.map(|it| &it.certificate_from);
    let certificate_from = fields.inherited(CERTIFICATE_FROM.name, source, |fields, field| {
        let read = |value| word(value, &CertificateSource::ALL.map(|it| (it.name(), it)));
        fields.or_default(field, read, CertificateSource::Connection)
    });
    Ok(SenderPolicy { constraint: constraint?, certificate_from: certificate_from? })
}

/// Reads one of a few words.
fn word<T: Copy>(value: Value, words: &[(&str, T)]) -> Result<T, Problem> {
    let text = text(value)?;
    let found = words.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning);
    let expected = || words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| Problem::new(other_word(&text), format!("one of {}", expected())))
}

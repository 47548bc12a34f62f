//! `anonymous`, `anonymous_for` and `optional`: what becomes of a request without a valid token.

use std::sync::Arc;

use super::{
    consumers::ConsumerList,
    fault::{Problem, Reported},
    fields::{Fields, flag, name, other_word, printable, text},
    schema::{Field, Shape},
};
use crate::{
    encoding::json::Value,
    policy::{Consumer, FailureKind, Policy},
};

pub(super) const ANONYMOUS: Field = Field::optional(
    "anonymous",
    Shape::Name,
    "The id or username of the consumer that a request passes as when authentication fails; without it, such a \
     request is refused.",
    r#""guest""#,
);
pub(super) const ANONYMOUS_FOR: Field = Field::with_default(
    "anonymous_for",
    Shape::List(&Shape::OneOf(&["missing", "invalid", "expired", "unavailable"])),
    "The failures for which a request passes as `anonymous`: there is no token (`missing`), it is refused (`invalid`), its time is \
     over (`expired`, which `invalid` includes), or keys that are needed cannot be had (`unavailable`).",
    r#"["missing", "invalid", "unavailable"]"#,
    r#"["missing"]"#,
);
pub(super) const OPTIONAL: Field = Field::with_default(
    "optional",
    Shape::Flag,
    "Whether a request without a token passes, without an identity. A token that is there must be valid all the same.",
    "false",
    "true",
);

/// What the three fields say.
pub(super) struct WithoutToken {
    pub(super) anonymous: Option<Arc<Consumer>>,
    pub(super) anonymous_for: Vec<FailureKind>,
    pub(super) optional: bool,
}

/// Reads the three fields; one that is left out is the parent's. `has_allow`: whether only some consumers may call.
pub(super) fn read(
    fields: &mut Fields,
    parent: Option<&Policy>,
    consumers: &ConsumerList,
    has_allow: bool,
) -> Result<WithoutToken, Reported> {
    let [sets_anonymous, sets_kinds, sets_optional] =
        [ANONYMOUS, ANONYMOUS_FOR, OPTIONAL].map(|field| fields.has(field.name));
    let anonymous = fields.inherited(ANONYMOUS.name, parent.map(|it| &it.anonymous), |fields, field| {
        fields.optional(field, |value| consumer(value, consumers))
    });
    let kinds = fields.inherited(ANONYMOUS_FOR.name, parent.map(|it| &it.anonymous_for), |fields, field| {
        Ok(fields.filled_values(field, kind)?.unwrap_or_else(|| FailureKind::USUAL.to_vec()))
    });
    let optional = fields
        .inherited(OPTIONAL.name, parent.map(|it| &it.optional), |fields, field| fields.or_default(field, flag, false));
    let read = WithoutToken { anonymous: anonymous?, anonymous_for: kinds?, optional: optional? };

    if sets_kinds && read.anonymous.is_none() {
        let problem = Problem::new("present, but nobody is anonymous", "anonymous beside it");
        return Err(fields.report(ANONYMOUS_FOR.name, problem));
    }
    let takes_missing = read.anonymous.is_some() && FailureKind::Missing.is_among(&read.anonymous_for);
    let at = if sets_optional || !(sets_anonymous || sets_kinds) { OPTIONAL } else { ANONYMOUS };
    if read.optional && takes_missing {
        let problem = Problem::new(
            "with optional a request without a token has no identity, and with anonymous it has one",
            "one of them, or anonymous_for without missing",
        );
        return Err(fields.report(at.name, problem));
    }
    if read.optional && has_allow {
        let problem = Problem::new(
            "true, but allow lets only some consumers call",
            "false, or no allow: without a token nobody is one",
        );
        return Err(fields.report(OPTIONAL.name, problem));
    }
    Ok(read)
}

fn consumer(value: Value, consumers: &ConsumerList) -> Result<Arc<Consumer>, Problem> {
    let name = name(value)?;
    consumers.find(&name).ok_or_else(|| {
        let found = format!("\"{}\", which is not the name of a consumer", printable(&name));
        Problem::new(found, "the id or username of one of the consumers")
    })
}

fn kind(value: Value) -> Result<FailureKind, Problem> {
    let text = text(value)?;
    let known = FailureKind::ALL.into_iter().find(|(name, _)| *name == text);
    known.map(|(_, kind)| kind).ok_or_else(|| {
        let names = FailureKind::ALL.map(|(name, _)| name).join(", ");
        Problem::new(other_word(&text), format!("one of {names}"))
    })
}

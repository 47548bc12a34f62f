//! `required_claims`: what the claims of a token must hold.

use std::sync::Arc;

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, flag, in_words},
    schema::{Field, Shape},
};
use crate::{
    encoding::json::Value,
    token::{Condition, RequiredClaim, Scalar},
};

/// The fields of an item.
pub(super) const FIELDS: &[Field] = &[
    Field::required(
        "claim",
        Shape::Name,
        "The claim: a name, or names of nested objects with dots between them. A dot within a name is written `\\.`.",
        r#""realm_access.roles""#,
    ),
    Field::optional(
        "any_of",
        Shape::List(&Shape::Scalar),
        "The claim must hold at least one of these. A string counts as the list of its words.",
        r#"["admin", "editor"]"#,
    ),
    Field::optional(
        "all_of",
        Shape::List(&Shape::Scalar),
        "The claim must hold all of these. A string counts as the list of its words.",
        r#"["orders:read", "orders:write"]"#,
    ),
    Field::optional("equals", Shape::Scalar, "The claim must be just this: a string, a number, true or false.", "true"),
    Field::optional("present", Shape::Flag, "The claim must be there (`true`) or must not (`false`).", "true"),
];

/// Reads an item of `required_claims`.
pub(super) fn read(value: Value, place: Place, faults: &Faults) -> Result<Arc<RequiredClaim>, Reported> {
    let mut fields = Fields::of(value, place, faults, FIELDS)?;
    let claim = fields.required("claim", "the claim that must hold something", claim_path);
    let conditions: Vec<&str> =
        ["any_of", "all_of", "equals", "present"].into_iter().filter(|name| fields.has(name)).collect();
    let scalars = |fields: &mut Fields, field: &str| {
        let read =
            |item: Value, place: Place, faults: &Faults| scalar(item).map_err(|problem| faults.report(place, problem));
        Ok(fields.filled_list(field, read)?.unwrap_or_default())
    };
    let condition = match conditions.as_slice() {
        ["any_of"] => scalars(&mut fields, "any_of").map(Condition::AnyOf),
        ["all_of"] => scalars(&mut fields, "all_of").map(Condition::AllOf),
        ["equals"] => fields.required("equals", "a value", scalar).map(Condition::Equals),
        ["present"] => fields.required("present", "true or false", flag).map(Condition::Present),
        other => {
            let found = if other.is_empty() { "no condition".to_owned() } else { other.join(" and ") };
            Err(faults.report(place, Problem::new(found, "one of any_of, all_of, equals, present")))
        }
    };
    Ok(Arc::new(RequiredClaim { claim: claim?, condition: condition? }))
}

fn scalar(value: Value) -> Result<Scalar, Problem> {
    match value {
        Value::String(text) => Ok(Scalar::Text(text.into_owned())),
        Value::Number(number) => Ok(Scalar::Number(number)),
        Value::Bool(flag) => Ok(Scalar::Flag(flag)),
        other => Err(Problem::new(in_words(&other), "a string, a number, true or false")),
    }
}

//! `required_claims`: what the claims of a token must hold.

use std::sync::Arc;

use super::{
    demands::{self, pattern},
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, flag, in_words},
    schema::{Field, Shape},
};
use crate::{
    encoding::json::Value,
    token::{ClaimPath, Condition, RequiredClaim, Requirement, Scalar},
};

/// How deep `any`, `all` and `not` may stand in each other.
const MAX_DEPTH: usize = 8;
/// Up to here each whole number is another one as JSON's readers have it (RFC 8259 §6). Beyond, a token's could be taken for one beside it.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// The fields of an item.
pub(super) const FIELDS: &[Field] = &[
    Field::optional(
        "claim",
        Shape::Name,
        "The claim: a name, or names of nested objects with dots between them; `[]` behind a name goes into each item of a \
         list. A dot or a bracket within a name is written `\\.`, `\\[`, `\\]`.",
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
    demands::PREFIX,
    demands::SUFFIX,
    demands::GLOB,
    Field::optional(
        "any",
        Shape::List(&Shape::RequiredClaim),
        "Instead of a claim: at least one of these must be met.",
        r#"[{"claim": "scope", "any_of": ["admin"]}, {"claim": "roles[].name", "any_of": ["admin"]}]"#,
    ),
    Field::optional(
        "all",
        Shape::List(&Shape::RequiredClaim),
        "Instead of a claim: all of these must be met.",
        r#"[{"claim": "scope", "any_of": ["admin"]}, {"claim": "email_verified", "equals": true}]"#,
    ),
    Field::optional(
        "not",
        Shape::RequiredClaim,
        "Instead of a claim: this must not be met. A claim that is not there meets nothing.",
        r#"{"claim": "groups", "any_of": ["suspended"]}"#,
    ),
];

/// Reads the list.
pub(super) fn read(fields: &mut Fields, field: &str) -> Result<Vec<Arc<Requirement>>, Reported> {
    let items = fields.list(field, |value, place, faults| requirement(value, place, faults, 1))?.unwrap_or_default();
    // All items must be met, so those of an `all` may as well stand beside the others; so a refusal names just one.
    let each = items.into_iter().flat_map(|item| match item {
        Requirement::All(items) => items,
        other => vec![other],
    });
    Ok(each.map(Arc::new).collect())
}

fn requirement(value: Value, place: Place, faults: &Faults, depth: usize) -> Result<Requirement, Reported> {
    let mut fields = Fields::of(value, place, faults, FIELDS)?;
    let given = FIELDS.iter().map(|field| field.name).filter(|name| fields.has(name));
    let (of_several, of_claim): (Vec<&str>, Vec<&str>) = given.partition(|name| ["any", "all", "not"].contains(name));
    match (of_several.as_slice(), of_claim.as_slice()) {
        ([], _) => required_claim(&mut fields, &of_claim).map(Requirement::Claim),
        ([field], []) => of_others(&mut fields, field, depth),
        _ => {
            let found = [of_several, of_claim].concat().join(" and ");
            Err(faults.report(place, Problem::new(found, "a claim with a condition, or one of any, all, not")))
        }
    }
}

/// Reads `any`, `all` or `not`.
fn of_others(fields: &mut Fields, field: &str, depth: usize) -> Result<Requirement, Reported> {
    if depth > MAX_DEPTH {
        let problem = Problem::new(format!("nested more than {MAX_DEPTH} deep"), "fewer levels of any, all and not");
        return Err(fields.report(field, problem));
    }
    let read = |value: Value, place: Place, faults: &Faults| requirement(value, place, faults, depth.saturating_add(1));
    match field {
        "not" => fields.within(field, read)?.map(|it| Requirement::Not(it.into())).ok_or(Reported),
        "any" => Ok(Requirement::Any(fields.filled_list(field, read)?.unwrap_or_default())),
        _ => Ok(Requirement::All(fields.filled_list(field, read)?.unwrap_or_default())),
    }
}

/// Reads a claim and its condition, of which these fields are there.
fn required_claim(fields: &mut Fields, given: &[&str]) -> Result<RequiredClaim, Reported> {
    let claim = fields.required("claim", "the claim that must hold something", claim_path);
    let conditions: Vec<&str> = given.iter().copied().filter(|name| *name != "claim").collect();
    let scalars = |fields: &mut Fields, field: &str| {
        let read =
            |item: Value, place: Place, faults: &Faults| scalar(item).map_err(|problem| faults.report(place, problem));
        Ok(fields.filled_list(field, read)?.unwrap_or_default())
    };
    let condition = match conditions.as_slice() {
        ["any_of"] => scalars(fields, "any_of").map(Condition::AnyOf),
        ["all_of"] => scalars(fields, "all_of").map(Condition::AllOf),
        ["equals"] => equals(fields, claim.as_ref().ok()).map(Condition::Equals),
        ["present"] => fields.required("present", "true or false", flag).map(Condition::Present),
        [field @ ("prefix" | "suffix" | "glob")] => pattern(fields, field).map(Condition::Matches),
        other => {
            let expected = "one of any_of, all_of, equals, present, prefix, suffix, glob";
            let found = if other.is_empty() { "no condition".to_owned() } else { other.join(" and ") };
            Err(fields.report_here(Problem::new(found, expected)))
        }
    };
    Ok(RequiredClaim { claim: claim?, condition: condition? })
}

fn equals(fields: &mut Fields, claim: Option<&ClaimPath>) -> Result<Scalar, Reported> {
    if claim.is_some_and(ClaimPath::goes_through_a_list) {
        let problem = Problem::new("a claim in the items of a list", "any_of, because no list equals a value");
        return Err(fields.report("equals", problem));
    }
    fields.required("equals", "a value", scalar)
}

fn scalar(value: Value) -> Result<Scalar, Problem> {
    match value {
        Value::String(text) => Ok(Scalar::Text(text.into_owned())),
        Value::Number(number) if number.abs() > MAX_EXACT => {
            Err(Problem::new("a number that is not exact in JSON", "one up to 9007199254740991, or a string"))
        }
        Value::Number(number) => Ok(Scalar::Number(number)),
        Value::Bool(flag) => Ok(Scalar::Flag(flag)),
        other => Err(Problem::new(in_words(&other), "a string, a number, true or false")),
    }
}

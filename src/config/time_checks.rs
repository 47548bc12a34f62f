//! `claims_to_verify`, `maximum_expiration`, `max_token_age` and `clock_skew_seconds`: the time claims that are checked.

use super::{
    fault::{Problem, Reported},
    fields::{Fields, number_up_to, other_word, text},
    schema::{Field, Shape},
};
use crate::token::TimeChecks;

pub(super) const CLAIMS_TO_VERIFY: Field = Field::with_default(
    "claims_to_verify",
    Shape::List(&Shape::OneOf(&["exp", "nbf"])),
    "The time claims that must be numbers and are checked against the clock.",
    "[]",
    r#"["exp"]"#,
);

/// The longest `maximum_expiration` and `max_token_age`: a year, in seconds.
pub(super) const MAXIMUM_EXPIRATION: u32 = 31_536_000;
pub(super) const MAX_CLOCK_SKEW: u32 = 300;

/// Reads the checks; a field that is left out is the parent's.
pub(super) fn read(fields: &mut Fields, parent: Option<TimeChecks>) -> Result<TimeChecks, Reported> {
    let at = if fields.mentions("maximum_expiration") { "maximum_expiration" } else { "claims_to_verify" };
    let verifies = fields.inherited("claims_to_verify", parent.map(|it| (it.exp, it.nbf)).as_ref(), |fields, field| {
        let TimeChecks { exp, nbf, .. } = verified(fields, field)?;
        Ok((exp, nbf))
    });
    let maximum = parent.map(|it| it.maximum_expiration);
    let maximum = fields.inherited("maximum_expiration", maximum.as_ref(), |fields, field| {
        let seconds = fields.or_default(field, number_up_to(MAXIMUM_EXPIRATION), 0)?;
        Ok((seconds > 0).then_some(seconds))
    });
    let maximum_age = parent.map(|it| it.maximum_age);
    let maximum_age = fields.inherited("max_token_age", maximum_age.as_ref(), |fields, field| {
        let seconds = fields.or_default(field, number_up_to(MAXIMUM_EXPIRATION), 0)?;
        Ok((seconds > 0).then_some(seconds))
    });
    let clock_skew = parent.map(|it| it.clock_skew);
    let clock_skew = fields.inherited("clock_skew_seconds", clock_skew.as_ref(), |fields, field| {
        fields.or_default(field, number_up_to(MAX_CLOCK_SKEW), 0)
    });
    let ((exp, nbf), maximum_expiration) = (verifies?, maximum?);
    if maximum_expiration.is_some() && !exp {
        let found = match at {
            "maximum_expiration" => "set without exp in claims_to_verify",
            _ => "without exp, but maximum_expiration is set",
        };
        return Err(fields.report(at, Problem::new(found, "0, or exp in claims_to_verify")));
    }
    Ok(TimeChecks { exp, nbf, maximum_expiration, maximum_age: maximum_age?, clock_skew: clock_skew? })
}

/// Reads `claims_to_verify` alone.
pub(super) fn verified(fields: &mut Fields, field: &str) -> Result<TimeChecks, Reported> {
    let claims = fields.values(field, |value| match text(value)?.as_ref() {
        claim @ ("exp" | "nbf") => Ok(claim.to_owned()),
        other => Err(Problem::new(other_word(other), "exp or nbf")),
    });
    let claims = claims?.unwrap_or_default();
    let verifies = |claim: &str| claims.iter().any(|name| name == claim);
    Ok(TimeChecks { exp: verifies("exp"), nbf: verifies("nbf"), ..TimeChecks::default() })
}

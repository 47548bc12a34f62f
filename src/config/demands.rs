//! `token_types`, `require`, `audiences`, `subjects` and `required_claims`: what a policy, or a credential, demands of a token.

use std::sync::Arc;

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, in_words, name, text},
    required_claims,
    schema::{Field, Shape},
    token,
};
use crate::{
    encoding::json::Value,
    policy::Demands,
    token::{Glob, TextPattern, TokenType},
};

pub(super) const TOKEN_TYPES: Field = Field::optional(
    "token_types",
    Shape::List(&Shape::Name),
    "The token's `typ` must be one of these media types, in upper or lower case, with or without `application/`; without the \
     field `typ` is not looked at.",
    r#"["at+jwt"]"#,
);
pub(super) const REQUIRE: Field = Field::optional(
    "require",
    Shape::List(&Shape::Name),
    "The claims that must be there, whatever they hold: else the token is not valid.",
    r#"["sub", "jti"]"#,
);
pub(super) const AUDIENCES: Field = Field::optional(
    "audiences",
    Shape::List(&Shape::Name),
    "The token's `aud` must name one of these audiences; without the field `aud` is not checked.",
    r#"["https://api.example.com"]"#,
);
pub(super) const SUBJECTS: Field = Field::optional(
    "subjects",
    Shape::List(&Shape::TextPattern),
    "The token's `sub` must be one of these; an item is the text, or an object with `prefix`, `suffix` or `glob`.",
    r#"["service-a", {"glob": "repo:octo-org/*"}]"#,
);
pub(super) const REQUIRED_CLAIMS: Field = Field::optional(
    "required_claims",
    Shape::List(&Shape::Object(required_claims::FIELDS)),
    "What the claims must hold; each item has a claim and one condition, or is `any`, `all` or `not`.",
    r#"[{"claim": "scope", "all_of": ["orders:read"]}]"#,
);

/// Reads the fields; one that is left out is the parent's.
pub(super) fn read(fields: &mut Fields, parent: Option<&Demands>) -> Result<Demands, Reported> {
    let token_types = fields.inherited("token_types", parent.map(|it| &it.token_types), |fields, field| {
        Ok(fields.filled_values(field, token_type)?.unwrap_or_default())
    });
    let require = fields.inherited("require", parent.map(|it| &it.require), |fields, field| {
        Ok(fields.filled_values(field, |value| claim_path(value).map(Arc::new))?.unwrap_or_default())
    });
    let audiences = fields.inherited("audiences", parent.map(|it| &it.audiences), |fields, field| {
        Ok(fields.filled_values(field, name)?.unwrap_or_default())
    });
    let subjects = fields.inherited("subjects", parent.map(|it| &it.subjects), |fields, field| {
        Ok(fields.filled_list(field, subject)?.unwrap_or_default())
    });
    let required_claims =
        fields.inherited("required_claims", parent.map(|it| &it.required_claims), required_claims::read);
    Ok(Demands {
        token_types: token_types?,
        require: require?,
        audiences: audiences?,
        subjects: subjects?,
        required_claims: required_claims?,
    })
}

fn token_type(value: Value) -> Result<TokenType, Problem> {
    let text = text(value)?;
    let is_name = |name: &str| token(Value::String(name.into()), "").is_ok();
    let is_media_type = text.split_once('/').map_or(is_name(&text), |(kind, name)| is_name(kind) && is_name(name));
    let problem = || Problem::new(in_words(&Value::String(text.clone())), "a media type such as at+jwt");
    is_media_type.then(|| TokenType::new(&text)).ok_or_else(problem)
}

fn subject(value: Value, place: Place, faults: &Faults) -> Result<TextPattern, Reported> {
    if let Value::Object(_) = value {
        let mut fields = Fields::of(value, place, faults, PATTERN_FIELDS)?;
        let given: Vec<&str> = PATTERN_FIELDS.iter().map(|field| field.name).filter(|name| fields.has(name)).collect();
        return match given.as_slice() {
            [only] => pattern(&mut fields, only),
            others => {
                let found = if others.is_empty() { "no pattern".to_owned() } else { others.join(" and ") };
                Err(faults.report(place, Problem::new(found, "one of prefix, suffix, glob")))
            }
        };
    }
    name(value).map(TextPattern::Exactly).map_err(|problem| faults.report(place, problem))
}

pub(super) const PREFIX: Field = Field::optional(
    "prefix",
    Shape::Name,
    "The claim must be a text that begins so, or a list that has such a text.",
    r#""team-""#,
);
pub(super) const SUFFIX: Field = Field::optional(
    "suffix",
    Shape::Name,
    "The claim must be a text that ends so, or a list that has such a text.",
    r#""@example.com""#,
);
pub(super) const GLOB: Field = Field::optional(
    "glob",
    Shape::Name,
    "The claim must be a text of this form, or a list that has such a text. `*` stands for any text; a star of the text \
     itself is written `\\*`.",
    r#""repo:octo-org/*""#,
);
const PATTERN_FIELDS: &[Field] = &[PREFIX, SUFFIX, GLOB];

/// Reads the pattern of a field that is there: `prefix`, `suffix` or `glob`.
pub(super) fn pattern(fields: &mut Fields, field: &str) -> Result<TextPattern, Reported> {
    let expected = "a text";
    match field {
        "prefix" => fields.required(field, expected, name).map(TextPattern::Prefix),
        "suffix" => fields.required(field, expected, name).map(TextPattern::Suffix),
        _ => fields.required(field, expected, glob).map(TextPattern::Glob),
    }
}

fn glob(value: Value) -> Result<Glob, Problem> {
    let text = name(value)?;
    let expected = r"a text with a * in it that is not all of it; a star that stands for itself is written \*";
    Glob::parse(&text).ok_or_else(|| Problem::new("a text that is no pattern", expected))
}

//! `rules`: policies for the requests that the proxy routes to certain places.

use super::{
    consumers::{ConsumerList, SecretForms},
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, flag, name},
    policy::{self, PolicyReader},
    schema::{Field, Shape, joined},
};
use crate::{
    encoding::json::Value,
    policy::{Policy, Rule},
};

/// The fields of a rule.
pub(super) const FIELDS: &[Field] = &joined::<{ OWN_FIELDS.len() + policy::FIELDS.len() }>(OWN_FIELDS, policy::FIELDS);

/// Where no token is asked for.
pub(super) const DISABLED: Field = Field::with_default(
    "disabled",
    Shape::Flag,
    "Whether requests pass without a token. Headers that only the filter may write are refused even so.",
    "false",
    "true",
);

const OWN_FIELDS: &[Field] = &[
    Field::optional(
        "routes",
        Shape::List(&Shape::Name),
        "The names of the Envoy routes that the rule is for; any route without the field.",
        r#"["health"]"#,
    ),
    Field::optional(
        "services",
        Shape::List(&Shape::Name),
        "The names of the Envoy clusters that the rule is for; any cluster without the field.",
        r#"["SampleIRISService"]"#,
    ),
    DISABLED,
];

/// Reads the rules, each over the policy at the top.
pub(super) fn read(
    fields: &mut Fields,
    consumers: &ConsumerList,
    parent: Option<&Policy>,
) -> Result<Vec<Rule>, Reported> {
    let reader = PolicyReader::new(consumers);
    let rules = fields.list("rules", |value, place, faults| read_one(value, place, faults, &reader, parent))?;
    Ok(rules.unwrap_or_default())
}

fn read_one(
    value: Value,
    place: Place,
    faults: &Faults,
    reader: &PolicyReader,
    parent: Option<&Policy>,
) -> Result<Rule, Reported> {
    let mut fields = Fields::of(value, place, faults, FIELDS)?;
    let read_name =
        |value: Value, place: Place, faults: &Faults| name(value).map_err(|problem| faults.report(place, problem));
    let is_for_something = fields.has("routes") || fields.has("services");
    let routes = fields.filled_list("routes", read_name);
    let services = fields.filled_list("services", read_name);
    let disabled = fields.or_default("disabled", flag, false);
    let policy = reader.read(&mut fields, parent);
    if !is_for_something {
        return Err(faults.report(place, Problem::new("a rule without routes and services", "one of them, or both")));
    }
    Ok(Rule {
        routes: routes?.unwrap_or_default(),
        services: services?.unwrap_or_default(),
        policy: Policy { disabled: disabled?, ..policy? },
    })
}

/// The forms in which secrets are needed: that of the top, and the other where a rule says so. Nothing is reported here.
pub(super) fn secret_forms(fields: &Fields) -> SecretForms {
    let is_base64 = fields.peek("secret_is_base64") == Some(&Value::Bool(true));
    let differs = |rule: &Value| match rule {
        Value::Object(members) => {
            members.iter().any(|(name, value)| name == "secret_is_base64" && (*value == Value::Bool(true)) != is_base64)
        }
        _ => false,
    };
    let both = matches!(fields.peek("rules"), Some(Value::List(rules)) if rules.iter().any(differs));
    SecretForms { is_base64, both }
}

/// Gives policies the same number in `lookup` when a token has the same credential by both, and only then.
pub(super) fn number_lookups(policy: &mut Policy, rules: &mut [Rule]) {
    let mut known = Vec::new();
    for policy in std::iter::once(policy).chain(rules.iter_mut().map(|rule| &mut rule.policy)) {
        let depends_on = (policy.key_claim_name.clone(), policy.secret_is_base64);
        policy.lookup = known.iter().position(|it| *it == depends_on).unwrap_or_else(|| {
            known.push(depends_on);
            known.len().saturating_sub(1)
        });
    }
}

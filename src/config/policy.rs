//! The plugin's own fields, which a rule may set as well as the top of the configuration.

use std::sync::Arc;

use super::{
    consumers::ConsumerList,
    cookie_name,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, claim_path, flag, in_words, name, number_up_to, other_word, printable, text},
    header_name, header_text, response,
    schema::{Field, Shape},
    upstream_fields,
};
use crate::{
    encoding::{HeaderText, json::Value},
    policy::{Access, Policy},
    request::TokenPlaces,
    token::{Condition, RequiredClaim, Scalar, TimeChecks},
};

/// The longest `maximum_expiration`: a year, in seconds.
const MAXIMUM_EXPIRATION: u32 = 31_536_000;
const MAX_CLOCK_SKEW: u32 = 300;

/// The fields of a policy, in the order in which they are documented.
pub(super) const FIELDS: &[Field] = &[
    Field::with_default(
        "header_names",
        Shape::List(&Shape::Token),
        "Request headers that are searched for `Bearer <token>`.",
        r#"["authorization"]"#,
        r#"["authorization", "x-token"]"#,
    ),
    Field::with_default(
        "raw_header_names",
        Shape::List(&Shape::Token),
        "Request headers whose whole value is a token, without `Bearer`.",
        "[]",
        r#"["cf-access-jwt-assertion"]"#,
    ),
    Field::with_default(
        "uri_param_names",
        Shape::List(&Shape::Name),
        "Query parameters that are searched for a token.",
        r#"["jwt"]"#,
        r#"["access_token"]"#,
    ),
    Field::with_default(
        "cookie_names",
        Shape::List(&Shape::Token),
        "Cookies that are searched for a token.",
        "[]",
        r#"["session"]"#,
    ),
    Field::with_default(
        "key_claim_name",
        Shape::Name,
        "The claim that names the credential. It is looked for in the claims, then in the token's header.",
        r#""iss""#,
        r#""kid""#,
    ),
    Field::with_default(
        "secret_is_base64",
        Shape::Flag,
        "Whether the secrets of HS256, HS384 and HS512 are configured in base64.",
        "false",
        "true",
    ),
    Field::with_default(
        "claims_to_verify",
        Shape::List(&Shape::OneOf(&["exp", "nbf"])),
        "The time claims that must be numbers and are checked against the clock.",
        "[]",
        r#"["exp"]"#,
    ),
    Field::with_default(
        "maximum_expiration",
        Shape::Number { maximum: MAXIMUM_EXPIRATION },
        "How many seconds `exp` may lie in the future; 0 for any number. Above 0 it needs `exp` in `claims_to_verify`.",
        "0",
        "3600",
    ),
    Field::with_default(
        "clock_skew_seconds",
        Shape::Number { maximum: MAX_CLOCK_SKEW },
        "How many seconds the clocks of signer and filter may differ when `exp` and `nbf` are checked.",
        "0",
        "30",
    ),
    Field::optional(
        "audiences",
        Shape::List(&Shape::Name),
        "The token's `aud` must name one of these audiences; without the field `aud` is not checked.",
        r#"["https://api.example.com"]"#,
    ),
    Field::optional(
        "required_claims",
        Shape::List(&Shape::Object(REQUIRED_CLAIM_FIELDS)),
        "What the claims must hold; each item has a claim and one condition.",
        r#"[{"claim": "scope", "all_of": ["orders:read"]}]"#,
    ),
    Field::optional(
        "allow",
        Shape::List(&Shape::HeaderText),
        "The usernames, ids and groups of the consumers that may call; without the field, all may call.",
        r#"["partners", "ClientApp"]"#,
    ),
    Field::optional(
        "deny",
        Shape::List(&Shape::HeaderText),
        "The usernames, ids and groups of consumers that may not call, whatever `allow` says.",
        r#"["suspended"]"#,
    ),
    Field::optional(
        "anonymous",
        Shape::Name,
        "The id or username of the consumer that a request passes as when authentication fails; without it, such a \
         request is refused.",
        r#""guest""#,
    ),
    Field::with_default(
        "run_on_preflight",
        Shape::Flag,
        "Whether preflight requests, `OPTIONS` with `Origin` and `Access-Control-Request-Method`, need a token.",
        "true",
        "false",
    ),
    Field::optional("realm", Shape::HeaderText, "The realm that `WWW-Authenticate` names.", r#""api""#),
    Field::optional(
        "claims_to_headers",
        Shape::List(&Shape::Object(upstream_fields::CLAIM_FIELDS)),
        "Claims that the upstream gets as headers. A client can never supply such a header itself.",
        r#"[{"claim": "realm_access.roles", "header": "x-roles"}]"#,
    ),
    Field::optional(
        "forward_payload_header",
        Shape::Token,
        "The header that the upstream gets all claims in, base64url without padding.",
        r#""x-jwt-payload""#,
    ),
    Field::with_default(
        "hide_credentials",
        Shape::Flag,
        "Whether tokens are taken out of header, query and cookies before the request goes upstream.",
        "false",
        "true",
    ),
    Field::with_default(
        "clear_route_cache",
        Shape::Flag,
        "Whether Envoy is told to choose the route again after the filter has written its headers.",
        "false",
        "true",
    ),
    Field::optional(
        "response",
        Shape::Object(response::FIELDS),
        "How refused clients are answered, to match the errors of an existing API.",
        r#"{"detail": false}"#,
    ),
    Field::with_default(
        "filter_state",
        Shape::Flag,
        "Whether consumer, credential and outcome are written to Envoy's filter state, for access logs and other filters.",
        "false",
        "true",
    ),
];

const REQUIRED_CLAIM_FIELDS: &[Field] = &[
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

/// Reads policies: the one at the top of the configuration, then those of rules over it.
pub(super) struct PolicyReader<'c> {
    consumers: &'c ConsumerList,
}

impl<'c> PolicyReader<'c> {
    pub(super) fn new(consumers: &'c ConsumerList) -> Self {
        Self { consumers }
    }

    /// Reads a policy. A field that is left out is the parent's; `null` gives it its default.
    pub(super) fn read(&self, fields: &mut Fields, parent: Option<&Policy>) -> Result<Policy, Reported> {
        let token_places = token_places(fields, parent);
        let key_claim_name =
            fields.inherited("key_claim_name", parent.map(|it| &it.key_claim_name), |fields, field| {
                fields.or_default(field, name, "iss".to_owned())
            });
        let secret_is_base64 =
            fields.inherited("secret_is_base64", parent.map(|it| &it.secret_is_base64), Fields::flag_or_false);
        let time_checks = time_checks(fields, parent);
        let audiences = fields.inherited("audiences", parent.map(|it| &it.audiences), |fields, field| {
            let read = |item: Value, place: Place, faults: &Faults| {
                name(item).map_err(|problem| faults.report(place, problem))
            };
            Ok(fields.filled_list(field, read)?.unwrap_or_default())
        });
        let required_claims =
            fields.inherited("required_claims", parent.map(|it| &it.required_claims), |fields, field| {
                Ok(fields.list(field, required_claim)?.unwrap_or_default())
            });
        let access = self.access(fields, parent);
        let anonymous = fields.inherited("anonymous", parent.map(|it| &it.anonymous), |fields, field| {
            fields.optional(field, |value| {
                let name = name(value)?;
                self.consumers.find(&name).ok_or_else(|| {
                    let found = format!("\"{}\", which is not the name of a consumer", printable(&name));
                    Problem::new(found, "the id or username of one of the consumers")
                })
            })
        });
        let run_on_preflight =
            fields.inherited("run_on_preflight", parent.map(|it| &it.run_on_preflight), |fields, field| {
                fields.or_default(field, flag, true)
            });
        let realm =
            fields.inherited("realm", parent.map(|it| &it.realm), |fields, field| fields.optional(field, header_text));
        let forwarding = upstream_fields::read(fields, parent.map(|it| &it.forwarding));
        let response = fields.inherited("response", parent.map(|it| &it.response), response::read);
        let filter_state = fields.inherited("filter_state", parent.map(|it| &it.filter_state), Fields::flag_or_false);

        let policy = Policy {
            disabled: false,
            token_places: token_places?,
            key_claim_name: key_claim_name?,
            secret_is_base64: secret_is_base64?,
            lookup: 0,
            time_checks: time_checks?,
            audiences: audiences?,
            required_claims: required_claims?,
            access: access?,
            anonymous: anonymous?,
            run_on_preflight: run_on_preflight?,
            realm: realm?,
            forwarding: forwarding?,
            response: response?,
            filter_state: filter_state?,
        };
        upstream_fields::check_names(fields, &policy)?;
        Ok(policy)
    }

    fn access(&self, fields: &mut Fields, parent: Option<&Policy>) -> Result<Access, Reported> {
        let parent = parent.map(|it| &it.access);
        let read = |fields: &mut Fields, field: &str| fields.values(field, |value| self.consumer_or_group(value));
        let allow = fields.inherited("allow", parent.map(|it| &it.allow), |fields, field| {
            Ok(read(fields, field)?.map(|names| names.into_iter().collect()))
        });
        let deny = fields.inherited("deny", parent.map(|it| &it.deny), |fields, field| {
            Ok(read(fields, field)?.into_iter().flatten().collect())
        });
        Ok(Access { allow: allow?, deny: deny? })
    }

    /// Reads a name of `allow` or `deny`. One that is nobody's is a slip of the pen, and would let in or keep out nobody.
    fn consumer_or_group(&self, value: Value) -> Result<HeaderText, Problem> {
        let name = header_text(value)?;
        if self.consumers.find(name.as_str()).is_some() || self.consumers.has_group(&name) {
            return Ok(name);
        }
        let found = format!("\"{}\", which names neither a consumer nor a group", printable(name.as_str()));
        Err(Problem::new(found, "a username, an id or a group of one of the consumers"))
    }
}

fn token_places(fields: &mut Fields, parent: Option<&Policy>) -> Result<TokenPlaces, Reported> {
    let parent = parent.map(|it| &it.token_places);
    let header_names = fields.inherited("header_names", parent.map(|it| &it.header_names), |fields, field| {
        Ok(fields.values(field, header_name)?.unwrap_or_else(|| vec!["authorization".to_owned()]))
    });
    let raw_header_names =
        fields.inherited("raw_header_names", parent.map(|it| &it.raw_header_names), |fields, field| {
            Ok(fields.values(field, header_name)?.unwrap_or_default())
        });
    let uri_param_names = fields.inherited("uri_param_names", parent.map(|it| &it.uri_param_names), |fields, field| {
        Ok(fields.values(field, name)?.unwrap_or_else(|| vec!["jwt".to_owned()]))
    });
    let cookie_names = fields.inherited("cookie_names", parent.map(|it| &it.cookie_names), |fields, field| {
        Ok(fields.values(field, cookie_name)?.unwrap_or_default())
    });
    let places = TokenPlaces {
        header_names: header_names?,
        raw_header_names: raw_header_names?,
        uri_param_names: uri_param_names?,
        cookie_names: cookie_names?,
    };
    // `Bearer` would be a part of the token that is read in the second way.
    if let Some(name) = places.raw_header_names.iter().find(|name| places.header_names.contains(name)) {
        let found = format!("{}, which is in header_names too", printable(name));
        return Err(fields.report("raw_header_names", Problem::new(found, "headers that hold a token in one way")));
    }
    Ok(places)
}

fn time_checks(fields: &mut Fields, parent: Option<&Policy>) -> Result<TimeChecks, Reported> {
    let parent = parent.map(|it| it.time_checks);
    let at = if fields.mentions("maximum_expiration") { "maximum_expiration" } else { "claims_to_verify" };
    let verified = fields.inherited("claims_to_verify", parent.map(|it| (it.exp, it.nbf)).as_ref(), |fields, field| {
        let claims = fields.values(field, |value| match text(value)?.as_ref() {
            claim @ ("exp" | "nbf") => Ok(claim.to_owned()),
            other => Err(Problem::new(other_word(other), "exp or nbf")),
        });
        let claims = claims?.unwrap_or_default();
        let verifies = |claim: &str| claims.iter().any(|name| name == claim);
        Ok((verifies("exp"), verifies("nbf")))
    });
    let maximum = parent.map(|it| it.maximum_expiration);
    let maximum = fields.inherited("maximum_expiration", maximum.as_ref(), |fields, field| {
        let seconds = fields.or_default(field, number_up_to(MAXIMUM_EXPIRATION), 0)?;
        Ok((seconds > 0).then_some(seconds))
    });
    let clock_skew = parent.map(|it| it.clock_skew);
    let clock_skew = fields.inherited("clock_skew_seconds", clock_skew.as_ref(), |fields, field| {
        fields.or_default(field, number_up_to(MAX_CLOCK_SKEW), 0)
    });
    let ((exp, nbf), maximum_expiration) = (verified?, maximum?);
    if maximum_expiration.is_some() && !exp {
        let found = match at {
            "maximum_expiration" => "set without exp in claims_to_verify",
            _ => "without exp, but maximum_expiration is set",
        };
        return Err(fields.report(at, Problem::new(found, "0, or exp in claims_to_verify")));
    }
    Ok(TimeChecks { exp, nbf, maximum_expiration, clock_skew: clock_skew? })
}

fn required_claim(value: Value, place: Place, faults: &Faults) -> Result<Arc<RequiredClaim>, Reported> {
    let mut fields = Fields::of(value, place, faults, REQUIRED_CLAIM_FIELDS)?;
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

//! The plugin's own fields, which a rule may set as well as the top of the configuration.

use super::{
    consumers::ConsumerList,
    demands,
    fault::{Problem, Reported},
    fields::{Fields, flag, name, printable},
    header_text, metadata,
    resource_metadata::{self, Surroundings},
    response,
    schema::{Field, Shape, joined},
    sender, time_checks, token_places, upstream_fields,
    without_token::{self, WithoutToken},
};
use crate::{
    encoding::{HeaderText, json::Value},
    policy::{Access, Policy},
    request::TokenPlaces,
    token::KeyClaim,
};

/// The fields of a policy, in the order in which they are documented.
pub(super) const FIELDS: &[Field] =
    &joined::<{ token_places::FIELDS.len() + OWN_FIELDS.len() }>(token_places::FIELDS, OWN_FIELDS);

/// Those behind the places of a token.
const OWN_FIELDS: &[Field] = &[
    Field::with_default(
        "key_claim_name",
        Shape::Name,
        "The claim that names the credential. It is looked for in the claims, then in the token's header, then as the path of \
         a nested claim.",
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
    time_checks::CLAIMS_TO_VERIFY,
    Field::with_default(
        "maximum_expiration",
        Shape::Number { maximum: time_checks::MAXIMUM_EXPIRATION },
        "How many seconds `exp` may lie in the future; 0 for any number. Above 0 it needs `exp` in `claims_to_verify`.",
        "0",
        "3600",
    ),
    Field::with_default(
        "max_token_age",
        Shape::Number { maximum: time_checks::MAXIMUM_EXPIRATION },
        "How many seconds ago the token may have been issued (`iat`); 0 for any time. Above 0 a token needs an `iat` that is \
         not in the future.",
        "0",
        "3600",
    ),
    Field::with_default(
        "clock_skew_seconds",
        Shape::Number { maximum: time_checks::MAX_CLOCK_SKEW },
        "How many seconds the clocks of signer and filter may differ when `exp`, `nbf` and `iat` are checked.",
        "0",
        "30",
    ),
    sender::CONSTRAINT,
    sender::CERTIFICATE_FROM,
    sender::DPOP,
    demands::TOKEN_TYPES,
    demands::REQUIRE,
    demands::AUDIENCES,
    demands::SUBJECTS,
    demands::REQUIRED_CLAIMS,
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
    Field::with_default(
        "hide_groups_header",
        Shape::Flag,
        "Whether the upstream is not told the consumer's groups; where neither `allow` nor `deny` is set, it never is.",
        "false",
        "true",
    ),
    without_token::ANONYMOUS,
    without_token::ANONYMOUS_FOR,
    without_token::OPTIONAL,
    Field::with_default(
        "run_on_preflight",
        Shape::Flag,
        "Whether preflight requests, `OPTIONS` with `Origin` and `Access-Control-Request-Method`, need a token.",
        "true",
        "false",
    ),
    Field::optional("realm", Shape::HeaderText, "The realm that `WWW-Authenticate` names.", r#""api""#),
    Field::optional(
        "resource_metadata",
        Shape::Object(resource_metadata::FIELDS),
        "The metadata of the protected resource (RFC 9728). The filter publishes it without a token, and every challenge says \
         where.",
        r#"{"resource": "https://api.example.com/mcp"}"#,
    ),
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
    metadata::CLAIMS_TO_FILTER_STATE,
    metadata::DYNAMIC_METADATA,
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
        let token_places = token_places::read(fields, parent.map(|it| &it.token_places));
        let key_claim_name =
            fields.inherited("key_claim_name", parent.map(|it| &it.key_claim_name), |fields, field| {
                Ok(fields.optional(field, key_claim)?.unwrap_or(KeyClaim::iss()))
            });
        let secret_is_base64 =
            fields.inherited("secret_is_base64", parent.map(|it| &it.secret_is_base64), Fields::flag_or_false);
        let time_checks = time_checks::read(fields, parent.map(|it| it.time_checks));
        let sender = sender::read(fields, parent.map(|it| &it.sender));
        let demands = demands::read(fields, parent.map(|it| &it.demands));
        let access = self.access(fields, parent);
        let has_allow = access.as_ref().is_ok_and(|access| access.allow.is_some());
        let without_token = without_token::read(fields, parent, self.consumers, has_allow);
        let run_on_preflight =
            fields.inherited("run_on_preflight", parent.map(|it| &it.run_on_preflight), |fields, field| {
                fields.or_default(field, flag, true)
            });
        let realm =
            fields.inherited("realm", parent.map(|it| &it.realm), |fields, field| fields.optional(field, header_text));
        let resource = match (&token_places, &key_claim_name, &sender) {
            (Ok(places), Ok(claim), Ok(sender)) => {
                let (dpop, key_is_issuer) = (sender.dpop(), claim.name() == "iss");
                let around = Surroundings { consumers: self.consumers, places, dpop, key_is_issuer };
                let parent = parent.map(|it| &it.resource_metadata);
                fields.inherited("resource_metadata", parent, |fields, field| {
                    resource_metadata::read(fields, field, &around)
                })
            }
            _ => Err(Reported),
        };
        let forwarding = upstream_fields::read(fields, parent.map(|it| &it.forwarding));
        let response = fields.inherited("response", parent.map(|it| &it.response), response::read);
        let filter_state = fields.inherited("filter_state", parent.map(|it| &it.filter_state), Fields::flag_or_false);
        let claims_to_filter_state = fields.inherited(
            "claims_to_filter_state",
            parent.map(|it| &it.claims_to_filter_state),
            metadata::claims_to_filter_state,
        );
        let dynamic_metadata =
            fields.inherited("dynamic_metadata", parent.map(|it| &it.dynamic_metadata), metadata::dynamic_metadata);

        let WithoutToken { anonymous, anonymous_for, optional } = without_token?;
        let sender = sender?;
        let policy = Policy {
            disabled: false,
            token_places: TokenPlaces { takes_dpop: sender.dpop().is_some(), ..token_places? },
            key_claim_name: key_claim_name?,
            secret_is_base64: secret_is_base64?,
            lookup: 0,
            time_checks: time_checks?,
            sender,
            demands: demands?,
            access: access?,
            anonymous,
            anonymous_for,
            optional,
            run_on_preflight: run_on_preflight?,
            realm: realm?,
            resource_metadata: resource?,
            forwarding: forwarding?,
            response: response?,
            filter_state: filter_state?,
            claims_to_filter_state: claims_to_filter_state?,
            dynamic_metadata: dynamic_metadata?,
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
            Ok(read(fields, field)?.map(|names| names.into_iter().collect()))
        });
        let hide = parent.map(|it| &it.hide_groups_header);
        let hide_groups_header = fields.inherited("hide_groups_header", hide, Fields::flag_or_false);
        Ok(Access { allow: allow?, deny: deny?, hide_groups_header: hide_groups_header? })
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

fn key_claim(value: Value) -> Result<KeyClaim, Problem> {
    let expected = "a name, or the path of a single claim";
    KeyClaim::parse(&name(value)?).ok_or_else(|| Problem::new("a path through a list", expected))
}

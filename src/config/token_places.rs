//! Where a token may stand: `header_names` and the fields behind it, up to `first_valid`.

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, flag, in_words, name, number_up_to, printable, text},
    header_name, is_token,
    schema::{Field, Shape},
    token,
};
use crate::{
    encoding::json::{Value, repeated},
    request::{Place as TokenPlace, SplitCookie, TokenHeader, TokenPlaces, TokenProtocol},
};

/// The fields, in the order in which they are documented.
pub(super) const FIELDS: &[Field] = &[
    Field::with_default(
        "header_names",
        Shape::List(&Shape::Token),
        "Request headers that are searched for `Bearer <token>`.",
        r#"["authorization"]"#,
        r#"["authorization", "x-token"]"#,
    ),
    Field::with_default(
        "token_headers",
        Shape::List(&Shape::Object(HEADER_FIELDS)),
        "Request headers that hold a token behind another scheme, or alone.",
        "[]",
        r#"[{"name": "cf-access-jwt-assertion", "prefix": ""}]"#,
    ),
    Field::with_default(
        "websocket_protocols",
        Shape::List(&Shape::Object(PROTOCOL_FIELDS)),
        "Subprotocols in `Sec-WebSocket-Protocol` that are a token or hold one; each item has `name` or `prefix`.",
        "[]",
        r#"[{"name": "bearer"}]"#,
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
        "split_cookies",
        Shape::List(&Shape::Object(SPLIT_FIELDS)),
        "Cookies with a number at the end of their names, which hold a token in parts; at most 16 parts.",
        "[]",
        r#"[{"name": "session"}]"#,
    ),
    Field::with_default(
        "first_valid",
        Shape::Flag,
        "Whether, of several different tokens, the first valid one counts and the others are taken out of the request. \
         Otherwise such a request is refused.",
        "false",
        "true",
    ),
];

const HEADER_FIELDS: &[Field] = &[
    Field::required("name", Shape::Token, "The name of the header.", r#""x-amzn-oidc-data""#),
    Field::with_default(
        "prefix",
        Shape::Text,
        "The scheme before the token, in upper or lower case; without it, the whole value is the token.",
        r#""""#,
        r#""JWT""#,
    ),
    Field::with_default(
        "padded",
        Shape::Flag,
        "Whether the token's parts may end with `=`, as those of AWS load balancers do.",
        "false",
        "true",
    ),
];

const PROTOCOL_FIELDS: &[Field] = &[
    Field::optional("name", Shape::Token, "The subprotocol that the token stands behind.", r#""bearer""#),
    Field::optional(
        "prefix",
        Shape::Token,
        "What the subprotocol begins with that holds the token.",
        r#""base64url.bearer.authorization.k8s.io.""#,
    ),
    Field::with_default(
        "base64url",
        Shape::Flag,
        "Whether what follows the prefix is the token encoded in base64url, as for the API server of Kubernetes.",
        "false",
        "true",
    ),
];

const SPLIT_FIELDS: &[Field] = &[
    Field::required("name", Shape::Token, "What the names of the cookies begin with.", r#""session""#),
    Field::with_default("separator", Shape::Text, "What stands between it and the number.", r#"".""#, r#""C""#),
    Field::with_default("first", Shape::Number { maximum: 1 }, "The number of the first part.", "0", "1"),
];

/// Reads the fields.
pub(super) fn read(fields: &mut Fields, parent: Option<&TokenPlaces>) -> Result<TokenPlaces, Reported> {
    let header_names = fields.inherited("header_names", parent.map(|it| &it.header_names), |fields, field| {
        Ok(fields.values(field, searched_header)?.unwrap_or_else(|| vec!["authorization".to_owned()]))
    });
    let token_headers = fields.inherited("token_headers", parent.map(|it| &it.token_headers), |fields, field| {
        Ok(fields.list(field, token_header)?.unwrap_or_default())
    });
    let protocols =
        fields.inherited("websocket_protocols", parent.map(|it| &it.websocket_protocols), |fields, field| {
            Ok(fields.list(field, token_protocol)?.unwrap_or_default())
        });
    let uri_param_names = fields.inherited("uri_param_names", parent.map(|it| &it.uri_param_names), |fields, field| {
        Ok(fields.values(field, name)?.unwrap_or_else(|| vec!["jwt".to_owned()]))
    });
    let cookie_names = fields.inherited("cookie_names", parent.map(|it| &it.cookie_names), |fields, field| {
        Ok(fields.values(field, cookie_name)?.unwrap_or_default())
    });
    let split_cookies = fields.inherited("split_cookies", parent.map(|it| &it.split_cookies), |fields, field| {
        Ok(fields.list(field, split_cookie)?.unwrap_or_default())
    });
    let first_valid = fields.inherited("first_valid", parent.map(|it| &it.first_valid), Fields::flag_or_false);
    let places = TokenPlaces {
        header_names: header_names?,
        takes_dpop: false,
        token_headers: token_headers?,
        websocket_protocols: protocols?,
        uri_param_names: uri_param_names?,
        cookie_names: cookie_names?,
        split_cookies: split_cookies?,
        first_valid: first_valid?,
    };
    each_header_holds_a_token_in_one_way(fields, &places)?;
    Ok(places)
}

/// Refuses a header that is searched twice for the same scheme, or for a scheme and without one: there the scheme would be
/// taken for a part of the token.
fn each_header_holds_a_token_in_one_way(fields: &Fields, places: &TokenPlaces) -> Result<(), Reported> {
    let schemes = |wanted: &str| {
        let of_header = places.header_places().filter_map(move |place| match place {
            TokenPlace::Header(name, prefix, _) if name == wanted => Some(prefix.to_ascii_lowercase()),
            _ => None,
        });
        of_header.collect::<Vec<_>>()
    };
    let is_in_two_ways = |schemes: &[String]| {
        let stands_alone = schemes.iter().any(String::is_empty);
        (stands_alone && schemes.len() > 1) || repeated(schemes.iter().map(String::as_str)).is_some()
    };
    match places.token_headers.iter().find(|header| is_in_two_ways(&schemes(&header.name))) {
        Some(header) => {
            let found = format!("{}, which holds a token in two ways", printable(&header.name));
            let expected =
                "for each header one item without a prefix, or one for each prefix, Bearer of header_names included";
            Err(fields.report("token_headers", Problem::new(found, expected)))
        }
        None => Ok(()),
    }
}

/// Reads the name of a header that holds a token as a whole, or behind a scheme. What else is looked for, or taken out, in a header
/// has its own form there.
fn searched_header(value: Value) -> Result<String, Problem> {
    let name = header_name(value)?;
    let expected = match name.as_str() {
        "cookie" => "cookie_names or split_cookies for a token in a cookie",
        TokenPlaces::WEBSOCKET_HEADER => "websocket_protocols for a token in it",
        TokenPlaces::PROOF_HEADER => "the header of the token, not that of the proof",
        "connection" => "a header that goes from end to end",
        _ => return Ok(name),
    };
    Err(Problem::new(name, expected))
}

fn token_header(value: Value, place: Place, faults: &Faults) -> Result<TokenHeader, Reported> {
    let mut fields = Fields::of(value, place, faults, HEADER_FIELDS)?;
    let name = fields.required("name", "the name of a header", searched_header);
    let expected = "a scheme such as Bearer, without a space, or an empty text";
    let prefix = fields.or_default("prefix", |value| token_or_empty(value, expected), String::new());
    let padded = fields.or_default("padded", flag, false);
    Ok(TokenHeader { name: name?, prefix: prefix?, padded: padded? })
}

fn token_protocol(value: Value, place: Place, faults: &Faults) -> Result<TokenProtocol, Reported> {
    let mut fields = Fields::of(value, place, faults, PROTOCOL_FIELDS)?;
    let subprotocol = |value: Value| token(value, "a subprotocol, or what one begins with");
    let name = fields.optional("name", subprotocol)?;
    let prefix = fields.optional("prefix", subprotocol)?;
    let base64url = fields.or_default("base64url", flag, false)?;
    match (name, prefix) {
        (Some(_), None) if base64url => {
            Err(fields.report("base64url", Problem::new("set without prefix", "false, or a prefix instead of name")))
        }
        (Some(name), None) => Ok(TokenProtocol::After(name)),
        (None, Some(prefix)) => Ok(TokenProtocol::Prefixed { prefix, base64url }),
        (name, _) => {
            let found = if name.is_some() { "name and prefix" } else { "neither name nor prefix" };
            Err(faults.report(place, Problem::new(found, "one of name, prefix")))
        }
    }
}

fn split_cookie(value: Value, place: Place, faults: &Faults) -> Result<SplitCookie, Reported> {
    let mut fields = Fields::of(value, place, faults, SPLIT_FIELDS)?;
    let name = fields.required("name", "what the names of the cookies begin with", cookie_name);
    let expected = "characters that the name of a cookie may have";
    let separator = fields.or_default("separator", |value| token_or_empty(value, expected), ".".to_owned());
    let first = fields.or_default("first", number_up_to(1), 0);
    Ok(SplitCookie { name: name?, separator: separator?, first: first? as usize })
}

fn cookie_name(value: Value) -> Result<String, Problem> {
    token(value, "the name of a cookie")
}

/// Reads a token in the sense of RFC 9110 §5.6.2, or nothing.
fn token_or_empty(value: Value, expected: &str) -> Result<String, Problem> {
    let text = text(value)?;
    let fits = text.is_empty() || is_token(&text);
    if fits { Ok(text.into_owned()) } else { Err(Problem::new(in_words(&Value::String(text)), expected)) }
}

//! What a refused client is told.

use serde_json::{Map, Value, json};

use crate::{authenticate::Reason, policy::Policy};

/// An answer that the filter gives itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The challenge (RFC 9110 §11.6.1), if the status asks for one.
    pub www_authenticate: Option<String>,
    /// The body, a JSON object.
    pub body: String,
}

impl Reply {
    /// The media type of every body.
    pub const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    /// The answer to a request that failed authentication.
    pub fn unauthorized(reason: &Reason, policy: &Policy) -> Self {
        Self {
            status: 401,
            www_authenticate: Some(challenge(reason, policy)),
            body: body(reason, &policy.key_claim_name).to_string(),
        }
    }

    /// The answer when the host cannot do what safety needs.
    pub fn internal_error() -> Self {
        let body = json!({ "message": "An unexpected error occurred" }).to_string();
        Self { status: 500, www_authenticate: None, body }
    }
}

/// The challenge of RFC 6750 §3. A request that carried no token is told no error.
fn challenge(reason: &Reason, policy: &Policy) -> String {
    let realm = policy.realm.as_ref().map(|realm| format!("realm={}", quoted(realm.as_str())));
    let error = (*reason != Reason::NoToken).then(|| r#"error="invalid_token""#.to_owned());
    let parameters: Vec<String> = [realm, error].into_iter().flatten().collect();
    ["Bearer", &parameters.join(", ")].join(" ").trim_end().to_owned()
}

/// A quoted-string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// The body for a reason, in the words of the gateway's plugin.
fn body(reason: &Reason, key_claim: &str) -> Value {
    let message = match reason {
        Reason::NoToken => "Unauthorized".to_owned(),
        Reason::MultipleTokens => "Multiple tokens provided".to_owned(),
        Reason::Malformed(_) => "Bad token; invalid JSON".to_owned(),
        Reason::UnsupportedAlgorithm => "Bad token; invalid alg".to_owned(),
        Reason::UnsupportedHeader(name) => format!("Bad token; invalid {name}"),
        Reason::NoKey => format!("No mandatory '{key_claim}' in claims"),
        Reason::InvalidKey => format!("Invalid '{key_claim}' in claims"),
        Reason::UnknownKey(_) => format!("No credentials found for given '{key_claim}'"),
        Reason::AlgorithmMismatch => "Invalid algorithm".to_owned(),
        Reason::InvalidSignature => "Invalid signature".to_owned(),
        Reason::Claims(faults) => {
            let members = faults.iter().map(|(name, fault)| (name.to_owned(), fault.to_string().into()));
            return Value::Object(members.collect::<Map<_, _>>());
        }
    };
    json!({ "message": message })
}

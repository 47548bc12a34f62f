//! What a refused client is told.

use std::{borrow::Cow, iter};

use serde_json::{Map, Value, json};

use crate::{
    authenticate::{Decision, Outcome, Reason},
    encoding::is_scope_token,
    policy::{Policy, ReplyFormat, ResourceMetadata, Template},
    request::{Protocol, Request},
    sender::{DpopPolicy, SenderFault},
    token::{JwsError, Part, Requirement},
};

/// An answer that the filter gives itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The challenge (RFC 9110 §11.6.1), if the status asks for one.
    pub www_authenticate: Option<String>,
    /// In how many seconds the client may try again (RFC 9110 §10.2.3), if that will help.
    pub retry_after: Option<u32>,
    /// A nonce for the client's next proof (RFC 9449 §9), if that must hold one.
    pub dpop_nonce: Option<Box<str>>,
    /// What else every answer of its kind has.
    pub of_kind: &'static [(&'static str, &'static str)],
    /// The media type of the body.
    pub content_type: Cow<'static, str>,
    /// The body: a JSON object, or what a template makes of it.
    pub body: String,
    /// What a gRPC client is told in place of the body.
    pub message: Box<str>,
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is not known who calls: 401.
    Unauthorized,
    /// Whoever calls may not: 403.
    Forbidden,
    /// It cannot be found out now who calls: 503.
    Unavailable,
}

impl Kind {
    fn of(reason: &Reason) -> Self {
        match reason {
            Reason::ForbiddenHeader(_) => Self::Forbidden,
            reason if reason.is_of_known_caller() => Self::Forbidden,
            // A client whose token may well be good did nothing wrong.
            Reason::KeySetUnavailable(_)
            | Reason::RevocationsUnavailable(_)
            | Reason::Sender(SenderFault::MemoryFull(_)) => Self::Unavailable,
            _ => Self::Unauthorized,
        }
    }

    fn template(self, format: &ReplyFormat) -> &Template {
        match self {
            Self::Unauthorized => &format.unauthorized,
            Self::Forbidden => &format.forbidden,
            Self::Unavailable => &format.unavailable,
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::Unavailable => 503,
        }
    }

    /// All that a client is told that is told nothing.
    fn message(self) -> &'static str {
        match self {
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::Unavailable => "Service Unavailable",
        }
    }
}

impl Reply {
    const JSON: Cow<'static, str> = Cow::Borrowed("application/json; charset=utf-8");

    /// The answer to a request that does not go upstream; `None` for one that does.
    pub fn to(decision: &Decision, request: &impl Request) -> Option<Self> {
        match &decision.outcome {
            Outcome::Denied(denial) => Some(Self::denied(&denial.reason, decision.policy)),
            Outcome::ResourceMetadata(metadata) => {
                Some(Self::of_metadata(metadata, &request.method().unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// The answer to a request for the metadata of a resource. Scripts of any origin may read it: it holds no secret.
    pub fn of_metadata(metadata: &ResourceMetadata, method: &[u8]) -> Self {
        let refusal = Content::Message("Method not allowed".into());
        let (status, of_kind, body): (_, &'static [_], _) = match method {
            b"GET" | b"HEAD" => (
                200,
                &[("cache-control", "public, max-age=300"), ("access-control-allow-origin", "*")],
                metadata.document().to_owned(),
            ),
            b"OPTIONS" => (
                200,
                &[
                    ("allow", "GET, HEAD, OPTIONS"),
                    ("access-control-allow-origin", "*"),
                    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                    ("access-control-allow-headers", "*"),
                    ("access-control-max-age", "7200"),
                ],
                String::new(),
            ),
            _ => (405, &[("allow", "GET, HEAD, OPTIONS")], refusal.json()),
        };
        let (content_type, message) = (Cow::Borrowed("application/json"), refusal.text().into());
        Self {
            status,
            www_authenticate: None,
            retry_after: None,
            dpop_nonce: None,
            of_kind,
            content_type,
            body,
            message,
        }
    }

    /// The answer to a request that is refused.
    pub fn denied(reason: &Reason, policy: &Policy) -> Self {
        let kind = Kind::of(reason);
        let format = &policy.response;
        // Without a nonce no client could go on, so all are told that they need one.
        let is_told = format.detail || matches!(reason, Reason::Sender(SenderFault::NonceNeeded(_)));
        let told = is_told.then_some(reason);
        let challenge = challenges(kind, told, policy);
        let content = told
            .map_or_else(|| Content::Message(kind.message().into()), |it| content(it, policy.key_claim_name.name()));
        let reply = Self::of(kind, kind.template(format), challenge, content);
        match reason {
            Reason::KeySetUnavailable(seconds)
            | Reason::RevocationsUnavailable(seconds)
            | Reason::Sender(SenderFault::MemoryFull(seconds)) => Self { retry_after: Some(*seconds), ..reply },
            Reason::Sender(SenderFault::NonceNeeded(nonce)) => {
                Self { dpop_nonce: Some(nonce.as_str().into()), ..reply }
            }
            _ => reply,
        }
    }

    fn of(kind: Kind, template: &Template, challenge: Option<String>, content: Content) -> Self {
        let body = match &template.body {
            Some(body) => body.replace(Template::MESSAGE, &in_json_string(&content.text())),
            None => content.json(),
        };
        let content_type = template.content_type.as_ref().map(|it| Cow::Owned(it.as_str().to_owned()));
        Self {
            status: template.status.unwrap_or(kind.status()),
            www_authenticate: challenge,
            retry_after: None,
            dpop_nonce: None,
            of_kind: &[],
            content_type: content_type.unwrap_or(Self::JSON),
            body,
            message: content.text().into(),
        }
    }

    /// What the proxy is to send behind the headers. To a gRPC client it sends it as `grpc-message`, percent-encoded, for which
    /// JSON is no form.
    pub fn content(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Http => &self.body,
            Protocol::Grpc => &self.message,
        }
    }

    /// The headers, beside those that the proxy writes itself: for gRPC, it knows the media type.
    pub fn headers(&self, protocol: Protocol) -> Vec<(&'static str, Cow<'_, str>)> {
        let challenge = self.www_authenticate.as_deref().map(|challenge| ("www-authenticate", challenge.into()));
        let retry_after = self.retry_after.map(|seconds| ("retry-after", seconds.to_string().into()));
        let nonce = self.dpop_nonce.as_deref().map(|nonce| ("dpop-nonce", nonce.into()));
        let of_kind = self.of_kind.iter().map(|(name, value)| (*name, Cow::Borrowed(*value)));
        let content_type = (protocol == Protocol::Http).then(|| ("content-type", self.content_type.as_ref().into()));
        challenge.into_iter().chain(nonce).chain(retry_after).chain(of_kind).chain(content_type).collect()
    }

    /// The answer when the host cannot do what safety needs.
    pub fn internal_error() -> Self {
        let content = Content::Message("An unexpected error occurred".into());
        Self {
            status: 500,
            www_authenticate: None,
            retry_after: None,
            dpop_nonce: None,
            of_kind: &[],
            content_type: Self::JSON,
            body: content.json(),
            message: content.text().into(),
        }
    }
}

/// The challenges of RFC 6750 §3 and, where proofs are taken, RFC 9449 §7.1, each with where the metadata of the resource are
/// (RFC 9728 §5.1). A request that carried no token is told no error, nor is one that is told nothing. An error of a proof
/// concerns DPoP alone.
fn challenges(kind: Kind, told: Option<&Reason>, policy: &Policy) -> Option<String> {
    let invalid_token = || vec![r#"error="invalid_token""#.to_owned()];
    let (bearer, dpop) = match (kind, told) {
        (Kind::Unauthorized, None | Some(Reason::NoToken | Reason::AnonymousWithoutGroup)) => (vec![], vec![]),
        (Kind::Unauthorized, Some(reason)) => match error_of_proof(reason) {
            Some(error) => (vec![], vec![format!("error={}", quoted(error))]),
            None => (invalid_token(), invalid_token()),
        },
        (Kind::Forbidden, Some(Reason::InsufficientClaims(required))) => {
            let error = insufficient_scope(required)?;
            (error.clone(), error)
        }
        _ => return None,
    };
    let by_dpop = policy.sender.dpop().map(|it| challenge("DPoP", policy, dpop.into_iter().chain([algorithms(it)])));
    Some(iter::once(challenge("Bearer", policy, bearer.into_iter())).chain(by_dpop).collect::<Vec<_>>().join(", "))
}

/// What RFC 9449 §7.1 and §9 call what is wrong with a proof, if it is that.
fn error_of_proof(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::Sender(SenderFault::Proof(_) | SenderFault::Replayed) => Some("invalid_dpop_proof"),
        Reason::Sender(SenderFault::NonceNeeded(_)) => Some("use_dpop_nonce"),
        _ => None,
    }
}

/// What a proof may be signed with (RFC 9449 §7.1).
fn algorithms(dpop: &DpopPolicy) -> String {
    format!("algs={}", quoted(&dpop.algorithm_names().join(" ")))
}

/// The challenge of a scheme (RFC 9110 §11.6.1).
fn challenge(scheme: &str, policy: &Policy, parameters: impl Iterator<Item = String>) -> String {
    let realm = policy.realm.as_ref().map(|realm| format!("realm={}", quoted(realm.as_str())));
    let metadata = policy.resource_metadata.as_ref().map(|it| format!("resource_metadata={}", quoted(it.url())));
    let parameters: Vec<String> = realm.into_iter().chain(parameters).chain(metadata).collect();
    [scheme, &parameters.join(", ")].join(" ").trim_end().to_owned()
}

/// The error of RFC 6750 §3.1 for a token that lacks a scope, with the scopes that it lacks as far as they can be said.
fn insufficient_scope(required: &Requirement) -> Option<Vec<String>> {
    let scopes = required.scopes()?;
    let scope = (!scopes.is_empty() && scopes.iter().all(|scope| is_scope_token(scope)))
        .then(|| format!("scope={}", quoted(&scopes.join(" "))));
    Some(iter::once(r#"error="insufficient_scope""#.to_owned()).chain(scope).collect())
}

/// A quoted-string (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// What a body says.
enum Content {
    Message(Cow<'static, str>),
    /// The claims at fault, each with its fault.
    Claims(Vec<(Cow<'static, str>, String)>),
}

impl Content {
    fn json(&self) -> String {
        match self {
            Self::Message(message) => json!({ "message": message }).to_string(),
            Self::Claims(faults) => {
                let members = faults.iter().map(|(name, fault)| (name.to_string(), fault.as_str().into()));
                Value::Object(members.collect::<Map<_, _>>()).to_string()
            }
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Message(message) => Cow::Borrowed(message.as_ref()),
            Self::Claims(faults) => {
                let faults: Vec<String> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
                Cow::Owned(faults.join(", "))
            }
        }
    }
}

/// A text, escaped as within the quotes of a JSON string.
fn in_json_string(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// The content for a reason, in the words of the gateway's plugins.
fn content(reason: &Reason, key_claim: &str) -> Content {
    Content::Message(match reason {
        Reason::ForbiddenHeader(name) => format!("Header not allowed: {name}").into(),
        Reason::NoToken | Reason::AnonymousWithoutGroup => "Unauthorized".into(),
        Reason::MultipleTokens => "Multiple tokens provided".into(),
        Reason::Malformed(JwsError::NotBase64Url(Part::Signature)) => "Bad token; invalid signature".into(),
        Reason::Malformed(_) => "Bad token; invalid JSON".into(),
        Reason::UnsupportedAlgorithm => "Bad token; invalid alg".into(),
        Reason::UnsupportedHeader(name) => format!("Bad token; invalid {name}").into(),
        Reason::NoKeyClaim => format!("No mandatory '{key_claim}' in claims").into(),
        Reason::InvalidKeyClaim => format!("Invalid '{key_claim}' in claims").into(),
        Reason::UnknownIdentifier(_) => format!("No credentials found for given '{key_claim}'").into(),
        Reason::AlgorithmMismatch => "Invalid algorithm".into(),
        Reason::KeySetUnavailable(_) => "Key set unavailable".into(),
        Reason::InvalidSignature | Reason::VerificationBudget => "Invalid signature".into(),
        Reason::Claims(faults) => {
            return Content::Claims(faults.iter().map(|(name, fault)| (name.into(), fault.to_string())).collect());
        }
        Reason::Sender(fault) => fault.to_string().into(),
        Reason::TokenType => "Invalid token type".into(),
        Reason::MissingClaim(claim) => return Content::Claims(vec![(claim.to_string().into(), "missing".to_owned())]),
        Reason::Audience => return Content::Claims(vec![("aud".into(), "not allowed".to_owned())]),
        Reason::Subject => return Content::Claims(vec![("sub".into(), "not allowed".to_owned())]),
        Reason::RevocationsUnavailable(_) => "Revocation list unavailable".into(),
        Reason::Revoked => "Token revoked".into(),
        Reason::NotAllowed => "You cannot consume this service".into(),
        Reason::InsufficientClaims(_) => "Insufficient claims".into(),
    })
}

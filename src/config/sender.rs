//! `sender_constraint`, `client_certificate_from` and `dpop`: that a token comes from whom it was issued to.

use std::time::Duration;

use super::{
    consumers::algorithm,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, name, number_up_to, other_word, text},
    key_set_source::{Milliseconds, duration, duration_shape},
    schema::{Field, Shape},
};
use crate::{
    crypto::Algorithm,
    encoding::json::Value,
    sender::{CertificateSource, DpopPolicy, Nonces, Origin, SenderConstraint, SenderPolicy},
};

pub(super) const CONSTRAINT: Field = Field::with_default(
    "sender_constraint",
    Shape::OneOf(&["off", "if_bound", "required"]),
    "Which tokens must be shown to come from whom they were issued to: those that are bound, by their `cnf` \
         (`if_bound`), all (`required`: one that is not bound is refused), or none (`off`: whoever has a token may use it).",
    r#""if_bound""#,
    r#""required""#,
);
pub(super) const CERTIFICATE_FROM: Field = Field::with_default(
    "client_certificate_from",
    Shape::OneOf(&["connection", "client-cert", "x-forwarded-client-cert"]),
    "What tells the client's certificate: the connection, or a header that a trusted proxy in front sets and takes from \
         clients, `client-cert` (RFC 9440) or `x-forwarded-client-cert`.",
    r#""connection""#,
    r#""client-cert""#,
);

pub(super) const DPOP: Field = Field::optional(
    "dpop",
    Shape::Object(DPOP_FIELDS),
    "Which proofs of possession (DPoP, RFC 9449) are taken, and that they are: without the field none is, and a token that is \
     bound to a key is refused.",
    r#"{"origin": "https://api.example.com"}"#,
);
pub(super) const MAX_PROOFS: Field = Field::with_default(
    "max_dpop_proofs",
    Shape::Number { maximum: MAX_PROOFS_MAXIMUM },
    "How many used proofs are remembered until their time is up, for all workers together. When there is no room, requests with \
     proofs are answered 503.",
    "131072",
    "16384",
);

const MAX_PROOFS_MAXIMUM: u32 = 1 << 20;
const WINDOW: (Milliseconds, Milliseconds) = (1_000, 600_000);
const NONCE_LIFETIME: (Milliseconds, Milliseconds) = (1_000, 3_600_000);
/// What the clients of today sign with.
const USUAL_ALGORITHMS: [Algorithm; 5] =
    [Algorithm::ES256, Algorithm::PS256, Algorithm::RS256, Algorithm::EdDSA, Algorithm::Ed25519];

const DPOP_FIELDS: &[Field] = &[
    Field::with_default(
        "algorithms",
        Shape::List(&Shape::Algorithm),
        "The algorithms that a proof may be signed with; none with a secret.",
        r#"["ES256", "PS256", "RS256", "EdDSA", "Ed25519"]"#,
        r#"["ES256"]"#,
    ),
    Field::optional(
        "origin",
        Shape::Uri,
        "Scheme, host and port that clients send their requests to, with which the `htu` of a proof is compared; without the \
         field, those that a request names.",
        r#""https://api.example.com""#,
    ),
    Field::with_default(
        "window",
        duration_shape(WINDOW),
        "How far the `iat` of a proof may be from now, in the past or in the future.",
        r#""60s""#,
        r#""30s""#,
    ),
    Field::optional(
        "nonce_secret",
        Shape::Name,
        "With it, a proof must hold a nonce that was made with this secret, of at least 32 bytes; a client that has none is \
         given one. All proxies for a service need the same.",
        r#""a long and random secret of 32 bytes or more""#,
    ),
    Field::with_default(
        "nonce_lifetime",
        duration_shape(NONCE_LIFETIME),
        "How long a nonce is good.",
        r#""5m""#,
        r#""1m""#,
    ),
];

/// Reads the fields of a policy.
pub(super) fn read(fields: &mut Fields, parent: Option<&SenderPolicy>) -> Result<SenderPolicy, Reported> {
    let constraint = fields.inherited(CONSTRAINT.name, parent.map(|it| &it.constraint), |fields, field| {
        let read = |value| word(value, &SenderConstraint::ALL.map(|it| (it.name(), it)));
        fields.or_default(field, read, SenderConstraint::IfBound)
    });
    let source = parent.map(|it| &it.certificate_from);
    let certificate_from = fields.inherited(CERTIFICATE_FROM.name, source, |fields, field| {
        let read = |value| word(value, &CertificateSource::ALL.map(|it| (it.name(), it)));
        fields.or_default(field, read, CertificateSource::Connection)
    });
    let dpop =
        fields.inherited(DPOP.name, parent.map(|it| &it.dpop), |fields, field| fields.object(field, DPOP_FIELDS, dpop));
    Ok(SenderPolicy { constraint: constraint?, certificate_from: certificate_from?, dpop: dpop? })
}

/// Reads `max_dpop_proofs`.
pub(super) fn max_proofs(fields: &mut Fields) -> Result<usize, Reported> {
    Ok(fields.or_default(MAX_PROOFS.name, number_up_to(MAX_PROOFS_MAXIMUM), 1 << 17)? as usize)
}

fn dpop(fields: &mut Fields) -> Result<DpopPolicy, Reported> {
    let read =
        |value, place: Place, faults: &Faults| asymmetric(value).map_err(|problem| faults.report(place, problem));
    let algorithms = fields.filled_list("algorithms", read).map(|given| given.unwrap_or(USUAL_ALGORITHMS.to_vec()));
    let origin = fields.optional("origin", |value| {
        let expected = "scheme, host and port alone, such as https://api.example.com";
        Origin::parse(&text(value)?).ok_or_else(|| Problem::new("a text that is none", expected))
    });
    let window = fields.or_default("window", duration(WINDOW), Duration::from_secs(DpopPolicy::USUAL_WINDOW));
    let has_lifetime = fields.has("nonce_lifetime");
    let lifetime = fields.or_default("nonce_lifetime", duration(NONCE_LIFETIME), Duration::from_secs(300));
    let secret = fields.optional("nonce_secret", nonce_secret);
    let secret = secret?;
    if has_lifetime && secret.is_none() {
        return Err(fields.report("nonce_lifetime", Problem::new("set without nonce_secret", "both, or neither")));
    }
    let lifetime = lifetime?;
    Ok(DpopPolicy {
        algorithms: algorithms?.into(),
        origin: origin?,
        window: window?.as_secs(),
        nonces: secret.map(|secret| Nonces::new(secret.as_bytes(), lifetime.as_secs())),
    })
}

fn asymmetric(value: Value) -> Result<Algorithm, Problem> {
    let algorithm = algorithm(value)?;
    let expected = "an algorithm with a public key, because a proof brings its key along";
    if algorithm.is_symmetric() { Err(Problem::new(algorithm.name(), expected)) } else { Ok(algorithm) }
}

fn nonce_secret(value: Value) -> Result<String, Problem> {
    let secret = name(value)?;
    let expected = || format!("a secret of at least {} bytes", Nonces::MIN_SECRET_BYTES);
    let is_long = secret.len() >= Nonces::MIN_SECRET_BYTES;
    if is_long { Ok(secret) } else { Err(Problem::new(format!("a text of {} bytes", secret.len()), expected())) }
}

/// Reads one of a few words.
fn word<T: Copy>(value: Value, words: &[(&str, T)]) -> Result<T, Problem> {
    let text = text(value)?;
    let found = words.iter().find(|(name, _)| *name == text).map(|(_, meaning)| *meaning);
    let expected = || words.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| Problem::new(other_word(&text), format!("one of {}", expected())))
}

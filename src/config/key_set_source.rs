//! `jwks`, `remote_jwks` and `discovery`: the credentials whose keys are a set.

use std::{sync::Arc, time::Duration};

use super::{
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, in_words, name, text},
    schema::{Field, Shape},
};
use crate::{
    crypto::Algorithm,
    encoding::json::Value,
    jwks::{Issuer, KeyPlace, KeySet, KeySetError, Kind, MAX_BYTES, MAX_KEYS, Origin, RemoteKeys, Source, Uri},
    policy::{Credentials, Keys},
};

pub(super) const JWKS: Field = Field::optional(
    "jwks",
    Shape::KeySet,
    "A JWK set: the keys that the credential's tokens may be signed with. It may hold `oct` keys too. A map of \
     certificates or public keys in PEM, each by its `kid`, is taken as well.",
    r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
);
pub(super) const REMOTE_JWKS: Field = Field::optional(
    "remote_jwks",
    Shape::Object(SOURCE_FIELDS),
    "Where the issuer publishes its JWK set. It is fetched when the filter starts, and kept fresh.",
    r#"{"uri": "https://auth.example.com/.well-known/jwks.json", "cluster": "auth"}"#,
);
pub(super) const DISCOVERY: Field = Field::optional(
    "discovery",
    Shape::Object(SOURCE_FIELDS),
    "Where the issuer publishes its metadata (OpenID Connect Discovery, or RFC 8414), which names its JWK set. The \
     metadata's `issuer` must equal the credential's `issuer`, or its `key` if it has none; the set is fetched from the same \
     cluster.",
    r#"{"uri": "https://auth.example.com/.well-known/openid-configuration", "cluster": "auth"}"#,
);
pub(super) const ISSUER: Field = Field::optional(
    "issuer",
    Shape::Name,
    "With `discovery`, the issuer that the metadata must name, and the `iss` of the credential's tokens. `{tenantid}` in it \
     stands for the token's `tid`. Needed where `key` is not the issuer.",
    r#""https://login.microsoftonline.com/{tenantid}/v2.0""#,
);

const TIMEOUTS: (Milliseconds, Milliseconds) = (10, 60_000);
pub(super) const CACHE_DURATION: (Milliseconds, Milliseconds) = (1_000, 7 * 24 * 3_600_000);
pub(super) const STALE_DURATION: (Milliseconds, Milliseconds) = (1_000, 30 * 24 * 3_600_000);

pub(super) const URI: Field = Field::required(
    "uri",
    Shape::Uri,
    "The URI that is fetched.",
    r#""https://auth.example.com/.well-known/jwks.json""#,
);
pub(super) const CLUSTER: Field = Field::required(
    "cluster",
    Shape::Name,
    "The Envoy cluster that reaches the server. For HTTPS, configure TLS in the cluster.",
    r#""auth""#,
);
pub(super) const TIMEOUT: Field = Field::with_default(
    "timeout",
    duration_shape(TIMEOUTS),
    "How long the server may take to answer, and how long a request waits for it.",
    r#""5s""#,
    r#""2s""#,
);

const SOURCE_FIELDS: &[Field] = &[
    URI,
    CLUSTER,
    TIMEOUT,
    Field::with_default(
        "cache_duration",
        duration_shape(CACHE_DURATION),
        "How old a set may become before it is fetched again. A shorter `Cache-Control: max-age` of the server wins; \
         less than ten seconds counts as ten.",
        r#""600s""#,
        r#""1h""#,
    ),
    Field::with_default(
        "stale_duration",
        duration_shape(STALE_DURATION),
        "How old a set may become before it is no longer used, if no newer one can be fetched.",
        r#""24h""#,
        r#""6h""#,
    ),
    Field::with_default(
        "revoked_kids",
        Shape::List(&Shape::Name),
        "The `kid` of each key that must no longer be used, even if the server still publishes it.",
        "[]",
        r#"["2026-10"]"#,
    ),
];

/// A length of time.
pub(super) type Milliseconds = u64;

pub(super) const fn duration_shape((minimum, maximum): (Milliseconds, Milliseconds)) -> Shape {
    Shape::Duration { minimum, maximum }
}

/// The ways to name a set of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Inline,
    Remote,
    Discovery,
}

impl Way {
    const ALL: [Self; 3] = [Self::Inline, Self::Remote, Self::Discovery];

    const fn field(self) -> &'static Field {
        match self {
            Self::Inline => &JWKS,
            Self::Remote => &REMOTE_JWKS,
            Self::Discovery => &DISCOVERY,
        }
    }
}

/// The way in which a credential names a set of keys, if it does; it must not name keys in any other way as well.
pub(super) fn way(fields: &Fields) -> Result<Option<Way>, Reported> {
    let Some(way) = Way::ALL.into_iter().find(|way| fields.has(way.field().name)) else { return Ok(None) };
    let name = way.field().name;
    let others = Way::ALL.map(|way| way.field().name).into_iter().chain(["secret", "rsa_public_key"]);
    let mut result = Ok(Some(way));
    for other in others.filter(|other| *other != name && fields.has(other)) {
        result = Err(fields.report(other, Problem::new("present", format!("none, because {name} names the keys"))));
    }
    result
}

/// Reads the `issuer` of a credential. Only metadata are compared with it.
pub(super) fn issuer(fields: &mut Fields, way: Option<Way>) -> Result<Option<Issuer>, Reported> {
    if way != Some(Way::Discovery) && fields.has(ISSUER.name) {
        return Err(
            fields.report(ISSUER.name, Problem::new("present", "none, because the keys are not found by discovery"))
        );
    }
    fields.optional(ISSUER.name, |value| {
        let text = name(value)?;
        let problem = || {
            Problem::new(
                "a text that is no URI",
                "the issuer as its metadata name it, such as https://auth.example.com",
            )
        };
        Issuer::parse(&text).ok_or_else(problem)
    })
}

/// The issuer that the metadata must be of: the one that the credential names, else its key. That need not be given if it
/// is at fault.
fn issuer_of_metadata(fields: &Fields, named: Option<Issuer>, key: Option<&str>) -> Result<Option<Issuer>, Reported> {
    let (None, Some(key)) = (&named, key) else { return Ok(named) };
    match Issuer::parse(key).filter(|issuer| !issuer.is_template()) {
        Some(issuer) => Ok(Some(issuer)),
        None => {
            let problem =
                Problem::new("missing, and key is not the name of an issuer", "the issuer that the metadata name");
            Err(fields.report(ISSUER.name, problem))
        }
    }
}

/// Reads the keys of a credential: `issuer` is the one that it names, and `key` its key, unless that is at fault.
pub(super) fn read(
    fields: &mut Fields,
    way: Way,
    algorithm: Option<Algorithm>,
    issuer: Option<Issuer>,
    key: Option<&str>,
    credentials: &mut Credentials,
) -> Result<Keys, Reported> {
    let name = way.field().name;
    if let (true, Some(algorithm)) = (way != Way::Inline && algorithm.is_some_and(Algorithm::is_symmetric), algorithm) {
        let problem =
            Problem::new(format!("{algorithm}"), "an algorithm with a public key, because issuers publish no secret");
        return Err(fields.report("algorithm", problem));
    }
    let issuer = if way == Way::Discovery { issuer_of_metadata(fields, issuer, key) } else { Ok(None) };
    let keys = fields.within(name, |value, place, faults| match way {
        Way::Inline => inline(&value, place, faults, algorithm).map(Keys::Fixed),
        Way::Remote | Way::Discovery => remote(value, place, faults, issuer, credentials).map(Keys::Remote),
    })?;
    keys.ok_or(Reported)
}

fn inline(value: &Value, place: Place, faults: &Faults, algorithm: Option<Algorithm>) -> Result<Arc<KeySet>, Reported> {
    match value {
        Value::String(json) if json.len() > MAX_BYTES => {
            let problem = Problem::new(format!("a text of {} bytes", json.len()), format!("at most {MAX_BYTES}"));
            Err(faults.report(place, problem))
        }
        Value::String(json) => match Value::parse(json) {
            Ok(value) => key_set(&value, place, faults, algorithm),
            Err(_) => Err(faults.report(place, Problem::new("a text that is not JSON", "a JWK set"))),
        },
        value => key_set(value, place, faults, algorithm),
    }
}

fn key_set(
    value: &Value,
    place: Place,
    faults: &Faults,
    algorithm: Option<Algorithm>,
) -> Result<Arc<KeySet>, Reported> {
    let keys = Place::Field(&place, "keys");
    let parsed = KeySet::read(value, Origin::Inline).map_err(|error| match error {
        KeySetError::NoKeys => {
            let found = if let Value::Object(_) = value {
                "an object without a list 'keys'".to_owned()
            } else {
                in_words(value)
            };
            faults.report(place, Problem::new(found, "a JWK set"))
        }
        KeySetError::TooMany(count) => {
            faults.report(keys, Problem::new(format!("{count} keys"), format!("at most {MAX_KEYS}")))
        }
        KeySetError::Keys(faulty) => {
            for (key, error) in faulty {
                let problem = Problem::new(error.to_string(), "a key that can verify and is neither weak nor private");
                let key = match &key {
                    KeyPlace::Listed(at) => Place::Item(&keys, *at),
                    KeyPlace::Mapped(kid) => Place::Field(&place, kid),
                };
                faults.report(key, problem);
            }
            Reported
        }
    })?;
    if !parsed.passed_over.is_empty() {
        faults.warn(place, parsed.passed_over.to_string());
    }
    if !algorithm.map_or(!parsed.set.is_empty(), |own| parsed.set.serves(own)) {
        let expected = algorithm.map_or("a key that can verify".to_owned(), |own| format!("one for {own}"));
        return Err(faults.report(keys, Problem::new("no usable key", expected)));
    }
    Ok(Arc::new(parsed.set))
}

fn remote(
    value: Value,
    place: Place,
    faults: &Faults,
    issuer: Result<Option<Issuer>, Reported>,
    credentials: &mut Credentials,
) -> Result<Arc<RemoteKeys>, Reported> {
    let mut fields = Fields::of(value, place, faults, SOURCE_FIELDS)?;

    let usual = (Duration::from_secs(600), Duration::from_secs(24 * 3600));
    let source = source(&mut fields, Kind::KeySet, usual);
    let revoked_kids = fields.values("revoked_kids", name);
    let (source, issuer, revoked_kids) = (source?, issuer?, revoked_kids?.unwrap_or_default());
    Ok(credentials.remote_keys(Source { issuer, revoked_kids, ..source }))
}

/// Reads where something is fetched. Without the fields it is fetched again, and no longer used, after the usual times.
pub(super) fn source(
    fields: &mut Fields,
    kind: Kind,
    (usual_cache, usual_stale): (Duration, Duration),
) -> Result<Source, Reported> {
    let uri = fields.required("uri", "the http or https URI that is fetched", uri);
    let cluster = fields.required("cluster", "the name of the cluster that reaches the server", name);
    let timeout = fields.or_default("timeout", duration(TIMEOUTS), Duration::from_secs(5));
    let cache_duration = fields.or_default("cache_duration", duration(CACHE_DURATION), usual_cache);
    let stale_duration = fields.or_default("stale_duration", duration(STALE_DURATION), usual_stale);
    let (cache_duration, stale_duration) = (cache_duration?, stale_duration?);
    if stale_duration < cache_duration {
        let problem = Problem::new("shorter than cache_duration", "at least as long");
        return Err(fields.report("stale_duration", problem));
    }
    let (uri, cluster, timeout) = (uri?, cluster?, timeout?);
    Ok(Source { kind, uri, issuer: None, cluster, timeout, cache_duration, stale_duration, revoked_kids: Vec::new() })
}

fn uri(value: Value) -> Result<Uri, Problem> {
    let text = text(value)?;
    Uri::parse(&text).map_err(|error| Problem::new(error.to_string(), "one such as https://auth.example.com/jwks.json"))
}

/// Reads a time: a number of seconds, or a number and its unit as text.
pub(super) fn duration(
    (minimum, maximum): (Milliseconds, Milliseconds),
) -> impl Fn(Value) -> Result<Duration, Problem> {
    move |value| {
        let expected = || {
            let seconds = |millis: Milliseconds| millis as f64 / 1000.0;
            format!("a time such as \"5s\", \"10m\" or \"24h\", from {}s to {}s", seconds(minimum), seconds(maximum))
        };
        let seconds = match &value {
            Value::Number(seconds) => Some(*seconds),
            Value::String(text) => seconds(text),
            other => return Err(Problem::new(in_words(other), expected())),
        };
        let millis = seconds.map(|seconds| (seconds * 1000.0).round());
        match millis.filter(|millis| (minimum as f64..=maximum as f64).contains(millis)) {
            Some(millis) => Ok(Duration::from_millis(millis as Milliseconds)),
            None => Err(Problem::new(format!("{} that is not such a time", in_words(&value)), expected())),
        }
    }
}

fn seconds(text: &str) -> Option<f64> {
    let (number, factor) = [("s", 1.0), ("m", 60.0), ("h", 3600.0)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| number.parse::<f64>().ok()).flatten().map(|number| number * factor)
}

//! What several tests of the core need.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{borrow::Cow, cell::Cell, collections::BTreeMap};

use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn, Key},
    encoding::{base64::decode_url, json::Value},
    reply::Reply,
    request::{Request, RequestHeaders},
    upstream,
};
use prost::Message;
use serde_json::Value as Json;

/// The token of RFC 7515 appendix A.1: HS256, `iss` is `joe`, `exp` is [`EXP`].
pub(crate) const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
     dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The secret of [`TOKEN`], in base64url.
pub(crate) const SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// When [`TOKEN`] expires, in seconds since the epoch.
pub(crate) const EXP: u64 = 1_300_819_380;

/// A public key on Ed448, of RFC 8032 section 7.4: verifying with it costs most.
pub(crate) fn ed448_jwk() -> Json {
    serde_json::json!({"kty": "OKP", "crv": "Ed448",
        "x": "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA"})
}

/// A request as a host would hold it. Names of headers are in lower case.
#[derive(Debug, Default, Clone)]
pub(crate) struct FakeRequest {
    pub method: String,
    pub path: Vec<u8>,
    pub headers: BTreeMap<String, Vec<Vec<u8>>>,
    /// The headers that came, once any is changed: a host tells of these, not of what is left.
    pub came: Option<BTreeMap<String, Vec<Vec<u8>>>>,
    pub route: Option<String>,
    pub cluster: Option<String>,
    /// The hash of the client's certificate, as a host tells it.
    pub peer_certificate_digest: Option<String>,
    /// How often it was asked for one of these two.
    pub asked_for_route: Cell<u32>,
    /// How often it was asked for the certificate.
    pub asked_for_certificate: Cell<u32>,
    /// Answers that a header was removed and leaves it there, as some hosts do.
    pub keeps_removed_headers: bool,
    /// Neither sets nor adds a header when asked to.
    pub keeps_headers: bool,
    /// Does not change the path when asked to.
    pub keeps_path: bool,
}

impl FakeRequest {
    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET".to_owned(), path: path.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.entry(name.to_ascii_lowercase()).or_default().push(value.as_ref().to_vec());
        self
    }

    pub(crate) fn on(self, route: &str, cluster: &str) -> Self {
        Self { route: Some(route.to_owned()), cluster: Some(cluster.to_owned()), ..self }
    }

    pub(crate) fn with_token() -> Self {
        Self::get("/").with("authorization", format!("Bearer {TOKEN}"))
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(String::from_utf8(self.headers.get(&name.to_ascii_lowercase())?.join(b",".as_slice())).unwrap())
    }

    fn told(&self) -> &BTreeMap<String, Vec<Vec<u8>>> {
        self.came.as_ref().unwrap_or(&self.headers)
    }

    fn changed(&mut self) -> &mut BTreeMap<String, Vec<Vec<u8>>> {
        self.came.get_or_insert_with(|| self.headers.clone());
        &mut self.headers
    }
}

impl Request for FakeRequest {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.method.as_bytes().into())
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.path.as_slice().into())
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.told().get(&name.to_ascii_lowercase()).map(|values| values.join(b",".as_slice()).into())
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        let values = self.told().get(&name.to_ascii_lowercase());
        values.into_iter().flatten().map(|value| value.as_slice().into()).collect()
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.asked_for_route.set(self.asked_for_route.get() + 1);
        self.route.clone().map(String::into_bytes)
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.asked_for_route.set(self.asked_for_route.get() + 1);
        self.cluster.clone().map(String::into_bytes)
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        self.asked_for_certificate.set(self.asked_for_certificate.get() + 1);
        self.peer_certificate_digest.clone().map(String::into_bytes)
    }
}

impl RequestHeaders for FakeRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        if !self.keeps_headers {
            self.changed().insert(name.to_ascii_lowercase(), vec![value.into()]);
        }
        !self.keeps_headers
    }

    fn remove_header(&mut self, name: &str) -> bool {
        if !self.keeps_removed_headers {
            self.changed().remove(&name.to_ascii_lowercase());
        }
        !self.keeps_removed_headers
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        if !self.keeps_headers {
            self.changed().entry(name.to_ascii_lowercase()).or_default().push(value.to_vec());
        }
        !self.keeps_headers
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        if !self.keeps_path {
            self.path = path.to_vec();
        }
        !self.keeps_path
    }
}

/// A configuration whose consumer `joe` has the credential of [`TOKEN`], with other fields merged over it.
pub(crate) fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    let mut config = serde_json::json!({
        "secret_is_base64": true,
        "consumers": [
            {"username": "joe", "id": "1", "custom_id": "one", "jwt_secrets": [{"key": "joe", "secret": SECRET}]},
            {"username": "nobody", "id": "2"},
        ],
    });
    for (name, value) in fields.as_object().unwrap() {
        config[name] = value.clone();
    }
    Authenticator::new(Config::parse(config.to_string().as_bytes()).unwrap(), BuiltIn)
}

/// The body of the answer to a request, or what goes upstream.
#[allow(clippy::result_large_err, reason = "nothing is done with it but to look at it")]
pub(crate) fn answer(
    authenticator: &Authenticator<BuiltIn>,
    request: &FakeRequest,
    now: u64,
) -> Result<FakeRequest, Reply> {
    let decision = authenticator.decide(request, now);
    match &decision.outcome {
        Outcome::Denied(denial) => Err(Reply::denied(&denial.reason, decision.policy)),
        _ => {
            let mut sent = request.clone();
            upstream::prepare(&decision, &mut sent).unwrap();
            Ok(sent)
        }
    }
}

/// The serialized `google.protobuf.Struct` of a JSON object, by another implementation than the one that reads it.
pub(crate) fn serialized_struct(json: &Json) -> Vec<u8> {
    let Some(prost_types::value::Kind::StructValue(message)) = struct_value(json).kind else { panic!("no object") };
    message.encode_to_vec()
}

fn struct_value(json: &Json) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(flag) => Kind::BoolValue(*flag),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.iter().map(struct_value).collect() })
        }
        Json::Object(members) => Kind::StructValue(prost_types::Struct {
            fields: members.iter().map(|(name, value)| (name.clone(), struct_value(value))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// A signed example of an RFC.
pub(crate) struct Vector {
    pub source: String,
    pub algorithm: Algorithm,
    pub key: Key,
    pub signing_input: String,
    pub signature: Vec<u8>,
}

/// The signed examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.
pub(crate) fn rfc_vectors() -> Vec<Vector> {
    let vectors: Vec<Json> = serde_json::from_str(include_str!("../rfc_vectors.json")).unwrap();
    vectors.iter().map(vector).collect()
}

fn vector(json: &Json) -> Vector {
    let text = |name: &str| json[name].as_str().unwrap();
    let (signing_input, signature) = text("token").rsplit_once('.').unwrap();
    Vector {
        source: text("source").to_owned(),
        algorithm: text("algorithm").parse().unwrap(),
        key: verification_key(&json["jwk"]),
        signing_input: signing_input.to_owned(),
        signature: decode_url(signature).unwrap(),
    }
}

fn verification_key(jwk: &Json) -> Key {
    match jwk["k"].as_str() {
        Some(secret) => Key::from_secret(decode_url(secret).unwrap()).unwrap(),
        None => Key::from_jwk(&Value::parse(&jwk.to_string()).unwrap()).unwrap(),
    }
}

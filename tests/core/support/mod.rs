//! What several tests of the core need.

#![allow(dead_code, reason = "each test uses a part of it")]

mod request;

pub(crate) use self::request::FakeRequest;

use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn, Key},
    encoding::{base64::decode_url, json::Value},
    reply::Reply,
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

impl FakeRequest {
    pub(crate) fn with_token() -> Self {
        Self::get("/").with("authorization", format!("Bearer {TOKEN}"))
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

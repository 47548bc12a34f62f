//! What one request can make a worker verify, however many keys its issuer has.

use std::{cell::Cell, iter::repeat_n};

use crate::support::{EXP, FakeRequest, ed448_jwk};
use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, Key, Prepared, Verifier},
    encoding::base64::encode_url,
};
use serde_json::{Value as Json, json};

/// Counts the signatures that it is given, and takes the one with this number.
struct Counting {
    seen: Cell<usize>,
    good: usize,
}

impl Verifier for &Counting {
    fn verify(&self, _key: &Key, _: &Prepared, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> bool {
        self.seen.set(self.seen.get() + 1);
        self.seen.get() == self.good
    }
}

fn p521() -> Json {
    json!({"kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})
}

fn rsa(bits: usize) -> Json {
    json!({"kty": "RSA", "e": "AQAB", "n": encode_url(vec![0xff; bits / 8])})
}

/// How many signatures are checked for one token of `alg`, and why it is refused, empty if it is not, when `joe` has these
/// credentials, each with a set of its own.
fn tried(alg: &str, sets: &[Vec<Json>], good: usize) -> (usize, &'static str) {
    let credentials: Vec<Json> = sets.iter().map(|keys| json!({"key": "joe", "jwks": {"keys": keys}})).collect();
    let config = json!({"consumers": [{"username": "joe", "jwt_secrets": credentials}]}).to_string();
    let verifier = Counting { seen: Cell::new(0), good };
    let authenticator = Authenticator::new(Config::parse(config.as_bytes()).unwrap(), &verifier);
    let header = encode_url(json!({"alg": alg}).to_string());
    let request = FakeRequest::get(&format!("/?jwt={header}.{}.AAAA", encode_url(r#"{"iss":"joe"}"#)));
    let reason = match authenticator.decide(&request, EXP).outcome {
        Outcome::Authenticated(_) => "",
        Outcome::Denied(denial) => denial.reason.name(),
        other => panic!("{other:?}"),
    };
    (verifier.seen.get(), reason)
}

#[test]
fn the_budget_holds_over_all_keys_of_all_credentials() {
    let sets = |jwk: Json, keys: usize, sets: usize| vec![vec![jwk; keys]; sets];
    assert_eq!(tried("EdDSA", &sets(ed448_jwk(), 1, 2), 0), (2, "invalid_signature"));
    assert_eq!(tried("EdDSA", &sets(ed448_jwk(), 1, 5), 0), (2, "verification_budget"));
    assert_eq!(tried("EdDSA", &sets(ed448_jwk(), 8, 5), 0), (2, "verification_budget"));
    assert_eq!(tried("ES512", &sets(p521(), 8, 1), 0), (7, "verification_budget"));
    assert_eq!(tried("PS512", &sets(rsa(2048), 8, 4), 0), (25, "verification_budget"));
    assert_eq!(tried("PS512", &sets(rsa(4096), 8, 1), 0), (6, "verification_budget"));
    assert_eq!(tried("PS512", &sets(rsa(8192), 8, 1), 0), (1, "verification_budget"));
}

#[test]
fn different_algorithms_draw_on_one_budget_only_as_far_as_they_are_tried() {
    let okp: Vec<Json> = [ed448_jwk()].into_iter().chain(repeat_n(p521(), 8)).collect();
    assert_eq!(tried("EdDSA", &[okp.clone(), okp], 0), (2, "invalid_signature"));
}

#[test]
fn a_token_whose_key_is_within_the_budget_passes() {
    assert_eq!(tried("EdDSA", &vec![vec![ed448_jwk()]; 5], 2), (2, ""));
    assert_eq!(tried("EdDSA", &vec![vec![ed448_jwk()]; 5], 3), (2, "verification_budget"));
}

#[test]
fn what_was_spent_before_a_request_waited_counts() {
    let remote = json!({"uri": "https://a.example/jwks", "cluster": "a"});
    let credentials = json!([
        {"key": "joe", "jwks": {"keys": [ed448_jwk(), ed448_jwk()]}},
        {"key": "joe", "remote_jwks": remote},
    ]);
    let config = json!({"consumers": [{"username": "joe", "jwt_secrets": credentials}]}).to_string();
    let config = Config::parse(config.as_bytes()).unwrap();
    let set = config.fetched().next().unwrap();
    let verifier = Counting { seen: Cell::new(0), good: 0 };
    let authenticator = Authenticator::new(config, &verifier);
    let [header, claims] = [r#"{"alg":"EdDSA"}"#, r#"{"iss":"joe"}"#].map(encode_url);
    let request = FakeRequest::get(&format!("/?jwt={header}.{claims}.AAAA"));

    let pending = authenticator.decide_or_wait(&request, EXP).unwrap_err();
    assert!(set.load(json!({"keys": [ed448_jwk(), ed448_jwk()]}).to_string().into_bytes()));
    let Ok(decision) = authenticator.decide_again(&request, EXP, pending) else { panic!("it waits on") };
    assert_eq!(decision.outcome.name(), "denied.verification_budget");
    assert_eq!(verifier.seen.get(), 2);
}

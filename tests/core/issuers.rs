//! Key sets as issuers publish them, in forms that no standard has, each with a token of theirs.

use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn},
    encoding::json::Value,
    jwks::{KeySet, KeySetError, Origin, Parsed},
};
use serde_json::{Value as Json, json};

use crate::support::FakeRequest;

/// A time before the tokens expire.
const NOW: u64 = 1_796_000_000;

/// A configuration with the key set inline, and a token that one of its keys has signed.
macro_rules! case {
    ($folder:literal) => {
        (
            $folder,
            include_str!(concat!("issuers/", $folder, "/inline.json")),
            include_str!(concat!("issuers/", $folder, "/token.txt")),
        )
    };
}

const CASES: [(&str, &str, &str); 7] = [
    case!("01-empty-key_ops-oth"),
    case!("02-null-members"),
    case!("03-ec-short-coordinate"),
    case!("04-padded-n"),
    case!("05-spiffe-jwt-svid"),
    case!("06-rfc9864-key"),
    case!("07-google-pem-map"),
];

fn passes(config: &Json, token: &str) -> bool {
    let Ok(config) = Config::parse(config.to_string().as_bytes()) else { return false };
    let request = FakeRequest::get("/").with("authorization", format!("Bearer {}", token.trim()));
    matches!(Authenticator::new(config, BuiltIn).decide(&request, NOW).outcome, Outcome::Authenticated(_))
}

/// The first key of a case's set, changed by hand.
fn changed(config: &str, change: impl FnOnce(&mut Json)) -> Json {
    let mut config: Json = serde_json::from_str(config).unwrap();
    change(&mut config["consumers"][0]["jwt_secrets"][0]["jwks"]["keys"][0]);
    config
}

#[test]
fn keys_are_taken_as_issuers_write_them() {
    for (folder, config, token) in CASES {
        assert!(passes(&serde_json::from_str(config).unwrap(), token), "{folder}");
    }
}

#[test]
fn a_member_that_is_empty_or_null_is_absent_whatever_it_is() {
    let (_, config, token) = CASES[0];
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "use", "key_ops", "alg", "kid", "x5c"] {
        for absent in [json!(null), json!(""), json!([]), json!({})] {
            assert!(passes(&changed(config, |key| key[name] = absent.clone()), token), "{name}: {absent}");
        }
    }
    for name in ["kty", "n", "e"] {
        for absent in [json!(null), json!(""), json!([])] {
            assert!(!passes(&changed(config, |key| key[name] = absent.clone()), token), "{name}: {absent}");
        }
    }
}

#[test]
fn what_says_that_a_key_is_private_or_for_something_else_still_counts() {
    let (_, config, token) = CASES[0];
    let refused = [
        ("d", json!("AQAB")),
        ("oth", json!([{"r": "AQAB"}])),
        ("priv", json!(0)),
        ("use", json!("enc")),
        ("use", json!("x509-svid")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([""])),
        ("alg", json!("RS384")),
    ];
    for (name, value) in refused {
        assert!(!passes(&changed(config, |key| key[name] = value.clone()), token), "{name}: {value}");
    }
}

#[test]
fn only_numbers_may_be_padded() {
    let read = |jwk: Json| KeySet::read(&Value::parse(&json!({"keys": [jwk]}).to_string()).unwrap(), Origin::Inline);
    assert!(read(json!({"kty": "oct", "k": "AQE"})).is_ok());
    assert!(read(json!({"kty": "oct", "k": "AQE="})).is_err());
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    assert!(read(json!({"kty": "OKP", "crv": "Ed25519", "x": x})).is_ok());
    assert!(read(json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{x}=")})).is_err());
}

#[test]
fn a_member_that_is_no_string_is_named() {
    let (_, config, _) = CASES[0];
    for name in ["kty", "n", "e", "alg", "kid"] {
        let config = changed(config, |key| key[name] = json!(7)).to_string();
        let faults = Config::parse(config.as_bytes()).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{name}: {faults:?}") };
        assert!(fault.to_string().contains(&format!("a JWK whose member '{name}' is not a string")), "{fault}");
    }
}

#[test]
fn a_coordinate_is_read_as_the_number_that_it_is() {
    // The key of RFC 7515 appendix A.3, its coordinates with zero octets in front, and with one that is no zero.
    let read = |x: &[u8]| {
        let x = jwt_auth_filter::encoding::base64::encode_url(x);
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        let text = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y}]}).to_string();
        KeySet::read(&Value::parse(&text).unwrap(), Origin::Fetched).unwrap().set.len()
    };
    let x = jwt_auth_filter::encoding::base64::decode_url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap();
    assert_eq!(read(&x), 1);
    assert_eq!(read(&[&[0], x.as_slice()].concat()), 1);
    assert_eq!(read(&[&[1], x.as_slice()].concat()), 0);
    assert_eq!(read(&x[1..]), 0, "another point, which is not on the curve");
}

/// What a credential says of the algorithm, what its key says, the token's algorithm and its key: does it pass?
fn passes_by_names(credential: Option<&str>, key: Option<&str>, token: &Json) -> bool {
    let examples: Json = serde_json::from_str(include_str!("rfc_9864.json")).unwrap();
    // Both keys, so that it is the names that choose among them.
    let keys = ["Ed25519", "Ed448"].map(|name| {
        let mut jwk = examples["keys"][name].clone();
        jwk["alg"] = json!(key.filter(|own| *own == "EdDSA" || *own == name));
        jwk
    });
    let credential = json!({"key": "k", "algorithm": credential, "jwks": {"keys": keys}});
    let config = json!({"consumers": [{"username": "u", "jwt_secrets": [credential]}]});
    passes(&config, token["token"].as_str().unwrap())
}

#[test]
fn a_name_of_rfc_9864_is_for_its_curve_and_eddsa_for_both() {
    let examples: Json = serde_json::from_str(include_str!("rfc_9864.json")).unwrap();
    let names = [None, Some("EdDSA"), Some("Ed25519"), Some("Ed448")];
    for token in examples["tokens"].as_array().unwrap() {
        let (alg, curve) = (token["alg"].as_str().unwrap(), token["key"].as_str().unwrap());
        for credential in names {
            for key in names {
                let expected =
                    [Some(alg), credential].into_iter().flatten().all(|name| name == "EdDSA" || name == curve);
                let passed = passes_by_names(credential, key, token);
                assert_eq!(passed, expected, "credential {credential:?}, key {key:?}, {alg} signed with {curve}");
            }
        }
    }
}

/// A map of keys in PEM as it is fetched.
fn fetched(set: &Json) -> Parsed {
    KeySet::read(&Value::parse(&set.to_string()).unwrap(), Origin::Fetched).unwrap()
}

const P256: &str = include_str!("../keys/p256.pem");
const P256_CERTIFICATE: &str = include_str!("../keys/p256-certificate.pem");

#[test]
fn a_map_of_keys_in_pem_is_a_set_by_kid() {
    let parsed = fetched(&json!({"1": P256_CERTIFICATE, "2": P256}));
    assert!(parsed.passed_over.is_empty() && parsed.set.has_kid("1") && parsed.set.has_kid("2"));
    assert_eq!(parsed.set.candidates(Algorithm::ES256, Some("1")).count(), 1);
    assert_eq!(parsed.set.candidates(Algorithm::ES256, Some("3")).count(), 0);
}

#[test]
fn what_is_no_public_key_in_a_map_is_passed_over_and_told_or_an_error_inline() {
    let private = P256.replace("PUBLIC", "PRIVATE");
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}).to_string();
    let weak = include_str!("../keys/rsa-1024.pem");
    for bad in [json!(private), json!(jwk), json!(weak), json!(7), json!(null), json!("x"), json!({"keys": []})] {
        let set = json!({"good": P256, "b\nd": bad});
        let parsed = fetched(&set);
        assert!(parsed.set.len() == 1 && parsed.set.has_kid("good"), "{bad}");
        let words = parsed.passed_over.to_string();
        assert!(words.starts_with("the key \"b\\nd\" is skipped: "), "{words}");

        let credential = json!({"key": "k", "jwks": set});
        let config = json!({"consumers": [{"username": "u", "jwt_secrets": [credential]}]}).to_string();
        let faults = Config::parse(config.as_bytes()).unwrap_err();
        assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
        assert!(format!("{:?}", faults[0].path).contains(r#"Field("jwks"), Field("b\nd")"#), "{faults:?}");
    }
}

#[test]
fn what_is_no_map_of_keys_is_no_set_and_its_keys_are_counted() {
    let error = |set: Json| KeySet::read(&Value::parse(&set.to_string()).unwrap(), Origin::Fetched).err();
    for other in
        [json!({}), json!({"error": "x"}), json!({"keys": P256}), json!({"keys": null, "1": P256}), json!([P256])]
    {
        assert_eq!(error(other.clone()), Some(KeySetError::NoKeys), "{other}");
    }
    let map = |count: usize| Json::Object((0..count).map(|kid| (kid.to_string(), json!(P256))).collect());
    assert_eq!(error(map(100)), None);
    assert_eq!(error(map(101)), Some(KeySetError::TooMany(101)));
}

/// The base64 of a certificate, as `x5c` has it.
fn x5c(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

#[test]
fn a_certificate_stands_for_the_members_that_a_key_lacks() {
    let certificate = x5c(P256_CERTIFICATE);
    let read = |members: Json| {
        let mut jwk = json!({"x5c": [certificate]});
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        fetched(&json!({"keys": [jwk]}))
    };
    for members in [
        json!({}),
        json!({"kty": "EC", "kid": "1", "use": "sig"}),
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256"}),
        json!({"x5c": [certificate, "the issuer's, which nobody reads"]}),
        json!({"x5c": [format!("{}\n{}", &certificate[..64], &certificate[64..])]}),
    ] {
        assert!(read(members.clone()).set.serves(Algorithm::ES256), "{members}");
    }
    for members in [
        json!({"kty": "RSA"}),
        json!({"kty": "oct"}),
        json!({"kty": "EC", "crv": "P-384"}),
        json!({"alg": "RS256"}),
        json!({"alg": "ES384"}),
        json!({"use": "enc"}),
        json!({"d": "AQAB"}),
        // A key that is there is read, and not what else may be meant.
        json!({"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AQAB"}),
        json!({"x5c": certificate}),
        json!({"x5c": [7]}),
        json!({"x5c": ["AQAB"]}),
        json!({"x5c": [certificate.replace('+', "-").replace('/', "_")]}),
        json!({"x5c": [P256_CERTIFICATE]}),
    ] {
        assert!(read(members.clone()).set.is_empty(), "{members}");
    }
}

#[test]
fn a_key_with_a_certificate_only_verifies_tokens() {
    let (_, config, token) = CASES[6];
    let mut config: Json = serde_json::from_str(config).unwrap();
    let jwks = &mut config["consumers"][0]["jwt_secrets"][0]["jwks"];
    *jwks = json!({"keys": [{"kid": "key-1", "x5c": [x5c(jwks["key-1"].as_str().unwrap())]}]});
    assert!(passes(&config, token));
}

/// What becomes of the first case's token, found by its `sub`, with credentials of that key for these issuers.
fn outcome_for_issuers(issuers: &[&str]) -> String {
    let (_, config, token) = CASES[0];
    let mut config: Json = serde_json::from_str(config).unwrap();
    let set = config["consumers"][0]["jwt_secrets"][0]["jwks"].to_string();
    config["key_claim_name"] = json!("sub");
    let credential = |issuer: &&str| {
        let uri = format!("https://a/{}", issuer.len());
        json!({"key": "s", "issuer": issuer, "discovery": {"uri": uri, "cluster": "a"}})
    };
    config["consumers"][0]["jwt_secrets"] = issuers.iter().map(credential).collect();
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    for keys in config.credentials.remote() {
        keys.replace(KeySet::read(&Value::parse(&set).unwrap(), Origin::Fetched).unwrap().set);
    }
    let request = FakeRequest::get("/").with("authorization", format!("Bearer {}", token.trim()));
    Authenticator::new(config, BuiltIn).decide(&request, NOW).outcome.name().into_owned()
}

#[test]
fn a_credential_with_an_issuer_is_for_tokens_of_that_issuer() {
    assert_eq!(outcome_for_issuers(&["https://issuer.example.com"]), "authenticated");
    assert_eq!(outcome_for_issuers(&["https://other.example.com"]), "denied.unknown_key");
    assert_eq!(outcome_for_issuers(&["https://{tenantid}.example.com"]), "denied.unknown_key");
    // Both have the key, as all tenants of one issuer do.
    assert_eq!(outcome_for_issuers(&["https://other.example.com/x", "https://issuer.example.com"]), "authenticated");
}

/// An issuer that puts another key in the place of one: the token is of the new key, and the set that is there is the old.
#[test]
fn a_token_of_a_key_that_was_put_in_the_place_of_another_passes_with_the_newer_set() {
    let (_, config, token) = CASES[0];
    let mut config: Json = serde_json::from_str(config).unwrap();
    let new = config["consumers"][0]["jwt_secrets"][0]["jwks"].clone();
    let source = json!({"uri": "https://a/jwks", "cluster": "a"});
    config["consumers"][0]["jwt_secrets"][0] = json!({"key": "https://issuer.example.com", "remote_jwks": source});
    let read = |set: &Json| KeySet::read(&Value::parse(&set.to_string()).unwrap(), Origin::Fetched).unwrap().set;
    let rsa = json!({"kty": "RSA", "e": "AQAB", "n": "_".repeat(341) + "w"});
    let mut same_kid = rsa.clone();
    same_kid["kid"] = new["keys"][0]["kid"].clone();
    let other_type = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for old in [rsa, same_kid, other_type] {
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let keys = config.credentials.remote().next().cloned().unwrap();
        let authenticator = Authenticator::new(config, BuiltIn);
        keys.replace(read(&json!({"keys": [old]})));
        let request = FakeRequest::get("/").with("authorization", format!("Bearer {}", token.trim()));
        let pending = authenticator.decide_or_wait(&request, NOW).err().unwrap();
        keys.replace(read(&new));
        let decision = authenticator.decide_again(&request, NOW, pending).unwrap();
        assert!(matches!(decision.outcome, Outcome::Authenticated(_)), "{old}");
    }
}

//! Reading configurations: both forms, the defaults, and every fault with its path, all at once.

use std::sync::Arc;

use crate::support::serialized_struct;
use jwt_auth_filter::{
    config::{
        CacheLimits, Config, FIELDS, HostCryptoUse,
        schema::{Field, Shape},
    },
    crypto::{Algorithm, Key, KeyError},
    encoding::base64::encode_url,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const RSA_1024: &str = include_str!("../keys/rsa-1024.pem");
const RSA_2048: &str = include_str!("../keys/rsa-2048.pem");
const RSA_2048_PKCS1: &str = include_str!("../keys/rsa-2048-pkcs1.pem");
const P256: &str = include_str!("../keys/p256.pem");
const P256_CERTIFICATE: &str = include_str!("../keys/p256-certificate.pem");
const P384: &str = include_str!("../keys/p384.pem");
const P521: &str = include_str!("../keys/p521.pem");
const SECP256K1: &str = include_str!("../keys/secp256k1.pem");
const ED25519: &str = include_str!("../keys/ed25519.pem");
const ED448: &str = include_str!("../keys/ed448.pem");
const X25519: &str = include_str!("../keys/x25519.pem");

/// The faults of a configuration, a line each; the same in both forms.
fn faults(config: &Json) -> Vec<String> {
    let lines = |bytes: &[u8]| match Config::parse(bytes) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    let from_json = lines(config.to_string().as_bytes());
    assert_eq!(lines(&serialized_struct(config)), from_json);
    from_json
}

#[test]
fn consumers_and_credentials_are_taken_out_of_the_last_share_of_a_configuration() {
    let text = json!({"consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "secret": "s"}]}]}).to_string();
    let mut one = Arc::new(Config::parse(text.as_bytes()).unwrap());
    let other = Arc::clone(&one);
    let consumer = Arc::downgrade(one.credentials.identified_by("k")[0].consumer());
    assert!(Config::take_callers(&mut one).is_none());
    drop(other);
    let taken = Config::take_callers(&mut one).unwrap();
    drop(one);
    assert!(consumer.upgrade().is_some());
    drop(taken);
    assert!(consumer.upgrade().is_none());
}

/// The faults of a configuration of one consumer with one credential.
fn credential_faults(credential: Json) -> Vec<String> {
    faults(&json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]}))
}

/// The fault of a credential's public key, after its path.
fn key_fault(algorithm: &str, key: impl Into<Json>) -> String {
    let lines = credential_faults(json!({"key": "k", "algorithm": algorithm, "rsa_public_key": key.into()}));
    let prefix = "consumers[0].jwt_secrets[0].rsa_public_key: ";
    match lines.as_slice() {
        [] => String::new(),
        [line] => line.strip_prefix(prefix).unwrap().to_owned(),
        lines => panic!("{lines:?}"),
    }
}

#[test]
fn defaults_are_the_plugin_s() {
    for bytes in [b"{}".as_slice(), b"", b" {\n} "] {
        let Config { policy, credentials, host_crypto, token_cache, .. } = Config::parse(bytes).unwrap();
        assert_eq!(host_crypto, HostCryptoUse::Auto);
        assert_eq!(token_cache, CacheLimits { entries: 10_000, bytes: 16 << 20 });
        assert_eq!(policy.token_places.header_names, ["authorization"]);
        assert_eq!(policy.token_places.uri_param_names, ["jwt"]);
        assert!(policy.token_places.cookie_names.is_empty());
        assert_eq!(policy.key_claim_name.name(), "iss");
        assert_eq!(policy.time_checks, Default::default());
        assert!(policy.anonymous.is_none());
        assert!(policy.run_on_preflight);
        assert!(policy.realm.is_none());
        assert_eq!((credentials.is_empty(), credentials.len()), (true, 0));
    }
}

/// Configurations in which every object of the tables stands, with only what it must have.
fn every_object() -> Vec<Json> {
    let source = json!({"uri": "https://a.example.com/jwks.json", "cluster": "auth"});
    let consumers = |more: Json| {
        let mut credential = json!({"key": "https://a.example.com"});
        more.as_object().unwrap().iter().for_each(|(name, value)| credential[name] = value.clone());
        json!([{"username": "a", "jwt_secrets": [credential]}])
    };
    vec![
        json!({
            "rules": [{"routes": ["r"]}],
            "anonymous": "a",
            "revocation_list": source,
            "required_claims": [{"claim": "a", "present": true}],
            "claims_to_headers": [{"claim": "a", "header": "x-a"}],
            "dpop": {"nonce_secret": "0123456789abcdef0123456789abcdef"},
            "response": {"unauthorized": {}, "forbidden": {}, "unavailable": {}},
            "consumers": consumers(json!({"secret": "secret"})),
        }),
        json!({
            "token_headers": [{"name": "x-t"}],
            "websocket_protocols": [{"prefix": "jwt."}],
            "split_cookies": [{"name": "s"}],
            "resource_metadata": {"resource": "https://a.example.com"},
            "claims_to_filter_state": [{"claim": "a", "key": "a"}],
            "dynamic_metadata": {},
        }),
        json!({"consumers": consumers(json!({"remote_jwks": source}))}),
        json!({"consumers": consumers(json!({"discovery": source}))}),
    ]
}

/// Visits every default of the tables, with the JSON pointer of the object that the field is in.
fn for_each_default(fields: &'static [Field], object: &str, visit: &mut impl FnMut(&str, &Field, &str)) {
    for field in fields {
        if let Some(default) = field.about.default {
            visit(object, field, default);
        }
        match field.about.shape {
            _ if is_a_policy_again(object, field) => {}
            Shape::Object(fields) => for_each_default(fields, &format!("{object}/{}", field.name), visit),
            Shape::List(Shape::Object(fields)) => {
                for_each_default(fields, &format!("{object}/{}/0", field.name), visit);
            }
            _ => {}
        }
    }
}

/// Whether the field is one of a policy within a rule: what is in it was visited at the top.
fn is_a_policy_again(object: &str, field: &Field) -> bool {
    object == "/rules/0" && FIELDS.iter().any(|known| known.name == field.name)
}

#[test]
fn every_documented_default_is_the_one_in_force() {
    let read = |config: &Json| format!("{:?}", Config::parse(config.to_string().as_bytes()).unwrap());
    let mut count = 0;
    for_each_default(FIELDS, "", &mut |object, field, default| {
        let bases = every_object();
        let base = bases.iter().find(|base| base.pointer(object).is_some());
        let base = base.unwrap_or_else(|| panic!("every_object() has no {object}"));
        let mut explicit = base.clone();
        explicit.pointer_mut(object).unwrap()[field.name] = serde_json::from_str(default).unwrap();
        assert_eq!(read(base), read(&explicit), "{object}/{}: documented as {default}", field.name);
        count += 1;
    });
    assert!(count > 20, "{count}");
}

#[test]
fn every_field_is_read_and_null_is_the_same_as_no_field() {
    let all = json!({
        "header_names": ["X-Token", "authorization"], "uri_param_names": ["a b"], "cookie_names": ["c"],
        "key_claim_name": "kid", "secret_is_base64": true, "claims_to_verify": ["exp", "nbf"],
        "maximum_expiration": 31_536_000, "anonymous": "a", "run_on_preflight": false, "realm": "api",
        "host_crypto": "off", "token_cache_size": 0, "token_cache_bytes": 1_000_000, "max_waiting_requests": 9,
        "max_waiting_body_bytes": 10,
        "consumers": [
            {"username": "a", "id": "1", "custom_id": "x", "tags": ["t"], "jwt_secrets": [
                {"key": "k", "secret": "c2VjcmV0"},
                {"key": "k", "algorithm": "RS256", "rsa_public_key": RSA_2048},
            ]},
            {"custom_id": "y"},
        ],
    });
    for bytes in [all.to_string().into_bytes(), serialized_struct(&all)] {
        let Config { policy, credentials, host_crypto, token_cache, .. } = Config::parse(&bytes).unwrap();
        assert_eq!(host_crypto, HostCryptoUse::Off);
        assert_eq!(token_cache, CacheLimits { entries: 0, bytes: 1_000_000 });
        assert_eq!(policy.token_places.header_names, ["x-token", "authorization"]);
        assert_eq!(policy.token_places.uri_param_names, ["a b"]);
        assert_eq!(policy.token_places.cookie_names, ["c"]);
        assert_eq!(policy.key_claim_name.name(), "kid");
        assert!(policy.time_checks.exp && policy.time_checks.nbf);
        assert_eq!(policy.time_checks.maximum_expiration, Some(31_536_000));
        assert_eq!(policy.anonymous.unwrap().to_string(), r#""a""#);
        assert!(!policy.run_on_preflight);
        assert_eq!(policy.realm.unwrap().as_str(), "api");
        assert_eq!((credentials.len(), credentials.identified_by("k").len()), (1, 2));
        assert!(credentials.identified_by("c").is_empty());
    }
    let nulls = json!({"realm": null, "anonymous": null, "consumers": null, "header_names": null});
    assert_eq!(faults(&nulls), [""; 0]);
}

#[test]
fn every_public_key_is_taken_for_its_algorithms_and_for_no_other() {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    for (key, fitting) in [
        (RSA_2048, rsa.as_slice()),
        (RSA_2048_PKCS1, &rsa),
        (P256, &["ES256"]),
        (P256_CERTIFICATE, &["ES256"]),
        (P384, &["ES384"]),
        (P521, &["ES512"]),
        (ED25519, &["EdDSA", "Ed25519"]),
        (ED448, &["EdDSA", "Ed448"]),
    ] {
        for algorithm in Algorithm::ALL.map(Algorithm::name).into_iter().filter(|name| !name.starts_with("HS")) {
            let fault = key_fault(algorithm, key);
            assert_eq!(fault.is_empty(), fitting.contains(&algorithm), "{algorithm}: {fault}\n{key}");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_is_named_with_what_was_expected() {
    let rsa = "expected an RSA public key of at least 2048 bits";
    assert_eq!(key_fault("RS256", P384), format!("an EC P-384 key cannot verify RS256; {rsa}"));
    assert_eq!(key_fault("RS256", RSA_1024), format!("an RSA key of 1024 bits; {rsa}"));
    assert_eq!(key_fault("PS256", "hello"), format!("neither PEM nor a JWK; {rsa}"));
    assert_eq!(key_fault("PS256", ""), format!("neither PEM nor a JWK; {rsa}"));
    assert_eq!(key_fault("PS256", 7), format!("a number; {rsa}"));
    assert_eq!(key_fault("RS256", RSA_2048.repeat(2)), format!("2 PEM blocks; {rsa}"));
    let private = RSA_2048.replace("PUBLIC KEY", "PRIVATE KEY");
    assert_eq!(key_fault("RS256", private), format!("a PEM block of type PRIVATE KEY; {rsa}"));
    let mislabelled = RSA_2048.replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(key_fault("RS256", mislabelled), format!("a CERTIFICATE that cannot be parsed; {rsa}"));
    let cut = RSA_2048.lines().filter(|line| !line.starts_with("-----END")).collect::<String>();
    assert_eq!(key_fault("RS256", cut), format!("PEM that is broken: it has no END line; {rsa}"));
    assert_eq!(key_fault("ES256", P384), "an EC P-384 key cannot verify ES256; expected an EC public key on P-256");
    assert_eq!(
        key_fault("ES256", SECP256K1),
        "a key of an unsupported type (curve 1.3.132.0.10); expected an EC public key on P-256"
    );
    assert_eq!(
        key_fault("EdDSA", X25519),
        "a key of an unsupported type (1.3.101.110); expected an Ed25519 or Ed448 public key"
    );
}

#[test]
fn pem_is_read_with_any_white_space() {
    let indented = RSA_2048.replace('\n', "\r\n    ");
    let folded = RSA_2048.replace('\n', " ");
    for key in [indented, folded, format!("\n\n{RSA_2048}\n\t ")] {
        assert_eq!(key_fault("RS256", key), "");
    }
}

#[test]
fn a_jwk_may_stand_in_the_place_of_pem_as_text_or_object() {
    let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(key_fault("EdDSA", ed25519.to_string()), "");
    assert_eq!(key_fault("EdDSA", ed25519.clone()), "");

    let with = |name: &str, value: Json| {
        let mut jwk = ed25519.clone();
        jwk[name] = value;
        key_fault("EdDSA", jwk)
    };
    let expected = "expected an Ed25519 or Ed448 public key";
    assert_eq!(with("use", json!("sig")), "");
    assert_eq!(with("key_ops", json!(["sign", "verify"])), "");
    assert_eq!(with("alg", json!("EdDSA")), "");
    assert_eq!(with("use", json!("enc")), format!("a JWK that is not for verifying signatures ('use'); {expected}"));
    let not_verify = format!("a JWK that is not for verifying signatures ('key_ops'); {expected}");
    assert_eq!(with("key_ops", json!(["sign"])), not_verify);
    assert_eq!(with("alg", json!("RS256")), format!("a JWK whose member 'alg' is missing or wrong; {expected}"));
    assert_eq!(with("x", json!("AQAB")), format!("an Ed25519 key whose point is not on the curve; {expected}"));
    assert_eq!(with("x", json!("?")), format!("a JWK whose member 'x' is missing or wrong; {expected}"));
    assert_eq!(with("kty", json!("foo")), format!("a JWK of an unsupported type ('kty'); {expected}"));
    assert_eq!(with("d", json!("AQAB")), format!("a JWK with a private key; {expected}"));
    let secret = json!({"kty": "oct", "k": "AQAB"});
    assert_eq!(key_fault("EdDSA", secret), format!("a JWK with a symmetric key; {expected}"));
    assert_eq!(key_fault("EdDSA", "{\"kty\":"), format!("a JWK that cannot be parsed; {expected}"));
}

#[test]
fn a_weak_or_unusable_key_is_refused_in_a_jwk_too() {
    let rsa = |n: &str, e: &str| Key::from_text(&json!({"kty": "RSA", "n": n, "e": e}).to_string());
    let modulus = format!("{}w", "_".repeat(341));
    assert_eq!(rsa(&modulus, "").unwrap_err(), KeyError::JwkMember("e"), "empty is absent");
    for exponent in ["AQ", "Ag", "AQAA"] {
        assert_eq!(rsa(&modulus, exponent).unwrap_err(), KeyError::UnusableRsa, "{exponent}");
    }
    assert!(rsa(&modulus, "AQAB").is_ok());
    assert_eq!(rsa("_w", "AQAB").unwrap_err(), KeyError::WeakRsa(8));
    assert_eq!(rsa(&"_".repeat(1708), "AQAB").unwrap_err(), KeyError::UnusableRsa);
}

/// An RSA key whose modulus has so many bits, and with this exponent in base64url.
fn rsa(bits: usize, exponent: &str) -> Result<Key, KeyError> {
    let mut modulus = vec![0; bits.div_ceil(8)];
    modulus[0] = 1 << ((bits - 1) % 8);
    *modulus.last_mut().unwrap() |= 1;
    Key::from_text(&json!({"kty": "RSA", "n": encode_url(modulus), "e": exponent}).to_string())
}

#[test]
fn the_size_of_an_rsa_key_has_bounds_and_a_price() {
    const F4: &str = "AQAB";
    assert_eq!(rsa(2047, F4).unwrap_err(), KeyError::WeakRsa(2047));
    assert_eq!(rsa(8193, F4).unwrap_err(), KeyError::UnusableRsa);
    assert_eq!(rsa(2048, "AQAAAAE").unwrap_err(), KeyError::UnusableRsa, "an exponent of 33 bits");
    for (bits, exponent, kilobits, cost, is_costly) in [
        (2048, F4, 2, 4, false),
        (2048, "Aw", 2, 4, false),
        (2048, "EQ", 2, 16, true),
        (2064, F4, 3, 9, false),
        (3072, F4, 3, 9, false),
        (4096, F4, 4, 16, false),
        (4112, F4, 5, 25, true),
        (8192, F4, 8, 64, true),
        (8192, "AQAAAQ", 9, 324, true), // the longer exponent counts for the modulus
    ] {
        let key = rsa(bits, exponent).unwrap();
        let Key::Rsa(rsa) = &key else { panic!("another key") };
        assert_eq!((rsa.kilobits(), rsa.is_costly()), (kilobits, is_costly), "{bits} {exponent}");
        assert_eq!(key.verification_cost(), cost, "{bits} {exponent}");
    }
}

#[test]
fn all_faults_are_reported_at_once_each_at_its_path() {
    let config = json!({
        "header_name": [],
        "header_names": ["a b", 7],
        "cookie_names": "jwt",
        "uri_param_names": [""],
        "key_claim_name": "",
        "claims_to_verify": ["exp", "iat"],
        "maximum_expiration": 1.5,
        "run_on_preflight": "yes",
        "anonymous": "nobody",
        "realm": "a\nb",
        "secret_is_base64": false,
        "consumers": [
            {"username": "a", "jwt_secrets": [{"key": "k", "secret": "s"}, {"secret": "s", "algoritm": "HS256"}]},
            {"tags": [1], "jwt_secrets": [{"key": " k", "algorithm": "none"}]},
            {"username": "a", "jwt_secrets": [{"key": "k2", "algorithm": "RS256", "rsa_public_key": P384}]},
            "x",
        ],
    });
    let algorithms = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, \
                      Ed25519, Ed448, ML-DSA-44, ML-DSA-65, ML-DSA-87";
    let header_text = "a text without control characters and without space at its ends";
    let mut expected = vec![
        "header_name: an unknown field; expected one of header_names, token_headers, websocket_protocols, uri_param_names, \
         cookie_names, split_cookies, first_valid, key_claim_name, secret_is_base64, claims_to_verify, maximum_expiration, \
         max_token_age, clock_skew_seconds, sender_constraint, client_certificate_from, dpop, token_types, require, audiences, \
         subjects, required_claims, allow, deny, hide_groups_header, anonymous, anonymous_for, optional, run_on_preflight, \
         realm, resource_metadata, claims_to_headers, forward_payload_header, \
         hide_credentials, clear_route_cache, response, filter_state, claims_to_filter_state, dynamic_metadata, rules, reserved_headers, host_crypto, token_cache_size, \
         token_cache_bytes, max_waiting_requests, max_waiting_body_bytes, max_dpop_proofs, measure_verification, revoked, revocation_list, consumers"
            .to_owned(),
        "header_names[0]: a string; expected the name of a header".to_owned(),
        "header_names[1]: a number; expected a string".to_owned(),
        "uri_param_names[0]: an empty string; expected a name".to_owned(),
        "cookie_names: a string; expected a list".to_owned(),
        "key_claim_name: an empty string; expected a name".to_owned(),
        "claims_to_verify[1]: \"iat\"; expected exp or nbf".to_owned(),
        "maximum_expiration: the number 1.5; expected a whole number from 0 to 31536000".to_owned(),
        "run_on_preflight: a string; expected true or false".to_owned(),
        "anonymous: \"nobody\", which is not the name of a consumer; expected the id or username of one of the consumers".to_owned(),
        format!("realm: a text that no header can carry unchanged; expected {header_text}"),
        "consumers[0].jwt_secrets[1].algoritm: an unknown field; expected one of key, algorithm, secret, \
         rsa_public_key, jwks, remote_jwks, discovery, issuer, claims_to_verify, token_types, require, audiences, \
         subjects, required_claims, id, tags, created_at, consumer"
            .to_owned(),
        "consumers[0].jwt_secrets[1].key: missing; expected the value of the key claim that names this credential"
            .to_owned(),
        "consumers[1].tags[0]: a number; expected a string".to_owned(),
        "consumers[1]: a consumer without a name; expected at least one of username, id, custom_id".to_owned(),
        format!("consumers[1].jwt_secrets[0].key: a text that no header can carry unchanged; expected {header_text}"),
        format!("consumers[1].jwt_secrets[0].algorithm: \"none\"; expected one of {algorithms}"),
        "consumers[2].username: the same as another consumer's; expected one that no other consumer has".to_owned(),
        "consumers[2].jwt_secrets[0].rsa_public_key: an EC P-384 key cannot verify RS256; expected an RSA public key \
         of at least 2048 bits"
            .to_owned(),
        "consumers[3]: a string; expected an object".to_owned(),
    ];
    let mut found = faults(&config);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn faults_of_policies_are_reported_at_once_each_at_its_path() {
    let config = json!({
        "consumers": [
            {"username": "a", "groups": ["partners"], "jwt_secrets": [{"key": "k", "secret": "not base64!"}]},
            {"username": "b", "groups": ["a,b", 1]},
        ],
        "clock_skew_seconds": 301,
        "audiences": [],
        "allow": ["partners", "nobody", "a"],
        "deny": "partners",
        "required_claims": [
            {"claim": "a..b", "present": true},
            {"claim": "scope"},
            {"claim": "scope", "any_of": [], "x": 1},
            {"claim": "scope", "any_of": [null], "equals": "a"},
            {"claim": "scope", "all_of": ["a", {}]},
            {"equals": []},
        ],
        "claims_to_headers": [
            {"claim": "sub", "header": "X-Consumer-Username"},
            {"claim": "sub", "header": "x_consumer_groups"},
            {"claim": "sub", "header": ":path"},
            {"claim": "sub", "header": "Host"},
            {"claim": "sub", "header": "x-a", "separator": "a"},
            {"claim": "sub", "header": "transfer-encoding"},
        ],
        "forward_payload_header": "Cookie",
        "filter_state": 1,
        "response": {
            "detail": "no",
            "unauthorized": {"status": 200, "body": 5},
            "forbidden": {"status": 403.5, "content_type": "a\nb", "colour": "red"},
            "unavailable": [],
        },
        "rules": [
            {"claims_to_verify": ["exp"]},
            {"routes": [], "claims_to_verify": ["aud"], "consumers": []},
            {"services": ["a", 5], "secret_is_base64": true, "allow": ["nobody"]},
            {"routes": ["r"], "disabled": "yes", "token_cache_size": 1, "anonymous": "nobody"},
        ],
    });
    let reserved = "another header than identity headers, HTTP's own, host and cookie";
    let known = "a username, an id or a group of one of the consumers";
    let mut expected = vec![
        "clock_skew_seconds: the number 301; expected a whole number from 0 to 300".to_owned(),
        "audiences: an empty list; expected at least one item".to_owned(),
        format!("allow[1]: \"nobody\", which names neither a consumer nor a group; expected {known}"),
        "deny: a string; expected a list".to_owned(),
        r"required_claims[0].claim: a string; expected names with a dot between them, a dot within a name written \., and [] only behind a name"
            .to_owned(),
        "required_claims[1]: no condition; expected one of any_of, all_of, equals, present, prefix, suffix, glob".to_owned(),
        "required_claims[2].any_of: an empty list; expected at least one item".to_owned(),
        "required_claims[2].x: an unknown field; expected one of claim, any_of, all_of, equals, present, prefix, \
         suffix, glob, any, all, not"
            .to_owned(),
        "required_claims[3]: any_of and equals; expected one of any_of, all_of, equals, present, prefix, suffix, glob".to_owned(),
        "required_claims[4].all_of[1]: an object; expected a string, a number, true or false".to_owned(),
        "required_claims[5].claim: missing; expected the claim that must hold something".to_owned(),
        "required_claims[5].equals: a list; expected a string, a number, true or false".to_owned(),
        format!(
            "claims_to_headers[0].header: x-consumer-username, a header that the filter must not write; expected {reserved}"
        ),
        format!(
            "claims_to_headers[1].header: x_consumer_groups, a header that the filter must not write; expected {reserved}"
        ),
        "claims_to_headers[2].header: a string; expected the name of a header".to_owned(),
        format!("claims_to_headers[3].header: host, a header that the filter must not write; expected {reserved}"),
        "claims_to_headers[4].separator: a string; expected ASCII punctuation other than - . _ ~ %, and spaces"
            .to_owned(),
        format!(
            "claims_to_headers[5].header: transfer-encoding, a header that the filter must not write; expected {reserved}"
        ),
        format!("forward_payload_header: cookie, a header that the filter must not write; expected {reserved}"),
        "filter_state: a number; expected true or false".to_owned(),
        "response.detail: a string; expected true or false".to_owned(),
        "response.unauthorized.status: the number 200; expected a whole number from 400 to 599".to_owned(),
        "response.unauthorized.body: a number; expected a string".to_owned(),
        "response.forbidden.status: the number 403.5; expected a whole number from 400 to 599".to_owned(),
        "response.forbidden.content_type: a text that no header can carry unchanged; expected a text without control \
         characters and without space at its ends"
            .to_owned(),
        "response.forbidden.colour: an unknown field; expected one of status, content_type, body".to_owned(),
        "response.unavailable: a list; expected an object".to_owned(),
        "rules[0]: a rule without routes and services; expected one of them, or both".to_owned(),
        "rules[1].routes: an empty list; expected at least one item".to_owned(),
        "rules[1].claims_to_verify[0]: \"aud\"; expected exp or nbf".to_owned(),
        "rules[1].consumers: an unknown field".to_owned(),
        "rules[2].services[1]: a number; expected a string".to_owned(),
        format!("rules[2].allow[0]: \"nobody\", which names neither a consumer nor a group; expected {known}"),
        "rules[3].disabled: a string; expected true or false".to_owned(),
        "rules[3].token_cache_size: an unknown field".to_owned(),
        "rules[3].anonymous: \"nobody\", which is not the name of a consumer; expected the id or username of one of the consumers"
            .to_owned(),
        "consumers[0].jwt_secrets[0].secret: not base64; expected base64, because secret_is_base64 is true".to_owned(),
        "consumers[1].groups[0]: a text with a comma; expected a name without a comma".to_owned(),
        "consumers[1].groups[1]: a number; expected a string".to_owned(),
    ];
    let mut found: Vec<String> = faults(&config);
    for line in &mut found {
        if line.starts_with("rules") && line.contains("an unknown field") {
            line.truncate(line.find(';').unwrap());
        }
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn headers_for_the_upstream_write_over_neither_each_other_nor_the_token() {
    let to = |header: &str| json!({"claim": "sub", "header": header});
    for (fields, expected) in [
        (json!({"claims_to_headers": [to("x-a"), to("X-A")]}), "claims_to_headers: x-a twice"),
        (json!({"claims_to_headers": [to("x-a")], "forward_payload_header": "X-A"}), "claims_to_headers: x-a twice"),
        (
            json!({"claims_to_headers": [to("Authorization")]}),
            "claims_to_headers: authorization, a header that may hold",
        ),
        (
            json!({"header_names": ["x-t"], "forward_payload_header": "x-T"}),
            "forward_payload_header: x-t, a header that may hold",
        ),
        (
            json!({"claims_to_headers": [to("x-t")], "rules": [{"routes": ["r"], "header_names": ["x-t"]}]}),
            "rules[0].claims_to_headers: x-t, a header that may hold",
        ),
    ] {
        let found = faults(&fields);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn a_rule_inherits_what_it_leaves_out_and_null_is_the_default() {
    let config = json!({
        "consumers": [{"username": "a"}], "claims_to_verify": ["exp"], "maximum_expiration": 60, "anonymous": "a",
        "realm": "api", "audiences": ["x"], "clock_skew_seconds": 5, "hide_credentials": true, "key_claim_name": "kid",
        "rules": [
            {"routes": ["plain"]},
            {"routes": ["null"], "claims_to_verify": null, "maximum_expiration": null, "anonymous": null, "realm": null,
             "audiences": null, "clock_skew_seconds": null, "hide_credentials": null, "key_claim_name": null},
            {"routes": ["own"], "maximum_expiration": 30, "key_claim_name": "iss", "secret_is_base64": true},
        ],
    });
    let Config { policy, rules, .. } = Config::parse(config.to_string().as_bytes()).unwrap();
    let [plain, null, own] = rules.iter().map(|rule| &rule.policy).collect::<Vec<_>>().try_into().unwrap();
    for inheriting in [plain, own] {
        assert!(inheriting.time_checks.exp && inheriting.anonymous.is_some() && inheriting.forwarding.hide_credentials);
        assert_eq!(inheriting.time_checks.clock_skew, 5);
        assert_eq!(inheriting.demands.audiences, ["x"]);
        assert_eq!(inheriting.realm.as_ref().unwrap().as_str(), "api");
    }
    assert_eq!(plain.time_checks, policy.time_checks);
    assert_eq!(own.time_checks.maximum_expiration, Some(30));
    assert_eq!(null.time_checks, Default::default());
    assert!(null.anonymous.is_none() && null.realm.is_none() && null.demands.audiences.is_empty());
    assert!(!null.forwarding.hide_credentials);
    assert_eq!(null.key_claim_name.name(), "iss");
    let lookups = [&policy, plain, null, own].map(|policy| policy.lookup);
    assert_eq!(lookups, [0, 0, 1, 2]);

    let lost = json!({
        "claims_to_verify": ["exp"], "maximum_expiration": 60, "rules": [{"routes": ["r"], "claims_to_verify": []}],
    });
    assert_eq!(
        faults(&lost),
        [
            "rules[0].claims_to_verify: without exp, but maximum_expiration is set; expected 0, or exp in claims_to_verify"
        ]
    );
}

/// Every field of a policy, with a value that is not its default.
fn every_policy_field() -> Json {
    json!({
        "header_names": ["x-t"], "token_headers": [{"name": "x-r", "padded": true}], "uri_param_names": ["t"], "cookie_names": ["t"],
        "websocket_protocols": [{"name": "bearer"}], "split_cookies": [{"name": "s"}], "first_valid": true, "key_claim_name": "kid",
        "secret_is_base64": true, "claims_to_verify": ["exp"], "maximum_expiration": 60, "clock_skew_seconds": 5,
        "sender_constraint": "required", "client_certificate_from": "client-cert", "dpop": {"window": "30s"},
        "max_token_age": 60, "token_types": ["at+jwt"], "require": ["jti"], "subjects": ["a"], "audiences": ["x"],
        "required_claims": [{"claim": "a", "present": true}], "allow": ["a"], "deny": ["a"], "hide_groups_header": true,
        "anonymous": "a", "anonymous_for": ["invalid"], "run_on_preflight": false, "realm": "api",
        "resource_metadata": {"resource": "https://a.example.com"}, "forward_payload_header": "x-p",
        "claims_to_headers": [{"claim": "sub", "header": "x-sub"}], "hide_credentials": true, "clear_route_cache": true,
        "response": {"detail": false}, "filter_state": true, "claims_to_filter_state": [{"claim": "a", "key": "a"}], "dynamic_metadata": {"claims": ["a"]},
    })
}

#[test]
fn a_rule_may_set_inherit_and_reset_every_field_of_a_policy() {
    let policies = |mut top: Json, mut rule: Json| {
        top["consumers"] = json!([{"username": "a"}]);
        rule["routes"] = json!(["r"]);
        top["rules"] = json!([rule]);
        let Config { mut policy, mut rules, .. } = Config::parse(top.to_string().as_bytes()).unwrap();
        (policy.lookup, rules[0].policy.lookup) = (0, 0);
        [format!("{policy:?}"), format!("{:?}", rules[0].policy)]
    };
    let every = every_policy_field();
    // `optional` does not stand beside `allow`.
    let fields = FIELDS.iter().map(|field| field.name).take_while(|name| *name != "rules");
    let fields = fields.filter(|name| *name != "optional");
    let mut names: Vec<_> = every.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_by_key(|name| FIELDS.iter().position(|field| field.name == *name));
    assert_eq!(names, fields.collect::<Vec<_>>());

    let [default, set] = policies(json!({}), every.clone());
    assert_eq!(policies(every.clone(), json!({})), [set.clone(), set.clone()]);
    let nulls: Json =
        names.iter().map(|name| ((*name).to_owned(), Json::Null)).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(policies(every, nulls), [set, default]);
}

#[test]
fn a_credential_has_what_its_algorithm_needs_and_nothing_else() {
    let path = "consumers[0].jwt_secrets[0]";
    assert_eq!(
        credential_faults(json!({"key": "k"})),
        [format!("{path}.secret: missing; expected the secret that HS256 verifies with")]
    );
    assert_eq!(
        credential_faults(json!({"key": "k", "secret": ""})),
        [format!("{path}.secret: an empty secret; expected a secret")]
    );
    assert_eq!(
        credential_faults(json!({"key": "k", "algorithm": "RS256"})),
        [format!("{path}.rsa_public_key: missing; expected an RSA public key of at least 2048 bits")]
    );
    assert_eq!(
        credential_faults(json!({"key": "k", "algorithm": "RS256", "secret": "s"})),
        [format!("{path}.rsa_public_key: missing; expected an RSA public key of at least 2048 bits")]
    );
    assert_eq!(
        credential_faults(json!({"key": "k", "rsa_public_key": RSA_2048})),
        [format!(
            "{path}.secret: missing; expected the secret that HS256 verifies with, or an algorithm that verifies with \
             rsa_public_key"
        )]
    );
    for unused in [
        json!({"key": "k", "algorithm": "RS256", "secret": 7, "rsa_public_key": RSA_2048}),
        json!({"key": "k", "secret": "s", "rsa_public_key": 7}),
    ] {
        let field = if unused["secret"].is_number() { "secret" } else { "rsa_public_key" };
        assert_eq!(credential_faults(unused), [format!("{path}.{field}: a number; expected a key")]);
    }
}

#[test]
fn what_the_gateway_s_dumps_carry_is_taken_and_changes_nothing() {
    let dumped = |consumer: Json| {
        json!({"consumers": [{
            "username": "a", "id": "1", "created_at": 1_700_000_000, "updated_at": 1.5, "tags": ["x"], "jwt_secrets": [
                {"key": "h", "secret": "s", "rsa_public_key": "no key at all", "id": "2", "created_at": 1, "tags": ["y"],
                 "consumer": consumer, "algorithm": "HS256"},
                {"key": "r", "secret": "generated", "rsa_public_key": RSA_2048, "algorithm": "RS256", "consumer": null},
            ],
        }]})
    };
    for consumer in [
        json!({"id": "1"}),
        json!({"username": "a"}),
        json!({"id": "1", "username": "a", "custom_id": "not given here"}),
        json!("1"),
        json!("a"),
        Json::Null,
    ] {
        let config = Config::parse(dumped(consumer.clone()).to_string().as_bytes()).unwrap();
        let key = |identifier| {
            let [credential] = config.credentials.identified_by(identifier) else { panic!("{identifier}") };
            let keys = credential.keys().current().unwrap();
            let serves = |algorithm| keys.serves(algorithm);
            (serves(Algorithm::HS256), serves(Algorithm::RS256))
        };
        assert_eq!((key("h"), key("r")), ((true, false), (false, true)), "{consumer}");
    }
    let at = "consumers[0].jwt_secrets[0].consumer";
    for consumer in [json!({"id": "2"}), json!({"username": "b"}), json!({"id": "1", "username": "b"}), json!("b")] {
        let expected = format!("{at}: another consumer; expected the one that the credential stands in");
        assert_eq!(faults(&dumped(consumer)), [expected]);
    }
    let expected = "expected an id or a username, or an object with id, username or custom_id";
    assert_eq!(faults(&dumped(json!({"name": "a"}))), [format!("{at}: an object with something else; {expected}")]);
    assert_eq!(faults(&dumped(json!(1))), [format!("{at}: a number; {expected}")]);
    let mut config = dumped(Json::Null);
    config["consumers"][0]["created_at"] = json!(["x"]);
    config["consumers"][0]["jwt_secrets"][0]["id"] = json!(7);
    let expected = [
        "consumers[0].created_at: a list; expected a time",
        "consumers[0].jwt_secrets[0].id: a number; expected a string",
    ];
    assert_eq!(faults(&config), expected);
}

#[test]
fn a_key_belongs_to_one_consumer() {
    let secret = |key: &str| json!({"key": key, "secret": "s"});
    let consumers = json!({"consumers": [
        {"username": "a", "jwt_secrets": [secret("k"), secret("k")]},
        {"username": "b", "jwt_secrets": [secret("k")]},
    ]});
    let expected = "consumers[1].jwt_secrets[0].key: the key of another consumer's credential; \
                    expected a key that one consumer has";
    assert_eq!(faults(&consumers), [expected]);
}

#[test]
fn anonymous_must_name_a_consumer() {
    let expected =
        "anonymous: \"x\", which is not the name of a consumer; expected the id or username of one of the consumers";
    assert_eq!(faults(&json!({"anonymous": "x", "consumers": [{"username": "a", "custom_id": "x"}]})), [expected]);
    assert_eq!(faults(&json!({"anonymous": "x"})), [expected]);
}

#[test]
fn maximum_expiration_needs_exp() {
    let expected = "maximum_expiration: set without exp in claims_to_verify; expected 0, or exp in claims_to_verify";
    assert_eq!(faults(&json!({"maximum_expiration": 60, "claims_to_verify": ["nbf"]})), [expected]);
    assert_eq!(faults(&json!({"maximum_expiration": 0})), [""; 0]);
    for number in [json!(-1), json!(31_536_001), json!(1e300)] {
        assert_eq!(faults(&json!({"maximum_expiration": number, "claims_to_verify": ["exp"]})).len(), 1);
    }
}

#[test]
fn base64_secrets_must_be_base64() {
    let consumers = |secret: &str| json!([{"username": "a", "jwt_secrets": [{"key": "k", "secret": secret}]}]);
    let faults = |secret| faults(&json!({"secret_is_base64": true, "consumers": consumers(secret)}));
    for secret in ["c2VjcmV0", "_-8", "/+8="] {
        assert_eq!(faults(secret), [""; 0]);
    }
    let path = "consumers[0].jwt_secrets[0].secret";
    let expected = format!("{path}: not base64; expected base64, because secret_is_base64 is true");
    assert_eq!(faults("not base64!"), [expected]);
}

#[test]
fn no_fault_repeats_a_secret_wherever_it_was_put() {
    let secret = "correct horse battery staple";
    for config in [
        json!({secret: 1}),
        json!({"claims_to_verify": [secret], "header_names": [secret], "realm": {secret: secret}}),
        json!({"anonymous": secret, "consumers": [{"username": "a", "jwt_secrets": [
            {"key": 1, "algorithm": secret, "secret": [secret], "rsa_public_key": secret},
            {"key": "k", "algorithm": "RS256", "rsa_public_key": format!("-----BEGIN {secret}-----\n\n-----END {secret}-----")},
            {"key": "k", "algorithm": "RS256", "secret": secret},
            secret,
        ]}]}),
        json!({"consumers": [{"username": 1234567890, "jwt_secrets": [{"key": "k", "secret": 1234567890}]}]}),
    ] {
        let lines = faults(&config);
        assert!(!lines.is_empty());
        assert!(!lines.concat().contains("horse") && !lines.concat().contains("1234567890"), "{lines:?}");
    }
}

#[test]
fn a_word_is_repeated_only_if_it_is_like_those_that_are_expected() {
    for (word, shown) in
        [("iat", "\"iat\""), ("5up3rs3cr3t", "another word"), ("Hunter", "another word"), ("", "another word")]
    {
        assert_eq!(faults(&json!({"host_crypto": word})), [format!("host_crypto: {shown}; expected auto or off")]);
        assert_eq!(
            faults(&json!({"claims_to_verify": [word]})),
            [format!("claims_to_verify[0]: {shown}; expected exp or nbf")]
        );
    }
}

#[test]
fn what_is_neither_form_is_refused_and_broken_json_says_where() {
    let line = |bytes: &[u8]| Config::parse(bytes).unwrap_err().first().unwrap().to_string();
    assert_eq!(line(b"[]"), "the configuration: a list; expected an object");
    assert_eq!(
        line(b"{\"realm\": \"a\",\n}"),
        "the configuration: invalid JSON (trailing comma at line 2 column 1); expected a JSON object"
    );
    assert_eq!(
        line(br#"{"realm": "a", "realm": "b"}"#),
        "the configuration: invalid JSON (a member occurs twice in one object at line 1 column 28); \
         expected a JSON object"
    );
    let neither = "the configuration: neither a google.protobuf.Struct nor JSON; expected one of these, as an object";
    assert_eq!(line(b"hello"), neither);
    assert_eq!(line(b"\xff\xff"), neither);
}

#[test]
fn deep_nesting_is_refused_in_both_forms() {
    let deep = (0..200).fold(json!(1), |inner, _| json!({"a": inner}));
    assert!(Config::parse(deep.to_string().as_bytes()).is_err());
    assert!(Config::parse(&serialized_struct(&deep)).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _config = Config::parse(&bytes);
        let _key = Key::from_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_altered_configuration_panics(at in 0..400usize, byte in any::<u8>()) {
        let config = json!({"consumers": [{"username": "a", "jwt_secrets": [
            {"key": "k", "algorithm": "ES256", "rsa_public_key": P256},
        ]}], "maximum_expiration": 5, "claims_to_verify": ["exp"]});
        for mut bytes in [config.to_string().into_bytes(), serialized_struct(&config)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _config = Config::parse(&bytes);
        }
    }
}

#[test]
fn an_algorithm_is_repeated_only_if_it_has_the_form_of_one() {
    for (name, is_told) in [
        ("HS265", true),
        ("hs256", true),
        ("none", true),
        ("ES256K", true),
        ("ML-DSA-45", true),
        ("hunter2", false),
        ("HS25678", false),
        ("RSA-OAEP", false),
        ("s3cr3t", false),
        ("HS\u{e9}", false),
    ] {
        let faults = credential_faults(json!({"key": "k", "algorithm": name, "secret": "s"})).concat();
        assert_eq!(faults.contains(name), is_told, "{faults}");
        assert!(is_told || faults.contains("a text that is not an algorithm; expected one of HS256"), "{faults}");
    }
}

#[test]
fn an_id_of_the_gateway_is_shown_and_what_may_be_a_secret_is_not() {
    let found = |name: &str| faults(&json!({"anonymous": name}))[0].clone();
    let id = "8a4e0f10-1111-4222-8333-444455556666";
    assert!(found(id).contains(&format!("\"{id}\"")));
    for secret in [id.replace('-', "0"), id.replace("8a4e", "8g4e"), format!("{id}0"), id.replace("10-1", "1-01")] {
        assert!(found(&secret).contains("(an unprintable name)") && !found(&secret).contains(&secret), "{secret}");
    }
}

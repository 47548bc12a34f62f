//! Reading `jwks`, `remote_jwks` and `discovery`: what is taken, and every fault with its path.

use std::time::Duration;

use crate::support::serialized_struct;
use jwt_auth_filter::{
    config::Config,
    crypto::Algorithm,
    jwks::{Issuer, Source},
    policy::Keys,
};
use serde_json::{Value as Json, json};

const PATH: &str = "consumers[0].jwt_secrets[0]";

fn ed25519() -> Json {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn configuration(credential: &Json) -> Json {
    let mut credential = credential.clone();
    credential["key"] = json!("https://a.example.com");
    json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]})
}

fn read(credential: &Json) -> Config {
    Config::parse(configuration(credential).to_string().as_bytes()).unwrap()
}

/// The faults of a credential without their common path; the same in both forms.
fn faults(credential: Json) -> Vec<String> {
    let lines = |bytes: &[u8]| match Config::parse(bytes) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(|fault| fault.to_string().replace(&format!("{PATH}."), "")).collect(),
    };
    let config = configuration(&credential);
    let found: Vec<String> = lines(config.to_string().as_bytes());
    assert_eq!(lines(&serialized_struct(&config)), found);
    found
}

fn source(credential: Json) -> Source {
    read(&credential).credentials.remote().next().unwrap().source().clone()
}

#[test]
fn an_inline_set_is_an_object_or_its_json() {
    let set = json!({"keys": [ed25519(), {"kty": "oct", "k": "AQAB"}, {"kty": "later"}]});
    for jwks in [set.clone(), json!(set.to_string())] {
        let config = read(&json!({"jwks": jwks}));
        let credential = config.credentials.identified_by("https://a.example.com").first().unwrap();
        let Keys::Fixed(keys) = credential.keys() else { panic!("fetched") };
        assert!(keys.len() == 2 && keys.has_kid("1") && keys.serves(Algorithm::HS256));
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, [format!("{PATH}.jwks: keys[2] is skipped: a JWK of an unsupported type ('kty')")]);
    }
}

#[test]
fn every_key_at_fault_is_named_by_its_place() {
    let weak = json!({"kty": "RSA", "n": "_w", "e": "AQAB"});
    let private = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AQAB"});
    let set = json!({"keys": [ed25519(), weak, 7, private]});
    let expected = "expected a key that can verify and is neither weak nor private";
    let lines = [
        format!("jwks.keys[1]: an RSA key of 8 bits; {expected}"),
        format!("jwks.keys[2]: a JWK that cannot be parsed; {expected}"),
        format!("jwks.keys[3]: a JWK with a private key; {expected}"),
    ];
    assert_eq!(faults(json!({"jwks": set})), lines);
    assert_eq!(faults(json!({"jwks": set.to_string()})), lines);
}

#[test]
fn a_set_without_a_key_that_can_be_used_is_a_fault() {
    let none = "jwks.keys: no usable key; expected";
    assert_eq!(faults(json!({"jwks": {"keys": []}})), [format!("{none} a key that can verify")]);
    assert_eq!(faults(json!({"jwks": {"keys": [{"kty": "x"}]}})), [format!("{none} a key that can verify")]);
    let other = json!({"algorithm": "RS256", "jwks": {"keys": [ed25519()]}});
    assert_eq!(faults(other), [format!("{none} one for RS256")]);
    assert_eq!(faults(json!({"jwks": 7})), ["jwks: a number; expected a JWK set"]);
    assert_eq!(faults(json!({"jwks": {}})), ["jwks: an object without a list 'keys'; expected a JWK set"]);
    assert_eq!(faults(json!({"jwks": "{"})), ["jwks: a text that is not JSON; expected a JWK set"]);
    let many = json!({"jwks": {"keys": vec![ed25519(); 101]}});
    assert_eq!(faults(many), ["jwks.keys: 101 keys; expected at most 100"]);
    let large = json!({"jwks": " ".repeat((512 << 10) + 1)});
    assert_eq!(faults(large), ["jwks: a text of 524289 bytes; expected at most 524288"]);
}

#[test]
fn keys_are_named_in_one_way() {
    let jwks = json!({"keys": [ed25519()]});
    let remote = json!({"uri": "https://a/jwks", "cluster": "a"});
    let none = |field: &str, name: &str| format!("{field}: present; expected none, because {name} names the keys");
    let all = json!({"jwks": jwks, "remote_jwks": remote, "discovery": remote, "secret": "s", "rsa_public_key": "k"});
    let others = ["remote_jwks", "discovery", "secret", "rsa_public_key"].map(|field| none(field, "jwks"));
    assert_eq!(faults(all), others);
    let two = json!({"remote_jwks": remote, "discovery": remote});
    assert_eq!(faults(two), [none("discovery", "remote_jwks")]);
    assert_eq!(faults(json!({"discovery": remote, "secret": "s"})), [none("secret", "discovery")]);
}

#[test]
fn a_source_has_its_defaults_and_takes_times_with_units() {
    let remote = |more: Json| {
        let mut remote = json!({"uri": "https://a/jwks", "cluster": "c"});
        more.as_object().unwrap().iter().for_each(|(name, value)| remote[name] = value.clone());
        remote
    };
    let Source { kind: _, uri, issuer, cluster, timeout, cache_duration, stale_duration, revoked_kids } =
        source(json!({"remote_jwks": remote(json!({}))}));
    assert_eq!((uri.as_str(), issuer, cluster.as_str()), ("https://a/jwks", None, "c"));
    assert!(revoked_kids.is_empty());
    let seconds = Duration::from_secs;
    assert_eq!((timeout, cache_duration, stale_duration), (seconds(5), seconds(600), seconds(24 * 3600)));
    let discovery = source(json!({"discovery": remote(json!({}))}));
    assert_eq!(discovery.issuer.as_ref().map(Issuer::as_str), Some("https://a.example.com"));

    for (value, expected) in [
        (json!("2s"), 2000),
        (json!("0.25s"), 250),
        (json!("1m"), 60_000),
        (json!(2.5), 2500),
        (json!("0.01h"), 36_000),
    ] {
        let source = source(json!({"remote_jwks": remote(json!({"timeout": value}))}));
        assert_eq!(source.timeout, Duration::from_millis(expected), "{value}");
    }
    for value in [
        json!("5"),
        json!("s"),
        json!("-1s"),
        json!("1e3s"),
        json!("infs"),
        json!("1.2.3s"),
        json!("0s"),
        json!("61s"),
        json!(0),
        json!(-1),
        json!(1e300),
        json!("5 s"),
        json!("NaNs"),
        json!(true),
        json!(""),
    ] {
        let lines = faults(json!({"remote_jwks": remote(json!({"timeout": value}))}));
        let expected = "expected a time such as \"5s\", \"10m\" or \"24h\", from 0.01s to 60s";
        assert!(
            lines.len() == 1 && lines[0].starts_with("remote_jwks.timeout: ") && lines[0].ends_with(expected),
            "{lines:?}"
        );
    }
    let short = remote(json!({"cache_duration": "1h", "stale_duration": "10m"}));
    let line = "remote_jwks.stale_duration: shorter than cache_duration; expected at least as long";
    assert_eq!(faults(json!({"remote_jwks": short})), [line]);
}

#[test]
fn a_source_at_fault_is_named_and_no_secret_of_its_uri_repeated() {
    let lines = faults(json!({"discovery": {"uri": "https://user:hunter2@a/", "clustre": 1, "timeout": []}}));
    assert_eq!(
        lines,
        [
            "discovery.clustre: an unknown field; expected one of uri, cluster, timeout, cache_duration, stale_duration, \
             revoked_kids",
            "discovery.uri: not an http or https URI that has a host and neither user nor fragment; expected one such as \
         https://auth.example.com/jwks.json",
            "discovery.cluster: missing; expected the name of the cluster that reaches the server",
            "discovery.timeout: a list; expected a time such as \"5s\", \"10m\" or \"24h\", from 0.01s to 60s",
        ]
    );
    assert_eq!(faults(json!({"remote_jwks": "https://a"})), ["remote_jwks: a string; expected an object"]);
    let symmetric = json!({"algorithm": "HS256", "remote_jwks": {"uri": "https://a/jwks", "cluster": "c"}});
    assert_eq!(
        faults(symmetric),
        ["algorithm: HS256; expected an algorithm with a public key, because issuers publish no secret"]
    );
}

/// The faults of a credential that discovers its keys, of a key and with an issuer.
fn faults_of_issuer(key: &str, issuer: Json) -> Vec<String> {
    let discovery = json!({"uri": "https://a/metadata", "cluster": "a"});
    let credential = json!({"key": key, "issuer": issuer, "discovery": discovery});
    let config = json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]}).to_string();
    let faults = Config::parse(config.as_bytes()).err().unwrap_or_default();
    faults.iter().map(|fault| fault.to_string().replace(&format!("{PATH}."), "")).collect()
}

#[test]
fn discovery_needs_an_issuer_that_metadata_can_name() {
    const ENTRA: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
    for (key, issuer) in [
        ("https://a.example.com", json!(null)),
        ("accounts.google.com", json!(null)),
        ("client-1", json!("https://a.example.com")),
        ("client-1", json!(ENTRA)),
        ("accounts.google.com", json!("https://accounts.google.com")),
    ] {
        assert_eq!(faults_of_issuer(key, issuer.clone()), [""; 0], "{key} {issuer}");
    }
    let missing = "issuer: missing, and key is not the name of an issuer; expected the issuer that the metadata name";
    for key in ["client-1", "a.example.com", ENTRA] {
        assert_eq!(faults_of_issuer(key, json!(null)), [missing], "{key}");
    }
    let wrong =
        "issuer: a text that is no URI; expected the issuer as its metadata name it, such as https://auth.example.com";
    assert_eq!(faults_of_issuer("k", json!("a.example.com")), [wrong]);
    let present = "issuer: present; expected none, because the keys are not found by discovery";
    for credential in [
        json!({"issuer": "https://a", "secret": "s"}),
        json!({"issuer": "https://a", "jwks": {"keys": [ed25519()]}}),
        json!({"issuer": "https://a", "remote_jwks": {"uri": "https://a", "cluster": "a"}}),
    ] {
        assert_eq!(faults(credential), [present]);
    }
}

#[test]
fn the_issuer_that_is_named_is_what_metadata_are_compared_with() {
    let discovery = json!({"uri": "https://a/metadata", "cluster": "a"});
    let named = source(json!({"issuer": "https://other.example.com", "discovery": discovery}));
    assert_eq!(named.issuer.as_ref().map(Issuer::as_str), Some("https://other.example.com"));
}

//! Tokens that are bound to a client's certificate (RFC 8705), without a proxy.

use crate::{
    hs256,
    support::{FakeRequest, SECRET, answer, authenticator},
};
use jwt_auth_filter::{
    config::Config,
    encoding::base64::{decode_standard, decode_url},
    reply::Reply,
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

const NOW: u64 = 1_700_000_000;

/// The certificate of RFC 8705 appendix A, in DER and base64, its SHA-256 hash in hexadecimal, and as the example's token has it.
const CERTIFICATE: &str = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOV\
    owDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9\
    WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5v\
    aUaKlLR50Q2DmFfQj1L+SY=";
const DIGEST: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
const THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
/// The hash of another certificate.
const OTHER: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

fn token(claims: &Json) -> String {
    hs256::signed(r#"{"alg":"HS256"}"#, claims, &decode_url(SECRET).unwrap())
}

fn bearing(cnf: Json) -> FakeRequest {
    let mut claims = json!({"iss": "joe"});
    if !cnf.is_null() {
        claims["cnf"] = cnf;
    }
    FakeRequest::get("/").with("authorization", format!("Bearer {}", token(&claims)))
}

fn bound() -> FakeRequest {
    bearing(json!({"x5t#S256": THUMBPRINT}))
}

fn showing(digest: &str, request: FakeRequest) -> FakeRequest {
    FakeRequest { peer_certificate_digest: Some(digest.to_owned()), ..request }
}

/// What a client is told; nothing if the request passes.
fn told(fields: &Json, request: &FakeRequest) -> Option<String> {
    let reply = answer(&authenticator(fields.clone()), request, NOW).err();
    reply.map(|Reply { status, body, www_authenticate, .. }| {
        assert_eq!(status, 401, "{body}");
        assert_eq!(www_authenticate.as_deref(), Some(r#"Bearer error="invalid_token""#));
        serde_json::from_str::<Json>(&body).unwrap()["message"].as_str().unwrap().to_owned()
    })
}

const NO_CERTIFICATE: Option<&str> = Some("No client certificate");
const WRONG_CERTIFICATE: Option<&str> = Some("Token is bound to another client certificate");
const UNUSABLE: Option<&str> = Some("Bad token; invalid cnf");
const UNBOUND: Option<&str> = Some("Token is not bound to its sender");
const NO_BEARER_TOKEN: Option<&str> = Some("Token is not a bearer token");

#[test]
fn the_hash_is_that_of_the_example() {
    let hash = Sha256::digest(decode_standard(CERTIFICATE).unwrap());
    assert_eq!(hash.iter().map(|octet| format!("{octet:02x}")).collect::<String>(), DIGEST);
}

#[test]
fn a_bound_token_passes_only_with_its_certificate() {
    for fields in [json!({}), json!({"sender_constraint": "if_bound"}), json!({"sender_constraint": "required"})] {
        let told = |request: FakeRequest| told(&fields, &request);
        assert_eq!(told(showing(DIGEST, bound())), None);
        assert_eq!(told(showing(&DIGEST.to_uppercase(), bound())), None);
        assert_eq!(told(bound()).as_deref(), NO_CERTIFICATE);
        for nothing in ["", "00", THUMBPRINT, &DIGEST[2..], &format!("{DIGEST}00")] {
            assert_eq!(told(showing(nothing, bound())).as_deref(), NO_CERTIFICATE, "{nothing}");
        }
        assert_eq!(told(showing(OTHER, bound())).as_deref(), WRONG_CERTIFICATE);
    }
}

#[test]
fn a_token_that_is_bound_to_something_unknown_is_refused() {
    for cnf in [
        json!({"x5t#S256": THUMBPRINT, "kid": "1"}),
        json!({"x5t#S256": [THUMBPRINT]}),
        json!({"x5t#S256": DIGEST}),
        json!({"x5t": THUMBPRINT}),
        json!({}),
        json!([]),
        json!("x5t#S256"),
        json!(true),
    ] {
        assert_eq!(told(&json!({}), &showing(DIGEST, bearing(cnf.clone()))).as_deref(), UNUSABLE, "{cnf}");
        assert_eq!(told(&json!({"sender_constraint": "off"}), &bearing(cnf)), None);
    }
    // `null` is no object either; a `cnf` that is not there is something else.
    let null =
        FakeRequest::get("/").with("authorization", format!("Bearer {}", token(&json!({"iss": "joe", "cnf": null}))));
    assert_eq!(told(&json!({}), &null).as_deref(), UNUSABLE);
}

#[test]
fn every_member_of_cnf_must_be_shown() {
    let both = || bearing(json!({"x5t#S256": THUMBPRINT, "jkt": THUMBPRINT}));
    assert_eq!(told(&json!({}), &both()).as_deref(), NO_BEARER_TOKEN);
    assert_eq!(told(&json!({}), &showing(DIGEST, both())).as_deref(), NO_BEARER_TOKEN);
    let key = bearing(json!({"jkt": THUMBPRINT}));
    assert_eq!(told(&json!({}), &showing(DIGEST, key)).as_deref(), NO_BEARER_TOKEN);
}

#[test]
fn a_token_that_is_bound_to_nothing_passes_unless_that_is_required() {
    let unbound = || bearing(Json::Null);
    assert_eq!(told(&json!({}), &unbound()), None);
    assert_eq!(told(&json!({"sender_constraint": "off"}), &unbound()), None);
    let required = json!({"sender_constraint": "required"});
    assert_eq!(told(&required, &showing(DIGEST, unbound())).as_deref(), UNBOUND);
}

#[test]
fn cnf_cannot_be_taken_away() {
    let bound = token(&json!({"iss": "joe", "cnf": {"x5t#S256": THUMBPRINT}}));
    let unbound = token(&json!({"iss": "joe"}));
    let payload = unbound.split('.').nth(1).unwrap();
    let (header, signature) = (bound.split('.').next().unwrap(), bound.rsplit('.').next().unwrap());
    let request = FakeRequest::get("/").with("authorization", format!("Bearer {header}.{payload}.{signature}"));
    assert_eq!(told(&json!({}), &request).as_deref(), Some("Invalid signature"));
}

#[test]
fn a_remembered_token_is_still_bound() {
    let authenticator = authenticator(json!({}));
    let passes = |request: FakeRequest| answer(&authenticator, &request, NOW).is_ok();
    assert!(passes(showing(DIGEST, bound())));
    assert_eq!(authenticator.cache_use().misses, 1);
    assert!(!passes(bound()) && !passes(showing(OTHER, bound())) && passes(showing(DIGEST, bound())));
    assert_eq!(authenticator.cache_use().misses, 1, "all but the first are remembered");
}

#[test]
fn the_host_is_asked_for_a_certificate_only_if_a_token_is_bound_to_one() {
    let asked = |fields: Json, request: FakeRequest| {
        _ = answer(&authenticator(fields), &request, NOW);
        request.asked_for_certificate.get()
    };
    assert_eq!(asked(json!({}), bearing(Json::Null)), 0);
    assert_eq!(asked(json!({"sender_constraint": "off"}), bound()), 0);
    assert_eq!(asked(json!({"client_certificate_from": "client-cert"}), bound()), 0);
    assert_eq!(asked(json!({}), bound()), 1);
}

#[test]
fn a_certificate_in_a_header_counts_only_where_the_configuration_names_it() {
    let rfc_9440 = format!(":{CERTIFICATE}:");
    let forwarded = format!("By=spiffe://a/b;Hash={DIGEST};Subject=\"CN=a\"");
    let with_both = || bound().with("client-cert", &rfc_9440).with("x-forwarded-client-cert", &forwarded);
    let from = |name: &str| json!({"client_certificate_from": name});
    assert_eq!(told(&json!({}), &with_both()).as_deref(), NO_CERTIFICATE, "a client may have written them");
    assert_eq!(told(&from("client-cert"), &bound().with("client-cert", &rfc_9440)), None);
    assert_eq!(told(&from("x-forwarded-client-cert"), &bound().with("x-forwarded-client-cert", &forwarded)), None);
    // The connection is that of the proxy in front.
    assert_eq!(told(&from("client-cert"), &showing(DIGEST, bound())).as_deref(), NO_CERTIFICATE);
    // Nobody knows which of several elements a proxy wrote.
    let other = format!("Hash={OTHER}");
    let both = |first: &str, second: &str| {
        let in_one = bound().with("x-forwarded-client-cert", format!("{first},{second}"));
        [in_one, bound().with("x-forwarded-client-cert", first).with("x-forwarded-client-cert", second)]
    };
    for request in both(&forwarded, &other).into_iter().chain(both(&other, &forwarded)) {
        assert_eq!(told(&from("x-forwarded-client-cert"), &request).as_deref(), NO_CERTIFICATE);
    }
    let twice = bound().with("client-cert", &rfc_9440).with("client-cert", &rfc_9440);
    assert_eq!(told(&from("client-cert"), &twice).as_deref(), NO_CERTIFICATE);
    assert_eq!(told(&from("client-cert"), &bound().with("client-cert", ":AQAB:")).as_deref(), WRONG_CERTIFICATE);
}

#[test]
fn a_rule_may_demand_more_or_less() {
    let fields = json!({"sender_constraint": "required", "rules": [
        {"routes": ["open"], "sender_constraint": "off"},
        {"routes": ["usual"], "sender_constraint": null},
        {"routes": ["header"], "client_certificate_from": "x-forwarded-client-cert"},
    ]});
    let on = |route: &str, request: FakeRequest| told(&fields, &request.on(route, "c"));
    assert_eq!(on("other", bearing(Json::Null)).as_deref(), UNBOUND);
    assert_eq!(on("header", bearing(Json::Null)).as_deref(), UNBOUND);
    assert_eq!(on("usual", bearing(Json::Null)), None);
    assert_eq!(on("usual", bound()).as_deref(), NO_CERTIFICATE);
    assert_eq!(on("open", bound()), None);
    assert_eq!(on("header", bound().with("x-forwarded-client-cert", format!("Hash={DIGEST}"))), None);
}

#[test]
fn words_that_are_none_are_faults() {
    for (config, fault) in [
        (r#"{"sender_constraint": "on"}"#, r#"sender_constraint: "on"; expected one of off, if_bound, required"#),
        (r#"{"sender_constraint": true}"#, "sender_constraint: true; expected a string"),
        (
            r#"{"rules": [{"routes": ["r"], "client_certificate_from": "X-Client-Cert"}]}"#,
            "rules[0].client_certificate_from: another word; expected one of connection, client-cert, \
             x-forwarded-client-cert",
        ),
    ] {
        let faults = Config::parse(config.as_bytes()).unwrap_err();
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [fault]);
    }
}

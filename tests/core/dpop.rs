//! Proofs of possession (DPoP, RFC 9449), without a proxy. `dpop/make.py` made the proofs.

use std::sync::{Arc, LazyLock};

use crate::{
    hs256,
    support::{FakeRequest, SECRET, answer, authenticator as without_memory},
};
use jwt_auth_filter::{
    authenticate::Authenticator,
    config::Config,
    crypto::{Algorithm, BuiltIn},
    encoding::base64::{decode_url, encode_url},
    reply::Reply,
    request::{Protocol, Scheme},
    sender::{
        Binding, CertificateSource, Checker, Confirmation, DpopPolicy, Nonces, Origin, Presented, ProcessMemory,
        ProcessMemoryShare, SenderConstraint, SenderFault, SenderPolicy,
    },
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

const NOW: u64 = 1_700_000_000;

static MADE: LazyLock<Json> = LazyLock::new(|| serde_json::from_str(include_str!("dpop/proofs.json")).unwrap());

fn made(name: &str) -> &'static str {
    MADE[name].as_str().unwrap()
}

fn proof(name: &str) -> &'static str {
    MADE["proofs"][name].as_str().unwrap_or_else(|| panic!("no proof {name:?}"))
}

fn memory() -> ProcessMemoryShare {
    ProcessMemoryShare::new(Arc::new(ProcessMemory::new(7)), 1 << 17)
}

/// With a memory of its own.
fn authenticator(fields: &Json) -> Authenticator<BuiltIn> {
    without_memory(fields.clone()).remembering(memory())
}

fn usual() -> Json {
    json!({"dpop": {}})
}

/// `GET https://api.example.com/orders?id=1` without a token.
fn get() -> FakeRequest {
    FakeRequest::get("/orders?id=1").with(":scheme", "https").with(":authority", "api.example.com")
}

/// The same with the token that is bound to the key of the proofs.
fn presenting(proof: &str) -> FakeRequest {
    with_token().with("dpop", proof)
}

fn with_token() -> FakeRequest {
    get().with("authorization", format!("DPoP {}", made("token")))
}

/// What a client is told; nothing if the request passes.
fn told_by(authenticator: &Authenticator<BuiltIn>, request: &FakeRequest, now: u64) -> Option<String> {
    let reply = answer(authenticator, request, now).err()?;
    Some(serde_json::from_str::<Json>(&reply.body).unwrap()["message"].as_str().unwrap().to_owned())
}

fn told(request: &FakeRequest) -> Option<String> {
    told_by(&authenticator(&usual()), request, NOW)
}

fn passes(name: &str) {
    assert_eq!(told(&presenting(proof(name))), None, "{name}");
}

fn is_refused(name: &str, fault: &str) {
    assert_eq!(told(&presenting(proof(name))), Some(format!("Invalid DPoP proof; {fault}")), "{name}");
}

fn are_refused<const N: usize>(names: [&str; N], fault: &str) {
    names.into_iter().for_each(|name| is_refused(name, fault));
}

// --- RFC 9449 §4.3, one test for each line of its list

#[test]
fn line_1_there_is_not_more_than_one_header() {
    passes("good");
    assert_eq!(told(&with_token()).as_deref(), Some("Invalid DPoP proof; it is missing"));
    let [one, other] = ["good", "good, later"].map(proof);
    for (one, other) in [(one, other), (one, one)] {
        let two = presenting(one).with("dpop", other);
        assert_eq!(told(&two).as_deref(), Some("Invalid DPoP proof; there are several"));
        assert!(told(&presenting(&format!("{one},{other}"))).is_some(), "a host may have joined them");
    }
}

#[test]
fn line_2_the_header_is_one_well_formed_jwt() {
    is_refused("two parts", "not three parts separated by dots");
    is_refused("no base64url", "the payload is not base64url");
    are_refused(["claims are a list", "a claim twice"], "the payload is not a JSON object with distinct members");
    for text in ["", "a.b", "e30.e30.", &format!("\"{}\"", proof("good"))] {
        assert!(told(&presenting(text)).unwrap().starts_with("Invalid DPoP proof; "), "{text}");
    }
    let of = |length| told(&presenting(&"a".repeat(length)));
    assert_eq!(of(DpopPolicy::MAX_BYTES + 1).as_deref(), Some("Invalid DPoP proof; it is too long"));
    assert_eq!(of(DpopPolicy::MAX_BYTES).as_deref(), Some("Invalid DPoP proof; not three parts separated by dots"));
}

#[test]
fn line_3_all_claims_are_there() {
    for name in ["typ", "alg", "jwk", "jti", "htm", "htu", "iat", "ath"] {
        is_refused(&format!("no {name}"), &format!("invalid {name}"));
    }
    are_refused(["jti 7", "jti ", "jti None"], "invalid jti");
    is_refused("htm ['GET']", "invalid htm");
    is_refused("htu 7", "invalid htu");
    are_refused(["iat 1700000000", "iat None"], "invalid iat");
    is_refused("ath 7", "invalid ath");
}

#[test]
fn line_4_typ_is_that_of_a_proof() {
    are_refused(["typ JWT", "typ at+jwt", "typ DPOP+JWT", "typ application/dpop+jwt", "typ 7", "typ "], "invalid typ");
    is_refused("crit", "invalid crit");
    is_refused("b64", "invalid b64");
}

#[test]
fn line_5_alg_is_asymmetric_and_allowed() {
    are_refused(["alg none", "alg HS256 with its secret", "alg HS256 with the public key", "alg ES384"], "invalid alg");
    is_refused("alg of another key", "invalid jwk");
    let only = |algorithms: Json| authenticator(&json!({"dpop": {"algorithms": algorithms}}));
    assert_eq!(told_by(&only(json!(["ES256"])), &presenting(proof("good")), NOW), None);
    let others = only(json!(["PS256", "EdDSA"]));
    assert_eq!(told_by(&others, &presenting(proof("good")), NOW).as_deref(), Some("Invalid DPoP proof; invalid alg"));
}

#[test]
fn line_5_every_algorithm_can_be_allowed() {
    for (name, [token, proof]) in [
        ("ES384", "ES384"),
        ("ES512", "ES512"),
        ("PS256", "PS256"),
        ("RS256", "RS256"),
        ("Ed25519", "EdDSA"),
        ("Ed448", "EdDSA"),
        ("ML-DSA-44", "ML-DSA-44"),
    ]
    .map(|(name, algorithm)| ((name, algorithm), [0, 1].map(|at| MADE["by_algorithm"][name][at].as_str().unwrap())))
    {
        let (name, algorithm) = name;
        let request = get().with("authorization", format!("DPoP {token}")).with("dpop", proof);
        let allowing = authenticator(&json!({"dpop": {"algorithms": [algorithm]}}));
        assert_eq!(told_by(&allowing, &request, NOW), None, "{name}");
    }
}

#[test]
fn line_6_the_signature_is_that_of_the_key_in_the_header() {
    are_refused(["signed by another key", "changed", "signature in DER", "no signature"], "invalid signature");
}

#[test]
fn line_7_the_key_in_the_header_is_public() {
    are_refused(["private jwk", "symmetric jwk", "jwk as text", "jwk without y"], "invalid jwk");
}

#[test]
fn line_8_htm_is_the_method() {
    are_refused(["htm POST", "htm get", "htm GET ", "htm "], "invalid htm");
    let post = FakeRequest { method: "POST".to_owned(), ..presenting(proof("htm POST")) };
    assert_eq!(told(&post), None);
}

#[test]
fn line_9_htu_is_the_uri_without_query_and_fragment() {
    passes("htu HTTPS://API.example.com:443/orders?a=b#c");
    passes("htu https://api.example.com/%6Frders");
    are_refused(
        [
            "htu http://api.example.com/orders",
            "htu https://api.example.com:8443/orders",
            "htu https://other.example.com/orders",
            "htu https://api.example.com/orders/",
            "htu https://api.example.com/Orders",
            "htu https://api.example.com/other",
            "htu https://u@api.example.com/orders",
            "htu /orders",
            "htu ",
        ],
        "invalid htu",
    );
}

#[test]
fn line_9_the_origin_is_the_configured_one_if_there_is_one() {
    let behind_a_proxy = |proof| {
        FakeRequest::get("/orders")
            .with(":scheme", "http")
            .with(":authority", "internal:8080")
            .with("authorization", format!("DPoP {}", made("token")))
            .with("dpop", proof)
    };
    let configured = || authenticator(&json!({"dpop": {"origin": "https://API.example.com/"}}));
    assert_eq!(told_by(&configured(), &behind_a_proxy(proof("good")), NOW), None);
    assert!(told_by(&configured(), &behind_a_proxy(proof("htu https://internal:8080/orders")), NOW).is_some());
    assert!(told(&behind_a_proxy(proof("good"))).is_some());
    // Without an origin, whoever sends the request names it.
    assert_eq!(told(&FakeRequest { headers: presenting(proof("good")).headers, ..behind_a_proxy("") }), None);
}

#[test]
fn line_10_the_nonce_is_one_that_was_given_out() {
    const NONCE_SECRET: &str = "0123456789abcdef0123456789abcdef";
    let fields =
        json!({"realm": "r", "dpop": {"nonce_secret": NONCE_SECRET, "nonce_lifetime": "60s", "algorithms": ["ES256"]}});
    for name in ["good", "nonce ", "nonce 7", "nonce made up"] {
        let reply = answer(&authenticator(&fields), &presenting(proof(name)), NOW).unwrap_err();
        assert_eq!((reply.status, reply.body.as_str()), (401, r#"{"message":"DPoP proof needs a nonce"}"#));
        let challenge = r#"Bearer realm="r", DPoP realm="r", error="use_dpop_nonce", algs="ES256""#;
        assert_eq!(reply.www_authenticate.as_deref(), Some(challenge));
        let nonce = reply.dpop_nonce.clone().unwrap();
        assert!(reply.headers(Protocol::Http).contains(&("dpop-nonce", nonce.as_ref().into())));
        assert_eq!(*nonce, *Nonces::new(NONCE_SECRET.as_bytes(), 60).make(NOW), "all proxies give the same");
    }
    // Whoever needs one is told so also where all others would be nobody in particular.
    let mut open = fields.clone();
    open["anonymous"] = json!("nobody");
    let reply = answer(&authenticator(&open), &presenting(proof("good")), NOW).unwrap_err();
    assert!(reply.dpop_nonce.is_some());
    // Whoever hides the reasons must tell this one.
    let mut hiding = fields.clone();
    hiding["response"] = json!({"detail": false});
    let reply = answer(&authenticator(&hiding), &presenting(proof("good")), NOW).unwrap_err();
    assert!(reply.dpop_nonce.is_some() && reply.www_authenticate.unwrap().contains("use_dpop_nonce"));
    let reply = answer(&authenticator(&hiding), &presenting(proof("no ath")), NOW).unwrap_err();
    assert!(reply.dpop_nonce.is_none() && !reply.www_authenticate.unwrap().contains("error"));
}

#[test]
fn line_11_iat_is_within_the_window() {
    ["iat -60", "iat -1", "iat +1", "iat +60"].into_iter().for_each(passes);
    are_refused(["iat -61", "iat +61", "iat 1e400"], "invalid iat");
    let short = || authenticator(&json!({"dpop": {"window": "30s"}}));
    assert_eq!(told_by(&short(), &presenting(proof("good")), NOW + 30), None);
    assert!(told_by(&short(), &presenting(proof("good")), NOW + 31).is_some());
}

#[test]
fn line_12_the_proof_is_for_this_token_and_of_its_key() {
    is_refused("for another token", "invalid ath");
    is_refused("of another key", "the token is bound to another key");
}

#[test]
fn a_proof_is_good_once_until_its_time_is_up() {
    let authenticator = authenticator(&usual());
    let told = |name: &str, now| told_by(&authenticator, &presenting(proof(name)), now);
    assert_eq!(told("good", NOW), None);
    for now in [NOW, NOW + 1, NOW + 60] {
        assert_eq!(told("good", now).as_deref(), Some("DPoP proof was used before"));
    }
    assert_eq!(told("good, later", NOW), None);
    assert_eq!(told("good", NOW + 61).as_deref(), Some("Invalid DPoP proof; invalid iat"));
    // A proof for another path or query is another proof; the query is in no proof.
    let other_query = FakeRequest { path: b"/orders?id=2".to_vec(), ..presenting(proof("good, later")) };
    assert_eq!(told_by(&authenticator, &other_query, NOW).as_deref(), Some("DPoP proof was used before"));
}

#[test]
fn a_proof_from_the_future_is_remembered_for_longer() {
    let authenticator = authenticator(&usual());
    assert_eq!(told_by(&authenticator, &presenting(proof("iat +60")), NOW), None);
    let again = told_by(&authenticator, &presenting(proof("iat +60")), NOW + 120);
    assert_eq!(again.as_deref(), Some("DPoP proof was used before"));
}

#[test]
fn jti_is_bounded() {
    passes("jti of 256 bytes");
    is_refused("jti of 257 bytes", "invalid jti");
}

#[test]
fn a_proof_that_is_refused_is_not_used_up() {
    let authenticator = authenticator(&usual());
    let signed_by_another = presenting(proof("signed by another key"));
    assert!(told_by(&authenticator, &signed_by_another, NOW).is_some());
    assert_eq!(told_by(&authenticator, &presenting(proof("good")), NOW), None, "it has the same jti");
}

#[test]
fn without_a_memory_no_proof_is_taken() {
    let reply = answer(&without_memory(usual()), &presenting(proof("good")), NOW).unwrap_err();
    let told = (reply.status, reply.body.as_str(), reply.www_authenticate, reply.retry_after);
    assert_eq!(told, (503, r#"{"message":"DPoP proof cannot be checked now"}"#, None, Some(1)));
}

// --- Schemes and challenges

#[test]
fn a_bound_token_is_no_bearer_token_and_an_unbound_one_no_dpop_token() {
    let bearer = |token: &str| get().with("authorization", format!("Bearer {token}")).with("dpop", proof("good"));
    assert_eq!(told(&bearer(made("token"))).as_deref(), Some("Token is not a bearer token"));
    assert_eq!(told(&bearer(made("unbound"))), None);
    let unbound = get().with("authorization", format!("DPoP {}", made("unbound"))).with("dpop", proof("good"));
    assert_eq!(told(&unbound).as_deref(), Some("Token is not a DPoP token"));
    // In query and cookie no scheme stands before it.
    for request in [
        FakeRequest { path: format!("/orders?jwt={}", made("token")).into(), ..get() },
        get().with("cookie", format!("t={}", made("token"))),
        get().with("x-raw", made("token")),
    ] {
        let fields = json!({"dpop": {}, "cookie_names": ["t"], "token_headers": [{"name": "x-raw"}]});
        let told = told_by(&authenticator(&fields), &request.with("dpop", proof("good")), NOW);
        assert_eq!(told.as_deref(), Some("Token is not a bearer token"));
    }
    // The same token under both schemes would be two uses.
    let both = FakeRequest { path: format!("/orders?jwt={}", made("token")).into(), ..presenting(proof("good")) };
    assert_eq!(told(&both).as_deref(), Some("Multiple tokens provided"));
}

#[test]
fn the_scheme_is_taken_only_where_the_policy_takes_proofs() {
    for scheme in ["dpop", "DPOP", "DPoP"] {
        let request = get().with("authorization", format!("{scheme} {}", made("token"))).with("dpop", proof("good"));
        assert_eq!(told(&request), None, "{scheme}");
    }
    for fields in [json!({}), json!({"dpop": {}, "sender_constraint": "off"}), json!({"dpop": null})] {
        let reply = answer(&authenticator(&fields), &presenting(proof("good")), NOW).unwrap_err();
        assert_eq!(reply.body, r#"{"message":"Unauthorized"}"#, "{fields}");
        assert_eq!(reply.www_authenticate.as_deref(), Some("Bearer"));
    }
    let fields =
        json!({"dpop": {}, "rules": [{"routes": ["r"], "dpop": null}, {"routes": ["s"], "sender_constraint": "off"}]});
    let on = |route: &str| told_by(&authenticator(&fields), &presenting(proof("good")).on(route, "c"), NOW);
    assert_eq!(on("other"), None);
    assert_eq!(on("r").as_deref(), Some("Unauthorized"));
    assert_eq!(on("s").as_deref(), Some("Unauthorized"));
}

#[test]
fn both_schemes_are_offered_and_an_error_of_a_proof_is_dpops() {
    let algs = r#"algs="ES256 PS256 RS256 EdDSA Ed25519""#;
    let challenge = |request: &FakeRequest| {
        let Reply { www_authenticate, .. } = answer(&authenticator(&usual()), request, NOW).unwrap_err();
        www_authenticate.unwrap()
    };
    assert_eq!(challenge(&get()), format!("Bearer, DPoP {algs}"));
    let invalid_token = format!(r#"Bearer error="invalid_token", DPoP error="invalid_token", {algs}"#);
    assert_eq!(challenge(&get().with("authorization", format!("Bearer {}", made("token")))), invalid_token);
    assert_eq!(challenge(&get().with("authorization", "DPoP a.b.c")), invalid_token);
    let invalid_proof = format!(r#"Bearer, DPoP error="invalid_dpop_proof", {algs}"#);
    assert_eq!(challenge(&presenting("a.b.c")), invalid_proof);
    assert_eq!(challenge(&with_token()), invalid_proof);
    let scope = json!({"dpop": {"algorithms": ["ES256"]}, "required_claims": [{"claim": "scope", "all_of": ["a"]}]});
    let reply = answer(&authenticator(&scope), &presenting(proof("good")), NOW).unwrap_err();
    let insufficient = r#"error="insufficient_scope", scope="a""#;
    let expected = format!(r#"Bearer {insufficient}, DPoP {insufficient}, algs="ES256""#);
    assert_eq!((reply.status, reply.www_authenticate.unwrap()), (403, expected));
}

#[test]
fn a_token_may_be_bound_to_both_and_must_be_if_that_is_required() {
    let required = json!({"dpop": {}, "sender_constraint": "required"});
    assert_eq!(told_by(&authenticator(&required), &presenting(proof("good")), NOW), None);
    let unbound = get().with("authorization", format!("DPoP {}", made("unbound"))).with("dpop", proof("good"));
    let told = told_by(&authenticator(&required), &unbound, NOW);
    assert_eq!(told.as_deref(), Some("Token is not bound to its sender"));
}

#[test]
fn proof_and_token_are_hidden_together() {
    let hiding = authenticator(&json!({"dpop": {}, "hide_credentials": true}));
    let upstream = answer(&hiding, &presenting(proof("good")), NOW).unwrap();
    assert!(!upstream.headers.contains_key("authorization") && !upstream.headers.contains_key("dpop"));
    assert!(hiding.config().hidden_headers().any(|name| name == "dpop"), "in trailers");
    let upstream = answer(&authenticator(&usual()), &presenting(proof("good")), NOW).unwrap();
    assert_eq!(upstream.text("dpop").as_deref(), Some(proof("good")));
    // Where proofs are not taken, the header is none of the filter's.
    let without = authenticator(&json!({"hide_credentials": true}));
    let bearer = get().with("authorization", format!("Bearer {}", made("unbound"))).with("dpop", "x");
    assert_eq!(answer(&without, &bearer, NOW).unwrap().text("dpop").as_deref(), Some("x"));
}

#[test]
fn a_remembered_token_still_needs_its_proof() {
    let authenticator = authenticator(&usual());
    assert_eq!(told_by(&authenticator, &presenting(proof("good")), NOW), None);
    for request in [with_token(), presenting(proof("good")), presenting(proof("signed by another key"))] {
        assert!(told_by(&authenticator, &request, NOW).is_some());
    }
    assert_eq!(told_by(&authenticator, &presenting(proof("good, later")), NOW), None);
    assert_eq!(authenticator.cache_use().misses, 1, "all but the first are remembered");
}

#[test]
fn a_request_that_is_refused_has_not_used_its_proof() {
    let memory = Arc::new(ProcessMemory::new(7));
    let with = |fields: Json| {
        let share = ProcessMemoryShare::new(Arc::clone(&memory), 1 << 17);
        let mut all = usual();
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        answer(&without_memory(all).remembering(share), &presenting(proof("good")), NOW).err().map(|reply| reply.body)
    };
    let used = r#"{"message":"DPoP proof was used before"}"#;
    for fields in [
        json!({"token_types": ["other"]}),
        json!({"require": ["other"]}),
        json!({"audiences": ["other"]}),
        json!({"deny": ["joe"]}),
        json!({"subjects": ["other"]}),
        json!({"required_claims": [{"claim": "other", "present": true}]}),
        json!({"revoked": [{"credential": "joe"}]}),
    ] {
        let message = with(fields.clone());
        assert!(message.is_some_and(|it| it != used), "{fields}");
    }
    assert_eq!(with(json!({})), None);
    assert_eq!(with(json!({})).as_deref(), Some(used));
}

#[test]
fn a_proof_that_was_used_is_not_good_again_where_a_longer_window_holds() {
    let rules = json!([{"routes": ["patient"], "dpop": {"window": "10m"}}]);
    let authenticator = authenticator(&json!({"dpop": {"window": "30s"}, "rules": rules}));
    let patient = || presenting(proof("good")).on("patient", "any");
    assert_eq!(told_by(&authenticator, &presenting(proof("good")), NOW), None);
    for now in [NOW, NOW + 31, NOW + 599] {
        let told = told_by(&authenticator, &patient(), now);
        assert_eq!(told.as_deref(), Some("DPoP proof was used before"), "{now}");
    }
}

#[test]
fn a_configuration_that_cannot_be_followed_is_refused() {
    let faults = |fields: Json| {
        let faults = Config::parse(fields.to_string().as_bytes()).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (dpop, fault) in [
        (json!(true), "dpop: true; expected an object"),
        (json!({"algorithms": []}), "dpop.algorithms: an empty list; expected at least one item"),
        (
            json!({"algorithms": ["ES256", "HS256"]}),
            "dpop.algorithms[1]: HS256; expected an algorithm with a public key, because a proof brings its key along",
        ),
        (
            json!({"origin": "https://api.example.com/v1"}),
            "dpop.origin: a text that is none; expected scheme, host and port alone, such as https://api.example.com",
        ),
        (json!({"window": 0}), "dpop.window: a number that is not such a time; expected a time such as"),
        (json!({"window": "11m"}), "dpop.window: a string that is not such a time; expected a time such as"),
        (
            json!({"nonce_secret": "hush-hush"}),
            "dpop.nonce_secret: a text of 9 bytes; expected a secret of at least 32 bytes",
        ),
        (json!({"nonce_lifetime": 60}), "dpop.nonce_lifetime: set without nonce_secret; expected both, or neither"),
        (
            json!({"nonce": {}}),
            "dpop.nonce: an unknown field; expected one of algorithms, origin, window, nonce_secret",
        ),
    ] {
        let found = faults(json!({"dpop": dpop}));
        assert!(found.len() == 1 && found[0].starts_with(fault), "{found:?}");
        let found = faults(json!({"rules": [{"routes": ["r"], "dpop": dpop}]}));
        assert!(found.len() == 1 && found[0].starts_with(&format!("rules[0].{fault}")), "{found:?}");
    }
    let found = faults(json!({"max_dpop_proofs": 1_048_577}));
    assert_eq!(found, ["max_dpop_proofs: the number 1048577; expected a whole number from 0 to 1048576"]);
    let written = faults(json!({"dpop": {}, "forward_payload_header": "DPoP"}));
    assert!(written[0].starts_with("forward_payload_header: dpop, a header that may hold the token"), "{written:?}");
}

#[test]
fn where_there_is_no_room_for_proofs_they_are_refused_and_other_tokens_are_not() {
    let full = without_memory(usual()).remembering(ProcessMemoryShare::new(Arc::new(ProcessMemory::new(7)), 0));
    let reply = answer(&full, &presenting(proof("good")), NOW).unwrap_err();
    assert_eq!((reply.status, reply.body.as_str()), (503, r#"{"message":"DPoP proof cannot be checked now"}"#));
    let bearer = get().with("authorization", format!("Bearer {}", made("unbound")));
    assert_eq!(told_by(&full, &bearer, NOW), None);
}

// --- The examples of RFC 9449

/// Figures 12 and 13 (§7.1): the request to a resource, whose token is no JWT.
#[test]
fn the_example_of_a_request_to_a_resource_is_valid() {
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUk\
        lDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI\
        6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9\
        wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFF\
        byJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const IAT: u64 = 1_562_262_618;

    let key = decode_url(JKT).unwrap().try_into().ok();
    let policy = SenderPolicy {
        constraint: SenderConstraint::Required,
        certificate_from: CertificateSource::Connection,
        dpop: Some(DpopPolicy {
            algorithms: [Algorithm::ES256].into(),
            origin: Origin::parse("https://resource.example.org"),
            window: 60,
            nonces: None,
        }),
    };
    let memory = memory();
    let check = |path: &str, token: &str, at| {
        let request = FakeRequest::get(path).with("dpop", PROOF);
        let presented = Presented { request: &request, token: token.as_bytes(), scheme: Scheme::Dpop, at };
        let checker = Checker { verifier: &BuiltIn, memory: &memory, longest_window: 60 };
        let binding = Binding::To(Arc::new(Confirmation { certificate: None, key }));
        let proof = policy.check(&binding, &presented, &checker).map_err(|fault| fault.to_string())?;
        proof.unwrap().spend(&checker, at).map_err(|fault| fault.to_string())
    };
    let refused = |what: &str| Err(format!("Invalid DPoP proof; invalid {what}"));
    assert_eq!(check("/other", TOKEN, IAT), refused("htu"));
    assert_eq!(check("/protectedresource", "another", IAT), refused("ath"));
    assert_eq!(check("/protectedresource", TOKEN, IAT + 61), refused("iat"));
    assert_eq!(check("/protectedresource", TOKEN, IAT), Ok(()));
    assert_eq!(check("/protectedresource", TOKEN, IAT), Err(SenderFault::Replayed.to_string()));
}

#[test]
fn a_key_that_costs_too_much_is_not_tried() {
    for (bits, fault) in
        [(2048, "invalid htm"), (7168, "invalid htm"), (7176, "its key is too large"), (8192, "its key is too large")]
    {
        let modulus = encode_url(vec![0xff; bits / 8]);
        let thumbprint = encode_url(Sha256::digest(format!(r#"{{"e":"AQAB","kty":"RSA","n":"{modulus}"}}"#)));
        let claims = json!({"iss": "joe", "cnf": {"jkt": thumbprint}});
        let token = hs256::signed(r#"{"alg":"HS256"}"#, &claims, &decode_url(SECRET).unwrap());
        let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": {"kty": "RSA", "n": modulus, "e": "AQAB"}});
        let proof = [header.to_string().as_str(), r#"{"jti":"1"}"#, "signature"].map(encode_url).join(".");
        let request = get().with("authorization", format!("DPoP {token}")).with("dpop", proof);
        assert_eq!(told(&request), Some(format!("Invalid DPoP proof; {fault}")), "{bits}");
    }
}

//! The decision as a whole, without a proxy: a request and a time in, an answer or the upstream's headers out.

use crate::support::{EXP, FakeRequest, TOKEN, answer, authenticator};
use jwt_auth_filter::{authenticate::Outcome, upstream::identity};
use proptest::prelude::*;
use serde_json::json;

/// The message of the answer that refuses a request.
fn refusal(fields: serde_json::Value, request: FakeRequest) -> String {
    answer(&authenticator(fields), &request, EXP - 1).unwrap_err().body
}

/// Whether the request goes upstream as joe's.
fn is_joe(fields: serde_json::Value, request: FakeRequest) -> bool {
    let upstream = answer(&authenticator(fields), &request, EXP - 1);
    upstream.is_ok_and(|upstream| upstream.text("x-consumer-username").as_deref() == Some("joe"))
}

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const MULTIPLE: &str = r#"{"message":"Multiple tokens provided"}"#;

#[test]
fn a_valid_token_tells_the_upstream_who_calls() {
    let upstream = answer(&authenticator(json!({})), &FakeRequest::with_token(), EXP - 1).unwrap();
    assert_eq!(upstream.text("X-Consumer-ID").as_deref(), Some("1"));
    assert_eq!(upstream.text("X-Consumer-Custom-ID").as_deref(), Some("one"));
    assert_eq!(upstream.text("X-Consumer-Username").as_deref(), Some("joe"));
    assert_eq!(upstream.text("X-Credential-Identifier").as_deref(), Some("joe"));
    assert_eq!(upstream.text("X-Anonymous-Consumer"), None);
    assert_eq!(upstream.text("authorization").unwrap(), format!("Bearer {TOKEN}"));
}

#[test]
fn a_token_is_found_in_header_query_and_cookie() {
    let bearer = |value: &str| FakeRequest::get("/").with("authorization", value);
    for value in
        [format!("Bearer {TOKEN}"), format!("bearer {TOKEN}"), format!("BEARER\t {TOKEN} "), format!(" Bearer {TOKEN}")]
    {
        assert!(is_joe(json!({}), bearer(&value)), "{value}");
    }
    for value in ["Bearer", "Bearer ", "Basic dTpw", &format!("Bearer{TOKEN}"), TOKEN, &format!("x Bearer {TOKEN}"), ""]
    {
        assert_eq!(refusal(json!({}), bearer(value)), UNAUTHORIZED, "{value}");
    }

    let escaped = TOKEN.replace('.', "%2E");
    for path in [
        format!("/?jwt={TOKEN}"),
        format!("/a?x=1&jwt={TOKEN}&y"),
        format!("/?jwt={escaped}"),
        format!("/?%6Awt={TOKEN}"),
        format!("/?jwt=&jwt={TOKEN}&jwt"),
        format!("/?jwt={TOKEN}&jwt={TOKEN}"),
    ] {
        assert!(is_joe(json!({}), FakeRequest::get(&path)), "{path}");
    }
    for path in [format!("/jwt={TOKEN}"), format!("/?JWT={TOKEN}"), "/?jwt=".to_owned(), "/?jwt".to_owned()] {
        assert_eq!(refusal(json!({}), FakeRequest::get(&path)), UNAUTHORIZED, "{path}");
    }

    let cookie = |value: &str| FakeRequest::get("/").with("cookie", value);
    let names = json!({"cookie_names": ["t"]});
    for value in [format!("t={TOKEN}"), format!("a=b; t={TOKEN};c"), format!("a;t={TOKEN}; t={TOKEN}")] {
        assert!(is_joe(names.clone(), cookie(&value)), "{value}");
    }
    for value in [format!("T={TOKEN}"), format!("xt={TOKEN}"), "t=".to_owned(), "t".to_owned(), TOKEN.to_owned()] {
        assert_eq!(refusal(names.clone(), cookie(&value)), UNAUTHORIZED, "{value}");
    }
    assert_eq!(refusal(json!({}), cookie(&format!("t={TOKEN}"))), UNAUTHORIZED);
    assert!(is_joe(names, cookie("a=b").with("cookie", format!("t={TOKEN}"))));
}

#[test]
fn only_the_configured_places_are_looked_at() {
    let fields = json!({"header_names": ["X-Token"], "uri_param_names": [], "cookie_names": []});
    assert!(is_joe(fields.clone(), FakeRequest::get("/").with("x-token", format!("Bearer {TOKEN}"))));
    assert_eq!(refusal(fields.clone(), FakeRequest::with_token()), UNAUTHORIZED);
    assert_eq!(refusal(fields, FakeRequest::get(&format!("/?jwt={TOKEN}"))), UNAUTHORIZED);
}

#[test]
fn different_tokens_are_refused_and_the_same_one_twice_is_not() {
    let request = |query: &str| FakeRequest { path: format!("/?{query}").into(), ..FakeRequest::with_token() };
    assert!(is_joe(json!({}), request(&format!("jwt={TOKEN}"))));
    for query in ["jwt=other", "jwt=%ff", &format!("jwt={TOKEN}&jwt=other"), "jwt=a&jwt=b"] {
        assert_eq!(refusal(json!({}), request(query)), MULTIPLE, "{query}");
    }
}

#[test]
fn a_preflight_request_passes_only_where_the_policy_says_so() {
    let options = FakeRequest { method: "OPTIONS".to_owned(), ..FakeRequest::get("/") };
    let origin = options.clone().with("origin", "https://app.example.com");
    let preflight = origin.clone().with("access-control-request-method", "DELETE");
    let spoofed = preflight.clone().with("x-consumer-username", "joe").with("x-anonymous-consumer", "true");
    assert_eq!(refusal(json!({}), preflight), UNAUTHORIZED);

    let upstream = answer(&authenticator(json!({"run_on_preflight": false})), &spoofed, EXP - 1).unwrap();
    assert_eq!(upstream.headers.len(), 2);
    let other = options.clone().with("x-http-method-override", "DELETE");
    let asks = FakeRequest::get("/").with("origin", "https://a").with("access-control-request-method", "GET");
    for request in [FakeRequest::get("/"), options, origin, other, asks] {
        assert_eq!(refusal(json!({"run_on_preflight": false}), request), UNAUTHORIZED);
    }
}

#[test]
fn a_failure_passes_as_the_anonymous_consumer() {
    for name in ["nobody", "2"] {
        let spoofed = FakeRequest::get("/").with("x-credential-identifier", "joe").with("x-consumer-custom-id", "one");
        let upstream = answer(&authenticator(json!({"anonymous": name})), &spoofed, EXP - 1).unwrap();
        assert_eq!(upstream.text("X-Consumer-ID").as_deref(), Some("2"));
        assert_eq!(upstream.text("X-Consumer-Username").as_deref(), Some("nobody"));
        assert_eq!(upstream.text("X-Anonymous-Consumer").as_deref(), Some("true"));
        assert_eq!(upstream.text("X-Consumer-Custom-ID"), None);
        assert_eq!(upstream.text("X-Credential-Identifier"), None);
    }
    assert!(is_joe(json!({"anonymous": "nobody"}), FakeRequest::with_token()));
}

#[test]
fn the_challenge_names_the_realm_and_quotes_it() {
    let challenge = |fields, path: &str| {
        answer(&authenticator(fields), &FakeRequest::get(path), EXP - 1).unwrap_err().www_authenticate.unwrap()
    };
    assert_eq!(challenge(json!({}), "/"), "Bearer");
    assert_eq!(challenge(json!({}), "/?jwt=x"), r#"Bearer error="invalid_token""#);
    assert_eq!(challenge(json!({"realm": "api"}), "/"), r#"Bearer realm="api""#);
    assert_eq!(challenge(json!({"realm": "api"}), "/?jwt=x"), r#"Bearer realm="api", error="invalid_token""#);
    assert_eq!(challenge(json!({"realm": r#"a "b" \c"#}), "/"), r#"Bearer realm="a \"b\" \\c""#);
}

#[test]
fn a_claim_name_of_the_configuration_is_escaped_in_the_answer() {
    let body = refusal(json!({"key_claim_name": "a\"b"}), FakeRequest::with_token());
    assert_eq!(body, r#"{"message":"No mandatory 'a\"b' in claims"}"#);
}

#[test]
fn time_is_looked_at_only_where_the_policy_says_so() {
    let at = |fields, now| answer(&authenticator(fields), &FakeRequest::with_token(), now).map_err(|reply| reply.body);
    assert!(at(json!({}), EXP + 1).is_ok());
    assert!(at(json!({"claims_to_verify": ["exp"]}), EXP - 1).is_ok());
    let body = at(json!({"claims_to_verify": ["exp", "nbf"]}), EXP).unwrap_err();
    assert_eq!(body, r#"{"exp":"token expired","nbf":"must be a number"}"#);
    let capped = json!({"claims_to_verify": ["exp"], "maximum_expiration": 60});
    assert!(at(capped.clone(), EXP - 60).is_ok());
    assert_eq!(at(capped, EXP - 61).unwrap_err(), r#"{"exp":"exceeds maximum allowed expiration"}"#);
}

#[test]
fn a_denial_knows_the_consumer_and_never_repeats_the_token() {
    let authenticator = authenticator(json!({"claims_to_verify": ["exp"]}));
    let tampered = format!("{}A", &TOKEN[..TOKEN.len() - 1]);
    for (token, reason) in [(TOKEN, "exp: token expired"), (&tampered, "Invalid signature")] {
        let request = FakeRequest::get(&format!("/?jwt={token}"));
        let Outcome::Denied(denial) = authenticator.decide(&request, EXP).outcome else { panic!("not denied") };
        assert_eq!(denial.reason.to_string(), reason);
        assert_eq!(denial.consumer.unwrap().to_string(), r#""joe""#);
    }
}

#[test]
fn an_unknown_key_is_logged_escaped_and_cut_off() {
    // {"alg":"HS256"} and {"iss":"a\nb" + 200 times "x"}
    let claims = format!(r#"{{"iss":"a\nb{}"}}"#, "x".repeat(200));
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{}.AQAB", encode(claims.as_bytes()));
    let authenticator = authenticator(json!({}));
    let request = FakeRequest::get(&format!("/?jwt={token}"));
    let Outcome::Denied(denial) = authenticator.decide(&request, EXP).outcome else { panic!("not denied") };
    assert_eq!(denial.reason.to_string(), format!(r#"No credentials found for "a\nb{}""#, "x".repeat(97)));
}

#[test]
fn a_host_that_keeps_a_client_s_identity_header_gets_no_request_to_forward() {
    let authenticator = authenticator(json!({}));
    for name in ["x-consumer-username", "x-anonymous-consumer", "x-credential-identifier"] {
        let mut request = FakeRequest { keeps_removed_headers: true, ..FakeRequest::with_token().with(name, "admin") };
        let decision = authenticator.decide(&request, EXP);
        assert!(identity::apply(&identity::headers(&decision), &mut request).is_err(), "{name}");
    }
    let mut request = FakeRequest { keeps_removed_headers: true, ..FakeRequest::with_token() };
    let decision = authenticator.decide(&request, EXP);
    assert!(identity::apply(&identity::headers(&decision), &mut request).is_ok());
}

#[test]
fn a_host_that_takes_no_header_gets_no_request_to_forward() {
    let authenticator = authenticator(json!({}));
    let mut request = FakeRequest { keeps_headers: true, ..FakeRequest::with_token() };
    let decision = authenticator.decide(&request, EXP);
    let problem = identity::apply(&identity::headers(&decision), &mut request).unwrap_err();
    assert_eq!(problem.to_string(), "the header X-Consumer-ID cannot be changed on this host");
}

/// base64url without padding.
fn encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

proptest! {
    #[test]
    fn no_request_panics(
        path in prop::collection::vec(any::<u8>(), 0..64),
        header in prop::collection::vec(any::<u8>(), 0..64),
        cookie in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let request = FakeRequest { path, ..FakeRequest::get("/") };
        let request = request.with("authorization", header).with("cookie", cookie);
        let authenticator = authenticator(json!({"cookie_names": ["a"], "uri_param_names": ["a", "jwt"]}));
        let _outcome = authenticator.decide(&request, EXP).outcome;
    }

    #[test]
    fn no_token_of_any_json_panics_or_passes(header in ".{0,40}", claims in ".{0,40}", exp in any::<f64>()) {
        let authenticator = authenticator(json!({"claims_to_verify": ["exp", "nbf"]}));
        for (header, claims) in [
            (header.clone(), claims),
            (format!(r#"{{"alg":"HS256","x":{header:?}}}"#), format!(r#"{{"iss":"joe","exp":{exp}}}"#)),
        ] {
            let token = format!("{}.{}.AQAB", encode(header.as_bytes()), encode(claims.as_bytes()));
            let request = FakeRequest::get("/").with("authorization", format!("Bearer {token}"));
            prop_assert!(matches!(authenticator.decide(&request, EXP).outcome, Outcome::Denied(_)));
        }
    }
}

#[test]
fn who_called_is_told_once_it_is_known() {
    let known = |fields: serde_json::Value, request: &FakeRequest| {
        let authenticator = authenticator(fields);
        let decision = authenticator.decide(request, EXP);
        let consumer = decision.outcome.consumer().map(|consumer| consumer.name().to_owned());
        let credential = decision.outcome.credential().map(|credential| credential.described().to_owned());
        (decision.outcome.name().into_owned(), consumer, credential)
    };
    let told = |outcome: &str, consumer: Option<&str>, credential: Option<&str>| {
        let credential = credential.map(|name| format!("consumer \"joe\", credential {name:?}"));
        (outcome.to_owned(), consumer.map(str::to_owned), credential)
    };
    let request = FakeRequest::with_token();
    assert_eq!(known(json!({}), &request), told("authenticated", Some("joe"), Some("joe")));
    assert_eq!(known(json!({"deny": ["joe"]}), &request), told("denied.not_allowed", Some("joe"), Some("joe")));
    // One whose token has expired may be anybody who has found it.
    assert_eq!(known(json!({"claims_to_verify": ["exp"]}), &request), told("denied.expired", None, Some("joe")));
    let forged = FakeRequest::get("/").with("authorization", format!("Bearer {}A", &TOKEN[..TOKEN.len() - 1]));
    assert_eq!(known(json!({}), &forged), told("denied.invalid_signature", None, None));
    assert_eq!(known(json!({"anonymous": "nobody"}), &forged), told("anonymous", Some("nobody"), None));
}

#[test]
fn claims_for_the_filter_state_are_those_of_the_policy() {
    let of = |fields| {
        let authenticator = authenticator(fields);
        let Outcome::Authenticated(authenticated) = authenticator.decide(&FakeRequest::with_token(), 0).outcome else {
            panic!("not authenticated")
        };
        let claims = authenticated.claims_for_filter_state().iter();
        claims.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>()
    };
    assert_eq!(of(json!({})), [""; 0]);
    let claims = json!([{"claim": "iss", "key": "issuer"}, {"claim": "sub", "key": "subject"}]);
    assert_eq!(of(json!({"claims_to_filter_state": claims})), ["issuer: joe"]);
}

#[test]
fn where_the_filter_is_switched_off_the_token_stays() {
    let switched_off =
        authenticator(json!({"hide_credentials": true, "rules": [{"routes": ["open"], "disabled": true}]}));
    let sent = |route| answer(&switched_off, &FakeRequest::with_token().on(route, "c"), 0).unwrap();
    assert_eq!(sent("open").text("authorization"), Some(format!("Bearer {TOKEN}")));
    assert_eq!(sent("other").text("authorization"), None);
}

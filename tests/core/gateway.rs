//! Where the filter answers as the gateway's plugins do, and where it does not on purpose: each difference that
//! docs/migrating-from-kong.md lists and that shows without a proxy.

use crate::{
    access::{NOW, SECRET, authenticator, bearing, refusal, status, token, told},
    hs256,
    support::{FakeRequest, answer},
};
use jwt_auth_filter::{config::Config, reply::Reply, request::Protocol};
use serde_json::{Value as Json, json};

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;
const CANNOT: &str = r#"{"message":"You cannot consume this service"}"#;
const BAD_JSON: &str = r#"{"message":"Bad token; invalid JSON"}"#;

/// A token of header and claims that need not be JSON.
fn signed_text(header: &str, claims: &str) -> String {
    hs256::signed(header, claims, SECRET.as_bytes())
}

/// The body of the answer to a token of this header and these claims, as they stand.
fn body_for(header: &str, claims: &str) -> String {
    refusal(&authenticator(json!({})), &bearing(&signed_text(header, claims))).1
}

#[test]
fn an_anonymous_consumer_without_groups_is_asked_to_authenticate_where_allow_wants_somebody() {
    let nobody = || FakeRequest::get("/");
    let as_anonymous = |name: &str, more: Json, request: &FakeRequest| {
        let mut fields = more;
        fields["anonymous"] = json!(name);
        refusal(&authenticator(fields), request)
    };
    let unauthorized = (401, UNAUTHORIZED.to_owned(), Some("Bearer".to_owned()));
    let forbidden = (403, CANNOT.to_owned(), None);
    for allow in [json!(["partners"]), json!(["alice"]), json!([])] {
        for request in [nobody(), bearing("a.b"), bearing(&token(&json!({"iss": "?"})))] {
            let fields = json!({"allow": allow, "deny": ["suspended"]});
            assert_eq!(as_anonymous("costly", fields, &request), unauthorized, "{allow}");
        }
        // In another group, it is known who it is.
        assert_eq!(as_anonymous("guest", json!({"allow": allow}), &nobody()), forbidden, "{allow}");
    }
    let with_realm = as_anonymous("costly", json!({"allow": [], "realm": "r"}), &nobody());
    assert_eq!(with_realm.2.as_deref(), Some(r#"Bearer realm="r""#));
    for (fields, status) in [
        (json!({"allow": ["costly"]}), 200),
        (json!({"deny": ["partners"]}), 200),
        (json!({"deny": ["costly"]}), 403),
        (json!({"allow": ["partners"], "deny": ["costly"]}), 403),
    ] {
        assert_eq!(as_anonymous("costly", fields.clone(), &nobody()).0, status, "{fields}");
    }
}

#[test]
fn a_consumer_without_groups_that_has_a_credential_is_forbidden() {
    let consumers = json!([
        {"username": "alone", "jwt_secrets": [{"key": "a", "secret": "c2VjcmV0"}]}, {"username": "b", "groups": ["x"]},
    ]);
    let fields = json!({"allow": ["x"], "anonymous": "alone", "consumers": consumers});
    assert_eq!(told(fields, json!({"iss": "a"})), (403, CANNOT.to_owned(), None));
}

#[test]
fn a_grpc_client_is_told_the_message_alone() {
    let reply =
        |fields: Json, claims: Json| answer(&authenticator(fields), &bearing(&token(&claims)), NOW).unwrap_err();
    let template = json!({"unauthorized": {"body": "<%MESSAGE%>"}});
    for (reply, message) in [
        (answer(&authenticator(json!({})), &FakeRequest::get("/"), NOW).unwrap_err(), "Unauthorized"),
        (reply(json!({}), json!({"iss": "?"})), "No credentials found for given 'iss'"),
        (reply(json!({"key_claim_name": "ä\"%"}), json!({})), "No mandatory 'ä\"%' in claims"),
        (reply(json!({"response": template}), json!({})), "No mandatory 'iss' in claims"),
        (reply(json!({"response": {"detail": false}}), json!({})), "Unauthorized"),
        (reply(json!({"deny": ["alice"]}), json!({"iss": "a"})), "You cannot consume this service"),
        (
            reply(json!({"claims_to_verify": ["exp", "nbf"]}), json!({"iss": "a", "exp": 1})),
            "exp: token expired, nbf: must be a number",
        ),
        (Reply::internal_error(), "An unexpected error occurred"),
    ] {
        assert_eq!(reply.content(Protocol::Grpc), message);
        assert_eq!(reply.content(Protocol::Http), reply.body);
        let has_type = |protocol| reply.headers(protocol).iter().any(|(name, _)| *name == "content-type");
        assert_eq!((has_type(Protocol::Http), has_type(Protocol::Grpc)), (true, false));
    }
}

#[test]
fn what_stands_in_place_of_the_signature_is_looked_at_after_the_algorithm() {
    const INVALID: &str = r#"{"message":"Bad token; invalid signature"}"#;
    let good = token(&json!({"iss": "a"}));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let answer = |token: &str| refusal(&authenticator(json!({})), &bearing(token));
    let challenge = Some(r#"Bearer error="invalid_token""#.to_owned());
    for end in ["~~~~", "AAAAA", "AB", "AA==", "AA A", ".", ".AQAB", "AQAB.AQAB", &format!("{signature}."), "ä"] {
        assert_eq!(answer(&format!("{input}.{end}")), (401, INVALID.to_owned(), challenge.clone()), "{end}");
    }
    let with_header = |header: &str| signed_text(header, r#"{"iss":"a"}"#) + ".";
    assert_eq!(answer(&with_header(r#"{"alg":"none"}"#)).1, r#"{"message":"Bad token; invalid alg"}"#);
    assert_eq!(answer(&with_header(r#"{"alg":"HS256","crit":["x"]}"#)).1, INVALID);
    assert_eq!(answer(&with_header("{")).1, BAD_JSON);
    for token in [input, "a", "a.b", "..", "....", ".e30.AQAB"] {
        assert_eq!(answer(token).1, BAD_JSON, "{token}");
    }
    // A token of five parts, a JWE (RFC 7516): what stands for the claims is a key.
    assert_eq!(answer(&format!("{}.AAAA.AAAA.AAAA.AAAA", input.split_once('.').unwrap().0)).1, BAD_JSON);
    assert_eq!(answer(&format!("{input}.")).1, r#"{"message":"Invalid signature"}"#);
}

#[test]
fn the_upstream_is_told_groups_only_where_an_access_list_looks_at_them() {
    let groups = |mut fields: Json, request: FakeRequest| {
        fields["anonymous"] = json!("guest");
        let sent = answer(&authenticator(fields), &request.with("x-consumer-groups", "admin"), NOW).unwrap();
        sent.text("x-consumer-groups")
    };
    let alice = || bearing(&token(&json!({"iss": "a"})));
    let costly = || bearing(&token(&json!({"iss": "b"})));
    for fields in [json!({"allow": ["partners", "guests"]}), json!({"deny": ["costly"]}), json!({"deny": []})] {
        assert_eq!(groups(fields.clone(), alice()).as_deref(), Some("partners, gold"), "{fields}");
        assert_eq!(groups(fields.clone(), costly()).as_deref(), Some("partners, suspended"), "{fields}");
        assert_eq!(groups(fields.clone(), FakeRequest::get("/")).as_deref(), Some("guests"), "{fields}");
    }
    for fields in [
        json!({}),
        json!({"allow": null, "deny": null}),
        json!({"allow": ["partners", "guests"], "hide_groups_header": true}),
        json!({"deny": [], "hide_groups_header": true}),
    ] {
        assert_eq!(groups(fields.clone(), alice()), None, "{fields}");
        assert_eq!(groups(fields.clone(), FakeRequest::get("/")), None, "{fields}");
    }
}

#[test]
fn a_rule_may_hide_groups_or_lift_the_list_that_tells_them() {
    let authenticator = authenticator(json!({
        "allow": ["partners"],
        "rules": [
            {"routes": ["hidden"], "hide_groups_header": true},
            {"routes": ["lifted"], "allow": null},
            {"routes": ["denies nobody"], "allow": null, "deny": []},
            {"routes": ["disabled"], "disabled": true},
        ],
    }));
    let groups = |route: &str| {
        let request = bearing(&token(&json!({"iss": "a"}))).on(route, "s");
        answer(&authenticator, &request, NOW).unwrap().text("x-consumer-groups")
    };
    for (route, told) in
        [("top", true), ("hidden", false), ("lifted", false), ("denies nobody", true), ("disabled", false)]
    {
        assert_eq!(groups(route).is_some(), told, "{route}");
    }
}

#[test]
fn groups_that_no_list_looks_at_are_warned_of() {
    let warnings = |fields: Json| {
        let authenticator = authenticator(fields);
        authenticator.config().warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let expected = "consumers: there are groups, but no allow or deny: the upstream is told them only where one of these is \
                    set, be it `deny: []`";
    assert_eq!(warnings(json!({})), [expected]);
    for fields in [json!({"allow": ["gold"]}), json!({"deny": []}), json!({"rules": [{"routes": ["r"], "deny": []}]})] {
        assert_eq!(warnings(fields.clone()), [""; 0], "{fields}");
    }
    assert_eq!(warnings(json!({"consumers": [{"username": "a"}]})), [""; 0]);
}

#[test]
fn half_a_surrogate_pair_is_no_json_in_any_claim() {
    for claims in [
        r#"{"iss":"a","x":"\ud800"}"#,
        r#"{"iss":"a","x":"\udc00\ud800"}"#,
        r#"{"iss":"a","x":["\ud800"]}"#,
        r#"{"iss":"a","x":{"\udfff":1}}"#,
        r#"{"iss":"a","\udfff":1}"#,
    ] {
        assert_eq!(body_for(r#"{"alg":"HS256"}"#, claims), BAD_JSON, "{claims}");
    }
    assert_eq!(body_for(r#"{"alg":"HS256","x":"\ud800"}"#, r#"{"iss":"a"}"#), BAD_JSON);
    assert_eq!(body_for(r#"{"alg":"HS256"}"#, r#"{"iss":"a","x":"\ud83d\ude00"}"#), "");
}

// --- Differences on purpose

#[test]
fn cookies_are_named_exactly() {
    let authenticator = authenticator(json!({"cookie_names": ["session"]}));
    let status = |name: &str| {
        let cookie = format!("{name}={}", token(&json!({"iss": "a"})));
        refusal(&authenticator, &FakeRequest::get("/").with("cookie", cookie)).0
    };
    assert_eq!((status("session"), status("Session"), status("SESSION")), (200, 401, 401));
}

#[test]
fn a_header_is_searched_under_the_very_name_that_is_configured() {
    let authenticator = authenticator(json!({"header_names": ["x_token"]}));
    let status = |name: &str| {
        let value = format!("Bearer {}", token(&json!({"iss": "a"})));
        refusal(&authenticator, &FakeRequest::get("/").with(name, value)).0
    };
    assert_eq!((status("x_token"), status("x-token")), (200, 401));
}

#[test]
fn a_maximum_is_a_whole_number_of_seconds() {
    let config = json!({"claims_to_verify": ["exp"], "maximum_expiration": 0.5});
    let faults = Config::parse(config.to_string().as_bytes()).unwrap_err();
    let expected = "maximum_expiration: the number 0.5; expected a whole number from 0 to 31536000";
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_parameter_without_a_value_is_no_token() {
    let authenticator = authenticator(json!({}));
    let bearer = format!("Bearer {}", token(&json!({"iss": "a"})));
    for query in ["jwt", "jwt&jwt", "jwt=&jwt"] {
        let request = FakeRequest::get(&format!("/?{query}"));
        assert_eq!(refusal(&authenticator, &request), (401, UNAUTHORIZED.to_owned(), Some("Bearer".to_owned())));
        assert_eq!(refusal(&authenticator, &request.with("authorization", &bearer)).0, 200, "{query}");
    }
}

#[test]
fn header_and_claims_that_are_no_objects_are_no_json() {
    for other in ["null", "1", "true", r#""alg""#, "[]", r#"[{"alg":"HS256"}]"#, ""] {
        assert_eq!(body_for(other, r#"{"iss":"a"}"#), BAD_JSON, "{other}");
        assert_eq!(body_for(r#"{"alg":"HS256"}"#, other), BAD_JSON, "{other}");
    }
}

#[test]
fn numbers_that_json_does_not_have_are_refused() {
    for number in ["NaN", "nan", "Infinity", "-Infinity", "0x10", "01", "-01", "1.", ".5", "+1"] {
        for claims in [format!(r#"{{"iss":"a","x":{number}}}"#), format!(r#"{{"iss":"a","x":[{number}]}}"#)] {
            assert_eq!(body_for(r#"{"alg":"HS256"}"#, &claims), BAD_JSON, "{claims}");
        }
        assert_eq!(body_for(&format!(r#"{{"alg":"HS256","x":{number}}}"#), r#"{"iss":"a"}"#), BAD_JSON, "{number}");
    }
}

#[test]
fn what_is_nested_deeper_than_127_levels_is_refused() {
    let nested = |levels: usize| format!(r#"{{"iss":"a","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(body_for(r#"{"alg":"HS256"}"#, &nested(126)), "");
    assert_eq!(body_for(r#"{"alg":"HS256"}"#, &nested(128)), BAD_JSON);
}

#[test]
fn a_refusal_is_json_whatever_the_client_accepts_and_has_no_request_id() {
    for accept in ["text/html", "application/xml", "text/plain", "*/*", "image/png"] {
        let request = bearing(&token(&json!({"iss": "a"}))).with("accept", accept);
        let reply = answer(&authenticator(json!({"deny": ["alice"]})), &request, NOW).unwrap_err();
        assert_eq!((reply.status, reply.body.as_str()), (403, CANNOT), "{accept}");
        assert_eq!(reply.content_type, "application/json; charset=utf-8", "{accept}");
    }
}

#[test]
fn all_query_parameters_are_searched() {
    let padding = "a=b&".repeat(200);
    let query = |token: &str| FakeRequest::get(&format!("/?{padding}jwt={token}"));
    let good = token(&json!({"iss": "a"}));
    assert_eq!(refusal(&authenticator(json!({})), &query(&good)).0, 200);
    let several = query("other").with("authorization", format!("Bearer {good}"));
    assert_eq!(refusal(&authenticator(json!({})), &several).1, r#"{"message":"Multiple tokens provided"}"#);
    assert_eq!(status(json!({}), json!({"iss": "a"})), 200);
}

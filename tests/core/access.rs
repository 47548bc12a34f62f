//! Who may call what, without a proxy: audiences, claims, groups, rules, and what the upstream is told.

use std::collections::BTreeSet;

use crate::{
    hs256,
    support::{FakeRequest, answer, ed448_jwk},
};
use jwt_auth_filter::{
    authenticate::{Authenticator, CacheUse, Check, Outcome, Reason},
    config::Config,
    crypto::BuiltIn,
    encoding::base64::encode_url,
    observe::TokenNames,
    reply::Reply,
    revocation::RevocationSet,
    sender::{ProofFault, SenderFault},
    upstream,
};
use serde_json::{Value as Json, json};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const SECRET: &str = "c2VjcmV0";

/// A token signed by another implementation than the one that verifies.
pub(crate) fn token(claims: &Json) -> String {
    signed(claims, SECRET.as_bytes())
}

fn signed(claims: &Json, secret: &[u8]) -> String {
    hs256::signed(r#"{"alg":"HS256","kid":"k1"}"#, claims, secret)
}

/// Alice, a partner, and Bob, who is suspended as well; one whose keys cost more to try than a request may; further fields.
pub(crate) fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    let mut config = json!({"consumers": [
        {"username": "alice", "id": "1", "groups": ["partners", "gold"], "jwt_secrets": [{"key": "a", "secret": SECRET}]},
        {"username": "bob", "id": "2", "groups": ["partners", "suspended"],
         "jwt_secrets": [{"key": "b", "secret": SECRET}]},
        {"username": "guest", "id": "3", "groups": ["guests"]},
        {"username": "costly", "jwt_secrets": [{"key": "costly", "jwks": {"keys": vec![ed448_jwk(); 3]}}]},
        {"username": "remote", "jwt_secrets": [{"key": "r", "remote_jwks": {"uri": "http://r/jwks", "cluster": "r"}}]},
    ]});
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Authenticator::new(Config::parse(config.to_string().as_bytes()).unwrap(), BuiltIn)
}

pub(crate) fn bearing(token: &str) -> FakeRequest {
    FakeRequest::get("/").with("authorization", format!("Bearer {token}"))
}

/// Status, body and challenge of the refusal of a request with these claims; status 200 if it passes.
pub(crate) fn told(fields: Json, claims: Json) -> (u16, String, Option<String>) {
    refusal(&authenticator(fields), &bearing(&token(&claims)))
}

pub(crate) fn refusal(authenticator: &Authenticator<BuiltIn>, request: &FakeRequest) -> (u16, String, Option<String>) {
    match answer(authenticator, request, NOW) {
        Ok(_) => (200, String::new(), None),
        Err(Reply { status, body, www_authenticate, .. }) => (status, body, www_authenticate),
    }
}

pub(crate) fn status(fields: Json, claims: Json) -> u16 {
    told(fields, claims).0
}

const CANNOT: &str = r#"{"message":"You cannot consume this service"}"#;

#[test]
fn the_audience_must_be_named() {
    let fields = || json!({"audiences": ["api"], "realm": "r"});
    assert_eq!(status(fields(), json!({"iss": "a", "aud": ["x", "api"]})), 200);
    let challenge = Some(r#"Bearer realm="r", error="invalid_token""#.to_owned());
    let expected = (401, r#"{"aud":"not allowed"}"#.to_owned(), challenge);
    assert_eq!(told(fields(), json!({"iss": "a", "aud": "x"})), expected);
    assert_eq!(told(fields(), json!({"iss": "a"})), expected);
}

#[test]
fn deny_wins_over_allow_and_both_know_names_ids_and_groups() {
    let cases = [
        (json!({"allow": ["partners"]}), 200, 200),
        (json!({"allow": ["gold"]}), 200, 403),
        (json!({"allow": ["bob"]}), 403, 200),
        (json!({"allow": ["1"]}), 200, 403),
        (json!({"allow": []}), 403, 403),
        (json!({"deny": ["suspended"]}), 200, 403),
        (json!({"deny": []}), 200, 200),
        (json!({"allow": ["partners"], "deny": ["2"]}), 200, 403),
        (json!({"allow": ["alice"], "deny": ["alice"]}), 403, 403),
    ];
    for (fields, alice, bob) in cases {
        assert_eq!(status(fields.clone(), json!({"iss": "a"})), alice, "{fields}");
        assert_eq!(status(fields.clone(), json!({"iss": "b"})), bob, "{fields}");
    }
    assert_eq!(told(json!({"deny": ["alice"]}), json!({"iss": "a"})), (403, CANNOT.to_owned(), None));
}

#[test]
fn insufficient_claims_are_403_and_scopes_are_named() {
    let lacking = r#"{"message":"Insufficient claims"}"#.to_owned();
    let required = |condition: Json| json!({"realm": "r", "required_claims": [condition]});
    let scope = required(json!({"claim": "scope", "all_of": ["read", "write"]}));
    assert_eq!(status(scope.clone(), json!({"iss": "a", "scope": "write x read"})), 200);
    let challenge = r#"Bearer realm="r", error="insufficient_scope", scope="read write""#.to_owned();
    assert_eq!(told(scope, json!({"iss": "a", "scope": "read"})), (403, lacking.clone(), Some(challenge)));
    let unspeakable = required(json!({"claim": "scope", "any_of": ["a\"b"]}));
    let challenge = r#"Bearer realm="r", error="insufficient_scope""#.to_owned();
    assert_eq!(told(unspeakable, json!({"iss": "a"})), (403, lacking.clone(), Some(challenge)));
    let role = required(json!({"claim": "realm_access.roles", "any_of": ["admin"]}));
    assert_eq!(status(role.clone(), json!({"iss": "a", "realm_access": {"roles": ["x", "admin"]}})), 200);
    assert_eq!(
        told(role, json!({"iss": "a", "roles": ["admin"], "realm_access.roles": "admin"})),
        (403, lacking.clone(), None)
    );
    let [read, write] = ["read", "write"].map(|scope| json!({"claim": "scope", "any_of": [scope]}));
    let challenge = r#"Bearer realm="r", error="insufficient_scope", scope="read write""#.to_owned();
    let scopes = required(json!({"any": [read, {"all": [read, write]}, {"all": [write]}]}));
    assert_eq!(told(scopes, json!({"iss": "a", "scope": "x"})), (403, lacking.clone(), Some(challenge)));
    // Another scope may be of no use where something else is asked for, too.
    let mixed = required(json!({"any": [read, {"claim": "role", "any_of": ["admin"]}]}));
    assert_eq!(told(mixed, json!({"iss": "a"})), (403, lacking.clone(), None));
    let too_many = required(json!({"not": read}));
    assert_eq!(told(too_many, json!({"iss": "a", "scope": "read"})), (403, lacking, None));
}

#[test]
fn checks_take_precedence_in_their_order() {
    let mut fields = json!({
        "claims_to_verify": ["exp"], "audiences": ["api"], "deny": ["alice"],
        "required_claims": [{"claim": "x", "present": true}],
    });
    let claims = json!({"iss": "a", "exp": 1});
    let mut order = Vec::new();
    for lifted in ["claims_to_verify", "audiences", "deny", "required_claims"] {
        order.push(told(fields.clone(), claims.clone()).1);
        fields[lifted] = Json::Null;
    }
    order.push(told(fields, claims).1);
    let expected =
        [r#"{"exp":"token expired"}"#, r#"{"aud":"not allowed"}"#, CANNOT, r#"{"message":"Insufficient claims"}"#, ""];
    assert_eq!(order, expected);
}

#[test]
fn anonymous_stands_in_for_failed_authentication_and_for_nothing_else() {
    let fields = |more: Json| {
        let mut fields = json!({"anonymous": "guest"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let passed_as = |fields: Json, request: &FakeRequest| {
        let sent = answer(&authenticator(fields), request, NOW);
        sent.map(|sent| sent.text("x-consumer-username").unwrap()).map_err(|reply| reply.status)
    };
    let alice = bearing(&token(&json!({"iss": "a"})));
    assert_eq!(passed_as(fields(json!({"audiences": ["api"]})), &alice), Ok("guest".to_owned()));
    assert_eq!(passed_as(fields(json!({"deny": ["alice"]})), &alice), Err(403));
    assert_eq!(passed_as(fields(json!({"required_claims": [{"claim": "x", "present": true}]})), &alice), Err(403));
    // `allow` and `deny` are for the anonymous consumer too.
    let nobody = FakeRequest::get("/");
    assert_eq!(passed_as(fields(json!({"allow": ["partners"]})), &nobody), Err(403));
    assert_eq!(passed_as(fields(json!({"deny": ["guests"]})), &nobody), Err(403));
    assert_eq!(passed_as(fields(json!({"allow": ["guests"]})), &nobody), Ok("guest".to_owned()));
}

#[test]
fn the_failure_is_that_of_the_caller_s_own_token_whatever_becomes_of_the_anonymous_consumer() {
    let failure = |fields: Json, request: &FakeRequest| {
        let authenticator = authenticator(fields);
        let outcome = authenticator.decide(request, NOW).outcome;
        (outcome.name().into_owned(), outcome.failure().map(Reason::name))
    };
    let (nobody, alice) = (FakeRequest::get("/"), bearing(&token(&json!({"iss": "a"}))));
    let guest = |more: &str, value: Json| json!({"anonymous": "guest", more: value});
    for (fields, request, name, reason) in [
        (json!({}), &alice, "authenticated", None),
        (json!({}), &nobody, "denied.no_token", Some("no_token")),
        (guest("deny", json!([])), &nobody, "anonymous", Some("no_token")),
        (guest("deny", json!(["guests"])), &nobody, "denied.not_allowed", Some("no_token")),
        (guest("audiences", json!(["api"])), &alice, "anonymous", Some("audience")),
        (guest("deny", json!(["alice"])), &alice, "denied.not_allowed", Some("not_allowed")),
    ] {
        assert_eq!(failure(fields.clone(), request), (name.to_owned(), reason), "{fields}");
    }
}

#[test]
fn the_first_rule_that_matches_counts_and_else_the_top() {
    let authenticator = authenticator(json!({
        "rules": [
            {"routes": ["health"], "disabled": true},
            {"routes": ["both"], "services": ["s"], "allow": ["alice"]},
            {"services": ["s", "t"], "allow": ["bob"]},
            {"routes": ["both"], "allow": ["guest"]},
        ],
    }));
    let statuses = |route: &str, cluster: &str| {
        let token = |key: &str| bearing(&token(&json!({"iss": key}))).on(route, cluster);
        let requests = [FakeRequest::get("/").on(route, cluster), token("a"), token("b")];
        requests.map(|request| refusal(&authenticator, &request).0)
    };
    assert_eq!(statuses("health", "s"), [200, 200, 200]);
    assert_eq!(statuses("both", "s"), [401, 200, 403]);
    assert_eq!(statuses("other", "s"), [401, 403, 200]);
    assert_eq!(statuses("both", "t"), [401, 403, 200]);
    assert_eq!(statuses("both", "u"), [401, 403, 403]);
    assert_eq!(statuses("other", "u"), [401, 200, 200]);
    assert_eq!(statuses("Health", "S"), [401, 200, 200]);
    // Without a route, as where the proxy will answer 404, no rule matches.
    assert_eq!(refusal(&authenticator, &FakeRequest::get("/")).0, 401);
}

#[test]
fn without_rules_the_proxy_is_not_asked_for_a_route() {
    for (fields, asked) in [(json!({}), 0), (json!({"rules": [{"routes": ["health"], "disabled": true}]}), 2)] {
        for request in [FakeRequest::get("/"), bearing(&token(&json!({"iss": "a"})))] {
            authenticator(fields.clone()).decide(&request, NOW);
            assert_eq!(request.asked_for_route.get(), asked, "{fields}");
        }
    }
}

#[test]
fn a_token_known_under_one_rule_is_no_pass_under_another() {
    // Under `by_sub` the same token is another consumer's, under `base64` its signature is wrong.
    let authenticator = authenticator(json!({
        "rules": [
            {"routes": ["by_sub"], "key_claim_name": "sub"},
            {"routes": ["base64"], "secret_is_base64": true},
        ],
    }));
    let request = |route: &str| bearing(&token(&json!({"iss": "a", "sub": "b"}))).on(route, "s");
    let who = |route: &str| {
        let sent = answer(&authenticator, &request(route), NOW);
        sent.map(|sent| sent.text("x-consumer-username").unwrap()).map_err(|reply| reply.body)
    };
    let bad_signature = Err(r#"{"message":"Invalid signature"}"#.to_owned());
    for _ in 0..3 {
        assert_eq!(who("top"), Ok("alice".to_owned()));
        assert_eq!(who("by_sub"), Ok("bob".to_owned()));
        assert_eq!(who("base64"), bad_signature);
    }
    // And one that is signed with the decoded secret is good there alone.
    let decoded = signed(&json!({"iss": "a"}), b"secret");
    assert_eq!(refusal(&authenticator, &bearing(&decoded).on("base64", "s")).0, 200);
    assert_eq!(refusal(&authenticator, &bearing(&decoded).on("top", "s")).0, 401);
}

#[test]
fn a_token_known_under_one_rule_is_measured_by_the_next_rule_s_claims() {
    let authenticator = authenticator(json!({
        "rules": [
            {"routes": ["admin"], "required_claims": [{"claim": "role", "equals": "admin"}]},
            {"routes": ["api"], "audiences": ["api"], "claims_to_headers": [{"claim": "role", "header": "x-role"}]},
        ],
    }));
    let request = bearing(&token(&json!({"iss": "a", "role": "user", "aud": "api"})));
    let statuses =
        ["other", "admin", "api", "admin"].map(|route| refusal(&authenticator, &request.clone().on(route, "s")).0);
    assert_eq!(statuses, [200, 403, 200, 403]);
    assert_eq!(authenticator.cache_use(), CacheUse { hits: 3, misses: 1 });
}

#[test]
fn where_rules_go_by_the_route_no_client_may_send_what_the_filter_takes_away() {
    let rules = json!({
        "claims_to_headers": [{"claim": "role", "header": "x-role"}],
        "rules": [{"routes": ["health"], "disabled": true}],
    });
    for name in ["X-Consumer-Groups", "x-role", "x-anonymous-consumer"] {
        let request = FakeRequest::get("/").with(name, "gold").on("health", "s");
        let (status, body, _) = refusal(&authenticator(rules.clone()), &request);
        let expected = format!(r#"{{"message":"Header not allowed: {}"}}"#, name.to_ascii_lowercase());
        assert_eq!((status, body), (403, expected));
    }
}

#[test]
fn claims_become_headers_that_no_client_can_supply() {
    let fields = json!({
        "anonymous": "guest", "run_on_preflight": false, "forward_payload_header": "x-claims",
        "claims_to_headers": [
            {"claim": "sub", "header": "X-Sub"}, {"claim": "realm_access.roles", "header": "x-roles", "separator": "; "},
        ],
    });
    let authenticator = authenticator(fields);
    let headers = |request: FakeRequest| {
        let sent = request.with("x-sub", "root").with("X-Roles", "admin").with("x-claims", "e30");
        let sent = answer(&authenticator, &sent, NOW).unwrap();
        ["x-sub", "x-roles", "x-claims"].map(|name| sent.text(name))
    };
    let claims = json!({"iss": "a", "sub": 7, "realm_access": {"roles": ["a;b", "c"]}});
    let payload = encode_url(claims.to_string());
    for _ in 0..2 {
        let expected = [Some("7".to_owned()), Some("a%3Bb; c".to_owned()), Some(payload.clone())];
        assert_eq!(headers(bearing(&token(&claims))), expected);
    }
    let bare = encode_url(json!({"iss": "a"}).to_string());
    assert_eq!(headers(bearing(&token(&json!({"iss": "a"})))), [None, None, Some(bare)]);
    assert_eq!(headers(FakeRequest::get("/")), [None, None, None], "anonymous");
    let preflight = FakeRequest { method: "OPTIONS".to_owned(), ..FakeRequest::get("/") }
        .with("origin", "https://app.example.com")
        .with("access-control-request-method", "GET");
    assert_eq!(headers(preflight), [None, None, None], "preflight");
}

#[test]
fn the_upstream_learns_groups_and_a_client_cannot_name_them() {
    let authenticator = authenticator(json!({"anonymous": "guest", "deny": []}));
    let groups = |request: FakeRequest| {
        answer(&authenticator, &request.with("x-consumer-groups", "admin"), NOW).unwrap().text("x-consumer-groups")
    };
    assert_eq!(groups(bearing(&token(&json!({"iss": "a"})))).as_deref(), Some("partners, gold"));
    assert_eq!(groups(FakeRequest::get("/")).as_deref(), Some("guests"));
}

#[test]
fn tokens_are_taken_out_of_all_their_places() {
    let authenticator = authenticator(json!({
        "hide_credentials": true, "cookie_names": ["t"], "header_names": ["authorization", "x-token"], "anonymous": "guest",
    }));
    let it = token(&json!({"iss": "a"}));
    let request = FakeRequest::get(&format!("/p?a=%2f&jwt={it}&b"))
        .with("authorization", format!("Bearer {it}"))
        .with("x-token", format!("Bearer {it}"))
        .with("x-token", "Basic x")
        .with("cookie", format!("a=1; t={it}"))
        .with("cookie", format!("t={it}"));
    let sent = answer(&authenticator, &request, NOW).unwrap();
    assert_eq!(sent.text("x-consumer-username").as_deref(), Some("alice"));
    assert_eq!(sent.path, b"/p?a=%2f&b");
    assert_eq!(sent.text("authorization"), None);
    assert_eq!(sent.headers["x-token"], [b"Basic x".to_vec()]);
    assert_eq!(sent.headers["cookie"], [b"a=1".to_vec()]);
    // A token that nobody has verified is a token, and goes, wherever in a header it stands.
    for header in ["Basic x, Bearer evil", ", Bearer evil"] {
        let request = bearing(&it).with("x-token", header);
        let sent = answer(&authenticator, &request, NOW).unwrap();
        assert_eq!(sent.text("x-consumer-username").as_deref(), Some("guest"), "{header}");
        assert!(!sent.text("x-token").unwrap_or_default().contains("evil"), "{header}");
    }
    // Nor does the upstream of an anonymous request get what was refused.
    let sent = answer(&authenticator, &bearing("expired.or.forged").with("x-other", "Bearer x"), NOW).unwrap();
    assert_eq!(sent.text("authorization"), None);
    assert_eq!(sent.text("x-other").as_deref(), Some("Bearer x"));
}

#[test]
fn a_host_that_does_not_change_the_path_gets_no_request_to_forward() {
    let authenticator = authenticator(json!({"hide_credentials": true}));
    let it = token(&json!({"iss": "a"}));
    let mut request = FakeRequest { keeps_path: true, ..FakeRequest::get(&format!("/?jwt={it}")) };
    let decision = authenticator.decide(&request, NOW);
    let problem = upstream::prepare(&decision, &mut request).unwrap_err();
    assert_eq!(problem.to_string(), "the header :path cannot be changed on this host");
}

#[test]
fn a_second_token_goes_nowhere_unchecked() {
    let authenticator = authenticator(json!({"header_names": ["authorization", "x-token"], "cookie_names": ["t"]}));
    let good = token(&json!({"iss": "a"}));
    let forged = signed(&json!({"iss": "a"}), b"another");
    let several = r#"{"message":"Multiple tokens provided"}"#;
    let bad = r#"{"message":"Bad token; invalid signature"}"#;
    let get = || FakeRequest::get("/");
    for (request, message) in [
        (get().with("x-token", format!("Bearer {good}")).with("x-token", format!("Bearer {forged}")), several),
        (get().with("x-token", format!("Bearer {forged}")).with("x-token", format!("Bearer {good}")), several),
        (get().with("cookie", format!("t={good}; t={forged}")), several),
        (get().with("cookie", format!("t={good}")).with("cookie", format!("t={forged}")), several),
        // What stands behind the comma is a part of the signature, and no base64url.
        (get().with("authorization", format!("Bearer {good}, Bearer {forged}")), bad),
        (get().with("authorization", format!("Bearer {good},x")), bad),
        (get().with("authorization", format!("Bearer {good},")), bad),
    ] {
        assert_eq!(refusal(&authenticator, &request).1, message, "{request:?}");
    }
    let twice = get().with("x-token", format!("Bearer {good}")).with("x-token", format!("bearer {good}"));
    assert_eq!(refusal(&authenticator, &twice).0, 200);
    assert_eq!(refusal(&authenticator, &get().with("cookie", format!("t={good}; t=; t={good}"))).0, 200);
}

#[test]
fn a_client_cannot_have_the_next_hop_remove_what_the_filter_wrote() {
    let fields =
        json!({"claims_to_headers": [{"claim": "sub", "header": "x-sub"}], "forward_payload_header": "x-claims"});
    let authenticator = authenticator(fields);
    let request = bearing(&token(&json!({"iss": "a", "sub": "s"})))
        .with("connection", "Upgrade, X-Consumer-Username , x-sub,keep-alive")
        .with("connection", "X-Claims")
        .with("connection", "x-consumer-other");
    let sent = answer(&authenticator, &request, NOW).unwrap();
    assert_eq!(sent.headers["connection"], [b"Upgrade,keep-alive".to_vec(), b"x-consumer-other".to_vec()]);
}

#[test]
fn a_kid_that_is_no_string_opens_no_keys() {
    let token = hs256::signed(r#"{"alg":"HS256","kid":7}"#, &json!({"iss": "a"}), SECRET.as_bytes());
    assert_eq!(refusal(&authenticator(json!({})), &bearing(&token)).1, r#"{"message":"Bad token; invalid kid"}"#);
}

#[test]
fn answers_may_look_like_those_of_another_api_or_tell_nothing() {
    let template = json!({
        "unauthorized": {"status": 404, "content_type": "text/plain", "body": "<%MESSAGE%|%MESSAGE%>"},
        "forbidden": {"body": "{\"e\":\"%MESSAGE%\"}"},
    });
    let fields = json!({"response": template, "deny": ["bob"], "key_claim_name": "a\"b\\"});
    let reply = |fields: &Json, claims: Json| {
        answer(&authenticator(fields.clone()), &bearing(&token(&claims)), NOW).unwrap_err()
    };
    let unauthorized = reply(&fields, json!({}));
    let message = r#"No mandatory 'a\"b\\' in claims"#;
    assert_eq!((unauthorized.status, unauthorized.content_type.as_ref()), (404, "text/plain"));
    assert_eq!(unauthorized.body, format!("<{message}|{message}>"));
    assert_eq!(reply(&fields, json!({"a\"b\\": "b"})).body, r#"{"e":"You cannot consume this service"}"#);

    let fields = json!({
        "response": {"detail": false}, "deny": ["bob"], "claims_to_verify": ["exp"], "realm": "r",
    });
    for claims in [json!({}), json!({"iss": "?"}), json!({"iss": "a"}), json!({"iss": "a", "exp": 1})] {
        let reply = reply(&fields, claims);
        let told = (reply.status, reply.body.as_str(), reply.www_authenticate.as_deref());
        assert_eq!(told, (401, r#"{"message":"Unauthorized"}"#, Some(r#"Bearer realm="r""#)));
    }
    let forbidden = reply(&fields, json!({"iss": "b", "exp": NOW + 1}));
    assert_eq!((forbidden.status, forbidden.body.as_str()), (403, r#"{"message":"Forbidden"}"#));
    assert_eq!(forbidden.www_authenticate, None);
}

#[test]
fn clocks_may_differ_by_the_skew() {
    let fields = || json!({"claims_to_verify": ["exp", "nbf"], "clock_skew_seconds": 30});
    assert_eq!(status(fields(), json!({"iss": "a", "exp": NOW - 29, "nbf": NOW + 30})), 200);
    assert_eq!(status(fields(), json!({"iss": "a", "exp": NOW - 30, "nbf": NOW})), 401);
    assert_eq!(status(fields(), json!({"iss": "a", "exp": NOW, "nbf": NOW + 31})), 401);
}

#[test]
fn every_reason_has_a_name_of_the_fixed_set_and_a_check_in_their_order() {
    let fields = json!({"claims_to_verify": ["exp", "nbf"], "maximum_expiration": 60, "audiences": ["api"], "deny": ["bob"],
    "max_token_age": 60, "token_types": ["JWT"], "require": ["jti"], "subjects": ["s"],
    "required_claims": [{"claim": "x", "present": true}], "rules": [
        {"routes": ["bound"], "sender_constraint": "required"},
        {"routes": ["r"], "anonymous": "costly", "allow": ["gold"]},
    ], "revoked": [{"jti": "2"}], "revocation_list": {"uri": "http://l/", "cluster": "l"}});
    let authenticator = authenticator(fields);
    let hash = encode_url([0; 32]);
    let certificate = json!({"x5t#S256": hash});
    let good = json!({"iss": "a", "exp": NOW + 60, "nbf": 0, "iat": NOW, "aud": "api", "jti": "1",
        "sub": "s", "x": 1});
    let typed = |claims: &Json| hs256::signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims, SECRET.as_bytes());
    let with = |name: &str, value: Json| {
        let mut claims = good.clone();
        claims[name] = value;
        bearing(&typed(&claims))
    };
    let header = |json: &str| bearing(&format!("{}.e30.AQAB", encode_url(json)));
    let requests = [
        with("x", json!(1)).with("x-consumer-id", "1"),
        FakeRequest::get("/"),
        FakeRequest::get("/?jwt=a&jwt=b"),
        bearing("a.b"),
        header(r#"{"alg":"none"}"#),
        bearing(&format!("{}.", token(&good))),
        header(r#"{"alg":"HS256","crit":[]}"#),
        header(r#"{"alg":"HS256"}"#),
        with("iss", json!(5)),
        with("iss", json!("?")),
        bearing(&format!("{}.{}.AQAB", encode_url(r#"{"alg":"EdDSA"}"#), encode_url(r#"{"iss":"costly"}"#))),
        bearing(&format!("{}.{}.AQAB", encode_url(r#"{"alg":"RS256"}"#), encode_url(r#"{"iss":"r"}"#))),
        bearing(&format!("{}.{}.AQAB", encode_url(r#"{"alg":"RS256"}"#), encode_url(r#"{"iss":"a"}"#))),
        bearing(&signed(&good, b"another")),
        with("exp", json!("x")),
        with("exp", json!(1)),
        with("nbf", json!(NOW + 1)),
        with("iat", json!(NOW - 61)),
        with("exp", json!(NOW + 61)),
        with("jti", json!("3")),
        with("jti", json!("2")),
        with("x", json!(1)).on("bound", "c"),
        with("cnf", json!({})),
        with("cnf", json!({"jkt": hash})),
        with("cnf", certificate.clone()),
        FakeRequest { peer_certificate_digest: Some("01".repeat(32)), ..with("cnf", certificate) },
        bearing(&token(&good)),
        with("jti", Json::Null),
        with("aud", json!("x")),
        FakeRequest::get("/").on("r", "s"),
        with("iss", json!("b")),
        with("sub", json!("other")),
        with("x", Json::Null),
    ];
    let reasons = requests.map(|request| match authenticator.decide(&request, NOW).outcome {
        Outcome::Denied(denial) => {
            if let Reason::RevocationsUnavailable(_) = denial.reason {
                authenticator.config().revocations.list.as_ref().unwrap().put(RevocationSet::new([]));
            }
            denial.reason
        }
        other => panic!("{other:?}"),
    });
    // That each of these comes about is shown with proofs, which are made elsewhere.
    let of_proofs = [SenderFault::Proof(ProofFault::Missing), SenderFault::NonceNeeded(String::new())];
    let of_first_use = [SenderFault::Replayed, SenderFault::MemoryFull(1)];
    let mut reasons = reasons.to_vec();
    let at = reasons.iter().position(|reason| *reason == Reason::TokenType).unwrap();
    reasons.splice(at..at, of_proofs.map(Reason::Sender));
    reasons.extend(of_first_use.map(Reason::Sender));
    let mut names = Vec::new();
    for name in reasons.iter().map(Reason::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    assert_eq!(names, Reason::NAMES);
    let mut checks = reasons.iter().map(Reason::check).collect::<Vec<_>>();
    assert!(checks.is_sorted(), "{checks:?}");
    checks.dedup();
    assert_eq!(checks, Check::ALL);
    assert_eq!(Check::ALL.iter().map(|check| check.name()).collect::<BTreeSet<_>>().len(), Check::ALL.len());
    assert_eq!(refusal(&authenticator, &bearing(&typed(&good))).0, 200);
}

#[test]
fn a_token_is_named_by_kid_and_jti_and_by_nothing_else() {
    let authenticator = authenticator(json!({}));
    let names =
        |request: &FakeRequest| TokenNames::of(request, &authenticator.config().policy.token_places, 0).to_string();
    assert_eq!(names(&bearing(&token(&json!({"jti": "a\nb"})))), r#", kid "k1", jti "a\nb""#);
    assert_eq!(names(&bearing(&token(&json!({"jti": 5})))), r#", kid "k1""#);
    for request in [FakeRequest::get("/"), bearing("x"), FakeRequest::get("/?jwt=a&jwt=b")] {
        assert_eq!(names(&request), "");
    }
}

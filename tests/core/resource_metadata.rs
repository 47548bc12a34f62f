//! What a client finds out of a protected resource (RFC 9728), and where it is told to look.

use crate::support::{EXP, FakeRequest, TOKEN, answer};
use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::BuiltIn,
    reply::Reply,
    request::Protocol,
};
use serde_json::{Value as Json, json};

const SECRET: &str = crate::support::SECRET;
const ROOT: &str = "/.well-known/oauth-protected-resource";
const RESOURCE: &str = "https://api.example.com/mcp";

fn configuration(fields: Json) -> Result<Config, String> {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let entra = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let discovery = |uri: &str| json!({"uri": uri, "cluster": "c"});
    let mut config = json!({
        "secret_is_base64": true,
        "consumers": [
            {"username": "joe", "jwt_secrets": [
                {"key": "joe", "secret": SECRET},
                {"key": "https://b.example.com", "algorithm": "EdDSA", "rsa_public_key": key},
            ]},
            {"username": "ann", "jwt_secrets": [
                {"key": "https://a.example.com/realms/x", "discovery": discovery("https://a.example.com/metadata")},
                {"key": "7", "discovery": discovery("https://c.example.com/m"), "issuer": "https://c.example.com"},
                {"key": "8", "discovery": discovery("https://login.microsoftonline.com/m"), "issuer": entra},
            ]},
            {"username": "guest"},
        ],
    });
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Config::parse(config.to_string().as_bytes())
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    Authenticator::new(configuration(fields).unwrap(), BuiltIn)
}

fn of(resource: Json) -> Authenticator<BuiltIn> {
    authenticator(json!({"resource_metadata": resource}))
}

fn reply(authenticator: &Authenticator<BuiltIn>, request: &FakeRequest) -> Option<Reply> {
    Reply::to(&authenticator.decide(request, EXP), request)
}

fn document(authenticator: &Authenticator<BuiltIn>, path: &str) -> Json {
    let reply = reply(authenticator, &FakeRequest::get(path)).unwrap();
    assert_eq!((reply.status, reply.content_type.as_ref()), (200, "application/json"), "{reply:?}");
    serde_json::from_str(&reply.body).unwrap()
}

fn header(reply: &Reply, name: &str) -> Option<String> {
    reply.headers(Protocol::Http).into_iter().find(|(own, _)| *own == name).map(|(_, value)| value.into_owned())
}

#[test]
fn the_metadata_say_where_a_client_gets_a_token() {
    let authenticator = of(json!({"resource": RESOURCE}));
    let expected = json!({
        "resource": RESOURCE,
        "authorization_servers": ["https://b.example.com", "https://a.example.com/realms/x", "https://c.example.com"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document(&authenticator, &format!("{ROOT}/mcp")), expected);
    let all = json!({
        "resource": "https://api.example.com",
        "authorization_servers": ["https://auth.example.com"],
        "scopes_supported": ["a", "b:c"],
        "bearer_methods_supported": ["query", "header"],
        "resource_name": "\"Orders\"",
        "resource_documentation": "https://docs.example.com/?a=b",
        "resource_policy_uri": "https://example.com/p",
        "resource_tos_uri": "https://example.com/t",
        "jwks_uri": "https://api.example.com/jwks",
    });
    assert_eq!(document(&of(all.clone()), ROOT), all);
    // What follows from other fields.
    let fields = json!({
        "resource_metadata": {"resource": RESOURCE}, "header_names": ["x-token"], "uri_param_names": ["access_token"],
        "key_claim_name": "kid", "consumers": [{"username": "a", "jwt_secrets": [
            {"key": "https://d.example.com", "secret": SECRET}]}],
    });
    let document = document(&self::authenticator(fields), &format!("{ROOT}/mcp"));
    assert_eq!(document, json!({"resource": RESOURCE, "bearer_methods_supported": ["query"]}));
}

#[test]
fn clients_are_told_what_proofs_are_taken() {
    let document = |metadata: Json, more: Json| {
        let mut fields = json!({"resource_metadata": metadata});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        configuration(fields).map(|config| document(&Authenticator::new(config, BuiltIn), &format!("{ROOT}/mcp")))
    };
    let dpop = json!({"dpop": {"algorithms": ["ES256", "EdDSA"]}});
    let told = document(json!({"resource": RESOURCE}), dpop.clone()).unwrap();
    assert_eq!(told["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    assert_eq!(told.get("dpop_bound_access_tokens_required"), None);
    let required = json!({
        "resource": RESOURCE, "dpop_bound_access_tokens_required": true, "tls_client_certificate_bound_access_tokens": true,
    });
    let told = document(required.clone(), dpop).unwrap();
    assert_eq!(told["dpop_bound_access_tokens_required"], json!(true));
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], json!(true));
    let off = json!({"dpop": {}, "sender_constraint": "off"});
    for more in [json!({}), off] {
        let fault = "resource_metadata.dpop_bound_access_tokens_required: set without dpop; expected false, or dpop beside \
                     resource_metadata";
        assert_eq!(document(required.clone(), more).unwrap_err(), fault);
    }
}

#[test]
fn every_method_has_its_answer_and_scripts_of_any_origin_may_read() {
    let authenticator = of(json!({"resource": RESOURCE}));
    let path = format!("{ROOT}/mcp");
    let reply = |method: &str| {
        let request = FakeRequest { method: method.to_owned(), ..FakeRequest::get(&path) };
        self::reply(&authenticator, &request).unwrap()
    };
    for method in ["GET", "HEAD"] {
        let reply = reply(method);
        assert_eq!(reply.status, 200);
        assert_eq!(header(&reply, "access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(header(&reply, "cache-control").as_deref(), Some("public, max-age=300"));
    }
    let preflight = reply("OPTIONS");
    assert_eq!((preflight.status, preflight.body.as_str()), (200, ""));
    assert_eq!(header(&preflight, "access-control-allow-origin").as_deref(), Some("*"));
    assert_eq!(header(&preflight, "access-control-allow-methods").as_deref(), Some("GET, HEAD, OPTIONS"));
    assert_eq!(header(&preflight, "access-control-allow-headers").as_deref(), Some("*"));
    for method in ["POST", "PUT", "DELETE", "get", "CONNECT", ""] {
        let reply = reply(method);
        assert_eq!((reply.status, header(&reply, "allow").as_deref()), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
}

#[test]
fn the_filter_answers_there_and_nowhere_else() {
    let authenticator = of(json!({"resource": RESOURCE}));
    let outcome = |path: &str| authenticator.decide(&FakeRequest::get(path), EXP).outcome.name().into_owned();
    assert_eq!(outcome(&format!("{ROOT}/mcp")), "resource_metadata");
    assert_eq!(outcome(&format!("{ROOT}/mcp?a=b")), "resource_metadata");
    for path in [
        ROOT.to_owned(),
        format!("{ROOT}/"),
        format!("{ROOT}/mcp/"),
        format!("{ROOT}/mcp/x"),
        format!("{ROOT}/MCP"),
        format!("/x{ROOT}/mcp"),
        format!("/?{ROOT}/mcp"),
        format!("{ROOT}//mcp"),
        format!("{ROOT}/%6dcp"),
        "/mcp".to_owned(),
    ] {
        assert_eq!(outcome(&path), "denied.no_token", "{path}");
    }
    assert!(!matches!(
        self::authenticator(json!({})).decide(&FakeRequest::get(ROOT), EXP).outcome,
        Outcome::ResourceMetadata(_)
    ));
}

#[test]
fn no_token_rule_or_header_keeps_the_metadata_from_a_client() {
    let fields = json!({
        "resource_metadata": {"resource": RESOURCE},
        "rules": [{"routes": ["open"], "disabled": true}, {"routes": ["other"], "resource_metadata": null}],
    });
    let authenticator = authenticator(fields);
    let path = format!("{ROOT}/mcp");
    for request in [
        FakeRequest::get(&path).with("authorization", "Bearer x"),
        FakeRequest::get(&path).on("open", "c"),
        FakeRequest::get(&path).on("other", "c"),
        FakeRequest::get(&path).with("x-consumer-username", "joe"),
    ] {
        assert_eq!(reply(&authenticator, &request).unwrap().status, 200);
        assert_eq!(request.asked_for_route.get(), 0);
    }
}

#[test]
fn every_challenge_says_where_the_metadata_are() {
    let where_ = r#"resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp""#;
    let challenge = |fields: Json, request: FakeRequest| {
        let mut all = json!({"resource_metadata": {"resource": RESOURCE}});
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        answer(&authenticator(all), &request, EXP - 1).unwrap_err().www_authenticate
    };
    let (none, bad) = (FakeRequest::get("/mcp"), FakeRequest::get("/mcp").with("authorization", "Bearer x"));
    let good = || FakeRequest::get("/mcp").with("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(challenge(json!({}), none.clone()), Some(format!("Bearer {where_}")));
    assert_eq!(challenge(json!({}), bad.clone()), Some(format!(r#"Bearer error="invalid_token", {where_}"#)));
    assert_eq!(
        challenge(json!({"realm": "a \"b\""}), bad.clone()),
        Some(format!(r#"Bearer realm="a \"b\"", error="invalid_token", {where_}"#))
    );
    assert_eq!(challenge(json!({"response": {"detail": false}}), bad), Some(format!("Bearer {where_}")));
    let scope = json!({"required_claims": [{"claim": "scope", "all_of": ["a", "b"]}]});
    assert_eq!(challenge(scope, good()), Some(format!(r#"Bearer error="insufficient_scope", scope="a b", {where_}"#)));
    assert_eq!(challenge(json!({"deny": ["joe"]}), good()), None, "no challenge, nothing to say in it");
}

#[test]
fn each_policy_has_its_resource_and_all_are_published() {
    let fields = json!({
        "resource_metadata": {"resource": "https://api.example.com"},
        "rules": [
            {"routes": ["mcp"], "resource_metadata": {"resource": RESOURCE}},
            {"routes": ["other"], "resource_metadata": {"resource": "https://other.example.com/mcp"}},
            {"routes": ["same"]},
            {"routes": ["none"], "resource_metadata": null},
            {"routes": ["guests"], "anonymous": "guest"},
        ],
    });
    let authenticator = authenticator(fields);
    let challenge = |route: &str| match answer(&authenticator, &FakeRequest::get("/").on(route, "c"), EXP) {
        Ok(_) => "passes".to_owned(),
        Err(reply) => reply.www_authenticate.unwrap(),
    };
    let named = |url: &str| format!(r#"Bearer resource_metadata="{url}""#);
    assert_eq!(challenge("mcp"), named("https://api.example.com/.well-known/oauth-protected-resource/mcp"));
    assert_eq!(challenge("other"), named("https://other.example.com/.well-known/oauth-protected-resource/mcp"));
    assert_eq!(challenge("same"), named("https://api.example.com/.well-known/oauth-protected-resource"));
    assert_eq!(challenge("x"), challenge("same"));
    assert_eq!((challenge("none"), challenge("guests")), ("Bearer".to_owned(), "passes".to_owned()));

    assert_eq!(document(&authenticator, ROOT)["resource"], "https://api.example.com");
    let of_host = |host: &str| {
        let request = FakeRequest::get(&format!("{ROOT}/mcp")).with(":authority", host);
        reply(&authenticator, &request)
            .map(|reply| serde_json::from_str::<Json>(&reply.body).unwrap()["resource"].clone())
    };
    assert_eq!(of_host("api.example.com"), Some(json!(RESOURCE)));
    assert_eq!(of_host("OTHER.example.com:443"), Some(json!("https://other.example.com/mcp")));
    assert_eq!(of_host("third.example.com").unwrap(), Json::Null, "401: which of the two is meant is not known");
}

#[test]
fn faults_of_the_metadata_are_told_at_their_paths() {
    let such = "expected one such as https://api.example.com/mcp";
    let not = "not an http or https URI that has a host and neither user nor fragment";
    for (metadata, expected) in [
        (json!({}), "resource_metadata.resource: missing; expected the URL of the resource".to_owned()),
        (json!({"resource": "api"}), format!("resource_metadata.resource: {not}; {such}")),
        (json!({"resource": "https://a/#b"}), format!("resource_metadata.resource: {not}; {such}")),
        (json!({"resource": "https://a/\"b"}), format!("resource_metadata.resource: {not}; {such}")),
        (
            json!({"resource": "https://a/b?c"}),
            "resource_metadata.resource: a URL with a query; expected one without a query, such as \
             https://api.example.com/mcp"
                .to_owned(),
        ),
        (
            json!({"resource": RESOURCE, "authorization_servers": []}),
            "resource_metadata.authorization_servers: an empty list; expected at least one item".to_owned(),
        ),
        (
            json!({"resource": RESOURCE, "authorization_servers": ["a"]}),
            format!("resource_metadata.authorization_servers[0]: {not}; {such}"),
        ),
        (
            json!({"resource": RESOURCE, "scopes_supported": ["a b"]}),
            "resource_metadata.scopes_supported[0]: a string; expected a scope, without spaces, quotes and backslashes"
                .to_owned(),
        ),
        (
            json!({"resource": RESOURCE, "bearer_methods_supported": ["body"]}),
            "resource_metadata.bearer_methods_supported[0]: \"body\"; expected header or query; the filter reads no token in a \
             body"
                .to_owned(),
        ),
        (json!({"resource": RESOURCE, "jwks_uri": 1}), "resource_metadata.jwks_uri: a number; expected a string".to_owned()),
        (json!("x"), "resource_metadata: a string; expected an object".to_owned()),
    ] {
        let fault = configuration(json!({"resource_metadata": metadata})).unwrap_err();
        assert_eq!(fault, expected, "{metadata}");
    }
    let metadata = |scope: &str| json!({"resource": RESOURCE, "scopes_supported": [scope]});
    let two = |scope: &str| {
        let rules = json!([{"routes": ["a"]}, {"routes": ["b"], "resource_metadata": metadata(scope)}]);
        configuration(json!({"resource_metadata": metadata("a"), "rules": rules}))
    };
    let expected = "rules[1].resource_metadata: other metadata of a resource than another policy has; expected the same for \
                    both, or another resource";
    assert_eq!(two("b").unwrap_err(), expected);
    assert_eq!(two("a").unwrap().resources.len(), 1);
}

//! Tokens in other places than behind `Bearer`, and several of them in one request.

use std::cell::Cell;

use crate::support::{self, FakeRequest, TOKEN, answer, ed448_jwk};
use hmac::{Hmac, KeyInit, Mac};
use jwt_auth_filter::{
    authenticate::{Authenticator, CacheUse, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn, Key, Prepared, Verifier},
    encoding::base64::encode_url,
    jwks::Answer,
    request::MAX_TOKENS,
};
use serde_json::{Value as Json, json};
use sha2::Sha256;

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "c2VjcmV0";

/// A token of a credential, signed by another implementation than the one that verifies.
fn token_with(claims: Json) -> String {
    signed(&format!("{}.{}", encode_url(r#"{"alg":"HS256"}"#), encode_url(claims.to_string())))
}

fn signed(input: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    format!("{input}.{}", encode_url(mac.finalize().into_bytes()))
}

fn token(iss: &str) -> String {
    token_with(json!({"iss": iss}))
}

/// A token that has the form of one, and a signature of nobody.
fn forged(iss: &str) -> String {
    let mut token = token(iss);
    token.truncate(token.rfind('.').unwrap() + 1);
    token + "AAAA"
}

fn configuration(fields: Json) -> Result<Config, String> {
    let mut config = json!({"consumers": [
        {"username": "alice", "jwt_secrets": [{"key": "a", "secret": SECRET}]},
        {"username": "bob", "groups": ["suspended"], "jwt_secrets": [{"key": "b", "secret": SECRET}]},
        {"username": "guest"},
        {"username": "remote", "jwt_secrets": [{"key": "r", "remote_jwks": {"uri": "http://r/jwks", "cluster": "r"}}]},
    ]});
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Config::parse(config.to_string().as_bytes())
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    Authenticator::new(configuration(fields).unwrap(), BuiltIn)
}

/// As whom a request passes, or with which message it is refused.
fn told(authenticator: &Authenticator<BuiltIn>, request: &FakeRequest) -> String {
    match answer(authenticator, request, NOW) {
        Ok(sent) => sent.text("x-consumer-username").unwrap_or_default(),
        Err(reply) => {
            let body: Json = serde_json::from_str(&reply.body).unwrap();
            body["message"].as_str().unwrap_or("other").to_owned()
        }
    }
}

fn get() -> FakeRequest {
    FakeRequest::get("/")
}

const BAD: &str = "Bad token; invalid JSON";
const BAD_END: &str = "Bad token; invalid signature";
const SEVERAL: &str = "Multiple tokens provided";
const NONE: &str = "Unauthorized";

/// A header of a service that checks tokens before the proxy does, such as Cloudflare Access, and its token.
#[test]
fn a_header_without_a_prefix_holds_the_token_alone() {
    const NAME: &str = "cf-access-jwt-assertion";
    let mut config: Json = serde_json::from_str(include_str!("places/18-raw-header/plugin.json")).unwrap();
    config["hide_credentials"] = json!(true);
    let token = include_str!("places/18-raw-header/token.txt").trim();
    let read = |config: &Json| Authenticator::new(Config::parse(config.to_string().as_bytes()).unwrap(), BuiltIn);
    let authenticator = read(&config);
    let now = 1_796_000_000;
    let status =
        |request: &FakeRequest| answer(&authenticator, request, now).map_or_else(|reply| reply.status, |_| 200);
    let with = |value: &str| FakeRequest::get("/").with(NAME, value);

    let sent = answer(&authenticator, &with(&format!(" {token} ")), now).unwrap();
    assert_eq!(sent.text(NAME), None, "hidden");
    assert_eq!(status(&with(token).with("authorization", format!("Bearer {token}"))), 200);
    for value in [format!("Bearer {token}"), format!("{token},{token}"), format!("{token} x"), "x".to_owned()] {
        assert_eq!(status(&with(&value)), 401, "{value}");
    }
    let several = with(token).with("authorization", "Bearer a.b.c");
    assert_eq!(answer(&authenticator, &several, now).unwrap_err().body, r#"{"message":"Multiple tokens provided"}"#);
    let empty = with("").with("authorization", format!("Bearer {token}"));
    assert_eq!((status(&empty), status(&with(""))), (200, 401));

    config["header_names"] = json!([NAME]);
    let faults = Config::parse(config.to_string().as_bytes()).unwrap_err();
    let expected = "token_headers: cf-access-jwt-assertion, which holds a token in two ways; expected for each header one item \
                    without a prefix, or one for each prefix, Bearer of header_names included";
    assert_eq!(faults[0].to_string(), expected);
}

#[test]
fn a_header_may_hold_a_token_behind_another_scheme() {
    let fields = json!({"token_headers": [
        {"name": "X-Token", "prefix": "JWT"},
        {"name": "authorization", "prefix": "Token"},
    ]});
    let authenticator = authenticator(fields);
    let it = token("a");
    for (name, value) in [
        ("x-token", format!("JWT {it}")),
        ("x-token", format!("jwt   {it} ")),
        ("authorization", format!("token {it}")),
        ("authorization", format!("Bearer {it}")),
    ] {
        assert_eq!(told(&authenticator, &get().with(name, &value)), "alice", "{name}: {value}");
    }
    for (name, value) in [
        ("x-token", it.clone()),
        ("x-token", format!("Bearer {it}")),
        ("x-token", format!("JWT{it}")),
        ("x-token", format!("xJWT {it}")),
        ("authorization", format!("JWT {it}")),
        ("x-other", format!("JWT {it}")),
    ] {
        assert_eq!(told(&authenticator, &get().with(name, &value)), NONE, "{name}: {value}");
    }
    let both = get().with("x-token", format!("JWT {it}")).with("authorization", format!("Token {}", token("b")));
    assert_eq!(told(&authenticator, &both), SEVERAL);
    assert_eq!(told(&authenticator, &get().with("x-token", format!("JWT {it}, JWT {it}"))), BAD_END);
}

/// What a load balancer of AWS writes: base64url with its padding, which is signed as it stands.
fn padded(iss: &str) -> String {
    let padded = |text: String| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    let claims = padded(encode_url(json!({"iss": iss, "exp": NOW + 60}).to_string()));
    let token = signed(&format!("{}.{claims}", padded(encode_url(r#"{"alg":"HS256"}"#))));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let token = format!("{input}.{}", padded(signature.to_owned()));
    assert!(token.contains("=.") && token.ends_with('='));
    token
}

#[test]
fn a_token_may_be_padded_where_that_is_said_and_nowhere_else() {
    let fields =
        |is_padded| json!({"token_headers": [{"name": "x-amzn-oidc-data", "padded": is_padded}, {"name": "x-after"}]});
    let strict = authenticator(fields(false));
    let authenticator = authenticator(fields(true));
    let it = padded("a");
    assert_eq!(told(&authenticator, &get().with("x-amzn-oidc-data", &it)), "alice");
    assert_eq!(authenticator.cache_use(), CacheUse { hits: 0, misses: 1 });
    assert_eq!(told(&authenticator, &get().with("x-amzn-oidc-data", token("a"))), "alice");
    // What is remembered of it counts only where it may stand.
    assert_eq!(told(&authenticator, &get().with("authorization", format!("Bearer {it}"))), BAD);
    for (name, value) in [("authorization", format!("Bearer {it}")), ("x-after", it.clone())] {
        let both = get().with("x-amzn-oidc-data", &it).with(name, value);
        assert_eq!(told(&authenticator, &both), BAD, "{name}");
    }
    assert_eq!(told(&strict, &get().with("x-amzn-oidc-data", &it)), BAD);
    for bad in [format!("{it}="), it.replace("=.", "==."), it.replacen('=', "", 1)] {
        assert_ne!(told(&authenticator, &get().with("x-amzn-oidc-data", &bad)), "alice", "{bad}");
    }
}

#[test]
fn a_token_may_be_offered_as_a_subprotocol() {
    const HEADER: &str = "sec-websocket-protocol";
    let fields = json!({"websocket_protocols": [
        {"name": "bearer"},
        {"prefix": "base64url.bearer.authorization.k8s.io.", "base64url": true},
    ], "hide_credentials": true});
    let authenticator = authenticator(fields);
    let (it, other) = (token("a"), token("b"));
    let encoded = |token: &str| format!("base64url.bearer.authorization.k8s.io.{}", encode_url(token));
    for (value, left) in [
        (format!("bearer, {it}"), Some("bearer")),
        (format!("chat, bearer,{it} ,v2"), Some("chat, v2, bearer")),
        (format!("chat, {}", encoded(&it)), Some("chat")),
        (encoded(&it), None),
        (format!("bearer, {it}, {}", encoded(&it)), Some("bearer")),
    ] {
        let sent = answer(&authenticator, &get().with(HEADER, &value), NOW).unwrap();
        assert_eq!(sent.text("x-consumer-username").as_deref(), Some("alice"));
        assert_eq!(sent.text(HEADER).as_deref(), left, "{value}");
    }
    let split = answer(&authenticator, &get().with(HEADER, "bearer").with(HEADER, &it), NOW).unwrap();
    assert_eq!(split.text(HEADER).as_deref(), Some("bearer"), "a list in two headers is one");
    for (value, expected) in [
        (format!("bearer, {it}, bearer, {other}"), SEVERAL),
        (format!("bearer, {it}, {}", encoded(&other)), SEVERAL),
        (format!("bearer, bearer, {it}"), SEVERAL),
        (format!("base64url.bearer.authorization.k8s.io.{it}"), BAD),
        (it.clone(), NONE),
        (format!("{it}, bearer"), NONE),
        ("bearer".to_owned(), NONE),
    ] {
        assert_eq!(told(&authenticator, &get().with(HEADER, &value)), expected, "{value}");
    }
    let not_asked_for = self::authenticator(json!({}));
    assert_eq!(told(&not_asked_for, &get().with(HEADER, format!("bearer, {it}"))), NONE);
}

#[test]
fn a_token_may_be_in_cookies_in_parts() {
    let fields = json!({
        "cookie_names": ["s"], "hide_credentials": true,
        "split_cookies": [{"name": "s"}, {"name": "n", "separator": "C", "first": 1}],
    });
    let authenticator = authenticator(fields);
    let it = token("a");
    let (start, rest) = it.split_at(20);
    let (middle, end) = rest.split_at(5);
    for cookies in [
        format!("a=1; s.0={start}; s.1={middle}; s.2={end}; b=2"),
        format!("s.2={end}; a=1; s.0={start}; b=2; s.1={middle}"),
        format!("a=1; n=chunks-2; nC1={start}; nC2={rest}; b=2"),
        format!("a=1; s={it}; b=2"),
        format!("a=1; s={it}; s.0={start}; s.1={rest}; b=2"),
    ] {
        let sent = answer(&authenticator, &get().with("cookie", &cookies), NOW).unwrap();
        assert_eq!(sent.text("x-consumer-username").as_deref(), Some("alice"), "{cookies}");
        assert_eq!(sent.text("cookie").unwrap().replace("n=chunks-2; ", ""), "a=1; b=2", "{cookies}");
    }
    let in_two_headers = get().with("cookie", format!("s.1={rest}")).with("cookie", format!("s.0={start}"));
    assert_eq!(told(&authenticator, &in_two_headers), "alice");
    for (cookies, expected) in [
        (format!("s.0={start}; s.2={rest}"), BAD_END),
        (format!("s.1={start}; s.2={rest}"), BAD_END),
        (format!("s.0={start}; s.1={rest}; s.1=x"), BAD_END),
        (format!("s.0={it}; s.16=x"), BAD_END),
        (format!("s.0={it}; s.2=x"), BAD_END),
        (format!("s={it}; s.0=x"), SEVERAL),
        (format!("s.00={it}"), NONE),
        (format!("nC0={it}"), NONE),
    ] {
        assert_eq!(told(&authenticator, &get().with("cookie", &cookies)), expected, "{cookies}");
    }
}

/// A request with tokens in this order: in the header, as a subprotocol, in the query and in a cookie.
fn carrying(tokens: [&str; 4]) -> FakeRequest {
    FakeRequest::get(&format!("/p?jwt={}", tokens[2]))
        .with("authorization", format!("Bearer {}", tokens[0]))
        .with("sec-websocket-protocol", format!("bearer, {}", tokens[1]))
        .with("cookie", format!("s={}; a=1", tokens[3]))
}

fn first_valid(more: Json) -> Json {
    let mut fields = json!({
        "first_valid": true, "cookie_names": ["s"], "websocket_protocols": [{"name": "bearer"}],
        "claims_to_verify": [],
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

#[test]
fn the_first_valid_token_counts_and_the_others_do_not_go_upstream() {
    let authenticator = authenticator(first_valid(json!({})));
    let (alice, bob) = (token("a"), token("b"));
    let (bad, unknown) = (forged("a"), token("x"));
    let sent = answer(&authenticator, &carrying([&bad, &unknown, &alice, &bob]), NOW).unwrap();
    assert_eq!(sent.text("x-consumer-username").as_deref(), Some("alice"));
    assert_eq!(sent.text("authorization"), None);
    assert_eq!(sent.text("sec-websocket-protocol").as_deref(), Some("bearer"));
    assert_eq!(sent.path, format!("/p?jwt={alice}").into_bytes(), "the valid one stays");
    assert_eq!(sent.text("cookie").as_deref(), Some("a=1"));

    for (tokens, expected) in [
        ([&bob, &bad, &alice, &bad], "bob"),
        ([&alice, &bob, &bob, &bob], "alice"),
        ([&bad, &bad, &bad, &bob], "bob"),
        ([&alice, &alice, &alice, &alice], "alice"),
        ([&bad, &unknown, &unknown, &unknown], "Invalid signature"),
        ([&unknown, &bad, &bad, &bad], "No credentials found for given 'iss'"),
    ] {
        assert_eq!(told(&authenticator, &carrying(tokens.map(String::as_str))), expected, "{tokens:?}");
    }
    let one = answer(&authenticator, &carrying([&alice; 4]), NOW).unwrap();
    assert_eq!(one.text("cookie"), Some(format!("s={alice}; a=1")), "one token stays where it was");

    let hiding = self::authenticator(first_valid(json!({"hide_credentials": true})));
    let sent = answer(&hiding, &carrying([&bad, &unknown, &alice, &bob]), NOW).unwrap();
    assert_eq!((sent.path.as_slice(), sent.text("cookie").as_deref()), (b"/p".as_slice(), Some("a=1")));
}

#[test]
fn whoever_may_not_call_does_not_by_another_token_behind() {
    let authenticator = authenticator(first_valid(json!({"deny": ["suspended"], "anonymous": "guest"})));
    let (alice, bob, bad) = (token("a"), token("b"), forged("a"));
    assert_eq!(told(&authenticator, &carrying([&bob, &alice, &alice, &alice])), "You cannot consume this service");
    assert_eq!(told(&authenticator, &carrying([&bad, &alice, &bob, &bob])), "alice");
    assert_eq!(told(&authenticator, &carrying([&bad, &forged("b"), &bad, &bad])), "guest");
}

#[test]
fn more_tokens_than_may_be_tried_are_refused() {
    let authenticator = authenticator(first_valid(json!({})));
    let request = |bad: usize| {
        let bad = (0..bad).map(|number| format!("x{number}&jwt=")).collect::<String>();
        FakeRequest::get(&format!("/?jwt={bad}{}", token("a")))
    };
    assert_eq!(told(&authenticator, &request(MAX_TOKENS - 1)), "alice");
    assert_eq!(told(&authenticator, &request(MAX_TOKENS)), SEVERAL);
    assert_eq!(told(&authenticator, &request(20_000)), SEVERAL);
}

/// Counts the signatures that it is given, and takes none.
struct Counting(Cell<usize>);

impl Verifier for &Counting {
    fn verify(&self, _key: &Key, _: &Prepared, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        false
    }
}

#[test]
fn all_tokens_of_a_request_share_its_budget() {
    let verifier = Counting(Cell::new(0));
    let consumers = json!([{"username": "c", "jwt_secrets": [{"key": "c", "jwks": {"keys": [ed448_jwk()]}}]}]);
    let config = configuration(first_valid(json!({"consumers": consumers}))).unwrap();
    let authenticator = Authenticator::new(config, &verifier);
    let token = |jti: u32| {
        let claims = json!({"iss": "c", "jti": jti}).to_string();
        format!("{}.{}.AAAA", encode_url(r#"{"alg":"EdDSA"}"#), encode_url(claims))
    };
    let query: String = (0..8).map(|jti| format!("jwt={}&", token(jti))).collect();
    let decision = authenticator.decide(&FakeRequest::get(&format!("/?{query}")), NOW);
    let Outcome::Denied(denial) = decision.outcome else { panic!() };
    assert_eq!((verifier.0.get(), denial.reason.name(), decision.token), (2, "invalid_signature", 0));
}

#[test]
fn a_valid_token_does_not_wait_for_the_key_set_of_another() {
    let authenticator = authenticator(first_valid(json!({})));
    let (alice, remote, bad) = (token("a"), token("r"), forged("a"));
    // Of an asymmetric algorithm, as the keys that an issuer publishes are.
    let remote = remote.replace(&encode_url(r#"{"alg":"HS256"}"#), &encode_url(r#"{"alg":"EdDSA"}"#));
    assert_eq!(told(&authenticator, &carrying([&remote, &bad, &bad, &alice])), "alice");

    let request = carrying([&bad, &remote, &bad, &bad]);
    let pending = authenticator.decide_or_wait(&request, NOW).err().unwrap();
    assert_eq!(pending.wait().sets.len(), 1);
    let given_up = authenticator.give_up(&request, NOW, pending);
    let Outcome::Denied(denial) = given_up.outcome else { panic!() };
    assert_eq!((denial.reason.name(), given_up.token), ("key_set_unavailable", 1), "the token that may be good");

    let pending = authenticator.decide_or_wait(&request, NOW).err().unwrap();
    let body = json!({"keys": [ed448_jwk()]}).to_string().into_bytes();
    let answer = Answer { status: Some(200), cache_control: None, etag: None, size: body.len(), body };
    authenticator.config().credentials.remote().for_each(|keys| keys.replace(answer.key_set().unwrap().set));
    let refused = match authenticator.decide_again(&request, NOW, pending) {
        Ok(decision) => decision,
        Err(pending) => authenticator.give_up(&request, NOW, pending),
    };
    let Outcome::Denied(denial) = refused.outcome else { panic!() };
    assert_eq!((denial.reason.name(), refused.token), ("invalid_signature", 1));
}

#[test]
fn faults_of_places_are_told_at_their_paths() {
    let two_ways = "which holds a token in two ways; expected for each header one item without a prefix, or one for each \
                    prefix, Bearer of header_names included";
    for (fields, expected) in [
        (
            json!({"token_headers": [{"prefix": "JWT"}]}),
            "token_headers[0].name: missing; expected the name of a header",
        ),
        (
            json!({"token_headers": [{"name": "a", "prefix": "Bearer "}]}),
            "token_headers[0].prefix: a string; expected a scheme such as Bearer, without a space, or an empty text",
        ),
        (json!({"token_headers": [{"name": "a b"}]}), "token_headers[0].name: a string; expected the name of a header"),
        (
            json!({"token_headers": [{"name": "a", "padded": 1}]}),
            "token_headers[0].padded: a number; expected true or false",
        ),
        (json!({"token_headers": [{"name": "Authorization"}]}), &format!("token_headers: authorization, {two_ways}")),
        (
            json!({"token_headers": [{"name": "authorization", "prefix": "BEARER"}]}),
            &format!("token_headers: authorization, {two_ways}"),
        ),
        (
            json!({"token_headers": [{"name": "x", "prefix": "a"}, {"name": "X", "prefix": "A"}]}),
            &format!("token_headers: x, {two_ways}"),
        ),
        (
            json!({"websocket_protocols": [{}]}),
            "websocket_protocols[0]: neither name nor prefix; expected one of name, prefix",
        ),
        (
            json!({"websocket_protocols": [{"name": "a", "prefix": "b"}]}),
            "websocket_protocols[0]: name and prefix; expected one of name, prefix",
        ),
        (
            json!({"websocket_protocols": [{"name": "a", "base64url": true}]}),
            "websocket_protocols[0].base64url: set without prefix; expected false, or a prefix instead of name",
        ),
        (
            json!({"websocket_protocols": [{"name": "a,b"}]}),
            "websocket_protocols[0].name: a string; expected a subprotocol, or what one begins with",
        ),
        (json!({"split_cookies": ["s"]}), "split_cookies[0]: a string; expected an object"),
        (
            json!({"split_cookies": [{"name": "s", "first": 2}]}),
            "split_cookies[0].first: the number 2; expected a whole number from 0 to 1",
        ),
        (
            json!({"split_cookies": [{"name": "s", "separator": ";"}]}),
            "split_cookies[0].separator: a string; expected characters that the name of a cookie may have",
        ),
        (
            json!({"header_names": ["authorization", "Cookie"]}),
            "header_names[1]: cookie; expected cookie_names or split_cookies for a token in a cookie",
        ),
        (
            json!({"token_headers": [{"name": "Sec-WebSocket-Protocol"}]}),
            "token_headers[0].name: sec-websocket-protocol; expected websocket_protocols for a token in it",
        ),
        (
            json!({"token_headers": [{"name": "dpop"}]}),
            "token_headers[0].name: dpop; expected the header of the token, not that of the proof",
        ),
        (
            json!({"token_headers": [{"name": "connection"}]}),
            "token_headers[0].name: connection; expected a header that goes from end to end",
        ),
        (json!({"first_valid": "yes"}), "first_valid: a string; expected true or false"),
        (
            json!({"token_headers": [{"name": "x-t"}], "forward_payload_header": "x-t"}),
            "forward_payload_header: x-t, a header that may hold the token; expected a header that is not searched for a token",
        ),
    ] {
        assert_eq!(configuration(fields.clone()).unwrap_err(), expected, "{fields}");
    }
    // A rule may take a place away again.
    let rules = json!([{"routes": ["r"], "token_headers": null, "header_names": ["x-t"]}]);
    configuration(json!({"token_headers": [{"name": "x-t"}], "rules": rules})).unwrap();
}

#[test]
fn tokens_behind_several_schemes_of_one_header_all_go() {
    let fields = json!({"token_headers": [{"name": "authorization", "prefix": "JWT"}], "cookie_names": ["session"],
        "first_valid": true});
    let forged = "Bearer eyJhbGciOiJub25lIn0.e30.";
    for (first, second) in [(forged, "JWT x"), ("JWT x", forged)] {
        let request = FakeRequest::get("/").with("cookie", format!("session={TOKEN}"));
        let request = request.with("authorization", first).with("authorization", second);
        let sent = answer(&support::authenticator(fields.clone()), &request, 0).unwrap();
        assert_eq!(sent.headers.get("authorization"), None, "{first}, {second}");
    }
    let mut hidden = fields;
    hidden["hide_credentials"] = true.into();
    hidden["anonymous"] = "nobody".into();
    hidden["first_valid"] = false.into();
    let request = FakeRequest::get("/").with("authorization", format!("{forged}, Basic b, JWT y"));
    let sent = answer(&support::authenticator(hidden), &request, 0).unwrap();
    assert_eq!(sent.headers["authorization"], [b" Basic b".trim_ascii().to_vec()]);
}

#[test]
fn tokens_are_hidden_in_trailers_too_where_they_are_hidden_at_all() {
    let hidden = |mut fields: Json| {
        fields["token_headers"] = json!([{"name": "X-Raw"}]);
        configuration(fields).unwrap().hidden_headers().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(hidden(json!({})).is_empty());
    let both = ["authorization", "x-raw"].map(str::to_owned);
    for fields in [
        json!({"hide_credentials": true}),
        json!({"first_valid": true}),
        json!({"rules": [{"routes": ["r"], "hide_credentials": true}]}),
    ] {
        let mut hidden = hidden(fields);
        hidden.sort();
        assert_eq!(hidden, both);
    }
}

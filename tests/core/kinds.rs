//! What kind of token is taken, by policy and by credential: type, age, presence, subject, patterns, nested requirements.

use crate::{
    hs256,
    support::{FakeRequest, answer},
};
use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::BuiltIn,
    reply::Reply,
};
use serde_json::{Value as Json, json};

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "c2VjcmV0";

/// A token signed by another implementation than the one that verifies.
fn token(header: &Json, claims: &Json) -> String {
    let mut full = json!({"alg": "HS256"});
    full.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    hs256::signed(&full.to_string(), claims, SECRET.as_bytes())
}

fn parse(config: &Json) -> Result<Config, Vec<String>> {
    let faults = |faults: Vec<_>| faults.iter().map(ToString::to_string).collect();
    Config::parse(config.to_string().as_bytes()).map_err(faults)
}

/// The consumers `alice` and `guest`, with these fields; the fields of `credential` are those of Alice's.
fn with_credential(mut fields: Json, credential: &Json) -> Json {
    let mut own = json!({"key": "a", "secret": SECRET});
    own.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
    fields["consumers"] = json!([{"username": "alice", "jwt_secrets": [own]}, {"username": "guest"}]);
    fields
}

fn authenticator(fields: Json) -> Authenticator<BuiltIn> {
    Authenticator::new(parse(&with_credential(fields, &json!({}))).unwrap(), BuiltIn)
}

fn bearing(token: &str) -> FakeRequest {
    FakeRequest::get("/").with("authorization", format!("Bearer {token}"))
}

/// Status, body and challenge; 200 and no more if the request passes.
fn told(authenticator: &Authenticator<BuiltIn>, header: Json, claims: Json) -> (u16, String, String) {
    match answer(authenticator, &bearing(&token(&header, &claims)), NOW) {
        Ok(_) => (200, String::new(), String::new()),
        Err(Reply { status, body, www_authenticate, .. }) => (status, body, www_authenticate.unwrap_or_default()),
    }
}

fn status(fields: Json, claims: Json) -> u16 {
    told(&authenticator(fields), json!({}), claims).0
}

fn faults(fields: Json) -> Vec<String> {
    parse(&with_credential(fields, &json!({}))).err().unwrap_or_default()
}

const INVALID: &str = r#"Bearer error="invalid_token""#;

#[test]
fn an_id_token_is_no_access_token() {
    let authenticator = authenticator(json!({"token_types": ["at+jwt"]}));
    let told = |typ: Json| told(&authenticator, json!({"typ": typ}), json!({"iss": "a"}));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(told(json!(typ)).0, 200, "{typ}");
    }
    let refused = (401, r#"{"message":"Invalid token type"}"#.to_owned(), INVALID.to_owned());
    for typ in
        [json!("JWT"), json!(""), json!("at+jwt+x"), json!("text/at+jwt"), json!(7), Json::Null, json!(["at+jwt"])]
    {
        assert_eq!(told(typ.clone()), refused, "{typ}");
    }
    assert_eq!(self::told(&authenticator, json!({}), json!({"iss": "a"})), refused, "no typ");
}

#[test]
fn the_type_of_a_remembered_token_is_looked_at_by_each_rule() {
    let fields = json!({"rules": [{"routes": ["strict"], "token_types": ["at+jwt"]}]});
    let authenticator = authenticator(fields);
    for (typ, strict) in [("JWT", 401), ("at+jwt", 200)] {
        let request = bearing(&token(&json!({"typ": typ}), &json!({"iss": "a"})));
        let status =
            |request: &FakeRequest| answer(&authenticator, request, NOW).map_or_else(|reply| reply.status, |_| 200);
        assert_eq!(status(&request), 200);
        assert_eq!(status(&request.clone().on("strict", "")), strict);
        assert_eq!(status(&request), 200);
    }
    assert_eq!(authenticator.cache_use().misses, 2);
}

#[test]
fn a_token_that_was_issued_too_long_ago_or_in_the_future_is_refused() {
    let fields = || json!({"max_token_age": 600, "clock_skew_seconds": 30});
    let with_iat = |iat: Json| told(&authenticator(fields()), json!({}), json!({"iss": "a", "iat": iat}));
    assert_eq!((with_iat(json!(NOW - 630)).0, with_iat(json!(NOW + 30)).0), (200, 200));
    let refused = |fault: &str| (401, format!(r#"{{"iat":"{fault}"}}"#), INVALID.to_owned());
    assert_eq!(with_iat(json!(NOW - 631)), refused("token too old"));
    assert_eq!(with_iat(json!(NOW + 31)), refused("token not valid yet"));
    assert_eq!(with_iat(json!("1700000000")), refused("must be a number"));
    assert_eq!(status(fields(), json!({"iss": "a"})), 401);
    // One that is remembered ages all the same.
    let authenticator = authenticator(fields());
    let request = bearing(&token(&json!({}), &json!({"iss": "a", "iat": NOW})));
    assert!(matches!(authenticator.decide(&request, NOW).outcome, Outcome::Authenticated(_)));
    assert!(matches!(authenticator.decide(&request, NOW + 631).outcome, Outcome::Denied(_)));
    assert_eq!(authenticator.cache_use().hits, 1);
}

#[test]
fn a_token_without_a_claim_that_must_be_there_is_not_valid_and_may_pass_as_anonymous() {
    let fields = json!({"require": ["sub", "act.sub", "roles[].name"]});
    let good = json!({"iss": "a", "sub": "", "act": {"sub": 0}, "roles": [{}, {"name": false}]});
    assert_eq!(status(fields.clone(), good.clone()), 200);
    let refused = |claim: &str| (401, format!(r#"{{"{claim}":"missing"}}"#), INVALID.to_owned());
    for (pointer, value, claim) in
        [("/sub", Json::Null, "sub"), ("/act/sub", Json::Null, "act.sub"), ("/roles", json!([{}]), "roles[].name")]
    {
        let mut claims = good.clone();
        *claims.pointer_mut(pointer).unwrap() = value;
        assert_eq!(told(&authenticator(fields.clone()), json!({}), claims), refused(claim));
    }
    let anonymous = authenticator(json!({"require": ["jti"], "anonymous": "guest"}));
    let decision = anonymous.decide(&bearing(&token(&json!({}), &json!({"iss": "a"}))), NOW);
    assert!(matches!(decision.outcome, Outcome::Anonymous { .. }));
}

#[test]
fn a_subject_that_is_not_wanted_may_not_call_and_is_not_anonymous_either() {
    let fields = json!({"subjects": ["service-a", {"glob": "repo:octo-org/*:ref:refs/heads/main"}, {"suffix": "@a.example"}],
        "anonymous": "guest"});
    let authenticator = authenticator(fields);
    let told = |sub: Json| told(&authenticator, json!({}), json!({"iss": "a", "sub": sub}));
    for sub in ["service-a", "repo:octo-org/x:ref:refs/heads/main", "bob@a.example"] {
        assert_eq!(told(json!(sub)).0, 200, "{sub}");
    }
    let refused = (403, r#"{"sub":"not allowed"}"#.to_owned(), String::new());
    for sub in [
        json!("service-a "),
        json!("service"),
        json!("x service-a"),
        json!("repo:octo-org-evil/x:ref:refs/heads/main"),
        json!("repo:octo-org/x:ref:refs/heads/main2"),
        json!(["service-a"]),
        Json::Null,
    ] {
        assert_eq!(told(sub.clone()), refused, "{sub}");
    }
}

#[test]
fn requirements_nest_and_name_what_is_missing() {
    let fields = json!({"required_claims": [
        {"all": [{"claim": "scope", "all_of": ["read"]}, {"claim": "email", "suffix": "@a.example"}]},
        {"any": [{"claim": "roles[].name", "any_of": ["admin"]},
                 {"all": [{"claim": "team", "prefix": "team-"}, {"not": {"claim": "amr", "any_of": ["pwd"]}}]}]},
        {"not": {"claim": "groups", "any_of": ["suspended"]}},
    ]});
    let good = json!({"iss": "a", "scope": "read", "email": "b@a.example", "team": "team-x", "amr": ["otp"]});
    assert_eq!(status(fields.clone(), good.clone()), 200);
    let with = |name: &str, value: Json| {
        let mut claims = good.clone();
        claims[name] = value;
        told(&authenticator(fields.clone()), json!({}), claims)
    };
    let insufficient = |challenge: &str| (403, r#"{"message":"Insufficient claims"}"#.to_owned(), challenge.to_owned());
    assert_eq!(with("scope", json!("write")), insufficient(r#"Bearer error="insufficient_scope", scope="read""#));
    for (name, value) in [
        ("email", json!("b@a.example.evil")),
        ("team", json!("x team-x")),
        ("amr", json!(["pwd"])),
        ("groups", json!(["x", "suspended"])),
    ] {
        assert_eq!(with(name, value), insufficient(""), "{name}");
    }
    let mut admin = good.clone();
    admin["amr"] = json!("pwd");
    admin["roles"] = json!([{"name": "admin"}]);
    assert_eq!(status(fields, admin), 200);
}

#[test]
fn each_issuer_has_demands_of_its_own_beside_those_of_the_policy() {
    let credential = |key: &str, more: Json| {
        let mut own = json!({"key": key, "secret": SECRET});
        own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        own
    };
    let config = json!({
        "require": ["sub"], "audiences": ["api", "api://entra"],
        "consumers": [
            {"username": "entra", "jwt_secrets": [credential("https://entra", json!({"audiences": ["api://entra"],
                "required_claims": [{"claim": "tid", "equals": "t"}]}))]},
            {"username": "auth0", "jwt_secrets": [credential("https://auth0", json!({"claims_to_verify": ["exp"],
                "token_types": ["at+jwt"]}))]},
            {"username": "own", "jwt_secrets": [credential("own", json!({"subjects": ["s"], "require": ["jti"]}))]},
        ],
    });
    let authenticator = Authenticator::new(parse(&config).unwrap(), BuiltIn);
    let status = |header: Json, claims: Json| told(&authenticator, header, claims).0;
    let entra =
        |aud: &str, tid: &str| status(json!({}), json!({"iss": "https://entra", "sub": "s", "aud": aud, "tid": tid}));
    assert_eq!(
        (entra("api://entra", "t"), entra("api", "t"), entra("x", "t"), entra("api://entra", "u")),
        (200, 401, 401, 403)
    );
    let auth0 = |typ: &str, exp: u64| {
        status(json!({"typ": typ}), json!({"iss": "https://auth0", "sub": "x", "aud": "api", "exp": exp}))
    };
    assert_eq!((auth0("at+jwt", NOW + 1), auth0("JWT", NOW + 1), auth0("at+jwt", NOW)), (200, 401, 401));
    let own = |claims: Json| {
        let mut all = json!({"iss": "own", "sub": "s", "aud": "api", "jti": "1"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        status(json!({}), all)
    };
    assert_eq!(
        (own(json!({})), own(json!({"exp": 1})), own(json!({"sub": "t"})), own(json!({"jti": null}))),
        (200, 200, 403, 401)
    );
    assert_eq!(own(json!({"sub": null})), 401, "what the policy demands holds for all");
}

#[test]
fn the_key_claim_may_be_nested() {
    let authenticator = authenticator(json!({"key_claim_name": "azp.client"}));
    let body = |claims: Json| told(&authenticator, json!({}), claims).1;
    assert_eq!(body(json!({"azp": {"client": "a"}})), "");
    assert_eq!(body(json!({"azp.client": "a"})), "");
    assert_eq!(
        body(json!({"azp": {"client": "a"}, "azp.client": "b"})),
        r#"{"message":"No credentials found for given 'azp.client'"}"#
    );
    assert_eq!(body(json!({"azp": {"client": ["a"]}})), r#"{"message":"Invalid 'azp.client' in claims"}"#);
    assert_eq!(body(json!({"azp": "a"})), r#"{"message":"No mandatory 'azp.client' in claims"}"#);
    assert_eq!(
        faults(json!({"key_claim_name": "roles[].name"})),
        ["key_claim_name: a path through a list; expected a name, or the path of a single claim"]
    );
}

#[test]
fn fields_of_objects_in_lists_become_a_header() {
    let authenticator = authenticator(json!({"claims_to_headers": [{"claim": "roles[].name", "header": "x-roles"}]}));
    let request =
        bearing(&token(&json!({}), &json!({"iss": "a", "roles": [{"name": "b"}, {"name": "c,d"}, {"id": 1}]})));
    assert_eq!(answer(&authenticator, &request, NOW).unwrap().text("x-roles").unwrap(), "b,c%2Cd");
}

/// What becomes of requests without a token, with one that has expired, one that is forged, one whose keys are not there,
/// and one of a consumer that may not call.
fn outcomes(fields: Json) -> [String; 5] {
    let mut config = with_credential(json!({"claims_to_verify": ["exp"], "deny": ["bob"]}), &json!({}));
    config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let consumers = config["consumers"].as_array_mut().unwrap();
    let remote = json!({"key": "r", "algorithm": "ES256", "remote_jwks": {"uri": "http://r/jwks", "cluster": "r"}});
    consumers.push(json!({"username": "bob", "jwt_secrets": [{"key": "b", "secret": SECRET}, remote]}));
    let authenticator = Authenticator::new(parse(&config).unwrap(), BuiltIn);
    let token = |header: Json, iss: &str, exp: u64| bearing(&token(&header, &json!({"iss": iss, "exp": exp})));
    let requests = [
        FakeRequest::get("/").with("authorization", "Basic eDp5"),
        token(json!({}), "a", 1),
        token(json!({"alg": "none"}), "a", NOW + 1),
        token(json!({"alg": "ES256"}), "r", NOW + 1),
        token(json!({}), "b", NOW + 1),
    ];
    requests.map(|request| authenticator.decide(&request, NOW).outcome.name().into_owned())
}

#[test]
fn an_optional_token_may_be_missing_but_never_bad() {
    let [none, rest @ ..] = outcomes(json!({"optional": true}));
    assert_eq!(none, "optional");
    assert_eq!(
        rest,
        ["denied.expired", "denied.unsupported_algorithm", "denied.key_set_unavailable", "denied.not_allowed"]
    );
    // Two headers are one when they arrive: a token in the second is not a missing one.
    for header in ["Basic eDp5,Bearer forged", "Basic eDp5, bearer a.b.c", ",Bearer forged"] {
        let request = FakeRequest::get("/").with("authorization", header);
        for fields in [json!({"optional": true}), json!({"anonymous": "guest", "anonymous_for": ["missing"]})] {
            let outcome = self::authenticator(fields).decide(&request, NOW).outcome.name().into_owned();
            assert!(outcome.starts_with("denied."), "{header}: {outcome}");
        }
    }
    // Nobody is told of an identity, whatever the client says.
    let authenticator = authenticator(json!({"optional": true}));
    let request = FakeRequest::get("/").with("x-consumer-username", "alice").with("x-anonymous-consumer", "true");
    let sent = answer(&authenticator, &request, NOW).unwrap();
    assert!(sent.headers.keys().all(|name| !name.starts_with("x-")), "{:?}", sent.headers);
}

#[test]
fn the_failures_that_lead_to_the_anonymous_consumer_can_be_chosen() {
    let with = |kinds: Json| outcomes(json!({"anonymous": "guest", "anonymous_for": kinds}));
    let (anonymous, denied) = (
        "anonymous",
        [
            "denied.no_token",
            "denied.expired",
            "denied.unsupported_algorithm",
            "denied.key_set_unavailable",
            "denied.not_allowed",
        ],
    );
    for (kinds, passing) in [
        (Json::Null, [true, true, true, true]),
        (json!(["missing"]), [true, false, false, false]),
        (json!(["invalid"]), [false, true, true, false]),
        (json!(["expired"]), [false, true, false, false]),
        (json!(["unavailable", "missing"]), [true, false, false, true]),
    ] {
        let found = with(kinds.clone());
        for (at, passes) in passing.into_iter().chain([false]).enumerate() {
            assert_eq!(found[at], if passes { anonymous } else { denied[at] }, "{kinds}");
        }
    }
    let both = outcomes(json!({"anonymous": "guest", "anonymous_for": ["invalid"], "optional": true}));
    assert_eq!(both[..3], ["optional", "anonymous", "anonymous"]);
}

#[test]
fn only_what_has_expired_and_nothing_worse_is_expired() {
    let fields = json!({"anonymous": "guest", "anonymous_for": ["expired"], "claims_to_verify": ["exp", "nbf"],
        "max_token_age": 60});
    let authenticator = authenticator(fields);
    for (claims, outcome) in [
        (json!({"exp": 1, "nbf": 0, "iat": NOW}), "anonymous"),
        (json!({"exp": 1, "nbf": 0, "iat": 1}), "anonymous"),
        (json!({"exp": NOW + 1, "nbf": 0, "iat": 1}), "anonymous"),
        (json!({"exp": 1, "nbf": NOW + 1, "iat": NOW}), "denied.expired"),
        (json!({"exp": "1", "nbf": 0, "iat": NOW}), "denied.invalid_time_claim"),
        (json!({"exp": 1, "nbf": 0}), "denied.expired"),
    ] {
        let mut all = json!({"iss": "a"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let found = authenticator.decide(&bearing(&token(&json!({}), &all)), NOW).outcome.name().into_owned();
        assert_eq!(found, outcome, "{claims}");
    }
    let forged = bearing(&(token(&json!({}), &json!({"iss": "a", "exp": 1})) + "AA"));
    assert!(
        authenticator.decide(&forged, NOW).outcome.name().starts_with("denied."),
        "an expired token that is forged"
    );
}

#[test]
fn what_can_become_of_requests_without_a_token_must_be_one_thing() {
    let contradiction = "with optional a request without a token has no identity, and with anonymous it has one; \
                         expected one of them, or anonymous_for without missing";
    let no_caller =
        "true, but allow lets only some consumers call; expected false, or no allow: without a token nobody is one";
    for (fields, expected) in [
        (json!({"optional": true, "anonymous": "guest"}), format!("optional: {contradiction}")),
        (
            json!({"optional": true, "rules": [{"routes": ["r"], "anonymous": "guest"}]}),
            format!("rules[0].anonymous: {contradiction}"),
        ),
        (
            json!({"anonymous": "guest", "rules": [{"routes": ["r"], "optional": true}]}),
            format!("rules[0].optional: {contradiction}"),
        ),
        (json!({"optional": true, "allow": ["alice"]}), format!("optional: {no_caller}")),
        (
            json!({"optional": true, "rules": [{"routes": ["r"], "allow": []}]}),
            format!("rules[0].optional: {no_caller}"),
        ),
        (
            json!({"anonymous_for": ["missing"]}),
            "anonymous_for: present, but nobody is anonymous; expected anonymous beside it".to_owned(),
        ),
        (
            json!({"anonymous": "guest", "anonymous_for": []}),
            "anonymous_for: an empty list; expected at least one item".to_owned(),
        ),
        (
            json!({"anonymous": "guest", "anonymous_for": ["none"]}),
            "anonymous_for[0]: \"none\"; expected one of missing, invalid, expired, unavailable".to_owned(),
        ),
    ] {
        assert_eq!(faults(fields), [expected]);
    }
    for fields in [
        json!({"optional": true, "anonymous": "guest", "anonymous_for": ["invalid"]}),
        json!({"anonymous": "guest", "anonymous_for": ["missing"], "rules": [{"routes": ["r"], "anonymous": null}]}),
        json!({"anonymous": "guest", "rules": [{"routes": ["r"], "anonymous": null, "optional": true}]}),
    ] {
        assert_eq!(faults(fields), Vec::<String>::new());
    }
}

#[test]
fn what_can_never_be_met_or_means_nothing_is_a_fault() {
    let required = |item: Json| faults(json!({"required_claims": [item]}));
    let claim = json!({"claim": "a", "present": true});
    let nested = |levels: usize| (0..levels).fold(claim.clone(), |item, _| json!({"not": item}));
    assert_eq!(required(nested(8)), Vec::<String>::new());
    let path = ".not".repeat(9);
    assert_eq!(
        required(nested(9)),
        [format!("required_claims[0]{path}: nested more than 8 deep; expected fewer levels of any, all and not")]
    );
    for (item, expected) in [
        (json!({"any": []}), "required_claims[0].any: an empty list; expected at least one item"),
        (json!({"not": []}), "required_claims[0].not: a list; expected an object"),
        (
            json!({"any": [claim.clone()], "claim": "b"}),
            "required_claims[0]: any and claim; expected a claim with a condition, or one of any, all, not",
        ),
        (
            json!({"all": [claim.clone()], "not": claim.clone()}),
            "required_claims[0]: all and not; expected a claim with a condition, or one of any, all, not",
        ),
        (
            json!({"any": [{"claim": "b", "glob": "*"}]}),
            r"required_claims[0].any[0].glob: a text that is no pattern; expected a text with a * in it that is not all of it; a star that stands for itself is written \*",
        ),
        (
            json!({"claim": "b[].c", "equals": 1}),
            "required_claims[0].equals: a claim in the items of a list; expected any_of, because no list equals a value",
        ),
        (json!({"claim": "b", "prefix": ""}), "required_claims[0].prefix: an empty string; expected a name"),
        (
            json!({"claim": "b", "equals": 9_007_199_254_740_993_u64}),
            "required_claims[0].equals: a number that is not exact in JSON; expected one up to 9007199254740991, or a string",
        ),
        (
            json!({"claim": "b", "any_of": [1, -9_007_199_254_740_992_i64]}),
            "required_claims[0].any_of[1]: a number that is not exact in JSON; expected one up to 9007199254740991, or a string",
        ),
    ] {
        assert_eq!(required(item), [expected]);
    }
    for (fields, expected) in [
        (json!({"token_types": []}), "token_types: an empty list; expected at least one item"),
        (json!({"token_types": ["at jwt"]}), "token_types[0]: a string; expected a media type such as at+jwt"),
        (json!({"token_types": ["a/b/c"]}), "token_types[0]: a string; expected a media type such as at+jwt"),
        (
            json!({"require": ["a."]}),
            r"require[0]: a string; expected names with a dot between them, a dot within a name written \., and [] only behind a name",
        ),
        (json!({"subjects": [{}]}), "subjects[0]: no pattern; expected one of prefix, suffix, glob"),
        (
            json!({"subjects": [{"prefix": "a", "glob": "b*"}]}),
            "subjects[0]: prefix and glob; expected one of prefix, suffix, glob",
        ),
        (json!({"subjects": [7]}), "subjects[0]: a number; expected a string"),
        (
            json!({"max_token_age": 31_536_001}),
            "max_token_age: the number 31536001; expected a whole number from 0 to 31536000",
        ),
    ] {
        assert_eq!(faults(fields), [expected.replace(r"\\", r"\")]);
    }
    let own = |credential: Json| parse(&with_credential(json!({}), &credential)).unwrap_err();
    assert_eq!(
        own(json!({"claims_to_verify": ["iat"]})),
        [r#"consumers[0].jwt_secrets[0].claims_to_verify[0]: "iat"; expected exp or nbf"#]
    );
}

#[test]
fn each_demand_of_a_credential_counts_by_itself() {
    for (demand, good, bad) in [
        (json!({"token_types": ["at+jwt"]}), (json!({"typ": "at+jwt"}), json!({})), (json!({"typ": "JWT"}), json!({}))),
        (json!({"require": ["jti"]}), (json!({}), json!({"jti": "7"})), (json!({}), json!({}))),
        (json!({"claims_to_verify": ["exp"]}), (json!({}), json!({"exp": NOW + 1})), (json!({}), json!({"exp": NOW}))),
        (json!({"claims_to_verify": ["nbf"]}), (json!({}), json!({"nbf": NOW})), (json!({}), json!({"nbf": NOW + 1}))),
    ] {
        let mut credential = json!({"key": "k", "secret": SECRET});
        credential.as_object_mut().unwrap().extend(demand.as_object().unwrap().clone());
        let config = json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]});
        let authenticator = Authenticator::new(parse(&config).unwrap(), BuiltIn);
        let status = |(header, mut claims): (Json, Json)| {
            claims["iss"] = json!("k");
            told(&authenticator, header, claims).0
        };
        assert_eq!((status(good), status(bad)), (200, 401), "{demand}");
    }
}

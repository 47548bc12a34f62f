//! Any request with tokens that are changed in their structure, against a configuration with all there is.
//!
//! A request is authenticated only if another implementation takes the token for one of that credential; both cryptographic
//! back ends come to the same; and what goes upstream carries no identity that the client wrote, and no token that should
//! have been taken out.

#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use jwt_auth_aws_lc::AwsLc;
use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    crypto::BuiltIn,
    policy::IDENTITY_HEADERS,
    request::Carriers,
    upstream,
};
use jwt_auth_fuzz::{
    FakeRequest,
    tokens::{NOW, Recipe, Signer},
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const SPOOFED: &str = "written by the client";

#[derive(Arbitrary, Debug)]
struct Case {
    settings: u8,
    carried: Vec<Carried>,
    is_spoofed: bool,
    method: u8,
}

#[derive(Arbitrary, Debug)]
struct Carried {
    place: Place,
    token: Recipe,
}

#[derive(Arbitrary, Debug)]
enum Place {
    Bearer,
    Lowercase,
    OtherScheme,
    Raw,
    Query,
    Encoded,
    Cookie,
    Unsearched,
}

struct Filters {
    built_in: Authenticator<BuiltIn>,
    aws_lc: Authenticator<AwsLc>,
    hides: bool,
    checks_exp: bool,
}

thread_local! {
    static FILTERS: Vec<Filters> = (0..16).map(filters).collect();
}

fn filters(settings: u8) -> Filters {
    let has = |bit: u8| settings & (1 << bit) != 0;
    let mut consumers: Vec<_> = Signer::ALL
        .iter()
        .map(|signer| json!({"username": signer.issuer(), "custom_id": signer.algorithm(), "groups": ["g"], "jwt_secrets": [signer.credential()]}))
        .collect();
    consumers.push(json!({"username": "guest", "id": "0"}));
    let mut config = json!({
        "token_headers": [{"name": "x-raw"}, {"name": "authorization", "prefix": "JWT"}],
        "cookie_names": ["session"],
        "hide_credentials": has(0),
        "claims_to_verify": if has(1) { json!(["exp", "nbf"]) } else { json!([]) },
        "run_on_preflight": false,
        "claims_to_headers": [{"claim": "m0", "header": "x-claim"}],
        "forward_payload_header": "x-payload",
        "consumers": consumers,
    });
    if has(2) {
        config["anonymous"] = "guest".into();
    }
    if has(3) {
        config["required_claims"] = json!([{"claim": "exp", "present": true}]);
        config["allow"] = json!(["g", "guest"]);
    }
    let config = Arc::new(Config::parse(config.to_string().as_bytes()).expect("the configuration is good"));
    Filters {
        built_in: Authenticator::new(Arc::clone(&config), BuiltIn),
        aws_lc: Authenticator::new(config, AwsLc),
        hides: has(0),
        checks_exp: has(1),
    }
}

fuzz_target!(|case: Case| FILTERS.with(|all| check(&all[usize::from(case.settings % 16)], &case)));

fn check(filters: &Filters, case: &Case) {
    let (request, tokens) = request(case);
    let decision = filters.built_in.decide(&request, NOW);
    let other = filters.aws_lc.decide(&request, NOW);
    assert_eq!(format!("{:?}", decision.outcome), format!("{:?}", other.outcome), "the back ends differ");

    if let Outcome::Denied(_) = decision.outcome {
        return;
    }
    if let Outcome::Authenticated(authenticated) = &decision.outcome {
        let identifier = authenticated.credential().identifier().to_string();
        let signer = Signer::ALL.into_iter().find(|signer| signer.issuer() == identifier).expect("a known credential");
        let is_good = |token: &str| signer.has_signed(token) && (!filters.checks_exp || expires(token) > NOW as f64);
        assert!(tokens.iter().any(|token| is_good(token.trim())), "nobody else takes one of the tokens");
    }
    let mut sent = request.clone();
    if upstream::prepare(&decision, &mut sent).is_err() {
        return;
    }
    let sent = sent.sent();
    for name in IDENTITY_HEADERS.into_iter().chain(["x-claim", "x-payload"]) {
        let values = sent.headers.get(name).into_iter().flatten();
        assert!(!values.into_iter().any(|value| value == SPOOFED.as_bytes()), "{name} is the client's");
    }
    if filters.hides {
        let carriers = Carriers::fetch(&sent, &decision.policy.token_places);
        assert_eq!(carriers.tokens().next(), None, "a token goes upstream");
    }
}

/// The request, and all tokens that stand in it.
fn request(case: &Case) -> (FakeRequest, Vec<String>) {
    let method = ["GET", "POST", "OPTIONS"][usize::from(case.method % 3)];
    let mut request =
        FakeRequest { method: method.to_owned(), path: b"/orders?a=b".to_vec(), ..FakeRequest::default() };
    let mut tokens = Vec::new();
    for Carried { place, token } in case.carried.iter().take(3) {
        let token = token.token();
        match place {
            Place::Bearer => request.add("authorization", format!("Bearer {token}")),
            Place::Lowercase => request.add("authorization", format!("bearer  {token}")),
            Place::OtherScheme => request.add("authorization", format!("JWT {token}")),
            Place::Raw => request.add("x-raw", &token),
            Place::Query => request.path.extend(format!("&jwt={token}").bytes()),
            Place::Encoded => {
                request.path.extend(b"&jwt=");
                request.path.extend(token.bytes().flat_map(|octet| format!("%{octet:02X}").into_bytes()));
            }
            Place::Cookie => request.add("cookie", format!("a=b; session={token}; c=d")),
            Place::Unsearched => request.add("x-other", &token),
        }
        tokens.push(token);
    }
    if case.is_spoofed {
        for name in IDENTITY_HEADERS.into_iter().chain(["x-claim", "x-payload"]) {
            request.add(name, SPOOFED);
        }
    }
    (request, tokens)
}

/// `exp` of a token, as another reader of JSON sees it.
fn expires(token: &str) -> f64 {
    let claims =
        token.trim().split('.').nth(1).and_then(jwt_auth_filter::encoding::base64::decode_url).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&claims).ok().and_then(|claims| claims["exp"].as_f64()).unwrap_or(0.0)
}

//! Policies of Envoy's routes, which are read apart from the filter's configuration and then over it.

use jwt_auth_filter::{
    authenticate::Outcome,
    config::{Config, Fault, RoutePolicy},
    policy::Policy,
    request::Request,
};
use serde_json::{Value as Json, json};

use crate::support::{EXP, FakeRequest, authenticator, serialized_struct};

/// A configuration that the policies of routes are read over.
fn filter() -> Json {
    json!({
        "consumers": [{"username": "guest", "groups": ["guests"]}], "claims_to_verify": ["exp"], "maximum_expiration": 60,
        "realm": "api", "claims_to_headers": [{"claim": "sub", "header": "x-sub"}], "reserved_headers": ["X-Role"],
        "rules": [{"routes": ["kid"], "key_claim_name": "kid"}],
    })
}

fn over(filter: &Json, policy: &Json) -> Result<Policy, Vec<String>> {
    let told = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = Config::parse(filter.to_string().as_bytes()).unwrap();
    RoutePolicy::parse(policy.to_string().as_bytes()).map_err(told)?.over(&config).map_err(told)
}

#[test]
fn it_inherits_what_it_leaves_out_and_null_is_the_default() {
    let policy = over(&filter(), &json!({"anonymous": "guest", "realm": null, "maximum_expiration": 30})).unwrap();
    assert_eq!(policy.anonymous.unwrap().name(), "guest");
    assert_eq!((policy.realm, policy.time_checks.maximum_expiration, policy.disabled), (None, Some(30), false));
    assert_eq!(policy.forwarding.header_names().collect::<Vec<_>>(), [&"x-sub".into()]);
    assert!(over(&filter(), &json!({"disabled": true})).unwrap().disabled);
}

#[test]
fn nothing_at_all_and_a_struct_are_policies_too() {
    let config = Config::parse(filter().to_string().as_bytes()).unwrap();
    let of = |bytes: &[u8]| RoutePolicy::parse(bytes).unwrap().over(&config).unwrap();
    assert!(!of(b"").disabled);
    assert!(of(&serialized_struct(&json!({"disabled": true}))).disabled);
    assert!(RoutePolicy::parse(b"{").is_err() && RoutePolicy::parse(b"\xff").is_err());
}

#[test]
fn it_has_the_fields_of_a_rule_but_for_what_the_rule_is_for() {
    for name in ["routes", "services", "rules", "consumers", "reserved_headers", "token_cache_size"] {
        let faults = RoutePolicy::parse(json!({name: null}).to_string().as_bytes()).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].to_string().starts_with(&format!("{name}: an unknown field; expected one of disabled, ")));
    }
}

#[test]
fn what_only_the_filter_s_configuration_can_tell_is_told_over_it() {
    for (policy, fault) in [
        (json!({"anonymous": "nobody"}), "anonymous: \"nobody\", which is not the name of a consumer"),
        (json!({"allow": ["guests", "nobody"]}), "allow[1]: \"nobody\", which names neither a consumer nor a group"),
        (json!({"claims_to_verify": null}), "claims_to_verify: without exp, but maximum_expiration is set"),
        (json!({"header_names": ["x-sub"]}), "claims_to_headers: x-sub, a header that may hold the token"),
        (
            json!({"forward_payload_header": "x-p"}),
            "forward_payload_header: x-p, a header that clients may send on other",
        ),
        (
            json!({"claims_to_headers": [{"claim": "a", "header": "x-sub"}, {"claim": "a", "header": "x-a"}]}),
            "claims_to_headers: x-a, a header that clients may send on other routes; expected a header of the filter's own",
        ),
    ] {
        assert!(RoutePolicy::parse(policy.to_string().as_bytes()).is_ok(), "{policy}");
        let faults = over(&filter(), &policy).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with(fault), "{faults:?}");
    }
    let role = json!({"claims_to_headers": [{"claim": "role", "header": "x-role"}]});
    assert!(over(&filter(), &role).is_ok());
}

#[test]
fn secrets_are_in_a_form_in_which_the_filter_reads_them() {
    let mut filter = filter();
    filter["consumers"][0]["jwt_secrets"] = json!([{"key": "k", "secret": "c2VjcmV0"}]);
    let encoded = json!({"secret_is_base64": true});
    let faults = over(&filter, &encoded).unwrap_err();
    assert!(
        faults[0].starts_with("secret_is_base64: true, unlike in the filter's configuration and its rules"),
        "{faults:?}"
    );
    filter["rules"] = json!([{"routes": ["r"], "secret_is_base64": true}]);
    assert!(over(&filter, &encoded).unwrap().secret_is_base64);
}

#[test]
fn no_proof_is_good_for_longer_than_it_is_remembered() {
    let with = |window: &str| json!({"dpop": {"window": window}});
    let longest = |fault: &str| fault.starts_with("dpop: a window of 90 s; expected at most ");
    for (filter, good) in [(with("30s"), ["10s", "30s"]), (json!({}), ["30s", "60s"])] {
        for window in good {
            assert!(over(&filter, &with(window)).is_ok(), "{window}");
        }
        let faults = over(&filter, &with("90s")).unwrap_err();
        assert!(faults.len() == 1 && longest(&faults[0]), "{faults:?}");
    }
    let mut filter = with("30s");
    filter["rules"] = json!([{"routes": ["r"], "dpop": {"window": "90s"}}]);
    assert!(over(&filter, &with("90s")).is_ok());
    // Where no proof is looked at, its age does not matter.
    let off = json!({"sender_constraint": "off", "dpop": {"window": "90s"}});
    assert!(over(&json!({}), &off).is_ok());
}

#[test]
fn what_names_a_credential_elsewhere_is_told_apart() {
    let config = Config::parse(filter().to_string().as_bytes()).unwrap();
    let lookup =
        |policy: Json| RoutePolicy::parse(policy.to_string().as_bytes()).unwrap().over(&config).unwrap().lookup;
    assert_eq!(lookup(json!({})), config.policy.lookup);
    assert_eq!(lookup(json!({"key_claim_name": "kid"})), config.rules[0].policy.lookup);
    let [one, other] = ["sub", "azp"].map(|name| lookup(json!({"key_claim_name": name})));
    assert!(one != other && config.policies().all(|policy| policy.lookup != one && policy.lookup != other));
}

#[test]
fn a_remembered_token_is_verified_anew_where_another_claim_names_its_credential_or_its_claims_are_needed() {
    let authenticator = authenticator(json!({}));
    let outcome = |policy: Json| {
        let policy = RoutePolicy::parse(policy.to_string().as_bytes()).unwrap().over(authenticator.config()).unwrap();
        let decided = authenticator.on_route(Some(&policy)).decide_or_wait(&FakeRequest::with_token(), EXP);
        decided.unwrap().outcome.name().into_owned()
    };
    for _ in 0..2 {
        assert_eq!(outcome(json!({})), "authenticated");
        assert_eq!(outcome(json!({"key_claim_name": "sub"})), "denied.no_key_claim");
        let needed = json!([{"claim": "iss", "equals": "joe"}]);
        assert_eq!(outcome(json!({"required_claims": needed})), "authenticated");
        assert_eq!(outcome(json!({"audiences": ["api"]})), "denied.audience");
    }
}

#[test]
fn a_client_cannot_choose_a_route_by_a_header_that_will_be_gone() {
    let authenticator = authenticator(json!({"reserved_headers": ["x-role"]}));
    let open = RoutePolicy::parse(br#"{"disabled": true}"#).unwrap().over(authenticator.config()).unwrap();
    for name in ["x-consumer-username", "x-role"] {
        let request = FakeRequest::with_token().with(name, "admin");
        assert!(request.header(name).is_some());
        let on = |policy| authenticator.on_route(policy).decide_or_wait(&request, EXP).unwrap().outcome;
        assert_eq!(on(Some(&open)).name(), "denied.forbidden_header");
        assert!(matches!(on(None), Outcome::Authenticated(_)));
    }
}

#[test]
fn it_may_ask_for_the_type_of_a_token_for_which_nobody_else_asks() {
    let authenticator = authenticator(json!({}));
    let of = |types: Json| {
        let policy = json!({"token_types": types}).to_string();
        RoutePolicy::parse(policy.as_bytes()).unwrap().over(authenticator.config()).unwrap()
    };
    let (same, other) = (of(json!(["JWT"])), of(json!(["at+jwt"])));
    let on = |policy| {
        let decided = authenticator.on_route(policy).decide_or_wait(&FakeRequest::with_token(), EXP).unwrap();
        decided.outcome.name().into_owned()
    };
    // Whatever is remembered of the token.
    for _ in 0..2 {
        assert_eq!(on(None), "authenticated");
        assert_eq!(on(Some(&same)), "authenticated");
        assert_eq!(on(Some(&other)), "denied.token_type");
    }
    assert_eq!((authenticator.cache_use().hits, authenticator.cache_use().misses), (4, 2));
}

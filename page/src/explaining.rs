//! What becomes of a request: by the configuration that was given, or by one that is made for the key that was given.

use jwt_auth_cli::{
    check::FileReport,
    configure::{Form, Host, Verifier},
    explain::{self, Explanation, Filter, GivenFile, Problem},
};
use jwt_auth_filter::crypto::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::given::{Given, GivenKey};

/// What stands in the fields of the page.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(crate) struct Case {
    request: String,
    /// A configuration, a key, or nothing.
    configuration: String,
    secret_is_base64: bool,
    filter: String,
    route: String,
    service: String,
    key_set: String,
    client_certificate: String,
    /// The moment to decide for; empty for now.
    moment: String,
    /// In seconds since the epoch.
    now: i64,
}

/// Why there is no explanation: which field is at fault, and what it holds.
struct Fault {
    field: &'static str,
    text: String,
}

/// Explains a case, as far as it goes.
pub(crate) fn explain(case: &Case) -> Value {
    let mut answer = match Given::of(&case.configuration) {
        Given::Configuration => by_configuration(case),
        Given::Key(key) => by_key(case, &key),
        Given::Nothing => by_nothing(case),
    };
    if case.request.trim().is_empty() {
        let is_of_request = answer.get("problem").and_then(|it| it.pointer("/in")).is_some_and(|it| it == "request");
        answer.insert("explanation".to_owned(), Value::Null);
        if is_of_request {
            answer.insert("problem".to_owned(), Value::Null);
        }
    }
    Value::Object(answer)
}

/// The faults and warnings of a configuration.
pub(crate) fn check(configuration: &str) -> Value {
    FileReport::of("configuration".to_owned(), configuration.to_owned(), false).json()
}

fn by_configuration(case: &Case) -> Map<String, Value> {
    let file = GivenFile { name: "configuration", text: &case.configuration, is_json: false };
    let mut answer = members(json!({
        "given": "configuration",
        "check": check(&case.configuration),
        "filters": Filter::names_in(file),
    }));
    match Filter::find(file, Some(case.filter.as_str()).filter(|name| !name.is_empty())) {
        Ok(filter) => {
            answer.extend(members(json!({
                "has_rules": filter.has_rules(),
                "fetches_key_sets": filter.fetches_key_sets(),
            })));
            answer.extend(told(case, &filter));
        }
        // What the faults are stands in the check. The token can be read all the same.
        Err(Problem::Faults(text) | Problem::Other(text)) => {
            answer.extend(decoded(case));
            answer.extend(fault("configuration", &text));
        }
    }
    answer
}

fn by_key(case: &Case, key: &GivenKey) -> Map<String, Value> {
    let of_token = token_of(case);
    let form = |algorithm: &str| Form {
        key_claim_name: key_claim(&of_token).0,
        key: key_claim(&of_token).1,
        claims_to_verify: times_in(&of_token),
        secret_is_base64: case.secret_is_base64,
        username: "ClientApp".to_owned(),
        algorithm: algorithm.to_owned(),
        verifier: key.verifier.clone(),
        ..Form::default()
    };
    // The token's algorithm, if the key is for it; else one that it is for, so that the answer says which.
    let own = of_token.pointer("/header/alg").and_then(Value::as_str).unwrap_or_default();
    let algorithms = || Algorithm::ALL.map(Algorithm::name).into_iter().filter(|name| of_key(key, name));
    let candidates = algorithms().filter(|name| *name == own).chain(algorithms()).chain(of_set(key));
    let made = candidates.map(|algorithm| form(algorithm).yaml(Host::Plugin)).find(|text| finds(text).is_some());
    let mut answer = members(json!({ "given": "key", "key": key.in_words, "made": made }));
    match made.as_deref().and_then(finds) {
        Some(filter) => answer.extend(told(case, &filter)),
        None => {
            let text = form(of_set(key).unwrap_or("RS256")).yaml(Host::Plugin);
            answer.extend(decoded(case));
            answer.extend(fault("configuration", &first_fault(&text)));
        }
    }
    answer
}

fn by_nothing(case: &Case) -> Map<String, Value> {
    members(json!({ "given": "nothing" })).into_iter().chain(decoded(case)).collect()
}

/// What the token says, and what is checked before a key is needed.
fn decoded(case: &Case) -> Map<String, Value> {
    let text = format!("key_claim_name: {}\n", Value::from(key_claim(&token_of(case)).0));
    let mut answer = Map::new();
    if let Some(filter) = finds(&text) {
        answer.extend(told(case, &filter));
    }
    if let Some(explanation) = answer.get_mut("explanation")
        && let Some(Value::Array(checks)) = explanation.get_mut("checks")
    {
        let needs_key =
            |check: &Value| matches!(check.pointer("/check").and_then(Value::as_str), Some("key" | "credential"));
        let is_open = checks.iter().any(|check| needs_key(check) && check.get("passed") == Some(&Value::Bool(false)));
        checks.retain(|check| !needs_key(check));
        if is_open && let Some(verdict) = explanation.get_mut("verdict") {
            *verdict = Value::Null;
        }
    }
    answer
}

/// What the filter does with the request of a case.
fn told(case: &Case, filter: &Filter) -> Map<String, Value> {
    let mut notes = filter.notes().to_vec();
    match explanation(case, filter, &mut notes) {
        Ok(explanation) => members(json!({ "notes": notes, "problem": null, "explanation": explanation.json() })),
        Err(Fault { field, text }) => {
            fault(field, &text).into_iter().chain([("explanation".to_owned(), Value::Null)]).collect()
        }
    }
}

fn explanation(case: &Case, filter: &Filter, notes: &mut Vec<String>) -> Result<Explanation, Fault> {
    let in_request = |text| Fault { field: "request", text };
    let named = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    let mut request = filter.read(&case.request).map_err(in_request)?;
    (request.route, request.cluster) = (named(&case.route), named(&case.service));
    if let Some(certificate) = named(&case.client_certificate) {
        let refused = || "no certificate; expected one in PEM, or its SHA-256 fingerprint".to_owned();
        let digest = explain::certificate_digest(&certificate).ok_or_else(refused);
        request.certificate = Some(digest.map_err(|text| Fault { field: "client_certificate", text })?);
    }
    if !case.key_set.trim().is_empty() {
        let file = GivenFile { name: "key set", text: &case.key_set, is_json: true };
        notes.extend(filter.supply_key_set(file).map_err(|text| Fault { field: "key_set", text })?);
    }
    let at = explain::moment(Some(case.moment.as_str()).filter(|text| !text.is_empty()), case.now);
    filter.explain(request, at.map_err(|text| Fault { field: "moment", text })?).map_err(in_request)
}

/// The token of a case as it can be read without a key: its header and its claims.
fn token_of(case: &Case) -> Value {
    let explanation = finds("{}").and_then(|filter| explanation(case, &filter, &mut Vec::new()).ok());
    explanation.and_then(|explanation| explanation.json().get("token").cloned()).unwrap_or_default()
}

/// The claim that can name a credential, and what it holds: `iss`, or else any that can.
fn key_claim(token: &Value) -> (String, String) {
    let of = |part: &str| token.get(part).and_then(Value::as_object).into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let usable = |(_, value): &(String, String)| !value.is_empty();
    let all: Vec<(String, String)> = of("claims").chain(of("header")).filter_map(text).filter(usable).collect();
    let iss = all.iter().find(|(name, _)| name == "iss").or_else(|| all.first());
    iss.cloned().unwrap_or_else(|| ("iss".to_owned(), "anybody".to_owned()))
}

/// The time claims that a token has.
fn times_in(token: &Value) -> Vec<String> {
    let has = |name: &&str| token.pointer(&format!("/claims/{name}")).is_some();
    ["exp", "nbf"].into_iter().filter(has).map(str::to_owned).collect()
}

/// Whether a credential with this key names an algorithm, and this may be it.
fn of_key(key: &GivenKey, algorithm: &str) -> bool {
    match key.verifier {
        Verifier::Secret(_) => algorithm.starts_with("HS"),
        Verifier::PublicKey(_) | Verifier::Jwk(_) => !algorithm.starts_with("HS"),
        _ => false,
    }
}

/// A key set needs no algorithm: its keys say which they are for.
fn of_set(key: &GivenKey) -> Option<&'static str> {
    matches!(key.verifier, Verifier::KeySet(_)).then_some("")
}

fn finds(text: &str) -> Option<Filter> {
    Filter::find(GivenFile { name: "configuration", text, is_json: false }, None).ok()
}

/// What is wrong with the key in a configuration that was made for it.
fn first_fault(text: &str) -> String {
    let report = check(text);
    let fault = |name: &str| report.pointer(&format!("/faults/0/{name}")).and_then(Value::as_str).unwrap_or_default();
    let expected = fault("expected");
    if expected.is_empty() { fault("found").to_owned() } else { format!("{}; expected {expected}", fault("found")) }
}

fn fault(field: &str, text: &str) -> Map<String, Value> {
    members(json!({ "problem": { "in": field, "text": text } }))
}

fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

//! What other filters and access logs are told of a request.

use jwt_auth_filter::{
    config::Config,
    encoding::{json::Value, protobuf::serialized_struct},
    observe::Metadata,
};
use prost::Message;
use serde_json::{Value as Json, json};

use crate::support::{EXP, FakeRequest, authenticator, serialized_struct as by_another};

fn serialized(text: &str) -> Option<Vec<u8>> {
    let Value::Object(members) = Value::parse(text).unwrap() else { panic!("no object") };
    serialized_struct(&members)
}

/// What a decision writes, as another implementation reads it.
fn written(fields: Json, request: &FakeRequest) -> Option<(String, prost_types::Struct)> {
    let authenticator = authenticator(fields);
    let decision = authenticator.decide(request, EXP);
    let metadata = Metadata::of(&decision)?;
    let message = prost_types::Struct::decode(metadata.message.unwrap().as_slice()).unwrap();
    Some((metadata.namespace.to_owned(), message))
}

fn message(json: &Json) -> prost_types::Struct {
    prost_types::Struct::decode(by_another(json).as_slice()).unwrap()
}

#[test]
fn another_implementation_reads_what_is_serialized() {
    let json = json!({"null": null, "yes": true, "no": false, "number": -1.5, "zero": 0, "text": "a\u{e4}", "": "",
        "list": [1, "a", [], {"b": [null]}], "object": {"a": {"b": {}}}, "long": "x".repeat(70_000)});
    let octets = serialized(&json.to_string()).unwrap();
    assert_eq!(prost_types::Struct::decode(octets.as_slice()).unwrap(), message(&json));
}

#[test]
fn what_a_proxy_could_not_read_is_not_serialized() {
    let nested = |open: &str, close: &str, depth| format!(r#"{{"a":{}1{}}}"#, open.repeat(depth), close.repeat(depth));
    for (open, close) in [(r#"{"a":"#, "}"), ("[", "]")] {
        let octets = serialized(&nested(open, close, 29)).unwrap();
        assert!(prost_types::Struct::decode(octets.as_slice()).is_ok());
        assert!(serialized(&nested(open, close, 30)).is_none());
    }
}

#[test]
fn only_what_is_known_and_wanted_is_written() {
    let request = FakeRequest::with_token();
    assert!(written(json!({}), &request).is_none());
    let consumer = json!({"username": "joe", "id": "1", "custom_id": "one"});
    let wanted = json!({"dynamic_metadata": {"claims": ["exp", "nobody"], "namespace": "n"}});
    let expected =
        json!({"outcome": "authenticated", "consumer": consumer, "credential": "joe", "claims": {"exp": EXP}});
    let late = FakeRequest::with_token();
    assert_eq!(written(wanted.clone(), &late).unwrap(), ("n".to_owned(), message(&expected)));
    let denied = written(wanted, &FakeRequest::get("/")).unwrap();
    assert_eq!(denied.1, message(&json!({"outcome": "denied.no_token"})));
    let anonymous = written(json!({"dynamic_metadata": {}, "anonymous": "nobody"}), &FakeRequest::get("/")).unwrap();
    let nobody = json!({"outcome": "anonymous", "consumer": {"username": "nobody", "id": "2"}});
    assert_eq!(anonymous, ("jwt_auth".to_owned(), message(&nobody)));
}

#[test]
fn its_fields_have_their_faults() {
    let faults = |fields: Json| match Config::parse(fields.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    let twice = json!([{"claim": "a", "key": "k"}, {"claim": "b", "key": "k"}]);
    for (fields, fault) in [
        (json!({"claims_to_filter_state": [{"claim": "a"}]}), "claims_to_filter_state[0].key: missing"),
        (json!({"claims_to_filter_state": [{"claim": "a", "key": "a:b"}]}), "claims_to_filter_state[0].key: a string"),
        (json!({"claims_to_filter_state": [{"claim": "a.", "key": "a"}]}), "claims_to_filter_state[0].claim: a string"),
        (json!({"claims_to_filter_state": twice}), "claims_to_filter_state: a key twice"),
        (json!({"dynamic_metadata": {"claims": []}}), "dynamic_metadata.claims: an empty list"),
        (json!({"dynamic_metadata": {"claims": ["a..b"]}}), "dynamic_metadata.claims[0]: a string"),
        (json!({"dynamic_metadata": {"namespace": ""}}), "dynamic_metadata.namespace: an empty string"),
        (
            json!({"dynamic_metadata": {"payload_in_metadata": "consumer"}}),
            "dynamic_metadata.payload_in_metadata: consumer,",
        ),
        (
            json!({"dynamic_metadata": {"header_in_metadata": "h"}}),
            "dynamic_metadata.header_in_metadata: an unknown field",
        ),
    ] {
        let found = faults(fields);
        assert!(found.len() == 1 && found[0].starts_with(fault), "{found:?}");
    }
}

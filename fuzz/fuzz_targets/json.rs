//! The strict reader of JSON against `serde_json`: what it takes, the other takes and reads alike; what it refuses beyond
//! that has a member twice, a lone surrogate, or is nested too deep.

#![no_main]

use jwt_auth_filter::encoding::json::{Members, Value};
use jwt_auth_fuzz::has_member_twice;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

fuzz_target!(|text: &str| {
    let known: Option<Json> = serde_json::from_str(text).ok();
    let strict = Value::parse(text).ok();
    if let Some(strict) = &strict {
        assert!(known.as_ref().is_some_and(|known| is_same(strict, known)), "they read it differently");
    } else if let Some(known) = &known {
        assert!(has_member_twice(text, known), "refused for no reason");
    }
    if let Ok(members) = Members::parse(text) {
        // A number may be beyond the range of a double here, as nobody has asked for it yet.
        let is_readable = |text: &str| serde_json::from_str::<Json>(text).is_ok();
        let Some(known) = known.as_ref().and_then(Json::as_object) else {
            assert!(members.iter().any(|(_, value)| !is_readable(value.text())), "taken for no reason");
            return;
        };
        assert_eq!(members.iter().count(), known.len());
        for (name, value) in members.iter() {
            assert_eq!(known.get(name), serde_json::from_str(value.text()).ok().as_ref(), "{name}");
        }
    }
});

fn is_same(value: &Value, other: &Json) -> bool {
    match (value, other) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(flag), Json::Bool(other)) => flag == other,
        (Value::Number(number), Json::Number(other)) => Some(*number) == other.as_f64(),
        (Value::String(text), Json::String(other)) => text == other,
        (Value::List(items), Json::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| is_same(item, other))
        }
        (Value::Object(members), Json::Object(others)) => {
            members.len() == others.len()
                && members
                    .iter()
                    .all(|(name, value)| others.get(name.as_ref()).is_some_and(|other| is_same(value, other)))
        }
        _ => false,
    }
}

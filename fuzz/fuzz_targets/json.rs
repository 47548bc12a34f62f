//! The strict reader of JSON against `serde_json`: what it takes, the other takes and reads alike; what it refuses beyond
//! that has a member twice. Of the members of an object, which are read as they stand, the same.

#![no_main]

use std::collections::BTreeMap;

use jwt_auth_filter::encoding::json::{Members, Raw, Value};
use jwt_auth_fuzz::has_member_twice;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, value::RawValue};

fuzz_target!(|text: &str| {
    check_value(text);
    check_members(text);
});

fn check_value(text: &str) {
    let known: Option<Json> = serde_json::from_str(text).ok();
    match Value::parse(text) {
        Ok(strict) => assert!(known.is_some_and(|known| is_same(&strict, &known)), "they read it differently"),
        Err(_) => assert!(known.is_none_or(|known| has_member_twice(text, &known)), "refused for no reason"),
    }
}

fn check_members(text: &str) {
    let known = object(text);
    let Ok(members) = Members::parse(text) else {
        assert!(known.is_none_or(|known| has_member_twice(text, &known)), "members are refused for no reason");
        return;
    };
    let known = known.expect("members are taken for no reason");
    assert!(!has_member_twice(text, &known), "members are taken that occur twice");
    assert_eq!(members.iter().count(), known.as_object().map_or(0, serde_json::Map::len));
    for (name, value) in members.iter() {
        assert!(known.get(name).is_some_and(|known| is_same_text(value, known)), "{name} is read differently");
    }
}

/// The object of a text as the other reads it, which takes the last of two members. A number beyond the range of a double, as
/// which nobody has read the value of a member yet, is null.
fn object(text: &str) -> Option<Json> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let values = members.into_iter().map(|(name, value)| {
        let text = value.get();
        Some((name, if is_huge(text) { Json::Null } else { serde_json::from_str(text).ok()? }))
    });
    values.collect::<Option<_>>().map(Json::Object)
}

/// Whether a text, known to be a value, is a number beyond the range of a double.
fn is_huge(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) && text.parse().is_ok_and(f64::is_infinite)
}

fn is_same_text(value: Raw, other: &Json) -> bool {
    if is_huge(value.text()) {
        return value.number().is_some_and(f64::is_infinite) && value.string().is_none() && !value.is_null();
    }
    value.string().as_deref() == other.as_str()
        && value.number() == other.as_f64()
        && value.flag() == other.as_bool()
        && value.is_null() == other.is_null()
        && value.items().map(|items| items.len()) == other.as_array().map(Vec::len)
        && value.members().map(|members| members.iter().count()) == other.as_object().map(serde_json::Map::len)
        && serde_json::from_str(value.text()).ok().as_ref() == Some(other)
}

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

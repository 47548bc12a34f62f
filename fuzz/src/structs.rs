//! `google.protobuf.Struct` as a proxy writes it, after the definition of the messages and not after the filter's reader.

use serde_json::{Map, Value};

/// `message Struct { map<string, Value> fields = 1; }`, with `string key = 1; Value value = 2;` for each entry of the map.
pub fn written(members: &Map<String, Value>) -> Vec<u8> {
    let entries = members.iter().map(|(key, of)| [bytes(1, key.as_bytes()), bytes(2, &value(of))].concat());
    entries.flat_map(|entry| bytes(1, &entry)).collect()
}

/// `message Value`, of which one field is there: null, number, string, bool, struct or list.
fn value(of: &Value) -> Vec<u8> {
    match of {
        Value::Null => vec![0x08, 0],
        Value::Number(number) => [&[0x11][..], &number.as_f64().unwrap_or(f64::NAN).to_le_bytes()].concat(),
        Value::String(text) => bytes(3, text.as_bytes()),
        Value::Bool(flag) => vec![0x20, u8::from(*flag)],
        Value::Object(members) => bytes(5, &written(members)),
        // `message ListValue { repeated Value values = 1; }`
        Value::Array(items) => bytes(6, &items.iter().flat_map(|item| bytes(1, &value(item))).collect::<Vec<_>>()),
    }
}

/// A field of octets: its number and wire type, the length as a varint, the octets.
fn bytes(field: u8, octets: &[u8]) -> Vec<u8> {
    let mut message = vec![field << 3 | 2];
    let mut length = octets.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(octets);
    message
}

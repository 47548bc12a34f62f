//! `google.protobuf.Struct` in its wire format, as a proxy takes metadata.

use prost::encode_length_delimiter;

use super::json::{Member, Value};

/// A proxy reads messages within messages to a depth of 100; an object within an object is three deeper.
const MAX_DEPTH: u32 = 30;

/// Serializes an object; `None` if it is nested deeper than a proxy reads.
pub fn serialized_struct(members: &[Member]) -> Option<Vec<u8>> {
    object(members, MAX_DEPTH)
}

/// `message Struct { map<string, Value> fields = 1; }`
fn object(members: &[Member], depth: u32) -> Option<Vec<u8>> {
    let depth = depth.checked_sub(1)?;
    let mut message = Vec::new();
    for (name, of_member) in members {
        let mut entry = Vec::new();
        write(&mut entry, 1, name.as_bytes());
        write(&mut entry, 2, &value(of_member, depth)?);
        write(&mut message, 1, &entry);
    }
    Some(message)
}

/// `message Value`, one of: null, number, string, bool, struct, list.
fn value(of: &Value, depth: u32) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    match of {
        Value::Null => message.extend([1 << 3, 0]),
        Value::Number(number) => {
            message.push((2 << 3) | 1);
            message.extend(number.to_le_bytes());
        }
        Value::String(text) => write(&mut message, 3, text.as_bytes()),
        Value::Bool(flag) => message.extend([4 << 3, u8::from(*flag)]),
        Value::Object(members) => write(&mut message, 5, &object(members, depth)?),
        Value::List(items) => write(&mut message, 6, &list(items, depth)?),
    }
    Some(message)
}

/// `message ListValue { repeated Value values = 1; }`
fn list(items: &[Value], depth: u32) -> Option<Vec<u8>> {
    let depth = depth.checked_sub(1)?;
    let mut message = Vec::new();
    for item in items {
        write(&mut message, 1, &value(item, depth)?);
    }
    Some(message)
}

/// Writes a field of octets.
fn write(message: &mut Vec<u8>, number: u8, octets: &[u8]) {
    message.push((number << 3) | 2);
    // A vector takes any length.
    _ = encode_length_delimiter(octets.len(), message);
    message.extend_from_slice(octets);
}

//! `google.protobuf.Struct` in its wire format, as Envoy hands a Struct configuration to a filter.
//!
//! Texts are borrowed from the message: a configuration of a hundred thousand consumers is not copied to be read.

use std::borrow::Cow;

use prost::decode_length_delimiter;

use crate::encoding::json::{Member, Value};

/// Deeper than any configuration, and shallow enough for the stack of a proxy's Wasm machine. The same as for JSON.
const MAX_DEPTH: u32 = 127;

/// Reads a serialized Struct as the object that it stands for; `None` if it is none.
pub(super) fn parse(message: &[u8]) -> Option<Value<'_>> {
    read_struct(message, MAX_DEPTH)
}

/// `message Struct { map<string, Value> fields = 1; }`
fn read_struct(message: &[u8], depth: u32) -> Option<Value<'_>> {
    let depth = depth.checked_sub(1)?;
    let mut members = Vec::new();
    for field in WireFields(message) {
        match field? {
            (1, Wire::Bytes(entry)) => members.push(read_entry(entry, depth)?),
            _ => return None,
        }
    }
    members.shrink_to_fit();
    Some(Value::Object(members))
}

/// An entry of a map: `string key = 1; Value value = 2;`
fn read_entry(message: &[u8], depth: u32) -> Option<Member<'_>> {
    let mut entry = (Cow::Borrowed(""), Value::Null);
    for field in WireFields(message) {
        match field? {
            (1, Wire::Bytes(key)) => entry.0 = Cow::Borrowed(std::str::from_utf8(key).ok()?),
            (2, Wire::Bytes(value)) => entry.1 = read_value(value, depth)?,
            _ => return None,
        }
    }
    Some(entry)
}

/// `message Value`, one of: null, number, string, bool, struct, list.
fn read_value(message: &[u8], depth: u32) -> Option<Value<'_>> {
    let mut value = Value::Null;
    for field in WireFields(message) {
        value = match field? {
            (1, Wire::Varint(_)) => Value::Null,
            (2, Wire::Fixed64(bytes)) => Value::Number(f64::from_le_bytes(bytes)),
            (3, Wire::Bytes(text)) => Value::String(Cow::Borrowed(std::str::from_utf8(text).ok()?)),
            (4, Wire::Varint(flag)) => Value::Bool(flag != 0),
            (5, Wire::Bytes(message)) => read_struct(message, depth)?,
            (6, Wire::Bytes(message)) => read_list(message, depth)?,
            _ => return None,
        };
    }
    Some(value)
}

/// `message ListValue { repeated Value values = 1; }`
fn read_list(message: &[u8], depth: u32) -> Option<Value<'_>> {
    let depth = depth.checked_sub(1)?;
    let mut items = Vec::new();
    for field in WireFields(message) {
        match field? {
            (1, Wire::Bytes(item)) => items.push(read_value(item, depth)?),
            _ => return None,
        }
    }
    Some(Value::List(items))
}

/// What a field of a message holds.
enum Wire<'a> {
    Varint(usize),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// The fields of a message, by number. Yields `None` where the message is broken, and then ends.
struct WireFields<'a>(&'a [u8]);

impl<'a> Iterator for WireFields<'a> {
    type Item = Option<(usize, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> WireFields<'a> {
    fn field(&mut self) -> Option<(usize, Wire<'a>)> {
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Wire::Fixed64(*bytes)
            }
            2 => {
                let length = self.varint()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            _ => return None,
        };
        Some((key >> 3, wire))
    }

    /// Numbers, keys of fields and lengths are all spelled the same way.
    fn varint(&mut self) -> Option<usize> {
        decode_length_delimiter(&mut self.0).ok()
    }
}

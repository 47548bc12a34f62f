//! Members that are written twice in JSON, of which most readers see the last one only.

use serde_json::Value;

/// Whether more members are written in a text than there are in what was read of it.
pub fn has_member_twice(text: &str, known: &Value) -> bool {
    let colons = {
        let (mut count, mut quoted, mut escaped) = (0, false, false);
        for octet in text.bytes() {
            match octet {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b':' if !quoted => count += 1,
                _ => {}
            }
        }
        count
    };
    colons > members(known)
}

fn members(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        Value::Array(items) => items.iter().map(members).sum(),
        _ => 0,
    }
}

//! A configuration as JSON, as the octets of a `google.protobuf.Struct`, and as a file that `jwt-auth check` reads. Whatever
//! it is, it is read or refused with faults; and an object comes to the same in each form, and when it is written anew.

#![no_main]

use jwt_auth_cli::check::FileReport;
use jwt_auth_filter::config::{Config, Fault};
use jwt_auth_fuzz::{has_member_twice, structs};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let read = outcome(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let value: Option<Value> = serde_json::from_str(text).ok();
    if let Some(value @ Value::Object(members)) = &value
        && !has_member_twice(text, value)
    {
        assert_eq!(outcome(value.to_string().as_bytes()), read, "another one when it is written anew");
        assert_eq!(outcome(&structs::written(members)), read, "another one as a Struct");
    }
    for is_json in [false, true] {
        _ = FileReport::of("fuzzed".to_owned(), text.to_owned(), is_json).json();
    }
});

/// What is read, or the faults in an order that does not depend on that of the members.
fn outcome(bytes: &[u8]) -> Result<String, Vec<String>> {
    Config::parse(bytes).map(|config| format!("{config:?}")).map_err(|faults| {
        assert!(!faults.is_empty(), "refused for no reason");
        let mut faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        faults.sort();
        faults
    })
}

//! A configuration as JSON, as the octets of a `google.protobuf.Struct`, and as a file that `jwt-auth check` reads. Whatever
//! it is, it is read or refused with places; and what is good as JSON is good when it is written anew.

#![no_main]

use jwt_auth_cli::check::FileReport;
use jwt_auth_filter::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = Config::parse(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
        && read.is_ok()
    {
        assert!(Config::parse(value.to_string().as_bytes()).is_ok(), "good only as it was written");
    }
    for is_json in [false, true] {
        _ = FileReport::of("fuzzed".to_owned(), text.to_owned(), is_json).json();
    }
});

//! `jwt-auth convert`: gateway files that are drawn from the octets, of which who may call what must stay the same; and any
//! text, of which nothing may come that Envoy or the filter cannot read.

#![no_main]

use jwt_auth_cli::comparison;
use libfuzzer_sys::fuzz_target;

// Texts of YAML and JSON nearly always begin with an odd octet: `_`, `a`, `k`, `s`, `-`, `#`, `{`.
fuzz_target!(|octets: &[u8]| match octets {
    [first, drawn @ ..] if first % 2 == 0 => comparison::drawn(drawn),
    _ => _ = std::str::from_utf8(octets).map(comparison::written),
});

//! What an issuer may answer: key sets, discovery documents and cache headers. Whatever it is, it is read or refused.

#![no_main]

use arbitrary::Arbitrary;
use jwt_auth_filter::jwks::{Answer, MAX_BYTES};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Sent {
    status: Option<u16>,
    cache_control: Option<String>,
    body: Vec<u8>,
}

fuzz_target!(|sent: Sent| {
    let Sent { status, cache_control, body } = sent;
    let answer = Answer { status, cache_control, etag: None, size: body.len(), body };
    if let Ok(parsed) = answer.key_set() {
        assert_eq!(answer.status, Some(200), "only a good answer brings keys");
        assert!(parsed.set.len() <= 100 && answer.body.len() <= MAX_BYTES);
    }
    _ = answer.max_age();
});

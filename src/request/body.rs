//! What a request's body may take in memory, before any of it has come.

use super::Request;

/// What the body may take when nothing tells: more than a proxy keeps of one by default.
const UNKNOWN: u64 = 2 << 20;

/// How many bytes of the body of a request a proxy may have to keep while the request waits. A longer one is not read on.
pub fn expected_body(request: &impl Request) -> u64 {
    let length = request.header("content-length");
    let length = length.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    length.map_or(UNKNOWN, |length: u64| length.min(UNKNOWN))
}

//! What an issuer may answer: key sets, discovery documents and cache headers. Whatever it is, it is read or refused. The first
//! line of an input is the status with the cache header behind it, the rest is the body. `200+9` tells of a body that is longer
//! by nine octets than what came.

#![no_main]

use jwt_auth_filter::jwks::{Answer, Issuer, MAX_BYTES, MAX_KEYS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let (head, body) = octets.iter().position(|octet| *octet == b'\n').map_or((octets, &[][..]), |at| {
        let (head, rest) = octets.split_at(at);
        (head, &rest[1..])
    });
    let head = String::from_utf8_lossy(head);
    let (status, cache_control) = head.split_once(' ').unwrap_or((&head, ""));
    let (status, left_out) = status.split_once('+').unwrap_or((status, "0"));
    let answer = Answer {
        status: status.parse().ok(),
        cache_control: (!cache_control.is_empty()).then(|| cache_control.to_owned()),
        etag: None,
        size: body.len().saturating_add(left_out.parse().unwrap_or(0)),
        body: body.to_vec(),
    };
    let may_be_read = answer.status == Some(200) && answer.size <= MAX_BYTES;
    if let Ok(parsed) = answer.key_set() {
        assert!(may_be_read, "keys of a bad answer");
        assert!(parsed.set.len() <= MAX_KEYS);
    }
    let issuer = Issuer::parse("https://a.example").expect("an issuer");
    if answer.jwks_uri(&issuer).is_ok() {
        let document: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(may_be_read, "metadata of a bad answer");
        assert_eq!(document["issuer"].as_str(), Some(issuer.as_str()), "not the issuer's");
    }
    check_max_age(&answer, cache_control);
});

/// A directive's value may stand within quotes, and quotes may hold what looks like a directive (RFC 9111 §5.2). There, it is
/// enough that the number comes from the header.
fn check_max_age(answer: &Answer, header: &str) {
    let read = answer.max_age().map(|age| age.as_secs());
    if header.contains(['"', '+']) {
        assert!(read.is_none_or(|age| header.contains(&age.to_string())), "{read:?}");
    } else {
        assert_eq!(read, max_age(header));
    }
}

/// The number of the first `max-age=`, read from its name onwards. One beyond 64 bits counts as none.
fn max_age(header: &str) -> Option<u64> {
    let header = header.to_ascii_lowercase();
    let after = header.match_indices("max-age").find_map(|(at, name)| {
        let before = header[..at].trim_end();
        let after = header[at + name.len()..].trim_start().strip_prefix('=')?;
        (before.is_empty() || before.ends_with(',')).then_some(after.trim_start())
    })?;
    let (number, rest) = after.split_at(after.find(|it: char| !it.is_ascii_digit()).unwrap_or(after.len()));
    let is_whole = rest.trim_start().is_empty() || rest.trim_start().starts_with(',');
    number.parse().ok().filter(|_| is_whole)
}

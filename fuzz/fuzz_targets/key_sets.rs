//! What an issuer may answer: key sets, discovery documents and cache headers. Whatever it is, it is read or refused. The first
//! line of an input is the status with the cache header behind it, the rest is the body.

#![no_main]

use jwt_auth_filter::jwks::{Answer, Issuer, MAX_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let (head, body) = octets.iter().position(|octet| *octet == b'\n').map_or((octets, &[][..]), |at| {
        let (head, rest) = octets.split_at(at);
        (head, &rest[1..])
    });
    let head = String::from_utf8_lossy(head);
    let (status, cache_control) = head.split_once(' ').unwrap_or((&head, ""));
    let answer = Answer {
        status: status.parse().ok(),
        cache_control: (!cache_control.is_empty()).then(|| cache_control.to_owned()),
        etag: None,
        size: body.len(),
        body: body.to_vec(),
    };
    if let Ok(parsed) = answer.key_set() {
        assert_eq!(answer.status, Some(200), "only a good answer brings keys");
        assert!(parsed.set.len() <= 100 && answer.body.len() <= MAX_BYTES);
    }
    let issuer = Issuer::parse("https://a.example").expect("an issuer");
    if answer.jwks_uri(&issuer).is_ok() {
        let document: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(
            (answer.status, document["issuer"].as_str()),
            (Some(200), Some(issuer.as_str())),
            "not the issuer's"
        );
    }
    _ = answer.max_age();
});

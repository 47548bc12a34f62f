//! The cache of verified tokens: its bounds, and what it must never skip.

use std::cell::Cell;

use crate::support::{self, EXP, FakeRequest, SECRET, TOKEN};
use jwt_auth_filter::{
    authenticate::{Authenticator, Outcome, TokenCache},
    config::{CacheLimits, Config},
    crypto::{Algorithm, BuiltIn, Key, Prepared, Verifier},
};
use serde_json::json;

/// Counts the signatures that it checks.
#[derive(Default)]
struct Counting(Cell<usize>);

impl Verifier for &Counting {
    fn verify(&self, key: &Key, _: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        BuiltIn.verify(key, &Prepared::default(), algorithm, message, signature)
    }
}

fn authenticator(verifier: &Counting, token_cache_size: u32) -> Authenticator<&Counting> {
    let config = json!({
        "secret_is_base64": true,
        "claims_to_verify": ["exp"],
        "maximum_expiration": 60,
        "token_cache_size": token_cache_size,
        "consumers": [{"username": "joe", "jwt_secrets": [{"key": "joe", "secret": SECRET}]}],
    });
    Authenticator::new(Config::parse(config.to_string().as_bytes()).unwrap(), verifier)
}

fn denial(outcome: Outcome) -> String {
    match outcome {
        Outcome::Authenticated(_) => String::new(),
        Outcome::Denied(denial) => denial.reason.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_that_comes_back_is_not_verified_again() {
    for (size, checked) in [(10_000, 1), (1, 1), (0, 3)] {
        let verifier = Counting::default();
        let authenticator = authenticator(&verifier, size);
        for _ in 0..3 {
            assert_eq!(denial(authenticator.decide(&FakeRequest::with_token(), EXP - 1).outcome), "");
        }
        assert_eq!(verifier.0.get(), checked, "{size}");
    }
}

#[test]
fn time_is_checked_against_now_however_well_a_token_is_known() {
    let verifier = Counting::default();
    let authenticator = authenticator(&verifier, 10);
    for (now, expected) in [
        (EXP - 61, "exp: exceeds maximum allowed expiration"),
        (EXP - 60, ""),
        (EXP - 1, ""),
        (EXP, "exp: token expired"),
        (EXP - 60, ""),
        (EXP - 61, "exp: exceeds maximum allowed expiration"),
    ] {
        assert_eq!(denial(authenticator.decide(&FakeRequest::with_token(), now).outcome), expected);
    }
    assert_eq!(verifier.0.get(), 1);
}

#[test]
fn what_did_not_verify_is_never_known() {
    let verifier = Counting::default();
    let authenticator = authenticator(&verifier, 10);
    assert_eq!(denial(authenticator.decide(&FakeRequest::with_token(), EXP - 1).outcome), "");
    // The same token with another last character, and with more at its end.
    for (forged, reason) in [
        (format!("{}A", &TOKEN[..TOKEN.len() - 1]), "Invalid signature"),
        (format!("{TOKEN}AA"), "Bad token; the signature is not base64url"),
    ] {
        for _ in 0..2 {
            let request = FakeRequest::get("/").with("authorization", format!("Bearer {forged}"));
            assert_eq!(denial(authenticator.decide(&request, EXP - 1).outcome), reason, "{forged}");
        }
    }
}

#[test]
fn the_token_that_was_not_used_for_longest_makes_room() {
    let mut cache = TokenCache::new(CacheLimits { entries: 2, bytes: 1 << 20 });
    cache.insert(b"a", 'a', 0);
    cache.insert(b"b", 'b', 0);
    assert_eq!(cache.get(b"a"), Some(&'a'));
    cache.insert(b"c", 'c', 0);
    assert_eq!([b"a", b"b", b"c"].map(|token| cache.get(token).copied()), [Some('a'), None, Some('c')]);
    assert_eq!(cache.len(), 2);
}

#[test]
fn a_flood_of_tokens_stays_within_both_bounds() {
    for limits in [CacheLimits { entries: 100, bytes: 1 << 20 }, CacheLimits { entries: 1_000_000, bytes: 100_000 }] {
        let mut cache = TokenCache::new(limits);
        let mut lengths = 0;
        for n in 0..5_000_usize {
            let token = format!("{n}{}", "x".repeat(n % 1_000)).into_bytes();
            cache.insert(&token, n, 0);
            cache.insert(&token, n, 0);
            assert_eq!(cache.get(&token), Some(&n));
            lengths += token.len();
        }
        assert!(cache.len() <= limits.entries && cache.len() * 100 <= limits.bytes, "{}", cache.len());
        assert!(lengths > 10 * limits.bytes || limits.entries == 100);
        assert!(cache.len() >= 60, "{}", cache.len());
    }
}

#[test]
fn what_is_kept_beside_a_token_counts_and_is_given_back() {
    let mut cache = TokenCache::new(CacheLimits { entries: 100, bytes: 10_000 });
    for n in 0..100_u8 {
        cache.insert(&[n], n, 1_000);
        cache.insert(&[n], n, 2_000);
    }
    assert_eq!(cache.len(), 4);
    for n in 0..100_u8 {
        cache.insert(&[n], n, 0);
    }
    assert!(cache.len() > 40, "{}", cache.len());
}

#[test]
fn a_token_larger_than_the_cache_is_not_kept_and_evicts_nothing() {
    let mut cache = TokenCache::new(CacheLimits { entries: 10, bytes: 1_000 });
    cache.insert(b"a", 1, 0);
    cache.insert(&[b'x'; 1_000], 2, 0);
    assert_eq!(cache.len(), 1);
    let mut off = TokenCache::new(CacheLimits { entries: 0, bytes: 1_000 });
    off.insert(b"a", 1, 0);
    assert!(off.is_empty());
}

#[test]
fn a_token_is_kept_if_it_just_fits() {
    // What an entry takes beside its token.
    let overhead = 192;
    let mut cache = TokenCache::new(CacheLimits { entries: 10, bytes: overhead + 3 });
    cache.insert(b"a", 'a', 2);
    assert_eq!((cache.get(b"a").copied(), cache.is_empty()), (Some('a'), false));
    cache.insert(b"b", 'b', 3);
    assert_eq!([b"a", b"b"].map(|token| cache.get(token).copied()), [Some('a'), None]);
    let mut cache = TokenCache::new(CacheLimits { entries: 10, bytes: 2 * (overhead + 1) });
    cache.insert(b"a", 'a', 0);
    cache.insert(b"b", 'b', 0);
    assert_eq!(cache.len(), 2);
}

#[test]
fn what_is_remembered_of_a_token_counts_and_nothing_is_that_nobody_asks_for() {
    let bare = TOKEN.len() + 192;
    // Of the two names of the consumer and of the credential, by which the token may be revoked.
    let marks = 3 * 16;
    // The claims as they are written.
    let claims = 70;
    for (field, beside) in [
        (json!({}), 0),
        (json!({"revoked": [{"jti": "7"}]}), marks),
        (json!({"forward_payload_header": "x-claims"}), claims),
        (json!({"token_types": ["JWT"]}), "JWT".len()),
    ] {
        for (bytes, is_kept) in [(bare + beside, true), (bare + beside - 1, false)] {
            let mut fields = field.clone();
            fields["token_cache_bytes"] = bytes.into();
            let authenticator = support::authenticator(fields);
            for _ in 0..2 {
                assert_eq!(denial(authenticator.decide(&FakeRequest::with_token(), EXP - 1).outcome), "");
            }
            assert_eq!(authenticator.cache_use().hits, u64::from(is_kept), "{field}, {bytes}");
        }
    }
}

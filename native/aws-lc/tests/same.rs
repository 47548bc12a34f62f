//! The same known answers as those of the core's own verifier, Wycheproof's among them; and the same verdict on all else.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

#[path = "../../../tests/core/interoperability.rs"]
mod interoperability;
#[path = "../../../tests/core/rfc_vectors.rs"]
mod rfc_vectors;
#[path = "../../../tests/core/support/mod.rs"]
mod support;
#[path = "../../../tests/core/wycheproof.rs"]
mod wycheproof;

use jwt_auth_aws_lc::AwsLc;
use jwt_auth_filter::crypto::{Algorithm, Key, Prepared, Verifier};

/// Verifies a signature with AWS-LC, twice with what it made of the key; the core must agree.
fn verify(key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let prepared = Prepared::default();
    let verdict = AwsLc.verify(key, &prepared, algorithm, message, signature);
    assert_eq!(AwsLc.verify(key, &prepared, algorithm, message, signature), verdict);
    assert_eq!(key.verify(algorithm, message, signature), verdict, "the core says otherwise");
    verdict
}

#[test]
fn what_another_verifier_made_of_a_key_is_not_used() {
    let prepared = Prepared::default();
    assert_eq!(prepared.get_or_make(|| 7), Some(&7));
    for vector in support::rfc_vectors() {
        let message = vector.signing_input.as_bytes();
        assert!(AwsLc.verify(&vector.key, &prepared, vector.algorithm, message, &vector.signature));
    }
}

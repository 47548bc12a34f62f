//! The signed examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.

use crate::support::{Vector, rfc_vectors};
use jwt_auth_filter::crypto::Algorithm;

#[test]
fn every_example_verifies() {
    let vectors = rfc_vectors();
    assert_eq!(vectors.len(), 9);
    for vector in vectors {
        let message = vector.signing_input.as_bytes();
        assert!(crate::verify(&vector.key, vector.algorithm, message, &vector.signature), "{}", vector.source);
    }
}

#[test]
fn no_example_verifies_by_another_algorithm() {
    for vector in rfc_vectors() {
        let message = vector.signing_input.as_bytes();
        for algorithm in Algorithm::ALL.into_iter().filter(|it| it.common(vector.algorithm).is_none()) {
            assert!(
                !crate::verify(&vector.key, algorithm, message, &vector.signature),
                "{} as {algorithm}",
                vector.source
            );
        }
    }
}

#[test]
fn no_altered_example_verifies() {
    for vector in rfc_vectors() {
        let Vector { source, algorithm, key, signing_input, signature } = &vector;
        let message = signing_input.as_bytes();

        assert!(!crate::verify(key, *algorithm, &message[1..], signature), "{source}: shortened message");
        assert!(!crate::verify(key, *algorithm, message, &signature[1..]), "{source}: shortened signature");
        assert!(!crate::verify(key, *algorithm, message, &signature[..signature.len() - 1]), "{source}: cut signature");
        assert!(
            !crate::verify(key, *algorithm, message, &[signature.as_slice(), &[0]].concat()),
            "{source}: padded signature"
        );
        assert!(!crate::verify(key, *algorithm, message, &[]), "{source}: no signature");
        for bit in [0, signature.len() * 4, signature.len() * 8 - 1] {
            let mut signature = signature.clone();
            signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!crate::verify(key, *algorithm, message, &signature), "{source}: bit {bit} of the signature");
        }
    }
}

//! Verifies signatures with AWS-LC, whose arithmetic is faster than the core's own. What it does not do, and keys that it does
//! not take, are left to the core.

use std::sync::OnceLock;

use aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use jwt_auth_filter::crypto::{Algorithm, Key, Prepared, Verifier};

/// Verifies with AWS-LC where it can. Each key is parsed once for each algorithm that it is used with.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsLc;

/// What is made of a key: a place for each algorithm that one kind of key serves, in no order that matters.
#[derive(Default)]
struct Parsed {
    macs: [OnceLock<Box<hmac::Key>>; 3],
    signatures: [OnceLock<Option<Box<ParsedPublicKey>>>; 6],
}

impl Verifier for AwsLc {
    fn verify(&self, key: &Key, prepared: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !key.fits(algorithm) {
            return false;
        }
        let Some(parsed) = prepared.get_or_make(Box::<Parsed>::default) else {
            return key.verify(algorithm, message, signature);
        };
        let verdict = match key {
            Key::Secret(secret) => parsed.mac(secret, algorithm, message, signature),
            _ => parsed.signature(key, algorithm, message, signature),
        };
        verdict.unwrap_or_else(|| key.verify(algorithm, message, signature))
    }
}

impl Parsed {
    /// AWS-LC's verdict on a MAC; `None` when it has none.
    fn mac(&self, secret: &[u8], algorithm: Algorithm, message: &[u8], mac: &[u8]) -> Option<bool> {
        let (place, hash) = match algorithm {
            Algorithm::HS256 => (0, hmac::HMAC_SHA256),
            Algorithm::HS384 => (1, hmac::HMAC_SHA384),
            Algorithm::HS512 => (2, hmac::HMAC_SHA512),
            _ => return None,
        };
        let key = self.macs.get(place)?.get_or_init(|| Box::new(hmac::Key::new(hash, secret)));
        Some(hmac::verify(key, message, mac).is_ok())
    }

    /// AWS-LC's verdict on a signature; `None` when it has none.
    fn signature(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let (place, method) = method(key, algorithm)?;
        let parsed = self.signatures.get(place)?;
        let parsed = parsed.get_or_init(|| ParsedPublicKey::new(method, public_key(key)?).ok().map(Box::new));
        Some(parsed.as_ref()?.verify_sig(message, signature).is_ok())
    }
}

/// How AWS-LC verifies signatures of an algorithm, and which place a key has for that.
fn method(key: &Key, algorithm: Algorithm) -> Option<(usize, &'static dyn VerificationAlgorithm)> {
    Some(match (key, algorithm) {
        (Key::Rsa(_), Algorithm::RS256) => (0, &signature::RSA_PKCS1_2048_8192_SHA256),
        (Key::Rsa(_), Algorithm::RS384) => (1, &signature::RSA_PKCS1_2048_8192_SHA384),
        (Key::Rsa(_), Algorithm::RS512) => (2, &signature::RSA_PKCS1_2048_8192_SHA512),
        (Key::Rsa(_), Algorithm::PS256) => (3, &signature::RSA_PSS_2048_8192_SHA256),
        (Key::Rsa(_), Algorithm::PS384) => (4, &signature::RSA_PSS_2048_8192_SHA384),
        (Key::Rsa(_), Algorithm::PS512) => (5, &signature::RSA_PSS_2048_8192_SHA512),
        (Key::P256(_), _) => (0, &signature::ECDSA_P256_SHA256_FIXED),
        (Key::P384(_), _) => (0, &signature::ECDSA_P384_SHA384_FIXED),
        (Key::P521(_), _) => (0, &signature::ECDSA_P521_SHA512_FIXED),
        (Key::Ed25519(_), _) => (0, &signature::ED25519),
        (Key::MlDsa44(_), _) => (0, &signature::ML_DSA_44),
        (Key::MlDsa65(_), _) => (0, &signature::ML_DSA_65),
        (Key::MlDsa87(_), _) => (0, &signature::ML_DSA_87),
        _ => return None,
    })
}

/// A key in a form that AWS-LC takes: SubjectPublicKeyInfo, or the octets of an Ed25519 or ML-DSA key.
fn public_key(key: &Key) -> Option<Vec<u8>> {
    match key {
        Key::Ed25519(key) => Some(key.to_vec()),
        Key::MlDsa44(key) => Some(key.to_bytes()),
        Key::MlDsa65(key) => Some(key.to_bytes()),
        Key::MlDsa87(key) => Some(key.to_bytes()),
        key => Some(key.to_spki()?.into_owned()),
    }
}

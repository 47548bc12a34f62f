//! Verification keys: read from PEM, JWK or a secret, and checking signatures with them.
//!
//! A [`Key`] is always strong enough and well-formed. Which algorithms it serves follows from its type alone, so a
//! public key can never be taken for an HMAC secret, whatever a token's header says (RFC 8725 §3.1).

mod jwk;
mod pem;
mod rsa;
mod spki;
mod thumbprint;

use std::{borrow::Cow, fmt};

use jwt_simple::algorithms::{
    HS256Key, HS384Key, HS512Key, MACLike, MLDSA44PublicKey, MLDSA65PublicKey, MLDSA87PublicKey, MLDSAPublicKeyLike,
};
use p256::{ecdsa::signature::Verifier, pkcs8::EncodePublicKey};
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use thiserror::Error;

pub(crate) use self::jwk::text as jwk_text;
pub use self::rsa::RsaKey;
use super::Algorithm;
use crate::encoding::json::Value;

/// A key that verifies signatures or MACs.
pub enum Key {
    /// A secret for HS256, HS384 and HS512, never empty.
    Secret(Box<[u8]>),
    /// An RSA key of 2048 to 8192 bits, for RS* and PS*.
    Rsa(RsaKey),
    /// A point on P-256, for ES256.
    P256(Box<p256::ecdsa::VerifyingKey>),
    /// A point on P-384, for ES384.
    P384(Box<p384::ecdsa::VerifyingKey>),
    /// A point on P-521, for ES512.
    P521(Box<p521::ecdsa::VerifyingKey>),
    /// For EdDSA (RFC 8037) and Ed25519 (RFC 9864).
    Ed25519(ed25519_compact::PublicKey),
    /// For EdDSA (RFC 8037) and Ed448 (RFC 9864).
    Ed448(Box<ed448_goldilocks::VerifyingKey>),
    /// For ML-DSA-44 (FIPS 204).
    MlDsa44(Box<MLDSA44PublicKey>),
    /// For ML-DSA-65 (FIPS 204).
    MlDsa65(Box<MLDSA65PublicKey>),
    /// For ML-DSA-87 (FIPS 204).
    MlDsa87(Box<MLDSA87PublicKey>),
}

/// Why a key cannot be used. No variant holds key material.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither a PEM block nor a JWK.
    #[error("neither PEM nor a JWK")]
    Unrecognized,
    /// A PEM block of a kind that holds no public key.
    #[error("a PEM block of type {0}")]
    PemLabel(String),
    /// More than one PEM block, so which one is meant is unclear.
    #[error("{0} PEM blocks")]
    SeveralPemBlocks(usize),
    /// A PEM block that does not end, or whose content is not base64.
    #[error("PEM that is broken: {0}")]
    BrokenPem(&'static str),
    /// DER that does not hold what its label says.
    #[error("a {0} that cannot be parsed")]
    Malformed(&'static str),
    /// A kind of key, a curve or a key type that no supported algorithm uses.
    #[error("a key of an unsupported type ({0})")]
    Unsupported(String),
    /// A member of a JWK is missing or has a wrong value.
    #[error("a JWK whose member '{0}' is missing or wrong")]
    JwkMember(&'static str),
    /// A member of a JWK is a number or another value where a string must be.
    #[error("a JWK whose member '{0}' is not a string")]
    JwkNotText(&'static str),
    /// A JWK whose member names a key type, a curve or an algorithm that is not supported.
    #[error("a JWK of an unsupported type ('{0}')")]
    UnknownJwk(&'static str),
    /// A JWK that holds a private or symmetric key.
    #[error("a JWK with a {0} key")]
    SecretJwk(&'static str),
    /// A JWK that says it is not for verifying signatures.
    #[error("a JWK that is not for verifying signatures ('{0}')")]
    JwkUse(&'static str),
    /// The modulus is too short to be safe (RFC 7518 §3.3).
    #[error("an RSA key of {0} bits")]
    WeakRsa(usize),
    /// A modulus over 8192 bits, even, or with an unsafe exponent.
    #[error("an RSA key with an unusable modulus or exponent")]
    UnusableRsa,
    /// A point that is not on its curve, or of small order.
    #[error("{0} key whose point is not on the curve")]
    NotOnCurve(&'static str),
    /// A sound key that is none for the algorithm.
    #[error("{found} key cannot verify {algorithm}")]
    Unfit {
        /// The key, such as `an EC P-384`.
        found: &'static str,
        /// The algorithm that was asked for.
        algorithm: Algorithm,
    },
}

impl Key {
    /// Makes a key of a secret; `None` when it is empty.
    pub fn from_secret(secret: Vec<u8>) -> Option<Self> {
        (!secret.is_empty()).then(|| Self::Secret(secret.into()))
    }

    /// Reads a public key from PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`) or from the text of a JWK.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with('{') {
            let jwk = Value::parse(text).map_err(|_| KeyError::Malformed("JWK"))?;
            return Self::from_jwk(&jwk);
        }
        Self::from_pem(text)
    }

    /// Reads a public key from PEM (`PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::Block::parse(text)?;
        match block.label {
            "PUBLIC KEY" => spki::public_key(&block.der),
            "RSA PUBLIC KEY" => spki::rsa_public_key(&block.der),
            "CERTIFICATE" => spki::certificate(&block.der),
            label => Err(KeyError::PemLabel(pem::printable(label))),
        }
    }

    /// Reads a public key from a JWK (RFC 7517, RFC 7518 §6, RFC 8037, and `AKP` for ML-DSA).
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        jwk::public_key(jwk)
    }

    /// Reads a secret from a symmetric JWK (RFC 7518 §6.4).
    pub fn from_secret_jwk(jwk: &Value) -> Result<Self, KeyError> {
        jwk::secret(jwk)
    }

    /// Whether the key verifies signatures of the algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        match self {
            Self::Secret(_) => matches!(algorithm, HS256 | HS384 | HS512),
            Self::Rsa(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Self::P256(_) => algorithm == ES256,
            Self::P384(_) => algorithm == ES384,
            Self::P521(_) => algorithm == ES512,
            Self::Ed25519(_) => matches!(algorithm, EdDSA | Ed25519),
            Self::Ed448(_) => matches!(algorithm, EdDSA | Ed448),
            Self::MlDsa44(_) => algorithm == MlDsa44,
            Self::MlDsa65(_) => algorithm == MlDsa65,
            Self::MlDsa87(_) => algorithm == MlDsa87,
        }
    }

    /// The key itself, if it fits the algorithm.
    pub fn for_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if self.fits(algorithm) { Ok(self) } else { Err(KeyError::Unfit { found: self.in_words(), algorithm }) }
    }

    /// Whether `signature` is one of the key's over `message`, by this algorithm. An algorithm that the key does not
    /// fit verifies nothing.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        use Algorithm::*;
        match (self, algorithm) {
            (Self::Secret(secret), HS256) => same(&HS256Key::from_bytes(secret).authentication_tag(message), signature),
            (Self::Secret(secret), HS384) => same(&HS384Key::from_bytes(secret).authentication_tag(message), signature),
            (Self::Secret(secret), HS512) => same(&HS512Key::from_bytes(secret).authentication_tag(message), signature),
            (Self::Rsa(key), RS256) => {
                key.ready().is_some_and(|key| key.pkcs1v15_verify::<Sha256>(message, signature).is_ok())
            }
            (Self::Rsa(key), RS384) => {
                key.ready().is_some_and(|key| key.pkcs1v15_verify::<Sha384>(message, signature).is_ok())
            }
            (Self::Rsa(key), RS512) => {
                key.ready().is_some_and(|key| key.pkcs1v15_verify::<Sha512>(message, signature).is_ok())
            }
            (Self::Rsa(key), PS256) => {
                key.ready().is_some_and(|key| key.pss_verify::<Sha256>(message, signature).is_ok())
            }
            (Self::Rsa(key), PS384) => {
                key.ready().is_some_and(|key| key.pss_verify::<Sha384>(message, signature).is_ok())
            }
            (Self::Rsa(key), PS512) => {
                key.ready().is_some_and(|key| key.pss_verify::<Sha512>(message, signature).is_ok())
            }
            // `from_slice` takes r‖s of the exact length with both in 1..n, never DER (RFC 7518 §3.4).
            (Self::P256(key), ES256) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::P384(key), ES384) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::P521(key), ES512) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::Ed25519(key), EdDSA | Ed25519) => ed25519_compact::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::Ed448(key), EdDSA | Ed448) => ed448_goldilocks::Signature::try_from(signature)
                .is_ok_and(|signature| is_canonical(&signature) && key.verify_raw(&signature, message).is_ok()),
            (Self::MlDsa44(key), MlDsa44) => key.public_key().as_ref().verify(message, signature).is_ok(),
            (Self::MlDsa65(key), MlDsa65) => key.public_key().as_ref().verify(message, signature).is_ok(),
            (Self::MlDsa87(key), MlDsa87) => key.public_key().as_ref().verify(message, signature).is_ok(),
            _ => false,
        }
    }

    /// What checking one signature costs, in units of about 100 µs of the module's time on a slow machine. Only the ratios
    /// matter: they bound what one request can make a worker do.
    pub fn verification_cost(&self) -> u32 {
        match self {
            Self::Secret(_) => 1,
            Self::Rsa(key) => key.verification_cost(),
            Self::P256(_) => 4,
            Self::P384(_) => 7,
            Self::P521(_) => 14,
            Self::Ed25519(_) => 2,
            Self::Ed448(_) => 48,
            Self::MlDsa44(_) => 3,
            Self::MlDsa65(_) => 4,
            Self::MlDsa87(_) => 6,
        }
    }

    /// The key as SubjectPublicKeyInfo in DER, for RSA keys and those on NIST curves: what other implementations of their
    /// algorithms are given it as.
    pub fn to_spki(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Rsa(key) => Some(Cow::Borrowed(key.spki())),
            Self::P256(key) => key.to_public_key_der().ok().map(|der| Cow::Owned(der.into_vec())),
            Self::P384(key) => key.to_public_key_der().ok().map(|der| Cow::Owned(der.into_vec())),
            Self::P521(key) => key.to_public_key_der().ok().map(|der| Cow::Owned(der.into_vec())),
            _ => None,
        }
    }

    /// The `kty` of such keys as JWK, and the `crv` of those on a curve.
    fn jwk_type(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Secret(_) => ("oct", None),
            Self::Rsa(_) => ("RSA", None),
            Self::P256(_) => ("EC", Some("P-256")),
            Self::P384(_) => ("EC", Some("P-384")),
            Self::P521(_) => ("EC", Some("P-521")),
            Self::Ed25519(_) => ("OKP", Some("Ed25519")),
            Self::Ed448(_) => ("OKP", Some("Ed448")),
            Self::MlDsa44(_) | Self::MlDsa65(_) | Self::MlDsa87(_) => ("AKP", None),
        }
    }

    /// What kind of key it is, with its article: `an EC P-384`.
    fn in_words(&self) -> &'static str {
        match self {
            Self::Secret(_) => "a secret",
            Self::Rsa(_) => "an RSA",
            Self::P256(_) => "an EC P-256",
            Self::P384(_) => "an EC P-384",
            Self::P521(_) => "an EC P-521",
            Self::Ed25519(_) => "an Ed25519",
            Self::Ed448(_) => "an Ed448",
            Self::MlDsa44(_) => "an ML-DSA-44",
            Self::MlDsa65(_) => "an ML-DSA-65",
            Self::MlDsa87(_) => "an ML-DSA-87",
        }
    }
}

/// Whether two keys are the same key, whatever form each was read from.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) => same(one, other),
            (Self::Rsa(one), Self::Rsa(other)) => one.spki() == other.spki(),
            (Self::P256(one), Self::P256(other)) => one == other,
            (Self::P384(one), Self::P384(other)) => one == other,
            (Self::P521(one), Self::P521(other)) => one == other,
            (Self::Ed25519(one), Self::Ed25519(other)) => one == other,
            (Self::Ed448(one), Self::Ed448(other)) => one == other,
            (Self::MlDsa44(one), Self::MlDsa44(other)) => one.to_bytes() == other.to_bytes(),
            (Self::MlDsa65(one), Self::MlDsa65(other)) => one.to_bytes() == other.to_bytes(),
            (Self::MlDsa87(one), Self::MlDsa87(other)) => one.to_bytes() == other.to_bytes(),
            _ => false,
        }
    }
}

impl Eq for Key {}

/// Shows the kind of key only: a secret must not reach a log by `{:?}`.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Key({})", self.in_words())
    }
}

/// Whether the seven unused bits of the point R are zero (RFC 8032 §5.2.2). The Ed448 crate does not look at them, and
/// would take two encodings for one signature.
fn is_canonical(signature: &ed448_goldilocks::Signature) -> bool {
    signature.r_bytes().last().is_some_and(|last| last & 0x7f == 0)
}

/// HMAC with SHA-256 (RFC 2104).
pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    HS256Key::from_bytes(secret).authentication_tag(message)
}

/// Compares two MACs in a time that does not depend on where they differ.
fn same(expected: &[u8], found: &[u8]) -> bool {
    expected.ct_eq(found).into()
}

//! Public keys in DER: SubjectPublicKeyInfo (RFC 5280 §4.1), PKCS#1 (RFC 8017 A.1.1), and certificates that hold one.

use jwt_simple::algorithms::{MLDSA44PublicKey, MLDSA65PublicKey, MLDSA87PublicKey};
use spki::{
    ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{Decode, Encode},
};
use x509_cert::Certificate;

use super::{Key, KeyError, RsaKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// Reads a SubjectPublicKeyInfo.
pub(super) fn public_key(der: &[u8]) -> Result<Key, KeyError> {
    let malformed = KeyError::Malformed("PUBLIC KEY");
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| malformed.clone())?;
    let bytes = info.subject_public_key.as_bytes().ok_or(malformed)?;
    match info.algorithm.oid {
        RSA => rsa_public_key(bytes),
        EC => match info.algorithm.parameters_oid().map_err(|_| KeyError::Malformed("PUBLIC KEY"))? {
            P256 => Key::p256(bytes),
            P384 => Key::p384(bytes),
            P521 => Key::p521(bytes),
            curve => Err(KeyError::Unsupported(format!("curve {curve}"))),
        },
        ED25519 => Key::ed25519(bytes),
        ED448 => Key::ed448(bytes),
        ML_DSA_44 => Key::ml_dsa_44(bytes),
        ML_DSA_65 => Key::ml_dsa_65(bytes),
        ML_DSA_87 => Key::ml_dsa_87(bytes),
        other => Err(KeyError::Unsupported(other.to_string())),
    }
}

/// Reads a PKCS#1 RSAPublicKey.
pub(super) fn rsa_public_key(der: &[u8]) -> Result<Key, KeyError> {
    let key = pkcs1::RsaPublicKeyRef::from_der(der).map_err(|_| KeyError::Malformed("RSA PUBLIC KEY"))?;
    RsaKey::new(&key).map(Key::Rsa)
}

/// Reads the key of a certificate's subject. Who issued the certificate and when it ends is not looked at: the
/// configuration vouches for the key.
pub(super) fn certificate(der: &[u8]) -> Result<Key, KeyError> {
    let malformed = |_| KeyError::Malformed("CERTIFICATE");
    let certificate = Certificate::from_der(der).map_err(malformed)?;
    let info = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(malformed)?;
    public_key(&info)
}

impl Key {
    pub(super) fn p256(point: &[u8]) -> Result<Self, KeyError> {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::NotOnCurve("an EC P-256"))?;
        Ok(Self::P256(Box::new(key)))
    }

    pub(super) fn p384(point: &[u8]) -> Result<Self, KeyError> {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::NotOnCurve("an EC P-384"))?;
        Ok(Self::P384(Box::new(key)))
    }

    pub(super) fn p521(point: &[u8]) -> Result<Self, KeyError> {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::NotOnCurve("an EC P-521"))?;
        Ok(Self::P521(Box::new(key)))
    }

    pub(super) fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let not_on_curve = |_| KeyError::NotOnCurve("an Ed25519");
        let key = ed25519_compact::PublicKey::from_slice(point).map_err(not_on_curve)?;
        key.validate().map_err(not_on_curve)?;
        Ok(Self::Ed25519(key))
    }

    pub(super) fn ed448(point: &[u8]) -> Result<Self, KeyError> {
        let not_on_curve = || KeyError::NotOnCurve("an Ed448");
        let point = point.try_into().map_err(|_| not_on_curve())?;
        let key = ed448_goldilocks::VerifyingKey::from_bytes(&point).map_err(|_| not_on_curve())?;
        Ok(Self::Ed448(Box::new(key)))
    }

    pub(super) fn ml_dsa_44(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = MLDSA44PublicKey::from_bytes(bytes).map_err(|_| KeyError::Malformed("ML-DSA-44 key"))?;
        Ok(Self::MlDsa44(Box::new(key)))
    }

    pub(super) fn ml_dsa_65(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = MLDSA65PublicKey::from_bytes(bytes).map_err(|_| KeyError::Malformed("ML-DSA-65 key"))?;
        Ok(Self::MlDsa65(Box::new(key)))
    }

    pub(super) fn ml_dsa_87(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = MLDSA87PublicKey::from_bytes(bytes).map_err(|_| KeyError::Malformed("ML-DSA-87 key"))?;
        Ok(Self::MlDsa87(Box::new(key)))
    }
}

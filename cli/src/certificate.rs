//! Certificates, as files and configurations hold them.

use jwt_auth_filter::encoding::{base64::decode_standard, hex};
use sha2::{Digest, Sha256};

/// A SHA-256 hash in hexadecimal, as openssl prints it too.
pub(crate) fn fingerprint(text: &str) -> Option<String> {
    let fingerprint = text.trim().replace(':', "").to_ascii_lowercase();
    hex::decode::<32>(fingerprint.as_bytes()).map(|_| fingerprint)
}

/// The SHA-256 hash, in hexadecimal, of a certificate in PEM, the first of several.
pub(crate) fn digest(text: &str) -> Option<String> {
    Some(Sha256::digest(der(text)?).iter().map(|octet| format!("{octet:02x}")).collect())
}

/// A certificate in PEM, the first of several, in DER.
pub(crate) fn der(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    decode_standard(rest.split_once("-----END")?.0)
}

//! The client's certificate, of which the filter sees the hash.

use jwt_auth_filter::encoding::{base64::decode_standard, hex};
use sha2::{Digest, Sha256};

/// A SHA-256 hash in hexadecimal, as openssl prints it too.
pub(super) fn fingerprint(text: &str) -> Option<String> {
    let fingerprint = text.trim().replace(':', "").to_ascii_lowercase();
    hex::decode::<32>(fingerprint.as_bytes()).map(|_| fingerprint)
}

/// The SHA-256 hash, in hexadecimal, of a certificate in PEM, the first of several.
pub(super) fn digest(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let certificate = decode_standard(rest.split_once("-----END")?.0)?;
    Some(Sha256::digest(certificate).iter().map(|octet| format!("{octet:02x}")).collect())
}

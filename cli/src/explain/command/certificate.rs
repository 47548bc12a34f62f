//! The client's certificate, of which the filter sees the hash.

use jwt_auth_filter::encoding::{base64::decode_standard, hex};
use sha2::{Digest, Sha256};

use crate::input::Input;

/// The SHA-256 hash, in hexadecimal, of the certificate that is meant: the hash itself, as openssl prints it too, or a file with
/// a certificate in PEM, the first of several.
pub(super) fn digest(given: &str) -> Result<String, String> {
    let fingerprint = given.replace(':', "").to_ascii_lowercase();
    if hex::decode::<32>(fingerprint.as_bytes()).is_some() {
        return Ok(fingerprint);
    }
    let input = Input::new(given);
    let text = input.read()?;
    let body = text.split_once("-----BEGIN CERTIFICATE-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let certificate = body.and_then(|(body, _)| decode_standard(body));
    let certificate = certificate.ok_or_else(|| format!("{input}: no certificate; expected one in PEM"))?;
    Ok(Sha256::digest(certificate).iter().map(|octet| format!("{octet:02x}")).collect())
}

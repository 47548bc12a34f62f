//! Tokens of HS256, signed by another implementation than the one that verifies.

use hmac::{Hmac, KeyInit, Mac};
use jwt_auth_filter::encoding::base64::encode_url;
use sha2::Sha256;

/// A token with a header and claims, which are JSON unless a test wants to see what is none.
pub(crate) fn signed(header: &str, claims: &(impl ToString + ?Sized), secret: &[u8]) -> String {
    let input = format!("{}.{}", encode_url(header), encode_url(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(input.as_bytes());
    format!("{input}.{}", encode_url(mac.finalize().into_bytes()))
}

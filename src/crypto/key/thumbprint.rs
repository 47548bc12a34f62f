//! The name that a public key gives itself: the hash of what makes it up (RFC 7638).

use sha2::{Digest, Sha256};

use super::Key;
use crate::encoding::base64::encode_url;

impl Key {
    /// The SHA-256 hash of the key's members as a JWK, those alone and in the one way to write them: RFC 7638 §3.2 for EC and
    /// RSA, RFC 8037 §2 for OKP, and `AKP` for ML-DSA likewise. `None` for a secret, whose hash would say too much of it.
    pub fn thumbprint(&self) -> Option<[u8; 32]> {
        let json = match self {
            Self::Secret(_) => return None,
            Self::Rsa(key) => {
                let (modulus, exponent) = key.numbers()?;
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode_url(exponent), encode_url(modulus))
            }
            Self::P256(key) => ec("P-256", key.to_sec1_point(false).as_bytes())?,
            Self::P384(key) => ec("P-384", key.to_sec1_point(false).as_bytes())?,
            Self::P521(key) => ec("P-521", key.to_sec1_point(false).as_bytes())?,
            Self::Ed25519(key) => okp("Ed25519", key.as_slice()),
            Self::Ed448(key) => okp("Ed448", &key.to_bytes()),
            Self::MlDsa44(key) => akp("ML-DSA-44", &key.to_bytes()),
            Self::MlDsa65(key) => akp("ML-DSA-65", &key.to_bytes()),
            Self::MlDsa87(key) => akp("ML-DSA-87", &key.to_bytes()),
        };
        Some(Sha256::digest(json).into())
    }
}

/// From an uncompressed point (SEC 1 §2.3.3): a 4, and the two coordinates in their full length (RFC 7518 §6.2.1.2).
fn ec(curve: &str, point: &[u8]) -> Option<String> {
    let (_form, coordinates) = point.split_first()?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    Some(format!(r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#, encode_url(x), encode_url(y)))
}

fn okp(curve: &str, point: &[u8]) -> String {
    format!(r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#, encode_url(point))
}

fn akp(algorithm: &str, key: &[u8]) -> String {
    format!(r#"{{"alg":"{algorithm}","kty":"AKP","pub":"{}"}}"#, encode_url(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbprint(jwk: &str) -> Option<String> {
        Key::from_text(jwk).unwrap().thumbprint().map(encode_url)
    }

    /// RFC 7638 §3.1, RFC 8037 appendix A.3, and RFC 9449 figures 5 and 9.
    #[test]
    fn a_thumbprint_is_that_of_the_examples() {
        for (jwk, expected) in [
            (
                r#"{"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}"#,
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            (
                r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
            (
                r#"{"kty": "EC", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "crv": "P-256"}"#,
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
        ] {
            assert_eq!(thumbprint(jwk).as_deref(), Some(expected), "{jwk}");
        }
    }

    #[test]
    fn a_secret_has_none() {
        assert_eq!(Key::from_secret(b"secret".to_vec()).unwrap().thumbprint(), None);
    }
}

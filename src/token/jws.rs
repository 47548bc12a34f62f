//! The compact serialization of a JWS (RFC 7515 §3.1): three parts, their decoding, and the header's `alg`.

use std::fmt;

use thiserror::Error;

use super::TokenType;
use crate::{
    crypto::Algorithm,
    encoding::{
        base64::{decode_url, decode_url_or_padded},
        json::Members,
    },
};

/// A part of the compact serialization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the parts' names")]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a text is no compact JWS that this crate takes. No variant repeats a part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwsError {
    /// There are fewer than two dots.
    #[error("not three parts separated by dots")]
    NotThreeParts,
    /// A part is not base64url without padding, white space and spare bits. The signature is all that follows the second dot,
    /// so a fourth part makes it none.
    #[error("the {0} is not base64url")]
    NotBase64Url(Part),
    /// A part is not a JSON object, or one in which a member occurs twice.
    #[error("the {0} is not a JSON object with distinct members")]
    NotAnObject(Part),
}

/// The decoded parts of a token. What they hold is not known to be true yet.
pub struct Compact<'t> {
    signing_input: &'t [u8],
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl<'t> Compact<'t> {
    /// Splits and decodes a token. A JWS has no padding (RFC 7515 §2), but some signers write it, and sign what they write: its
    /// parts may end with it if it `may_be_padded`. What stands in place of the signature is only looked at by
    /// [`Jws::signature`].
    pub fn decode(token: &'t [u8], may_be_padded: bool) -> Result<Self, JwsError> {
        let mut dots = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
            return Err(JwsError::NotThreeParts);
        };
        let split = |at| token.split_at_checked(at).ok_or(JwsError::NotThreeParts);
        let (header, _) = split(first)?;
        let (signing_input, signature) = split(second)?;
        let decode = |text: &[u8]| if may_be_padded { decode_url_or_padded(text) } else { decode_url(text) };
        let decoded = |text: &[u8], part| decode(text).ok_or(JwsError::NotBase64Url(part));
        Ok(Self {
            signing_input,
            header: decoded(header, Part::Header)?,
            payload: decoded(after_dot(signing_input, first), Part::Payload)?,
            signature: decode(after_dot(signature, 0)),
        })
    }

    /// Reads header and payload, each of which must be a JSON object.
    pub fn parse(&self) -> Result<Jws<'_>, JwsError> {
        let text = |json, part| std::str::from_utf8(json).map_err(|_| JwsError::NotAnObject(part));
        let object = |text, part| Members::parse(text).map_err(|_| JwsError::NotAnObject(part));
        let header = object(text(&self.header, Part::Header)?, Part::Header)?;
        let payload = text(&self.payload, Part::Payload)?;
        Ok(Jws {
            signing_input: self.signing_input,
            header,
            payload,
            claims: object(payload, Part::Payload)?,
            signature: self.signature.as_deref(),
        })
    }
}

/// What follows the dot at `at`.
fn after_dot(text: &[u8], at: usize) -> &[u8] {
    text.get(at.saturating_add(1)..).unwrap_or_default()
}

/// A token that is well-formed. Its signature is not verified.
pub struct Jws<'a> {
    /// The bytes that were signed: header and payload as they stand in the token (RFC 7515 §5.2).
    pub signing_input: &'a [u8],
    /// The JOSE header.
    pub header: Members<'a>,
    /// The text of the claims set.
    pub payload: &'a str,
    /// The claims set (RFC 7519 §4).
    pub claims: Members<'a>,
    signature: Option<&'a [u8]>,
}

impl<'a> Jws<'a> {
    /// The header's `alg`, if it is the name of a supported algorithm.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.header.get("alg")?.string()?.parse().ok()
    }

    /// The decoded signature.
    ///
    /// # Errors
    /// What follows the second dot is not base64url.
    pub fn signature(&self) -> Result<&'a [u8], JwsError> {
        self.signature.ok_or(JwsError::NotBase64Url(Part::Signature))
    }

    /// A header parameter with which the token cannot be verified as it asks for: any `crit` (RFC 7515 §4.1.11), a `b64`
    /// that is not true, with which the payload would not be what was signed (RFC 7797 §7), or a `kid` that is no string
    /// (RFC 7515 §4.1.4): to take it for none would open all keys to the token.
    pub fn unsupported_header(&self) -> Option<&'static str> {
        if self.header.get("crit").is_some() {
            return Some("crit");
        }
        if self.header.get("b64").is_some_and(|b64| !b64.is_true()) {
            return Some("b64");
        }
        self.header.get("kid").is_some_and(|kid| kid.string().is_none()).then_some("kid")
    }

    /// The type that the header says that the token has.
    pub fn token_type(&self) -> Option<TokenType> {
        self.header.get("typ").and_then(TokenType::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // {"alg":"HS256"} and {}
    const HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";
    const EMPTY: &str = "e30";

    fn error(token: &str) -> JwsError {
        Compact::decode(token.as_bytes(), false).and_then(|it| it.parse()?.signature().map(drop)).err().unwrap()
    }

    #[test]
    fn a_token_is_split_into_its_parts() {
        let token = format!("{HEADER}.{EMPTY}.AQAB");
        let compact = Compact::decode(token.as_bytes(), false).unwrap();
        let jws = compact.parse().unwrap();
        assert_eq!(jws.signing_input, format!("{HEADER}.{EMPTY}").as_bytes());
        assert_eq!(jws.signature(), Ok([1, 0, 1].as_slice()));
        assert_eq!(jws.algorithm(), Some(Algorithm::HS256));
        assert_eq!(jws.unsupported_header(), None);
    }

    #[test]
    fn a_header_that_cannot_be_followed_is_named() {
        for (header, expected) in [
            (r#"{"crit":null}"#, Some("crit")),
            (r#"{"crit":["b64"],"b64":false}"#, Some("crit")),
            (r#"{"b64":false}"#, Some("b64")),
            (r#"{"b64":"true"}"#, Some("b64")),
            (r#"{"b64":true}"#, None),
            (r#"{"kid":7}"#, Some("kid")),
            (r#"{"kid":null}"#, Some("kid")),
            (r#"{"kid":["1"]}"#, Some("kid")),
            (r#"{"kid":""}"#, None),
        ] {
            let token = format!("{}.{EMPTY}.AQAB", crate::encoding::base64::encode_url(header));
            let compact = Compact::decode(token.as_bytes(), false).unwrap();
            assert_eq!(compact.parse().unwrap().unsupported_header(), expected, "{header}");
        }
    }

    #[test]
    fn fewer_parts_than_three_are_refused() {
        for token in ["", "a", ".", "a.b", HEADER] {
            assert_eq!(error(token), JwsError::NotThreeParts);
        }
    }

    #[test]
    fn every_part_must_be_base64url() {
        for (token, part) in [
            (format!("{HEADER}=.{EMPTY}.AQAB"), Part::Header),
            (format!("{HEADER}.{EMPTY} .AQAB"), Part::Payload),
            (format!("{HEADER}.e31.AQAB"), Part::Payload),
            (format!("{HEADER}.{EMPTY}.AQ="), Part::Signature),
            (format!("{HEADER}.{EMPTY}.AR"), Part::Signature),
            (format!("{HEADER}.{EMPTY}.A\u{f6}A"), Part::Signature),
            (format!("{HEADER}.{EMPTY}.AQAB.AQAB"), Part::Signature),
            (format!("{HEADER}.{EMPTY}.AQAB."), Part::Signature),
            (format!("{HEADER}.{EMPTY}.{}", ".".repeat(100_000)), Part::Signature),
        ] {
            assert_eq!(error(&token), JwsError::NotBase64Url(part), "{token}");
        }
    }

    #[test]
    fn padding_is_taken_where_it_is_allowed() {
        let padded = format!("{HEADER}.e30=.AQ==");
        assert_eq!(error(&padded), JwsError::NotBase64Url(Part::Payload));
        let compact = Compact::decode(padded.as_bytes(), true).unwrap();
        let jws = compact.parse().unwrap();
        assert_eq!(jws.signing_input, format!("{HEADER}.e30=").as_bytes());
        assert_eq!(jws.signature(), Ok([1].as_slice()));
        let is_read = |token: &str| {
            Compact::decode(token.as_bytes(), true).is_ok_and(|it| it.parse().unwrap().signature().is_ok())
        };
        for token in [format!("{HEADER}.e30.AQ"), format!("{HEADER}.e30=.AQ")] {
            assert!(is_read(&token), "{token}");
        }
        for token in [format!("{HEADER}.e30==.AQ=="), format!("{HEADER}.e30=.AR=="), format!("{HEADER}=.e30=.AQ==")] {
            assert!(!is_read(&token), "{token}");
        }
    }

    #[test]
    fn header_and_payload_must_be_objects() {
        for (token, part) in [
            (format!(".{EMPTY}.AQAB"), Part::Header),
            (format!("W10.{EMPTY}.AQAB"), Part::Header),
            (format!("_w.{EMPTY}.AQAB"), Part::Header),
            (format!("{HEADER}..AQAB"), Part::Payload),
            (format!("{HEADER}.bnVsbA.AQAB"), Part::Payload),
        ] {
            assert_eq!(error(&token), JwsError::NotAnObject(part), "{token}");
        }
    }
}

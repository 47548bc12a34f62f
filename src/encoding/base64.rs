//! Base64 in the two forms that the standards and the gateway use.

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD},
    },
};

/// Decodes base64url as JOSE spells it (RFC 7515 §2): no padding, no white space, and the spare bits of the last
/// character are zero, so that every value has one spelling.
pub fn decode_url(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes base64url as some issuers write the numbers of their keys, and some proxies their tokens: with its padding, or
/// without.
pub fn decode_url_or_padded(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    const EITHER_PADDING: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    EITHER_PADDING.decode(text).ok()
}

/// Decodes the base64 of PEM and of certificates (RFC 4648 §4): with its padding, and with any white space.
pub fn decode_standard(text: &str) -> Option<Vec<u8>> {
    let mut dense = String::with_capacity(text.len());
    dense.extend(text.split_ascii_whitespace());
    STANDARD.decode(dense).ok()
}

/// Encodes in base64url as JOSE spells it, without padding.
pub fn encode_url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a secret as the gateway does: either alphabet, with or without padding.
pub fn decode_lenient(text: &str) -> Option<Vec<u8>> {
    decode_url_or_padded(text.trim().replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_one_spelling_for_a_value() {
        assert_eq!(decode_url("AQAB").as_deref(), Some([1, 0, 1].as_slice()));
        assert_eq!(decode_url("_-8").as_deref(), Some([0xff, 0xef].as_slice()));
        for text in ["AQ==", "AQ=", "A", "/+8", "AR", " AQAB", "AQAB\n", "AQ\u{e9}B"] {
            assert_eq!(decode_url(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_numbers_of_a_key_may_be_padded() {
        for text in ["_-8=", "_-8"] {
            assert_eq!(decode_url_or_padded(text).as_deref(), Some([0xff, 0xef].as_slice()), "{text:?}");
        }
        for text in ["/+8=", "_-8==", "_-9=", "_-8 ", "_=-8", "="] {
            assert_eq!(decode_url_or_padded(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_pem_holds_may_have_white_space() {
        assert_eq!(decode_standard(" /+\r\n8=\t").as_deref(), Some([0xff, 0xef].as_slice()));
        for text in ["_-8=", "/+8", "/+9=", "="] {
            assert_eq!(decode_standard(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_secret_may_use_either_alphabet_and_leave_out_padding() {
        for text in ["/+8=", "/+8", "_-8=", "_-8", " _-8\n"] {
            assert_eq!(decode_lenient(text).as_deref(), Some([0xff, 0xef].as_slice()), "{text:?}");
        }
        for text in ["a b", "_-9", "é", "=", "A"] {
            assert_eq!(decode_lenient(text), None, "{text:?}");
        }
    }
}

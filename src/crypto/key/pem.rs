//! PEM (RFC 7468), read kindly: keys come out of YAML with their lines indented, folded into one, or ended by CRLF.

use super::KeyError;
use crate::encoding::base64::decode_standard;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block.
pub(super) struct Block<'a> {
    /// What stands after `BEGIN`.
    pub(super) label: &'a str,
    /// The decoded content.
    pub(super) der: Vec<u8>,
}

impl<'a> Block<'a> {
    /// Reads the only PEM block of a text. White space in and around it does no harm.
    pub(super) fn parse(text: &'a str) -> Result<Self, KeyError> {
        let count = text.matches(BEGIN).count();
        let (_, rest) = text.split_once(BEGIN).ok_or(KeyError::Unrecognized)?;
        if count > 1 {
            return Err(KeyError::SeveralPemBlocks(count));
        }
        let (label, rest) = rest.split_once(DASHES).ok_or(KeyError::BrokenPem("its BEGIN line does not end"))?;
        let (body, rest) = rest.split_once(END).ok_or(KeyError::BrokenPem("it has no END line"))?;
        if rest.split_once(DASHES).is_none_or(|(end_label, _)| end_label != label) {
            return Err(KeyError::BrokenPem("its END line does not match its BEGIN line"));
        }
        let der = decode_standard(body).ok_or(KeyError::BrokenPem("its content is not base64"))?;
        Ok(Self { label, der })
    }
}

/// A label as it may stand in a message: what was pasted in its place stays out of the log.
pub(super) fn printable(label: &str) -> String {
    let is_label = |label: &str| {
        label.len() <= 32 && label.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ')
    };
    if is_label(label) { label.to_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> KeyError {
        Block::parse(text).err().unwrap()
    }

    #[test]
    fn white_space_does_no_harm() {
        for text in [
            "-----BEGIN A B-----\nAQAB\nAQAB\n-----END A B-----\n",
            "\r\n  -----BEGIN A B-----\r\n  AQAB\r\n\r\n\tAQ AB\r\n  -----END A B-----\r\n ",
            "-----BEGIN A B----- AQABAQAB -----END A B-----",
            "a comment\n-----BEGIN A B-----\nAQABAQAB\n-----END A B-----\nanother",
        ] {
            let block = Block::parse(text).unwrap();
            assert_eq!((block.label, block.der.as_slice()), ("A B", [1, 0, 1, 1, 0, 1].as_slice()), "{text:?}");
        }
    }

    #[test]
    fn what_is_broken_is_named() {
        assert_eq!(error("AQAB"), KeyError::Unrecognized);
        assert_eq!(error("-----BEGIN A\nAQAB"), KeyError::BrokenPem("its BEGIN line does not end"));
        assert_eq!(error("-----BEGIN A-----\nAQAB"), KeyError::BrokenPem("it has no END line"));
        let mismatch = KeyError::BrokenPem("its END line does not match its BEGIN line");
        assert_eq!(error("-----BEGIN A-----\nAQAB\n-----END B-----"), mismatch);
        let content = KeyError::BrokenPem("its content is not base64");
        assert_eq!(error("-----BEGIN A-----\nAQ_B\n-----END A-----"), content);
        let block = "-----BEGIN A-----\nAQAB\n-----END A-----\n";
        assert_eq!(error(&block.repeat(2)), KeyError::SeveralPemBlocks(2));
    }

    #[test]
    fn what_stands_in_the_place_of_a_label_is_not_repeated() {
        assert_eq!(printable("EC PRIVATE KEY"), "EC PRIVATE KEY");
        assert_eq!(printable("my-s3cr3t"), "unknown");
    }
}

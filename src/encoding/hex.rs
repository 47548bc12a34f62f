//! Hexadecimal (RFC 4648 §8), in either case.

/// Decodes just so many octets.
pub fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let octets = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
    octets.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_text_has_the_right_length_and_nothing_but_digits() {
        assert_eq!(decode(b"00fFa9"), Some([0, 0xff, 0xa9]));
        for text in ["", "00ff", "00ffa", "00ffa90", "00ffa900", "0x0ffa", "00ff g", "+0ff00", "00\u{e9}0"] {
            assert_eq!(decode::<3>(text.as_bytes()), None, "{text}");
        }
    }
}

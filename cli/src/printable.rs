//! Texts as a terminal may show them.

/// A text without what moves the cursor, changes the direction of other text or has no width: whoever wrote it may have put
/// anything in it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() || is_invisible(char) { '\u{fffd}' } else { char }).collect()
}

fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_not_show_as_it_is_is_replaced() {
        for char in ['\u{1b}', '\n', '\u{200b}', '\u{2028}', '\u{202e}', '\u{2060}', '\u{2069}', '\u{feff}'] {
            assert_eq!(printable(&format!("a{char}b")), "a\u{fffd}b", "{char:?}");
        }
        assert_eq!(printable("ä \u{1f600}"), "ä \u{1f600}");
    }
}

//! A log that comes in pieces, cut into its lines.

/// No line of the filter is nearly as long. A longer one is skipped, so that a file without line ends costs no memory.
const MAX_BYTES: usize = 16 << 10;

/// The beginning of a line whose end has not come yet.
#[derive(Default)]
pub(super) struct LogLines {
    held: Vec<u8>,
    is_too_long: bool,
}

impl LogLines {
    /// Takes the next piece, and hands on each line that is whole now.
    pub(super) fn take(&mut self, piece: &[u8], mut each: impl FnMut(String)) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.hold(part);
            if part.ends_with(b"\n") {
                self.rest().into_iter().for_each(&mut each);
            }
        }
    }

    /// What stands there without a line's end; it begins anew then.
    pub(super) fn rest(&mut self) -> Option<String> {
        let Self { held, is_too_long } = std::mem::take(self);
        (!held.is_empty() && !is_too_long).then(|| String::from_utf8_lossy(&held).into_owned())
    }

    fn hold(&mut self, part: &[u8]) {
        self.is_too_long |= self.held.len().saturating_add(part.len()) > MAX_BYTES;
        if !self.is_too_long {
            self.held.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
        let (mut lines, mut found) = (LogLines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, |line| found.push(line));
        }
        (found, lines.rest())
    }

    #[test]
    fn a_line_is_handed_on_when_its_end_has_come() {
        let (whole, rest) = lines(&[b"a\nb", b"", b"c\n\nd", b"e"]);
        assert_eq!(whole, ["a\n", "bc\n", "\n"]);
        assert_eq!(rest.as_deref(), Some("de"));
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_costs_no_memory() {
        let half = vec![b'x'; MAX_BYTES / 2 + 1];
        let (whole, rest) = lines(&[b"a\n", &half, &half, &half, b"\nb\n", &half, &half]);
        assert_eq!(whole, ["a\n", "b\n"]);
        assert_eq!(rest, None);
    }

    #[test]
    fn what_is_no_text_is_read_as_far_as_it_is_one() {
        assert_eq!(lines(&[b"a\xff\n"]).0, ["a\u{fffd}\n"]);
    }
}

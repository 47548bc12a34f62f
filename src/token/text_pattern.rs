//! Texts that a claim is compared with: one text, or all that begin, end or look alike.

/// A set of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPattern {
    /// Just this one.
    Exactly(String),
    /// Those that begin so.
    Prefix(String),
    /// Those that end so.
    Suffix(String),
    /// Those that a glob matches.
    Glob(Glob),
}

impl TextPattern {
    /// Whether a text is of the set. The time grows with the length of the text alone.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(own) => own == text,
            Self::Prefix(start) => text.starts_with(start.as_str()),
            Self::Suffix(end) => text.ends_with(end.as_str()),
            Self::Glob(glob) => glob.matches(text),
        }
    }
}

/// A pattern in which `*` stands for any text, be it empty, and everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    start: String,
    /// What stands between two stars.
    middle: Vec<String>,
    end: String,
}

impl Glob {
    /// Reads a pattern. A star that stands for itself is written `\*`, and a backslash `\\`. `None` without any star that
    /// stands for more, when a backslash stands before anything else, and for a pattern that every text matches.
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut pieces = vec![String::new()];
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => pieces.push(String::new()),
                '\\' => pieces.last_mut()?.push(characters.next().filter(|escaped| matches!(escaped, '*' | '\\'))?),
                other => pieces.last_mut()?.push(other),
            }
        }
        if pieces.len() < 2 || pieces.iter().all(String::is_empty) {
            return None;
        }
        let end = pieces.pop()?;
        let mut pieces = pieces.into_iter();
        let start = pieces.next()?;
        Some(Self { start, middle: pieces.filter(|piece| !piece.is_empty()).collect(), end })
    }

    /// What every text begins with that it matches.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// What every text ends with that it matches.
    pub fn end(&self) -> &str {
        &self.end
    }

    /// Whether it matches the whole of a text. The first place of a piece leaves most for those that follow, so that none
    /// is looked for twice.
    fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.start.as_str()) else { return false };
        let Some(rest) = rest.strip_suffix(self.end.as_str()) else { return false };
        let after = |rest: &str, piece: &String| rest.split_once(piece.as_str()).map(|(_, after)| after.len());
        let mut rest = rest;
        for piece in &self.middle {
            let Some(left) = after(rest, piece) else { return false };
            rest = rest.get(rest.len().saturating_sub(left)..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_star_stands_for_any_text_and_all_else_for_itself() {
        for (pattern, matching, others) in [
            (
                "repo:octo-org/*",
                ["repo:octo-org/", "repo:octo-org/a:ref:x", "repo:octo-org/é"].as_slice(),
                ["repo:octo-org", "repo:octo-org-2/a", "xrepo:octo-org/a", "Repo:octo-org/a", ""].as_slice(),
            ),
            ("*@example.com", &["@example.com", "a@example.com"], &["a@example.com.evil", "a@examplescom"]),
            ("a*b*c", &["abc", "axbyc", "abbc", "abcbc"], &["ac", "acb", "abcx", "xabc", "ab"]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("*ab*", &["ab", "xxabxx", "aab"], &["a", "ba"]),
            ("a**b", &["ab", "axb"], &["a", "b"]),
            (r"a\*\\*", &[r"a*\", r"a*\x"], &["a", r"ax\", r"a*"]),
            ("[a-z]?.*", &["[a-z]?."], &["bx.", "b."]),
        ] {
            assert!(matching.iter().all(|text| matches(pattern, text)), "{pattern}");
            assert!(!others.iter().any(|text| matches(pattern, text)), "{pattern}");
        }
    }

    #[test]
    fn a_glob_has_a_star_and_something_beside_it() {
        for pattern in ["", "*", "**", "a", r"a\*", r"a\b*", r"a*\"] {
            assert_eq!(Glob::parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_glob_tells_what_every_text_begins_and_ends_with() {
        for (pattern, start, end) in [("a*b*c", "a", "c"), ("*b*", "", ""), (r"a\**", "a*", "")] {
            let glob = Glob::parse(pattern).unwrap();
            assert_eq!((glob.start(), glob.end()), (start, end), "{pattern}");
        }
    }

    #[test]
    fn a_text_made_to_be_slow_is_matched_in_the_time_that_its_length_takes() {
        let text = "a".repeat(60_000);
        let start = Instant::now();
        for pattern in ["*a".repeat(500) + "*b", "*aaaaaaaaaaaaaaaaaaaaaaab*".to_owned(), "a*".repeat(400) + "b*c"] {
            assert!(!matches(&pattern, &text));
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

//! The line that a diagnostic is about, with a caret below the place.
//!
//! A configuration holds secrets, and people paste them into the wrong fields. So the kind of the field does not decide
//! alone: a line is shown only if every word in it is public, which means that it is one of the configuration's own words,
//! or that the message repeats it.

use std::{collections::HashSet, io::IsTerminal, ops::Range, sync::LazyLock};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use jwt_auth_filter::{
    config::{
        FIELDS,
        schema::{Field, Shape},
    },
    crypto::Algorithm,
};

use super::{
    Diagnostic, Severity,
    harmless::{CREDENTIALS, is_harmless, item_of},
};
use crate::output;

/// Whether lines are shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excerpts {
    None,
    Plain,
    Coloured,
}

impl Excerpts {
    /// Lines that are wanted, as a stream can show them.
    pub(crate) fn of(are_wanted: bool, stream: &impl IsTerminal) -> Self {
        match are_wanted {
            false => Self::None,
            true if output::has_colours(stream) => Self::Coloured,
            true => Self::Plain,
        }
    }
}

/// Words of the files around a configuration that messages are about.
const SURROUNDINGS: &[&str] = &[
    "config",
    "configuration",
    "fail_open",
    "FAIL_CLOSE",
    "FAIL_CLOSED",
    "FAIL_OPEN",
    "failOpen",
    "failStrategy",
    "failure_policy",
    "internal_redirect_policy",
    "jwt-auth",
    "jwt_auth",
    "match",
    "name",
    "pluginConfig",
    "root_id",
    "route",
    "spec",
    "UNSPECIFIED",
    "value",
    "wasm",
];

/// What YAML and JSON take for values of their own.
const VALUES: &[&str] = &["false", "null", "true"];

/// Every word that may be shown, wherever it stands.
static PUBLIC_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let mut words: HashSet<&str> = SURROUNDINGS.iter().chain(VALUES).copied().collect();
    collect(FIELDS, false, &mut words);
    // Beside a credential's key or uri nothing is shown, also where another field has such a name.
    words.retain(|word| !NEVER.contains(word));
    words
});

/// Names of fields of a credential behind which anything may stand.
const NEVER: &[&str] = &["key", "secret", "rsa_public_key", "jwks", "uri"];

/// Collects the names of harmless fields, and the words that they take.
fn collect(fields: &'static [Field], in_credentials: bool, words: &mut HashSet<&'static str>) {
    for field in fields {
        let shape = field.about.shape;
        match item_of(shape) {
            Shape::Object(fields) => {
                words.insert(field.name);
                collect(fields, in_credentials || field.name == CREDENTIALS, words);
            }
            _ if !is_harmless(shape, in_credentials) => {}
            item => {
                words.insert(field.name);
                words.extend(words_of(item));
            }
        }
    }
}

fn words_of(shape: Shape) -> Vec<&'static str> {
    match shape {
        Shape::OneOf(words) => words.to_vec(),
        Shape::Algorithm => Algorithm::ALL.map(Algorithm::name).to_vec(),
        _ => Vec::new(),
    }
}

/// The lines to print below a diagnostic; `None` if there is nothing to show or nothing that may be shown.
pub(super) fn of(diagnostic: &Diagnostic, text: &str, excerpts: Excerpts) -> Option<String> {
    let renderer = match excerpts {
        Excerpts::None => return None,
        Excerpts::Plain => Renderer::plain(),
        Excerpts::Coloured => Renderer::styled(),
    };
    let line = text.lines().nth(diagnostic.at.line.checked_sub(1)?)?;
    let line = without_comment(line).trim_end();
    if !diagnostic.is_harmless || !is_public(line, diagnostic) {
        return None;
    }
    let place = place(line, diagnostic.at.column)?;
    let snippet = Snippet::source(line).line_start(diagnostic.at.line).annotation(AnnotationKind::Primary.span(place));
    let level = if diagnostic.severity == Severity::Fault { Level::ERROR } else { Level::WARNING };
    Some(renderer.render(&[Group::with_level(level).element(snippet)]))
}

/// A line up to its comment, in which anything may stand.
fn without_comment(line: &str) -> &str {
    line.split_once(" #").map_or(line, |(before, _)| before)
}

/// Whether a line has words, and all of them are public.
fn is_public(line: &str, diagnostic: &Diagnostic) -> bool {
    let is_said = |word: &str| {
        is_plain(word)
            && [Some(&diagnostic.message), diagnostic.expected.as_ref()]
                .into_iter()
                .flatten()
                .any(|text| words(text).any(|said| said == word))
    };
    words(line).next().is_some() && words(line).all(|word| PUBLIC_WORDS.contains(word) || is_said(word))
}

/// A short word or a number as people write it, as no secret is.
fn is_plain(word: &str) -> bool {
    let is_number = word.len() <= 10 && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number || (word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn is_separator(char: char) -> bool {
    matches!(char, ' ' | '\t' | ',' | ':' | ';' | '[' | ']' | '{' | '}' | '"' | '\'')
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_separator).filter(|word| !matches!(*word, "" | "-"))
}

/// The bytes of the value that begins in a column.
fn place(line: &str, column: usize) -> Option<Range<usize>> {
    let (start, first) = line.char_indices().nth(column.checked_sub(1)?)?;
    let rest = line.get(start..)?.get(first.len_utf8()..)?;
    let inner = match first {
        '"' | '\'' => rest.find(first).and_then(|end| end.checked_add(first.len_utf8())),
        _ if is_separator(first) => Some(0),
        _ => Some(rest.find(is_separator).unwrap_or(rest.len())),
    };
    let end = start.checked_add(first.len_utf8())?.checked_add(inner.unwrap_or(rest.len()))?;
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    #[test]
    fn the_words_of_a_credential_are_not_public() {
        for word in NEVER {
            assert!(!PUBLIC_WORDS.contains(word), "{word}");
        }
        assert!(["algorithm", "ES256", "claims_to_verify", "nbf"].iter().all(|word| PUBLIC_WORDS.contains(word)));
    }

    #[test]
    fn a_line_is_shown_for_a_harmless_value_and_public_words_alone() {
        let diagnostic = Diagnostic::fault(Position::new(2, 3), "the number 7; \"two words\", Name").expecting("three");
        let shown = |line: &str, is_harmless| {
            of(&diagnostic.clone().if_harmless(is_harmless), &format!("# first\n{line}\n"), Excerpts::Plain)
        };
        for line in ["  realm: 7", "  7", "- two: three # anything", "  [exp, 'two']"] {
            assert!(shown(line, true).is_some(), "{line}");
            assert_eq!(shown(line, false), None, "{line}");
        }
        for line in
            ["  realm: 70", "  Name", "  realm: four", "  # realm", "", "  ", "a", "  \u{2028}realm", "  re\u{202e}alm"]
        {
            assert_eq!(shown(line, true), None, "{line}");
        }
    }

    #[test]
    fn a_caret_stands_below_each_character_of_the_value() {
        for (line, column, value) in [
            ("a: word, b", 4, "word"),
            ("a: \"b c\" d", 4, "\"b c\""),
            ("a: 'b c", 4, "'b c"),
            ("é: ü", 4, "ü"),
            ("a: [b]", 4, "["),
        ] {
            assert_eq!(place(line, column).and_then(|place| line.get(place)), Some(value), "{line}");
        }
        assert_eq!(place("a", 2), None);
        assert_eq!(place("a", 0), None);
    }
}

//! Texts that only say where a value is to be found. Taken for a secret, such a text would be one that everybody can read.

/// How a place in a vault, in the environment or in another file is written, if it is no URL.
const ADDRESSES: [&str; 9] =
    ["vault:", "ref+", "env:", "env.", "ssm:", "aws-ssm:", "arn:aws:", "ENC[", "$ANSIBLE_VAULT;"];
/// What programs that fill in templates look for, and what ends it.
const TEMPLATES: [(&str, &str); 12] = [
    ("${", "}"),
    ("$(", ")"),
    ("%{", "}"),
    ("%(", ")"),
    ("@{", "}"),
    ("#{", "}"),
    ("{{", "}}"),
    ("((", "))"),
    ("[[", "]]"),
    ("<<", ">>"),
    ("<%", "%>"),
    ("{vault:", "}"),
];
/// What stands around a name that another program replaces.
const AROUND_NAMES: [(&str, &str); 14] = [
    ("$", ""),
    ("$$", ""),
    ("$env:", ""),
    (":", ""),
    ("%", "%"),
    ("%%", "%%"),
    ("@", "@"),
    ("@@", "@@"),
    ("__", "__"),
    ("~", "~"),
    ("|", "|"),
    ("{", "}"),
    ("[", "]"),
    ("env(", ")"),
];
/// What programs write in place of a secret that nobody is to see.
const MASKS: [&str; 4] = ["redacted", "masked", "hidden", "removed"];

/// Whether a text names a place, is a template, or hides a value.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    ADDRESSES.iter().any(|start| text.starts_with(start)) || text.contains("://") || is_mask(text) || is_template(text)
}

/// Whether a text is one that a shell or a template is to fill in: `${NAME}`, `$NAME`, `{{ … }}`, `%NAME%`, `<name>`.
pub(super) fn is_template(text: &str) -> bool {
    let text = text.trim();
    let within = |start: &str, end: &str| text.strip_prefix(start)?.strip_suffix(end);
    TEMPLATES.iter().any(|(start, end)| text.split_once(start).is_some_and(|(_, rest)| rest.contains(end)))
        || AROUND_NAMES.iter().any(|(start, end)| within(start, end).is_some_and(is_name))
        || within("<", ">").is_some_and(|inner| !inner.is_empty() && !inner.contains(['<', '>']))
        || within("{cipher}", "").is_some() // of Spring's configuration server
}

/// Whether a text only shows that there was another: `*****`, `[masked]`, `REDACTED`.
fn is_mask(text: &str) -> bool {
    let word = text.trim_matches(|char: char| !char.is_alphanumeric()).to_ascii_lowercase();
    MASKS.contains(&word.as_str()) || text.chars().count() > 2 && text.chars().all(|char| "*•.xX".contains(char))
}

/// Fields with text for people, in which two braces mean nothing.
pub(super) const MAY_LOOK_SO: [&str; 2] = ["body", "message"];

/// What is to be said of a text that cannot be a path, a name or anything else, but is to be replaced by one.
pub(super) fn reference(text: &str) -> Option<&'static str> {
    let is_variable = |(start, end): (&str, &str)| {
        text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(is_name)
    };
    if text.contains("${{") {
        return Some(
            "a reference to an environment variable; expected its value, which `deck file render --populate-env-vars` puts in",
        );
    }
    let is_reference = ["${", "{{", "{vault://"].iter().any(|part| text.contains(part))
        || [("$", ""), ("%", "%")].into_iter().any(is_variable);
    is_reference.then_some("a placeholder; expected the value that takes its place")
}

fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || b"_-.:".contains(&letter))
}

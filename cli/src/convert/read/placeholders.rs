//! Texts that only say where a value is to be found. Taken for a secret, such a text would be one that everybody can read.

/// How a place in a vault, in the environment or in another file is written.
const ADDRESSES: [&str; 9] =
    ["vault:", "ref+", "op://", "env:", "env://", "file://", "arn:aws:", "ENC[", "$ANSIBLE_VAULT;"];
/// What programs that fill in templates look for.
const TEMPLATES: [&str; 7] = ["{vault://", "${", "$(", "{{", "#{", "<%", "[["];
/// What stands around a name that another program replaces.
const AROUND_NAMES: [(&str, &str); 4] = [("$", ""), ("%", "%"), ("@", "@"), ("__", "__")];

/// Whether a text names a place, or is a template.
pub(super) fn is_placeholder(text: &str) -> bool {
    ADDRESSES.iter().any(|start| text.trim().starts_with(start)) || is_template(text)
}

/// Whether a text is one that a shell or a template is to fill in: `${NAME}`, `$NAME`, `{{ … }}`, `%NAME%`, `<name>`.
pub(super) fn is_template(text: &str) -> bool {
    let text = text.trim();
    let within = |start: &str, end: &str| text.strip_prefix(start)?.strip_suffix(end);
    TEMPLATES.iter().any(|part| text.contains(part))
        || AROUND_NAMES.iter().any(|(start, end)| within(start, end).is_some_and(is_name))
        || within("<", ">").is_some_and(|inner| !inner.is_empty() && !inner.contains(['<', '>']))
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
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
}

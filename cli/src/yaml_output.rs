//! Writing YAML that a person goes on working with: members in the order in which they were put, keys in PEM as blocks.

use std::fmt::{self, Write};

/// A value to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// A map of members in this order; those without a value are left out.
pub(crate) fn map<const N: usize>(members: [(&str, Option<Yaml>); N]) -> Yaml {
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Yaml::Map(members.collect())
}

/// A list of texts.
pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Yaml {
    Yaml::List(texts.into_iter().map(|text| text.as_ref().into()).collect())
}

/// A value that is there.
pub(crate) fn some(value: impl Into<Yaml>) -> Option<Yaml> {
    Some(value.into())
}

/// How a document is indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How much further right than its name a map stands.
    pub step: usize,
    /// How much further right than its name a list stands.
    pub list_step: usize,
}

impl Default for Layout {
    /// The items of a list stand as far left as the name of the list.
    fn default() -> Self {
        Self { step: 2, list_step: 0 }
    }
}

/// How values are written between brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Whether it is JSON, where every text is quoted.
    pub is_json: bool,
    /// Whether no space stands behind a comma and a colon.
    pub is_compact: bool,
    /// What each level is indented by, if each value has a line of its own.
    pub unit: Option<String>,
}

impl Yaml {
    /// Members in block style, each in lines of its own, in this column.
    pub(crate) fn block_members(members: &[(String, Yaml)], column: usize, layout: Layout) -> String {
        let mut text = String::new();
        // A String takes everything.
        _ = write_members(members, &mut text, layout, column, false);
        text
    }

    /// The value as an item of a list in block style, whose dashes stand in this column.
    pub(crate) fn block_item(&self, column: usize, layout: Layout) -> String {
        let mut text = String::new();
        _ = write_item(self, &mut text, layout, column);
        text
    }

    /// The value between brackets. `indentation` is that of the line in which it begins.
    pub(crate) fn flow(&self, flow: &Flow, indentation: &str) -> String {
        let inner = indentation.to_owned() + flow.unit.as_deref().unwrap_or_default();
        let parts: Vec<String> = match self {
            Self::Map(members) => members.iter().map(|(name, value)| flow.member(name, value, &inner)).collect(),
            Self::List(items) => items.iter().map(|item| item.flow(flow, &inner)).collect(),
            Self::Text(text) => return flow.text(text),
            Self::Flag(flag) => return flag.to_string(),
            Self::Number(number) => return number.to_string(),
        };
        let (open, close) = if matches!(self, Self::Map(_)) { ('{', '}') } else { ('[', ']') };
        match &flow.unit {
            Some(_) if !parts.is_empty() => {
                format!("{open}\n{inner}{}\n{indentation}{close}", parts.join(&format!(",\n{inner}")))
            }
            _ => format!("{open}{}{close}", parts.join(flow.comma())),
        }
    }

    /// The value as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Flag(flag) => (*flag).into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(members) => members.iter().map(|(name, value)| (name.clone(), value.to_json())).collect(),
        }
    }

    fn write(&self, out: &mut impl Write, layout: Layout, indent: usize) -> fmt::Result {
        match self {
            Self::Map(members) if members.is_empty() => out.write_str(" {}\n"),
            Self::List(items) if items.is_empty() => out.write_str(" []\n"),
            Self::Map(members) => {
                out.write_char('\n')?;
                write_members(members, out, layout, indent, false)
            }
            Self::List(items) => {
                out.write_char('\n')?;
                items.iter().try_for_each(|item| write_item(item, out, layout, indent))
            }
            Self::Text(text) if is_block(text) => write_block(text, out, indent),
            scalar => {
                out.write_char(' ')?;
                write_scalar(scalar, out)?;
                out.write_char('\n')
            }
        }
    }
}

impl fmt::Display for Yaml {
    /// The value as a document.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Map(members) if !members.is_empty() => write_members(members, formatter, Layout::default(), 0, false),
            other => other.write(formatter, Layout::default(), 0),
        }
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Yaml {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<Yaml>> for Yaml {
    fn from(items: Vec<Yaml>) -> Self {
        Self::List(items)
    }
}

/// How far the content of an item stands from its dash.
const DASH: usize = 2;

impl Flow {
    /// A member of a map.
    pub(crate) fn member(&self, name: &str, value: &Yaml, indentation: &str) -> String {
        let colon = if self.is_compact { ":" } else { ": " };
        format!("{}{colon}{}", self.text(name), value.flow(self, indentation))
    }

    /// What stands between two values of a line.
    pub(crate) fn comma(&self) -> &'static str {
        if self.is_compact { "," } else { ", " }
    }

    fn text(&self, text: &str) -> String {
        if !self.is_json && is_plain(text) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
    }
}

fn write_members(
    members: &[(String, Yaml)],
    out: &mut impl Write,
    layout: Layout,
    indent: usize,
    mut on_this_line: bool,
) -> fmt::Result {
    for (name, value) in members {
        if !on_this_line {
            write!(out, "{:indent$}", "")?;
        }
        on_this_line = false;
        write_text(name, out)?;
        out.write_char(':')?;
        let step = if matches!(value, Yaml::List(_)) { layout.list_step } else { layout.step };
        value.write(out, layout, indent.saturating_add(step))?;
    }
    Ok(())
}

fn write_item(item: &Yaml, out: &mut impl Write, layout: Layout, indent: usize) -> fmt::Result {
    write!(out, "{:indent$}-", "")?;
    match item {
        Yaml::Map(members) if !members.is_empty() => {
            out.write_char(' ')?;
            write_members(members, out, layout, indent.saturating_add(DASH), true)
        }
        other => other.write(out, layout, indent.saturating_add(DASH)),
    }
}

fn write_scalar(scalar: &Yaml, out: &mut impl Write) -> fmt::Result {
    match scalar {
        Yaml::Flag(flag) => write!(out, "{flag}"),
        Yaml::Number(number) => write!(out, "{number}"),
        Yaml::Text(text) => write_text(text, out),
        Yaml::List(_) | Yaml::Map(_) => Ok(()),
    }
}

/// Plain where every reader of YAML takes it for a text, else in quotes, as JSON has it.
fn write_text(text: &str, out: &mut impl Write) -> fmt::Result {
    if is_plain(text) { out.write_str(text) } else { write!(out, "{}", serde_json::Value::from(text)) }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let is_url = text.contains("://") && !text.ends_with(':');
    starts_well
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "_./-".contains(char) || (char == ':' && is_url))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a text reads better as a block, and comes back from it unchanged.
fn is_block(text: &str) -> bool {
    let is_fine =
        |line: &str| !line.is_empty() && line.trim() == line && line.chars().all(|char| matches!(char, ' '..='~'));
    text.strip_suffix('\n').is_some_and(|lines| lines.contains('\n') && lines.split('\n').all(is_fine))
}

fn write_block(text: &str, out: &mut impl Write, indent: usize) -> fmt::Result {
    out.write_str(" |\n")?;
    text.lines().try_for_each(|line| writeln!(out, "{:indent$}{line}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_items_and_blocks_are_indented_as_people_do() {
        let value = map([
            ("name", some("a")),
            ("left out", None),
            ("list", some(vec![map([("x", some(1_u64)), ("pem", some("-----A\nb\n"))]), "text".into(), texts(["z"])])),
            ("empty", some(Yaml::List(Vec::new()))),
        ]);
        assert_eq!(
            value.to_string(),
            "name: a\nlist:\n- x: 1\n  pem: |\n    -----A\n    b\n- text\n-\n  - z\nempty: []\n"
        );
    }

    #[test]
    fn a_value_is_written_between_brackets_as_those_around_it() {
        let value = map([("a", some(texts(["b", "1"]))), ("c", some(true)), ("d", some(Yaml::List(Vec::new())))]);
        let flow = |is_json, is_compact, unit: Option<&str>| {
            value.flow(&Flow { is_json, is_compact, unit: unit.map(str::to_owned) }, " ")
        };
        assert_eq!(flow(false, false, None), r#"{a: [b, "1"], c: true, d: []}"#);
        assert_eq!(flow(true, true, None), r#"{"a":["b","1"],"c":true,"d":[]}"#);
        assert_eq!(
            flow(true, false, Some("\t")),
            "{\n \t\"a\": [\n \t\t\"b\",\n \t\t\"1\"\n \t],\n \t\"c\": true,\n \t\"d\": []\n }"
        );
    }

    #[test]
    fn a_list_stands_where_the_other_lists_of_the_file_do() {
        let value = map([("a", some(texts(["b"]))), ("c", some(map([("d", some(true))])))]);
        let layout = Layout { step: 4, list_step: 2 };
        assert_eq!(value.block_item(1, layout), " - a:\n     - b\n   c:\n       d: true\n");
    }

    #[test]
    fn a_text_that_another_reader_takes_for_something_else_is_quoted() {
        for text in
            ["", "true", "No", "1", "1e3", "~", "a: b", "a #b", "*", "- a", "a\nb", "é", "a:", "0x1", ".inf", " a"]
        {
            assert!(Yaml::from(text).to_string().trim().starts_with('"'), "{text:?}");
        }
        for text in ["a", "/path", "https://a.example.com/x", "a-b_c.d", "type.googleapis.com/a.B"] {
            assert_eq!(Yaml::from(text).to_string().trim(), text);
        }
    }
}

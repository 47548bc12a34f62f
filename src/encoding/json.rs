//! JSON as a security decision may rest on it: every document has one meaning.
//!
//! A member that occurs twice is refused at any depth (RFC 7519 §4, RFC 7515 §4, RFC 8725 §2.4), so no two readers of
//! the same token or configuration can see different values. Text is borrowed from the document wherever it holds no
//! escapes.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON value, read whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number, as the double that it is to JSON's users (RFC 8259 §6).
    Number(f64),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object: its members in the order of the document, no name twice.
    Object(Vec<Member<'a>>),
}

/// A member of an object: its name and value.
pub type Member<'a> = (Cow<'a, str>, Value<'a>);

impl<'a> Value<'a> {
    /// Reads a whole document. Nesting beyond 127 levels, and a number beyond the range of a double, are errors.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// The members of an object, each value still the text that stands in the document.
///
/// A token carries many claims of which a filter needs two or three: the rest is checked to be JSON and never built.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads a document that must be one object.
    ///
    /// Nesting beyond 127 levels within a member is an error, and so are half a surrogate pair, and a number beyond the range of a
    /// double anywhere but as the value of a member of this object itself.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let members: Self = serde_json::from_str(text)?;
        members
            .0
            .iter()
            .map(|(_, value)| value.get())
            .filter(|text| text.starts_with(['{', '[']) || text.contains("\\u"))
            .try_for_each(|text| Value::parse(text).map(drop))?;
        Ok(members)
    }

    /// The value of a member, as it stands in the document.
    pub fn get(&self, name: &str) -> Option<Raw<'a>> {
        let (_, value) = self.0.iter().find(|(key, _)| key.0 == name)?;
        Some(Raw(value.get()))
    }

    /// All members, in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Raw<'a>)> {
        self.0.iter().map(|(name, value)| (name.0.as_ref(), Raw(value.get())))
    }
}

/// The text of one JSON value, known to be well-formed.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The value as a string, if it is one.
    pub fn string(self) -> Option<Cow<'a, str>> {
        serde_json::from_str(self.0).ok().map(|Text(text)| text)
    }

    /// The value as a number, if it is one. A number beyond the range of a double is infinite: `1e400` is far in the
    /// future, not malformed.
    pub fn number(self) -> Option<f64> {
        let is_number = self.0.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then(|| self.0.parse().ok()).flatten()
    }

    /// The items of the value, if it is an array.
    pub fn items(self) -> Option<Vec<Raw<'a>>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(items.into_iter().map(|item| Raw(item.get())).collect())
    }

    /// A member of the value, if it is an object that has it.
    pub fn member(self, name: &str) -> Option<Raw<'a>> {
        self.members()?.get(name)
    }

    /// The members of the value, if it is an object.
    pub fn members(self) -> Option<Members<'a>> {
        serde_json::from_str(self.0).ok()
    }

    /// The value as text, if it is a string, a number (spelled as in the document) or a truth value.
    pub fn scalar(self) -> Option<Cow<'a, str>> {
        let is_literal = !self.0.starts_with(['"', '{', '[']) && !self.is_null();
        if is_literal { Some(Cow::Borrowed(self.0)) } else { self.string() }
    }

    /// The value as a truth value, if it is one.
    pub fn flag(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The value as it stands in the document.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether the value is `true`.
    pub fn is_true(self) -> bool {
        self.flag() == Some(true)
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }
}

/// A string that borrows from the document where it can; serde's own `Cow` always copies.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                distinct_members(map).map(Members)
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = Value<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Value::Number(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Value::Number(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Value::Number(value as f64))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Value::String(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Value::String(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Value::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let members = distinct_members(map)?;
                Ok(Value::Object(members.into_iter().map(|(Text(name), value)| (name, value)).collect()))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Collects the members of an object, and refuses it when a name occurs twice.
fn distinct_members<'de, A, V>(mut map: A) -> Result<Vec<(Text<'de>, V)>, A::Error>
where
    A: MapAccess<'de>,
    V: Deserialize<'de>,
{
    let mut members: Vec<(Text<'de>, V)> = Vec::new();
    while let Some(member) = map.next_entry()? {
        members.push(member);
    }
    if repeated(members.iter().map(|(Text(name), _)| name.as_ref())).is_some() {
        return Err(A::Error::custom("a member occurs twice in one object"));
    }
    members.shrink_to_fit();
    Ok(members)
}

/// A name that occurs twice, if there is one. Few names are compared each with each; with thousands, that would cost seconds.
pub(crate) fn repeated<'n>(mut names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    const FEW: usize = 16;

    if names.clone().nth(FEW).is_some() {
        let mut seen = BTreeSet::new();
        return names.find(|name| !seen.insert(*name));
    }
    while let Some(name) = names.next() {
        if names.clone().any(|other| other == name) {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_occurs_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"iss":"a","\u0069ss":"b"}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1},{"c":[{"d":1,"d":2}]}]}"#,
        ] {
            assert!(Members::parse(text).is_err(), "{text}");
            assert!(Value::parse(text).is_err(), "{text}");
        }
        assert!(Members::parse(r#"{"a":{"b":1},"b":{"b":1}}"#).is_ok());
    }

    #[test]
    fn only_an_object_has_members() {
        for text in ["", "[]", "null", "1", "\"a\"", "{} {}", "{", "{\"a\":1,}", "{'a':1}", "nul"] {
            assert!(Members::parse(text).is_err(), "{text}");
        }
        assert!(Members::parse(" {\n} ").is_ok());
    }

    #[test]
    fn numbers_beyond_a_double_are_infinite_and_other_types_are_no_numbers() {
        let members = Members::parse(
            r#"{"huge":1e400,"past":-1,"wide":18446744073709551616,"half":1.5,"text":"1","list":[1],"null":null,"yes":true}"#,
        )
        .unwrap();
        let number = |name| members.get(name).unwrap().number();
        assert_eq!(number("huge"), Some(f64::INFINITY));
        assert_eq!(number("past"), Some(-1.0));
        assert_eq!(number("wide"), Some(18446744073709551616.0));
        assert_eq!(number("half"), Some(1.5));
        for name in ["text", "list", "null", "yes"] {
            assert_eq!(number(name), None, "{name}");
        }
        assert!(members.get("absent").is_none());
        assert!(members.get("yes").unwrap().is_true());
    }

    #[test]
    fn strings_are_unescaped_and_borrowed_where_they_can_be() {
        let members = Members::parse(r#"{"plain":"a","escaped":"\u0061\/","number":1}"#).unwrap();
        assert!(matches!(members.get("plain").unwrap().string(), Some(Cow::Borrowed("a"))));
        assert_eq!(members.get("escaped").unwrap().string().as_deref(), Some("a/"));
        assert_eq!(members.get("number").unwrap().string(), None);
    }

    #[test]
    fn half_a_surrogate_pair_is_refused_wherever_it_stands() {
        for text in [
            r#"{"a":"\ud800"}"#,
            r#"{"a":"x\udc00y"}"#,
            r#"{"a":"\ud800\ud800"}"#,
            r#"{"a":"\\\ud800"}"#,
            r#"{"\ud800":1}"#,
            r#"{"a":["\ud800"]}"#,
            r#"{"a":{"\ud800":1}}"#,
        ] {
            assert!(Members::parse(text).is_err(), "{text}");
            assert!(Value::parse(text).is_err(), "{text}");
        }
        let members = Members::parse(r#"{"pair":"\ud83d\ude00","no escape":"\\ud800"}"#).unwrap();
        assert_eq!(members.get("pair").unwrap().string().as_deref(), Some("\u{1f600}"));
        assert_eq!(members.get("no escape").unwrap().string().as_deref(), Some(r"\ud800"));
    }

    #[test]
    fn values_are_looked_into_one_level_at_a_time() {
        let members = Members::parse(r#"{"a":{"b":[1.50,"x\u0041",true,null,{"c":1}]}}"#).unwrap();
        let items = members.get("a").unwrap().member("b").unwrap().items().unwrap();
        let scalars: Vec<_> = items.iter().map(|item| item.scalar()).collect();
        let texts: Vec<_> = scalars.iter().map(Option::as_deref).collect();
        assert_eq!(texts, [Some("1.50"), Some("xA"), Some("true"), None, None]);
        assert!(members.get("a").unwrap().items().is_none());
        assert!(members.get("a").unwrap().scalar().is_none());
        assert!(items[0].member("b").is_none());
    }

    #[test]
    fn nesting_a_million_deep_is_refused_and_does_not_overflow_the_stack() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let deep = format!("{{\"a\":{}1{}}}", open.repeat(1_000_000), close.repeat(1_000_000));
            assert!(Members::parse(&deep).is_err());
            assert!(Value::parse(&deep).is_err());
        }
    }

    #[test]
    fn ten_thousand_members_are_read_in_reasonable_time() {
        let members: Vec<String> = (0..10_000).map(|n| format!("\"{n}\":{n}")).collect();
        let text = format!("{{{}}}", members.join(","));
        assert_eq!(Members::parse(&text).unwrap().get("9999").unwrap().number(), Some(9999.0));
    }
}

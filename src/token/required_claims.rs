//! What a policy demands of the claims beside the time: an audience (RFC 7519 §4.1.3), and required claims.

use std::{borrow::Cow, fmt};

use super::ClaimPath;
use crate::encoding::json::{Members, Raw};

/// Whether the token is meant for one of the audiences: `aud` is one of them, or a list that holds one.
pub fn is_for_audience(claims: &Members, audiences: &[String]) -> bool {
    let is_one = |value: Raw| value.string().is_some_and(|name| audiences.iter().any(|audience| *audience == name));
    claims.get("aud").is_some_and(|aud| is_one(aud) || aud.items().is_some_and(|items| items.into_iter().any(is_one)))
}

/// A claim that must be there, and what it must hold.
#[derive(Debug, PartialEq)]
pub struct RequiredClaim {
    /// Which claim.
    pub claim: ClaimPath,
    /// What it must hold.
    pub condition: Condition,
}

/// What a claim must hold. A list is compared by its items; a string counts as the list of its words too, as `scope`
/// is written (RFC 8693 §4.2).
#[derive(Debug, PartialEq)]
pub enum Condition {
    /// At least one of these.
    AnyOf(Vec<Scalar>),
    /// All of these.
    AllOf(Vec<Scalar>),
    /// Just this, and no list.
    Equals(Scalar),
    /// Anything but `null` if true; nothing if false.
    Present(bool),
}

/// A single value to compare a claim with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
}

impl Scalar {
    fn is(&self, value: Raw) -> bool {
        match self {
            Self::Text(text) => value.string().is_some_and(|value| value == *text),
            Self::Number(number) => value.number() == Some(*number),
            Self::Flag(flag) => value.flag() == Some(*flag),
        }
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn is_text(&self, text: &str) -> bool {
        self.text() == Some(text)
    }
}

impl RequiredClaim {
    /// Whether the claims hold what is required.
    pub fn is_met_by(&self, claims: &Members) -> bool {
        let found = self.claim.find(claims);
        match &self.condition {
            Condition::Present(wanted) => found.is_some() == *wanted,
            Condition::Equals(scalar) => found.is_some_and(|value| scalar.is(value)),
            Condition::AnyOf(scalars) => found.map(Held::of).is_some_and(|held| scalars.iter().any(|it| held.has(it))),
            Condition::AllOf(scalars) => found.map(Held::of).is_some_and(|held| scalars.iter().all(|it| held.has(it))),
        }
    }

    /// The scopes that are asked for, if that is what it asks for: `scope` of RFC 6750 §3, which a client may be told.
    pub fn scopes(&self) -> Option<Vec<&str>> {
        let scalars = match &self.condition {
            Condition::AnyOf(scalars) | Condition::AllOf(scalars) => scalars.as_slice(),
            Condition::Equals(scalar) => std::slice::from_ref(scalar),
            Condition::Present(_) => &[],
        };
        self.claim.is("scope").then(|| scalars.iter().filter_map(Scalar::text).collect())
    }
}

impl fmt::Display for RequiredClaim {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let condition = match &self.condition {
            Condition::AnyOf(_) => "any_of",
            Condition::AllOf(_) => "all_of",
            Condition::Equals(_) => "equals",
            Condition::Present(true) => "present",
            Condition::Present(false) => "not present",
        };
        write!(formatter, "claim {:?}, {condition}", self.claim.to_string())
    }
}

/// The values that a claim holds.
enum Held<'a> {
    List(Vec<Raw<'a>>),
    Text(Cow<'a, str>),
    Other(Raw<'a>),
}

impl<'a> Held<'a> {
    fn of(value: Raw<'a>) -> Self {
        match value.items() {
            Some(items) => Self::List(items),
            None => value.string().map_or(Self::Other(value), Self::Text),
        }
    }

    fn has(&self, scalar: &Scalar) -> bool {
        match self {
            Self::List(items) => items.iter().any(|item| scalar.is(*item)),
            Self::Text(text) => scalar.is_text(text) || text.split(' ').any(|word| scalar.is_text(word)),
            Self::Other(value) => scalar.is(*value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims_hold(claims: &str, claim: &str, condition: Condition) -> bool {
        let required = RequiredClaim { claim: ClaimPath::parse(claim).unwrap(), condition };
        required.is_met_by(&Members::parse(claims).unwrap())
    }

    fn texts(texts: &[&str]) -> Vec<Scalar> {
        texts.iter().map(|text| Scalar::Text((*text).to_owned())).collect()
    }

    #[test]
    fn an_audience_is_a_string_or_in_a_list_and_compared_exactly() {
        let audiences = ["api".to_owned(), "other".to_owned()];
        for claims in [r#"{"aud":"api"}"#, r#"{"aud":["x","other"]}"#, r#"{"aud":[1,"api"]}"#] {
            assert!(is_for_audience(&Members::parse(claims).unwrap(), &audiences), "{claims}");
        }
        for claims in [
            "{}",
            r#"{"aud":null}"#,
            r#"{"aud":"API"}"#,
            r#"{"aud":"api other"}"#,
            r#"{"aud":"apis"}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":[["api"]]}"#,
            r#"{"aud":{"api":"api"}}"#,
            r#"{"x":{"aud":"api"}}"#,
        ] {
            assert!(!is_for_audience(&Members::parse(claims).unwrap(), &audiences), "{claims}");
        }
    }

    #[test]
    fn any_and_all_look_at_items_and_words() {
        for claims in [r#"{"scope":"read write"}"#, r#"{"scope":["read","write"]}"#] {
            assert!(claims_hold(claims, "scope", Condition::AnyOf(texts(&["admin", "read"]))));
            assert!(claims_hold(claims, "scope", Condition::AllOf(texts(&["write", "read"]))));
            assert!(!claims_hold(claims, "scope", Condition::AllOf(texts(&["read", "admin"]))));
            assert!(!claims_hold(claims, "scope", Condition::AnyOf(texts(&["rea", "READ", "", "writes"]))));
        }
        for claims in ["{}", r#"{"scope":null}"#, r#"{"scope":{"read":true}}"#, r#"{"scope":[["read"]]}"#] {
            assert!(!claims_hold(claims, "scope", Condition::AnyOf(texts(&["read"]))), "{claims}");
        }
        // Words are what a string is made of; the items of a list are whole.
        assert!(!claims_hold(r#"{"roles":["not admin"]}"#, "roles", Condition::AnyOf(texts(&["admin"]))));
        assert!(claims_hold(r#"{"roles":["not admin"]}"#, "roles", Condition::AnyOf(texts(&["not admin"]))));
    }

    #[test]
    fn equality_is_of_type_and_value_and_of_no_list() {
        let text = || Condition::Equals(Scalar::Text("1".to_owned()));
        assert!(claims_hold(r#"{"a":{"b":"1"}}"#, "a.b", text()));
        assert!(!claims_hold(r#"{"a":{"b":1}}"#, "a.b", text()));
        assert!(!claims_hold(r#"{"a":{"b":["1"]}}"#, "a.b", text()));
        assert!(!claims_hold(r#"{"a":{"b":"1 2"}}"#, "a.b", text()));
        assert!(claims_hold(r#"{"a":1.0}"#, "a", Condition::Equals(Scalar::Number(1.0))));
        assert!(!claims_hold(r#"{"a":"1"}"#, "a", Condition::Equals(Scalar::Number(1.0))));
        assert!(claims_hold(r#"{"a":true}"#, "a", Condition::Equals(Scalar::Flag(true))));
        for claims in [r#"{"a":false}"#, r#"{"a":"true"}"#, r#"{"a":1}"#, "{}"] {
            assert!(!claims_hold(claims, "a", Condition::Equals(Scalar::Flag(true))), "{claims}");
        }
    }

    #[test]
    fn presence_is_anything_but_null() {
        for (claims, present) in
            [(r#"{"a":0}"#, true), (r#"{"a":false}"#, true), (r#"{"a":null}"#, false), ("{}", false)]
        {
            assert_eq!(claims_hold(claims, "a", Condition::Present(true)), present, "{claims}");
            assert_eq!(claims_hold(claims, "a", Condition::Present(false)), !present, "{claims}");
        }
    }
}

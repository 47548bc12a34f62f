//! What a policy demands of the claims beside the time: an audience (RFC 7519 §4.1.3), and required claims.

use std::{borrow::Cow, collections::BTreeSet, fmt, iter};

use super::{ClaimPath, Found, TextPattern};
use crate::encoding::json::{Members, Raw};

/// Whether the token is meant for one of the audiences: `aud` is one of them, or a list that holds one.
pub fn is_for_audience(claims: &Members, audiences: &[String]) -> bool {
    let is_one = |value: Raw| value.string().is_some_and(|name| audiences.iter().any(|audience| *audience == name));
    claims.get("aud").is_some_and(|aud| is_one(aud) || aud.items().is_some_and(|items| items.into_iter().any(is_one)))
}

/// What the claims must hold: one of them, or several together.
#[derive(Debug, PartialEq)]
pub enum Requirement {
    /// A claim meets a condition.
    Claim(RequiredClaim),
    /// At least one of these is met.
    Any(Vec<Requirement>),
    /// All of these are met.
    All(Vec<Requirement>),
    /// This is not met. What is not there meets nothing.
    Not(Box<Requirement>),
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
    /// A text of this pattern as a whole, or a list with such an item. The words of a text are not looked at: whoever may
    /// choose a part of it could put a fitting word there.
    Matches(TextPattern),
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

impl Requirement {
    /// Whether the claims hold what is required.
    pub fn is_met_by(&self, claims: &Members) -> bool {
        match self {
            Self::Claim(required) => required.is_met_by(claims),
            Self::Any(several) => several.iter().any(|it| it.is_met_by(claims)),
            Self::All(several) => several.iter().all(|it| it.is_met_by(claims)),
            Self::Not(other) => !other.is_met_by(claims),
        }
    }

    /// The scopes that are asked for, if it asks for nothing else: `scope` of RFC 6750 §3, which a client may be told.
    pub fn scopes(&self) -> Option<Vec<&str>> {
        match self {
            Self::Claim(required) => required.scopes(),
            Self::Any(several) | Self::All(several) => {
                let mut scopes = several.iter().map(Self::scopes).collect::<Option<Vec<_>>>()?.concat();
                let mut seen = BTreeSet::new();
                scopes.retain(|scope| seen.insert(*scope));
                Some(scopes)
            }
            Self::Not(_) => None,
        }
    }

    /// The claims that it is about, each with what it must hold.
    pub fn claims(&self) -> Box<dyn Iterator<Item = &RequiredClaim> + '_> {
        match self {
            Self::Claim(required) => Box::new(iter::once(required)),
            Self::Any(several) | Self::All(several) => Box::new(several.iter().flat_map(Self::claims)),
            Self::Not(other) => other.claims(),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let several = |name, several: &[Self], formatter: &mut fmt::Formatter| {
            let all: Vec<String> = several.iter().map(ToString::to_string).collect();
            write!(formatter, "{name} ({})", all.join("; "))
        };
        match self {
            Self::Claim(required) => required.fmt(formatter),
            Self::Any(requirements) => several("any", requirements, formatter),
            Self::All(requirements) => several("all", requirements, formatter),
            Self::Not(requirement) => write!(formatter, "not ({requirement})"),
        }
    }
}

impl RequiredClaim {
    /// Whether the claims hold what is required.
    fn is_met_by(&self, claims: &Members) -> bool {
        let found = self.claim.find(claims);
        match &self.condition {
            Condition::Present(wanted) => found.is_some() == *wanted,
            Condition::Equals(scalar) => found.and_then(|it| it.one()).is_some_and(|value| scalar.is(value)),
            Condition::AnyOf(scalars) => found.map(Held::of).is_some_and(|held| scalars.iter().any(|it| held.has(it))),
            Condition::AllOf(scalars) => found.map(Held::of).is_some_and(|held| scalars.iter().all(|it| held.has(it))),
            Condition::Matches(pattern) => found.map(Held::of).is_some_and(|held| held.has_whole(pattern)),
        }
    }

    fn scopes(&self) -> Option<Vec<&str>> {
        let scalars = match &self.condition {
            Condition::AnyOf(scalars) | Condition::AllOf(scalars) => scalars.as_slice(),
            Condition::Equals(scalar) => std::slice::from_ref(scalar),
            Condition::Present(_) | Condition::Matches(_) => &[],
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
            Condition::Matches(TextPattern::Exactly(_)) => "equals",
            Condition::Matches(TextPattern::Prefix(_)) => "prefix",
            Condition::Matches(TextPattern::Suffix(_)) => "suffix",
            Condition::Matches(TextPattern::Glob(_)) => "glob",
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
    fn of(found: Found<'a>) -> Self {
        let value = match found {
            Found::Each(values) => return Self::List(values),
            Found::One(value) => value,
        };
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

    fn has_whole(&self, pattern: &TextPattern) -> bool {
        match self {
            Self::List(items) => items.iter().any(|it| it.string().is_some_and(|text| pattern.matches(&text))),
            Self::Text(text) => pattern.matches(text),
            Self::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Glob, *};

    fn requirement(claim: &str, condition: Condition) -> Requirement {
        Requirement::Claim(RequiredClaim { claim: ClaimPath::parse(claim).unwrap(), condition })
    }

    fn claims_hold(claims: &str, claim: &str, condition: Condition) -> bool {
        requirement(claim, condition).is_met_by(&Members::parse(claims).unwrap())
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
    fn a_requirement_is_told_with_its_claims_and_conditions_but_no_values() {
        let claim = |condition| requirement("a.b", condition);
        let pattern = |pattern| Condition::Matches(pattern);
        for (condition, told) in [
            (Condition::AnyOf(texts(&["secret"])), r#"claim "a.b", any_of"#),
            (Condition::AllOf(texts(&["secret"])), r#"claim "a.b", all_of"#),
            (Condition::Equals(Scalar::Flag(true)), r#"claim "a.b", equals"#),
            (Condition::Present(true), r#"claim "a.b", present"#),
            (Condition::Present(false), r#"claim "a.b", not present"#),
            (pattern(TextPattern::Exactly("x".to_owned())), r#"claim "a.b", equals"#),
            (pattern(TextPattern::Prefix("x".to_owned())), r#"claim "a.b", prefix"#),
            (pattern(TextPattern::Suffix("x".to_owned())), r#"claim "a.b", suffix"#),
            (pattern(TextPattern::Glob(Glob::parse("x*").unwrap())), r#"claim "a.b", glob"#),
        ] {
            assert_eq!(claim(condition).to_string(), told);
        }
        let both = || ["a", "b"].map(|name| requirement(name, Condition::Present(true))).into();
        assert_eq!(Requirement::Any(both()).to_string(), r#"any (claim "a", present; claim "b", present)"#);
        assert_eq!(Requirement::All(both()).to_string(), r#"all (claim "a", present; claim "b", present)"#);
        let other = Requirement::Not(Box::new(Requirement::Any(both())));
        assert_eq!(other.to_string(), r#"not (any (claim "a", present; claim "b", present))"#);
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

    #[test]
    fn patterns_match_a_text_or_an_item_as_a_whole_and_no_word_of_it() {
        let glob = || Condition::Matches(TextPattern::Glob(Glob::parse("repo:octo-org/*").unwrap()));
        for claims in [r#"{"a":"repo:octo-org/x"}"#, r#"{"a":[7,"x","repo:octo-org/x y"]}"#] {
            assert!(claims_hold(claims, "a", glob()), "{claims}");
        }
        for claims in [
            r#"{"a":"evil repo:octo-org/x"}"#,
            r#"{"a":["evil repo:octo-org/x"]}"#,
            r#"{"a":[["repo:octo-org/x"]]}"#,
            r#"{"a":{"repo:octo-org/x":1}}"#,
            r#"{"a":7}"#,
            "{}",
        ] {
            assert!(!claims_hold(claims, "a", glob()), "{claims}");
        }
        let prefix = |claims| claims_hold(claims, "a", Condition::Matches(TextPattern::Prefix("team-".to_owned())));
        assert!(prefix(r#"{"a":"team-x"}"#) && !prefix(r#"{"a":"x team-x"}"#) && !prefix(r#"{"a":"tea"}"#));
        let suffix =
            |claims| claims_hold(claims, "a", Condition::Matches(TextPattern::Suffix("@a.example".to_owned())));
        assert!(suffix(r#"{"a":"x@a.example"}"#) && !suffix(r#"{"a":"x@a.example y"}"#));
    }

    #[test]
    fn what_stands_in_the_objects_of_a_list_is_a_list() {
        let claims = r#"{"roles":[{"name":"admin"},{"name":"not it"},{"id":7}]}"#;
        assert!(claims_hold(claims, "roles[].name", Condition::AnyOf(texts(&["admin"]))));
        assert!(claims_hold(claims, "roles[].name", Condition::AllOf(texts(&["not it", "admin"]))));
        assert!(!claims_hold(claims, "roles[].name", Condition::AnyOf(texts(&["it"]))));
        assert!(claims_hold(claims, "roles[].id", Condition::Present(true)));
        assert!(claims_hold(claims, "roles[].x", Condition::Present(false)));
        assert!(!claims_hold(claims, "roles[].name", Condition::Equals(Scalar::Text("admin".to_owned()))));
    }

    #[test]
    fn requirements_are_put_together() {
        let has = |claim: &str| requirement(claim, Condition::Present(true));
        let tree =
            || Requirement::All(vec![Requirement::Any(vec![has("a"), has("b")]), Requirement::Not(has("c").into())]);
        for (claims, is_met) in [
            (r#"{"a":1}"#, true),
            (r#"{"b":1}"#, true),
            ("{}", false),
            (r#"{"a":1,"c":1}"#, false),
            (r#"{"c":1}"#, false),
            (r#"{"a":1,"c":null}"#, true),
        ] {
            assert_eq!(tree().is_met_by(&Members::parse(claims).unwrap()), is_met, "{claims}");
        }
        let named: Vec<String> = tree().claims().map(|it| it.claim.to_string()).collect();
        assert_eq!(named, ["a", "b", "c"]);
        assert_eq!(
            tree().to_string(),
            r#"all (any (claim "a", present; claim "b", present); not (claim "c", present))"#
        );
        assert_eq!(tree().scopes(), None);
    }
}

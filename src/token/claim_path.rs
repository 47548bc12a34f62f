//! Where a claim stands in a claims set: a name, names of nested objects (`realm_access.roles`), or a field of the objects
//! in a list (`roles[].name`).

use std::fmt;

use crate::encoding::json::{Members, Raw};

/// The steps that lead to a claim; the first is a name, and no name is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// To the member of an object.
    Name(String),
    /// To each item of a list.
    EachItem,
}

/// What a path leads to; never `null`.
#[derive(Debug, Clone)]
pub enum Found<'a> {
    /// One value.
    One(Raw<'a>),
    /// The values in the items of a list, at least one.
    Each(Vec<Raw<'a>>),
}

impl ClaimPath {
    /// Reads names with dots between them, and `[]` behind each that is a list whose items are gone into. A dot or a bracket
    /// that belongs to a name is written `\.`, `\[` or `\]`, and a backslash `\\`. `None` when a name is empty, a bracket
    /// stands elsewhere, or a backslash stands before anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut characters = text.chars().peekable();
        loop {
            let mut name = String::new();
            while let Some(character) = characters.next_if(|it| !matches!(it, '.' | '[' | ']')) {
                name.push(match character {
                    '\\' => characters.next().filter(|escaped| matches!(escaped, '.' | '[' | ']' | '\\'))?,
                    other => other,
                });
            }
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Name(name));
            while characters.next_if_eq(&'[').is_some() {
                characters.next_if_eq(&']')?;
                steps.push(Step::EachItem);
            }
            match characters.next() {
                None => return Some(Self(steps)),
                Some('.') => {}
                Some(_) => return None,
            }
        }
    }

    /// The claim itself, if the path leads to one that is not `null`. What stands in the items of lists is one list, of the
    /// items that have it.
    pub fn find<'a>(&self, claims: &Members<'a>) -> Option<Found<'a>> {
        let (Step::Name(first), steps) = self.0.split_first()? else { return None };
        let first = claims.get(first)?;
        if !self.goes_through_a_list() {
            let claim = steps.iter().try_fold(first, |value, step| step.of(value))?;
            return (!claim.is_null()).then_some(Found::One(claim));
        }
        let mut values = vec![first];
        for step in steps {
            values = match step {
                Step::Name(_) => values.into_iter().filter_map(|value| step.of(value)).collect(),
                Step::EachItem => values.into_iter().filter_map(Raw::items).flatten().collect(),
            };
        }
        values.retain(|value| !value.is_null());
        (!values.is_empty()).then_some(Found::Each(values))
    }

    /// Whether it may lead to several values.
    pub fn goes_through_a_list(&self) -> bool {
        self.0.contains(&Step::EachItem)
    }

    /// Whether it is the one name.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [Step::Name(only)] if only == name)
    }
}

impl Step {
    fn of<'a>(&self, value: Raw<'a>) -> Option<Raw<'a>> {
        if let Self::Name(name) = self { value.member(name) } else { None }
    }
}

impl<'a> Found<'a> {
    /// The value, if it is one and not those of a list.
    pub fn one(&self) -> Option<Raw<'a>> {
        if let Self::One(value) = self { Some(*value) } else { None }
    }

    /// The items, if it is a list.
    pub fn items(self) -> Option<Vec<Raw<'a>>> {
        match self {
            Self::One(value) => value.items(),
            Self::Each(values) => Some(values),
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::EachItem => formatter.write_str("[]")?,
                Step::Name(name) => {
                    formatter.write_str(if at == 0 { "" } else { "." })?;
                    for character in name.chars() {
                        let escape = if matches!(character, '.' | '[' | ']' | '\\') { "\\" } else { "" };
                        write!(formatter, "{escape}{character}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_written_alike() {
        for text in [
            "scope",
            "realm_access.roles",
            r"https://example\.com/roles",
            r"a\\b.c",
            "größe",
            "roles[].name",
            "a[][].b[]",
            r"a\[\].b\[0\]",
        ] {
            assert_eq!(ClaimPath::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "", ".", "a.", ".a", "a..b", r"a\", r"a\b", "[]", "a.[]", "a[", "a]", "a[0]", "a[]b", "a[].", "[].a",
            "a[[]]",
        ] {
            assert_eq!(ClaimPath::parse(text), None, "{text}");
        }
        assert!(ClaimPath::parse("scope").unwrap().is("scope"));
        assert!(!ClaimPath::parse("a.scope").unwrap().is("scope"));
        assert!(!ClaimPath::parse("scope[]").unwrap().is("scope"));
    }

    #[test]
    fn a_path_leads_into_objects_and_nowhere_else() {
        let claims = Members::parse(r#"{"a":{"b":{"c":1}},"a.b":2,"n":null,"l":[{"b":3}],"s":"text"}"#).unwrap();
        let find = |path: &str| ClaimPath::parse(path).unwrap().find(&claims).and_then(|it| it.one()?.number());
        assert_eq!(find("a.b.c"), Some(1.0));
        assert_eq!(find(r"a\.b"), Some(2.0));
        for path in ["a.c", "a.b.c.d", "n", "n.a", "l.b", "s.b", "x"] {
            assert!(ClaimPath::parse(path).unwrap().find(&claims).is_none(), "{path}");
        }
    }

    #[test]
    fn brackets_go_into_each_item_of_a_list_and_into_nothing_else() {
        let claims = r#"{"roles":[{"name":"a"},{"name":null},{},"name",{"name":"b","in":[{"id":1},{"id":2}]},[{"name":"c"}]],
            "one":{"name":"d"},"nested":[[1,2],[3]],"none":[{"x":1}]}"#;
        let claims = Members::parse(claims).unwrap();
        let find = |path: &str| {
            let found = ClaimPath::parse(path).unwrap().find(&claims)?;
            assert!(found.one().is_none(), "{path}");
            Some(found.items().unwrap().into_iter().map(Raw::text).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(find("roles[].name").as_deref(), Some(r#""a" "b""#));
        assert_eq!(find("roles[].in[].id").as_deref(), Some("1 2"));
        assert_eq!(find("roles[][].name").as_deref(), Some(r#""c""#));
        assert_eq!(find("nested[][]").as_deref(), Some("1 2 3"));
        for path in ["one[].name", "one.name[]", "none[].name", "roles[].none", "absent[]"] {
            assert_eq!(find(path), None, "{path}");
        }
    }
}

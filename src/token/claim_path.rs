//! Where a claim stands in a claims set: a name, or names of nested objects (`realm_access.roles`).

use std::fmt;

use crate::encoding::json::{Members, Raw};

/// The names that lead to a claim, outermost first; at least one, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads names with dots between them. A dot that belongs to a name is written `\.`, and a backslash `\\`. `None`
    /// when a name is empty or a backslash stands before anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut name = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '.' => names.push(std::mem::take(&mut name)),
                '\\' => name.push(characters.next().filter(|escaped| matches!(escaped, '.' | '\\'))?),
                other => name.push(other),
            }
        }
        names.push(name);
        names.iter().all(|name| !name.is_empty()).then_some(Self(names))
    }

    /// The claim itself, if the path leads to one that is not `null`.
    pub fn find<'a>(&self, claims: &Members<'a>) -> Option<Raw<'a>> {
        let (first, nested) = self.0.split_first()?;
        let claim = nested.iter().try_fold(claims.get(first)?, |value, name| value.member(name))?;
        (!claim.is_null()).then_some(claim)
    }

    /// Whether it is the one name.
    pub fn is(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [only] if only == name)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|name| name.replace('\\', r"\\").replace('.', r"\.")).collect();
        formatter.write_str(&names.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_written_alike() {
        for text in ["scope", "realm_access.roles", r"https://example\.com/roles", r"a\\b.c", "größe"] {
            assert_eq!(ClaimPath::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ".", "a.", ".a", "a..b", r"a\", r"a\b"] {
            assert_eq!(ClaimPath::parse(text), None, "{text}");
        }
        assert!(ClaimPath::parse("scope").unwrap().is("scope"));
        assert!(!ClaimPath::parse("a.scope").unwrap().is("scope"));
    }

    #[test]
    fn a_path_leads_into_objects_and_nowhere_else() {
        let claims = Members::parse(r#"{"a":{"b":{"c":1}},"a.b":2,"n":null,"l":[{"b":3}],"s":"text"}"#).unwrap();
        let find = |path: &str| ClaimPath::parse(path).unwrap().find(&claims).and_then(Raw::number);
        assert_eq!(find("a.b.c"), Some(1.0));
        assert_eq!(find(r"a\.b"), Some(2.0));
        for path in ["a.c", "a.b.c.d", "n", "n.a", "l.b", "s.b", "x"] {
            assert!(ClaimPath::parse(path).unwrap().find(&claims).is_none(), "{path}");
        }
    }
}

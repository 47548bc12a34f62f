//! The claim that names a token's credential.

use std::fmt;

use super::{ClaimPath, Jws};
use crate::encoding::json::Raw;

/// Where a token has the name of its credential: a name, which is also that of a header parameter, or a path into the claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    name: String,
    /// Where it stands if no claim and no header parameter has just this name; none where that would be the same.
    path: Option<ClaimPath>,
}

impl KeyClaim {
    /// Reads a name, which may be a path as well. `None` for a path that may lead to several claims.
    pub fn parse(text: &str) -> Option<Self> {
        let path = ClaimPath::parse(text).filter(|path| !path.is(text));
        let is_single = path.as_ref().is_none_or(|path| !path.goes_through_a_list());
        is_single.then(|| Self { name: text.to_owned(), path })
    }

    /// `iss`.
    pub fn iss() -> Self {
        Self { name: "iss".to_owned(), path: None }
    }

    /// The value in a token: of the claim of this name, else of the header parameter, else of the claim that the path leads
    /// to. A name may hold dots of its own: such a claim goes first.
    pub fn find<'a>(&self, jws: &Jws<'a>) -> Option<Raw<'a>> {
        let named = jws.claims.get(&self.name).or_else(|| jws.header.get(&self.name));
        named.or_else(|| self.path.as_ref()?.find(&jws.claims)?.one())
    }

    /// The name as it is configured.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for KeyClaim {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Compact, *};
    use crate::encoding::base64::encode_url;

    fn found(key_claim: &str, header: &str, claims: &str) -> Option<String> {
        let token = format!("{}.{}.AQAB", encode_url(header), encode_url(claims));
        let compact = Compact::decode(token.as_bytes(), false).unwrap();
        let found = KeyClaim::parse(key_claim).unwrap().find(&compact.parse().unwrap());
        found.map(|value| value.text().to_owned())
    }

    #[test]
    fn a_claim_goes_before_the_header_and_a_name_before_a_path() {
        for (key_claim, header, claims, expected) in [
            ("iss", r#"{"iss":1}"#, r#"{"iss":2}"#, Some("2")),
            ("iss", r#"{"iss":1}"#, "{}", Some("1")),
            ("a.b", "{}", r#"{"a":{"b":3}}"#, Some("3")),
            ("a.b", "{}", r#"{"a":{"b":3},"a.b":4}"#, Some("4")),
            ("a.b", r#"{"a.b":5}"#, r#"{"a":{"b":3}}"#, Some("5")),
            ("a.b", r#"{"a":{"b":6}}"#, "{}", None),
            ("https://a.example/k", "{}", r#"{"https://a.example/k":7}"#, Some("7")),
            (r"a\.b", "{}", r#"{"a.b":8}"#, Some("8")),
            ("a..b", "{}", r#"{"a..b":9}"#, Some("9")),
            ("a.b", "{}", r#"{"a":{"b":null}}"#, None),
        ] {
            assert_eq!(found(key_claim, header, claims).as_deref(), expected, "{key_claim} {header} {claims}");
        }
        assert_eq!(KeyClaim::parse("a[].b"), None);
        assert_eq!(KeyClaim::parse(r"a\.b").unwrap().to_string(), r"a\.b", "it is told as it is configured");
    }
}

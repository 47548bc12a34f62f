//! The name of an issuer, as it stands in its metadata and in its tokens.

use std::borrow::Cow;

use super::Uri;
use crate::encoding::json::{Members, Raw};

/// What stands in the name of an issuer with many tenants, in the place of a tenant's id.
const TENANT: &str = "{tenantid}";
/// The two names of one issuer: in its metadata and in some of its tokens the first, in others the second.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// An issuer, by the name that its metadata has (RFC 8414 §2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer(String);

impl Issuer {
    /// The issuer of a name: of a URI, or of the one name that is none. `None` for what no metadata can name.
    pub fn parse(name: &str) -> Option<Self> {
        (Uri::parse(name).is_ok() || GOOGLE.contains(&name)).then(|| Self(name.to_owned()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name has a place for a tenant's id, so that no token has just this name.
    pub fn is_template(&self) -> bool {
        self.0.contains(TENANT)
    }

    /// Whether a name is this issuer's.
    pub fn is_named(&self, name: &str) -> bool {
        name == self.0 || [name, &self.0].iter().all(|name| GOOGLE.contains(name))
    }

    /// Whether the `iss` of these claims is this issuer. Of an issuer with many tenants, it must be the one of the tenant
    /// that `tid` names.
    pub fn is_of(&self, claims: &Members) -> bool {
        let text = |name| claims.get(name).and_then(Raw::string);
        let Some(iss) = text("iss") else { return false };
        if !self.is_template() {
            return self.is_named(&iss);
        }
        let is_id =
            |id: &Cow<str>| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        text("tid").filter(is_id).is_some_and(|tenant| *iss == self.0.replace(TENANT, &tenant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRA: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

    fn is_of(issuer: &str, claims: &str) -> bool {
        Issuer::parse(issuer).unwrap().is_of(&Members::parse(claims).unwrap())
    }

    #[test]
    fn a_token_is_of_the_issuer_that_it_names() {
        assert!(is_of("https://a", r#"{"iss":"https://a"}"#));
        for claims in
            ["{}", r#"{"iss":"https://a/"}"#, r#"{"iss":["https://a"]}"#, r#"{"iss":null}"#, r#"{"tid":"https://a"}"#]
        {
            assert!(!is_of("https://a", claims), "{claims}");
        }
    }

    #[test]
    fn google_has_two_names_and_nobody_else() {
        for issuer in GOOGLE {
            for name in GOOGLE {
                assert!(
                    is_of(issuer, &format!(r#"{{"iss":"{name}"}}"#)) && Issuer::parse(issuer).unwrap().is_named(name)
                );
            }
            for name in ["http://accounts.google.com", "https://accounts.google.com/", "google.com", ""] {
                assert!(
                    !is_of(issuer, &format!(r#"{{"iss":"{name}"}}"#)) && !Issuer::parse(issuer).unwrap().is_named(name)
                );
            }
        }
        assert!(!Issuer::parse("https://a.example.com").unwrap().is_named("a.example.com"));
    }

    #[test]
    fn a_tenant_s_token_names_the_tenant_twice() {
        let of = |iss: &str, tid: &str| is_of(ENTRA, &format!(r#"{{"iss":"{iss}","tid":{tid}}}"#));
        let tenant = r#""72f988bf-86f1-41af-91ab-2d7cd011db47""#;
        assert!(of("https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", tenant));
        assert!(!of("https://login.microsoftonline.com/00000000-86f1-41af-91ab-2d7cd011db47/v2.0", tenant));
        assert!(!of(ENTRA, tenant) && !of(ENTRA, r#""{tenantid}""#) && !of(ENTRA, "null"));
        assert!(!of("https://login.microsoftonline.com//v2.0", r#""""#));
        assert!(!of("https://login.microsoftonline.com/a/b/v2.0", r#""a/b""#));
        assert!(!is_of(ENTRA, r#"{"iss":"https://login.microsoftonline.com/a/v2.0"}"#));
        assert!(
            Issuer::parse(ENTRA).unwrap().is_named(ENTRA)
                && !Issuer::parse(ENTRA).unwrap().is_named("https://login.microsoftonline.com/a/v2.0")
        );
    }
}

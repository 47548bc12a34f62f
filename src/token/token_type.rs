//! What kind of token it says it is: the header's `typ` (RFC 7515 §4.1.9, RFC 8725 §3.11).

use std::sync::Arc;

use crate::encoding::json::Raw;

/// A media type, as it is compared: in lower case, and without `application/` where it may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenType(Arc<str>);

impl TokenType {
    /// The type of this name.
    pub fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let short = name.strip_prefix("application/").filter(|short| !short.contains('/'));
        Self(short.unwrap_or(&name).into())
    }

    /// The type that a header parameter has, if it is a text.
    pub fn of(typ: Raw) -> Option<Self> {
        typ.string().map(|name| Self::new(&name))
    }

    /// Its name, as short as it may be.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_same_in_any_case_with_or_without_application() {
        for same in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert_eq!(TokenType::new(same), TokenType::new("at+jwt"), "{same}");
        }
        for other in ["", "jwt", "at+jwt ", "text/at+jwt", "application/application/at+jwt", "application/"] {
            assert_ne!(TokenType::new(other), TokenType::new("at+jwt"), "{other}");
        }
    }
}

//! What names a token in a log: its key's `kid` and its own `jti`. Nobody vouches for either.

use std::fmt;

use crate::{
    encoding::{UntrustedText, json::Raw},
    request::{Carriers, FoundToken, Request, TokenPlaces},
    token::Compact,
};

/// The names of a request's token, as far as it has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TokenNames {
    /// The header's `kid` (RFC 7515 §4.1.4).
    pub kid: Option<UntrustedText>,
    /// The claim `jti` (RFC 7519 §4.1.7).
    pub jti: Option<UntrustedText>,
}

impl TokenNames {
    /// Reads the names of the token that a decision is about, by its number.
    pub fn of(request: &impl Request, places: &TokenPlaces, token: usize) -> Self {
        let carriers = Carriers::fetch(request, places);
        carriers.numbered(token).and_then(|token| Self::read(&token)).unwrap_or_default()
    }

    fn read(token: &FoundToken) -> Option<Self> {
        let text = |name: Option<Raw>| name?.string().map(|name| UntrustedText::new(&name));
        let compact = Compact::decode(&token.octets, token.place.may_be_padded()).ok()?;
        let jws = compact.parse().ok()?;
        Some(Self { kid: text(jws.header.get("kid")), jti: text(jws.claims.get("jti")) })
    }
}

impl fmt::Display for TokenNames {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let names = [("kid", &self.kid), ("jti", &self.jti)];
        names.into_iter().try_for_each(|(what, name)| match name {
            Some(name) => write!(formatter, ", {what} {name}"),
            None => Ok(()),
        })
    }
}

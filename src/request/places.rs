//! Where a request may carry a token.

use std::fmt;

use super::{SplitCookie, TokenProtocol};

/// The places that are searched for a token. Field names are those of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenPlaces {
    /// Headers that hold `Bearer <token>`, in lower case.
    pub header_names: Vec<String>,
    /// Whether the headers of `header_names` may hold `DPoP <token>` as well.
    pub takes_dpop: bool,
    /// Headers that hold a token in another way.
    pub token_headers: Vec<TokenHeader>,
    /// WebSocket subprotocols that are tokens, or hold one.
    pub websocket_protocols: Vec<TokenProtocol>,
    /// Query parameters.
    pub uri_param_names: Vec<String>,
    /// Cookies.
    pub cookie_names: Vec<String>,
    /// Tokens in parts, each of them in a cookie.
    pub split_cookies: Vec<SplitCookie>,
    /// Whether of several tokens the first valid one counts; otherwise several are refused.
    pub first_valid: bool,
}

/// What a token is presented as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A token that whoever has it may use (RFC 6750), or that is bound to the client's certificate.
    Bearer,
    /// One that comes with a proof of the key that it is bound to (RFC 9449 §7.1).
    Dpop,
}

const DPOP: &str = "DPoP";

/// A header that holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHeader {
    /// Its name, in lower case.
    pub name: String,
    /// The scheme before the token, compared without regard to case; if empty, the whole value is the token.
    pub prefix: String,
    /// Whether the parts of the token may end with the padding of base64, which a JWS does not have (RFC 7515 §2).
    pub padded: bool,
}

/// One place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the kinds of places")]
pub enum Place<'p> {
    /// A header, the scheme before the token, and whether the token may be padded.
    Header(&'p str, &'p str, bool),
    Subprotocol(&'p TokenProtocol),
    QueryParameter(&'p str),
    Cookie(&'p str),
    SplitCookie(&'p SplitCookie),
}

impl TokenPlaces {
    /// The header in which a client offers the subprotocols of a WebSocket (RFC 6455 §11.3.4).
    pub const WEBSOCKET_HEADER: &'static str = "sec-websocket-protocol";

    /// The header, in lower case, in which a proof comes with a token of [`Scheme::Dpop`] (RFC 9449 §4.1).
    pub const PROOF_HEADER: &'static str = "dpop";

    /// The headers, in the order in which they are searched.
    pub fn header_places(&self) -> impl Iterator<Item = Place<'_>> {
        let schemes = if self.takes_dpop { ["Bearer", DPOP].as_slice() } else { &["Bearer"] };
        let named = self.header_names.iter();
        let named = named.flat_map(|name| schemes.iter().map(move |scheme| Place::Header(name, scheme, false)));
        named.chain(self.token_headers.iter().map(|it| Place::Header(&it.name, &it.prefix, it.padded)))
    }

    /// Every place, in the order in which they are searched.
    pub fn each(&self) -> impl Iterator<Item = Place<'_>> {
        self.header_places()
            .chain(self.websocket_protocols.iter().map(Place::Subprotocol))
            .chain(self.uri_param_names.iter().map(|name| Place::QueryParameter(name)))
            .chain(self.cookie_names.iter().map(|name| Place::Cookie(name)))
            .chain(self.split_cookies.iter().map(Place::SplitCookie))
    }

    /// The names of all headers that may hold a token or its proof, in lower case; `Cookie` among them.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let named = self
            .header_places()
            .filter_map(|place| if let Place::Header(name, ..) = place { Some(name) } else { None });
        let websocket = (!self.websocket_protocols.is_empty()).then_some(Self::WEBSOCKET_HEADER);
        let proof = self.takes_dpop.then_some(Self::PROOF_HEADER);
        named.chain(websocket).chain(self.uses_cookies().then_some("cookie")).chain(proof)
    }

    /// Whether cookies are searched.
    pub fn uses_cookies(&self) -> bool {
        !self.cookie_names.is_empty() || !self.split_cookies.is_empty()
    }

    /// Whether a cookie of this name is searched.
    pub fn uses_cookie(&self, name: &str) -> bool {
        self.cookie_names.iter().any(|own| own == name)
            || self.split_cookies.iter().any(|split| split.number(name.as_bytes()).is_some())
    }
}

impl Place<'_> {
    /// How a token there is presented.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Header(_, prefix, _) if prefix.eq_ignore_ascii_case(DPOP) => Scheme::Dpop,
            _ => Scheme::Bearer,
        }
    }

    /// Whether a token there may be padded.
    pub fn may_be_padded(self) -> bool {
        matches!(self, Self::Header(_, _, true))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Header(name, ..) => write!(formatter, "the header {name}"),
            Self::Subprotocol(protocol) => protocol.fmt(formatter),
            Self::QueryParameter(name) => write!(formatter, "the query parameter {name}"),
            Self::Cookie(name) => write!(formatter, "the cookie {name}"),
            Self::SplitCookie(split) => split.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn split() -> SplitCookie {
        SplitCookie { name: "s".to_owned(), separator: ".".to_owned(), first: 0 }
    }

    fn every_kind() -> TokenPlaces {
        let header = TokenHeader { name: "x-token".to_owned(), prefix: "Token".to_owned(), padded: false };
        let prefixed = TokenProtocol::Prefixed { prefix: "jwt.".to_owned(), base64url: false };
        TokenPlaces {
            header_names: owned(&["authorization"]),
            takes_dpop: true,
            token_headers: vec![header],
            websocket_protocols: vec![TokenProtocol::After("bearer".to_owned()), prefixed],
            uri_param_names: owned(&["jwt"]),
            cookie_names: owned(&["t"]),
            split_cookies: vec![split()],
            first_valid: false,
        }
    }

    #[test]
    fn every_place_is_told_in_the_order_in_which_it_is_searched() {
        let places = every_kind();
        let told: Vec<String> = places.each().map(|place| place.to_string()).collect();
        let expected = [
            "the header authorization",
            "the header authorization",
            "the header x-token",
            "the WebSocket subprotocol after bearer",
            "a WebSocket subprotocol jwt.…",
            "the query parameter jwt",
            "the cookie t",
            "the cookies s.0, s.1, …",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn headers_are_those_that_may_hold_a_token_or_its_proof_and_no_others() {
        let headers = |places: &TokenPlaces| places.headers().map(str::to_owned).collect::<Vec<_>>();
        let every = ["authorization", "authorization", "x-token", "sec-websocket-protocol", "cookie", "dpop"];
        assert_eq!(headers(&every_kind()), every);
        let one = TokenPlaces { header_names: owned(&["authorization"]), ..TokenPlaces::default() };
        assert_eq!(headers(&one), ["authorization"]);
    }

    #[test]
    fn cookies_are_searched_where_one_is_named_whole_or_in_parts() {
        let whole = TokenPlaces { cookie_names: owned(&["t"]), ..TokenPlaces::default() };
        let parts = TokenPlaces { split_cookies: vec![split()], ..TokenPlaces::default() };
        assert!(!TokenPlaces::default().uses_cookies());
        assert!(whole.uses_cookies() && parts.uses_cookies() && every_kind().uses_cookies());
        for (name, is_whole, is_part) in [("t", true, false), ("s.1", false, true), ("s", false, false)] {
            assert_eq!((whole.uses_cookie(name), parts.uses_cookie(name)), (is_whole, is_part), "{name}");
        }
    }
}

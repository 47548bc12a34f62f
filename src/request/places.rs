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

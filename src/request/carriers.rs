//! Finding the tokens of a request.

use std::borrow::Cow;

use super::{Place, Request, TokenPlaces, subprotocols::protocols};

/// How many different tokens a request may carry where the first valid one counts.
pub const MAX_TOKENS: usize = 8;

/// Why a request has not one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOneToken {
    /// There is none.
    None,
    /// There are at least two different ones, or, where the first valid one counts, too many.
    Several,
}

/// A token, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundToken<'c> {
    /// The token.
    pub octets: Cow<'c, [u8]>,
    /// Where it stands; if in several places, in one that asks most of it.
    pub place: Place<'c>,
}

/// The parts of a request that may hold a token.
pub struct Carriers<'r> {
    places: &'r TokenPlaces,
    headers: Vec<(Place<'r>, Cow<'r, [u8]>)>,
    protocols: Option<Vec<u8>>,
    path: Option<Cow<'r, [u8]>>,
    cookies: Option<Cow<'r, [u8]>>,
}

impl<'r> Carriers<'r> {
    /// Fetches those parts that the places name, and no others.
    pub fn fetch(request: &'r impl Request, places: &'r TokenPlaces) -> Self {
        let values = |place: Place<'r>| {
            let name = if let Place::Header(name, ..) = place { name } else { "" };
            request.header_values(name).into_iter().map(move |value| (place, value))
        };
        let has_protocols = !places.websocket_protocols.is_empty();
        Self {
            places,
            headers: places.header_places().flat_map(values).collect(),
            // A list in several headers is one list.
            protocols: has_protocols
                .then(|| request.header_values(TokenPlaces::WEBSOCKET_HEADER).join(b",".as_slice())),
            path: if places.uri_param_names.is_empty() { None } else { request.path() },
            cookies: if places.uses_cookies() { request.cookies() } else { None },
        }
    }

    /// The one token that the parts hold. The same token in two places is one.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn token(&self) -> Result<FoundToken<'_>, NotOneToken> {
        let mut tokens = self.tokens();
        let mut token = tokens.next().ok_or(NotOneToken::None)?;
        for other in tokens {
            if !token.is_the_same_as(&other) {
                return Err(NotOneToken::Several);
            }
        }
        Ok(token)
    }

    /// The different tokens that the parts hold, in the order of the places.
    ///
    /// # Errors
    /// There is none, or there are more than [`MAX_TOKENS`].
    pub fn distinct_tokens(&self) -> Result<Vec<FoundToken<'_>>, NotOneToken> {
        let mut distinct: Vec<FoundToken> = Vec::new();
        for token in self.tokens() {
            if distinct.iter_mut().any(|known| known.is_the_same_as(&token)) {
                continue;
            }
            if distinct.len() == MAX_TOKENS {
                return Err(NotOneToken::Several);
            }
            distinct.push(token);
        }
        if distinct.is_empty() { Err(NotOneToken::None) } else { Ok(distinct) }
    }

    /// The token of a number: of the different ones, where the first valid one counts, or else the only one.
    pub fn numbered(&self, number: usize) -> Option<FoundToken<'_>> {
        if self.places.first_valid { self.distinct_tokens().ok()?.into_iter().nth(number) } else { self.token().ok() }
    }

    /// Every token, as often as it is there, in the order of the places. Empty values do not count.
    pub fn tokens(&self) -> impl Iterator<Item = FoundToken<'_>> {
        let in_headers = self.headers.iter().filter_map(|(place, value)| {
            let Place::Header(_, prefix, _) = *place else { return None };
            let behind_another = || is_behind_another(value, prefix).then_some(&**value);
            Some((*place, Cow::Borrowed(header_token(value, prefix).or_else(behind_another)?)))
        });
        let in_protocols = self.protocols.iter().flat_map(|list| protocols(list)).flat_map(|(before, protocol)| {
            let token = move |it| Some((Place::Subprotocol(it), it.token(before, protocol)?));
            self.places.websocket_protocols.iter().filter_map(token)
        });
        let in_query = self.path.iter().flat_map(|path| query_values(path, &self.places.uri_param_names));
        let in_cookies = self.cookies.iter().flat_map(|cookies| cookie_values(cookies, &self.places.cookie_names));
        let in_split_cookies = self.cookies.iter().flat_map(|cookies| {
            let token = move |it| Some((Place::SplitCookie(it), Cow::Owned(it.token(cookies)?)));
            self.places.split_cookies.iter().filter_map(token)
        });
        in_headers
            .chain(in_protocols)
            .chain(in_query)
            .chain(in_cookies)
            .chain(in_split_cookies)
            .filter(|(_, octets)| !octets.is_empty())
            .map(|(place, octets)| FoundToken { octets, place })
    }
}

impl<'c> FoundToken<'c> {
    /// Whether the other is the same token, presented alike. If so, this one then stands where more is asked of it.
    fn is_the_same_as(&mut self, other: &Self) -> bool {
        let is_same = self.octets == other.octets && self.place.scheme() == other.place.scheme();
        if is_same && self.place.may_be_padded() {
            self.place = other.place;
        }
        is_same
    }
}

/// A token and its place.
type At<'c> = (Place<'c>, Cow<'c, [u8]>);

/// Every value of the named parameters of a path's query, decoded as a form. An escape that is broken stays as it is.
fn query_values<'r>(path: &'r [u8], names: &'r [String]) -> impl Iterator<Item = At<'r>> {
    let query = path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    query.split(|byte| *byte == b'&').filter_map(|pair| query_value(pair, names))
}

/// The value of a query's `name=value`, if the name is one of these.
pub(super) fn query_value<'r>(pair: &'r [u8], names: &'r [String]) -> Option<At<'r>> {
    let (name, value) = form_urlencoded::parse(pair).next()?;
    let name = names.iter().find(|wanted| **wanted == name)?;
    let value = match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
    };
    Some((Place::QueryParameter(name), value))
}

/// Every value of the named cookies (RFC 6265 §4.2.1; names are compared exactly). Of two cookies of one name a service may
/// read either.
fn cookie_values<'r>(cookies: &'r [u8], names: &'r [String]) -> impl Iterator<Item = At<'r>> {
    let value = |(cookie, value)| {
        let name = names.iter().find(|name| name.as_bytes() == cookie)?;
        Some((Place::Cookie(name), Cow::Borrowed(value)))
    };
    cookie_pairs(cookies).filter_map(value)
}

/// The cookies `name=value`. Services strip space around both (RFC 6265 §5.2).
pub(super) fn cookie_pairs(cookies: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    cookies.split(|byte| *byte == b';').filter_map(cookie_pair)
}

/// The name and the value of one cookie.
pub(super) fn cookie_pair(cookie: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = cookie.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (cookie.get(..equals)?, cookie.get(equals.saturating_add(1)..)?);
    Some((name.trim_ascii(), value.trim_ascii()))
}

/// The token of a header `<prefix> <token>`, the prefix in any case (RFC 9110 §11.1); without one, the whole value.
///
/// It is all that follows. A proxy joins headers of one name by commas, which no JWT holds: so what stands behind a comma
/// makes the token a bad one, rather than going upstream unchecked.
pub(super) fn header_token<'v>(value: &'v [u8], prefix: &str) -> Option<&'v [u8]> {
    let value = value.trim_ascii();
    if prefix.is_empty() {
        return Some(value);
    }
    let (scheme, rest) = value.split_at_checked(prefix.len())?;
    let has_scheme =
        scheme.eq_ignore_ascii_case(prefix.as_bytes()) && rest.first().is_some_and(u8::is_ascii_whitespace);
    has_scheme.then(|| rest.trim_ascii_start()).filter(|token| !token.is_empty())
}

/// Whether a token stands behind something else in a header `<prefix> <token>`, as when a proxy has joined two headers. Then the whole
/// is a token, and a bad one: a request that carries a token which nobody has verified is not one without a token.
fn is_behind_another(value: &[u8], prefix: &str) -> bool {
    let mut others = value.split(|byte| *byte == b',').skip(1);
    !prefix.is_empty() && others.any(|element| header_token(element, prefix).is_some())
}

//! Tokens that are put where they are searched for sure, each with a word of its own that stands nowhere else. So a token that
//! both the search and the removal of the filter overlook is noticed.

use arbitrary::Arbitrary;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_auth_filter::request::TokenPlaces;

use crate::FakeRequest;

/// Where a token is put. The names are those of the configuration of the target `requests`.
#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// An element of the header `authorization` or `x-raw-too`, behind a scheme.
    Scheme { scheme: u8, gap: u8, at: u8 },
    /// The same as a header of its own, with a comma right behind the scheme; perhaps behind a token of another one.
    Comma { scheme: u8, is_behind: bool },
    /// The header `x-raw`.
    Raw,
    /// The subprotocol behind `bearer`.
    Named { is_first: bool },
    /// A subprotocol with a prefix, encoded once more.
    Encoded { is_first: bool },
    /// The parameter `jwt`, of which the letters of these numbers are escaped.
    Query { escaped: u32, at: u8 },
    /// The cookie `session`.
    Cookie { gap: u8, at: u8 },
    /// A part of the cookie `parts`.
    Part { number: u8, at: u8 },
}

/// A token that stands in a request.
#[derive(Debug)]
pub struct Planted {
    spot: Spot,
    token: String,
}

const SCHEMES: [(&str, &str); 6] = [
    ("authorization", "Bearer"),
    ("authorization", "bEARER"),
    ("authorization", "Token"),
    ("x-raw-too", "Token"),
    ("authorization", "DPoP"),
    ("authorization", "dpop"),
];
const GAPS: [&str; 4] = [" ", "  ", "\t", " \t "];
const MOST: usize = 4;

/// Plants tokens in a request. It is left as it is when one of their words stands in it already.
pub fn plant(spots: &[Spot], request: &mut FakeRequest) -> Vec<Planted> {
    let tokens = (0..MOST).map(|number| format!("e30.e30.pl4nt3d{number}"));
    let planted: Vec<Planted> = spots.iter().zip(tokens).map(|(spot, token)| Planted { spot: *spot, token }).collect();
    if planted.iter().any(|planted| planted.is_in(request)) {
        return Vec::new();
    }
    // The headers of their own come last, lest something is put before what stands in them.
    let (own, others): (Vec<_>, Vec<_>) =
        planted.iter().partition(|planted| matches!(planted.spot, Spot::Comma { .. }));
    others.into_iter().chain(own).for_each(|planted| planted.put_into(request));
    planted
}

impl Planted {
    /// The token.
    pub fn token(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// Whether it stands where these places are. Only the scheme of proofs may be missing.
    pub fn is_searched(&self, places: &TokenPlaces) -> bool {
        match self.spot {
            Spot::Scheme { scheme, .. } | Spot::Comma { scheme, .. } => {
                places.takes_dpop || !of(&SCHEMES, scheme).1.eq_ignore_ascii_case("dpop")
            }
            _ => true,
        }
    }

    /// Whether its word stands anywhere in a request, be it encoded.
    pub fn is_in(&self, request: &FakeRequest) -> bool {
        let encoded = URL_SAFE_NO_PAD.encode(&self.token);
        let word = &self.token["e30.e30.".len()..];
        let has_word = |text: &[u8]| [word, &encoded].iter().any(|word| contains(text, word.as_bytes()));
        let path = &request.path;
        has_word(path) || has_word(&unescaped(path)) || request.headers.values().flatten().any(|value| has_word(value))
    }

    fn put_into(&self, request: &mut FakeRequest) {
        let token = &self.token;
        match self.spot {
            Spot::Scheme { scheme, gap, at } => {
                let (name, scheme) = of(&SCHEMES, scheme);
                put(request, name, b',', at, &format!("{scheme}{}{token}", of(&GAPS, gap)));
            }
            Spot::Comma { scheme, is_behind } => {
                let (name, scheme) = of(&SCHEMES, scheme);
                // One that is searched in that header, whatever the configuration.
                let before = if is_behind { "Token e30," } else { "" };
                request.add(name, format!("{before}{scheme} ,{token}"));
            }
            Spot::Raw => request.add("x-raw", token),
            Spot::Named { is_first } => put_protocol(request, is_first, format!("bearer, {token}")),
            Spot::Encoded { is_first } => {
                put_protocol(request, is_first, format!("encoded.{}", URL_SAFE_NO_PAD.encode(token)));
            }
            Spot::Query { escaped, at } => {
                put_into_query(&mut request.path, at, &escape(&format!("jwt={token}"), escaped))
            }
            Spot::Cookie { gap, at } => put(request, "cookie", b';', at, &format!("{}session={token}", of(&GAPS, gap))),
            Spot::Part { number, at } => put(request, "cookie", b';', at, &format!("parts.{number}={token}")),
        }
    }
}

fn of<T: Copy>(all: &[T], number: u8) -> T {
    all[usize::from(number) % all.len()]
}

/// Puts an element into one of the headers of a name, or into another one.
fn put(request: &mut FakeRequest, name: &str, separator: u8, at: u8, element: &str) {
    let values = request.headers.entry(name.to_owned()).or_default();
    let number = usize::from(at) % (values.len() + 1);
    match values.get_mut(number) {
        Some(value) => *value = with_element(value, separator, at / 4, element),
        None => values.push(element.into()),
    }
}

/// Puts a subprotocol at one end of the list, lest it come between a name and the token behind it.
fn put_protocol(request: &mut FakeRequest, is_first: bool, protocol: String) {
    let values = request.headers.entry(TokenPlaces::WEBSOCKET_HEADER.to_owned()).or_default();
    values.insert(if is_first { 0 } else { values.len() }, protocol.into_bytes());
}

fn put_into_query(path: &mut Vec<u8>, at: u8, pair: &str) {
    let Some(mark) = path.iter().position(|octet| *octet == b'?') else {
        path.extend(format!("?{pair}").bytes());
        return;
    };
    let query = path.split_off(mark + 1);
    path.extend(with_element(&query, b'&', at, pair));
}

fn with_element(list: &[u8], separator: u8, at: u8, element: &str) -> Vec<u8> {
    let mut elements: Vec<&[u8]> = list.split(|octet| *octet == separator).collect();
    elements.insert(usize::from(at) % (elements.len() + 1), element.as_bytes());
    elements.join(&separator)
}

/// A pair of a query with some of its letters escaped.
fn escape(pair: &str, escaped: u32) -> String {
    let is_escaped = |at: usize, letter: char| letter != '=' && at < 32 && escaped & (1 << at) != 0;
    let letters = pair.chars().enumerate();
    letters
        .map(|(at, letter)| if is_escaped(at, letter) { format!("%{:02x}", u32::from(letter)) } else { letter.into() })
        .collect()
}

/// A text with its escapes read (RFC 3986 §2.1).
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        let escape = (*first == b'%').then(|| others.get(..2)).flatten();
        let octet = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { &others[2..] } else { others };
    }
    octets
}

/// Whether a word stands in a text.
pub fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

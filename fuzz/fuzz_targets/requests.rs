//! Where tokens may stand: any header, cookie and query. Once they are taken out, none can be found, and nothing of those that
//! were planted for sure is left; and what is typed as a request or a curl line is read or refused.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use jwt_auth_cli::explain::{Filter, GivenFile};
use jwt_auth_filter::{
    config::Config,
    request::{Carriers, TokenPlaces, take_out_tokens},
};
use jwt_auth_fuzz::{
    FakeRequest,
    planted::{Planted, Spot, plant},
};
use libfuzzer_sys::fuzz_target;

const PLUGIN: &str = r#"{"cookie_names": ["session"], "split_cookies": [{"name": "parts"}],
    "token_headers": [{"name": "x-raw", "padded": true}, {"name": "x-raw-too", "prefix": "Token"},
        {"name": "authorization", "prefix": "Token"}],
    "websocket_protocols": [{"name": "bearer"}, {"prefix": "encoded.", "base64url": true}],
    "consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "secret": "s3cr3t-that-is-long-enough-for-anyone"}]}]}"#;

thread_local! {
    static FILTER: Filter = Filter::find(GivenFile { name: "plugin", text: PLUGIN, is_json: true }, None).expect("a filter");
    static PLACES: TokenPlaces = Config::parse(PLUGIN.as_bytes()).expect("a configuration").policy.token_places;
    static PLACES_WITH_DPOP: TokenPlaces = PLACES.with(|places| TokenPlaces { takes_dpop: true, ..places.clone() });
}

#[derive(Arbitrary, Debug)]
struct Request {
    takes_dpop: bool,
    path: Text,
    authorization: Vec<Text>,
    raw: Option<Text>,
    with_scheme: Option<Text>,
    protocols: Vec<Text>,
    cookies: Vec<Text>,
    kept: Option<u8>,
    planted: Vec<Spot>,
}

/// A text of words that mean something in one of the places, and of any octets.
#[derive(Arbitrary, Debug)]
struct Text(Vec<Piece>);

#[derive(Arbitrary, Debug)]
enum Piece {
    Word(u8),
    Octet(u8),
    Octets(Vec<u8>),
}

const WORDS: [&str; 29] = [
    "e30.e30.c2ln",
    "ZTMwLmUzMC5jMmxu",
    "e30",
    ".",
    "Bearer ",
    "bearer",
    "Token ",
    "DPoP ",
    "encoded.",
    ",",
    ", ",
    ";",
    "; ",
    "=",
    "session=",
    "parts",
    "parts=",
    "parts.",
    "parts.0=",
    "parts.1=",
    "parts.2=",
    "?",
    "&",
    "jwt=",
    "jwt",
    "%2E",
    "+",
    "%20",
    "/",
];

impl Text {
    fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Word(number) => octets.extend(WORDS[usize::from(*number) % WORDS.len()].bytes()),
                Piece::Octet(octet) => octets.push(*octet),
                Piece::Octets(all) => octets.extend(all),
            }
        }
        octets
    }
}

// What is typed begins with `G` or `c`, which are odd.
fuzz_target!(|octets: &[u8]| match octets {
    [first, drawn @ ..] if first % 2 == 0 => {
        _ = Request::arbitrary_take_rest(Unstructured::new(drawn)).map(|request| check(&request));
    }
    _ => _ = std::str::from_utf8(octets).map(read),
});

fn read(line: &str) {
    FILTER.with(|filter| {
        _ = filter.read(line);
        _ = filter.read(&format!("curl {line}"));
    });
}

fn check(written: &Request) {
    let mut request = written.request();
    let planted = plant(&written.planted, &mut request);
    let places = if written.takes_dpop { &PLACES_WITH_DPOP } else { &PLACES };
    places.with(|places| {
        _ = Carriers::fetch(&request, places).token();
        check_all_go(places, request.clone(), &planted);
        if let Some(number) = written.kept
            && let Some(kept) = planted.get(usize::from(number) % planted.len().max(1))
        {
            check_others_go(places, request, &planted, kept);
        }
    });
}

impl Request {
    fn request(&self) -> FakeRequest {
        let mut request = FakeRequest { method: "GET".to_owned(), path: self.path.octets(), ..FakeRequest::default() };
        let headers = self.authorization.iter().map(|value| ("authorization", value));
        let cookies = self.cookies.iter().map(|value| ("cookie", value));
        let others = self.raw.iter().map(|value| ("x-raw", value));
        let others = others.chain(self.with_scheme.iter().map(|value| ("x-raw-too", value)));
        let others = others.chain(self.protocols.iter().map(|value| (TokenPlaces::WEBSOCKET_HEADER, value)));
        for (name, value) in headers.chain(cookies).chain(others) {
            request.add(name, value.octets());
        }
        request
    }
}

fn check_all_go(places: &TokenPlaces, mut request: FakeRequest, planted: &[Planted]) {
    if take_out_tokens(places, None, &mut request).is_ok() {
        let request = request.sent();
        let carriers = Carriers::fetch(&request, places);
        assert_eq!(carriers.tokens().next(), None, "a token is left: {request:?}");
        for planted in planted.iter().filter(|planted| planted.is_searched(places)) {
            assert!(!planted.is_in(&request), "{planted:?} is left: {request:?}");
        }
    }
}

/// One token may stay. Behind others it is part of one that goes.
fn check_others_go(places: &TokenPlaces, mut request: FakeRequest, planted: &[Planted], kept: &Planted) {
    if take_out_tokens(places, Some(kept.token()), &mut request).is_ok() {
        let request = request.sent();
        for planted in planted.iter().filter(|it| it.is_searched(places) && it.token() != kept.token()) {
            assert!(!planted.is_in(&request), "{planted:?} is left with {kept:?}: {request:?}");
        }
    }
}

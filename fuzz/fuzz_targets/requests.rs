//! Where tokens may stand: any header, cookie and query. Once they are taken out, none can be found; and what is typed as a
//! request or a curl line is read or refused.

#![no_main]

use arbitrary::Arbitrary;
use jwt_auth_cli::explain::{Filter, GivenFile};
use jwt_auth_filter::{
    config::Config,
    request::{Carriers, TokenPlaces, take_out_tokens},
};
use jwt_auth_fuzz::FakeRequest;
use libfuzzer_sys::fuzz_target;

const PLUGIN: &str = r#"{"cookie_names": ["session"], "split_cookies": [{"name": "parts"}],
    "token_headers": [{"name": "x-raw", "padded": true}, {"name": "x-raw-too", "prefix": "Token"}],
    "websocket_protocols": [{"name": "bearer"}, {"prefix": "encoded.", "base64url": true}],
    "consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "secret": "s3cr3t-that-is-long-enough-for-anyone"}]}]}"#;

thread_local! {
    static FILTER: Filter = Filter::find(GivenFile { name: "plugin", text: PLUGIN, is_json: true }, None).ok().expect("a filter");
    static PLACES: TokenPlaces = Config::parse(PLUGIN.as_bytes()).expect("a configuration").policy.token_places;
}

#[derive(Arbitrary, Debug)]
struct Typed {
    path: Text,
    authorization: Vec<Text>,
    raw: Option<Text>,
    with_scheme: Option<Text>,
    protocols: Vec<Text>,
    cookies: Vec<Text>,
    line: String,
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

const WORDS: [&str; 28] = [
    "e30.e30.c2ln",
    "ZTMwLmUzMC5jMmxu",
    "e30",
    ".",
    "Bearer ",
    "bearer",
    "Token ",
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

fuzz_target!(|typed: Typed| {
    let mut request = FakeRequest { method: "GET".to_owned(), path: typed.path.octets(), ..FakeRequest::default() };
    let headers = typed.authorization.iter().map(|value| ("authorization", value));
    let cookies = typed.cookies.iter().map(|value| ("cookie", value));
    let others = typed.raw.iter().map(|value| ("x-raw", value));
    let others = others.chain(typed.with_scheme.iter().map(|value| ("x-raw-too", value)));
    let others = others.chain(typed.protocols.iter().map(|value| (TokenPlaces::WEBSOCKET_HEADER, value)));
    for (name, value) in headers.chain(cookies).chain(others) {
        request.add(name, value.octets());
    }
    PLACES.with(|places| take_all_out(places, request));
    FILTER.with(|filter| _ = filter.read(&typed.line));
    FILTER.with(|filter| _ = filter.read(&format!("curl {}", typed.line)));
});

fn take_all_out(places: &TokenPlaces, mut request: FakeRequest) {
    _ = Carriers::fetch(&request, places).token();
    if take_out_tokens(places, None, &mut request).is_ok() {
        let request = request.sent();
        let carriers = Carriers::fetch(&request, places);
        assert_eq!(carriers.tokens().next(), None, "a token is left: {request:?}");
    }
}

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
    path: Vec<u8>,
    authorization: Vec<Vec<u8>>,
    raw: Option<Vec<u8>>,
    with_scheme: Option<Vec<u8>>,
    protocols: Vec<Vec<u8>>,
    cookies: Vec<Vec<u8>>,
    line: String,
}

fuzz_target!(|typed: Typed| {
    let mut request = FakeRequest { method: "GET".to_owned(), path: typed.path, ..FakeRequest::default() };
    let headers = typed.authorization.iter().map(|value| ("authorization", value));
    let cookies = typed.cookies.iter().map(|value| ("cookie", value));
    let others = typed.raw.iter().map(|value| ("x-raw", value));
    let others = others.chain(typed.with_scheme.iter().map(|value| ("x-raw-too", value)));
    let others = others.chain(typed.protocols.iter().map(|value| (TokenPlaces::WEBSOCKET_HEADER, value)));
    for (name, value) in headers.chain(cookies).chain(others) {
        request.add(name, value);
    }
    PLACES.with(|places| take_all_out(places, request));
    FILTER.with(|filter| _ = filter.read(&typed.line));
    FILTER.with(|filter| _ = filter.read(&format!("curl {}", typed.line)));
});

fn take_all_out(places: &TokenPlaces, mut request: FakeRequest) {
    _ = Carriers::fetch(&request, places).token();
    if take_out_tokens(places, None, &mut request).is_ok() {
        let request = request.sent();
        let is_left = Carriers::fetch(&request, places).token().is_ok();
        assert!(!is_left, "a token is left: {request:?}");
    }
}

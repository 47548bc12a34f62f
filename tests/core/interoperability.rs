//! Tokens that other people's libraries have signed, and what issuers publish; and the page that says of each what becomes of it.

use std::{env, fs, path::PathBuf};

use jwt_auth_filter::{
    authenticate::Authenticator,
    config::Config,
    crypto::{Algorithm, BuiltIn, Key},
    encoding::{base64::decode_url, json::Value},
    jwks::{Answer, Issuer, KeySet, Origin},
};
use serde_json::{Value as Json, json};

use crate::support::FakeRequest;

/// A time before the tokens expire.
const NOW: u64 = 1_796_000_000;
const PAGE: &str = "docs/interoperability.md";
const UPDATE: &str = "JWT_AUTH_UPDATE_DOCS";

/// The repository, from whichever package these tests run.
fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().find(|path| path.join("tests/interoperability").is_dir()).unwrap().to_owned()
}

/// The files of a folder, in the order of their names.
fn files(folder: &str) -> Vec<Json> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// The libraries, those of one language side by side.
fn libraries() -> Vec<Json> {
    let mut all = files("tests/interoperability/tokens");
    all.sort_by_key(|library| [text(library, "language"), text(library, "library").to_lowercase()]);
    all
}

fn issuers() -> Vec<Json> {
    files("tests/interoperability/issuers")
}

fn text(json: &Json, name: &str) -> String {
    json[name].as_str().unwrap_or_else(|| panic!("no text {name}")).to_owned()
}

fn tokens(library: &Json) -> &[Json] {
    library["tokens"].as_array().unwrap()
}

/// The algorithm of a token's row: the first word of its name, such as that of `EdDSA on Ed448`.
fn algorithm(token: &Json) -> Algorithm {
    text(token, "name").split(' ').next().unwrap().parse().unwrap()
}

fn key(token: &Json) -> Key {
    match (token["key"]["k"].as_str(), token["key"].as_str()) {
        (Some(secret), _) => Key::from_secret(decode_url(secret).unwrap()).unwrap(),
        (_, Some(pem)) => Key::from_text(pem).unwrap(),
        _ => Key::from_text(&token["key"].to_string()).unwrap(),
    }
}

/// Whether the signature of a token verifies with a key.
fn verifies(token: &Json, key: &Key) -> bool {
    let token_text = text(token, "token");
    let (message, signature) = token_text.rsplit_once('.').unwrap();
    crate::verify(key, algorithm(token), message.as_bytes(), &decode_url(signature).unwrap())
}

/// What a library signs in a way that the RFC does not allow, so that its tokens are refused.
fn is_refused(library: &Json, token: &Json) -> bool {
    // The salt is as long as it can be, and not as long as the hash (RFC 7518 §3.5).
    text(library, "library") == "erlang-jose" && text(token, "name").starts_with("PS")
}

/// A token with one bit of its signature changed.
fn forged(token: &Json) -> Json {
    let token_text = text(token, "token");
    let (message, signature) = token_text.rsplit_once('.').unwrap();
    let mut octets = decode_url(signature).unwrap();
    octets[7] ^= 1;
    let signature = jwt_auth_filter::encoding::base64::encode_url(&octets);
    json!({"name": token["name"], "token": format!("{message}.{signature}")})
}

#[test]
fn every_token_of_another_library_verifies_and_no_forged_one() {
    let libraries = libraries();
    let count: usize = libraries.iter().map(|library| tokens(library).len()).sum();
    assert!(libraries.len() >= 12 && count >= 140, "{} libraries, {count} tokens", libraries.len());
    for library in &libraries {
        for token in tokens(library) {
            let what = format!("{} {}", text(library, "library"), text(token, "name"));
            let key = key(token);
            assert_eq!(verifies(token, &key), !is_refused(library, token), "{what}");
            assert!(!verifies(&forged(token), &key), "{what}, forged");
        }
    }
}

#[test]
fn a_key_is_the_same_each_time_it_is_read_and_no_other() {
    let libraries = libraries();
    let tokens = libraries.iter().flat_map(|library| tokens(library).iter());
    let keys: Vec<(&Json, Key)> = tokens.map(|token| (&token["key"], key(token))).collect();
    for (one_text, one) in &keys {
        for (other_text, other) in &keys {
            assert_eq!(one == other, one_text == other_text, "{one_text} and {other_text}");
        }
    }
}

#[test]
fn no_token_verifies_with_the_key_of_another_library() {
    let libraries = libraries();
    for (at, library) in libraries.iter().enumerate() {
        let next = &libraries[(at + 1) % libraries.len()];
        for token in tokens(library) {
            let Some(other) = tokens(next).iter().find(|other| other["name"] == token["name"]) else { continue };
            if other["key"] != token["key"] {
                assert!(!verifies(token, &key(other)), "{} {}", library["library"], token["name"]);
            }
        }
    }
}

#[test]
fn every_token_of_another_library_authenticates_its_consumer() {
    let consumer = |library: &Json| {
        let credential = |token: &Json| {
            let (field, material) = match token["key"]["k"].as_str() {
                Some(secret) => ("secret", json!(secret)),
                None => ("rsa_public_key", token["key"].clone()),
            };
            let key = format!("{}/{}", text(library, "library"), text(token, "name"));
            json!({"key": key, "algorithm": algorithm(token).to_string(), field: material})
        };
        json!({"username": library["library"], "jwt_secrets": tokens(library).iter().map(credential).collect::<Vec<_>>()})
    };
    let libraries = libraries();
    let consumers: Vec<Json> = libraries.iter().map(consumer).collect();
    let config = json!({"secret_is_base64": true, "claims_to_verify": ["exp"], "consumers": consumers});
    let authenticator = Authenticator::new(Config::parse(config.to_string().as_bytes()).unwrap(), BuiltIn);
    for library in &libraries {
        for token in tokens(library) {
            let decide = |token: &Json| {
                let request = FakeRequest::get("/").with("authorization", format!("Bearer {}", text(token, "token")));
                authenticator.decide(&request, NOW).outcome.name().into_owned()
            };
            let expected = if is_refused(library, token) { "denied.invalid_signature" } else { "authenticated" };
            assert_eq!(decide(token), expected, "{} {}", library["library"], token["name"]);
            assert_eq!(decide(&forged(token)), "denied.invalid_signature", "{} {}", library["library"], token["name"]);
        }
    }
}

fn read(issuer: &Json) -> jwt_auth_filter::jwks::Parsed {
    KeySet::read(&Value::parse(&issuer["jwks"].to_string()).unwrap(), Origin::Fetched).unwrap()
}

/// Whether a key is for signatures, in base64url as RFC 7518 §6.3.1 asks, and of 2048 bits at least if it is an RSA key.
fn can_be_used(key: &Json) -> bool {
    let is_long_enough = |n: &str| decode_url(n.trim_end_matches('=')).is_some_and(|octets| octets.len() >= 256);
    key["crv"] != "X25519" && key["n"].as_str().is_none_or(is_long_enough)
}

#[test]
fn every_key_that_an_issuer_publishes_is_found_by_its_kid_if_it_can_be_used() {
    let issuers = issuers();
    assert!(issuers.len() >= 10, "{}", issuers.len());
    for issuer in &issuers {
        let set = read(issuer).set;
        for key in issuer["jwks"]["keys"].as_array().unwrap() {
            let default = match (text(key, "kty").as_str(), key["crv"].as_str()) {
                ("RSA", _) => "RS256",
                ("EC", Some("P-256")) => "ES256",
                ("OKP", Some("X25519")) => "EdDSA",
                (kty, curve) => panic!("{}: {kty} {curve:?}", issuer["name"]),
            };
            let algorithm = key["alg"].as_str().and_then(|name| name.parse().ok());
            let algorithm: Algorithm = algorithm.unwrap_or_else(|| default.parse().unwrap());
            let kid = text(key, "kid");
            let expected = usize::from(can_be_used(key));
            assert_eq!(set.candidates(algorithm, Some(&kid)).count(), expected, "{}: {kid}", issuer["name"]);
            assert_eq!(set.candidates(algorithm, Some("another")).count(), 0, "{}", issuer["name"]);
        }
    }
}

#[test]
fn the_metadata_of_an_issuer_leads_to_its_key_set() {
    for issuer in issuers() {
        let body = issuer["metadata"].to_string().into_bytes();
        let answer = Answer { status: Some(200), size: body.len(), body, ..Answer::default() };
        let name = Issuer::parse(&text(&issuer["metadata"], "issuer")).unwrap();
        let uri = answer.jwks_uri(&name).unwrap_or_else(|error| panic!("{}: {error}", issuer["name"]));
        assert_eq!(uri.to_string(), text(&issuer["metadata"], "jwks_uri"));
        let other = Issuer::parse("https://another.example.com").unwrap();
        assert!(answer.jwks_uri(&other).is_err(), "{}", issuer["name"]);
    }
}

/// The names of the rows, in the order of the filter's algorithms; EdDSA has one for each curve.
fn rows() -> Vec<String> {
    let names = Algorithm::ALL.map(|algorithm| match algorithm {
        Algorithm::EdDSA => vec!["EdDSA on Ed25519".to_owned(), "EdDSA on Ed448".to_owned()],
        algorithm => vec![algorithm.to_string()],
    });
    names.concat()
}

/// What the page says of the tokens: a mark only where one is there, and verifies.
fn matrix() -> String {
    let libraries = libraries();
    let mut table = "| algorithm |".to_owned();
    for library in &libraries {
        table +=
            &format!(" {}: {} {} |", text(library, "language"), text(library, "library"), text(library, "version"));
    }
    table += &format!("\n|---|{}\n", ":-:|".repeat(libraries.len()));
    let rows = rows();
    for row in &rows {
        table += &format!("| {row} |");
        for library in &libraries {
            let token = tokens(library).iter().find(|token| text(token, "name") == *row);
            table += match token.map(|token| verifies(token, &key(token))) {
                Some(true) => " ✓ |",
                Some(false) => " refused |",
                None => " – |",
            };
        }
        table.push('\n');
    }
    for token in libraries.iter().flat_map(tokens) {
        assert!(rows.contains(&text(token, "name")), "no row for {}", token["name"]);
    }
    table
}

/// What the page says of the issuers.
fn table_of_issuers() -> String {
    let mut table = "| issuer | recorded | keys | that can be used | for |\n|---|---|---|---|---|\n".to_owned();
    for issuer in issuers() {
        let parsed = read(&issuer);
        let count = issuer["jwks"]["keys"].as_array().unwrap().len();
        let serves = |algorithm: &Algorithm| parsed.set.serves(*algorithm);
        let names: Vec<String> = Algorithm::ALL.iter().filter(|it| serves(it)).map(ToString::to_string).collect();
        let used = if parsed.passed_over.is_empty() {
            parsed.set.len().to_string()
        } else {
            format!("{} ({})", parsed.set.len(), parsed.passed_over)
        };
        let (name, recorded) = (text(&issuer, "name"), text(&issuer, "recorded"));
        let address = text(&issuer["metadata"], "jwks_uri");
        table += &format!("| {name}, `{address}` | {recorded} | {count} | {used} | {} |\n", names.join(", "));
    }
    table
}

#[test]
fn the_page_says_what_becomes_of_each_token_and_each_key_set() {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let mut expected = page.clone();
    for (name, table) in [("tokens", matrix()), ("issuers", table_of_issuers())] {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let (before, rest) = expected.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        expected = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, &expected).unwrap();
        return;
    }
    let how = format!("{UPDATE}=1 cargo test -p jwt-auth-filter --test core interoperability");
    assert!(page == expected, "{PAGE} is not what is so; write it: {how}");
}

//! Any request with good tokens, and such as are changed in a point or two, against configurations that are chosen by bits.
//!
//! One good token passes. A request is authenticated only if another implementation takes the token for one of that credential,
//! which stands where it is searched and says what the configuration demands; both cryptographic back ends come to the same; what
//! goes upstream has the identity of that credential's consumer and none that the client wrote, and no token that should have been
//! taken out.

#![no_main]

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

use arbitrary::{Arbitrary, Unstructured};
use jwt_auth_aws_lc::AwsLc;
use jwt_auth_filter::{
    authenticate::{Authenticator, Decision, Outcome},
    config::Config,
    crypto::BuiltIn,
    policy::IDENTITY_HEADERS,
    request::TokenPlaces,
    upstream,
};
use jwt_auth_fuzz::{
    FakeRequest,
    planted::{contains, unescaped},
    tokens::{NOW, Read, Recipe, Signer},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const SPOOFED: &str = "written by the client";
/// Headers that the filter makes of claims.
const CLAIM_HEADERS: [&str; 2] = ["x-claim", "x-payload"];

#[derive(Arbitrary, Debug)]
struct Case {
    settings: u8,
    carried: Several,
    is_spoofed: bool,
    /// What `Connection` names, if it is there.
    connection: Option<Vec<u8>>,
    method: u8,
}

/// Up to three tokens, mostly one: where only one may be there, others hide what is wrong with it.
#[derive(Debug)]
struct Several(Vec<Carried>);

impl<'a> Arbitrary<'a> for Several {
    fn arbitrary(octets: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let count = [1, 1, 1, 1, 2, 2, 3, 0][usize::from(octets.arbitrary::<u8>()? % 8)];
        (0..count).map(|_| octets.arbitrary()).collect::<arbitrary::Result<_>>().map(Self)
    }
}

#[derive(Arbitrary, Debug)]
struct Carried {
    place: Place,
    token: Recipe,
}

#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Bearer,
    Lowercase,
    OtherScheme,
    Raw,
    Query,
    Encoded,
    Cookie,
    SplitCookie { at: u8 },
    Subprotocol,
    Unsearched,
}

/// A token in a request.
struct Token {
    place: Place,
    text: String,
    /// Who has signed it, if nothing is wrong with it.
    usual_signer: Option<Signer>,
}

struct Filters {
    built_in: Authenticator<BuiltIn>,
    aws_lc: Authenticator<AwsLc>,
    settings: Settings,
}

#[derive(Clone, Copy)]
struct Settings(u8);

thread_local! {
    static FILTERS: RefCell<BTreeMap<u8, Rc<Filters>>> = RefCell::default();
}

impl Settings {
    fn has(self, bit: u8) -> bool {
        self.0 & (1 << bit) != 0
    }

    fn hides(self) -> bool {
        self.has(0)
    }

    fn checks_times(self) -> bool {
        self.has(1)
    }

    fn has_anonymous(self) -> bool {
        self.has(2)
    }

    fn is_restricted(self) -> bool {
        self.has(3)
    }

    fn takes_first_valid(self) -> bool {
        self.has(4)
    }

    fn wants_audience(self) -> bool {
        self.has(5)
    }

    fn wants_type(self) -> bool {
        self.has(6)
    }

    fn is_optional(self) -> bool {
        self.has(7) && !self.has_anonymous() && !self.is_restricted()
    }

    fn config(self) -> Value {
        let mut consumers: Vec<_> = Signer::ISSUERS.into_iter().map(consumer).collect();
        consumers.push(json!({"username": "guest", "id": "0"}));
        let mut config = json!({
            "token_headers": [{"name": "x-raw"}, {"name": "authorization", "prefix": "JWT"}],
            "cookie_names": ["session"],
            "split_cookies": [{"name": "parts"}],
            "websocket_protocols": [{"name": "bearer"}],
            "hide_credentials": self.hides(),
            "claims_to_verify": if self.checks_times() { json!(["exp", "nbf"]) } else { json!([]) },
            "run_on_preflight": false,
            "claims_to_headers": [{"claim": "m0", "header": "x-claim"}],
            "forward_payload_header": "x-payload",
            "first_valid": self.takes_first_valid(),
            "consumers": consumers,
        });
        let fields = [
            (self.has_anonymous(), "anonymous", json!("guest")),
            (self.is_restricted(), "required_claims", json!([{"claim": "exp", "present": true}])),
            (self.is_restricted(), "allow", json!(["g", "guest"])),
            (self.wants_audience(), "audiences", json!(["wanted"])),
            (self.wants_type(), "token_types", json!(["wanted"])),
            (self.is_optional(), "optional", json!(true)),
        ];
        for (_, name, value) in fields.into_iter().filter(|(is_there, ..)| *is_there) {
            config[name] = value;
        }
        config
    }
}

fn consumer(signer: Signer) -> Value {
    let name = signer.issuer();
    json!({"username": name, "custom_id": format!("custom {name}"), "id": format!("id-{name}"), "groups": ["g", name],
        "jwt_secrets": [signer.credential()]})
}

fn filters(settings: u8) -> Rc<Filters> {
    let make = || {
        let settings = Settings(settings);
        let config = Config::parse(settings.config().to_string().as_bytes());
        let config = Arc::new(config.expect("the configuration is good"));
        let built_in = Authenticator::new(Arc::clone(&config), BuiltIn);
        Rc::new(Filters { built_in, aws_lc: Authenticator::new(config, AwsLc), settings })
    };
    FILTERS.with_borrow_mut(|all| Rc::clone(all.entry(settings).or_insert_with(make)))
}

fuzz_target!(|case: Case| check(&filters(case.settings), &case));

fn check(filters: &Filters, case: &Case) {
    let (request, tokens) = request(case);
    let decision = filters.built_in.decide(&request, NOW);
    let other = filters.aws_lc.decide(&request, NOW);
    assert_eq!(format!("{:?}", decision.outcome), format!("{:?}", other.outcome), "the back ends differ");

    check_usual(&decision, &tokens);
    if let Outcome::Denied(_) = decision.outcome {
        return;
    }
    let good = good_tokens(filters.settings, &decision, &tokens);
    if let Outcome::Authenticated(_) = &decision.outcome {
        assert!(!good.is_empty(), "nobody else takes one of the tokens");
    }
    let mut sent = request.clone();
    if upstream::prepare(&decision, &mut sent).is_ok() {
        let sent = sent.sent();
        check_identity(filters.settings, &decision, &sent);
        check_claims(&good, &sent);
        check_connection(&sent);
        check_hidden(filters.settings, &decision, (&tokens, &good), &sent);
    }
}

/// A request with nothing but a good token passes.
fn check_usual(decision: &Decision, tokens: &[Token]) {
    let searched: Vec<&Token> = tokens.iter().filter(|token| token.is_searched()).collect();
    let [Token { place, usual_signer: Some(signer), .. }] = searched.as_slice() else { return };
    match &decision.outcome {
        Outcome::Authenticated(authenticated) => {
            assert_eq!(authenticated.credential().identifier().as_str(), signer.issuer(), "another credential");
        }
        Outcome::Preflight => {}
        other => panic!("a good token in {place:?} is not enough: {other:?}"),
    }
}

/// The tokens for which a request may be authenticated as it was, as others read them.
fn good_tokens<'t>(settings: Settings, decision: &Decision, tokens: &'t [Token]) -> Vec<(&'t Token, Read)> {
    let Outcome::Authenticated(authenticated) = &decision.outcome else { return Vec::new() };
    let identifier = authenticated.credential().identifier().as_str().to_owned();
    let searched = tokens.iter().filter(|token| token.is_searched());
    let read = searched.filter_map(|token| Some((token, Read::of(token.text.trim())?)));
    read.filter(|(token, read)| is_good(settings, &identifier, token.text.trim(), read)).collect()
}

fn is_good(settings: Settings, issuer: &str, token: &str, Read { header, claims }: &Read) -> bool {
    let is_signed = Signer::ALL.into_iter().filter(|signer| signer.issuer() == issuer).any(|signer| {
        header["alg"] == signer.algorithm()
            && (signer.kid().is_none() || !header["kid"].is_string() || header["kid"].as_str() == signer.kid())
            && signer.has_signed(token)
    });
    let names_issuer = claims.get("iss").or_else(|| header.get("iss")).and_then(Value::as_str) == Some(issuer);
    let is_in_time = claims["exp"].as_f64().is_some_and(|exp| exp > NOW as f64)
        && claims.get("nbf").is_some_and(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= NOW as f64));
    let is_for_us = match &claims["aud"] {
        Value::Array(audiences) => audiences.iter().any(|audience| audience == "wanted"),
        audience => audience == "wanted",
    };
    is_signed
        && names_issuer
        && header.get("crit").is_none()
        && (!settings.checks_times() || is_in_time)
        && (!settings.is_restricted() || claims.get("exp").is_some_and(|exp| !exp.is_null()))
        && (!settings.wants_audience() || is_for_us)
        && (!settings.wants_type() || header["typ"] == "wanted")
}

/// The identity headers are those of the consumer, each once, and no others.
fn check_identity(settings: Settings, decision: &Decision, sent: &FakeRequest) {
    let expected = match &decision.outcome {
        Outcome::Authenticated(authenticated) => {
            let name = authenticated.credential().identifier().as_str().to_owned();
            let groups = settings.is_restricted().then(|| format!("g, {name}"));
            let [id, custom_id] = [format!("id-{name}"), format!("custom {name}")];
            [Some(id), Some(custom_id), Some(name.clone()), groups, Some(name), None]
        }
        Outcome::Anonymous { .. } if settings.has_anonymous() => {
            [Some("0".to_owned()), None, Some("guest".to_owned()), None, None, Some("true".to_owned())]
        }
        Outcome::Preflight => Default::default(),
        Outcome::Optional if settings.is_optional() => Default::default(),
        other => panic!("{other:?} cannot be"),
    };
    for (name, expected) in IDENTITY_HEADERS.into_iter().zip(expected) {
        assert_eq!(values(sent, name), expected.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

/// The headers of claims are those of one good token, and none without one.
fn check_claims(good: &[(&Token, Read)], sent: &FakeRequest) {
    let [claim, payload] = CLAIM_HEADERS.map(|name| values(sent, name));
    if good.is_empty() {
        assert!(claim.is_empty() && payload.is_empty(), "claims of no token: {claim:?} {payload:?}");
        return;
    }
    let is_of = |(token, read): &(&Token, Read)| {
        let claim = claim.iter().map(|value| String::from_utf8_lossy(&unescaped(value.as_bytes())).into_owned());
        let is_claim = match &read.claims["m0"] {
            Value::Array(_) => true,
            Value::String(text) if !text.is_empty() => claim.eq([text.clone()]),
            Value::Number(number) => claim.eq([number.to_string()]),
            _ => claim.eq([""; 0]),
        };
        is_claim && payload.iter().eq(token.text.split('.').nth(1).iter())
    };
    assert!(good.iter().any(is_of), "{claim:?} and {payload:?} are of no good token");
}

/// What the filter writes, no next hop is told to remove (RFC 9110 §7.6.1).
fn check_connection(sent: &FakeRequest) {
    for option in values(sent, "connection").iter().flat_map(|value| value.split(',')) {
        let option = option.trim().to_ascii_lowercase();
        assert!(!written_headers().any(|name| name == option), "{option} is to be removed");
    }
}

/// A token that was searched has gone where all are hidden, and one that is not good beside one that is.
fn check_hidden(
    settings: Settings,
    decision: &Decision,
    (tokens, good): (&[Token], &[(&Token, Read)]),
    sent: &FakeRequest,
) {
    let goes_beside_a_good_one = settings.takes_first_valid() && matches!(decision.outcome, Outcome::Authenticated(_));
    if !settings.hides() && !goes_beside_a_good_one {
        return;
    }
    let may_stay = |text: &str| {
        let unsearched = tokens.iter().filter(|token| !token.is_searched());
        let kept = good.iter().filter(|_| !settings.hides()).map(|(token, _)| *token);
        unsearched.chain(kept).any(|token| token.text.contains(text))
    };
    let searched = tokens.iter().filter(|token| token.is_searched() && token.is_whole());
    for Token { place, text, .. } in searched {
        let has_token = |value: &[u8]| contains(value, text.as_bytes());
        let is_left =
            has_token(&unescaped(&sent.path)) || sent.headers.values().flatten().any(|value| has_token(value));
        assert!(!is_left || may_stay(text), "a token in {place:?} goes upstream");
    }
}

impl Token {
    /// Whether the filter looks for it where it stands.
    fn is_searched(&self) -> bool {
        self.place != Place::Unsearched
    }

    /// Whether nothing in it ends it in one of the places, and it is long enough to be recognized.
    fn is_whole(&self) -> bool {
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        self.text.len() >= 24 && self.text.bytes().all(is_plain)
    }
}

fn values(request: &FakeRequest, name: &str) -> Vec<String> {
    let values = request.headers.get(name).into_iter().flatten();
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

fn written_headers() -> impl Iterator<Item = &'static str> {
    IDENTITY_HEADERS.into_iter().chain(CLAIM_HEADERS)
}

/// The request, and all tokens that stand in it.
fn request(case: &Case) -> (FakeRequest, Vec<Token>) {
    let method = ["GET", "POST", "OPTIONS"][usize::from(case.method % 3)];
    let mut request =
        FakeRequest { method: method.to_owned(), path: b"/orders?a=b".to_vec(), ..FakeRequest::default() };
    if case.method.is_multiple_of(2) {
        request.add("origin", "https://app.example");
        request.add("access-control-request-method", "GET");
    }
    let mut tokens = Vec::new();
    for Carried { place, token } in &case.carried.0 {
        let text = token.token();
        place.put(&text, &mut request);
        tokens.push(Token { place: *place, text, usual_signer: token.usual_signer() });
    }
    if case.is_spoofed {
        // Some hosts change only the first of several headers.
        written_headers().for_each(|name| (0..2).for_each(|_| request.add(name, SPOOFED)));
    }
    for number in case.connection.iter().flatten().take(3) {
        let names: Vec<_> = written_headers().chain(["close", "Upgrade"]).collect();
        let name = names[usize::from(*number) % names.len()];
        request.add(
            "connection",
            format!("keep-alive, {}", if number % 2 == 0 { name.to_uppercase() } else { name.into() }),
        );
    }
    (request, tokens)
}

impl Place {
    fn put(self, token: &str, request: &mut FakeRequest) {
        match self {
            Self::Bearer => request.add("authorization", format!("Bearer {token}")),
            Self::Lowercase => request.add("authorization", format!("bearer  {token}")),
            Self::OtherScheme => request.add("authorization", format!("JWT {token}")),
            Self::Raw => request.add("x-raw", token),
            Self::Query => request.path.extend(format!("&jwt={token}").bytes()),
            Self::Encoded => {
                request.path.extend(b"&jwt=");
                request.path.extend(token.bytes().flat_map(|octet| format!("%{octet:02X}").into_bytes()));
            }
            Self::Cookie => request.add("cookie", format!("a=b; session={token}; c=d")),
            Self::SplitCookie { at } => {
                let letters: Vec<char> = token.chars().collect();
                // Neither part of a token is empty.
                let (one, two) = letters.split_at((1 + usize::from(at)).min(letters.len().saturating_sub(1)));
                let [one, two] = [one, two].map(|part| part.iter().collect::<String>());
                request.add("cookie", format!("parts.1={two}; parts.0={one}"));
            }
            Self::Subprotocol => request.add(TokenPlaces::WEBSOCKET_HEADER, format!("chat, bearer, {token}")),
            Self::Unsearched => request.add("x-other", token),
        }
    }
}

//! What is logged of decisions and fetches, at which level, and how much of it in a second.

use std::{cell::RefCell, mem, sync::Once, time::Duration};

use jwt_auth_filter::{
    authenticate::Authenticator,
    crypto::BuiltIn,
    encoding::json::Value,
    jwks::{Event, FetchError, KeySet, Kind, Origin, PassedOver, Source, Uri},
    observe::{Counters, DecisionLog, FetchLog, LogLevel},
};
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::json;

use crate::support::{EXP, FakeRequest, authenticator, ed448_jwk};

thread_local! {
    /// Tests run on threads of their own, and log there.
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl Log for Lines {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// What is logged meanwhile.
fn logged(act: impl FnOnce()) -> Vec<(Level, String)> {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| {
        log::set_logger(&Lines).unwrap();
        log::set_max_level(LevelFilter::Debug);
    });
    LINES.take();
    act();
    LINES.take()
}

fn decided(authenticator: &Authenticator<BuiltIn>, request: &FakeRequest) -> (Level, String) {
    let decision = authenticator.decide(request, EXP);
    let mut lines = logged(|| DecisionLog::default().tell(&decision, request, || None, || EXP));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn each_outcome_has_its_line() {
    let fields = json!({
        "anonymous": "nobody",
        "run_on_preflight": false,
        "resource_metadata": {"resource": "https://a.example.com/", "authorization_servers": ["https://b.example.com"]},
        "rules": [{"routes": ["open"], "disabled": true}],
    });
    let filter = authenticator(fields);
    let preflight = FakeRequest { method: "OPTIONS".to_owned(), ..FakeRequest::get("/") };
    let preflight = preflight.with("origin", "https://c.example.com").with("access-control-request-method", "GET");
    for (request, line) in [
        (FakeRequest::with_token(), r#"authenticated: consumer "joe", credential "joe""#),
        (FakeRequest::get("/"), r#"anonymous: consumer "nobody", because: no token"#),
        (preflight, "preflight: passed without a token"),
        (FakeRequest::get("/").on("open", "c"), "disabled: passed without a token"),
        (
            FakeRequest::get("/.well-known/oauth-protected-resource"),
            "resource metadata: https://a.example.com/.well-known/oauth-protected-resource",
        ),
    ] {
        let (level, told) = decided(&filter, &request);
        assert_eq!((level, told.as_str()), (Level::Debug, line), "{request:?}");
    }
    let (level, told) = decided(&authenticator(json!({"optional": true})), &FakeRequest::get("/"));
    assert_eq!((level, told.as_str()), (Level::Debug, "optional: passed without a token"));
    let (level, told) = decided(&authenticator(json!({})), &FakeRequest::get("/").on("r", "c"));
    assert_eq!((level, told.as_str()), (Level::Info, r#"denied: no token; reason no_token, route "r""#));
}

#[test]
fn a_flood_of_denials_is_told_in_one_line_once_its_second_is_over() {
    let (filter, request, log) = (authenticator(json!({})), FakeRequest::get("/"), DecisionLog::default());
    let decision = filter.decide(&request, EXP);
    let lines = logged(|| (0..150).for_each(|_| log.tell(&decision, &request, || None, || EXP)));
    assert_eq!(lines.len(), 100);
    assert_eq!(logged(|| assert_eq!(log.left_out(|| EXP), None)), []);
    let told = "50 more requests were denied; they are not logged one by one".to_owned();
    assert_eq!(logged(|| assert_eq!(log.left_out(|| EXP + 1), Some(50))), [(Level::Info, told)]);
}

fn source(kind: Kind) -> Source {
    let (timeout, long) = (Duration::from_secs(5), Duration::from_secs(600));
    let uri = Uri::parse("https://a.example.com/jwks").unwrap();
    Source {
        kind,
        uri,
        issuer: None,
        cluster: "a".to_owned(),
        timeout,
        cache_duration: long,
        stale_duration: long,
        revoked_kids: Vec::new(),
    }
}

/// A set of these keys that arrived.
fn arrived(keys: &[serde_json::Value]) -> Event {
    let parsed = KeySet::read(&Value::parse(&json!({ "keys": keys }).to_string()).unwrap(), Origin::Fetched).unwrap();
    Event::Arrived { count: parsed.set.len(), is_new: true, passed_over: parsed.passed_over }
}

#[test]
fn each_fetch_has_its_lines() {
    let list = |count, is_new| Event::Arrived { count, is_new, passed_over: PassedOver::default() };
    let for_encryption = json!({"kty": "RSA", "use": "enc"});
    let failed = Event::Failed { error: FetchError::Status(404), retry_in: Duration::from_millis(1500) };
    let place = "https://a.example.com/jwks (cluster \"a\")";
    for (kind, event, expected) in [
        (Kind::KeySet, arrived(&[ed448_jwk()]), vec![(Level::Info, "1 key")]),
        (Kind::KeySet, arrived(&[ed448_jwk(), ed448_jwk()]), vec![(Level::Info, "2 keys")]),
        (Kind::KeySet, arrived(&[]), vec![(Level::Warn, "it has no usable key, so its tokens are refused")]),
        (
            Kind::KeySet,
            arrived(&[ed448_jwk(), for_encryption.clone()]),
            vec![(Level::Info, "1 key"), (Level::Info, "keys[1] is skipped: ")],
        ),
        (
            Kind::KeySet,
            arrived(&[ed448_jwk(), json!({"kty": "none"})]),
            vec![(Level::Info, "1 key"), (Level::Warn, "keys[1] is skipped: ")],
        ),
        (
            Kind::KeySet,
            arrived(&[for_encryption]),
            vec![
                (Level::Warn, "it has no usable key, so its tokens are refused"),
                (Level::Warn, "keys[0] is skipped: "),
            ],
        ),
        (Kind::KeySet, list(1, false), vec![(Level::Debug, "unchanged")]),
        (Kind::RevocationList, list(1, true), vec![(Level::Info, "1 entry")]),
        (Kind::RevocationList, list(2, true), vec![(Level::Info, "2 entries")]),
        (Kind::KeySet, failed, vec![(Level::Warn, "the status was 404; trying again in 1.5 s")]),
    ] {
        let lines = logged(|| FetchLog::default().tell(&source(kind), &event, 1));
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
        let what = if kind == Kind::KeySet { "key set" } else { "revocation list" };
        for ((level, line), (wanted, begin)) in lines.iter().zip(expected) {
            assert!(*level == wanted && line.starts_with(&format!("{what} {place}: {begin}")), "{level} {line}");
        }
    }
}

#[test]
fn an_outage_of_many_issuers_is_told_in_few_lines() {
    let (log, source) = (FetchLog::default(), source(Kind::KeySet));
    let failed = || Event::Failed { error: FetchError::NoAnswer, retry_in: Duration::from_secs(1) };
    let lines = logged(|| (0..25).for_each(|_| log.tell(&source, &failed(), 1)));
    assert_eq!(lines.len(), 20);
    let lines = logged(|| log.tell(&source, &failed(), 2));
    let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
    let told = "5 more fetches are not logged one by one; the counters include them";
    assert_eq!((first.0, first.1.as_str()), (Level::Warn, told));
    assert!(second.1.ends_with("no answer; trying again in 1.0 s"), "{second:?}");
}

#[test]
fn levels_are_numbered_as_envoy_does() {
    let numbers = Level::iter().map(|level| LogLevel::from(level) as u32);
    assert_eq!(numbers.collect::<Vec<_>>(), [4, 3, 2, 1, 0], "error, warn, info, debug, trace");
}

#[test]
fn all_counters_are_those_that_are_defined() {
    let defined = RefCell::new(Vec::new());
    let counters = Counters::define(|name| {
        defined.borrow_mut().push(name.to_owned());
        name.to_owned()
    });
    let (mut defined, mut all) = (mem::take(&mut *defined.borrow_mut()), Vec::from_iter(counters.all().cloned()));
    defined.sort();
    all.sort();
    assert_eq!(all, defined);
    let filter = authenticator(json!({}));
    for (request, name) in [(FakeRequest::with_token(), "authenticated"), (FakeRequest::get("/"), "denied.no_token")] {
        let counter = counters.of(&filter.decide(&request, EXP - 1).outcome).unwrap();
        assert_eq!(counter, &format!("jwt_auth.{name}"));
    }
}

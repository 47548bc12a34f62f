//! Lists of revoked tokens that are fetched: several workers that share memory, a clock and a server.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use crate::{
    hs256,
    key_sets::{Host, World, ok, status},
    support::{FakeRequest, ed448_jwk},
};
use jwt_auth_filter::{
    authenticate::{Arrival, Authenticator, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn, Key, Prepared, Verifier},
    encoding::base64::encode_url,
    jwks::{Answer, FetchError, Fetched, Fetcher, Kind, Need, Next, Seen, WaitingLimits, WaitingRoom},
    reply::Reply,
    revocation::{MAX_ENTRIES, MAX_LIST_BYTES, RevocationSet},
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "c2VjcmV0";

/// A worker with its configuration, and what it fetches.
struct Worker {
    authenticator: Authenticator<BuiltIn>,
    fetcher: Fetcher<Host>,
}

fn config(list: Json) -> Json {
    let mut source = json!({"uri": "https://a.example/revoked", "cluster": "a"});
    source.as_object_mut().unwrap().extend(list.as_object().unwrap().clone());
    json!({"revocation_list": source, "consumers": [
        {"username": "alice", "jwt_secrets": [{"key": "a", "secret": SECRET}]},
        {"username": "guest"},
    ]})
}

fn worker(world: &Rc<World>, config: &Json) -> Worker {
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let fetcher = Fetcher::new(config.fetched(), Host(Rc::clone(world)));
    Worker { authenticator: Authenticator::new(config, BuiltIn), fetcher }
}

fn start(list: Json) -> (Rc<World>, [Worker; 3]) {
    let world = World::at(NOW * 1000);
    let workers = [0; 3].map(|_| worker(&world, &config(list.clone())));
    (world, workers)
}

impl Worker {
    fn request(jti: &str) -> FakeRequest {
        let token = hs256::signed(r#"{"alg":"HS256"}"#, &json!({"iss": "a", "jti": jti}), SECRET.as_bytes());
        FakeRequest::get("/").with("authorization", format!("Bearer {token}"))
    }

    /// What becomes of a token that does not wait.
    fn outcome(&self, world: &World, jti: &str) -> String {
        self.authenticator.decide(&Self::request(jti), world.now.get() / 1000).outcome.name().into_owned()
    }
}

fn tick(workers: &[Worker]) {
    workers.iter().for_each(|worker| worker.fetcher.tick());
}

/// Answers the call that is under way, and lets all workers know.
fn answer(world: &World, workers: &[Worker], answer: &Answer) {
    let call = world.calls() as u32 - 1;
    workers.iter().for_each(|worker| worker.fetcher.answered(call, answer));
    tick(workers);
}

fn hash(text: &str) -> String {
    encode_url(&Sha256::digest(text.as_bytes())[..16])
}

#[test]
fn of_several_workers_one_fetches_the_list_and_all_refuse_what_is_on_it() {
    let (world, workers) = start(json!({}));
    tick(&workers);
    assert_eq!(world.calls(), 1);
    let list = json!({"revoked": [{"jti": "1"}, {"sub": "x", "issued_before": "2026-11-25T00:00:00Z"}], "sha256": [hash("jti:2")]});
    answer(&world, &workers, &ok(list.to_string()));
    for worker in &workers {
        let outcomes = ["1", "2", "3"].map(|jti| worker.outcome(&world, jti));
        assert_eq!(outcomes, ["denied.revoked", "denied.revoked", "authenticated"]);
    }
    // What they share is what is searched, and no JSON.
    let shared = world.shared.borrow();
    let (_, (octets, _)) = shared.iter().find(|(name, _)| name.ends_with(" text")).unwrap();
    assert_eq!(octets.len(), 8 + 8 + 2 * 16 + 24);
}

#[test]
fn a_remembered_token_is_refused_as_soon_as_it_is_on_the_list() {
    let (world, workers) = start(json!({}));
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"revoked":[]}"#));
    assert_eq!(workers[1].outcome(&world, "7"), "authenticated");
    assert_eq!(workers[1].outcome(&world, "7"), "authenticated");
    world.pass(60_000);
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"7"}]}"#));
    assert_eq!(workers[1].outcome(&world, "7"), "denied.revoked");
    assert_eq!(workers[1].authenticator.cache_use().misses, 1);
    // And passes again once it is not.
    world.pass(60_000);
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"sha256":[]}"#));
    assert_eq!(workers[1].outcome(&world, "7"), "authenticated");
}

#[test]
fn a_request_waits_for_the_first_list_and_is_answered_503_without_one() {
    let (world, workers) = start(json!({}));
    let [worker, ..] = &workers;
    tick(&workers);
    let request = Worker::request("7");
    let arrival = Arrival { at: world.now.get(), body: 0 };
    let pending = worker.authenticator.decide_or_wait(&request, NOW).unwrap_err().arriving(arrival);
    let wait = pending.wait();
    assert_eq!(wait.sets.len(), 1);
    assert_eq!((wait.sets[0].set.source().kind, wait.sets[0].set.need()), (Kind::RevocationList, Need::Set));
    let decision = worker.authenticator.give_up(&request, NOW, pending);
    let Outcome::Denied(denial) = &decision.outcome else { panic!() };
    let Reply { status, body, www_authenticate, retry_after, .. } = Reply::denied(&denial.reason, decision.policy);
    assert_eq!((status, body.as_str(), www_authenticate), (503, r#"{"message":"Revocation list unavailable"}"#, None));
    assert!(retry_after.is_some());
    // The list arrives while it waits.
    let pending = worker.authenticator.decide_or_wait(&request, NOW).unwrap_err().arriving(arrival);
    answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"8"}]}"#));
    let decision = worker.authenticator.decide_again(&request, NOW, pending).unwrap();
    assert!(matches!(decision.outcome, Outcome::Authenticated(_)));
    // It arrives, for another thread, once the request has been decided.
    let (world, workers) = start(json!({}));
    let [worker, ..] = &workers;
    tick(&workers);
    let pending = worker.authenticator.decide_or_wait(&request, NOW).unwrap_err().arriving(arrival);
    answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"8"}]}"#));
    let room = WaitingRoom::new(WaitingLimits { requests: 9, bytes: 0 });
    assert_eq!(room.enter(&worker.fetcher, 1, &pending.wait(), None, ""), Next::TryAgain(""));
    // Or while it is.
    let list = worker.authenticator.config().revocations.list.as_ref().unwrap();
    assert!(Seen::missing(Arc::clone(list) as Arc<dyn Fetched>).has_changed());
    // A token that is refused for another reason waits for nothing.
    let (world, workers) = start(json!({}));
    tick(&workers);
    let forged = hs256::signed(r#"{"alg":"HS256"}"#, &json!({"iss": "a"}), b"another");
    let forged = FakeRequest::get("/").with("authorization", format!("Bearer {forged}"));
    assert!(workers[0].authenticator.decide_or_wait(&forged, world.now.get() / 1000).is_ok());
}

#[test]
fn a_server_that_is_slow_huge_wrong_or_gone_changes_nothing_until_the_list_is_too_old() {
    let huge = Answer { size: MAX_LIST_BYTES + 1, ..ok("") };
    let too_many = format!(r#"{{"sha256":[{}"{}"]}}"#, format!("\"{}\",", hash("x")).repeat(MAX_ENTRIES), hash("x"));
    for bad in [
        Answer::default(),
        status(500),
        status(404),
        status(302),
        status(304),
        huge,
        ok(too_many),
        ok(""),
        ok("<html>"),
        ok([0xff]),
        ok("[]"),
        ok("null"),
        ok("{}"),
        ok(r#"{"keys":[]}"#),
        ok(r#"{"revoked":{}}"#),
        ok(r#"{"revoked":[{}]}"#),
        ok(r#"{"revoked":[{"jti":7}]}"#),
        ok(r#"{"revoked":[{"jti":""}]}"#),
        ok(r#"{"revoked":[{"jti":"7","aud":"x"}]}"#),
        ok(r#"{"revoked":[{"jti":"7","jti":"8"}]}"#),
        ok(r#"{"revoked":[{"jti":"7","issued_before":"yesterday"}]}"#),
        ok(r#"{"revoked":[],"revoked":[]}"#),
        ok(r#"{"revoked":[],"sha265":[]}"#),
        ok(r#"{"revoked":[{"jti":"7"}]"#),
        ok(r#"{"revoked":[]} x"#),
        ok(r#"{"sha256":["AAAAAAAAAAAAAAAAAAAAAA=="]}"#),
        ok(r#"{"sha256":["AAAA"]}"#),
        ok(format!(r#"{{"revoked":{}}}"#, "[".repeat(100_000))),
    ] {
        let (world, workers) = start(json!({"stale_duration": "300s"}));
        tick(&workers);
        answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"7"}]}"#));
        world.pass(60_000);
        tick(&workers);
        assert_eq!(world.calls(), 2);
        answer(&world, &workers, &bad);
        let known = Worker::outcome;
        for worker in &workers {
            assert_eq!([known(worker, &world, "7"), known(worker, &world, "8")], ["denied.revoked", "authenticated"]);
        }
        let event = world.last_event();
        assert!(["unreachable", "status", "too_large", "invalid"].contains(&event.as_str()), "{event}");
        world.pass(241_000);
        tick(&workers);
        assert_eq!(known(&workers[2], &world, "8"), "denied.revocations_unavailable");
    }
}

#[test]
fn an_item_that_is_none_is_refused_where_that_is_seen_however_long_it_is() {
    let long = "[7]".repeat(1000).replace("][", ",");
    for (list, seen_at) in [
        (format!(r#"{{"revoked":[{long}]}}"#), 13),
        (format!(r#"{{"revoked":[{{"jti":{long}}}]}}"#), 19),
        (format!(r#"{{"revoked":[{{"x":{long}}}]}}"#), 16),
        (format!(r#"{{"revoked":[{{"jti":"7","jti":{long}}}]}}"#), 28),
        (format!(r#"{{"sha256":[{long}]}}"#), 12),
    ] {
        let error = RevocationSet::read(list.as_bytes()).unwrap_err();
        let FetchError::NoRevocationList { line: 1, column } = error else { panic!("{error}") };
        assert!(column.abs_diff(seen_at) <= 2, "{column} {}", &list[..30]);
    }
}

#[test]
fn a_new_configuration_revokes_by_the_list_that_is_there_and_fetches_it_again() {
    for on_unavailable in ["allow", "deny"] {
        let list = json!({"on_unavailable": on_unavailable});
        let (world, workers) = start(list.clone());
        tick(&workers);
        answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"7"}]}"#));
        world.pass(15_000);
        let changes = [json!({"cache_duration": "50s"}), json!({"stale_duration": "2h"}), json!({"timeout": "4s"})];
        for change in changes {
            let mut changed = list.clone();
            changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let new = worker(&world, &config(changed));
            let found = ["7", "8"].map(|jti| new.outcome(&world, jti));
            assert_eq!(found, ["denied.revoked", "authenticated"], "{change}");
        }
        let new = worker(&world, &config(list));
        assert_eq!(["7", "8"].map(|jti| new.outcome(&world, jti)), ["denied.revoked", "authenticated"]);
        let new = [new];
        tick(&new);
        assert_eq!(world.calls(), 2);
        answer(&world, &new, &ok(r#"{"revoked":[{"jti":"8"}]}"#));
        assert_eq!(["7", "8"].map(|jti| new[0].outcome(&world, jti)), ["authenticated", "denied.revoked"]);
    }
}

#[test]
fn a_key_that_has_signed_the_token_of_a_waiting_request_is_not_tried_again() {
    /// Counts how often it is asked.
    struct Counting(Cell<usize>);

    impl Verifier for &Counting {
        fn verify(&self, _: &Key, _: &Prepared, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
            self.0.set(self.0.get() + 1);
            true
        }
    }

    let mut config = config(json!({}));
    config["token_cache_size"] = json!(0);
    config["consumers"][0]["jwt_secrets"] = json!([{"key": "a", "jwks": {"keys": [ed448_jwk()]}}]);
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let counting = Counting(Cell::new(0));
    let authenticator = Authenticator::new(config, &counting);
    let [header, claims] = [r#"{"alg":"EdDSA"}"#, r#"{"iss":"a"}"#].map(encode_url);
    let request = FakeRequest::get(&format!("/?jwt={header}.{claims}.AAAA"));
    let mut pending = authenticator.decide_or_wait(&request, NOW).unwrap_err();
    for _ in 0..5 {
        pending = authenticator.decide_again(&request, NOW, pending).unwrap_err();
    }
    let list = RevocationSet::read(br#"{"revoked":[]}"#).unwrap();
    authenticator.config().revocations.list.as_ref().unwrap().put(list);
    let decision = authenticator.decide_again(&request, NOW, pending).unwrap();
    assert!(matches!(decision.outcome, Outcome::Authenticated(_)));
    assert_eq!(counting.0.get(), 1);
}

#[test]
fn tokens_may_pass_without_a_list_if_that_is_wanted() {
    let (world, workers) = start(json!({"on_unavailable": "allow"}));
    assert_eq!(workers[0].outcome(&world, "7"), "authenticated");
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"7"}]}"#));
    assert_eq!(workers[0].outcome(&world, "7"), "denied.revoked");
}

#[test]
fn a_request_may_pass_as_anonymous_while_there_is_no_list() {
    for (kinds, outcome) in [(Json::Null, "anonymous"), (json!(["invalid"]), "denied.revocations_unavailable")] {
        let mut config = config(json!({}));
        config["anonymous"] = json!("guest");
        config["anonymous_for"] = kinds;
        let world = World::at(NOW * 1000);
        assert_eq!(worker(&world, &config).outcome(&world, "7"), outcome);
    }
}

#[test]
fn a_list_is_fetched_with_the_validator_of_the_one_before() {
    let (world, workers) = start(json!({}));
    tick(&workers);
    let tagged = Answer { etag: Some("\"1\"".to_owned()), ..ok(r#"{"revoked":[{"jti":"7"},{"sub":"8"}]}"#) };
    answer(&world, &workers, &tagged);
    world.pass(60_000);
    tick(&workers);
    answer(&world, &workers, &status(304));
    assert_eq!(*world.etags.borrow(), [None, Some("\"1\"".to_owned())]);
    assert_eq!(world.last_event(), "2 keys, new: false");
    assert_eq!(workers[2].outcome(&world, "7"), "denied.revoked");
}

#[test]
fn garbage_in_shared_memory_is_no_list() {
    let (world, workers) = start(json!({}));
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"revoked":[{"jti":"7"}]}"#));
    for (name, (octets, number)) in &mut *world.shared.borrow_mut() {
        if name.ends_with(" text") {
            octets.truncate(20);
            *number += 1;
        }
    }
    let new = worker(&world, &config(json!({})));
    new.fetcher.tick();
    assert_eq!(new.outcome(&world, "8"), "denied.revocations_unavailable");
    assert_eq!(world.calls(), 2, "it is fetched anew");
}

#[test]
fn a_million_entries_take_sixteen_bytes_each() {
    let hashes = (0..MAX_ENTRIES).map(|number| format!("\"{}\"", hash(&format!("jti:{number}"))));
    let list = format!(r#"{{"sha256":[{}]}}"#, hashes.collect::<Vec<_>>().join(","));
    assert!(list.len() <= MAX_LIST_BYTES, "{}", list.len());
    let set = RevocationSet::read(list.as_bytes()).unwrap();
    assert_eq!((set.len(), set.octets().len()), (MAX_ENTRIES, 8 + 16 * MAX_ENTRIES));
    let config = Config::parse(config(json!({})).to_string().as_bytes()).unwrap();
    config.revocations.list.as_ref().unwrap().put(set);
    let authenticator = Authenticator::new(config, BuiltIn);
    let name = |jti: &str| authenticator.decide(&Worker::request(jti), NOW).outcome.name().into_owned();
    for jti in ["0", "499999", "999999"] {
        assert_eq!(name(jti), "denied.revoked");
    }
    assert_eq!([name("1000000"), name("-1"), name("00")], ["authenticated"; 3]);
}

#[test]
fn the_source_of_a_list_has_its_faults() {
    let faults = |list: Json| match Config::parse(config(list).to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    };
    for (list, expected) in [
        (json!({"uri": "ftp://a/"}), "revocation_list.uri: not an http or https URI"),
        (
            json!({"cluster": null}),
            "revocation_list.cluster: missing; expected the name of the cluster that reaches the server",
        ),
        (json!({"on_unavailable": "pass"}), "revocation_list.on_unavailable: \"pass\"; expected allow or deny"),
        (
            json!({"stale_duration": "30s"}),
            "revocation_list.stale_duration: shorter than cache_duration; expected at least as long",
        ),
        (
            json!({"revoked_kids": []}),
            "revocation_list.revoked_kids: an unknown field; expected one of uri, cluster, timeout, cache_duration, stale_duration, on_unavailable",
        ),
    ] {
        let found = faults(list);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
    let config = Config::parse(config(json!({})).to_string().as_bytes()).unwrap();
    let list: Arc<dyn Fetched> = config.fetched().next().unwrap();
    assert_eq!(list.source().cache_duration, Duration::from_secs(60));
    assert_eq!(list.source().stale_duration, Duration::from_secs(3600));
}

#[test]
fn whatever_can_be_revoked_can_be_on_a_list() {
    for (entry, revokes) in [
        (json!({"jti": "7"}), true),
        (json!({"consumer": "alice"}), true),
        (json!({"credential": "a"}), true),
        (json!({"jti": "7", "credential": "a"}), true),
        (json!({"consumer": "a"}), false),
        (json!({"credential": "alice"}), false),
        (json!({"sub": "7"}), false),
    ] {
        let (world, workers) = start(json!({}));
        tick(&workers);
        answer(&world, &workers, &ok(json!({"revoked": [entry]}).to_string()));
        assert_eq!(workers[0].outcome(&world, "7") == "denied.revoked", revokes, "{entry}");
    }
}

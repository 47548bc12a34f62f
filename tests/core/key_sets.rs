//! Key sets over time, without a proxy: several workers that share memory, a clock and an issuer, all in the test's hands.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use crate::support::{EXP, FakeRequest, TOKEN, authenticator};
use jwt_auth_filter::{
    authenticate::{Arrival, Authenticator, CacheUse, Outcome},
    config::Config,
    crypto::{Algorithm, BuiltIn, Key, Prepared, Verifier},
    encoding::json::Value,
    jwks::{
        Advice, Answer, Event, FetchError, Fetched, Fetcher, Issuer, KeySet, KeySetHost, Kind, MAX_BYTES, Millis, Need,
        Next, Origin, PassedOver, RemoteKeys, Seen, Source, Uri, Wait, WaitingLimits, WaitingRoom, Woken,
    },
    request::expected_body,
};
use serde_json::{Value as Json, json};

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
/// How much longer a request waits than its fetch may take.
const SPARE: Millis = 250;

/// What the workers have in common.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) now: Cell<Millis>,
    chance: Cell<u64>,
    pub(crate) shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    calls: RefCell<Vec<(String, String)>>,
    /// The validators that were sent with them.
    pub(crate) etags: RefCell<Vec<Option<String>>>,
    refuses_calls: Cell<bool>,
    refuses_texts: Cell<bool>,
    /// What another worker does just before a text is shared.
    interruption: RefCell<Option<Box<dyn FnOnce()>>>,
    events: RefCell<Vec<String>>,
    retries: RefCell<Vec<Duration>>,
}

pub(crate) struct Host(pub(crate) Rc<World>);

impl KeySetHost for Host {
    fn now(&self) -> Millis {
        self.0.now.get()
    }

    fn chance(&self) -> u64 {
        self.0.chance.set(self.0.chance.get().wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
        self.0.chance.get()
    }

    fn shared(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.shared.borrow().get(name).map(|(value, number)| (value.clone(), Some(*number)))
    }

    fn share(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> bool {
        if name.ends_with("text")
            && let Some(interrupt) = self.0.interruption.take()
        {
            interrupt();
        }
        if name.ends_with("text") && self.0.refuses_texts.get() {
            return false;
        }
        let mut shared = self.0.shared.borrow_mut();
        let current = shared.get(name).map_or(0, |(_, number)| *number);
        if unless_changed_since.is_some_and(|number| number != current) {
            return false;
        }
        shared.insert(name.to_owned(), (value.to_vec(), current + 1));
        true
    }

    fn get(&self, cluster: &str, uri: &Uri, etag: Option<&str>, _timeout: Duration) -> Option<u32> {
        if self.0.refuses_calls.get() {
            return None;
        }
        self.0.etags.borrow_mut().push(etag.map(str::to_owned));
        self.0.calls.borrow_mut().push((cluster.to_owned(), uri.as_str().to_owned()));
        Some(self.0.calls.borrow().len() as u32 - 1)
    }

    fn report(&self, _source: &Source, event: &Event) {
        self.0.events.borrow_mut().push(match event {
            Event::Arrived { count, is_new, .. } => format!("{count} keys, new: {is_new}"),
            Event::Failed { error, retry_in } => {
                self.0.retries.borrow_mut().push(*retry_in);
                error.name().to_owned()
            }
        });
    }
}

impl World {
    pub(crate) fn at(now: Millis) -> Rc<Self> {
        Rc::new(Self { now: Cell::new(now), ..Self::default() })
    }

    pub(crate) fn pass(&self, millis: Millis) {
        self.now.set(self.now.get() + millis);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.borrow().len()
    }

    pub(crate) fn last_event(&self) -> String {
        self.events.borrow().last().cloned().unwrap_or_default()
    }
}

struct Worker {
    fetcher: Fetcher<Host>,
    keys: Arc<RemoteKeys>,
}

impl Worker {
    fn has(&self, kid: &str) -> bool {
        self.keys.current().is_some_and(|keys| keys.has_kid(kid))
    }

    fn advice(&self, need: Need) -> Advice {
        let seen = Seen::new(fetched(&self.keys));
        let advice = self.fetcher.advise(&seen);
        assert!(advice == Advice::TryAgain || seen.set.need() == need, "{need:?}");
        advice
    }
}

fn source() -> Source {
    Source {
        kind: Kind::KeySet,
        revoked_kids: Vec::new(),
        uri: Uri::parse("https://a.example.com/jwks").unwrap(),
        issuer: None,
        cluster: "a".to_owned(),
        timeout: Duration::from_secs(5),
        cache_duration: Duration::from_secs(600),
        stale_duration: Duration::from_secs(24 * 3600),
    }
}

/// A set as the fetcher knows it.
fn fetched(keys: &Arc<RemoteKeys>) -> Arc<dyn Fetched> {
    Arc::clone(keys) as Arc<dyn Fetched>
}

/// Keys of so many sources, each with its number for a path.
fn numbered_sets(count: usize) -> Vec<Arc<RemoteKeys>> {
    let uri = |number| Uri::parse(&format!("https://a.example.com/{number}")).unwrap();
    (0..count).map(|number| Arc::new(RemoteKeys::new(Source { uri: uri(number), ..source() }))).collect()
}

fn worker(world: &Rc<World>, source: Source) -> Worker {
    let keys = Arc::new(RemoteKeys::new(source));
    Worker { fetcher: Fetcher::new([fetched(&keys)], Host(Rc::clone(world))), keys }
}

fn start(source: Source) -> (Rc<World>, [Worker; 4]) {
    let world = World::at(1_700_000_000_000);
    let workers = [0; 4].map(|_| worker(&world, source.clone()));
    (world, workers)
}

/// The same once one of them has fetched this.
fn start_with(first: &Answer) -> (Rc<World>, [Worker; 4]) {
    let (world, workers) = start(source());
    tick(&workers);
    answer(&world, &workers, first);
    (world, workers)
}

fn tick(workers: &[Worker]) {
    workers.iter().for_each(|worker| worker.fetcher.tick());
}

pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    Answer { status: Some(200), cache_control: None, etag: None, size: body.len(), body }
}

fn set(kids: &[&str]) -> Answer {
    ok(set_text(&kids.iter().copied().map(Some).collect::<Vec<_>>()))
}

/// A set of one key under several kids, or without one.
fn set_text(kids: &[Option<&str>]) -> String {
    let key = |kid: &Option<&str>| {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        if let Some(kid) = kid {
            key["kid"] = json!(kid);
        }
        key
    };
    json!({"keys": kids.iter().map(key).collect::<Vec<_>>()}).to_string()
}

pub(crate) fn status(status: u16) -> Answer {
    Answer { status: Some(status), ..Answer::default() }
}

/// Gives an answer to the last call of the worker that made it.
fn answer(world: &World, workers: &[Worker], answer: &Answer) {
    let call = world.calls() as u32 - 1;
    workers.iter().for_each(|worker| worker.fetcher.answered(call, answer));
}

#[test]
fn of_four_workers_one_fetches_and_all_have_the_set() {
    let (world, workers) = start(source());
    assert!(workers.iter().all(|worker| !worker.fetcher.is_settled()));
    tick(&workers);
    assert_eq!(*world.calls.borrow(), [("a".to_owned(), "https://a.example.com/jwks".to_owned())]);
    tick(&workers);
    assert_eq!(world.calls(), 1);
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1") && worker.fetcher.is_settled()));
    assert_eq!((world.calls(), world.last_event().as_str()), (1, "1 keys, new: true"));
}

#[test]
fn a_new_configuration_has_a_set_fetched_again_before_it_uses_it() {
    let (world, workers) = start_with(&set(&["1", "2"]));
    world.pass(MINUTE);

    let anew = [0; 2].map(|_| worker(&world, source()));
    assert!(anew.iter().all(|worker| !worker.has("1") && !worker.fetcher.is_settled()));
    assert!(matches!(anew[0].advice(Need::Set), Advice::Wait(_)));
    tick(&anew);
    assert_eq!(world.calls(), 2);
    answer(&world, &anew, &set(&["2"]));
    tick(&anew);
    assert!(anew.iter().all(|worker| worker.has("2") && !worker.has("1") && worker.fetcher.is_settled()));
    tick(&workers);
    assert!(workers.iter().all(|worker| !worker.has("1")), "what others fetch is everybody's");
    assert_eq!(world.calls(), 2);
}

#[test]
fn a_new_configuration_takes_the_set_as_it_is_if_it_is_recent_or_the_issuer_fails() {
    let (world, _workers) = start_with(&set(&["1"]));
    world.pass(9 * SECOND);
    let soon = worker(&world, source());
    soon.fetcher.tick();
    assert_eq!((soon.has("1"), world.calls()), (true, 1));
    world.pass(SECOND);
    let no_longer_recent = worker(&world, source());
    assert_eq!((no_longer_recent.advice(Need::Set), no_longer_recent.has("1")), (Advice::Wait(1), false));

    world.pass(MINUTE);
    let later = worker(&world, source());
    later.fetcher.tick();
    assert!(!later.has("1"));
    answer(&world, std::slice::from_ref(&later), &status(500));
    later.fetcher.tick();
    assert_eq!((later.has("1"), later.fetcher.is_settled(), world.calls()), (true, true, 2));

    let while_it_fails = worker(&world, source());
    while_it_fails.fetcher.tick();
    assert_eq!((while_it_fails.has("1"), world.calls()), (true, 2));
}

#[test]
fn an_issuer_that_does_not_answer_takes_a_good_set_out_of_use_for_a_second_at_most() {
    let (world, _workers) = start_with(&set(&["1"]));
    world.pass(MINUTE);
    let later = worker(&world, source());
    later.fetcher.tick();
    let room = WaitingRoom::new(WaitingLimits { requests: 9, bytes: 0 });
    let wait = Wait { sets: vec![Seen::new(fetched(&later.keys))], body: 0 };
    assert_eq!(room.enter(&later.fetcher, 1, &wait, None, ""), Next::Wait);
    world.pass(SECOND - 1);
    later.fetcher.tick();
    room.wake(&later.fetcher);
    assert!(!later.has("1") && !room.has_woken());
    world.pass(1);
    later.fetcher.tick();
    room.wake(&later.fetcher);
    assert!(later.has("1") && room.has_woken(), "the request that waits goes on with it");
    // What is fetched in the end counts all the same.
    answer(&world, std::slice::from_ref(&later), &set(&["2"]));
    later.fetcher.tick();
    assert!(later.has("2") && !later.has("1"));
}

#[test]
fn calls_that_are_never_answered_make_room_for_others() {
    let world = World::at(1_700_000_000_000);
    let fetcher = Fetcher::new(numbered_sets(40).iter().map(fetched), Host(Rc::clone(&world)));
    fetcher.tick();
    assert_eq!(world.calls(), 16);
    for _ in 0..4 {
        world.pass(6 * SECOND);
        fetcher.tick();
    }
    assert!(world.calls() >= 16 + 40, "{}", world.calls());
    // An answer that comes after all is nobody's.
    fetcher.answered(0, &set(&["1"]));
}

#[test]
fn an_earlier_source_that_is_configured_again_revives_no_key() {
    let (world, workers) = start_with(&set(&["withdrawn"]));
    world.pass(MINUTE);
    drop(workers);
    let other = worker(&world, Source { uri: Uri::parse("https://a.example.com/other").unwrap(), ..source() });
    other.fetcher.tick();
    world.pass(MINUTE);
    let again = worker(&world, source());
    again.fetcher.tick();
    assert!(!again.has("withdrawn"));
    assert_eq!(again.advice(Need::Set), Advice::Wait(1));
    answer(&world, std::slice::from_ref(&again), &set(&[]));
    again.fetcher.tick();
    assert!(!again.has("withdrawn") && again.keys.current().is_some());
}

#[test]
fn a_revoked_key_is_not_used_though_it_is_published() {
    let revoking = Source { revoked_kids: vec!["1".to_owned()], ..source() };
    let world = World::at(1_700_000_000_000);
    let workers = [worker(&world, source()), worker(&world, revoking)];
    tick(&workers);
    answer(&world, &workers, &set(&["1", "2"]));
    tick(&workers);
    assert_eq!(workers.each_ref().map(|worker| [worker.has("1"), worker.has("2")]), [[true, true], [false, true]]);
    assert_eq!(world.calls(), 1, "both have the same set");
}

#[test]
fn a_set_is_fetched_again_in_the_last_fifth_of_its_time_and_once_for_all() {
    let (world, workers) = start_with(&set(&["1"]));
    world.pass(8 * MINUTE - SECOND);
    tick(&workers);
    assert_eq!(world.calls(), 1);
    world.pass(2 * MINUTE);
    tick(&workers);
    tick(&workers);
    assert_eq!(world.calls(), 2);
    answer(&world, &workers, &set(&["1"]));
    assert_eq!(world.last_event(), "1 keys, new: false");
    tick(&workers);
    assert_eq!(world.calls(), 2);
}

#[test]
fn max_age_shortens_the_time_but_not_below_ten_seconds_and_never_lengthens_it() {
    for (cache_control, earliest, latest) in [
        ("public, max-age=60", 48, 57),
        ("Max-Age=\"60\", public", 48, 57),
        ("max-age=0", 8, 10),
        ("max-age=99999999999999", 480, 570),
        ("max-age=99999999999999999999999999", 480, 570),
        ("max-age", 480, 570),
        ("no-store", 480, 570),
    ] {
        let (world, workers) = start(source());
        tick(&workers);
        answer(&world, &workers, &Answer { cache_control: Some(cache_control.to_owned()), ..set(&["1"]) });
        world.pass(earliest * SECOND - 1);
        tick(&workers);
        assert_eq!(world.calls(), 1, "{cache_control}: before {earliest} s");
        world.pass((latest - earliest) * SECOND + 1);
        tick(&workers);
        assert_eq!(world.calls(), 2, "{cache_control}: after {latest} s");
    }
}

#[test]
fn a_worker_that_dies_while_fetching_holds_the_others_up_for_its_lease_only() {
    let (world, mut workers) = start(source());
    workers[0].fetcher.tick();
    world.pass(5 * SECOND);
    tick(&workers[1..]);
    assert_eq!(world.calls(), 1);
    world.pass(SECOND);
    tick(&workers[1..]);
    assert_eq!(world.calls(), 2);

    // Discovery takes two fetches, and is the longest lease with the longest timeout.
    let discovery = Source { issuer: Issuer::parse("https://a"), timeout: Duration::from_secs(60), ..source() };
    let (of_discovery, both) = start(discovery);
    tick(&both);
    of_discovery.pass(121 * SECOND - 1);
    both[1].fetcher.tick();
    assert_eq!(of_discovery.calls(), 1);
    of_discovery.pass(1);
    both[1].fetcher.tick();
    assert_eq!(of_discovery.calls(), 2);
    assert!(of_discovery.shared.borrow().keys().all(|name| name.starts_with("jwt_auth.1 discovery ")));

    // What the first one gets after all is of no interest any more.
    workers[0].fetcher.answered(0, &set(&["late"]));
    workers[0].fetcher.tick();
    assert!(!workers[0].has("late"));
    answer(&world, &workers[1..], &set(&["1"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1")));

    // One that ends in good order gives the lease back.
    world.pass(10 * MINUTE);
    workers[0].fetcher.tick();
    workers[0].fetcher.release();
    workers[0] = worker(&world, source());
    workers[1].fetcher.tick();
    assert_eq!(world.calls(), 4);
}

#[test]
fn a_failure_keeps_the_set_and_attempts_become_rarer() {
    let (world, workers) = start_with(&set(&["1"]));
    world.pass(10 * MINUTE);
    let mut longer = Vec::new();
    for pause in [1, 2, 4, 8, 16, 32, 50, 50, 50] {
        let calls = world.calls();
        tick(&workers);
        assert_eq!(world.calls(), calls + 1);
        answer(&world, &workers, &status(500));
        let retry = *world.retries.borrow().last().unwrap();
        longer.push(retry.as_secs_f64() / pause as f64);
        world.pass(pause * SECOND - 1);
        tick(&workers);
        assert_eq!(world.calls(), calls + 1);
        assert!(workers.iter().all(|worker| worker.has("1")));
        world.pass(pause * SECOND / 5 + 1);
    }
    assert!(longer.iter().all(|ratio| (1.0..=1.201).contains(ratio)), "{longer:?}");
    assert!(longer.iter().any(|ratio| *ratio > 1.05), "chance spreads them: {longer:?}");
    tick(&workers);
    answer(&world, &workers, &set(&["2"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("2") && !worker.has("1")));
}

#[test]
fn a_set_is_dropped_when_it_is_too_old_and_what_it_verified_with_it() {
    let (world, workers) = start_with(&set(&["1"]));
    tick(&workers);
    let keys = workers[3].keys.current().unwrap();
    let key = Arc::clone(keys.candidates(Algorithm::EdDSA, Some("1")).next().unwrap());
    world.pass(24 * HOUR);
    tick(&workers);
    answer(&world, &workers, &status(500));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1")) && !key.is_removed());
    world.pass(1);
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.keys.current().is_none()) && key.is_removed());
    // The same set may come back, to all.
    world.pass(2 * SECOND);
    tick(&workers);
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1")));
}

#[test]
fn a_request_without_a_set_waits_only_while_there_is_a_fetch_to_wait_for() {
    let (world, workers) = start(source());
    assert_eq!(workers[0].advice(Need::Set), Advice::Wait(0));
    tick(&workers);
    assert_eq!(workers[3].advice(Need::Set), Advice::Wait(0));
    answer(&world, &workers, &status(503));
    assert_eq!(workers[3].advice(Need::Set), Advice::GiveUp);
    assert_eq!(workers[3].fetcher.ended(&*workers[3].keys), 1);
    assert_eq!(workers[3].keys.retry_after(world.now.get() / 1000), 2);
    world.pass(2 * SECOND);
    tick(&workers);
    answer(&world, &workers, &set(&["1"]));
    assert_eq!(workers[3].advice(Need::Set), Advice::TryAgain);
}

#[test]
fn for_an_unknown_kid_four_fetches_are_in_reserve_and_one_more_every_ten_seconds() {
    let (world, workers) = start_with(&set(&["1"]));
    tick(&workers);
    for ended in 1..=4 {
        for worker in &workers {
            assert_eq!(worker.advice(Need::Kid), Advice::Wait(ended));
        }
        tick(&workers);
        assert_eq!(world.calls(), 1 + ended as usize, "one fetch for all who wait");
        answer(&world, &workers, &set(&["1"]));
        tick(&workers);
        assert_eq!(world.calls(), 1 + ended as usize, "and none after it, that nobody waits for");
    }
    assert_eq!(workers[2].advice(Need::Kid), Advice::GiveUp);
    assert_eq!(workers[2].keys.retry_after(world.now.get() / 1000), 10);
    world.pass(10 * SECOND - 1);
    assert_eq!(workers[0].advice(Need::Kid), Advice::GiveUp);
    tick(&workers);
    assert_eq!(world.calls(), 5);
    world.pass(1);
    assert_eq!(workers[0].advice(Need::Kid), Advice::Wait(5));
    tick(&workers);
    assert_eq!(world.calls(), 6);
    answer(&world, &workers, &set(&["1", "2"]));
    for worker in workers.iter().skip(1) {
        assert!([Advice::TryAgain, Advice::GiveUp].contains(&worker.advice(Need::Kid)));
        assert!(worker.has("2"));
        assert_eq!(worker.advice(Need::Kid), Advice::GiveUp);
    }
    // After a minute the whole reserve is there again, and no more than that.
    world.pass(MINUTE);
    for _ in 0..4 {
        assert!(matches!(workers[0].advice(Need::Kid), Advice::Wait(_)));
        tick(&workers);
        answer(&world, &workers, &set(&["1", "2"]));
        tick(&workers);
    }
    assert_eq!(workers[0].advice(Need::Kid), Advice::GiveUp);
}

#[test]
fn who_asks_for_a_kid_while_a_fetch_is_under_way_causes_no_other() {
    let (world, workers) = start_with(&set(&["1"]));
    world.pass(10 * MINUTE);
    workers[0].fetcher.tick();
    assert_eq!(workers[0].advice(Need::Kid), Advice::Wait(1));
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert_eq!(world.calls(), 2);
}

#[test]
fn a_kid_that_a_worker_wants_is_fetched_although_the_worker_that_was_to_fetch_it_has_stopped() {
    let (world, workers) = start_with(&set(&["1"]));
    tick(&workers);
    assert_eq!([0, 1].map(|at: usize| workers[at].advice(Need::Kid)), [Advice::Wait(1); 2]);
    workers[0].fetcher.tick();
    workers[1].fetcher.tick();
    assert_eq!(world.calls(), 2);
    world.pass(5 * SECOND + 1_000);
    workers[1].fetcher.tick();
    assert_eq!(world.calls(), 3);
}

#[test]
fn a_failed_fetch_for_an_unknown_kid_is_followed_by_no_other_at_once() {
    let (world, workers) = start_with(&set(&["1"]));
    tick(&workers);
    assert_eq!(workers[0].advice(Need::Kid), Advice::Wait(1));
    tick(&workers);
    answer(&world, &workers, &status(500));
    world.pass(900);
    assert_eq!(workers[0].advice(Need::Kid), Advice::GiveUp);
}

#[test]
fn only_a_set_that_was_fetched_after_the_request_arrived_can_lack_its_kid() {
    let (world, remote, authenticator, fetcher) = deciding();
    let fetch = || {
        fetcher.tick();
        world.pass(5);
        fetcher.answered(world.calls() as u32 - 1, &set(&["other"]));
        fetcher.tick();
    };
    fetch();
    world.pass(5);
    let request = FakeRequest::get(&format!("/?jwt={UNSIGNED}"));
    let arrive = || {
        authenticator.decide_or_wait(&request, EXP).err().unwrap().arriving(Arrival { at: world.now.get(), body: 0 })
    };
    let reason = |pending| match authenticator.give_up(&request, EXP, pending).outcome {
        Outcome::Denied(denial) => denial.reason.name(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(arrive()), "key_set_unavailable");
    // One that arrives while a fetch is under way cannot know what that will miss.
    assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
    fetcher.tick();
    world.pass(1);
    let late = arrive();
    fetcher.answered(world.calls() as u32 - 1, &set(&["other"]));
    fetcher.tick();
    assert_eq!(reason(late), "key_set_unavailable");
    let early = arrive();
    assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
    fetch();
    let early = authenticator.decide_again(&request, EXP, early).err().unwrap();
    assert!(early.wait().sets.is_empty(), "one token leads to one fetch, not to the whole reserve");
    assert_eq!(reason(early), "invalid_signature");
}

/// Where all workers share one fetcher, another thread may take the answer at any moment.
#[test]
fn what_arrives_between_a_decision_and_the_wait_is_not_missed() {
    let (world, remote, authenticator, fetcher) = deciding();
    let room = WaitingRoom::new(WaitingLimits { requests: 9, bytes: 0 });
    let request = FakeRequest::get(&format!("/?jwt={UNSIGNED}"));
    // What lets a request go on: no set at all, one without its kid, the same again, and one with its kid.
    let mut arrived = Vec::new();
    for kids in [&["other"][..], &["other"], &["1"]] {
        assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
        let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
        let pending = pending.arriving(Arrival { at: world.now.get(), body: 0 });
        world.pass(1);
        fetcher.tick();
        fetcher.answered(world.calls() as u32 - 1, &set(kids));
        assert_eq!(room.enter(&fetcher, 1, &pending.wait(), None, ""), Next::TryAgain(""));
        let pending = authenticator.decide_again(&request, EXP, pending).err().unwrap();
        assert!(pending.wait().sets.is_empty(), "it was fetched after the request arrived");
        arrived.push(world.last_event());
        world.pass(1);
    }
    assert_eq!(arrived, ["1 keys, new: true", "1 keys, new: false", "1 keys, new: true"]);
    // A set that is new is believed, unless another has arrived since.
    let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
    let pending = pending.arriving(Arrival { at: world.now.get(), body: 0 });
    assert!(pending.wait().sets.is_empty());
    remote.replace(set(&["1", "3"]).key_set().unwrap().set);
    assert_eq!(room.enter(&fetcher, 1, &pending.wait(), None, ""), Next::TryAgain(""));
    // And a set that is removed is waited for.
    world.pass(SECOND);
    let pending = authenticator.decide_or_wait(&request, EXP).err();
    assert!(pending.is_none_or(|pending| pending.wait().sets.is_empty()), "the set is new");
    world.pass(25 * HOUR);
    let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
    let pending = pending.arriving(Arrival { at: world.now.get(), body: 0 });
    assert_eq!(room.enter(&fetcher, 1, &pending.wait(), None, ""), Next::TryAgain(""));
    let pending = authenticator.decide_again(&request, EXP, pending).err().unwrap();
    assert_eq!(room.enter(&fetcher, 1, &pending.wait(), None, ""), Next::Wait);
}

/// What the request was decided by had not the key, and nothing says that the set which arrived since has not.
#[test]
fn a_request_whose_time_is_up_is_judged_by_the_set_that_it_has_seen() {
    let (world, remote, authenticator, fetcher) = deciding();
    let fetch = |kid: &str| {
        assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
        fetcher.tick();
        fetcher.answered(world.calls() as u32 - 1, &set(&[kid]));
        world.pass(5);
    };
    fetch("other");
    let request = FakeRequest::get(&format!("/?jwt={UNSIGNED}"));
    let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
    let pending = pending.arriving(Arrival { at: world.now.get(), body: 0 });
    fetch("1");
    let Outcome::Denied(denial) = authenticator.give_up(&request, EXP, pending).outcome else { panic!("passed") };
    assert_eq!(denial.reason.name(), "key_set_unavailable");
}

/// An issuer may put another key in the place of one, under the same `kid` or without any.
#[test]
fn a_failed_signature_leads_to_one_fetch_too_and_is_told_if_there_is_none() {
    for kid in [Some("1"), None] {
        let (world, remote, authenticator, fetcher) = deciding();
        let fetch = || {
            fetcher.tick();
            world.pass(5);
            fetcher.answered(world.calls() as u32 - 1, &ok(set_text(&[kid])));
            fetcher.tick();
            world.pass(5);
        };
        fetch();
        // {"alg":"EdDSA"} and {"iss":"joe"}
        let token = if kid.is_some() { UNSIGNED } else { "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJqb2UifQ.AAAA" };
        let request = FakeRequest::get(&format!("/?jwt={token}"));
        let arrive = || {
            let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
            pending.arriving(Arrival { at: world.now.get(), body: 0 })
        };
        let reason = |pending| match authenticator.give_up(&request, EXP, pending).outcome {
            Outcome::Denied(denial) => denial.reason.name(),
            other => panic!("{other:?}"),
        };
        for _ in 0..9 {
            assert!(arrive().wait().sets.is_empty(), "a set that is new is believed");
            world.pass(10_000);
            let pending = arrive();
            assert_eq!(pending.wait().sets.len(), 1);
            assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
            fetch();
            let pending = authenticator.decide_again(&request, EXP, pending).err().unwrap();
            assert!(pending.wait().sets.is_empty());
            assert_eq!(reason(pending), "invalid_signature");
        }
        // The reserve is still there for unknown kids. Without a fetch the token is refused, and no 503 is made of that.
        for _ in 0..3 {
            assert!(matches!(fetcher.advise(&Seen::new(fetched(&remote))), Advice::Wait(_)));
            fetch();
        }
        assert_eq!(reason(arrive()), "invalid_signature");
    }
}

#[test]
fn a_clock_that_is_put_back_stops_nothing() {
    let (world, workers) = start(source());
    tick(&workers);
    answer(&world, &workers, &status(500));
    world.now.set(world.now.get() - HOUR);
    tick(&workers);
    assert_eq!(world.calls(), 2);
    world.now.set(world.now.get() - HOUR);
    tick(&workers);
    assert_eq!(world.calls(), 3);
    answer(&world, &workers, &set(&["1"]));
    world.now.set(world.now.get() - HOUR);
    tick(&workers);
    assert_eq!(world.calls(), 4);
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert_eq!(workers[0].keys.fetched_at(), world.now.get());
    // A set cannot have been fetched after a request that has yet to come.
    world.now.set(world.now.get() - MINUTE);
    tick(&workers);
    assert_eq!(workers[0].keys.fetched_at(), 0);
}

#[test]
fn garbage_in_shared_memory_is_fetched_anew() {
    let (world, _workers) = start_with(&set(&["1"]));
    for (value, _) in world.shared.borrow_mut().values_mut() {
        *value = vec![0xff; 40];
    }
    let newcomer = worker(&world, source());
    newcomer.fetcher.tick();
    assert_eq!(world.calls(), 2);
    newcomer.fetcher.answered(1, &set(&["2"]));
    assert!(newcomer.has("2"));
}

/// While one version of the module takes another's place, both share one memory: here the other one says, in a format that
/// this one could read, that it has a set, and that it fetches.
#[test]
fn what_another_version_shares_is_neither_read_nor_changed() {
    let (world, workers) = start_with(&set(&["of the other version"]));
    tick(&workers);
    assert!(workers[0].has("of the other version"));

    let of_another = |name: &String| name.replacen("jwt_auth.1 ", "jwt_auth.2 ", 1);
    let others: BTreeMap<_, _> =
        world.shared.take().iter().map(|(name, value)| (of_another(name), value.clone())).collect();
    assert_eq!(others.len(), 2);
    assert!(others.keys().all(|name| name.starts_with("jwt_auth.2 ")));
    world.shared.borrow_mut().extend(others.clone());

    let own = worker(&world, source());
    assert_eq!(own.advice(Need::Set), Advice::Wait(0));
    own.fetcher.tick();
    assert_eq!((own.has("of the other version"), world.calls()), (false, 2));
    answer(&world, &[own], &set(&["own"]));
    let shared = world.shared.borrow();
    assert!(others.iter().all(|(name, value)| shared.get(name) == Some(value)));
    assert_eq!(shared.len(), 4);
}

/// Whoever changes this raises the format: a version that reads the values otherwise must not find them.
#[test]
fn the_values_of_this_format_are_these() {
    let world = World::at(1_000_000);
    let own = worker(&world, source());
    own.fetcher.tick();
    own.fetcher.answered(0, &Answer { etag: Some("\"e\"".to_owned()), ..set(&["a"]) });
    let shared = world.shared.borrow();
    let found: Vec<_> = shared.iter().map(|(name, (value, _))| (name.as_str(), value.as_slice())).collect();
    let name = r#"jwt_auth.1 jwks "a" "https://a.example.com/jwks" """#;
    let text = [[1, 0, 0, 0, 0, 0, 0, 0].as_slice(), set_text(&[Some("a")]).as_bytes()].concat();
    assert_eq!(
        found,
        [
            (
                format!("{name} schedule").as_str(),
                b"\tO\x81g\xf7~{\x05\x14\x18\x01 \x01(\xc0\x84=0\x80\xf2ZX\xc0\x84=`\xc0\x84=j\x03\"e\"".as_slice(),
            ),
            (format!("{name} text").as_str(), text.as_slice()),
        ]
    );
}

#[test]
fn a_text_that_is_shared_too_late_is_nobody_s_keys_and_is_replaced() {
    let (world, workers) = start_with(&set(&["1"]));
    workers[0].fetcher.tick();
    // A worker that stopped halfway has left its text and not said so.
    let late = [2_u64.to_le_bytes().as_slice(), &set(&["late"]).body].concat();
    for (_, value) in world.shared.borrow_mut().iter_mut().filter(|(name, _)| name.ends_with("text")) {
        *value = (late.clone(), value.1 + 1);
    }
    let newcomer = worker(&world, source());
    for _ in 0..2 {
        assert_eq!(newcomer.advice(Need::Set), Advice::Wait(1), "and not to try again for ever");
    }
    newcomer.fetcher.tick();
    answer(&world, std::slice::from_ref(&newcomer), &set(&["late"]));
    tick(&workers);
    assert!(newcomer.has("late") && workers.iter().all(|worker| worker.has("late") && !worker.has("1")));
}

#[test]
fn an_answer_that_cannot_be_shared_is_a_failure() {
    let (world, workers) = start(source());
    tick(&workers);
    world.refuses_texts.set(true);
    answer(&world, &workers, &set(&["1"]));
    assert_eq!((world.last_event().as_str(), workers[1].advice(Need::Set)), ("unreachable", Advice::GiveUp));
    world.refuses_texts.set(false);
    world.pass(2 * SECOND);
    tick(&workers);
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1")));
}

#[test]
fn who_has_lost_the_lease_does_not_replace_what_the_next_holder_wrote() {
    let (world, [slow, quick, others @ ..]) = start(source());
    slow.fetcher.tick();
    answer(&world, std::slice::from_ref(&slow), &set(&["1"]));
    world.pass(10 * MINUTE);
    slow.fetcher.tick();
    let interrupted = Rc::clone(&world);
    let quick = Rc::new(quick);
    let own = Rc::clone(&quick);
    // The slow one takes so long to write what it got that its lease runs out.
    *world.interruption.borrow_mut() = Some(Box::new(move || {
        interrupted.pass(6 * SECOND);
        own.fetcher.tick();
        own.fetcher.answered(2, &set(&["2"]));
    }));
    slow.fetcher.answered(1, &set(&["late"]));
    slow.fetcher.tick();
    tick(&others);
    assert_eq!(world.calls(), 3);
    for worker in [&slow, &*quick].into_iter().chain(&others) {
        assert!(worker.has("2") && !worker.has("late") && !worker.has("1"));
    }
}

/// Nobody says that it has the newest set who has it not: else its server would confirm a key that was withdrawn, for ever.
#[test]
fn a_worker_that_cannot_read_the_newest_set_asks_for_it_without_its_validator() {
    let (world, workers) = start(source());
    let tagged = |kid: &str| Answer { etag: Some(format!("\"{kid}\"")), ..set(&[kid]) };
    tick(&workers);
    answer(&world, &workers, &tagged("1"));
    tick(&workers);
    world.pass(10 * MINUTE);
    workers[0].fetcher.tick();
    answer(&world, &workers[..1], &tagged("2"));
    // A worker that stopped halfway has left its text and not said so.
    let late = [3_u64.to_le_bytes().as_slice(), &set(&["late"]).body].concat();
    for (_, value) in world.shared.borrow_mut().iter_mut().filter(|(name, _)| name.ends_with("text")) {
        *value = (late.clone(), value.1 + 1);
    }
    world.pass(10 * MINUTE);
    workers[1].fetcher.tick();
    assert!(workers[1].has("1"));
    assert_eq!(world.etags.borrow().last(), Some(&None));
    answer(&world, &workers[1..2], &status(304));
    assert_eq!(world.last_event(), "status");
    world.pass(2 * SECOND);
    workers[1].fetcher.tick();
    answer(&world, &workers[1..2], &tagged("2"));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("2") && !worker.has("1")));
}

#[test]
fn a_call_that_cannot_be_made_is_a_failure_and_unknown_calls_are_ignored() {
    let (world, workers) = start(source());
    world.refuses_calls.set(true);
    tick(&workers);
    assert_eq!(*world.events.borrow(), ["unreachable"]);
    workers[0].fetcher.answered(77, &set(&["1"]));
    assert!(!workers[0].has("1"));
}

#[test]
fn what_became_of_a_fetch_is_counted_under_its_name() {
    let arrived = |count| Event::Arrived { count, is_new: true, passed_over: PassedOver::default() };
    let failed = |error| Event::Failed { error, retry_in: Duration::ZERO };
    for (kind, event, name) in [
        (Kind::KeySet, arrived(1), "success"),
        (Kind::KeySet, arrived(0), "empty"),
        (Kind::RevocationList, arrived(1), "success"),
        (Kind::RevocationList, arrived(0), "success"),
        (Kind::KeySet, failed(FetchError::NotSent), "unreachable"),
        (Kind::RevocationList, failed(FetchError::Status(500)), "status"),
        (Kind::KeySet, failed(FetchError::TooLarge(1)), "too_large"),
        (Kind::RevocationList, failed(FetchError::NotJson), "invalid"),
    ] {
        assert_eq!(event.name(kind), name, "{event:?}");
        assert!(Event::COUNTERS.iter().any(|(of, result, _)| (*of, *result) == (kind, name)));
    }
}

#[test]
fn an_answer_may_be_as_long_as_the_limit() {
    let (world, workers) = start(source());
    tick(&workers);
    assert_eq!([0, 7].map(|call| workers[0].fetcher.max_bytes(call)), [MAX_BYTES, 0]);
    let text = set_text(&[Some("1")]);
    answer(&world, &workers, &ok(text.clone() + &" ".repeat(MAX_BYTES - text.len())));
    assert!(workers[0].has("1"));
}

#[test]
fn a_failure_says_what_the_server_or_envoy_has_said() {
    let envoy = "upstream connect error or disconnect/reset before headers. ";
    let told = |answer: &Answer| answer.key_set().unwrap_err().to_string();
    let says = |text: &str| told(&Answer { body: text.into(), ..status(503) });
    assert_eq!(
        says(&format!("{envoy}reset reason: remote reset\n")),
        r#"the connection to the server failed: "remote reset""#
    );
    let both = format!("{envoy}reset reason: x, transport failure reason: no TLS");
    assert_eq!(says(&both), r#"the connection to the server failed: "no TLS""#);
    assert_eq!(says("down for maintenance"), told(&status(503)));
    let issuer = Issuer::parse("https://a").unwrap();
    let of = |metadata: &str| ok(metadata).jwks_uri(&issuer).unwrap_err().to_string();
    assert_eq!(
        of(r#"{"issuer":"https://b"}"#),
        r#"the metadata is of the issuer "https://b", which is not the credential's"#
    );
    assert_eq!(of("{}"), "the metadata names no issuer");
}

#[test]
fn every_bad_answer_has_its_kind_and_replaces_nothing() {
    let too_large = Answer { size: (512 << 10) + 1, ..ok("") };
    for (bad, name) in [
        (Answer::default(), "unreachable"),
        (status(302), "status"),
        (status(404), "status"),
        (ok("<html>"), "invalid"),
        (ok([0xff]), "invalid"),
        (ok(""), "invalid"),
        (ok("[]"), "invalid"),
        (ok("{\"keys\":[],\"keys\":[]}"), "invalid"),
        (too_large, "too_large"),
    ] {
        assert!(Event::COUNTERS.iter().any(|(kind, result, _)| *kind == Kind::KeySet && *result == name));
        let (world, workers) = start_with(&set(&["1"]));
        world.pass(10 * MINUTE);
        tick(&workers);
        answer(&world, &workers, &bad);
        tick(&workers);
        assert_eq!(world.last_event(), name, "{bad:?}");
        assert!(workers.iter().all(|worker| worker.has("1")));
    }
}

#[test]
fn a_set_that_has_not_changed_is_not_sent_again() {
    let (world, workers) = start(source());
    tick(&workers);
    let tagged = |kid: &str, etag: &str| Answer { etag: Some(etag.to_owned()), ..set(&[kid, "another"]) };
    answer(&world, &workers, &tagged("1", "\"one\""));
    tick(&workers);
    for _ in 0..2 {
        world.pass(10 * MINUTE);
        tick(&workers);
        answer(&world, &workers, &status(304));
        tick(&workers);
        assert_eq!(world.last_event(), "2 keys, new: false");
        assert!(workers.iter().all(|worker| worker.has("1")));
    }
    world.pass(10 * MINUTE);
    tick(&workers);
    answer(&world, &workers, &tagged("2", "W/\"two\""));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("2") && !worker.has("1")));
    // A set that nobody has must be sent; and a server that names no validator gets none.
    world.pass(10 * MINUTE);
    tick(&workers);
    answer(&world, &workers, &set(&["3"]));
    world.pass(10 * MINUTE);
    tick(&workers);
    let one = Some("\"one\"".to_owned());
    assert_eq!(*world.etags.borrow(), [None, one.clone(), one.clone(), one, Some("W/\"two\"".to_owned()), None]);
}

#[test]
fn a_server_that_says_that_nothing_has_changed_to_whom_has_nothing_has_failed() {
    let (world, workers) = start(source());
    tick(&workers);
    answer(&world, &workers, &status(304));
    assert_eq!(world.last_event(), "status");
    assert!(workers.iter().all(|worker| worker.keys.current().is_none()));
    // Nor can it say so to a worker whose set has become too old, or that has not named what it has.
    for (etag, passed) in [(Some("\"one\""), 25 * HOUR), (None, 10 * MINUTE)] {
        let (world, workers) = start(source());
        tick(&workers);
        answer(&world, &workers, &Answer { etag: etag.map(str::to_owned), ..set(&["1"]) });
        world.pass(passed);
        tick(&workers);
        answer(&world, &workers, &status(304));
        assert_eq!((world.last_event().as_str(), world.etags.borrow().as_slice()), ("status", &[None, None][..]));
    }
    // What is no validator is not sent back.
    for etag in ["", "no quotes", "\"a b\"", "\"é\"", "\"\r\nx: y\"", &format!("\"{}\"", "x".repeat(256))] {
        let (world, workers) = start(source());
        tick(&workers);
        answer(&world, &workers, &Answer { etag: Some(etag.to_owned()), ..set(&["1"]) });
        world.pass(10 * MINUTE);
        tick(&workers);
        assert_eq!(*world.etags.borrow(), [None, None], "{etag:?}");
    }
}

#[test]
fn an_issuer_that_withdraws_all_keys_is_believed() {
    for body in [r#"{"keys":[]}"#, r#"{"keys":[7,{}]}"#, r#"{"keys":[{"kty":"oct","k":"AQAB"}]}"#] {
        let (world, workers) = start_with(&set(&["1"]));
        tick(&workers);
        let key = Arc::clone(workers[3].keys.current().unwrap().candidates(Algorithm::EdDSA, None).next().unwrap());
        world.pass(10 * MINUTE);
        tick(&workers);
        answer(&world, &workers, &ok(body));
        tick(&workers);
        assert_eq!(world.last_event(), "0 keys, new: true", "{body}");
        assert!(workers.iter().all(|worker| worker.keys.current().is_some_and(|keys| keys.is_empty())));
        assert!(key.is_removed(), "what it verified is verified no longer");
    }
}

#[test]
fn thousands_of_sets_are_fetched_in_turn_and_first_those_that_a_request_waits_for() {
    let world = World::at(1_700_000_000_000);
    let sets = numbered_sets(5000);
    let fetcher = Fetcher::new(sets.iter().map(fetched), Host(Rc::clone(&world)));
    assert_eq!(fetcher.advise(&Seen::new(fetched(&sets[4321]))), Advice::Wait(0));
    fetcher.tick();
    fetcher.tick();
    assert_eq!(world.calls(), 16);
    assert_eq!(world.calls.borrow()[0].1, "https://a.example.com/4321");
    // One that comes when all calls are under way is the next.
    assert_eq!(fetcher.advise(&Seen::new(fetched(&sets[3210]))), Advice::Wait(0));
    fetcher.tick();
    let mut answered = 0;
    while answered < world.calls() {
        fetcher.answered(answered as u32, &set(&["1"]));
        answered += 1;
        fetcher.tick();
        assert!(world.calls() - answered <= 16);
        if answered > 100 {
            break;
        }
    }
    assert_eq!(world.calls(), 101 + 16);
    assert_eq!(world.calls.borrow()[16].1, "https://a.example.com/3210");
}

#[test]
fn discovery_takes_the_set_from_where_the_issuer_s_metadata_says() {
    let discovery = Source { issuer: Issuer::parse("https://a"), ..source() };
    let (world, workers) = start(discovery.clone());
    tick(&workers);
    answer(&world, &workers, &ok(r#"{"issuer":"https://a","jwks_uri":"http://b/keys"}"#));
    assert_eq!(world.calls.borrow()[1], ("a".to_owned(), "http://b/keys".to_owned()));
    answer(&world, &workers, &set(&["1"]));
    tick(&workers);
    assert!(workers.iter().all(|worker| worker.has("1")));

    for metadata in [r#"{"issuer":"https://b","jwks_uri":"http://b/keys"}"#, r#"{"issuer":"https://a"}"#, "[]", "x"] {
        let (world, workers) = start(discovery.clone());
        tick(&workers);
        answer(&world, &workers, &ok(metadata));
        assert_eq!((world.calls(), world.last_event().as_str()), (1, "invalid"), "{metadata}");
    }
}

// The decision

fn remote_config() -> Json {
    json!([{"username": "joe", "jwt_secrets": [
        {"key": "joe", "remote_jwks": {"uri": "https://a.example.com/jwks", "cluster": "a"}},
        {"key": "joe", "algorithm": "ES256", "remote_jwks": {"uri": "https://a.example.com/jwks", "cluster": "a"}},
    ]}])
}

/// Joe's credentials with a set that is fetched, and a worker that fetches it.
fn deciding() -> (Rc<World>, Arc<RemoteKeys>, Authenticator<BuiltIn>, Fetcher<Host>) {
    let config = Config::parse(json!({"consumers": remote_config()}).to_string().as_bytes()).unwrap();
    let remote = Arc::clone(config.credentials.remote().next().unwrap());
    let world = World::at(EXP * 1000);
    let fetcher = Fetcher::new([fetched(&remote)], Host(Rc::clone(&world)));
    (world, remote, Authenticator::new(config, BuiltIn), fetcher)
}

/// A token of joe's without a signature that anybody made: {"alg":"EdDSA","kid":"1"} and {"iss":"joe"}.
const UNSIGNED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJqb2UifQ.AAAA";

#[test]
fn a_token_waits_for_a_set_that_is_missing_and_is_answered_503_in_the_end() {
    let authenticator = authenticator(json!({"consumers": remote_config()}));
    let request = FakeRequest::get(&format!("/?jwt={UNSIGNED}"));
    let wait = authenticator.decide_or_wait(&request, EXP).err().unwrap().wait();
    assert_eq!(wait.sets[0].set.need(), Need::Set);
    let Outcome::Denied(denial) = authenticator.decide(&request, EXP).outcome else { panic!("passed") };
    assert_eq!(denial.reason.to_string(), "Key set unavailable");
    let policy = &authenticator.config().policy;
    let reply = jwt_auth_filter::reply::Reply::denied(&denial.reason, policy);
    assert_eq!((reply.status, reply.retry_after, reply.www_authenticate), (503, Some(1), None));
}

#[test]
fn a_token_that_no_published_key_can_have_signed_waits_for_nothing() {
    let authenticator = authenticator(json!({"consumers": remote_config()}));
    let Outcome::Denied(denial) = authenticator.decide_or_wait(&FakeRequest::with_token(), EXP).unwrap().outcome else {
        panic!("{TOKEN}")
    };
    assert_eq!(denial.reason.to_string(), "Invalid algorithm");
}

#[test]
fn a_token_of_a_revoked_key_waits_for_nothing() {
    // {"alg":"ES256","kid":"1"} and {"iss":"joe"}
    let request = FakeRequest::get("/?jwt=eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJqb2UifQ.AAAA");
    for (revoked, status) in [(json!([]), 503), (json!(["1"]), 401)] {
        let mut consumers = remote_config();
        for credential in consumers[0]["jwt_secrets"].as_array_mut().unwrap() {
            credential["remote_jwks"]["revoked_kids"] = revoked.clone();
        }
        let authenticator = authenticator(json!({"consumers": consumers}));
        let Outcome::Denied(denial) = authenticator.decide(&request, EXP).outcome else { panic!("passed") };
        let reply = jwt_auth_filter::reply::Reply::denied(&denial.reason, &authenticator.config().policy);
        assert_eq!(reply.status, status);
        assert_eq!(authenticator.decide_or_wait(&request, EXP).is_err(), status == 503);
    }
}

#[test]
fn credentials_of_one_source_share_its_keys() {
    let config = Config::parse(json!({"consumers": remote_config()}).to_string().as_bytes()).unwrap();
    assert_eq!(config.credentials.remote().count(), 1);
}

/// Counts the signatures that it is given, and takes none.
#[derive(Default)]
struct Refusing(Cell<usize>);

impl Verifier for &Refusing {
    fn verify(&self, _key: &Key, _: &Prepared, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        false
    }
}

#[test]
fn a_request_that_waits_is_decided_once_and_its_keys_are_tried_once() {
    let config = Config::parse(json!({"consumers": remote_config()}).to_string().as_bytes()).unwrap();
    let remote = Arc::clone(config.credentials.remote().next().unwrap());
    let verifier = Refusing::default();
    let authenticator = Authenticator::new(config, &verifier);
    let keys =
        |kids: &[Option<&str>]| KeySet::read(&Value::parse(&set_text(kids)).unwrap(), Origin::Fetched).unwrap().set;
    // The set lacks the token's kid, and has a key without one.
    remote.replace(keys(&[None, Some("0")]));
    let request = FakeRequest::get(&format!("/?jwt={UNSIGNED}"));
    let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
    assert_eq!(verifier.0.get(), 1);
    // The next set still lacks it: nothing is verified again.
    remote.replace(keys(&[None, Some("2")]));
    let pending = authenticator.decide_again(&request, EXP, pending).err().unwrap();
    assert_eq!(verifier.0.get(), 1);
    let Outcome::Denied(denial) = authenticator.give_up(&request, EXP, pending).outcome else { panic!("passed") };
    assert_eq!((denial.reason.name(), verifier.0.get()), ("invalid_signature", 1));
    assert_eq!(authenticator.cache_use(), CacheUse { hits: 0, misses: 1 });
    // A set that has it, and came after the request, ends the wait, whatever its key says.
    let pending = authenticator.decide_or_wait(&request, EXP).err().unwrap();
    remote.replace(keys(&[None, Some("1")]));
    let pending = authenticator.decide_again(&request, EXP, pending).err().unwrap();
    assert!(pending.wait().sets.is_empty());
    assert_eq!(verifier.0.get(), 3);
}

// The waiting room

/// A worker of several sources that do not answer, with a room for so many requests.
fn room(sources: usize, limit: usize) -> (Rc<World>, Fetcher<Host>, Vec<Wait>, WaitingRoom<&'static str>) {
    let world = World::at(1_700_000_000_000);
    let keys = numbered_sets(sources);
    let fetcher = Fetcher::new(keys.iter().map(fetched), Host(Rc::clone(&world)));
    let waits = keys.iter().map(|keys| Wait { sets: vec![Seen::new(fetched(keys))], body: 0 }).collect();
    (world, fetcher, waits, WaitingRoom::new(WaitingLimits { requests: limit, bytes: 1_000 }))
}

fn ids(room: &WaitingRoom<&'static str>) -> Vec<u32> {
    std::iter::from_fn(|| room.next()).map(|woken| woken.id).collect()
}

#[test]
fn a_request_waits_until_its_fetch_has_ended_or_its_time_is_up() {
    let (world, fetcher, waits, room) = room(2, 100);
    assert_eq!(room.enter(&fetcher, 7, &waits[0], None, "a"), Next::Wait);
    assert_eq!(room.enter(&fetcher, 8, &waits[1], None, "b"), Next::Wait);
    assert!(room.holds(7) && room.holds(8) && !room.holds(9) && !room.is_empty());
    fetcher.tick();
    room.wake(&fetcher);
    assert_eq!(room.next(), None);
    fetcher.answered(0, &status(500));
    room.wake(&fetcher);
    room.wake(&fetcher);
    assert!(room.has_woken());
    let deadline = Some(world.now.get() + 5 * SECOND + SPARE);
    assert_eq!(room.next(), Some(Woken { id: 7, deadline, with: "a" }));
    assert_eq!(room.next(), None);
    world.pass(5 * SECOND + SPARE);
    room.wake(&fetcher);
    assert_eq!(room.next(), Some(Woken { id: 8, deadline: None, with: "b" }));
    assert!(room.is_empty() && !room.has_woken());
}

#[test]
fn a_set_that_arrives_in_time_counts_however_late_the_turn_of_a_request_comes() {
    let (world, fetcher, waits, room) = room(1, 100);
    let late = Some(world.now.get() + 5 * SECOND + SPARE);
    assert_eq!(room.enter(&fetcher, 1, &waits[0], None, "a"), Next::Wait);
    fetcher.tick();
    world.pass(5 * SECOND + SPARE);
    fetcher.answered(0, &ok(set_text(&[Some("1")])));
    room.wake(&fetcher);
    world.pass(SECOND);
    assert_eq!(room.next(), Some(Woken { id: 1, deadline: late, with: "a" }));
    // But it waits no more for another.
    waits[0].sets[0].set.forget();
    let other = Wait { sets: vec![Seen::new(Arc::clone(&waits[0].sets[0].set))], body: 0 };
    assert_eq!(room.enter(&fetcher, 1, &other, late, "a"), Next::GiveUp("a"));
}

#[test]
fn a_set_that_arrives_before_the_turn_of_a_request_whose_time_is_up_counts_too() {
    let (world, fetcher, waits, room) = room(1, 100);
    let deadline = Some(world.now.get() + 5 * SECOND + SPARE);
    assert_eq!(room.enter(&fetcher, 1, &waits[0], None, "a"), Next::Wait);
    fetcher.tick();
    world.pass(5 * SECOND + SPARE);
    room.wake(&fetcher);
    fetcher.answered(0, &set(&["1"]));
    assert_eq!(room.next(), Some(Woken { id: 1, deadline, with: "a" }));
}

#[test]
fn a_request_of_several_sets_goes_on_with_the_first_that_arrives() {
    let (world, fetcher, waits, room) = room(2, 100);
    let both = Wait { sets: waits.iter().map(|wait| wait.sets[0].clone()).collect(), body: 0 };
    let deadline = Some(world.now.get() + 5 * SECOND + SPARE);
    assert_eq!(room.enter(&fetcher, 1, &both, None, "a"), Next::Wait);
    fetcher.tick();
    let second = world.calls.borrow().iter().position(|(_, uri)| uri.ends_with("/1")).unwrap();
    fetcher.answered(second as u32, &set(&["1"]));
    room.wake(&fetcher);
    assert_eq!(room.next(), Some(Woken { id: 1, deadline, with: "a" }));
}

#[test]
fn one_issuer_that_does_not_answer_leaves_room_for_the_others() {
    let (_, fetcher, waits, room) = room(3, 100);
    let admitted = |wait: &Wait, from: u32| {
        (from..from + 200).filter(|id| room.enter(&fetcher, *id, wait, None, "") == Next::Wait).count()
    };
    assert_eq!(admitted(&waits[0], 0), 50);
    assert_eq!(admitted(&waits[1], 1000), 25);
    assert_eq!(admitted(&waits[2], 2000), 13);
    assert_eq!(room.enter(&fetcher, 9999, &waits[0], None, "x"), Next::GiveUp("x"));
}

#[test]
fn bodies_have_a_limit_of_their_own_and_requests_without_one_do_not_count() {
    let (_, fetcher, waits, room) = room(3, 10_000);
    let admitted = |set: usize, body: u64, from: u32| {
        let wait = Wait { body, ..waits[set].clone() };
        (from..from + 200).filter(|id| room.enter(&fetcher, *id, &wait, None, "") == Next::Wait).count()
    };
    assert_eq!(admitted(0, 10, 0), 50, "half of 1,000 bytes");
    assert_eq!(admitted(1, 100, 1000), 3, "half of the 500 that are left, and the one that crosses it");
    assert_eq!(admitted(2, 1_001, 2000), 0);
    assert_eq!(admitted(2, 0, 3000), 200);
    assert!((0..50).all(|id| room.leave(id)));
    assert_eq!(admitted(2, 700, 4000), 1);
}

#[test]
fn a_body_counts_with_its_length_as_far_as_a_proxy_reads_it() {
    let with = |length: &str| expected_body(&FakeRequest::get("/").with("content-length", length));
    assert_eq!(["0", "17", "2097152", "2097153", "99999999999999999999"].map(with), [0, 17, 2 << 20, 2 << 20, 2 << 20]);
    assert_eq!(["", "-1", "1,1", "x"].map(with), [2 << 20; 4]);
    assert_eq!(expected_body(&FakeRequest::get("/")), 2 << 20);
}

#[test]
fn a_request_that_has_gone_away_is_not_woken() {
    let (world, fetcher, waits, room) = room(1, 100);
    for id in 0..3 {
        room.enter(&fetcher, id, &waits[0], None, "");
    }
    room.leave(0);
    world.pass(5 * SECOND + SPARE);
    room.wake(&fetcher);
    room.leave(1);
    assert_eq!(ids(&room), [2]);
}

#[test]
fn all_are_dismissed_at_the_end() {
    let (_, fetcher, waits, room) = room(1, 100);
    room.enter(&fetcher, 1, &waits[0], None, "a");
    room.enter(&fetcher, 2, &waits[0], None, "b");
    assert_eq!(room.dismiss(), [(1, "a"), (2, "b")]);
    assert_eq!(room.enter(&fetcher, 3, &waits[0], None, "late"), Next::GiveUp("late"));
    room.wake(&fetcher);
    assert_eq!(ids(&room), [0; 0]);
}

#[test]
fn a_room_for_none_lets_nobody_wait() {
    let (_, fetcher, waits, room) = room(1, 0);
    assert_eq!(room.enter(&fetcher, 1, &waits[0], None, "a"), Next::GiveUp("a"));
}

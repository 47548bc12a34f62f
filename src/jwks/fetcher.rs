//! A worker's part in keeping key sets fresh.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ptr,
    sync::Arc,
    time::Duration,
};

use prost::Message;

use super::{
    Answer, FetchError, Fetched, Judged, Kind, Millis, Need, PassedOver, Seen, Source, Uri,
    schedule::{Schedule, lease_time},
};

/// How often a change of what workers share is tried again after another worker was faster.
const MAX_CONTENTION: usize = 16;
/// How many requests of a worker's are under way at a time. Thousands of sets that are due at once, as at the start, must not
/// overflow what the host lets pass.
const MAX_CALLS: usize = 16;

/// How old a set may be that a new configuration starts with. An older one is fetched again: whoever changes the
/// configuration may have withdrawn a key just before.
const RECENT: Millis = 10_000;
/// How long a new configuration does without a set that it fetches again. An issuer that is slow must not take a good set out
/// of use for longer.
const DOUBT: Millis = 1_000;

/// What the fetcher asks of a host.
pub trait KeySetHost {
    /// The time.
    fn now(&self) -> Millis;

    /// A number drawn by chance.
    fn chance(&self) -> u64;

    /// A value that all workers share, with the number of its last change.
    fn shared(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)>;

    /// Changes such a value, unless it was changed since the numbered change; whether it did.
    fn share(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> bool;

    /// Keeps a shared value, there or still to come, while this worker lives, on a host that forgets what nobody uses.
    fn keep(&self, _name: &str) {}

    /// Sends a GET request, with `If-None-Match` where there is a validator. The number that its answer comes with, or `None`
    /// when it cannot be sent.
    fn get(&self, cluster: &str, uri: &Uri, etag: Option<&str>, timeout: Duration) -> Option<u32>;

    /// Is told what became of a fetch.
    fn report(&self, source: &Source, event: &Event);
}

/// What became of a fetch.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// A set arrived.
    Arrived {
        /// How many keys or entries it has.
        count: usize,
        /// Whether it differs from the one before.
        is_new: bool,
        /// The keys that are left out.
        passed_over: PassedOver,
    },
    /// None arrived.
    Failed {
        /// Why.
        error: FetchError,
        /// When the next attempt follows.
        retry_in: Duration,
    },
}

impl Event {
    /// Every [`name`](Self::name) there is, with the name of its counter, by what is fetched.
    pub const COUNTERS: [(Kind, &'static str, &'static str); 11] = [
        (Kind::KeySet, "success", "jwt_auth.key_set_fetch.success"),
        (Kind::KeySet, "empty", "jwt_auth.key_set_fetch.empty"),
        (Kind::KeySet, "unreachable", "jwt_auth.key_set_fetch.unreachable"),
        (Kind::KeySet, "status", "jwt_auth.key_set_fetch.status"),
        (Kind::KeySet, "too_large", "jwt_auth.key_set_fetch.too_large"),
        (Kind::KeySet, "invalid", "jwt_auth.key_set_fetch.invalid"),
        (Kind::RevocationList, "success", "jwt_auth.revocation_list_fetch.success"),
        (Kind::RevocationList, "unreachable", "jwt_auth.revocation_list_fetch.unreachable"),
        (Kind::RevocationList, "status", "jwt_auth.revocation_list_fetch.status"),
        (Kind::RevocationList, "too_large", "jwt_auth.revocation_list_fetch.too_large"),
        (Kind::RevocationList, "invalid", "jwt_auth.revocation_list_fetch.invalid"),
    ];

    /// What became of it, as metrics name it.
    pub fn name(&self, kind: Kind) -> &'static str {
        match self {
            Self::Arrived { count: 0, .. } if kind == Kind::KeySet => "empty",
            Self::Arrived { .. } => "success",
            Self::Failed { error, .. } => error.name(),
        }
    }
}

/// What a request should do that needs something of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Ask the set again: it has changed since.
    TryAgain,
    /// Wait until more fetches have [ended](Fetcher::ended) than these.
    Wait(u64),
    /// Do without.
    GiveUp,
}

/// Fetches the key sets of a worker, or takes them from the worker that did.
pub struct Fetcher<H> {
    host: H,
    sets: Vec<Tracked>,
    calls: RefCell<BTreeMap<u32, Call>>,
}

/// A set, with what this worker knows of it.
struct Tracked {
    remote: Arc<dyn Fetched>,
    schedule_name: String,
    text_name: String,
    version: Cell<u64>,
    ended: Cell<u64>,
    doubt: Cell<Option<Doubt>>,
    newer_wanted: Cell<bool>,
    is_waited_for: Cell<bool>,
}

/// A set that is there does not count for a new configuration until one more fetch than these has ended, or this time.
#[derive(Clone, Copy)]
struct Doubt {
    ended: u64,
    since: Millis,
}

/// A request that is under way, or was until then: not every host answers each.
struct Call {
    set: usize,
    holder: u64,
    stage: Stage,
    until: Millis,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Metadata,
    KeySet,
}

/// What a request was sent for.
#[derive(Debug)]
pub struct Asked {
    remote: Arc<dyn Fetched>,
    stage: Stage,
}

/// What an answer brings.
#[derive(Debug)]
pub enum Brought {
    /// Where the key set is.
    Location(Uri),
    /// Nothing newer than what is there.
    Nothing,
    /// A set, or a list.
    Content(Judged),
}

impl Asked {
    /// Judges the answer. With a long list that takes a while; it needs no fetcher, so nobody has to wait for it.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn judge(&self, answer: &Answer) -> Result<Brought, FetchError> {
        match (self.stage, &self.remote.source().issuer) {
            (Stage::Metadata, Some(issuer)) => answer.jwks_uri(issuer).map(Brought::Location),
            _ if answer.is_not_modified() => Ok(Brought::Nothing),
            _ => {
                let body = answer.body(self.remote.max_bytes())?;
                self.remote.judge(body).map(Brought::Content)
            }
        }
    }
}

impl<H: KeySetHost> Fetcher<H> {
    /// Makes sure that there is something to share, so that no two workers can both think that they were the first.
    pub fn new(sets: impl IntoIterator<Item = Arc<dyn Fetched>>, host: H) -> Self {
        let sets: Vec<Tracked> = sets.into_iter().map(Tracked::new).collect();
        let fetcher = Self { host, sets, calls: RefCell::default() };
        for set in &fetcher.sets {
            fetcher.host.keep(&set.text_name);
            match fetcher.host.shared(&set.schedule_name) {
                None => {
                    fetcher.host.share(&set.text_name, &[], None);
                    fetcher.host.share(&set.schedule_name, &Schedule::default().encode_to_vec(), None);
                }
                Some(_) => fetcher.take_stock(set),
            }
        }
        fetcher
    }

    /// Notes that what is there has to be fetched again, unless that was done or tried just now. Before that, a key set does not
    /// count; a list of revoked tokens does at once: without it, none would be revoked.
    fn take_stock(&self, set: &Tracked) {
        let (now, schedule) = (self.host.now(), self.schedule(set).0);
        let is_recent = now.checked_sub(schedule.fetched_at).is_some_and(|age| age < RECENT);
        let is_doubtful = !is_recent && !schedule.is_backing_off(now);
        match set.source().kind {
            Kind::KeySet if is_doubtful => set.doubt.set(Some(Doubt { ended: schedule.ended, since: now })),
            Kind::KeySet => {}
            Kind::RevocationList => {
                self.sync(set, now);
                set.newer_wanted.set(is_doubtful);
            }
        }
    }

    /// Whether every set is there, or known not to be.
    pub fn is_settled(&self) -> bool {
        self.sets.iter().all(|set| set.ended.get() > 0 && set.doubt.get().is_none() && !set.newer_wanted.get())
    }

    /// The host.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Takes what other workers fetched, and fetches what is due: first the sets that a request waits for. Called every now
    /// and then.
    pub fn tick(&self) {
        let now = self.host.now();
        self.calls.borrow_mut().retain(|_, call| call.until > now);
        for is_waited_for in [true, false] {
            let sets = self.sets.iter().enumerate().filter(|(_, set)| set.is_waited_for.get() == is_waited_for);
            sets.for_each(|(at, set)| self.look_after(at, set));
        }
    }

    fn look_after(&self, at: usize, set: &Tracked) {
        let now = self.host.now();
        let schedule = self.sync(set, now);
        let is_due = self.is_due(set, &schedule, now);
        if is_due && self.calls.borrow().len() >= MAX_CALLS {
            return;
        }
        set.is_waited_for.set(false);
        if is_due {
            self.start(at, set, now);
        } else if !schedule.is_leased(now) {
            set.newer_wanted.set(false);
        }
    }

    /// What a request was sent for; `None` for one that is no longer waited for.
    pub fn asked(&self, call: u32) -> Option<Asked> {
        let calls = self.calls.borrow();
        let call = calls.get(&call)?;
        Some(Asked { remote: Arc::clone(&self.sets.get(call.set)?.remote), stage: call.stage })
    }

    /// Takes the answer to a request that was sent.
    pub fn answered(&self, call: u32, answer: &Answer) {
        if let Some(asked) = self.asked(call) {
            self.take(call, answer, asked.judge(answer));
        }
    }

    /// Takes an answer that was [judged](Asked::judge).
    pub fn take(&self, call: u32, answer: &Answer, brought: Result<Brought, FetchError>) {
        let Some(Call { set: at, holder, .. }) = self.calls.borrow_mut().remove(&call) else { return };
        let Some(set) = self.sets.get(at) else { return };
        match brought {
            Ok(Brought::Location(uri)) => self.send(at, set, holder, &uri, Stage::KeySet),
            Ok(Brought::Nothing) => self.stand(set, holder, answer),
            Ok(Brought::Content(judged)) => self.succeed(set, holder, answer, judged),
            Err(error) => self.fail(set, holder, error),
        }
    }

    /// What a request should do that needs something of a set that it has seen.
    pub fn advise(&self, seen: &Seen) -> Advice {
        let Some(set) = self.find(&*seen.set) else { return Advice::GiveUp };
        let now = self.host.now();
        let schedule = self.sync(set, now);
        if seen.has_changed() {
            return Advice::TryAgain;
        }
        let need = seen.set.need();
        let is_under_way = schedule.is_leased(now);
        let may_start = !schedule.is_backing_off(now)
            && match need {
                Need::Set => true,
                Need::Kid => schedule.may_refetch(now),
            };
        if !is_under_way && !may_start {
            return Advice::GiveUp;
        }
        if !is_under_way && need == Need::Kid {
            set.newer_wanted.set(true);
        }
        set.is_waited_for.set(true);
        Advice::Wait(schedule.ended)
    }

    /// How many fetches of a set have ended, as far as this worker knows.
    pub fn ended(&self, remote: &dyn Fetched) -> u64 {
        self.find(remote).map_or(u64::MAX, |set| set.ended.get())
    }

    /// How many bytes the answer to a request may have.
    pub fn max_bytes(&self, call: u32) -> usize {
        let calls = self.calls.borrow();
        let set = calls.get(&call).and_then(|call| self.sets.get(call.set));
        set.map_or(0, |set| set.remote.max_bytes())
    }

    /// Gives up the leases of what this worker was fetching, when it ends.
    pub fn release(&self) {
        for (_, call) in self.calls.take() {
            let Some(set) = self.sets.get(call.set) else { continue };
            self.update(set, |schedule| (schedule.holder == call.holder).then(|| schedule.release()));
        }
    }

    fn find(&self, remote: &dyn Fetched) -> Option<&Tracked> {
        self.sets.iter().find(|set| ptr::addr_eq(&raw const *set.remote, remote))
    }

    fn is_due(&self, set: &Tracked, schedule: &Schedule, now: Millis) -> bool {
        // A set that is said to be there and cannot be read is fetched anew.
        // Neither does one count that has not been fetched for this configuration.
        let is_lost = set.remote.need() == Need::Set && !schedule.is_leased(now);
        schedule.is_due(now, set.source(), set.newer_wanted.get()) || (is_lost && !schedule.is_backing_off(now))
    }

    /// Takes over what is shared of a set.
    fn sync(&self, set: &Tracked, now: Millis) -> Schedule {
        let schedule = self.schedule(set).0;
        if set.ended.replace(schedule.ended) != schedule.ended {
            // Whoever still lacks a key after this fetch asks again.
            set.newer_wanted.set(false);
        }
        set.dispel_doubt(now);
        set.remote.set_retry_at(schedule.more_at(now));
        if schedule.is_missing(now, set.source()) || set.doubt.get().is_some() {
            set.remote.forget();
            set.version.set(0);
            return schedule;
        }
        if schedule.version != set.version.get() {
            self.load(set, schedule.version);
        }
        if schedule.version == set.version.get() {
            // A time that is ahead comes from a clock that was put back.
            set.remote.set_fetched_at(if schedule.fetched_at > now { 0 } else { schedule.fetched_at });
        }
        schedule
    }

    fn schedule(&self, set: &Tracked) -> (Schedule, Option<u32>) {
        let (bytes, change) = self.host.shared(&set.schedule_name).unwrap_or_default();
        (Schedule::decode(bytes.as_slice()).unwrap_or_default(), change)
    }

    /// Takes the keys of a version, unless the text that is shared is that of another: whoever wrote it came too late, or
    /// has yet to say so.
    fn load(&self, set: &Tracked, version: u64) {
        let Some((_, text)) = self.text(set).filter(|(own, _)| *own == version) else { return };
        if set.remote.load(text) {
            set.version.set(version);
        }
    }

    /// The text of the set that arrived last, with the number of its version.
    fn text(&self, set: &Tracked) -> Option<(u64, Vec<u8>)> {
        let (mut bytes, _) = self.host.shared(&set.text_name)?;
        let version = *bytes.first_chunk()?;
        bytes.drain(..size_of_val(&version));
        Some((u64::from_le_bytes(version), bytes))
    }

    /// Changes what is shared, if `change` gives something, and gives that.
    fn update<T>(&self, set: &Tracked, change: impl Fn(&mut Schedule) -> Option<T>) -> Option<T> {
        for _ in 0..MAX_CONTENTION {
            let (mut schedule, number) = self.schedule(set);
            let result = change(&mut schedule)?;
            if self.host.share(&set.schedule_name, &schedule.encode_to_vec(), number) {
                set.ended.set(schedule.ended);
                set.remote.set_retry_at(schedule.retry_at);
                return Some(result);
            }
        }
        None
    }

    fn start(&self, at: usize, set: &Tracked, now: Millis) {
        let holder = self.host.chance();
        let for_kid = set.newer_wanted.get();
        let leased = self.update(set, |schedule| {
            self.is_due(set, schedule, now).then(|| schedule.lease(now, set.source(), holder, for_kid))
        });
        if leased.is_some() {
            set.newer_wanted.set(false);
            let stage = if set.source().issuer.is_some() { Stage::Metadata } else { Stage::KeySet };
            self.send(at, set, holder, &set.source().uri, stage);
        }
    }

    fn send(&self, at: usize, set: &Tracked, holder: u64, uri: &Uri, stage: Stage) {
        // What this worker does not have it must be sent.
        let schedule = self.schedule(set).0;
        let has_it = matches!(stage, Stage::KeySet) && set.has(&schedule);
        let etag = Some(schedule.etag).filter(|etag| has_it && !etag.is_empty());
        match self.host.get(&set.source().cluster, uri, etag.as_deref(), set.source().timeout) {
            Some(call) => {
                let until = self.host.now().saturating_add(lease_time(set.source()));
                self.calls.borrow_mut().insert(call, Call { set: at, holder, stage, until });
            }
            None => self.fail(set, holder, FetchError::NotSent),
        }
    }

    /// Shares a set that arrived. One that comes too late, when another worker has the lease, is left to that worker.
    fn succeed(&self, set: &Tracked, holder: u64, answer: &Answer, judged: Judged) {
        let Some(is_new) = self.put_text(set, holder, &judged.shared) else {
            return self.fail(set, holder, FetchError::NotShared);
        };
        let etag = answer.validator().unwrap_or_default();
        self.conclude(set, holder, answer, Some(etag), judged.arrived(is_new));
    }

    /// Shares the text of a set, unless it is the one that is shared; whether it is another. `None` if that cannot be done, or
    /// another worker has the lease: who has lost it does not replace what the next holder writes.
    fn put_text(&self, set: &Tracked, holder: u64, text: &[u8]) -> Option<bool> {
        for _ in 0..MAX_CONTENTION {
            // In this order: what a later holder writes is a change since.
            let (shared, number) = self.host.shared(&set.text_name).unwrap_or_default();
            let Schedule { holder: current, version, .. } = self.schedule(set).0;
            if current != holder {
                return None;
            }
            let is_same = shared.strip_prefix(&version.to_le_bytes()) == Some(text);
            // It may be large, and so is what follows.
            drop(shared);
            if is_same {
                return Some(false);
            }
            let next = [&version.saturating_add(1).to_le_bytes(), text].concat();
            if self.host.share(&set.text_name, &next, number) {
                return Some(true);
            }
        }
        None
    }

    /// Notes that the server has nothing newer. That is an answer only to whoever has named what he has.
    fn stand(&self, set: &Tracked, holder: u64, answer: &Answer) {
        let schedule = self.schedule(set).0;
        if schedule.etag.is_empty() || !set.has(&schedule) {
            return self.fail(set, holder, FetchError::Status(304));
        }
        let same = Judged { shared: Vec::new(), count: set.remote.count(), passed_over: PassedOver::default() };
        self.conclude(set, holder, answer, None, same.arrived(false));
    }

    /// Notes that a fetch has succeeded, with the validator of what it brought, unless that is the one before.
    fn conclude(&self, set: &Tracked, holder: u64, answer: &Answer, etag: Option<&str>, event: Event) {
        let is_new = matches!(event, Event::Arrived { is_new: true, .. });
        let (now, chance) = (self.host.now(), fraction(self.host.chance()));
        let shared = self.update(set, |schedule| {
            (schedule.holder == holder).then(|| {
                if let Some(etag) = etag {
                    etag.clone_into(&mut schedule.etag);
                }
                schedule.succeed(now, set.source(), answer.max_age(), is_new, chance);
            })
        });
        if shared.is_some() {
            self.sync(set, now);
            self.host.report(set.source(), &event);
        }
    }

    fn fail(&self, set: &Tracked, holder: u64, error: FetchError) {
        let (now, chance) = (self.host.now(), fraction(self.host.chance()));
        let failed = self.update(set, |schedule| (schedule.holder == holder).then(|| schedule.fail(now, chance)));
        if let Some(retry_in) = failed {
            self.host.report(set.source(), &Event::Failed { error, retry_in });
        }
    }
}

impl Tracked {
    fn new(remote: Arc<dyn Fetched>) -> Self {
        let name = remote.source().shared_name();
        // What arrives counts as old until it is known when it was fetched.
        remote.set_fetched_at(0);
        Self {
            remote,
            schedule_name: format!("{name} schedule"),
            text_name: format!("{name} text"),
            version: Cell::new(0),
            ended: Cell::new(0),
            doubt: Cell::new(None),
            newer_wanted: Cell::new(false),
            is_waited_for: Cell::new(false),
        }
    }

    /// Whether this worker has the version that is shared.
    fn has(&self, schedule: &Schedule) -> bool {
        self.remote.need() != Need::Set && self.version.get() == schedule.version
    }

    /// Ends the doubt about the set once a fetch has ended, or the time is up.
    fn dispel_doubt(&self, now: Millis) {
        let is_over = |doubt: Doubt| {
            doubt.ended != self.ended.get() || now.checked_sub(doubt.since).is_none_or(|passed| passed >= DOUBT)
        };
        if self.doubt.get().is_some_and(is_over) {
            self.doubt.set(None);
        }
    }

    fn source(&self) -> &Source {
        self.remote.source()
    }
}

/// A number drawn by chance, as one from 0 to 1.
fn fraction(number: u64) -> f64 {
    number as f64 / u64::MAX as f64
}

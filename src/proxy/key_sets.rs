//! Key sets over the host: its clock, its shared data, its HTTP calls; and the requests that wait for a set.

use std::{cell::RefCell, collections::BTreeSet, mem, rc::Rc, time::Duration};

use log::debug;

use super::{
    abi::{self, BufferType, MapType, MetricType},
    host::{self, Ticker},
};
use crate::{
    authenticate::Pending,
    config::Config,
    jwks::{Answer, Event, Fetcher, KeySetHost, Kind, Millis, Next, Source, Uri, WaitingRoom, Woken},
    observe::FetchLog,
};

/// How often counters go to the host, and a worker looks whether another one has fetched a key set.
const TICK: Duration = Duration::from_secs(1);
/// How often a worker looks whether another one has fetched something, while requests wait, or sets are still to arrive.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// How long after a portion of woken requests the next one follows. In between, the worker does all else.
const BACKLOG_TICK: Duration = Duration::from_millis(2);
/// How long a portion of woken requests may take: what another listener of the worker waits for at most, beside one request.
const PORTION: Millis = 2;

/// The key sets of a worker that are fetched.
pub(super) struct KeySets {
    plugin_id: u32,
    is_in_envoy: bool,
    fetcher: Fetcher<Host>,
    room: WaitingRoom<Pending>,
    resumed: RefCell<BTreeSet<u32>>,
    answers: RefCell<Vec<(u32, Answer)>>,
    ticker: Rc<Ticker>,
}

impl KeySets {
    pub(super) fn new(plugin_id: u32, config: &Config, is_in_envoy: bool, ticker: Rc<Ticker>) -> Self {
        let key_sets = Self {
            plugin_id,
            is_in_envoy,
            fetcher: Fetcher::new(config.fetched(), Host::new(is_in_envoy)),
            room: WaitingRoom::new(config.waiting),
            resumed: RefCell::default(),
            answers: RefCell::default(),
            ticker,
        };
        key_sets.choose_tick();
        key_sets
    }

    /// The time.
    pub(super) fn now(&self) -> Millis {
        self.fetcher.host().now()
    }

    /// Takes a request up that needs a set, unless waiting is of no use. It never is where a request cannot be taken up
    /// again: only in Envoy is another context's turn more than a word.
    pub(super) fn wait(&self, context_id: u32, pending: Pending, deadline: Option<Millis>) -> Next<Pending> {
        if !self.is_in_envoy {
            return Next::GiveUp(pending);
        }
        let next = self.room.enter(&self.fetcher, context_id, &pending.wait(), deadline, pending);
        if matches!(next, Next::Wait) {
            debug!("a request waits for a key set");
            self.choose_tick();
        }
        next
    }

    /// Lets a request go on that has waited.
    pub(super) fn resume(&self, context_id: u32) {
        self.resumed.borrow_mut().insert(context_id);
        host::resume();
    }

    /// Whether a request that was paused has been let go on.
    pub(super) fn has_resumed(&self, context_id: u32) -> bool {
        self.resumed.borrow().contains(&context_id)
    }

    /// Forgets a request that has gone away.
    pub(super) fn forget(&self, context_id: u32) {
        self.room.leave(context_id);
        self.resumed.borrow_mut().remove(&context_id);
    }

    /// Does what is due.
    pub(super) fn tick(&self) {
        for (call, answer) in mem::take(&mut *self.answers.borrow_mut()) {
            self.fetcher.answered(call, &answer);
        }
        self.fetcher.tick();
        self.fetcher.host().log.tell_left_out(|| self.now() / 1000);
    }

    /// Takes the answer to a request of the fetcher's. The host has it ready, with so many headers and bytes of body.
    /// It may ask for another request, which is sent from the next tick where not every host takes it here.
    pub(super) fn answered(&self, call: u32, headers: usize, size: usize) {
        let answer = Host::answer(headers, size, self.fetcher.max_bytes(call));
        if self.is_in_envoy {
            self.fetcher.answered(call, &answer);
        } else {
            self.answers.borrow_mut().push((call, answer));
        }
    }

    /// Wakes the requests that may go on, and has a portion of those that were woken do so.
    pub(super) fn wake(&self, go_on: impl Fn(Woken<Pending>)) {
        self.room.wake(&self.fetcher);
        let start = self.fetcher.host().now();
        let mut now = start;
        while now.saturating_sub(start) < PORTION {
            let Some(woken) = self.room.next() else { break };
            go_on(woken);
            now = self.fetcher.host().now();
        }
        self.choose_tick();
    }

    /// All requests that wait, which then wait no longer.
    pub(super) fn dismiss(&self) -> Vec<(u32, Pending)> {
        self.room.dismiss()
    }

    /// Runs something for another context; not at all when that is gone.
    pub(super) fn on_behalf_of(&self, context_id: u32, run: impl FnOnce()) {
        if abi::set_effective_context(context_id).is_ok() {
            run();
            _ = abi::set_effective_context(self.plugin_id);
        }
    }

    /// Ticks fast only while somebody waits for it.
    fn choose_tick(&self) {
        let tick = if !self.is_in_envoy {
            TICK
        } else if self.room.has_woken() {
            BACKLOG_TICK
        } else if !self.fetcher.is_settled() || !self.room.is_empty() {
            BUSY_TICK
        } else {
            TICK
        };
        self.ticker.set(tick, self.is_in_envoy);
    }

    /// Lets other workers fetch what this one was fetching.
    pub(super) fn release(&self) {
        self.fetcher.release();
    }
}

/// The host, as the fetcher sees it.
struct Host {
    is_in_envoy: bool,
    fetches: [(Kind, &'static str, Option<u32>); Event::COUNTERS.len()],
    log: FetchLog,
}

impl Host {
    fn new(is_in_envoy: bool) -> Self {
        let define = |(kind, result, name)| (kind, result, abi::define_metric(MetricType::Counter, name).ok());
        Self { is_in_envoy, fetches: Event::COUNTERS.map(define), log: FetchLog::default() }
    }

    fn count(&self, kind: Kind, event: &Event) {
        let counter = self.fetches.iter().find(|(of, name, _)| *of == kind && *name == event.name(kind));
        _ = counter.and_then(|(.., id)| *id).map(|id| abi::increment_metric(id, 1));
    }

    /// The answer that the host is calling about. One that broke off has no headers.
    fn answer(headers: usize, size: usize, max_bytes: usize) -> Answer {
        if headers == 0 {
            return Answer::default();
        }
        let header = |name| {
            let value = abi::header(MapType::CallResponseHeaders, name).ok().flatten()?;
            String::from_utf8(value).ok()
        };
        let body = if size > max_bytes { None } else { abi::buffer(BufferType::CallResponseBody, size).ok() };
        Answer {
            status: header(":status").and_then(|status| status.parse().ok()),
            cache_control: header("cache-control"),
            etag: header("etag"),
            size,
            body: body.unwrap_or_default(),
        }
    }
}

impl KeySetHost for Host {
    fn now(&self) -> Millis {
        abi::now().ok().and_then(|since_epoch| u64::try_from(since_epoch.as_millis()).ok()).unwrap_or(0)
    }

    fn chance(&self) -> u64 {
        // The time stands in for a host without chance: two workers seldom ask for it within the same nanosecond.
        abi::random().unwrap_or_else(|_| abi::now().map_or(0, |since_epoch| u64::from(since_epoch.subsec_nanos())))
    }

    fn shared(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        let (value, change) = abi::shared_data(name).ok()?;
        Some((value, Some(change)))
    }

    fn share(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> bool {
        let Some(change) = unless_changed_since else {
            // Envoy takes 0 for any change, and other hosts for none so far.
            let change = if self.is_in_envoy { 0 } else { abi::shared_data(name).map_or(0, |(_, change)| change) };
            return abi::set_shared_data(name, value, change).is_ok();
        };
        abi::set_shared_data(name, value, change).is_ok()
    }

    fn get(&self, cluster: &str, uri: &Uri, etag: Option<&str>, timeout: Duration) -> Option<u32> {
        abi::http_call(cluster, &uri.request_headers(etag), timeout).ok()
    }

    fn report(&self, source: &Source, event: &Event) {
        self.count(source.kind, event);
        self.log.tell(source, event, self.now() / 1000);
    }
}

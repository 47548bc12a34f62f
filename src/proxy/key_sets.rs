//! Key sets over the host: its clock, its shared data, its HTTP calls; and the requests that wait for a set.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, UNIX_EPOCH},
};

use ::log::{debug, info, warn};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, MapType, MetricType},
};

use crate::{
    authenticate::Pending,
    config::Config,
    jwks::{Answer, Event, FetchError, Fetcher, KeySetHost, MAX_BYTES, Millis, Next, Source, Uri, WaitingRoom, Woken},
    observe::Throttle,
};

/// How often a worker looks whether another one has fetched something, while requests wait, or sets are still to arrive.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// How many lines about fetches a worker logs in a second. An outage of thousands of issuers is one event.
const LINES_PER_SECOND: u32 = 20;
/// How long after a portion of woken requests the next one follows. In between, the worker does all else.
const BACKLOG_TICK: Duration = Duration::from_millis(5);
/// How long a portion of woken requests may take: what another listener of the worker waits for at most, beside one request.
const PORTION: Millis = 5;

/// The key sets of a worker that are fetched.
pub(super) struct KeySets {
    root_id: u32,
    fetcher: Fetcher<Host>,
    room: WaitingRoom<Pending>,
    tick: Cell<Duration>,
}

impl KeySets {
    pub(super) fn new(root_id: u32, config: &Config) -> Self {
        let fetcher = Fetcher::new(config.credentials.remote().cloned(), Host::new());
        let room = WaitingRoom::new(config.max_waiting_requests);
        let key_sets = Self { root_id, fetcher, room, tick: Cell::default() };
        key_sets.choose_tick();
        key_sets
    }

    /// The time.
    pub(super) fn now(&self) -> Millis {
        self.fetcher.host().now()
    }

    /// Whether the request waits for a set.
    pub(super) fn waits(&self, context_id: u32) -> bool {
        self.room.holds(context_id)
    }

    /// Takes a request up that needs a set, unless waiting is of no use.
    pub(super) fn wait(&self, context_id: u32, pending: Pending, deadline: Option<Millis>) -> Next<Pending> {
        let next = self.room.enter(&self.fetcher, context_id, &pending.wait(), deadline, pending);
        if matches!(next, Next::Wait) {
            debug!("a request waits for a key set");
            self.choose_tick();
        }
        next
    }

    /// Forgets a request that has gone away.
    pub(super) fn forget(&self, context_id: u32) {
        self.room.leave(context_id);
    }

    /// Does what is due.
    pub(super) fn tick(&self) {
        self.fetcher.tick();
    }

    /// Takes the answer to a request of the fetcher's. The host has it ready, with so many headers and bytes of body.
    pub(super) fn answered(&self, call: u32, headers: usize, size: usize) {
        self.fetcher.answered(call, &Host::answer(headers, size));
    }

    /// Wakes the requests that may go on, and has a portion of those that were woken do so.
    pub(super) fn wake(&self, go_on: impl Fn(Woken<Pending>)) {
        self.room.wake(&self.fetcher);
        let start = self.fetcher.host().now();
        let mut now = start;
        while now.saturating_sub(start) < PORTION {
            let Some(woken) = self.room.next(now) else { break };
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
        if hostcalls::set_effective_context(context_id).is_ok() {
            run();
            _ = hostcalls::set_effective_context(self.root_id);
        }
    }

    /// Ticks fast only while somebody waits for it.
    fn choose_tick(&self) {
        let tick = if self.room.has_woken() {
            BACKLOG_TICK
        } else if !self.fetcher.is_settled() || !self.room.is_empty() {
            BUSY_TICK
        } else {
            super::TICK
        };
        if self.tick.replace(tick) != tick {
            _ = hostcalls::set_tick_period(tick);
        }
    }

    /// Lets other workers fetch what this one was fetching.
    pub(super) fn release(&self) {
        self.fetcher.release();
    }
}

/// The host, as the fetcher sees it.
struct Host {
    fetches: Vec<(&'static str, Option<u32>)>,
    lines: Throttle,
}

impl Host {
    const SUCCESS: &'static str = "success";
    const EMPTY: &'static str = "empty";

    fn new() -> Self {
        let results = [Self::SUCCESS, Self::EMPTY].into_iter().chain(FetchError::NAMES);
        let define = |result| {
            let name = format!("jwt_auth.key_set_fetch.{result}");
            (result, hostcalls::define_metric(MetricType::Counter, &name).ok())
        };
        Self { fetches: results.map(define).collect(), lines: Throttle::new(LINES_PER_SECOND) }
    }

    fn count(&self, result: &str) {
        let counter = self.fetches.iter().find(|(name, _)| *name == result).and_then(|(_, id)| *id);
        _ = counter.map(|id| hostcalls::increment_metric(id, 1));
    }

    /// The answer that the host is calling about. One that broke off has no headers: asking for them is then an error,
    /// on which the SDK panics.
    fn answer(headers: usize, size: usize) -> Answer {
        if headers == 0 {
            return Answer::default();
        }
        let header = |name| {
            let value = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name).ok().flatten()?;
            String::from_utf8(value).ok()
        };
        let body =
            if size > MAX_BYTES { None } else { hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size).ok() };
        Answer {
            status: header(":status").and_then(|status| status.parse().ok()),
            cache_control: header("cache-control"),
            size,
            body: body.flatten().unwrap_or_default(),
        }
    }
}

impl KeySetHost for Host {
    fn now(&self) -> Millis {
        let since_epoch = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        since_epoch.and_then(|now| u64::try_from(now.as_millis()).ok()).unwrap_or(0)
    }

    fn chance(&self) -> u64 {
        // Every state is seeded with other random octets of the host's.
        RandomState::new().build_hasher().finish()
    }

    fn shared(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        let (value, number) = hostcalls::get_shared_data(name).ok()?;
        Some((value?, number))
    }

    fn share(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> bool {
        hostcalls::set_shared_data(name, Some(value), unless_changed_since).is_ok()
    }

    fn get(&self, cluster: &str, uri: &Uri, timeout: Duration) -> Option<u32> {
        let path = uri.path_and_query();
        let headers = vec![
            (":method", "GET"),
            (":path", path.as_str()),
            (":authority", uri.authority()),
            ("accept", "application/jwk-set+json, application/json"),
            ("user-agent", "jwt-auth-filter"),
        ];
        hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout).ok()
    }

    fn report(&self, source: &Source, event: &Event) {
        self.count(match event {
            Event::Arrived { keys: 0, .. } => Self::EMPTY,
            Event::Arrived { .. } => Self::SUCCESS,
            Event::Failed { error, .. } => error.name(),
        });
        let now = self.now() / 1000;
        if let Some(count) = self.lines.left_out(now) {
            warn!("key sets: {count} more fetches ended that are not logged one by one; the counters have them all");
        }
        if !self.lines.admits(now) {
            return;
        }
        match event {
            Event::Arrived { is_new: false, .. } => debug!("key set {source}: unchanged"),
            Event::Arrived { keys, passed_over, .. } => {
                let s = if *keys == 1 { "" } else { "s" };
                match keys {
                    0 => warn!("key set {source}: no key that can be used, so its tokens are refused"),
                    _ => info!("key set {source}: {keys} key{s}"),
                }
                if let Some(passed_over) = passed_over {
                    warn!("key set {source}: {passed_over}");
                }
            }
            Event::Failed { error, retry_in } => {
                warn!("key set {source}: {error}; trying again in {:.1} s", retry_in.as_secs_f64());
            }
        }
    }
}

//! Key sets over the host: its clock, its shared data, its HTTP calls; and the requests that wait for a set.

use std::{
    cell::{Cell, RefCell},
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use ::log::{debug, info, warn};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, MapType, MetricType},
};

use crate::{
    jwks::{Advice, Answer, Event, FetchError, Fetcher, KeySetHost, MAX_BYTES, Millis, RemoteKeys, Source, Uri, Wait},
    policy::Credentials,
};

/// How often a worker looks whether another one has fetched something, while requests wait, or sets are still to arrive.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// How many requests of a worker may wait at a time. Those beyond are answered at once.
const MAX_WAITING: usize = 4096;

/// The key sets of a worker that are fetched.
pub(super) struct KeySets {
    root_id: u32,
    fetcher: Fetcher<Host>,
    waiting: RefCell<Vec<Waiting>>,
    tick: Cell<Duration>,
}

/// A request that waits.
struct Waiting {
    context_id: u32,
    keys: Arc<RemoteKeys>,
    ended: u64,
    deadline: Millis,
}

/// A request that has waited long enough, or whose set has changed.
pub(super) struct Woken {
    /// Its context.
    pub(super) context_id: u32,
    /// Until when it may wait on; `None` when the time is up.
    pub(super) deadline: Option<Millis>,
}

/// What a request does next that needs a key set.
pub(super) enum Next {
    /// Decide again.
    TryAgain,
    /// Pause; it will be woken.
    Pause,
    /// Decide without waiting.
    GiveUp,
}

impl KeySets {
    pub(super) fn new(root_id: u32, credentials: &Credentials) -> Self {
        let fetcher = Fetcher::new(credentials.remote().cloned(), Host::new());
        let key_sets = Self { root_id, fetcher, waiting: RefCell::default(), tick: Cell::default() };
        key_sets.choose_tick();
        key_sets
    }

    /// Whether the request waits for a set.
    pub(super) fn waits(&self, context_id: u32) -> bool {
        self.waiting.borrow().iter().any(|waiting| waiting.context_id == context_id)
    }

    /// Takes a request up that needs a set, unless waiting is of no use for any of them.
    pub(super) fn wait(&self, context_id: u32, wait: &Wait, deadline: Option<Millis>) -> Next {
        let is_full = self.waiting.borrow().len() >= MAX_WAITING;
        let mut chosen = None;
        for keys in &wait.sets {
            match self.fetcher.advise(keys, keys.need()) {
                Advice::TryAgain => return Next::TryAgain,
                Advice::Wait(ended) if !is_full => chosen = chosen.or(Some((keys, ended))),
                Advice::Wait(_) | Advice::GiveUp => {}
            }
        }
        let Some((keys, ended)) = chosen else { return Next::GiveUp };
        debug!("a request waits for a key set: {}", keys.source());
        let timeout = u64::try_from(keys.source().timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline = deadline.unwrap_or_else(|| self.fetcher.host().now().saturating_add(timeout));
        self.waiting.borrow_mut().push(Waiting { context_id, keys: Arc::clone(keys), ended, deadline });
        self.choose_tick();
        Next::Pause
    }

    /// Forgets a request that has gone away.
    pub(super) fn forget(&self, context_id: u32) {
        self.waiting.borrow_mut().retain(|waiting| waiting.context_id != context_id);
    }

    /// Does what is due.
    pub(super) fn tick(&self) {
        self.fetcher.tick();
    }

    /// Takes the answer to a request of the fetcher's. The host has it ready, with so many headers and bytes of body.
    pub(super) fn answered(&self, call: u32, headers: usize, size: usize) {
        self.fetcher.answered(call, &Host::answer(headers, size));
    }

    /// The requests that may go on, which then wait no longer.
    pub(super) fn woken(&self) -> Vec<Woken> {
        let now = self.fetcher.host().now();
        let is_over = |it: &Waiting| it.deadline <= now || self.fetcher.ended(&it.keys) > it.ended;
        let mut waiting = self.waiting.borrow_mut();
        let woken = waiting.iter().filter(|it| is_over(it)).map(|it| {
            let deadline = (it.deadline > now).then_some(it.deadline);
            Woken { context_id: it.context_id, deadline }
        });
        let woken = woken.collect();
        waiting.retain(|it| !is_over(it));
        woken
    }

    /// The contexts of all requests that wait, which then wait no longer.
    pub(super) fn dismissed(&self) -> Vec<u32> {
        self.waiting.take().into_iter().map(|waiting| waiting.context_id).collect()
    }

    /// Runs something for another context; not at all when that is gone.
    pub(super) fn on_behalf_of(&self, context_id: u32, run: impl FnOnce()) {
        if hostcalls::set_effective_context(context_id).is_ok() {
            run();
            _ = hostcalls::set_effective_context(self.root_id);
        }
    }

    /// Ticks fast only while somebody waits for it.
    pub(super) fn choose_tick(&self) {
        let is_busy = !self.fetcher.is_settled() || !self.waiting.borrow().is_empty();
        let tick = if is_busy { BUSY_TICK } else { super::TICK };
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
}

impl Host {
    const SUCCESS: &'static str = "success";

    fn new() -> Self {
        let results = [Self::SUCCESS].into_iter().chain(FetchError::NAMES);
        let define = |result| {
            let name = format!("jwt_auth.key_set_fetch.{result}");
            (result, hostcalls::define_metric(MetricType::Counter, &name).ok())
        };
        Self { fetches: results.map(define).collect() }
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
        match event {
            Event::Arrived { keys, is_new, passed_over } => {
                self.count(Self::SUCCESS);
                if !is_new {
                    return debug!("key set {source}: unchanged");
                }
                let s = if *keys == 1 { "" } else { "s" };
                info!("key set {source}: {keys} key{s}");
                if let Some(passed_over) = passed_over {
                    warn!("key set {source}: {passed_over}");
                }
            }
            Event::Failed { error, retry_in } => {
                self.count(error.name());
                warn!("key set {source}: {error}; trying again in {:.1} s", retry_in.as_secs_f64());
            }
        }
    }
}

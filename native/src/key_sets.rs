//! Key sets, fetched once for all workers and configurations from the main thread; and the requests that wait for a set, on their workers.
//!
//! A lock guards what fetches and who waits. A request takes it only when its token cannot be verified with the keys that are
//! there; those are found without a lock.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jwt_auth_filter::{
    config::Config,
    jwks::{Answer, Event, Fetcher, KeySetHost, Millis, Next, Source, Uri, Wait, WaitingRoom},
    observe::FetchLog,
};
use log::{debug, error};

use crate::{
    abi::{ConfigAlarm, FilterConfig, RequestAlarm},
    metrics::Metrics,
    shared_memory::SharedMemory,
};

/// How often the main thread looks after key sets, while nobody waits for one.
const TICK: Duration = Duration::from_secs(1);
/// How often it does so while requests wait, or sets are still to arrive.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// How often it does so while requests that were woken are still to be told.
const BACKLOG_TICK: Duration = Duration::from_millis(1);
/// How many requests are told at a time, once all that were told before have decided. A worker decides about all that it has
/// been told of, also while it decides, before it does anything else.
const PORTION: u32 = 2;

/// What a request that waited is told: to decide again, or to do without.
pub(crate) const DECIDE_AGAIN: u64 = 0;
pub(crate) const GIVE_UP: u64 = 1;

/// The key sets of a configuration that are fetched.
pub(crate) struct KeySets {
    state: Mutex<State>,
    answers: Mutex<Vec<(u32, Answer)>>,
    /// How many requests were told and have yet to decide.
    told: AtomicU32,
    /// None where nothing is fetched.
    timer: Option<Timer>,
}

struct State {
    fetcher: Fetcher<Host>,
    room: WaitingRoom<RequestAlarm>,
}

impl KeySets {
    pub(crate) fn new(envoy: FilterConfig, config: &Config, metrics: Arc<Metrics>) -> Self {
        let fetcher = Fetcher::new(config.fetched(), Host::new(envoy, metrics));
        let room = WaitingRoom::new(config.waiting);
        let is_fetching = config.fetched().next().is_some();
        Self {
            state: Mutex::new(State { fetcher, room }),
            answers: Mutex::default(),
            told: AtomicU32::new(0),
            timer: is_fetching.then(|| Timer::start(envoy.alarm())).flatten(),
        }
    }

    /// Takes a request up that needs a set, unless waiting is of no use. Once more than the wait has to be told, the alarm
    /// rings with [`DECIDE_AGAIN`] or [`GIVE_UP`].
    pub(crate) fn wait(
        &self,
        number: u32,
        wait: &Wait,
        deadline: Option<Millis>,
        alarm: RequestAlarm,
    ) -> Next<RequestAlarm> {
        let state = self.lock();
        let next = state.room.enter(&state.fetcher, number, wait, deadline, alarm);
        if matches!(next, Next::Wait) {
            debug!("a request waits for a key set");
            self.choose_tick(&state);
        }
        next
    }

    /// Notes that a request which was told has decided.
    pub(crate) fn decided(&self) {
        self.told.fetch_sub(1, Ordering::AcqRel);
    }

    /// Forgets a request that has gone away before it has decided.
    pub(crate) fn forget(&self, number: u32) {
        if !self.lock().room.leave(number) {
            self.decided();
        }
    }

    /// Fetches what is due, and wakes the requests that have waited long enough. On the main thread.
    pub(crate) fn tick(&self) {
        let state = self.lock();
        if let Some(timer) = &self.timer {
            timer.clock.has_rung.store(false, Ordering::Release);
        }
        state.fetcher.tick();
        self.take_answers(&state);
    }

    /// Takes the answer to a request of the fetcher's. Envoy may have it ready while the request is still being sent, and the
    /// lock is held: then it is taken right after.
    pub(crate) fn answered(&self, call: u64, answer: Answer) {
        let Ok(call) = u32::try_from(call) else { return };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push((call, answer));
        match self.state.try_lock() {
            Ok(state) => self.take_answers(&state),
            Err(TryLockError::Poisoned(state)) => self.take_answers(&state.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn take_answers(&self, state: &State) {
        loop {
            let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
            if answers.is_empty() {
                break;
            }
            for (call, answer) in answers {
                state.fetcher.answered(call, &answer);
            }
        }
        self.wake(state);
    }

    /// Wakes the requests that may go on, and tells a portion of them. Each decides on its own worker.
    fn wake(&self, state: &State) {
        state.room.wake(&state.fetcher);
        let now = state.fetcher.host().now();
        if self.told.load(Ordering::Acquire) == 0 {
            let portion: Vec<_> = (0..PORTION).map_while(|_| state.room.next(now)).collect();
            self.told.store(portion.len() as u32, Ordering::Release);
            for woken in portion {
                woken.with.ring(if woken.deadline.is_some() { DECIDE_AGAIN } else { GIVE_UP });
            }
        }
        self.choose_tick(state);
    }

    fn choose_tick(&self, state: &State) {
        if let Some(timer) = &self.timer {
            let is_busy = !state.fetcher.is_settled() || !state.room.is_empty();
            timer.choose(match (state.room.has_woken(), is_busy) {
                (true, _) => BACKLOG_TICK,
                (false, true) => BUSY_TICK,
                (false, false) => TICK,
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves nothing half done that a later fetch would not put right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time.
pub(crate) fn now() -> Millis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// A thread that has the main thread look after a configuration now and then. Envoy has no timer for filters.
struct Timer {
    clock: Arc<Clock>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and those that it works for share.
struct Clock {
    period: AtomicU64,
    has_rung: AtomicBool,
    is_over: AtomicBool,
}

impl Timer {
    fn start(alarm: ConfigAlarm) -> Option<Self> {
        let millis = BUSY_TICK.as_millis() as u64;
        let clock =
            Clock { period: AtomicU64::new(millis), has_rung: AtomicBool::new(false), is_over: AtomicBool::new(false) };
        let clock = Arc::new(clock);
        let run = {
            let clock = Arc::clone(&clock);
            move || clock.run(&alarm)
        };
        let thread = thread::Builder::new().name("jwt_auth".to_owned()).spawn(run);
        let thread = thread.inspect_err(|error| error!("no thread for key sets, which stay as they are: {error}"));
        Some(Self { clock, thread: Some(thread.ok()?) })
    }

    fn choose(&self, period: Duration) {
        let millis = period.as_millis() as u64;
        if self.clock.period.swap(millis, Ordering::Relaxed) > millis {
            self.thread.iter().for_each(|thread| thread.thread().unpark());
        }
    }
}

impl Clock {
    /// Rings until it is over. What has not yet been heard is not rung again.
    fn run(&self, alarm: &ConfigAlarm) {
        while !self.is_over.load(Ordering::Acquire) {
            if !self.has_rung.swap(true, Ordering::AcqRel) {
                alarm.ring();
            }
            thread::park_timeout(Duration::from_millis(self.period.load(Ordering::Relaxed)));
        }
    }
}

impl Drop for Timer {
    /// The thread ends before Envoy's configuration does, which it would call.
    fn drop(&mut self) {
        self.clock.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            _ = thread.join();
        }
    }
}

impl Drop for KeySets {
    /// The configuration that takes this one's place need not wait until what is being fetched can no longer arrive.
    fn drop(&mut self) {
        self.lock().fetcher.release();
    }
}

/// Envoy, as the fetcher sees it.
struct Host {
    envoy: FilterConfig,
    metrics: Arc<Metrics>,
    log: FetchLog,
    memory: SharedMemory,
    chance: RandomState,
    draws: Cell<u64>,
}

impl Host {
    fn new(envoy: FilterConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            envoy,
            metrics,
            log: FetchLog::default(),
            memory: SharedMemory::default(),
            chance: RandomState::new(),
            draws: Cell::new(0),
        }
    }
}

impl KeySetHost for Host {
    fn now(&self) -> Millis {
        now()
    }

    fn chance(&self) -> u64 {
        let mut hasher = self.chance.build_hasher();
        hasher.write_u64(self.draws.replace(self.draws.get().wrapping_add(1)));
        hasher.finish()
    }

    fn shared(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.memory.get(name).map(|(bytes, change)| (bytes, Some(change)))
    }

    fn share(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> bool {
        self.memory.set(name, value, unless_changed_since)
    }

    fn keep(&self, name: &str) {
        self.memory.keep(name);
    }

    fn get(&self, cluster: &str, uri: &Uri, etag: Option<&str>, timeout: Duration) -> Option<u32> {
        u32::try_from(self.envoy.call(cluster, &uri.request_headers(etag), timeout)?).ok()
    }

    fn report(&self, source: &Source, event: &Event) {
        self.metrics.count_fetch(source.kind, event);
        self.log.tell(source, event, self.now() / 1000);
    }
}

//! Key sets, fetched once for all workers and configurations from the main thread; and the requests that wait for a set, on their workers.
//!
//! A lock guards what fetches and who waits. A request takes it only when its token cannot be verified with the keys that are
//! there; those are found without a lock.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, ThreadId},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jwt_auth_filter::{
    config::Config,
    jwks::{Answer, Event, Fetcher, KeySetHost, Millis, Next, Source, Uri, Wait, WaitingLimits, WaitingRoom},
    observe::FetchLog,
};
use log::{debug, error};

use crate::{
    abi::{ConfigAlarm, FilterConfig, RequestAlarm},
    calls,
    metrics::Metrics,
    shared_memory::SharedMemory,
};

/// How often the main thread looks after key sets, while nobody waits for one.
const TICK: Duration = Duration::from_secs(1);
/// How often it does so while requests wait, or sets are still to arrive.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// How often it does so while requests that were woken are still to be told.
const BACKLOG_TICK: Duration = Duration::from_millis(1);
/// How many requests of a worker are told at a time, once all that it was told of before have decided. A worker decides about
/// all that it has been told of, also while it decides, before it does anything else.
const PORTION: u32 = 2;

/// What a request that waited is told instead of until when it may wait on: to do without.
pub(crate) const GIVE_UP: Millis = 0;

/// The key sets of a configuration that are fetched.
pub(crate) struct KeySets {
    state: Mutex<State>,
    answers: Mutex<VecDeque<(u32, Answer)>>,
    /// None where nothing is fetched.
    timer: Option<Timer>,
}

struct State {
    fetcher: Fetcher<Host>,
    /// When that last looked after the sets.
    looked_at: Millis,
    limits: WaitingLimits,
    lanes: HashMap<ThreadId, Lane>,
}

/// The requests of a worker that wait.
struct Lane {
    room: WaitingRoom<RequestAlarm>,
    told: Arc<AtomicU32>,
}

thread_local! {
    /// How many requests of this worker were told and have yet to decide.
    static TOLD: Arc<AtomicU32> = Arc::default();
}

impl KeySets {
    /// Those of the numbered configuration.
    pub(crate) fn new(number: u64, envoy: FilterConfig, config: &Config, metrics: Arc<Metrics>) -> Self {
        let fetcher = Fetcher::new(config.fetched(), Host::new(number, metrics));
        let is_fetching = config.fetched().next().is_some();
        Self {
            state: Mutex::new(State { fetcher, looked_at: 0, limits: config.waiting, lanes: HashMap::new() }),
            answers: Mutex::default(),
            timer: is_fetching.then(|| Timer::start(envoy.alarm())).flatten(),
        }
    }

    /// Takes a request up that needs a set, unless waiting is of no use. Once more than the wait has to be told, the alarm
    /// rings with [`GIVE_UP`], or with the time until which the request may wait on. On its worker.
    pub(crate) fn wait(
        &self,
        number: u32,
        wait: &Wait,
        deadline: Option<Millis>,
        alarm: RequestAlarm,
    ) -> Next<RequestAlarm> {
        if self.timer.is_none() {
            return Next::GiveUp(alarm);
        }
        let mut state = self.lock();
        let State { fetcher, limits, lanes, .. } = &mut *state;
        let lane = lanes.entry(thread::current().id()).or_insert_with(|| Lane::new(*limits));
        let next = lane.room.enter(fetcher, number, wait, deadline, alarm);
        if matches!(next, Next::Wait) {
            debug!("a request waits for a key set");
            self.choose_tick(&state);
        }
        next
    }

    /// Forgets a request that has gone away before it has decided. On its worker.
    pub(crate) fn forget(&self, number: u32) {
        let waits = self.lock().lanes.get(&thread::current().id()).is_some_and(|lane| lane.room.leave(number));
        if !waits {
            decided();
        }
    }

    /// Fetches what is due, and wakes the requests that have waited long enough. On the main thread.
    pub(crate) fn tick(&self) {
        if let Some(timer) = &self.timer {
            timer.clock.has_rung.store(false, Ordering::Release);
        }
        self.lock().look_after_sets();
        self.take_answers();
    }

    /// Takes the answer to a request of the fetcher's. Envoy may have it ready while the request is still being sent, and the
    /// lock is held: then it is taken right after. On the main thread.
    pub(crate) fn answered(&self, call: u32, answer: Answer) {
        self.answers().push_back((call, answer));
        if let Err(TryLockError::WouldBlock) = self.state.try_lock() {
            // It may be a worker that holds it.
            self.timer.iter().for_each(Timer::hurry);
        } else {
            self.take_answers();
        }
    }

    fn take_answers(&self) {
        while let Some((call, answer)) = self.next_answer() {
            let Some(asked) = self.lock().fetcher.asked(call) else { continue };
            // Meanwhile workers need not wait.
            let brought = asked.judge(&answer);
            self.lock().fetcher.take(call, &answer, brought);
        }
        self.wake(&self.lock());
    }

    fn next_answer(&self) -> Option<(u32, Answer)> {
        self.answers().pop_front()
    }

    fn answers(&self) -> MutexGuard<'_, VecDeque<(u32, Answer)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the requests that may go on, and tells a portion of each worker's. Each decides on its own worker.
    fn wake(&self, state: &State) {
        for lane in state.lanes.values() {
            lane.room.wake(&state.fetcher);
            if lane.told.load(Ordering::Acquire) == 0 {
                lane.tell();
            }
        }
        self.choose_tick(state);
    }

    fn choose_tick(&self, state: &State) {
        if let Some(timer) = &self.timer {
            let is_any = |so: fn(&WaitingRoom<RequestAlarm>) -> bool| state.lanes.values().any(|lane| so(&lane.room));
            let is_busy = !state.fetcher.is_settled() || is_any(|room| !room.is_empty());
            timer.choose(match (is_any(WaitingRoom::has_woken), is_busy) {
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

impl State {
    /// Fetches what is due. That costs something for each set, so it is not done with every tick of a backlog.
    fn look_after_sets(&mut self) {
        let now = self.fetcher.host().now();
        if now.abs_diff(self.looked_at) >= BUSY_TICK.as_millis() as Millis {
            self.looked_at = now;
            self.fetcher.tick();
            self.fetcher.host().log.tell_left_out(|| now / 1000);
        }
    }
}

impl Lane {
    /// The one of this worker.
    fn new(limits: WaitingLimits) -> Self {
        Self { room: WaitingRoom::new(limits), told: TOLD.with(Arc::clone) }
    }

    /// Tells a portion of the requests that were woken.
    fn tell(&self) {
        let portion: Vec<_> = (0..PORTION).map_while(|_| self.room.next()).collect();
        self.told.fetch_add(portion.len() as u32, Ordering::AcqRel);
        for woken in portion {
            woken.with.ring(woken.deadline.unwrap_or(GIVE_UP));
        }
    }
}

/// Notes that a request of this worker which was told has decided.
pub(crate) fn decided() {
    _ = TOLD.try_with(|told| told.fetch_sub(1, Ordering::AcqRel));
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
            self.hurry();
        }
    }

    /// Rings now.
    fn hurry(&self) {
        self.thread.iter().for_each(|thread| thread.thread().unpark());
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
    /// The number of the configuration.
    number: u64,
    metrics: Arc<Metrics>,
    log: FetchLog,
    memory: SharedMemory,
    chance: RandomState,
    draws: Cell<u64>,
}

impl Host {
    fn new(number: u64, metrics: Arc<Metrics>) -> Self {
        Self {
            number,
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
        calls::send(self.number, cluster, &uri.request_headers(etag), timeout)
    }

    fn report(&self, source: &Source, event: &Event) {
        self.metrics.count_fetch(source.kind, event);
        self.log.tell(source, event, self.now() / 1000);
    }
}

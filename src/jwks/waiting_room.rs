//! The requests of a worker that wait for key sets: who may wait, for how long, and in which portions they go on.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    ptr,
    sync::Arc,
};

use super::{Advice, Fetcher, KeySetHost, Millis, Seen, Wait};

/// How much longer a request waits than its fetch may take, which may have begun a moment after it came.
const SPARE: Millis = 250;

/// Where requests wait, each with a `T` that it gets back. A request goes by a number of its host's.
pub struct WaitingRoom<T> {
    limits: WaitingLimits,
    is_closed: Cell<bool>,
    waiting: RefCell<BTreeMap<u32, Waiting<T>>>,
    woken: RefCell<VecDeque<u32>>,
}

/// How much may wait at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingLimits {
    /// How many requests.
    pub requests: usize,
    /// How many bytes of their bodies.
    pub bytes: u64,
}

/// A request that waits.
struct Waiting<T> {
    /// All that it needs something of. Room is taken, and time given, for the first that something is to come of.
    sets: Vec<Seen>,
    first: Seen,
    body: u64,
    ended: u64,
    deadline: Millis,
    woken: Option<Cause>,
    with: T,
}

/// Why a request was woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Something has become of its set.
    Arrival,
    /// Its time is up.
    Time,
}

/// What a request does next that needs a key set.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Decide again: a set has changed since.
    TryAgain(T),
    /// Wait; it will be [woken](WaitingRoom::next).
    Wait,
    /// Decide without waiting.
    GiveUp(T),
}

/// A request that has waited long enough, or whose set has changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Woken<T> {
    /// Its number.
    pub id: u32,
    /// Until when it may wait on; `None` when nothing has become of its set in time. A set that has arrived counts, however long
    /// it takes until it is this request's turn.
    pub deadline: Option<Millis>,
    /// What it waited with.
    pub with: T,
}

impl<T> WaitingRoom<T> {
    /// An empty room.
    pub fn new(limits: WaitingLimits) -> Self {
        Self { limits, is_closed: Cell::new(false), waiting: RefCell::default(), woken: RefCell::default() }
    }

    /// Takes a request in that needs one of these sets, unless waiting is of no use, or the room is too full. It may wait
    /// until `deadline`, or for as long as a fetch may take.
    pub fn enter(
        &self,
        fetcher: &Fetcher<impl KeySetHost>,
        id: u32,
        wait: &Wait,
        deadline: Option<Millis>,
        with: T,
    ) -> Next<T> {
        if self.is_closed.get() {
            return Next::GiveUp(with);
        }
        let mut chosen = None;
        let is_over = deadline.is_some_and(|deadline| deadline <= fetcher.host().now());
        for seen in &wait.sets {
            match fetcher.advise(seen) {
                Advice::TryAgain => return Next::TryAgain(with),
                Advice::Wait(ended) if !is_over && self.has_room_for(seen, wait.body) => {
                    chosen = chosen.or(Some((seen, ended)));
                }
                Advice::Wait(_) | Advice::GiveUp => {}
            }
        }
        let Some((seen, ended)) = chosen else { return Next::GiveUp(with) };
        let timeout = u64::try_from(seen.set.source().timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline = deadline.unwrap_or_else(|| fetcher.host().now().saturating_add(timeout).saturating_add(SPARE));
        let (sets, first) = (wait.sets.clone(), seen.clone());
        let waiting = Waiting { sets, first, body: wait.body, ended, deadline, woken: None, with };
        self.waiting.borrow_mut().insert(id, waiting);
        Next::Wait
    }

    /// Whether one more request may wait for a set. For each there may wait no more than there is room left: so the
    /// requests of an issuer that does not answer leave room for those of all others. The same goes for their bodies.
    fn has_room_for(&self, seen: &Seen, body: u64) -> bool {
        let waiting = self.waiting.borrow();
        let (mut requests, mut bytes, mut bytes_of_set) = (0_usize, 0_u64, body);
        for it in waiting.values() {
            let is_of_set = ptr::addr_eq(Arc::as_ptr(&it.first.set), Arc::as_ptr(&seen.set));
            requests = requests.saturating_add(is_of_set.into());
            bytes = bytes.saturating_add(it.body);
            bytes_of_set = bytes_of_set.saturating_add(if is_of_set { it.body } else { 0 });
        }
        requests < self.limits.requests.saturating_sub(waiting.len())
            && (body == 0 || bytes_of_set <= self.limits.bytes.saturating_sub(bytes))
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether requests that were woken have yet to go on.
    pub fn has_woken(&self) -> bool {
        !self.woken.borrow().is_empty()
    }

    /// Whether this request waits.
    pub fn holds(&self, id: u32) -> bool {
        self.waiting.borrow().contains_key(&id)
    }

    /// Forgets a request that has gone away; whether it was still here.
    pub fn leave(&self, id: u32) -> bool {
        self.waiting.borrow_mut().remove(&id).is_some()
    }

    /// Wakes the requests whose time is up, for whose set a fetch has ended, or one of whose sets has changed.
    pub fn wake(&self, fetcher: &Fetcher<impl KeySetHost>) {
        let now = fetcher.host().now();
        for (id, it) in self.waiting.borrow_mut().iter_mut().filter(|(_, it)| it.woken.is_none()) {
            it.woken = it.cause(fetcher, now);
            if it.woken.is_some() {
                self.woken.borrow_mut().push_back(*id);
            }
        }
    }

    /// The next request that was woken, which then waits no longer. They are taken one by one, so that whoever decides
    /// about them can do so in portions.
    pub fn next(&self) -> Option<Woken<T>> {
        loop {
            let id = self.woken.borrow_mut().pop_front()?;
            // One that has gone away since is passed by.
            if let Some(it) = self.waiting.borrow_mut().remove(&id) {
                let is_late = it.woken == Some(Cause::Time) && !it.has_changed();
                return Some(Woken { id, deadline: (!is_late).then_some(it.deadline), with: it.with });
            }
        }
    }

    /// Takes all requests out, when nothing will come that they could wait for, and lets no more in.
    pub fn dismiss(&self) -> Vec<(u32, T)> {
        self.is_closed.set(true);
        self.waiting.take().into_iter().map(|(id, waiting)| (id, waiting.with)).collect()
    }
}

impl<T> Waiting<T> {
    /// Why it is to be woken now, if it is.
    fn cause(&self, fetcher: &Fetcher<impl KeySetHost>, now: Millis) -> Option<Cause> {
        if self.has_changed() || fetcher.ended(&*self.first.set) > self.ended {
            return Some(Cause::Arrival);
        }
        (self.deadline <= now).then_some(Cause::Time)
    }

    fn has_changed(&self) -> bool {
        self.sets.iter().any(Seen::has_changed)
    }
}

//! What the configurations of the process ask of issuers, from the main thread.
//!
//! A request belongs to a configuration of Envoy's, which cancels what is left of them when it ends. With ECDS it ends on a worker,
//! with the last request of a client that it served: what is under way on the main thread must not be touched from there. So
//! requests are sent through the newest configuration, and one that ends on a worker waits until none is left that goes through it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use jwt_auth_filter::jwks::Answer;
use log::error;

use crate::{abi::FilterConfig, plugin::Plugin};

/// How much longer than its timeout a request may take until its answer has been taken: the main thread may be busy with another
/// configuration.
const SPARE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

type Members = BTreeMap<u64, Member>;

/// The configurations that are in force, by their numbers.
static MEMBERS: Mutex<Members> = Mutex::new(BTreeMap::new());
/// Is told whenever less is left to wait for.
static RELIEVED: Condvar = Condvar::new();

/// A configuration that is in force.
struct Member {
    plugin: Weak<Plugin>,
    envoy: FilterConfig,
    /// The main thread.
    made_on: ThreadId,
    /// Whether it ends, and waits.
    is_ending: bool,
    /// How many answers are being taken that go through it, or are for it.
    in_use: u32,
    /// What is just being sent through it. Envoy may have the answer ready before it says by which number it comes.
    sending: Option<Call>,
    /// What is under way through it, by Envoy's numbers.
    calls: BTreeMap<u64, Call>,
}

/// A request that is under way.
#[derive(Clone, Copy)]
struct Call {
    /// The configuration that has asked.
    of: u64,
    /// The number that it goes by there.
    number: u32,
    /// When Envoy gives it up at the latest.
    until: Instant,
}

/// Lets requests be sent through a configuration, and for it.
pub(crate) fn join(plugin: &Arc<Plugin>, envoy: FilterConfig) {
    let member = Member {
        plugin: Arc::downgrade(plugin),
        envoy,
        made_on: thread::current().id(),
        is_ending: false,
        in_use: 0,
        sending: None,
        calls: BTreeMap::new(),
    };
    members().insert(plugin.number, member);
}

/// Sends a GET request for a configuration; the number that its answer comes with. On the main thread.
pub(crate) fn send(of: u64, cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Option<u32> {
    static NUMBERS: AtomicU32 = AtomicU32::new(0);

    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let call = Call { of, number, until: Instant::now().checked_add(timeout)? };
    let (carrier, envoy) = begin(call)?;
    let sent = envoy.call(cluster, headers, timeout);
    let mut members = members();
    if let Some(member) = members.get_mut(&carrier) {
        // It is not there if the answer is.
        let call = member.sending.take();
        if let (Some(id), Some(call)) = (sent, call) {
            member.calls.insert(id, call);
        }
    }
    RELIEVED.notify_all();
    sent.map(|_| number)
}

/// Chooses the configuration that a request is sent through. It does not end before that is done.
fn begin(call: Call) -> Option<(u64, FilterConfig)> {
    let mut members = members();
    members.get(&call.of)?;
    let here = thread::current().id();
    let is_usable = |member: &Member| !member.is_ending && member.made_on == here;
    let (number, member) = members.iter_mut().rev().find(|(_, member)| is_usable(member))?;
    member.sending = Some(call);
    Some((*number, member.envoy))
}

/// Hands an answer that came through a configuration to the one that has asked. On the main thread.
pub(crate) fn answered(carrier: u64, id: u64, answer: impl FnOnce() -> Answer) {
    if let Some(taking) = Taking::begin(carrier, id) {
        taking.hand_over(answer());
    }
}

/// An answer that is being taken. Until that is done, neither configuration ends on a worker.
struct Taking {
    carrier: u64,
    call: Call,
    /// The configuration that has asked, unless it has ended.
    plugin: Option<Arc<Plugin>>,
}

impl Taking {
    fn begin(carrier: u64, id: u64) -> Option<Self> {
        let mut members = members();
        let member = members.get_mut(&carrier)?;
        let call = member.calls.remove(&id).or_else(|| member.sending.take())?;
        Some(Self::of(&mut members, carrier, call))
    }

    fn hand_over(&self, answer: Answer) {
        if let Some(plugin) = &self.plugin {
            plugin.answered(self.call.number, answer);
        }
    }

    /// Has both configurations in use. One that ends and waits still takes what it has asked for.
    fn of(members: &mut Members, carrier: u64, call: Call) -> Self {
        for number in [carrier, call.of] {
            if let Some(member) = members.get_mut(&number) {
                member.in_use = member.in_use.saturating_add(1);
            }
        }
        let plugin = members.get(&call.of).and_then(|owner| owner.plugin.upgrade());
        Self { carrier, call, plugin }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        drop(self.plugin.take());
        let mut members = members();
        for number in [self.carrier, self.call.of] {
            if let Some(member) = members.get_mut(&number) {
                member.in_use = member.in_use.saturating_sub(1);
            }
        }
        RELIEVED.notify_all();
    }
}

/// Sends nothing more through a configuration that ends, nor for it. On a worker this waits until nothing is under way through it,
/// which takes little longer than the request's timeout, and until no answer is being taken: that waits for no worker.
pub(crate) fn leave(number: u64) {
    let mut members = members();
    let Some(member) = members.get_mut(&number) else { return };
    let is_main = member.made_on == thread::current().id();
    if !is_main {
        member.is_ending = true;
        let until = member.underway().map(|call| call.until).max().unwrap_or_else(Instant::now);
        let patience = until.saturating_duration_since(Instant::now()).saturating_add(SPARE);
        let is_underway = |members: &mut Members| members.get(&number).is_some_and(|it| it.underway().next().is_some());
        (members, _) =
            RELIEVED.wait_timeout_while(members, patience, is_underway).unwrap_or_else(PoisonError::into_inner);
        let is_in_use = |members: &mut Members| members.get(&number).is_some_and(|it| it.in_use > 0);
        members = RELIEVED.wait_while(members, is_in_use).unwrap_or_else(PoisonError::into_inner);
    }
    let Some(member) = members.remove(&number) else { return };
    if !is_main && member.underway().next().is_some() {
        error!("a configuration ends although Envoy has not answered what it asked of issuers; please report it");
    }
    let of_others = |call: &&Call| is_main && call.of != number;
    let told: Vec<Taking> =
        member.underway().filter(of_others).map(|call| Taking::of(&mut members, number, *call)).collect();
    drop(members);
    // Envoy cancels these without a word.
    told.iter().for_each(|taking| taking.hand_over(Answer::default()));
}

impl Member {
    fn underway(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().chain(&self.sending)
    }
}

/// A panic leaves the members whole: each is changed in one step.
fn members() -> MutexGuard<'static, Members> {
    MEMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

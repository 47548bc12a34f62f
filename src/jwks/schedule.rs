//! What the workers agree on about a set: who fetches it, and when next.

use std::time::Duration;

use prost::Message;

use super::{Millis, Source};

/// A `max-age` below this is taken for this, so that a server cannot ask to be asked all the time.
const MIN_MAX_AGE: Duration = Duration::from_secs(10);
/// How many fetches for an unknown `kid` are in reserve, and how long it takes until one more is. Anybody can send a token
/// with a `kid` that no set has; the reserve is there for the key that was rotated in the meantime.
const REFETCH_RESERVE: Millis = 4;
const REFETCH_PAUSE: Millis = 10_000;
/// How long after the first failure the next attempt follows; twice as long after each that follows.
const FIRST_RETRY: Millis = 1_000;
/// The longest pause between attempts, before chance makes it up to a fifth longer: a minute in all.
const LAST_RETRY: Millis = 50_000;
/// What a lease lasts beyond the time that the fetch may take.
const LEASE_SPARE: Millis = 1_000;
/// The longest lease that anybody takes: for two fetches of the longest timeout.
const LONGEST_LEASE: Millis = 2 * 60_000 + LEASE_SPARE;

/// What the workers share about a set. The set itself is beside it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Schedule {
    /// Whose lease it is; a number drawn by chance.
    #[prost(fixed64, tag = "1")]
    pub(super) holder: u64,
    /// When the lease ends; 0 for none.
    #[prost(uint64, tag = "2")]
    lease_until: Millis,
    /// Counts the fetches that have ended.
    #[prost(uint64, tag = "3")]
    pub(super) ended: u64,
    /// Counts the sets that differ from the one before; 0 before the first.
    #[prost(uint64, tag = "4")]
    pub(super) version: u64,
    /// When the set, or the same set again, arrived.
    #[prost(uint64, tag = "5")]
    pub(super) arrived_at: Millis,
    /// When to fetch it again.
    #[prost(uint64, tag = "6")]
    refresh_at: Millis,
    /// How many fetches have failed since one succeeded.
    #[prost(uint32, tag = "7")]
    failures: u32,
    /// Before then there is no attempt.
    #[prost(uint64, tag = "8")]
    pub(super) retry_at: Millis,
    /// When the whole reserve of fetches for an unknown `kid` is there again.
    #[prost(uint64, tag = "10")]
    reserve_full_at: Millis,
    /// When the last fetch began.
    #[prost(uint64, tag = "11")]
    started_at: Millis,
    /// When the fetch began that brought the set, or the same set again.
    #[prost(uint64, tag = "12")]
    pub(super) fetched_at: Millis,
    /// The validator of the set (`ETag`); empty for none.
    #[prost(string, tag = "13")]
    pub(super) etag: String,
}

impl Schedule {
    /// Whether somebody is fetching. A time that no lease can have got comes from a clock that was put back.
    pub(super) fn is_leased(&self, now: Millis) -> bool {
        is_ahead(self.lease_until, now, LONGEST_LEASE)
    }

    /// Whether it is time to fetch: because there is no set, it gets old, or a request saw a `kid` that it has not.
    pub(super) fn is_due(&self, now: Millis, source: &Source, for_kid: bool) -> bool {
        if self.is_leased(now) || self.is_backing_off(now) {
            return false;
        }
        let is_fresh = is_ahead(self.refresh_at, now, millis(source.cache_duration));
        self.is_missing(now, source) || !is_fresh || (for_kid && self.may_refetch(now))
    }

    /// Whether there is no set that may still be used.
    pub(super) fn is_missing(&self, now: Millis, source: &Source) -> bool {
        self.version == 0 || now.saturating_sub(self.arrived_at) > millis(source.stale_duration)
    }

    /// Whether the last attempt failed so lately that there is no other one yet.
    pub(super) fn is_backing_off(&self, now: Millis) -> bool {
        is_ahead(self.retry_at, now, with_jitter(LAST_RETRY, 1.0))
    }

    /// Whether a fetch for an unknown `kid` is allowed again.
    pub(super) fn may_refetch(&self, now: Millis) -> bool {
        self.refetch_at(now) <= now
    }

    /// When a fetch for an unknown `kid` is allowed again.
    fn refetch_at(&self, now: Millis) -> Millis {
        let all_but_one = REFETCH_PAUSE.saturating_mul(REFETCH_RESERVE.saturating_sub(1));
        self.reserve_full_at(now).saturating_sub(all_but_one)
    }

    /// When the reserve is full. A time that is too far ahead comes from a clock that was put back.
    fn reserve_full_at(&self, now: Millis) -> Millis {
        let is_real = is_ahead(self.reserve_full_at, now, REFETCH_PAUSE.saturating_mul(REFETCH_RESERVE));
        if is_real { self.reserve_full_at } else { now }
    }

    /// When a client may expect more of the set than it has now.
    pub(super) fn more_at(&self, now: Millis) -> Millis {
        self.retry_at.max(self.refetch_at(now))
    }

    /// Takes the lease.
    pub(super) fn lease(&mut self, now: Millis, source: &Source, holder: u64, for_kid: bool) {
        self.holder = holder;
        self.lease_until = now.saturating_add(lease_time(source));
        self.started_at = now;
        if for_kid {
            self.reserve_full_at = self.reserve_full_at(now).saturating_add(REFETCH_PAUSE);
        }
    }

    /// Gives the lease up without an attempt.
    pub(super) fn release(&mut self) {
        self.lease_until = 0;
    }

    /// A set arrived. `chance`, from 0 to 1, spreads refreshes over the last fifth of the time that the set is fresh.
    pub(super) fn succeed(
        &mut self,
        now: Millis,
        source: &Source,
        max_age: Option<Duration>,
        is_new: bool,
        chance: f64,
    ) {
        let fresh = max_age.map_or(source.cache_duration, |age| age.max(MIN_MAX_AGE).min(source.cache_duration));
        let fresh = millis(fresh) as f64;
        self.end();
        self.version = self.version.saturating_add(is_new.into());
        self.arrived_at = now;
        self.fetched_at = self.started_at;
        self.refresh_at = now.saturating_add((fresh * (0.8 + 0.15 * chance)) as Millis);
        self.failures = 0;
        self.retry_at = 0;
    }

    /// A fetch failed. The pause until the next attempt, of a second at first and of a minute at most.
    pub(super) fn fail(&mut self, now: Millis, chance: f64) -> Duration {
        let doubled = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        let pause = with_jitter(FIRST_RETRY.saturating_mul(doubled).min(LAST_RETRY), chance);
        self.end();
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.saturating_add(pause);
        Duration::from_millis(pause)
    }

    fn end(&mut self) {
        self.release();
        self.ended = self.ended.saturating_add(1);
    }
}

/// How long a fetch may take: discovery is two of them.
pub(super) fn lease_time(source: &Source) -> Millis {
    let fetches: u64 = if source.issuer.is_some() { 2 } else { 1 };
    millis(source.timeout).saturating_mul(fetches).saturating_add(LEASE_SPARE)
}

fn is_ahead(at: Millis, now: Millis, at_most: Millis) -> bool {
    at > now && at.saturating_sub(now) <= at_most
}

fn with_jitter(pause: Millis, chance: f64) -> Millis {
    (pause as f64 * (1.0 + 0.2 * chance)) as Millis
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

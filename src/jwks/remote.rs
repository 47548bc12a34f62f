//! What is fetched, as a worker has it, or all workers of a configuration: a key set that an issuer publishes, or a list of
//! revoked tokens.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use super::{Event, FetchError, Issuer, KeySet, MAX_BYTES, Parsed, PassedOver, Uri, answer};
use crate::{shared_name::shared_name, token::Timestamp};

/// Milliseconds since the epoch.
pub type Millis = u64;

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A key set.
    KeySet,
    /// A list of revoked tokens.
    RevocationList,
}

/// Where something is fetched, and for how long it is good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// What it is.
    pub kind: Kind,
    /// The thing itself, or the metadata that name it.
    pub uri: Uri,
    /// For discovery: the issuer that the metadata must be of (RFC 8414 §3.3).
    pub issuer: Option<Issuer>,
    /// What the host calls the servers that are asked, whatever host a URI names.
    pub cluster: String,
    /// How long one answer may take, and how long a request waits for it.
    pub timeout: Duration,
    /// How old a set gets before a newer one is fetched; a shorter `max-age` of its server goes first.
    pub cache_duration: Duration,
    /// How old a set may become before it is no longer used, if no newer one can be fetched.
    pub stale_duration: Duration,
    /// The keys that are not used, whatever the server says of them.
    pub revoked_kids: Vec<String>,
}

impl Source {
    /// The name of the set in memory that workers share. Everything is in it that must not be mixed up. For how long it is good,
    /// and what a worker makes of it, is the worker's own matter: so a new configuration that changes a time does not begin
    /// without the set, or without the list of revoked tokens.
    pub(super) fn shared_name(&self) -> String {
        let Self { kind, uri, issuer, cluster, .. } = self;
        let kind = match kind {
            Kind::RevocationList => "revocations",
            Kind::KeySet if issuer.is_some() => "discovery",
            Kind::KeySet => "jwks",
        };
        let issuer = issuer.as_ref().map(Issuer::as_str).unwrap_or_default();
        shared_name(format_args!("{kind} {cluster:?} {:?} {issuer:?}", uri.as_str()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} (cluster {:?})", self.uri, self.cluster)
    }
}

/// Something that is fetched, as this worker has it, or all workers where they share memory.
#[derive(Debug)]
pub struct Remote<T> {
    source: Source,
    content: ArcSwapOption<T>,
    changes: AtomicU64,
    retry_at: AtomicU64,
    fetched_at: AtomicU64,
}

/// The keys of an issuer.
pub type RemoteKeys = Remote<KeySet>;

/// What the fetcher and those who wait for it know of something that is fetched.
pub trait Fetched: fmt::Debug + Send + Sync {
    /// Where it comes from.
    fn source(&self) -> &Source;

    /// What is needed of it that it has not.
    fn need(&self) -> Need;

    /// How often it has arrived, anew or as before, or was removed.
    fn changes(&self) -> u64;

    /// In how many seconds a client may try again, from 1 to 60.
    fn retry_after(&self, now: Timestamp) -> u32;

    /// When the fetch began that brought it. What was published after that may be missing.
    fn fetched_at(&self) -> Millis;

    /// How long an answer may be, in bytes.
    fn max_bytes(&self) -> usize;

    /// What is to be shared of the body of an answer, and what it holds.
    ///
    /// # Errors
    /// Why it cannot be used.
    fn judge(&self, body: &[u8]) -> Result<Judged, FetchError>;

    /// Takes what is shared; whether it can be used.
    fn load(&self, shared: Vec<u8>) -> bool;

    /// How many keys or entries it has.
    fn count(&self) -> usize;

    /// Removes it, as when it has become too old.
    fn forget(&self);

    /// Says when the next attempt to fetch it follows.
    fn set_retry_at(&self, at: Millis);

    /// Says when the fetch began that brought it.
    fn set_fetched_at(&self, at: Millis);
}

/// An answer that can be used.
#[derive(Debug)]
pub struct Judged {
    /// What workers share of it.
    pub shared: Vec<u8>,
    /// How many keys or entries it has.
    pub count: usize,
    /// The keys that are left out.
    pub passed_over: PassedOver,
}

impl Judged {
    /// What has happened, if this is new, or the same again.
    pub(super) fn arrived(self, is_new: bool) -> Event {
        Event::Arrived { count: self.count, is_new, passed_over: self.passed_over }
    }
}

/// What a request waits for.
#[derive(Debug, Clone)]
pub struct Wait {
    /// What it [needs](Fetched::need) something of.
    pub sets: Vec<Seen>,
    /// How many bytes of its body are kept meanwhile.
    pub body: u64,
}

/// Something that is fetched, as a request has seen it. Another thread may put something newer in its place at any time: also
/// after the request has been decided by what it saw, and before it asks whether anything is to come.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it is.
    pub set: Arc<dyn Fetched>,
    /// When the fetch began that brought it. What was published after that may be missing.
    pub fetched_at: Millis,
    changes: u64,
}

impl Seen {
    /// To be called before the request looks at it.
    pub fn new(set: Arc<dyn Fetched>) -> Self {
        Self { changes: set.changes(), fetched_at: set.fetched_at(), set }
    }

    /// What a request has found missing, a moment ago.
    pub fn missing(set: Arc<dyn Fetched>) -> Self {
        let seen = Self::new(set);
        let has_arrived = u64::from(seen.set.need() != Need::Set);
        Self { changes: seen.changes.wrapping_sub(has_arrived), ..seen }
    }

    /// Whether it has arrived, anew or as before, or was removed, since.
    pub fn has_changed(&self) -> bool {
        self.set.changes() != self.changes
    }
}

/// What a token needs of a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The set, which is not there.
    Set,
    /// A set that has the token's `kid`.
    Kid,
}

impl<T> Remote<T> {
    /// Something that has not arrived.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            content: ArcSwapOption::empty(),
            changes: AtomicU64::new(0),
            retry_at: AtomicU64::new(0),
            fetched_at: AtomicU64::new(Millis::MAX),
        }
    }

    /// Where it comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What has arrived; `None` while nothing has, and after the last became too old.
    pub fn current(&self) -> Option<Arc<T>> {
        self.content.load_full()
    }

    /// Takes what has arrived. It is the newest there is, unless the fetcher says when it was fetched.
    pub fn put(&self, content: T) {
        self.content.store(Some(Arc::new(content)));
        self.count_change();
    }

    /// What a token needs of it that cannot be judged by it.
    pub fn need(&self) -> Need {
        if self.content.load().is_none() { Need::Set } else { Need::Kid }
    }

    /// In how many seconds a client may try again, from 1 to 60.
    pub fn retry_after(&self, now: Timestamp) -> u32 {
        let seconds = self.retry_at.load(Ordering::Relaxed).div_ceil(1000).saturating_sub(now).clamp(1, 60);
        u32::try_from(seconds).unwrap_or(60)
    }

    /// When the fetch began that brought it. What was published after that may be missing.
    pub fn fetched_at(&self) -> Millis {
        self.fetched_at.load(Ordering::Acquire)
    }

    /// Removes what has arrived, and gives it back.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        self.content.swap(None).inspect(|_| self.count_change())
    }

    /// How often it has arrived, anew or as before, or was removed.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Called after the change: whoever reads the number before it, and sees what has changed already, only looks once more.
    fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn store_retry_at(&self, at: Millis) {
        self.retry_at.store(at, Ordering::Relaxed);
    }

    pub(crate) fn store_fetched_at(&self, at: Millis) {
        if self.fetched_at.swap(at, Ordering::AcqRel) != at {
            self.count_change();
        }
    }
}

impl RemoteKeys {
    /// Whether a key is not used any more, whether or not the set still has it.
    pub fn is_revoked(&self, kid: &str) -> bool {
        self.source.revoked_kids.iter().any(|revoked| revoked == kid)
    }

    /// Takes a set that has arrived, without the keys that are revoked. Keys that it does not have are removed.
    pub fn replace(&self, mut keys: KeySet) {
        keys.retain(|kid| !self.is_revoked(kid));
        if let Some(old) = self.current() {
            keys.succeed(&old);
        }
        self.put(keys);
    }
}

/// The methods of [`Fetched`] that are the same for everything.
macro_rules! as_remote {
    () => {
        fn source(&self) -> &$crate::jwks::Source {
            self.source()
        }

        fn need(&self) -> $crate::jwks::Need {
            self.need()
        }

        fn changes(&self) -> u64 {
            self.changes()
        }

        fn retry_after(&self, now: $crate::token::Timestamp) -> u32 {
            self.retry_after(now)
        }

        fn fetched_at(&self) -> $crate::jwks::Millis {
            self.fetched_at()
        }

        fn set_retry_at(&self, at: $crate::jwks::Millis) {
            self.store_retry_at(at);
        }

        fn set_fetched_at(&self, at: $crate::jwks::Millis) {
            self.store_fetched_at(at);
        }
    };
}
pub(crate) use as_remote;

impl Fetched for RemoteKeys {
    as_remote!();

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn judge(&self, body: &[u8]) -> Result<Judged, FetchError> {
        let Parsed { set, passed_over } = answer::key_set(body)?;
        Ok(Judged { shared: body.to_vec(), count: set.len(), passed_over })
    }

    fn load(&self, shared: Vec<u8>) -> bool {
        answer::key_set(&shared).is_ok_and(|parsed| {
            self.replace(parsed.set);
            true
        })
    }

    fn count(&self) -> usize {
        self.current().map_or(0, |keys| keys.len())
    }

    fn forget(&self) {
        if let Some(keys) = self.take() {
            keys.remove();
        }
    }
}

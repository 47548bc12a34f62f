//! A key set that an issuer publishes, as a worker has it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use super::{Issuer, KeySet, Uri};
use crate::token::Timestamp;

/// Milliseconds since the epoch.
pub type Millis = u64;

/// Where a set is fetched, and for how long it is good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// The set itself, or the metadata that names it.
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
    /// The name of the set in memory that workers share. Everything is in it that must not be mixed up. What a worker
    /// makes of the set is its own matter.
    pub(super) fn shared_name(&self) -> String {
        let Self { uri, issuer, cluster, timeout, cache_duration, stale_duration, revoked_kids: _ } = self;
        let kind = if issuer.is_some() { "discovery" } else { "jwks" };
        let issuer = issuer.as_ref().map(Issuer::as_str).unwrap_or_default();
        let times = [timeout, cache_duration, stale_duration].map(|duration| duration.as_millis());
        format!("jwt_auth.{kind} {times:?} {cluster:?} {:?} {issuer:?}", uri.as_str())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} (cluster {:?})", self.uri, self.cluster)
    }
}

/// The keys of an issuer, as this worker has them.
#[derive(Debug)]
pub struct RemoteKeys {
    source: Source,
    keys: ArcSwapOption<KeySet>,
    retry_at: AtomicU64,
    fetched_at: AtomicU64,
}

/// What a request waits for.
#[derive(Debug, Clone)]
pub struct Wait {
    /// The sets of which it [needs](RemoteKeys::need) something.
    pub sets: Vec<Arc<RemoteKeys>>,
    /// How many bytes of its body are kept meanwhile.
    pub body: u64,
}

/// What a token needs of a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The set, which is not there.
    Set,
    /// A set that has the token's `kid`.
    Kid,
}

impl RemoteKeys {
    /// Keys that have not arrived.
    pub fn new(source: Source) -> Self {
        Self { source, keys: ArcSwapOption::empty(), retry_at: AtomicU64::new(0), fetched_at: AtomicU64::new(0) }
    }

    /// Where they come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The keys; `None` while no set has arrived, and after the last one became too old.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// Whether a key is not used any more, whether or not the set still has it.
    pub fn is_revoked(&self, kid: &str) -> bool {
        self.source.revoked_kids.iter().any(|revoked| revoked == kid)
    }

    /// What a token needs of the set that cannot be verified with it.
    pub fn need(&self) -> Need {
        if self.keys.load().is_none() { Need::Set } else { Need::Kid }
    }

    /// In how many seconds a client may try again, from 1 to 60.
    pub fn retry_after(&self, now: Timestamp) -> u32 {
        let seconds = self.retry_at.load(Ordering::Relaxed).div_ceil(1000).saturating_sub(now).clamp(1, 60);
        u32::try_from(seconds).unwrap_or(60)
    }

    /// When the fetch began that brought the keys. A key that was published after that may be missing.
    pub fn fetched_at(&self) -> Millis {
        self.fetched_at.load(Ordering::Relaxed)
    }

    /// Takes a set that has arrived, without the keys that are revoked. Keys that it does not have are removed. It is the newest there is, until the fetcher
    /// says when it was fetched.
    pub fn replace(&self, mut keys: KeySet) {
        keys.retain(|kid| !self.is_revoked(kid));
        if let Some(old) = self.current() {
            keys.succeed(&old);
        }
        self.keys.store(Some(Arc::new(keys)));
        self.fetched_at.store(Millis::MAX, Ordering::Relaxed);
    }

    /// Says when the next attempt to fetch the set follows.
    pub(super) fn set_retry_at(&self, at: Millis) {
        self.retry_at.store(at, Ordering::Relaxed);
    }

    /// Says when the fetch began that brought the set.
    pub(super) fn set_fetched_at(&self, at: Millis) {
        self.fetched_at.store(at, Ordering::Relaxed);
    }

    /// Removes the keys, as when they have become too old.
    pub(super) fn drop_keys(&self) {
        if let Some(keys) = self.keys.swap(None) {
            keys.remove();
        }
    }
}

//! Tokens whose signature has been verified, so that a token that comes back costs a look-up.
//!
//! A token is found by all of its bytes, compared in full. What is remembered of it must not
//! depend on the time, which the caller checks anew at every request.

use lru::LruCache;

use crate::config::CacheLimits;

/// The verified tokens that were used last, each with what it says.
pub struct TokenCache<T> {
    limits: CacheLimits,
    bytes: usize,
    tokens: LruCache<Box<[u8]>, Entry<T>>,
}

struct Entry<T> {
    verified: T,
    size: usize,
}

impl<T> TokenCache<T> {
    /// What an entry takes beside its token: its node, its slot in the table, and the allocator's own.
    const ENTRY_OVERHEAD: usize = 192;

    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, bytes: 0, tokens: LruCache::unbounded() }
    }

    /// A token that was verified before.
    pub fn get(&mut self, token: &[u8]) -> Option<&T> {
        self.tokens.get(token).map(|entry| &entry.verified)
    }

    /// Remembers a token that was verified, at the expense of those that were not used for longest. `beside` is how many
    /// bytes `verified` keeps alive elsewhere.
    pub fn insert(&mut self, token: &[u8], verified: T, beside: usize) {
        let size = token.len().saturating_add(beside).saturating_add(Self::ENTRY_OVERHEAD);
        if self.limits.entries == 0 || size > self.limits.bytes {
            return;
        }
        while self.tokens.len() >= self.limits.entries || self.bytes.saturating_add(size) > self.limits.bytes {
            let Some((_, evicted)) = self.tokens.pop_lru() else { break };
            self.bytes = self.bytes.saturating_sub(evicted.size);
        }
        let replaced = self.tokens.put(token.into(), Entry { verified, size }).map_or(0, |entry| entry.size);
        self.bytes = self.bytes.saturating_add(size).saturating_sub(replaced);
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it holds no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

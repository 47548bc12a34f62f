//! The credentials of consumers, and the index from a key to the credentials that share it.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, DefaultHasher},
    sync::{Arc, OnceLock},
};

use super::Consumer;
use crate::{
    crypto::Algorithm,
    encoding::HeaderText,
    jwks::{KeySet, RemoteKeys, Source},
};

/// The keys of a credential.
#[derive(Debug, Clone)]
pub enum Keys {
    /// Those of the configuration.
    Fixed(Arc<KeySet>),
    /// Those that an issuer publishes; credentials that name the same source share them.
    Remote(Arc<RemoteKeys>),
}

impl Keys {
    /// The keys, unless they have not arrived.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            Self::Remote(keys) => keys.keys(),
        }
    }
}

/// What a consumer's tokens are verified with.
#[derive(Debug)]
pub struct Credential {
    consumer: Arc<Consumer>,
    key: HeaderText,
    algorithm: Option<Algorithm>,
    keys: Keys,
    described: OnceLock<Box<str>>,
}

impl Credential {
    /// Binds keys to a consumer; `algorithm` is the only one that its tokens may be signed with, `None` for every one that
    /// a key serves.
    pub fn new(consumer: Arc<Consumer>, key: HeaderText, algorithm: Option<Algorithm>, keys: Keys) -> Self {
        Self { consumer, key, algorithm, keys, described: OnceLock::new() }
    }

    /// Whose credential it is.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// The value of the key claim that names the credential.
    pub fn key(&self) -> &HeaderText {
        &self.key
    }

    /// Whether the credential is one for tokens signed with the algorithm, as far as can be said without its keys. An
    /// issuer publishes no secrets.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithm_for(algorithm).is_some()
    }

    /// What tokens signed with the algorithm are verified by, if the credential [allows](Self::allows) it: what their name
    /// and the credential's have in common.
    pub fn algorithm_for(&self, algorithm: Algorithm) -> Option<Algorithm> {
        let is_unpublished = algorithm.is_symmetric() && matches!(self.keys, Keys::Remote(_));
        self.algorithm.map_or(Some(algorithm), |own| own.common(algorithm)).filter(|_| !is_unpublished)
    }

    /// Consumer and key as a log shows them. Made once: most log lines are about the few who call often.
    pub fn described(&self) -> &str {
        self.described
            .get_or_init(|| format!("consumer {}, credential {:?}", self.consumer, self.key.as_str()).into_boxed_str())
    }

    /// What its tokens are verified with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// All credentials, by key. Those that share a key belong to one consumer.
#[derive(Debug, Default)]
pub struct Credentials {
    // Only the configuration puts something in, so the hashes need no seed: it would come from the host, which may decline.
    by_key: HashMap<HeaderText, Vec<Arc<Credential>>, BuildHasherDefault<DefaultHasher>>,
    remote: HashMap<Source, Arc<RemoteKeys>, BuildHasherDefault<DefaultHasher>>,
}

impl Credentials {
    /// Adds a credential, unless its key is another consumer's.
    pub fn add(&mut self, credential: &Arc<Credential>) -> Result<(), KeyTaken> {
        let sharing = self.by_key.entry(credential.key.clone()).or_default();
        if sharing.first().is_some_and(|first| !Arc::ptr_eq(&first.consumer, &credential.consumer)) {
            return Err(KeyTaken);
        }
        sharing.reserve_exact(1);
        sharing.push(Arc::clone(credential));
        Ok(())
    }

    /// The credentials with a key, in the order of the configuration; none, or all of one consumer.
    pub fn with_key(&self, key: &str) -> &[Arc<Credential>] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// How many different keys there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is no credential at all.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The keys of a source, the same for all who ask.
    pub fn remote_keys(&mut self, source: Source) -> Arc<RemoteKeys> {
        let keys = self.remote.entry(source).or_insert_with_key(|source| Arc::new(RemoteKeys::new(source.clone())));
        Arc::clone(keys)
    }

    /// All keys that are fetched.
    pub fn remote(&self) -> impl Iterator<Item = &Arc<RemoteKeys>> {
        self.remote.values()
    }
}

/// The key of a credential is already that of another consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTaken;

//! The credentials of consumers, and the index from an identifier to the credentials that share it.
//!
//! The identifier is the text that the configuration calls `key`: the value of a token's key claim, usually its issuer. Keys
//! are what a signature is verified with.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
    slice,
    sync::{Arc, OnceLock},
};

use super::{Consumer, Demands};
use crate::{
    crypto::Algorithm,
    encoding::{HeaderText, json::Members},
    jwks::{Issuer, KeySet, RemoteKeys, Source},
    token::TimeChecks,
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
            Self::Remote(keys) => keys.current(),
        }
    }
}

/// What a consumer's tokens are verified with.
#[derive(Debug)]
pub struct Credential {
    consumer: Arc<Consumer>,
    identifier: HeaderText,
    algorithm: Option<Algorithm>,
    keys: Keys,
    issuer: Option<Issuer>,
    /// Few credentials have any.
    demands: Option<Box<(Demands, TimeChecks)>>,
    described: OnceLock<Box<str>>,
}

impl Credential {
    /// Binds keys to a consumer; `algorithm` is the only one that its tokens may be signed with, `None` for every one that
    /// a key serves.
    pub fn new(consumer: Arc<Consumer>, identifier: HeaderText, algorithm: Option<Algorithm>, keys: Keys) -> Self {
        Self { consumer, identifier, algorithm, keys, issuer: None, demands: None, described: OnceLock::new() }
    }

    /// The same for tokens of one issuer only, whatever their key claim is; `None` for those of any.
    pub fn of_issuer(self, issuer: Option<Issuer>) -> Self {
        Self { issuer, ..self }
    }

    /// The same with demands of its own, which hold beside those of the policy, and time claims that must be verified too.
    pub fn demanding(self, demands: Demands, time_checks: TimeChecks) -> Self {
        let demands_any =
            !demands.token_types.is_empty() || demands.use_claims() || time_checks != TimeChecks::default();
        Self { demands: demands_any.then(|| Box::new((demands, time_checks))), ..self }
    }

    /// What it demands of its tokens beside what the policy does.
    pub fn demands(&self) -> Option<&Demands> {
        self.demands.as_deref().map(|(demands, _)| demands)
    }

    /// The time checks of a policy, and its own.
    pub fn time_checks(&self, policy: TimeChecks) -> TimeChecks {
        self.demands.as_deref().map_or(policy, |(_, own)| policy.with(*own))
    }

    /// Whether the credential is one for a token with these claims. It need not have signed it.
    pub fn expects(&self, claims: &Members) -> bool {
        self.issuer.as_ref().is_none_or(|issuer| issuer.is_of(claims))
    }

    /// Whose credential it is.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// The value of the key claim that names the credential; the configuration calls it `key`. No key material.
    pub fn identifier(&self) -> &HeaderText {
        &self.identifier
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

    /// Consumer and identifier as a log shows them. Made once: most log lines are about the few who call often.
    pub fn described(&self) -> &str {
        self.described.get_or_init(|| {
            format!("consumer {}, credential {:?}", self.consumer, self.identifier.as_str()).into_boxed_str()
        })
    }

    /// The keys that its tokens are verified with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// Credentials that share an identifier, nearly always one. They have it in themselves, so that to find one of many takes few
/// steps from one place of the memory to another.
#[derive(Debug)]
enum Sharing {
    One(Arc<Credential>),
    Several(Vec<Arc<Credential>>),
}

impl Sharing {
    fn as_slice(&self) -> &[Arc<Credential>] {
        match self {
            Self::One(only) => slice::from_ref(only),
            Self::Several(all) => all,
        }
    }

    /// The same and one more; unchanged if that is another consumer's.
    fn with(self, credential: &Arc<Credential>) -> Result<Self, Self> {
        let mut all = match self {
            Self::One(only) => vec![only],
            Self::Several(all) => all,
        };
        if all.iter().any(|other| !Arc::ptr_eq(&other.consumer, &credential.consumer)) {
            return Err(Self::Several(all));
        }
        all.push(Arc::clone(credential));
        Ok(Self::Several(all))
    }
}

impl Borrow<str> for Sharing {
    fn borrow(&self) -> &str {
        self.as_slice().first().map_or("", |first| first.identifier.as_str())
    }
}

impl Hash for Sharing {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<str>::borrow(self).hash(state);
    }
}

impl PartialEq for Sharing {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<str>::borrow(self) == Borrow::<str>::borrow(other)
    }
}

impl Eq for Sharing {}

/// All credentials, by identifier. Those that share one belong to one consumer.
#[derive(Debug, Default)]
pub struct Credentials {
    // Only the configuration puts something in, so the hashes need no seed: it would come from the host, which may decline.
    by_identifier: HashSet<Sharing, BuildHasherDefault<DefaultHasher>>,
    remote: HashMap<Source, Arc<RemoteKeys>, BuildHasherDefault<DefaultHasher>>,
}

impl Credentials {
    /// Adds a credential, unless its identifier is another consumer's.
    pub fn add(&mut self, credential: &Arc<Credential>) -> Result<(), IdentifierTaken> {
        let sharing = match self.by_identifier.take(credential.identifier.as_str()) {
            None => Sharing::One(Arc::clone(credential)),
            Some(others) => match others.with(credential) {
                Ok(all) => all,
                Err(others) => {
                    self.by_identifier.insert(others);
                    return Err(IdentifierTaken);
                }
            },
        };
        self.by_identifier.insert(sharing);
        Ok(())
    }

    /// The credentials with an identifier, in the order of the configuration; none, or all of one consumer.
    pub fn identified_by(&self, identifier: &str) -> &[Arc<Credential>] {
        self.by_identifier.get(identifier).map_or(&[], Sharing::as_slice)
    }

    /// How many different identifiers there are.
    pub fn len(&self) -> usize {
        self.by_identifier.len()
    }

    /// Whether there is no credential at all.
    pub fn is_empty(&self) -> bool {
        self.by_identifier.is_empty()
    }

    /// All credentials.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.by_identifier.iter().flat_map(Sharing::as_slice)
    }

    /// The key set of a source, the same for all who ask.
    pub fn remote_keys(&mut self, source: Source) -> Arc<RemoteKeys> {
        let keys = self.remote.entry(source).or_insert_with_key(|source| Arc::new(RemoteKeys::new(source.clone())));
        Arc::clone(keys)
    }

    /// All key sets that are fetched.
    pub fn remote(&self) -> impl Iterator<Item = &Arc<RemoteKeys>> {
        self.remote.values()
    }
}

/// The identifier of a credential is already that of another consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentifierTaken;

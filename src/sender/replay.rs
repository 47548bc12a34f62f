//! The memory of proofs that were used: each is good once.
//!
//! It is a fixed number of buckets, in each of which a fixed number of proofs has room until their time is up. Which bucket a
//! proof goes to depends on a secret salt, so nobody can choose proofs that fill one. Where a bucket is full, the proof is
//! refused: it may have been used before.

use std::{
    cell::OnceCell,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::Hash;
use crate::{shared_name::shared_name, token::Timestamp};

/// How many buckets there are.
const BUCKETS: usize = 1024;

/// Remembers proofs, for all workers.
pub trait ReplayMemory {
    /// Notes a proof, by the key that signed it and its `jti`, until its time is up.
    ///
    /// # Errors
    /// It was used before, or it cannot be known whether it was.
    fn note(&self, proof: Proof, now: Timestamp) -> Result<(), NotNoted>;
}

/// What a proof is remembered by.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'p> {
    /// The thumbprint of its key: nobody can use up what another one's key signs.
    pub key: &'p Hash,
    /// Its `jti`.
    pub jti: &'p str,
    /// The last second in which it is good.
    pub until: Timestamp,
}

/// Why a proof does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNoted {
    /// It was used before.
    Seen,
    /// There is no room for it. In so many seconds there may be.
    Full(u32),
}

/// The memory of whoever has none: every proof may have been used before.
#[derive(Debug, Clone, Copy)]
pub struct NoMemory;

impl ReplayMemory for NoMemory {
    fn note(&self, _: Proof, _: Timestamp) -> Result<(), NotNoted> {
        Err(NotNoted::Full(1))
    }
}

/// A proof's hash, cut to what nobody finds two proofs for, with the salt.
type Id = [u8; 16];

fn id(salt: u64, proof: Proof) -> Id {
    let hash =
        Sha256::new().chain_update(salt.to_be_bytes()).chain_update(proof.key).chain_update(proof.jti).finalize();
    let mut id = Id::default();
    id.iter_mut().zip(hash).for_each(|(own, octet)| *own = octet);
    id
}

fn bucket_of(id: Id) -> usize {
    let [first, second, ..] = id;
    usize::from(u16::from_be_bytes([first, second])) % BUCKETS
}

/// What a bucket is called where workers share data.
fn name_of_bucket(id: Id) -> String {
    shared_name(format_args!("dpop.{}", bucket_of(id)))
}

/// For how many seconds longer than a proof is good it is remembered.
const GRACE: Timestamp = 2;

/// Some of the proofs that were used.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bucket(Vec<(Id, Timestamp)>);

impl Bucket {
    /// How many octets an entry takes.
    const ENTRY: usize = 24;

    fn note(&mut self, id: Id, until: Timestamp, now: Timestamp, capacity: usize) -> Result<(), NotNoted> {
        // Another worker may have read its clock a moment before.
        self.0.retain(|(_, until)| until.saturating_add(GRACE) >= now);
        if self.0.iter().any(|(noted, _)| *noted == id) {
            return Err(NotNoted::Seen);
        }
        if self.0.len() >= capacity {
            let first = self.0.iter().map(|(_, until)| *until).min().unwrap_or(now);
            let seconds = first.saturating_add(GRACE).saturating_sub(now).saturating_add(1);
            return Err(NotNoted::Full(u32::try_from(seconds).unwrap_or(u32::MAX)));
        }
        self.0.push((id, until));
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(id, until)| id.iter().copied().chain(until.to_be_bytes())).collect()
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (entries, []) = octets.as_chunks::<{ Self::ENTRY }>() else { return None };
        let entry = |entry: &[u8; Self::ENTRY]| {
            let (id, until) = entry.split_first_chunk()?;
            Some((*id, Timestamp::from_be_bytes(until.try_into().ok()?)))
        };
        entries.iter().map(entry).collect::<Option<_>>().map(Self)
    }
}

/// How many proofs have room in a bucket, if so many are to have room in all.
fn capacity_of_bucket(proofs: usize) -> usize {
    proofs.div_ceil(BUCKETS)
}

/// A memory that all threads of a process share.
pub struct ProcessMemory {
    salt: u64,
    buckets: Box<[Mutex<Bucket>]>,
}

impl ProcessMemory {
    /// An empty memory. Nobody must know the salt.
    pub fn new(salt: u64) -> Self {
        Self { salt, buckets: (0..BUCKETS).map(|_| Mutex::default()).collect() }
    }
}

/// A [`ProcessMemory`] as one of those that share it uses it: for so many proofs.
pub struct ProcessMemoryShare {
    memory: Arc<ProcessMemory>,
    capacity: usize,
}

impl ProcessMemoryShare {
    /// Has room for so many proofs, with those of the others that share the memory.
    pub fn new(memory: Arc<ProcessMemory>, capacity: usize) -> Self {
        Self { memory, capacity: capacity_of_bucket(capacity) }
    }
}

impl ReplayMemory for ProcessMemoryShare {
    fn note(&self, proof: Proof, now: Timestamp) -> Result<(), NotNoted> {
        let id = id(self.memory.salt, proof);
        let Some(bucket) = self.memory.buckets.get(bucket_of(id)) else { return Err(NotNoted::Full(1)) };
        // A panic leaves nothing half done in a bucket.
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.note(id, proof.until, now, self.capacity)
    }
}

/// Memory that the workers of a host share: values by name, each with the number of its last change.
pub trait SharedData {
    /// A value, and the number of its last change; `None` inside for one that is not there.
    ///
    /// # Errors
    /// The host declined.
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, Declined>;

    /// Writes a value, unless it was changed since the numbered change, or is there where it was not; whether it did.
    ///
    /// # Errors
    /// The host declined for another reason.
    fn write(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> Result<bool, Declined>;

    /// A number drawn by chance.
    ///
    /// # Errors
    /// The host declined.
    fn chance(&self) -> Result<u64, Declined>;
}

/// A host declined what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declined;

/// A memory in data that workers share: each bucket is a value. It takes no more names than there are buckets, since a host
/// may never forget a name. A change that another worker makes at the same time is not lost: the change is made anew upon it.
pub struct SharedMemory<D> {
    data: D,
    capacity: usize,
    salt: OnceCell<u64>,
}

impl<D: SharedData> SharedMemory<D> {
    /// How often a change is made anew before the proof is refused. Each time, another worker has made one.
    const MAX_CONTENTION: usize = 16;

    /// A memory for so many proofs.
    pub fn new(data: D, capacity: usize) -> Self {
        Self { data, capacity: capacity_of_bucket(capacity), salt: OnceCell::new() }
    }

    /// The salt of all workers: that of the first to need one.
    fn salt(&self) -> Result<u64, Declined> {
        if let Some(salt) = self.salt.get() {
            return Ok(*salt);
        }
        let name = shared_name("dpop.salt");
        let salt = match self.data.read(&name)? {
            Some((salt, _)) => salt,
            None => {
                self.data.write(&name, &self.data.chance()?.to_be_bytes(), None)?;
                self.data.read(&name)?.ok_or(Declined)?.0
            }
        };
        let salt = u64::from_be_bytes(salt.try_into().map_err(|_| Declined)?);
        Ok(*self.salt.get_or_init(|| salt))
    }

    /// Notes a proof; `None` inside if another worker changed the bucket meanwhile.
    fn try_note(&self, id: Id, name: &str, until: Timestamp, now: Timestamp) -> Result<Option<Noted>, Declined> {
        let found = self.data.read(name)?;
        let mut bucket = match &found {
            Some((octets, _)) => Bucket::decode(octets).ok_or(Declined)?,
            None => Bucket::default(),
        };
        if let Err(problem) = bucket.note(id, until, now, self.capacity) {
            return Ok(Some(Err(problem)));
        }
        let is_written = self.data.write(name, &bucket.encode(), found.map(|(_, change)| change))?;
        Ok(is_written.then_some(Ok(())))
    }

    fn note_or_decline(&self, proof: Proof, now: Timestamp) -> Result<Noted, Declined> {
        let id = id(self.salt()?, proof);
        let name = name_of_bucket(id);
        for _ in 0..Self::MAX_CONTENTION {
            if let Some(noted) = self.try_note(id, &name, proof.until, now)? {
                return Ok(noted);
            }
        }
        Err(Declined)
    }
}

type Noted = Result<(), NotNoted>;

impl<D: SharedData> ReplayMemory for SharedMemory<D> {
    fn note(&self, proof: Proof, now: Timestamp) -> Result<(), NotNoted> {
        self.note_or_decline(proof, now).unwrap_or(Err(NotNoted::Full(1)))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
        thread,
    };

    use super::*;

    const NOW: Timestamp = 1_700_000_000;
    const ROOM: usize = 1 << 17;

    fn proof(jti: &str) -> Proof<'_> {
        Proof { key: &[7; 32], jti, until: NOW + 60 }
    }

    #[test]
    fn a_bucket_keeps_what_is_good_and_has_room_for_no_more() {
        let mut bucket = Bucket::default();
        let mut note = |id: u8, until, now| bucket.note([id; 16], until, now, 2);
        assert_eq!(note(1, NOW + 10, NOW), Ok(()));
        assert_eq!(note(1, NOW + 99, NOW + 10 + GRACE), Err(NotNoted::Seen), "also where a clock was read late");
        assert_eq!(note(2, NOW + 30, NOW), Ok(()));
        assert_eq!(note(3, NOW + 30, NOW), Err(NotNoted::Full(13)));
        assert_eq!(note(2, NOW + 30, NOW), Err(NotNoted::Seen), "also where it is full");
        assert_eq!(note(3, NOW + 30, NOW + 13), Ok(()));
        assert_eq!(note(1, NOW + 30, NOW + 13), Err(NotNoted::Full(20)));
        assert_eq!(bucket.0.len(), 2);
        assert_eq!(Bucket::decode(&bucket.encode()), Some(bucket));
        assert_eq!(Bucket::decode(&[0; 25]), None);
    }

    #[test]
    fn a_proof_is_known_by_key_and_jti_alone() {
        let ids = [(1, "a"), (2, "a"), (1, "b")].map(|(key, jti)| id(0, Proof { key: &[key; 32], ..proof(jti) }));
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        assert_eq!(id(0, proof("a")), id(0, Proof { until: 0, ..proof("a") }));
        assert_ne!(id(0, proof("a")), id(1, proof("a")), "which bucket it goes to cannot be known");
    }

    #[test]
    fn of_all_threads_one_takes_a_proof() {
        let memory = Arc::new(ProcessMemory::new(0));
        let taken = |_| {
            let share = ProcessMemoryShare::new(Arc::clone(&memory), ROOM);
            thread::spawn(move || (0..1000).filter(|jti| share.note(proof(&jti.to_string()), NOW).is_ok()).count())
        };
        let threads: Vec<_> = (0..8).map(taken).collect();
        let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }

    #[test]
    fn a_memory_refuses_at_its_bound_and_has_room_again_later() {
        let memory = ProcessMemoryShare::new(Arc::new(ProcessMemory::new(0)), 10 * BUCKETS);
        let noted = |from: usize, now| {
            let note = |jti: &usize| memory.note(Proof { until: now + 60, ..proof(&jti.to_string()) }, now).is_ok();
            (from..from + 20 * BUCKETS).filter(note).count()
        };
        assert!((9 * BUCKETS..=10 * BUCKETS).contains(&noted(0, NOW)));
        assert!(noted(1_000_000, NOW + 60) < BUCKETS / 20, "all of them are still good");
        assert!(noted(2_000_000, NOW + 61 + GRACE) > 9 * BUCKETS);
    }

    type Other = Box<dyn Fn(&Data)>;

    /// A host's shared data, as Envoy has it: a value that is not there is written whatever change is named.
    #[derive(Default)]
    struct Data {
        values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
        changes: Cell<u32>,
        declines: Cell<bool>,
        /// What another worker does before the next value is written.
        meanwhile: RefCell<Vec<Other>>,
    }

    impl SharedData for &Data {
        fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, Declined> {
            if self.declines.get() { Err(Declined) } else { Ok(self.values.borrow().get(name).cloned()) }
        }

        fn write(&self, name: &str, value: &[u8], unless_changed_since: Option<u32>) -> Result<bool, Declined> {
            let other = self.meanwhile.borrow_mut().pop();
            if let Some(other) = other {
                other(self);
            }
            let is_current = self.values.borrow().get(name).is_none_or(|(_, own)| Some(*own) == unless_changed_since);
            if is_current {
                self.changes.set(self.changes.get() + 1);
                self.values.borrow_mut().insert(name.to_owned(), (value.to_vec(), self.changes.get()));
            }
            if self.declines.get() { Err(Declined) } else { Ok(is_current) }
        }

        fn chance(&self) -> Result<u64, Declined> {
            Ok(self.changes.get().into())
        }
    }

    fn note(data: &Data, jti: &str) -> Result<(), NotNoted> {
        SharedMemory::new(data, ROOM).note(proof(jti), NOW)
    }

    #[test]
    fn workers_share_what_they_noted() {
        let data = Data::default();
        let workers = [0; 2].map(|_| SharedMemory::new(&data, ROOM));
        assert_eq!(workers[0].note(proof("a"), NOW), Ok(()));
        assert_eq!(workers[1].note(proof("a"), NOW), Err(NotNoted::Seen));
        assert_eq!(workers[1].note(proof("b"), NOW), Ok(()));
        assert_eq!(workers[0].note(proof("b"), NOW), Err(NotNoted::Seen));
        assert_eq!(workers[0].note(proof("a"), NOW + 61 + GRACE), Ok(()));
    }

    /// Whoever changes this raises the format: a version that reads the values otherwise must not find them.
    #[test]
    fn the_values_of_this_format_are_these() {
        let data = Data::default();
        note(&data, "a").unwrap();
        let values = data.values.borrow();
        let found: Vec<_> = values.iter().map(|(name, (value, _))| (name.as_str(), hex(value))).collect();
        assert_eq!(
            found,
            [
                ("jwt_auth.1 dpop.282", "0d1aa5a7bac67f80f7c86a2eac833eb7000000006553f13c".to_owned()),
                ("jwt_auth.1 dpop.salt", "0000000000000000".to_owned()),
            ]
        );
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn what_another_version_shares_is_neither_read_nor_changed() {
        let data = Data::default();
        note(&data, "a").unwrap();
        let of_another = |name: &String| name.replacen("jwt_auth.1 ", "jwt_auth.2 ", 1);
        let others: BTreeMap<_, _> =
            data.values.take().keys().map(|name| (of_another(name), (vec![0xff; 7], 1))).collect();
        data.values.borrow_mut().extend(others.clone());
        assert_eq!(note(&data, "a"), Ok(()));
        assert_eq!(note(&data, "a"), Err(NotNoted::Seen));
        let values = data.values.borrow();
        assert!(others.iter().all(|(name, value)| values.get(name) == Some(value)));
        assert_eq!(values.len(), 2 * others.len());
    }

    #[test]
    fn of_two_workers_at_the_same_time_one_takes_a_proof() {
        // Both find no value; later, both find the same one.
        for is_first in [true, false] {
            let data = Data::default();
            note(&data, "of the salt").unwrap();
            if !is_first {
                let value = Bucket(vec![([1; 16], NOW)]).encode();
                data.values.borrow_mut().insert(name_of_bucket(id(0, proof("a"))), (value, 77));
            }
            data.meanwhile.borrow_mut().push(Box::new(|data| assert_eq!(note(data, "a"), Ok(()))));
            assert_eq!(note(&data, "a"), Err(NotNoted::Seen), "{is_first}");
        }
    }

    #[test]
    fn a_salt_that_two_workers_draw_is_the_first_ones() {
        let data = Data::default();
        data.meanwhile.borrow_mut().push(Box::new(|data| assert_eq!(note(data, "a"), Ok(()))));
        assert_eq!(note(&data, "a"), Err(NotNoted::Seen));
        assert_eq!(note(&data, "b"), Ok(()));
    }

    #[test]
    fn the_salt_is_the_number_that_chance_has_given() {
        let data = Data::default();
        data.changes.set(41);
        assert_eq!(SharedMemory::new(&data, ROOM).salt().ok(), Some(41));
        data.changes.set(77);
        assert_eq!(SharedMemory::new(&data, ROOM).salt().ok(), Some(41), "the other worker's");
    }

    #[test]
    fn a_memory_that_cannot_be_relied_on_refuses() {
        let data = Data::default();
        note(&data, "of the salt").unwrap();
        // Others change every bucket each time before it is written.
        for _ in 0..SharedMemory::<&Data>::MAX_CONTENTION {
            data.meanwhile.borrow_mut().push(Box::new(|data| {
                let name = name_of_bucket(id(0, proof("a")));
                let change = data.values.borrow().get(&name).map_or(100, |(_, change)| change + 1);
                data.values.borrow_mut().insert(name, (Vec::new(), change));
            }));
        }
        assert_eq!(note(&data, "a"), Err(NotNoted::Full(1)));
        assert_eq!(note(&data, "a"), Ok(()));

        for (_, (value, _)) in data.values.borrow_mut().iter_mut().filter(|(name, _)| !name.ends_with("salt")) {
            value.push(0);
        }
        assert_eq!(note(&data, "a"), Err(NotNoted::Full(1)), "somebody else wrote to it");
        data.declines.set(true);
        assert_eq!(note(&data, "b"), Err(NotNoted::Full(1)));
        assert_eq!(NoMemory.note(proof("a"), NOW), Err(NotNoted::Full(1)));
    }
}

//! What the configurations of one process share, by name: so a new configuration begins with the key sets of the one that it
//! replaces, and two filters with the same issuer fetch its set once.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// The values that any configuration holds.
static VALUES: Mutex<BTreeMap<String, Weak<Mutex<Value>>>> = Mutex::new(BTreeMap::new());

/// A value, and the number of its last change; 0 for one that nobody has written.
#[derive(Default)]
struct Value {
    bytes: Vec<u8>,
    change: u32,
}

/// A configuration's part in it. A value is forgotten with the last configuration that has asked for it, or keeps it.
#[derive(Default)]
pub(crate) struct SharedMemory {
    held: RefCell<BTreeMap<String, Arc<Mutex<Value>>>>,
}

impl SharedMemory {
    /// A value, with the number of its last change.
    pub(crate) fn get(&self, name: &str) -> Option<(Vec<u8>, u32)> {
        let value = self.value(name);
        let value = lock(&value);
        (value.change > 0).then(|| (value.bytes.clone(), value.change))
    }

    /// Changes a value, unless it was changed since the numbered change; whether it did.
    pub(crate) fn set(&self, name: &str, bytes: &[u8], unless_changed_since: Option<u32>) -> bool {
        let value = self.value(name);
        let mut value = lock(&value);
        let is_current = unless_changed_since.is_none_or(|since| since == value.change);
        if is_current {
            *value = Value { bytes: bytes.to_vec(), change: value.change.wrapping_add(1).max(1) };
        }
        is_current
    }

    /// Keeps a value, whether or not it was written, for as long as this configuration lives.
    pub(crate) fn keep(&self, name: &str) {
        _ = self.value(name);
    }

    fn value(&self, name: &str) -> Arc<Mutex<Value>> {
        let mut held = self.held.borrow_mut();
        Arc::clone(held.entry(name.to_owned()).or_insert_with(|| value_of_process(name)))
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        let names: Vec<String> = self.held.take().into_keys().collect();
        let mut values = lock(&VALUES);
        for name in names {
            if values.get(&name).is_some_and(|value| value.strong_count() == 0) {
                values.remove(&name);
            }
        }
    }
}

fn value_of_process(name: &str) -> Arc<Mutex<Value>> {
    let mut values = lock(&VALUES);
    values.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
        let value = Arc::default();
        values.insert(name.to_owned(), Arc::downgrade(&value));
        value
    })
}

/// A panic leaves a value whole: it is replaced at once or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_sees_what_another_wrote_and_only_while_one_of_them_lives() {
        let name = "a value of this test";
        let (old, new) = (SharedMemory::default(), SharedMemory::default());
        assert_eq!(old.get(name), None);
        assert!(old.set(name, b"set", None));
        assert_eq!(new.get(name), Some((b"set".to_vec(), 1)));
        drop(old);
        assert_eq!(new.get(name), Some((b"set".to_vec(), 1)));
        drop(new);
        assert!(!lock(&VALUES).contains_key(name));
        assert_eq!(SharedMemory::default().get(name), None);
    }

    #[test]
    fn what_the_next_configuration_keeps_outlives_the_one_that_wrote_it() {
        let name = "a value that is kept";
        let (old, new) = (SharedMemory::default(), SharedMemory::default());
        assert!(old.set(name, b"set", None));
        new.keep(name);
        drop(old);
        assert_eq!(new.get(name), Some((b"set".to_vec(), 1)));
    }

    #[test]
    fn of_two_writers_that_read_the_same_the_first_one_wins() {
        let name = "a value of two writers";
        let (one, other) = (SharedMemory::default(), SharedMemory::default());
        assert!(one.set(name, b"read by both", None));
        let (_, change) = other.get(name).unwrap();
        assert!(one.set(name, b"of one", Some(change)));
        assert!(!other.set(name, b"of the other", Some(change)));
        assert_eq!(other.get(name).unwrap().0, b"of one");
    }
}

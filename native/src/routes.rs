//! The policies that Envoy's routes and virtual hosts have of their own.
//!
//! Envoy makes and keeps them apart from any filter's configuration. It gets a number for each instead of a pointer: so what
//! another module has given it is never taken for one of these.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jwt_auth_filter::config::RoutePolicy;
use log::error;

/// By which Envoy knows a policy. No two have the same, nor had.
pub(crate) type Number = NonZeroUsize;

static POLICIES: Mutex<BTreeMap<Number, Arc<RoutePolicy>>> = Mutex::new(BTreeMap::new());

/// Reads a policy; `None` when it is at fault, which the log tells.
pub(crate) fn add(name: &str, configuration: &[u8]) -> Option<Number> {
    static NUMBERS: AtomicUsize = AtomicUsize::new(1);

    match RoutePolicy::parse(configuration) {
        Ok(policy) => {
            let number = Number::new(NUMBERS.fetch_add(1, Ordering::Relaxed))?;
            policies().insert(number, Arc::new(policy));
            Some(number)
        }
        Err(faults) => {
            faults.iter().for_each(|fault| error!("policy of a route, {name:?}: {fault}"));
            error!("policy of a route refused: {} faults", faults.len());
            None
        }
    }
}

/// Forgets a policy that Envoy needs no longer.
pub(crate) fn remove(number: Number) {
    policies().remove(&number);
}

/// A policy that Envoy has.
pub(crate) fn find(number: Number) -> Option<Arc<RoutePolicy>> {
    policies().get(&number).cloned()
}

/// Takes out of a map what belongs to policies that Envoy no longer has.
pub(crate) fn retain_current<T>(of_policies: &mut HashMap<Number, T>) {
    let policies = policies();
    of_policies.retain(|number, _| policies.contains_key(number));
}

fn policies() -> MutexGuard<'static, BTreeMap<Number, Arc<RoutePolicy>>> {
    POLICIES.lock().unwrap_or_else(PoisonError::into_inner)
}

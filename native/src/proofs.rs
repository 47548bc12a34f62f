//! The memory of used proofs: one for all workers, and for all configurations of the process, so that a proof is not good once
//! more when a configuration is replaced.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, LazyLock},
};

use jwt_auth_filter::{
    config::Config,
    sender::{ProcessMemory, ProcessMemoryShare},
};

/// What a worker takes of the memory for a configuration.
pub(crate) fn share(config: &Config) -> ProcessMemoryShare {
    static MEMORY: LazyLock<Arc<ProcessMemory>> = LazyLock::new(|| {
        let salt = RandomState::new().build_hasher().finish();
        Arc::new(ProcessMemory::new(salt))
    });
    ProcessMemoryShare::new(Arc::clone(&MEMORY), config.max_dpop_proofs)
}

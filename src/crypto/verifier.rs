//! Who checks a signature: this module's own code, or a host that does it faster.

use std::{any::Any, sync::OnceLock};

use super::{Algorithm, Key};

/// Checks signatures.
pub trait Verifier {
    /// Whether `signature` is the key's over `message`, by this algorithm. `prepared` is always the same for a key.
    fn verify(&self, key: &Key, prepared: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// A place beside a key for what a verifier makes of it once, so that both live equally long.
#[derive(Debug, Default)]
pub struct Prepared(OnceLock<Box<dyn Any + Send + Sync>>);

impl Prepared {
    /// What the verifier made of the key the first time; `None` when another verifier made something else.
    pub fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.0.get_or_init(|| Box::new(make())).downcast_ref()
    }
}

/// Checks signatures with the code that is compiled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Verifier for BuiltIn {
    fn verify(&self, key: &Key, _: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        key.verify(algorithm, message, signature)
    }
}

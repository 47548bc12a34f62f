//! Who checks a signature: this module's own code, or a host that does it faster.

use super::{Algorithm, Key};

/// Checks signatures.
pub trait Verifier {
    /// Whether `signature` is the key's over `message`, by this algorithm.
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// Checks signatures with the code that is compiled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Verifier for BuiltIn {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        key.verify(algorithm, message, signature)
    }
}

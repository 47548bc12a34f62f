//! What signs a token, and who verifies it: algorithms, keys, and verifying by this module's own code or by the host's.

mod algorithm;
mod host_crypto;
mod key;
mod verifier;

pub use self::{
    algorithm::{Algorithm, UnsupportedAlgorithm},
    host_crypto::{CryptoHost, HostCrypto},
    key::{Key, KeyError, RsaKey},
    verifier::{BuiltIn, Prepared, Verifier},
};
pub(crate) use key::{hmac_sha256, jwk_text};

//! RSA keys (RFC 8017): kept as DER, and made ready for arithmetic when they are first used.
//!
//! A configuration may hold a hundred thousand keys. The numbers that make verifying fast take several times the memory
//! of the key, and where the host verifies they are never needed.

use std::sync::OnceLock;

use pkcs1::{ALGORITHM_ID, RsaPublicKeyRef};
use rsa::{BoxedUint, PublicKey};
use spki::{
    SubjectPublicKeyInfo, SubjectPublicKeyInfoRef,
    der::{Decode, Encode, asn1::BitStringRef},
};

use super::KeyError;

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;
/// A longer public exponent would let one signature cost its sender nothing and the verifier a lot.
const MAX_EXPONENT_BYTES: usize = 4;

/// What a SubjectPublicKeyInfo of an RSA key holds beside the modulus, at least, in bytes.
const SPKI_OVERHEAD: usize = 38;

/// An RSA public key of 2048 to 8192 bits, with an odd exponent from 3 to 2³²-1.
pub struct RsaKey {
    spki: Box<[u8]>,
    ready: OnceLock<Option<Box<PublicKey>>>,
}

impl RsaKey {
    /// Takes a key whose modulus and exponent are safe to use.
    pub(super) fn new(key: &RsaPublicKeyRef) -> Result<Self, KeyError> {
        let modulus = key.modulus.as_bytes();
        let bits = bit_length(modulus);
        if bits < MIN_BITS {
            return Err(KeyError::WeakRsa(bits));
        }
        let exponent = key.public_exponent.as_bytes();
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let usable = bits <= MAX_BITS
            && is_odd(modulus)
            && is_odd(exponent)
            && exponent != [1]
            && exponent.len() <= MAX_EXPONENT_BYTES;
        let spki = usable.then(|| encode(key)).flatten().ok_or(KeyError::UnusableRsa)?;
        Ok(Self { spki, ready: OnceLock::new() })
    }

    /// The key as SubjectPublicKeyInfo, in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Modulus and exponent, big-endian without leading zeros.
    pub(super) fn numbers(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        numbers(&self.spki)
    }

    /// Whether one verification costs much more than with the keys that issuers use: it has over 4096 bits, or an exponent
    /// other than 3 and 65537.
    pub fn is_costly(&self) -> bool {
        self.kilobits() > 4 || !self.has_usual_exponent()
    }

    /// What one verification costs, in the units of `Key::verification_cost`. It grows with the square of the modulus, and
    /// an exponent of 32 bits takes up to 63 multiplications where 65537 takes 17.
    pub(super) fn verification_cost(&self) -> u32 {
        let kilobits = self.kilobits();
        let by_exponent = if self.has_usual_exponent() { 1 } else { 4 };
        kilobits.saturating_mul(kilobits).saturating_mul(by_exponent)
    }

    /// How long the modulus is, in units of 1024 bits, rounded up.
    pub fn kilobits(&self) -> u32 {
        let modulus_bytes = self.spki.len().saturating_sub(SPKI_OVERHEAD);
        u32::try_from(modulus_bytes.div_ceil(128)).unwrap_or(u32::MAX)
    }

    /// The exponent is what a SubjectPublicKeyInfo ends with, an INTEGER of DER.
    fn has_usual_exponent(&self) -> bool {
        self.spki.ends_with(&[2, 3, 1, 0, 1]) || self.spki.ends_with(&[2, 1, 3])
    }

    /// The key, ready for arithmetic. `new` has checked what can fail here; were it to fail, nothing would verify.
    pub(super) fn ready(&self) -> Option<&PublicKey> {
        self.ready.get_or_init(|| decode(&self.spki).map(Box::new)).as_deref()
    }
}

/// How many bits a big-endian number without leading zeros has.
fn bit_length(number: &[u8]) -> usize {
    let leading_zeros = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(leading_zeros)
}

fn encode(key: &RsaPublicKeyRef) -> Option<Box<[u8]>> {
    let pkcs1 = key.to_der().ok()?;
    let subject_public_key = BitStringRef::from_bytes(&pkcs1).ok()?;
    let spki = SubjectPublicKeyInfo { algorithm: ALGORITHM_ID, subject_public_key }.to_der().ok()?;
    Some(spki.into_boxed_slice())
}

fn numbers(spki: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    let key = RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
    Some((key.modulus.as_bytes().to_vec(), key.public_exponent.as_bytes().to_vec()))
}

fn decode(spki: &[u8]) -> Option<PublicKey> {
    let (modulus, exponent) = numbers(spki)?;
    let number = |bytes: Vec<u8>| BoxedUint::from_be_slice_vartime(&bytes);
    PublicKey::new_with_size_limits(number(modulus), number(exponent), MIN_BITS..=MAX_BITS).ok()
}

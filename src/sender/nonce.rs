//! Nonces for proofs (RFC 9449 §8 and §9): the time at which one was given out, and a MAC over it. So whoever has the secret
//! knows those of all others that have it, and nobody keeps any.

use std::fmt;

use subtle::ConstantTimeEq;

use crate::{
    crypto::hmac_sha256,
    encoding::base64::{decode_url, encode_url},
    token::Timestamp,
};

/// What nonces are made with, and how long each is good.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonces {
    secret: Box<[u8]>,
    /// In seconds.
    lifetime: u64,
}

impl Nonces {
    /// How long the secret must be at least, in bytes: as long as the MAC (RFC 2104 §3).
    pub const MIN_SECRET_BYTES: usize = 32;

    /// Takes the secret, and for how many seconds a nonce is good.
    pub fn new(secret: &[u8], lifetime: u64) -> Self {
        Self { secret: secret.into(), lifetime }
    }

    /// The nonce of a time.
    pub fn make(&self, now: Timestamp) -> String {
        encode_url([now.to_be_bytes().as_slice(), &self.mac(now)].concat())
    }

    /// Whether a nonce was made with the secret, and not too long ago. It may come from a proxy whose clock is ahead.
    pub(super) fn accept(&self, nonce: &str, now: Timestamp) -> bool {
        let Some(nonce) = decode_url(nonce) else { return false };
        let Some((time, mac)) = nonce.split_first_chunk() else { return false };
        let time = Timestamp::from_be_bytes(*time);
        self.mac(time).ct_eq(mac).into() && now.abs_diff(time) <= self.lifetime
    }

    fn mac(&self, time: Timestamp) -> Vec<u8> {
        hmac_sha256(&self.secret, &[b"DPoP-Nonce".as_slice(), &time.to_be_bytes()].concat())
    }
}

/// Without the secret.
impl fmt::Debug for Nonces {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Nonces({} s)", self.lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000;

    #[test]
    fn a_nonce_is_good_for_its_time_and_for_whoever_has_the_secret() {
        let nonces = Nonces::new(&[7; 32], 300);
        let nonce = nonces.make(NOW);
        for at in [NOW, NOW + 300, NOW - 300] {
            assert!(Nonces::new(&[7; 32], 300).accept(&nonce, at), "{at}");
        }
        for at in [NOW + 301, NOW - 301, 0, u64::MAX] {
            assert!(!nonces.accept(&nonce, at), "{at}");
        }
        assert!(!Nonces::new(&[8; 32], 300).accept(&nonce, NOW));
    }

    #[test]
    fn what_was_not_given_out_is_no_nonce() {
        let nonces = Nonces::new(&[7; 32], 300);
        let nonce = nonces.make(NOW - 300);
        let mut newer = decode_url(&nonce).unwrap();
        newer[7] += 1;
        let forged = [encode_url(&newer), format!("{nonce}A"), nonce[..nonce.len() - 4].to_owned()];
        for forged in forged.iter().map(String::as_str).chain(["", "AAAAAAAAAAA", "a b", "\u{e9}"]) {
            assert!(!nonces.accept(forged, NOW), "{forged}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Nonces::new(b"hush-hush", 300)), "Nonces(300 s)");
    }
}

//! The keys that cases sign and verify with.

use jwt_auth_filter::crypto::Algorithm;
use serde_json::{Value, json};

use crate::signing_key::{SigningKey, base64url, from_jwk};

/// A key to sign with. Of the secrets each is two: its text, and what it is the base64 of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    SecretA,
    SecretB,
    DecodedA,
    DecodedB,
    Ed25519A,
    Ed25519B,
    P256,
    Ed448,
}

impl Key {
    pub(super) const ALL: [Self; 8] = [
        Self::SecretA,
        Self::SecretB,
        Self::DecodedA,
        Self::DecodedB,
        Self::Ed25519A,
        Self::Ed25519B,
        Self::P256,
        Self::Ed448,
    ];
    pub(super) const SECRETS: [Self; 2] = [Self::SecretA, Self::SecretB];
    pub(super) const PUBLIC: [Self; 4] = [Self::Ed25519A, Self::Ed25519B, Self::P256, Self::Ed448];

    pub(super) fn is_secret(self) -> bool {
        !Self::PUBLIC.contains(&self)
    }

    pub(super) fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::SecretA | Self::SecretB | Self::DecodedA | Self::DecodedB => {
                &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512]
            }
            Self::Ed25519A | Self::Ed25519B => &[Algorithm::EdDSA, Algorithm::Ed25519],
            Self::Ed448 => &[Algorithm::EdDSA, Algorithm::Ed448],
            Self::P256 => &[Algorithm::ES256],
        }
    }

    /// What verifying with it costs of [`VERIFICATION_BUDGET`].
    pub(super) fn cost(self) -> u32 {
        match self {
            Self::Ed25519A | Self::Ed25519B => 2,
            Self::P256 => 4,
            Self::Ed448 => 48,
            _ => 1,
        }
    }

    /// The key that a secret becomes under `secret_is_base64`.
    pub(super) fn read_as(self, is_base64: bool) -> Self {
        match (is_base64, self) {
            (true, Self::SecretA) => Self::DecodedA,
            (true, Self::SecretB) => Self::DecodedB,
            _ => self,
        }
    }

    /// The text of a secret, also as it stands in a configuration.
    pub(super) fn secret(self) -> &'static str {
        match self {
            Self::SecretA => "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IEE=",
            Self::SecretB => "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IEI=",
            Self::DecodedA => "secret secret secret secret A",
            _ => "secret secret secret secret B",
        }
    }

    fn signing(self) -> Box<dyn SigningKey> {
        let seed = |byte, length| base64url(vec![byte; length]);
        let jwk = match self {
            Self::Ed25519A => json!({"kty": "OKP", "crv": "Ed25519", "d": seed(1, 32)}),
            Self::Ed25519B => json!({"kty": "OKP", "crv": "Ed25519", "d": seed(2, 32)}),
            Self::P256 => json!({"kty": "EC", "crv": "P-256", "d": seed(3, 32)}),
            Self::Ed448 => json!({"kty": "OKP", "crv": "Ed448", "d": seed(4, 57)}),
            secret => json!({"kty": "oct", "k": base64url(secret.secret())}),
        };
        from_jwk(&jwk.to_string()).unwrap()
    }

    pub(super) fn sign(self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        with_made(self, |made| made.signing.sign(algorithm, message).unwrap())
    }
}

/// A key in the forms that cost time to make.
pub(super) struct Made {
    pub signing: Box<dyn SigningKey>,
    pub jwk: Value,
    pub pem: Option<String>,
}

pub(super) fn with_made<T>(key: Key, f: impl FnOnce(&Made) -> T) -> T {
    thread_local! {
        static MADE: Vec<Made> = Key::ALL.map(Key::signing).map(|signing| {
            let (jwk, pem) = (signing.jwk(), signing.public_pem());
            Made { signing, jwk, pem }
        }).into();
    }
    MADE.with(|made| f(&made[key as usize]))
}

/// A member of a key set.
#[derive(Debug, Clone)]
pub(super) struct Jwk {
    pub key: Key,
    pub kid: Option<&'static str>,
    pub algorithm: Option<Algorithm>,
}

impl Jwk {
    fn json(&self) -> Value {
        let mut jwk = with_made(self.key, |made| made.jwk.clone());
        let members = [("kid", self.kid), ("alg", self.algorithm.map(Algorithm::name))];
        jwk.as_object_mut()
            .unwrap()
            .extend(members.into_iter().filter_map(|(name, it)| Some((name.into(), it?.into()))));
        jwk
    }

    /// Whether it verifies tokens of the algorithm for a credential with an algorithm of its own, or with none.
    pub(super) fn serves(&self, algorithm: Algorithm, of_credential: Option<Algorithm>) -> bool {
        let named = [Some(algorithm), self.algorithm, of_credential];
        named.into_iter().flatten().all(|name| self.key.algorithms().contains(&name) && are_alike(name, algorithm))
    }
}

/// Whether two names may be of one algorithm: they are the same, or one of the two that `EdDSA` stands for, and `EdDSA`.
pub(super) fn are_alike(one: Algorithm, other: Algorithm) -> bool {
    let is_part = |part: Algorithm, whole: Algorithm| whole == Algorithm::EdDSA && part.name().starts_with("Ed");
    one == other || is_part(one, other) || is_part(other, one)
}

pub(super) fn set_json(keys: &[Jwk]) -> Value {
    json!({"keys": keys.iter().map(Jwk::json).collect::<Vec<_>>()})
}

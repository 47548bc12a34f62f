//! The signature algorithms, by their names in a JWS header (JWA, RFC 7518 §3.1; RFC 8037; RFC 9864; ML-DSA for JOSE).

use std::{fmt, str::FromStr};

/// An algorithm that a token may be signed with. There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are the registered names")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519,
    Ed448,
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl Algorithm {
    /// Every algorithm, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
        Self::Ed448,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The registered name, as `alg` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Whether the key is a secret that signer and verifier share, rather than a public key.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// What two names have in common: the algorithm itself for one name, and the narrower one for `EdDSA` and an algorithm
    /// that it stands for (RFC 9864 §2.2).
    pub fn common(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::EdDSA, narrow @ (Self::Ed25519 | Self::Ed448))
            | (narrow @ (Self::Ed25519 | Self::Ed448), Self::EdDSA) => Some(narrow),
            _ => (self == other).then_some(self),
        }
    }

    /// The key that the algorithm verifies with, in words for a message.
    pub const fn key_in_words(self) -> &'static str {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => "a secret",
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => {
                "an RSA public key of at least 2048 bits"
            }
            Self::ES256 => "an EC public key on P-256",
            Self::ES384 => "an EC public key on P-384",
            Self::ES512 => "an EC public key on P-521",
            Self::EdDSA => "an Ed25519 or Ed448 public key",
            Self::Ed25519 => "an Ed25519 public key",
            Self::Ed448 => "an Ed448 public key",
            Self::MlDsa44 => "an ML-DSA-44 public key",
            Self::MlDsa65 => "an ML-DSA-65 public key",
            Self::MlDsa87 => "an ML-DSA-87 public key",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The name is none that [`Algorithm::ALL`] holds. Names are compared exactly, case included (RFC 7515 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedAlgorithm;

impl FromStr for Algorithm {
    type Err = UnsupportedAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnsupportedAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_nothing_else_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
        for name in
            ["none", "None", "NONE", "nOnE", "", "hs256", "RS256 ", "ES256K", "HS1", "RSA-OAEP", "dir", "ed25519"]
        {
            assert_eq!(name.parse::<Algorithm>(), Err(UnsupportedAlgorithm), "{name}");
        }
    }

    #[test]
    fn names_have_only_their_algorithm_in_common_but_for_the_curves_of_eddsa() {
        use Algorithm::*;
        for one in Algorithm::ALL {
            for other in Algorithm::ALL {
                let expected = match (one, other) {
                    (EdDSA, Ed25519) | (Ed25519, EdDSA) => Some(Ed25519),
                    (EdDSA, Ed448) | (Ed448, EdDSA) => Some(Ed448),
                    _ => (one == other).then_some(one),
                };
                assert_eq!(one.common(other), expected, "{one} and {other}");
            }
        }
    }
}

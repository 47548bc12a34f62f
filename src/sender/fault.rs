//! Why it is not known that a token comes from whom it is bound to.

use std::fmt;

use super::ProofFault;

/// Why it is not known that a token comes from whom it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderFault {
    /// The token is bound to nothing, and must be.
    Unbound,
    /// `cnf` asks for a proof that the filter does not know, or is not of the right type.
    UnusableConfirmation,
    /// The token is bound to a key, and presented as one that is not.
    NotABearerToken,
    /// The token is not bound to a key, and presented as one that is.
    NotADpopToken,
    /// The client has shown no certificate.
    NoCertificate,
    /// The client's certificate is another one.
    OtherCertificate,
    /// The proof is not one of the key for this request.
    Proof(ProofFault),
    /// The proof must hold a nonce, such as this one.
    NonceNeeded(String),
    /// The proof was used before.
    Replayed,
    /// It cannot be known whether the proof was used before; in so many seconds it may be.
    MemoryFull(u32),
}

impl SenderFault {
    /// A short name that never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unbound => "unbound_token",
            Self::UnusableConfirmation => "unusable_confirmation",
            Self::NotABearerToken | Self::NotADpopToken => "wrong_scheme",
            Self::NoCertificate => "no_certificate",
            Self::OtherCertificate => "wrong_certificate",
            Self::Proof(_) => "invalid_dpop_proof",
            Self::NonceNeeded(_) => "use_dpop_nonce",
            Self::Replayed => "replayed_dpop_proof",
            Self::MemoryFull(_) => "dpop_memory_full",
        }
    }
}

impl fmt::Display for SenderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unbound => "Token is not bound to its sender",
            Self::UnusableConfirmation => "Bad token; invalid cnf",
            Self::NotABearerToken => "Token is not a bearer token",
            Self::NotADpopToken => "Token is not a DPoP token",
            Self::NoCertificate => "No client certificate",
            Self::OtherCertificate => "Token is bound to another client certificate",
            Self::Proof(fault) => return write!(formatter, "Invalid DPoP proof; {fault}"),
            Self::NonceNeeded(_) => "DPoP proof needs a nonce",
            Self::Replayed => "DPoP proof was used before",
            Self::MemoryFull(_) => "DPoP proof cannot be checked now",
        })
    }
}

impl From<ProofFault> for SenderFault {
    fn from(fault: ProofFault) -> Self {
        Self::Proof(fault)
    }
}

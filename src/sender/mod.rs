//! Sender-constrained tokens: that whoever sends a token is the one that it was issued to.
//!
//! A token says what it is bound to in its claim `cnf` (RFC 7800): the client's certificate (RFC 8705), or a key with which the
//! client signs a proof for each request (DPoP, RFC 9449).

mod certificate;
mod confirmation;
mod dpop;
mod fault;
mod nonce;
mod replay;
mod target;

pub use self::{
    certificate::CertificateSource,
    confirmation::{Binding, Confirmation},
    dpop::{DpopPolicy, GoodProof, ProofFault},
    fault::SenderFault,
    nonce::Nonces,
    replay::{
        Declined, NoMemory, NotNoted, ProcessMemory, ProcessMemoryShare, Proof, ReplayMemory, SharedData, SharedMemory,
    },
    target::Origin,
};
use crate::{
    crypto::Verifier,
    request::{Request, Scheme},
    token::Timestamp,
};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// What a policy demands of whoever sends a token.
#[derive(Debug, Clone)]
pub struct SenderPolicy {
    /// `sender_constraint`.
    pub constraint: SenderConstraint,
    /// `client_certificate_from`.
    pub certificate_from: CertificateSource,
    /// `dpop`; without it no proof is taken.
    pub dpop: Option<DpopPolicy>,
}

/// `sender_constraint`: which tokens must be shown to be sent by whom they are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderConstraint {
    /// None: what a token says of it is not looked at.
    Off,
    /// Those that say so.
    IfBound,
    /// All: one that is bound to nothing is refused.
    Required,
}

impl SenderConstraint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::IfBound, Self::Required];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::IfBound => "if_bound",
            Self::Required => "required",
        }
    }
}

/// A token, as a request presents it.
pub struct Presented<'r, R> {
    /// The request.
    pub request: &'r R,
    /// The token, which is valid.
    pub token: &'r [u8],
    /// What stands before it.
    pub scheme: Scheme,
    /// The time.
    pub at: Timestamp,
}

/// What proofs are checked with.
pub struct Checker<'v, V> {
    /// What verifies their signatures.
    pub verifier: &'v V,
    /// What knows those that were used.
    pub memory: &'v dyn ReplayMemory,
    /// How many seconds the time of a proof may differ from the clock at most, for any policy: for so long it is remembered.
    pub longest_window: u64,
}

impl SenderPolicy {
    /// How proofs are checked, if they are.
    pub fn dpop(&self) -> Option<&DpopPolicy> {
        self.dpop.as_ref().filter(|_| self.constraint != SenderConstraint::Off)
    }

    /// Whether the client's certificate is found in a header of the request.
    pub fn reads_header(&self) -> bool {
        self.constraint != SenderConstraint::Off && self.certificate_from != CertificateSource::Connection
    }

    /// Checks that a token comes from whom it is bound to. A proof that shows it has yet to be [spent](GoodProof::spend).
    ///
    /// # Errors
    /// Why that is not known.
    pub fn check<R: Request, V: Verifier>(
        &self,
        binding: &Binding,
        presented: &Presented<R>,
        checker: &Checker<V>,
    ) -> Result<Option<GoodProof>, SenderFault> {
        let confirmation = match (self.constraint, binding) {
            (SenderConstraint::Off, _) => return Ok(None),
            (SenderConstraint::Required, Binding::None) => return Err(SenderFault::Unbound),
            (_, Binding::None) if presented.scheme == Scheme::Dpop => return Err(SenderFault::NotADpopToken),
            (_, Binding::None) => return Ok(None),
            (_, Binding::Unusable) => return Err(SenderFault::UnusableConfirmation),
            (_, Binding::To(confirmation)) => confirmation,
        };
        let by_key = match (confirmation.key, presented.scheme, self.dpop()) {
            (Some(key), Scheme::Dpop, Some(dpop)) => Some((key, dpop)),
            (Some(_), ..) => return Err(SenderFault::NotABearerToken),
            (None, Scheme::Dpop, _) => return Err(SenderFault::NotADpopToken),
            (None, Scheme::Bearer, _) => None,
        };
        if let Some(hash) = confirmation.certificate {
            let shown = self.certificate_from.hash(presented.request).ok_or(SenderFault::NoCertificate)?;
            if shown != hash {
                return Err(SenderFault::OtherCertificate);
            }
        }
        by_key.map(|(key, dpop)| dpop.check(&key, presented, checker)).transpose()
    }
}

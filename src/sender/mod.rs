//! Sender-constrained tokens: that whoever sends a token is the one that it was issued to.
//!
//! A token says what it is bound to in its claim `cnf` (RFC 7800): the client's certificate (RFC 8705).

mod certificate;
mod confirmation;

use std::fmt;

pub use self::{
    certificate::CertificateSource,
    confirmation::{Binding, Confirmation},
};
use crate::request::Request;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// What a policy demands of whoever sends a token.
#[derive(Debug, Clone)]
pub struct SenderPolicy {
    /// `sender_constraint`.
    pub constraint: SenderConstraint,
    /// `client_certificate_from`.
    pub certificate_from: CertificateSource,
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

/// Why it is not known that a token comes from whom it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderFault {
    /// The token is bound to nothing, and must be.
    Unbound,
    /// `cnf` asks for a proof that the filter does not know, or is not of the right type.
    UnusableConfirmation,
    /// The client has shown no certificate.
    NoCertificate,
    /// The client's certificate is another one.
    OtherCertificate,
    /// The token is bound to a key, so it is no bearer token.
    NotABearerToken,
}

impl SenderFault {
    /// A short name that never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unbound => "unbound_token",
            Self::UnusableConfirmation => "unusable_confirmation",
            Self::NoCertificate => "no_certificate",
            Self::OtherCertificate => "wrong_certificate",
            Self::NotABearerToken => "wrong_scheme",
        }
    }
}

impl fmt::Display for SenderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unbound => "Token is not bound to its sender",
            Self::UnusableConfirmation => "Bad token; invalid cnf",
            Self::NoCertificate => "No client certificate",
            Self::OtherCertificate => "Token is bound to another client certificate",
            Self::NotABearerToken => "Token is not a bearer token",
        })
    }
}

impl SenderPolicy {
    /// Checks that a request comes from whom its token is bound to.
    pub fn check(&self, binding: &Binding, request: &impl Request) -> Result<(), SenderFault> {
        let confirmation = match (self.constraint, binding) {
            (SenderConstraint::Off, _) | (SenderConstraint::IfBound, Binding::None) => return Ok(()),
            (SenderConstraint::Required, Binding::None) => return Err(SenderFault::Unbound),
            (_, Binding::Unusable) => return Err(SenderFault::UnusableConfirmation),
            (_, Binding::To(confirmation)) => confirmation,
        };
        if let Some(hash) = confirmation.certificate {
            let shown = self.certificate_from.hash(request).ok_or(SenderFault::NoCertificate)?;
            if shown != hash {
                return Err(SenderFault::OtherCertificate);
            }
        }
        if confirmation.key.is_some() { Err(SenderFault::NotABearerToken) } else { Ok(()) }
    }
}

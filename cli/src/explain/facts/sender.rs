//! What is shown beside the check that a token comes from whom it is bound to.

use jwt_auth_filter::{
    encoding::json::Raw,
    request::{Request, TokenPlaces},
    sender::{Binding, CertificateSource, DpopPolicy, ProofFault, SenderConstraint, SenderFault},
    token::Compact,
};

use super::Facts;
use crate::printable::printable;

impl Facts<'_> {
    /// What the token is bound to, where that counts and it is bound.
    pub(in super::super) fn binding(&self) -> Option<String> {
        if self.policy.sender.constraint == SenderConstraint::Off {
            return None;
        }
        let Binding::To(confirmation) = Binding::of(&self.jws?.claims) else { return None };
        let certificate = confirmation.certificate.map(|_| "the client's certificate is the one in cnf");
        let proof =
            confirmation.key.map(|_| "the proof is of the key in cnf; whether it was used before is not known here");
        Some(certificate.into_iter().chain(proof).collect::<Vec<_>>().join("; "))
    }

    /// Why it is not known that the token comes from whom it is bound to.
    pub(in super::super) fn of_sender(&self, fault: &SenderFault) -> String {
        let cnf = self.claim("cnf").map_or_else(|| "absent".to_owned(), |cnf| printable(cnf.text()));
        let from = self.policy.sender.certificate_from;
        match fault {
            SenderFault::Unbound => "the token has no cnf, and sender_constraint is required".to_owned(),
            SenderFault::UnusableConfirmation => {
                format!("cnf is {cnf}; the filter knows x5t#S256 and jkt, each a SHA-256 hash in base64url")
            }
            SenderFault::NotABearerToken if self.policy.sender.dpop().is_none() => {
                format!("cnf is {cnf}, and without the field dpop no proof of a key is taken")
            }
            SenderFault::NotABearerToken => {
                format!("cnf is {cnf}, so the token must come as `DPoP <token>` in a header, with a proof in another")
            }
            SenderFault::NotADpopToken => format!("cnf is {cnf}, so the token must not come as `DPoP <token>`"),
            SenderFault::NoCertificate if from == CertificateSource::Connection => {
                "the client has shown no certificate; here, give it with --client-certificate".to_owned()
            }
            SenderFault::NoCertificate => format!("no certificate in the header {}", from.name()),
            SenderFault::OtherCertificate => format!("cnf is {cnf}, and the client's certificate is another one"),
            SenderFault::Proof(fault) => self.of_proof(*fault),
            SenderFault::NonceNeeded(_) => format!(
                "the proof's nonce is {}; the client needs the one of the answer's DPoP-Nonce",
                self.in_proof("nonce")
            ),
            SenderFault::Replayed | SenderFault::MemoryFull(_) => fault.to_string(),
        }
    }

    /// What is wrong with the proof, beside what stands in it.
    fn of_proof(&self, fault: ProofFault) -> String {
        let Some(dpop) = self.policy.sender.dpop() else { return fault.to_string() };
        match fault {
            ProofFault::Missing => "no header DPoP, which holds the proof".to_owned(),
            ProofFault::Several => "several headers DPoP".to_owned(),
            ProofFault::TooLong => format!("the proof is longer than {} bytes", DpopPolicy::MAX_BYTES),
            ProofFault::Malformed(error) => format!("the proof is no JWT: {error}"),
            ProofFault::Header(name) => {
                let expected = match name {
                    "typ" => "; expected \"dpop+jwt\"".to_owned(),
                    "alg" => format!("; expected one of {}", dpop.algorithm_names().join(", ")),
                    "jwk" => "; expected a public key that the alg is for".to_owned(),
                    _ => "; the filter does not know what it asks for".to_owned(),
                };
                format!("{name} of the proof is {}{expected}", self.in_proof(name))
            }
            ProofFault::OtherKey => "the proof's jwk is not the key that jkt in cnf names".to_owned(),
            ProofFault::Costly => "the proof's key costs too much to verify with".to_owned(),
            ProofFault::Claim(name) => {
                let expected = self.expected(name, dpop).map(|it| format!("; expected {it}")).unwrap_or_default();
                format!("{name} of the proof is {}{expected}", self.in_proof(name))
            }
            ProofFault::Signature => "the proof was not signed with its jwk, or changed since".to_owned(),
        }
    }

    /// What must stand in a claim of the proof.
    fn expected(&self, claim: &str, dpop: &DpopPolicy) -> Option<String> {
        let text = |name: &str| Some(String::from_utf8_lossy(&self.request.header(name)?).into_owned());
        Some(match claim {
            "jti" => format!("a text of at most {} bytes", DpopPolicy::MAX_JTI_BYTES),
            "htm" => format!("{:?}", self.request.method),
            "htu" => match &dpop.origin {
                Some(origin) => format!("\"{origin}{}\"", self.request.path_alone()),
                None => format!("\"{}://{}{}\"", text(":scheme")?, text(":authority")?, self.request.path_alone()),
            },
            "iat" => format!("a time at most {} s from now", dpop.window),
            "ath" => "the SHA-256 hash of this token in base64url".to_owned(),
            _ => return None,
        })
    }

    /// A member of the proof's header or claims.
    fn in_proof(&self, name: &str) -> String {
        let proof = self.request.header(TokenPlaces::PROOF_HEADER).unwrap_or_default();
        let compact = Compact::decode(&proof, false).ok();
        let jws = compact.as_ref().and_then(|compact| compact.parse().ok());
        let value = jws.as_ref().and_then(|jws| jws.header.get(name).or_else(|| jws.claims.get(name)));
        value.map_or_else(|| "absent".to_owned(), |value: Raw| printable(value.text()))
    }
}

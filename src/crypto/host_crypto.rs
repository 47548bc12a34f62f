//! Signatures checked by the host: Envoy offers its BoringSSL to filters as the foreign function `verify_signature`.
//!
//! A host is never asked on suspicion: one that lacks the function may trap the whole module. So the worker first makes
//! sure that it runs in Envoy, and then tries each algorithm once with a signature that is known to be good and one that
//! is known to be bad. A host that gets either wrong is not used for the algorithm.

mod known_signatures;

use std::cell::OnceCell;

use prost::Message;

use self::known_signatures::{KNOWN_SIGNATURES, KnownSignature, MESSAGE};
use super::{Algorithm, Key, Prepared, Verifier};
use crate::encoding::base64::decode_url;

/// What the verifier asks of a host.
pub trait CryptoHost {
    /// Whether the host is Envoy.
    fn is_envoy(&self) -> bool;

    /// Calls `verify_signature`; `None` when the call fails.
    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>>;

    /// Is told, once, which algorithms the host will be used for.
    fn tried(&self, by_host: &[Algorithm]);

    /// Is told that the host failed at a signature, which was then checked without it.
    fn fell_back(&self);
}

/// Checks signatures through the host where it can, and with the code that is compiled in where it can not.
pub struct HostCrypto<H> {
    host: H,
    by_host: OnceCell<Vec<Algorithm>>,
}

impl<H: CryptoHost> HostCrypto<H> {
    /// A verifier that has not tried its host yet.
    pub fn new(host: H) -> Self {
        Self { host, by_host: OnceCell::new() }
    }

    /// The algorithms that the host has shown to get right. The first call tries them all.
    fn by_host(&self) -> &[Algorithm] {
        self.by_host.get_or_init(|| {
            let mut by_host = Vec::new();
            if self.host.is_envoy() {
                by_host.extend(KNOWN_SIGNATURES.iter().filter(|known| self.gets_right(known)).map(|it| it.algorithm));
            }
            self.host.tried(&by_host);
            by_host
        })
    }

    fn gets_right(&self, known: &KnownSignature) -> bool {
        let (Ok(key), Some(signature)) = (Key::from_text(known.key), decode_url(known.signature)) else { return false };
        let verdict = |message| self.ask(&key, known.algorithm, message, &signature);
        verdict(MESSAGE) == Some(true) && verdict(b"another message") == Some(false)
    }

    /// The host's verdict on a signature; `None` when it gives none.
    fn ask(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let Some(signature) = signature_for_host(algorithm, signature) else { return Some(false) };
        let arguments = VerifySignatureArguments {
            hash_function: hash_function(algorithm)?.to_owned(),
            public_key: key.to_spki()?.into_owned(),
            signature,
            text: message.to_vec(),
        };
        let answer = self.host.verify_signature(&arguments.encode_to_vec())?;
        VerifySignatureResult::decode(answer.as_slice()).ok().map(|answer| answer.result)
    }
}

impl<H: CryptoHost> Verifier for HostCrypto<H> {
    fn verify(&self, key: &Key, _: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !key.fits(algorithm) {
            return false;
        }
        if !self.by_host().contains(&algorithm) {
            return key.verify(algorithm, message, signature);
        }
        self.ask(key, algorithm, message, signature).unwrap_or_else(|| {
            self.host.fell_back();
            key.verify(algorithm, message, signature)
        })
    }
}

/// The arguments of Envoy's `verify_signature` (`VerifySignatureArguments` in its `verify_signature.proto`).
#[derive(Clone, PartialEq, Message)]
struct VerifySignatureArguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    /// SubjectPublicKeyInfo, in DER.
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// The answer of Envoy's `verify_signature`.
#[derive(Clone, PartialEq, Message)]
struct VerifySignatureResult {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// Envoy's name of the algorithm's hash; `None` for an algorithm that the host does not do.
fn hash_function(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::RS256 | Algorithm::ES256 => Some("sha256"),
        Algorithm::RS384 | Algorithm::ES384 => Some("sha384"),
        Algorithm::RS512 | Algorithm::ES512 => Some("sha512"),
        _ => None,
    }
}

/// A signature as the host takes it: ECDSA's in DER, where a JWS carries r‖s. `None` for what is none of the algorithm's:
/// another length, or an r or s of zero or beyond the order of the group.
fn signature_for_host(algorithm: Algorithm, signature: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::ES256 => Some(p256::ecdsa::Signature::from_slice(signature).ok()?.to_der().to_bytes().into_vec()),
        Algorithm::ES384 => Some(p384::ecdsa::Signature::from_slice(signature).ok()?.to_der().to_bytes().into_vec()),
        Algorithm::ES512 => Some(p521::ecdsa::Signature::from_slice(signature).ok()?.to_der().to_bytes().into_vec()),
        _ => Some(signature.to_vec()),
    }
}

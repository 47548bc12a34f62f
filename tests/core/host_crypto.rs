//! Signatures checked by a host: the same verdict as without it, from an honest host as from a broken one.

use std::cell::{Cell, RefCell};

use crate::support::{Vector, rfc_vectors};
use base64::{Engine, engine::general_purpose::STANDARD};
use jwt_auth_filter::crypto::{
    Algorithm::{self, *},
    BuiltIn, CryptoHost, HostCrypto, Key, Prepared, Verifier,
};
use prost::Message;

const BY_HOST: [Algorithm; 6] = [RS256, RS384, RS512, ES256, ES384, ES512];

/// What a host may do wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NotEnvoy,
    SaysYes,
    SaysNo,
    FailsAtSha512,
    FailsLater,
    AnswersRubbishLater,
}

/// A host whose `verify_signature` takes and answers what Envoy's does.
struct FakeHost {
    fault: Fault,
    calls: Cell<usize>,
    fallbacks: Cell<usize>,
    tried: RefCell<Vec<Vec<Algorithm>>>,
}

#[derive(Clone, PartialEq, Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

impl FakeHost {
    fn new(fault: Fault) -> Self {
        Self { fault, calls: Cell::new(0), fallbacks: Cell::new(0), tried: RefCell::default() }
    }

    /// Whether the worker has made up its mind about this host.
    fn trusted(&self) -> bool {
        !self.tried.borrow().is_empty()
    }
}

impl CryptoHost for &FakeHost {
    fn is_envoy(&self) -> bool {
        self.fault != Fault::NotEnvoy
    }

    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        self.calls.set(self.calls.get() + 1);
        let arguments = Arguments::decode(arguments).unwrap();
        let verdict = match self.fault {
            Fault::NotEnvoy => panic!("asked on suspicion"),
            Fault::SaysYes => true,
            Fault::SaysNo => false,
            Fault::FailsAtSha512 if arguments.hash_function == "sha512" => return None,
            Fault::FailsLater if self.trusted() => return None,
            Fault::AnswersRubbishLater if self.trusted() => return Some(vec![0xff; 3]),
            _ => verify(&arguments),
        };
        // As Envoy answers: the result, or an error in its place.
        Some(if verdict { vec![0x08, 0x01] } else { b"\x12\x03bad".to_vec() })
    }

    fn tried(&self, by_host: &[Algorithm]) {
        self.tried.borrow_mut().push(by_host.to_vec());
    }

    fn fell_back(&self) {
        self.fallbacks.set(self.fallbacks.get() + 1);
    }
}

/// What BoringSSL does: RSA PKCS#1 v1.5, and ECDSA with a signature in DER, by the type of the key.
fn verify(arguments: &Arguments) -> bool {
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&arguments.public_key));
    let key = Key::from_text(&pem).unwrap();
    let der = arguments.signature.as_slice();
    let (algorithm, signature) = match (arguments.hash_function.as_str(), &key) {
        ("sha256", Key::Rsa(_)) => (RS256, Some(der.to_vec())),
        ("sha384", Key::Rsa(_)) => (RS384, Some(der.to_vec())),
        ("sha512", Key::Rsa(_)) => (RS512, Some(der.to_vec())),
        ("sha256", _) => (ES256, p256::ecdsa::Signature::from_der(der).ok().map(|it| it.to_bytes().to_vec())),
        ("sha384", _) => (ES384, p384::ecdsa::Signature::from_der(der).ok().map(|it| it.to_bytes().to_vec())),
        ("sha512", _) => (ES512, p521::ecdsa::Signature::from_der(der).ok().map(|it| it.to_bytes().to_vec())),
        other => panic!("{other:?}"),
    };
    signature.is_some_and(|signature| key.verify(algorithm, &arguments.text, &signature))
}

/// A vector's signature with variations, most of which are bad.
fn variations(vector: &Vector) -> Vec<Vec<u8>> {
    let signature = &vector.signature;
    let mut altered = signature.clone();
    altered[signature.len() / 2] ^= 1;
    let foreign = rfc_vectors().into_iter().map(|other| other.signature);
    let zeros = vec![0; signature.len()];
    [signature.clone(), altered, signature[1..].to_vec(), Vec::new(), zeros, vec![0xff; signature.len()]]
        .into_iter()
        .chain(foreign)
        .collect()
}

/// Checks that a host does not change a verdict.
fn assert_same_verdicts(host: &FakeHost) {
    let verifier = HostCrypto::new(host);
    for vector in rfc_vectors() {
        for signature in variations(&vector) {
            for algorithm in Algorithm::ALL {
                let message = vector.signing_input.as_bytes();
                let expected = BuiltIn.verify(&vector.key, &Prepared::default(), algorithm, message, &signature);
                let verdict = verifier.verify(&vector.key, &Prepared::default(), algorithm, message, &signature);
                assert_eq!(verdict, expected, "{} as {algorithm}", vector.source);
            }
        }
    }
}

#[test]
fn an_honest_host_gives_the_same_verdicts() {
    let host = FakeHost::new(Fault::None);
    assert_same_verdicts(&host);
    assert_eq!(*host.tried.borrow(), [BY_HOST]);
    assert!(host.calls.get() > 2 * BY_HOST.len());
    assert_eq!(host.fallbacks.get(), 0);
}

#[test]
fn a_host_that_is_not_envoy_is_never_asked() {
    let host = FakeHost::new(Fault::NotEnvoy);
    assert_same_verdicts(&host);
    assert_eq!(*host.tried.borrow(), [vec![]]);
}

#[test]
fn a_host_that_says_yes_or_no_to_everything_is_not_used() {
    for (fault, calls_each) in [(Fault::SaysYes, 2), (Fault::SaysNo, 1)] {
        let host = FakeHost::new(fault);
        assert_same_verdicts(&host);
        assert_eq!(*host.tried.borrow(), [vec![]]);
        assert_eq!(host.calls.get(), calls_each * BY_HOST.len());
    }
}

#[test]
fn a_host_is_used_for_the_algorithms_that_it_gets_right() {
    let host = FakeHost::new(Fault::FailsAtSha512);
    assert_same_verdicts(&host);
    assert_eq!(*host.tried.borrow(), [vec![RS256, RS384, ES256, ES384]]);
}

#[test]
fn a_host_that_fails_later_is_done_without_and_the_failure_is_counted() {
    for fault in [Fault::FailsLater, Fault::AnswersRubbishLater] {
        let host = FakeHost::new(fault);
        assert_same_verdicts(&host);
        assert!(host.fallbacks.get() > 0);
    }
}

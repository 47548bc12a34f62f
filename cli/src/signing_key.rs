//! Keys that sign: made, read, written, and signing. Each kind is another crate's; here they look alike.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use getrandom::SysRng;
use jwt_auth_filter::crypto::Algorithm::{self, *};
use jwt_simple::algorithms::{HS256Key, HS384Key, HS512Key, MACLike};
use ml_dsa::{
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding},
    signature::{Keypair, Signer},
};
use rsa::{BoxedUint, Generate, pkcs1::DecodeRsaPrivateKey, traits::PublicKeyParts};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// A private key, or a secret.
pub(crate) trait SigningKey {
    /// The algorithms that it signs by, the usual one first.
    fn algorithms(&self) -> &'static [Algorithm];

    /// The signature of a message as a JWS carries it; `None` if the key is none for the algorithm.
    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>>;

    /// The private key in PEM (PKCS#8), or the secret.
    fn private_text(&self) -> Option<String>;

    /// The public key in PEM; a secret has none.
    fn public_pem(&self) -> Option<String>;

    /// What verifies, as a JWK: the public key, or the secret.
    fn jwk(&self) -> Value;
}

/// Makes a key. `bits` are the length of an RSA modulus.
pub(crate) fn generate(algorithm: Algorithm, bits: u16) -> Option<Box<dyn SigningKey>> {
    Some(match algorithm {
        HS256 => Box::new(Secret::random(<[u8; 32]>::generate())),
        HS384 => Box::new(Secret::random(<[u8; 48]>::generate())),
        HS512 => Box::new(Secret::random(<[u8; 64]>::generate())),
        RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
            Box::new(rsa::PrivateKey::new(&mut SysRng, usize::from(bits)).ok()?)
        }
        ES256 => Box::new(p256::ecdsa::SigningKey::generate()),
        ES384 => Box::new(p384::ecdsa::SigningKey::generate()),
        ES512 => Box::new(p521::ecdsa::SigningKey::generate()),
        EdDSA | Ed25519 => Box::new(ed25519_compact::KeyPair::generate()),
        Ed448 => Box::new(ed448_goldilocks::SigningKey::generate()),
        MlDsa44 => Box::new(ml_dsa::SigningKey::<ml_dsa::MlDsa44>::generate()),
        MlDsa65 => Box::new(ml_dsa::SigningKey::<ml_dsa::MlDsa65>::generate()),
        MlDsa87 => Box::new(ml_dsa::SigningKey::<ml_dsa::MlDsa87>::generate()),
    })
}

/// Reads the first private key of a text: PEM in PKCS#8, or in the older forms of RSA and EC keys.
pub(crate) fn from_pem(text: &str) -> Option<Box<dyn SigningKey>> {
    let pem = private_block(text)?;
    read(rsa::PrivateKey::from_pkcs8_pem(&pem))
        .or_else(|| read(rsa::PrivateKey::from_pkcs1_pem(&pem)))
        .or_else(|| read(p256::SecretKey::from_sec1_pem(&pem).map(p256::ecdsa::SigningKey::from)))
        .or_else(|| read(p384::SecretKey::from_sec1_pem(&pem).map(p384::ecdsa::SigningKey::from)))
        .or_else(|| read(p521::SecretKey::from_sec1_pem(&pem).map(p521::ecdsa::SigningKey::from)))
        .or_else(|| read(p256::ecdsa::SigningKey::from_pkcs8_pem(&pem)))
        .or_else(|| read(p384::ecdsa::SigningKey::from_pkcs8_pem(&pem)))
        .or_else(|| read(p521::ecdsa::SigningKey::from_pkcs8_pem(&pem)))
        .or_else(|| read(ed25519_compact::KeyPair::from_pem(&pem)))
        .or_else(|| read(ed448_goldilocks::SigningKey::from_pkcs8_pem(&pem)))
        .or_else(|| read(ml_dsa::SigningKey::<ml_dsa::MlDsa44>::from_pkcs8_pem(&pem)))
        .or_else(|| read(ml_dsa::SigningKey::<ml_dsa::MlDsa65>::from_pkcs8_pem(&pem)))
        .or_else(|| read(ml_dsa::SigningKey::<ml_dsa::MlDsa87>::from_pkcs8_pem(&pem)))
}

/// Reads a private JWK (RFC 7517, RFC 8037, RFC 9964), or a secret as one.
pub(crate) fn from_jwk(text: &str) -> Option<Box<dyn SigningKey>> {
    let jwk: Value = serde_json::from_str(text).ok()?;
    let text = |name: &str| jwk.get(name)?.as_str();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    match (text("kty")?, text("crv").or_else(|| text("alg")).unwrap_or_default()) {
        ("oct", _) => bytes("k").filter(|secret| !secret.is_empty()).map(|secret| Box::new(Secret(secret)) as _),
        ("RSA", _) => {
            let number = |name: &str| Some(BoxedUint::from_be_slice_vartime(&bytes(name)?));
            let primes = vec![number("p")?, number("q")?];
            read(rsa::PrivateKey::from_components(number("n")?, number("e")?, number("d")?, primes))
        }
        ("EC", "P-256") => read(p256::ecdsa::SigningKey::from_slice(&bytes("d")?)),
        ("EC", "P-384") => read(p384::ecdsa::SigningKey::from_slice(&bytes("d")?)),
        ("EC", "P-521") => read(p521::ecdsa::SigningKey::from_slice(&bytes("d")?)),
        ("OKP", "Ed25519") => {
            read(ed25519_compact::Seed::from_slice(&bytes("d")?).map(ed25519_compact::KeyPair::from_seed))
        }
        ("OKP", "Ed448") => read(ed448_goldilocks::SigningKey::try_from(&bytes("d")?)),
        ("AKP", "ML-DSA-44") => read(from_seed::<ml_dsa::MlDsa44>(&bytes("priv")?)),
        ("AKP", "ML-DSA-65") => read(from_seed::<ml_dsa::MlDsa65>(&bytes("priv")?)),
        ("AKP", "ML-DSA-87") => read(from_seed::<ml_dsa::MlDsa87>(&bytes("priv")?)),
        _ => None,
    }
}

/// The `kid` of a JWK.
pub(crate) fn kid_of(jwk: &str) -> Option<String> {
    let jwk: Value = serde_json::from_str(jwk).ok()?;
    jwk.get("kid")?.as_str().map(str::to_owned)
}

fn from_seed<P: ml_dsa::MlDsaParams>(seed: &[u8]) -> Result<ml_dsa::SigningKey<P>, impl Sized> {
    ml_dsa::Seed::try_from(seed).map(|seed| ml_dsa::SigningKey::from_seed(&seed))
}

fn read<K: SigningKey + 'static, E>(key: Result<K, E>) -> Option<Box<dyn SigningKey>> {
    Some(Box::new(key.ok()?))
}

/// The first private key in a text that may hold other blocks, such as what `keygen` prints or `openssl ecparam` writes.
fn private_block(text: &str) -> Option<String> {
    let is_private = |line: &str, mark: &str| line.starts_with(mark) && line.ends_with("PRIVATE KEY-----");
    let lines = text.lines().map(str::trim).skip_while(|line| !is_private(line, "-----BEGIN "));
    let mut block = String::new();
    for line in lines {
        block.push_str(line);
        block.push('\n');
        if is_private(line, "-----END ") {
            return Some(block);
        }
    }
    None
}

/// A secret for HS256, HS384 and HS512.
pub(crate) struct Secret(pub Vec<u8>);

impl Secret {
    /// A secret that can be typed, of so many random bytes.
    fn random(bytes: impl AsRef<[u8]>) -> Self {
        Self(base64url(bytes).into_bytes())
    }
}

impl SigningKey for Secret {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[HS256, HS384, HS512]
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        match algorithm {
            HS256 => Some(HS256Key::from_bytes(&self.0).authentication_tag(message)),
            HS384 => Some(HS384Key::from_bytes(&self.0).authentication_tag(message)),
            HS512 => Some(HS512Key::from_bytes(&self.0).authentication_tag(message)),
            _ => None,
        }
    }

    fn private_text(&self) -> Option<String> {
        String::from_utf8(self.0.clone()).ok().map(|text| text + "\n")
    }

    fn public_pem(&self) -> Option<String> {
        None
    }

    fn jwk(&self) -> Value {
        json!({ "kty": "oct", "k": base64url(&self.0) })
    }
}

impl SigningKey for rsa::PrivateKey {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[RS256, RS384, RS512, PS256, PS384, PS512]
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        match algorithm {
            RS256 => self.pkcs1v15_sign::<Sha256>(message).ok(),
            RS384 => self.pkcs1v15_sign::<Sha384>(message).ok(),
            RS512 => self.pkcs1v15_sign::<Sha512>(message).ok(),
            PS256 => self.pss_sign::<Sha256>(message).ok(),
            PS384 => self.pss_sign::<Sha384>(message).ok(),
            PS512 => self.pss_sign::<Sha512>(message).ok(),
            _ => None,
        }
    }

    fn private_text(&self) -> Option<String> {
        pem(self)
    }

    fn public_pem(&self) -> Option<String> {
        self.as_public_key().to_public_key_pem(LineEnding::LF).ok()
    }

    fn jwk(&self) -> Value {
        json!({ "kty": "RSA", "n": base64url(self.n_bytes()), "e": base64url(self.e_bytes()) })
    }
}

macro_rules! ecdsa {
    ($curve:ident, $algorithm:ident, $name:literal) => {
        impl SigningKey for $curve::ecdsa::SigningKey {
            fn algorithms(&self) -> &'static [Algorithm] {
                &[$algorithm]
            }

            fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
                let signature: $curve::ecdsa::Signature = self.try_sign(message).ok()?;
                (algorithm == $algorithm).then(|| signature.to_bytes().to_vec())
            }

            fn private_text(&self) -> Option<String> {
                pem(self)
            }

            fn public_pem(&self) -> Option<String> {
                self.verifying_key().to_public_key_pem(LineEnding::LF).ok()
            }

            fn jwk(&self) -> Value {
                let point = self.verifying_key().to_sec1_point(false);
                let coordinate = |bytes: Option<&[u8]>| bytes.map(base64url);
                let (x, y) = (coordinate(point.x().map(AsRef::as_ref)), coordinate(point.y().map(AsRef::as_ref)));
                json!({ "kty": "EC", "crv": $name, "x": x, "y": y })
            }
        }
    };
}

ecdsa!(p256, ES256, "P-256");
ecdsa!(p384, ES384, "P-384");
ecdsa!(p521, ES512, "P-521");

impl SigningKey for ed25519_compact::KeyPair {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[EdDSA, Ed25519]
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        matches!(algorithm, EdDSA | Ed25519).then(|| self.sk.sign(message, None).to_vec())
    }

    fn private_text(&self) -> Option<String> {
        Some(with_line_break(self.sk.to_pem()))
    }

    fn public_pem(&self) -> Option<String> {
        Some(with_line_break(self.pk.to_pem()))
    }

    fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(self.pk.as_ref()) })
    }
}

impl SigningKey for ed448_goldilocks::SigningKey {
    fn algorithms(&self) -> &'static [Algorithm] {
        &[EdDSA, Ed448]
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        matches!(algorithm, EdDSA | Ed448).then(|| self.sign_raw(message).to_bytes().to_vec())
    }

    fn private_text(&self) -> Option<String> {
        // Without the public key beside it, which OpenSSL 3.0 cannot read.
        pem(&ed448::pkcs8::KeypairBytes { secret_key: self.to_bytes().into(), public_key: None })
    }

    fn public_pem(&self) -> Option<String> {
        self.verifying_key().to_public_key_pem(LineEnding::LF).ok()
    }

    fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed448", "x": base64url(self.verifying_key().as_bytes()) })
    }
}

macro_rules! ml_dsa {
    ($parameters:ident) => {
        impl SigningKey for ml_dsa::SigningKey<ml_dsa::$parameters> {
            fn algorithms(&self) -> &'static [Algorithm] {
                &[$parameters]
            }

            fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
                let signature: ml_dsa::Signature<ml_dsa::$parameters> = self.try_sign(message).ok()?;
                (algorithm == $parameters).then(|| signature.encode().to_vec())
            }

            fn private_text(&self) -> Option<String> {
                pem(self)
            }

            fn public_pem(&self) -> Option<String> {
                self.verifying_key().to_public_key_pem(LineEnding::LF).ok()
            }

            fn jwk(&self) -> Value {
                let public_key = base64url(self.verifying_key().encode());
                json!({ "kty": "AKP", "alg": $parameters.name(), "pub": public_key })
            }
        }
    };
}

ml_dsa!(MlDsa44);
ml_dsa!(MlDsa65);
ml_dsa!(MlDsa87);

fn pem(key: &impl EncodePrivateKey) -> Option<String> {
    key.to_pkcs8_pem(LineEnding::LF).ok().map(|pem| pem.to_string())
}

fn with_line_break(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// Base64url without padding, as JOSE spells it.
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

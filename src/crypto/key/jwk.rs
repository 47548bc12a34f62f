//! Public keys as JWK: RFC 7517 and 7518 §6 for RSA and EC, RFC 8037 for OKP, and `AKP` for ML-DSA.

use pkcs1::{RsaPublicKeyRef, UintRef};

use super::{Key, KeyError, RsaKey, spki};
use crate::encoding::{
    base64::{decode_standard, decode_url, decode_url_or_padded},
    json::{Member, Value},
};

/// Reads a public JWK.
pub(super) fn public_key(jwk: &Value) -> Result<Key, KeyError> {
    let Value::Object(members) = jwk else { return Err(KeyError::Malformed("JWK")) };
    let jwk = Jwk(members);
    jwk.refuse_private()?;
    jwk.refuse_other_use()?;
    let key = if jwk.has_certificate_only() { jwk.certified()? } else { jwk.parameters()? };
    jwk.refuse_other_algorithm(&key)?;
    Ok(key)
}

/// Reads a symmetric JWK (RFC 7518 §6.4).
pub(super) fn secret(jwk: &Value) -> Result<Key, KeyError> {
    let Value::Object(members) = jwk else { return Err(KeyError::Malformed("JWK")) };
    let jwk = Jwk(members);
    jwk.refuse_other_use()?;
    if jwk.text("kty")? != "oct" {
        return Err(KeyError::JwkMember("kty"));
    }
    let key = Key::from_secret(jwk.bytes("k")?).ok_or(KeyError::JwkMember("k"))?;
    jwk.refuse_other_algorithm(&key)?;
    Ok(key)
}

/// A member of a JWK. One that is `null` or empty is absent: that is how some issuers write what is not set.
fn member<'a>(members: &'a [Member<'a>], name: &str) -> Option<&'a Value<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| !is_empty(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text of a JWK's member, if it is there. A `kid` that is a number is what some issuers write by mistake: no token
/// can name it, since a token's `kid` is a string (RFC 7515 §4.1.4).
pub(crate) fn text<'a>(members: &'a [Member<'a>], name: &'static str) -> Result<Option<&'a str>, KeyError> {
    match member(members, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyError::JwkNotText(name)),
    }
}

/// The members of a JWK.
struct Jwk<'a>(&'a [Member<'a>]);

impl<'a> Jwk<'a> {
    fn get(&self, name: &str) -> Option<&'a Value<'a>> {
        member(self.0, name)
    }

    fn text(&self, name: &'static str) -> Result<&'a str, KeyError> {
        text(self.0, name)?.ok_or(KeyError::JwkMember(name))
    }

    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyError> {
        decode_url(self.text(name)?).ok_or(KeyError::JwkMember(name))
    }

    /// The octets of a number. RFC 7518 §2 has no padding, but some issuers write it.
    fn number(&self, name: &'static str) -> Result<Vec<u8>, KeyError> {
        decode_url_or_padded(self.text(name)?).ok_or(KeyError::JwkMember(name))
    }

    /// The key that the members of its type hold.
    fn parameters(&self) -> Result<Key, KeyError> {
        Ok(match self.text("kty")? {
            "RSA" => Key::Rsa(self.rsa()?),
            "EC" => match self.text("crv")? {
                "P-256" => Key::p256(&self.point(32)?)?,
                "P-384" => Key::p384(&self.point(48)?)?,
                "P-521" => Key::p521(&self.point(66)?)?,
                _ => return Err(KeyError::UnknownJwk("crv")),
            },
            "OKP" => match self.text("crv")? {
                "Ed25519" => Key::ed25519(&self.bytes("x")?)?,
                "Ed448" => Key::ed448(&self.bytes("x")?)?,
                _ => return Err(KeyError::UnknownJwk("crv")),
            },
            "AKP" => match self.text("alg")? {
                "ML-DSA-44" => Key::ml_dsa_44(&self.bytes("pub")?)?,
                "ML-DSA-65" => Key::ml_dsa_65(&self.bytes("pub")?)?,
                "ML-DSA-87" => Key::ml_dsa_87(&self.bytes("pub")?)?,
                _ => return Err(KeyError::UnknownJwk("alg")),
            },
            "oct" => return Err(KeyError::SecretJwk("symmetric")),
            _ => return Err(KeyError::UnknownJwk("kty")),
        })
    }

    /// Whether the members of its type are left out, and a certificate stands for them.
    fn has_certificate_only(&self) -> bool {
        self.get("x5c").is_some() && ["n", "e", "x", "y", "pub", "k"].into_iter().all(|name| self.get(name).is_none())
    }

    /// The key of the first certificate of `x5c` (RFC 7517 §4.7), which must be of the type that the JWK names, if it names
    /// one. As with PEM, the certificate only carries the key.
    fn certified(&self) -> Result<Key, KeyError> {
        let Some(Value::List(chain)) = self.get("x5c") else { return Err(KeyError::JwkMember("x5c")) };
        let Some(Value::String(first)) = chain.first() else { return Err(KeyError::JwkMember("x5c")) };
        let key = spki::certificate(&decode_standard(first).ok_or(KeyError::JwkMember("x5c"))?)?;
        let (kty, crv) = key.jwk_type();
        let is_other = |name, own: Option<&str>| Ok(text(self.0, name)?.is_some_and(|named| Some(named) != own));
        match (is_other("kty", Some(kty))?, is_other("crv", crv)?) {
            (true, _) => Err(KeyError::JwkMember("kty")),
            (false, true) => Err(KeyError::JwkMember("crv")),
            (false, false) => Ok(key),
        }
    }

    fn rsa(&self) -> Result<RsaKey, KeyError> {
        let (modulus, exponent) = (self.number("n")?, self.number("e")?);
        let number = |bytes, name| UintRef::new(bytes).map_err(|_| KeyError::JwkMember(name));
        let key = RsaPublicKeyRef { modulus: number(&modulus, "n")?, public_exponent: number(&exponent, "e")? };
        RsaKey::new(&key)
    }

    /// An uncompressed SEC 1 point. Its coordinates should have the full length (RFC 7518 §6.2.1.2), but issuers leave
    /// out leading zeros, or write one too many: so they are read as the numbers that they are.
    fn point(&self, length: usize) -> Result<Vec<u8>, KeyError> {
        let coordinate = |name| {
            let number: Vec<u8> = self.number(name)?.into_iter().skip_while(|byte| *byte == 0).collect();
            let missing = length.checked_sub(number.len()).ok_or(KeyError::JwkMember(name))?;
            Ok([vec![0; missing], number].concat())
        };
        Ok([vec![4], coordinate("x")?, coordinate("y")?].concat())
    }

    /// A private key has no place in a verifier's configuration: whoever pasted it should know.
    fn refuse_private(&self) -> Result<(), KeyError> {
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];
        if private.into_iter().any(|name| self.get(name).is_some()) {
            return Err(KeyError::SecretJwk("private"));
        }
        Ok(())
    }

    /// `use` and `key_ops`, where present, must allow verifying signatures (RFC 7517 §4.2, §4.3).
    fn refuse_other_use(&self) -> Result<(), KeyError> {
        let is = |value: &Value, text: &str| matches!(value, Value::String(found) if found == text);
        // SPIFFE writes what it is for in its own words.
        if self.get("use").is_some_and(|value| !is(value, "sig") && !is(value, "jwt-svid")) {
            return Err(KeyError::JwkUse("use"));
        }
        let verifies = |value: &Value| matches!(value, Value::List(ops) if ops.iter().any(|op| is(op, "verify")));
        if self.get("key_ops").is_some_and(|value| !verifies(value)) {
            return Err(KeyError::JwkUse("key_ops"));
        }
        Ok(())
    }

    /// `alg`, where present, must be one that the key can do.
    fn refuse_other_algorithm(&self, key: &Key) -> Result<(), KeyError> {
        let Some(name) = text(self.0, "alg")? else { return Ok(()) };
        let algorithm = name.parse().map_err(|_| KeyError::UnknownJwk("alg"))?;
        if key.fits(algorithm) { Ok(()) } else { Err(KeyError::JwkMember("alg")) }
    }
}

//! Key sets (RFC 7517 §5): the keys that a token of one issuer may be signed with, and the choice among them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use thiserror::Error;

use crate::{
    crypto::{Algorithm, Key, KeyError, Prepared, jwk_text},
    encoding::{
        UntrustedText,
        json::{Member, Value},
    },
};

/// How many keys a set may hold.
pub const MAX_KEYS: usize = 100;
/// How many bytes the text of a set may have.
pub const MAX_BYTES: usize = 512 << 10;
/// How many keys of a set are tried for one token.
const MAX_TRIED: usize = 8;

/// A key that tokens are verified with, as a member of a set.
#[derive(Debug)]
pub struct VerificationKey {
    kid: Option<Box<str>>,
    algorithm: Option<Algorithm>,
    key: Key,
    prepared: Prepared,
    removed: AtomicBool,
}

impl VerificationKey {
    /// A key without a `kid`; `algorithm` is the only one that it serves, `None` for all that it fits.
    pub fn new(key: Key, algorithm: Option<Algorithm>) -> Self {
        Self { kid: None, algorithm, key, prepared: Prepared::default(), removed: AtomicBool::new(false) }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What a verifier has made of it.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Whether the key may verify signatures of the algorithm.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        let asked = self.algorithm.map_or(Some(algorithm), |own| own.common(algorithm));
        asked.is_some_and(|algorithm| self.key.fits(algorithm))
    }

    /// Whether the key was taken out of its set. What was verified with it is verified no longer.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid && self.algorithm == other.algorithm && self.key == other.key
    }
}

/// The keys of a credential.
#[derive(Debug)]
pub struct KeySet(Box<[Arc<VerificationKey>]>);

impl KeySet {
    /// A set of one key.
    pub fn of_one(key: VerificationKey) -> Self {
        Self(Box::new([Arc::new(key)]))
    }

    /// Whether any key may verify signatures of the algorithm.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.serves(algorithm))
    }

    /// Whether a key of the set has this `kid`.
    pub fn has_kid(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys to try for a token, at most eight: those of its `kid`, then those that have none. For a token without a
    /// `kid`, every key that serves its algorithm.
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &Arc<VerificationKey>> {
        let serving = move |wanted: fn(Option<&str>, Option<&str>) -> bool| {
            self.0.iter().filter(move |key| key.serves(algorithm) && wanted(key.kid.as_deref(), kid))
        };
        let named = serving(|own, kid| own.is_some() && (kid.is_none() || own == kid));
        named.chain(serving(|own, _| own.is_none())).take(MAX_TRIED)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the keys with a `kid` that is not to be kept.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        let kept = self.0.iter().filter(|key| key.kid.as_deref().is_none_or(&is_kept));
        self.0 = kept.cloned().collect();
    }

    /// Takes the place of an older set: a key that both have stays the same one, every other of the old is removed.
    pub fn succeed(&mut self, old: &Self) {
        for key in &mut self.0 {
            if let Some(kept) = old.0.iter().find(|kept| kept.is_same(key)) {
                *key = Arc::clone(kept);
            }
        }
        for key in old.0.iter().filter(|key| !self.0.iter().any(|kept| Arc::ptr_eq(kept, key))) {
            key.removed.store(true, Ordering::Relaxed);
        }
    }

    /// Removes all keys.
    pub fn remove(&self) {
        self.0.iter().for_each(|key| key.removed.store(true, Ordering::Relaxed));
    }
}

/// Where a set comes from, which decides what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration: it may hold secrets, and a key that cannot be used is somebody's mistake.
    Inline,
    /// An issuer: anybody can read it, and one bad key must not take the others away.
    Fetched,
}

/// A key set as it was read.
#[derive(Debug)]
pub struct Parsed {
    /// The keys that can be used, perhaps none.
    pub set: KeySet,
    /// The keys that are left out.
    pub passed_over: PassedOver,
}

/// Where a key stands in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// Among the members of `keys`.
    Listed(usize),
    /// In a map of keys in PEM, by its `kid`.
    Mapped(Box<str>),
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Listed(at) => write!(formatter, "keys[{at}]"),
            Self::Mapped(kid) => write!(formatter, "the key {}", UntrustedText::new(kid)),
        }
    }
}

/// The keys of a set that were passed over: the place of each, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver(Vec<(KeyPlace, KeyError)>);

impl PassedOver {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the issuer has said of each that it is not for verifying signatures, so that none is missed.
    pub fn is_as_meant(&self) -> bool {
        self.0.iter().all(|(_, error)| matches!(error, KeyError::JwkUse(_)))
    }
}

/// One line, however many there are.
impl fmt::Display for PassedOver {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        const SHOWN: usize = 5;

        if let [(place, error)] = self.0.as_slice() {
            return write!(formatter, "{place} is skipped: {error}");
        }
        write!(formatter, "{} keys are skipped", self.0.len())?;
        for (at, (place, error)) in self.0.iter().take(SHOWN).enumerate() {
            write!(formatter, "{} {place}: {error}", if at == 0 { ":" } else { ";" })?;
        }
        formatter.write_str(if self.0.len() > SHOWN { "; and so on" } else { "" })
    }
}

/// Why a value is no key set.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum KeySetError {
    /// It is neither an object with a list `keys`, nor a map of keys in PEM.
    #[error("neither an object with a list 'keys' nor a map of certificates")]
    NoKeys,
    /// It holds more keys than [`MAX_KEYS`].
    #[error("{0} keys")]
    TooMany(usize),
    /// Keys of an inline set that are weak or malformed: the place of each, and why.
    #[error("keys that cannot be used")]
    Keys(Vec<(KeyPlace, KeyError)>),
}

impl KeySet {
    /// Reads a key set: a JWK set, or a map of certificates or public keys in PEM, each by its `kid`, as Google publishes
    /// them beside its sets.
    ///
    /// Keys that are not for verifying signatures, and those of an unknown type, are passed over. What is weak or malformed
    /// is an error in an [inline](Origin::Inline) set, and passed over in a fetched one.
    pub fn read(value: &Value, origin: Origin) -> Result<Parsed, KeySetError> {
        let (mut set, mut passed_over, mut faulty) = (Vec::new(), Vec::new(), Vec::new());
        for (place, key) in each_key(value, origin)? {
            match key {
                Ok(key) => set.push(Arc::new(key)),
                Err(error @ (KeyError::JwkUse(_) | KeyError::UnknownJwk(_))) => passed_over.push((place, error)),
                Err(error) if origin == Origin::Fetched => passed_over.push((place, error)),
                Err(error) => faulty.push((place, error)),
            }
        }
        if faulty.is_empty() {
            Ok(Parsed { set: Self(set.into()), passed_over: PassedOver(passed_over) })
        } else {
            Err(KeySetError::Keys(faulty))
        }
    }
}

/// The keys of a set, each with its place.
fn each_key(value: &Value, origin: Origin) -> Result<Vec<PlacedKey>, KeySetError> {
    let Value::Object(members) = value else { return Err(KeySetError::NoKeys) };
    match members.iter().find(|(name, _)| name == "keys") {
        Some((_, Value::List(keys))) => {
            refuse_too_many(keys.len())?;
            let read = |(at, jwk)| (KeyPlace::Listed(at), VerificationKey::read(jwk, origin));
            Ok(keys.iter().enumerate().map(read).collect())
        }
        None if members.iter().any(|(_, value)| is_like_pem(value)) => {
            refuse_too_many(members.len())?;
            let read = |(kid, pem): &Member| (KeyPlace::Mapped(kid.as_ref().into()), VerificationKey::named(kid, pem));
            Ok(members.iter().map(read).collect())
        }
        _ => Err(KeySetError::NoKeys),
    }
}

type PlacedKey = (KeyPlace, Result<VerificationKey, KeyError>);

fn refuse_too_many(count: usize) -> Result<(), KeySetError> {
    if count > MAX_KEYS { Err(KeySetError::TooMany(count)) } else { Ok(()) }
}

fn is_like_pem(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.trim_start().starts_with("-----BEGIN "))
}

impl VerificationKey {
    fn read(jwk: &Value, origin: Origin) -> Result<Self, KeyError> {
        let Value::Object(members) = jwk else { return Err(KeyError::Malformed("JWK")) };
        let text = |name| jwk_text(members, name);
        let key = match text("kty")? {
            Some("oct") if origin == Origin::Inline => Key::from_secret_jwk(jwk)?,
            _ => Key::from_jwk(jwk)?,
        };
        let algorithm = text("alg")?.and_then(|name| name.parse().ok());
        Ok(Self {
            kid: text("kid")?.map(Into::into),
            algorithm,
            key,
            prepared: Prepared::default(),
            removed: AtomicBool::new(false),
        })
    }

    /// Reads a member of a map of keys in PEM.
    fn named(kid: &str, pem: &Value) -> Result<Self, KeyError> {
        let Value::String(pem) = pem else { return Err(KeyError::Unrecognized) };
        Ok(Self { kid: Some(kid.into()), ..Self::new(Key::from_pem(pem)?, None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

    fn read(keys: &[String], origin: Origin) -> Result<Parsed, KeySetError> {
        let text = format!(r#"{{"keys":[{}],"more":1}}"#, keys.join(","));
        KeySet::read(&Value::parse(&text).unwrap(), origin)
    }

    fn jwk(members: &str, more: &str) -> String {
        format!("{{{members}{more}}}")
    }

    fn set(keys: &[String]) -> KeySet {
        read(keys, Origin::Fetched).unwrap().set
    }

    fn places(keys: &[(KeyPlace, KeyError)]) -> Vec<KeyPlace> {
        keys.iter().map(|(place, _)| place.clone()).collect()
    }

    /// The kids of the candidates, `-` for none.
    fn kids(set: &KeySet, kid: Option<&str>) -> Vec<String> {
        set.candidates(Algorithm::EdDSA, kid).map(|key| key.kid.as_deref().unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn the_kid_chooses_and_a_key_without_one_is_a_candidate_for_every_token() {
        let keys = [r#","kid":"1""#, "", r#","kid":"2""#, r#","kid":"1""#].map(|more| jwk(ED25519, more));
        let set = set(&keys);
        assert_eq!(kids(&set, Some("1")), ["1", "1", "-"]);
        assert_eq!(kids(&set, Some("2")), ["2", "-"]);
        assert_eq!(kids(&set, Some("3")), ["-"]);
        assert_eq!(kids(&set, None), ["1", "2", "1", "-"]);
        assert!(set.has_kid("2") && !set.has_kid("3"));
    }

    #[test]
    fn at_most_eight_keys_are_tried() {
        let keys: Vec<_> = (0..20).map(|kid| jwk(ED25519, &format!(r#","kid":"{kid}""#))).collect();
        assert_eq!(kids(&set(&keys), None).len(), 8);
        assert_eq!(kids(&set(&keys), Some("19")), ["19"]);
        assert_eq!(kids(&set(&[keys, vec![jwk(ED25519, ""); 20]].concat()), Some("19")).len(), 8);
    }

    #[test]
    fn a_key_serves_its_own_alg_or_what_its_type_allows() {
        let set = set(&[jwk(ED25519, ""), jwk(P256, r#","alg":"ES256""#)]);
        for algorithm in Algorithm::ALL {
            assert_eq!(
                set.serves(algorithm),
                [Algorithm::EdDSA, Algorithm::Ed25519, Algorithm::ES256].contains(&algorithm),
                "{algorithm}"
            );
        }
        let rsa = format!(r#""kty":"RSA","e":"AQAB","n":"{}w""#, "_".repeat(341));
        let set = super::tests::set(&[jwk(&rsa, r#","alg":"PS256""#)]);
        assert!(set.serves(Algorithm::PS256) && !set.serves(Algorithm::RS256) && !set.serves(Algorithm::HS256));
    }

    #[test]
    fn what_is_not_for_signatures_and_what_is_unknown_is_passed_over() {
        for origin in [Origin::Inline, Origin::Fetched] {
            let other = [r#","use":"enc""#, r#","key_ops":["encrypt"]"#].map(|more| jwk(P256, more));
            let unknown = [
                r#"{"kty":"new"}"#.to_owned(),
                r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.to_owned(),
                r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#.to_owned(),
                jwk(P256, r#","alg":"ECDH-ES""#),
            ];
            let keys = [other.as_slice(), &unknown, &[jwk(ED25519, "")]].concat();
            let Parsed { set, passed_over } = read(&keys, origin).unwrap();
            assert_eq!(set.len(), 1);
            assert_eq!(places(&passed_over.0), [0, 1, 2, 3, 4, 5].map(KeyPlace::Listed));
            assert!(!passed_over.is_as_meant());
            assert!(read(&other, origin).unwrap().passed_over.is_as_meant());
        }
    }

    #[test]
    fn keys_that_are_passed_over_are_told_in_one_line_with_place_and_reason() {
        let told = |count: usize| {
            let keys: Vec<_> = (0..count).map(|_| jwk(P256, r#","use":"enc""#)).collect();
            read(&keys, Origin::Fetched).unwrap().passed_over.to_string()
        };
        let reason = "a JWK that is not for verifying signatures ('use')";
        assert_eq!(told(1), format!("keys[0] is skipped: {reason}"));
        assert_eq!(told(2), format!("2 keys are skipped: keys[0]: {reason}; keys[1]: {reason}"));
        let many = told(100);
        assert!(!told(5).contains("and so on") && told(6).ends_with("; and so on"));
        assert!(many.starts_with("100 keys are skipped: keys[0]: ") && many.ends_with("; and so on"), "{many}");
        assert_eq!(many.matches(reason).count(), 5);
    }

    #[test]
    fn a_bad_key_is_an_error_inline_and_passed_over_when_fetched() {
        let bad = [
            r#"{"kty":"RSA","n":"_w","e":"AQAB"}"#.to_owned(),
            jwk(ED25519, r#","d":"AQAB""#),
            jwk(ED25519, r#","alg":"RS256""#),
            jwk(ED25519, r#","kid":7"#),
            "7".to_owned(),
            r#"{"x":1}"#.to_owned(),
        ];
        let keys = [bad.as_slice(), &[jwk(ED25519, "")]].concat();
        let Err(KeySetError::Keys(faulty)) = read(&keys, Origin::Inline) else { panic!("taken") };
        assert_eq!(places(&faulty), [0, 1, 2, 3, 4, 5].map(KeyPlace::Listed));
        let Parsed { set, passed_over } = read(&keys, Origin::Fetched).unwrap();
        assert_eq!((set.len(), passed_over.0), (1, faulty));
    }

    #[test]
    fn a_secret_is_taken_inline_only() {
        let secret = [r#"{"kty":"oct","k":"AQAB","kid":"s"}"#.to_owned()];
        assert!(read(&secret, Origin::Inline).unwrap().set.serves(Algorithm::HS256));
        let fetched = read(&secret, Origin::Fetched).unwrap();
        assert!(fetched.set.is_empty());
        assert_eq!(fetched.passed_over.0, [(KeyPlace::Listed(0), KeyError::SecretJwk("symmetric"))]);
        for malformed in [r#"{"kty":"oct"}"#, r#"{"kty":"oct","k":""}"#, r#"{"kty":"oct","k":"?"}"#] {
            assert!(read(&[malformed.to_owned()], Origin::Inline).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_set_has_a_list_of_at_most_a_hundred_keys() {
        for text in ["[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "1"] {
            let value = Value::parse(text).unwrap();
            assert_eq!(KeySet::read(&value, Origin::Fetched).err(), Some(KeySetError::NoKeys), "{text}");
        }
        assert_eq!(set(&vec![jwk(ED25519, ""); 100]).len(), 100);
        let many = read(&vec![jwk(ED25519, ""); 101], Origin::Fetched);
        assert_eq!(many.err(), Some(KeySetError::TooMany(101)));
    }

    #[test]
    fn a_key_that_stays_stays_the_same_and_one_that_goes_is_removed() {
        let old = set(&[jwk(ED25519, r#","kid":"1""#), jwk(P256, r#","kid":"2""#), jwk(P256, "")]);
        let mut new = set(&[jwk(P256, r#","kid":"2""#), jwk(ED25519, r#","kid":"3""#), jwk(P256, r#","kid":"1""#)]);
        new.succeed(&old);
        assert_eq!(old.0.iter().map(|key| key.is_removed()).collect::<Vec<_>>(), [true, false, true]);
        assert!(Arc::ptr_eq(&old.0[1], &new.0[0]));
        assert!(new.0.iter().all(|key| !key.is_removed()));
        new.remove();
        assert!(new.0.iter().all(|key| key.is_removed()));
    }
}

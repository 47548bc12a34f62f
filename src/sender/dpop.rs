//! DPoP (RFC 9449): with each request comes a proof, signed for this request alone with the key that the token is bound to.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use super::{Checker, Hash, Nonces, NotNoted, Origin, Presented, Proof, SenderFault, target::Target};
use crate::{
    crypto::{Algorithm, Key, Prepared, Verifier},
    encoding::{
        base64::encode_url,
        json::{Members, Raw, Value},
    },
    request::{Request, TokenPlaces},
    token::{Compact, Jws, JwsError, Timestamp},
};

/// `dpop`: which proofs are taken.
#[derive(Debug, Clone)]
pub struct DpopPolicy {
    /// What a proof may be signed with; none of them with a secret.
    pub algorithms: Arc<[Algorithm]>,
    /// Where clients send requests to; `None` for what each request says of that.
    pub origin: Option<Origin>,
    /// How many seconds the time of a proof may differ from the clock.
    pub window: u64,
    /// The nonces that proofs must hold, if they must.
    pub nonces: Option<Nonces>,
}

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofFault {
    /// There is none.
    Missing,
    /// There are several.
    Several,
    /// It is longer than [`DpopPolicy::MAX_BYTES`].
    TooLong,
    /// It is no compact JWS of JSON objects.
    Malformed(JwsError),
    /// A parameter of its header is missing, or does not hold what it must.
    Header(&'static str),
    /// It is signed with another key than the one that the token is bound to.
    OtherKey,
    /// Its key costs more to verify with than [`DpopPolicy::MAX_COST`].
    Costly,
    /// A claim is missing, or does not hold what it must.
    Claim(&'static str),
    /// Its signature is not its key's.
    Signature,
}

impl fmt::Display for ProofFault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("it is missing"),
            Self::Several => formatter.write_str("there are several"),
            Self::TooLong => formatter.write_str("it is too long"),
            Self::Malformed(error) => error.fmt(formatter),
            Self::Header(name) | Self::Claim(name) => write!(formatter, "invalid {name}"),
            Self::OtherKey => formatter.write_str("the token is bound to another key"),
            Self::Costly => formatter.write_str("its key is too large"),
            Self::Signature => formatter.write_str("invalid signature"),
        }
    }
}

/// What a proof must say of the request and its token, and has said.
struct Claims {
    jti: String,
    nonce: Option<String>,
    iat: f64,
}

/// A proof that is good, if it is used for the first time.
#[derive(Debug)]
#[must_use = "a proof is good once"]
pub struct GoodProof {
    key: Hash,
    jti: String,
    iat: f64,
}

impl GoodProof {
    /// Uses the proof up.
    ///
    /// # Errors
    /// It was used before, or it cannot be known whether it was.
    pub fn spend<V>(self, checker: &Checker<V>, now: Timestamp) -> Result<(), SenderFault> {
        let until = (self.iat + checker.longest_window as f64) as Timestamp;
        let proof = Proof { key: &self.key, jti: &self.jti, until };
        checker.memory.note(proof, now).map_err(|problem| match problem {
            NotNoted::Seen => SenderFault::Replayed,
            NotNoted::Full(seconds) => SenderFault::MemoryFull(seconds),
        })
    }
}

impl DpopPolicy {
    /// How long a proof may be.
    pub const MAX_BYTES: usize = 16 << 10;
    /// How long its `jti` may be.
    pub const MAX_JTI_BYTES: usize = 256;
    /// What verifying a proof may cost at most, beside what the token costs, as [`Key::verification_cost`] counts. It suffices
    /// for RSA keys of up to 7168 bits with a usual exponent, and for all other kinds of keys.
    pub const MAX_COST: u32 = 50;

    /// The names of the algorithms.
    pub fn algorithm_names(&self) -> Vec<&'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.name()).collect()
    }

    /// How many seconds the time of a proof may differ from the clock, unless the configuration says otherwise.
    pub const USUAL_WINDOW: u64 = 60;

    /// Checks a request's proof, in the order of RFC 9449 §4.3 as far as that costs nothing: what anybody can send is looked at
    /// before a signature is verified. Only whoever was given a token that is valid, for a key of his own, gets as far as that.
    pub(super) fn check<R: Request, V: Verifier>(
        &self,
        bound_to: &Hash,
        presented: &Presented<R>,
        checker: &Checker<V>,
    ) -> Result<GoodProof, SenderFault> {
        let values = presented.request.header_values(TokenPlaces::PROOF_HEADER);
        let text = match values.as_slice() {
            [] => return Err(ProofFault::Missing.into()),
            [one] if one.len() > Self::MAX_BYTES => return Err(ProofFault::TooLong.into()),
            [one] => one,
            _ => return Err(ProofFault::Several.into()),
        };
        let compact = Compact::decode(text, false).map_err(ProofFault::Malformed)?;
        let jws = compact.parse().map_err(ProofFault::Malformed)?;
        let signature = jws.signature().map_err(ProofFault::Malformed)?;
        let (key, algorithm) = self.signer(&jws, bound_to)?;
        let Claims { jti, nonce, iat } = self.claims(&jws.claims, presented)?;
        if let Some(nonces) = &self.nonces
            && !nonce.is_some_and(|nonce| nonces.accept(&nonce, presented.at))
        {
            return Err(SenderFault::NonceNeeded(nonces.make(presented.at)));
        }
        if !checker.verifier.verify(&key, &Prepared::default(), algorithm, jws.signing_input, signature) {
            return Err(ProofFault::Signature.into());
        }
        Ok(GoodProof { key: *bound_to, jti, iat })
    }

    /// The key in the header of a proof, and what to verify the signature by.
    fn signer(&self, jws: &Jws, bound_to: &Hash) -> Result<(Key, Algorithm), ProofFault> {
        if jws.header.get("typ").and_then(Raw::string).is_none_or(|typ| typ != "dpop+jwt") {
            return Err(ProofFault::Header("typ"));
        }
        if let Some(name) = jws.unsupported_header() {
            return Err(ProofFault::Header(name));
        }
        let allowed = |named: Algorithm| self.algorithms.iter().find_map(|allowed| allowed.common(named));
        let algorithm = jws.algorithm().and_then(allowed).ok_or(ProofFault::Header("alg"))?;
        let jwk = jws.header.get("jwk").ok_or(ProofFault::Header("jwk"))?;
        let jwk = Value::parse(jwk.text()).map_err(|_| ProofFault::Header("jwk"))?;
        let key = Key::from_jwk(&jwk).map_err(|_| ProofFault::Header("jwk"))?;
        if !key.fits(algorithm) {
            return Err(ProofFault::Header("jwk"));
        }
        if key.thumbprint().as_ref() != Some(bound_to) {
            return Err(ProofFault::OtherKey);
        }
        if key.verification_cost() > Self::MAX_COST { Err(ProofFault::Costly) } else { Ok((key, algorithm)) }
    }

    /// Compares the claims of a proof with the request that it came with.
    fn claims<R: Request>(&self, claims: &Members, presented: &Presented<R>) -> Result<Claims, ProofFault> {
        let text = |name| claims.get(name).and_then(Raw::string).ok_or(ProofFault::Claim(name));
        let request = presented.request;

        let jti = text("jti")?.into_owned();
        if jti.is_empty() || jti.len() > Self::MAX_JTI_BYTES {
            return Err(ProofFault::Claim("jti"));
        }
        let htm = text("htm")?;
        if request.method().is_none_or(|method| *method != *htm.as_bytes()) {
            return Err(ProofFault::Claim("htm"));
        }
        let target = Target::parse(&text("htu")?).ok_or(ProofFault::Claim("htu"))?;
        if Target::of(request, self.origin.as_ref()) != Some(target) {
            return Err(ProofFault::Claim("htu"));
        }
        let iat = claims.get("iat").and_then(Raw::number).ok_or(ProofFault::Claim("iat"))?;
        if (iat - presented.at as f64).abs() > self.window as f64 {
            return Err(ProofFault::Claim("iat"));
        }
        if text("ath")? != encode_url(Sha256::digest(presented.token)) {
            return Err(ProofFault::Claim("ath"));
        }
        let nonce = claims.get("nonce").and_then(Raw::string).map(|nonce| nonce.into_owned());
        Ok(Claims { jti, nonce, iat })
    }
}

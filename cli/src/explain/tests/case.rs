//! A configuration, its key sets and a request, as they are drawn, and what is made of them.

use jwt_auth_filter::{config::Config, crypto::Algorithm, jwks::Answer, revocation::RevocationSet};
use proptest::sample;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    super::request::GivenRequest,
    keys::{Jwk, Key, set_json, with_made},
};
use crate::signing_key::base64url;

pub(super) const NOW: u64 = 1_700_000_000;
pub(super) const MAXIMUM: i64 = 3600;
pub(super) const SKEW: i64 = 30;
/// How many kinds of places there are.
pub(super) const PLACES: usize = 6;

/// Where the keys of a credential come from.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// The field `secret` or `rsa_public_key`.
    One(Key, Algorithm),
    Inline(Vec<Jwk>, Option<Algorithm>),
    /// One of [`Case::issuers`].
    Remote(usize, Option<Algorithm>),
}

/// A credential of the consumer `c0`, `c1` or `c2`, whose key is `k0`, `k1` or `k2`.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub owner: usize,
    pub keys: Keys,
    /// What it demands of its tokens itself: `exp`, and an audience.
    pub demands: bool,
}

/// A key set that is fetched.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    pub set: Option<Vec<Jwk>>,
    pub revoked: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Everybody,
    OnlyC0,
    NotC0,
    NotGuest,
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Which places are searched, in their order: `Authorization`, a header with nothing but a token, subprotocols, the query, a
    /// cookie, a cookie in parts.
    pub places: [bool; PLACES],
    pub first_valid: bool,
    pub exp: bool,
    pub nbf: bool,
    pub maximum: bool,
    pub skew: bool,
    pub audiences: bool,
    pub age: bool,
    /// What is demanded of type, presence and subject.
    pub kind: [bool; 3],
    pub required: bool,
    pub access: Access,
    pub anonymous: bool,
    /// One of the kinds of failure that lead to the anonymous consumer; without it, all do.
    pub anonymous_for: Option<&'static str>,
    pub optional: bool,
    pub run_on_preflight: bool,
    pub is_base64: bool,
    pub constraint: &'static str,
    pub dpop: Dpop,
}

/// Whether proofs of possession are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dpop {
    Off,
    On,
    WithNonces,
}

impl Policy {
    pub(super) fn json(&self) -> Value {
        let [header, assertion, subprotocol, query, cookie, parts] = self.places;
        let some = |is: bool, name: &'static str| if is { vec![name] } else { vec![] };
        let claims_to_verify = [some(self.exp, "exp"), some(self.nbf, "nbf")].concat();
        json!({
            "header_names": some(header, "authorization"),
            "token_headers": assertion.then(|| json!([{"name": "x-assertion"}])),
            "websocket_protocols": subprotocol.then(|| json!([{"name": "bearer"}])),
            "uri_param_names": some(query, "jwt"),
            "cookie_names": some(cookie, "session"),
            "split_cookies": parts.then(|| json!([{"name": "parts"}])),
            "first_valid": self.first_valid,
            "claims_to_verify": claims_to_verify,
            "maximum_expiration": if self.has_maximum() { MAXIMUM } else { 0 },
            "clock_skew_seconds": self.skew(),
            "max_token_age": if self.age { MAXIMUM } else { 0 },
            "token_types": self.kind[0].then_some(["at+jwt"]),
            "require": self.kind[1].then_some(["jti"]),
            "subjects": self.kind[2].then(|| json!([{"prefix": "s-"}])),
            "audiences": self.audiences.then_some(["api"]),
            "required_claims": self.required.then(|| json!([{"claim": "scope", "all_of": ["read"]}])),
            "allow": (self.access == Access::OnlyC0).then_some(["c0"]),
            "deny": match self.access {
                Access::NotC0 => Some(["c0"]),
                Access::NotGuest => Some(["guest"]),
                Access::Everybody | Access::OnlyC0 => None,
            },
            "anonymous": self.anonymous.then_some("guest"),
            "anonymous_for": self.anonymous_for.filter(|_| self.anonymous).map(|kind| [kind]),
            "optional": self.is_optional(),
            "run_on_preflight": self.run_on_preflight,
            "secret_is_base64": self.is_base64,
            "sender_constraint": self.constraint,
            "dpop": match self.dpop {
                Dpop::Off => Value::Null,
                Dpop::On => json!({}),
                Dpop::WithNonces => json!({"nonce_secret": "0123456789abcdef0123456789abcdef"}),
            },
        })
    }

    /// `maximum_expiration` needs `exp` among the claims to verify.
    pub(super) fn has_maximum(&self) -> bool {
        self.exp && self.maximum
    }

    pub(super) fn takes_dpop(&self) -> bool {
        self.dpop != Dpop::Off && self.constraint != "off"
    }

    /// `optional` stands neither beside `allow` nor beside an `anonymous` for requests without a token.
    pub(super) fn is_optional(&self) -> bool {
        self.optional && self.access != Access::OnlyC0 && (!self.anonymous || !self.is_anonymous("missing"))
    }

    /// Whether a failure of this kind leads to the anonymous consumer.
    pub(super) fn is_anonymous(&self, kind: &str) -> bool {
        let named = |own| own == kind || (own == "invalid" && kind == "expired");
        self.anonymous && self.anonymous_for.is_none_or(named)
    }

    pub(super) fn skew(&self) -> i64 {
        if self.skew { SKEW } else { 0 }
    }

    pub(super) fn admits(&self, consumer: &str) -> bool {
        match self.access {
            Access::Everybody => true,
            Access::OnlyC0 => consumer == "c0",
            Access::NotC0 => consumer != "c0",
            Access::NotGuest => consumer != "guest",
        }
    }
}

/// What holds for the route `r`.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Disabled,
    Policy(Policy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Good,
    TwoParts,
    /// The signature is padded.
    BadSignature,
    FourParts,
    NotObject,
    DuplicateMember,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alg {
    /// That of the key at which the token is aimed.
    Aimed,
    Of(Algorithm),
    None,
    Number,
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Iss {
    /// That of the credential at which the token is aimed.
    Aimed,
    Unknown,
    Empty,
    Number,
    Absent,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Time {
    Absent,
    Text,
    /// So many seconds from now.
    In(i64),
}

impl Time {
    pub(super) fn json(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Text => Some(json!("1800000000")),
            Self::In(seconds) => Some(json!(NOW as i64 + seconds)),
        }
    }

    pub(super) fn seconds(self) -> Option<i64> {
        if let Self::In(seconds) = self { Some(seconds) } else { None }
    }
}

/// What a token says that it is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Not,
    ToCertificate,
    ToKey,
    ToBoth,
    ToUnknown,
    Wrongly,
}

impl Bound {
    fn json(self) -> Option<Value> {
        let hash = base64url([7; 32]);
        let x = with_made(PROVING, |made| made.jwk["x"].as_str().unwrap().to_owned());
        let key = base64url(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)));
        Some(match self {
            Self::Not => return None,
            Self::ToCertificate => json!({"x5t#S256": hash}),
            Self::ToKey => json!({"jkt": key}),
            Self::ToBoth => json!({"x5t#S256": hash, "jkt": key}),
            Self::ToUnknown => json!({"x5t#S256": hash, "kid": "1"}),
            Self::Wrongly => json!("x5t#S256"),
        })
    }
}

/// The key that a token is bound to, if it is to one.
const PROVING: Key = Key::Ed25519A;

/// The proof that comes with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Nothing,
    Good,
    ForAnotherMethod,
    OfAnotherKey,
    Several,
}

impl Proof {
    /// The headers that it is.
    fn headers(self, method: &str, token: &str) -> Vec<String> {
        let key = if self == Self::OfAnotherKey { Key::Ed25519B } else { PROVING };
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": with_made(key, |made| made.jwk.clone())});
        let claims = json!({
            "jti": "1",
            "htm": if self == Self::ForAnotherMethod { "PATCH" } else { method },
            "htu": "https://a.example/a",
            "iat": NOW,
            "ath": base64url(Sha256::digest(token)),
        });
        let input = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let proof = format!("{input}.{}", base64url(key.sign(Algorithm::EdDSA, input.as_bytes())));
        match self {
            Self::Nothing => vec![],
            Self::Several => vec![proof.clone(), proof],
            _ => vec![proof],
        }
    }
}

/// The certificate that the client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    /// The one to which a token is bound.
    Own,
    Another,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub form: Form,
    pub alg: Alg,
    /// A member of the header that cannot be followed.
    pub unsupported: Option<(&'static str, Value)>,
    pub kid: Option<&'static str>,
    pub iss: Iss,
    pub iss_in_header: bool,
    /// Another key than that at which the token is aimed.
    pub signer: Option<Key>,
    pub is_changed: bool,
    pub exp: Time,
    pub nbf: Time,
    pub aud: Option<Value>,
    pub scope: Option<&'static str>,
    pub bound: Bound,
    pub iat: Time,
    pub typ: Option<Value>,
    pub jti: Option<Value>,
    pub sub: Option<Value>,
}

/// What stands at a place for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    Nothing,
    Empty,
    Token,
    Another,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Options,
    Preflight,
}

#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub method: Method,
    pub on_route: bool,
    pub is_spoofed: bool,
    pub carried: [Carried; PLACES],
    pub certificate: Shown,
    /// Whether a token in the header stands behind `DPoP`.
    pub by_dpop: bool,
    pub proof: Proof,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub policy: Policy,
    pub rule: Option<Rule>,
    /// Whether the tokens of the subject `s-1` are revoked.
    pub revokes: bool,
    /// Whether there is a list of revoked tokens, on which there is none, and whether it has arrived.
    pub list: Option<bool>,
    pub credentials: Vec<Credential>,
    pub issuers: Vec<Issuer>,
    /// The credential and the key at which the token is aimed.
    pub aim: (sample::Index, sample::Index),
    pub token: Token,
    pub asked: Asked,
}

impl Case {
    pub(super) fn configuration(&self) -> Value {
        let mut config = self.policy.json();
        let of = |owner| self.credentials.iter().filter(move |credential| credential.owner == owner);
        let consumers = (0..3).map(|owner| {
            let credentials: Vec<Value> = of(owner).map(|credential| self.credential(credential)).collect();
            json!({"username": format!("c{owner}"), "jwt_secrets": credentials})
        });
        config["consumers"] = consumers.chain([json!({"username": "guest"})]).collect();
        if self.revokes {
            config["revoked"] = json!([{"sub": "s-1"}, {"jti": "other"}]);
        }
        if self.list.is_some() {
            config["revocation_list"] = json!({"uri": "https://list.example/", "cluster": "c"});
        }
        if let Some(rule) = &self.rule {
            let mut rule = match rule {
                Rule::Disabled => json!({"disabled": true}),
                Rule::Policy(policy) => policy.json(),
            };
            rule["routes"] = json!(["r"]);
            config["rules"] = json!([rule]);
        }
        config
    }

    fn credential(&self, Credential { owner, keys, demands }: &Credential) -> Value {
        let (mut members, algorithm) = match keys {
            Keys::One(key, algorithm) if key.is_secret() => (json!({"secret": key.secret()}), Some(*algorithm)),
            Keys::One(key, algorithm) => {
                (json!({"rsa_public_key": with_made(*key, |made| made.pem.clone())}), Some(*algorithm))
            }
            Keys::Inline(keys, algorithm) => (json!({"jwks": set_json(keys)}), *algorithm),
            Keys::Remote(issuer, algorithm) => {
                let revoked: Vec<&str> = self.issuers[*issuer].revoked.into_iter().collect();
                let uri = format!("https://{issuer}.example/");
                (json!({"remote_jwks": {"uri": uri, "cluster": "c", "revoked_kids": revoked}}), *algorithm)
            }
        };
        members["key"] = json!(format!("k{owner}"));
        if *demands {
            members["claims_to_verify"] = json!(["exp"]);
            members["audiences"] = json!(["api"]);
        }
        if let Some(algorithm) = algorithm {
            members["algorithm"] = json!(algorithm.name());
        }
        members
    }

    /// Gives the issuers' credentials their sets.
    pub(super) fn fill(&self, config: &Config) {
        if let (Some(true), Some(list)) = (self.list, &config.revocations.list) {
            list.put(RevocationSet::new([]));
        }
        for keys in config.credentials.remote().chain(config.other_credentials.remote()) {
            let uri = keys.source().uri.to_string();
            let issuer = (0..self.issuers.len()).find(|at| uri == format!("https://{at}.example/")).unwrap();
            let Some(set) = &self.issuers[issuer].set else { continue };
            let body = set_json(set).to_string().into_bytes();
            let answer = Answer { status: Some(200), cache_control: None, etag: None, size: body.len(), body };
            keys.replace(answer.key_set().unwrap().set);
        }
    }

    pub(super) fn aimed_at(&self) -> &Credential {
        self.aim.0.get(&self.credentials)
    }

    /// The key that signs, and an algorithm of it: the one of the credential at which the token is aimed, if that has a key.
    pub(super) fn signer(&self) -> (Key, Algorithm) {
        let of_set = |keys: &[Jwk], own: Option<Algorithm>| {
            let jwk = (!keys.is_empty()).then(|| self.aim.1.get(keys))?;
            Some((jwk.key, own.or(jwk.algorithm).unwrap_or(jwk.key.algorithms()[0])))
        };
        let aimed = match &self.aimed_at().keys {
            Keys::One(key, algorithm) => {
                Some((key.read_as(self.in_force().is_some_and(|it| it.is_base64)), *algorithm))
            }
            Keys::Inline(keys, algorithm) => of_set(keys, *algorithm),
            Keys::Remote(issuer, own) => self.issuers[*issuer].set.as_ref().and_then(|keys| of_set(keys, *own)),
        };
        let (key, algorithm) = aimed.unwrap_or((Key::P256, Algorithm::ES256));
        let key = self.token.signer.unwrap_or(key);
        (key, if key.algorithms().contains(&algorithm) { algorithm } else { key.algorithms()[0] })
    }

    /// The token's algorithm, if it is one.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self.token.alg {
            Alg::Aimed => Some(self.signer().1),
            Alg::Of(algorithm) => Some(algorithm),
            Alg::None | Alg::Number | Alg::Absent => None,
        }
    }

    fn token(&self) -> String {
        let token = &self.token;
        let (mut header, mut claims) = (Map::new(), Map::new());
        let alg = match token.alg {
            Alg::Aimed | Alg::Of(_) => self.algorithm().map(|algorithm| json!(algorithm.name())),
            Alg::None => Some(json!("none")),
            Alg::Number => Some(json!(256)),
            Alg::Absent => None,
        };
        header.extend(alg.map(|alg| ("alg".to_owned(), alg)));
        header.extend(token.kid.map(|kid| ("kid".to_owned(), json!(kid))));
        header.extend(token.unsupported.clone().map(|(name, value)| (name.to_owned(), value)));
        let iss = match token.iss {
            Iss::Aimed => Some(json!(format!("k{}", self.aimed_at().owner))),
            Iss::Unknown => Some(json!("k9")),
            Iss::Empty => Some(json!("")),
            Iss::Number => Some(json!(7)),
            Iss::Absent => None,
        };
        let holder = if token.iss_in_header { &mut header } else { &mut claims };
        holder.extend(iss.map(|iss| ("iss".to_owned(), iss)));
        let scope = token.scope.map(Value::from);
        header.extend(token.typ.clone().map(|typ| ("typ".to_owned(), typ)));
        let others = [
            ("exp", token.exp.json()),
            ("nbf", token.nbf.json()),
            ("iat", token.iat.json()),
            ("aud", token.aud.clone()),
            ("scope", scope),
            ("jti", token.jti.clone()),
            ("sub", token.sub.clone()),
            ("cnf", token.bound.json()),
        ];
        claims.extend(others.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));

        let claims = match token.form {
            Form::NotObject => "[]".to_owned(),
            Form::DuplicateMember => r#"{"iss":"k0","iss":"k0"}"#.to_owned(),
            _ => Value::Object(claims).to_string(),
        };
        let input = format!("{}.{}", base64url(Value::Object(header).to_string()), base64url(claims));
        let (key, own) = self.signer();
        let algorithm = self.algorithm().filter(|it| key.algorithms().contains(it)).unwrap_or(own);
        let mut signature = key.sign(algorithm, input.as_bytes());
        if token.is_changed {
            signature[0] ^= 1;
        }
        match token.form {
            Form::TwoParts => input,
            Form::BadSignature => format!("{input}.{}=", base64url(signature)),
            Form::FourParts => format!("{input}.{}.", base64url(signature)),
            _ => format!("{input}.{}", base64url(signature)),
        }
    }

    pub(super) fn request(&self) -> GivenRequest {
        let Asked { method, on_route, is_spoofed, carried, certificate, by_dpop, proof } = &self.asked;
        let method_name = if *method == Method::Get { "GET" } else { "OPTIONS" };
        let token = self.token();
        let value = |carried: Carried| match carried {
            Carried::Nothing => None,
            Carried::Empty => Some(String::new()),
            Carried::Token => Some(token.clone()),
            Carried::Another => Some("a.b".to_owned()),
        };
        let [in_header, in_assertion, in_subprotocol, in_query, in_cookie, in_parts] = carried.map(value);
        let mut headers = Vec::new();
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        if let Some(token) = in_header {
            add("Authorization", format!("{} {token}", if *by_dpop { "DPoP" } else { "Bearer" }));
        }
        in_assertion.into_iter().for_each(|token| add("X-Assertion", token));
        if let Some(token) = in_subprotocol {
            add("Sec-WebSocket-Protocol", format!("chat, bearer, {token}"));
        }
        let whole = in_cookie.map(|token| format!("session={token}"));
        let in_parts = in_parts.map(|token| {
            let (first, second) = token.split_at(token.len() / 2);
            format!("parts.1={second}; parts.0={first}")
        });
        if whole.is_some() || in_parts.is_some() {
            let cookies: Vec<String> = ["a=b".to_owned()].into_iter().chain(whole).chain(in_parts).collect();
            add("Cookie", cookies.join("; "));
        }
        add("Host", "a.example".to_owned());
        proof.headers(method_name, &token).into_iter().for_each(|proof| add("DPoP", proof));
        if *is_spoofed {
            add("X-Consumer-Username", "c0".to_owned());
        }
        if *method == Method::Preflight {
            add("Origin", "https://a.example".to_owned());
            add("Access-Control-Request-Method", "PUT".to_owned());
        }
        GivenRequest {
            method: method_name.to_owned(),
            target: in_query.map_or_else(|| "/a".to_owned(), |token| format!("/a?jwt={token}")),
            headers,
            route: on_route.then(|| "r".to_owned()),
            certificate: match certificate {
                Shown::Nothing => None,
                Shown::Own => Some("07".repeat(32)),
                Shown::Another => Some("08".repeat(32)),
            },
            ..GivenRequest::default()
        }
    }
}

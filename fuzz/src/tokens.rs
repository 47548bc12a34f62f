//! Tokens that are signed by another implementation than the filter's, and changed in every way that a structure allows. The
//! keys are nobody's.

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};

/// The time at which requests are decided, in seconds since the epoch.
pub const NOW: u64 = 1_800_000_000;

/// Who signs. `jsonwebtoken` verifies with AWS-LC: its opinion is independent of the built-in back end, and not of the one that
/// verifies with AWS-LC as well. ES512, Ed448 and ML-DSA it does not have.
#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The consumer `hmac`.
    Hmac,
    /// The consumer `ec`.
    Ec,
    /// The consumer `edwards`.
    Edwards,
    /// The consumer `rsa`.
    Rsa,
    /// The consumer `set`, with the key `pss` of its key set.
    Pss,
    /// The same with the key `p384`.
    P384,
}

impl Signer {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Hmac, Self::Ec, Self::Edwards, Self::Rsa, Self::Pss, Self::P384];
    /// One of each issuer.
    pub const ISSUERS: [Self; 5] = [Self::Hmac, Self::Ec, Self::Edwards, Self::Rsa, Self::Pss];

    /// The issuer, which is the key of the credential.
    pub fn issuer(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Ec => "ec",
            Self::Edwards => "edwards",
            Self::Rsa => "rsa",
            Self::Pss | Self::P384 => "set",
        }
    }

    /// The name of its algorithm.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Hmac => "HS256",
            Self::Ec => "ES256",
            Self::Edwards => "EdDSA",
            Self::Rsa => "RS256",
            Self::Pss => "PS256",
            Self::P384 => "ES384",
        }
    }

    /// The identifier of its key in a set.
    pub fn kid(self) -> Option<&'static str> {
        match self {
            Self::Pss => Some("pss"),
            Self::P384 => Some("p384"),
            _ => None,
        }
    }

    /// The credential of its issuer, as a configuration has it.
    pub fn credential(self) -> Value {
        let mut credential = json!({"key": self.issuer(), "algorithm": self.algorithm()});
        match self {
            Self::Hmac => credential["secret"] = SECRET.into(),
            Self::Ec => credential["rsa_public_key"] = include_str!("../keys/es256.pub.pem").into(),
            Self::Edwards => credential["rsa_public_key"] = include_str!("../keys/eddsa.pub.pem").into(),
            Self::Rsa => credential["rsa_public_key"] = include_str!("../keys/rs256.pub.pem").into(),
            Self::Pss | Self::P384 => {
                let set: Value = serde_json::from_str(include_str!("../keys/set.json")).expect("JSON");
                return json!({"key": self.issuer(), "jwks": set});
            }
        }
        credential
    }

    /// The signature of a text, in base64url.
    fn sign(self, text: &str) -> String {
        let Keys { algorithm, private, .. } = self.keys();
        crypto::sign(text.as_bytes(), private, *algorithm).expect("the keys are good")
    }

    /// Whether the other implementation takes a token for one that this signer has signed.
    pub fn has_signed(self, token: &str) -> bool {
        let Keys { algorithm, public, .. } = self.keys();
        token.rsplit_once('.').is_some_and(|(text, signature)| {
            crypto::verify(signature, text.as_bytes(), public, *algorithm).unwrap_or(false)
        })
    }

    fn keys(self) -> &'static Keys {
        &KEYS[self as usize]
    }
}

struct Keys {
    algorithm: Algorithm,
    private: EncodingKey,
    public: DecodingKey,
}

const SECRET: &str = "a secret that is long enough for anyone's taste";

/// The keys of all signers, in their order.
static KEYS: LazyLock<[Keys; 6]> = LazyLock::new(|| {
    let secret = SECRET.as_bytes();
    let hmac = (Algorithm::HS256, Ok(EncodingKey::from_secret(secret)), Ok(DecodingKey::from_secret(secret)));
    let ec =
        |algorithm, private, public| (algorithm, EncodingKey::from_ec_pem(private), DecodingKey::from_ec_pem(public));
    let rsa =
        |algorithm, private, public| (algorithm, EncodingKey::from_rsa_pem(private), DecodingKey::from_rsa_pem(public));
    let edwards = (
        Algorithm::EdDSA,
        EncodingKey::from_ed_pem(include_bytes!("../keys/eddsa.pem")),
        DecodingKey::from_ed_pem(include_bytes!("../keys/eddsa.pub.pem")),
    );
    let all = [
        hmac,
        ec(Algorithm::ES256, include_bytes!("../keys/es256.pem"), include_bytes!("../keys/es256.pub.pem")),
        edwards,
        rsa(Algorithm::RS256, include_bytes!("../keys/rs256.pem"), include_bytes!("../keys/rs256.pub.pem")),
        rsa(Algorithm::PS256, include_bytes!("../keys/ps256.pem"), include_bytes!("../keys/ps256.pub.pem")),
        ec(Algorithm::ES384, include_bytes!("../keys/es384.pem"), include_bytes!("../keys/es384.pub.pem")),
    ];
    all.map(|(algorithm, private, public)| Keys {
        algorithm,
        private: private.expect("a private key"),
        public: public.expect("a public key"),
    })
});

/// A token as another reader sees it, which knows nothing of the filter's.
#[derive(Debug)]
pub struct Read {
    /// The members of its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

impl Read {
    /// Reads the first two of three parts. A number beyond the range of a double counts as a very large one.
    pub fn of(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, _] = parts.as_slice() else { return None };
        let read = |part: &str| {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
            serde_json::from_str(&text.replace("1e400", "1e300")).ok()
        };
        Some(Self { header: read(header)?, claims: read(claims)? })
    }
}

/// How a token is made.
#[derive(Arbitrary, Debug)]
pub struct Recipe {
    signer: Signer,
    header: Vec<Member>,
    claims: Vec<Member>,
    edits: Vec<Edit>,
}

/// A member of the header or of the claims.
#[derive(Arbitrary, Debug)]
enum Member {
    Alg(Text),
    Kid(Text),
    Crit,
    B64(bool),
    Iss(Text),
    Exp(Time),
    Nbf(Time),
    Aud(Vec<Text>),
    Cnf(u8),
    Other(u8, Text),
    Typ(Text),
    /// What stands here is no member of anything.
    Broken(u8),
}

#[derive(Arbitrary, Debug)]
enum Text {
    OfSigner(Signer),
    Algorithm(Signer),
    Kid(Signer),
    /// The audience and the type that are wanted.
    Wanted,
    None,
    Empty,
    Number(u16),
    Null,
    List,
    Control(u8),
    Surrogate,
    Any(u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Time {
    Past,
    Now,
    Future,
    Text,
    Huge,
    Fraction(u8),
    Negative,
    Null,
}

/// What is done to the token once it is signed.
#[derive(Arbitrary, Debug)]
enum Edit {
    Replace(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    DropSignature,
    DropPart,
    AddPart,
    Pad,
    Space,
    SignAs(Signer),
}

impl Recipe {
    /// The token.
    pub fn token(&self) -> String {
        let header = object(&self.header, || {
            let kid = self.signer.kid().map(|kid| format!(r#","kid":"{kid}""#)).unwrap_or_default();
            format!(r#""alg":"{}"{kid}"#, self.signer.algorithm())
        });
        let claims = object(&self.claims, || format!(r#""iss":"{}","exp":{}"#, self.signer.issuer(), NOW + 60));
        let text = format!("{}.{}", encoded(&header), encoded(&claims));
        let token = format!("{text}.{}", self.signer.sign(&text));
        self.edits.iter().fold(token, |token, edit| edit.apply(token))
    }
}

/// An object of the members, behind what it usually has unless one of them says otherwise.
fn object(members: &[Member], usual: impl Fn() -> String) -> String {
    let replaces = members.iter().any(|it| matches!(it, Member::Alg(_) | Member::Iss(_) | Member::Exp(_)));
    let mut texts: Vec<String> = if replaces { Vec::new() } else { vec![usual()] };
    texts.extend(members.iter().map(Member::text));
    format!("{{{}}}", texts.join(","))
}

impl Member {
    fn text(&self) -> String {
        match self {
            Self::Alg(text) => format!(r#""alg":{}"#, text.json()),
            Self::Kid(text) => format!(r#""kid":{}"#, text.json()),
            Self::Crit => r#""crit":["exp"]"#.to_owned(),
            Self::B64(flag) => format!(r#""b64":{flag}"#),
            Self::Iss(text) => format!(r#""iss":{}"#, text.json()),
            Self::Exp(time) => format!(r#""exp":{}"#, time.json()),
            Self::Nbf(time) => format!(r#""nbf":{}"#, time.json()),
            Self::Aud(texts) => format!(r#""aud":[{}]"#, texts.iter().map(Text::json).collect::<Vec<_>>().join(",")),
            Self::Cnf(0) => r#""cnf":null"#.to_owned(),
            Self::Cnf(1) => r#""cnf":{"jkt":"x"}"#.to_owned(),
            Self::Cnf(_) => r#""cnf":{"x5t#S256":7}"#.to_owned(),
            Self::Typ(text) => format!(r#""typ":{}"#, text.json()),
            Self::Other(name, text) => format!(r#""m{}":{}"#, name % 4, text.json()),
            Self::Broken(octet) => format!("{}", char::from(*octet)),
        }
    }
}

impl Text {
    fn json(&self) -> String {
        match self {
            Self::OfSigner(signer) => format!("{:?}", signer.issuer()),
            Self::Algorithm(signer) => format!("{:?}", signer.algorithm()),
            Self::Kid(signer) => json!(signer.kid()).to_string(),
            Self::Wanted => r#""wanted""#.to_owned(),
            Self::None => r#""none""#.to_owned(),
            Self::Empty => r#""""#.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Null => "null".to_owned(),
            Self::List => r#"["ec"]"#.to_owned(),
            Self::Control(code) => format!(r#""ec\u{code:04x}""#),
            Self::Surrogate => r#""\ud800""#.to_owned(),
            Self::Any(one, two) => json!(String::from_utf8_lossy(&[*one, *two])).to_string(),
        }
    }
}

impl Time {
    fn json(&self) -> String {
        match self {
            Self::Past => (NOW - 1).to_string(),
            Self::Now => NOW.to_string(),
            Self::Future => (NOW + 1).to_string(),
            Self::Text => format!("\"{}\"", NOW + 60),
            Self::Huge => "1e400".to_owned(),
            Self::Fraction(part) => format!("{NOW}.{part}"),
            Self::Negative => "-1".to_owned(),
            Self::Null => "null".to_owned(),
        }
    }
}

impl Edit {
    fn apply(&self, token: String) -> String {
        let mut octets: Vec<char> = token.chars().collect();
        let at = |place: &u16| usize::from(*place) % octets.len().max(1);
        match self {
            Self::Replace(place, octet) if !octets.is_empty() => {
                let place = at(place);
                octets[place] = char::from(*octet);
            }
            Self::Insert(place, octet) => {
                let place = at(place);
                octets.insert(place, char::from(*octet));
            }
            Self::Remove(place) if !octets.is_empty() => {
                let place = at(place);
                octets.remove(place);
            }
            Self::DropSignature => return token.rsplit_once('.').map_or(String::new(), |(text, _)| format!("{text}.")),
            Self::DropPart => return token.rsplit_once('.').map_or(String::new(), |(text, _)| text.to_owned()),
            Self::AddPart => return format!("{token}.e30"),
            Self::Pad => return format!("{token}="),
            Self::Space => return format!(" {token}"),
            Self::SignAs(signer) => {
                let text = token.rsplit_once('.').map_or(token.as_str(), |(text, _)| text);
                return format!("{text}.{}", signer.sign(text));
            }
            Self::Replace(..) | Self::Remove(_) => {}
        }
        octets.into_iter().collect()
    }
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

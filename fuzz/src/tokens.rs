//! Tokens that are signed by another implementation than the filter's: good ones, and such as differ from one in a point or two.
//! The keys are nobody's.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock, thread::LocalKey};

use arbitrary::{Arbitrary, Unstructured};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};

/// The time at which requests are decided, in seconds since the epoch.
pub const NOW: u64 = 1_800_000_000;

/// Who signs. `jsonwebtoken` verifies with AWS-LC: its opinion is independent of the built-in back end, and not of the one that
/// verifies with AWS-LC as well. ES512, Ed448 and ML-DSA it does not have.
#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
        let sign = || crypto::sign(text.as_bytes(), private, *algorithm).expect("the keys are good");
        remembered(&SIGNATURES, (self, text.to_owned()), sign)
    }

    /// Whether the other implementation takes a token for one that this signer has signed.
    pub fn has_signed(self, token: &str) -> bool {
        let Keys { algorithm, public, .. } = self.keys();
        let is_signed = || {
            token.rsplit_once('.').is_some_and(|(text, signature)| {
                crypto::verify(signature, text.as_bytes(), public, *algorithm).unwrap_or(false)
            })
        };
        remembered(&VERIFIED, (self, token.to_owned()), is_signed)
    }

    fn keys(self) -> &'static Keys {
        &KEYS[self as usize]
    }
}

type Memory<T> = LocalKey<RefCell<HashMap<(Signer, String), T>>>;

thread_local! {
    static SIGNATURES: RefCell<HashMap<(Signer, String), String>> = RefCell::default();
    static VERIFIED: RefCell<HashMap<(Signer, String), bool>> = RefCell::default();
}

/// What is made of a text for a signer, as it was made the first time: signing takes long, and some algorithms never sign alike.
fn remembered<T: Clone>(memory: &'static Memory<T>, of: (Signer, String), make: impl FnOnce() -> T) -> T {
    memory.with_borrow_mut(|known| {
        if known.len() == 1 << 14 {
            known.clear();
        }
        known.entry(of).or_insert_with(make).clone()
    })
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

/// How a token is made: as it usually is, which every configuration takes, or with a change or two.
#[derive(Debug)]
pub struct Recipe {
    signer: Signer,
    changes: Vec<Change>,
}

/// Half of all tokens are as they usually are: what lies behind most checks is reached by a token that has passed the others.
impl<'a> Arbitrary<'a> for Recipe {
    fn arbitrary(octets: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let signer = octets.arbitrary()?;
        let count = match octets.arbitrary::<u8>()? {
            0..128 => 0,
            128..224 => 1,
            _ => 2,
        };
        let changes = (0..count).map(|_| octets.arbitrary()).collect::<arbitrary::Result<_>>()?;
        Ok(Self { signer, changes })
    }
}

/// One point in which a token is not as it usually is.
#[derive(Arbitrary, Debug)]
enum Change {
    /// Takes the place of the member of its name, if there is one.
    Set(Member),
    /// The same where it does not belong: in the claims instead of the header, or the other way round.
    SetElsewhere(Member),
    /// Stands beside the member of its name.
    Double(Member),
    Remove(u8),
    /// From the header to the claims, or the other way round.
    Move(u8),
    Edit(Edit),
}

/// A member of the header or of the claims.
#[derive(Arbitrary, Debug)]
enum Member {
    Alg(Of),
    Kid(Of),
    Typ(Text),
    Crit,
    B64(bool),
    Iss(Of),
    Exp(Time),
    Nbf(Time),
    Aud(Audiences),
    Cnf(u8),
    Other(u8, Text),
    /// What stands here is no member of anything.
    Broken(u8),
}

/// What a member names a signer by: that of this one, or something else.
#[derive(Arbitrary, Debug)]
enum Of {
    Signer(Signer),
    Text(Text),
}

#[derive(Arbitrary, Debug)]
enum Audiences {
    One(Text),
    List(Vec<Text>),
}

#[derive(Arbitrary, Debug)]
enum Text {
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
    /// Who signs it, if it is as usual.
    pub fn usual_signer(&self) -> Option<Signer> {
        self.changes.is_empty().then_some(self.signer)
    }

    /// The token.
    pub fn token(&self) -> String {
        let mut parts = Parts::usual(self.signer);
        self.changes.iter().for_each(|change| parts.change(change));
        let text = parts.encoded();
        let token = format!("{text}.{}", self.signer.sign(&text));
        let edits =
            self.changes.iter().filter_map(|change| if let Change::Edit(edit) = change { Some(edit) } else { None });
        edits.fold(token, |token, edit| edit.apply(token))
    }
}

/// The header and the claims: the members of each, by their names, as they are written.
struct Parts([Vec<(&'static str, String)>; 2]);

const HEADER: usize = 0;
const CLAIMS: usize = 1;

impl Parts {
    fn usual(signer: Signer) -> Self {
        let mut header = vec![("alg", json!(signer.algorithm())), ("typ", json!("wanted"))];
        header.extend(signer.kid().map(|kid| ("kid", json!(kid))));
        let claims = vec![
            ("iss", json!(signer.issuer())),
            ("exp", json!(NOW + 60)),
            ("nbf", json!(NOW)),
            ("aud", json!(["other", "wanted"])),
            ("m0", json!("told")),
        ];
        let written = |(name, value): (&'static str, Value)| (name, format!("{name:?}:{value}"));
        Self([header, claims].map(|part| part.into_iter().map(written).collect()))
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Set(member) => self.set(member.part(), member),
            Change::SetElsewhere(member) => self.set(1 - member.part(), member),
            Change::Double(member) => self.0[member.part()].push((member.name(), member.text())),
            Change::Remove(number) => _ = self.take(*number),
            Change::Move(number) => {
                if let Some((part, member)) = self.take(*number) {
                    self.0[1 - part].push(member);
                }
            }
            Change::Edit(_) => {}
        }
    }

    fn set(&mut self, part: usize, member: &Member) {
        self.0[part].retain(|(name, _)| *name != member.name());
        self.0[part].push((member.name(), member.text()));
    }

    /// Takes one out of all members.
    fn take(&mut self, number: u8) -> Option<(usize, (&'static str, String))> {
        let [header, claims] = &self.0;
        let (in_header, all) = (header.len(), header.len() + claims.len());
        let at = usize::from(number).checked_rem(all)?;
        let (part, at) = if at < in_header { (HEADER, at) } else { (CLAIMS, at - in_header) };
        Some((part, self.0[part].remove(at)))
    }

    fn encoded(&self) -> String {
        let encoded = |part: &Vec<(_, String)>| {
            let members: Vec<&str> = part.iter().map(|(_, text)| text.as_str()).collect();
            URL_SAFE_NO_PAD.encode(format!("{{{}}}", members.join(",")))
        };
        self.0.each_ref().map(encoded).join(".")
    }
}

impl Member {
    /// Where it belongs.
    fn part(&self) -> usize {
        match self {
            Self::Alg(_) | Self::Kid(_) | Self::Typ(_) | Self::Crit | Self::B64(_) => HEADER,
            _ => CLAIMS,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Alg(_) => "alg",
            Self::Kid(_) => "kid",
            Self::Typ(_) => "typ",
            Self::Crit => "crit",
            Self::B64(_) => "b64",
            Self::Iss(_) => "iss",
            Self::Exp(_) => "exp",
            Self::Nbf(_) => "nbf",
            Self::Aud(_) => "aud",
            Self::Cnf(_) => "cnf",
            Self::Other(number, _) => ["m0", "m1"][usize::from(number % 2)],
            Self::Broken(_) => "",
        }
    }

    fn text(&self) -> String {
        let value = match self {
            Self::Alg(of) => of.json(|signer| json!(signer.algorithm())),
            Self::Kid(of) => of.json(|signer| json!(signer.kid())),
            Self::Iss(of) => of.json(|signer| json!(signer.issuer())),
            Self::Typ(text) | Self::Other(_, text) => text.json(),
            Self::Crit => r#"["exp"]"#.to_owned(),
            Self::B64(flag) => flag.to_string(),
            Self::Exp(time) | Self::Nbf(time) => time.json(),
            Self::Aud(Audiences::One(text)) => text.json(),
            Self::Aud(Audiences::List(texts)) => {
                format!("[{}]", texts.iter().map(Text::json).collect::<Vec<_>>().join(","))
            }
            Self::Cnf(0) => "null".to_owned(),
            Self::Cnf(1) => r#"{"jkt":"x"}"#.to_owned(),
            Self::Cnf(_) => r#"{"x5t#S256":7}"#.to_owned(),
            Self::Broken(octet) => return char::from(*octet).to_string(),
        };
        format!("{:?}:{value}", self.name())
    }
}

impl Of {
    fn json(&self, named: impl Fn(Signer) -> Value) -> String {
        match self {
            Self::Signer(signer) => named(*signer).to_string(),
            Self::Text(text) => text.json(),
        }
    }
}

impl Text {
    fn json(&self) -> String {
        match self {
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

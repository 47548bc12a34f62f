//! Lists of revoked tokens: how they are written, and a second reader of them that knows nothing of how the filter keeps them.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Arbitrary;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::civil::Date;
use serde_json::{Value, json};

/// The consumers and credentials whose tokens are compared. Names of one kind are also names of others.
pub const CONFIGURATION: &str = r#"{"consumers": [
    {"username": "a", "id": "1", "jwt_secrets": [{"key": "a", "secret": "s"}, {"key": "a2", "secret": "s"}]},
    {"username": "s", "custom_id": "x", "jwt_secrets": [{"key": "2:x", "secret": "s"}]}]}"#;
/// The credentials, with the names of their consumers.
const CREDENTIALS: [(&str, &[&str]); 3] = [("a", &["a", "1"]), ("a2", &["a", "1"]), ("2:x", &["s"])];
/// Names that one could be taken for another of.
const NAMES: [&str; 14] =
    ["", "a", "a2", "1", "s", "x", "2:x", "a2:x", "1:a2:x", "jti:x", "credential:a", "7", "-7", "ä"];

/// A list as a server may write it.
#[derive(Arbitrary, Debug)]
pub struct Written {
    parts: Vec<Part>,
    edits: Vec<(u16, Option<char>)>,
}

#[derive(Arbitrary, Debug)]
enum Part {
    Revoked(Vec<Vec<Member>>),
    Hashes(Vec<Hash>),
    Other(Name),
}

#[derive(Arbitrary, Debug)]
enum Member {
    Jti(Name),
    Sub(Name),
    Consumer(Name),
    Credential(Name),
    IssuedBefore(Time),
    Other(Name, Name),
    Number(i8),
}

#[derive(Arbitrary, Debug)]
enum Hash {
    Of(Name),
    OfKind { is_sub: bool, name: Name, credential: Option<u8> },
    OfCaller { is_consumer: bool, name: Name },
    Octets(Vec<u8>),
    Text(Name),
}

#[derive(Arbitrary, Debug, Clone)]
enum Name {
    Known(u8),
    Escaped(u8),
    Any(String),
}

/// A point in time, and what is nearly one.
#[derive(Arbitrary, Debug)]
struct Time {
    year: u16,
    month: u8,
    day: u8,
    clock: [u8; 3],
    fraction: Option<u16>,
    offset: Option<(bool, u8, u8)>,
    is_lower: bool,
}

impl Written {
    /// The list.
    pub fn text(&self) -> String {
        let parts: Vec<String> = self.parts.iter().take(4).map(Part::text).collect();
        let mut letters: Vec<char> = format!("{{{}}}", parts.join(",")).chars().collect();
        for (at, letter) in self.edits.iter().take(3) {
            let at = usize::from(*at) % letters.len().max(1);
            match letter {
                Some(letter) => letters.insert(at, *letter),
                None if at < letters.len() => _ = letters.remove(at),
                None => {}
            }
        }
        letters.into_iter().collect()
    }
}

impl Part {
    fn text(&self) -> String {
        let (name, items): (_, Vec<String>) = match self {
            Self::Revoked(entries) => (r#""revoked""#.to_owned(), entries.iter().map(|it| entry(it)).collect()),
            Self::Hashes(hashes) => (r#""sha256""#.to_owned(), hashes.iter().map(Hash::json).collect()),
            Self::Other(name) => (name.json(), Vec::new()),
        };
        format!("{name}:[{}]", items.join(","))
    }
}

fn entry(members: &[Member]) -> String {
    let members: Vec<String> = members.iter().take(5).map(Member::text).collect();
    format!("{{{}}}", members.join(","))
}

impl Member {
    fn text(&self) -> String {
        match self {
            Self::Jti(name) => format!(r#""jti":{}"#, name.json()),
            Self::Sub(name) => format!(r#""sub":{}"#, name.json()),
            Self::Consumer(name) => format!(r#""consumer":{}"#, name.json()),
            Self::Credential(name) => format!(r#""credential":{}"#, name.json()),
            Self::IssuedBefore(time) => format!(r#""issued_before":"{}""#, time.text()),
            Self::Other(name, value) => format!("{}:{}", name.json(), value.json()),
            Self::Number(number) => format!(r#""jti":{number}"#),
        }
    }
}

impl Hash {
    fn json(&self) -> String {
        let text = match self {
            Self::Of(name) => hash_of(&name.text()),
            Self::OfKind { is_sub, name, credential: None } => hash_of(&format!("{}:{}", kind(*is_sub), name.text())),
            Self::OfKind { is_sub, name, credential: Some(number) } => {
                let (key, _) = CREDENTIALS[usize::from(*number) % CREDENTIALS.len()];
                hash_of(&of_credential(kind(*is_sub), key, &name.text()))
            }
            Self::OfCaller { is_consumer, name } => {
                hash_of(&format!("{}:{}", if *is_consumer { "consumer" } else { "credential" }, name.text()))
            }
            Self::Octets(octets) => URL_SAFE_NO_PAD.encode(octets),
            Self::Text(name) => name.text(),
        };
        json!(text).to_string()
    }
}

fn kind(is_sub: bool) -> &'static str {
    if is_sub { "sub" } else { "jti" }
}

/// The text that is hashed for a name that counts for the tokens of one credential, as the documentation says.
fn of_credential(kind: &str, key: &str, name: &str) -> String {
    format!("credential-{kind}:{}:{key}{name}", key.len())
}

fn mark(text: &str) -> [u8; 16] {
    digest(&SHA256, text.as_bytes()).as_ref()[..16].try_into().expect("16 octets")
}

fn hash_of(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(mark(text))
}

impl Name {
    fn text(&self) -> String {
        match self {
            Self::Known(number) | Self::Escaped(number) => NAMES[usize::from(*number) % NAMES.len()].to_owned(),
            Self::Any(text) => text.clone(),
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Escaped(_) => {
                let units: String = self.text().encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                format!(r#""{units}""#)
            }
            _ => json!(self.text()).to_string(),
        }
    }
}

impl Time {
    fn text(&self) -> String {
        let Self { year, month, day, clock: [hour, minute, second], .. } = self;
        let (year, month, day) = (1960 + year % 9000, month % 14, day % 33);
        let (hour, minute, second) = (hour % 25, minute % 61, second % 62);
        let fraction = self.fraction.map_or(String::new(), |fraction| format!(".{fraction}"));
        let offset = match self.offset {
            None => "Z".to_owned(),
            Some((is_east, hours, minutes)) => {
                format!("{}{:02}:{:02}", if is_east { '+' } else { '-' }, hours % 25, minutes % 61)
            }
        };
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
        if self.is_lower { text.to_lowercase() } else { text }
    }
}

/// What a token says that may be revoked.
#[derive(Arbitrary, Debug, Clone)]
pub struct Claimed {
    credential: u8,
    jti: Claim,
    sub: Claim,
    seconds: u32,
}

#[derive(Arbitrary, Debug, Clone)]
enum Claim {
    Name(Name),
    Number(i8),
    True,
    Null,
    List,
}

impl Claimed {
    /// A few tokens.
    pub fn some() -> Vec<Self> {
        let jti = (0..).map(Name::Known).map(Claim::Name);
        let all = jti.zip(0_u8..14).map(|(jti, number)| Self {
            credential: number,
            jti,
            sub: Claim::Name(Name::Known(number.wrapping_mul(5))),
            seconds: u32::from(number) * 200_000_000,
        });
        all.collect()
    }

    /// The credential that has signed it.
    pub fn credential(&self) -> &'static str {
        self.caller().0
    }

    /// Its claims.
    pub fn claims(&self) -> Value {
        json!({"jti": self.jti.value(), "sub": self.sub.value()})
    }

    fn caller(&self) -> (&'static str, &'static [&'static str]) {
        CREDENTIALS[usize::from(self.credential) % CREDENTIALS.len()]
    }
}

impl Claim {
    fn value(&self) -> Value {
        match self {
            Self::Name(name) => name.text().into(),
            Self::Number(number) => (*number).into(),
            Self::True => true.into(),
            Self::Null => Value::Null,
            Self::List => json!(["a"]),
        }
    }

    /// The name that it is revoked by.
    fn name(&self) -> Option<String> {
        match self {
            Self::Name(name) => Some(name.text()),
            Self::Number(number) => Some(number.to_string()),
            Self::True => Some("true".to_owned()),
            Self::Null | Self::List => None,
        }
    }
}

/// A list as it stands there.
#[derive(Debug)]
pub struct Plain {
    entries: Vec<PlainEntry>,
    hashes: BTreeSet<[u8; 16]>,
}

/// The names that have to be those of the token, and the milliseconds since the epoch before which it must be issued.
#[derive(Debug)]
struct PlainEntry {
    names: BTreeMap<&'static str, String>,
    before: Option<i64>,
}

impl Plain {
    /// Reads a list; `None` if anything of it is not as the documentation says.
    pub fn read(list: &Value) -> Option<Self> {
        let members = list.as_object().filter(|members| !members.is_empty())?;
        if members.keys().any(|name| name != "revoked" && name != "sha256") {
            return None;
        }
        let items =
            |name: &str| members.get(name).map_or(Some([].as_slice()), |items| Some(items.as_array()?.as_slice()));
        Some(Self {
            entries: items("revoked")?.iter().map(PlainEntry::read).collect::<Option<_>>()?,
            hashes: items("sha256")?.iter().map(hash).collect::<Option<_>>()?,
        })
    }

    /// How many different things it revokes: of several times for the same one counts.
    pub fn count(&self) -> usize {
        let of = |is_timed: bool| {
            let entries = self.entries.iter().filter(move |entry| entry.before.is_some() == is_timed);
            entries.map(|entry| mark(&entry.text())).collect::<BTreeSet<_>>()
        };
        let always: BTreeSet<_> = of(false).union(&self.hashes).copied().collect();
        always.len() + of(true).len()
    }

    /// When a token may have been issued that are worth a question, in seconds: without a time, at one of its own, and around
    /// the times of the list. Each is a multiple of half a second, which a double has exactly.
    pub fn times(&self, token: &Claimed) -> Vec<Option<f64>> {
        let mut times = vec![None, Some(f64::from(token.seconds))];
        for millis in self.entries.iter().filter_map(|entry| entry.before).take(4) {
            let half = millis.div_euclid(500) as f64 / 2.0;
            times.extend([half - 0.5, half, half + 0.5].map(Some));
        }
        times
    }

    /// Whether a token that was issued then is revoked.
    pub fn revokes(&self, token: &Claimed, issued_at: Option<f64>) -> bool {
        let (key, consumers) = token.caller();
        let is_old = |before: i64| issued_at.is_none_or(|at| ((at * 2.0) as i64) * 500 < before);
        let is_of = |name: &str, wanted: &String| match name {
            "jti" => token.jti.name().as_ref() == Some(wanted),
            "sub" => token.sub.name().as_ref() == Some(wanted),
            "consumer" => consumers.contains(&wanted.as_str()),
            _ => key == wanted,
        };
        let by_entry = self.entries.iter().any(|entry| {
            entry.names.iter().all(|(name, wanted)| is_of(name, wanted)) && entry.before.is_none_or(is_old)
        });
        by_entry || token.texts().iter().any(|text| self.hashes.contains(&mark(text)))
    }
}

impl PlainEntry {
    fn read(entry: &Value) -> Option<Self> {
        let (mut names, mut before) = (BTreeMap::new(), None);
        for (name, value) in entry.as_object()? {
            let value = value.as_str().filter(|value| !value.is_empty())?;
            match ["jti", "sub", "consumer", "credential"].into_iter().find(|it| it == name) {
                Some(name) => _ = names.insert(name, value.to_owned()),
                None if name == "issued_before" => before = Some(millis(value)?),
                None => return None,
            }
        }
        let kinds: Vec<&str> = names.keys().copied().collect();
        let is_one =
            matches!(kinds.as_slice(), ["jti" | "sub" | "consumer" | "credential"] | ["credential", "jti" | "sub"]);
        is_one.then_some(Self { names, before })
    }

    /// What would be hashed for it.
    fn text(&self) -> String {
        let names: Vec<(&&str, &String)> = self.names.iter().collect();
        match names.as_slice() {
            [(kind, name)] => format!("{kind}:{name}"),
            [(_, key), (kind, name)] => of_credential(kind, key, name),
            _ => unreachable!("an entry has one name or two"),
        }
    }
}

impl Claimed {
    /// All texts whose hash revokes it.
    fn texts(&self) -> Vec<String> {
        let (key, consumers) = self.caller();
        let mut texts: Vec<String> = consumers.iter().map(|name| format!("consumer:{name}")).collect();
        texts.push(format!("credential:{key}"));
        for (kind, claim) in [("jti", &self.jti), ("sub", &self.sub)] {
            let Some(name) = claim.name() else { continue };
            texts.push(format!("{kind}:{name}"));
            texts.push(of_credential(kind, key, &name));
        }
        texts
    }
}

fn hash(item: &Value) -> Option<[u8; 16]> {
    URL_SAFE_NO_PAD.decode(item.as_str()?).ok()?.try_into().ok()
}

/// A time of RFC 3339 §5.6 in milliseconds since the epoch. The calendar is another implementation's.
fn millis(text: &str) -> Option<i64> {
    let shape: String =
        text.chars().map(|it| if it.is_ascii_digit() { '0' } else { it.to_ascii_uppercase() }).collect();
    let shape = shape.replacen(' ', "T", 1);
    let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
    let fraction = rest.strip_prefix('.').map_or("", |rest| &rest[..rest.chars().take_while(|it| *it == '0').count()]);
    let offset = match rest.strip_prefix('.') {
        Some(_) if fraction.is_empty() => return None,
        Some(rest) => &rest[fraction.len()..],
        None => rest,
    };
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let date = Date::new(number(0, 4)? as i16, number(5, 7)? as i8, number(8, 10)? as i8).ok()?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes_ahead = match offset {
        "Z" => 0,
        "+00:00" | "-00:00" => {
            let at = text.len() - 6;
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if offset.starts_with('-') { -1 } else { 1 }
        }
        _ => return None,
    };
    let days = i64::from(date.since(Date::new(1970, 1, 1).ok()?).ok()?.get_days());
    let seconds = ((days * 24 + hour) * 60 + minute - minutes_ahead) * 60 + second;
    let thousandths = format!("{}000", &text[20.min(text.len())..][..fraction.len()]);
    let millis = seconds * 1000 + if fraction.is_empty() { 0 } else { thousandths[..3].parse::<i64>().ok()? };
    (millis >= 0).then_some(millis)
}

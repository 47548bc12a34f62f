//! What is revoked: one token, those of a subject, a consumer or a credential, all of them or those issued before a time.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use thiserror::Error;

use super::mark::{Mark, mark, text, text_of_credential};
use crate::encoding::{date_time, json::Text};

/// The members that an entry of a list may have.
const MEMBERS: [&str; 5] = ["jti", "sub", "consumer", "credential", "issued_before"];

/// What is revoked, as it is compared with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What the tokens are known by.
    pub mark: Mark,
    /// Only those that were issued before this time, in milliseconds since the epoch; all of them without it.
    pub issued_before: Option<u64>,
}

/// Why an object says not what is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EntryError {
    /// It names nothing, or two things that do not go together.
    #[error("expected jti or sub, with or without credential, or consumer, or credential")]
    NotOne,
    /// A member has another name, is no text, or an empty one.
    #[error("expected texts that are not empty, and no members but jti, sub, consumer, credential and issued_before")]
    BadMember,
    /// The time is none.
    #[error("expected issued_before to be a time such as 2026-11-25T00:00:00Z")]
    NoTime,
}

/// The names of an entry, as far as they are there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// The token's `jti`.
    pub jti: Option<&'a str>,
    /// The token's `sub`.
    pub sub: Option<&'a str>,
    /// The username or id of the consumer.
    pub consumer: Option<&'a str>,
    /// The credential's `key`.
    pub credential: Option<&'a str>,
}

impl Entry {
    /// An entry of these names.
    pub fn new(names: Names, issued_before: Option<u64>) -> Result<Self, EntryError> {
        let text = match names {
            Names { jti: Some(jti), sub: None, consumer: None, credential: None } => text("jti", jti),
            Names { jti: None, sub: Some(sub), consumer: None, credential: None } => text("sub", sub),
            Names { jti: None, sub: None, consumer: Some(consumer), credential: None } => text("consumer", consumer),
            Names { jti: None, sub: None, consumer: None, credential: Some(key) } => text("credential", key),
            Names { jti: Some(jti), sub: None, consumer: None, credential: Some(key) } => {
                text_of_credential("jti", key, jti)
            }
            Names { jti: None, sub: Some(sub), consumer: None, credential: Some(key) } => {
                text_of_credential("sub", key, sub)
            }
            _ => return Err(EntryError::NotOne),
        };
        Ok(Self { mark: mark(&text), issued_before })
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

/// Reads an entry of a list, and refuses at the first member that cannot be one's: nothing of it is kept meanwhile, however long
/// it is.
struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let mut texts: [Option<Text>; MEMBERS.len()] = Default::default();
        while let Some(Text(name)) = map.next_key()? {
            let slot = texts.iter_mut().zip(MEMBERS).find(|(_, member)| *member == name);
            let (slot, _) =
                slot.filter(|(slot, _)| slot.is_none()).ok_or_else(|| A::Error::custom(EntryError::BadMember))?;
            let text: Text = map.next_value()?;
            if text.0.is_empty() {
                return Err(A::Error::custom(EntryError::BadMember));
            }
            *slot = Some(text);
        }
        let [jti, sub, consumer, credential, time] = texts.each_ref().map(|text| text.as_ref().map(|it| it.0.as_ref()));
        let issued_before = time.map(|time| date_time::parse(time).ok_or(EntryError::NoTime)).transpose();
        let names = Names { jti, sub, consumer, credential };
        issued_before.and_then(|time| Entry::new(names, time)).map_err(A::Error::custom)
    }
}

//! What is revoked: one token, those of a subject, a consumer or a credential, all of them or those issued before a time.

use thiserror::Error;

use super::mark::{Mark, mark, text, text_of_credential};
use crate::encoding::{date_time, json::Value};

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

    /// Reads an entry of a list.
    pub fn of(value: &Value) -> Result<Self, EntryError> {
        let Value::Object(members) = value else { return Err(EntryError::BadMember) };
        let (mut names, mut issued_before) = (Names::default(), None);
        for (name, value) in members {
            let Value::String(text) = value else { return Err(EntryError::BadMember) };
            let text = Some(text.as_ref()).filter(|text| !text.is_empty()).ok_or(EntryError::BadMember)?;
            match name.as_ref() {
                "jti" => names.jti = Some(text),
                "sub" => names.sub = Some(text),
                "consumer" => names.consumer = Some(text),
                "credential" => names.credential = Some(text),
                "issued_before" => issued_before = Some(date_time::parse(text).ok_or(EntryError::NoTime)?),
                _ => return Err(EntryError::BadMember),
            }
        }
        Self::new(names, issued_before)
    }
}

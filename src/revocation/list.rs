//! A list of revoked tokens that is fetched: how it is written, and what is kept of it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

use super::{Entry, Mark, RevocationSet};
use crate::{
    encoding::{base64, json::Text},
    jwks::{FetchError, Fetched, Judged, PassedOver, Remote, remote::as_remote},
};

/// How many entries a list may have.
pub const MAX_ENTRIES: usize = 1_000_000;
/// How long a list may be, in bytes. Envoy keeps no longer answer either.
pub const MAX_LIST_BYTES: usize = 32 << 20;

/// The list that a configuration names.
pub type RemoteList = Remote<RevocationSet>;

impl RevocationSet {
    /// Reads a list: an object with `revoked`, a list of entries, or `sha256`, a list of hashes, or both.
    ///
    /// # Errors
    /// Where it is none. Nothing is left out: what cannot be read may be what matters.
    pub fn read(json: &[u8]) -> Result<Self, FetchError> {
        let mut reader = Reader::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = deserializer.deserialize_map(&mut reader).and_then(|()| deserializer.end());
        read.map_err(|error| FetchError::NoRevocationList { line: error.line(), column: error.column() })?;
        Ok(Self::of(reader.always, reader.before))
    }
}

impl Fetched for RemoteList {
    as_remote!();

    fn max_bytes(&self) -> usize {
        MAX_LIST_BYTES
    }

    fn judge(&self, body: &[u8]) -> Result<Judged, FetchError> {
        let set = RevocationSet::read(body)?;
        Ok(Judged { count: set.len(), shared: set.into_octets(), passed_over: PassedOver::default() })
    }

    fn load(&self, shared: Vec<u8>) -> bool {
        let set = RevocationSet::from_octets(shared);
        set.map(|set| self.put(set)).is_some()
    }

    fn count(&self) -> usize {
        self.current().map_or(0, |set| set.len())
    }

    fn forget(&self) {
        self.take();
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    always: Vec<Mark>,
    before: Vec<(Mark, u64)>,
}

impl Reader {
    /// Takes one more, unless there are too many.
    fn take(&mut self, entry: Entry) -> Result<(), &'static str> {
        if self.always.len().saturating_add(self.before.len()) >= MAX_ENTRIES {
            return Err("too many entries");
        }
        match entry.issued_before {
            None => self.always.push(entry.mark),
            Some(time) => self.before.push((entry.mark, time)),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object with revoked or sha256")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = [false; 2];
        while let Some(name) = map.next_key::<String>()? {
            let (at, items) = match name.as_str() {
                "revoked" => (0, Items::Entries),
                "sha256" => (1, Items::Hashes),
                _ => return Err(A::Error::custom("an unknown member")),
            };
            if seen.get_mut(at).is_none_or(|seen| std::mem::replace(seen, true)) {
                return Err(A::Error::custom("a member occurs twice"));
            }
            map.next_value_seed(List { items, reader: self })?;
        }
        // An object with neither is more likely an error of its server's than a list of nothing.
        if seen == [false; 2] { Err(A::Error::custom("neither revoked nor sha256")) } else { Ok(()) }
    }
}

/// What the items of a list are.
#[derive(Clone, Copy)]
enum Items {
    /// Objects that name what is revoked.
    Entries,
    /// The marks themselves, in base64url.
    Hashes,
}

/// A list whose items the reader takes one by one, so that it is never in memory as a whole.
struct List<'r> {
    items: Items,
    reader: &'r mut Reader,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let entry = match self.items {
                Items::Entries => seq.next_element()?,
                Items::Hashes => seq.next_element()?.map(|Hash(mark)| Entry { mark, issued_before: None }),
            };
            let Some(entry) = entry else { return Ok(()) };
            self.reader.take(entry).map_err(A::Error::custom)?;
        }
    }
}

/// A mark, as a list has it.
struct Hash(Mark);

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let mark = base64::decode_url(text.as_bytes()).and_then(|octets| octets.try_into().ok());
        mark.map(Self).ok_or_else(|| D::Error::custom("no hash of 16 octets in base64url"))
    }
}

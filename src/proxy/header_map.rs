//! The headers of the request, fetched with one call to the host.
//!
//! A host call costs more than looking through what it gave.

use super::abi::{self, MapType, Status};

/// Every header as it stood when it was fetched, in the host's serialization: how many there are, the lengths of each
/// one's name and value, then names and values, each with a zero behind it. Numbers are of 32 bits, little-endian.
#[derive(Default)]
pub(super) struct HeaderMap(Vec<u8>);

impl HeaderMap {
    /// Fetches the headers of the request that the host is calling about.
    ///
    /// # Errors
    /// The host declined, or gave what is no such serialization.
    pub(super) fn of_request() -> Result<Self, Status> {
        Self::parse(abi::header_map(MapType::RequestHeaders)?).ok_or(Status::SERIALIZATION_FAILURE)
    }

    /// Makes sure that everything is there that is announced.
    fn parse(serialized: Vec<u8>) -> Option<Self> {
        let Iter { lengths, texts } = Iter::over(&serialized)?;
        let (lengths, _) = lengths.as_chunks::<4>();
        let announced = lengths.iter().map(|length| to_usize(*length).saturating_add(1)).fold(0, usize::saturating_add);
        (announced == texts.len()).then_some(Self(serialized))
    }

    /// The values of a header, in their order. Names are compared without regard to case.
    pub(super) fn values<'m>(&'m self, name: &str) -> impl Iterator<Item = &'m [u8]> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    fn iter(&self) -> Iter<'_> {
        Iter::over(&self.0).unwrap_or(Iter { lengths: &[], texts: &[] })
    }
}

/// What of the serialization is still to be read.
struct Iter<'m> {
    lengths: &'m [u8],
    texts: &'m [u8],
}

impl<'m> Iter<'m> {
    fn over(serialized: &'m [u8]) -> Option<Self> {
        let (count, rest) = serialized.split_first_chunk()?;
        let (lengths, texts) = rest.split_at_checked(to_usize(*count).checked_mul(8)?)?;
        Some(Self { lengths, texts })
    }

    fn text(&mut self) -> Option<&'m [u8]> {
        let (length, lengths) = self.lengths.split_first_chunk()?;
        let (text, rest) = self.texts.split_at_checked(to_usize(*length))?;
        let (_zero, texts) = rest.split_first()?;
        *self = Self { lengths, texts };
        Some(text)
    }
}

impl<'m> Iterator for Iter<'m> {
    type Item = (&'m [u8], &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }
}

fn to_usize(number: [u8; 4]) -> usize {
    u32::from_le_bytes(number) as usize
}

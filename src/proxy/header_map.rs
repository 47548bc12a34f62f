//! The headers of the request, fetched with one call to the host.
//!
//! A host call costs more than looking through what it gave: the SDK's own accessors take one call per header, or one
//! allocation per name and value, and panic on a name that is not UTF-8.

use proxy_wasm::types::MapType;

/// Every header as it stood when it was fetched, in the host's serialization: how many there are, the lengths of each
/// one's name and value, then names and values, each with a zero behind it. Numbers are of 32 bits, little-endian.
pub(super) struct HeaderMap(Vec<u8>);

impl HeaderMap {
    /// Fetches the headers of the request that the host is calling about. A host that fails gives none.
    pub(super) fn of_request() -> Self {
        let mut data = std::ptr::null_mut();
        let mut size = 0;
        // SAFETY: The host writes to these two places and nowhere else. What it says there is memory that it got from
        // `proxy_on_memory_allocate`, which the SDK makes of a `Vec<u8>` of this capacity and leaves to whoever asked.
        let serialized = unsafe {
            let status = proxy_get_header_map_pairs(MapType::HttpRequestHeaders as u32, &mut data, &mut size);
            if status == 0 && !data.is_null() { Vec::from_raw_parts(data, size, size) } else { Vec::new() }
        };
        Self(serialized)
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

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map_type: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

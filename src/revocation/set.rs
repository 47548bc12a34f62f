//! What is revoked, as one block of octets that is searched as it stands: so a million entries take 16 MB, and workers can
//! share them.

use super::{Entry, Marks, mark::Mark};

/// An entry that counts for all tokens.
const ALWAYS: usize = size_of::<Mark>();
/// One that counts for those that were issued before a time, which stands behind its mark.
const BEFORE: usize = ALWAYS + size_of::<u64>();
/// An entry of the second kind.
type TimedMark = [u8; BEFORE];
/// How many entries of the first kind there are; they stand behind this number.
const COUNT: usize = size_of::<u64>();

/// A set of revoked tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationSet {
    octets: Vec<u8>,
}

impl RevocationSet {
    /// The set of these entries.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let (mut always, mut before) = (Vec::new(), Vec::new());
        for Entry { mark, issued_before } in entries {
            match issued_before {
                None => always.push(mark),
                Some(time) => before.push((mark, time)),
            }
        }
        Self::of(always, before)
    }

    /// The set of marks that count for all tokens, and of those that count for tokens issued before a time.
    pub(super) fn of(mut always: Vec<Mark>, mut before: Vec<(Mark, u64)>) -> Self {
        always.sort_unstable();
        always.dedup();
        // Of several times of one mark the latest counts.
        before.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
        before.dedup_by_key(|(mark, _)| *mark);
        let size = always.len().saturating_mul(ALWAYS).saturating_add(before.len().saturating_mul(BEFORE));
        let mut octets = Vec::with_capacity(size.saturating_add(COUNT));
        octets.extend((always.len() as u64).to_le_bytes());
        octets.extend(always.as_flattened());
        for (mark, time) in before {
            octets.extend(mark);
            octets.extend(time.to_le_bytes());
        }
        Self { octets }
    }

    /// The set of octets that another worker has shared; `None` if they are of none.
    pub fn from_octets(octets: Vec<u8>) -> Option<Self> {
        let set = Self { octets };
        let (always, before) = set.parts()?;
        (always.is_sorted() && before.is_sorted_by_key(mark_of)).then_some(set)
    }

    /// The octets, to be shared.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets, to be shared, without a copy.
    pub(super) fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.parts().map_or(0, |(always, before)| always.len().saturating_add(before.len()))
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a token with these marks, issued at this time in seconds, is revoked. One that does not say when it was
    /// issued was issued before any time.
    pub fn revokes(&self, marks: &Marks, issued_at: Option<f64>) -> bool {
        // Octets that cannot be told apart revoke everything; there are none, as this is how a set begins.
        let Some((always, before)) = self.parts() else { return true };
        let is_before = |time: u64| issued_at.is_none_or(|issued_at| issued_at * 1000.0 < time as f64);
        marks.iter().any(|mark| {
            always.binary_search(mark).is_ok()
                || before
                    .binary_search_by_key(mark, mark_of)
                    .is_ok_and(|at| before.get(at).is_some_and(|it| is_before(time_of(it))))
        })
    }

    /// The entries of both kinds.
    fn parts(&self) -> Option<(&[Mark], &[TimedMark])> {
        let (count, rest) = self.octets.split_first_chunk()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let (always, before) = rest.split_at_checked(count.checked_mul(ALWAYS)?)?;
        let ((always, []), (before, [])) = (always.as_chunks(), before.as_chunks()) else { return None };
        Some((always, before))
    }
}

fn mark_of(entry: &TimedMark) -> Mark {
    entry.first_chunk().copied().unwrap_or_default()
}

fn time_of(entry: &TimedMark) -> u64 {
    entry.last_chunk().map_or(u64::MAX, |time| u64::from_le_bytes(*time))
}

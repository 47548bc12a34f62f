//! The kinds of failed authentication that a policy tells apart.

/// What kind of failure it is that no valid token was found, as `anonymous_for` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// There is no token.
    Missing,
    /// A token is refused, for whatever reason.
    Invalid,
    /// A token is refused because its time is over. That is a reason to be refused as well.
    Expired,
    /// It cannot be found out now whether the token is valid.
    Unavailable,
}

impl FailureKind {
    /// All kinds, each with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("missing", Self::Missing),
        ("invalid", Self::Invalid),
        ("expired", Self::Expired),
        ("unavailable", Self::Unavailable),
    ];

    /// The kinds that lead to the anonymous consumer unless others are named: every one.
    pub const USUAL: [Self; 3] = [Self::Missing, Self::Invalid, Self::Unavailable];

    /// Whether a failure of this kind is among those of a list.
    pub fn is_among(self, kinds: &[Self]) -> bool {
        kinds.contains(&self) || (self == Self::Expired && kinds.contains(&Self::Invalid))
    }
}

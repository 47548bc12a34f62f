//! Which consumers a policy lets through: `allow` and `deny`, as the gateway's ACL plugin has them.

use std::collections::BTreeSet;

use super::Consumer;
use crate::encoding::HeaderText;

/// Lists of usernames, ids and groups.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Only whom it names may call; without it, everybody.
    pub allow: Option<BTreeSet<HeaderText>>,
    /// Whom it names may not call, whatever `allow` says.
    pub deny: Option<BTreeSet<HeaderText>>,
    /// Whether the upstream is not told the consumer's groups.
    pub hide_groups_header: bool,
}

impl Access {
    /// Whether it looks at who calls: one of the lists is there, be it empty.
    pub fn is_restricted(&self) -> bool {
        self.allow.is_some() || self.deny.is_some()
    }

    /// Whether the upstream is told the consumer's groups.
    pub fn tells_groups(&self) -> bool {
        self.is_restricted() && !self.hide_groups_header
    }

    /// Whether a consumer may call.
    pub fn admits(&self, consumer: &Consumer) -> bool {
        !self.denies(consumer) && self.allow.as_ref().is_none_or(|allow| names(allow, consumer))
    }

    /// Whether `deny` names a consumer.
    pub fn denies(&self, consumer: &Consumer) -> bool {
        self.deny.as_ref().is_some_and(|deny| names(deny, consumer))
    }
}

/// Whether a list names a consumer, or a group that it is in.
fn names(list: &BTreeSet<HeaderText>, consumer: &Consumer) -> bool {
    let groups = consumer.groups.names().iter();
    !list.is_empty() && consumer.username.iter().chain(&consumer.id).chain(groups).any(|name| list.contains(name))
}

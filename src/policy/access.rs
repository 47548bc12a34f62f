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
    pub deny: BTreeSet<HeaderText>,
}

impl Access {
    /// Whether a consumer may call.
    pub fn admits(&self, consumer: &Consumer) -> bool {
        let names = |list: &BTreeSet<HeaderText>| {
            let groups = consumer.groups.names().iter();
            !list.is_empty()
                && consumer.username.iter().chain(&consumer.id).chain(groups).any(|name| list.contains(name))
        };
        !names(&self.deny) && self.allow.as_ref().is_none_or(names)
    }
}

//! Consumers: who calls the API.

use std::fmt;

use crate::encoding::HeaderText;

/// Somebody who calls the API. At least one of the three names is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// The gateway's identifier.
    pub id: Option<HeaderText>,
    /// The name that people know.
    pub username: Option<HeaderText>,
    /// The identifier in somebody's own database.
    pub custom_id: Option<HeaderText>,
    /// What `allow` and `deny` may name instead of each consumer.
    pub groups: Groups,
}

/// The groups that a consumer is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    names: Box<[HeaderText]>,
    joined: Option<HeaderText>,
}

impl Groups {
    /// Takes the names of groups; `None` if one of them holds the comma that separates them in a header.
    pub fn new(names: Vec<HeaderText>) -> Option<Self> {
        let texts: Vec<&str> = names.iter().map(HeaderText::as_str).collect();
        let joined = HeaderText::new(&texts.join(", "));
        texts.iter().all(|name| !name.contains(',')).then(|| Self { joined, names: names.into() })
    }

    /// Each group.
    pub fn names(&self) -> &[HeaderText] {
        &self.names
    }

    /// All groups in one text, separated by commas, as the gateway writes `X-Consumer-Groups`; `None` if there are none.
    pub fn joined(&self) -> Option<&HeaderText> {
        self.joined.as_ref()
    }
}

impl Consumer {
    /// The name that people know best.
    pub fn name(&self) -> &str {
        [&self.username, &self.custom_id, &self.id].into_iter().flatten().next().map_or("", HeaderText::as_str)
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?}", self.name())
    }
}

//! The configuration that is meant, with its consumers and credentials.

use jwt_auth_filter::config::{Config, Step};

use super::{arguments::ChoiceArguments, keys::Verifying};
use crate::{
    configurations::{self, Configuration, Findings},
    counted,
    document::Node,
};

/// A configuration of a file.
pub(super) struct Target {
    /// What messages call the file.
    pub(super) file: String,
    /// Its place among those of the file.
    pub(super) number: usize,
    configuration: Configuration,
}

/// A consumer, and its place.
#[derive(Clone, Copy)]
pub(super) struct ConsumerEntry<'d> {
    pub(super) index: usize,
    pub(super) node: &'d Node,
}

/// A credential, and its place among those of its consumer.
#[derive(Clone, Copy)]
pub(super) struct CredentialEntry<'d> {
    pub(super) index: usize,
    pub(super) node: &'d Node,
}

impl Target {
    /// The configuration of a file with a name or in a line; without these, the only one.
    ///
    /// # Errors
    /// If there is none, or several.
    pub(super) fn of(file: &str, text: &str, is_json: bool, filter: Option<&str>) -> Result<Self, String> {
        let found = configurations::find(text, is_json).map_err(|error| format!("{file}:{}: {error}", error.at))?;
        let told = told(&found);
        let elsewhere =
            found.discovered.first().map(|it| format!(": {it}; name that with --config")).unwrap_or_default();
        let is_meant = |it: &Configuration| {
            filter.is_none_or(|filter| it.names.iter().any(|name| name == filter) || it.at.line.to_string() == filter)
        };
        let mut matching = found.configurations.into_iter().enumerate().filter(|(_, it)| is_meant(it));
        let (number, configuration) = matching.next().ok_or_else(|| match filter {
            Some(filter) if !told.is_empty() => {
                format!("{file}: no configuration of the filter named {filter:?}; expected one of {}", told.join(", "))
            }
            _ => format!("{file}: no configuration of the filter{elsewhere}"),
        })?;
        if matching.next().is_some() {
            return Err(format!(
                "{file}: several configurations of the filter: {}; say which with --filter and its name, or its line if \
                 others have that name too",
                told.join(", ")
            ));
        }
        if !configuration.broken.is_empty() {
            return Err(format!(
                "{file}:{}: the configuration cannot be read; see `jwt-auth check {file}`",
                configuration.at
            ));
        }
        Ok(Self { file: file.to_owned(), number, configuration })
    }

    pub(super) fn root(&self) -> &Node {
        &self.configuration.root
    }

    /// Whether routes have policies of their own beside it.
    pub(super) fn has_own_policies(&self) -> bool {
        !self.configuration.own_policies.is_empty()
    }

    /// The configuration as the filter reads it.
    ///
    /// # Errors
    /// If the filter refuses it.
    pub(super) fn config(&self) -> Result<Config, String> {
        Config::of(self.root().to_value()).map_err(|faults| {
            let count = counted(faults.len(), "fault");
            format!("{0}: the filter refuses this configuration for {count}; see `jwt-auth check {0}`", self.file)
        })
    }

    /// All consumers.
    pub(super) fn consumers(&self) -> impl Iterator<Item = ConsumerEntry<'_>> {
        let nodes = self.root().get("consumers").map(Node::items).unwrap_or_default();
        nodes.iter().enumerate().map(|(index, node)| ConsumerEntry { index, node })
    }

    /// The consumers that a name is one of.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = ConsumerEntry<'_>> {
        self.consumers().filter(move |it| ConsumerEntry::NAMES.iter().any(|field| it.text(field) == Some(name)))
    }

    /// The only consumer that a name is one of.
    ///
    /// # Errors
    /// If there is none, or several.
    pub(super) fn consumer(&self, name: &str) -> Result<ConsumerEntry<'_>, String> {
        const SHOWN: usize = 10;

        let mut named = self.named(name);
        let Some(consumer) = named.next() else {
            let mut names: Vec<String> = self.consumers().take(SHOWN).map(|it| format!("{:?}", it.name())).collect();
            if self.consumers().nth(SHOWN).is_some() {
                names.push("…".to_owned());
            }
            let expected = if names.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("expected one of {}", names.join(", "))
            };
            return Err(format!("{}: no consumer {name:?}; {expected}", self.file));
        };
        match named.next() {
            Some(other) => Err(format!(
                "{}: {name:?} is a name of two consumers, in lines {} and {}; use another of their names",
                self.file, consumer.node.at.line, other.node.at.line
            )),
            None => Ok(consumer),
        }
    }
}

impl<'d> ConsumerEntry<'d> {
    const NAMES: [&'static str; 3] = ["username", "id", "custom_id"];

    pub(super) fn text(&self, field: &str) -> Option<&'d str> {
        self.node.get(field).and_then(Node::text)
    }

    /// The name that people know best.
    pub(super) fn name(&self) -> &'d str {
        ["username", "custom_id", "id"].into_iter().find_map(|field| self.text(field)).unwrap_or_default()
    }

    pub(super) fn groups(&self) -> Vec<&'d str> {
        self.node.get("groups").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect()
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = CredentialEntry<'d>> + use<'d> {
        let nodes = self.node.get("jwt_secrets").map(Node::items).unwrap_or_default();
        nodes.iter().enumerate().map(|(index, node)| CredentialEntry { index, node })
    }

    /// The way to its credentials.
    pub(super) fn credentials_path(&self) -> Vec<Step> {
        let field = |name: &str| Step::Field(name.to_owned());
        vec![field("consumers"), Step::Item(self.index), field("jwt_secrets")]
    }

    /// The credential that is meant.
    ///
    /// # Errors
    /// If none is, or several are.
    pub(super) fn credential(&self, choice: &ChoiceArguments) -> Result<CredentialEntry<'d>, String> {
        let is_meant = |it: &CredentialEntry| {
            let has_key = choice.key.as_deref().is_none_or(|key| it.key() == key);
            let has_number = choice.number.is_none_or(|number| it.number() == number);
            let has_fingerprint = choice.fingerprint.as_deref().is_none_or(|beginning| {
                let mut fingerprints = it.verifying().into_iter().filter_map(|it| it.fingerprint);
                !beginning.is_empty() && fingerprints.any(|fingerprint| fingerprint.starts_with(beginning))
            });
            has_key && has_number && has_fingerprint
        };
        let meant: Vec<CredentialEntry> = self.credentials().filter(is_meant).collect();
        let told = |all: &[CredentialEntry]| all.iter().map(CredentialEntry::told).collect::<Vec<_>>().join(", ");
        match meant.as_slice() {
            [only] => Ok(*only),
            [] => {
                let all: Vec<CredentialEntry> = self.credentials().collect();
                let there = if all.is_empty() { "it has none".to_owned() } else { format!("it has {}", told(&all)) };
                Err(format!("consumer {:?} has no such credential; {there}", self.name()))
            }
            several => Err(format!(
                "consumer {:?} has several such credentials: {}; say which with --number, --fingerprint or --key",
                self.name(),
                told(several)
            )),
        }
    }
}

impl<'d> CredentialEntry<'d> {
    /// The value of the key claim.
    pub(super) fn key(&self) -> &'d str {
        self.node.get("key").and_then(Node::text).unwrap_or_default()
    }

    /// Counted from 1.
    pub(super) fn number(&self) -> usize {
        self.index.saturating_add(1)
    }

    /// What verifies its tokens.
    pub(super) fn verifying(&self) -> Vec<Verifying> {
        Verifying::all_of(self.node)
    }

    /// In words: its number, key and keys.
    fn told(&self) -> String {
        let keys: Vec<String> = self.verifying().iter().map(Verifying::told).collect();
        format!("{} ({:?}, {})", self.number(), self.key(), keys.join(", "))
    }
}

/// The configurations of a file by their names and lines.
fn told(found: &Findings) -> Vec<String> {
    let told = |it: &Configuration| {
        let name = it.names.last().map_or("the configuration", String::as_str);
        format!("{name} in line {}", it.at.line)
    };
    found.configurations.iter().map(told).collect()
}

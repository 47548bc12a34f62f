//! The credentials of a configuration, where they stand in the file.

use std::collections::HashMap;

use jwt_auth_filter::config::Step;

use super::Configuration;
use crate::document::Node;

/// A credential where it stands in the file.
pub(crate) struct CredentialPlace<'d> {
    pub node: &'d Node,
    consumer: usize,
    index: usize,
    /// How many credentials with the same identifier stand before it, which is its place among those that the core knows.
    pub before: usize,
}

impl Configuration {
    /// All credentials, in their order.
    pub(crate) fn credentials(&self) -> Vec<CredentialPlace<'_>> {
        let consumers = self.root.get("consumers").map(Node::items).unwrap_or_default();
        let mut of_key: HashMap<&str, usize> = HashMap::new();
        let mut all = Vec::new();
        for (consumer, node) in consumers.iter().enumerate() {
            for (index, node) in node.get("jwt_secrets").map(Node::items).unwrap_or_default().iter().enumerate() {
                let count = of_key.entry(node.get("key").and_then(Node::text).unwrap_or_default()).or_default();
                all.push(CredentialPlace { node, consumer, index, before: *count });
                *count = count.saturating_add(1);
            }
        }
        all
    }
}

impl<'d> CredentialPlace<'d> {
    /// The value of the key claim that names it.
    pub(crate) fn identifier(&self) -> Option<&'d str> {
        self.node.get("key").and_then(Node::text)
    }

    /// The way to it.
    pub(crate) fn own_path(&self) -> Vec<Step> {
        let step = |name: &str| Step::Field(name.to_owned());
        vec![step("consumers"), Step::Item(self.consumer), step("jwt_secrets"), Step::Item(self.index)]
    }

    /// The way to one of its fields.
    pub(crate) fn path(&self, field: &str) -> Vec<Step> {
        let mut path = self.own_path();
        path.push(Step::Field(field.to_owned()));
        path
    }
}

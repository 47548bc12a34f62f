//! Consumers, and the Secrets that hold their credentials.

use super::{
    super::entities::EntityKind,
    Translation,
    build::{self, Members},
    objects::{Object, PREFIX},
};
use crate::document::Node;

const NOT_OF_CONSUMER: [&str; 5] = ["apiVersion", "kind", "metadata", "credentials", "status"];

impl<'n> Translation<'n, '_> {
    pub(super) fn consumer(&mut self, object: &Object<'n>) {
        let mut consumer = Members::at(object.node.at);
        consumer.set_all(object.node, &NOT_OF_CONSUMER);
        let name = ["username", "custom_id"].iter().find_map(|name| object.node.given(name)?.text());
        let name = name.unwrap_or(object.name).to_owned();
        self.add(EntityKind::Consumer, object.path(), consumer.node());
        self.uses_plugins(EntityKind::Consumer, &object.path(), object.plugin_names());
        for secret in object.node.given("credentials").map(Node::items).unwrap_or_default() {
            self.credential(object, &name, secret);
        }
    }

    pub(super) fn consumer_group(&mut self, object: &Object<'n>) {
        let group = Members::at(object.node.at).with("name", build::text(object.node.at, object.name));
        self.add(EntityKind::ConsumerGroup, object.path(), group.node());
        self.uses_plugins(EntityKind::ConsumerGroup, object.name, object.plugin_names());
    }

    /// A Secret that a consumer names.
    fn credential(&mut self, consumer: &Object, username: &str, named: &Node) {
        let name = named.text().unwrap_or_default();
        let Some(secret) = self.objects.find("Secret", consumer.namespace, name) else {
            let message = format!("the Secret {name} is not in these files, so {username} has no credential of it");
            self.report.note(named.at, &format!("{}.credentials", consumer.path()), message);
            return;
        };
        let label = secret.label(&format!("{PREFIX}credential"));
        let older = || secret.value("kongCredType")?.ok()?.text().map(str::to_owned);
        let kind = match label.map(str::to_owned).or_else(older).as_deref() {
            Some("jwt") => EntityKind::JwtSecret,
            Some("acl") => EntityKind::Acl,
            Some(other) => {
                let message = format!("a credential of the plugin {other} has no counterpart");
                return self.report.note(secret.node.at, &secret.path(), message);
            }
            None => {
                let message = "is left out: it has no label konghq.com/credential that says of which plugin it is";
                return self.report.note(secret.node.at, &secret.path(), message);
            }
        };
        let mut credential = Members::at(secret.node.at);
        for name in ["key", "algorithm", "secret", "rsa_public_key", "group"] {
            match secret.value(name) {
                Some(Ok(value)) => credential.set(name, value),
                Some(Err(at)) => self.report.fault(at, &format!("{}.data.{name}", secret.path()), "no text in base64"),
                None => {}
            }
        }
        credential.set("consumer", build::text(named.at, consumer.path()));
        self.add(kind, secret.path(), credential.node());
    }
}

//! Consumers, their credentials and their groups.

use jwt_auth_filter::{config::Config, crypto::Key};

use super::{
    super::{
        entities::{Entity, EntityKind},
        gateway::{KongConsumer, KongCredential},
        route_policy,
        yaml_output::{Yaml, map},
    },
    KongReader, Reference, placeholders, push,
};

impl<'s> KongReader<'s, '_> {
    pub(super) fn consumer(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let (username, id) = (fields.name("username"), fields.name("id"));
        let custom_id = fields.name("custom_id");
        let tags = fields.texts("tags");
        fields.finish(&["jwt_secrets", "acls", "plugins"], &[("type", "0")]);
        let at = entity.node.at;
        let credentials = Vec::new();
        let (path, groups) = (entity.path.clone(), Vec::new());
        let consumer = KongConsumer { at, path, username, id, custom_id, tags, groups, credentials, is_barred: false };
        if consumer.username.is_none() && consumer.id.is_none() && consumer.custom_id.is_none() {
            self.report.fault(at, &entity.path, "a consumer without a username, an id and a custom_id");
            return None;
        }
        Some(push(&mut self.gateway.consumers, consumer))
    }

    pub(super) fn jwt_secret(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let consumer = self.reference(entity, EntityKind::Consumer);
        let mut fields = self.fields(entity);
        let key = fields.name("key");
        let algorithm = fields.name("algorithm").unwrap_or_else(|| "HS256".to_owned());
        let (secret, public_key) = (fields.name("secret"), fields.name("rsa_public_key"));
        fields.finish(&["consumer", "consumer_id"], &[]);

        let verification_key = if algorithm.starts_with("HS") { secret } else { public_key };
        let (Some(key), Some(verification_key)) = (key, verification_key) else {
            let message = "is left out: Kong generated its key or secret, which is not in this file";
            self.report.note(entity.node.at, &entity.path, message);
            return None;
        };
        let (at, path) = (entity.node.at, entity.path.clone());
        let credential = KongCredential { at, path, key, algorithm, verification_key };
        if let Some(why) = refused(&credential) {
            self.report.note(entity.node.at, &entity.path, format!("is left out: {why}"));
            return None;
        }
        if is_refused_by_the_gateway(&credential) {
            let message = "Kong answers 500 to its tokens, because its key has not 2048 bits; the filter verifies them";
            self.report.note(entity.node.at, &entity.path, message);
        }
        let consumer = self.owner(entity, consumer)?;
        Some(push(&mut consumer.credentials, credential))
    }

    pub(super) fn acl(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let consumer = self.reference(entity, EntityKind::Consumer);
        let mut fields = self.fields(entity);
        let group = fields.name("group");
        fields.finish(&["consumer", "consumer_id"], &[]);
        let Some(group) = group else {
            self.report.fault(entity.node.at, &entity.path, "an acl without a group");
            return None;
        };
        let consumer = self.owner(entity, consumer)?;
        Some(push(&mut consumer.groups, group))
    }

    pub(super) fn consumer_group(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        self.report.note(entity.node.at, &entity.path, "has no counterpart");
        None
    }

    fn owner(&mut self, entity: &'s Entity<'s>, consumer: Reference) -> Option<&mut KongConsumer> {
        match consumer {
            Reference::To(index) => self.gateway.consumers.get_mut(index),
            Reference::Lost => None,
            Reference::Nothing => {
                self.report.fault(entity.node.at, &entity.path, "belongs to no consumer");
                None
            }
        }
    }
}

/// Whether the gateway takes no token of a credential: its plugin expects signatures of PS* to have 256 octets.
fn is_refused_by_the_gateway(credential: &KongCredential) -> bool {
    let key = Key::from_text(&credential.verification_key);
    credential.algorithm.starts_with("PS") && matches!(key, Ok(Key::Rsa(rsa)) if rsa.kilobits() != 2)
}

/// Why the filter would not take a credential, if it would not.
fn refused(credential: &KongCredential) -> Option<String> {
    if placeholders::is_template(&credential.key) || placeholders::is_placeholder(&credential.verification_key) {
        return Some("its value is not in this file, only a reference".to_owned());
    }
    let consumer = map([
        ("username", Some("x".into())),
        ("jwt_secrets", Some(Yaml::List(vec![route_policy::credential(credential)]))),
    ]);
    let config = map([("consumers", Some(Yaml::List(vec![consumer])))]).to_json().to_string();
    let faults = Config::parse(config.as_bytes()).err()?;
    Some(faults.first().map_or_else(String::new, |fault| format!("{}; expected {}", fault.found, fault.expected)))
}

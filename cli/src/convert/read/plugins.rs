//! Plugins and filter chains, and for which requests they are there.

use std::collections::HashSet;

use jwt_auth_filter::encoding::UntrustedText;

use super::{
    super::{
        entities::{Entity, EntityKind},
        gateway::{Jwt, KongConsumer, KongPlugin, PluginKind},
    },
    KongReader, Reference, Scope,
    cors::cors,
    plugin_configs::{AUTHENTICATE, CONVERTED, ConfigFields, Configs, LETS_ALL_IN, acl, anonymous, jwt},
    push, refuse_references,
    termination::termination,
};
use crate::document::{Node, NodeContent};

impl<'s> KongReader<'s, '_> {
    pub(super) fn plugin(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, EntityKind::Service);
        let route = self.reference(entity, EntityKind::Route);
        let consumer = self.reference(entity, EntityKind::Consumer);
        let shared = self.shared_config(entity);
        let mut fields = self.fields(entity);
        let name = fields.name("name").unwrap_or_default();
        let enabled = fields.flag("enabled").unwrap_or(true);
        let names_group =
            ["consumer_group", "consumer_group_id"].map(|name| fields.take(name)).iter().any(Option::is_some);
        let config = fields.take("config").filter(|node| !node.is_empty()).and_then(|node| {
            let map = Some(node).filter(|node| matches!(node.content, NodeContent::Object(_)));
            fields.expect("config", node, map, "a map")
        });
        let scopes = [
            "service",
            "service_id",
            "route",
            "route_id",
            "consumer",
            "consumer_id",
            "protocols",
            "_config",
            "instance_name",
        ];
        fields.finish(&scopes, &[]);
        if !enabled {
            return None;
        }
        if !matches!(consumer, Reference::Nothing) {
            self.plugin_of_consumer(entity, &name, consumer);
            let (service, route) = scope(service, route).filter(|_| AUTHENTICATE.contains(&name.as_str()))?;
            let kind = PluginKind::Guard(format!("the plugin {name} of a consumer"));
            return Some(push(&mut self.gateway.plugins, KongPlugin { kind, service, route }));
        }
        let is_of_group = names_group || self.entities.is_within(entity, EntityKind::ConsumerGroup);
        let (service, route) = scope(service, route)?;
        if CONVERTED.contains(&name.as_str()) && !is_of_group {
            self.claim_scope(entity, &name, (service, route));
        }
        let kind = self.plugin_kind(entity, &name, is_of_group, [config, shared])?;
        Some(push(&mut self.gateway.plugins, KongPlugin { kind, service, route }))
    }

    /// What becomes of a plugin. `None` if nothing does, and nobody comes in for that.
    fn plugin_kind(
        &mut self,
        entity: &'s Entity<'s>,
        name: &str,
        is_of_group: bool,
        configs: Configs,
    ) -> Option<PluginKind> {
        let subject = format!("{}.config", entity.path);
        match name {
            "jwt" if !is_of_group => return Some(PluginKind::Jwt(self.jwt_plugin(&subject, configs))),
            "acl" if !is_of_group => return Some(self.acl_plugin(entity, &subject, configs)),
            "cors" if !is_of_group => {
                return Some(PluginKind::Cors(cors(ConfigFields::of(&subject, configs, self.report))));
            }
            "request-termination" if !is_of_group => {
                if let Some(answer) = termination(ConfigFields::of(&subject, configs, self.report)) {
                    return Some(PluginKind::Termination(answer));
                }
            }
            _ => {}
        }
        let whose = match name {
            _ if is_of_group => " of a consumer group",
            "request-termination" => " with such a configuration",
            _ => "",
        };
        let plugin = format!("the plugin {name}{whose}");
        self.report.note(entity.node.at, &entity.path, format!("{plugin} has no counterpart"));
        (!LETS_ALL_IN.contains(&name)).then_some(PluginKind::Guard(plugin))
    }

    /// The configuration that the plugin shares with others, if it does.
    fn shared_config(&mut self, entity: &Entity) -> Option<&'s Node> {
        let name = entity.node.given("_config")?;
        let shared = self.entities.shared_config(name);
        if let Some(shared) = shared {
            refuse_references(shared, "_plugin_configs", self.report);
        } else {
            let message = "names an entry of _plugin_configs that does not exist";
            self.report.fault(name.at, &format!("{}._config", entity.path), message);
        }
        shared
    }

    /// Which of two would count, the gateway does not say.
    fn claim_scope(&mut self, entity: &Entity, name: &str, scope: Scope) {
        if !self.scopes.insert((name.to_owned(), scope)) {
            let message = format!("the plugin {name} is configured twice for the same requests");
            self.report.fault(entity.node.at, &entity.path, message);
        }
    }

    fn jwt_plugin(&mut self, subject: &str, configs: Configs) -> Jwt {
        let mut jwt = jwt(subject, configs, self.report);
        let Some(node) = anonymous(configs) else { return jwt };
        let name = node.text().unwrap_or_default();
        let is_it =
            |consumer: &KongConsumer| [&consumer.id, &consumer.username].into_iter().flatten().any(|it| it == name);
        let consumers = &self.gateway.consumers;
        if !consumers.iter().any(is_it) {
            let has_ids = consumers.iter().any(|consumer| consumer.id.is_some());
            let hint =
                if has_ids { "" } else { "; no consumer has an id here: `deck gateway dump --with-id` writes them" };
            let message = format!("names no existing consumer: {}{hint}", UntrustedText::new(name));
            self.report.fault(node.at, &format!("{subject}.anonymous"), message);
            jwt.0.retain(|(field, _)| field != "anonymous");
        }
        jwt
    }

    fn acl_plugin(&mut self, entity: &'s Entity<'s>, subject: &str, configs: Configs) -> PluginKind {
        let kind = acl(entity.node.at, subject, configs, self.report);
        if let PluginKind::Acl(acl) = &kind {
            let groups: HashSet<&String> =
                self.gateway.consumers.iter().flat_map(|consumer| &consumer.groups).collect();
            for group in acl.allow.iter().chain(&acl.deny).filter(|group| !groups.contains(group)) {
                let message = format!("the group {group:?} is left out, because no consumer is in it");
                self.report.note(entity.node.at, subject, message);
            }
            if !acl.allow.is_empty() && !acl.allow.iter().any(|group| groups.contains(group)) {
                let message = "no consumer is in a group of allow, so nobody may call: `allow: []`";
                self.report.note(entity.node.at, subject, message);
            }
            if acl.allow.is_empty() && !acl.deny.iter().any(|group| groups.contains(group)) {
                let message =
                    "no consumer is in a group of deny, so all may call, and the service gets no X-Consumer-Groups";
                self.report.note(entity.node.at, subject, message);
            }
        }
        kind
    }

    /// Filters for WebAssembly; any of them may keep people out.
    pub(super) fn filter_chain(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, EntityKind::Service);
        let route = self.reference(entity, EntityKind::Route);
        if !self.fields(entity).flag("enabled").unwrap_or(true) {
            return None;
        }
        let (service, route) = scope(service, route)?;
        self.report.note(entity.node.at, &entity.path, "the filter chain has no counterpart");
        let kind = PluginKind::Guard("the filter chain".to_owned());
        Some(push(&mut self.gateway.plugins, KongPlugin { kind, service, route }))
    }

    /// Without a plugin that may have kept a consumer out, the consumer must not come in. One that finds out who the consumer
    /// is cannot be for some: the gateway refuses it, and whoever wrote it meant to guard the routes.
    fn plugin_of_consumer(&mut self, entity: &'s Entity<'s>, name: &str, consumer: Reference) {
        let mut message = format!("the plugin {name} of a consumer has no counterpart");
        if let Reference::To(index) = consumer
            && !LETS_ALL_IN.contains(&name)
            && let Some(consumer) = self.gateway.consumers.get_mut(index)
        {
            consumer.credentials.clear();
            consumer.is_barred = true;
            message.push_str("; nobody passes as this consumer");
        }
        self.report.note(entity.node.at, &entity.path, message);
    }
}

/// For what something is; `None` if that was left out, and it with that.
fn scope(service: Reference, route: Reference) -> Option<Scope> {
    let index = |reference| match reference {
        Reference::Nothing => Some(None),
        Reference::To(index) => Some(Some(index)),
        Reference::Lost => None,
    };
    Some((index(service)?, index(route)?))
}

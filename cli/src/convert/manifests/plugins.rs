//! The plugins of the manifests, for each of the things whose annotations name them.

use super::{
    super::entities::EntityKind,
    PluginUser, Translation,
    build::{self, Members},
    objects::Object,
};
use crate::document::{self, Dialect, Node};

/// What one plugin is for: a route or service, a consumer or group, or one of either.
type Scope<'u> = Vec<(EntityKind, &'u str)>;

impl<'n> Translation<'n, '_> {
    pub(super) fn plugins(&mut self) {
        let users = std::mem::take(&mut self.users);
        for named in users.iter().flat_map(|user| &user.plugins) {
            if self.objects.plugin(*named).is_none() {
                let subject = format!("KongPlugin {}/{}", named.namespace, named.name);
                let message = "is named, but not in these files, nor is a KongClusterPlugin of this name";
                self.report.fault(named.at, &subject, message);
            }
        }
        let objects = self.objects;
        for object in objects.all().filter(|object| ["KongPlugin", "KongClusterPlugin"].contains(&object.kind)) {
            let is_user = |user: &&PluginUser| {
                user.plugins
                    .iter()
                    .any(|named| objects.plugin(*named).is_some_and(|plugin| std::ptr::eq(plugin, object)))
            };
            let mut scopes = scopes(&users.iter().filter(is_user).collect::<Vec<_>>());
            if object.label("global") == Some("true") {
                scopes.push(Vec::new());
                if object.kind == "KongPlugin" {
                    let message = "the label global is for a KongClusterPlugin; here it is taken at its word: the plugin is for all requests";
                    self.report.note(object.node.at, &object.path(), message);
                }
            }
            if scopes.is_empty() {
                self.report.note(
                    object.node.at,
                    &object.path(),
                    "nothing in these files names it in konghq.com/plugins",
                );
            }
            for scope in scopes {
                self.plugin(object, &scope);
            }
        }
    }

    fn plugin(&mut self, object: &Object<'n>, scope: &Scope) {
        let at = object.node.at;
        let mut plugin = Members::at(at);
        plugin.set_all(object.node, &NOT_OF_PLUGIN);
        plugin.set("name", self.plugin_name(object));
        if let Some(disabled) = object.node.given("disabled") {
            plugin.set("enabled", build::flag(disabled.at, !disabled.is("true")));
        }
        if let Some(config) = object.node.given("configFrom") {
            match self.config_from(object, config) {
                Some(config) => plugin.set("config", config),
                None => {
                    let message = "names no value with a plugin's configuration of a Secret in these files";
                    self.report.fault(config.at, &format!("{}.configFrom", object.path()), message);
                }
            }
        }
        for (kind, name) in scope {
            plugin.set(kind.as_reference(), build::text(at, *name));
        }
        self.add(EntityKind::Plugin, object.path(), plugin.node());
    }

    /// With patches a plugin is not what its configuration says; there is no such plugin, so its routes are closed.
    fn plugin_name(&self, object: &Object) -> Node {
        let (at, name) =
            object.node.given("plugin").map_or((object.node.at, ""), |node| (node.at, node.text().unwrap_or_default()));
        let is_patched = object.node.given("configPatches").is_some_and(|patches| !patches.is_empty());
        build::text(at, if is_patched { format!("{name} with configPatches") } else { name.to_owned() })
    }

    /// The configuration that stands as a text in a Secret.
    fn config_from(&self, object: &Object, from: &Node) -> Option<Node> {
        let reference = from.given("secretKeyRef")?;
        let text = |name: &str| reference.given(name).and_then(Node::text);
        let namespace = text("namespace").unwrap_or(object.namespace);
        let value = self.objects.find("Secret", namespace, text("name")?)?.value(text("key")?)?.ok()?;
        let [config] = <[_; 1]>::try_from(document::read(value.text()?, Dialect::Go).ok()?).ok()?;
        Some(config.relocated(None, value.at))
    }
}

/// What a manifest says beside the plugin's own fields.
const NOT_OF_PLUGIN: [&str; 9] =
    ["apiVersion", "kind", "metadata", "plugin", "disabled", "status", "run_on", "configFrom", "configPatches"];

/// As the ingress controller combines them: with a route or a service and a consumer or group, a plugin is for each pair.
fn scopes<'u>(users: &[&'u PluginUser<'_>]) -> Vec<Scope<'u>> {
    let of = |kinds: [EntityKind; 2]| {
        let found = users.iter().filter(move |user| kinds.contains(&user.kind));
        found.map(|user| (user.kind, user.name.as_str())).collect::<Vec<_>>()
    };
    let places = of([EntityKind::Route, EntityKind::Service]);
    let callers = of([EntityKind::Consumer, EntityKind::ConsumerGroup]);
    if places.is_empty() || callers.is_empty() {
        return places.into_iter().chain(callers).map(|one| vec![one]).collect();
    }
    places.iter().flat_map(|place| callers.iter().map(move |caller| vec![*place, *caller])).collect()
}

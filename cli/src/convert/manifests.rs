//! Manifests for Kubernetes, as the ingress controller reads them: what belongs together becomes the gateway's own entities.
//!
//! Each entity has the places of the manifest, so that what is said of it is said there.

mod build;
mod consumers;
mod ingress;
mod objects;
mod plugins;
mod route_annotations;
mod routes;
mod services;

use self::objects::{Object, Objects};
use super::{entities::EntityKind, report::Report};
use crate::{document::Node, position::Position};

/// An entity that a manifest stands for.
#[derive(Debug)]
pub(super) struct Manifested {
    pub kind: EntityKind,
    /// How it is called in messages, such as `KongPlugin default/jwt`.
    pub path: String,
    pub node: Node,
}

/// Whether it is an object of the Kubernetes API, such as a `KongPlugin`.
pub(super) fn is_manifest(document: &Node) -> bool {
    ["apiVersion", "kind"].iter().all(|name| document.given(name).is_some())
}

/// What the manifests say together. `class` is the ingress class of the gateway.
pub(super) fn translate(documents: &[Node], class: &str, report: &mut Report) -> Vec<Manifested> {
    let objects = Objects::of(documents, class, report);
    let mut translation = Translation { objects: &objects, entities: Vec::new(), users: Vec::new(), report };
    for object in objects.all() {
        translation.read(object);
    }
    translation.plugins();
    let entities = translation.entities;
    if entities.is_empty() && !documents.is_empty() {
        let message =
            "no Ingress, HTTPRoute, GRPCRoute or KongConsumer of the gateway; expected those that the plugins are for";
        let at = documents.first().map_or(Position::START, |document| document.at);
        report.fault(at, "the manifests", message);
    }
    entities
}

/// The translation, as far as it has come.
struct Translation<'n, 'r> {
    objects: &'r Objects<'n>,
    entities: Vec<Manifested>,
    /// The entities that name plugins.
    users: Vec<PluginUser<'n>>,
    report: &'r mut Report,
}

/// An entity that has the plugins of an object's annotation.
struct PluginUser<'n> {
    kind: EntityKind,
    /// By which the plugin refers to it.
    name: String,
    plugins: Vec<objects::PluginName<'n>>,
}

impl<'n> Translation<'n, '_> {
    fn read(&mut self, object: &Object<'n>) {
        match object.kind {
            _ if object.is_of_knative() => {
                self.report.fault(
                    object.node.at,
                    &object.path(),
                    "an object of Knative; expected an Ingress in its place",
                );
            }
            "Ingress" => self.ingress(object),
            "HTTPRoute" | "GRPCRoute" => self.gateway_route(object),
            "KongConsumer" => self.consumer(object),
            "KongConsumerGroup" => self.consumer_group(object),
            // Read where they are named.
            "KongPlugin" | "KongClusterPlugin" | "KongIngress" | "Secret" | "Service" => {}
            _ => self.say_what_is_left_out(object),
        }
    }

    /// What is not for HTTP, or would only say more of it.
    fn say_what_is_left_out(&mut self, object: &Object) {
        const WITHOUT_MEANING: [&str; 5] =
            ["Gateway", "GatewayClass", "IngressClass", "IngressClassParameters", "ReferenceGrant"];

        if object.is_of_controller() && !WITHOUT_MEANING.contains(&object.kind) {
            self.report.note(object.node.at, &object.path(), "has no counterpart");
        }
        for name in object.plugin_names() {
            let message = format!("the ingress controller reads no plugins of a {}", object.kind);
            self.report.note(name.at, &object.path(), message);
        }
    }

    fn add(&mut self, kind: EntityKind, path: impl Into<String>, node: Node) {
        self.entities.push(Manifested { kind, path: path.into(), node });
    }

    fn uses_plugins(&mut self, kind: EntityKind, name: &str, plugins: Vec<objects::PluginName<'n>>) {
        self.users.push(PluginUser { kind, name: name.to_owned(), plugins });
    }
}

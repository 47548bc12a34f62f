//! The objects of the manifests, and how they name each other.

use base64::prelude::{BASE64_STANDARD, Engine};

use super::super::report::Report;
use crate::{
    document::{Node, NodeContent},
    position::Position,
};

/// Under which the ingress controller has its annotations and labels.
pub(super) const PREFIX: &str = "konghq.com/";
const KNATIVE: &str = "networking.internal.knative.dev";
const CLASS: &str = "kubernetes.io/ingress.class";

/// One object.
#[derive(Debug)]
pub(super) struct Object<'n> {
    pub kind: &'n str,
    api: &'n str,
    pub namespace: &'n str,
    pub name: &'n str,
    pub node: &'n Node,
}

/// A plugin as an annotation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PluginName<'n> {
    pub at: Position,
    pub namespace: &'n str,
    pub name: &'n str,
}

impl<'n> Object<'n> {
    fn of(node: &'n Node) -> Self {
        let text = |node: Option<&'n Node>| node.and_then(Node::text).unwrap_or_default();
        let metadata = |name: &str| text(node.given("metadata").and_then(|metadata| metadata.given(name)));
        let namespace = metadata("namespace");
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        Self {
            kind: text(node.given("kind")),
            api: text(node.given("apiVersion")),
            namespace,
            name: metadata("name"),
            node,
        }
    }

    /// How it is called in messages.
    pub(super) fn path(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// The API group; none for the core one.
    fn group(&self) -> &'n str {
        self.api.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether the ingress controller reads objects of its API group.
    fn is_for_gateway(&self) -> bool {
        ["", "networking.k8s.io", "extensions", KNATIVE].contains(&self.group()) || self.is_of_controller()
    }

    /// Whether it is of an API group that says nothing but what a gateway does.
    pub(super) fn is_of_controller(&self) -> bool {
        let group = self.group();
        group.ends_with(".konghq.com") || group.starts_with("gateway.networking.")
    }

    /// Whether it is Knative's own form of an Ingress.
    pub(super) fn is_of_knative(&self) -> bool {
        self.group() == KNATIVE
    }

    pub(super) fn spec(&self, name: &str) -> Option<&'n Node> {
        self.node.given("spec")?.given(name)
    }

    /// The annotations or the labels.
    fn tagged(&self, with: &str) -> impl Iterator<Item = (&'n str, &'n Node)> + use<'n> {
        let tags = self.node.given("metadata").and_then(|metadata| metadata.given(with));
        tags.map(Node::members).unwrap_or_default().iter().map(|member| (member.name.as_str(), &member.value))
    }

    pub(super) fn annotations(&self) -> impl Iterator<Item = (&'n str, &'n Node)> + use<'n> {
        self.tagged("annotations")
    }

    /// An annotation of the ingress controller.
    pub(super) fn annotation(&self, name: &str) -> Option<(&'n str, Position)> {
        let node = self.annotations().find(|(key, _)| key.strip_prefix(PREFIX) == Some(name))?.1;
        Some((node.text()?, node.at))
    }

    pub(super) fn label(&self, name: &str) -> Option<&'n str> {
        self.tagged("labels").find(|(key, _)| *key == name)?.1.text()
    }

    /// The plugins that it names, in today's annotation and in those that came before.
    pub(super) fn plugin_names(&self) -> Vec<PluginName<'n>> {
        let is_list = |key: &str| {
            key.strip_prefix(PREFIX) == Some("plugins")
                || key == "plugins.konghq.com"
                || key.ends_with(".plugin.konghq.com")
        };
        let mut names = Vec::new();
        for (_, node) in self.annotations().filter(|(key, _)| is_list(key)) {
            let items =
                node.text().unwrap_or_default().split([',', '\n']).map(str::trim).filter(|item| !item.is_empty());
            for item in items {
                let (namespace, name) = item.split_once(':').unwrap_or((self.namespace, item));
                let plugin = PluginName { at: node.at, namespace, name };
                if !names.contains(&plugin) {
                    names.push(plugin);
                }
            }
        }
        names
    }

    /// The ingress class that it says it is of.
    fn class(&self) -> Option<&'n str> {
        let annotated = || self.annotations().find(|(key, _)| *key == CLASS)?.1.text();
        self.spec("ingressClassName").and_then(Node::text).or_else(annotated)
    }

    /// A value of a Secret or ConfigMap, decoded, and its place.
    pub(super) fn value(&self, name: &str) -> Option<Result<Node, Position>> {
        if let Some(plain) = self.node.given("stringData").and_then(|data| data.given(name)) {
            return Some(Ok(plain.clone()));
        }
        let encoded = self.node.given("data")?.given(name)?;
        let decoded = || {
            let text: String = encoded.text()?.split_whitespace().collect();
            String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
        };
        Some(decoded().map(|text| super::build::text(encoded.at, text)).ok_or(encoded.at))
    }
}

/// All objects, but those of another ingress class.
#[derive(Debug)]
pub(super) struct Objects<'n> {
    all: Vec<Object<'n>>,
}

impl<'n> Objects<'n> {
    pub(super) fn of(documents: &'n [Node], class: &str, report: &mut Report) -> Self {
        let mut all = Vec::new();
        for document in documents {
            collect(document, &mut all);
        }
        let of_kong = "ingress-controllers.konghq.com/kong";
        let is_of_kong = |object: &&Object| object.spec("controller").and_then(Node::text) == Some(of_kong);
        let classes: Vec<&str> = all
            .iter()
            .filter(|object| object.kind == "IngressClass")
            .filter(is_of_kong)
            .map(|object| object.name)
            .chain([class])
            .collect();
        all.retain(|object| is_read(object, &classes, report));
        for (index, object) in all.iter().enumerate() {
            let is_same = |other: &Object| (other.kind, other.path()) == (object.kind, object.path());
            if all.iter().take(index).any(is_same) {
                report.fault(object.node.at, &object.path(), "an object of this kind and name stands here before");
            }
        }
        Self { all }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Object<'n>> {
        self.all.iter()
    }

    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object<'n>> {
        self.all.iter().find(|object| (object.kind, object.namespace, object.name) == (kind, namespace, name))
    }

    /// The plugin that a name means: that of the namespace, or else that of the cluster.
    pub(super) fn plugin(&self, named: PluginName) -> Option<&Object<'n>> {
        let of_cluster = |object: &&Object| object.kind == "KongClusterPlugin" && object.name == named.name;
        self.find("KongPlugin", named.namespace, named.name).or_else(|| self.all.iter().find(of_cluster))
    }
}

/// An object, or those of a list of objects as `kubectl get` prints it.
fn collect<'n>(node: &'n Node, all: &mut Vec<Object<'n>>) {
    let object = Object::of(node);
    match node.given("items").map(|items| &items.content) {
        Some(NodeContent::List(items)) if object.kind.ends_with("List") => {
            items.iter().for_each(|item| collect(item, all));
        }
        _ if object.is_for_gateway() => all.push(object),
        _ => {}
    }
}

/// Whether it is for this gateway. A plugin is taken in any case, since it may keep people out.
fn is_read(object: &Object, classes: &[&str], report: &mut Report) -> bool {
    if !matches!(object.kind, "Ingress" | "KongConsumer" | "KongConsumerGroup" | "KongClusterPlugin") {
        return true;
    }
    let is_plugin = object.kind == "KongClusterPlugin";
    match object.class() {
        Some(class) if classes.contains(&class) => true,
        None if is_plugin => true,
        None => {
            report.note(object.node.at, &object.path(), "is of no ingress class; it is taken for the gateway's");
            true
        }
        Some(class) => {
            let outcome = if is_plugin { "it counts all the same" } else { "it is left out" };
            let known = classes.join(" or ");
            let message = format!("is of the ingress class {class}, not {known} (--ingress-class); {outcome}");
            report.note(object.node.at, &object.path(), message);
            is_plugin
        }
    }
}

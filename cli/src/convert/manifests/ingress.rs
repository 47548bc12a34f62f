//! Ingresses.

use regex_syntax::escape;

use super::{super::entities::EntityKind, Translation, build, objects::Object, services::Backend};
use crate::{document::Node, position::Position};

impl<'n> Translation<'n, '_> {
    pub(super) fn ingress(&mut self, object: &Object<'n>) {
        let Some(spec) = object.node.given("spec") else { return };
        let path = format!("{}.spec", object.path());
        self.note_others(spec, &path, &["rules", "ingressClassName", "defaultBackend", "backend"]);
        for (number, rule) in spec.given("rules").map(Node::items).unwrap_or_default().iter().enumerate() {
            self.note_others(rule, &format!("{path}.rules[{number}]"), &["host", "http"]);
            let paths = rule.given("http").and_then(|http| http.given("paths")).map(Node::items).unwrap_or_default();
            for (inner, item) in paths.iter().enumerate() {
                let paths = paths_of(object, item);
                self.ingress_route(
                    object,
                    &format!("{number}.{inner}"),
                    rule.given("host"),
                    paths,
                    item.given("backend"),
                );
            }
        }
        if let Some(backend) = spec.given("defaultBackend").or_else(|| spec.given("backend")) {
            let paths = build::list(backend.at, [build::text(backend.at, "/")]);
            self.ingress_route(object, "default", None, paths, Some(backend));
        }
    }

    fn ingress_route(
        &mut self,
        object: &Object<'n>,
        number: &str,
        host: Option<&'n Node>,
        paths: Node,
        backend: Option<&'n Node>,
    ) {
        let at = backend.map_or(object.node.at, |backend| backend.at);
        let name = format!("{}.{}.{number}", object.namespace, object.name);
        let service = backend.and_then(|backend| backend_of(object, backend));
        let service = self.service(service.as_slice(), "", false);
        let mut route = self.route_fields(object);
        let aliases = object.annotation("host-aliases").map(|(hosts, at)| build::separated(at, hosts));
        let hosts: Vec<Node> = host.into_iter().chain(aliases.iter().flat_map(Node::items)).cloned().collect();
        // Without a host of its own it takes those of all.
        if host.is_some() {
            route.set("hosts", build::list(at, hosts));
        }
        route.set("name", build::text(at, &name));
        route.set("paths", paths);
        if let Some(service) = service {
            route.set("service", build::text(at, service));
        }
        self.add(EntityKind::Route, object.path(), route.node());
        self.uses_plugins(EntityKind::Route, &name, object.plugin_names());
    }
}

/// The Service of a backend, in today's form and in that of `v1beta1`.
fn backend_of<'n>(object: &Object<'n>, backend: &'n Node) -> Option<Backend<'n>> {
    let (name, port) = match backend.given("service") {
        Some(service) => {
            let port = service.given("port").and_then(|port| port.given("number").or_else(|| port.given("name")));
            (service.given("name"), port)
        }
        None => (backend.given("serviceName"), backend.given("servicePort")),
    };
    Some(Backend { at: backend.at, namespace: object.namespace, name: name?.text()?, port, weight: None })
}

/// The paths of the gateway's route.
fn paths_of(object: &Object, item: &Node) -> Node {
    let at = item.given("path").map_or(item.at, |path| path.at);
    let path = item.given("path").and_then(Node::text).filter(|path| !path.is_empty()).unwrap_or("/");
    let kind = item.given("pathType").and_then(Node::text);
    let regex_prefix = object.annotation("regex-prefix").map_or("/~", |(prefix, _)| prefix);
    let paths = match kind {
        Some("Exact") => vec![exact(path)],
        Some("Prefix") => below(path),
        _ => vec![path.strip_prefix(regex_prefix).map_or_else(|| path.to_owned(), |regex| format!("~{regex}"))],
    };
    texts(at, paths)
}

pub(super) fn texts(at: Position, texts: Vec<String>) -> Node {
    build::list(at, texts.into_iter().map(|text| build::text(at, text)))
}

/// The path alone.
pub(super) fn exact(path: &str) -> String {
    format!("~{}$", escape(path))
}

/// The path and all below it: a prefix of whole elements.
pub(super) fn below(path: &str) -> Vec<String> {
    match path.trim_end_matches('/') {
        "" => vec!["/".to_owned()],
        path => vec![format!("{path}/"), exact(path)],
    }
}

//! What a backend of a route becomes: a service, named and reached as in the cluster.

use super::{
    super::entities::EntityKind,
    Translation,
    build::{self, Members},
    objects::{Object, PREFIX},
};
use crate::{
    document::{Node, NodeContent},
    position::Position,
};

/// A backend of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backend<'n> {
    pub at: Position,
    pub namespace: &'n str,
    pub name: &'n str,
    /// A number, or the name of one.
    pub port: Option<&'n Node>,
    /// Of several backends, how much this one gets.
    pub weight: Option<&'n Node>,
}

/// The annotations of a Service that are fields of the gateway's services.
const FIELDS: [&str; 6] = ["connect-timeout", "read-timeout", "write-timeout", "retries", "path", "protocol"];
const READ_ELSEWHERE: [&str; 2] = ["plugins", "override"];

impl<'n, 'r> Translation<'n, 'r> {
    /// The name of the service that several backends, or one, become together; it is made once.
    pub(super) fn service(&mut self, backends: &[Backend<'n>], name_of_several: &str, is_grpc: bool) -> Option<String> {
        let name = match backends {
            [] => return None,
            [one] => {
                let port = one.port.map(|port| port.to_json().to_string().replace('"', "")).unwrap_or_default();
                format!("{}{}.{}.{port}", if is_grpc { "grpc." } else { "" }, one.namespace, one.name)
            }
            _ => name_of_several.to_owned(),
        };
        let is_made = |entity: &super::Manifested| {
            entity.kind == EntityKind::Service && entity.node.given("name").and_then(Node::text) == Some(&name)
        };
        let is_there = self.entities.iter().any(is_made) || self.make_service(&name, backends, is_grpc);
        is_there.then_some(name)
    }

    /// Makes a service; whether that was possible.
    fn make_service(&mut self, name: &str, backends: &[Backend<'n>], is_grpc: bool) -> bool {
        let addresses: Vec<(Backend, String, u16)> =
            backends.iter().filter_map(|backend| self.address(*backend)).collect();
        let Some((first, host, port)) = addresses.first().cloned() else { return false };
        let objects: Vec<&'r Object<'n>> = backends
            .iter()
            .filter_map(|backend| self.objects.find("Service", backend.namespace, backend.name))
            .collect();
        let mut service = Members::at(first.at).with("name", build::text(first.at, name));
        if is_grpc {
            service.set("protocol", build::text(first.at, "grpc"));
        }
        service.set("host", build::text(first.at, host));
        service.set("port", build::scalar(first.at, &port.to_string()));
        let mut upstream = None;
        for object in &objects {
            upstream = self.annotated(object, &mut service).or(upstream);
        }
        if addresses.len() > 1 || upstream.is_some() {
            service.set("host", build::text(first.at, name));
            self.upstream(name, &addresses, upstream.unwrap_or_else(|| Members::at(first.at)));
        }
        let path = format!("Service {}/{}", first.namespace, first.name);
        self.add(EntityKind::Service, path, service.node());
        for object in objects {
            self.uses_plugins(EntityKind::Service, name, object.plugin_names());
        }
        true
    }

    /// What the annotations of a Service say of the gateway's service; of its upstream, if they do.
    fn annotated(&mut self, object: &Object<'n>, service: &mut Members) -> Option<Members> {
        let mut upstream = None;
        if let Some(kong_ingress) = self.overriding(object) {
            if let Some(proxy) = kong_ingress.node.given("proxy") {
                service.set_all(proxy, &["host", "port", "name"]);
            }
            upstream = kong_ingress.node.given("upstream").map(|members| {
                let mut upstream = Members::at(members.at);
                upstream.set_all(members, &[]);
                upstream
            });
        }
        for (key, node) in object.annotations() {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            let value = node.text().unwrap_or_default();
            match name {
                "path" | "protocol" => service.set(name, build::text(node.at, value)),
                "host-header" => {
                    upstream = Some(upstream.unwrap_or_else(|| Members::at(node.at)).with("host_header", node.clone()));
                }
                "tls-verify" => service.set("tls_verify", build::scalar(node.at, value)),
                _ if FIELDS.contains(&name) => service.set(&name.replace('-', "_"), build::scalar(node.at, value)),
                _ if READ_ELSEWHERE.contains(&name) => {}
                _ => self.report.note(node.at, &format!("{}: {key}", object.path()), "has no counterpart"),
            }
        }
        upstream
    }

    fn upstream(&mut self, name: &str, addresses: &[(Backend, String, u16)], upstream: Members) {
        for (backend, host, port) in addresses {
            let mut target = Members::at(backend.at)
                .with("upstream", build::text(backend.at, name))
                .with("target", build::text(backend.at, format!("{host}:{port}")));
            // Without a weight each gets as much as the others, as the Gateway API has it.
            target.set("weight", backend.weight.cloned().unwrap_or_else(|| build::scalar(backend.at, "1")));
            self.add(EntityKind::Target, format!("Service {}/{}", backend.namespace, backend.name), target.node());
        }
        let path = format!("Service {name}");
        let at = addresses.first().map_or(Position::START, |(backend, ..)| backend.at);
        self.add(EntityKind::Upstream, path, upstream.with("name", build::text(at, name)).node());
    }

    /// Where the cluster has a Service. A port that is a name stands in the Service.
    fn address(&mut self, backend: Backend<'n>) -> Option<(Backend<'n>, String, u16)> {
        let object = self.objects.find("Service", backend.namespace, backend.name);
        let subject = format!("Service {}/{}", backend.namespace, backend.name);
        let is_said = self.report.notes.iter().any(|note| note.subject.as_ref() == Some(&subject));
        if object.is_none() && !is_said {
            let message = "is not in these files; if its annotations name plugins, they are missing here";
            self.report.note(backend.at, &subject, message);
        }
        let external = object.and_then(|object| object.spec("externalName")?.text());
        let host =
            external.map_or_else(|| format!("{}.{}.svc.cluster.local", backend.name, backend.namespace), str::to_owned);
        let number = |node: &Node| match node.content {
            NodeContent::Number(number) => (1..=u16::MAX).find(|port| f64::from(*port) == number),
            _ => None,
        };
        let named = |name: &str| {
            let ports = object?.spec("ports")?.items();
            let port = ports.iter().find(|port| port.given("name").and_then(Node::text) == Some(name))?;
            port.given("port").and_then(number)
        };
        let port = backend.port.and_then(|port| number(port).or_else(|| named(port.text()?)));
        if port.is_none() {
            let message =
                "no port; expected a number, or the name of a port of the Service, which must be in these files then";
            self.report.fault(backend.at, &subject, message);
        }
        Some((backend, host, port?))
    }

    /// The KongIngress that an object names, in today's annotation or the one that came before.
    pub(super) fn overriding(&mut self, object: &Object<'n>) -> Option<&'r Object<'n>> {
        let older = || object.annotations().find(|(key, _)| *key == "configuration.konghq.com");
        let (name, at) =
            object.annotation("override").or_else(|| older().and_then(|(_, node)| Some((node.text()?, node.at))))?;
        let found = self.objects.find("KongIngress", object.namespace, name);
        if found.is_none() {
            let message = format!("no KongIngress {}/{name} is in these files", object.namespace);
            self.report.fault(at, "konghq.com/override", message);
        }
        found
    }
}

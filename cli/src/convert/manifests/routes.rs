//! The routes of the Gateway API: HTTPRoute and GRPCRoute.

use regex_syntax::escape;

use super::{
    super::entities::EntityKind,
    Translation,
    build::{self, Members},
    ingress::{below, exact, texts},
    objects::{Object, PluginName},
    services::Backend,
};
use crate::document::Node;

impl<'n> Translation<'n, '_> {
    pub(super) fn gateway_route(&mut self, object: &Object<'n>) {
        let Some(spec) = object.node.given("spec") else { return };
        let path = format!("{}.spec", object.path());
        self.note_others(spec, &path, &["rules", "hostnames", "parentRefs"]);
        for (number, rule) in spec.given("rules").map(Node::items).unwrap_or_default().iter().enumerate() {
            let path = format!("{path}.rules[{number}]");
            self.note_others(rule, &path, &["matches", "filters", "backendRefs", "name"]);
            let name = format!("{}.{}.{}.{number}", object.kind.to_lowercase(), object.namespace, object.name);
            self.rule(object, rule, &name, &path);
        }
    }

    fn rule(&mut self, object: &Object<'n>, rule: &'n Node, name: &str, path: &str) {
        let is_grpc = object.kind == "GRPCRoute";
        let items = |name: &str| rule.given(name).map(Node::items).unwrap_or_default();
        let backends: Vec<Backend> =
            items("backendRefs").iter().filter_map(|backend| backend_of(object, backend)).collect();
        for (number, backend) in items("backendRefs").iter().enumerate() {
            let path = format!("{path}.backendRefs[{number}]");
            self.note_others(backend, &path, &["group", "kind", "name", "namespace", "port", "weight"]);
        }
        let service = self.service(&backends, name, is_grpc);
        let mut plugins = object.plugin_names();
        let mut answers = Vec::new();
        for (number, filter) in items("filters").iter().enumerate() {
            match filter.given("type").and_then(Node::text).unwrap_or_default() {
                "ExtensionRef" if extension(object, filter).is_some() => plugins.extend(extension(object, filter)),
                // The rest changes a request or an answer.
                kind @ ("RequestHeaderModifier"
                | "ResponseHeaderModifier"
                | "RequestMirror"
                | "URLRewrite"
                | "CORS") => {
                    let message = format!("the filter {kind} has no counterpart");
                    self.report.note(filter.at, &format!("{path}.filters[{number}]"), message);
                }
                kind => answers.push((filter.at, kind.to_owned())),
            }
        }
        let every = Node { at: rule.at, content: crate::document::NodeContent::Object(Vec::new()) };
        let matches = if items("matches").is_empty() { vec![every] } else { items("matches").to_vec() };
        for (number, matching) in matches.iter().enumerate() {
            let name = format!("{name}.{number}");
            let mut route = self.route_fields(object);
            self.conditions(object, matching, &format!("{path}.matches[{number}]"), &mut route);
            route.set("name", build::text(matching.at, &name));
            if let Some(service) = &service {
                route.set("service", build::text(matching.at, service));
            }
            self.add(EntityKind::Route, object.path(), route.node());
            self.uses_plugins(EntityKind::Route, &name, plugins.clone());
            // What answers by itself, or is not known, is a plugin without a counterpart: it closes the route.
            for (at, kind) in &answers {
                let plugin = Members::at(*at)
                    .with("name", build::text(*at, format!("{kind} (a filter of the {})", object.kind)))
                    .with("route", build::text(*at, &name));
                self.add(EntityKind::Plugin, object.path(), plugin.node());
            }
        }
    }

    /// What one match of a rule asks for.
    fn conditions(&mut self, object: &Object<'n>, matching: &Node, path: &str, route: &mut Members) {
        let at = matching.at;
        if let Some(hosts) = object.spec("hostnames") {
            route.set("hosts", hosts.clone());
        }
        if object.kind == "GRPCRoute" {
            route.set("protocols", build::separated(at, "grpc,grpcs"));
            route.set("paths", texts(at, vec![grpc_path(matching.given("method"))]));
        } else {
            route.set("paths", texts(at, http_paths(matching.given("path"))));
            if let Some(method) = matching.given("method") {
                route.set("methods", build::list(method.at, [method.clone()]));
            }
            // A condition that the gateway's routes do not have either, but for expressions.
            if let Some(query) = matching.given("queryParams").filter(|query| !query.is_empty()) {
                route.set("query parameters", query.clone());
            }
        }
        let mut headers = Members::at(at);
        for header in matching.given("headers").map(Node::items).unwrap_or_default() {
            let text = |name: &str| header.given(name).and_then(Node::text).unwrap_or_default();
            let prefix = if text("type") == "RegularExpression" { "~*" } else { "" };
            let value = build::text(header.at, format!("{prefix}{}", text("value")));
            headers.set(text("name"), build::list(header.at, [value]));
        }
        let headers = headers.node();
        if !headers.is_empty() {
            route.set("headers", headers);
        }
        self.note_others(matching, path, &["path", "method", "headers", "queryParams"]);
    }
}

/// The plugin that an `ExtensionRef` names; it stands in the namespace of the route.
fn extension<'n>(object: &Object<'n>, filter: &'n Node) -> Option<PluginName<'n>> {
    let is_plugin = |reference: &&Node| reference.given("kind").and_then(Node::text) == Some("KongPlugin");
    let reference = filter.given("extensionRef").filter(is_plugin)?;
    let name = reference.given("name")?;
    Some(PluginName { at: name.at, namespace: object.namespace, name: name.text()? })
}

fn backend_of<'n>(object: &Object<'n>, backend: &'n Node) -> Option<Backend<'n>> {
    let namespace = backend.given("namespace").and_then(Node::text).unwrap_or(object.namespace);
    let (name, port) = (backend.given("name")?.text()?, backend.given("port"));
    Some(Backend { at: backend.at, namespace, name, port, weight: backend.given("weight") })
}

fn http_paths(path: Option<&Node>) -> Vec<String> {
    let text = |name: &str| path.and_then(|path| path.given(name)).and_then(Node::text);
    let value = text("value").unwrap_or("/");
    match text("type") {
        Some("Exact") => vec![exact(value)],
        Some("RegularExpression") => vec![format!("~{value}")],
        _ => below(value),
    }
}

/// The path of a method of gRPC: `/service/method`.
fn grpc_path(method: Option<&Node>) -> String {
    let text = |name: &str| method.and_then(|method| method.given(name)).and_then(Node::text);
    let is_regex = text("type") == Some("RegularExpression");
    let part = |name: &str| text(name).map(|text| if is_regex { text.to_owned() } else { escape(text) });
    match (part("service"), part("method")) {
        (None, None) => "/".to_owned(),
        (Some(service), None) => format!("~/{service}/"),
        (None, Some(method)) => format!("~/[^/]+/{method}$"),
        (Some(service), Some(method)) => format!("~/{service}/{method}$"),
    }
}

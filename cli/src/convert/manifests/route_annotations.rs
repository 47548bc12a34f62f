//! The annotations of an Ingress or a route that are fields of the gateway's routes.

use super::{
    Translation,
    build::{self, Members},
    objects::{Object, PREFIX},
};
use crate::document::Node;

const FLAGS_AND_NUMBERS: [&str; 6] = [
    "strip-path",
    "preserve-host",
    "regex-priority",
    "https-redirect-status-code",
    "request-buffering",
    "response-buffering",
];
const LISTS: [&str; 3] = ["methods", "protocols", "snis"];
const READ_ELSEWHERE: [&str; 6] = ["plugins", "override", "host-aliases", "regex-prefix", "tags", "headers-separator"];
/// The same for all of Kubernetes' controllers: only with TLS.
const ONLY_TLS: &str = "ingress.kubernetes.io/force-ssl-redirect";

impl<'n> Translation<'n, '_> {
    /// The fields that all routes of an object share.
    pub(super) fn route_fields(&mut self, object: &Object<'n>) -> Members {
        let at = object.node.at;
        // The ingress controller's defaults, which are not the gateway's.
        let mut route =
            Members::at(at).with("strip_path", build::flag(at, false)).with("preserve_host", build::flag(at, true));
        if let Some(fields) = self.overriding(object).and_then(|kong_ingress| kong_ingress.node.given("route")) {
            route.set_all(fields, &["paths", "hosts", "name", "service"]);
        }
        let mut headers = Members::at(at);
        for (key, node) in object.annotations() {
            let value = node.text().unwrap_or_default();
            if key == ONLY_TLS && value == "true" {
                route.set("protocols", build::separated(node.at, "https"));
                route.set("https_redirect_status_code", build::scalar(node.at, "302"));
            }
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            let field = name.replace('-', "_");
            if FLAGS_AND_NUMBERS.contains(&name) {
                route.set(&field, build::scalar(node.at, value));
            } else if LISTS.contains(&name) {
                route.set(&field, build::separated(node.at, value));
            } else if name == "path-handling" {
                route.set(&field, node.clone());
            } else if let Some(header) = name.strip_prefix("headers.") {
                let separator = object.annotation("headers-separator").map_or(",", |(separator, _)| separator);
                let values = value.split(separator).map(|value| build::text(node.at, value.trim()));
                headers.set(header, build::list(node.at, values));
            } else if !READ_ELSEWHERE.contains(&name) {
                self.report.note(node.at, &format!("{}: {key}", object.path()), "has no counterpart");
            }
        }
        let headers = headers.node();
        if !headers.is_empty() {
            route.set("headers", headers);
        }
        route
    }

    /// Says what is there beside what is read.
    pub(super) fn note_others(&mut self, node: &Node, path: &str, read: &[&str]) {
        for member in
            node.members().iter().filter(|member| !read.contains(&member.name.as_str()) && !member.value.is_empty())
        {
            self.report.note(member.value.at, &format!("{path}.{}", member.name), "has no counterpart");
        }
    }
}

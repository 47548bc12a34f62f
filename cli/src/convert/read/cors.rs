//! The plugin `cors`.

use super::{
    super::gateway::{Cors, Origin},
    conditions::runs_in_envoy,
    plugin_configs::ConfigFields,
};
use crate::document::Node;

const METHODS: &str = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT";

/// `None` if it leaves the preflight requests to the service, which Envoy's filter does not.
pub(super) fn cors(mut fields: ConfigFields) -> Option<Cors> {
    let origins = origins(&mut fields);
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(","));
    let cors = Cors {
        origins,
        methods: joined(fields.texts(&["methods"])).unwrap_or_else(|| METHODS.to_owned()),
        headers: joined(fields.texts(&["headers"])).unwrap_or_else(|| "*".to_owned()),
        exposed_headers: joined(fields.texts(&["exposed_headers"])),
        max_age: fields.number("max_age").map(|seconds| seconds.to_string()),
        credentials: fields.flag("credentials", false),
        private_network: fields.flag("private_network", false),
    };
    let leaves_preflight = fields.take(&["preflight_continue"]).filter(|node| node.is("true"));
    if let Some(node) = leaves_preflight {
        fields.note("preflight_continue", node.at, "has no counterpart; the plugin cors is left out");
    }
    // Who does not say where it comes from is no browser that would look at the answer.
    fields.take(&["allow_origin_absent"]);
    fields.finish(&[]);
    leaves_preflight.is_none().then_some(cors)
}

/// Without origins, all may call.
fn origins(fields: &mut ConfigFields) -> Vec<Origin> {
    let node = fields.take(&["origins"]);
    let texts = fields.texts(&["origins"]);
    if texts.is_empty() {
        return vec![Origin::Exact("*".to_owned())];
    }
    let items = node.map(Node::items).unwrap_or_default();
    let mut origins = Vec::new();
    for (text, item) in texts.iter().zip(items) {
        match origin(text) {
            Some(origin) => origins.push(origin),
            None => {
                fields.note("origins", item.at, "a regular expression that Envoy cannot run; the origin is left out")
            }
        }
    }
    origins
}

/// What looks like a regular expression is one, for the whole origin; for its host alone, if it says nothing of a scheme
/// or port. The port of a scheme does not count.
fn origin(text: &str) -> Option<Origin> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || ".:/-".contains(char);
    if text == "*" {
        return Some(Origin::Exact(text.to_owned()));
    }
    if text.chars().all(is_plain) {
        let port = if text.starts_with("https:") { ":443" } else { ":80" };
        return Some(Origin::Exact(text.strip_suffix(port).unwrap_or(text).to_owned()));
    }
    let regex = text.strip_prefix('^').unwrap_or(text);
    let regex = if regex.contains(':') { regex.to_owned() } else { format!("[^:/]+://(?:{regex})(?::[0-9]+)?") };
    runs_in_envoy(&regex).then_some(Origin::Regex(regex))
}

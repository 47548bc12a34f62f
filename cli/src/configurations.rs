//! Where in a file the filter's configurations stand.
//!
//! A file is a plugin configuration itself, or something that holds Wasm filters or dynamic modules: an Envoy
//! configuration, an ECDS file, a ConfigMap with one of these, an EnvoyFilter, a WasmPlugin, an EnvoyExtensionPolicy. Of
//! these filters those are ours that say so by a name, a `root_id`, a `filter_name`, or the name, file or address of their
//! module, in which `jwt-auth` or `jwt_auth` stands, and those whose configuration has a field `consumers`, which no other
//! filter is likely to have. Where Envoy is to discover a filter's configuration, that is somewhere else.

mod credentials;
mod own_policies;
mod surroundings;

use std::fmt;

use jwt_auth_filter::config::{Config, FIELDS, Fault};

use self::surroundings::{Around, Form, field};
pub(crate) use self::{
    credentials::CredentialPlace,
    own_policies::OwnPolicy,
    surroundings::{Dependency, ListedRoute, OnFailure, Surroundings},
};
use crate::{
    diagnostics::Diagnostic,
    document::{self, Dialect, Node, NodeContent, NodeText},
    position::Position,
};

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const DYNAMIC_MODULE: &str = "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
/// The messages of the HTTP filters that load a module.
const FILTERS: [&str; 2] = [WASM, DYNAMIC_MODULE];
const TYPED_STRUCT: &str = "xds.type.v3.TypedStruct";
const TYPED_STRUCTS: [&str; 2] = ["udpa.type.v1.TypedStruct", TYPED_STRUCT];
const NAMELESS: &str = "without a name";
const STRUCT: &str = "google.protobuf.Struct";
const STRING_VALUE: &str = "google.protobuf.StringValue";

/// A configuration of the filter.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The names by which a filter can be asked for; none for a plugin configuration that is a file of its own.
    pub names: Vec<String>,
    /// Where it begins.
    pub at: Position,
    /// Its fields.
    pub root: Node,
    /// What it was read as when it is a text that is no JSON.
    pub broken: Vec<Fault>,
    /// What stands around it.
    pub surroundings: Surroundings,
    /// The policies that the routes beside it have of their own.
    pub own_policies: Vec<OwnPolicy>,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub configurations: Vec<Configuration>,
    /// The filters that are others', by their names.
    pub others: Vec<(String, Position)>,
    /// The filters whose configuration is somewhere else.
    pub discovered: Vec<Discovered>,
    /// Whether the file is the gateway's declarative configuration.
    pub of_gateway: bool,
}

impl Findings {
    fn count(&self) -> usize {
        [self.configurations.len(), self.others.len(), self.discovered.len()].into_iter().sum()
    }
}

/// A filter that Envoy discovers (ECDS): its configuration is in another file, or comes from a server.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub at: Position,
    pub name: String,
    /// The file, as Envoy is told of it.
    pub file: Option<String>,
}

impl fmt::Display for Discovered {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "the configuration of {} is ", self.name)?;
        match &self.file {
            Some(file) => write!(formatter, "in {file}"),
            None => formatter.write_str("on a server that Envoy asks"),
        }
    }
}

/// Finds every configuration in a file. Envoy knows JSON by the file's name, and takes no YAML in it.
///
/// # Errors
/// If it is neither YAML nor JSON, or no JSON where it must be.
pub(crate) fn find(text: &str, is_json: bool) -> Result<Findings, Diagnostic> {
    let mut findings = Findings::default();
    let documents = match is_json && !text.trim().is_empty() {
        true => vec![document::read_json(text.trim_start_matches('\u{feff}'))?],
        false => document::read(text, Dialect::Envoy)?,
    };
    // What goes to a Kubernetes API is read by Go.
    let is_resource = |node: &Node| node.get("apiVersion").is_some() && node.get("kind").is_some();
    let in_go = if documents.iter().any(is_resource) { document::read(text, Dialect::Go)? } else { Vec::new() };
    for (at, document) in documents.iter().enumerate() {
        let document = if is_resource(document) { in_go.get(at).unwrap_or(document) } else { document };
        if document.get("_format_version").is_some() {
            findings.of_gateway = true;
            continue;
        }
        let before = findings.count();
        if let Some(files) = document.get("data").filter(|_| is_config_map(document)) {
            walk_files(files, &mut findings)?;
        }
        walk(document, &[], Around::default(), &mut findings);
        if before == findings.count() && !is_other(document) {
            findings.configurations.push(bare(document));
        }
    }
    Ok(findings)
}

fn is_config_map(document: &Node) -> bool {
    document.get("kind").and_then(Node::text) == Some("ConfigMap")
}

/// Looks at the files of a ConfigMap that Envoy would read and that hold a filter with a module.
fn walk_files(files: &Node, findings: &mut Findings) -> Result<(), Diagnostic> {
    for file in files.members() {
        let NodeContent::Text(text) = &file.value.content else { continue };
        if !FILTERS.iter().any(|filter| text.text.contains(filter)) {
            continue;
        }
        let place = |at| text.first.map_or(file.value.at, |first| first.of_inner(at));
        let documents =
            document::read(&text.text, Dialect::Envoy).map_err(|error| Diagnostic { at: place(error.at), ..error })?;
        for document in documents {
            walk(&document.relocated(text.first, file.value.at), &[], Around::default(), findings);
        }
    }
    Ok(())
}

/// Whether a document is something other than a plugin configuration: it has fields, and none is the filter's, nor begins
/// as one, as a misspelled one would.
fn is_other(document: &Node) -> bool {
    let begins = |name: &str, field: &str| field.get(..4).is_some_and(|beginning| name.starts_with(beginning));
    let is_ours = |name: &str| FIELDS.iter().any(|field| field.name == name || begins(name, field.name));
    let members = document.members();
    document.content == NodeContent::Null
        || (!members.is_empty() && !members.iter().any(|member| is_ours(&member.name)))
}

fn bare(document: &Node) -> Configuration {
    Configuration {
        names: Vec::new(),
        at: document.at,
        root: document.clone(),
        broken: Vec::new(),
        surroundings: Surroundings::default(),
        own_policies: Vec::new(),
    }
}

/// Looks at a value and all that it holds. `names` are those of the objects around it.
fn walk(node: &Node, names: &[&str], around: Around, findings: &mut Findings) {
    if let Some(plugin) = message(node, WASM).and_then(|filter| filter.get("config")) {
        let names = [names, &texts(plugin, &["name", "root_id"])].concat();
        let config = unpacked(plugin, plugin.get("configuration"), &[STRUCT]);
        return consider(plugin, config, names, around.of(plugin, Form::Envoy), findings);
    }
    if let Some(filter) = message(node, DYNAMIC_MODULE) {
        let own = [text(filter, &["dynamic_module_config", "name"]), text(filter, &["filter_name"])];
        let names = names.iter().copied().chain(own.into_iter().flatten()).collect();
        // Envoy hands a Wasm filter nothing out of a TypedStruct, and a dynamic module what is in it.
        let config = unpacked(filter, field(filter, "filter_config"), &[STRUCT, TYPED_STRUCT]);
        let before = findings.configurations.len();
        consider(filter, config, names, around.of(filter, Form::EnvoyNative), findings);
        if let Some((found, routes)) = findings.configurations.get_mut(before).zip(around.route_config()) {
            found.own_policies = own_policies::of(routes, &found.names);
        }
        return;
    }
    if let Some(discovered) = discovered(node) {
        return findings.discovered.push(discovered);
    }
    let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
    let names = match node.get("metadata").filter(|_| !kind.is_empty()) {
        Some(metadata) => texts(metadata, &["name"]),
        None => texts(node, &["name"]),
    };
    match (kind, node.get("spec")) {
        ("WasmPlugin", Some(spec)) => {
            let names = [names, texts(spec, &["pluginName"])].concat();
            let config = unpacked(spec, spec.get("pluginConfig"), &[STRUCT]);
            return consider(spec, config, names, around.of(spec, Form::Istio), findings);
        }
        ("EnvoyExtensionPolicy", Some(spec)) => {
            for (list, own_name) in [("wasm", "rootID"), ("dynamicModule", "filterName")] {
                for filter in spec.get(list).map(Node::items).unwrap_or_default() {
                    let names = [names.clone(), texts(filter, &["name", own_name])].concat();
                    let config = unpacked(filter, filter.get("config"), &[STRUCT]);
                    consider(filter, config, names, around.of(filter, Form::EnvoyGateway), findings);
                }
            }
            return;
        }
        _ => {}
    }
    let around = around.within(node);
    for member in node.members() {
        walk(&member.value, &names, around, findings);
    }
    for item in node.items() {
        walk(item, &[], around, findings);
    }
}

/// The message of this kind that a `google.protobuf.Any` holds, if it holds one.
fn message<'n>(any: &'n Node, kind: &str) -> Option<&'n Node> {
    let is = |name: &str, expected: &str| {
        any.get(name).and_then(Node::text).is_some_and(|url| url.rsplit('/').next() == Some(expected))
    };
    if is("@type", kind) {
        return Some(any);
    }
    let is_typed_struct = TYPED_STRUCTS.iter().any(|name| is("@type", name));
    if is_typed_struct && is("type_url", kind) { any.get("value") } else { None }
}

/// A filter with a module that Envoy is to discover.
fn discovered(node: &Node) -> Option<Discovered> {
    let member = node.member("config_discovery")?;
    let has_module = |url: &Node| {
        let kind = url.text().and_then(|url| url.rsplit('/').next());
        kind.is_some_and(|kind| FILTERS.contains(&kind))
    };
    if !member.value.get("type_urls")?.items().iter().any(has_module) {
        return None;
    }
    let file = ["config_source", "path_config_source", "path"];
    let file = file.into_iter().try_fold(&member.value, Node::get).and_then(Node::text);
    let name = node.get("name").and_then(Node::text).unwrap_or(NAMELESS);
    Some(Discovered { at: member.at, name: name.to_owned(), file: file.map(str::to_owned) })
}

/// Takes a filter for ours, or for another's.
fn consider(filter: &Node, config: Unpacked, names: Vec<&str>, surroundings: Surroundings, findings: &mut Findings) {
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.dedup();
    let (root, broken) = match config {
        Unpacked::Tree(root) => (root, Vec::new()),
        Unpacked::Broken(at, faults) => (Node { at, content: NodeContent::Null }, faults),
    };
    let is_named = |name: &str| ["jwt-auth", "jwt_auth"].iter().any(|ours| name.to_ascii_lowercase().contains(ours));
    if names.iter().any(|name| is_named(name))
        || module(filter).is_some_and(is_named)
        || root.get("consumers").is_some()
    {
        let own_policies = Vec::new();
        findings.configurations.push(Configuration { names, at: root.at, root, broken, surroundings, own_policies });
    } else {
        findings.others.push((names.pop().unwrap_or_else(|| NAMELESS.to_owned()), filter.at));
    }
}

/// The file or address that a filter's module comes from.
fn module(filter: &Node) -> Option<&str> {
    let at = |path: &[&str]| text(filter, path);
    at(&["vm_config", "code", "local", "filename"])
        .or_else(|| at(&["vm_config", "code", "remote", "http_uri", "uri"]))
        .or_else(|| at(&["url"]))
        .or_else(|| at(&["code", "image", "url"]))
        .or_else(|| at(&["code", "http", "url"]))
        .or_else(|| at(&["dynamic_module_config", "module", "local", "filename"]))
        .or_else(|| at(&["dynamic_module_config", "module", "remote", "http_uri", "uri"]))
}

/// The plugin's fields.
enum Unpacked {
    Tree(Node),
    Broken(Position, Vec<Fault>),
}

/// A filter's configuration, taken out of its `google.protobuf.Any` if it is in one. `structs` are the messages out of
/// which the filter gets JSON.
fn unpacked(filter: &Node, configuration: Option<&Node>, structs: &[&str]) -> Unpacked {
    let empty = |at| Unpacked::Tree(Node { at, content: NodeContent::Object(Vec::new()) });
    let Some(node) = configuration else { return empty(filter.at) };
    let Some(type_url) = node.get("@type").and_then(Node::text) else { return Unpacked::Tree(node.clone()) };
    let kind = type_url.rsplit('/').next().unwrap_or_default();
    match node.get("value") {
        None if kind == STRING_VALUE || structs.contains(&kind) => empty(node.at),
        Some(value) if structs.contains(&kind) => Unpacked::Tree(value.clone()),
        Some(Node { at, content: NodeContent::Text(text) }) if kind == STRING_VALUE => embedded(text, *at),
        _ => {
            let expected = format!("{STRUCT}, or {STRING_VALUE} that holds JSON");
            let fault = Fault { path: Default::default(), found: "another message".to_owned(), expected };
            Unpacked::Broken(node.at, vec![fault])
        }
    }
}

/// Reads JSON that stands in a text of the file.
fn embedded(text: &NodeText, at: Position) -> Unpacked {
    match document::read_json(&text.text) {
        Ok(node) => Unpacked::Tree(node.relocated(text.first, at)),
        Err(unreadable) => {
            let place = text.first.map_or(at, |first| first.of_inner(unreadable.at));
            match Config::parse(text.text.as_bytes()) {
                // Nothing at all is a configuration too.
                Ok(_) => Unpacked::Tree(Node { at, content: NodeContent::Object(Vec::new()) }),
                Err(faults) => Unpacked::Broken(place, faults),
            }
        }
    }
}

/// The text at the end of a path.
fn text<'d>(node: &'d Node, path: &[&str]) -> Option<&'d str> {
    path.iter().try_fold(node, |node, name| field(node, name)).and_then(Node::text)
}

/// The texts of some members.
fn texts<'d>(node: &'d Node, names: &[&str]) -> Vec<&'d str> {
    names.iter().filter_map(|name| node.get(name)?.text()).collect()
}

//! What stands around a filter in its file, as far as it matters to what the filter promises.

use crate::{
    document::{Node, NodeContent},
    position::Position,
};

const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// What a file says about the filter, other than its configuration.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Whether it is a Wasm module.
    pub is_wasm: bool,
    /// What becomes of requests when the module fails.
    pub on_failure: OnFailure,
    /// The filter, if it shares its memory with every plugin without a `vm_id`.
    pub shares_memory: Option<Position>,
    /// The listener, if it buffers as much of a request that waits as Envoy's default lets it.
    pub unlimited_buffer: Option<Position>,
    /// The filter's configuration, if it is in a message out of which Envoy takes it only since 1.40.
    pub since_1_40: Option<Position>,
    /// The routes that the file lists.
    pub routes: Vec<ListedRoute>,
    /// Where it says that there are routes which it does not list.
    pub unseen_routes: Option<Position>,
}

/// What a file says of requests that come when the module has failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The file is not about it, or the module starts anew and nothing passes.
    #[default]
    Settled,
    /// Said at this place: nothing passes, for ever.
    Closed(Position, &'static str),
    /// Said at this place: requests pass unchecked.
    Open(Position, &'static str),
}

/// A route, as far as the filter's changes to a request matter to it.
#[derive(Debug)]
pub(crate) struct ListedRoute {
    /// What of a request it depends on, each with its place.
    pub depends_on: Vec<(Dependency, Position)>,
    /// Where it has Envoy follow redirects by itself.
    pub internal_redirects: Option<Position>,
}

/// What of a request the choice of a route, or of its cluster, depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dependency {
    /// A header, in lower case.
    Header(String),
    /// A parameter of the query.
    QueryParameter(String),
    /// A cookie.
    Cookie(String),
    /// What a filter wrote under this key.
    FilterState(String),
}

/// In which kind of resource a filter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Envoy's own, with a Wasm module.
    Envoy,
    /// Envoy's own, with a dynamic module: no setting is about its failure, and no other plugin shares its memory.
    EnvoyNative,
    Istio,
    EnvoyGateway,
}

/// What holds a value: each is the innermost of its kind.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Around<'d> {
    listener: Option<&'d Node>,
    manager: Option<&'d Node>,
}

impl<'d> Around<'d> {
    /// What holds the values within a value.
    pub(super) fn within(mut self, node: &'d Node) -> Self {
        if field(node, "filter_chains").or_else(|| field(node, "default_filter_chain")).is_some() {
            self.listener = Some(node);
        }
        if node.get("@type").and_then(Node::text).and_then(|url| url.rsplit('/').next()) == Some(MANAGER) {
            self.manager = Some(node);
        }
        self
    }

    /// The routes that stand beside a filter there.
    pub(super) fn route_config(self) -> Option<&'d Node> {
        self.manager.and_then(|manager| field(manager, "route_config"))
    }

    /// What is to be known about a filter there.
    pub(super) fn of(self, filter: &Node, form: Form) -> Surroundings {
        let is_in_envoy = matches!(form, Form::Envoy | Form::EnvoyNative);
        let vm_id = field(filter, "vm_config").and_then(|vm| field(vm, "vm_id")).and_then(Node::text);
        Surroundings {
            is_wasm: matches!(form, Form::Envoy | Form::Istio),
            on_failure: on_failure(filter, form),
            shares_memory: (form == Form::Envoy && vm_id.is_none_or(str::is_empty)).then_some(filter.at),
            unlimited_buffer: self.listener.filter(|it| is_in_envoy && !is_limited(it)).map(|listener| listener.at),
            since_1_40: field(filter, "filter_config")
                .filter(|it| form == Form::EnvoyNative && is_typed_struct(it))
                .map(|it| it.at),
            routes: self.manager.map(routes).unwrap_or_default(),
            unseen_routes: self.manager.and_then(unseen_routes),
        }
    }
}

fn is_typed_struct(any: &Node) -> bool {
    any.get("@type").and_then(Node::text).and_then(|url| url.rsplit('/').next()) == Some(super::TYPED_STRUCT)
}

/// A member of a message of Envoy's, which takes both spellings of a name that JSON has.
pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.get(name).or_else(|| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        let camel = words.fold(first, |name, word| {
            let (initial, rest) = word.split_at_checked(1).unwrap_or_default();
            name + &initial.to_ascii_uppercase() + rest
        });
        node.get(&camel)
    })
}

/// Whether a listener buffers no more than Envoy does by default.
fn is_limited(listener: &Node) -> bool {
    const DEFAULT: f64 = 1_048_576.0;
    let limit = field(listener, "per_connection_buffer_limit_bytes").map(|node| &node.content);
    matches!(limit, Some(NodeContent::Number(bytes)) if *bytes > 0.0 && *bytes < DEFAULT)
}

fn on_failure(filter: &Node, form: Form) -> OnFailure {
    let name = match form {
        Form::Envoy => "failure_policy",
        Form::Istio => "failStrategy",
        Form::EnvoyGateway => "failOpen",
        Form::EnvoyNative => return OnFailure::Settled,
    };
    let fail_open = field(filter, "fail_open").filter(|node| node.content == NodeContent::Bool(true));
    if let (Form::Envoy, Some(node)) = (form, fail_open) {
        return OnFailure::Open(node.at, "fail_open");
    }
    let Some(policy) = field(filter, name) else {
        // Envoy Gateway offers no other.
        return if form == Form::EnvoyGateway { OnFailure::Settled } else { OnFailure::Closed(filter.at, name) };
    };
    match (policy.text(), &policy.content) {
        (Some("FAIL_OPEN"), _) | (_, NodeContent::Bool(true)) => OnFailure::Open(policy.at, name),
        (Some("FAIL_CLOSED" | "FAIL_CLOSE" | "UNSPECIFIED"), _) => OnFailure::Closed(policy.at, name),
        // Envoy's numbers of the same: unspecified, to reload, closed, open.
        (_, NodeContent::Number(3.0)) => OnFailure::Open(policy.at, name),
        (_, NodeContent::Number(0.0 | 2.0)) => OnFailure::Closed(policy.at, name),
        _ => OnFailure::Settled,
    }
}

fn virtual_hosts(manager: &Node) -> &[Node] {
    field(manager, "route_config")
        .and_then(|config| field(config, "virtual_hosts"))
        .map(Node::items)
        .unwrap_or_default()
}

/// Where a manager says that it has routes which are not listed in it, or not as a list.
fn unseen_routes(manager: &Node) -> Option<Position> {
    let elsewhere = field(manager, "rds").or_else(|| field(manager, "scoped_routes"));
    let matcher = || virtual_hosts(manager).iter().find_map(|host| field(host, "matcher"));
    elsewhere.or_else(matcher).map(|node| node.at)
}

fn routes(manager: &Node) -> Vec<ListedRoute> {
    let routes = virtual_hosts(manager).iter().filter_map(|host| field(host, "routes")).flat_map(Node::items);
    routes.map(route).collect()
}

fn route(node: &Node) -> ListedRoute {
    let named = |list: &str, name: &str, kind: fn(String) -> Dependency| {
        let matchers = field(node, "match").and_then(|it| field(it, list)).map(Node::items).unwrap_or_default();
        let name =
            |matcher: &Node| field(matcher, name).and_then(|name| Some((kind(name.text()?.to_owned()), name.at)));
        matchers.iter().filter_map(name).collect::<Vec<_>>()
    };
    let header = |name: String| Dependency::Header(name.to_ascii_lowercase());
    let action = field(node, "route");
    let cluster_header = action.and_then(|action| field(action, "cluster_header"));
    let cluster_header = cluster_header.and_then(|name| Some((header(name.text()?.to_owned()), name.at)));
    ListedRoute {
        depends_on: [
            named("headers", "name", header),
            named("query_parameters", "name", Dependency::QueryParameter),
            named("cookies", "name", Dependency::Cookie),
            named("filter_state", "key", Dependency::FilterState),
            cluster_header.into_iter().collect(),
        ]
        .concat(),
        internal_redirects: action.and_then(|action| field(action, "internal_redirect_policy")).map(|policy| policy.at),
    }
}

//! What stands around a filter in its file, as far as it matters to what the filter promises.

use crate::{
    document::{Node, NodeContent},
    position::Position,
};

const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// What a file says about the filter, other than its configuration.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// What becomes of requests when the module fails.
    pub on_failure: OnFailure,
    /// The filter, if it shares its memory with every plugin without a `vm_id`.
    pub shares_memory: Option<Position>,
    /// The listener, if it buffers as much of a request that waits as Envoy's default lets it.
    pub unlimited_buffer: Option<Position>,
    /// The routes that the file lists.
    pub routes: Vec<ListedRoute>,
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
    /// The headers that it matches on, in lower case.
    pub headers: Vec<(String, Position)>,
    /// The parameters of the query that it matches on.
    pub query_parameters: Vec<(String, Position)>,
    /// Where it has Envoy follow redirects by itself.
    pub internal_redirects: Option<Position>,
}

/// In which kind of resource a filter stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Envoy,
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
        if node.get("filter_chains").is_some() {
            self.listener = Some(node);
        }
        if node.get("@type").and_then(Node::text).and_then(|url| url.rsplit('/').next()) == Some(MANAGER) {
            self.manager = Some(node);
        }
        self
    }

    /// What is to be known about a filter there.
    pub(super) fn of(self, filter: &Node, form: Form) -> Surroundings {
        let in_envoy = |node: Option<&Node>| node.filter(|_| matches!(form, Form::Envoy)).map(|node| node.at);
        let lacks_vm_id = filter.get("vm_config").and_then(|vm| vm.get("vm_id")).is_none();
        let is_limited = |listener: &&Node| listener.get("per_connection_buffer_limit_bytes").is_some();
        Surroundings {
            on_failure: on_failure(filter, form),
            shares_memory: in_envoy(Some(filter)).filter(|_| lacks_vm_id),
            unlimited_buffer: in_envoy(self.listener.filter(|listener| !is_limited(listener))),
            routes: self.manager.map(routes).unwrap_or_default(),
        }
    }
}

fn on_failure(filter: &Node, form: Form) -> OnFailure {
    let is = |name: &'static str, value: &str| {
        filter.get(name).filter(|node| node.text() == Some(value)).map(|node| (node.at, name))
    };
    let is_true = |name: &'static str| {
        filter.get(name).filter(|node| node.content == NodeContent::Bool(true)).map(|node| (node.at, name))
    };
    let unless_set = |name: &'static str| filter.get(name).is_none().then_some((filter.at, name));
    let open = match form {
        Form::Envoy => is("failure_policy", "FAIL_OPEN").or_else(|| is_true("fail_open")),
        Form::Istio => is("failStrategy", "FAIL_OPEN"),
        Form::EnvoyGateway => is_true("failOpen"),
    };
    let closed = || match form {
        Form::Envoy => is("failure_policy", "FAIL_CLOSED")
            .or_else(|| is("failure_policy", "UNSPECIFIED"))
            .or_else(|| unless_set("failure_policy")),
        Form::Istio => is("failStrategy", "FAIL_CLOSE").or_else(|| unless_set("failStrategy")),
        // It offers no other.
        Form::EnvoyGateway => None,
    };
    match open {
        Some((at, name)) => OnFailure::Open(at, name),
        None => closed().map_or(OnFailure::Settled, |(at, name)| OnFailure::Closed(at, name)),
    }
}

fn routes(manager: &Node) -> Vec<ListedRoute> {
    let hosts = manager.get("route_config").and_then(|config| config.get("virtual_hosts")).map(Node::items);
    let routes = hosts.unwrap_or_default().iter().filter_map(|host| host.get("routes")).flat_map(Node::items);
    routes.map(route).collect()
}

fn route(node: &Node) -> ListedRoute {
    let names = |kind: &str| {
        let matchers = node.get("match").and_then(|matching| matching.get(kind)).map(Node::items).unwrap_or_default();
        let named = |matcher: &Node| matcher.get("name").and_then(|name| Some((name.text()?.to_owned(), name.at)));
        matchers.iter().filter_map(named).collect::<Vec<_>>()
    };
    let redirects = node.get("route").and_then(|action| action.get("internal_redirect_policy"));
    ListedRoute {
        headers: names("headers").into_iter().map(|(name, at)| (name.to_ascii_lowercase(), at)).collect(),
        query_parameters: names("query_parameters"),
        internal_redirects: redirects.map(|policy| policy.at),
    }
}

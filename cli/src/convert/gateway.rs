//! What the gateway's configuration says, whatever form it came in.

use crate::{diagnostics::Diagnostic, position::Position};

/// A service: where requests are sent.
#[derive(Debug)]
pub(super) struct KongService {
    pub name: String,
    pub enabled: bool,
    pub scheme: Scheme,
    pub host: String,
    pub port: u16,
    /// What is put before the path of a request.
    pub path: Option<String>,
    pub connect_timeout: Milliseconds,
    /// How long a request may lie still.
    pub idle_timeout: Milliseconds,
    pub retries: u64,
    pub tls_verify: bool,
}

pub(super) type Milliseconds = u64;

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    pub tls: bool,
    pub grpc: bool,
}

/// A route: which requests a service gets.
#[derive(Debug)]
pub(super) struct KongRoute {
    pub at: Position,
    pub name: String,
    /// The service's index.
    pub service: Option<usize>,
    pub methods: Vec<String>,
    pub hosts: Vec<String>,
    pub paths: Vec<PathMatch>,
    /// Names of headers, each with the values of which one must be there.
    pub headers: Vec<(String, Vec<String>)>,
    pub strip_path: bool,
    pub preserve_host: bool,
    pub regex_priority: u64,
    /// Whether it is for gRPC: requests that are none are refused.
    pub grpc_only: bool,
    /// The status that a request without TLS gets, if the route is for TLS only.
    pub without_tls: Option<u16>,
    /// How many kinds of conditions there are that Envoy's routes do not have.
    pub foreign_conditions: usize,
    /// Whether an expression decides what matches.
    pub by_expression: bool,
    /// The conditions and paths that cannot be matched.
    pub lacks: Vec<Diagnostic>,
}

/// How a path is matched; always from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathMatch {
    Prefix(String),
    Regex(String),
    /// A regular expression that Envoy cannot run, and the text that all that it matches begins with.
    Beyond(String),
}

impl KongRoute {
    /// Whether the route as a whole matches less than what can be said of it here.
    pub(super) fn is_narrower(&self) -> bool {
        self.foreign_conditions > 0 || self.by_expression
    }
}

/// A plugin, and for what it is there.
#[derive(Debug)]
pub(super) struct KongPlugin {
    pub kind: PluginKind,
    /// The indices of the service and the route; for all requests without them.
    pub service: Option<usize>,
    pub route: Option<usize>,
}

#[derive(Debug)]
pub(super) enum PluginKind {
    Jwt(Jwt),
    Acl(Acl),
    /// `None` for one that has no counterpart: no other takes its place.
    Cors(Option<Cors>),
    /// The plugin `request-termination`: what answers in place of the service.
    Termination(Answer),
    /// One without a counterpart that decides who may call, or that may do so for all that is known of it, in words.
    Guard(String),
}

/// The fields of the `jwt` plugin under the names that the filter has for them too, without those at their defaults.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Jwt(pub Vec<(String, super::yaml_output::Yaml)>);

/// The `acl` plugin: the groups that may come in, or those that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acl {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    /// Whether the service is not told the groups.
    pub hide_groups_header: bool,
}

/// The `cors` plugin: what a browser lets the pages of other origins do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cors {
    pub origins: Vec<Origin>,
    /// The values of the headers `Access-Control-Allow-Methods` and so on.
    pub methods: String,
    /// `*` for those that the browser asks for.
    pub headers: String,
    pub exposed_headers: Option<String>,
    pub max_age: Option<String>,
    pub credentials: bool,
    pub private_network: bool,
}

/// Origins that may call: one, or all that a regular expression matches as a whole; `*` is all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Exact(String),
    Regex(String),
}

/// An answer that no service gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
    pub content_type: Option<String>,
}

impl Answer {
    /// The gateway's own form of an answer.
    pub(super) fn of_message(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "message": message }).to_string();
        Self { status, body, content_type: Some("application/json; charset=utf-8".to_owned()) }
    }
}

/// A consumer and its credentials.
#[derive(Debug)]
pub(super) struct KongConsumer {
    pub at: Position,
    /// How it is called in messages.
    pub path: String,
    pub username: Option<String>,
    pub id: Option<String>,
    pub custom_id: Option<String>,
    pub tags: Vec<String>,
    pub groups: Vec<String>,
    pub credentials: Vec<KongCredential>,
    /// Whether a plugin without a counterpart may have kept it out, so that nothing may let it in.
    pub is_barred: bool,
}

/// A credential of the `jwt` plugin.
#[derive(Debug)]
pub(super) struct KongCredential {
    pub at: Position,
    /// How it is called in messages.
    pub path: String,
    pub key: String,
    pub algorithm: String,
    /// The secret of HS256, HS384 and HS512, else the public key.
    pub verification_key: String,
}

/// Several addresses under one name that services can have as their host.
#[derive(Debug)]
pub(super) struct KongUpstream {
    pub name: String,
    pub balancing: Balancing,
    pub host_header: Option<String>,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Balancing {
    RoundRobin,
    LeastConnections,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub host: String,
    pub port: u16,
    pub weight: u64,
}

/// A whole configuration. Everything refers to what is in it, by index.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    pub services: Vec<KongService>,
    pub routes: Vec<KongRoute>,
    pub plugins: Vec<KongPlugin>,
    pub consumers: Vec<KongConsumer>,
    pub upstreams: Vec<KongUpstream>,
}

impl Gateway {
    /// The upstream that a service has as its host.
    pub(super) fn upstream_of(&self, service: &KongService) -> Option<&KongUpstream> {
        self.upstreams.iter().find(|upstream| upstream.name == service.host)
    }
}

//! Routes, in the order in which the gateway tries them.
//!
//! All of them stand in one virtual host, and hosts are matched as a header: Envoy would pick a virtual host first and
//! never look into another, while the gateway goes on to routes that name no host.

use std::cmp::Reverse;

use regex_syntax::escape;

use super::{
    gateway::{Gateway, PathMatch, Route, Service},
    yaml::{Yaml, map, some},
};

/// What stands in the place of a service that requests of a route must not reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    pub status: u16,
    pub message: String,
}

/// The routes of Envoy. `closed` gives what answers a route, by index, if it is not to reach its service.
pub fn routes(gateway: &Gateway, closed: &[Option<Closed>]) -> Vec<Yaml> {
    let mut candidates: Vec<Candidate> = gateway.routes.iter().enumerate().flat_map(Candidate::of).collect();
    candidates.sort_by_key(|candidate| Reverse(candidate.priority()));
    let closed = |index: usize| closed.get(index).and_then(Option::as_ref);
    candidates.iter().flat_map(|candidate| candidate.to_envoy(gateway, closed(candidate.index))).collect()
}

/// What the gateway answers when no route matches.
pub fn otherwise(name: &str) -> Yaml {
    let closed = Closed { status: 404, message: "no Route matched with those values".to_owned() };
    answered(name, map([("prefix", some("/"))]), &closed)
}

/// A route with one of its paths: the gateway ranks each path by itself.
struct Candidate<'g> {
    index: usize,
    route: &'g Route,
    path: Option<&'g PathMatch>,
}

impl<'g> Candidate<'g> {
    fn of((index, route): (usize, &'g Route)) -> Vec<Self> {
        if route.paths.is_empty() {
            return vec![Self { index, route, path: None }];
        }
        route.paths.iter().map(|path| Self { index, route, path: Some(path) }).collect()
    }

    /// What the gateway sorts by, the largest first: how many kinds of conditions there are, whether hosts are without
    /// wildcards, how many headers are asked for, whether the path is a regular expression, its `regex_priority`, the
    /// length of a path that is none.
    fn priority(&self) -> (usize, bool, usize, bool, u64, usize) {
        let route = self.route;
        let kinds =
            [!route.methods.is_empty(), !route.hosts.is_empty(), !route.headers.is_empty(), self.path.is_some()];
        let plain_hosts = !route.hosts.is_empty() && !route.hosts.iter().any(|host| host.contains('*'));
        let (is_regex, regex_priority, length) = match self.path {
            Some(PathMatch::Regex(_)) => (true, route.regex_priority, 0),
            Some(PathMatch::Prefix(prefix)) => (false, 0, prefix.len()),
            None => (false, 0, 0),
        };
        let kinds = kinds.into_iter().filter(|is_there| *is_there).count();
        (kinds, plain_hosts, route.headers.len(), is_regex, regex_priority, length)
    }

    fn to_envoy(&self, gateway: &Gateway, closed: Option<&Closed>) -> Vec<Yaml> {
        let service = self.route.service.and_then(|index| gateway.services.get(index));
        let no_service = Closed { status: 503, message: "no Service found with those values".to_owned() };
        match (closed, service) {
            (Some(closed), _) => vec![answered(&self.route.name, self.matching(self.any_path()), closed)],
            (None, None) => vec![answered(&self.route.name, self.matching(self.any_path()), &no_service)],
            (None, Some(service)) => self.to_service(gateway, service),
        }
    }

    fn to_service(&self, gateway: &Gateway, service: &Service) -> Vec<Yaml> {
        let route = |path: PathCondition, rewrite: Option<Rewrite>| {
            map([
                ("name", some(self.route.name.as_str())),
                ("match", Some(self.matching(path))),
                ("route", Some(action(gateway, self.route, service, rewrite))),
            ])
        };
        let rewrites = Rewrites::of(self.path, self.route.strip_path, service.path.as_deref());
        let exact = rewrites.exact.map(|(path, rewrite)| route(path, Some(rewrite)));
        exact.into_iter().chain([route(self.any_path(), rewrites.any)]).collect()
    }

    /// The condition on the path, with whatever follows what it matches.
    fn any_path(&self) -> PathCondition {
        match self.path {
            Some(PathMatch::Prefix(prefix)) => ("prefix", prefix.as_str().into()),
            Some(PathMatch::Regex(regex)) => ("safe_regex", regex_of(format!("(?:{regex}).*"))),
            None => ("prefix", "/".into()),
        }
    }

    fn matching(&self, (kind, path): PathCondition) -> Yaml {
        let route = self.route;
        let methods = alternatives(&route.methods, escape);
        let methods = methods.map(|regex| header(":method", regex));
        let hosts = alternatives(&route.hosts, host_regex).map(|regex| header(":authority", format!("(?i){regex}")));
        let headers = route.headers.iter().filter_map(|(name, values)| {
            alternatives(values, value_regex).map(|regex| header(name, format!("(?is){regex}")))
        });
        let headers: Vec<Yaml> = methods.into_iter().chain(hosts).chain(headers).collect();
        map([
            (kind, Some(path)),
            ("headers", (!headers.is_empty()).then_some(Yaml::List(headers))),
            ("grpc", route.grpc_only.then(|| map([]))),
        ])
    }
}

/// The name of a condition on the path in Envoy, and its value.
type PathCondition = (&'static str, Yaml);

/// A regular expression that one of the texts matches; `None` without any.
fn alternatives(texts: &[String], regex: impl Fn(&str) -> String) -> Option<String> {
    let regexes: Vec<String> = texts.iter().map(|text| regex(text)).collect();
    match regexes.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("(?:{})", several.join("|"))),
    }
}

fn header(name: &str, regex: String) -> Yaml {
    map([("name", some(name)), ("string_match", Some(map([("safe_regex", Some(regex_of(regex)))])))])
}

fn regex_of(regex: String) -> Yaml {
    map([("regex", some(regex))])
}

/// A host may begin or end with `*`. Without a port it matches every port.
fn host_regex(host: &str) -> String {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, format!(":{port}")),
        _ => (host, "(?::[0-9]+)?".to_owned()),
    };
    let name = match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(end), _) => format!("[^:]*{}", escape(end)),
        (None, Some(start)) => format!("{}[^:]*", escape(start)),
        (None, None) => escape(name),
    };
    format!("{name}{port}")
}

/// A value that begins with `~*` is a regular expression that matches a part of the header's value.
fn value_regex(value: &str) -> String {
    value.strip_prefix("~*").map_or_else(|| escape(value), |regex| format!(".*(?:{regex}).*"))
}

/// A route that is answered by Envoy itself, as the gateway answers.
fn answered(name: &str, matching: Yaml, closed: &Closed) -> Yaml {
    let body = serde_json::json!({ "message": closed.message }).to_string();
    let content_type = map([
        ("header", Some(map([("key", some("content-type")), ("value", some("application/json; charset=utf-8"))]))),
        ("append_action", some("OVERWRITE_IF_EXISTS_OR_ADD")),
    ]);
    map([
        ("name", some(name)),
        ("match", Some(matching)),
        (
            "direct_response",
            Some(map([
                ("status", some(u64::from(closed.status))),
                ("body", Some(map([("inline_string", some(body))]))),
            ])),
        ),
        ("response_headers_to_add", some(vec![content_type])),
    ])
}

fn action(gateway: &Gateway, route: &Route, service: &Service, rewrite: Option<Rewrite>) -> Yaml {
    let upstream = gateway.upstream_of(service);
    let host = match upstream {
        Some(upstream) => upstream.host_header.clone(),
        None => Some(authority(service)),
    };
    let host = host.filter(|_| !route.preserve_host);
    let auto_host = upstream.is_some() && host.is_none() && !route.preserve_host;
    let retry = map([("retry_on", some("connect-failure,refused-stream")), ("num_retries", some(service.retries))]);
    map([
        ("cluster", some(service.name.as_str())),
        // The gateway limits how long a request may lie still, not how long it may take.
        ("timeout", some("0s")),
        ("idle_timeout", some(seconds(service.idle_timeout))),
        ("host_rewrite_literal", host.map(Yaml::from)),
        ("auto_host_rewrite", auto_host.then_some(true.into())),
        ("regex_rewrite", rewrite.map(Rewrite::into_envoy)),
        ("retry_policy", (service.retries > 0).then_some(retry)),
    ])
}

/// The `Host` that the service gets: with its port where that is not the one of its scheme.
fn authority(service: &Service) -> String {
    let default = if service.scheme.tls { 443 } else { 80 };
    if service.port == default { service.host.clone() } else { format!("{}:{}", service.host, service.port) }
}

/// A duration as protobuf writes it.
pub fn seconds(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    if rest == 0 { format!("{seconds}s") } else { format!("{seconds}.{rest:03}s") }
}

/// How a path becomes the upstream's: what matches `pattern` becomes `substitution`.
#[derive(Debug, PartialEq, Eq)]
struct Rewrite {
    pattern: String,
    substitution: String,
}

impl Rewrite {
    fn new(pattern: impl Into<String>, substitution: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), substitution: substitution.into() }
    }

    fn into_envoy(self) -> Yaml {
        map([("pattern", Some(regex_of(self.pattern))), ("substitution", some(self.substitution))])
    }
}

/// The rewrites of a path: of what is the matched path and nothing more, where that needs one of its own, and of all
/// else.
struct Rewrites {
    exact: Option<(PathCondition, Rewrite)>,
    any: Option<Rewrite>,
}

impl Rewrites {
    /// The service's path goes in front, with one slash between; what the route matched goes away if it is to be
    /// stripped.
    fn of(path: Option<&PathMatch>, strip: bool, service_path: Option<&str>) -> Self {
        let service_path = service_path.unwrap_or("/");
        let base = service_path.trim_end_matches('/');
        let is_bare = base.is_empty();
        let slashed = format!("{}/", base.replace('\\', r"\\"));
        let stripped = path.filter(|path| strip && **path != PathMatch::Prefix("/".to_owned()));
        let Some(stripped) = stripped else {
            let any = (!is_bare).then(|| Rewrite::new("^/", slashed));
            // The root of the service's path gets a slash only if that path has one.
            let is_root = |path: &PathMatch| *path == PathMatch::Prefix("/".to_owned());
            let exact = (!is_bare && !service_path.ends_with('/') && path.is_none_or(is_root))
                .then(|| (("path", "/".into()), Rewrite::new("^/$", base.replace('\\', r"\\"))));
            return Self { exact, any };
        };
        let (regex, exact) = match stripped {
            PathMatch::Prefix(prefix) => (escape(prefix), ("path", prefix.as_str().into())),
            PathMatch::Regex(regex) => (format!("(?:{regex})"), ("safe_regex", regex_of(regex.clone()))),
        };
        // What is left may begin with dots that would climb out of the service's path; the gateway drops them too.
        let any = Rewrite::new(format!(r"^{regex}(?:\.{{0,2}}/|\.{{1,2}}$)?"), slashed);
        let ends_with_slash = matches!(stripped, PathMatch::Prefix(prefix) if prefix.ends_with('/'));
        let exact = (!is_bare && !ends_with_slash)
            .then(|| (exact, Rewrite::new("^.*?(/?)$", format!(r"{}\1", base.replace('\\', r"\\")))));
        Self { exact, any: Some(any) }
    }
}

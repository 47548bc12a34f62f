//! Routes, in the order in which the gateway tries them.
//!
//! All of them stand in one virtual host, and hosts are matched as a header: Envoy would pick a virtual host first and
//! never look into another, while the gateway goes on to routes that name no host.

use std::cmp::Reverse;

use regex_syntax::{
    ast::{Ast, parse::Parser},
    escape,
};

use super::{
    envoy_cors,
    gateway::{Answer, Gateway, KongRoute, KongService, PathMatch},
    route_policy::RouteAccess,
    yaml_output::{Yaml, map, some},
};

/// The routes of Envoy. `access` says who may use a route, by index; `no_route` is a name whose requests need no token.
pub(super) fn routes(gateway: &Gateway, access: &[RouteAccess], no_route: &str) -> Vec<Yaml> {
    let candidates = gateway.routes.iter().zip(access).flat_map(Candidate::of);
    let mut candidates: Vec<Candidate> = candidates.filter(|candidate| !candidate.is_left_out()).collect();
    candidates.sort_by_key(|candidate| Reverse(candidate.priority()));
    candidates.iter().flat_map(|candidate| candidate.to_envoy(gateway, no_route)).collect()
}

/// What the gateway answers when no route matches.
pub(super) fn otherwise(name: &str) -> Yaml {
    let answer = Answer::of_message(404, "no Route matched with those values");
    answered(name, map([("prefix", some("/"))]), &answer)
}

/// A route with one of its paths: the gateway ranks each path by itself.
struct Candidate<'g> {
    route: &'g KongRoute,
    access: &'g RouteAccess,
    path: Option<&'g PathMatch>,
}

/// What the gateway sorts by, the largest first: whether an expression decides, how many kinds of conditions there are,
/// whether hosts are without wildcards, how many headers are asked for, whether the path is a regular expression, its
/// `regex_priority`, the length of a path that is none. Which of equal routes it takes depends on their ids and ages, which
/// not every file has: here, one that not everybody may use.
type Priority = (bool, usize, bool, usize, bool, u64, usize, bool);

impl<'g> Candidate<'g> {
    fn of((route, access): (&'g KongRoute, &'g RouteAccess)) -> Vec<Self> {
        if route.paths.is_empty() {
            return vec![Self { route, access, path: None }];
        }
        route.paths.iter().map(|path| Self { route, access, path: Some(path) }).collect()
    }

    /// Whether it matches less than can be said in Envoy's routes.
    fn is_narrower(&self) -> bool {
        self.route.is_narrower() || matches!(self.path, Some(PathMatch::Beyond(_)))
    }

    fn is_left_out(&self) -> bool {
        self.is_narrower() && !self.access.is_guarded
    }

    fn priority(&self) -> Priority {
        let route = self.route;
        let kinds =
            [!route.methods.is_empty(), !route.hosts.is_empty(), !route.headers.is_empty(), self.path.is_some()];
        let plain_hosts = !route.hosts.is_empty() && !route.hosts.iter().any(|host| host.contains('*'));
        let (is_regex, regex_priority, length) = match self.path {
            Some(PathMatch::Regex(_) | PathMatch::Beyond(_)) => (true, route.regex_priority, 0),
            Some(PathMatch::Prefix(prefix)) => (false, 0, prefix.len()),
            None => (false, 0, 0),
        };
        let kinds = kinds.into_iter().filter(|is_there| *is_there).count().saturating_add(route.foreign_conditions);
        let headers = route.headers.len();
        let is_guarded = self.access.is_guarded;
        (route.by_expression, kinds, plain_hosts, headers, is_regex, regex_priority, length, is_guarded)
    }

    fn to_envoy(&self, gateway: &Gateway, no_route: &str) -> Vec<Yaml> {
        let without_tls = self.route.without_tls.map(|status| self.without_tls(status, no_route));
        let other = self.route.grpc_only.then(|| {
            let answer = Answer::of_message(415, "Non-gRPC request matched gRPC route");
            answered(no_route, self.matching(self.any_path(), false), &answer)
        });
        without_tls.into_iter().chain(self.with_tls(gateway)).chain(other).collect()
    }

    /// What a request without TLS gets from a route that wants it: before any token is looked at, as in the gateway.
    fn without_tls(&self, status: u16, no_route: &str) -> Yaml {
        let mut matching = self.matching(self.any_path(), false);
        let plain = map([("name", some("x-forwarded-proto")), ("string_match", Some(map([("exact", some("http"))])))]);
        add_header(&mut matching, plain);
        let code = match status {
            301 => "MOVED_PERMANENTLY",
            302 => "FOUND",
            307 => "TEMPORARY_REDIRECT",
            308 => "PERMANENT_REDIRECT",
            _ => {
                return answered(no_route, matching, &Answer::of_message(status, "Please use HTTPS protocol"));
            }
        };
        let redirect = map([("https_redirect", some(true)), ("response_code", some(code))]);
        map([("name", some(no_route)), ("match", Some(matching)), ("redirect", Some(redirect))])
    }

    fn with_tls(&self, gateway: &Gateway) -> Vec<Yaml> {
        let service = self.route.service.and_then(|index| gateway.services.get(index));
        let cannot_tell = Answer::of_message(503, "a condition of the route has no counterpart");
        let no_service = Answer::of_message(503, "no Service found with those values");
        let answer = match (&self.access.answer, service) {
            _ if self.is_narrower() => &cannot_tell,
            (Some(answer), _) => answer,
            (None, None) => &no_service,
            (None, Some(service)) => return self.to_service(gateway, service),
        };
        vec![answered(&self.route.name, self.matching(self.any_path(), self.route.grpc_only), answer)]
    }

    fn to_service(&self, gateway: &Gateway, service: &KongService) -> Vec<Yaml> {
        let cors = self.access.cors.as_ref();
        let route = |path: PathCondition, rewrite: Option<Rewrite>| {
            map([
                ("name", some(self.route.name.as_str())),
                ("match", Some(self.matching(path, self.route.grpc_only))),
                ("route", Some(action(gateway, self.route, service, rewrite))),
                ("response_headers_to_add", cors.map(|_| Yaml::List(vec![envoy_cors::vary()]))),
                ("typed_per_filter_config", cors.map(envoy_cors::policy)),
            ])
        };
        let rewrites = Rewrites::of(self.path, self.route.strip_path, service.path.as_deref());
        let exact = rewrites.exact.map(|(path, rewrite)| route(path, Some(rewrite)));
        exact.into_iter().chain([route(self.any_path(), rewrites.any)]).collect()
    }

    /// The condition on the path, with whatever follows what it matches.
    fn any_path(&self) -> PathCondition {
        match self.path {
            Some(PathMatch::Prefix(prefix)) if prefix.contains('%') => {
                ("safe_regex", regex_of(format!("{}.*", path_regex(prefix))))
            }
            Some(PathMatch::Prefix(prefix) | PathMatch::Beyond(prefix)) => ("prefix", prefix.as_str().into()),
            Some(PathMatch::Regex(regex)) => ("safe_regex", regex_of(searched(regex))),
            None => ("prefix", "/".into()),
        }
    }

    fn matching(&self, (kind, path): PathCondition, grpc: bool) -> Yaml {
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
            ("grpc", grpc.then(|| map([]))),
        ])
    }
}

/// Adds a condition on a header to those of a match.
fn add_header(matching: &mut Yaml, header: Yaml) {
    let Yaml::Map(members) = matching else { return };
    match members.iter_mut().find(|(name, _)| name == "headers") {
        Some((_, Yaml::List(headers))) => headers.push(header),
        _ => members.push(("headers".to_owned(), Yaml::List(vec![header]))),
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

/// A regular expression as the gateway looks for it: from the start of the path on, and of several alternatives only the
/// first, since all that the gateway does is to put a `^` in front.
fn searched(regex: &str) -> String {
    let has_alternatives = Parser::new().parse(regex).is_ok_and(|ast| matches!(ast, Ast::Alternation(_)));
    if has_alternatives { format!(".*(?:^{regex}).*") } else { format!("(?:{regex}).*") }
}

fn regex_of(regex: String) -> Yaml {
    map([("regex", some(regex))])
}

/// A text as it stands, but that the digits of what is percent-encoded may be in any case (RFC 3986 section 2.1): Envoy
/// leaves them as they came.
fn path_regex(path: &str) -> String {
    let mut parts = path.split('%');
    let first = parts.next().map(escape).unwrap_or_default();
    let encoded = parts.map(|part| match part.split_at_checked(2) {
        Some((digits, rest)) => format!("(?i:%{}){}", escape(digits), escape(rest)),
        None => format!("%{}", escape(part)),
    });
    [first].into_iter().chain(encoded).collect()
}

/// A host may begin or end with `*`. Without a port it matches every port. The port of a scheme is that of requests which
/// name none.
fn host_regex(host: &str) -> String {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port @ ("80" | "443"))) => (name, format!("(?::{port})?")),
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

/// A value that begins with `~*` is a regular expression that matches a part of the header's value. Any other is one of
/// those that the request has for the header, which Envoy joins with commas.
fn value_regex(value: &str) -> String {
    let exact = || format!("(?:.*,)?{}(?:,.*)?", escape(value));
    value.strip_prefix("~*").map_or_else(exact, |regex| format!(".*(?:{regex}).*"))
}

/// A route that is answered by Envoy itself, as the gateway answers.
fn answered(name: &str, matching: Yaml, answer: &Answer) -> Yaml {
    let Answer { status, body, content_type } = answer;
    let content_type = content_type.as_deref().map(|value| {
        map([
            ("header", Some(map([("key", some("content-type")), ("value", some(value))]))),
            ("append_action", some("OVERWRITE_IF_EXISTS_OR_ADD")),
        ])
    });
    let body = (!body.is_empty()).then(|| map([("inline_string", some(body.as_str()))]));
    map([
        ("name", some(name)),
        ("match", Some(matching)),
        ("direct_response", Some(map([("status", some(u64::from(*status))), ("body", body)]))),
        ("response_headers_to_add", content_type.map(|header| Yaml::List(vec![header]))),
    ])
}

fn action(gateway: &Gateway, route: &KongRoute, service: &KongService, rewrite: Option<Rewrite>) -> Yaml {
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
fn authority(service: &KongService) -> String {
    let default = if service.scheme.tls { 443 } else { 80 };
    if service.port == default { service.host.clone() } else { format!("{}:{}", service.host, service.port) }
}

/// A duration as protobuf writes it.
pub(super) fn seconds(milliseconds: u64) -> String {
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
            PathMatch::Prefix(prefix) if prefix.contains('%') => {
                (path_regex(prefix), ("safe_regex", regex_of(path_regex(prefix))))
            }
            PathMatch::Prefix(prefix) | PathMatch::Beyond(prefix) => (escape(prefix), ("path", prefix.as_str().into())),
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

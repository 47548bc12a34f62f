//! Reading the gateway's declarative configuration: nested or flat, formats 1.1, 2.1 and 3.0, what `deck` dumps, and the
//! answers of the Admin API.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use super::{
    entities::{Entities, Entity, Kind, is_list},
    fields::{Fields, texts_of},
    gateway::{
        Acl, Balancing, Consumer, Credential, Gateway, Jwt, PathMatch, Plugin, PluginKind, Route, Scheme, Service,
        Target, Upstream,
    },
    policy,
    report::{Remark, Report},
    source::{Node, Place, Value},
    yaml::{Yaml, map},
};
use jwt_auth_filter::config::Config;

/// What the files say together.
pub fn read(files: &[Node], report: &mut Report) -> Gateway {
    let entities = Entities::collect(files, report);
    let mut reader = Reader {
        entities: &entities,
        index: HashMap::new(),
        names: HashSet::new(),
        scopes: HashSet::new(),
        gateway: Gateway::default(),
        report,
    };
    // In this order, so that what is referred to has been read.
    for kind in [
        Kind::Upstream,
        Kind::Target,
        Kind::Service,
        Kind::Route,
        Kind::Consumer,
        Kind::JwtSecret,
        Kind::Acl,
        Kind::ConsumerGroup,
        Kind::FilterChain,
        Kind::Plugin,
    ] {
        for (number, entity) in entities.of(kind) {
            reader.read(number, entity);
        }
    }
    reader.gateway
}

struct Reader<'s, 'r> {
    entities: &'s Entities<'s>,
    /// What became of an entity, by its number: its index in the gateway's list. Some become nothing.
    index: HashMap<usize, usize>,
    /// The names of the services and routes so far.
    names: HashSet<(Kind, String)>,
    /// For what the plugins are that are there once for everything.
    scopes: HashSet<(String, Scope)>,
    gateway: Gateway,
    report: &'r mut Report,
}

/// What an entity refers to.
enum Reference {
    Nothing,
    /// The index in the gateway's list.
    To(usize),
    /// What it refers to was left out, or is not there and that was reported.
    Lost,
}

/// The indices of the service and the route that something is for.
type Scope = (Option<usize>, Option<usize>);

impl<'s> Reader<'s, '_> {
    fn read(&mut self, number: usize, entity: &'s Entity<'s>) {
        self.refuse_references(entity);
        let read = match entity.kind {
            Kind::Upstream => self.upstream(entity),
            Kind::Target => self.target(entity),
            Kind::Service => self.service(entity),
            Kind::Route => self.route(entity),
            Kind::Consumer => self.consumer(entity),
            Kind::JwtSecret => self.jwt_secret(entity),
            Kind::Acl => self.acl(entity),
            Kind::ConsumerGroup => self.consumer_group(entity),
            Kind::FilterChain => self.filter_chain(entity),
            Kind::Plugin => self.plugin(entity),
        };
        if let Some(index) = read {
            self.index.insert(number, index);
        }
    }

    /// What only `deck` can put in, from its environment: with the reference in its place a route would match nothing, and
    /// an `acl` keep nobody out. A credential is left out instead, and a plugin without a counterpart closes its routes.
    fn refuse_references(&mut self, entity: &Entity) {
        let is_plugin = entity.kind == Kind::Plugin;
        let name = entity.node.member("name").and_then(Node::text);
        if entity.kind == Kind::JwtSecret || is_plugin && !matches!(name, Some("jwt" | "acl")) {
            return;
        }
        let counts = |name: &str| !is_list(name) && !name.ends_with("_credentials") && name != "tags";
        for (name, node) in entity.node.members().iter().filter(|(name, _)| counts(name)) {
            refuse_references(node, &format!("{}.{name}", entity.path), self.report);
        }
    }

    fn fields(&mut self, entity: &'s Entity<'s>) -> Fields<'s, '_> {
        Fields::of(&entity.path, entity.node, self.report)
    }

    /// What an entity belongs to, be it that it stands in it or that it names it.
    fn reference(&mut self, entity: &'s Entity<'s>, kind: Kind) -> Reference {
        let name = kind.as_reference();
        let within = entity.within.iter().find(|number| self.entities.kind(**number) == Some(kind)).copied();
        let number = match (within, entity.node.member(name)) {
            (Some(number), _) => Some(number),
            (None, None) => return Reference::Nothing,
            (None, Some(node)) => self.entities.find(kind, node).or_else(|| {
                let message = format!("names no {name} that is there");
                self.report.fault(node.place, &format!("{}.{name}", entity.path), message);
                None
            }),
        };
        number.and_then(|number| self.index.get(&number)).map_or(Reference::Lost, |index| Reference::To(*index))
    }

    /// A service or a route by its name, or by one that no other has. Rules and clusters go by it: with one name for two
    /// routes, what opens one would open the other.
    fn unique_name(&mut self, entity: &Entity, name: Option<String>) -> Option<String> {
        let kind = entity.kind;
        let unused = |name: &String| !self.names.contains(&(kind, name.clone())) && !self.entities.has(kind, name);
        let made_up = || (1_u64..).map(|number| format!("{}-{number}", kind.as_reference())).find(unused);
        let name = name.or_else(made_up)?;
        if self.names.insert((kind, name.clone())) {
            return Some(name);
        }
        let message = format!("{name:?} is the name of another {} too", kind.as_reference());
        self.report.fault(entity.node.place, &entity.path, message);
        None
    }

    fn upstream(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let name = fields.name("name");
        let balancing = match fields.take("algorithm").map(|node| (node, node.text())) {
            Some((_, Some("least-connections"))) => Balancing::LeastConnections,
            None | Some((_, Some("round-robin"))) => Balancing::RoundRobin,
            Some((node, _)) => {
                fields.note("algorithm", node.place, "has no counterpart; round-robin takes its place");
                Balancing::RoundRobin
            }
        };
        let host_header = fields.name("host_header");
        if let Some(checks) = fields.take("healthchecks").filter(|checks| any_positive(checks, "interval")) {
            fields.note("healthchecks", checks.place, "has no counterpart");
        }
        fields.finish(
            &["slots", "targets"],
            &[
                ("hash_on", r#""none""#),
                ("hash_fallback", r#""none""#),
                ("hash_on_cookie_path", r#""/""#),
                ("use_srv_name", "false"),
                ("sticky_sessions_cookie_path", r#""/""#),
            ],
        );
        let Some(name) = name else {
            self.report.fault(entity.node.place, &entity.path, "an upstream without a name");
            return None;
        };
        Some(push(&mut self.gateway.upstreams, Upstream { name, balancing, host_header, targets: Vec::new() }))
    }

    fn target(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let upstream = self.reference(entity, Kind::Upstream);
        let mut fields = self.fields(entity);
        let target = fields.name("target");
        let weight = fields.number("weight", 65_535).unwrap_or(100);
        fields.finish(&["upstream"], &[("failover", "false")]);
        let Reference::To(upstream) = upstream else { return None };
        let Some((host, port)) = target.as_deref().and_then(|target| host_and_port(target, 8000)) else {
            self.report.fault(entity.node.place, &entity.path, "a target without a host and a port");
            return None;
        };
        // The gateway sends nothing to a target of weight 0.
        let upstream = self.gateway.upstreams.get_mut(upstream).filter(|_| weight > 0)?;
        Some(push(&mut upstream.targets, Target { host, port, weight }))
    }

    fn service(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let name = fields.name("name").or_else(|| fields.name("id"));
        let url = fields.take("url").and_then(|node| {
            let url = node.text().and_then(Url::parse);
            fields.expect("url", node, url, "scheme://host:port/path")
        });
        let protocol_place = fields.place_of("protocol").unwrap_or(entity.node.place);
        let protocol = fields.text("protocol").or(url.as_ref().map(|url| url.scheme.clone()));
        let host = fields.name("host").or(url.as_ref().map(|url| url.host.clone()));
        let port = fields.port("port").or(url.as_ref().and_then(|url| url.port));
        let is_url = url.is_some();
        let path = fields.name("path").or(url.and_then(|url| url.path));
        let connect_timeout = fields.number("connect_timeout", i32::MAX as u32).unwrap_or(60_000);
        let write_timeout = fields.number("write_timeout", i32::MAX as u32).unwrap_or(60_000);
        let read_timeout = fields.number("read_timeout", i32::MAX as u32).unwrap_or(60_000);
        let retries = fields.number("retries", 32_767).unwrap_or(5);
        let tls_verify = fields.flag("tls_verify").unwrap_or(false);
        let enabled = fields.flag("enabled").unwrap_or(true);
        fields.finish(&["routes", "plugins", "filter_chains"], &[]);

        let scheme = match protocol.as_deref().unwrap_or("http") {
            "http" => Scheme { tls: false, grpc: false },
            "https" => Scheme { tls: true, grpc: false },
            "grpc" => Scheme { tls: false, grpc: true },
            "grpcs" => Scheme { tls: true, grpc: true },
            _ => {
                let subject = format!("{}.protocol", entity.path);
                self.report.note(protocol_place, &subject, "has no counterpart; the service is left out");
                return None;
            }
        };
        let Some(host) = host else {
            self.report.fault(entity.node.place, &entity.path, "a service without a host");
            return None;
        };
        let service = Service {
            name: self.unique_name(entity, name)?,
            enabled,
            scheme,
            host,
            // Only in a `url` the gateway takes the port from the scheme.
            port: port.unwrap_or(if scheme.tls && is_url { 443 } else { 80 }),
            path,
            connect_timeout: connect_timeout.max(1),
            idle_timeout: write_timeout.max(read_timeout),
            retries,
            tls_verify,
        };
        Some(push(&mut self.gateway.services, service))
    }

    fn route(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, Kind::Service);
        let is_regex = self.entities.regex_test(entity);
        let may_be_old = entity.path.starts_with("data[");
        let mut lacks = Vec::new();
        let mut fields = self.fields(entity);
        let name = fields.name("name").or_else(|| fields.name("id"));
        let redirect = fields.number("https_redirect_status_code", 599).and_then(|code| u16::try_from(code).ok());
        let protocols = protocols(&mut fields, redirect.unwrap_or(426));
        let mut is_there = |name: &str| {
            let node = fields.take(name).filter(|node| !node.is_empty());
            lacks.extend(node.map(|node| fields.remark(name, node.place, "has no counterpart")));
            node.is_some()
        };
        let foreign_conditions = ["snis", "sources", "destinations"].into_iter().filter(|name| is_there(name)).count();
        let by_expression = is_there("expression");
        let methods = fields.texts("methods");
        let hosts = fields.texts("hosts").iter().map(|host| host.to_ascii_lowercase()).collect();
        let paths = paths(&mut fields, is_regex, may_be_old, &mut lacks);
        let headers = headers(&mut fields);
        let is_grpc = protocols.is_some_and(|protocols| protocols.grpc_only);
        let strip_path = fields.flag("strip_path").unwrap_or(!is_grpc);
        let preserve_host = fields.flag("preserve_host").unwrap_or(false);
        let regex_priority = fields.number("regex_priority", i32::MAX as u32).unwrap_or(0);
        fields.finish(
            &["service", "plugins", "filter_chains"],
            &[
                ("path_handling", r#""v0""#),
                ("request_buffering", "true"),
                ("response_buffering", "true"),
                ("priority", "0"),
            ],
        );

        // A service that does not speak HTTP leaves its routes without one; they match all the same.
        let service = match service {
            Reference::Nothing | Reference::Lost => None,
            Reference::To(index) => Some(index),
        };
        // As if the route were not there, says the gateway.
        let is_enabled = service.is_none_or(|index| self.gateway.services.get(index).is_some_and(|of| of.enabled));
        if !is_enabled {
            return None;
        }
        let place = entity.node.place;
        let (Protocols { grpc_only, without_tls }, paths, headers) = (protocols?, paths?, headers?);
        let route = Route {
            place,
            name: self.unique_name(entity, name)?,
            service,
            methods,
            hosts,
            paths,
            headers,
            strip_path,
            preserve_host,
            regex_priority,
            grpc_only,
            without_tls,
            foreign_conditions,
            by_expression,
            lacks,
        };
        Some(push(&mut self.gateway.routes, route))
    }

    fn consumer(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let (username, id) = (fields.name("username"), fields.name("id"));
        let custom_id = fields.name("custom_id");
        let tags = fields.texts("tags");
        fields.finish(&["jwt_secrets", "acls", "plugins"], &[("type", "0")]);
        let place = entity.node.place;
        let credentials = Vec::new();
        let consumer =
            Consumer { place, username, id, custom_id, tags, groups: Vec::new(), credentials, is_barred: false };
        if consumer.username.is_none() && consumer.id.is_none() && consumer.custom_id.is_none() {
            self.report.fault(place, &entity.path, "a consumer without a username, an id and a custom_id");
            return None;
        }
        Some(push(&mut self.gateway.consumers, consumer))
    }

    fn jwt_secret(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let consumer = self.reference(entity, Kind::Consumer);
        let mut fields = self.fields(entity);
        let key = fields.name("key");
        let algorithm = fields.name("algorithm").unwrap_or_else(|| "HS256".to_owned());
        let (secret, public_key) = (fields.name("secret"), fields.name("rsa_public_key"));
        fields.finish(&["consumer"], &[]);

        let verification_key = if algorithm.starts_with("HS") { secret } else { public_key };
        let (Some(key), Some(verification_key)) = (key, verification_key) else {
            let message = "is left out: the gateway made up its key or secret, which is nowhere in this file";
            self.report.note(entity.node.place, &entity.path, message);
            return None;
        };
        let credential = Credential { key, algorithm, verification_key };
        if let Some(why) = refused(&credential) {
            self.report.note(entity.node.place, &entity.path, format!("is left out: {why}"));
            return None;
        }
        let consumer = self.owner(entity, consumer)?;
        Some(push(&mut consumer.credentials, credential))
    }

    fn acl(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let consumer = self.reference(entity, Kind::Consumer);
        let mut fields = self.fields(entity);
        let group = fields.name("group");
        fields.finish(&["consumer"], &[]);
        let Some(group) = group else {
            self.report.fault(entity.node.place, &entity.path, "an acl without a group");
            return None;
        };
        let consumer = self.owner(entity, consumer)?;
        Some(push(&mut consumer.groups, group))
    }

    fn consumer_group(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        self.report.note(entity.node.place, &entity.path, "has no counterpart");
        None
    }

    fn owner(&mut self, entity: &'s Entity<'s>, consumer: Reference) -> Option<&mut Consumer> {
        match consumer {
            Reference::To(index) => self.gateway.consumers.get_mut(index),
            Reference::Lost => None,
            Reference::Nothing => {
                self.report.fault(entity.node.place, &entity.path, "belongs to no consumer");
                None
            }
        }
    }

    fn plugin(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, Kind::Service);
        let route = self.reference(entity, Kind::Route);
        let consumer = self.reference(entity, Kind::Consumer);
        let shared = self.shared_config(entity);
        let mut fields = self.fields(entity);
        let name = fields.name("name").unwrap_or_default();
        let enabled = fields.flag("enabled").unwrap_or(true);
        let names_group = fields.take("consumer_group").is_some();
        let config = fields.take("config").filter(|node| !node.is_empty()).and_then(|node| {
            let map = Some(node).filter(|node| matches!(node.value, Value::Map(_)));
            fields.expect("config", node, map, "a map")
        });
        let scopes = ["service", "route", "consumer", "protocols", "_config", "instance_name"];
        fields.finish(&scopes, &[]);
        if !enabled {
            return None;
        }
        if !matches!(consumer, Reference::Nothing) {
            self.plugin_of_consumer(entity, &name, consumer);
            return None;
        }
        let is_of_group = names_group || self.entities.is_within(entity, Kind::ConsumerGroup);
        let (service, route) = scope(service, route)?;
        if let ("jwt" | "acl", false) = (name.as_str(), is_of_group) {
            self.claim_scope(entity, &name, (service, route));
        }
        let subject = format!("{}.config", entity.path);
        let configs = [config, shared];
        let kind = match name.as_str() {
            "jwt" if !is_of_group => PluginKind::Jwt(jwt(&subject, configs, self.report)),
            "acl" if !is_of_group => self.acl_plugin(entity, &subject, configs),
            _ => {
                let whose = if is_of_group { " of a consumer group" } else { "" };
                let plugin = format!("the plugin {name}{whose}");
                self.report.note(entity.node.place, &entity.path, format!("{plugin} has no counterpart"));
                if LETS_ALL_IN.contains(&name.as_str()) {
                    return None;
                }
                PluginKind::Guard(plugin)
            }
        };
        Some(push(&mut self.gateway.plugins, Plugin { kind, service, route }))
    }

    /// The configuration that the plugin shares with others, if it does.
    fn shared_config(&mut self, entity: &Entity) -> Option<&'s Node> {
        let name = entity.node.member("_config")?;
        let shared = self.entities.shared_config(name);
        if shared.is_none() {
            let message = "names none of the _plugin_configs that are there";
            self.report.fault(name.place, &format!("{}._config", entity.path), message);
        }
        shared
    }

    /// Which of two would count, the gateway does not say.
    fn claim_scope(&mut self, entity: &Entity, name: &str, scope: Scope) {
        if !self.scopes.insert((name.to_owned(), scope)) {
            let message = format!("the plugin {name} is there twice for the same requests");
            self.report.fault(entity.node.place, &entity.path, message);
        }
    }

    fn acl_plugin(&mut self, entity: &'s Entity<'s>, subject: &str, configs: Configs) -> PluginKind {
        let kind = acl(entity.node.place, subject, configs, self.report);
        if let PluginKind::Acl(acl) = &kind {
            let groups: HashSet<&String> =
                self.gateway.consumers.iter().flat_map(|consumer| &consumer.groups).collect();
            for group in acl.allow.iter().chain(&acl.deny).filter(|group| !groups.contains(group)) {
                let message = format!("the group {group:?} is left out, because no consumer is in it");
                self.report.note(entity.node.place, subject, message);
            }
        }
        kind
    }

    /// Filters for WebAssembly; any of them may keep people out.
    fn filter_chain(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, Kind::Service);
        let route = self.reference(entity, Kind::Route);
        if !self.fields(entity).flag("enabled").unwrap_or(true) {
            return None;
        }
        let (service, route) = scope(service, route)?;
        self.report.note(entity.node.place, &entity.path, "the filter chain has no counterpart");
        let kind = PluginKind::Guard("the filter chain".to_owned());
        Some(push(&mut self.gateway.plugins, Plugin { kind, service, route }))
    }

    /// Without a plugin that may have kept a consumer out, the consumer must not come in.
    fn plugin_of_consumer(&mut self, entity: &'s Entity<'s>, name: &str, consumer: Reference) {
        let mut message = format!("the plugin {name} of a consumer has no counterpart");
        if let Reference::To(index) = consumer
            && !LETS_ALL_IN.contains(&name)
            && let Some(consumer) = self.gateway.consumers.get_mut(index)
        {
            consumer.credentials.clear();
            consumer.is_barred = true;
            message.push_str("; nobody passes as this consumer");
        }
        self.report.note(entity.node.place, &entity.path, message);
    }
}

/// For what something is; `None` if that was left out, and it with that.
fn scope(service: Reference, route: Reference) -> Option<Scope> {
    let index = |reference| match reference {
        Reference::Nothing => Some(None),
        Reference::To(index) => Some(Some(index)),
        Reference::Lost => None,
    };
    Some((index(service)?, index(route)?))
}

/// Reports every text in which something of the form `${{ env "DECK_X" }}` stands.
fn refuse_references(node: &Node, path: &str, report: &mut Report) {
    if node.text().is_some_and(|text| text.contains("${{")) {
        let message =
            "a reference to what stands elsewhere; expected what `deck file render --populate-env-vars` makes of it";
        report.fault(node.place, path, message);
    }
    let members = node.members().iter().map(|(_, member)| member);
    members.chain(node.items()).for_each(|inner| refuse_references(inner, path, report));
}

/// Plugins that come with the gateway and decide nothing about who may call.
const LETS_ALL_IN: &[&str] = &[
    "aws-lambda",
    "azure-functions",
    "correlation-id",
    "cors",
    "datadog",
    "file-log",
    "grpc-gateway",
    "grpc-web",
    "http-log",
    "loggly",
    "opentelemetry",
    "prometheus",
    "proxy-cache",
    "rate-limiting",
    "rate-limiting-advanced",
    "request-size-limiting",
    "request-transformer",
    "request-transformer-advanced",
    "response-ratelimiting",
    "response-transformer",
    "response-transformer-advanced",
    "statsd",
    "syslog",
    "tcp-log",
    "udp-log",
    "zipkin",
];

fn push<T>(list: &mut Vec<T>, item: T) -> usize {
    list.push(item);
    list.len().saturating_sub(1)
}

/// Whether somewhere in it a member of this name is a number above 0.
fn any_positive(node: &Node, name: &str) -> bool {
    node.members().iter().any(|(key, member)| {
        let is_positive = matches!(member.value, Value::Number(number) if number > 0.0);
        (key == name && is_positive) || any_positive(member, name)
    })
}

/// `host:port` or `host`; an IPv6 address with a port stands in brackets.
fn host_and_port(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// A service's `url`, taken apart.
struct Url {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: Option<String>,
}

impl Url {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let (host, port) = host_and_port(authority, 0)?;
        let path = (!path.is_empty()).then(|| path.to_owned());
        Some(Self { scheme: scheme.to_owned(), host, port: (port > 0).then_some(port), path })
    }
}

/// What a route takes of what Envoy's listener speaks.
#[derive(Debug, Clone, Copy)]
struct Protocols {
    grpc_only: bool,
    /// The status that a request without TLS gets.
    without_tls: Option<u16>,
}

/// `None` if the route takes nothing that Envoy's listener speaks. A request without TLS may get the status `redirect`.
fn protocols(fields: &mut Fields, redirect: u16) -> Option<Protocols> {
    let place = fields.place_of("protocols");
    let protocols = fields.texts("protocols");
    let Some(place) = place.filter(|_| !protocols.is_empty()) else {
        return Some(Protocols { grpc_only: false, without_tls: None });
    };
    let has = |names: &[&str]| protocols.iter().any(|protocol| names.contains(&protocol.as_str()));
    if !has(&["http", "https", "grpc", "grpcs"]) {
        fields.note("protocols", place, "has no counterpart; the route is left out");
        return None;
    }
    let grpc_only = !has(&["http", "https"]);
    let without_tls = (!has(&["http", "grpc"])).then_some(if grpc_only { 426 } else { redirect });
    if let Some(status) = without_tls {
        let message = format!("only with TLS: the route answers {status} until the listener has a certificate");
        fields.note("protocols", place, &message);
    }
    Some(Protocols { grpc_only, without_tls })
}

/// The paths; `None` if they are no list of texts.
fn paths(
    fields: &mut Fields,
    is_regex: fn(&str) -> bool,
    may_be_old: bool,
    lacks: &mut Vec<Remark>,
) -> Option<Vec<PathMatch>> {
    let Some(node) = fields.take("paths") else { return Some(Vec::new()) };
    let texts = texts_of(node);
    let texts = fields.expect("paths", node, texts, "a list of texts")?;
    let mut paths = Vec::new();
    for (text, item) in texts.iter().zip(node.items()) {
        let is_path = |char: char| char.is_ascii_alphanumeric() || "/.-_~%:@!$&'()*+,;=".contains(char);
        let is_sound = text.trim_start_matches('~').starts_with('/') && (is_regex(text) || text.chars().all(is_path));
        let expected = "a path from its first slash on; from format 3.0 on, a regular expression begins with ~";
        fields.expect("paths", item, is_sound.then_some(()), expected)?;
        if !is_regex(text) {
            if may_be_old && text.contains(['(', '*', '+']) {
                let message =
                    "is taken as it stands; a regular expression of a gateway before 3.0 is to begin with ~ here";
                fields.note("paths", item.place, message);
            }
            paths.push(PathMatch::Prefix(as_in_requests(text)));
            continue;
        }
        let regex = text.strip_prefix('~').unwrap_or(text).replace("(?<", "(?P<");
        // Envoy sees such characters only percent-encoded.
        let is_plain = regex.chars().all(|char| char.is_ascii_graphic() && !"\"`".contains(char));
        if is_plain && regex_syntax::parse(&regex).is_ok() {
            paths.push(PathMatch::Regex(encoded_in_any_case(&regex)));
        } else {
            lacks.push(fields.remark("paths", item.place, "a regular expression that Envoy cannot run"));
            paths.push(PathMatch::Beyond(literal_start(&regex)));
        }
    }
    Some(paths)
}

/// A text that all begins with that a regular expression matches.
fn literal_start(regex: &str) -> String {
    let is_literal = |char: char| char.is_ascii_alphanumeric() || "/_-".contains(char);
    let end = regex.find(|char| !is_literal(char)).unwrap_or(regex.len());
    let (start, rest) = regex.split_at_checked(end).unwrap_or_default();
    let start = if regex.contains('|') { "" } else { start };
    // What stands before one of these need not be there.
    let start =
        if rest.starts_with(['?', '*', '{']) { start.get(..start.len().saturating_sub(1)) } else { Some(start) };
    start.filter(|start| start.starts_with('/')).unwrap_or("/").to_owned()
}

/// A path as Envoy has it after its normalization, like that of the gateway: unreserved characters are not
/// percent-encoded (RFC 3986 section 2.3), those that a path cannot have are, and no slash follows another.
fn as_in_requests(path: &str) -> String {
    const PLAIN: &[u8] = b"-._~!$&'()*+,;=:@/[]";

    let mut rest = path.as_bytes();
    let mut text = String::new();
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = (byte == b'%').then(|| after.first_chunk().and_then(|digits| decoded(*digits))).flatten();
        rest = if encoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte);
        match encoded {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(byte.into()),
            None if byte == b'/' && text.ends_with('/') => {}
            None if is_plain(byte) || byte == b'%' => text.push(byte.into()),
            _ => _ = write!(text, "%{:02X}", encoded.unwrap_or(byte)),
        }
    }
    text
}

/// A regular expression of which what is percent-encoded matches in any case, and also what needs no encoding.
fn encoded_in_any_case(regex: &str) -> String {
    let mut parts = regex.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    let encoded = parts.map(|part| {
        let byte = part.as_bytes().first_chunk().and_then(|digits| decoded(*digits));
        match (byte, part.split_at_checked(2)) {
            (Some(byte), Some((_, rest))) if byte.is_ascii_alphanumeric() => format!("{}{rest}", char::from(byte)),
            (Some(b'.' | b'-' | b'_' | b'~'), Some((digits, rest))) => format!(r"\x{digits}{rest}"),
            (Some(_), Some((digits, rest))) => format!("(?i:%{digits}){rest}"),
            _ => format!("%{part}"),
        }
    });
    [first].into_iter().chain(encoded).collect()
}

/// The byte that two hexadecimal digits stand for.
fn decoded(digits: [u8; 2]) -> Option<u8> {
    let digits =
        std::str::from_utf8(&digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// The headers; `None` if they are no map of lists of texts.
fn headers(fields: &mut Fields) -> Option<Vec<(String, Vec<String>)>> {
    let Some(node) = fields.take("headers") else { return Some(Vec::new()) };
    // For the gateway an underscore in the name is the same as a dash.
    let name = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    let headers = node.members().iter().map(|(header, values)| Some((name(header), texts_of(values)?)));
    let headers = headers.collect::<Option<Vec<_>>>().filter(|_| matches!(node.value, Value::Map(_)));
    fields.expect("headers", node, headers, "a map of lists of texts")
}

/// Why the filter would not take a credential, if it would not.
fn refused(credential: &Credential) -> Option<String> {
    let is_reference = |text: &str| text.starts_with("{vault://") || text.contains("${{");
    if is_reference(&credential.key) || is_reference(&credential.verification_key) {
        return Some("it is only named here, and stands elsewhere".to_owned());
    }
    let consumer =
        map([("username", Some("x".into())), ("jwt_secrets", Some(Yaml::List(vec![policy::credential(credential)])))]);
    let config = map([("consumers", Some(Yaml::List(vec![consumer])))]).to_json().to_string();
    let faults = Config::parse(config.as_bytes()).err()?;
    Some(faults.first().map_or_else(String::new, |fault| format!("{}; expected {}", fault.found, fault.expected)))
}

/// A plugin's configuration: its own, and behind it the one that it shares with others.
type Configs<'s> = [Option<&'s Node>; 2];

const JWT_FIELDS: [(&str, &str); 10] = [
    ("uri_param_names", r#"["jwt"]"#),
    ("cookie_names", "[]"),
    ("header_names", r#"["authorization"]"#),
    ("key_claim_name", r#""iss""#),
    ("secret_is_base64", "false"),
    ("claims_to_verify", "[]"),
    ("maximum_expiration", "0"),
    ("anonymous", r#""""#),
    ("run_on_preflight", "true"),
    ("realm", r#""""#),
];

fn jwt(path: &str, configs: Configs, report: &mut Report) -> Jwt {
    let mut members = Vec::new();
    for (name, default) in JWT_FIELDS {
        let node = configured(configs, &[name]);
        if let Some(node) = node.filter(|node| !node.is(default)) {
            members.push((name.to_owned(), as_yaml(node)));
        }
    }
    finish(path, configs, &JWT_FIELDS.map(|(name, _)| name), &[], report);
    Jwt(members)
}

const BY_CONSUMER_GROUP: &str = "include_consumer_groups";

fn acl(place: Place, path: &str, configs: Configs, report: &mut Report) -> PluginKind {
    let mut list = |names: [&str; 2]| {
        let Some(node) = configured(configs, &names) else { return Vec::new() };
        texts_of(node).unwrap_or_else(|| {
            report.fault(node.place, &format!("{path}.{}", names[0]), "expected a list of texts");
            Vec::new()
        })
    };
    let acl = Acl { allow: list(["allow", "whitelist"]), deny: list(["deny", "blacklist"]) };
    let by_consumer_group = configured(configs, &[BY_CONSUMER_GROUP]);
    let defaults =
        [("hide_groups_header", "false"), ("always_use_authenticated_groups", "false"), (BY_CONSUMER_GROUP, "false")];
    finish(path, configs, &["allow", "whitelist", "deny", "blacklist"], &defaults, report);
    if by_consumer_group.is_some_and(|node| !node.is("false")) {
        return PluginKind::Guard(format!("the plugin acl with {BY_CONSUMER_GROUP}"));
    }
    if acl.allow.is_empty() && acl.deny.is_empty() {
        report.fault(place, path, "neither allow nor deny; expected one of them");
    }
    PluginKind::Acl(acl)
}

/// A field under one of its names. What a plugin says itself counts, be it null; what it shares fills in the rest.
fn configured<'s>(configs: Configs<'s>, names: &[&str]) -> Option<&'s Node> {
    let named = |config: &'s Node| config.members().iter().filter(|(key, _)| names.contains(&key.as_str()));
    let config = configs.into_iter().flatten().find(|config| named(config).next().is_some())?;
    named(config).map(|(_, node)| node).find(|node| !node.is_null())
}

fn finish(path: &str, configs: Configs, read: &[&str], defaults: &[(&str, &str)], report: &mut Report) {
    for config in configs.into_iter().flatten() {
        Fields::of(path, config, report).finish(read, defaults);
    }
}

/// A value of the source as it is.
fn as_yaml(node: &Node) -> Yaml {
    match &node.value {
        Value::Flag(flag) => (*flag).into(),
        Value::Number(number) if number.fract() == 0.0 && *number >= 0.0 => (*number as u64).into(),
        Value::Number(number) => number.to_string().into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => Yaml::List(items.iter().map(as_yaml).collect()),
        Value::Map(members) => Yaml::Map(members.iter().map(|(name, node)| (name.clone(), as_yaml(node))).collect()),
        Value::Null => "".into(),
    }
}

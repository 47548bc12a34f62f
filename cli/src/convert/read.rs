//! Reading the gateway's declarative configuration: nested or flat, formats 1.1, 2.1 and 3.0, what `deck` dumps, and the
//! answers of the Admin API.

mod address;
mod conditions;
mod plugins;

use std::collections::{HashMap, HashSet};

use jwt_auth_filter::config::Config;

use self::{
    address::{Url, host_and_port},
    conditions::{Protocols, headers, paths, protocols},
    plugins::{Configs, LETS_ALL_IN, acl, jwt},
};

use super::{
    entities::{Entities, Entity, Kind, is_list},
    fields::Fields,
    gateway::{Balancing, Consumer, Credential, Gateway, Plugin, PluginKind, Route, Scheme, Service, Target, Upstream},
    policy,
    report::Report,
    yaml::{Yaml, map},
};
use crate::document::{Content, Node};

/// What the files say together.
pub(super) fn read(files: &[Node], report: &mut Report) -> Gateway {
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
        let name = entity.node.given("name").and_then(Node::text);
        if entity.kind == Kind::JwtSecret || is_plugin && !matches!(name, Some("jwt" | "acl")) {
            return;
        }
        let counts = |name: &str| !is_list(name) && !name.ends_with("_credentials") && name != "tags";
        for member in entity.node.members().iter().filter(|member| counts(&member.name)) {
            let path = format!("{}.{}", entity.path, member.name);
            refuse_references(&member.value, &path, self.report);
        }
    }

    fn fields(&mut self, entity: &'s Entity<'s>) -> Fields<'s, '_> {
        Fields::of(&entity.path, entity.node, self.report)
    }

    /// What an entity belongs to, be it that it stands in it or that it names it.
    fn reference(&mut self, entity: &'s Entity<'s>, kind: Kind) -> Reference {
        let name = kind.as_reference();
        let within = entity.within.iter().find(|number| self.entities.kind(**number) == Some(kind)).copied();
        let number = match (within, entity.node.given(name)) {
            (Some(number), _) => Some(number),
            (None, None) => return Reference::Nothing,
            (None, Some(node)) => self.entities.find(kind, node).or_else(|| {
                let message = format!("names no {name} that is there");
                self.report.fault(node.at, &format!("{}.{name}", entity.path), message);
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
        self.report.fault(entity.node.at, &entity.path, message);
        None
    }

    fn upstream(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let name = fields.name("name");
        let balancing = match fields.take("algorithm").map(|node| (node, node.text())) {
            Some((_, Some("least-connections"))) => Balancing::LeastConnections,
            None | Some((_, Some("round-robin"))) => Balancing::RoundRobin,
            Some((node, _)) => {
                fields.note("algorithm", node.at, "has no counterpart; round-robin takes its place");
                Balancing::RoundRobin
            }
        };
        let host_header = fields.name("host_header");
        if let Some(checks) = fields.take("healthchecks").filter(|checks| any_positive(checks, "interval")) {
            fields.note("healthchecks", checks.at, "has no counterpart");
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
            self.report.fault(entity.node.at, &entity.path, "an upstream without a name");
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
            self.report.fault(entity.node.at, &entity.path, "a target without a host and a port");
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
        let protocol_place = fields.place_of("protocol").unwrap_or(entity.node.at);
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
            self.report.fault(entity.node.at, &entity.path, "a service without a host");
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
            lacks.extend(node.map(|node| fields.remark(name, node.at, "has no counterpart")));
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
        let at = entity.node.at;
        let (Protocols { grpc_only, without_tls }, paths, headers) = (protocols?, paths?, headers?);
        let route = Route {
            at,
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
        let at = entity.node.at;
        let credentials = Vec::new();
        let consumer =
            Consumer { at, username, id, custom_id, tags, groups: Vec::new(), credentials, is_barred: false };
        if consumer.username.is_none() && consumer.id.is_none() && consumer.custom_id.is_none() {
            self.report.fault(at, &entity.path, "a consumer without a username, an id and a custom_id");
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
            self.report.note(entity.node.at, &entity.path, message);
            return None;
        };
        let credential = Credential { key, algorithm, verification_key };
        if let Some(why) = refused(&credential) {
            self.report.note(entity.node.at, &entity.path, format!("is left out: {why}"));
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
            self.report.fault(entity.node.at, &entity.path, "an acl without a group");
            return None;
        };
        let consumer = self.owner(entity, consumer)?;
        Some(push(&mut consumer.groups, group))
    }

    fn consumer_group(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        self.report.note(entity.node.at, &entity.path, "has no counterpart");
        None
    }

    fn owner(&mut self, entity: &'s Entity<'s>, consumer: Reference) -> Option<&mut Consumer> {
        match consumer {
            Reference::To(index) => self.gateway.consumers.get_mut(index),
            Reference::Lost => None,
            Reference::Nothing => {
                self.report.fault(entity.node.at, &entity.path, "belongs to no consumer");
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
            let map = Some(node).filter(|node| matches!(node.content, Content::Object(_)));
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
                self.report.note(entity.node.at, &entity.path, format!("{plugin} has no counterpart"));
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
        let name = entity.node.given("_config")?;
        let shared = self.entities.shared_config(name);
        if shared.is_none() {
            let message = "names none of the _plugin_configs that are there";
            self.report.fault(name.at, &format!("{}._config", entity.path), message);
        }
        shared
    }

    /// Which of two would count, the gateway does not say.
    fn claim_scope(&mut self, entity: &Entity, name: &str, scope: Scope) {
        if !self.scopes.insert((name.to_owned(), scope)) {
            let message = format!("the plugin {name} is there twice for the same requests");
            self.report.fault(entity.node.at, &entity.path, message);
        }
    }

    fn acl_plugin(&mut self, entity: &'s Entity<'s>, subject: &str, configs: Configs) -> PluginKind {
        let kind = acl(entity.node.at, subject, configs, self.report);
        if let PluginKind::Acl(acl) = &kind {
            let groups: HashSet<&String> =
                self.gateway.consumers.iter().flat_map(|consumer| &consumer.groups).collect();
            for group in acl.allow.iter().chain(&acl.deny).filter(|group| !groups.contains(group)) {
                let message = format!("the group {group:?} is left out, because no consumer is in it");
                self.report.note(entity.node.at, subject, message);
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
        self.report.note(entity.node.at, &entity.path, "the filter chain has no counterpart");
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
        self.report.note(entity.node.at, &entity.path, message);
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
        report.fault(node.at, path, message);
    }
    let members = node.members().iter().map(|member| &member.value);
    members.chain(node.items()).for_each(|inner| refuse_references(inner, path, report));
}

fn push<T>(list: &mut Vec<T>, item: T) -> usize {
    list.push(item);
    list.len().saturating_sub(1)
}

/// Whether somewhere in it a member of this name is a number above 0.
fn any_positive(node: &Node, name: &str) -> bool {
    node.members().iter().any(|member| {
        let is_positive = matches!(member.value.content, Content::Number(number) if number > 0.0);
        (member.name == name && is_positive) || any_positive(&member.value, name)
    })
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

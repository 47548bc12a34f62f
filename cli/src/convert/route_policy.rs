//! What the filter demands of each route, and the plugin configuration that says so.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    gateway::{Acl, Answer, Cors, Gateway, Jwt, KongConsumer, KongCredential, KongPlugin, KongRoute, PluginKind},
    report::Report,
    yaml_output::{Yaml, map, some, texts},
};
use crate::diagnostics::Diagnostic;

/// What becomes of the plugins: the filter's configuration, and the routes that must not reach their services.
pub(super) struct Policies {
    pub plugin: Yaml,
    /// By the index of the route.
    pub access: Vec<RouteAccess>,
}

/// Who may use a route.
pub(super) struct RouteAccess {
    /// What answers in place of the service.
    pub answer: Option<Answer>,
    /// Whether not everybody may reach the service.
    pub is_guarded: bool,
    /// What browsers are told of it.
    pub cors: Option<Cors>,
}

/// Fields of the filter's configuration.
type PluginFields = Vec<(String, Yaml)>;

/// What is demanded of a request. `None` if nothing is.
type Demand = Option<PluginFields>;

impl Policies {
    /// `no_route` is the name of the route that takes what no other does.
    pub(super) fn of(gateway: &Gateway, no_route: &str, report: &mut Report) -> Self {
        let groups = GroupNames::of(gateway, report);
        let routes = gateway.routes.iter().enumerate();
        let judged =
            routes.map(|(index, route)| RoutePlugins::of(gateway, index, route).judge(route, gateway, &groups, report));
        let (demands, access): (Vec<Demand>, Vec<RouteAccess>) = judged.unzip();
        for (route, access) in gateway.routes.iter().zip(&access) {
            note(route, access, report);
        }
        let is_there = |route: &KongRoute, access: &RouteAccess| access.is_guarded || !route.is_narrower();
        let demands =
            gateway.routes.iter().zip(&access).zip(demands).filter_map(|((route, access), demand)| {
                is_there(route, access).then_some((route.name.as_str(), demand))
            });
        let rules = Rules::of(demands, no_route);
        let consumers = gateway.consumers.iter().map(|consumer| groups.consumer(consumer)).collect();
        let mut members = rules.top;
        members.push(("rules".to_owned(), Yaml::List(rules.rules)));
        members.push(("consumers".to_owned(), Yaml::List(consumers)));
        Self { plugin: Yaml::Map(members), access }
    }
}

/// Says what becomes of a route that cannot be matched as the gateway does. Where not everybody may use it, the requests
/// that it might match must not go to a route that is more open.
fn note(route: &KongRoute, access: &RouteAccess, report: &mut Report) {
    let outcome = match (access.is_guarded, route.is_narrower()) {
        (true, true) => "what the rest of the route matches gets 503 until you decide",
        (true, false) => "what begins as it does gets 503 until you decide",
        (false, true) => "the route is left out",
        (false, false) => "the path is left out",
    };
    for lack in &route.lacks {
        let message = format!("{}; {outcome}", lack.message);
        report.notes.push(Diagnostic { message, ..lack.clone() });
    }
}

/// The plugins of a route: of each kind the most specific one, since that alone counts.
#[derive(Default)]
struct RoutePlugins<'g> {
    jwt: Option<&'g Jwt>,
    acl: Option<&'g Acl>,
    cors: Option<&'g Option<Cors>>,
    termination: Option<&'g Answer>,
    /// One that has no counterpart and may keep people out, in words.
    guard: Option<&'g str>,
}

impl<'g> RoutePlugins<'g> {
    fn of(gateway: &'g Gateway, index: usize, route: &KongRoute) -> Self {
        let mut plugins: Vec<&KongPlugin> =
            gateway.plugins.iter().filter(|plugin| applies(plugin, index, route)).collect();
        // One for a route counts before one for a service, and that before one for everything.
        plugins.sort_by_key(|plugin| (plugin.route.is_none(), plugin.service.is_none()));
        let mut found = Self::default();
        for plugin in plugins {
            match &plugin.kind {
                PluginKind::Jwt(jwt) => _ = found.jwt.get_or_insert(jwt),
                PluginKind::Acl(acl) => _ = found.acl.get_or_insert(acl),
                PluginKind::Cors(cors) => _ = found.cors.get_or_insert(cors),
                PluginKind::Termination(answer) => _ = found.termination.get_or_insert(answer),
                PluginKind::Guard(plugin) => _ = found.guard.get_or_insert(plugin),
            }
        }
        found
    }

    /// What they demand, and whether a person has to decide about the route first.
    fn judge(
        self,
        route: &KongRoute,
        gateway: &Gateway,
        groups: &GroupNames,
        report: &mut Report,
    ) -> (Demand, RouteAccess) {
        let closed = match (self.guard, self.jwt, self.acl) {
            (Some(plugin), ..) => Some(format!("{plugin} has no counterpart")),
            (None, None, Some(_)) => Some("the plugin acl without the plugin jwt has no counterpart".to_owned()),
            _ => None,
        };
        if let Some(message) = &closed {
            let message = format!("the route answers 503 until you decide: {message}");
            report.note(route.at, &route.name, message);
        }
        let cors = self.cors.cloned().flatten();
        if closed.is_none() && self.termination.is_some() && cors.is_some() {
            let message = "the plugin cors has no counterpart where no service answers, so a preflight request gets what others get";
            report.note(route.at, &route.name, message);
        }
        let answer = closed.map(|message| Answer::of_message(503, &message)).or_else(|| self.termination.cloned());
        let demand = self.jwt.map(|jwt| demand(jwt, self.acl, gateway, groups));
        let is_guarded = demand.is_some() || answer.is_some();
        (demand, RouteAccess { answer, is_guarded, cors })
    }
}

fn applies(plugin: &KongPlugin, index: usize, route: &KongRoute) -> bool {
    let to_route = plugin.route.is_none_or(|of| of == index);
    let to_service = plugin.service.is_none_or(|of| Some(of) == route.service);
    to_route && to_service
}

fn demand(Jwt(fields): &Jwt, acl: Option<&Acl>, gateway: &Gateway, groups: &GroupNames) -> PluginFields {
    let mut fields = fields.clone();
    fields.retain(|(name, value)| name != "anonymous" || !is_barred(value, gateway));
    let Some(acl) = acl else { return fields };
    // The plugin acl also wants a consumer for a preflight request.
    fields.retain(|(name, _)| name != "run_on_preflight");
    let allow = groups.known(&acl.allow);
    let deny = groups.known(&acl.deny);
    // An empty list of these lets nobody in, or keeps nobody out, and has the groups told; none lets everybody in.
    if !acl.allow.is_empty() {
        fields.push(("allow".to_owned(), texts(allow)));
    }
    if !acl.deny.is_empty() {
        fields.push(("deny".to_owned(), texts(deny)));
    }
    if acl.hide_groups_header {
        fields.push(("hide_groups_header".to_owned(), true.into()));
    }
    fields
}

/// Whether a name is that of a consumer that must not come in, not even for want of a token.
fn is_barred(name: &Yaml, gateway: &Gateway) -> bool {
    let barred = gateway.consumers.iter().filter(|consumer| consumer.is_barred);
    let mut names = barred.flat_map(|consumer| [&consumer.username, &consumer.id]).flatten();
    names.any(|barred| Yaml::from(barred.as_str()) == *name)
}

/// The demands as top level and rules.
struct Rules {
    top: PluginFields,
    rules: Vec<Yaml>,
}

impl Rules {
    fn of<'r>(demands: impl Iterator<Item = (&'r str, Demand)>, no_route: &str) -> Self {
        let mut open = Vec::new();
        let mut distinct: Vec<(PluginFields, Vec<&str>)> = Vec::new();
        for (route, demand) in demands {
            let Some(fields) = demand else {
                open.push(route);
                continue;
            };
            match distinct.iter_mut().find(|(known, _)| *known == fields) {
                Some((_, routes)) => routes.push(route),
                None => distinct.push((fields, vec![route])),
            }
        }
        open.push(no_route);
        let disabled = map([("routes", Some(texts(open))), ("disabled", some(true))]);
        // A demand that all routes share stands at the top, where it also holds for routes that come later.
        match <[_; 1]>::try_from(distinct) {
            Ok([(fields, _)]) => Self { top: fields, rules: vec![disabled] },
            Err(several) => {
                let rules = several.into_iter().map(|(fields, routes)| {
                    let routes = ("routes".to_owned(), texts(routes));
                    Yaml::Map([routes].into_iter().chain(fields).collect())
                });
                Self { top: Vec::new(), rules: [disabled].into_iter().chain(rules).collect() }
            }
        }
    }
}

/// The groups of the consumers, with the names that they have for the filter: for it a name in `allow` may be a consumer's
/// too, and a group of that name would let the consumer in. Nor do two groups get one name.
struct GroupNames<'g>(BTreeMap<&'g str, String>);

impl<'g> GroupNames<'g> {
    fn of(gateway: &'g Gateway, report: &mut Report) -> Self {
        let ids = gateway.consumers.iter().flat_map(|consumer| [&consumer.username, &consumer.id]);
        let groups = gateway.consumers.iter().flat_map(|consumer| &consumer.groups);
        let of_consumers: HashSet<&str> = ids.flatten().map(String::as_str).collect();
        let of_groups: BTreeSet<&str> = groups.map(String::as_str).collect();
        let mut taken: HashSet<String> = of_consumers.iter().chain(&of_groups).map(|name| (*name).to_owned()).collect();
        let mut names = BTreeMap::new();
        for group in of_groups {
            let mut name = group.to_owned();
            if of_consumers.contains(group) {
                while !taken.insert(name.clone()) {
                    name.insert_str(0, "group-");
                }
            }
            names.insert(group, name);
        }
        let names = Self(names);
        for consumer in &gateway.consumers {
            for group in consumer.groups.iter().filter(|group| of_consumers.contains(group.as_str())) {
                let name = names.name(group);
                let message = format!(
                    "the group {group} is called {name}, also in X-Consumer-Groups, because a consumer has its name"
                );
                report.note(consumer.at, "acls", message);
            }
        }
        names
    }

    fn name(&self, group: &str) -> &str {
        self.0.get(group).map_or("", String::as_str)
    }

    /// Those that a consumer is in; the filter refuses names that stand for nobody.
    fn known(&self, groups: &[String]) -> Vec<String> {
        groups.iter().filter_map(|group| self.0.get(group.as_str()).cloned()).collect()
    }

    fn consumer(&self, consumer: &KongConsumer) -> Yaml {
        let list = |items: &[String]| (!items.is_empty()).then(|| texts(items));
        let groups = self.known(&consumer.groups);
        let credentials: Vec<Yaml> = consumer.credentials.iter().map(credential).collect();
        map([
            ("username", consumer.username.as_deref().map(Yaml::from)),
            ("id", consumer.id.as_deref().map(Yaml::from)),
            ("custom_id", consumer.custom_id.as_deref().map(Yaml::from)),
            ("tags", list(&consumer.tags)),
            ("groups", list(&groups)),
            ("jwt_secrets", (!credentials.is_empty()).then_some(Yaml::List(credentials))),
        ])
    }
}

/// A credential as the filter's configuration has it.
pub(super) fn credential(credential: &KongCredential) -> Yaml {
    let key = if credential.algorithm.starts_with("HS") { "secret" } else { "rsa_public_key" };
    map([
        ("key", some(credential.key.as_str())),
        ("algorithm", some(credential.algorithm.as_str())),
        (key, some(credential.verification_key.as_str())),
    ])
}

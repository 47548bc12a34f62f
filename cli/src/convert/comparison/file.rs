//! A gateway file, and how it is written down.

use serde_json::{Map, Value, json};

/// The consumers, of which the last one stands for callers without a token.
pub(super) const CONSUMERS: [&str; 3] = ["group-ben", "ben", "guest"];
/// The groups, of which two have names of consumers, one of them that which the other might get, and one is that of nobody.
pub(super) const GROUPS: [&str; 4] = ["staff", "ben", "group-ben", "nobody"];

#[derive(Debug, Clone)]
pub(super) struct File {
    pub form: Form,
    pub version: &'static str,
    pub is_yaml: bool,
    pub consumers: Vec<Consumer>,
    /// Whether each of the two services is switched on.
    pub services: [bool; 2],
    /// Whether the second route of the first service asks for a name in the TLS handshake.
    pub has_sni: bool,
    /// Whether the second route of the second service is for GET alone.
    pub only_gets: bool,
    pub plugins: Vec<Plugin>,
}

/// Where entities stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Nested,
    Flat,
    /// Answers of the Admin API, a file for each kind.
    Answers,
    /// Objects of Kubernetes.
    Manifests,
}

#[derive(Debug, Clone)]
pub(super) struct Consumer {
    pub has_credential: bool,
    pub groups: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Plugin {
    pub kind: Kind,
    pub scope: Scope,
    pub is_enabled: bool,
    /// In what it stands, if it is for that; else in the list of all.
    pub home: Home,
    pub reference: Reference,
    pub has_instance_name: bool,
}

/// For what a plugin is: everything that is set at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub service: Option<usize>,
    /// The number of the service and that of the route in it.
    pub route: Option<(usize, usize)>,
    pub consumer: Option<usize>,
    pub is_of_group: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Route,
    Service,
    Consumer,
    Group,
    Top,
}

/// How one entity names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    Name,
    Id,
    NameInMap,
    IdInMap,
    /// `service_id` and so on, as in Admin APIs before 0.15.
    OldId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Jwt { anonymous: Option<Reference>, run_on_preflight: bool, is_in_authorization: bool },
    Acl { allows: bool, old_names: bool, groups: Vec<&'static str> },
    Cors { continues: bool },
    Termination { trigger: bool },
    Other(&'static str),
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Jwt { .. } => "jwt",
            Self::Acl { .. } => "acl",
            Self::Cors { .. } => "cors",
            Self::Termination { .. } => "request-termination",
            Self::Other(name) => name,
        }
    }

    fn config(&self) -> Value {
        match self {
            Self::Jwt { anonymous, run_on_preflight, is_in_authorization } => json!({
                "anonymous": anonymous.map(|reference| match reference {
                    Reference::Name | Reference::NameInMap => CONSUMERS[2].to_owned(),
                    _ => id("consumer", CONSUMERS[2]),
                }),
                "run_on_preflight": run_on_preflight,
                "header_names": if *is_in_authorization { json!(["authorization"]) } else { json!(["x-token"]) },
                "cookie_names": {},
            }),
            Self::Acl { allows, old_names, groups } => {
                let names = if *old_names { ["blacklist", "whitelist"] } else { ["deny", "allow"] };
                json!({ names[usize::from(*allows)]: groups, names[usize::from(!*allows)]: null })
            }
            Self::Cors { continues } => json!({ "origins": ["*"], "preflight_continue": continues }),
            Self::Termination { trigger } => {
                json!({ "status_code": 410, "trigger": if *trigger { json!("x-stop") } else { Value::Null } })
            }
            Self::Other(_) => json!({ "minute": 5 }),
        }
    }
}

/// An id that is no name.
fn id(kind: &str, name: &str) -> String {
    let number = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{number:08x}-0000-4000-8000-{:012x}", kind.len())
}

impl Reference {
    /// The member by which an entity names another of a kind, and its value.
    fn member(self, kind: &str, name: &str) -> (String, Value) {
        let by = if kind == "consumer" { "username" } else { "name" };
        match self {
            Self::Name => (kind.to_owned(), json!(name)),
            Self::Id => (kind.to_owned(), json!(id(kind, name))),
            Self::NameInMap => (kind.to_owned(), json!({ by: name })),
            Self::IdInMap => (kind.to_owned(), json!({ "id": id(kind, name) })),
            Self::OldId => (format!("{kind}_id"), json!(id(kind, name))),
        }
    }
}

impl File {
    /// The texts of the files that count as one.
    pub(super) fn texts(&self) -> Vec<String> {
        let lists: Vec<(&str, Vec<Value>)> = match self.form {
            Form::Nested => vec![
                ("services", (0..2).map(|service| self.service(service, true)).collect()),
                ("consumers", (0..3).map(|consumer| self.consumer(consumer, true)).collect()),
                ("consumer_groups", vec![self.group()]),
                ("plugins", self.plugins_in(|home, _| home == Home::Top)),
            ],
            Form::Manifests => return vec![self.manifests()],
            Form::Flat | Form::Answers => vec![
                ("plugins", self.plugins_in(|_, _| true)),
                ("acls", self.credentials().flat_map(|(_, acls)| acls).collect()),
                (
                    "routes",
                    (0..2)
                        .flat_map(|service| (0..2).map(move |route| (service, route)))
                        .map(|it| self.route(it, false))
                        .collect(),
                ),
                ("jwt_secrets", self.credentials().flat_map(|(secret, _)| secret).collect()),
                ("consumers", (0..3).map(|consumer| self.consumer(consumer, false)).collect()),
                ("services", (0..2).map(|service| self.service(service, false)).collect()),
            ],
        };
        if self.form == Form::Answers {
            let answers = lists.into_iter().filter(|(_, items)| !items.is_empty());
            return answers.map(|(_, items)| json!({ "data": items, "next": null }).to_string()).collect();
        }
        let mut file: Map<String, Value> =
            lists.into_iter().map(|(name, items)| (name.to_owned(), items.into())).collect();
        file.insert("_format_version".to_owned(), self.version.into());
        // A comment is no JSON, so this is read as YAML.
        let comment = if self.is_yaml { "# drawn\n" } else { "" };
        vec![format!("{comment}{}", Value::Object(file))]
    }

    fn service(&self, number: usize, is_nested: bool) -> Value {
        let name = format!("s{number}");
        let mut service = json!({ "name": name, "id": id("service", &name), "host": "a.example.com", "enabled": self.services[number] });
        if is_nested {
            service["routes"] = (0..2).map(|route| self.route((number, route), true)).collect();
            service["plugins"] =
                self.plugins_in(|home, scope| home == Home::Service && scope.service == Some(number)).into();
        }
        service
    }

    fn route(&self, (service, number): (usize, usize), is_nested: bool) -> Value {
        let name = format!("r{service}{number}");
        let path = if number == 0 { format!("/{service}") } else { format!("/{service}/1") };
        let mut route = json!({ "name": name, "id": id("route", &name), "paths": [path] });
        if self.has_sni && (service, number) == (0, 1) {
            route["snis"] = json!(["a.example.com"]);
        }
        if self.only_gets && (service, number) == (1, 1) {
            route["methods"] = json!(["GET", "POST"]);
        }
        if is_nested {
            route["plugins"] =
                self.plugins_in(|home, scope| home == Home::Route && scope.route == Some((service, number))).into();
        } else {
            route["service"] = json!({ "id": id("service", &format!("s{service}")) });
        }
        route
    }

    fn consumer(&self, number: usize, is_nested: bool) -> Value {
        let name = CONSUMERS[number];
        let mut consumer = json!({ "username": name, "id": id("consumer", name) });
        if is_nested {
            let own = |value: &Value| {
                let mut own = value.clone();
                own.as_object_mut().unwrap().remove("consumer");
                own
            };
            let (secret, acls) = self.credential(number);
            consumer["jwt_secrets"] = secret.iter().map(own).collect();
            consumer["acls"] = acls.iter().map(own).collect();
            consumer["plugins"] =
                self.plugins_in(|home, scope| home == Home::Consumer && scope.consumer == Some(number)).into();
        }
        consumer
    }

    fn group(&self) -> Value {
        json!({ "name": "gold", "plugins": self.plugins_in(|home, scope| home == Home::Group && scope.is_of_group) })
    }

    fn credential(&self, number: usize) -> (Option<Value>, Vec<Value>) {
        let name = CONSUMERS[number];
        let Consumer { has_credential, groups } = &self.consumers[number];
        let consumer = json!({ "id": id("consumer", name) });
        let secret =
            json!({ "key": key(number), "secret": secret(number), "algorithm": "HS256", "consumer": consumer });
        let acls = groups.iter().map(|group| json!({ "group": group, "consumer": consumer })).collect();
        (has_credential.then_some(secret), acls)
    }

    fn credentials(&self) -> impl Iterator<Item = (Option<Value>, Vec<Value>)> {
        (0..CONSUMERS.len()).map(|number| self.credential(number))
    }

    /// The plugins that stand somewhere.
    fn plugins_in(&self, stands: impl Fn(Home, &Scope) -> bool) -> Vec<Value> {
        let home = |plugin: &Plugin| if self.form == Form::Nested { plugin.home } else { Home::Top };
        let here = self.plugins.iter().filter(|plugin| stands(home(plugin), &plugin.scope));
        here.map(|plugin| plugin.written(home(plugin))).collect()
    }
}

/// A consumer's key claim.
pub(super) fn key(consumer: usize) -> String {
    format!("key-of-{}", CONSUMERS[consumer])
}

pub(super) fn secret(consumer: usize) -> String {
    format!("{:x<40}", CONSUMERS[consumer])
}

impl Plugin {
    /// It names what it is for, but for what it stands in.
    fn written(&self, home: Home) -> Value {
        let mut plugin = json!({ "name": self.kind.name(), "enabled": self.is_enabled, "config": self.kind.config() });
        if self.has_instance_name {
            plugin["instance_name"] = json!("one");
        }
        let route = self
            .scope
            .route
            .filter(|_| home != Home::Route)
            .map(|(service, route)| ("route", format!("r{service}{route}")));
        let service =
            self.scope.service.filter(|_| home != Home::Service).map(|service| ("service", format!("s{service}")));
        let consumer =
            self.scope.consumer.filter(|_| home != Home::Consumer).map(|it| ("consumer", CONSUMERS[it].to_owned()));
        let group = (self.scope.is_of_group && home != Home::Group).then(|| ("consumer_group", "gold".to_owned()));
        for (kind, name) in [route, service, consumer, group].into_iter().flatten() {
            let (member, value) = self.reference.member(kind, &name);
            plugin[member] = value;
        }
        plugin
    }
}

/// The same as objects of Kubernetes, in which plugins do not say what they are for, but are named.
impl File {
    fn manifests(&self) -> String {
        let mut objects = Vec::new();
        for (number, plugin) in self.plugins.iter().enumerate() {
            objects.push(plugin.manifest(number));
        }
        for service in 0..2 {
            objects.push(json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": self.metadata(&format!("s{service}"), |scope| scope.service == Some(service)),
            }));
            for route in 0..2 {
                objects.push(self.ingress((service, route)));
            }
        }
        for number in 0..CONSUMERS.len() {
            objects.extend(self.consumer_manifests(number));
        }
        let kong = "configuration.konghq.com/v1beta1";
        let metadata = self.metadata("gold", |scope| scope.is_of_group);
        objects.push(json!({ "apiVersion": kong, "kind": "KongConsumerGroup", "metadata": metadata }));
        objects.iter().map(|object| format!("---\n{object}\n")).collect()
    }

    /// The metadata of an object that names the plugins that are for it.
    fn metadata(&self, name: &str, is_for: impl Fn(&Scope) -> bool) -> Value {
        let plugins = self.plugins.iter().enumerate().filter(|(_, plugin)| is_for(&plugin.scope));
        let names: Vec<String> = plugins.map(|(number, _)| format!("p{number}")).collect();
        json!({
            "name": name,
            "annotations": { "kubernetes.io/ingress.class": "kong", "konghq.com/plugins": names.join(", ") },
        })
    }

    fn ingress(&self, (service, number): (usize, usize)) -> Value {
        let path = if number == 0 { format!("/{service}") } else { format!("/{service}/1") };
        let backend = json!({ "service": { "name": format!("s{service}"), "port": { "number": 80 } } });
        let path = json!({ "path": path, "pathType": "ImplementationSpecific", "backend": backend });
        let mut metadata =
            self.metadata(&format!("r{service}{number}"), |scope| scope.route == Some((service, number)));
        if self.has_sni && (service, number) == (0, 1) {
            metadata["annotations"]["konghq.com/snis"] = json!("a.example.com");
        }
        if self.only_gets && (service, number) == (1, 1) {
            metadata["annotations"]["konghq.com/methods"] = json!("GET,POST");
        }
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": metadata,
            "spec": { "rules": [{ "http": { "paths": [path] } }] },
        })
    }

    fn consumer_manifests(&self, number: usize) -> Vec<Value> {
        let name = CONSUMERS[number];
        let (secret, acls) = self.credential(number);
        let typed = secret.iter().map(|it| ("jwt", it)).chain(acls.iter().map(|it| ("acl", it)));
        let secrets: Vec<Value> = typed
            .enumerate()
            .map(|(at, (kind, credential))| {
                let mut credential = credential.clone();
                credential.as_object_mut().unwrap().remove("consumer");
                json!({
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": { "name": format!("{name}-{at}"), "labels": { "konghq.com/credential": kind } },
                    "stringData": credential,
                })
            })
            .collect();
        let consumer = json!({
            "apiVersion": "configuration.konghq.com/v1",
            "kind": "KongConsumer",
            "metadata": self.metadata(&format!("k-{name}"), |scope| scope.consumer == Some(number)),
            "username": name,
            "credentials": secrets.iter().map(|secret| secret["metadata"]["name"].clone()).collect::<Value>(),
        });
        [consumer].into_iter().chain(secrets).collect()
    }
}

impl Plugin {
    fn manifest(&self, number: usize) -> Value {
        let Scope { service, route, consumer, is_of_group } = self.scope;
        let is_global = (service, route, consumer, is_of_group) == (None, None, None, false);
        json!({
            "apiVersion": "configuration.konghq.com/v1",
            "kind": if is_global || self.has_instance_name { "KongClusterPlugin" } else { "KongPlugin" },
            "metadata": { "name": format!("p{number}"), "labels": { "global": is_global.to_string() } },
            "plugin": self.kind.name(),
            "disabled": !self.is_enabled,
            "config": self.kind.config(),
        })
    }
}

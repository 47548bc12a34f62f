//! The things in the gateway's configuration, wherever they stand: nested in what they belong to, in lists of their own
//! at the top, or in the answers of the Admin API.

use super::{manifests::Manifested, report::Report};
use crate::document::{Node, NodeContent, NodeMember};

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum EntityKind {
    Service,
    Route,
    Plugin,
    Consumer,
    JwtSecret,
    Acl,
    ConsumerGroup,
    Upstream,
    Target,
    FilterChain,
}

impl EntityKind {
    const ALL: [(Self, &str, &str); 10] = [
        (Self::Service, "services", "service"),
        (Self::Route, "routes", "route"),
        (Self::Plugin, "plugins", "plugin"),
        (Self::Consumer, "consumers", "consumer"),
        (Self::JwtSecret, "jwt_secrets", "jwt_secret"),
        (Self::Acl, "acls", "acl"),
        (Self::ConsumerGroup, "consumer_groups", "consumer_group"),
        (Self::Upstream, "upstreams", "upstream"),
        (Self::Target, "targets", "target"),
        (Self::FilterChain, "filter_chains", "filter_chain"),
    ];

    /// The name of the field in which others refer to one.
    pub(super) fn as_reference(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, name)| name)
    }

    /// The kind whose list has this name.
    fn of_list(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, list, _)| *list == name).map(|(kind, ..)| *kind)
    }

    fn may_hold(self, inner: Self) -> bool {
        matches!(
            (self, inner),
            (Self::Service, Self::Route | Self::Plugin | Self::FilterChain)
                | (Self::Route, Self::Plugin | Self::FilterChain)
                | (Self::Consumer, Self::JwtSecret | Self::Acl | Self::Plugin)
                | (Self::ConsumerGroup, Self::Plugin)
                | (Self::Upstream, Self::Target)
        )
    }

    /// The kind of an item of an answer of the Admin API, which does not say it.
    fn of_item(item: &Node) -> Option<Self> {
        let has = |name: &str| item.given(name).is_some();
        let names = |name: &str| item.member(name).is_some();
        let is = [
            (Self::JwtSecret, has("key") && (has("algorithm") || names("rsa_public_key"))),
            (Self::Target, has("target")),
            (Self::Upstream, has("slots") || has("healthchecks")),
            (Self::Route, names("strip_path") || names("paths") || names("hosts")),
            (Self::Service, names("retries") || has("host") || has("url")),
            (Self::Plugin, has("config") && has("name") && !has("prefix")), // a vault has one
            (Self::FilterChain, has("filters")),
            (Self::Acl, has("group")),
            // A credential of another plugin may have a username too.
            (Self::Consumer, (has("username") || has("custom_id")) && !has("consumer")),
        ];
        is.into_iter().find(|(_, is)| *is).map(|(kind, _)| kind)
    }
}

/// Whether a field of this name lists things.
pub(super) fn is_list(name: &str) -> bool {
    EntityKind::of_list(name).is_some()
}

/// One thing.
#[derive(Debug)]
pub(super) struct Entity<'s> {
    pub kind: EntityKind,
    /// How it is called in messages, such as `services[0].routes[1]`.
    pub path: String,
    pub node: &'s Node,
    /// The number of the one that it stands in.
    pub within: Option<usize>,
    /// Whether a path that is a regular expression begins with `~`, as from format 3.0 on.
    tilde: bool,
}

/// The fields by which one thing names another.
const NAMES: [&str; 3] = ["id", "name", "username"];

impl Entity<'_> {
    fn is_named(&self, name: &str) -> bool {
        // What a manifest stands for is named as it is called.
        self.path == name || NAMES.iter().any(|field| self.node.given(field).and_then(Node::text) == Some(name))
    }
}

/// All things, each with a number: its place in the order in which they stand.
#[derive(Debug, Default)]
pub(super) struct Entities<'s> {
    all: Vec<Entity<'s>>,
    /// The workspace that the first says it is of, by its name and by its id.
    workspace: [Option<&'s str>; 2],
    shared_configs: Vec<(&'s str, &'s Node)>,
}

/// What stands at the top without saying anything about requests.
const ABOUT: [&str; 9] = [
    "_format_version",
    "_transform",
    "_comment",
    "_workspace",
    "_konnect",
    "_info",
    "next",
    "parameters",
    "workspaces",
];

impl<'s> Entities<'s> {
    pub(super) fn collect(files: &'s [Node], manifested: &'s [Manifested], report: &mut Report) -> Self {
        let mut entities = Self::default();
        for file in files {
            entities.file(file, report);
        }
        for Manifested { kind, path, node } in manifested {
            entities.add(*kind, path.clone(), node, None, true, report);
        }
        entities.look_for_pages(files, report);
        entities
    }

    /// With a page, or all plugins, not there, routes would be open that are not.
    fn look_for_pages(&self, files: &[Node], report: &mut Report) {
        let kind = |file: &Node| answer_of(file).and_then(|items| EntityKind::of_item(items.items().first()?));
        for (index, file) in files.iter().enumerate() {
            let Some(next) = file.given("next") else { continue };
            if !files.iter().skip(index.saturating_add(1)).any(|other| kind(other) == kind(file)) {
                report.fault(next.at, "next", "the answer has more pages; expected them in the files that follow");
            }
        }
        let answer = files.iter().find(|file| answer_of(file).is_some());
        if let Some(file) = answer
            .filter(|_| self.of(EntityKind::Route).next().is_some() && self.of(EntityKind::Plugin).next().is_none())
        {
            report.note(file.at, "plugins", "none in these answers: without plugins, everybody may use the routes");
        }
    }

    /// What is of one workspace does not hold in another: there, a key is not known.
    fn refuse_other_workspace(&mut self, by: usize, name: Option<&'s Node>, report: &mut Report) {
        let Some((node, text)) = name.and_then(|node| Some((node, node.text()?))) else { return };
        let Some(workspace) = self.workspace.get_mut(by) else { return };
        if *workspace.get_or_insert(text) != text {
            report.fault(node.at, "the workspace", "not that of the files before; expected the files of one workspace");
        }
    }

    pub(super) fn of(&self, kind: EntityKind) -> impl Iterator<Item = (usize, &Entity<'s>)> {
        self.all.iter().enumerate().filter(move |(_, entity)| entity.kind == kind)
    }

    pub(super) fn kind(&self, number: usize) -> Option<EntityKind> {
        self.all.get(number).map(|entity| entity.kind)
    }

    /// Whether it stands in one of the kind.
    pub(super) fn is_within(&self, entity: &Entity, kind: EntityKind) -> bool {
        entity.within.is_some_and(|number| self.kind(number) == Some(kind))
    }

    /// What a reference means: a name, an id, or a map with one of them. Of both the id counts, if the files have ids.
    pub(super) fn find(&self, kind: EntityKind, reference: &Node) -> Option<usize> {
        let names = NAMES.iter().filter_map(|field| reference.given(field)?.text());
        let entity = |name: &str| self.of(kind).find(|(_, entity)| entity.is_named(name)).map(|(number, _)| number);
        reference.text().into_iter().chain(names).find_map(entity)
    }

    /// Whether one of the kind has the name or id.
    pub(super) fn has(&self, kind: EntityKind, name: &str) -> bool {
        self.of(kind).any(|(_, entity)| entity.is_named(name))
    }

    /// How to tell a path that is a regular expression.
    pub(super) fn regex_test(&self, route: &Entity) -> fn(&str) -> bool {
        const PLAIN: &[u8] = b"._~/%-";

        if route.tilde {
            |path| path.starts_with('~')
        } else {
            |path| !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte))
        }
    }

    /// The configuration that plugins share under a name.
    pub(super) fn shared_config(&self, name: &Node) -> Option<&'s Node> {
        let name = name.text()?;
        self.shared_configs.iter().find(|(key, _)| *key == name).map(|(_, node)| *node)
    }

    fn file(&mut self, file: &'s Node, report: &mut Report) {
        if matches!(file.content, NodeContent::List(_)) {
            return self.answer(file, report);
        }
        if !matches!(file.content, NodeContent::Object(_)) {
            return report.fault(file.at, "the file", format!("{}; expected a map", file.in_words()));
        }
        let is_known =
            |name: &str| is_list(name) || ABOUT.contains(&name) || ["data", "_plugin_configs"].contains(&name);
        if !file.members().iter().any(|member| is_known(&member.name)) {
            let message = "nothing of the gateway's configuration; expected services, routes, plugins or consumers";
            return report.fault(file.at, "the file", message);
        }
        let tilde = has_tilde(file, report);
        let says_something = |member: &&NodeMember| !about(member) && !member.value.is_empty();
        for NodeMember { name, value: node, .. } in file.members().iter().filter(says_something) {
            match EntityKind::of_list(name) {
                Some(kind) => self.list(kind, name, node, None, tilde, report),
                None if name == "data" => self.answer(node, report),
                None if name == "_plugin_configs" => {
                    self.shared_configs.extend(node.members().iter().map(|it| (it.name.as_str(), &it.value)));
                }
                None => report.note(node.at, name, "has no counterpart"),
            }
        }
        self.refuse_other_workspace(0, file.given("_workspace"), report);
    }

    /// The items of an answer of the Admin API.
    fn answer(&mut self, node: &'s Node, report: &mut Report) {
        for (index, item) in node.items().iter().enumerate() {
            let path = format!("data[{index}]");
            match EntityKind::of_item(item) {
                Some(kind) => self.add(kind, path, item, None, true, report),
                None => report.note(item.at, &path, "has no counterpart"),
            }
        }
    }

    fn list(
        &mut self,
        kind: EntityKind,
        path: &str,
        node: &'s Node,
        within: Option<usize>,
        tilde: bool,
        report: &mut Report,
    ) {
        // The Admin API wraps its lists.
        let items = node.given("data").unwrap_or(node);
        if let Some(next) = node.given("next") {
            report.fault(next.at, &format!("{path}.next"), "the answer has more pages; expected all in one list");
        }
        if !matches!(items.content, NodeContent::List(_)) {
            return report.fault(node.at, path, format!("{}; expected a list", node.in_words()));
        }
        for (index, item) in items.items().iter().enumerate() {
            self.add(kind, format!("{path}[{index}]"), item, within, tilde, report);
        }
    }

    fn add(
        &mut self,
        kind: EntityKind,
        path: String,
        node: &'s Node,
        within: Option<usize>,
        tilde: bool,
        report: &mut Report,
    ) {
        if !matches!(node.content, NodeContent::Object(_)) {
            return report.fault(node.at, &path, format!("{}; expected a map", node.in_words()));
        }
        self.refuse_other_workspace(1, node.given("ws_id"), report);
        let number = self.all.len();
        self.all.push(Entity { kind, path: path.clone(), node, within, tilde });
        for NodeMember { name, value: inner, .. } in node.members().iter().filter(|member| !member.value.is_empty()) {
            if let Some(of) = EntityKind::of_list(name).filter(|of| kind.may_hold(*of)) {
                self.list(of, &format!("{path}.{name}"), inner, Some(number), tilde, report);
            }
        }
    }
}

/// The items of an answer of the Admin API.
fn answer_of(file: &Node) -> Option<&Node> {
    if matches!(file.content, NodeContent::List(_)) { Some(file) } else { file.given("data") }
}

/// Whether it only says something about the file. Defaults that `deck` would fill in are more than that.
fn about(member: &NodeMember) -> bool {
    ABOUT.contains(&member.name.as_str()) && member.value.given("defaults").is_none_or(Node::is_empty)
}

/// Whether regular expressions are marked with `~`: from format 3.0 on, and in answers of the Admin API.
fn has_tilde(file: &Node, report: &mut Report) -> bool {
    let Some(version) = file.given("_format_version") else { return true };
    let text = version.to_json().to_string();
    match text.trim_matches('"') {
        "1.1" | "2.1" => false,
        "3.0" | "3" => true,
        _ => {
            report.fault(version.at, "_format_version", "an unknown format; expected 1.1, 2.1 or 3.0");
            true
        }
    }
}

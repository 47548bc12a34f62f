//! Reading the gateway's declarative configuration: nested or flat, formats 1.1, 2.1 and 3.0, what `deck` dumps, and the
//! answers of the Admin API.

mod address;
mod callers;
mod conditions;
mod cors;
mod placeholders;
mod plugin_configs;
mod plugins;
mod routes;
mod services;
mod termination;
mod upstreams;

use std::collections::{HashMap, HashSet};

use super::{
    entities::{Entities, Entity, EntityKind, is_list},
    entity_fields::EntityFields,
    gateway::Gateway,
    manifests::Manifested,
    report::Report,
};
use crate::document::Node;

/// What the files say together.
pub(super) fn read(files: &[Node], manifested: &[Manifested], report: &mut Report) -> Gateway {
    let entities = Entities::collect(files, manifested, report);
    let mut reader = KongReader {
        entities: &entities,
        index: HashMap::new(),
        names: HashSet::new(),
        scopes: HashSet::new(),
        gateway: Gateway::default(),
        report,
    };
    // In this order, so that what is referred to has been read.
    for kind in [
        EntityKind::Upstream,
        EntityKind::Target,
        EntityKind::Service,
        EntityKind::Route,
        EntityKind::Consumer,
        EntityKind::JwtSecret,
        EntityKind::Acl,
        EntityKind::ConsumerGroup,
        EntityKind::FilterChain,
        EntityKind::Plugin,
    ] {
        for (number, entity) in entities.of(kind) {
            reader.read(number, entity);
        }
    }
    reader.gateway
}

/// Reads one entity after the other. How it reads those of a kind stands in a file of its own.
struct KongReader<'s, 'r> {
    entities: &'s Entities<'s>,
    /// What became of an entity, by its number: its index in the gateway's list. Some become nothing.
    index: HashMap<usize, usize>,
    /// The names of the services and routes so far.
    names: HashSet<(EntityKind, String)>,
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

impl<'s> KongReader<'s, '_> {
    fn read(&mut self, number: usize, entity: &'s Entity<'s>) {
        self.refuse_references(entity);
        let read = match entity.kind {
            EntityKind::Upstream => self.upstream(entity),
            EntityKind::Target => self.target(entity),
            EntityKind::Service => self.service(entity),
            EntityKind::Route => self.route(entity),
            EntityKind::Consumer => self.consumer(entity),
            EntityKind::JwtSecret => self.jwt_secret(entity),
            EntityKind::Acl => self.acl(entity),
            EntityKind::ConsumerGroup => self.consumer_group(entity),
            EntityKind::FilterChain => self.filter_chain(entity),
            EntityKind::Plugin => self.plugin(entity),
        };
        if let Some(index) = read {
            self.index.insert(number, index);
        }
    }

    /// What another program is to put in: with the placeholder in its place a route would match nothing, and an `acl` keep
    /// nobody out. A credential is left out instead, and a plugin without a counterpart closes its routes.
    fn refuse_references(&mut self, entity: &Entity) {
        let is_plugin = entity.kind == EntityKind::Plugin;
        let name = entity.node.given("name").and_then(Node::text);
        if entity.kind == EntityKind::JwtSecret
            || is_plugin && !name.is_some_and(|name| plugin_configs::CONVERTED.contains(&name))
        {
            return;
        }
        let counts = |name: &str| !is_list(name) && !name.ends_with("_credentials") && name != "tags";
        for member in entity.node.members().iter().filter(|member| counts(&member.name)) {
            let path = format!("{}.{}", entity.path, member.name);
            refuse_references(&member.value, &path, self.report);
        }
    }

    fn fields(&mut self, entity: &'s Entity<'s>) -> EntityFields<'s, '_> {
        EntityFields::of(&entity.path, entity.node, self.report)
    }

    /// What an entity belongs to, be it that it stands in it or that it names it.
    fn reference(&mut self, entity: &'s Entity<'s>, kind: EntityKind) -> Reference {
        let name = kind.as_reference();
        let within = entity.within.iter().find(|number| self.entities.kind(**number) == Some(kind)).copied();
        // Older Admin APIs name by `consumer_id` and the like.
        let fields = [name.to_owned(), format!("{name}_id")];
        let named = fields.iter().find_map(|field| Some((field, entity.node.given(field)?)));
        let number = match (within, named) {
            (Some(number), _) => Some(number),
            (None, None) => return Reference::Nothing,
            (None, Some((field, node))) => self.entities.find(kind, node).or_else(|| {
                let message = format!("names no existing {name}");
                self.report.fault(node.at, &format!("{}.{field}", entity.path), message);
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
}

/// Reports every text that is no value, but names one.
fn refuse_references(node: &Node, path: &str, report: &mut Report) {
    if let Some(found) = node.text().and_then(placeholders::reference) {
        report.fault(node.at, path, found);
    }
    let members = node.members().iter().filter(|member| !placeholders::MAY_LOOK_SO.contains(&member.name.as_str()));
    members.map(|member| &member.value).chain(node.items()).for_each(|inner| refuse_references(inner, path, report));
}

fn push<T>(list: &mut Vec<T>, item: T) -> usize {
    list.push(item);
    list.len().saturating_sub(1)
}

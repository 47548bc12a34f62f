//! How gateway files are drawn.

use std::collections::HashSet;

use proptest::{bool, collection, option, prelude::*, sample};

use super::file::{Consumer, File, Form, GROUPS, Home, Kind, Plugin, Reference, Scope};

fn reference() -> impl Strategy<Value = Reference> {
    sample::select(vec![Reference::Name, Reference::Id, Reference::NameInMap, Reference::IdInMap, Reference::OldId])
}

fn groups(of: &'static [&'static str], at_least: usize) -> impl Strategy<Value = Vec<&'static str>> {
    sample::subsequence(of.to_vec(), at_least..=of.len())
}

fn kind() -> impl Strategy<Value = Kind> {
    let jwt = (option::weighted(0.4, reference()), any::<bool>(), bool::weighted(0.8));
    let jwt = jwt.prop_map(|(anonymous, run_on_preflight, is_in_authorization)| Kind::Jwt {
        anonymous,
        run_on_preflight,
        is_in_authorization,
    });
    let acl = (any::<bool>(), any::<bool>(), groups(&GROUPS, 1));
    let acl = acl.prop_map(|(allows, old_names, groups)| Kind::Acl { allows, old_names, groups });
    let guards = vec!["key-auth", "oauth2", "openid-connect", "ip-restriction", "somebody-s-own"];
    prop_oneof![
        6 => jwt,
        3 => acl,
        2 => bool::weighted(0.2).prop_map(|continues| Kind::Cors { continues }),
        1 => bool::weighted(0.2).prop_map(|trigger| Kind::Termination { trigger }),
        1 => sample::select(guards).prop_map(Kind::Other),
        1 => sample::select(vec!["rate-limiting", "prometheus"]).prop_map(Kind::Other),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    let place = (option::of(0..2_usize), option::of(0..2_usize), any::<bool>());
    (place, option::weighted(0.15, 0..3_usize), bool::weighted(0.07)).prop_map(
        |((service, route, names_service), consumer, is_of_group)| {
            let route = service.zip(route);
            let service = service.filter(|_| route.is_none() || names_service);
            Scope { service, route, consumer, is_of_group: is_of_group && consumer.is_none() }
        },
    )
}

fn plugin() -> impl Strategy<Value = Plugin> {
    (kind(), scope(), bool::weighted(0.85), 0..5_usize, reference(), any::<bool>()).prop_map(
        |(kind, scope, is_enabled, home, reference, has_instance_name)| {
            let homes = [
                (Home::Route, scope.route.is_some()),
                (Home::Service, scope.service.is_some()),
                (Home::Consumer, scope.consumer.is_some()),
                (Home::Group, scope.is_of_group),
                (Home::Top, true),
            ];
            let possible: Vec<Home> = homes.into_iter().filter(|(_, is)| *is).map(|(home, _)| home).collect();
            let home = possible[home % possible.len()];
            Plugin { kind, scope, is_enabled, home, reference, has_instance_name }
        },
    )
}

/// The gateway refuses two plugins of a name for the same.
fn plugins() -> impl Strategy<Value = Vec<Plugin>> {
    collection::vec(plugin(), 0..8).prop_map(|mut plugins| {
        let mut seen = HashSet::new();
        plugins.retain(|plugin| seen.insert((plugin.kind.name(), plugin.scope)));
        plugins
    })
}

pub(super) fn file() -> impl Strategy<Value = File> {
    let consumer = (bool::weighted(0.9), groups(&GROUPS[..3], 0))
        .prop_map(|(has_credential, groups)| Consumer { has_credential, groups });
    let form = sample::select(vec![Form::Nested, Form::Flat, Form::Answers, Form::Manifests]);
    let written = (form, sample::select(vec!["1.1", "2.1", "3.0"]), any::<bool>());
    let services = [bool::weighted(0.9), bool::weighted(0.9)];
    let conditions = (bool::weighted(0.2), any::<bool>());
    (written, collection::vec(consumer, 3), services, conditions, plugins()).prop_map(
        |((form, version, is_yaml), consumers, services, (has_sni, only_gets), plugins)| {
            let file = File { form, version, is_yaml, consumers, services, has_sni, only_gets, plugins };
            if form == Form::Manifests { in_kubernetes(file) } else { file }
        },
    )
}

/// Where no service is switched off, consumers have no ids, and a plugin that a route and a service name is for each of them.
fn in_kubernetes(mut file: File) -> File {
    file.services = [true, true];
    for plugin in &mut file.plugins {
        if plugin.scope.route.is_some() {
            plugin.scope.service = None;
        }
        if let Kind::Jwt { anonymous: Some(anonymous), .. } = &mut plugin.kind {
            *anonymous = Reference::Name;
        }
    }
    let mut seen = HashSet::new();
    file.plugins.retain(|plugin| seen.insert((plugin.kind.name(), plugin.scope)));
    file
}

//! How gateway files are drawn from octets, which come from chance or from a fuzzer.

use std::collections::HashSet;

use arbitrary::{Result, Unstructured};

use super::file::{CONSUMERS, Consumer, File, Form, GROUPS, Home, Kind, Plugin, Reference, Scope};

/// The file of these octets. What they do not say, because they end, is the first of what there is.
pub(super) fn file(octets: &[u8]) -> Result<File> {
    let from = &mut Unstructured::new(octets);
    let form = *from.choose(&[Form::Nested, Form::Flat, Form::Answers, Form::Manifests])?;
    let file = File {
        form,
        version: from.choose(&["1.1", "2.1", "3.0"])?,
        is_yaml: from.arbitrary()?,
        consumers: CONSUMERS.iter().map(|_| consumer(from)).collect::<Result<_>>()?,
        services: [from.ratio(9, 10)?, from.ratio(9, 10)?],
        has_sni: from.ratio(1, 5)?,
        only_gets: from.arbitrary()?,
        plugins: plugins(from)?,
    };
    Ok(if form == Form::Manifests { in_kubernetes(file) } else { file })
}

fn consumer(from: &mut Unstructured) -> Result<Consumer> {
    Ok(Consumer { has_credential: from.ratio(9, 10)?, groups: groups(from, &GROUPS[..3])? })
}

fn groups(from: &mut Unstructured, of: &[&'static str]) -> Result<Vec<&'static str>> {
    let chosen = from.int_in_range(0..=(1_u8 << of.len()) - 1)?;
    Ok(of.iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0).map(|(_, group)| *group).collect())
}

/// The gateway refuses two plugins of a name for the same.
fn plugins(from: &mut Unstructured) -> Result<Vec<Plugin>> {
    let count = from.int_in_range(0..=7)?;
    let mut plugins = (0..count).map(|_| plugin(from)).collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    plugins.retain(|plugin| seen.insert((plugin.kind.name(), plugin.scope)));
    Ok(plugins)
}

fn plugin(from: &mut Unstructured) -> Result<Plugin> {
    let (kind, scope) = (kind(from)?, scope(from)?);
    let homes = [
        (Home::Route, scope.route.is_some()),
        (Home::Service, scope.service.is_some()),
        (Home::Consumer, scope.consumer.is_some()),
        (Home::Group, scope.is_of_group),
        (Home::Top, true),
    ];
    let possible: Vec<Home> = homes.into_iter().filter(|(_, is)| *is).map(|(home, _)| home).collect();
    Ok(Plugin {
        kind,
        scope,
        is_enabled: from.ratio(17, 20)?,
        home: *from.choose(&possible)?,
        reference: reference(from)?,
        has_instance_name: from.arbitrary()?,
    })
}

fn kind(from: &mut Unstructured) -> Result<Kind> {
    const GUARDS: [&str; 5] = ["key-auth", "oauth2", "openid-connect", "ip-restriction", "somebody-s-own"];

    Ok(match from.int_in_range(0..=13)? {
        0..=5 => Kind::Jwt {
            anonymous: if from.ratio(2, 5)? { Some(reference(from)?) } else { None },
            run_on_preflight: from.arbitrary()?,
            is_in_authorization: from.ratio(4, 5)?,
        },
        6..=8 => {
            let (allows, old_names, mut groups) = (from.arbitrary()?, from.arbitrary()?, groups(from, &GROUPS)?);
            if groups.is_empty() {
                groups.push(GROUPS[0]);
            }
            Kind::Acl { allows, old_names, groups }
        }
        9..=10 => Kind::Cors { continues: from.ratio(1, 5)? },
        11 => Kind::Termination { trigger: from.ratio(1, 5)? },
        12 => Kind::Other(from.choose(&GUARDS)?),
        _ => Kind::Other(from.choose(&["rate-limiting", "prometheus"])?),
    })
}

fn scope(from: &mut Unstructured) -> Result<Scope> {
    let place = |from: &mut Unstructured| Ok(if from.arbitrary()? { Some(from.int_in_range(0..=1)?) } else { None });
    let (service, route) = (place(from)?, place(from)?);
    let route = service.zip(route);
    let names_service = from.arbitrary()?;
    let consumer = if from.ratio(3, 20)? { Some(from.choose_index(CONSUMERS.len())?) } else { None };
    let is_of_group = from.ratio(7, 100)? && consumer.is_none();
    Ok(Scope { service: service.filter(|_| route.is_none() || names_service), route, consumer, is_of_group })
}

fn reference(from: &mut Unstructured) -> Result<Reference> {
    let all = [Reference::Name, Reference::Id, Reference::NameInMap, Reference::IdInMap, Reference::OldId];
    from.choose(&all).copied()
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

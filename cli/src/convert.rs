//! `jwt-auth convert`: an Envoy configuration out of the gateway's.

#[cfg(any(test, feature = "comparison"))]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "it is meant to panic if the two differ"
)]
mod comparison;
mod entities;
mod entity_fields;
mod envoy;
mod envoy_cors;
mod envoy_routes;
mod gateway;
mod manifests;
mod read;
mod report;
mod route_policy;
mod sources;

#[cfg(feature = "comparison")]
pub use self::comparison::fuzzed;

use std::{fmt::Write, process::ExitCode};

use jwt_auth_filter::config::{Config, Path, Step};

use self::{envoy::EnvoySetup, gateway::Gateway, report::Report, route_policy::Policies, sources::Sources};
use crate::{
    cli::{ConvertArguments, Edition},
    diagnostics::{Diagnostic, SourceFile},
    hosts::FilterModule,
    output,
    position::Position,
    yaml_output::{self, Yaml},
};

/// Prints the Envoy configuration, and at its end what could not be converted.
pub(crate) fn run(arguments: &ConvertArguments) -> ExitCode {
    let read = setup(arguments).and_then(|setup| Ok((setup, Sources::read(&arguments.files)?)));
    let (setup, sources) = match read {
        Ok(read) => read,
        Err(problem) => return output::fail(&problem),
    };
    let mut report = Report::default();
    let converted = convert(&sources, &setup, &mut report);
    let report = report.sorted();
    let lines = |all: &[Diagnostic]| all.iter().map(|diagnostic| diagnostic.line(&sources.files)).collect::<Vec<_>>();
    let (notes, faults) = (lines(&report.notes), lines(&report.faults));
    if !faults.is_empty() {
        return refuse(&faults, "not converted: Kong or the filter would refuse it");
    }
    if arguments.strict && !notes.is_empty() {
        return refuse(&notes, "not converted, because of --strict: these have no counterpart");
    }
    match notes.len() {
        0 => {}
        1 => eprintln!("1 setting has no counterpart; it is listed at the end of the output"),
        several => eprintln!("{several} settings have no counterpart; they are listed at the end of the output"),
    }
    output::print(&text(&converted, &sources.files, &notes))
}

/// What Envoy is told beside the gateway's configuration.
fn setup(arguments: &ConvertArguments) -> Result<EnvoySetup, String> {
    const NO_FILE: &str = "--module names a Wasm file, and --edition native has none: Envoy finds libjwt_auth.so in the \
                           folder that the environment variable ENVOY_DYNAMIC_MODULES_SEARCH_PATH names";
    let module = match (arguments.edition, &arguments.module) {
        (Edition::Wasm, file) => FilterModule::Wasm(file.clone().unwrap_or_else(|| "dist/jwt-auth.wasm".to_owned())),
        (Edition::Native, None) => FilterModule::Native,
        (Edition::Native, Some(_)) => return Err(NO_FILE.to_owned()),
    };
    Ok(EnvoySetup {
        listen: arguments.listen,
        admin: arguments.admin,
        module,
        ingress_class: arguments.ingress_class.clone(),
    })
}

fn convert(sources: &Sources, setup: &EnvoySetup, report: &mut Report) -> Yaml {
    let manifested = manifests::translate(&sources.manifests, &setup.ingress_class, report);
    let gateway = read::read(&sources.trees, &manifested, report);
    refuse_nothing(&gateway, report);
    let no_route = unused_name(&gateway);
    let policies = Policies::of(&gateway, &no_route, report);
    refuse_faulty(&policies.plugin, &gateway, report);
    envoy::bootstrap(&gateway, policies, &no_route, setup)
}

/// Without a route, every request gets 404; somebody may still want the consumers.
fn refuse_nothing(gateway: &Gateway, report: &mut Report) {
    if !gateway.routes.is_empty() || !report.faults.is_empty() {
        return;
    }
    if gateway.consumers.is_empty() {
        let message = "neither a route nor a consumer; expected Kong's configuration with routes";
        report.fault(Position::START, "the files", message);
        // They tell why.
        report.faults.append(&mut report.notes);
    } else {
        report.note(Position::START, "routes", "none in these files: every request gets 404");
    }
}

/// A name that no route has.
fn unused_name(gateway: &Gateway) -> String {
    let mut name = "no-route".to_owned();
    while gateway.routes.iter().any(|route| route.name == name) {
        name.insert_str(0, "no-");
    }
    name
}

/// The filter itself reads what it is to get, so that Envoy starts with it.
fn refuse_faulty(plugin: &Yaml, gateway: &Gateway, report: &mut Report) {
    let Err(faults) = Config::parse(plugin.to_json().to_string().as_bytes()) else { return };
    for fault in faults {
        let (at, whose, path) = source_of(&fault.path.0, gateway).unwrap_or((Position::START, "", &fault.path.0));
        let path = Path(path.to_vec()).to_string();
        let subject = if whose.is_empty() { path } else { format!("{whose}.{path}") };
        report.faults.push(Diagnostic::fault(at, fault.found).about(subject).expecting(fault.expected));
    }
}

/// The place of the consumer or credential that a path leads to, how it is called, and the rest of the path.
fn source_of<'g>(path: &'g [Step], gateway: &'g Gateway) -> Option<(Position, &'g str, &'g [Step])> {
    let (Step::Field(list), Step::Item(index), rest) = (path.first()?, path.get(1)?, path.get(2..)?) else {
        return None;
    };
    let consumer = gateway.consumers.get(*index).filter(|_| list == "consumers")?;
    match rest {
        [Step::Field(list), Step::Item(index), rest @ ..] if list == "jwt_secrets" => {
            let credential = consumer.credentials.get(*index)?;
            Some((credential.at, &credential.path, rest))
        }
        _ => Some((consumer.at, &consumer.path, rest)),
    }
}

fn refuse(lines: &[String], why: &str) -> ExitCode {
    for line in lines {
        eprintln!("{line}");
    }
    eprintln!("{why}");
    ExitCode::from(output::FAULTS)
}

fn text(converted: &Yaml, sources: &[SourceFile], notes: &[String]) -> String {
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let one_line = |text: &str| text.replace(['\n', '\r'], " ");
    let mut text = format!("# Converted from {}.\n\n{converted}", one_line(&names.join(", ")));
    if notes.is_empty() {
        return text;
    }
    text.push_str("\n# What has no counterpart, and where it stands:\n");
    for note in notes {
        _ = writeln!(text, "# {}", one_line(note));
    }
    text
}

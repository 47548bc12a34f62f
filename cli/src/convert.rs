//! `jwt-auth convert`: an Envoy configuration out of the gateway's.

mod entities;
mod entity_fields;
mod envoy;
mod envoy_cors;
mod envoy_routes;
mod gateway;
mod read;
mod report;
mod route_policy;
#[cfg(test)]
mod tests;
mod yaml_output;

use std::{
    fmt::Write,
    io::{self, IsTerminal},
    process::ExitCode,
    slice,
};

use jwt_auth_filter::config::{Config, Step};

use self::{
    envoy::{EnvoySetup, FilterModule},
    gateway::Gateway,
    report::Report,
    route_policy::Policies,
    yaml_output::Yaml,
};
use crate::{
    cli::{ConvertArguments, Edition},
    diagnostics::{Diagnostic, Excerpts, SourceFile},
    document::{self, Dialect, Node, NodeContent, NodeMember},
    input::Input,
    output,
    position::Position,
};

/// Prints the Envoy configuration, and at its end what could not be converted.
pub(crate) fn run(arguments: &ConvertArguments) -> ExitCode {
    let read = setup(arguments).and_then(|setup| Ok((setup, read_files(arguments)?)));
    let (setup, (sources, trees)) = match read {
        Ok(read) => read,
        Err(problem) => return output::fail(&problem),
    };
    let mut report = Report::default();
    let converted = convert(&trees, &setup, &mut report);
    let report = report.sorted();
    let lines = |all: &[Diagnostic]| all.iter().map(|diagnostic| diagnostic.line(&sources)).collect::<Vec<_>>();
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
    output::print(&text(&converted, &sources, &notes))
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
    Ok(EnvoySetup { listen: arguments.listen, admin: arguments.admin, module })
}

fn convert(files: &[Node], setup: &EnvoySetup, report: &mut Report) -> Yaml {
    let gateway = read::read(files, report);
    let no_route = unused_name(&gateway);
    let policies = Policies::of(&gateway, &no_route, report);
    refuse_faulty(&policies.plugin, &gateway, report);
    envoy::bootstrap(&gateway, policies, &no_route, setup)
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
        let consumer = match fault.path.0.as_slice() {
            [Step::Field(list), Step::Item(index), ..] if list == "consumers" => gateway.consumers.get(*index),
            _ => None,
        };
        let at = consumer.map_or(Position::START, |consumer| consumer.at);
        let diagnostic = Diagnostic::fault(at, fault.found).about(fault.path.to_string()).expecting(fault.expected);
        report.faults.push(diagnostic);
    }
}

/// The files, and what stands in each.
fn read_files(arguments: &ConvertArguments) -> Result<(Vec<SourceFile>, Vec<Node>), String> {
    let mut sources = Vec::new();
    let mut trees = Vec::new();
    for (file, path) in arguments.files.iter().enumerate() {
        let input = Input::new(path);
        let source = SourceFile { name: input.to_string(), text: input.read()? };
        trees.push(tree(&source)?.in_file(file));
        sources.push(source);
    }
    Ok((sources, trees))
}

fn tree(source: &SourceFile) -> Result<Node, String> {
    let name = &source.name;
    let sources = slice::from_ref(source);
    let documents = document::read(&source.text, Dialect::Go).map_err(|unreadable| {
        let excerpts = Excerpts::of(io::stderr().is_terminal(), &io::stderr());
        unreadable.text(sources, excerpts)
    })?;
    if documents.iter().any(is_manifest) {
        let expected =
            "expected the gateway's own configuration, from `deck gateway dump` or `GET /config` of its Admin API";
        return Err(format!("{name}: manifests for Kubernetes, which are not read; {expected}"));
    }
    let [document] = <[_; 1]>::try_from(documents)
        .map_err(|documents| format!("{name}: {} documents; expected one", documents.len()))?;
    // `GET /config` of the Admin API: a text, and in it the configuration.
    match document.members() {
        [NodeMember { name: member, value: Node { content: NodeContent::Text(config), .. }, .. }]
            if member == "config" =>
        {
            let documents = document::read(&config.text, Dialect::Go).map_err(|unreadable| unreadable.line(sources))?;
            let [document] = <[_; 1]>::try_from(documents)
                .map_err(|documents| format!("{name}: {} documents in config; expected one", documents.len()))?;
            Ok(document)
        }
        _ => Ok(document),
    }
}

/// Whether it is an object of the Kubernetes API, such as a `KongPlugin`.
fn is_manifest(document: &Node) -> bool {
    ["apiVersion", "kind"].iter().all(|name| document.given(name).is_some())
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

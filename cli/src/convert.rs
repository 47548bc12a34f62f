//! `jwt-auth convert`: an Envoy configuration out of the gateway's.

mod entities;
mod envoy;
mod fields;
mod gateway;
mod policy;
mod read;
mod report;
mod routes;
mod yaml;

use std::{fmt::Write, process::ExitCode};

use jwt_auth_filter::config::{Config, Step};

use self::{
    envoy::Surroundings,
    gateway::Gateway,
    policy::Policies,
    report::{Line, Remark, Report},
    yaml::Yaml,
};
use crate::{
    cli::ConvertArguments,
    document::{self, Content, Dialect, Member, Node, Position},
    input::Input,
    output,
};

/// Prints the Envoy configuration, and at its end what could not be converted.
pub(crate) fn run(arguments: &ConvertArguments) -> ExitCode {
    let inputs: Vec<Input> = arguments.files.iter().map(Input::new).collect();
    let names: Vec<String> = inputs.iter().map(Input::to_string).collect();
    let files = match inputs.iter().enumerate().map(|(file, input)| source(file, input)).collect::<Result<Vec<_>, _>>()
    {
        Ok(files) => files,
        Err(problem) => return output::fail(&problem),
    };
    let mut report = Report::default();
    let converted = convert(&files, arguments, &mut report);
    for remarks in [&mut report.notes, &mut report.faults] {
        remarks.sort();
        remarks.dedup();
    }
    let lines = |remarks: &[Remark]| remarks.iter().map(|remark| Line(remark, &names).to_string()).collect::<Vec<_>>();
    let (notes, faults) = (lines(&report.notes), lines(&report.faults));
    if !faults.is_empty() {
        return refuse(&faults, "not converted: the gateway or the filter would refuse it");
    }
    if arguments.strict && !notes.is_empty() {
        return refuse(&notes, "not converted, because of --strict: these have no counterpart");
    }
    match notes.len() {
        0 => {}
        1 => eprintln!("1 setting has no counterpart; it is listed at the end of the output"),
        several => eprintln!("{several} settings have no counterpart; they are listed at the end of the output"),
    }
    output::print(&text(&converted, &names, &notes))
}

fn convert(files: &[Node], arguments: &ConvertArguments, report: &mut Report) -> Yaml {
    let gateway = read::read(files, report);
    let no_route = unused_name(&gateway);
    let policies = Policies::of(&gateway, &no_route, report);
    refuse_faulty(&policies.plugin, &gateway, report);
    let ConvertArguments { listen, admin, module, .. } = arguments;
    let surroundings = Surroundings { listen: *listen, admin: *admin, module: module.clone() };
    envoy::bootstrap(&gateway, policies, &no_route, &surroundings)
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
        let place = consumer.map_or(Position::START, |consumer| consumer.place);
        report.fault(place, &fault.path.to_string(), format!("{}; expected {}", fault.found, fault.expected));
    }
}

fn source(file: usize, input: &Input) -> Result<Node, String> {
    let text = input.read()?;
    let unreadable = |error: document::Unreadable| format!("{input}:{}: {}", error.at, error.problem);
    let documents = document::read(&text, Dialect::Go).map_err(unreadable)?;
    let [document] = <[_; 1]>::try_from(documents)
        .map_err(|documents| format!("{input}: {} documents; expected one", documents.len()))?;
    let node = document.in_file(file);
    // `GET /config` of the Admin API: a text, and in it the configuration.
    match node.members() {
        [Member { name, value: Node { content: Content::Text(config), .. }, .. }] if name == "config" => {
            let documents = document::read(&config.text, Dialect::Go).map_err(unreadable)?;
            let [document] = <[_; 1]>::try_from(documents)
                .map_err(|documents| format!("{input}: {} documents in config; expected one", documents.len()))?;
            Ok(document.in_file(file))
        }
        _ => Ok(node),
    }
}

fn refuse(lines: &[String], why: &str) -> ExitCode {
    for line in lines {
        eprintln!("{line}");
    }
    eprintln!("{why}");
    ExitCode::from(output::FAULTS)
}

fn text(converted: &Yaml, names: &[String], notes: &[String]) -> String {
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

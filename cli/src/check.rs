//! `jwt-auth check`: what is wrong with configurations, and what is worth a second look, each at its place in its file.

mod surroundings;
mod warnings;

use std::process::ExitCode;

use jwt_auth_filter::config::{Config, Fault, Step, UNKNOWN_FIELD};
use serde_json::{Value, json};

use crate::{
    cli::{CheckArguments, Format},
    configurations::{self, Configuration, Findings},
    document::{Node, Position, Unreadable},
    input::Input,
    output,
};

/// A line of the report.
pub(crate) struct Finding {
    pub at: Position,
    /// The field; for a fault in the file itself, none.
    pub path: Option<String>,
    pub message: Message,
}

pub(crate) enum Message {
    /// The filter refuses the configuration, or does not keep what it promises in this file.
    Fault { found: String, expected: Option<String> },
    /// The filter takes it.
    Warning(String),
}

/// What was found in a file.
struct Report {
    file: String,
    configurations: usize,
    findings: Vec<Finding>,
}

/// Checks the files, and prints the findings of each.
pub(crate) fn run(arguments: &CheckArguments) -> ExitCode {
    let mut unread = false;
    let mut reports = Vec::new();
    for file in &arguments.files {
        let input = Input::new(file);
        match input.read() {
            Ok(text) => reports.push(check(&input, &text)),
            Err(problem) => {
                output::complain(&problem);
                unread = true;
            }
        }
    }
    let text = match arguments.format {
        Format::Text => reports.iter().map(Report::text).collect(),
        Format::Json => format!("{:#}\n", Value::Array(reports.iter().map(Report::json).collect())),
    };
    let has_faults = reports.iter().any(|report| report.count(true) > 0);
    match (unread, has_faults) {
        (true, _) => output::print_with(&text, output::USAGE),
        (false, true) => output::print_with(&text, output::FAULTS),
        (false, false) => output::print(&text),
    }
}

fn check(input: &Input, text: &str) -> Report {
    let mut report = Report { file: input.to_string(), configurations: 0, findings: Vec::new() };
    let kind = if input.is_json() { "no JSON" } else { "neither YAML nor JSON" };
    match configurations::find(text, input.is_json()) {
        Err(Unreadable { at, problem }) => report.findings.push(Finding {
            at,
            path: None,
            message: Message::Fault { found: format!("{kind}: {problem}"), expected: None },
        }),
        Ok(found) => {
            report.configurations = found.configurations.len();
            if found.configurations.is_empty() && found.discovered.is_empty() {
                report.findings.push(nothing_found(&found));
            }
            for configuration in &found.configurations {
                report.findings.extend(findings(configuration));
            }
            report.findings.extend(found.discovered.iter().map(|discovered| Finding {
                at: discovered.at,
                path: None,
                message: Message::Warning(format!("{discovered}; check that too")),
            }));
        }
    }
    report.findings.sort_by_key(|finding| (!finding.is_fault(), finding.at));
    report
}

fn nothing_found(Findings { others, of_gateway, .. }: &Findings) -> Finding {
    let names: Vec<String> = others.iter().map(|(name, at)| format!("{name} (line {})", at.line)).collect();
    let seen = match names.as_slice() {
        [] if *of_gateway => ", but the gateway's own, of which `jwt-auth convert` makes one".to_owned(),
        [] => String::new(),
        names => format!(", only the Wasm filters {}", names.join(", ")),
    };
    let expected = "a plugin configuration, or a Wasm filter with jwt-auth or jwt_auth in its name, root_id or module";
    Finding {
        at: Position::START,
        path: None,
        message: Message::Fault {
            found: format!("no configuration of the filter{seen}"),
            expected: Some(expected.to_owned()),
        },
    }
}

/// What there is to say about a configuration: its faults, or, when it has none, its warnings.
fn findings(configuration: &Configuration) -> Vec<Finding> {
    let fault = |at, Fault { path, found, expected }: Fault| Finding {
        at,
        path: Some(path.to_string()),
        message: Message::Fault { found, expected: Some(expected) },
    };
    if !configuration.broken.is_empty() {
        return configuration.broken.iter().map(|broken| fault(configuration.at, broken.clone())).collect();
    }
    match Config::of(configuration.root.to_value()) {
        Ok(config) => {
            let mut findings = warnings::of(configuration, &config);
            findings.extend(surroundings::findings(&configuration.surroundings, &config));
            findings
        }
        Err(faults) => {
            let root = &configuration.root;
            faults.into_iter().map(|found| fault(place(root, &found), explained(root, found))).collect()
        }
    }
}

/// Where a fault stands: a field that should not be there, at its name.
fn place(root: &Node, fault: &Fault) -> Position {
    let name = if fault.found == UNKNOWN_FIELD { root.name_place(&fault.path.0) } else { None };
    name.unwrap_or_else(|| root.place(&fault.path.0))
}

/// A fault, with what is often behind it and only the file shows.
fn explained(root: &Node, mut fault: Fault) -> Fault {
    let is_merge_key = fault.found == UNKNOWN_FIELD && fault.path.0.last() == Some(&Step::Field("<<".to_owned()));
    let text = root.find(&fault.path.0).and_then(Node::text).unwrap_or_default();
    if is_merge_key {
        fault.found += ", <<: Envoy merges nothing";
    } else if text.contains("-----BEGIN ") && text.contains("\\n") {
        fault.found += "; it holds \\n where lines should end, which are line breaks only between double quotes";
    }
    fault
}

impl Report {
    fn count(&self, faults: bool) -> usize {
        self.findings.iter().filter(|finding| finding.is_fault() == faults).count()
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self.findings.iter().map(|finding| finding.text(&self.file)).collect();
        let verdict = format!(
            "{}: {}, {}, {}",
            self.file,
            output::counted(self.configurations, "configuration"),
            output::counted(self.count(true), "fault"),
            output::counted(self.count(false), "warning"),
        );
        lines.push(verdict);
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file,
            "configurations": self.configurations,
            "faults": self.findings.iter().filter(|it| it.is_fault()).map(Finding::json).collect::<Vec<_>>(),
            "warnings": self.findings.iter().filter(|it| !it.is_fault()).map(Finding::json).collect::<Vec<_>>(),
        })
    }
}

impl Finding {
    fn is_fault(&self) -> bool {
        matches!(self.message, Message::Fault { .. })
    }

    fn text(&self, file: &str) -> String {
        let place = format!("{file}:{}", self.at);
        let path = self.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
        match &self.message {
            Message::Fault { found, expected: Some(expected) } => {
                format!("{place}: {path}{found}; expected {expected}")
            }
            Message::Fault { found, expected: None } => format!("{place}: {path}{found}"),
            Message::Warning(text) => format!("{place}: warning: {path}{text}"),
        }
    }

    fn json(&self) -> Value {
        let Self { at, path, message } = self;
        match message {
            Message::Fault { found, expected } => {
                json!({ "line": at.line, "column": at.column, "path": path, "found": found, "expected": expected })
            }
            Message::Warning(text) => {
                json!({ "line": at.line, "column": at.column, "path": path, "message": text })
            }
        }
    }
}

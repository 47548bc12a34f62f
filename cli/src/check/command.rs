//! `jwt-auth check`.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    slice,
};

use serde_json::Value;

use super::{FileReport, watch};
use crate::{
    cli::{CheckArguments, Format, ShowSource},
    counted,
    diagnostics::Excerpts,
    input::Input,
    output,
};

/// Checks the files, and prints the findings of each.
pub(crate) fn run(arguments: &CheckArguments) -> ExitCode {
    let inputs: Vec<Input> = arguments.files.iter().map(Input::new).collect();
    if arguments.watch { watch::run(arguments, &inputs) } else { once(arguments, &inputs) }
}

fn once(arguments: &CheckArguments, inputs: &[Input]) -> ExitCode {
    let mut unread = false;
    let mut reports = Vec::new();
    for input in inputs {
        match input.read() {
            Ok(text) => reports.push(FileReport::of(input.to_string(), text, input.is_json())),
            Err(problem) => {
                output::complain(&problem);
                unread = true;
            }
        }
    }
    let text = match arguments.format {
        Format::Text => text(&reports, arguments.source),
        Format::Json => format!("{:#}\n", Value::Array(reports.iter().map(FileReport::json).collect())),
    };
    let has_faults = reports.iter().any(|report| report.count(true) > 0);
    match (unread, has_faults) {
        (true, _) => output::print_with(&text, output::USAGE),
        (false, true) => output::print_with(&text, output::FAULTS),
        (false, false) => output::print(&text),
    }
}

/// What was found, for people.
pub(super) fn text(reports: &[FileReport], source: ShowSource) -> String {
    let excerpts = excerpts(source);
    reports.iter().map(|report| report.text(excerpts)).collect()
}

fn excerpts(wanted: ShowSource) -> Excerpts {
    let is_wanted = match wanted {
        ShowSource::Auto => io::stdout().is_terminal(),
        ShowSource::Always => true,
        ShowSource::Never => false,
    };
    Excerpts::of(is_wanted, &io::stdout())
}

impl FileReport {
    fn text(&self, excerpts: Excerpts) -> String {
        let sources = slice::from_ref(&self.source);
        let mut lines: Vec<String> =
            self.diagnostics.iter().map(|diagnostic| diagnostic.text(sources, excerpts)).collect();
        let verdict = format!(
            "{}: {}, {}, {}",
            self.source.name,
            counted(self.configurations, "configuration"),
            counted(self.count(true), "fault"),
            counted(self.count(false), "warning"),
        );
        lines.push(verdict);
        lines.join("\n") + "\n"
    }
}

//! Carrying a change out: made, checked, shown or put in the place of the file.

use std::{process::ExitCode, slice};

use similar::TextDiff;

use super::{arguments::ChangeArguments, target::Target};
use crate::{
    check::FileReport,
    counted,
    diagnostics::{Diagnostic, SourceFile},
    edit::{self, Edit},
    input::Input,
    output,
    replace::Held,
};

/// What is to be done.
pub(super) struct Plan {
    pub(super) edit: Edit,
    /// What has been done then, for the person who asked for it.
    pub(super) done: String,
    /// What is worth knowing then.
    pub(super) notes: Vec<String>,
    /// What is printed once, and nothing else beside it: a key that was made.
    pub(super) output: Option<String>,
}

impl Plan {
    pub(super) fn new(edit: Edit, done: String) -> Self {
        Self { edit, done, notes: Vec::new(), output: None }
    }
}

/// Why nothing was changed.
enum Refusal {
    /// What was asked for cannot be done.
    Usage(String),
    /// The file would have faults.
    Faults(Vec<String>),
}

impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self::Usage(problem)
    }
}

/// Plans a change of a configuration, and carries it out.
pub(super) fn carry_out(arguments: &ChangeArguments, plan: impl FnOnce(&Target) -> Result<Plan, String>) -> ExitCode {
    match carried_out(arguments, plan) {
        Ok(code) => code,
        Err(Refusal::Usage(problem)) => output::fail(&problem),
        Err(Refusal::Faults(faults)) => {
            let count = counted(faults.len(), "fault");
            faults.iter().for_each(|fault| output::complain(fault));
            output::complain(&format!("the file would have {count}, so it is as it was"));
            ExitCode::from(output::FAULTS)
        }
    }
}

fn carried_out(
    arguments: &ChangeArguments,
    plan: impl FnOnce(&Target) -> Result<Plan, String>,
) -> Result<ExitCode, Refusal> {
    let path = &arguments.file.config;
    let input = Input::new(path);
    if input.is_stdin() {
        return Err("--config -: expected a file, since it is changed".to_owned().into());
    }
    let held = if arguments.dry_run { None } else { Some(Held::of(path)?) };
    let text = match &held {
        Some(held) => held.text()?.to_owned(),
        None => input.read()?,
    };
    let (name, is_json) = (input.to_string(), input.is_json());
    let target = Target::of(&name, &text, is_json, arguments.file.filter.as_deref())?;
    let plan = plan(&target)?;
    let changed = plan
        .edit
        .applied(&text, is_json, target.number)
        .map_err(|problem| format!("{name}: not changed: {problem}"))?;
    let warnings = new_warnings(&name, is_json, &text, &changed)?;
    let code = match held {
        Some(held) => {
            held.replace(&changed)?;
            report(&name, &plan)
        }
        None => output::print(&difference(&name, is_json, &text, &changed)?),
    };
    warnings.iter().chain(&plan.notes).for_each(|note| output::note(note));
    Ok(code)
}

/// What has been done; beside a key that is printed, in the other stream.
fn report(name: &str, plan: &Plan) -> ExitCode {
    match &plan.output {
        Some(key) => {
            output::note(&format!("{name}: {}", plan.done));
            output::print(key)
        }
        None => output::print(&format!("{name}: {}\n", plan.done)),
    }
}

/// The warnings that the changed file has and the file had not; refused if it has faults.
fn new_warnings(name: &str, is_json: bool, before: &str, after: &str) -> Result<Vec<String>, Refusal> {
    let report = |text: &str| FileReport::of(name.to_owned(), text.to_owned(), is_json);
    let (old, new) = (report(before), report(after));
    let source = SourceFile { name: name.to_owned(), text: String::new() };
    let line = |it: &Diagnostic| it.line(slice::from_ref(&source));
    let faults: Vec<String> = new.diagnostics().iter().filter(|it| it.is_fault()).map(line).collect();
    if !faults.is_empty() {
        return Err(Refusal::Faults(faults));
    }
    // Their places have moved, and so have the numbers in their subjects.
    let mut known: Vec<&str> = old.diagnostics().iter().map(|it| it.message.as_str()).collect();
    let mut warnings = Vec::new();
    for warning in new.diagnostics() {
        match known.iter().position(|message| *message == warning.message) {
            Some(at) => _ = known.swap_remove(at),
            None => warnings.push(line(warning)),
        }
    }
    Ok(warnings)
}

/// The lines that change, as `diff -u` shows them, with every secret hidden.
fn difference(name: &str, is_json: bool, before: &str, after: &str) -> Result<String, String> {
    let hidden = |text: &str| edit::without_secrets(text, is_json);
    let (Some(before), Some(after)) = (hidden(before), hidden(after)) else {
        return Err(format!(
            "{name}: the difference is not shown, since it may hold secrets of other filters in the file"
        ));
    };
    Ok(TextDiff::from_lines(&before, &after).unified_diff().header(name, name).to_string())
}

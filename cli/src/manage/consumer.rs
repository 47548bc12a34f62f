//! `jwt-auth consumer`.

use std::process::ExitCode;

use jwt_auth_filter::config::Step;

use super::{
    arguments::{ConsumerAddArguments, ConsumerCommand, ConsumerListArguments, ConsumerRemoveArguments, FileArguments},
    change::{Plan, carry_out},
    listing,
    target::Target,
};
use crate::{
    cli::Format,
    counted,
    edit::Edit,
    input::Input,
    output,
    yaml_output::{map, some, texts},
};

/// Does what was asked for.
pub(crate) fn run(command: &ConsumerCommand) -> ExitCode {
    match command {
        ConsumerCommand::Add(arguments) => carry_out(&arguments.change, |target| add(arguments, target)),
        ConsumerCommand::Remove(arguments) => carry_out(&arguments.change, |target| remove(arguments, target)),
        ConsumerCommand::List(arguments) => list(arguments),
    }
}

fn consumers() -> Vec<Step> {
    vec![Step::Field("consumers".to_owned())]
}

fn add(arguments: &ConsumerAddArguments, target: &Target) -> Result<Plan, String> {
    let name = &arguments.name;
    if let Some(there) = target.named(name).next() {
        return Err(format!("{}: consumer {name:?} is there already, in line {}", target.file, there.node.at.line));
    }
    let groups = &arguments.group;
    let consumer = map([
        ("username", some(name.as_str())),
        ("id", arguments.id.as_deref().map(Into::into)),
        ("custom_id", arguments.custom_id.as_deref().map(Into::into)),
        ("groups", (!groups.is_empty()).then(|| texts(groups))),
    ]);
    let edit = Edit::Append { list: consumers(), items: vec![consumer] };
    Ok(Plan::new(edit, format!("added consumer {name:?}")))
}

fn remove(arguments: &ConsumerRemoveArguments, target: &Target) -> Result<Plan, String> {
    let consumer = target.consumer(&arguments.name)?;
    let credentials = counted(consumer.credentials().count(), "credential");
    let edit = Edit::Remove { list: consumers(), index: consumer.index };
    Ok(Plan::new(edit, format!("removed consumer {:?} with {credentials}", consumer.name())))
}

fn list(arguments: &ConsumerListArguments) -> ExitCode {
    match read(&arguments.file) {
        Ok(target) => output::print(&match arguments.format {
            Format::Text => listing::of_consumers(&target),
            Format::Json => format!("{:#}\n", listing::json_of_consumers(&target)),
        }),
        Err(problem) => output::fail(&problem),
    }
}

/// The configuration of a file that is only looked at. The filter must take it: what it refuses nobody is authenticated by.
pub(super) fn read(arguments: &FileArguments) -> Result<Target, String> {
    let input = Input::new(&arguments.config);
    let target = Target::of(&input.to_string(), &input.read()?, input.is_json(), arguments.filter.as_deref())?;
    target.config()?;
    Ok(target)
}

//! `jwt-auth explain --follow`: what each denial in an Envoy log comes from, as it comes.

mod denial;
mod log_lines;
mod source;
mod told;

use std::{
    path::Path,
    process::{self, ExitCode},
    sync::mpsc::Receiver,
};

use self::{
    denial::Line,
    source::{Event, Source},
    told::Teller,
};
use super::{Filter, command};
use crate::{
    cli::{ExplainArguments, Format},
    input::Input,
    interrupt, output,
};

/// Explains the denials of a log until it ends, which only standard input does, or until Ctrl-C.
pub(crate) fn run(arguments: &ExplainArguments, log: &Path) -> ExitCode {
    let log = Input::new(log);
    match filter(arguments, &log) {
        Ok(filter) => match start(log) {
            Ok(events) => follow(&events, Teller::new(filter), arguments.format),
            Err(problem) => output::fail(&problem),
        },
        Err(problem) => output::fail(&problem),
    }
}

fn filter(arguments: &ExplainArguments, log: &Input) -> Result<Option<Filter>, String> {
    let Some(config) = &arguments.config else { return Ok(None) };
    if log.is_stdin() && Input::new(config).is_stdin() {
        return Err("--config -: the log comes from standard input, too".to_owned());
    }
    command::find(arguments, config).map(Some)
}

/// Has the lines of the log come as events, and Ctrl-C too.
fn start(log: Input) -> Result<Receiver<Event>, String> {
    let (source, events) = Source::new(log);
    let stop = source.events();
    interrupt::on(move || {
        // So many wait that the terminal takes none any more, or will not for long.
        if stop.try_send(Event::End(Ok(()))).is_err() {
            process::exit(0);
        }
    })?;
    source.start();
    Ok(events)
}

fn follow(events: &Receiver<Event>, mut teller: Teller, format: Format) -> ExitCode {
    for event in events {
        let text = match event {
            Event::Line(line) => Line::read(&line).map(|line| match format {
                Format::Text => teller.text(&line),
                Format::Json => format!("{}\n", teller.json(&line)),
            }),
            Event::Note(note) => {
                output::note(&note);
                None
            }
            Event::End(Ok(())) => return ExitCode::SUCCESS,
            Event::End(Err(problem)) => return output::fail(&problem),
        };
        if let Some(ended) = text.and_then(|text| output::go_on(&text)) {
            return ended;
        }
    }
    ExitCode::SUCCESS
}

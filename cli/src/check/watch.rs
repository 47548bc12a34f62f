//! `jwt-auth check --watch`: the files are checked again whenever they change.

use std::{
    process::ExitCode,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{FileReport, command};
use crate::{
    cli::{CheckArguments, Format},
    input::Input,
    interrupt, output, time,
};

/// How long files are left alone before they are read again. Reading tells of every change: of a file that is replaced, of a
/// link that leads elsewhere, on every file system.
const PAUSE: Duration = Duration::from_millis(200);

/// What a file held, or why it could not be read.
type Content = Result<String, String>;

/// Checks the files now and whenever they change, until Ctrl-C.
pub(super) fn run(arguments: &CheckArguments, inputs: &[Input]) -> ExitCode {
    if let Some(stream) = inputs.iter().find(|input| input.is_stream()) {
        return output::fail(&format!("--watch {stream}: expected a file; what is read from a pipe does not change"));
    }
    let (stop, stopped) = mpsc::channel();
    if let Err(problem) = interrupt::on(move || _ = stop.send(())) {
        return output::fail(&problem);
    }
    let mut watched = Watched::default();
    loop {
        let changed = watched.look(inputs.iter().map(Input::read).collect());
        if !changed.is_empty() {
            let changed = inputs.iter().enumerate().filter(|(at, _)| changed.contains(at));
            let contents = changed.filter_map(|(at, input)| Some((input, watched.shown.get(at)?)));
            if let Some(ended) = show(arguments, contents) {
                return ended;
            }
        }
        match stopped.recv_timeout(PAUSE) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return ExitCode::SUCCESS,
        }
    }
}

/// Prints what is found in files, and when; the exit code if nobody reads it any more.
fn show<'c>(arguments: &CheckArguments, contents: impl Iterator<Item = (&'c Input, &'c Content)>) -> Option<ExitCode> {
    let (mut reports, mut problems) = (Vec::new(), Vec::new());
    for (input, content) in contents {
        match content {
            Ok(text) => reports.push(FileReport::of(input.to_string(), text.clone(), input.is_json())),
            Err(problem) => problems.push(problem),
        }
    }
    let now = time::now();
    let text = match arguments.format {
        Format::Text => {
            let date = time::date(now as f64).unwrap_or_default();
            format!("{date}\n{}", command::text(&reports, arguments.source))
        }
        Format::Json => {
            let files: Vec<Value> = reports.iter().map(FileReport::json).collect();
            format!("{}\n", json!({ "at": now, "files": files, "unread": problems }))
        }
    };
    let ended = output::go_on(&text);
    problems.iter().for_each(|problem| output::complain(problem));
    ended
}

/// What is known of files that change.
#[derive(Default)]
struct Watched {
    /// What they held when they were last looked at.
    seen: Vec<Content>,
    /// What of it was shown.
    shown: Vec<Content>,
}

impl Watched {
    /// Takes what the files hold now, and tells which are to be shown: those that have changed, once they hold the same for
    /// two looks. One that is just being written may hold half of what it will.
    fn look(&mut self, now: Vec<Content>) -> Vec<usize> {
        let is_new = |at: &usize| {
            let is_settled = self.seen.is_empty() || self.seen.get(*at) == now.get(*at);
            is_settled && self.shown.get(*at) != now.get(*at)
        };
        let changed: Vec<usize> = (0..now.len()).filter(is_new).collect();
        if self.shown.is_empty() {
            self.shown.clone_from(&now);
        }
        for at in &changed {
            if let Some((shown, now)) = self.shown.get_mut(*at).zip(now.get(*at)) {
                shown.clone_from(now);
            }
        }
        self.seen = now;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(watched: &mut Watched, contents: &[&str]) -> Vec<usize> {
        let content = |text: &&str| if text.is_empty() { Err("gone".to_owned()) } else { Ok((*text).to_owned()) };
        watched.look(contents.iter().map(content).collect())
    }

    #[test]
    fn a_file_is_shown_at_once_and_then_when_its_change_is_over() {
        let mut watched = Watched::default();
        assert_eq!(look(&mut watched, &["a", "b"]), [0, 1]);
        assert_eq!(look(&mut watched, &["a", "b"]), [0; 0]);
        for half_written in ["", "b1", "b12"] {
            assert_eq!(look(&mut watched, &["a", half_written]), [0; 0], "{half_written}");
        }
        assert_eq!(look(&mut watched, &["a", "b12"]), [1]);
        assert_eq!(watched.shown, [Ok("a".to_owned()), Ok("b12".to_owned())]);
        assert_eq!(look(&mut watched, &["a", "b12"]), [0; 0]);
    }

    #[test]
    fn a_file_that_goes_and_comes_back_the_same_is_not_shown_again() {
        let mut watched = Watched::default();
        assert_eq!(look(&mut watched, &["a"]), [0]);
        for content in ["", "a", "a"] {
            assert_eq!(look(&mut watched, &[content]), [0; 0], "{content}");
        }
        assert_eq!(look(&mut watched, &[""]), [0; 0]);
        assert_eq!(look(&mut watched, &[""]), [0], "it stays away");
        assert_eq!(look(&mut watched, &["a"]), [0; 0]);
        assert_eq!(look(&mut watched, &["a"]), [0], "and comes back");
    }

    #[test]
    fn files_settle_each_by_itself() {
        let mut watched = Watched::default();
        look(&mut watched, &["a", "b"]);
        look(&mut watched, &["a1", "b"]);
        assert_eq!(look(&mut watched, &["a1", "b1"]), [0]);
        assert_eq!(look(&mut watched, &["a1", "b1"]), [1]);
    }
}

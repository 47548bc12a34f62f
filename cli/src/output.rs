//! What a command prints, and how it ends.

use std::{
    env,
    io::{self, ErrorKind, IsTerminal, Write},
    process::ExitCode,
};

/// The exit code of a command that found faults or refused a request.
pub(crate) const FAULTS: u8 = 1;
/// The exit code of a command that could not do what it was asked for: wrong usage, or a file that cannot be read.
pub(crate) const USAGE: u8 = 2;

/// Prints the result of a command that succeeded.
pub(crate) fn print(text: &str) -> ExitCode {
    print_with(text, 0)
}

/// Prints a part of what a command goes on to print; the exit code if it is to end, because nobody reads it any more.
pub(crate) fn go_on(text: &str) -> Option<ExitCode> {
    match write(text) {
        Ok(()) => None,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Some(ExitCode::SUCCESS),
        Err(error) => Some(fail(&format!("standard output: {error}"))),
    }
}

/// Prints the result of a command that ends with an exit code.
pub(crate) fn print_with(text: &str, code: u8) -> ExitCode {
    match write(text) {
        Ok(()) => ExitCode::from(code),
        // The reader has seen enough: `jwt-auth schema | head -1`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(error) => fail(&format!("standard output: {error}")),
    }
}

fn write(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush())
}

/// Says why a command cannot do what it was asked for.
pub(crate) fn fail(problem: &str) -> ExitCode {
    complain(problem);
    ExitCode::from(USAGE)
}

/// Says what is wrong, and goes on.
pub(crate) fn complain(problem: &str) {
    _ = writeln!(io::stderr(), "error: {problem}");
}

/// Tells something that is worth knowing and no problem.
pub(crate) fn note(text: &str) {
    _ = writeln!(io::stderr(), "note: {text}");
}

/// Colours are for terminals that have them, and for people who have not asked for none (<https://no-color.org>).
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    stream.is_terminal() && !is_plain
}

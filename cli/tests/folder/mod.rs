//! A folder of one test, and the program run in it as a person runs it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_jwt-auth");
/// The repository.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder, which goes with its test.
pub(crate) struct Folder(TempDir);

#[allow(dead_code, reason = "not every test needs all of it")]
impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.file(name), text).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// A command in the folder, which finds the program by its name.
    pub(crate) fn command(&self, program: &str) -> Command {
        let beside = Path::new(PROGRAM).parent().unwrap().to_path_buf();
        let paths = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("PATH", std::env::join_paths([beside].into_iter().chain(paths)).unwrap());
        command
    }

    /// Runs the program with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &str, input: &str) -> Run {
        let mut command = self.command(PROGRAM);
        command.args(arguments.split_whitespace());
        run(&mut command, input)
    }

    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments, "")
    }

    /// Runs what must succeed, and gives what it prints.
    pub(crate) fn done(&self, arguments: &str) -> String {
        let Run { code, out, err } = self.run(arguments);
        assert_eq!(code, 0, "{arguments}: {err}{out}");
        out
    }

    /// Runs what must fail, and gives what it says.
    pub(crate) fn refused(&self, code: i32, arguments: &str) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments}: {run:?}");
        assert_eq!(run.out, "", "{arguments}");
        run.err
    }

    /// The names of all that the folder holds.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// Runs a command with something on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments does not read.
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

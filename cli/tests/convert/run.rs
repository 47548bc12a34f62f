//! Running `jwt-auth convert`.

use std::{env, fs, path::PathBuf, process::Command};

pub(crate) use crate::folder::Run;
use crate::folder::{self, PROGRAM, ROOT};

impl Run {
    /// What the output says after its first line, which names the files.
    pub(crate) fn converted(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        self.out.split_once('\n').unwrap().1
    }

    /// The list at the end of the output.
    pub(crate) fn notes(&self) -> Vec<&str> {
        assert_eq!(self.code, 0, "{}", self.err);
        let (_, list) = self.out.split_once("# What has no counterpart, and where it stands:\n").unwrap_or_default();
        list.lines().map(|line| line.strip_prefix("# <stdin>:").unwrap()).collect()
    }

    /// What was complained about, without the last line.
    pub(crate) fn faults(&self) -> Vec<&str> {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{}", self.err);
        let mut lines: Vec<&str> = self.err.lines().collect();
        assert_eq!(lines.pop(), Some("not converted: Kong or the filter would refuse it"));
        lines.into_iter().map(|line| line.strip_prefix("<stdin>:").unwrap()).collect()
    }
}

pub(crate) fn run(arguments: &[&str], input: &str) -> Run {
    folder::run(Command::new(PROGRAM).arg("convert").args(arguments).current_dir(ROOT), input)
}

pub(crate) fn convert(input: &str) -> Run {
    run(&["-"], input)
}

/// Files of one test, in a directory of their own.
pub(crate) fn files<const N: usize>(test: &str, files: [(&str, &str); N]) -> [String; N] {
    let directory: PathBuf = [env!("CARGO_TARGET_TMPDIR"), test].iter().collect();
    fs::create_dir_all(&directory).unwrap();
    files.map(|(name, text)| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

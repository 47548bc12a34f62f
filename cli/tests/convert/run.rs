//! Running `jwt-auth convert`.

use std::{
    env, fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

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
    let mut child = Command::new(env!("CARGO_BIN_EXE_jwt-auth"))
        .arg("convert")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    _ = child.stdin.take().unwrap().write_all(input.as_bytes()); // a wrong usage does not read it
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
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

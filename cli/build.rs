//! Tells the command line which commit it was built from. The module is not told, so that the same code gives the same
//! module whatever the commit.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        return;
    }
    // A commit changes the log of HEAD, and so does a checkout of another one.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = git(&["log", "-1", "--format= (%h %cs)"]).unwrap_or_default();
    println!("cargo::rustc-env=JWT_AUTH_VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
}

/// What git says about this repository; `None` outside of one, as in an unpacked source archive.
fn git(arguments: &[&str]) -> Option<String> {
    // A source archive may lie inside somebody else's repository, which knows nothing of this file.
    let is_ours = Command::new("git").args(["ls-files", "--error-unmatch", "build.rs"]).output().ok()?.status.success();
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| is_ours && output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (!text.is_empty()).then_some(text)
}

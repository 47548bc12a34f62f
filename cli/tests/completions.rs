//! The completions in the shells that they are for. A shell that is not installed is named, and passed over.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;

use std::process::Command;

use folder::{Folder, run};

/// What is typed, and what the shell makes of it: a command, one below it, an option.
const TYPED: [(&str, &str); 3] = [
    ("jwt-auth cred", "credential"),
    ("jwt-auth credential rot", "rotate"),
    ("jwt-auth credential rotate --max-to", "--max-token-life"),
];

fn is_there(shell: &str) -> bool {
    let is_there = Command::new(shell).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("SKIPPED: {shell} is not installed");
    }
    is_there
}

#[test]
fn fish_completes_commands_and_options() {
    if !is_there("fish") {
        return;
    }
    let folder = Folder::new();
    folder.write("jwt-auth.fish", folder.done("completions fish"));
    for (typed, expected) in TYPED {
        let script = format!("source jwt-auth.fish; complete -C '{typed}'");
        let done = run(folder.command("fish").args(["--no-config", "-c", &script]).env("HOME", folder.path()), "");
        let found: Vec<&str> = done.out.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(found, [expected], "{typed}: {done:?}");
    }
}

#[test]
fn zsh_completes_commands_and_options() {
    if !is_there("zsh") {
        return;
    }
    let folder = Folder::new();
    folder.write("_jwt-auth", folder.done("completions zsh"));
    for (typed, expected) in TYPED {
        let begun = typed.rsplit(' ').next().unwrap();
        // The shell writes what it adds behind what was typed.
        let rest = expected.strip_prefix(begun).unwrap();
        // A terminal of its own, in which the key is pressed when the shell says that it is ready.
        let script = format!(
            "zmodload zsh/zpty; zpty z zsh -f -i; \
             zpty -w z 'PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; print rea''dy'; \
             zpty -r -m z out '*ready*'; zpty -w -n z $'{typed}\\t'; zpty -r -m z out '*{rest}*'; print -r -- found; zpty -d z"
        );
        let done = run(folder.command("timeout").env("TERM", "dumb").args(["10", "zsh", "-f", "-c", &script]), "");
        assert_eq!((done.code, done.out.trim()), (0, "found"), "{typed}: {done:?}");
    }
}

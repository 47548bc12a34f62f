//! `jwt-auth check --watch`, run as a person runs it, on files that change in every way in which files do.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;
mod running;

use std::{fs, os::unix::fs::symlink};

use folder::Folder;
use running::Running;
use serde_json::Value;

/// A configuration that has a fault for each of `faults`.
fn configuration(faults: usize) -> String {
    let claims = vec!["iat"; faults].join(", ");
    let secret = "a-secret-of-the-tests-long-enough-for-hs256";
    format!(
        "claims_to_verify: [exp, {claims}]\nconsumers:\n- username: a\n  jwt_secrets: [{{key: a, secret: {secret}}}]\n"
    )
}

fn watch(folder: &Folder, arguments: &str) -> Running {
    let mut command = folder.command(folder::PROGRAM);
    Running::start(command.args(["check", "--watch"]).args(arguments.split_whitespace()))
}

/// Waits until the last thing that was found in a file are so many faults.
fn wait_for_faults(running: &Running, name: &str, faults: usize) {
    let noun = if faults == 1 { "fault" } else { "faults" };
    let verdict = format!("{name}: 1 configuration, {faults} {noun}, ");
    let is_last = |out: &str| {
        out.lines().rfind(|line| line.contains(": 1 configuration")).is_some_and(|it| it.starts_with(&verdict))
    };
    running.out.wait_until(&verdict, is_last);
}

#[test]
fn a_file_is_checked_again_whenever_it_changes() {
    let folder = Folder::new();
    folder.write("a.yaml", configuration(0));
    let running = watch(&folder, "a.yaml");
    wait_for_faults(&running, "a.yaml", 0);
    for faults in [2, 1, 0, 3] {
        folder.write("a.yaml", configuration(faults));
        wait_for_faults(&running, "a.yaml", faults);
    }
    let run = running.stop();
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{}", run.out);
    let times = run.out.lines().filter(|line| line.ends_with(" UTC")).count();
    assert_eq!(times, 5, "{}", run.out);
    assert!(run.out.contains("a.yaml:1:25: claims_to_verify[1]: \"iat\"; expected exp or nbf\n"), "{}", run.out);
}

#[test]
fn a_file_may_be_replaced_removed_and_made_anew() {
    let folder = Folder::new();
    let running = watch(&folder, "a.yaml");
    running.err.wait_for("error: a.yaml: No such file or directory\n");
    folder.write("new.yaml", configuration(1));
    fs::rename(folder.file("new.yaml"), folder.file("a.yaml")).unwrap();
    wait_for_faults(&running, "a.yaml", 1);
    fs::remove_file(folder.file("a.yaml")).unwrap();
    running.err.wait_until("second complaint", |err| err.matches("No such file").count() == 2);
    folder.write("a.yaml", configuration(2));
    wait_for_faults(&running, "a.yaml", 2);
    assert_eq!(running.stop().code, 0);
}

#[test]
fn a_link_may_come_to_lead_elsewhere() {
    // As Kubernetes makes the files of a ConfigMap: a link to a file below a link to a folder, which is exchanged.
    let folder = Folder::new();
    for (version, faults) in [("..2026_1", 1), ("..2026_2", 2)] {
        fs::create_dir(folder.file(version)).unwrap();
        folder.write(&format!("{version}/jwt-auth.yaml"), configuration(faults));
    }
    symlink("..2026_1", folder.file("..data")).unwrap();
    symlink("..data/jwt-auth.yaml", folder.file("jwt-auth.yaml")).unwrap();
    let running = watch(&folder, "jwt-auth.yaml");
    wait_for_faults(&running, "jwt-auth.yaml", 1);
    symlink("..2026_2", folder.file("..data_tmp")).unwrap();
    fs::rename(folder.file("..data_tmp"), folder.file("..data")).unwrap();
    fs::remove_dir_all(folder.file("..2026_1")).unwrap();
    wait_for_faults(&running, "jwt-auth.yaml", 2);
    assert_eq!(running.stop().code, 0);
}

#[test]
fn only_the_file_that_changed_is_shown_and_the_line_of_a_fault_if_wanted() {
    let folder = Folder::new();
    folder.write("a.yaml", configuration(0)).write("b.yaml", configuration(0));
    let running = watch(&folder, "a.yaml b.yaml --source always");
    wait_for_faults(&running, "b.yaml", 0);
    folder.write("b.yaml", configuration(1));
    wait_for_faults(&running, "b.yaml", 1);
    let out = running.stop().out;
    assert_eq!((out.matches("a.yaml: 1 conf").count(), out.matches("b.yaml: 1 conf").count()), (1, 2), "{out}");
    assert!(out.contains("1 | claims_to_verify: [exp, iat]\n"), "{out}");
}

#[test]
fn programs_get_a_line_of_json_for_each_check() {
    let folder = Folder::new();
    folder.write("a.yaml", configuration(0));
    let running = watch(&folder, "a.yaml b.yaml --format json");
    running.out.wait_until("first line", |out| out.lines().count() == 1);
    folder.write("a.yaml", configuration(1));
    running.out.wait_until("second line", |out| out.lines().count() == 2);
    let out = running.stop().out;
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told[0]["unread"], Value::from(vec!["b.yaml: No such file or directory"]));
    assert_eq!(told[1]["unread"].as_array().unwrap().len(), 0);
    assert_eq!(told[1]["files"][0]["file"], "a.yaml");
    assert!(told.iter().all(|line| line["at"].as_i64().unwrap() > 1_700_000_000));
}

#[test]
fn what_is_gone_once_it_is_read_is_not_watched() {
    for (argument, name) in [("-", "<stdin>"), ("/dev/stdin", "/dev/stdin")] {
        let told = Folder::new().refused(2, &format!("check --watch {argument}"));
        assert_eq!(told, format!("error: --watch {name}: expected a file; what is read from a pipe does not change\n"));
    }
}

//! `jwt-auth explain --follow`, run as a person runs it, on logs that grow, are rotated and cut off.

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

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use folder::{Folder, ROOT, Run};
use running::Running;
use serde_json::Value;

const BEFORE: &str = "[2026-11-24 18:09:29.123][17][info][wasm] [source/extensions/common/wasm/context.cc:1198] wasm log jwt_auth \
                      jwt_auth jwt_auth: ";
const NATIVE: &str = "[2026-11-24 18:09:31.007][17][info][dynamic_modules] [source/x.cc:112] jwt_auth: ";
const OTHER: &str =
    "[2026-11-24 18:09:30.001][1][info][main] [source/server/server.cc:1] starting main dispatch loop\n";

/// A line of the log of one of several denials that can be told apart.
fn denial(issuer: &str) -> String {
    format!("{BEFORE}denied: No credentials found for {issuer:?}; reason unknown_key, client \"127.0.0.1:1\"\n")
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Follows a file, from when the program has said how it begins.
fn follow(folder: &Folder, more: &[&str]) -> Running {
    let mut command = folder.command(folder::PROGRAM);
    let running = Running::start(command.args(["explain", "--follow", "envoy.log"]).args(more));
    running.err.wait_for("note: envoy.log: ");
    running
}

#[test]
fn denials_are_explained_as_they_come() {
    let folder = Folder::new();
    folder.write("envoy.log", denial("before"));
    let running = follow(&folder, &[]);
    for issuer in ["first", "second"] {
        append(&folder.file("envoy.log"), &format!("{OTHER}{}", denial(issuer)));
        running.out.wait_for(&format!("2026-11-24 18:09:29.123  No credentials found for \"{issuer}\"\n"));
    }
    let run = running.stop();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.out.contains("before"), "{}", run.out);
    assert_eq!(run.out.matches("reason    unknown_key, at the check credential").count(), 2, "{}", run.out);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn a_line_is_explained_when_it_is_whole() {
    let folder = Folder::new();
    folder.write("envoy.log", "");
    let running = follow(&folder, &[]);
    let line = denial("split");
    let (one, other) = line.split_at(line.len() / 2);
    append(&folder.file("envoy.log"), one);
    append(&folder.file("envoy.log"), other);
    running.out.wait_for("\"split\"");
    assert_eq!(running.stop().code, 0);
}

#[test]
fn a_log_may_be_rotated() {
    let folder = Folder::new();
    let log = folder.file("envoy.log");
    folder.write("envoy.log", "");
    let running = follow(&folder, &[]);
    append(&log, &denial("one"));
    fs::rename(&log, folder.file("envoy.log.1")).unwrap();
    // The writer keeps to the old one until it is told.
    append(&folder.file("envoy.log.1"), &denial("two"));
    running.out.wait_for("\"two\"");
    append(&log, "");
    // At the second one, the program has seen the new log.
    for issuer in ["three", "four"] {
        append(&folder.file("envoy.log.1"), &denial(issuer));
        running.out.wait_for(&format!("{issuer:?}"));
    }
    for issuer in ["five", "six"] {
        append(&log, &denial(issuer));
        running.out.wait_for(&format!("{issuer:?}"));
    }
    let out = running.stop().out;
    for issuer in ["one", "two", "three", "four", "five", "six"] {
        assert_eq!(out.matches(&format!("{issuer:?}")).count(), 1, "{issuer}: {out}");
    }
}

#[test]
fn a_log_may_be_cut_off_removed_and_made_anew() {
    let folder = Folder::new();
    let log = folder.file("envoy.log");
    folder.write("envoy.log", "what was there before, which is longer than what comes\n".repeat(100));
    let running = follow(&folder, &[]);
    fs::write(&log, denial("cut off")).unwrap();
    running.out.wait_for("\"cut off\"");
    fs::remove_file(&log).unwrap();
    fs::write(&log, denial("made anew")).unwrap();
    running.out.wait_for("\"made anew\"");
    assert_eq!(running.stop().code, 0);
}

#[test]
fn a_log_that_is_not_there_yet_is_waited_for_and_read_from_its_beginning() {
    let folder = Folder::new();
    let running = follow(&folder, &[]);
    fs::write(folder.file("envoy.log"), denial("late")).unwrap();
    running.out.wait_for("\"late\"");
    let run = running.stop();
    assert_eq!((run.code, run.err.contains("waiting for it")), (0, true), "{}", run.err);
}

#[test]
fn standard_input_is_read_to_its_end() {
    let folder = Folder::new();
    let whole = denial("last");
    let log = format!("{}{OTHER}{NATIVE}denied: no token; reason no_token\r\n{}", denial("first"), whole.trim_end());
    for name in ["-", "/dev/stdin"] {
        let Run { code, out, err } = folder.run_with(&format!("explain --follow {name}"), &log);
        assert_eq!((code, err.as_str()), (0, ""));
        let order = ["\"first\"", "18:09:31.007  no token\n", "\"last\""].map(|text| out.find(text).expect(text));
        assert!(order.is_sorted(), "{out}");
    }
}

#[test]
fn ctrl_c_ends_it_while_standard_input_goes_on() {
    let folder = Folder::new();
    let mut command = folder.command(folder::PROGRAM);
    let mut running = Running::start(command.args(["explain", "--follow", "-"]).stdin(Stdio::piped()));
    let mut input = running.input();
    input.write_all(denial("piped").as_bytes()).unwrap();
    running.out.wait_for("\"piped\"");
    let run = running.stop();
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    drop(input);
}

#[test]
fn ctrl_c_ends_it_while_its_reader_takes_nothing() {
    let folder = Folder::new();
    // A few of these are more than a pipe holds.
    folder.write("envoy.log", denial(&"a".repeat(15_000)).repeat(300));
    let log = File::open(folder.file("envoy.log")).unwrap();
    let mut command = folder.command(folder::PROGRAM);
    command.args(["explain", "--follow", "-", "--format", "json"]).stdin(log).stdout(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut out = program.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    let started = Instant::now();
    let ended = loop {
        assert!(Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap().success());
        match program.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if started.elapsed() > running::PATIENCE => break None,
            None => {}
        }
    };
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

#[test]
fn it_ends_when_nobody_reads_what_it_prints() {
    let folder = Folder::new();
    folder.write("envoy.log", denial("a").repeat(10_000));
    let command = format!("{} explain --follow - < envoy.log | head -1", folder::PROGRAM);
    let Run { out, err, .. } = folder::run(folder.command("sh").args(["-c", &command]), "");
    assert_eq!((out.as_str(), err.as_str()), ("2026-11-24 18:09:29.123  No credentials found for \"a\"\n", ""));
}

#[test]
fn what_is_alike_is_told_in_one_line() {
    let (folder, same) = (Folder::new(), denial("same"));
    let out = folder.run_with("explain --follow -", &format!("{same}{same}{}{same}", denial("other"))).out;
    assert_eq!(out.matches("cause ").count(), 2, "{out}");
    for count in [2, 3] {
        assert!(out.contains(&format!("\"same\"; as above, {count} times so far, client \"127.0.0.1:1\"\n")), "{out}");
    }
}

#[test]
fn what_was_not_logged_one_by_one_is_told() {
    let line = format!("{BEFORE}12 more requests were denied; they are not logged one by one\n");
    let out = Folder::new().run_with("explain --follow -", &line).out;
    assert_eq!(
        out,
        "2026-11-24 18:09:29.123  12 more requests were denied and not logged one by one; the counters have them all\n"
    );
}

#[test]
fn the_configuration_says_where_to_look() {
    const CONFIG: &str = "\
claims_to_verify: [exp]
audiences: [api]
rules:
- routes: [health]
  disabled: true
- routes: [orders]
  audiences: [orders]
consumers:
- username: ClientApp
  jwt_secrets:
  - {key: 'https://Auth.example.com/', secret: a-secret-of-the-tests-long-enough-for-hs256}
  - {key: b, secret: another-secret-of-the-tests-long-enough-for-it}
";
    let folder = Folder::new();
    folder.write("plugin.yaml", CONFIG);
    let places = |line: &str| -> Vec<String> {
        let run =
            folder.run_with("explain --follow - --config plugin.yaml --format json", &format!("denied: {line}\n"));
        let told: Value = serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{line}: {run:?}"));
        told["configuration"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let of_consumer = "line 9 has the consumer, lines 11, 12 its credentials";
    assert_eq!(places(r#"Invalid signature; reason invalid_signature, consumer "ClientApp""#), [of_consumer]);
    assert_eq!(
        places(r#"exp: token expired; reason expired, consumer "ClientApp", route "health""#),
        [of_consumer, "line 1 has claims_to_verify"]
    );
    assert_eq!(places(r#"aud: not allowed; reason audience, route "orders""#), ["line 7 has audiences"]);
    assert_eq!(places(r#"aud: not allowed; reason audience, route "others""#), ["line 2 has audiences"]);
    assert_eq!(
        places(r#"Invalid signature; reason invalid_signature, consumer "Nobody""#),
        [r#"has no consumer "Nobody"; is it the one that this Envoy has?"#]
    );
    assert_eq!(
        places(r#"No credentials found for "https://auth.example.com"; reason unknown_key"#),
        [r#"line 11 has "https://Auth.example.com/""#]
    );
    assert_eq!(places("no token; reason no_token"), [""; 0]);
}

#[test]
fn programs_get_a_line_of_json_for_each() {
    let line =
        format!("{BEFORE}denied: nbf: token not valid yet; reason not_valid_yet, consumer \"é\\\"\", jti \"7\"\n");
    let out = Folder::new().run_with("explain --follow - --format json", &format!("{line}{line}")).out;
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    for (name, value) in [
        ("time", "2026-11-24 18:09:29.123"),
        ("text", "nbf: token not valid yet"),
        ("reason", "not_valid_yet"),
        ("check", "times"),
        ("consumer", "é\""),
        ("jti", "7"),
    ] {
        assert_eq!(told[0][name], value, "{name}");
    }
    assert_eq!((&told[0]["route"], told[0]["cause"].is_string()), (&Value::Null, true));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let folder = Folder::new();
    folder.write("broken.yaml", "consumers: 7\n");
    let refused = |arguments: &str| folder.refused(2, &format!("explain --follow {arguments}"));
    assert_eq!(refused("."), "error: .: is a directory\n");
    assert!(refused("- --config broken.yaml").contains("the filter refuses this configuration for 1 fault"));
    assert!(refused("- --config -").contains("the log comes from standard input, too"));
    for other in ["--token x", "--request x", "--at +5m", "--route x", "--jwks x"] {
        assert!(refused(&format!("- {other}")).contains("cannot be used with"), "{other}");
    }
    assert!(folder.refused(2, "explain --token x").contains("--config <FILE>"));
}

#[test]
fn the_example_of_the_documentation_is_what_is_printed() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/cli.md")).unwrap();
    let (_, example) = page.split_once("$ jwt-auth explain --follow envoy.log --config envoy/envoy.yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let circumstances = "denied: exp: token expired; reason expired, consumer \"ClientApp\", route \"sample-iris\"";
    let log = format!(
        "{BEFORE}{circumstances}, client \"127.0.0.1:50412\"\n{NATIVE}{circumstances}, client \"127.0.0.1:50414\"\n"
    );
    let config = Path::new(ROOT).join("envoy/envoy.yaml");
    let run = Folder::new().run_with(&format!("explain --follow - --config {}", config.display()), &log);
    assert_eq!(run.out, example);
}

//! What docs/stability.md promises to keep, compared with a list of it: `stable.txt`, which only ever grows within a major
//! version. What it names must be there, and what is new must be added to it: `JWT_AUTH_UPDATE_DOCS=1` writes it.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../tests/core/support/request.rs"]
mod request;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use jwt_auth_filter::{
    authenticate::{Authenticator, Reason},
    config::Config,
    crypto::BuiltIn,
    jwks::Event,
    observe::{Counters, DecisionLog},
    policy::{DynamicMetadata, IDENTITY_HEADERS},
};
use request::FakeRequest;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const RECORDED: &str = "cli/tests/stable.txt";
const PROGRAM: &str = env!("CARGO_BIN_EXE_jwt-auth");

#[test]
fn what_is_stable_is_still_there_and_what_is_new_is_recorded() {
    let [program, json] = [command_line(), members()];
    let found: BTreeSet<String> =
        [answers(), program, json, counters(), fields(), revocation_list(), log_fields(), others(), documented()]
            .concat()
            .into_iter()
            .collect();
    let path = Path::new(ROOT).join(RECORDED);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let recorded: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<&String> = recorded.difference(&found).collect();
    assert!(gone.is_empty(), "users rely on what is gone or changed here; see docs/stability.md: {gone:#?}");
    if env::var_os("JWT_AUTH_UPDATE_DOCS").is_some() {
        fs::write(path, found.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        return;
    }
    let new: Vec<&String> = found.difference(&recorded).collect();
    assert!(
        new.is_empty(),
        "record what is new: JWT_AUTH_UPDATE_DOCS=1 cargo test -p jwt-auth --test stable: {new:#?}"
    );
}

/// Every answer in docs/responses.md, which another test compares with what the core answers, and its challenge if it has one.
fn answers() -> Vec<String> {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/responses.md")).unwrap();
    let reasons = || Reason::NAMES.into_iter().chain(["internal_error"]);
    let (mut status, mut challenge, mut answers) = (String::new(), String::new(), Vec::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            status = heading.split([':', ' ']).next().unwrap().to_owned();
        }
        let Some(reason) = reasons().find(|reason| line.ends_with(&format!("| `{reason}` |"))) else { continue };
        let cells: Vec<&str> = line.split(" | ").collect();
        let of_line = cells[0].trim_start_matches("| ").split(' ').next().filter(|text| text.parse::<u16>().is_ok());
        let body = cells.iter().find(|cell| cell.starts_with("`{")).unwrap().split('`').nth(1).unwrap();
        answers.push(format!("answer {} {reason} {body}", of_line.unwrap_or(&status)));
        let of_answer = cells.iter().rev().nth(1).filter(|cell| **cell == "〃" || cell.starts_with("`Bearer"));
        if let Some(own) = of_answer {
            challenge = own.split('`').nth(1).unwrap_or(&challenge).to_owned();
            answers.push(format!("challenge {reason} {challenge}"));
        }
    }
    assert_eq!(answers.iter().filter(|line| line.starts_with("answer ")).count(), reasons().count());
    answers
}

/// Every command with its options.
fn command_line() -> Vec<String> {
    let mut found = Vec::new();
    add_commands(&[], &mut found);
    assert!(found.len() > 60, "{found:?}");
    found
}

fn add_commands(path: &[&str], found: &mut Vec<String>) {
    let output = Command::new(PROGRAM).args(path).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    if !path.is_empty() {
        let name = path.join(" ");
        found.push(format!("command {name}"));
        let words = help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
        let options = words.filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches(','));
        found.extend(options.map(|option| format!("command {name} {}", option.split('=').next().unwrap())));
    }
    let Some((_, listed)) = help.split_once("Commands:\n") else { return };
    let lines = listed.split("\n\n").next().unwrap().lines();
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|it| !it.starts_with(' ')));
    for name in names.map(|line| line.split(' ').next().unwrap()).filter(|name| *name != "help") {
        add_commands(&[path, &[name]].concat(), found);
    }
}

/// The members of `--format json`, and the exit codes of the same commands.
fn members() -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let good = r#"consumers: [{username: a, jwt_secrets: [{key: k, secret: s3cr3t-of-nobody}]}]"#;
    fs::write(folder.join("good.yaml"), good).unwrap();
    fs::write(folder.join("bad.yaml"), format!("{good}\nnobody: 1\n")).unwrap();
    let mut found = Vec::new();
    for (command, arguments, code) in [
        ("check", ["good.yaml", "--source", "never"], 0),
        ("check", ["bad.yaml", "--source", "never"], 1),
        ("check", ["absent.yaml", "--source", "never"], 2),
        ("explain", ["--config", "good.yaml", "--token=a.b.c"], 1),
    ] {
        let output = Command::new(PROGRAM)
            .args([command, "--format", "json"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{command} {arguments:?}: {output:?}");
        found.push(format!("exit code of {command} {code}"));
        if code < 2 {
            add_members(&format!("json of {command} "), &serde_json::from_slice(&output.stdout).unwrap(), &mut found);
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

fn add_members(path: &str, json: &Value, found: &mut Vec<String>) {
    for item in json.as_array().into_iter().flatten() {
        add_members(&format!("{path}[]"), item, found);
    }
    for (name, value) in json.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.push(path.clone());
        add_members(&path, value, found);
    }
}

fn counters() -> Vec<String> {
    let names = RefCell::new(Vec::new());
    Counters::define(|name| names.borrow_mut().push(format!("counter {name}")));
    let fetches = Event::COUNTERS.into_iter().map(|(_, _, counter)| format!("counter {counter}"));
    names.into_inner().into_iter().chain(fetches).collect()
}

/// Every field of the configuration with its default, and the values that it takes where they have names.
fn fields() -> Vec<String> {
    let schema = fs::read_to_string(Path::new(ROOT).join("envoy/jwt-auth.schema.json")).unwrap();
    let mut found = Vec::new();
    add_fields("", &serde_json::from_str(&schema).unwrap(), &mut found);
    assert!(found.len() > 100, "{found:?}");
    found
}

/// The members of a revocation list.
fn revocation_list() -> Vec<String> {
    let schema = fs::read_to_string(Path::new(ROOT).join("envoy/revocations.schema.json")).unwrap();
    let mut found = Vec::new();
    add_fields("", &serde_json::from_str(&schema).unwrap(), &mut found);
    assert!(found.contains(&"field revoked[].jti".to_owned()), "{found:?}");
    found.into_iter().map(|line| format!("revocation list, {line}")).collect()
}

fn add_fields(path: &str, schema: &Value, found: &mut Vec<String>) {
    for value in schema["enum"].as_array().into_iter().flatten().filter(|value| value.is_string()) {
        found.push(format!("value {path} {value}"));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        found.push(match field.get("default") {
            Some(default) => format!("field {path}, {default} by default"),
            None => format!("field {path}"),
        });
        add_fields(&path, field, found);
    }
    if let Some(items) = schema.get("items") {
        add_fields(&format!("{path}[]"), items, found);
    }
    for alternative in ["anyOf", "oneOf"].into_iter().flat_map(|name| schema[name].as_array().into_iter().flatten()) {
        add_fields(path, alternative, found);
    }
}

/// The lines of the log, as far as they are logged at `info`.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record) {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// The words that introduce what a line about a refused request says, and which stands before which.
fn log_fields() -> Vec<String> {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let config = r#"{"claims_to_verify": ["exp"], "anonymous": "a", "anonymous_for": ["missing"],
        "consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "secret": "s3cr3t-of-nobody"}]}]}"#;
    let filter = Authenticator::new(Config::parse(config.as_bytes()).unwrap(), BuiltIn);
    let token = Command::new(PROGRAM)
        .args(["token", "--secret", "s3cr3t-of-nobody", "--claim", "iss=k", "--claim", "jti=t7", "--header", "kid=k1"])
        .args(["--exp", "-1h"])
        .output()
        .unwrap();
    assert!(token.status.success(), "{token:?}");
    let token = String::from_utf8(token.stdout).unwrap();
    let request = FakeRequest::get("/").with("authorization", format!("Bearer {}", token.trim())).on("r", "c");
    let decision = filter.decide(&request, u64::from(u32::MAX));
    DecisionLog::default().tell(&decision, &request, || Some(b"127.0.0.1:1".to_vec()), || 0);

    let lines = LINES.lock().unwrap();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let line = line.strip_prefix("denied: ").unwrap();
    let (_, fields) = line.split_once("; ").unwrap();
    let names: Vec<&str> = fields.split(", ").map(|field| field.split(' ').next().unwrap()).collect();
    assert_eq!(names.len(), 6, "{line}");
    let mut found = vec!["log denied".to_owned()];
    for (at, name) in names.iter().enumerate() {
        found.push(format!("log denied {name}"));
        found.extend(names.iter().skip(at + 1).map(|later| format!("log denied {name} before {later}")));
    }
    found
}

/// Names that the upstream and Envoy's other filters read.
fn others() -> Vec<String> {
    let headers = IDENTITY_HEADERS.into_iter().map(|name| format!("header {}", name.to_ascii_lowercase()));
    let members = DynamicMetadata::NAMES.into_iter().map(|name| format!("metadata {name}"));
    headers.chain(members).collect()
}

/// Names that stand in tables of pages, which other tests compare with what is so: those of the filter state, in Envoy, and the files
/// of a release.
fn documented() -> Vec<String> {
    let rows = |page: &str, heading: &str| {
        let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
        let section =
            text.split_once(&format!("\n## {heading}\n")).unwrap().1.split("\n## ").next().unwrap().to_owned();
        let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next().map(str::to_owned));
        let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
        names.collect::<Vec<_>>()
    };
    let states = rows("docs/operations.md", "Access log and RBAC").into_iter().filter(|name| name.starts_with("wasm."));
    let states: Vec<String> = states.map(|name| format!("filter state {name}")).collect();
    let files: Vec<String> =
        rows("docs/install.md", "Releases").into_iter().map(|name| format!("file of a release {name}")).collect();
    assert!(states.len() >= 3 && files.len() > 15, "{states:?} {files:?}");
    [states, files].concat()
}

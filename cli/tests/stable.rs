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
    let found: BTreeSet<String> =
        [answers(), command_line(), counters(), fields(), log_fields(), others()].concat().into_iter().collect();
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

/// Every answer in docs/responses.md, which another test compares with what the core answers.
fn answers() -> Vec<String> {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/responses.md")).unwrap();
    let reasons = || Reason::NAMES.into_iter().chain(["internal_error"]);
    let (mut status, mut answers) = (String::new(), Vec::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            status = heading.split([':', ' ']).next().unwrap().to_owned();
        }
        let Some(reason) = reasons().find(|reason| line.ends_with(&format!("| `{reason}` |"))) else { continue };
        let cells: Vec<&str> = line.split(" | ").collect();
        let of_line = cells[0].trim_start_matches("| ").split(' ').next().filter(|text| text.parse::<u16>().is_ok());
        let body = cells.iter().find(|cell| cell.starts_with("`{")).unwrap().split('`').nth(1).unwrap();
        answers.push(format!("answer {} {reason} {body}", of_line.unwrap_or(&status)));
    }
    assert_eq!(answers.len(), reasons().count());
    answers
}

/// Every command with its options.
fn command_line() -> Vec<String> {
    let help = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = help(&[]);
    let commands = listed.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ").filter(|it| !it.starts_with(' ')));
    let mut found = Vec::new();
    for name in names.map(|line| line.split(' ').next().unwrap()).filter(|name| *name != "help") {
        found.push(format!("command {name}"));
        let help = help(&[name]);
        let words = help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
        let options = words.filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches(','));
        found.extend(options.map(|option| format!("command {name} {}", option.split('=').next().unwrap())));
    }
    assert!(found.len() > 30, "{found:?}");
    found
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

/// The words that introduce what a line about a refused request says.
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
    let mut names: Vec<String> =
        fields.split(", ").map(|field| format!("log denied {}", field.split(' ').next().unwrap())).collect();
    assert_eq!(names.len(), 6, "{line}");
    names.push("log denied".to_owned());
    names
}

/// Names that the upstream and Envoy's other filters read.
fn others() -> Vec<String> {
    let headers = IDENTITY_HEADERS.into_iter().map(|name| format!("header {}", name.to_ascii_lowercase()));
    let members = DynamicMetadata::NAMES.into_iter().map(|name| format!("metadata {name}"));
    headers.chain(members).collect()
}

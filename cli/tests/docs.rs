//! The documentation, compared with what it describes: links, snippets, responses, and the reference of all fields.
//!
//! What needs a proxy is compared by the tests in `tests/envoy`, and what `jwt-auth` prints by `cli.rs` and `convert.rs`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jwt_auth_cli::explain::reasons::{self, InWords};
use jwt_auth_filter::{
    authenticate::Reason,
    config::{
        Config, FIELDS,
        schema::{Field, Shape},
    },
    reply::Reply,
    revocation::RevocationSet,
    token::ClaimPath,
};
use serde_json::json;

/// The repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PROGRAM: &str = env!("CARGO_BIN_EXE_jwt-auth");
const UPDATE: &str = "JWT_AUTH_UPDATE_DOCS";
const README_LINES: usize = 180;

/// Snippets that another test compares: the document, how the snippet begins, and the test's file, which names the document.
const COMPARED_ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "dist/jwt-auth.wasm:", "tests/envoy/test_readme.py"),
    ("docs/authorization.md", "http_filters:", "tests/envoy/test_rules.py"),
    ("docs/authorization.md", "routes:", "tests/envoy/test_route_policy.py"),
    ("docs/cli.md", "$ jwt-auth check", "cli/tests/cli.rs"),
    ("docs/cli.md", "envoy.yaml:74:45:", "cli/tests/cli.rs"),
    ("docs/cli.md", "$ jwt-auth explain --follow", "cli/tests/follow.rs"),
    ("docs/cli.md", "$ jwt-auth explain", "cli/tests/cli.rs"),
    ("docs/migrating-from-kong.md", "jwt-auth convert", "cli/tests/convert.rs"),
    ("docs/migrating-from-kong.md", "              routes:", "cli/tests/convert.rs"),
    ("docs/operations.md", "denied: ", "tests/envoy/test_operators.py"),
    ("docs/walkthrough.md", "_format_version:", "cli/tests/walkthrough.rs"),
    ("docs/walkthrough.md", "$ ", "cli/tests/walkthrough.rs"),
    ("docs/token-places.md", "response_headers_to_add:", "tests/envoy/test_more_token_places.py"),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents for users, by their paths from the root.
fn documents() -> Vec<String> {
    let pages = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let pages = pages.map(|page| format!("docs/{}", page.unwrap().file_name().into_string().unwrap()));
    let mut all: Vec<String> = pages.filter(|page| page.ends_with(".md")).collect();
    all.sort();
    all.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "envoy/README.md"].map(str::to_owned));
    all
}

/// A fenced block of code.
struct Snippet {
    language: String,
    text: String,
}

/// A document as its blocks of code, and all the rest.
fn split(document: &str) -> (Vec<Snippet>, String) {
    let (mut snippets, mut prose, mut open) = (Vec::new(), String::new(), None::<Snippet>);
    for line in document.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => open = Some(Snippet { language: language.to_owned(), text: String::new() }),
            (Some(_), Some(snippet)) => snippets.push(snippet),
            (None, Some(mut snippet)) => {
                snippet.text.extend([line, "\n"]);
                open = Some(snippet);
            }
            (None, None) => prose.extend([line, "\n"]),
        }
    }
    assert!(open.is_none(), "a block of code does not end");
    (snippets, prose)
}

/// What stands between single backticks.
fn code_spans(prose: &str) -> impl Iterator<Item = &str> {
    prose.split('`').skip(1).step_by(2)
}

/// The targets of `[…](…)`.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// What GitHub calls a heading in a link.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|it| if it == ' ' { '-' } else { it }).collect()
}

fn anchors(path: &Path) -> HashSet<String> {
    let (_, prose) = split(&fs::read_to_string(path).unwrap());
    prose.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    let beside = Path::new(PROGRAM).parent().unwrap().to_path_buf();
    let paths = env::split_paths(&env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = env::join_paths([beside].into_iter().chain(paths)).unwrap();
    Command::new(program).args(arguments).current_dir(directory).env("PATH", path).output().unwrap()
}

/// A directory of one test, empty.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "{lines} lines; move what is too much to docs/");
}

#[test]
fn every_link_leads_somewhere() {
    for name in documents() {
        let path = Path::new(ROOT).join(&name);
        let (_, prose) = split(&read(&name));
        for link in links(&prose).filter(|link| !link.starts_with("https://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{name}: no {link}");
            assert!(heading.is_empty() || anchors(&target).contains(heading), "{name}: no heading {link}");
        }
    }
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let (_, readme) = split(&read("README.md"));
    for name in documents().iter().filter(|name| *name != "README.md" && !name.starts_with("envoy/")) {
        assert!(links(&readme).any(|link| link.split('#').next() == Some(name)), "README.md: no link to {name}");
    }
}

#[test]
fn every_snippet_is_compared_or_run() {
    let mut elsewhere = HashSet::new();
    for name in documents() {
        for (at, Snippet { language, text }) in split(&read(&name)).0.into_iter().enumerate() {
            let place = format!("{name}, block {}", at + 1);
            let known =
                COMPARED_ELSEWHERE.iter().find(|(document, start, _)| *document == name && text.starts_with(start));
            if let Some((document, start, test)) = known {
                let page = document.rsplit('/').next().unwrap();
                assert!(read(test).contains(page), "{place}: {test} does not read {document}");
                elsewhere.insert((document, start));
                continue;
            }
            match language.as_str() {
                "yaml" if text.starts_with("- name: jwt_auth") => {
                    assert!(read("envoy/minimal.yaml").contains(&text), "{place}: not in envoy/minimal.yaml");
                }
                "yaml" => check_configuration(&place, &text),
                "sh" => {
                    let output = run(&directory("docs-sh"), "sh", &["-e", "-c", &text]);
                    assert!(output.status.success(), "{place}: {output:?}");
                }
                "json" => {
                    RevocationSet::read(text.as_bytes()).unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                "log" => assert!(text.trim_end() == fault_of_a_third_consumer(), "{place}: {text}"),
                language => panic!("{place}: {language:?} is checked by no test"),
            }
        }
    }
    assert_eq!(elsewhere.len(), COMPARED_ELSEWHERE.len(), "a snippet of COMPARED_ELSEWHERE is gone");
}

/// Checks a part of a plugin configuration, with what it needs beside it.
fn check_configuration(place: &str, snippet: &str) {
    let pem = read("tests/keys/rsa-2048.pem").replace('\n', "\\n");
    let snippet = snippet.replace("…the old key…", &pem).replace("…the new key…", &pem);
    let starts = |name: &str| snippet.lines().any(|line| line.starts_with(name));
    let config = if starts("jwt_secrets:") {
        let indented: String = snippet.lines().map(|line| format!("  {line}\n")).collect();
        format!("consumers:\n- username: ClientApp\n{indented}")
    } else if starts("consumers:") {
        snippet
    } else {
        format!("{snippet}consumers:\n- username: ClientApp\n  groups: [partners]\n")
    };
    let directory = directory("docs-yaml");
    fs::write(directory.join("snippet.yaml"), &config).unwrap();
    let output = run(&directory, PROGRAM, &["check", "snippet.yaml"]);
    assert!(output.status.success(), "{place}: {}\n{config}", String::from_utf8_lossy(&output.stdout));
}

/// What the log says when the key of the third consumer does not fit.
fn fault_of_a_third_consumer() -> String {
    let credential = json!({"key": "k", "algorithm": "RS256", "rsa_public_key": read("tests/keys/p384.pem")});
    let third = json!({"username": "c", "jwt_secrets": [credential]});
    let config = json!({"consumers": [{"username": "a"}, {"username": "b"}, third]});
    Config::parse(config.to_string().as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_command_that_is_named_exists() {
    let makefile = read("Makefile");
    for name in documents() {
        let (snippets, prose) = split(&read(&name));
        let indented = prose.lines().filter_map(|line| line.strip_prefix("    "));
        let blocks = snippets.iter().filter(|it| it.language == "sh").flat_map(|it| it.text.lines());
        for command in code_spans(&prose).chain(indented).chain(blocks) {
            if let Some(target) = command.strip_prefix("make ").and_then(|rest| rest.split(' ').next()) {
                assert!(makefile.contains(&format!("\n{target}:")), "{name}: no make target: {command}");
            }
            if let Some(rest) = command.strip_prefix("jwt-auth ") {
                let words = rest.split_whitespace();
                let mut path: Vec<&str> = words.clone().take(1).collect();
                if ["consumer", "credential"].contains(&path[0]) {
                    path.extend(words.clone().nth(1));
                }
                let help = run(Path::new(ROOT), PROGRAM, &[path.as_slice(), &["--help"]].concat());
                assert!(help.status.success(), "{name}: no command: {command}");
                let help = String::from_utf8(help.stdout).unwrap();
                for option in words.filter(|word| word.starts_with("--")) {
                    assert!(help.contains(option), "{name}: no option {option}: {command}");
                }
            }
        }
    }
}

/// Lines of `docs/responses.md` that are rows of a table with this reason in the last column.
fn rows<'t>(page: &'t str, reason: &str) -> Vec<&'t str> {
    page.lines().filter(|line| line.ends_with(&format!("| `{reason}` |"))).collect()
}

#[test]
fn every_reason_has_its_response_in_the_documentation() {
    let page = read("docs/responses.md");
    for reason in Reason::NAMES.into_iter().chain(["internal_error"]) {
        assert_eq!(rows(&page, reason).len(), 1, "{reason}");
    }
    let policy = Config::parse(b"{}").unwrap().policy;
    for reason in [
        Reason::ForbiddenHeader("…".to_owned()),
        Reason::NoToken,
        Reason::MultipleTokens,
        Reason::UnsupportedAlgorithm,
        Reason::UnsupportedHeader("crit"),
        Reason::NoKeyClaim,
        Reason::InvalidKeyClaim,
        Reason::AlgorithmMismatch,
        Reason::InvalidSignature,
        Reason::VerificationBudget,
        Reason::TokenType,
        Reason::MissingClaim(ClaimPath::parse("jti").unwrap().into()),
        Reason::Audience,
        Reason::Subject,
        Reason::RevocationsUnavailable(1),
        Reason::Revoked,
        Reason::AnonymousWithoutGroup,
        Reason::NotAllowed,
        Reason::KeySetUnavailable(1),
    ] {
        assert_eq!(reasons::find(reason.name()).unwrap().check, Some(reason.check()), "{reason}");
        let Reply { status, body, www_authenticate, .. } = Reply::denied(&reason, &policy);
        let row = rows(&page, reason.name())[0];
        let at = page.find(row).unwrap();
        let section = &page[page[..at].rfind("\n## ").unwrap()..at + row.len()];
        assert!(section.contains(&status.to_string()), "{row}: {status}");
        assert!(row.contains(&format!("`{body}`")), "{row}: {body}");
        let told = www_authenticate.is_none_or(|challenge| row.contains(&challenge) || row.contains('〃'));
        assert!(told, "{row}: the challenge");
    }
}

/// The names of the tests in files of this ending, below a folder.
fn tests_below(folder: &Path, ending: &str, function: &str, names: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("node_modules") {
            tests_below(&entry, ending, function, names);
        } else if entry.extension().is_some_and(|it| it == ending) {
            let text = fs::read_to_string(&entry).unwrap();
            let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix(function));
            names.extend(functions.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_feature_of_the_comparison_is_shown_by_a_test() {
    const COLUMNS: usize = 8;
    let mut tests = HashSet::new();
    tests_below(&Path::new(ROOT).join("tests/core"), "rs", "fn ", &mut tests);
    tests_below(&Path::new(ROOT).join("tests/envoy"), "py", "def ", &mut tests);
    let page = read("docs/comparison.md");
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let mut count = 0;
    for row in rows.filter(|row| !row.starts_with("| feature |")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), COLUMNS, "{row}");
        let test = cells[COLUMNS - 1].trim_matches('`');
        assert!(tests.contains(test), "no test {test}: {row}");
        count += 1;
    }
    assert!(count > 30, "{count}");
}

/// An object of the configuration with its fields: the names that it stands under, none for the top.
struct Section {
    names: Vec<&'static str>,
    fields: &'static [Field],
}

/// Every object of the configuration, once.
fn sections() -> Vec<Section> {
    let mut all = vec![Section { names: Vec::new(), fields: FIELDS }];
    let mut at = 0;
    while at < all.len() {
        for field in all[at].fields {
            let (Shape::Object(fields) | Shape::List(&Shape::Object(fields))) = field.about.shape else { continue };
            match all.iter_mut().find(|section| are_same(section.fields, fields)) {
                Some(section) if section.names.contains(&field.name) => {}
                Some(section) => section.names.push(field.name),
                None => all.push(Section { names: vec![field.name], fields }),
            }
        }
        at += 1;
    }
    all
}

/// Whether two tables are one.
fn are_same(one: &[Field], other: &[Field]) -> bool {
    one.iter().map(|field| field.name).eq(other.iter().map(|field| field.name))
}

fn reference() -> String {
    let sections = sections();
    let heading_of =
        |fields: &'static [Field]| sections.iter().find(|it| are_same(it.fields, fields)).unwrap().names.join(", ");
    let mut text = String::new();
    for Section { names, fields } in &sections {
        if !names.is_empty() {
            text += &format!("\n### {}\n", names.join(", "));
        }
        text += "\n| field | value | default | meaning |\n|---|---|---|---|\n";
        let is_policy = |field: &Field| names == &["rules"] && FIELDS.iter().any(|top| top.name == field.name);
        for field in fields.iter().filter(|field| !is_policy(field)) {
            let default = match field.about.default {
                Some(default) => format!("`{default}`"),
                None if field.about.required => "required".to_owned(),
                None => "none".to_owned(),
            };
            let value = value(field.about.shape, &heading_of);
            let meaning = field.about.description.replace('|', r"\|");
            text += &format!("| `{}` | {value} | {default} | {meaning} |\n", field.name);
        }
        let inherited: Vec<&str> = fields.iter().filter(|field| is_policy(field)).map(|field| field.name).collect();
        if let [first, .., last] = inherited.as_slice() {
            text += &format!("\nAnd every field of the first table from `{first}` to `{last}`.\n");
        }
    }
    text
}

/// What a value looks like, in words.
fn value(shape: Shape, heading_of: &dyn Fn(&'static [Field]) -> String) -> String {
    let seconds = |millis: u64| format!("`{}s`", millis as f64 / 1000.0);
    match shape {
        Shape::Text | Shape::Name | Shape::HeaderText => "text".to_owned(),
        Shape::Token => "name".to_owned(),
        Shape::Flag => "`true`, `false`".to_owned(),
        Shape::Number { maximum } => format!("0 to {maximum}"),
        Shape::TextPattern => "text, or an object with `prefix`, `suffix` or `glob`".to_owned(),
        Shape::RequiredClaim => "[object](#required_claims)".to_owned(),
        Shape::ErrorStatus => "400 to 599".to_owned(),
        Shape::Scalar => "text, number, `true`, `false`".to_owned(),
        Shape::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Algorithm => "[algorithm](#algorithms-and-keys)".to_owned(),
        Shape::Duration { minimum, maximum } => format!("time, {} to {}", seconds(minimum), seconds(maximum)),
        Shape::DateTime => "time (RFC 3339)".to_owned(),
        Shape::Uri => "URI".to_owned(),
        Shape::KeySet => "JWK set".to_owned(),
        Shape::PublicKey => "PEM or JWK".to_owned(),
        Shape::ConsumerReference => "text, or an object with `id`, `username` or `custom_id`".to_owned(),
        Shape::List(items) => format!("list: {}", value(*items, heading_of)),
        Shape::Object(fields) => {
            let heading = heading_of(fields);
            format!("[object](#{})", anchor(&heading))
        }
    }
}

#[test]
fn the_reference_of_fields_is_that_of_the_declarations() {
    assert_written("docs/configuration.md", "reference", &reference());
}

/// A part of a page that is written by a test must be what it writes.
fn assert_written(name: &str, part: &str, expected: &str) {
    let page = read(name);
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    let expected = format!("{before}{begin}{expected}\n{end}{after}");
    if env::var_os(UPDATE).is_some() {
        fs::write(Path::new(ROOT).join(name), &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "the {part} of {name} is not that of the code; write it: {UPDATE}=1 cargo test -p jwt-auth --test docs"
    );
}

#[test]
fn what_a_refusal_comes_from_is_what_the_program_says() {
    let mut text = "\n| reason | usual cause | what to do |\n|---|---|---|\n".to_owned();
    for InWords { reason, cause, remedy, .. } in reasons::ALL {
        text += &format!("| `{reason}` | {cause} | {} |\n", remedy.replace('|', r"\|"));
    }
    assert_written("docs/responses.md", "reasons", &text);
}

#[test]
fn every_reason_is_put_into_words() {
    let told: Vec<&str> = reasons::ALL.iter().map(|it| it.reason).collect();
    assert_eq!(told, Reason::NAMES.into_iter().chain(["internal_error"]).collect::<Vec<_>>());
}

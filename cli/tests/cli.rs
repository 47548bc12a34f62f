//! The command line, run as a person runs it: what it prints, and how it ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use folder::{PROGRAM, ROOT, Run};
use jwt_auth_filter::{
    config::{
        Config, FIELDS,
        schema::{Field, Shape},
    },
    encoding::json,
    revocation::RevocationSet,
};
use serde_json::{Value, json};

const SAMPLE: &str = "envoy/envoy.yaml";
const SECRET: &str = "a secret of the command line's tests, long enough";

/// A file of the repository.
fn from_root(path: &str) -> PathBuf {
    PathBuf::from(ROOT).join(path)
}

/// Writes down what `explain` is asked, for the tests of the token page, which ask it the same: `tests/page`.
fn record(arguments: &[&str], input: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(0);

    let Some(directory) = env::var_os("JWT_AUTH_RECORD").filter(|_| arguments.first() == Some(&"explain")) else {
        return;
    };
    // Nobody pastes what is longer.
    let read = |path: &str| fs::read_to_string(from_root(path)).ok().filter(|text| text.len() < 1 << 20);
    let content = |path: &&&str| read(path).map(|text| (path.to_string(), text));
    let files: BTreeMap<String, String> = arguments.iter().filter_map(|path| content(&path)).collect();
    let record = json!({"arguments": arguments, "input": input, "files": files});
    let name = format!("{}.json", COUNT.fetch_add(1, Ordering::Relaxed));
    fs::write(PathBuf::from(directory).join(name), record.to_string()).unwrap();
}

fn run_with(arguments: &[&str], input: &str) -> Run {
    record(arguments, input);
    folder::run(Command::new(PROGRAM).args(arguments).current_dir(ROOT), input)
}

fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// What a successful run prints.
fn printed(arguments: &[&str]) -> String {
    let Run { code, out, err } = run(arguments);
    assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
    out
}

/// A public key on Ed448 (RFC 8032 section 7.4): to try it costs most.
const ED448: &str = "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA";

/// A file of one test.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The lines of a check of one file, its path left out.
fn check(name: &str, content: impl AsRef<[u8]>) -> (i32, Vec<String>) {
    static CHECKS: AtomicU32 = AtomicU32::new(0);

    // Tests that run side by side may take the same name.
    let number = CHECKS.fetch_add(1, Ordering::Relaxed);
    let path = file(&format!("{number}-{name}"), content);
    let Run { code, out, err } = run(&["check", &path]);
    assert_eq!(err, "");
    (code, out.lines().map(|line| line.replace(&path, "F")).collect())
}

/// A configuration with one secret, strict enough to have no warnings.
fn config(fields: Value) -> Value {
    let mut config = json!({
        "claims_to_verify": ["exp"],
        "uri_param_names": [],
        "consumers": [{"username": "joe", "jwt_secrets": [{"key": "k", "secret": SECRET}]}],
    });
    for (name, value) in fields.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn token(arguments: &[&str]) -> String {
    printed(&[&["token", "--secret", SECRET, "--claim", "iss=k"], arguments].concat()).trim().to_owned()
}

/// The explanation of a token, as JSON, and the exit code.
fn explain(name: &str, config: &Value, arguments: &[&str], input: &str) -> (i32, Value) {
    let path = file(name, config.to_string());
    let Run { code, out, err } =
        run_with(&[&["explain", "--format", "json", "--config", &path], arguments].concat(), input);
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {err}")))
}

/// The check that failed, with its detail.
fn failed(explanation: &Value) -> String {
    let checks = explanation["checks"].as_array().unwrap();
    let failed: Vec<_> = checks.iter().filter(|check| check["passed"] == false).collect();
    match failed.as_slice() {
        [] => String::new(),
        [check] => format!("{}: {}", check["check"].as_str().unwrap(), check["detail"].as_str().unwrap()),
        checks => panic!("{checks:?}"),
    }
}

#[test]
fn every_command_says_how_it_is_used() {
    let Run { code, out, .. } = run(&["--help"]);
    assert_eq!(code, 0);
    let commands = [
        "check",
        "convert",
        "explain",
        "consumer",
        "credential",
        "token",
        "keygen",
        "schema",
        "page",
        "completions",
        "man",
    ];
    for command in commands {
        assert!(out.contains(&format!("  {command} ")), "{command} in {out}");
        assert!(printed(&[command, "--help"]).contains("Example"), "{command}");
    }
    let version = printed(&["--version"]);
    assert!(version.starts_with(&format!("jwt-auth {}", env!("CARGO_PKG_VERSION"))), "{version}");
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef jwt-auth"), ("fish", "complete -c jwt-auth")] {
        assert!(printed(&["completions", shell]).contains(mark), "{shell}");
    }
    assert!(printed(&["man"]).contains(".TH jwt-auth 1"));
    for command in commands {
        let page = printed(&["man", command]);
        assert!(page.contains(&format!(".TH jwt-auth-{command} 1")) && page.contains("Example"), "{page}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_expected() {
    for (arguments, tells) in [
        (["check"].as_slice(), "<FILE>"),
        (&["nonsense"], "nonsense"),
        (&["check", "--format", "xml", SAMPLE], "possible values: text, json"),
        (&["explain", "--token", "x"], "--config"),
        (&["explain", "--config", SAMPLE, "--token", "x", "--token-file", "y"], "cannot be used with"),
        (&["explain", "--config", SAMPLE, "--token", "x", "--at", "tomorrow"], "such as 2026-11-24T16:00:00Z"),
        (&["explain", "--config", SAMPLE, "--token", "x", "--at", "1700000000000"], "1700000000 (seconds)"),
        (
            &["explain", "--config", SAMPLE, "--token", "x", "--filter", "other"],
            "named \"other\"; expected one of jwt_auth",
        ),
        (&["man", "nonsense"], "expected one of check, convert, explain"),
        (&["keygen", "ES256", "--bits", "4096"], "--bits is for RSA keys"),
        (&["keygen", "none"], "expected one of HS256"),
        (&["keygen", "RS256", "--bits", "1024"], "2048..=8192"),
        (&["token"], "--key"),
        (&["token", "--secret", "s", "--claim", "x"], "name=value"),
        (&["token", "--secret", "s", "--exp", "soon"], "such as 90s, 5m, 1h, 7d or -1h"),
        (&["token", "--secret", "s", "--alg", "RS256"], "the key signs with HS256, HS384, HS512"),
        (&["token", "--secret", ""], "--secret: the secret is empty"),
        (&["token", "--key", "tests/keys/p256.pem", "--secret", "s"], "cannot be used with"),
        (&["token", "--alg", "HS256"], "Usage: jwt-auth token --alg <ALG> <--key <FILE>|--secret <SECRET>>"),
    ] {
        let Run { code, out, err } = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(tells), "{arguments:?}: {err}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_checked_all_the_same() {
    let binary = file("binary", [0xff, 0xfe, 0x00, 0x01]);
    let with_nul = file("with-nul", "a: \"\0\"");
    let huge = file("huge", "");
    fs::File::create(&huge).unwrap().set_len((64 << 20) + 1).unwrap();
    let good = file("good.json", config(json!({})).to_string());
    for (path, problem) in [
        ("/nonexistent/x.yaml", "No such file or directory"),
        ("src", "Is a directory"),
        (&binary, "not a text file (UTF-8)"),
        (&with_nul, "not a text file (UTF-8)"),
        (&huge, "larger than 64 MiB"),
    ] {
        let Run { code, out, err } = run(&["check", path, &good]);
        assert_eq!(code, 2, "{path}");
        assert_eq!(err, format!("error: {path}: {problem}\n"));
        assert_eq!(out, format!("{good}: 1 configuration, 0 faults, 0 warnings\n"));
        assert_eq!(run(&["explain", "--config", path, "--token", "x"]).err, format!("error: {path}: {problem}\n"));
    }
    fs::remove_file(huge).unwrap();
}

/// Every sample below `envoy/`, as a path from the root of the repository.
fn samples() -> Vec<String> {
    fn collect(folder: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(from_root(folder)).unwrap().map(Result::unwrap) {
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                collect(&path, found);
            } else if path.ends_with(".yaml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect("envoy", &mut found);
    found.sort();
    found
}

#[test]
fn every_sample_passes_the_check_as_it_stands() {
    let without_filter = [
        ("envoy/docker-compose.yaml", "no configuration of the filter; expected"),
        ("envoy/docker-compose.native.yaml", "no configuration of the filter; expected"),
        ("envoy/gateway/kong.yaml", "no configuration of the filter, but Kong's, which `jwt-auth convert`"),
    ];
    for sample in samples() {
        let Run { code, out, .. } = run(&["check", &sample]);
        match without_filter.iter().find(|(name, _)| *name == sample) {
            Some((_, said)) => assert!(code == 1 && out.starts_with(&format!("{sample}:1:1: {said}")), "{out}"),
            None => assert!(code == 0 && out.contains(" 0 faults, "), "{out}"),
        }
    }
}

#[test]
fn what_is_no_configuration_is_a_fault_at_its_place() {
    for (name, content, line) in [
        ("empty", "", "F:1:1: no configuration of the filter; expected a plugin configuration, or a Wasm filter"),
        ("comment", "# nothing\n", "F:1:1: no configuration of the filter"),
        ("word", "hello", "F:1:1: the configuration: a string; expected an object"),
        ("broken", "a: [1\nb: 2\n", "F:2:2: neither YAML nor JSON: "),
        ("twice", "realm: a\nrealm: b\n", "F:2:1: neither YAML nor JSON: a member that its object already has"),
        ("other", "static_resources: {}\n", "F:1:1: no configuration of the filter; expected"),
        ("compose", "services: {envoy: {image: envoy}}\n", "F:1:1: no configuration of the filter; expected"),
        ("truncated", "{\"realm\": \"a\"", "F:1:"),
        (
            "gateway",
            "_format_version: \"3.0\"\nservices: []\n",
            "F:1:1: no configuration of the filter, but Kong's, which `jwt-auth convert` converts; expected",
        ),
    ] {
        let (code, lines) = check(name, content);
        assert_eq!(code, 1, "{name}");
        assert!(lines[0].starts_with(line), "{name}: {lines:?}");
    }
}

#[test]
fn every_fault_is_printed_at_its_line_and_column() {
    let yaml = "header_name: x\nclaims_to_verify:\n- exp\n- iat\nconsumers:\n- username: a\n  jwt_secrets:\n  - key: k\n    \
                algorithm: RS256\n    rsa_public_key: |\n      -----BEGIN PUBLIC KEY-----\n  - {key: 7,\n     secret: s}\n  \
                - key: l\nanonymous: nobody\n";
    let (code, lines) = check("faults.yaml", yaml);
    assert_eq!(code, 1);
    let places: Vec<String> = lines.iter().map(|line| line.split("; expected").next().unwrap().to_owned()).collect();
    assert_eq!(
        places,
        [
            "F:1:1: header_name: an unknown field",
            "F:4:3: claims_to_verify[1]: \"iat\"",
            "F:11:7: consumers[0].jwt_secrets[0].rsa_public_key: PEM that is broken: it has no END line",
            "F:12:11: consumers[0].jwt_secrets[1].key: a number",
            "F:14:5: consumers[0].jwt_secrets[2].secret: missing",
            "F:15:12: anonymous: \"nobody\", which is not the name of a consumer",
            "F: 1 configuration, 6 faults, 0 warnings",
        ]
    );
}

/// What `check` shows of a file below its messages, and the messages.
fn shown_and_told(name: &str, content: &str) -> (Vec<String>, Vec<String>) {
    let path = file(name, content);
    let out = run(&["check", "--source", "always", &path]).out;
    let is_number = |char: char| char == ' ' || char.is_ascii_digit();
    out.lines().map(str::to_owned).partition(|line| line.trim_start_matches(is_number).starts_with('|'))
}

/// As [`shown_and_told`], for a file of which a pipe gets the same messages.
fn shown(name: &str, content: &str) -> Vec<String> {
    let (shown, told) = shown_and_told(name, content);
    let path = file(name, content);
    for messages in [run(&["check", &path]).out, run(&["check", "--source", "never", &path]).out] {
        assert_eq!(messages.lines().collect::<Vec<_>>(), told);
    }
    shown
}

#[test]
fn the_line_of_a_fault_is_shown_below_it_on_demand() {
    let yaml = "realm: a\nclaims_to_verify: [exp, iat] # not only\nanonymous: 'nobody'\nclock_skew_seconds: 400\n";
    assert_eq!(
        shown("excerpts.yaml", yaml),
        [
            "  |",
            "2 | claims_to_verify: [exp, iat]",
            "  |                         ^^^",
            "  |",
            "3 | anonymous: 'nobody'",
            "  |            ^^^^^^^^",
            "  |",
            "4 | clock_skew_seconds: 400",
            "  |                     ^^^",
        ]
    );
    assert_eq!(
        shown("excerpts-broken.yaml", "claims_to_verify: [exp\nhost_crypto: off\n"),
        ["  |", "2 | host_crypto: off", "  |            ^"]
    );
    let warned = shown("excerpts-warned.yaml", "uri_param_names: []\nconsumers: []\nclaims_to_verify: [nbf]\n");
    assert_eq!(warned[4..], ["3 | claims_to_verify: [nbf]", "  | ^^^^^^^^^^^^^^^^"]);
    // What is not there has no line of its own.
    assert_eq!(shown("excerpts-absent.yaml", "uri_param_names: []\n"), [""; 0]);
}

/// Every field of a table, with a text in the place of its value, and in that of every value within it.
fn filled_with(text: &str, fields: &[Field]) -> Value {
    fn value(text: &str, shape: Shape) -> Value {
        match shape {
            Shape::Object(fields) => filled_with(text, fields),
            Shape::List(item) => json!([value(text, *item)]),
            _ => text.into(),
        }
    }
    fields.iter().map(|field| (field.name.to_owned(), value(text, field.about.shape))).collect()
}

/// As [`filled_with`], with one line for each value, in YAML.
fn block_yaml(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(members) => {
            let line =
                |(name, value): (&String, &Value)| format!("\n{:indent$}{name}:{}", "", block_yaml(value, indent + 2));
            members.iter().map(line).collect()
        }
        Value::Array(items) => {
            items.iter().map(|item| format!("\n{:indent$}-{}", "", block_yaml(item, indent + 2))).collect()
        }
        other => format!(" {other}"),
    }
}

#[test]
fn no_line_is_shown_that_may_hold_a_secret() {
    for secret in [
        "8Zz5tw0Ionm3XPZZfN0NOml3z9FMfmpgXwovR9fp6ryDIoGRM8EPHAB6iHsc0fb",
        "correct horse battery staple",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END PRIVATE KEY-----\n",
        "eyJhbGciOiJub25lIn0.e30.",
        "4711471147114711",
    ] {
        let everywhere = filled_with(secret, FIELDS);
        let mut forms = vec![
            everywhere.to_string(),
            format!("{everywhere:#}"),
            block_yaml(&everywhere, 0),
            block_yaml(&everywhere, 0).replace('"', "'"),
            format!("claims_to_verify: [exp, iat, {secret}]\nrealm: [{secret}]\nanonymous: # {secret}\n  - {secret}\n"),
            format!("{secret}: exp\n\"{secret}\":\n- auto\n"),
            format!("host_crypto: [auto, {secret}\nrealm: {secret}\n"),
            format!("claims_to_verify:\n  {secret}\nhost_crypto: |\n  {secret}\n   off\n"),
            format!("host_crypto: auto: {secret}\n"),
            format!("clock_skew_seconds: {secret}\nmaximum_expiration: 47{secret}.0\n"),
            format!("consumers:\n- username: a\n  jwt_secrets:\n  - {{algorithm: HS256, secrt: {secret}}}\n"),
        ];
        forms.extend(everywhere.as_object().unwrap().keys().map(|name| format!("{name}: {secret}\nx: [\n")));
        for (number, form) in forms.iter().enumerate() {
            let (lines, _) = shown_and_told("secrets.yaml", form);
            for word in secret.split_whitespace().filter(|word| word.len() > 3) {
                assert!(!lines.iter().any(|line| line.contains(word)), "form {number}: {lines:#?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_json_by_its_name_is_read_as_json() {
    for content in ["{\"realm\": \"x\",}", "realm: x\n", "{\"realm\": \"x\"} // end"] {
        let (code, lines) = check("strict.json", content);
        assert!(code == 1 && lines[0].starts_with("F:1:") && lines[0].contains(": no JSON: "), "{lines:?}");
    }
    assert_eq!(check("comma.yaml", "{\"realm\": \"x\",}").0, 0);
    assert_eq!(check("tabs.json", "\u{feff}{\n\t\"realm\":\t\"x\"}").0, 0);
}

#[test]
fn a_filter_of_several_is_chosen_by_name() {
    let filter = |name: &str, fields: Value| {
        let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
        let fields = json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": fields});
        json!({"name": "wasm", "typed_config": {"@type": wasm, "config": {"name": name, "configuration": fields}}})
    };
    let filters = [
        filter("jwt-auth-1", config(json!({}))),
        filter("other", json!({"a": 1})),
        filter("jwt-auth-2", config(json!({"realm": "second"}))),
    ];
    let path = file("filters.json", format!("{:#}", json!({"static_resources": {"http_filters": filters}})));
    let run = |more: &[&str]| run(&[&["explain", "--config", &path, "--token", "x"], more].concat());
    let Run { err, .. } = run(&[]);
    assert!(err.contains("has several configurations; taking that of line ") && err.contains("(--filter)"), "{err}");
    let Run { err, out, .. } = run(&["--filter", "jwt-auth-2"]);
    assert!(err.is_empty() && out.contains("Bearer realm=\"second\""), "{err}{out}");
    let Run { code, err, .. } = run(&["--filter", "other"]);
    assert!(code == 2 && err.ends_with(" named \"other\"; expected one of jwt-auth-1, jwt-auth-2, wasm\n"), "{err}");
}

#[test]
fn an_unknown_field_is_shown_at_its_name() {
    for (content, line) in [
        ("{\n  \"realms\":\n    \"x\"}", "F:2:3: realms: an unknown field"),
        (
            "consumers:\n- username: a\n  jwt_secrets:\n  - {key: k, secret: s, alg: HS256}\n",
            "F:4:25: consumers[0].jwt_secrets[0].alg: an",
        ),
        ("a: &a {realm: x}\n<<: *a\nrealm: y\n", "F:1:1: a: an unknown field; "),
    ] {
        let (_, lines) = check("unknown.yaml", content);
        assert!(lines[0].starts_with(line), "{lines:?}");
    }
}

#[test]
fn what_only_the_file_shows_is_said_with_a_fault() {
    let consumers =
        "consumers:\n- username: a\n  jwt_secrets:\n  - <<: *k\n    secret: ssssssssssssssssssssssssssssssss\n";
    let merging = format!("realm: &k {{key: k}}\n{consumers}");
    let (_, lines) = check("merging.yaml", &merging);
    let line = "F:5:5: consumers[0].jwt_secrets[0].(an unprintable name): an unknown field, <<: Envoy does not merge maps; expected one of";
    assert!(lines.iter().any(|it| it.starts_with(line)), "{lines:?}");
    // Kubernetes merges.
    let spec: String = consumers.lines().map(|line| format!("    {line}\n")).collect();
    let plugin = format!(
        "apiVersion: v1\nkind: WasmPlugin\nx: &k {{key: k}}\nspec:\n  url: oci://jwt-auth\n  pluginConfig:\n{spec}"
    );
    let (code, lines) = check("merging-plugin.yaml", plugin);
    assert_eq!(code, 0, "{lines:?}");

    let pem = fs::read_to_string(from_root("tests/keys/rsa-2048.pem")).unwrap().replace('\n', "\\n");
    let credential = |key: &str| {
        format!("consumers:\n- username: a\n  jwt_secrets:\n  - {{key: k, algorithm: RS256, rsa_public_key: {key}}}\n")
    };
    let (code, lines) = check("one-line.yaml", credential(&format!("'{pem}'")));
    assert_eq!(code, 1);
    assert!(
        lines[0].contains("; it holds \\n instead of line breaks; YAML reads \\n as a line break only between double"),
        "{lines:?}"
    );
    assert_eq!(check("one-line.yaml", credential(&format!("\"{pem}\""))).0, 0);

    // Between double quotes, as always in JSON, it was the backslash that was written twice.
    let twice = pem.replace('\\', "\\\\");
    let json = format!(
        r#"{{"consumers": [{{"username": "a", "jwt_secrets": [{{"key": "k", "algorithm": "RS256", "rsa_public_key": "{twice}"}}]}}]}}"#
    );
    let in_yaml = format!(
        "http_filters:\n- name: jwt-auth\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config:\n      configuration:\n        \"@type\": type.googleapis.com/google.protobuf.StringValue\n        value: '{json}'\n"
    );
    for (file, source) in
        [("twice.yaml", credential(&format!("\"{twice}\""))), ("twice.json", json), ("embedded.yaml", in_yaml)]
    {
        let (_, lines) = check(file, source);
        let hint = r"; it holds \n instead of line breaks; between double quotes, \\n is a backslash and an n, and \n a line break";
        assert!(lines[0].contains(hint), "{lines:?}");
    }
}

#[test]
fn faults_are_found_in_every_form_that_a_filter_has_in_a_file() {
    let envoy = fs::read_to_string(from_root(SAMPLE)).unwrap();
    let (code, lines) = check("envoy.yaml", envoy.replace("algorithm: RS256", "algorithm: RS255"));
    assert_eq!(code, 1);
    let line = 1 + envoy.lines().position(|line| line.contains("algorithm: RS256")).unwrap();
    assert!(
        lines[0].starts_with(&format!("F:{line}:36: consumers[0].jwt_secrets[0].algorithm: \"RS255\"")),
        "{lines:?}"
    );

    let any = |form: &str, value: &str| {
        format!(
            "resources:\n- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n  name: jwt_auth\n  \
             typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config:\n      \
             configuration:\n        \"@type\": type.googleapis.com/google.protobuf.{form}\n        value: {value}\n"
        )
    };
    let typed_struct = "- typed_config:\n    \"@type\": type.googleapis.com/udpa.type.v1.TypedStruct\n    \
                        type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    value:\n      config:\n        \
                        root_id: jwt_auth\n        configuration: {realm: 7}\n";
    let istio = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: x}\nspec:\n  \
                 url: oci://r/jwt-auth:1\n  pluginConfig:\n    realm: 1.5\n";
    let gateway = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {name: x}\nspec:\n  wasm:\n  \
                   - name: other\n    config: {a: 1}\n  - name: jwt-auth\n    config:\n      realm: [x]\n";
    let in_config_map = format!(
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  other: x\n  envoy.yaml: |\n    # as in Envoy's file\n    admin: {{}}\n    \
         typed_config:\n      \"@type\": type.googleapis.com/{}\n      config: {{name: jwt_auth, configuration: {{realm: 7}}}}\n",
        "envoy.extensions.filters.http.wasm.v3.Wasm"
    );
    for (name, content, line) in [
        ("struct", any("Struct", "{realm: 7}"), "F:9:24: realm: a number; "),
        (
            "text",
            any("StringValue", "|\n          {\"a\": 1,\n           \"realm\": 7}"),
            "F:10:12: a: an unknown field; ",
        ),
        ("text2", any("StringValue", "|\n          {\n           \"realm\": 7}"), "F:11:21: realm: a number; "),
        ("folded", any("StringValue", "\"{\\\"realm\\\":\\n 7}\""), "F:9:16: realm: a number; "),
        (
            "no-json",
            any("StringValue", "|\n          {\"realm\"\n           7}"),
            "F:11:12: the configuration: invalid JSON",
        ),
        (
            "bytes",
            any("BytesValue", "aGk="),
            "F:8:9: the configuration: another message; expected google.protobuf.Struct, or",
        ),
        ("typed-struct", typed_struct.to_owned(), "F:7:32: realm: a number; "),
        ("istio", istio.to_owned(), "F:7:12: realm: a number; "),
        ("gateway", gateway.to_owned(), "F:10:7: realm: a list; "),
        ("config-map", in_config_map, "F:10:55: realm: a number; "),
        ("documents", "realm: x\n---\nrealm: 7\n".to_owned(), "F:3:8: realm: a number; "),
    ] {
        let (code, lines) = check(name, content);
        assert_eq!(code, 1, "{name}: {lines:?}");
        assert!(lines[0].starts_with(line), "{name}: {lines:?}");
    }
}

#[test]
fn a_policy_of_a_route_is_checked_over_the_filter_beside_it() {
    const OWN: &str = "value: { disabled: true }";
    let envoy = fs::read_to_string(from_root("envoy/native.yaml")).unwrap();
    let at = envoy.lines().position(|line| line.ends_with(OWN)).unwrap() + 1;
    let own = |value: &str| check("own.yaml", envoy.replace(OWN, &format!("value: {value}")));
    let (code, lines) = own("{ disabled: true }");
    assert!(code == 0 && !lines.iter().any(|line| line.starts_with(&format!("F:{at}:"))), "{lines:?}");
    for (value, expected) in [
        ("{ anonymous: nobody }", "43: anonymous: \"nobody\", which is not the name of a consumer"),
        ("{ allow: [ClientApp], realms: x }", "52: realms: an unknown field; expected one of disabled, "),
        ("{ maximum_expiration: -1 }", "52: maximum_expiration: the number -1; expected a whole number"),
        (
            "{ forward_payload_header: x-p }",
            "56: forward_payload_header: x-p, a header that clients may send on other routes",
        ),
    ] {
        let (code, lines) = own(value);
        assert!(code == 1 && lines[0].starts_with(&format!("F:{at}:{expected}")), "{lines:?}");
    }
    // What another filter is told is none of this one's, and a wrapper changes nothing.
    let of_other =
        envoy.replace("                  jwt_auth:\n", "                  other:\n").replace(OWN, "value: { a: 1 }");
    assert_eq!(check("other.yaml", of_other).0, 0);
}

#[test]
fn a_request_is_explained_by_the_policy_of_its_route() {
    let config = from_root("envoy/native.yaml");
    let on = |route: &str| {
        let arguments =
            ["explain", "--format", "json", "--config", config.to_str().unwrap(), "--route", route, "--request", "-"];
        let Run { code, out, .. } = run_with(&arguments, "GET /health HTTP/1.1\nhost: a\n\n");
        (code, serde_json::from_str::<Value>(&out).unwrap())
    };
    let (code, explanation) = on("health");
    assert_eq!(code, 0);
    assert_eq!(explanation["checks"][0]["detail"], "the route's own policy, for route \"health\", service none given");
    assert_eq!(on("sample-iris").0, 1);
}

#[test]
fn what_only_the_native_edition_does_is_a_fault_of_a_wasm_filter() {
    let with = |sample: &str| {
        let text = fs::read_to_string(from_root(sample)).unwrap();
        let line = text.lines().find(|line| line.ends_with("claims_to_verify: [exp]")).unwrap();
        let added = line.replace("claims_to_verify: [exp]", "dynamic_metadata: {}");
        check("metadata.yaml", text.replace(line, &format!("{added}\n{line}")))
    };
    let (code, lines) = with("envoy/native.yaml");
    assert_eq!(code, 0, "{lines:?}");
    let (code, lines) = with(SAMPLE);
    assert_eq!(code, 1);
    assert!(
        lines[0].contains("dynamic_metadata: no Wasm filter can write it; expected the native edition"),
        "{lines:?}"
    );
}

/// A file with a dynamic module, in which these are the lines of the filter.
fn with_dynamic_module(lines: &[&str]) -> String {
    let head = "- name: auth\n  typed_config:\n    \"@type\": type.googleapis.com/";
    let filter = "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{head}{filter}\n{lines}")
}

#[test]
fn faults_are_found_in_every_form_that_a_dynamic_module_has_in_a_file() {
    const MODULE: &str = "dynamic_module_config: {name: jwt_auth, do_not_close: true}";
    let any = |form: &str, value: &str| {
        let form = format!("  \"@type\": type.googleapis.com/{form}");
        with_dynamic_module(&[MODULE, "filter_name: jwt_auth", "filter_config:", &form, &format!("  value: {value}")])
    };
    let typed_struct = "- name: auth\n  typed_config:\n    \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n    \
                        type_url: x/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter\n    value:\n      \
                        filter_name: jwt_auth\n      filter_config: {realm: 7}\n";
    let ecds = |filter: &str| format!("resources:\n{filter}");
    let patch = |filter: &str| {
        let filter = filter.replace("- name", "  name").replace('\n', "\n      ");
        format!(
            "apiVersion: x/v1\nkind: EnvoyFilter\nspec:\n  configPatches:\n  - patch:\n      value:\n      {filter}"
        )
    };
    let in_config_map = |file: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  envoy.yaml: |\n    {}", file.replace('\n', "\n    "))
    };
    let gateway = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {name: x}\nspec:\n  \
                   dynamicModule:\n  - name: other\n    config: {a: 1}\n  - name: jwt-auth\n    filterName: jwt_auth\n    \
                   config:\n      realm: [x]\n";
    let a_struct = any("google.protobuf.Struct", "{realm: 7}");
    for (name, content, line) in [
        ("struct", a_struct.clone(), "F:8:22: realm: a number; "),
        ("text", any("google.protobuf.StringValue", "'{\"realm\": 7}'"), "F:8:25: realm: a number; "),
        ("typed-struct", any("xds.type.v3.TypedStruct", "{realm: 7}"), "F:8:22: realm: a number; "),
        ("old-struct", any("udpa.type.v1.TypedStruct", "{realm: 7}"), "F:7:7: the configuration: another message; "),
        ("camel", a_struct.replace("filter_config", "filterConfig"), "F:8:22: realm: a number; "),
        ("in-typed-struct", typed_struct.to_owned(), "F:7:30: realm: a number; "),
        ("ecds", ecds(&a_struct), "F:9:22: realm: a number; "),
        ("envoy-filter", patch(&a_struct), "F:14:28: realm: a number; "),
        ("config-map", in_config_map(&a_struct), "F:12:26: realm: a number; "),
        ("gateway", gateway.to_owned(), "F:11:7: realm: a list; "),
    ] {
        let (code, lines) = check(name, content);
        assert_eq!(code, 1, "{name}: {lines:?}");
        assert!(lines[0].starts_with(line), "{name}: {lines:?}");
    }
    for (form, is_warned_of) in [("xds.type.v3.TypedStruct", true), ("google.protobuf.Struct", false)] {
        let (code, lines) = check("form", any(form, &config(json!({})).to_string()));
        let warning = "F:7:7: warning: filter_config: Envoy 1.38 and 1.39 refuse a TypedStruct here; ";
        assert_eq!((code, lines[0].starts_with(warning)), (0, is_warned_of), "{lines:?}");
    }
    let (code, lines) = check("empty", with_dynamic_module(&[MODULE]));
    assert!(code == 0 && lines[0].contains("no consumer has a credential"), "{lines:?}");
}

#[test]
fn a_dynamic_module_is_ours_by_a_name_its_file_or_its_fields() {
    const CONFIG: &str =
        r#"filter_config: {"@type": x/google.protobuf.StringValue, value: '{"consumers": [{"username": 7}]}'}"#;
    const OTHER: &str = r#"filter_config: {"@type": x/google.protobuf.StringValue, value: x}"#;
    let (code, lines) =
        check("other.yaml", with_dynamic_module(&["dynamic_module_config: {name: waf}", "filter_name: coraza", OTHER]));
    let expected = "F:1:1: no configuration of the filter, only the filters coraza (line 3); expected";
    assert!(code == 1 && lines[0].starts_with(expected), "{lines:?}");
    for ours in [
        ["dynamic_module_config: {name: my-jwt-auth}", OTHER],
        ["dynamicModuleConfig: {name: jwt_auth}", OTHER],
        ["filter_name: jwt_auth", OTHER],
        ["filterName: JWT_auth", OTHER],
        ["dynamic_module_config: {module: {local: {filename: /x/libjwt_auth.so}}}", OTHER],
        ["dynamic_module_config: {module: {remote: {http_uri: {uri: https://a/libjwt_auth.so}}}}", OTHER],
        ["dynamic_module_config: {name: waf}", CONFIG],
    ] {
        let (_, lines) = check("ours.yaml", with_dynamic_module(&ours));
        assert!(!lines[0].contains("no configuration"), "{ours:?}: {lines:?}");
    }
}

#[test]
fn a_wasm_filter_of_somebody_else_is_passed_over() {
    let other = "- name: coraza\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    \
                 config:\n      configuration:\n        \"@type\": type.googleapis.com/google.protobuf.StringValue\n        value: x\n";
    let (code, lines) = check("other.yaml", other);
    assert_eq!(code, 1);
    let expected = "F:1:1: no configuration of the filter, only the filters coraza (line 5); expected";
    assert!(lines[0].starts_with(expected), "{lines:?}");
    for ours in [
        other.replace("name: coraza", "name: my-JWT-Auth"),
        other.replace(
            "config:\n      ",
            "config:\n      vm_config: {code: {local: {filename: /x/jwt-auth.wasm}}}\n      ",
        ),
        other.replace("value: x", "value: '{\"consumers\": [{\"username\": 7}]}'"),
    ] {
        let (_, lines) = check("ours.yaml", ours);
        assert!(!lines[0].contains("no configuration"), "{lines:?}");
    }
}

#[test]
fn a_configuration_that_envoy_discovers_is_said_to_be_elsewhere() {
    let filter = |kind: &str, source: Value| {
        let discovery = json!({ "type_urls": [kind], "config_source": source });
        json!({ "static_resources": { "http_filters": [{ "name": "auth", "config_discovery": discovery }] } })
    };
    let file = json!({ "path_config_source": { "path": "/etc/envoy/jwt-auth.yaml" } });
    let wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    let native = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
    for (kind, source, place) in [
        (wasm, file.clone(), "in /etc/envoy/jwt-auth.yaml"),
        (native, file, "in /etc/envoy/jwt-auth.yaml"),
        (wasm, json!({ "ads": {} }), "on a server that Envoy asks"),
    ] {
        let text = filter(kind, source).to_string();
        let (code, lines) = check("discovered.json", &text);
        assert_eq!(code, 0);
        let warning = format!(": warning: the configuration of auth is {place}; check it too");
        assert!(lines[0].starts_with("F:1:") && lines[0].ends_with(&warning), "{lines:?}");
        assert_eq!(lines[1], "F: 0 configurations, 0 faults, 1 warning");
        let path = self::file("discovered.json", text);
        let Run { code, err, .. } = run(&["explain", "--config", &path, "--token", "x"]);
        let elsewhere = format!("no configuration of the filter: the configuration of auth is {place}\n");
        assert_eq!((code, err), (2, format!("error: {path}: {elsewhere}")));
    }
    let other = r#"{"static_resources": {"name": "a", "config_discovery": {"type_urls": ["x/envoy.Lua"]}}}"#;
    assert_eq!(check("other.json", other).0, 1);
}

#[test]
fn what_is_taken_and_seldom_meant_is_a_warning_and_no_fault() {
    let (code, lines) = check("strict.json", config(json!({})).to_string());
    assert_eq!((code, lines), (0, vec!["F: 1 configuration, 0 faults, 0 warnings".to_owned()]));

    let (code, lines) =
        check("lax.yaml", "consumers:\n- username: a\n  jwt_secrets:\n  - {key: k, secret: hush-hush}\n");
    assert_eq!(code, 0);
    assert_eq!(
        lines,
        [
            "F:1:1: warning: claims_to_verify: without exp, an expired token is accepted for ever",
            "F:1:1: warning: uri_param_names: a token is accepted in the query string, where access logs and histories keep it; [] \
         turns it off",
            "F:4:22: warning: consumers[0].jwt_secrets[0].secret: 9 bytes long; HS256 needs 32, or whoever has a token can guess the secret \
         (RFC 7518, section 3.2)",
            "F: 1 configuration, 0 faults, 3 warnings",
        ]
    );
    assert!(!lines.concat().contains("hush-hush"));

    let base64 = config(json!({"secret_is_base64": true, "consumers": [{"username": "a", "jwt_secrets": [
        {"key": "k", "algorithm": "HS512", "secret": "A".repeat(84)},
        {"key": "k", "algorithm": "HS512", "secret": "A".repeat(88)},
    ]}]}));
    let (_, lines) = check("base64.json", base64.to_string());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("jwt_secrets[0].secret: 63 bytes long; HS512 needs 64"), "{lines:?}");

    let unbound = config(json!({"sender_constraint": "off", "client_certificate_from": "client-cert", "rules": [
        {"routes": ["a"]}, {"routes": ["b"], "client_certificate_from": "x-forwarded-client-cert"},
        {"routes": ["c"], "sender_constraint": "required", "dpop": {}},
        {"routes": ["d"], "sender_constraint": "required", "dpop": {"origin": "https://a"}},
    ]}));
    let (_, lines) = check("unbound.json", unbound.to_string());
    assert_eq!(lines.len(), 5, "{lines:?}");
    for warning in [
        " sender_constraint: a token that says that it is bound to its client is taken from whoever has it",
        " client_certificate_from: whoever reaches this listener past the proxy that sets the header can write it",
        " rules[1].client_certificate_from: whoever",
        " rules[2].dpop: without origin, a proof that was made for another service can be used here",
    ] {
        assert!(lines.iter().any(|line| line.contains(warning)), "{warning}: {lines:?}");
    }

    let rsa = json!({"kty": "RSA", "e": "AQAB", "n": "_".repeat(341) + "w"});
    let dumped = config(json!({"header_names": ["x_token"], "consumers": [
        {"username": "a", "created_at": 1, "updated_at": 2, "jwt_secrets": [
            {"key": "h", "secret": SECRET, "rsa_public_key": rsa, "id": "1", "created_at": 1, "tags": ["x"]},
            {"key": "r", "algorithm": "RS256", "secret": SECRET, "rsa_public_key": rsa, "id": "2", "consumer": "a"},
        ]},
        {"username": "b", "created_at": 1},
    ]}));
    let (code, lines) = check("dumped.json", dumped.to_string());
    let own = "is the gateway's own and means nothing here";
    for warning in [
        "header_names: many proxies drop or refuse a header with an underscore in its name; Kong reads the one with a dash".to_owned(),
        format!("consumers[0].created_at: created_at {own}; 2 consumers have it"),
        format!("consumers[0].updated_at: updated_at {own}"),
        format!("consumers[0].jwt_secrets[0].id: id {own}; 2 credentials have it"),
        format!("consumers[0].jwt_secrets[0].tags: tags {own}"),
        format!("consumers[0].jwt_secrets[1].consumer: consumer {own}"),
        "consumers[0].jwt_secrets[0].rsa_public_key: rsa_public_key is not used: HS256, the default, verifies with secret".to_owned(),
        "consumers[0].jwt_secrets[1].secret: secret is not used: RS256 verifies with rsa_public_key".to_owned(),
    ] {
        assert!(lines.iter().any(|line| line.ends_with(&format!(" warning: {warning}"))), "{warning}: {lines:?}");
    }
    assert_eq!((code, lines.len()), (0, 9), "{lines:?}");

    let ed448 = json!({"kty": "OKP", "crv": "Ed448", "x": ED448});
    let long_rsa = json!({"kty": "RSA", "e": "AQAB", "n": "_".repeat(1365) + "w"});
    let odd_exponent = json!({"kty": "RSA", "e": "_____w", "n": "_".repeat(341) + "w"});
    let costly = config(json!({"consumers": [{"username": "a", "jwt_secrets": [
        {"key": "k", "jwks": {"keys": [ed448, ed448]}},
        {"key": "k", "jwks": {"keys": [ed448]}},
        {"key": "long", "jwks": {"keys": [long_rsa]}},
        {"key": "odd", "jwks": {"keys": [odd_exponent]}},
        {"key": "usual", "jwks": {"keys": [ed448, ed448]}},
    ]}]}));
    let (_, lines) = check("costly.json", costly.to_string());
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].contains("jwt_secrets[0].key: a token of EdDSA without a kid may be of more keys"), "{lines:?}");
    assert!(lines[1].contains("jwt_secrets[2].key: an RSA key of over 4096 bits"), "{lines:?}");
    assert!(lines[2].contains("jwt_secrets[3].key: an RSA key of over 4096 bits"), "{lines:?}");

    let set = json!({"keys": [{"kty": "later"}, {"kty": "oct", "k": "A".repeat(43)}]});
    let credential = json!({"key": "k", "jwks": set});
    let (code, lines) =
        check("later.json", config(json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]})).to_string());
    let warning = "warning: consumers[0].jwt_secrets[0].jwks: keys[0] is skipped: a JWK of an unsupported type";
    assert!(code == 0 && lines[0].contains(warning), "{lines:?}");

    let (_, lines) = check("nobody.yaml", "claims_to_verify: [exp]\nuri_param_names: []\n");
    assert!(lines[0].contains("warning: consumers: no consumer has a credential"), "{lines:?}");
}

/// A file of Envoy's with a key set to fetch, in which one thing is replaced by another.
fn envoy_with(what: &str, with: &str) -> String {
    let sample = fs::read_to_string(from_root(SAMPLE)).unwrap();
    let start = sample.find("                      algorithm: RS256").unwrap();
    let end = sample[start..].find("-----END PUBLIC KEY-----\n").unwrap() + start + "-----END PUBLIC KEY-----\n".len();
    let fetched = "                      remote_jwks: {uri: https://a.example.com/k, cluster: a}\n";
    let sample = [&sample[..start], fetched, &sample[end..]].concat();
    assert!(sample.contains(what), "{what}");
    sample.replace(what, with)
}

#[test]
fn a_failure_policy_is_warned_of_under_which_nothing_or_everything_passes() {
    let envoy = |policy: &str| envoy_with("failure_policy: FAIL_RELOAD", policy);
    let istio = |strategy: &str| {
        fs::read_to_string(from_root("envoy/istio/wasmplugin.yaml"))
            .unwrap()
            .replace("failStrategy: FAIL_RELOAD", strategy)
    };
    for (file, name, is_open) in [
        (envoy("vm_config_: {}"), "failure_policy", false),
        (envoy("failure_policy: UNSPECIFIED"), "failure_policy", false),
        (envoy("failure_policy: FAIL_CLOSED"), "failure_policy", false),
        (envoy("failure_policy: FAIL_OPEN"), "failure_policy", true),
        (envoy("fail_open: true"), "fail_open", true),
        (envoy("failOpen: true"), "fail_open", true),
        (envoy("failurePolicy: FAIL_OPEN"), "failure_policy", true),
        (envoy("failure_policy: 3"), "failure_policy", true),
        (envoy("failure_policy: 2"), "failure_policy", false),
        (istio(""), "failStrategy", false),
        (istio("failStrategy: FAIL_CLOSE"), "failStrategy", false),
        (istio("failStrategy: FAIL_OPEN"), "failStrategy", true),
    ] {
        let (code, lines) = check("policy.yaml", file);
        let outcome = if is_open { "every request passes unchecked" } else { "all requests get 503 until a restart" };
        let warning = format!("warning: {name}: if the module fails, {outcome}");
        assert!(code == 0 && lines.iter().any(|line| line.contains(&warning)), "{warning}: {lines:?}");
    }
    for settled in [
        envoy("failure_policy: FAIL_RELOAD"),
        envoy("failurePolicy: FAIL_RELOAD"),
        envoy("failure_policy: 1"),
        istio("failStrategy: FAIL_RELOAD"),
    ] {
        let (_, lines) = check("policy.yaml", settled);
        assert!(!lines.iter().any(|line| line.contains("if the module fails")), "{lines:?}");
    }
}

#[test]
fn memory_that_others_share_or_fill_is_warned_of_where_key_sets_are_fetched() {
    for (line, warning) in [
        (
            "                  vm_id: jwt_auth    # key sets are shared only with plugins of the same vm_id\n",
            "vm_config.vm_id: not set: any other plugin",
        ),
        ("    per_connection_buffer_limit_bytes: 32768\n", "per_connection_buffer_limit_bytes: 1 MiB or more"),
    ] {
        let (code, lines) = check("fetched.yaml", envoy_with(line, ""));
        assert!(code == 0 && lines.iter().any(|line| line.contains(warning)), "{warning}: {lines:?}");
        let (_, lines) = check("fetched.yaml", envoy_with(line, line));
        assert!(!lines.iter().any(|line| line.contains(warning)), "{warning}: {lines:?}");
        let (_, lines) = check("fixed.yaml", fs::read_to_string(from_root(SAMPLE)).unwrap().replace(line, ""));
        assert!(!lines.iter().any(|line| line.contains(warning)), "{warning}: {lines:?}");
    }
    for (line, other, is_warned_of) in [
        ("vm_id: jwt_auth", "vm_id: ''", true),
        ("vm_id: jwt_auth", "vmId: jwt_auth", false),
        ("per_connection_buffer_limit_bytes: 32768", "per_connection_buffer_limit_bytes: 0", true),
        ("per_connection_buffer_limit_bytes: 32768", "per_connection_buffer_limit_bytes: 1048576", true),
        ("per_connection_buffer_limit_bytes: 32768", "perConnectionBufferLimitBytes: 4096", false),
    ] {
        let (_, lines) = check("fetched.yaml", envoy_with(line, other));
        let found = lines.iter().any(|line| line.contains("vm_config.vm_id") || line.contains("1 MiB or more"));
        assert_eq!(found, is_warned_of, "{other}: {lines:?}");
    }
}

/// The filter of a file of Envoy's as a dynamic module.
fn as_dynamic_module(file: &str) -> String {
    const CONFIGURATION: &str = "                configuration:\n";
    let (head, filter) = file.split_once("envoy.extensions.filters.http.wasm.v3.Wasm\n").unwrap();
    let (_, configuration) = filter.split_once(CONFIGURATION).unwrap();
    let indent = " ".repeat(14);
    format!(
        "{head}envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter\n{indent}dynamic_module_config: \
         {{name: jwt_auth, do_not_close: true}}\n{indent}filter_name: jwt_auth\n{indent}filter_config:\n{configuration}"
    )
}

#[test]
fn around_a_dynamic_module_is_looked_at_what_it_depends_on_and_nothing_of_wasm() {
    const FIELDS: &str = "claims_to_verify: [exp]\n";
    let rules = format!("{FIELDS}                    rules: [{{routes: [a]}}]\n");
    let (code, lines) = check("native.yaml", as_dynamic_module(&envoy_with(FIELDS, FIELDS)));
    let is_of_wasm = |line: &String| line.contains("if the module fails") || line.contains("vm_config");
    assert!(code == 0 && !lines.iter().any(is_of_wasm), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("per_connection")), "{lines:?}");
    for (what, with, found) in [
        ("    per_connection_buffer_limit_bytes: 32768\n", "", "per_connection_buffer_limit_bytes: "),
        (
            "match: { prefix: / }",
            "match: { prefix: /, headers: [{name: x-consumer-username}] }",
            "a route that depends on",
        ),
        (
            "route_config:",
            "rds: {route_config_name: a, config_source: {ads: {}}}\n          x:",
            "routes that are not listed",
        ),
        (
            "route: { cluster: SampleIRISService }",
            "route: { cluster: SampleIRISService, internal_redirect_policy: {} }",
            "internal_redirect_policy: ",
        ),
    ] {
        let (_, lines) = check("native.yaml", as_dynamic_module(&envoy_with(what, with).replace(FIELDS, &rules)));
        assert!(lines.iter().any(|line| line.contains(found)), "{found}: {lines:?}");
    }
}

#[test]
fn a_dynamic_module_is_explained_by_its_configuration() {
    let path = file("native.yaml", as_dynamic_module(&fs::read_to_string(from_root(SAMPLE)).unwrap()));
    for filter in [["--token", "x"].as_slice(), &["--token", "x", "--filter", "jwt_auth"]] {
        let Run { code, out, err } = run(&[["explain", "--config", &path].as_slice(), filter].concat());
        assert_eq!((code, err.as_str()), (1, ""));
        assert!(out.contains(&format!("By       {path}:")) && out.contains("The client is answered 401."), "{out}");
    }
}

#[test]
fn a_route_that_the_filter_s_own_changes_lead_to_is_a_fault_beside_rules() {
    const ROUTE: &str = "match: { prefix: / }";
    const FIELDS: &str = "claims_to_verify: [exp]\n";
    let hiding = "rules: [{routes: [a], hide_credentials: true}]";
    let file = |matching: &str, fields: &str| {
        let with_fields = format!("{FIELDS}                    {fields}\n");
        envoy_with(ROUTE, &format!("match: {{ prefix: /, {matching} }}")).replace(FIELDS, &with_fields)
    };
    for (matching, fields) in [
        ("headers: [{name: X-Consumer-Username, present_match: true}]", "rules: [{routes: [a]}]"),
        ("headers: [{name: x-role}]", "rules: [{routes: [a], claims_to_headers: [{claim: role, header: X-Role}]}]"),
        ("headers: [{name: x-payload}]", "rules: [{routes: [a], forward_payload_header: X-Payload}]"),
        ("headers: [{name: authorization, present_match: true}]", hiding),
        ("query_parameters: [{name: jwt, present_match: true}]", hiding),
        ("queryParameters: [{name: jwt, presentMatch: true}]", hiding),
        (
            "cookies: [{name: tok, string_match: {prefix: e}}]",
            "rules: [{routes: [a], cookie_names: [tok], hide_credentials: true}]",
        ),
        ("filter_state: [{key: wasm.jwt_auth.consumer}]", "rules: [{routes: [a], filter_state: true}]"),
    ] {
        let (code, lines) = check("routes.yaml", file(matching, fields));
        let fault = "which the filter changes: Envoy then chooses the route again";
        assert!(code == 1 && lines[0].contains(fault), "{matching}: {lines:?}");
    }
    for (matching, fields) in [
        ("headers: [{name: x-consumer-username}]", "realm: none"),
        ("headers: [{name: authorization}]", "rules: [{routes: [a]}]"),
        ("query_parameters: [{name: page}]", hiding),
        ("headers: [{name: x-tenant}]", hiding),
        ("cookies: [{name: other}]", "rules: [{routes: [a], cookie_names: [tok], hide_credentials: true}]"),
        ("filter_state: [{key: wasm.jwt_auth.consumer}]", "rules: [{routes: [a]}]"),
        ("filter_state: [{key: other}]", "rules: [{routes: [a], filter_state: true}]"),
    ] {
        let (code, lines) = check("routes.yaml", file(matching, fields));
        assert!(code == 0, "{matching}: {lines:?}");
    }
}

#[test]
fn a_cluster_that_an_identity_header_names_is_a_fault_beside_rules() {
    let file = envoy_with("cluster: SampleIRISService }", "cluster_header: X-Consumer-Username }");
    let (code, lines) = check(
        "cluster.yaml",
        file.replace("claims_to_verify:", "rules: [{services: [a]}]\n                    claims_to_verify:"),
    );
    assert!(code == 1 && lines[0].contains("depends on the header x-consumer-username"), "{lines:?}");
    assert_eq!(check("cluster.yaml", file).0, 0);
}

#[test]
fn routes_that_cannot_be_looked_at_are_said_so_beside_rules() {
    let elsewhere = "rds: {route_config_name: a, config_source: {ads: {}}}\n          ignored:";
    let file = envoy_with("route_config:", elsewhere);
    let rules = file.replace("claims_to_verify:", "rules: [{routes: [a]}]\n                    claims_to_verify:");
    let warning = "warning: routes that are not listed here are not looked at";
    assert!(check("rds.yaml", rules).1.iter().any(|line| line.contains(warning)));
    assert!(!check("rds.yaml", file).1.iter().any(|line| line.contains(warning)));
}

#[test]
fn an_internal_redirect_is_warned_of_where_it_would_be_refused() {
    const ROUTE: &str = "route: { cluster: SampleIRISService }";
    const FIELDS: &str = "claims_to_verify: [exp]\n";
    for (fields, warning) in [
        ("rules: [{routes: [a]}]", Some("which rules refuse with 403")),
        ("hide_credentials: true", Some("which hide_credentials has removed")),
        ("realm: none", None),
    ] {
        let file = envoy_with(ROUTE, "route: { cluster: SampleIRISService, internal_redirect_policy: {} }");
        let (code, lines) =
            check("redirects.yaml", file.replace(FIELDS, &format!("{FIELDS}                    {fields}\n")));
        let found = lines.iter().find(|line| line.contains("internal_redirect_policy"));
        assert_eq!(code, 0, "{lines:?}");
        assert!(
            warning.map_or(found.is_none(), |it| found.is_some_and(|line| line.contains(it))),
            "{fields}: {lines:?}"
        );
    }
}

#[test]
fn a_check_as_json_says_the_same() {
    let path = file("as-json.yaml", "realm: 7\nconsumers: []\n");
    let Run { code, out, .. } = run(&["check", "--format", "json", &path]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    assert_eq!(
        found,
        json!([{
            "file": path,
            "configurations": 1,
            "faults": [{"line": 1, "column": 8, "path": "realm", "found": "a number", "expected": "a string"}],
            "warnings": [],
        }])
    );
}

#[test]
fn the_samples_are_checked_as_the_filter_would() {
    let plugin = "envoy/jwt-auth.yaml";
    assert_eq!(printed(&["check", plugin]), format!("{plugin}: 1 configuration, 0 faults, 0 warnings\n"));
    let token = printed(&["token", "--key", "envoy/demo/private-key.pem", "--claim", "iss=https://auth.example.com"]);
    let explanation = printed(&["explain", "--config", plugin, "--token", &token]);
    assert!(explanation.contains("The request goes upstream as consumer \"ClientApp\"."), "{explanation}");
    let modeline = "# yaml-language-server: $schema=jwt-auth.schema.json\n";
    assert!(fs::read_to_string(from_root(plugin)).unwrap().starts_with(modeline));
    assert!(fs::exists(from_root("envoy/jwt-auth.schema.json")).unwrap());
    assert_eq!(run(&["check", SAMPLE]).code, 0);
    assert!(run(&["check", SAMPLE]).out.ends_with(": 1 configuration, 0 faults, 1 warning\n"));
    let discovered = run(&["check", "envoy/ecds/envoy.yaml", "envoy/ecds/jwt-auth.yaml"]);
    assert_eq!(discovered.code, 0, "{}", discovered.out);
    let to_be_filled_in = run(&["check", "envoy/minimal.yaml", "envoy/istio/wasmplugin.yaml"]);
    assert_eq!(to_be_filled_in.code, 0);
    assert!(to_be_filled_in.out.contains("envoy/minimal.yaml: 2 configurations, 0 faults"), "{}", to_be_filled_in.out);
}

#[test]
fn a_request_that_passes_is_explained_step_by_step() {
    let token = token(&["--claim", "sub=me", "--exp", "5m"]);
    let path = file("explain.json", config(json!({})).to_string());
    let out = printed(&["explain", "--config", &path, "--token", &token]);
    for part in [
        "Request  GET /\n",
        "  claims  ",
        "\"me\"",
        " UTC, in 4 minutes\n",
        "  ✓ token       in the header authorization\n",
        "  ✓ key         iss is \"k\"\n",
        "  ✓ credential  of consumer \"joe\", in line 1\n",
        "  ✓ algorithm   the credential takes HS256\n",
        "  ✓ signature   verified with a secret\n",
        "  ✓ exp         ",
        "The request goes upstream as consumer \"joe\".\n  + X-Consumer-Username: joe\n  + X-Credential-Identifier: k\n",
    ] {
        let out = out.replace("in 5 minutes", "in 4 minutes");
        assert!(out.contains(part), "{part:?} in\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(!out.contains(SECRET) && !out.contains(&token));
}

#[test]
fn each_refusal_is_explained_by_the_check_that_failed() {
    let good = token(&[]);
    let (signing_input, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{signing_input}.AAAA");
    let on_signature = "signature: not made with the credential's key, or the token was changed or cut off since";
    for (token, failure, body) in [
        (
            "a.b".to_owned(),
            "form: not three parts separated by dots; it has 2 parts",
            json!({"message": "Bad token; invalid JSON"}),
        ),
        (forged, on_signature, json!({"message": "Invalid signature"})),
        (
            token(&["--alg", "HS512"]),
            "algorithm: the credential takes HS256, not HS512",
            json!({"message": "Invalid algorithm"}),
        ),
        (
            token(&["--claim", "iss=x"]),
            "credential: none has this key",
            json!({"message": "No credentials found for given 'iss'"}),
        ),
        (
            token(&["--claim", "iss=7"]),
            "key: iss is empty or not a string",
            json!({"message": "Invalid 'iss' in claims"}),
        ),
        (
            token(&["--header", "alg=none"]),
            "alg: \"none\"; not an algorithm that the filter knows",
            json!({"message": "Bad token; invalid alg"}),
        ),
        (
            token(&["--header", "crit=[\"x\"]"]),
            "extensions: the header crit asks for an extension that the filter does not have",
            json!({"message": "Bad token; invalid crit"}),
        ),
        (
            token(&["--header", "kid=7"]),
            "extensions: the header kid is not a string",
            json!({"message": "Bad token; invalid kid"}),
        ),
        (token(&["--exp", "none"]), "exp: must be a number (not a number)", json!({"exp": "must be a number"})),
    ] {
        let (code, explanation) = explain("refused.json", &config(json!({})), &["--token", &token], "");
        assert_eq!(code, 1, "{explanation:#}");
        assert_eq!(failed(&explanation), failure);
        assert_eq!(explanation["verdict"]["body"], body, "{failure}");
        assert_eq!(explanation["verdict"]["status"], 401);
        assert_eq!(explanation["verdict"]["headers"]["www-authenticate"], "Bearer error=\"invalid_token\"");
    }
    let (code, explanation) = explain("refused.json", &config(json!({})), &[], "GET / HTTP/1.1\n\n");
    assert_eq!((code, failed(&explanation).as_str()), (1, "token: none in the header authorization"));
}

#[test]
fn what_a_refusal_often_comes_from_is_said_with_it() {
    let good = token(&[]);
    let jwe = format!("{good}.a.b");
    let encoding = "encoding: the signature is not base64url";
    let three = "form: not three parts separated by dots";
    let shell = "; it holds a $ or a `: a shell puts a value there that is not known here";
    for (given, failure) in [
        (
            jwe,
            format!("{encoding}; it has five parts, like an encrypted token (JWE), but the filter takes signed tokens"),
        ),
        (format!("{good}.a"), format!("{encoding}; it has 4 parts")),
        (good.split('.').next().unwrap().to_owned(), format!("{three}; it has 1 part")),
        (format!("\"{good}\""), "form: the header is not base64url; it stands in quotes".to_owned()),
        ("$TOKEN".to_owned(), format!("{three}{shell}")),
    ] {
        let (_, explanation) = explain("often.json", &config(json!({})), &["--token", &given], "");
        assert_eq!(failed(&explanation), failure);
    }
    let command = "curl a -H \"Authorization: Bearer $(make -s token)\"";
    let (_, explanation) = explain("often.json", &config(json!({})), &[], command);
    assert_eq!(failed(&explanation), format!("{three}{shell}"));

    let keyed = |secrets: &[&str], is_base64: bool| {
        let credential = |secret: &&str| json!({"key": "https://K.example", "secret": secret});
        let credentials: Vec<Value> = secrets.iter().map(credential).collect();
        config(json!({"secret_is_base64": is_base64, "consumers": [{"username": "a", "jwt_secrets": credentials}]}))
    };
    let (_, explanation) = explain(
        "often.json",
        &keyed(&[SECRET], false),
        &["--token", &token(&["--claim", "iss=https://k.example/"])],
        "",
    );
    assert_eq!(failed(&explanation), "credential: none has this key; line 1 has \"https://K.example\"");

    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==";
    let sign = |more: &[&str]| {
        let arguments = ["token", "--secret", secret, "--claim", "iss=https://K.example"];
        printed(&[arguments.as_slice(), more].concat()).trim().to_owned()
    };
    let other = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=";
    for (is_base64, signed, end) in [
        (
            false,
            sign(&["--base64"]),
            "; it was signed with the secret decoded from base64, but secret_is_base64 is not true",
        ),
        (true, sign(&[]), "; it was signed with the secret as it stands, but secret_is_base64 is true"),
        (true, token(&["--claim", "iss=https://K.example"]), " since"),
    ] {
        let (code, explanation) = explain("often.json", &keyed(&[other, secret], is_base64), &["--token", &signed], "");
        let failure = failed(&explanation);
        assert!(code == 1 && failure.starts_with("signature: ") && failure.ends_with(end), "{failure}");
        assert!(!explanation.to_string().contains(secret));
    }
}

#[test]
fn what_the_schema_of_revocation_lists_takes_is_what_the_filter_takes() {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(from_root("envoy/revocations.schema.json")).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let entry = |entry: Value| json!({ "revoked": [entry] });
    for (list, is_good) in [
        (json!({"revoked": [], "sha256": []}), true),
        (json!({"sha256": ["vFTfYEiYsC8zAmZF3kDKuA"]}), true),
        (json!({"sha256": ["vFTfYEiYsC8zAmZF3kDKuB"]}), false),
        (json!({"sha256": ["vFTfYEiYsC8zAmZF3kDKuA=="]}), false),
        (json!({"sha256": [7]}), false),
        (json!({}), false),
        (json!([]), false),
        (json!({"revoked": [], "x": 1}), false),
        (entry(json!({"jti": "7"})), true),
        (entry(json!({"jti": "7", "credential": "a"})), true),
        (entry(json!({"sub": "s", "credential": "a", "issued_before": "2026-11-25T00:00:00Z"})), true),
        (entry(json!({"consumer": "c"})), true),
        (entry(json!({"credential": "a"})), true),
        (entry(json!({"consumer": "c", "credential": "a"})), false),
        (entry(json!({"jti": "7", "sub": "s"})), false),
        (entry(json!({"jti": "7", "consumer": "c"})), false),
        (entry(json!({"jti": ""})), false),
        (entry(json!({"jti": 7})), false),
        (entry(json!({"jti": "7", "aud": "x"})), false),
        (entry(json!({"jti": "7", "issued_before": "today"})), false),
        (entry(json!({"issued_before": "2026-11-25T00:00:00Z"})), false),
        (entry(json!({})), false),
    ] {
        assert_eq!(RevocationSet::read(list.to_string().as_bytes()).is_ok(), is_good, "the filter: {list}");
        assert_eq!(validator.is_valid(&list), is_good, "the schema: {list}");
    }
}

#[test]
fn a_revocation_list_is_given_to_explain() {
    let fields = json!({"revocation_list": {"uri": "https://a.example/revoked", "cluster": "a"}});
    let token = token(&["--claim", "jti=7"]);
    let explained = |list: Option<&str>| {
        let path = list.map(|list| file("revocations.json", list));
        let mut arguments = vec!["--token", &token];
        arguments.extend(path.iter().flat_map(|path| ["--revocations", path.as_str()]));
        let (code, explanation) = explain("revocation.json", &config(fields.clone()), &arguments, "");
        (code, if code == 0 { String::new() } else { failed(&explanation) })
    };
    let missing = "revocation: the filter fetches the revocation list; here, give it with --revocations";
    assert_eq!(explained(None), (1, missing.to_owned()));
    assert_eq!(explained(Some(r#"{"revoked":[{"jti":"8"}]}"#)), (0, String::new()));
    let revoked = "revocation: by its jti, its sub, its consumer or its credential; see revoked and revocation_list";
    assert_eq!(explained(Some(r#"{"revoked":[{"jti":"7"}]}"#)), (1, revoked.to_owned()));
}

#[test]
fn demands_that_seldom_mean_what_they_look_like_are_warned_of() {
    let warned = |fields: Value| {
        let (code, mut lines) = check("demands-warned.json", config(fields).to_string());
        assert_eq!((code, lines.pop().is_some()), (0, true), "{lines:?}");
        lines.iter().map(|line| line.split_once("warning: ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    let in_claims = |item: Value| warned(json!({"required_claims": [item]}));
    assert_eq!(
        warned(json!({"token_types": ["at+jwt", "application/JWT"]})),
        ["token_types: JWT is the type of any token, ID tokens included; it tells no kinds apart"]
    );
    assert_eq!(
        warned(json!({"subjects": ["a", {"glob": "repo:octo-org*x.example"}, {"prefix": "team-"}, {"glob": "*-x-*"}]})),
        [
            "subjects[1].glob: \"repo:octo-org\" also begins longer names, such as \"repo:octo-org2\"; end it with what separates them",
            "subjects[1].glob: \"x.example\" also ends longer names, such as \"xx.example\"; begin it with what separates them",
        ]
    );
    assert_eq!(
        in_claims(json!({"any": [{"claim": "a", "suffix": "example.com"}, {"claim": "a", "suffix": "@example.com"}]})),
        [
            "required_claims[0].any[0].suffix: \"example.com\" also ends longer names, such as \"xexample.com\"; begin it with what separates them"
        ]
    );
    let revoked = json!([{"sub": "s"}, {"jti": "7"}]);
    let list = |more: Value| {
        let mut list = json!({"uri": "https://a.example/revoked", "cluster": "a"});
        list.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        warned(json!({"revocation_list": list, "require": ["jti"]}))
    };
    assert_eq!(list(json!({})), [""; 0]);
    assert_eq!(
        list(json!({"uri": "HTTP://a.example/", "on_unavailable": "allow"})),
        [
            "revocation_list.on_unavailable: while there is no list, revoked tokens pass",
            "revocation_list.uri: over plain HTTP, anybody on the way can take revoked tokens off the list",
        ]
    );
    let no_jti = ["require: without jti, a token that has none cannot be revoked by it"];
    assert_eq!(warned(json!({"revoked": revoked})), no_jti);
    assert_eq!(warned(json!({"revoked": revoked, "require": ["sub"]})), no_jti);
    assert_eq!(warned(json!({"revoked": revoked, "require": ["jti"]})), [""; 0]);
    assert_eq!(warned(json!({"revoked": [{"sub": "s"}]})), [""; 0]);
    assert_eq!(warned(json!({"optional": true})), [""; 0]);
    assert_eq!(
        warned(json!({"optional": true, "subjects": ["a"]})),
        ["optional: whoever deny, subjects or required_claims keep out can leave the token out and pass"]
    );
    let not = json!({"not": {"claim": "groups", "any_of": ["suspended"]}});
    let expected = "a token without groups meets this; name groups in require, if it must be there";
    assert_eq!(in_claims(not.clone()), [format!("required_claims[0].not: {expected}")]);
    assert_eq!(warned(json!({"required_claims": [not.clone()], "require": ["groups"]})), [""; 0]);
    assert_eq!(in_claims(json!({"not": {"claim": "act", "present": true}})), [""; 0]);
    let credential = json!({"key": "k", "secret": SECRET, "required_claims": [not], "token_types": ["jwt"]});
    assert_eq!(
        warned(json!({"consumers": [{"username": "joe", "jwt_secrets": [credential]}]})),
        [
            format!("consumers[0].jwt_secrets[0].required_claims[0].not: {expected}"),
            "consumers[0].jwt_secrets[0].token_types: JWT is the type of any token, ID tokens included; it tells no kinds apart".to_owned(),
        ]
    );
}

#[test]
fn what_is_demanded_beside_the_time_is_explained_in_the_filter_s_order() {
    let demands = json!({
        "audiences": ["api", "web"],
        "allow": ["joe"],
        "deny": ["outsiders"],
        "consumers": [
            {"username": "joe", "jwt_secrets": [{"key": "k", "secret": SECRET}]},
            {"username": "ann", "groups": ["outsiders"]},
        ],
        "required_claims": [{"claim": "scope", "all_of": ["read"]}],
    });
    let good = token(&["--claim", "aud=[\"web\"]", "--claim", "scope=read write"]);
    let (code, explanation) = explain("demands.json", &config(demands.clone()), &["--token", &good], "");
    let steps: Vec<(&str, &str)> = explanation["checks"].as_array().unwrap()[8..]
        .iter()
        .map(|step| (step["check"].as_str().unwrap(), step["detail"].as_str().unwrap()))
        .collect();
    assert_eq!(code, 0, "{explanation:#}");
    assert_eq!(
        steps,
        [
            ("audience", "aud is [\"web\"]"),
            ("access", "allow and deny let the consumer through"),
            ("claims", "required_claims are met"),
        ]
    );
    let of_nobody = json!({"allow": ["ann"], "consumers": [{"username": "ann"}, {"username": "joe", "jwt_secrets": [{"key": "k", "secret": SECRET}]}]});
    for (fields, token, failure) in [
        (&demands, token(&[]), "audience: aud is absent; expected one of api, web"),
        (&demands, token(&["--claim", "aud=x"]), "audience: aud is \"x\"; expected one of api, web"),
        (
            &demands,
            token(&["--claim", "aud=api", "--claim", "scope=write"]),
            "claims: claim \"scope\", all_of: not met",
        ),
        (&of_nobody, token(&[]), "access: the consumer is not allowed"),
        (
            &json!({"token_types": ["at+jwt", "application/x+jwt"]}),
            token(&[]),
            "type: typ is \"JWT\"; expected at+jwt, x+jwt",
        ),
        (&json!({"require": ["a.b"]}), token(&[]), "present: a.b is not there"),
        (
            &json!({"subjects": ["s"]}),
            token(&["--claim", "sub=t"]),
            "subject: sub is \"t\", which is none of the subjects",
        ),
        (&json!({"max_token_age": 60}), token(&["--claim", "iat=no"]), "iat: must be a number (not a number)"),
        (
            &json!({"consumers": [{"username": "joe", "jwt_secrets": [{"key": "k", "secret": SECRET, "audiences": ["own"]}]}],
                    "audiences": ["api"]}),
            token(&["--claim", "aud=api"]),
            "audience: aud is \"api\"; expected one of own",
        ),
    ] {
        let (code, explanation) = explain("demands.json", &config(fields.clone()), &["--token", &token], "");
        assert_eq!((code, failed(&explanation).as_str()), (1, failure));
    }
    let nowhere = config(json!({"header_names": []}));
    let (_, explanation) = explain("nowhere.json", &nowhere, &["--token", "x"], "");
    let empty = "token: the filter looks for none: header_names, token_headers, websocket_protocols, uri_param_names, \
                 cookie_names and split_cookies are all empty";
    assert_eq!(failed(&explanation), empty);
}

/// The times that were checked, each with whether it passed and what is said of it.
fn times(explanation: &Value) -> Vec<(&str, bool, &str)> {
    let is_time = |step: &&Value| ["exp", "nbf", "maximum"].contains(&step["check"].as_str().unwrap());
    let all = explanation["checks"].as_array().unwrap().iter().filter(is_time);
    all.map(|step| {
        (step["check"].as_str().unwrap(), step["passed"].as_bool().unwrap(), step["detail"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn the_maximum_is_not_looked_at_when_a_time_claim_has_failed() {
    let config = config(json!({"claims_to_verify": ["exp", "nbf"], "maximum_expiration": 60}));
    let no_number = "must be a number (not a number)";
    let off = "2023-11-14 22:15:00 UTC, in 1 minute";
    let far = format!("exceeds maximum allowed expiration ({off})");
    for (claims, body, expected) in [
        (
            ["sub=x", "nbf=1700000000"],
            json!({"exp": "must be a number"}),
            vec![("exp", false, no_number), ("nbf", true, "2023-11-14 22:13:20 UTC, now")],
        ),
        (
            ["exp=\"x\"", "sub=x"],
            json!({"exp": "must be a number", "nbf": "must be a number"}),
            vec![("exp", false, no_number), ("nbf", false, no_number)],
        ),
        (
            ["exp=1700000100", "nbf=1700000000"],
            json!({"exp": "exceeds maximum allowed expiration"}),
            vec![("exp", true, off), ("nbf", true, "2023-11-14 22:13:20 UTC, now"), ("maximum", false, &far)],
        ),
    ] {
        let token = token(&["--exp", "none", "--claim", claims[0], "--claim", claims[1]]);
        let (_, explanation) = explain("maximum.json", &config, &["--token", &token, "--at", "1700000000"], "");
        assert_eq!(explanation["verdict"]["body"], body);
        assert_eq!(times(&explanation), expected, "{body}");
    }
}

#[test]
fn another_moment_can_be_asked_about() {
    let token = token(&["--claim", "exp=1700003600", "--claim", "nbf=1700000000"]);
    let config = config(json!({"claims_to_verify": ["exp", "nbf"]}));
    for (moment, code, failure) in [
        ("1700000000", 0, ""),
        ("2023-11-14T22:13:20Z", 0, ""),
        ("2023-11-14T22:13:19Z", 1, "nbf: token not valid yet (2023-11-14 22:13:20 UTC, in 1 second)"),
        ("2023-11-14 23:13:20", 1, "exp: token expired (2023-11-14 23:13:20 UTC, now)"),
    ] {
        let (found, explanation) = explain("at.json", &config, &["--token", &token, "--at", moment], "");
        assert_eq!((found, failed(&explanation).as_str()), (code, failure), "{moment}");
    }
}

#[test]
fn a_request_may_be_given_in_any_form_that_people_have_at_hand() {
    let token = token(&[]);
    let config = config(json!({"uri_param_names": ["jwt"], "cookie_names": ["session"]}));
    let wrapped = format!("\n  Bearer {}\n{}\n", &token[..20], &token[20..]);
    for (name, input, place) in [
        ("token", token.clone(), "in the header authorization"),
        ("wrapped", wrapped, "in the header authorization"),
        (
            "http",
            format!("GET /a?x=1&jwt={token} HTTP/1.1\r\nHost: a\r\n\r\nbody: not a header"),
            "in the query parameter jwt",
        ),
        ("lines", format!("POST /a\nCookie: a=b; session={token}\n"), "in the cookie session"),
        (
            "curl",
            format!("curl -sS 'https://a/b?c' \\\n  -H 'Authorization: Bearer {token}' --data-raw '{{}}'"),
            "in the header authorization",
        ),
        (
            "copied",
            format!("$ curl --compressed -XPUT -H\"authorization: bearer {token}\" a.example/x"),
            "in the header authorization",
        ),
        ("cookies", format!("curl https://a/ -b 'session={token}'"), "in the cookie session"),
        ("get", format!("curl -G a -d x=1 --data-urlencode jwt={token}"), "in the query parameter jwt"),
        ("oauth", format!("curl --oauth2-bearer {token} --max-time 5 https://a"), "in the header authorization"),
        (
            "twice",
            format!("curl 'https://a/?jwt={token}' -b session={token}"),
            "in the query parameter jwt and the cookie session",
        ),
    ] {
        let (code, explanation) = explain("forms.json", &config, &[], &input);
        assert_eq!(code, 0, "{name}: {explanation:#}");
        assert_eq!(explanation["checks"][0]["detail"], place, "{name}");
        assert!(!explanation.to_string().contains(&token), "{name}");
    }
    let request =
        file("request.http", format!("OPTIONS /a HTTP/1.1\nAuthorization: Bearer {token}\nX-Consumer-ID: 1\n"));
    let (_, explanation) = explain("forms.json", &config, &["--request", &request], "");
    assert_eq!(explanation["request"], json!({"method": "OPTIONS", "path": "/a"}));
    assert_eq!(explanation["verdict"]["upstream"]["removed"], json!(["X-Consumer-ID"]));

    for (input, problem) in [
        ("", "is empty; expected a token"),
        ("GET / HTTP/1.1\nno header\n", "line 2 is not a header"),
        ("curl 'https://a", "with a quote that does not end"),
        ("curl -H 'a: b'", "without a URL"),
        ("curl https://a https://b", "several URLs"),
        ("curl https://a -H", "that ends after -H"),
    ] {
        let path = file("forms.json", config.to_string());
        let Run { code, out, err } = run_with(&["explain", "--config", &path], input);
        assert_eq!((code, out.as_str()), (2, ""), "{input}");
        assert!(err.starts_with("error: <stdin> ") && err.contains(problem), "{input}: {err}");
    }
}

/// What becomes of a request that holds `TOK`: the place of the token, why there is none, or why it cannot be read.
fn taken(input: &str, token: &str) -> String {
    let config = config(json!({"uri_param_names": ["jwt"], "cookie_names": ["session"]}));
    let path = file("taken.json", config.to_string());
    let Run { code, out, err } =
        run_with(&["explain", "--format", "json", "--config", &path], &input.replace("TOK", token));
    let signature = token.rsplit('.').next().unwrap();
    assert!(!out.contains(signature) && !err.contains(signature), "{input}: {out}{err}");
    if code == 2 {
        return err.strip_prefix("error: <stdin> ").unwrap().trim().to_owned();
    }
    let explanation: Value = serde_json::from_str(&out).unwrap();
    let checks = explanation["checks"].as_array().unwrap();
    let place = checks[0]["detail"].as_str().unwrap();
    let method = explanation["request"]["method"].as_str().unwrap();
    if code == 0 { format!("{method} {place}") } else { failed(&explanation) }
}

const IN_HEADER: &str = "in the header authorization";
const IN_QUERY: &str = "in the query parameter jwt";
const IN_COOKIE: &str = "in the cookie session";

#[test]
fn a_curl_command_line_is_read_as_the_shell_and_curl_would() {
    let token = token(&[]);
    for (command, method, place) in [
        ("curl https://a/b --header='Authorization: Bearer TOK'", "GET", IN_HEADER),
        ("curl --url=https://a/b '--header=Authorization: Bearer TOK' --request=PUT", "PUT", IN_HEADER),
        ("curl --create-dirs --ssl-no-revoke --retry 3 -sSLk -H'Authorization: Bearer TOK' a", "GET", IN_HEADER),
        // Headers that are given replace those that curl makes.
        ("curl -u me:pass -H 'Authorization: Bearer TOK' a", "GET", IN_HEADER),
        ("curl -u me:pass --oauth2-bearer TOK a", "GET", IN_HEADER),
        ("curl -b session=x -H 'Cookie: session=TOK' a", "GET", IN_COOKIE),
        ("curl -b a=b -b session=TOK a", "GET", IN_COOKIE),
        ("curl a?jwt=TOK --oauth2-bearer x -H Authorization: -b session=x -H Cookie:", "GET", IN_QUERY),
        ("curl a -H 'Authorization;' -H 'authorization: bearer TOK'", "GET", IN_HEADER),
        ("curl -T file a?jwt=TOK", "PUT", IN_QUERY),
        ("curl -I 'a?jwt=TOK'", "HEAD", IN_QUERY),
        ("curl a --url-query jwt=TOK", "GET", IN_QUERY),
        ("curl a --url-query +jwt=TOK", "GET", IN_QUERY),
        ("curl -G a -d x=1 --data jwt=TOK", "GET", IN_QUERY),
        // What surrounds a command.
        ("curl a -H 'Authorization: Bearer TOK' | jq .", "GET", IN_HEADER),
        ("curl a > out.json 2>&1 -H 'Authorization: Bearer TOK' && echo done", "GET", IN_HEADER),
        ("curl a 2>/dev/null -H 'Authorization: Bearer TOK' &", "GET", IN_HEADER),
        (
            "  $ sudo /usr/bin/curl a \\\n    -H 'Authorization: Bearer TOK'\n{\"message\":\"Unauthorized\"}",
            "GET",
            IN_HEADER,
        ),
        ("curl a\n  -H 'Authorization: Bearer TOK'\n", "GET", IN_HEADER),
        ("curl a?jwt=TOK\nok\n", "GET", IN_QUERY),
        // Copied from a browser: for bash, for cmd.exe in two ways, and for PowerShell.
        (
            "curl 'a' -H $'\\u0041uthorization:\\tBearer\\x20TOK' --data-raw $'{\"it\\'s\":\"\\u0021\"}'",
            "POST",
            IN_HEADER,
        ),
        (
            "curl ^\"https://a/?b=^%^20^&jwt=TOK^\" ^\r\n  -H ^\"x: ^\\^\"y z^\\^\\^\\^\" -^\" ^\r\n  --compressed",
            "GET",
            IN_QUERY,
        ),
        ("curl \"https://a/?b&jwt=TOK\" ^\n  -H \"x: y\\\\\" ^\n  --compressed > x", "GET", IN_QUERY),
        ("curl.exe 'https://a' `\r\n  -H 'Authorization: Bearer TOK'", "GET", IN_HEADER),
    ] {
        assert_eq!(taken(command, &token), format!("{method} {place}"), "{command}");
    }
    let quoted = token.replacen('.', "%2E", 1);
    assert_eq!(taken("curl -G a --data-urlencode jwt=TOK", &token), format!("GET {IN_QUERY}"));
    assert!(taken("curl -G a --data-urlencode jwt=TOK", &quoted).starts_with("form: "), "encoded twice");
    for (command, problem) in [
        ("curl a -H @headers.txt", "with -H @FILE, and no file is read here; write the headers out"),
        ("curl a -b TOK", "with -b FILE, and no file is read here; write the cookies out"),
        ("curl a -K TOK", "with -K FILE, and no file is read here; write the options out"),
        ("curl -G a -d @TOK", "whose query comes from a file, and none is read here; write it out"),
        ("curl a --url-query jwt@TOK", "whose query comes from a file, and none is read here; write it out"),
        (
            "curl https://a/?x=1&jwt=TOK",
            "with an & outside of quotes, where a shell ends the command; put the URL in quotes",
        ),
        ("curl a -H \"Authorization: Bearer TOK", "with a quote that does not end"),
        ("curl a --header", "that ends after --header"),
        ("curl a '--X-Token: Bearer TOK'", "that ends after an option"),
        ("curl a --TOK", "that ends after an option"),
        ("curl a b?jwt=TOK", "with several URLs; expected one"),
        ("curl", "without a URL"),
    ] {
        assert_eq!(taken(command, &token), format!("is a curl command line {problem}"), "{command}");
    }
}

#[test]
fn a_request_is_read_as_a_proxy_reads_it_and_what_is_none_is_refused() {
    let token = token(&[]);
    for (input, method, place) in [
        ("Authorization: Bearer TOK\n", "GET", IN_HEADER),
        ("  :method: POST\n  :path: /a?jwt=TOK\n  :authority: a\n", "POST", IN_QUERY),
        ("\u{feff}\n\n    GET /a HTTP/2\r\n    cookie: session=TOK\r\n\r\n    body", "GET", IN_COOKIE),
        (
            "* Connected\n> PUT /a HTTP/1.1\n> Host: a\n> Authorization: Bearer TOK\n> \n< HTTP/1.1 401\n",
            "PUT",
            IN_HEADER,
        ),
        ("https://a.example/?jwt=TOK", "GET", IN_QUERY),
        ("GET https://a.example?jwt=TOK", "GET", IN_QUERY),
        ("GET / HTTP/1.1\nAuthorization:\nAuthorization: Bearer TOK\n", "GET", IN_HEADER),
        ("GET / HTTP/1.1\ncookie: session=TOK\nCookie: session=TOK\n", "GET", IN_COOKIE),
        ("GET / HTTP/1.1\nAuthorization: Bearer\r\n\tTOK\r\n", "GET", IN_HEADER),
        ("GET /?%6awt=TOK HTTP/1.1", "GET", IN_QUERY),
        ("authorization: bearer \t TOK", "GET", IN_HEADER),
    ] {
        assert_eq!(taken(input, &token), format!("{method} {place}"), "{input}");
    }
    let none = "token: none in the header authorization, the query parameter jwt, the cookie session";
    // Envoy joins the two, and then it is a bad token.
    let two = "GET / HTTP/1.1\nAuthorization: Basic x\nAuthorization: Bearer TOK";
    assert_eq!(taken(two, &token), "form: the header is not base64url");
    for input in
        ["GET / HTTP/1.1\na: b\n Authorization: Bearer TOK", "GET /?JWT=TOK HTTP/1.1", "GET /a;jwt=TOK/b HTTP/1.1"]
    {
        assert_eq!(taken(input, &token), none, "{input}");
    }
    let no_header = "is not a header; expected `name: value`, without white space around the name";
    let what = "expected a token, an HTTP request or a curl command line, as browsers copy them";
    for (input, problem) in [
        ("GET / HTTP/1.1\nAuthorization : Bearer TOK\n", format!("line 2 {no_header}")),
        ("GET / HTTP/1.1\n Authorization: Bearer TOK\n", format!("line 2 {no_header}")),
        (
            "GET /?jwt=TOK#a HTTP/1.1",
            "line 1 has a # in its target, to which Envoy answers 400; expected a path and a query".to_owned(),
        ),
        ("{\"access_token\": \"TOK\"}", format!("is JSON; {what}")),
        ("[{\"request\": {\"method\": \"GET\"}}]", format!("is JSON; {what}")),
        ("fetch(\"https://a\", {\"x\": \"Bearer TOK\"})", format!("is nothing that can be explained; {what}")),
        ("wget --header 'Authorization: Bearer TOK' https://a", format!("is nothing that can be explained; {what}")),
        ("export TOKEN=TOK", format!("is nothing that can be explained; {what}")),
        ("\n \n", format!("is empty; {what}")),
    ] {
        assert_eq!(taken(input, &token), problem, "{input}");
    }
}

#[test]
fn a_token_is_taken_with_what_was_copied_around_it_and_nothing_else_for_one() {
    let token = token(&[]);
    let config = config(json!({}));
    let path = file("a-token.json", config.to_string());
    let wrapped = format!("{}\r\n  {} {}\n", &token[..20], &token[20..30], &token[30..]);
    for given in [&format!("Authorization: Bearer {token}"), &format!("BEARER  {token}\n"), &wrapped] {
        assert_eq!(explain("a-token.json", &config, &["--token", given], "").0, 0, "{given:?}");
        let in_file = file("a-token.txt", given);
        assert_eq!(explain("a-token.json", &config, &["--token-file", &in_file], "").0, 0, "{given:?}");
    }
    let no_token = "is no token; a request is given with --request or on standard input";
    let empty = file("no-token", "\n");
    for (arguments, problem) in [
        (["--token", ""], "--token is empty; expected a token".to_owned()),
        (["--token", &format!("curl https://a/?jwt={token}")], format!("--token {no_token}")),
        (["--token", &format!("{{\"access_token\":\"{token}\"}}")], format!("--token {no_token}")),
        (["--token-file", &empty], format!("{empty} is empty; expected a token")),
        (["--token-file", "README.md"], format!("README.md {no_token}")),
        (["--token-file", SAMPLE], format!("{SAMPLE} {no_token}")),
    ] {
        let Run { code, out, err } = run(&[&["explain", "--config", &path], arguments.as_slice()].concat());
        assert_eq!((code, out.as_str(), err), (2, "", format!("error: {problem}\n")));
    }
}

#[test]
fn preflight_and_anonymous_are_explained() {
    let config = config(json!({"run_on_preflight": false, "anonymous": "guest", "consumers": [{"username": "guest"}]}));
    let (code, explanation) = explain(
        "guest.json",
        &config,
        &[],
        "OPTIONS / HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT\n",
    );
    assert_eq!((code, &explanation["verdict"]["as"]), (0, &json!("without a token, as a preflight request")));
    let (code, explanation) = explain("guest.json", &config, &[], "GET / HTTP/1.1\n");
    assert_eq!(code, 0);
    assert_eq!(explanation["verdict"]["as"], "as the anonymous consumer \"guest\"");
    assert_eq!(explanation["verdict"]["upstream"]["set"]["X-Anonymous-Consumer"], "true");
    assert_eq!(failed(&explanation), "token: none in the header authorization");
}

#[test]
fn an_anonymous_consumer_that_is_refused_is_explained_after_the_check_that_failed() {
    let config = config(json!({"anonymous": "guest", "deny": ["guest"], "consumers": [{"username": "guest"}]}));
    let (code, explanation) = explain("denied-guest.json", &config, &[], "GET / HTTP/1.1\n");
    assert_eq!((code, &explanation["verdict"]["status"]), (1, &json!(403)));
    let checks = json!([
        {"check": "token", "passed": false, "detail": "none in the header authorization", "line": 1},
        {"check": "access", "passed": false, "detail": "the anonymous consumer \"guest\" is not allowed", "line": 1},
    ]);
    assert_eq!(explanation["checks"], checks);
}

#[test]
fn each_check_has_the_line_of_the_configuration_that_it_goes_by() {
    let text = format!(
        "audiences: [a]\nrequired_claims: [{{claim: x, present: true}}]\nclaims_to_verify: [exp]\nmaximum_expiration: 7200\nallow: [g]\n\
         rules:\n- routes: [strict]\n  audiences: [b]\nconsumers:\n- username: joe\n  groups: [g]\n  jwt_secrets:\n  \
         - {{key: other, secret: \"{SECRET}\"}}\n  - key: k\n    secret: \"{SECRET}\"\n"
    );
    let path = file("lines.yaml", text);
    let token = token(&["--claim", "aud=[\"a\",\"b\"]", "--claim", "x=1"]);
    let lines = |more: &[&str]| {
        let out = printed(&[&["explain", "--format", "json", "--config", &path, "--token", &token], more].concat());
        let explanation: Value = serde_json::from_str(&out).unwrap();
        let checks = explanation["checks"].as_array().unwrap().clone();
        checks.into_iter().map(|it| (it["check"].as_str().unwrap().to_owned(), it["line"].as_u64())).collect()
    };
    let at_the_top: Vec<(String, Option<u64>)> = lines(&[]);
    let expected = [
        ("rule", None),
        ("token", None),
        ("form", None),
        ("alg", None),
        ("key", None),
        ("credential", Some(14)),
        ("algorithm", Some(14)),
        ("signature", Some(14)),
        ("exp", Some(3)),
        ("maximum", Some(4)),
        ("audience", Some(1)),
        ("access", Some(5)),
        ("claims", Some(2)),
    ];
    assert_eq!(at_the_top, expected.map(|(name, line)| (name.to_owned(), line)));
    // A rule goes by its own fields, and by those at the top where it has none.
    let by_rule: BTreeMap<String, Option<u64>> = lines(&["--route", "strict"]).into_iter().collect();
    assert_eq!((by_rule["audience"], by_rule["exp"]), (Some(8), Some(3)));
}

#[test]
fn keys_that_cost_too_much_to_try_are_explained_as_the_filter_decides() {
    let jwk = |kid: &str| json!({"kty": "OKP", "crv": "Ed448", "kid": kid, "x": ED448});
    let jwks = json!({"keys": [jwk("1"), jwk("2"), jwk("3")]});
    let config = config(json!({"consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "jwks": jwks}]}]}));
    let token = format!("{}.{}.AQAB", "eyJhbGciOiJFZERTQSJ9", "eyJpc3MiOiJrIn0");
    let (code, explanation) = explain("budget.json", &config, &["--token", &token], "");
    assert_eq!(failed(&explanation), "budget: more keys to try than one request may cost");
    assert_eq!((code, &explanation["verdict"]["body"]), (1, &json!({"message": "Invalid signature"})));
    let passed = explanation["checks"].as_array().unwrap().iter().map(|step| step["check"].as_str().unwrap());
    assert_eq!(passed.collect::<Vec<_>>(), ["token", "form", "alg", "key", "credential", "budget"]);
}

#[test]
fn a_token_cannot_write_to_the_terminal_of_who_looks_at_it() {
    let token = token(&["--claim", "sub=\u{9b}31m\u{202e}evil", "--claim", "a\u{1b}]0;=1"]);
    let path = file("terminal.json", config(json!({})).to_string());
    let out = printed(&["explain", "--config", &path, "--token", &token]);
    assert!(out.contains("evil") && !out.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{out:?}");
}

#[test]
fn a_configuration_that_the_filter_refuses_is_not_explained() {
    let path = file("faulty.json", json!({"realm": 7, "consumer": []}).to_string());
    let Run { code, out, err } = run(&["explain", "--config", &path, "--token", "x"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("refuses this configuration for 2 faults; see `jwt-auth check"), "{err}");
    let Run { err, .. } = run_with(&["explain", "--config", "-", "--token", "x"], "realm: 7");
    assert_eq!(err, "error: <stdin>: the filter refuses this configuration for 1 fault; see `jwt-auth check -`\n");
    let Run { code, err, .. } = run_with(&["explain", "--config", "-"], "realm: x");
    let expected = "error: --config -: the request comes from standard input, too; expected --token, --token-file or a \
                    file with --request\n";
    assert_eq!((code, err.as_str()), (2, expected));
}

#[test]
fn a_key_of_every_algorithm_makes_tokens_that_the_filter_takes() {
    let names =
        ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
    for name in names.into_iter().chain(["EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]) {
        let algorithm = if name.starts_with("Ed") { "EdDSA" } else { name };
        let printed_key = printed(&["keygen", name, "--kid", "1"]);
        let key_file = file(&format!("key-{name}"), &printed_key);
        let jwk: Value = serde_json::from_str(printed_key.lines().last().unwrap()).unwrap();
        assert_eq!((&jwk["alg"], &jwk["kid"]), (&json!(algorithm), &json!("1")));
        let materials = match name.strip_prefix("HS") {
            Some(_) => vec![json!({"secret": printed_key.lines().next().unwrap()})],
            None => {
                let start = printed_key.find("-----BEGIN PUBLIC KEY-----").unwrap();
                vec![
                    json!({"rsa_public_key": jwk}),
                    json!({"rsa_public_key": printed_key[start..].rsplit_once("{").unwrap().0}),
                ]
            }
        };
        let token = printed(&["token", "--key", &key_file, "--alg", algorithm, "--claim", "iss=k", "--kid", "1"]);
        for mut credential in materials {
            credential["key"] = "k".into();
            credential["algorithm"] = algorithm.into();
            let config = config(json!({"consumers": [{"username": "a", "jwt_secrets": [credential]}]}));
            let (code, explanation) = explain(&format!("config-{name}"), &config, &["--token", token.trim()], "");
            assert_eq!(code, 0, "{name}: {explanation:#}");
            assert_eq!(explanation["token"]["header"], json!({"alg": algorithm, "typ": "JWT", "kid": "1"}));
        }
    }
}

#[test]
fn a_file_without_a_key_that_signs_is_told_by_what_it_holds() {
    let private = fs::read_to_string(from_root("envoy/demo/private-key.pem")).unwrap();
    let windows = file("windows.pem", private.replace('\n', "\r\n"));
    assert!(printed(&["token", "--key", &windows]).starts_with("ey"));
    let block = |label: &str| format!("-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n";
    let public = fs::read_to_string(from_root("tests/keys/p256.pem")).unwrap();
    let expected = "an unencrypted private key in PEM or as a JWK: RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA";
    for (content, found) in [
        (public.as_str(), "not a private key, and a public key cannot sign"),
        (&block("ENCRYPTED PRIVATE KEY"), "an encrypted private key"),
        (old, "an encrypted private key"),
        (&block("OPENSSH PRIVATE KEY"), "a private key in OpenSSH's own format"),
        (&private.replace('\n', "\\n"), "a private key with \\n instead of line breaks"),
        (&block("PRIVATE KEY"), "a private key that is broken, or of another kind"),
        (r#"{"kty": "EC", "crv": "P-256", "x": "c2VjcmV0"}"#, "JSON that is not a private JWK"),
        (r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#, "JSON that is not a private JWK"),
    ] {
        let path = file("no-signer", content);
        let Run { code, out, err } = run(&["token", "--key", &path]);
        assert_eq!((code, out.as_str(), err), (2, "", format!("error: {path}: {found}; expected {expected}\n")));
    }
    let empty = file("no-signer", "\n");
    assert_eq!(run(&["token", "--key", &empty]).err, format!("error: {empty}: the secret is empty\n"));
}

#[test]
fn the_kid_of_a_jwk_goes_into_the_header_when_no_other_is_given() {
    let kid = |key: &str, more: &[&str]| {
        let path = file("with-kid", key);
        let token = printed(&[&["token", "--key", &path, "--claim", "iss=k"], more].concat());
        explain("kid.json", &config(json!({})), &["--token", &token], "").1["token"]["header"]["kid"].clone()
    };
    let jwk = r#"{"kty": "oct", "k": "c2VjcmV0", "kid": "2026"}"#;
    assert_eq!(kid(jwk, &[]), "2026");
    assert_eq!(kid(jwk, &["--kid", "other"]), "other");
    assert_eq!(kid(jwk, &["--header", "kid=other"]), "other");
    assert_eq!(kid(r#"{"kty": "oct", "k": "c2VjcmV0"}"#, &[]), Value::Null);
    for algorithm in ["ES256", "HS256"] {
        assert_eq!(kid(&printed(&["keygen", algorithm, "--kid", "2027"]), &[]), "2027");
        assert_eq!(kid(&printed(&["keygen", algorithm]), &[]), Value::Null);
    }
}

#[test]
fn claims_keep_their_types_and_base64_secrets_are_decoded() {
    let token = token(&[
        "--claim",
        "n=7",
        "--claim",
        "t=\"7\"",
        "--claim",
        "l=[\"a\"]",
        "--claim",
        "s=a=b",
        "--claim",
        "exp=1",
    ]);
    let (_, explanation) = explain("types.json", &config(json!({})), &["--token", &token], "");
    let claims = &explanation["token"]["claims"];
    assert_eq!((&claims["n"], &claims["t"], &claims["l"]), (&json!(7), &json!("7"), &json!(["a"])));
    assert_eq!((&claims["s"], &claims["exp"]), (&json!("a=b"), &json!(1)));

    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA==";
    let token = printed(&["token", "--secret", secret, "--base64", "--claim", "iss=k"]);
    let config = config(json!({"secret_is_base64": true,
        "consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "secret": secret}]}]}));
    assert_eq!(explain("base64-secret.json", &config, &["--token", token.trim()], "").0, 0);
    let Run { code, err, .. } = run(&["token", "--secret", "?", "--base64"]);
    assert_eq!((code, err.as_str()), (2, "error: --secret: the secret is not base64\n"));
}

fn schema() -> Value {
    serde_json::from_str(&printed(&["schema"])).unwrap()
}

#[test]
fn the_committed_schema_is_the_one_that_is_generated() {
    let committed = fs::read_to_string(from_root("envoy/jwt-auth.schema.json")).unwrap_or_default();
    let is_current = committed == printed(&["schema"]);
    assert!(is_current, "`cargo run --bin jwt-auth schema > envoy/jwt-auth.schema.json` brings it up to date");
}

#[test]
fn the_schema_is_one_and_takes_what_the_filter_takes() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let rsa = include_str!("../../tests/keys/rsa-2048.pem");
    let good = [
        json!({}),
        json!({"realm": null, "consumers": null, "host_crypto": null, "token_cache_size": null}),
        config(json!({"anonymous": "joe", "maximum_expiration": 31_536_000, "token_cache_bytes": 1.0, "realm": "é b"})),
        json!({"header_names": ["X-Token"], "cookie_names": ["c"], "consumers": [{"id": "1", "custom_id": "2", "tags": ["t"],
            "jwt_secrets": [{"key": "k", "algorithm": "RS256", "rsa_public_key": rsa}]}]}),
    ];
    for config in good {
        Config::parse(config.to_string().as_bytes()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&config).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{config}");
    }
    let bad = [
        json!([]),
        json!({"header_name": []}),
        json!({"header_names": ["a b"]}),
        json!({"realm": " a"}),
        json!({"realm": "a\nb"}),
        json!({"claims_to_verify": ["iat"]}),
        json!({"maximum_expiration": 1.5}),
        json!({"maximum_expiration": 31_536_001}),
        json!({"consumers": [null]}),
        json!({"consumers": [{"username": "a", "jwt_secrets": [{"secret": "s"}]}]}),
        json!({"consumers": [{"username": "a", "jwt_secrets": [{"key": "k", "algorithm": "none"}]}]}),
    ];
    for config in bad {
        Config::parse(config.to_string().as_bytes()).unwrap_err();
        assert!(!validator.is_valid(&config), "{config}");
    }
}

#[test]
fn the_schema_takes_the_samples() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let envoy = fs::read_to_string(from_root("envoy/minimal.yaml")).unwrap();
    let json = envoy.split("value: |\n").nth(1).unwrap();
    let config: Value = serde_json::from_str(json).unwrap();
    assert!(validator.is_valid(&config));
}

#[test]
fn defaults_and_examples_of_the_tables_fit_the_schema_and_the_filter() {
    fn examples(fields: &[Field], visit: &mut impl FnMut(&Field)) {
        for field in fields {
            visit(field);
            let mut shape = field.about.shape;
            while let Shape::List(items) = shape {
                shape = *items;
            }
            if let Shape::Object(fields) = shape {
                examples(fields, visit);
            }
        }
    }
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    examples(FIELDS, &mut |field| {
        for text in field.about.default.into_iter().chain([field.about.example]) {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{}: {text}", field.name);
        }
    });
    let fields_of = |name: &str| {
        let field = FIELDS.iter().find(|field| field.name == name).unwrap();
        let Shape::List(Shape::Object(fields)) = field.about.shape else { panic!("{name}") };
        *fields
    };
    let consumers = fields_of("consumers");
    let secrets = consumers.iter().find(|field| field.name == "jwt_secrets").unwrap();
    let Shape::List(Shape::Object(credential)) = secrets.about.shape else { panic!() };
    let example = |field: &Field| serde_json::from_str::<Value>(field.about.example).unwrap();
    // What an example needs beside it: those that it names, and `exp`.
    let base = || {
        json!({"claims_to_verify": ["exp"],
            "consumers": [{"username": "guest"}, {"username": "ClientApp", "groups": ["partners", "suspended"]}]})
    };
    let mut configs = Vec::new();
    for field in FIELDS {
        for text in field.about.default.into_iter().chain([field.about.example]) {
            let mut config = base();
            if field.name == "anonymous_for" {
                config["anonymous"] = json!("guest");
            }
            config[field.name] = serde_json::from_str(text).unwrap();
            configs.push(config);
        }
    }
    for field in fields_of("rules") {
        let mut config = base();
        config["rules"] = json!([{"routes": ["r"]}]);
        if field.name == "anonymous_for" {
            config["rules"][0]["anonymous"] = json!("guest");
        }
        config["rules"][0][field.name] = example(field);
        configs.push(config);
    }
    for field in consumers {
        let mut config = json!({"consumers": [{"username": "a"}]});
        config["consumers"][0][field.name] = example(field);
        configs.push(config);
    }
    for field in *credential {
        let mut config = json!({"consumers": [{"username": "a"}]});
        config["consumers"][0]["jwt_secrets"] = json!([credential_with(field.name, example(field))]);
        configs.push(config);
    }
    for config in configs {
        let text = config.to_string();
        let faults = Config::of(json::Value::parse(&text).unwrap()).err().unwrap_or_default();
        assert_eq!(faults, [], "{text}");
        let errors: Vec<String> = validator.iter_errors(&config).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{text}");
    }
}

/// A credential in which a field has the value of its example, with what that needs beside it.
fn credential_with(name: &str, example: Value) -> Value {
    let pem = include_str!("../../tests/keys/rsa-2048.pem");
    let mut credential = match name {
        "key" => json!({"secret": SECRET}),
        "secret" => json!({"key": "k"}),
        "algorithm" => json!({"key": "k", "rsa_public_key": pem}),
        "rsa_public_key" => json!({"key": "k", "algorithm": "RS256"}),
        "issuer" => json!({"key": "k", "discovery": {"uri": "https://auth.example.com/metadata", "cluster": "auth"}}),
        "jwks" | "remote_jwks" | "discovery" => json!({"key": "https://auth.example.com"}),
        _ => json!({"key": "k", "secret": SECRET}),
    };
    credential[name] = example;
    // What is cut short in the example.
    if let Some(text) = credential["rsa_public_key"].as_str() {
        let base64: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        credential["rsa_public_key"] = text.replace('…', &base64.join("\n")).into();
    }
    credential
}

#[test]
fn the_rule_of_a_route_and_what_the_upstream_gets_are_explained() {
    let config = config(json!({
        "claims_to_headers": [{"claim": "sub", "header": "X-Sub"}],
        "hide_credentials": true,
        "uri_param_names": ["jwt"],
        "rules": [{"routes": ["health"], "disabled": true}, {"services": ["admin"], "deny": ["joe"]}],
    }));
    let token = token(&["--claim", "sub=me"]);
    let request = format!("GET /a?jwt={token} HTTP/1.1\n");
    let (code, explanation) = explain("rules.json", &config, &[], &request);
    assert_eq!(code, 0);
    assert_eq!(
        explanation["checks"][0]["detail"],
        "none matches, for route none given, service none given; --route and --service give them"
    );
    assert_eq!(explanation["verdict"]["upstream"]["set"]["x-sub"], "me");
    assert_eq!(explanation["verdict"]["upstream"]["hides_token_in_query"], true);

    let (code, explanation) = explain("rules.json", &config, &["--route", "health"], "GET / HTTP/1.1\n");
    assert_eq!((code, &explanation["checks"][1]["check"]), (0, &json!("disabled")));
    let (code, explanation) = explain("rules.json", &config, &["--service", "admin"], &request);
    assert_eq!((code, failed(&explanation).as_str()), (1, "access: the consumer is not allowed"));
    assert_eq!(explanation["checks"][0]["detail"], "rules[1], for route none given, service \"admin\"");
    assert_eq!(explanation["verdict"]["status"], 403);
    let forged = format!("{}X-Consumer-ID: 1\n", request);
    let (code, explanation) = explain("rules.json", &config, &[], &forged);
    assert_eq!((code, failed(&explanation).as_str()), (1, "headers: the client sent the header x-consumer-id"));
}

#[test]
fn every_change_to_the_headers_is_shown_once() {
    let token = token(&[]);
    let config =
        config(json!({"hide_credentials": true, "cookie_names": ["session"], "header_names": ["authorization"]}));
    let path = file("hiding.json", config.to_string());
    let set = "  + X-Consumer-Username: joe\n  + X-Credential-Identifier: k\n";
    for (headers, changes) in [
        ("Cookie: a=b; session=TOK\n", "  - the token in Cookie\n"),
        ("Cookie: session=TOK\n", "  - Cookie\n"),
        ("Authorization: Bearer TOK\nx-consumer-id: 1\n", "  - Authorization\n  - x-consumer-id\n"),
        ("X-Credential-Identifier: x\nAuthorization: Bearer TOK\nAccept: *\n", "  - Authorization\n"),
    ] {
        let request = format!("GET / HTTP/1.1\n{headers}").replace("TOK", &token);
        let Run { code, out, .. } = run_with(&["explain", "--config", &path], &request);
        let upstream = out.split("The request goes upstream as consumer \"joe\".\n").nth(1);
        assert_eq!((code, upstream), (0, Some(format!("{set}{changes}").as_str())), "{headers}: {out}");
    }
}

#[test]
fn a_key_set_is_taken_from_a_file_and_never_fetched() {
    let key = printed(&["keygen", "ES256", "--kid", "1"]);
    let jwk: Value = serde_json::from_str(key.lines().last().unwrap()).unwrap();
    let key = file("set-key", key);
    let sign = |kid: &str| printed(&["token", "--key", &key, "--claim", "iss=k", "--kid", kid]).trim().to_owned();
    let credential = |source: Value| config(json!({"consumers": [{"username": "a", "jwt_secrets": [source]}]}));
    let inline = credential(json!({"key": "k", "jwks": {"keys": [jwk]}}));
    assert_eq!(explain("inline.json", &inline, &["--token", &sign("1")], "").0, 0);
    let (_, explanation) = explain("inline.json", &inline, &["--token", &sign("2")], "");
    assert!(failed(&explanation).ends_with("; no key has the kid \"2\""), "{explanation:#}");

    let remote = credential(json!({"key": "k", "remote_jwks": {"uri": "http://127.0.0.1:1/jwks", "cluster": "c"}}));
    let enc = json!({"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"], "use": "enc"});
    let reason = "keys[0] is skipped: a JWK that is not for verifying signatures ('use')";
    let of_use = file("of-use.json", json!({"keys": [enc]}).to_string());
    let remote_file = file("remote.json", remote.to_string());
    let Run { err, .. } = run(&["explain", "--config", &remote_file, "--token", &sign("1"), "--jwks", &of_use]);
    assert_eq!(err, format!("note: {of_use}: {reason}\n"));
    let of_use = file("of-use.json", json!({"keys": []}).to_string());
    let Run { err, .. } = run(&["explain", "--config", &remote_file, "--token", &sign("1"), "--jwks", &of_use]);
    assert_eq!(err, format!("note: {of_use}: the key set is empty\n"));
    let inline_file = file("inline.json", credential(json!({"key": "k", "jwks": {"keys": [enc, jwk]}})).to_string());
    let Run { err, .. } = run(&["explain", "--config", &inline_file, "--token", &sign("1")]);
    assert_eq!(err, format!("note: {inline_file}: consumers[0].jwt_secrets[0].jwks: {reason}\n"));

    let (code, explanation) = explain("remote.json", &remote, &["--token", &sign("1")], "");
    assert_eq!((code, &explanation["verdict"]["status"]), (1, &json!(503)));
    assert!(failed(&explanation).starts_with("key set: the filter fetches it from http://127.0.0.1:1/jwks"));
    let none = file("no-keys.json", r#"{"keys": []}"#);
    let (_, explanation) = explain("remote.json", &remote, &["--token", &sign("1"), "--jwks", &none], "");
    assert_eq!(failed(&explanation), "algorithm: the credential has no key that it can use, and the token has ES256");
    assert_eq!(explanation["verdict"]["body"], json!({"message": "Invalid algorithm"}));
    let expected = "expected the key set that the issuer publishes, {\"keys\": […]}";
    let huge = format!("{{\"keys\": []{}}}", " ".repeat(512 << 10));
    for (content, problem) in [
        (huge, format!("524300 bytes; the filter takes key sets of up to 524288; {expected}")),
        (
            jwk.to_string(),
            format!("no key set: neither an object with a list 'keys' nor a map of certificates; {expected}"),
        ),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), format!("no JSON: invalid number at line 1 column 2; {expected}")),
    ] {
        let (config, set) = (file("remote.json", remote.to_string()), file("no-set.json", content));
        let Run { code, err, .. } = run(&["explain", "--config", &config, "--token", "x", "--jwks", &set]);
        assert_eq!((code, err), (2, format!("error: {set}: {problem}\n")));
    }
    let of_issuer = json!({"key": "k", "issuer": "https://a",
        "discovery": {"uri": "https://a/metadata", "cluster": "c"}});
    let (_, explanation) = explain("issuer.json", &credential(of_issuer), &["--token", &sign("1")], "");
    assert_eq!(failed(&explanation), "credential: none with this key is for tokens of this issuer: iss is \"k\"");
    let inline = file("inline.json", inline.to_string());
    let Run { err, .. } = run(&["explain", "--config", &inline, "--token", "x", "--jwks", &none]);
    assert_eq!(err, "note: no credential has remote_jwks or discovery, so --jwks changes nothing\n");
    let set = file("jwks.json", json!({"keys": [jwk]}).to_string());
    assert_eq!(explain("remote.json", &remote, &["--token", &sign("1"), "--jwks", &set], "").0, 0);
    let (_, lines) = check("remote.json", remote.to_string());
    assert!(lines[0].contains("warning: consumers[0].jwt_secrets[0].remote_jwks.uri: over plain HTTP"), "{lines:?}");
}

#[test]
fn a_token_is_looked_for_in_every_place_that_is_configured() {
    let token = token(&[]);
    let fields = json!({
        "header_names": [],
        "token_headers": [{"name": "x-token", "prefix": "JWT"}],
        "websocket_protocols": [{"name": "bearer"}, {"prefix": "jwt.", "base64url": true}],
        "cookie_names": ["session"],
        "split_cookies": [{"name": "session"}],
    });
    let (start, end) = token.split_at(20);
    for (header, place) in [
        (format!("X-Token: JWT {token}"), "in the header x-token"),
        (format!("Sec-WebSocket-Protocol: bearer, {token}"), "in the WebSocket subprotocol after bearer"),
        (format!("Cookie: session.1={end}; session.0={start}"), "in the cookies session.0, session.1, …"),
    ] {
        let (code, explanation) = explain("places.json", &config(fields.clone()), &[], &header);
        assert_eq!((code, explanation["checks"][0]["detail"].as_str()), (0, Some(place)), "{explanation:#}");
    }
    let (code, explanation) = explain("places.json", &config(fields.clone()), &[], "GET /\n");
    let none = "token: none in the header x-token, the WebSocket subprotocol after bearer, a WebSocket subprotocol jwt.…, the \
                cookie session, the cookies session.0, session.1, …";
    assert_eq!((code, failed(&explanation).as_str()), (1, none));
    // A token alone is put into the first place of the configuration.
    for removed in ["", "token_headers", "websocket_protocols", "cookie_names"] {
        let mut fields = fields.clone();
        let places = ["token_headers", "websocket_protocols", "cookie_names"];
        let until = places.iter().position(|name| *name == removed).map_or(0, |at| at + 1);
        places[..until].iter().for_each(|name| fields[*name] = json!([]));
        assert_eq!(explain("places.json", &config(fields), &["--token", &token], "").0, 0, "without {removed}");
    }
}

#[test]
fn of_several_tokens_the_one_that_counts_is_explained() {
    let (good, forged) = (token(&[]), format!("{}AAAA", &token(&[])[..token(&[]).len() - 4]));
    let fields = config(json!({"first_valid": true, "cookie_names": ["session"]}));
    let request =
        |header: &str, cookie: &str| format!("Authorization: Bearer {header}\nCookie: a=1; session={cookie}\n");
    let (code, explanation) = explain("several.json", &fields, &[], &request(&forged, &good));
    assert_eq!(code, 0, "{explanation:#}");
    assert_eq!(explanation["checks"][0]["detail"], "in the cookie session: number 2 of 2 different ones");
    assert_eq!(explanation["verdict"]["upstream"]["removed"], json!(["Authorization"]));
    assert_eq!(explanation["verdict"]["upstream"]["shortened"], json!([]));
    let (code, explanation) = explain("several.json", &fields, &[], &request(&forged, "x.y.z"));
    assert_eq!(
        (code, explanation["checks"][0]["detail"].as_str()),
        (1, Some("in the header authorization: number 1 of 2 different ones"))
    );
    assert!(failed(&explanation).starts_with("signature: "), "{explanation:#}");
}

#[test]
fn a_request_for_the_metadata_of_a_resource_is_explained() {
    let fields = config(json!({"resource_metadata": {"resource": "https://api.example.com/mcp"}}));
    let path = "/.well-known/oauth-protected-resource/mcp";
    let (code, explanation) = explain("metadata.json", &fields, &[], &format!("GET {path}\n"));
    assert_eq!(code, 0, "{explanation:#}");
    assert_eq!(
        explanation["checks"],
        json!([{"check": "metadata", "passed": true, "line": null,
            "detail": "those of https://api.example.com/mcp, which need no token"}])
    );
    let verdict = &explanation["verdict"];
    assert_eq!((&verdict["passes"], &verdict["status"]), (&json!(true), &json!(200)));
    assert_eq!(verdict["body"]["resource"], "https://api.example.com/mcp");
    assert_eq!(verdict["headers"]["access-control-allow-origin"], "*");
    let (code, explanation) = explain("metadata.json", &fields, &[], "GET /mcp\n");
    assert_eq!(code, 1);
    let challenge = "Bearer resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/mcp\"";
    assert_eq!(explanation["verdict"]["headers"]["www-authenticate"], challenge);
}

#[test]
fn metadata_that_mislead_clients_are_warned_of() {
    let warned = |metadata: Value, more: Value| {
        let mut fields = json!({"resource_metadata": metadata});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (code, lines) = check("metadata.json", config(fields).to_string());
        assert_eq!(code, 0, "{lines:?}");
        let of_metadata = lines.iter().filter_map(|line| line.split("warning: resource_metadata: ").nth(1));
        of_metadata.map(|text| text.split([',', ' ']).next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let resource = |scheme: &str| format!("{scheme}://api.example.com/mcp");
    let servers = ["https://auth.example.com"];
    assert_eq!(warned(json!({"resource": resource("http")}), json!({})), ["over", "no", "audiences"]);
    let good = json!({"resource": resource("https"), "authorization_servers": servers});
    assert_eq!(warned(good.clone(), json!({})), ["audiences"]);
    assert_eq!(warned(good, json!({"audiences": ["x", resource("https")]})), [""; 0]);
    let local = json!({"resource": "http://127.0.0.1:8080/mcp", "authorization_servers": servers});
    assert_eq!(warned(local, json!({"audiences": ["http://127.0.0.1:8080/mcp"]})), [""; 0]);
}

#[test]
fn a_subprotocol_that_may_be_sent_back_is_warned_of() {
    let warned = |fields: Value| {
        let (_, lines) = check("websocket.json", config(fields).to_string());
        lines.iter().filter(|line| line.contains("websocket_protocols")).count()
    };
    let protocols = json!([{"name": "bearer"}]);
    assert_eq!(warned(json!({"websocket_protocols": protocols})), 1);
    assert_eq!(warned(json!({"websocket_protocols": protocols, "hide_credentials": true})), 0);
    let rules = json!([{"routes": ["a"], "hide_credentials": false}, {"routes": ["b"]}]);
    assert_eq!(warned(json!({"websocket_protocols": protocols, "hide_credentials": true, "rules": rules})), 1);
}

#[test]
fn a_rule_has_the_warnings_of_what_it_sets_itself() {
    let rules = json!({"rules": [
        {"routes": ["a"], "claims_to_verify": []},
        {"routes": ["b"], "uri_param_names": ["t"]},
        {"routes": ["c"], "disabled": true, "claims_to_verify": []},
        {"routes": ["d"]},
    ]});
    let (code, lines) = check("rules.json", config(rules).to_string());
    assert_eq!(code, 0);
    let paths: Vec<&str> = lines.iter().filter_map(|line| line.split("warning: ").nth(1)?.split(": ").next()).collect();
    assert_eq!(paths, ["rules[0].claims_to_verify", "rules[1].uri_param_names"]);
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let page = fs::read_to_string(from_root("docs/cli.md")).unwrap();
    let envoy = fs::read_to_string(from_root(SAMPLE)).unwrap();
    let faulty =
        envoy.replace("algorithm: RS256", "algorithm: ES256").replace("to_verify: [exp]", "to_verify: [exp, iat]");
    let (_, lines) = check("documented.yaml", &faulty);
    let shown = lines.iter().map(|line| line.replacen('F', "envoy.yaml", 1)).collect::<Vec<_>>().join("\n");
    assert!(page.contains(&format!("$ jwt-auth check envoy.yaml\n{shown}\n")), "{shown}");
    let Run { out, .. } = run(&["check", "--source", "always", &file("documented.yaml", &faulty)]);
    let line =
        out.lines().take(4).collect::<Vec<_>>().join("\n").replacen(&file("documented.yaml", &faulty), "envoy.yaml", 1);
    assert!(page.contains(&format!("```text\n{line}\n```")), "{line}");

    let sign = ["token", "--key", "envoy/demo/private-key.pem", "--kid", "2026-11", "--claim", "sub=demo"];
    let claims = ["--claim", "iss=https://auth.example.com", "--claim", "iat=1795543769", "--claim", "exp=1795543469"];
    let token = file("documented-token", printed(&[sign.as_slice(), &claims].concat()));
    let Run { out, .. } = run(&["explain", "--config", SAMPLE, "--token-file", &token, "--at", "1795543769"]);
    assert!(
        page.contains(&format!("$ jwt-auth explain --config {SAMPLE} --token-file token.txt\n{out}```\n")),
        "{out}"
    );
}

/// A curl command line with a token and a proof of possession, which another implementation has made.
#[test]
fn what_is_wrong_with_a_proof_of_possession_is_told() {
    const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let made: Value = serde_json::from_str(include_str!("../../tests/core/dpop/proofs.json")).unwrap();
    let config = |dpop: Value| {
        json!({"secret_is_base64": true, "dpop": dpop,
            "consumers": [{"username": "joe", "jwt_secrets": [{"key": "joe", "secret": SECRET}]}]})
    };
    let explained = |dpop: Value, scheme: &str, proof: &str| {
        let (token, proof) = (made["token"].as_str().unwrap(), made["proofs"][proof].as_str().unwrap());
        let url = "https://api.example.com/orders?id=1";
        let command = format!("curl '{url}' -H 'Authorization: {scheme} {token}' -H 'DPoP: {proof}'");
        explain("dpop.json", &config(dpop), &["--at", "1700000000"], &command)
    };
    let (code, explanation) = explained(json!({}), "DPoP", "good");
    let passed = explanation["checks"].as_array().unwrap().iter().find(|check| check["check"] == "sender").unwrap();
    let detail = "the proof is of the key in cnf; whether it was used before is not known here";
    assert_eq!((code, &passed["detail"]), (0, &json!(detail)));
    for (proof, problem) in [
        ("htm POST", r#"htm of the proof is "POST"; expected "GET""#),
        (
            "htu https://other.example.com/orders",
            r#"htu of the proof is "https://other.example.com/orders"; expected "https://api.example.com/orders""#,
        ),
        ("iat -61", "iat of the proof is 1699999939; expected a time at most 60 s from now"),
        ("no ath", "ath of the proof is absent; expected the SHA-256 hash of this token in base64url"),
        ("typ JWT", r#"typ of the proof is "JWT"; expected "dpop+jwt""#),
        ("of another key", "the proof's jwk is not the key that jkt in cnf names"),
        ("signed by another key", "the proof was not signed with its jwk, or changed since"),
    ] {
        let (code, explanation) = explained(json!({}), "DPoP", proof);
        assert_eq!((code, failed(&explanation)), (1, format!("sender: {problem}")));
    }
    let (_, explanation) = explained(json!({"origin": "https://outside.example.com"}), "DPoP", "good");
    assert!(failed(&explanation).ends_with(r#"; expected "https://outside.example.com/orders""#), "{explanation}");
    let (_, explanation) = explained(json!({"nonce_secret": "0".repeat(32)}), "DPoP", "good");
    assert!(failed(&explanation).starts_with("sender: the proof's nonce is absent"), "{explanation}");
    assert!(explanation["verdict"]["headers"]["dpop-nonce"].is_string(), "{explanation}");
    let (_, explanation) = explained(json!({}), "Bearer", "good");
    assert!(failed(&explanation).contains("so the token must come as `DPoP <token>` in a header"), "{explanation}");
    let (_, explanation) = explained(Value::Null, "Bearer", "good");
    assert!(failed(&explanation).contains("without the field dpop no proof of a key is taken"), "{explanation}");
}

/// The certificate of RFC 8705 appendix A.
#[test]
fn the_client_s_certificate_can_be_given() {
    const PEM: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx\n\
        ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG\n\
        SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ\n\
        /Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID\n\
        SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV\n\
        bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=\n-----END CERTIFICATE-----\n";
    const DIGEST: &str =
        "03:80:ED:2F:62:66:50:C8:40:B2:F2:63:E6:D2:B2:9F:AE:12:AB:39:AE:5D:B3:2B:25:AD:27:EF:AD:72:E6:FD";
    let secret = "a secret that is long enough for HS256";
    let config = json!({"consumers": [{"username": "joe", "jwt_secrets": [{"key": "joe", "secret": secret}]}]});
    let cnf = r#"cnf={"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}"#;
    let token = run(&["token", "--secret", secret, "--claim", "iss=joe", "--claim", cnf]).out;
    let pem = file("certificate.pem", PEM);
    let explained = |certificate: &[&str]| {
        let (code, explanation) = explain("certificate.json", &config, certificate, &token);
        (code, failed(&explanation))
    };
    assert_eq!(explained(&["--client-certificate", DIGEST]), (0, String::new()));
    assert_eq!(explained(&["--client-certificate", &pem]), (0, String::new()));
    assert!(explained(&[]).1.ends_with("no certificate; here, give it with --client-certificate"));
    assert!(
        explained(&["--client-certificate", &"00".repeat(32)]).1.ends_with("the client's certificate is another one")
    );
    let other = file("no-certificate.pem", "-----BEGIN PUBLIC KEY-----\n");
    let config = file("certificate.json", config.to_string());
    let problem = run(&["explain", "--config", &config, "--token", &token, "--client-certificate", &other]).err;
    assert!(problem.ends_with(": no certificate; expected one in PEM\n"), "{problem}");
}

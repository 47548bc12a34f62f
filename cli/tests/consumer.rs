//! `jwt-auth consumer`: the file that is changed, and all that can stand in the way of it.

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
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::CommandExt,
    },
    process::Command,
    thread,
};

use folder::{Folder, PROGRAM, ROOT, Run, run};

const PLAIN: &str = "# first\nclaims_to_verify: [exp] # times\nuri_param_names: []\nconsumers:\n  # ours\n  - username: ours\n    \
                     jwt_secrets:\n      - key: ours\n        secret: 0123456789abcdef0123456789abcdef # old\n# last\n";

/// Filters in one file, each with its name.
fn envoy(names: &[&str]) -> String {
    let filters: String = names
        .iter()
        .map(|name| {
            format!(
                "- name: {name}\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    \
                 config:\n      name: {name}\n      configuration:\n        \"@type\": type.googleapis.com/google.protobuf.StringValue\n        \
                 value: | # of {name}\n          {{\n            \"realm\": \"{name}\"\n          }}\n"
            )
        })
        .collect();
    format!("http_filters:\n{filters}")
}

#[test]
fn a_consumer_is_added_listed_and_removed_and_the_file_is_as_before() {
    let folder = Folder::new();
    folder.write("c.yaml", PLAIN);
    assert_eq!(
        folder.done("consumer add new --config c.yaml --id 7 --custom-id crm --group a --group b"),
        "c.yaml: added consumer \"new\"\n"
    );
    let expected = "        secret: 0123456789abcdef0123456789abcdef # old\n  - username: new\n    id: \"7\"\n    custom_id: crm\n    groups:\n      - a\n      - b\n# last\n";
    assert!(folder.read("c.yaml").ends_with(expected), "{}", folder.read("c.yaml"));
    assert_eq!(
        folder.done("consumer list --config c.yaml"),
        "CONSUMER  ID  CUSTOM ID  GROUPS  CREDENTIALS\nours      -   -          -       1\nnew       7   crm        a, b    0\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&folder.done("consumer list --config c.yaml --format json")).unwrap();
    assert_eq!(
        (&json[1]["groups"][1], &json[1]["line"], &json[0]["credentials"]),
        (&"b".into(), &10.into(), &1.into())
    );
    // By any of its names.
    assert_eq!(
        folder.done("consumer remove crm --config c.yaml"),
        "c.yaml: removed consumer \"new\" with 0 credentials\n"
    );
    assert_eq!(folder.read("c.yaml"), PLAIN);
    assert_eq!(folder.names(), ["c.yaml"]);
}

#[test]
fn every_sample_takes_a_consumer_and_gives_it_back() {
    let folder = Folder::new();
    for sample in [
        "envoy.yaml",
        "minimal.yaml --filter 25",
        "native.yaml",
        "oauth.yaml",
        "operators.yaml",
        "mcp.yaml",
        "jwt-auth.yaml",
        "ecds/jwt-auth.yaml",
        "istio/wasmplugin.yaml",
        "envoy-gateway/extension-policy.yaml",
        "envoy-gateway/native.yaml",
        "kubernetes/jwt-auth.yaml",
    ] {
        let (sample, filter) = sample.split_once(' ').unwrap_or((sample, ""));
        let text = fs::read_to_string(format!("{ROOT}/envoy/{sample}")).unwrap();
        folder.write("sample.yaml", &text);
        folder.done(&format!("consumer add new --config sample.yaml {filter}"));
        let changed = folder.read("sample.yaml");
        assert_eq!(changed.lines().count(), text.lines().count() + 1, "{sample}");
        folder.done(&format!("consumer remove new --config sample.yaml {filter}"));
        assert_eq!(folder.read("sample.yaml"), text, "{sample}");
    }
}

#[test]
fn what_would_change_is_shown_and_nothing_is_changed() {
    let folder = Folder::new();
    folder.write("c.yaml", PLAIN);
    let before = fs::metadata(folder.file("c.yaml")).unwrap().ino();
    assert_eq!(
        folder.done("consumer add new --config c.yaml --dry-run"),
        "--- c.yaml\n+++ c.yaml\n@@ -7,4 +7,5 @@\n     jwt_secrets:\n       - key: ours\n         secret: (hidden) # old\n+  - username: new\n # last\n"
    );
    assert_eq!((folder.read("c.yaml").as_str(), fs::metadata(folder.file("c.yaml")).unwrap().ino()), (PLAIN, before));
}

#[test]
fn of_several_filters_one_has_to_be_named() {
    let folder = Folder::new();
    folder.write("e.yaml", envoy(&["jwt_auth", "jwt_auth_2", "jwt_auth_2"]));
    let several = folder.refused(2, "consumer add new --config e.yaml");
    assert!(
        several.contains("jwt_auth in line 10, jwt_auth_2 in line 21, jwt_auth_2 in line 32; say which with --filter"),
        "{several}"
    );
    assert!(folder.refused(2, "consumer add new --config e.yaml --filter jwt_auth_2").contains("several"));
    assert!(
        folder
            .refused(2, "consumer add new --config e.yaml --filter x")
            .contains("named \"x\"; expected one of jwt_auth in")
    );
    folder.done("consumer add first --config e.yaml --filter jwt_auth");
    folder.done("consumer add last --config e.yaml --filter 37");
    let text = folder.read("e.yaml");
    let last = "            \"realm\": \"jwt_auth_2\",\n            \"consumers\": [\n              {\n                \"username\": \"last\"\n              }\n            ]\n          }\n";
    assert!(text.ends_with(last), "{text}");
    assert_eq!(text.matches("username").count(), 2);
}

#[test]
fn what_cannot_be_done_is_said_and_the_file_stays() {
    let folder = Folder::new();
    folder.write("c.yaml", PLAIN).write("anchor.yaml", "consumers: &all\n- username: a\nrules: [{routes: *all}]\n");
    folder.write("plain.yaml", "a: b\n").write("broken.yaml", "consumers: [\n").write("binary.yaml", b"a\0b");
    folder.write("empty-filter.yaml", envoy(&["jwt_auth"]).split("      configuration:").next().unwrap());
    folder
        .write("folded.yaml", envoy(&["jwt_auth"]).replace("|", ">").replace("\"realm\"", "\n\n            \"realm\""));
    folder.write("discovered.yaml", fs::read(format!("{ROOT}/envoy/ecds/envoy.yaml")).unwrap());
    for (arguments, tells) in [
        ("add ours --config c.yaml", "consumer \"ours\" is there already, in line 6"),
        ("remove other --config c.yaml", "no consumer \"other\"; expected one of \"ours\""),
        ("add x --config missing.yaml", "missing.yaml: No such file or directory"),
        ("add x --config .", "not a regular file"),
        ("add x --config -", "expected a file, since it is changed"),
        ("add x --config anchor.yaml", "has an anchor (&), and aliases (*) repeat it elsewhere"),
        ("add x --config plain.yaml", "no configuration of the filter"),
        ("add x --config broken.yaml", "broken.yaml:"),
        ("add x --config binary.yaml", "not a text file"),
        ("add x --config empty-filter.yaml", "the filter has no configuration yet; write an empty one"),
        ("add x --config discovered.yaml", "is in envoy/ecds/jwt-auth.yaml; name that with --config"),
        ("list --config missing.yaml", "missing.yaml: No such file or directory"),
    ] {
        let said = folder.refused(2, &format!("consumer {arguments}"));
        assert!(said.starts_with("error: ") && said.contains(tells), "{arguments}: {said}");
    }
    let twice = "consumers:\n- {username: a, custom_id: b}\n- {username: b}\n";
    folder.write("twice.yaml", twice);
    assert!(
        folder
            .refused(2, "consumer remove b --config twice.yaml")
            .contains("\"b\" is a name of two consumers, in lines 2 and 3")
    );
    assert_eq!(folder.read("c.yaml"), PLAIN);
}

#[test]
fn a_result_with_faults_replaces_nothing_and_all_faults_are_shown() {
    let folder = Folder::new();
    folder.write("c.yaml", format!("{PLAIN}realm: [7]\n"));
    let before = folder.read("c.yaml");
    let said = folder.refused(1, "consumer add new --config c.yaml --group a,b");
    for tells in [
        "c.yaml:12:",
        "realm: a list; expected",
        "consumers[1].groups[0]: a text with a comma",
        "error: the file would have 2 faults, so it is as it was",
    ] {
        assert!(said.contains(tells), "{said}");
    }
    assert_eq!((folder.read("c.yaml"), folder.names().len()), (before, 1));
}

#[test]
fn mode_and_links_stay() {
    let folder = Folder::new();
    folder.write("real.yaml", PLAIN);
    fs::set_permissions(folder.file("real.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.yaml", folder.file("link.yaml")).unwrap();
    let before = fs::metadata(folder.file("real.yaml")).unwrap();
    folder.done("consumer add new --config link.yaml");
    let after = fs::metadata(folder.file("real.yaml")).unwrap();
    assert!(folder.read("real.yaml").contains("username: new"));
    assert_eq!(after.permissions().mode() & 0o777, 0o640);
    assert_ne!(before.ino(), after.ino(), "written into, and not replaced");
    assert!(fs::symlink_metadata(folder.file("link.yaml")).unwrap().is_symlink());
    assert_eq!(folder.names(), ["link.yaml", "real.yaml"]);
}

#[test]
fn of_many_at_a_time_none_is_lost() {
    let folder = Folder::new();
    folder.write("c.yaml", PLAIN);
    thread::scope(|scope| {
        for number in 0..12 {
            let folder = &folder;
            scope.spawn(move || folder.done(&format!("consumer add c{number} --config c.yaml")));
        }
    });
    let text = folder.read("c.yaml");
    assert!((0..12).all(|number| text.contains(&format!("- username: c{number}\n"))), "{text}");
    assert_eq!(folder.names(), ["c.yaml"]);
}

/// Runs the program as somebody who is not root, if this is root.
fn run_as_nobody(folder: &Folder, arguments: &str) -> Run {
    const NOBODY: u32 = 65534;

    let mut command = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let program = folder.file("program");
        // Copied in a process of its own: a file that this one has open for writing cannot be run, and a test beside this one that
        // starts a program keeps such a file open a moment longer.
        let copied = Command::new("install").args(["-m", "755", PROGRAM]).arg(&program).status().unwrap();
        assert!(copied.success());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        Command::new(PROGRAM)
    };
    run(command.current_dir(folder.path()).args(arguments.split_whitespace()), "")
}

#[test]
fn a_folder_that_cannot_be_written_and_an_owner_that_cannot_be_kept_leave_the_file_as_it_was() {
    let folder = Folder::new();
    let inner = folder.file("inner");
    fs::create_dir(&inner).unwrap();
    folder.write("inner/c.yaml", PLAIN);
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).unwrap();
    let Run { code, err, .. } = run_as_nobody(&folder, "consumer add new --config inner/c.yaml");
    assert!(code == 2 && err.contains("Permission denied") && err.contains("the file is as it was"), "{err}");
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o777)).unwrap();
    if fs::metadata(&inner).unwrap().uid() == 0 {
        let Run { code, err, .. } = run_as_nobody(&folder, "consumer add new --config inner/c.yaml");
        assert!(code == 2 && err.contains("its owner or group cannot be kept by you; the file is as it was"), "{err}");
    }
    assert_eq!(folder.read("inner/c.yaml"), PLAIN);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
}

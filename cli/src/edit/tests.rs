//! The changes of files that people have written in many ways.

use proptest::{prelude::*, sample::select};

use super::*;
use crate::yaml_output::{map, some};

fn consumers() -> Vec<Step> {
    vec![Step::Field("consumers".to_owned())]
}

fn credentials(consumer: usize) -> Vec<Step> {
    [consumers(), vec![Step::Item(consumer), Step::Field("jwt_secrets".to_owned())]].concat()
}

fn consumer(name: &str) -> Yaml {
    map([("username", some(name)), ("groups", some(vec!["a".into(), "b c".into()]))])
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

fn credential() -> Yaml {
    map([("key", some("https://auth.example.com")), ("algorithm", some("EdDSA")), ("rsa_public_key", some(PEM))])
}

fn append(list: Vec<Step>, item: Yaml) -> Edit {
    Edit::Append { list, items: vec![item] }
}

fn remove(list: Vec<Step>, index: usize) -> Edit {
    Edit::Remove { list, index }
}

fn applied(edit: &Edit, text: &str) -> String {
    edit.applied(text, false, 0).unwrap_or_else(|problem| panic!("{problem}\n{text}"))
}

/// A file before and after a change. `|` ends a line that is not there before.
#[test]
fn a_change_takes_its_lines_and_leaves_all_others() {
    let added = append(consumers(), map([("username", some("new"))]));
    for (before, after) in [
        ("a: 1\n", None),
        ("realm: x\n", Some("realm: x\nconsumers:\n- username: new\n")),
        ("realm: x", Some("realm: x\nconsumers:\n- username: new")),
        ("realm: x # c\n\n# end\n", Some("realm: x # c\nconsumers:\n- username: new\n\n# end\n")),
        ("consumers: [] # none\nrealm: x\n", Some("consumers: # none\n- username: new\nrealm: x\n")),
        ("consumers:\n# c\nrealm: x\n", Some("consumers:\n- username: new\n# c\nrealm: x\n")),
        ("consumers: ~\n", Some("consumers:\n- username: new\n")),
        (
            "consumers:\n  - username: a\n    # own\n  # next\n\n",
            Some("consumers:\n  - username: a\n    # own\n  - username: new\n  # next\n\n"),
        ),
        ("consumers:\r\n- username: a\r\n# c\r\n", Some("consumers:\r\n- username: a\r\n- username: new\r\n# c\r\n")),
        (
            "consumers: [{username: a}, {username: b}] # c\n",
            Some("consumers: [{username: a}, {username: b}, {username: new}] # c\n"),
        ),
        (
            "consumers: [\n  {username: a}, # c\n  {username: b} # d\n]\n",
            Some("consumers: [\n  {username: a}, # c\n  {username: b}, # d\n  {username: new}\n]\n"),
        ),
        (
            "consumers: [\n  {username: a}, # c\n]\n",
            Some("consumers: [\n  {username: a}, # c\n  {username: new},\n]\n"),
        ),
        (r#"{"consumers":[]}"#, Some(r#"{"consumers":[{"username":"new"}]}"#)),
        (r#"{"realm": "x"}"#, Some(r#"{"realm": "x", "consumers": [{"username": "new"}]}"#)),
        (
            "{\n\t\"consumers\": [\n\t\t{\n\t\t\t\"username\": \"a\"\n\t\t}\n\t]\n}\n",
            Some(
                "{\n\t\"consumers\": [\n\t\t{\n\t\t\t\"username\": \"a\"\n\t\t},\n\t\t{\n\t\t\t\"username\": \"new\"\n\t\t}\n\t]\n}\n",
            ),
        ),
        (
            "{\n  \"realm\": \"x\"\n}\n",
            Some("{\n  \"realm\": \"x\",\n  \"consumers\": [\n    {\n      \"username\": \"new\"\n    }\n  ]\n}\n"),
        ),
        ("\u{feff}realm: x\n", Some("\u{feff}realm: x\nconsumers:\n- username: new\n")),
    ] {
        let Some(after) = after else {
            assert!(added.applied(before, false, 0).is_err());
            continue;
        };
        assert_eq!(applied(&added, before), after, "{before}");
    }
}

#[test]
fn what_is_taken_out_takes_its_own_comments_and_no_others() {
    for (before, index, after) in [
        (
            "consumers:\n- username: a # a\n  # a\n# b\n- username: b\nrealm: x\n",
            0,
            "consumers:\n# b\n- username: b\nrealm: x\n",
        ),
        ("consumers:\n- username: a\n# b\n- username: b\n  # b\n# c\n", 1, "consumers:\n- username: a\n# b\n# c\n"),
        ("consumers:\n- username: a\n\n- username: b", 1, "consumers:\n- username: a\n"),
        ("consumers: # c\n- username: a\nrealm: x\n", 0, "consumers: [] # c\nrealm: x\n"),
        ("consumers:\n- username: a\nrealm: x\n", 0, "realm: x\n"),
        ("consumers:\n-\n  username: a\n-\n  username: b\n", 1, "consumers:\n-\n  username: a\n"),
        ("consumers: [{username: a}, {username: b}]\n", 0, "consumers: [{username: b}]\n"),
        ("consumers: [ {username: a}, {username: b} ]\n", 1, "consumers: [ {username: a} ]\n"),
        (
            "consumers: [\n  {username: a}, # a\n  {username: b}, {username: c}]\n",
            1,
            "consumers: [\n  {username: a}, # a\n  {username: c}]\n",
        ),
        (
            "consumers: [\n  {username: a}, # a\n  {username: b} # b\n]\n",
            1,
            "consumers: [\n  {username: a} # a # b\n]\n",
        ),
        ("{\"consumers\": [{\"username\": \"a\"}]}", 0, "{\"consumers\": []}"),
        ("{\"consumers\": [{\"username\": \"a\"}], \"realm\": \"x\"}", 0, "{\"realm\": \"x\"}"),
    ] {
        assert_eq!(applied(&remove(consumers(), index), before), after, "{before}");
    }
}

#[test]
fn an_anchor_an_alias_and_a_merge_key_are_refused() {
    let added = append(consumers(), consumer("new"));
    for (text, tells) in [
        ("x: &x [{username: a}]\nconsumers: *x\n", "an alias (*)"),
        ("consumers: &x\n- username: a\nrules: *x\n", "line 2 has an anchor (&)"),
        ("<<: {realm: x}\nconsumers: []\n", "merge key (<<)"),
    ] {
        let problem = added.applied(text, false, 0).unwrap_err();
        assert!(problem.contains(tells), "{problem}");
    }
    // An anchor that nobody names is no reason.
    assert_eq!(applied(&added, "realm: &x a\nconsumers: &y\n- username: a\n").matches("username").count(), 2);
}

/// What a file is made of.
#[derive(Debug, Clone)]
struct Style {
    list_step: usize,
    is_crlf: bool,
    ends_open: bool,
    holder: usize,
    first: usize,
    comments: Vec<bool>,
}

fn style() -> impl Strategy<Value = Style> {
    let numbers =
        (select(vec![0_usize, 2, 4]), any::<bool>(), any::<bool>(), 0..HOLDERS.len(), 0..CONFIGURATIONS.len());
    (numbers, proptest::collection::vec(any::<bool>(), 40)).prop_map(
        |((list_step, is_crlf, ends_open, holder, first), comments)| Style {
            list_step,
            is_crlf,
            ends_open,
            holder,
            first,
            comments,
        },
    )
}

/// Configurations; `~` is how much further right than its name a list stands.
const CONFIGURATIONS: &[&str] = &[
    "realm: x\n",
    "realm: x\nconsumers:\n~- username: a\n~  jwt_secrets:\n~  ~- key: k\n~  ~  secret: s\n~- username: b\nclaims_to_verify: [exp]\n",
    "consumers:\n~- username: a\n~  jwt_secrets:\n~  ~- key: k\n~  ~  rsa_public_key: |\n~  ~    -----BEGIN PUBLIC KEY-----\n~  ~    AA\n~  ~    -----END PUBLIC KEY-----\n",
    "consumers: [{username: a, jwt_secrets: [{key: k, secret: s}]}, {username: b}]\nrealm: \"x # y\"\n",
    "consumers: [\n  {username: a, jwt_secrets: [{key: k, secret: s}]},\n  {username: b},\n]\n",
    "consumers:\n~- {username: a, groups: [g]}\n~- username: b\n~  groups:\n~  ~- g\n",
    "consumers:\n~- jwt_secrets:\n~  ~- {key: k, secret: s}\n~  ~- key: l\n~  ~  secret: >-\n~  ~    t\n~  ~    u\n~  username: a\n~-\n~  username: b\nrealm: x\n",
];

/// Files around a configuration: what stands before it, and how far right it stands.
const HOLDERS: &[(&str, usize)] = &[
    ("", 0),
    ("# first\n---\n", 0),
    (
        "resources:\n- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n  name: jwt_auth\n  typed_config:\n    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config:\n      name: jwt_auth\n      configuration:\n        \"@type\": type.googleapis.com/google.protobuf.Struct\n        value:\n",
        10,
    ),
];

impl Style {
    fn text(&self) -> String {
        let (head, indentation) = HOLDERS[self.holder];
        let mut comments = self.comments.iter();
        let mut text = head.to_owned();
        let mut in_key = false;
        for line in CONFIGURATIONS[self.first].lines() {
            let line = line.replace('~', &" ".repeat(self.list_step));
            let own = line.len() - line.trim_start().len();
            in_key = (in_key || line.ends_with(['|', '-'])) && !line.contains("realm") && !line.contains("username");
            let comment = comments.next() == Some(&true) && !line.contains("----") && !line.ends_with(" AA");
            if comment && !in_key {
                text += &format!("{:indentation$}{:own$}# before: [{own}\n", "", "");
            }
            text += &format!("{:indentation$}{line}", "");
            text += if comments.next() == Some(&true) && !in_key { " # beside, \"it\n" } else { "\n" };
        }
        if comments.next() == Some(&true) {
            text += &format!("{:indentation$}  # behind\n\n# last\n", "");
        }
        let text = if self.ends_open { text.trim_end().to_owned() } else { text };
        if self.is_crlf { text.replace('\n', "\r\n") } else { text }
    }
}

/// The same configuration as JSON, in the ways in which it stands in files.
fn as_json(style: &Style) -> String {
    let text = CONFIGURATIONS[style.first].replace('~', "");
    let json = document::read(&text, Dialect::Envoy).unwrap().remove(0).to_json();
    let json = if style.ends_open { json.to_string() } else { format!("{json:#}") };
    let holder = |value: &str| {
        HOLDERS[2].0.replace(
            "google.protobuf.Struct\n        value:\n",
            &format!("google.protobuf.StringValue\n        value: {value}\n"),
        )
    };
    match style.holder {
        0 => json,
        1 => {
            holder(&format!(
                "|{}\n          {}",
                if style.is_crlf { "-" } else { "" },
                json.replace('\n', "\n          ")
            )) + "    # more\nx: 1\n"
        }
        _ if style.is_crlf => holder(&format!("'{}'", json.replace('\'', "''").replace('\n', " "))),
        _ => holder(&serde_json::Value::from(json).to_string()),
    }
}

proptest! {
    #[test]
    fn what_is_added_and_taken_out_again_leaves_the_same_bytes(style in style(), in_json in any::<bool>()) {
        let text = if in_json { as_json(&style) } else { style.text() };
        let node = configurations::find(&text, false).unwrap().configurations.remove(0).root;
        let there = node.get("consumers").map(Node::items).unwrap_or_default().to_vec();

        let more = applied(&append(consumers(), consumer("new")), &text);
        prop_assert!(more.lines().filter(|line| line.contains('#')).eq(text.lines().filter(|line| line.contains('#')))
            || more.lines().count() == text.lines().count(), "{}", more);
        let with_credential = applied(&append(credentials(there.len()), credential()), &more);
        let two = applied(&append(credentials(there.len()), credential()), &with_credential);
        let one = applied(&remove(credentials(there.len()), 0), &two);
        prop_assert_eq!(&one, &with_credential);
        let none = applied(&remove(credentials(there.len()), 0), &one);
        prop_assert_eq!(&none, &more);
        prop_assert_eq!(applied(&remove(consumers(), there.len()), &none), text.clone());

        for (at, consumer) in there.iter().enumerate() {
            let count = consumer.get("jwt_secrets").map_or(0, |list| list.items().len());
            let more = applied(&append(credentials(at), credential()), &text);
            prop_assert_eq!(applied(&remove(credentials(at), count), &more), text.clone());
            applied(&remove(consumers(), at), &text);
        }
    }

    #[test]
    fn no_secret_is_shown(style in style(), in_json in any::<bool>()) {
        let text = if in_json { as_json(&style) } else { style.text() };
        let secret = map([("key", some("k")), ("secret", some("s3cr3t: 'it\" is"))]);
        let node = configurations::find(&text, false).unwrap().configurations.remove(0).root;
        prop_assume!(node.get("consumers").is_some());
        let text = applied(&append(credentials(0), secret), &text);
        prop_assert!(text.contains("s3cr3t"));
        let shown = without_secrets(&text, false).unwrap();
        prop_assert!(!shown.contains("s3cr3t") && shown.contains("(hidden)"), "{}", shown);
    }
}

use jwt_auth_filter::encoding::json::Value;

use super::*;
use crate::position::Position;

fn one(text: &str) -> Node {
    let mut documents = read(text, Dialect::Envoy).unwrap();
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn refused(text: &str) -> String {
    let error = read(text, Dialect::Envoy).unwrap_err();
    format!("{}: {error}", error.at)
}

fn at(line: usize, column: usize) -> Position {
    Position::new(line, column)
}

/// What plain words are to a reader, as JSON.
fn resolved(words: &[&str], dialect: Dialect) -> Vec<String> {
    let show = |word: &&str| match scalar::resolve(word, dialect) {
        NodeContent::Null => "null".to_owned(),
        NodeContent::Bool(flag) => flag.to_string(),
        NodeContent::Number(number) => number.to_string(),
        NodeContent::Text(text) => format!("{:?}", text.text),
        other => panic!("{other:?}"),
    };
    words.iter().map(show).collect()
}

#[test]
fn yaml_and_json_give_the_same_tree_with_the_places_of_keys_and_values() {
    let yaml = "a:\n  b: [1, true, null]\n  c: text\n";
    let json = "{\"a\":\n  {\"b\": [1, true, null],\n   \"c\": \"text\"}}";
    let (yaml, json) = (one(yaml), one(json));
    assert_eq!(yaml.to_value(), json.to_value());
    assert_eq!(yaml.to_value(), Value::parse(r#"{"a":{"b":[1,true,null],"c":"text"}}"#).unwrap());

    let (in_yaml, in_json) = (yaml.get("a").unwrap(), json.get("a").unwrap());
    assert_eq!((in_yaml.at, in_json.at), (at(2, 3), at(2, 3)));
    assert_eq!((in_yaml.member("b").unwrap().at, in_json.member("b").unwrap().at), (at(2, 3), at(2, 4)));
    assert_eq!(in_yaml.get("b").unwrap().items()[1].at, at(2, 10));
    assert_eq!(in_json.get("b").unwrap().items()[1].at, at(2, 13));
    assert_eq!((in_yaml.get("c").unwrap().at, in_json.get("c").unwrap().at), (at(3, 6), at(3, 9)));
}

#[test]
fn a_text_knows_where_its_first_character_stands_when_its_lines_are_the_file_s() {
    let first = |text: &str| match &one(text).get("a").unwrap().content {
        NodeContent::Text(text) => text.first,
        other => panic!("{other:?}"),
    };
    assert_eq!(first("a: |\n\n    {\n      x}\n"), Some(at(2, 5)));
    assert_eq!(first("a: |- # json\n  é{\n"), Some(at(2, 3)));
    assert_eq!(first("a: 'é b'\n"), Some(at(1, 5)));
    assert_eq!(first("a: b c\n"), Some(at(1, 4)));
    assert_eq!(first("{\"a\": \"b\"}"), Some(at(1, 8)));
    assert_eq!(first("a: >\n  b\n  c\n"), None);
    assert_eq!(first("a: \"b\\tc\"\n"), None);
    assert_eq!(first("a: 'b''c'\n"), None);
    assert_eq!(first("{\"a\": \"\\u0062\"}"), None);
}

#[test]
fn plain_words_are_read_as_envoy_reads_them() {
    let words = ["yes", "ON", "y", "N", "False", "yEs", "~", "NULL", "", "nil"];
    let expected = ["true", "true", "true", "false", "false", "\"yEs\"", "null", "null", "null", "\"nil\""];
    assert_eq!(resolved(&words, Dialect::Envoy), expected);
    let words = ["7", "-7", "+7", "010", "08", "0x1F", "2147483647", "2147483648", "0x80000000", "1.5", "1e3", "1_0"];
    let expected = [
        "7",
        "-7",
        "7",
        "8",
        "\"08\"",
        "31",
        "2147483647",
        "\"2147483648\"",
        "\"2147483648\"",
        "\"1.5\"",
        "\"1e3\"",
        "\"1_0\"",
    ];
    assert_eq!(resolved(&words, Dialect::Envoy), expected);
    assert_eq!(
        resolved(&["99999999999999999999", "0x", "--7", "-"], Dialect::Envoy),
        ["\"99999999999999999999\"", "\"0x\"", "\"--7\"", "\"-\""]
    );
    assert_eq!(one("{a: '7', b: \"yes\", c: ! 7, d: ''}").to_value(), {
        Value::parse(r#"{"a":"7","b":"yes","c":"7","d":""}"#).unwrap()
    });
}

/// What Envoy 1.40 shows of such a file in `/server_info`.
#[test]
fn tags_and_merge_keys_are_read_as_envoy_reads_them() {
    let yaml = "a: !!str 7\nb: !!int \"7\"\nc: !x yes\nd: ! yes\ne: &e {x: 1}\nf: {<<: *e, y: 2}\ng: |\n  7\nyes: 08\n";
    let json = r#"{"a":7,"b":7,"c":true,"d":"yes","e":{"x":1},"f":{"<<":{"x":1},"y":2},"g":"7\n","yes":"08"}"#;
    assert_eq!(one(yaml).to_value(), Value::parse(json).unwrap());
}

#[test]
fn plain_words_are_read_as_go_reads_them() {
    let words = ["yes", "off", "y", "010", "0o10", "0b11", "2147483648", "1.5", "1e3", "1_0", "inf", ".5", "1.2.3"];
    let expected =
        ["true", "false", "\"y\"", "8", "8", "3", "2147483648", "1.5", "1000", "10", "\"inf\"", "0.5", "\"1.2.3\""];
    assert_eq!(resolved(&words, Dialect::Go), expected);
}

#[test]
fn merge_keys_are_followed_as_go_follows_them() {
    let yaml = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: *a, y: 3}\nd: {<<: [*b, *a], w: 4}\ne: {<<: 5}\n";
    let documents = read(yaml, Dialect::Go).unwrap();
    let json = r#"{"a":{"x":1,"y":1},"b":{"y":2,"z":2},"c":{"y":3,"x":1},"d":{"w":4,"y":2,"z":2,"x":1},"e":{"<<":5}}"#;
    assert_eq!(documents[0].to_value(), Value::parse(json).unwrap());
}

#[test]
fn a_file_may_hold_several_documents_and_aliases() {
    let documents = read("a: 1\n---\n- &x {b: c}\n- *x\n---\n", Dialect::Envoy).unwrap();
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[1].items()[0], documents[1].items()[1]);
    assert_eq!(documents[2].content, NodeContent::Null);
    assert_eq!(read("# nothing\n", Dialect::Envoy), Ok(vec![]));
    assert_eq!(one("!ignore x: &y [1]\na: *y\n").to_value(), Value::parse(r#"{"a":[1]}"#).unwrap());
}

#[test]
fn what_cannot_be_read_is_refused_where_it_stands() {
    assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "3:1: a member that its object already has");
    assert_eq!(refused("{\"a\": {\"b\": 1,\n \"\\u0062\": 2}}"), "2:2: a member that its object already has");
    assert_eq!(refused("[a]: 1\n"), "1:1: a key that is not a single word or text");
    assert_eq!(refused("a: *nowhere\n"), "1:4: while parsing node, found unknown anchor");
    assert_eq!(refused("a: &x [*x]\n"), "1:8: an alias of a value that holds it");
    assert!(refused("a: [1\nb: 2\n").starts_with("2:"));
    assert!(refused("a:\n\tb: 1\n").starts_with("2:"));
    let error = read_json("{\"a\": 1,\n \"b\" 2}").unwrap_err();
    assert_eq!((error.at, error.message.as_str()), (at(2, 6), "expected `:`"));
    assert_eq!(read_json("[1e400]").unwrap_err().at, at(1, 2));
}

#[test]
fn what_is_made_to_exhaust_a_reader_is_refused() {
    assert!(refused(&"[".repeat(1_000_000)).contains(": "));
    assert!(read_json(&format!("{}{}", "[".repeat(200), "]".repeat(200))).unwrap_err().message.contains("127 levels"));
    let deep: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(refused(&deep).contains("127 levels"));
    let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (before, name) in "abcdefg".chars().zip("bcdefgh".chars()) {
        laughs += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", "));
    }
    assert!(refused(&laughs).contains("aliases for more than a million values"));
}

//! `jwt-auth credential`: every kind of key, its rotation, and that no secret is shown.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]

mod folder;
#[path = "folder/issuer.rs"]
mod issuer;

use std::fs;

use folder::{Folder, PROGRAM, ROOT, Run, run};
use serde_json::{Value, json};

const CONFIG: &str =
    "claims_to_verify: [exp]\nuri_param_names: []\nconsumers:\n- username: app # ours\n- username: other\n";
const SECRET: &str = "n0body-may-see-this-secret-0123456789";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("c.yaml", CONFIG).write("secret.txt", format!("{SECRET}\n"));
    folder
}

fn list(folder: &Folder) -> Vec<Value> {
    serde_json::from_str(&folder.done("credential list --config c.yaml --format json")).unwrap()
}

/// Whether a token passes that is signed with the key of a file.
fn passes(folder: &Folder, key: &str, arguments: &str) -> bool {
    let token = folder.done(&format!("token --key {key} {arguments}"));
    folder.run_with("explain --config c.yaml", &token).code == 0
}

/// Runs the program so that it trusts the authority of the tests.
fn ask(folder: &Folder, arguments: &str) -> Run {
    let mut command = folder.command(PROGRAM);
    command.args(arguments.split_whitespace());
    command.env("SSL_CERT_FILE", format!("{ROOT}/cli/tests/keys/authority.pem")).env_remove("SSL_CERT_DIR");
    run(&mut command, "")
}

#[test]
fn each_kind_of_key_is_added_and_its_tokens_pass() {
    for (algorithm, expected) in
        [("RS256", "RS256"), ("PS384", "PS384"), ("ES384", "ES384"), ("Ed448", "EdDSA"), ("ML-DSA-44", "ML-DSA-44")]
    {
        let folder = folder();
        folder.write("key.txt", folder.done(&format!("keygen {algorithm} --kid 7")));
        let wanted = if algorithm == "PS384" { "--algorithm PS384" } else { "" };
        let said = folder.done(&format!("credential add app --config c.yaml --key k --public-key key.txt {wanted}"));
        assert!(
            said.starts_with(&format!("c.yaml: added credential \"k\" of consumer \"app\": {expected}, fingerprint ")),
            "{said}"
        );
        assert!(!folder.read("c.yaml").contains("PRIVATE"), "{algorithm}");
        assert!(passes(&folder, "key.txt", &format!("--claim iss=k --alg {algorithm}")), "{algorithm}");

        // The same as a JWK has the same fingerprint.
        let jwk = folder.read("key.txt").lines().last().unwrap().to_owned();
        folder.write("key.jwk", &jwk).done("credential add other --config c.yaml --key j --public-key key.jwk");
        let listed = list(&folder);
        assert_eq!(listed[0]["keys"][0]["fingerprint"], listed[1]["keys"][0]["fingerprint"], "{listed:?}");
        let jwks = format!("{{\"keys\": [{jwk}]}}");
        folder.write("set.json", jwks).done("credential add other --config c.yaml --key s --jwks set.json");
        assert!(passes(&folder, "key.txt", &format!("--claim iss=s --alg {algorithm}")), "{algorithm}");
        assert_eq!(list(&folder)[2]["keys"][0]["kid"], "7");
        assert!(folder.read("c.yaml").contains("- username: app # ours\n"));
    }
}

#[test]
fn a_secret_comes_from_a_file_or_from_standard_input() {
    let folder = folder();
    folder.done("credential add app --config c.yaml --key a --secret-file secret.txt");
    folder.run_with(
        "credential add app --config c.yaml --key b --secret-file - --algorithm HS512",
        &format!("{SECRET}{SECRET}\n"),
    );
    assert!(passes(&folder, "secret.txt", "--claim iss=a"));
    let listed = list(&folder);
    assert_eq!(
        (&listed[0]["keys"][0]["algorithm"], &listed[1]["keys"][0]["algorithm"]),
        (&json!("HS256"), &json!("HS512"))
    );
    assert_eq!(listed[0]["keys"][0]["fingerprint"], Value::Null);
    assert!(!format!("{listed:?}{}", folder.done("credential list --config c.yaml")).contains(SECRET));
}

#[test]
fn a_key_that_is_made_is_printed_once_and_nothing_beside_it() {
    let folder = folder();
    for (algorithm, key) in [("ES256", "a"), ("HS384", "b")] {
        let Run { code, out, err } =
            folder.run(&format!("credential add app --config c.yaml --key {key} --generate --algorithm {algorithm}"));
        assert!(code == 0 && err.contains("added credential"), "{err}");
        assert!(!err.contains(out.trim()), "{err}");
        folder.write("made.txt", &out);
        assert!(passes(&folder, "made.txt", &format!("--claim iss={key} --alg {algorithm}")));
    }
    assert!(!folder.read("c.yaml").contains("PRIVATE"));
    assert!(
        folder.refused(2, "credential add app --config c.yaml --key c --generate").contains("expected --algorithm too")
    );
    assert!(
        folder
            .refused(2, "credential add app --config c.yaml --key c --generate --dry-run")
            .contains("cannot be used with")
    );
}

#[test]
fn no_secret_is_shown_whatever_goes_wrong() {
    let folder = folder();
    folder.done("credential add app --config c.yaml --key a --secret-file secret.txt");
    folder.write("pem.txt", folder.done("keygen ES256")).write("short.yaml", CONFIG.replace("[exp]", "[expp]"));
    folder.write("private.pem", folder.read("pem.txt").split("-----BEGIN PUBLIC").next().unwrap());
    let private = folder.read("private.pem");
    for (arguments, code, tells) in [
        (
            "add app --config c.yaml --key b --secret-file secret.txt --algorithm RS256",
            2,
            "RS256 verifies with an RSA public key",
        ),
        ("add app --config c.yaml --key b --public-key secret.txt", 2, "neither PEM nor a JWK; expected a public key"),
        (
            "add app --config c.yaml --key b --public-key private.pem",
            2,
            "a PEM block of type PRIVATE KEY; expected a public key",
        ),
        ("add app --config c.yaml --key b --secret-file private.pem", 2, "a key in PEM; expected a secret"),
        ("add app --config c.yaml --key b --jwks secret.txt", 2, "no JSON object; expected a JWK set"),
        (
            "add app --config c.yaml --key b --public-key pem.txt --algorithm RS256",
            2,
            "an EC P-256 key cannot verify RS256",
        ),
        ("add app --config short.yaml --key b --secret-file secret.txt", 1, "claims_to_verify[0]: \"expp\""),
        ("add nobody --config c.yaml --key b --secret-file secret.txt", 2, "no consumer \"nobody\""),
        ("add other --config c.yaml --key a --secret-file secret.txt", 1, "the key of another consumer's credential"),
        ("add app --config c.yaml --secret-file secret.txt", 2, "--key"),
        ("add app --config c.yaml --key b", 2, "--public-key <FILE>"),
        ("remove app --config c.yaml --number 2", 2, "has no such credential; it has 1 (\"a\", HS256 secret)"),
        ("rotate app --config c.yaml --secret-file missing", 2, "missing: No such file"),
    ] {
        let said = folder.refused(code, &format!("credential {arguments}"));
        assert!(said.contains(tells), "{arguments}: {said}");
        assert!(
            !said.contains(SECRET) && private.lines().all(|line| !line.contains('M') || !said.contains(line)),
            "{said}"
        );
    }
    let shown = folder.done(
        "credential rotate app --config c.yaml --secret-file pem.txt --dry-run"
            .replace("pem.txt", "secret.txt")
            .as_str(),
    );
    assert!(shown.contains("+    secret: (hidden)\n") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn a_key_is_rotated_and_the_old_one_goes_when_its_tokens_have_expired() {
    let folder = folder();
    folder.write("c.yaml", CONFIG.replace("consumers:", "max_token_age: 3600\nclock_skew_seconds: 30\nconsumers:"));
    folder.write("old.txt", folder.done("keygen RS256")).write("new.txt", folder.done("keygen ES256"));
    folder.done("credential add app --config c.yaml --key k --public-key old.txt");
    // What the credential demands is demanded of the new key too, and what only the old one has is not.
    let demanding = folder
        .read("c.yaml")
        .replace("    algorithm: RS256\n", "    algorithm: RS256\n    id: old\n    audiences: [x] # y\n");
    folder.write("c.yaml", &demanding);
    let Run { code, out, err } = folder.run("credential rotate app --config c.yaml --public-key new.txt");
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("c.yaml: added a new key to credential \"k\" of consumer \"app\": ES256, fingerprint "),
        "{out}"
    );
    assert!(err.contains("the old one can go 3630 seconds after the last token was signed with it: at 2"), "{err}");
    let text = folder.read("c.yaml");
    assert!(
        text.contains("    audiences: [x] # y\n")
            && text.contains("    audiences:\n    - x\n")
            && text.matches("id: old").count() == 1,
        "{text}"
    );
    let claims = "--claim iss=k --claim aud=x";
    assert!(passes(&folder, "old.txt", claims) && passes(&folder, "new.txt", claims));
    assert!(!passes(&folder, "new.txt", "--claim iss=k"));

    assert!(
        folder
            .refused(2, "credential remove app --config c.yaml --key k")
            .contains("has several such credentials: 1 (\"k\", RS256")
    );
    let command = err.lines().find_map(|line| line.split_once("then: jwt-auth ")).unwrap().1;
    folder.done(&command.replace('"', ""));
    assert!(!passes(&folder, "old.txt", claims) && passes(&folder, "new.txt", claims));
    assert!(
        folder
            .refused(2, "credential rotate app --config c.yaml --public-key new.txt")
            .contains("has this key already, in line 8")
    );
    let last = folder.run("credential remove app --config c.yaml");
    assert!(last.code == 0 && last.err.contains("no token with \"k\" is accepted any more"), "{last:?}");
}

#[test]
fn the_longest_life_is_what_is_said_of_it() {
    let folder = folder();
    folder.done("credential add app --config c.yaml --key k --secret-file secret.txt");
    let said = |arguments: &str| {
        folder.run(&format!("credential rotate app --config c.yaml --dry-run --secret-file secret.txt {arguments}")).err
    };
    assert!(said("").contains("the configuration does not bound (max_token_age, maximum_expiration)"));
    assert!(said("--max-token-life 1h").contains("can go 3600 seconds after") && said("").contains("--number 1"));
    assert!(said("--max-token-life soon").contains("expected a span such as"));
    assert!(
        folder
            .refused(2, "credential rotate app --config c.yaml --secret-file secret.txt --max-token-life=-1h")
            .contains("above zero")
    );
}

#[test]
fn a_set_gets_the_new_key_beside_the_old() {
    let folder = folder();
    folder.write("old.txt", folder.done("keygen ES256 --kid 1"));
    let jwk = folder.read("old.txt").lines().last().unwrap().to_owned();
    folder.write("set.json", format!("{{\"keys\": [{jwk}]}}"));
    folder.done("credential add app --config c.yaml --key k --jwks set.json");
    let Run { code, out, err } =
        folder.run("credential rotate app --config c.yaml --generate --algorithm EdDSA --kid 2");
    assert!(code == 0 && err.contains("then take the old key out of the jwks"), "{err}");
    folder.write("new.txt", &out);
    assert!(passes(&folder, "old.txt", "--claim iss=k") && passes(&folder, "new.txt", "--claim iss=k --kid 2"));
    assert_eq!(list(&folder)[0]["keys"][1]["kid"], "2");
    let pem = folder
        .done("keygen ES256")
        .split_once("-----BEGIN PUBLIC")
        .map(|(_, rest)| format!("-----BEGIN PUBLIC{rest}"))
        .unwrap();
    folder.write("public.pem", pem.split('{').next().unwrap());
    assert!(
        folder
            .refused(2, "credential rotate app --config c.yaml --public-key public.pem")
            .contains("expected the new key as a JWK")
    );
}

#[test]
fn a_certificate_is_listed_with_its_end() {
    let folder = folder();
    folder.write("cert.pem", fs::read(format!("{ROOT}/tests/keys/p256-certificate.pem")).unwrap());
    folder.done("credential add app --config c.yaml --key k --public-key cert.pem");
    let listed = list(&folder);
    assert_eq!(listed[0]["keys"][0]["verified_with"], "certificate");
    assert!(listed[0]["keys"][0]["expires"].as_u64().is_some_and(|seconds| seconds > 1_700_000_000), "{listed:?}");
    let table = folder.done("credential list app --config c.yaml");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..6], ["app", "-", "1", "k", "ES256", "certificate"]);
    let age_and_end = row[7..].join(" ");
    assert!(age_and_end.split_once(" 20").is_some_and(|(age, _)| age == "now" || age.ends_with(" ago")), "{table}");
    let none = folder.done("credential list other --config c.yaml");
    assert!(none.lines().nth(1).unwrap().split_whitespace().skip(1).all(|cell| cell == "-"), "{none}");
}

const METADATA: &str = r#"{"issuer": "{origin}", "jwks_uri": "{origin}/jwks"}"#;
const JWKS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {"kty": "later"}]}"#;
const OPENID: &str = "/.well-known/openid-configuration";

#[test]
fn an_issuer_is_asked_for_its_name_and_its_key_set() {
    let folder = folder();
    let origin = issuer::start(&[(OPENID, 200, METADATA), ("/jwks", 200, JWKS)]);
    let Run { code, out, err } =
        ask(&folder, &format!("credential add app --config c.yaml --from-discovery {origin} --cluster auth"));
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, format!("c.yaml: added credential {origin:?} of consumer \"app\"\n"));
    let authority = origin.strip_prefix("https://").unwrap();
    assert!(err.contains(&format!("Envoy's cluster \"auth\" has to reach {authority} with TLS")), "{err}");
    assert!(err.contains("/jwks: keys[1] is skipped: a JWK of an unsupported type"), "{err}");
    let expected = format!("    discovery:\n      uri: {origin}{OPENID}\n      cluster: auth\n");
    assert!(folder.read("c.yaml").contains(&expected), "{}", folder.read("c.yaml"));

    // Where another claim than iss names the credential, the issuer is named beside the key.
    folder.write("c.yaml", format!("key_claim_name: azp\n{CONFIG}"));
    let add = format!("credential add app --config c.yaml --from-discovery {origin}{OPENID} --cluster auth");
    assert!(ask(&folder, &add).err.contains("expected --key, the value of azp"));
    assert_eq!(ask(&folder, &format!("{add} --key client")).code, 0);
    assert!(
        folder.read("c.yaml").contains(&format!("  - key: client\n    issuer: {origin}\n")),
        "{}",
        folder.read("c.yaml")
    );

    folder.write("c.yaml", CONFIG);
    let Run { code, err, .. } =
        ask(&folder, &format!("credential add app --config c.yaml --from-discovery {origin} --inline"));
    assert!(code == 0 && err.contains("the keys are those of today"), "{err}");
    assert_eq!(list(&folder)[0]["keys"][0]["fingerprint"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn other_places_of_metadata_and_key_sets_are_found() {
    let folder = folder();
    let keys = issuer::start(&[("/jwks", 200, JWKS)]);
    let tenant = r#"{"issuer": "{origin}/t", "jwks_uri": "KEYS/jwks"}"#.replace("KEYS", &keys);
    let origin = issuer::start(&[("/.well-known/oauth-authorization-server/t", 200, &tenant)]);
    let Run { code, err, .. } =
        ask(&folder, &format!("credential add app --config c.yaml --from-discovery {origin}/t/ --cluster auth"));
    assert_eq!(code, 0, "{err}");
    let expected = format!("  - key: {origin}/t\n");
    let text = folder.read("c.yaml");
    assert!(
        text.contains(&expected)
            && text.contains(&format!("    remote_jwks:\n      uri: {keys}/jwks\n      cluster: auth\n")),
        "{text}"
    );
    let said = folder.refused(2, "credential rotate app --config c.yaml --secret-file secret.txt");
    assert!(said.contains("(remote_jwks): it rotates them"), "{said}");
}

#[test]
fn an_issuer_that_does_not_answer_as_one_changes_nothing() {
    let folder = folder();
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(600_000));
    let other = METADATA.replace("\"{origin}\"", "\"https://other.example.com\"");
    for (answers, tells) in [
        (vec![], "the status was 404"),
        (vec![(OPENID, 302, "")], "the status was 302"),
        (vec![(OPENID, 500, "")], "the status was 500"),
        (vec![(OPENID, 200, "<html>")], "no metadata that name an issuer"),
        (vec![(OPENID, 200, large.as_str())], "the response body is larger than request limit"),
        (vec![(OPENID, 200, other.as_str())], "the metadata is of the issuer \"https://other.example.com\""),
        (vec![(OPENID, 200, r#"{"issuer": "{origin}"}"#)], "the metadata had no usable jwks_uri"),
        (vec![(OPENID, 200, METADATA), ("/jwks", 200, "{}")], "the answer was not a key set"),
        (vec![(OPENID, 200, METADATA)], "/jwks: the status was 404"),
    ] {
        let origin = issuer::start(&answers);
        let Run { code, out, err } =
            ask(&folder, &format!("credential add app --config c.yaml --from-discovery {origin} --cluster auth"));
        assert!(code == 2 && out.is_empty() && err.contains(tells), "{tells}: {err}");
    }
    let origin = issuer::start(&[(OPENID, 200, METADATA)]);
    let add = |url: &str| format!("credential add app --config c.yaml --from-discovery {url} --cluster auth");
    // An authority that this machine does not know.
    let Run { code, err, .. } = folder.run(&add(&origin));
    assert!(code == 2 && (err.contains("UnknownIssuer") || err.contains("no certificates of authorities")), "{err}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(ask(&folder, &add(&format!("http://{closed}"))).err.contains("Connection refused"));
    assert!(ask(&folder, &add("file:///etc/passwd")).err.contains("not an http or https URI"));
    assert!(
        folder
            .refused(2, &format!("credential add app --config c.yaml --from-discovery {origin}"))
            .contains("expected --cluster too")
    );
    assert_eq!(folder.read("c.yaml"), CONFIG);
}

//! `jwt-auth credential`.

use std::process::ExitCode;

use jwt_auth_filter::{config::Step, crypto::Algorithm, jwks::Uri};
use serde_json::Value;

use super::{
    arguments::{
        CredentialAddArguments, CredentialCommand, CredentialListArguments, CredentialRemoveArguments,
        CredentialRotateArguments,
    },
    change::{Plan, carry_out},
    consumer::read,
    discovery::Discovered,
    listing,
    new_key::{Given, Made},
    rotation,
    target::{ConsumerEntry, CredentialEntry, Target},
};
use crate::{
    cli::Format,
    configure::{self, Verifier},
    document::{Node, NodeContent},
    edit::Edit,
    output,
    signing_key::base64url,
    time,
    yaml_output::Yaml,
};

/// Does what was asked for.
pub(crate) fn run(command: &CredentialCommand) -> ExitCode {
    match command {
        CredentialCommand::Add(arguments) => match Source::read(arguments) {
            Ok(source) => carry_out(&arguments.change, |target| add(arguments, &source, target)),
            Err(problem) => output::fail(&problem),
        },
        CredentialCommand::Remove(arguments) => carry_out(&arguments.change, |target| remove(arguments, target)),
        CredentialCommand::Rotate(arguments) => match Given::read(&arguments.new_key) {
            Ok(Some(given)) => carry_out(&arguments.change, |target| rotate(arguments, &given, target)),
            Ok(None) => output::fail("expected a new key"),
            Err(problem) => output::fail(&problem),
        },
        CredentialCommand::List(arguments) => list(arguments),
    }
}

/// What the tokens of a new credential are verified with. It is read, or asked for, before the file is held.
enum Source {
    Key(Given),
    Fetched(Uri),
    Discovered(Box<Discovered>),
}

impl Source {
    fn read(arguments: &CredentialAddArguments) -> Result<Self, String> {
        if let Some(url) = &arguments.from_discovery {
            if arguments.cluster.is_none() && !arguments.inline {
                return Err(
                    "--from-discovery: expected --cluster too, the Envoy cluster that reaches the issuer, or --inline"
                        .to_owned(),
                );
            }
            return Discovered::ask(url).map(|it| Self::Discovered(Box::new(it)));
        }
        if let Some(uri) = &arguments.jwks_uri {
            return Uri::parse(uri).map(Self::Fetched).map_err(|error| format!("--jwks-uri: {error}"));
        }
        Given::read(&arguments.new_key)?.map(Self::Key).ok_or_else(|| "expected a key".to_owned())
    }
}

fn add(arguments: &CredentialAddArguments, source: &Source, target: &Target) -> Result<Plan, String> {
    let consumer = target.consumer(&arguments.consumer)?;
    let key = key_of(arguments, source, target)?;
    let cluster = arguments.cluster.clone().unwrap_or_default();
    let algorithm = arguments.new_key.algorithm;
    let mut notes = Vec::new();
    let mut issuer = None;
    let made = match source {
        Source::Key(given) => given.made(algorithm, None)?,
        Source::Fetched(uri) => fetched("remote_jwks", uri, cluster.clone(), algorithm, &mut notes),
        Source::Discovered(it) => {
            notes.extend(it.notes.iter().cloned());
            if arguments.inline {
                notes.push(format!("the keys are those of today; when {} has others, rotate", it.issuer.as_str()));
                Made { algorithm, verifier: Verifier::KeySet(it.keys.clone()), jwks: Vec::new(), private: None }
            } else if it.is_on_one_host() {
                issuer = Some(it.issuer.as_str()).filter(|issuer| *issuer != key);
                fetched("discovery", &it.metadata, cluster, algorithm, &mut notes)
            } else {
                fetched("remote_jwks", &it.jwks_uri, cluster, algorithm, &mut notes)
            }
        }
    };
    refuse_known(&consumer, &key, &made)?;
    if consumer.credentials().any(|it| it.key() == key) {
        notes
            .push(format!("the consumer has another credential with the key {key:?}; the tokens of both are accepted"));
    }
    let name = made.algorithm.map(Algorithm::name).unwrap_or_default();
    let credential = with_members(
        configure::credential(&key, name, &made.verifier),
        issuer.map(|issuer| ("issuer".to_owned(), issuer.into())),
        now(),
    );
    let edit = Edit::Append { list: consumer.credentials_path(), items: vec![credential] };
    let done = format!("added credential {key:?} of consumer {:?}{}", consumer.name(), told(&made));
    Ok(Plan { notes, output: made.private, ..Plan::new(edit, done) })
}

/// The value of the key claim. An issuer is one only where the key claim is `iss`.
fn key_of(arguments: &CredentialAddArguments, source: &Source, target: &Target) -> Result<String, String> {
    if let Some(key) = &arguments.key {
        return Ok(key.clone());
    }
    let Source::Discovered(it) = source else { return Err("expected --key".to_owned()) };
    let claim = target.root().get("key_claim_name").and_then(Node::text).unwrap_or("iss");
    if claim != "iss" {
        return Err(format!(
            "expected --key, the value of {claim} in the tokens of this consumer, since key_claim_name is {claim}"
        ));
    }
    if it.issuer.is_template() {
        return Err(format!("expected --key, since the issuer is one for many tenants: {}", it.issuer.as_str()));
    }
    Ok(it.issuer.as_str().to_owned())
}

fn fetched(
    field: &'static str,
    uri: &Uri,
    cluster: String,
    algorithm: Option<Algorithm>,
    notes: &mut Vec<String>,
) -> Made {
    let with = if uri.as_str().to_ascii_lowercase().starts_with("https:") { " with TLS" } else { "" };
    notes.push(format!("Envoy's cluster {cluster:?} has to reach {}{with}", uri.authority()));
    let verifier = Verifier::Fetched { field, uri: uri.as_str().to_owned(), cluster };
    Made { algorithm, verifier, jwks: Vec::new(), private: None }
}

fn refuse_known(consumer: &ConsumerEntry, key: &str, made: &Made) -> Result<(), String> {
    let Some(fingerprint) = made.fingerprint().map(base64url) else { return Ok(()) };
    let is_same = |it: &CredentialEntry| {
        let has = |found: Option<String>| found.as_deref() == Some(fingerprint.as_str());
        it.key() == key && it.verifying().into_iter().any(|it| has(it.fingerprint))
    };
    match consumer.credentials().find(is_same) {
        Some(it) => Err(format!("consumer {:?} has this key already, in line {}", consumer.name(), it.node.at.line)),
        None => Ok(()),
    }
}

/// What verifies now, in words: for a report.
fn told(made: &Made) -> String {
    let algorithm = made.algorithm.map(|it| format!(": {it}")).unwrap_or_default();
    let fingerprint = made.fingerprint().map(|it| format!(", fingerprint {}", base64url(it))).unwrap_or_default();
    algorithm + &fingerprint
}

/// A credential with more members, which stand before its key. When it is made is written as the gateway does.
fn with_members(credential: Yaml, more: impl IntoIterator<Item = (String, Yaml)>, now: u64) -> Yaml {
    let Yaml::Map(mut members) = credential else { return credential };
    let last = members.len().saturating_sub(1);
    let more = more.into_iter().chain([("created_at".to_owned(), now.into())]);
    members.splice(last..last, more);
    Yaml::Map(members)
}

fn remove(arguments: &CredentialRemoveArguments, target: &Target) -> Result<Plan, String> {
    let consumer = target.consumer(&arguments.consumer)?;
    let credential = consumer.credential(&arguments.choice)?;
    let left = consumer.credentials().filter(|it| it.key() == credential.key()).count() > 1;
    let edit = Edit::Remove { list: consumer.credentials_path(), index: credential.index };
    let done = format!("removed credential {:?} of consumer {:?}", credential.key(), consumer.name());
    let mut plan = Plan::new(edit, done);
    if !left {
        plan.notes.push(format!("no token with {:?} is accepted any more", credential.key()));
    }
    Ok(plan)
}

fn rotate(arguments: &CredentialRotateArguments, given: &Given, target: &Target) -> Result<Plan, String> {
    let consumer = target.consumer(&arguments.consumer)?;
    let old = consumer.credential(&arguments.choice)?;
    if let Some(field) = ["remote_jwks", "discovery"].into_iter().find(|field| old.node.given(field).is_some()) {
        return Err(format!(
            "the keys of this credential are the issuer's ({field}): it rotates them, and there is nothing to do here"
        ));
    }
    let algorithm = old.node.get("algorithm").and_then(Node::text).and_then(|name| name.parse().ok());
    let is_set = old.node.given("jwks").is_some();
    let usual = if is_set { algorithm } else { algorithm.or(Some(Algorithm::HS256)) };
    let made = given.made(arguments.new_key.algorithm, usual)?;
    refuse_known(&consumer, old.key(), &made)?;
    let edit = if is_set { into_set(&consumer, &old, &made)? } else { beside(&consumer, &old, &made)? };
    let mut plan = Plan::new(
        edit,
        format!("added a new key to credential {:?} of consumer {:?}{}", old.key(), consumer.name(), told(&made)),
    );
    let life = life(arguments, target)?;
    plan.notes.push(rotation::told(life, now()));
    plan.notes.push(if is_set {
        "then take the old key out of the jwks of the credential".to_owned()
    } else {
        let selector = match old.verifying().into_iter().find_map(|it| it.fingerprint) {
            Some(fingerprint) => format!("--fingerprint {fingerprint}"),
            None => format!("--number {}", old.number()),
        };
        format!("then: jwt-auth credential remove {:?} --config {} {selector}", consumer.name(), target.file)
    });
    plan.output = made.private;
    Ok(plan)
}

/// How long tokens of the old key may be in use, in seconds.
fn life(arguments: &CredentialRotateArguments, target: &Target) -> Result<Option<u64>, String> {
    let Some(text) = &arguments.max_token_life else {
        return Ok(if target.has_own_policies() { None } else { rotation::longest_use(&target.config()?) });
    };
    let seconds = time::parse_span(text).map_err(|expected| format!("--max-token-life {text:?}: {expected}"))?;
    let seconds =
        u64::try_from(seconds).map_err(|_| format!("--max-token-life {text:?}: expected a span above zero"))?;
    Ok(Some(seconds))
}

/// The same credential with the new key. It has its own id and its own time.
fn beside(consumer: &ConsumerEntry, old: &CredentialEntry, made: &Made) -> Result<Edit, String> {
    const OWN: [&str; 8] = ["key", "algorithm", "secret", "rsa_public_key", "jwks", "id", "created_at", "tags"];

    let name = made.algorithm.map(Algorithm::name).unwrap_or_default();
    let demands =
        old.node.members().iter().filter(|member| !OWN.contains(&member.name.as_str()) && !member.value.is_null());
    let demands =
        demands.map(|member| Some((member.name.clone(), of_node(&member.value)?))).collect::<Option<Vec<_>>>();
    let demands =
        demands.ok_or("the credential holds a number that cannot be copied; add the new one with an editor")?;
    let credential = with_members(configure::credential(old.key(), name, &made.verifier), demands, now());
    Ok(Edit::Append { list: consumer.credentials_path(), items: vec![credential] })
}

/// The new keys in the set of the credential.
fn into_set(consumer: &ConsumerEntry, old: &CredentialEntry, made: &Made) -> Result<Edit, String> {
    let keys = old.node.get("jwks").and_then(|set| set.get("keys"));
    if keys.is_none() {
        return Err(
            "the jwks of the credential is a text, or no list of keys; add the new one with an editor".to_owned()
        );
    }
    if made.jwks.is_empty() {
        return Err("the credential has a key set; expected the new key as a JWK, --jwks or --generate".to_owned());
    }
    let step = |name: &str| Step::Field(name.to_owned());
    let list = [consumer.credentials_path(), vec![Step::Item(old.index), step("jwks"), step("keys")]].concat();
    Ok(Edit::Append { list, items: made.jwks.iter().map(configure::of_json).collect() })
}

/// A value of the file as one to be written; `None` for a number that cannot be written exactly.
fn of_node(node: &Node) -> Option<Yaml> {
    Some(match &node.content {
        NodeContent::Null => return None,
        NodeContent::Bool(flag) => (*flag).into(),
        NodeContent::Number(_) => match node.to_json() {
            Value::Number(number) => number.as_u64()?.into(),
            _ => return None,
        },
        NodeContent::Text(text) => text.text.as_str().into(),
        NodeContent::List(items) => Yaml::List(items.iter().map(of_node).collect::<Option<_>>()?),
        NodeContent::Object(members) => {
            let members = members.iter().map(|member| Some((member.name.clone(), of_node(&member.value)?)));
            Yaml::Map(members.collect::<Option<_>>()?)
        }
    })
}

fn list(arguments: &CredentialListArguments) -> ExitCode {
    let printed = read(&arguments.file).and_then(|target| {
        let consumers: Vec<ConsumerEntry> = match &arguments.consumer {
            Some(name) => vec![target.consumer(name)?],
            None => target.consumers().collect(),
        };
        Ok(match arguments.format {
            Format::Text => listing::of_credentials(&consumers, now()),
            Format::Json => format!("{:#}\n", listing::json_of_credentials(&consumers)),
        })
    });
    match printed {
        Ok(text) => output::print(&text),
        Err(problem) => output::fail(&problem),
    }
}

/// The time now, in seconds since the epoch.
fn now() -> u64 {
    u64::try_from(time::now()).unwrap_or_default()
}

//! `consumers`, with their `jwt_secrets`.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use super::{
    demands, dump,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, in_words, text},
    header_text, key_set_source,
    schema::{Field, Shape},
    time_checks,
};
use crate::{
    crypto::{Algorithm, Key, KeyError},
    encoding::{HeaderText, base64::decode_lenient, json::Value},
    jwks::{Issuer, KeySet, Uri, VerificationKey},
    policy::{Consumer, Credential, Credentials, Groups, IdentifierTaken, Keys},
};

/// The fields of a consumer. At least one of its three names must be there.
pub(super) const FIELDS: &[Field] = &[
    Field::optional(
        "username",
        Shape::HeaderText,
        "The name that people know; sent upstream as `X-Consumer-Username`.",
        r#""ClientApp""#,
    ),
    Field::optional(
        "id",
        Shape::HeaderText,
        "The gateway's identifier; sent upstream as `X-Consumer-ID`.",
        r#""4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11""#,
    ),
    Field::optional(
        "custom_id",
        Shape::HeaderText,
        "The identifier in a database of your own; sent upstream as `X-Consumer-Custom-ID`.",
        r#""crm-42""#,
    ),
    Field::optional(
        "groups",
        Shape::List(&Shape::HeaderText),
        "What `allow` and `deny` may name instead of each consumer; sent upstream as `X-Consumer-Groups`, where one of these \
         is set. No comma may stand in one.",
        r#"["partners"]"#,
    ),
    dump::TAGS,
    dump::CREATED_AT,
    dump::UPDATED_AT,
    Field::optional(
        "jwt_secrets",
        Shape::List(&Shape::Object(CREDENTIAL_FIELDS)),
        "The credentials that the consumer's tokens are verified with.",
        r#"[{"key": "client-app", "secret": "a long and random secret"}]"#,
    ),
];

const CREDENTIAL_FIELDS: &[Field] = &[
    Field::required(
        "key",
        Shape::HeaderText,
        "The value of the key claim that names this credential; sent upstream as `X-Credential-Identifier`.",
        r#""https://auth.example.com""#,
    ),
    Field::with_default(
        "algorithm",
        Shape::Algorithm,
        "The only algorithm that the credential's tokens may be signed with. With `jwks`, `remote_jwks` or `discovery` \
         there is no default: then a key's own `alg` decides, or what its type allows.",
        r#""HS256""#,
        r#""RS256""#,
    ),
    Field::optional(
        "secret",
        Shape::Name,
        "The secret that HS256, HS384 and HS512 verify with; the signer has the same. Other algorithms ignore it.",
        r#""a long and random secret""#,
    ),
    Field::optional(
        "rsa_public_key",
        Shape::PublicKey,
        "The public key that all other algorithms verify with: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`), \
         or a JWK. HS256, HS384 and HS512 ignore it.",
        r#""-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n""#,
    ),
    key_set_source::JWKS,
    key_set_source::REMOTE_JWKS,
    key_set_source::DISCOVERY,
    key_set_source::ISSUER,
    time_checks::CLAIMS_TO_VERIFY,
    demands::TOKEN_TYPES,
    demands::REQUIRE,
    demands::AUDIENCES,
    demands::SUBJECTS,
    demands::REQUIRED_CLAIMS,
    dump::ID,
    dump::TAGS,
    dump::CREATED_AT,
    dump::CONSUMER,
];

/// What `consumers` gives.
pub(super) struct Consumers {
    pub(super) list: ConsumerList,
    /// One for each of the secret forms.
    pub(super) credentials: [Credentials; 2],
}

/// How secrets are read: each as `is_base64` says and, if `both`, the other way too, for rules that differ in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretForms {
    pub(super) is_base64: bool,
    pub(super) both: bool,
}

/// The consumers by their names.
#[derive(Debug, Default)]
pub(super) struct ConsumerList {
    by_id: BTreeMap<HeaderText, Arc<Consumer>>,
    by_username: BTreeMap<HeaderText, Arc<Consumer>>,
    by_custom_id: BTreeMap<HeaderText, Arc<Consumer>>,
    groups: BTreeSet<HeaderText>,
    /// For each credential its issuer, if it names one, and its key, in the order of the configuration.
    named: Vec<(Option<Issuer>, HeaderText)>,
    is_unknown: bool,
}

impl ConsumerList {
    /// Stands for consumers that are not known yet: any name is one's.
    pub(super) fn unknown() -> Self {
        Self { is_unknown: true, ..Self::default() }
    }

    /// The consumer with this id, else the one with this username.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Consumer>> {
        if self.is_unknown {
            let username = HeaderText::new(name);
            return Some(Arc::new(Consumer { id: None, username, custom_id: None, groups: Groups::default() }));
        }
        self.by_id.get(name).or_else(|| self.by_username.get(name)).cloned()
    }

    /// Whether any consumer is in a group.
    pub(super) fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Whether a consumer is in this group.
    pub(super) fn has_group(&self, name: &HeaderText) -> bool {
        self.is_unknown || self.groups.contains(name)
    }

    /// The issuers that the credentials name and that are one server each, in the order of the configuration; those of their keys
    /// only if a key is an issuer.
    pub(super) fn issuers(&self, key_is_issuer: bool) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let servers = self.named.iter().filter_map(|(issuer, key)| {
            let name = issuer.as_ref().map_or(key.as_str(), Issuer::as_str);
            let is_template = issuer.as_ref().is_some_and(Issuer::is_template);
            (Uri::parse(name).is_ok() && !name.contains('?') && !is_template).then_some((name, issuer.is_none()))
        });
        servers
            .filter(move |(name, _)| seen.insert(*name))
            .filter(move |(_, is_key)| key_is_issuer || !is_key)
            .map(|(name, _)| name)
    }

    /// Adds a consumer, and reports each of its names that is another's.
    fn add(&mut self, consumer: &Arc<Consumer>, fields: &Fields) -> Result<(), Reported> {
        let names = [
            ("id", &consumer.id, &mut self.by_id),
            ("username", &consumer.username, &mut self.by_username),
            ("custom_id", &consumer.custom_id, &mut self.by_custom_id),
        ];
        self.groups.extend(consumer.groups.names().iter().cloned());
        let mut result = Ok(());
        for (field, name, index) in names {
            let Some(name) = name else { continue };
            match index.entry(name.clone()) {
                Entry::Vacant(entry) => _ = entry.insert(Arc::clone(consumer)),
                Entry::Occupied(_) => {
                    let problem = Problem::new("the same as another consumer's", "one that no other consumer has");
                    result = Err(fields.report(field, problem));
                }
            }
        }
        result
    }
}

impl Consumers {
    /// Reads the consumers. Those without a fault are there even when others have one, so that what names them can be
    /// checked all the same.
    pub(super) fn read(fields: &mut Fields, forms: SecretForms) -> (Self, Result<(), Reported>) {
        let mut consumers = Self { list: ConsumerList::default(), credentials: Default::default() };
        let read = fields.list("consumers", |value, place, faults| consumers.read_one(value, place, faults, forms));
        (consumers, read.map(drop))
    }

    fn read_one(&mut self, value: Value, place: Place, faults: &Faults, forms: SecretForms) -> Result<(), Reported> {
        let mut fields = Fields::of(value, place, faults, FIELDS)?;

        let username = fields.optional("username", header_text);
        let id = fields.optional("id", header_text);
        let custom_id = fields.optional("custom_id", header_text);
        let groups = fields.values("groups", group).map(Option::unwrap_or_default);
        let ignored = dump::ignore(&mut fields);
        let consumer = username.and_then(|username| {
            let groups = Groups::new(groups?).ok_or(Reported)?;
            let consumer = Consumer { id: id?, username, custom_id: custom_id?, groups };
            if consumer.id.is_none() && consumer.username.is_none() && consumer.custom_id.is_none() {
                let problem = Problem::new("a consumer without a name", "at least one of username, id, custom_id");
                return Err(faults.report(fields.place(), problem));
            }
            Ok(Arc::new(consumer))
        });
        let added =
            consumer.as_ref().map_err(|reported| *reported).and_then(|consumer| self.list.add(consumer, &fields));
        // A consumer at fault still has its credentials looked at, so that their faults are reported too.
        let credentials = fields.list("jwt_secrets", |value, place, faults| {
            let consumer = consumer.as_ref().map_err(|reported| *reported);
            self.read_credential(value, place, faults, forms, consumer)
        });
        ignored.and(added).and(credentials).map(drop)
    }

    fn read_credential(
        &mut self,
        value: Value,
        place: Place,
        faults: &Faults,
        forms: SecretForms,
        consumer: Result<&Arc<Consumer>, Reported>,
    ) -> Result<(), Reported> {
        let mut fields = Fields::of(value, place, faults, CREDENTIAL_FIELDS)?;

        let owner = consumer.ok().map(Arc::as_ref);
        let ignored = dump::ignore(&mut fields).and(dump::ignore_names(&mut fields, owner));
        let identifier = fields.required("key", "the value of the key claim that names this credential", header_text);
        let given = fields.optional("algorithm", algorithm)?;
        let way = key_set_source::way(&fields)?;
        let issuer = key_set_source::issuer(&mut fields, way)?;
        let demands = demands::read(&mut fields, None);
        let time_checks = time_checks::verified(&mut fields, time_checks::CLAIMS_TO_VERIFY.name);
        let (algorithm, keys) = match way {
            Some(way) => {
                let key = identifier.as_ref().ok().map(HeaderText::as_str);
                let [usual, _] = &mut self.credentials;
                (
                    given,
                    key_set_source::read(&mut fields, way, given, issuer.clone(), key, usual).map(|keys| vec![keys]),
                )
            }
            None => {
                let algorithm = given.unwrap_or(Algorithm::HS256);
                (Some(algorithm), only_key(&mut fields, algorithm, forms))
            }
        };
        ignored?;
        let (consumer, identifier, demands, time_checks) = (consumer?, identifier?, demands?, time_checks?);
        self.list.named.push((issuer.clone(), identifier.clone()));
        let credential = |keys| {
            let credential = Credential::new(Arc::clone(consumer), identifier.clone(), algorithm, keys);
            Arc::new(credential.of_issuer(issuer.clone()).demanding(demands.clone(), time_checks))
        };
        let credentials: Vec<Arc<Credential>> = keys?.into_iter().map(credential).collect();
        // What is no secret is the same in both forms.
        let wanted = if forms.both { 2 } else { 1 };
        let each = credentials.iter().cycle().take(wanted);
        self.credentials.iter_mut().zip(each).try_for_each(|(index, credential)| index.add(credential)).map_err(
            |IdentifierTaken| {
                let problem = Problem::new("the key of another consumer's credential", "a key that one consumer has");
                fields.report("key", problem)
            },
        )
    }
}

fn group(value: Value) -> Result<HeaderText, Problem> {
    let group = header_text(value)?;
    if group.as_str().contains(',') {
        Err(Problem::new("a text with a comma", "a name without a comma"))
    } else {
        Ok(group)
    }
}

pub(super) fn algorithm(value: Value) -> Result<Algorithm, Problem> {
    let name = text(value)?;
    let expected = || Algorithm::ALL.map(Algorithm::name).join(", ");
    let found = || {
        if is_like_an_algorithm(&name) { format!("\"{name}\"") } else { "a text that is not an algorithm".to_owned() }
    };
    name.parse().map_err(|_| Problem::new(found(), format!("one of {}", expected())))
}

/// Whether a text has the form of an algorithm's name (RFC 7518 §3.1), such as `HS265`. Secrets are pasted into the wrong
/// field: what may be one is not repeated.
fn is_like_an_algorithm(text: &str) -> bool {
    let is_family = |family: &str| {
        let rest = text.get(..family.len()).filter(|it| it.eq_ignore_ascii_case(family)).and(text.get(family.len()..));
        rest.is_some_and(|rest| rest.len() <= 4 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_name = ["none", "EdDSA", "Ed25519", "Ed448", "ES256K"].iter().any(|name| text.eq_ignore_ascii_case(name));
    is_name || ["HS", "RS", "PS", "ES", "ML-DSA-"].into_iter().any(is_family)
}

/// The key of a credential that names one: once, or in each of the forms that are asked for.
fn only_key(fields: &mut Fields, algorithm: Algorithm, forms: SecretForms) -> Result<Vec<Keys>, Reported> {
    let keys =
        if algorithm.is_symmetric() { secret(fields, algorithm, forms)? } else { vec![public_key(fields, algorithm)?] };
    let set = |key| Keys::Fixed(Arc::new(KeySet::of_one(VerificationKey::new(key, Some(algorithm)))));
    Ok(keys.into_iter().map(set).collect())
}

/// The secret in each of the forms that are asked for.
fn secret(fields: &mut Fields, algorithm: Algorithm, forms: SecretForms) -> Result<Vec<Key>, Reported> {
    let has_public_key = fields.has("rsa_public_key");
    unused(fields, "rsa_public_key")?;
    let or = if has_public_key { ", or an algorithm that verifies with rsa_public_key" } else { "" };
    fields.required("secret", &format!("the secret that {algorithm} verifies with{or}"), |value| {
        let text = text(value)?;
        let other = forms.both.then_some(!forms.is_base64);
        std::iter::once(forms.is_base64).chain(other).map(|is_base64| secret_key(&text, is_base64)).collect()
    })
}

fn secret_key(text: &str, is_base64: bool) -> Result<Key, Problem> {
    let secret = if is_base64 {
        decode_lenient(text).ok_or_else(|| Problem::new("not base64", "base64, because secret_is_base64 is true"))?
    } else {
        text.as_bytes().to_vec()
    };
    Key::from_secret(secret).ok_or_else(|| Problem::new("an empty secret", "a secret"))
}

fn public_key(fields: &mut Fields, algorithm: Algorithm) -> Result<Key, Reported> {
    let expected = algorithm.key_in_words();
    let key = fields.required("rsa_public_key", expected, |value| {
        let key = match &value {
            Value::String(text) => Key::from_text(text),
            Value::Object(_) => Key::from_jwk(&value),
            other => return Err(Problem::new(in_words(other), expected)),
        };
        key.and_then(|key| key.for_algorithm(algorithm))
            .map_err(|error: KeyError| Problem::new(error.to_string(), expected))
    })?;
    unused(fields, "secret")?;
    Ok(key)
}

/// Takes a key that the algorithm has no use for, as the gateway does: it generates a secret for every credential.
fn unused(fields: &mut Fields, name: &str) -> Result<(), Reported> {
    let read = |value| match value {
        Value::String(_) | Value::Object(_) => Ok(()),
        other => Err(Problem::new(in_words(&other), "a key")),
    };
    fields.optional(name, read).map(drop)
}

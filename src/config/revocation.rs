//! `revoked` and `revocation_list`: tokens that are revoked before they expire.

use std::{sync::Arc, time::Duration};

use super::{
    consumers::Consumers,
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, name, other_word, printable, text},
    key_set_source::{self, CACHE_DURATION, STALE_DURATION, duration_shape},
    schema::{Field, Shape},
};
use crate::{
    encoding::{date_time, json::Value},
    jwks::Kind,
    revocation::{Entry, Names, RemoteList, RevocationSet, Revocations},
};

/// The fields of an item of `revoked`.
pub(super) const FIELDS: &[Field] = &[
    Field::optional("jti", Shape::Name, "The `jti` of the token that is revoked.", r#""7d4f""#),
    Field::optional("sub", Shape::Name, "The `sub` of the tokens that are revoked.", r#""bob""#),
    Field::optional(
        "consumer",
        Shape::Name,
        "The username or id of the consumer whose tokens are revoked.",
        r#""ClientApp""#,
    ),
    Field::optional(
        "credential",
        Shape::Name,
        "The `key` of the credential whose tokens are revoked. Beside `jti` or `sub`, only tokens of this credential are meant.",
        r#""https://auth.example.com""#,
    ),
    Field::optional(
        "issued_before",
        Shape::DateTime,
        "Only tokens that were issued (`iat`) before this time (RFC 3339), and those that do not say when they were.",
        r#""2026-11-25T00:00:00Z""#,
    ),
];

/// The fields of `revocation_list`.
pub(super) const LIST_FIELDS: &[Field] = &[
    key_set_source::URI,
    key_set_source::CLUSTER,
    key_set_source::TIMEOUT,
    Field::with_default(
        "cache_duration",
        duration_shape(CACHE_DURATION),
        "How old the list may become before it is fetched again. A shorter `Cache-Control: max-age` of the server wins; less \
         than ten seconds counts as ten.",
        r#""60s""#,
        r#""10s""#,
    ),
    Field::with_default(
        "stale_duration",
        duration_shape(STALE_DURATION),
        "How old the list may become before it is no longer used, if no newer one can be fetched.",
        r#""1h""#,
        r#""24h""#,
    ),
    Field::with_default(
        "on_unavailable",
        Shape::OneOf(&["deny", "allow"]),
        "What becomes of tokens while there is no list: they are answered 503 (`deny`), or taken as if none were revoked by it \
         (`allow`).",
        r#""deny""#,
        r#""allow""#,
    ),
];

/// Reads what is revoked.
pub(super) fn read(fields: &mut Fields, consumers: &Consumers) -> Result<Revocations, Reported> {
    let entries = fields.list("revoked", |value, place, faults| entry(value, place, faults, consumers));
    let list = fields.object("revocation_list", LIST_FIELDS, list)?;
    let entries = entries?;
    let allows_without_list = list.as_ref().is_some_and(|(_, allows)| *allows);
    Ok(Revocations { inline: entries.map(RevocationSet::new), list: list.map(|(list, _)| list), allows_without_list })
}

/// Reads where the list is, and whether tokens pass without it.
fn list(fields: &mut Fields) -> Result<(Arc<RemoteList>, bool), Reported> {
    let usual = (Duration::from_secs(60), Duration::from_secs(3600));
    let source = key_set_source::source(fields, Kind::RevocationList, usual);
    let allows = fields.or_default("on_unavailable", on_unavailable, false);
    Ok((Arc::new(RemoteList::new(source?)), allows?))
}

fn on_unavailable(value: Value) -> Result<bool, Problem> {
    match text(value)?.as_ref() {
        "allow" => Ok(true),
        "deny" => Ok(false),
        other => Err(Problem::new(other_word(other), "allow or deny")),
    }
}

fn entry(value: Value, place: Place, faults: &Faults, consumers: &Consumers) -> Result<Entry, Reported> {
    let mut fields = Fields::of(value, place, faults, FIELDS)?;
    let jti = fields.optional("jti", name);
    let sub = fields.optional("sub", name);
    let consumer = fields.optional("consumer", |value| {
        let name = name(value)?;
        let found = || format!("\"{}\", which is not the name of a consumer", printable(&name));
        let is_known = consumers.list.find(&name).is_some();
        if is_known { Ok(name) } else { Err(Problem::new(found(), "the id or username of one of the consumers")) }
    });
    let credential = fields.optional("credential", |value| {
        let key = name(value)?;
        let is_known = consumers.credentials.iter().any(|all| !all.identified_by(&key).is_empty());
        if is_known {
            Ok(key)
        } else {
            Err(Problem::new("the key of no credential", "the key of one of the credentials"))
        }
    });
    let issued_before = fields.optional("issued_before", moment);
    let (jti, sub, consumer, credential) = (jti?, sub?, consumer?, credential?);
    let names = Names {
        jti: jti.as_deref(),
        sub: sub.as_deref(),
        consumer: consumer.as_deref(),
        credential: credential.as_deref(),
    };
    Entry::new(names, issued_before?).map_err(|_| {
        let given = [("jti", &jti), ("sub", &sub), ("consumer", &consumer), ("credential", &credential)];
        let given: Vec<&str> = given.into_iter().filter_map(|(name, value)| value.as_ref().map(|_| name)).collect();
        let found = if given.is_empty() { "nothing that is revoked".to_owned() } else { given.join(" and ") };
        faults.report(place, Problem::new(found, "jti or sub, with or without credential, or consumer, or credential"))
    })
}

/// Reads a point in time.
fn moment(value: Value) -> Result<u64, Problem> {
    let expected = "a time such as 2026-11-25T00:00:00Z";
    date_time::parse(&text(value)?).ok_or_else(|| Problem::new("a text that is no time with its offset", expected))
}

//! What the gateway's own dumps carry and the filter has no use for. It is taken, so that nobody has to edit them.

use super::{
    fault::{Problem, Reported},
    fields::{Fields, in_words, name},
    schema::{Field, Shape},
};
use crate::{
    encoding::{
        HeaderText,
        json::{Member, Value},
    },
    policy::Consumer,
};

pub(super) const TAGS: Field =
    Field::optional("tags", Shape::List(&Shape::Name), "Labels for people; the filter ignores them.", r#"["partner"]"#);
pub(super) const CREATED_AT: Field = Field::optional(
    "created_at",
    Shape::Scalar,
    "When it was made; the filter ignores it, and the program `jwt-auth` lists it.",
    "1700000000",
);
pub(super) const UPDATED_AT: Field =
    Field::optional("updated_at", Shape::Scalar, "When the gateway changed it; the filter ignores it.", "1700000000");
pub(super) const ID: Field = Field::optional(
    "id",
    Shape::Name,
    "The gateway's identifier of the credential; the filter ignores it.",
    r#""2f0e3a8d-5d3c-4e6b-9a35-0a9a3a1b7c55""#,
);
pub(super) const CONSUMER: Field = Field::optional(
    "consumer",
    Shape::ConsumerReference,
    "The consumer that the credential stands in, once more.",
    r#"{"id": "4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11"}"#,
);

/// Takes `tags`, `created_at` and `updated_at`, those of them that are there.
pub(super) fn ignore(fields: &mut Fields) -> Result<(), Reported> {
    let tags = fields.values(TAGS.name, name).map(drop);
    let times = [CREATED_AT, UPDATED_AT].map(|field| {
        let read = |value| match value {
            Value::Number(_) | Value::String(_) => Ok(()),
            other => Err(Problem::new(in_words(&other), "a time")),
        };
        fields.optional(field.name, read).map(drop)
    });
    times.into_iter().fold(tags, Result::and)
}

/// Takes the fields that name a credential and its consumer. If that is another than the one that it stands in, nobody can
/// say whose tokens it is for.
pub(super) fn ignore_names(fields: &mut Fields, consumer: Option<&Consumer>) -> Result<(), Reported> {
    let id = fields.optional(ID.name, name).map(drop);
    let owner = fields.optional(CONSUMER.name, |value| {
        let references = references(value)?;
        match consumer {
            Some(consumer) if references.iter().any(|reference| reference.is_of_another_than(consumer)) => {
                Err(Problem::new("another consumer", "the one that the credential stands in"))
            }
            _ => Ok(()),
        }
    });
    id.and(owner).map(drop)
}

/// A name that a consumer is referred to by.
enum Reference {
    Id(String),
    Username(String),
    CustomId(String),
    IdOrUsername(String),
}

fn references(value: Value) -> Result<Vec<Reference>, Problem> {
    let expected = "an id or a username, or an object with id, username or custom_id";
    let reference = |(field, value): Member| match (field.as_ref(), value) {
        ("id", Value::String(name)) => Ok(Reference::Id(name.into())),
        ("username", Value::String(name)) => Ok(Reference::Username(name.into())),
        ("custom_id", Value::String(name)) => Ok(Reference::CustomId(name.into())),
        _ => Err(Problem::new("an object with something else", expected)),
    };
    match value {
        Value::String(name) => Ok(vec![Reference::IdOrUsername(name.into())]),
        Value::Object(members) => members.into_iter().map(reference).collect(),
        other => Err(Problem::new(in_words(&other), expected)),
    }
}

impl Reference {
    /// Whether it is certain that it does not mean this consumer, who may have names that the configuration leaves out.
    fn is_of_another_than(&self, consumer: &Consumer) -> bool {
        let differs = |own: &Option<HeaderText>, name: &str| own.as_ref().is_some_and(|own| own.as_str() != name);
        match self {
            Self::Id(name) => differs(&consumer.id, name),
            Self::Username(name) => differs(&consumer.username, name),
            Self::CustomId(name) => differs(&consumer.custom_id, name),
            Self::IdOrUsername(name) => differs(&consumer.id, name) && differs(&consumer.username, name),
        }
    }
}

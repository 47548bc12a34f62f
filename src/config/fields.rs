//! Reading the fields of an object: each once, each fault reported at its place, and no field left over.

use std::borrow::Cow;

pub(super) use super::fault::{other_word, printable};
use super::{
    fault::{Faults, Place, Problem, Reported, UNKNOWN_FIELD},
    schema::Field,
};
use crate::{
    encoding::json::{Member, Value},
    token::ClaimPath,
};

/// The fields of one object that are still to be read.
pub(super) struct Fields<'a, 'p> {
    members: Vec<Member<'a>>,
    place: Place<'p>,
    faults: &'p Faults,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// Takes an object apart, and reports each field that is not among those that it may have.
    pub(super) fn of(
        value: Value<'a>,
        place: Place<'p>,
        faults: &'p Faults,
        fields: &[Field],
    ) -> Result<Self, Reported> {
        let Value::Object(members) = value else {
            return Err(faults.report(place, Problem::new(in_words(&value), "an object")));
        };
        let is_known = |name: &str| fields.iter().any(|field| field.name == name);
        for (name, _) in members.iter().filter(|(name, _)| !is_known(name)) {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let expected = format!("one of {}", names.join(", "));
            faults.report(Place::Field(&place, name), Problem::new(UNKNOWN_FIELD, expected));
        }
        Ok(Self { members, place, faults })
    }

    /// Where the object stands.
    pub(super) fn place(&self) -> Place<'p> {
        self.place
    }

    /// Reports a fault of the field `name`.
    pub(super) fn report(&self, name: &str, problem: Problem) -> Reported {
        self.faults.report(Place::Field(&self.place, name), problem)
    }

    /// Reports a fault of the object as a whole.
    pub(super) fn report_here(&self, problem: Problem) -> Reported {
        self.faults.report(self.place, problem)
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, value)| key == name && *value != Value::Null)
    }

    /// Whether the field stands there, be it `null`.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// Reads a field, or takes the parent's value where the field does not stand. `null` does not inherit.
    pub(super) fn inherited<T: Clone>(
        &mut self,
        name: &str,
        parent: Option<&T>,
        read: impl FnOnce(&mut Self, &str) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        match parent {
            Some(parent) if !self.mentions(name) => Ok(parent.clone()),
            _ => read(self, name),
        }
    }

    /// Looks at a field without reading it.
    pub(super) fn peek(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Reads a field. `null` is the same as no field.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Reported> {
        match self.take(name) {
            Value::Null => Ok(None),
            value => read(value).map(Some).map_err(|problem| self.report(name, problem)),
        }
    }

    /// Reads a field, or takes its default.
    pub(super) fn or_default<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Result<T, Problem>,
        default: T,
    ) -> Result<T, Reported> {
        Ok(self.optional(name, read)?.unwrap_or(default))
    }

    /// Reads a field that must be there; `expected` says what is missing if it is not.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(Value<'a>) -> Result<T, Problem>,
    ) -> Result<T, Reported> {
        self.optional(name, read)?.ok_or_else(|| self.report(name, Problem::new("missing", expected)))
    }

    /// Reads a field whose faults lie within it; without the field, `None`.
    pub(super) fn within<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>, Place, &Faults) -> Result<T, Reported>,
    ) -> Result<Option<T>, Reported> {
        match self.take(name) {
            Value::Null => Ok(None),
            value => read(value, Place::Field(&self.place, name), self.faults).map(Some),
        }
    }

    /// Reads every item of a list; without the field, `None`. Faults of items are reported at the items.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(Value<'a>, Place, &Faults) -> Result<T, Reported>,
    ) -> Result<Option<Vec<T>>, Reported> {
        let value = self.take(name);
        let place = Place::Field(&self.place, name);
        let items = match value {
            Value::Null => return Ok(None),
            Value::List(items) => items,
            other => return Err(self.faults.report(place, Problem::new(in_words(&other), "a list"))),
        };
        // Every item is read before the first faulty one decides, so that all of them are reported.
        let items: Vec<_> =
            items.into_iter().enumerate().map(|(at, item)| read(item, Place::Item(&place, at), self.faults)).collect();
        items.into_iter().collect::<Result<_, _>>().map(Some)
    }

    /// Reads a list that must have an item, if it is there.
    pub(super) fn filled_list<T>(
        &mut self,
        name: &str,
        read: impl FnMut(Value<'a>, Place, &Faults) -> Result<T, Reported>,
    ) -> Result<Option<Vec<T>>, Reported> {
        match self.list(name, read)? {
            Some(items) if items.is_empty() => {
                Err(self.report(name, Problem::new("an empty list", "at least one item")))
            }
            items => Ok(items),
        }
    }

    /// Reads `true` or `false`; without the field, `false`.
    pub(super) fn flag_or_false(&mut self, name: &str) -> Result<bool, Reported> {
        self.or_default(name, flag, false)
    }

    /// Reads an object; without the field, `None`.
    pub(super) fn object<T>(
        &mut self,
        name: &str,
        known: &[Field],
        read: impl FnOnce(&mut Fields<'a, '_>) -> Result<T, Reported>,
    ) -> Result<Option<T>, Reported> {
        match self.take(name) {
            Value::Null => Ok(None),
            value => {
                let place = Place::Field(&self.place, name);
                read(&mut Fields::of(value, place, self.faults, known)?).map(Some)
            }
        }
    }

    /// Reads a list of which an item is a single value.
    pub(super) fn values<T>(
        &mut self,
        name: &str,
        read: impl Fn(Value<'a>) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Reported> {
        self.list(name, |item, place, faults| read(item).map_err(|problem| faults.report(place, problem)))
    }

    /// Reads a list of single values that must have one, if it is there; without the field, `None`.
    pub(super) fn filled_values<T>(
        &mut self,
        name: &str,
        read: impl Fn(Value<'a>) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Reported> {
        self.filled_list(name, |item, place, faults| read(item).map_err(|problem| faults.report(place, problem)))
    }

    fn take(&mut self, name: &str) -> Value<'a> {
        let member = self.members.iter_mut().find(|(key, _)| key == name);
        member.map_or(Value::Null, |(_, value)| std::mem::replace(value, Value::Null))
    }
}

/// What a value is, without repeating it: a text or a number may be a secret.
pub(super) fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Reads a string.
pub(super) fn text<'a>(value: Value<'a>) -> Result<Cow<'a, str>, Problem> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Problem::new(in_words(&other), "a string")),
    }
}

/// Reads a string that is not empty.
pub(super) fn name(value: Value) -> Result<String, Problem> {
    match text(value)? {
        text if text.is_empty() => Err(Problem::new("an empty string", "a name")),
        text => Ok(text.into_owned()),
    }
}

/// Reads `true` or `false`.
pub(super) fn flag(value: Value) -> Result<bool, Problem> {
    match value {
        Value::Bool(flag) => Ok(flag),
        other => Err(Problem::new(in_words(&other), "true or false")),
    }
}

/// Reads a whole number from 0 to `maximum`.
pub(super) fn number_up_to(maximum: u32) -> impl Fn(Value) -> Result<u32, Problem> {
    number_within(0, maximum)
}

/// Reads a whole number from `minimum` to `maximum`.
pub(super) fn number_within(minimum: u32, maximum: u32) -> impl Fn(Value) -> Result<u32, Problem> {
    move |value| {
        let expected = || format!("a whole number from {minimum} to {maximum}");
        let is_within = |number| (f64::from(minimum)..=f64::from(maximum)).contains(number);
        match value {
            Value::Number(number) if number.fract() == 0.0 && is_within(&number) => Ok(number as u32),
            Value::Number(number) => Err(Problem::new(format!("the number {number}"), expected())),
            other => Err(Problem::new(in_words(&other), expected())),
        }
    }
}

/// Reads the path of a claim.
pub(super) fn claim_path(value: Value) -> Result<ClaimPath, Problem> {
    let expected = r"names with a dot between them, a dot within a name written \., and [] only behind a name";
    let text = text(value)?;
    ClaimPath::parse(&text).ok_or_else(|| Problem::new(in_words(&Value::String(text)), expected))
}

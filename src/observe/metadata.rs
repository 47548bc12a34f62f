//! A decision as dynamic metadata of the proxy, which access logs, RBAC and rate limits read.

use std::borrow::Cow;

use crate::{
    authenticate::{Authenticated, Decision, Outcome},
    encoding::{
        json::{Member, Members, Raw, Value},
        protobuf::serialized_struct,
    },
    policy::{Consumer, DynamicMetadata},
};

/// What is to be in a namespace of the proxy's dynamic metadata.
pub struct Metadata<'d> {
    /// The namespace.
    pub namespace: &'d str,
    /// A serialized `google.protobuf.Struct`; `None` if the claims are nested deeper than a proxy reads.
    pub message: Option<Vec<u8>>,
}

impl<'d> Metadata<'d> {
    /// What a policy writes of a decision, if it writes anything. What is not known, or does not apply, is left out.
    pub fn of(decision: &'d Decision) -> Option<Self> {
        let wanted = decision.policy.dynamic_metadata.as_ref()?;
        let outcome = &decision.outcome;
        let mut members = vec![text("outcome", outcome.name())];
        members.extend(outcome.consumer().map(|it| ("consumer".into(), consumer(it))));
        if let Outcome::Authenticated(authenticated) = outcome {
            members.push(text("credential", authenticated.credential().identifier().as_str()));
            members.extend(of_claims(wanted, authenticated));
        }
        Some(Self { namespace: &wanted.namespace, message: serialized_struct(&members) })
    }
}

fn text<'t>(name: &'t str, value: impl Into<Cow<'t, str>>) -> Member<'t> {
    (name.into(), Value::String(value.into()))
}

fn consumer(consumer: &Consumer) -> Value<'_> {
    let names = [("username", &consumer.username), ("id", &consumer.id), ("custom_id", &consumer.custom_id)];
    let known = names.into_iter().filter_map(|(name, value)| Some(text(name, value.as_ref()?.as_str())));
    let mut members: Vec<Member> = known.collect();
    let groups = consumer.groups.names();
    if !groups.is_empty() {
        members
            .push(("groups".into(), Value::List(groups.iter().map(|it| Value::String(it.as_str().into())).collect())));
    }
    Value::Object(members)
}

/// The claims that are wanted, each with the type that it has, and all of them.
fn of_claims<'d>(wanted: &'d DynamicMetadata, authenticated: &'d Authenticated) -> Vec<Member<'d>> {
    let Some(Ok(claims)) = authenticated.payload().map(Members::parse) else { return Vec::new() };
    let mut members = Vec::new();
    let chosen: Vec<Member> = wanted
        .claims
        .iter()
        .filter_map(|(name, path)| {
            let found = path.find(&claims)?;
            let value = match found.one() {
                Some(one) => value(one),
                None => Value::List(found.items()?.into_iter().map(value).collect()),
            };
            Some((name.as_str().into(), value))
        })
        .collect();
    if !chosen.is_empty() {
        members.push(("claims".into(), Value::Object(chosen)));
    }
    if let Some(name) = &wanted.payload_in_metadata {
        let all = claims.iter().map(|(name, it)| (Cow::Owned(name.to_owned()), value(it))).collect();
        members.push((name.as_str().into(), Value::Object(all)));
    }
    members
}

/// A claim as a value. A number beyond a double stays the text that it is.
fn value(claim: Raw<'_>) -> Value<'_> {
    Value::parse(claim.text()).unwrap_or_else(|_| Value::String(claim.text().into()))
}

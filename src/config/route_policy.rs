//! The policy of one of Envoy's routes or virtual hosts, which it hands over apart from the filter's configuration.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    Config,
    consumers::ConsumerList,
    decode,
    fault::{Fault, Faults, Path, Place, Problem, Reported, printable},
    fields::{Fields, flag},
    policy::{self, PolicyReader},
    rules::DISABLED,
    schema::{Field, joined},
};
use crate::{encoding::json::Value, policy::Policy};

/// The fields of a route's policy: those of a rule, but for what the rule is for.
const FIELDS: &[Field] = &joined::<{ 1 + policy::FIELDS.len() }>(&[DISABLED], policy::FIELDS);

/// The policy of a route, as far as it can be read without the filter's configuration.
#[derive(Debug)]
pub struct RoutePolicy {
    bytes: Vec<u8>,
    lookup: usize,
}

impl RoutePolicy {
    /// Checks what Envoy hands over: JSON, or a serialized `google.protobuf.Struct`. What depends on the filter's
    /// configuration is left for [`RoutePolicy::over`].
    ///
    /// # Errors
    /// Every fault that it has by itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        // No policy of the configuration has such a number, and no other route's.
        static LOOKUPS: AtomicUsize = AtomicUsize::new(usize::MAX / 2);

        let consumers = ConsumerList::unknown();
        let reader = PolicyReader::new(&consumers);
        let [over_one, over_another] = lenient(&reader).map(|parent| faults(bytes, &reader, parent.as_ref()));
        let lasting: Vec<Fault> = over_one.into_iter().filter(|fault| over_another.contains(fault)).collect();
        if !lasting.is_empty() {
            return Err(lasting);
        }
        Ok(Self { bytes: bytes.to_vec(), lookup: LOOKUPS.fetch_add(1, Ordering::Relaxed) })
    }

    /// The policy over that of a filter's configuration: what it leaves out is taken from there.
    ///
    /// # Errors
    /// Every fault that it has there.
    pub fn over(&self, config: &Config) -> Result<Policy, Vec<Fault>> {
        let policy = Self::read_over(value(&self.bytes)?, config)?;
        let same = config
            .policies()
            .find(|it| (&it.key_claim_name, it.secret_is_base64) == (&policy.key_claim_name, policy.secret_is_base64));
        Ok(Policy { lookup: same.map_or(self.lookup, |it| it.lookup), ..policy })
    }

    /// Reads a value as the policy of a route over a filter's configuration.
    ///
    /// # Errors
    /// Every fault that it has there.
    pub fn read_over(value: Value, config: &Config) -> Result<Policy, Vec<Fault>> {
        read(value, &PolicyReader::new(&config.consumers), Some(&config.policy), |fields, policy| {
            check_headers(fields, policy, config)
                .and(check_secrets(fields, policy, config))
                .and(check_resource(fields, policy, config))
                .and(check_window(fields, policy, config))
        })
    }
}

fn value(bytes: &[u8]) -> Result<Value<'_>, Vec<Fault>> {
    decode(bytes).map_err(|Problem { found, expected }| vec![Fault { path: Path::default(), found, expected }])
}

/// Policies over which one has no fault in common that it would not have over any other: what is missing in the one, or at
/// odds with it, is not in the other.
fn lenient(reader: &PolicyReader) -> [Option<Policy>; 2] {
    let without_places = r#""header_names": [], "uri_param_names": [], "claims_to_verify": ["exp"]"#;
    [format!("{{{without_places}}}"), format!(r#"{{{without_places}, "anonymous": "somebody"}}"#)].map(|text| {
        let value = Value::parse(&text).ok()?;
        read(value, reader, None, |_, _| Ok(())).ok()
    })
}

/// The faults of a policy over another.
fn faults(bytes: &[u8], reader: &PolicyReader, parent: Option<&Policy>) -> Vec<Fault> {
    value(bytes).and_then(|value| read(value, reader, parent, |_, _| Ok(()))).err().unwrap_or_default()
}

fn read(
    value: Value,
    reader: &PolicyReader,
    parent: Option<&Policy>,
    check: impl FnOnce(&Fields, &Policy) -> Result<(), Reported>,
) -> Result<Policy, Vec<Fault>> {
    let faults = Faults::default();
    let read = |value| -> Result<Policy, Reported> {
        let mut fields = Fields::of(value, Place::Root, &faults, FIELDS)?;
        let disabled = fields.or_default("disabled", flag, false);
        let policy = Policy { disabled: disabled?, ..reader.read(&mut fields, parent)? };
        check(&fields, &policy).map(|()| policy)
    };
    let policy = read(value);
    match policy {
        Ok(policy) => faults.unless_any(policy),
        Err(Reported) => faults.unless_any(()).and_then(|()| Err(Vec::new())),
    }
}

/// A header that the policy fills must be one that no client can send on another route either.
fn check_headers(fields: &Fields, policy: &Policy, config: &Config) -> Result<(), Reported> {
    let is_free = |name: &&Arc<str>| !config.claim_headers.contains(name);
    let Some(name) = policy.forwarding.header_names().find(is_free) else { return Ok(()) };
    let is_of_payload = policy.forwarding.payload_header.as_ref() == Some(name);
    let field = if is_of_payload { "forward_payload_header" } else { "claims_to_headers" };
    let found = format!("{}, a header that clients may send on other routes", printable(name));
    Err(fields.report(field, Problem::new(found, "a header of the filter's own reserved_headers")))
}

/// The secrets are read in the forms that the configuration asks for.
fn check_secrets(fields: &Fields, policy: &Policy, config: &Config) -> Result<(), Reported> {
    if config.credentials.is_empty() || !config.credentials_for(policy).is_empty() {
        return Ok(());
    }
    let found = format!("{}, unlike in the filter's configuration and its rules", policy.secret_is_base64);
    Err(fields.report("secret_is_base64", Problem::new(found, "the form in which the filter reads secrets")))
}

/// The filter answers for the resources of its configuration only.
fn check_resource(fields: &Fields, policy: &Policy, config: &Config) -> Result<(), Reported> {
    match &policy.resource_metadata {
        Some(resource) if !config.resources.contains(resource) => {
            let found = "metadata that the filter's configuration does not publish";
            Err(fields
                .report("resource_metadata", Problem::new(found, "null, or that of the filter or one of its rules")))
        }
        _ => Ok(()),
    }
}

/// For so long the filter remembers which proofs were used: on a route that takes older ones they would be good once more.
fn check_window(fields: &Fields, policy: &Policy, config: &Config) -> Result<(), Reported> {
    let longest = config.longest_proof_window;
    match policy.sender.dpop() {
        Some(dpop) if dpop.window > longest => {
            let found = format!("a window of {} s", dpop.window);
            let expected = format!("at most {longest} s, the longest window in the filter's configuration");
            Err(fields.report("dpop", Problem::new(found, expected)))
        }
        _ => Ok(()),
    }
}

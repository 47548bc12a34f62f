//! The plugin configuration: what a person writes, read into types whose values are all valid.
//!
//! Reading never stops at the first fault: the log shows all of them at once, each at the path of its field.

mod consumers;
mod demands;
mod dump;
mod fault;
mod fields;
mod key_set_source;
mod metadata;
mod policy;
mod protobuf;
mod required_claims;
mod resource_metadata;
mod response;
mod revocation;
mod route_policy;
mod rules;
pub mod schema;
mod sender;
mod time_checks;
mod token_places;
mod upstream_fields;
mod without_token;

use std::{collections::BTreeSet, iter, mem, sync::Arc};

use self::{
    consumers::{ConsumerList, Consumers},
    fault::{Faults, Place, Problem, Reported},
    fields::{Fields, flag, in_words, number_up_to, other_word, text},
    policy::PolicyReader,
    schema::{Field, Shape},
};
pub use self::{
    fault::{Fault, Path, Step, UNKNOWN_FIELD, Warning},
    route_policy::RoutePolicy,
};
use crate::{
    encoding::{HeaderText, json::Value},
    jwks::{Fetched, WaitingLimits},
    policy::{Credentials, Demands, IDENTITY_HEADERS, Policy, ResourceMetadata, Rule},
    request::Request,
    revocation::Revocations,
    sender::DpopPolicy,
};

const MAX_CACHE_ENTRIES: u32 = 1_000_000;
const MAX_CACHE_BYTES: u32 = 1 << 30;
const MAX_WAITING_REQUESTS: u32 = 65_536;
const MAX_WAITING_BODY_BYTES: u32 = 1 << 30;

/// What is said of groups where no policy asks for them.
const UNUSED_GROUPS: &str = "there are groups, but no allow or deny: the upstream is told them only where one of these is set, be it `deny: []`";

/// The fields of the configuration, in the order in which they are documented.
pub const FIELDS: &[Field] =
    &schema::joined::<{ policy::FIELDS.len() + WORKER_FIELDS.len() }>(policy::FIELDS, WORKER_FIELDS);

/// The fields that hold for a worker as a whole, whichever rule applies.
const WORKER_FIELDS: &[Field] = &[
    Field::optional(
        "rules",
        Shape::List(&Shape::Object(rules::FIELDS)),
        "Settings for some routes or clusters. The first rule that matches applies; if none matches, the fields beside \
         `rules` apply.",
        r#"[{"routes": ["health"], "disabled": true}]"#,
    ),
    Field::optional(
        "reserved_headers",
        Shape::List(&Shape::Token),
        "Headers that no client may send, beside those that the configuration itself names: those that policies of Envoy's \
         routes fill with claims.",
        r#"["x-roles"]"#,
    ),
    Field::with_default(
        "host_crypto",
        Shape::OneOf(&["auto", "off"]),
        "Whether the host verifies RS* and ES* signatures: `auto` for each algorithm that it has shown to verify correctly, `off` for none.",
        r#""auto""#,
        r#""off""#,
    ),
    Field::with_default(
        "token_cache_size",
        Shape::Number { maximum: MAX_CACHE_ENTRIES },
        "How many verified tokens a worker remembers; 0 for none.",
        "10000",
        "0",
    ),
    Field::with_default(
        "token_cache_bytes",
        Shape::Number { maximum: MAX_CACHE_BYTES },
        "How many bytes of memory the remembered tokens may take in a worker.",
        "16777216",
        "1048576",
    ),
    Field::with_default(
        "max_waiting_requests",
        Shape::Number { maximum: MAX_WAITING_REQUESTS },
        "How many requests of a worker may wait for key sets at a time. For one set, no more may wait than there is room \
         left. Requests beyond that are answered at once.",
        "1024",
        "128",
    ),
    Field::with_default(
        "max_waiting_body_bytes",
        Shape::Number { maximum: MAX_WAITING_BODY_BYTES },
        "How many bytes the bodies of a worker's waiting requests may take. Those for one set may take no more than there is \
         room left. A body counts with its `Content-Length`, and with 2 MiB if that is more or missing.",
        "67108864",
        "8388608",
    ),
    sender::MAX_PROOFS,
    Field::with_default(
        "measure_verification",
        Shape::Flag,
        "Whether the time that verifying a signature takes is kept as a histogram.",
        "false",
        "true",
    ),
    Field::optional(
        "revoked",
        Shape::List(&Shape::Object(revocation::FIELDS)),
        "Tokens that are refused although they have not expired: of a `jti`, a `sub`, a consumer or a credential.",
        r#"[{"jti": "7d4f"}, {"consumer": "ClientApp", "issued_before": "2026-11-25T00:00:00Z"}]"#,
    ),
    Field::optional(
        "revocation_list",
        Shape::Object(revocation::LIST_FIELDS),
        "Where a list of more such tokens is published. It is fetched when the filter starts, and kept fresh.",
        r#"{"uri": "https://auth.example.com/revoked.json", "cluster": "auth"}"#,
    ),
    Field::optional(
        "consumers",
        Shape::List(&Shape::Object(consumers::FIELDS)),
        "Who may call, and with what credentials.",
        r#"[{"username": "ClientApp", "jwt_secrets": [{"key": "client-app", "secret": "a long and random secret"}]}]"#,
    ),
];

/// A whole configuration: every value in it is valid.
#[derive(Debug)]
pub struct Config {
    /// What is demanded of a request that no rule matches.
    pub policy: Policy,
    /// The rules, the first that matches counts.
    pub rules: Vec<Rule>,
    /// The headers that any policy fills with claims, and `reserved_headers`, in lower case.
    pub claim_headers: Vec<Arc<str>>,
    /// The resources whose metadata are published, each once.
    pub resources: Vec<Arc<ResourceMetadata>>,
    /// What tokens are verified with.
    pub credentials: Credentials,
    /// The same for policies whose `secret_is_base64` is not that of [`Config::policy`].
    pub other_credentials: Credentials,
    /// Which of their tokens are revoked.
    pub revocations: Revocations,
    /// Whether the host may check signatures.
    pub host_crypto: HostCryptoUse,
    /// `token_cache_size` and `token_cache_bytes`.
    pub token_cache: CacheLimits,
    /// `max_waiting_requests` and `max_waiting_body_bytes`.
    pub waiting: WaitingLimits,
    /// `max_dpop_proofs`.
    pub max_dpop_proofs: usize,
    /// The longest `window` of any policy's `dpop`, in seconds. A proof is remembered for so long, wherever it is used: it must not
    /// be good once more where another policy holds.
    pub longest_proof_window: u64,
    /// Whether the time of verifying is measured.
    pub measure_verification: bool,
    /// What was noticed that is no fault.
    pub warnings: Vec<Warning>,
    /// Whom policies of routes may name.
    consumers: ConsumerList,
}

/// How much a cache may hold. Whichever bound is reached first evicts the token that was not used for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Tokens; 0 turns the cache off.
    pub entries: usize,
    /// Bytes of memory, with what an entry needs beside its token.
    pub bytes: usize,
}

/// `host_crypto`: whether the host may check signatures, where it has shown that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCryptoUse {
    /// Where it can.
    Auto,
    /// Never.
    Off,
}

impl Config {
    /// The consumers and credentials of a configuration whose last share this is, for the caller to free where that takes no time
    /// from requests. Nothing is accepted by the configuration any more.
    pub fn take_callers(shared: &mut Arc<Self>) -> Option<impl Send + use<>> {
        let config = Arc::get_mut(shared)?;
        let credentials = [&mut config.credentials, &mut config.other_credentials].map(mem::take);
        Some((credentials, mem::take(&mut config.consumers)))
    }

    /// Reads a plugin configuration as a proxy hands it over: JSON (of a `StringValue`), or the serialized message of a
    /// `google.protobuf.Struct`. Nothing at all is a configuration without a field.
    ///
    /// # Errors
    /// Every fault that the configuration has, in its order.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        let at_root = |Problem { found, expected }| vec![Fault { path: Path::default(), found, expected }];
        Self::of(decode(bytes).map_err(at_root)?)
    }

    /// Reads a plugin configuration that is a value already.
    ///
    /// # Errors
    /// Every fault that the configuration has, in its order.
    pub fn of(value: Value) -> Result<Self, Vec<Fault>> {
        let faults = Faults::default();
        match Self::read(value, &faults) {
            Ok(config) => faults.unless_any(config),
            Err(Reported) => faults.unless_any(()).and_then(|()| Err(Vec::new())),
        }
    }

    fn read(value: Value, faults: &Faults) -> Result<Self, Reported> {
        let mut fields = Fields::of(value, Place::Root, faults, FIELDS)?;

        let host_crypto = fields.or_default("host_crypto", host_crypto_use, HostCryptoUse::Auto);
        let token_cache = token_cache(&mut fields);
        let max_waiting = fields.or_default("max_waiting_requests", number_up_to(MAX_WAITING_REQUESTS), 1024);
        let max_waiting_body_bytes =
            fields.or_default("max_waiting_body_bytes", number_up_to(MAX_WAITING_BODY_BYTES), 64 << 20);
        let max_dpop_proofs = sender::max_proofs(&mut fields);
        let measure_verification = fields.or_default("measure_verification", flag, false);
        let secret_forms = rules::secret_forms(&fields);
        let (consumers, consumers_read) = Consumers::read(&mut fields, secret_forms);
        let revocations = revocation::read(&mut fields, &consumers);
        let policy = PolicyReader::new(&consumers.list).read(&mut fields, None);
        let reserved_headers = fields.values("reserved_headers", upstream_fields::written_header);
        let rules = rules::read(&mut fields, &consumers.list, policy.as_ref().ok());

        consumers_read?;
        let (mut policy, mut rules) = (policy?, rules?);
        let resources = resource_metadata::all(policy.resource_metadata.as_ref(), &rules, faults)?;
        rules::number_lookups(&mut policy, &mut rules);
        let is_restricted = |policy: &Policy| policy.access.is_restricted();
        if consumers.list.has_groups() && !is_restricted(&policy) && !rules.iter().any(|it| is_restricted(&it.policy)) {
            faults.warn(Place::Field(&Place::Root, "consumers"), UNUSED_GROUPS.to_owned());
        }
        let windows = policies_of(&policy, &rules).filter_map(|it| it.sender.dpop()).map(|dpop| dpop.window);
        let longest_proof_window = windows.max().unwrap_or(DpopPolicy::USUAL_WINDOW);
        let [credentials, other_credentials] = consumers.credentials;
        Ok(Self {
            claim_headers: claim_headers(&policy, &rules, reserved_headers?.unwrap_or_default()),
            policy,
            rules,
            resources,
            credentials,
            other_credentials,
            revocations: revocations?,
            host_crypto: host_crypto?,
            token_cache: token_cache?,
            waiting: WaitingLimits { requests: max_waiting? as usize, bytes: max_waiting_body_bytes?.into() },
            max_dpop_proofs: max_dpop_proofs?,
            longest_proof_window,
            measure_verification: measure_verification?,
            warnings: faults.take_warnings(),
            consumers: consumers.list,
        })
    }

    /// All that is fetched: key sets, and the list of revoked tokens.
    pub fn fetched(&self) -> impl Iterator<Item = Arc<dyn Fetched>> {
        let keys = self.credentials.remote().map(|keys| Arc::clone(keys) as Arc<dyn Fetched>);
        keys.chain(self.revocations.list.iter().map(|list| Arc::clone(list) as Arc<dyn Fetched>))
    }

    /// The policy for where the proxy routes a request. Without rules the proxy is not asked.
    pub fn policy_for(&self, request: &impl Request) -> &Policy {
        if self.rules.is_empty() {
            return &self.policy;
        }
        let (route, cluster) = (request.route_name(), request.cluster_name());
        let rule = self.rules.iter().find(|rule| rule.matches(route.as_deref(), cluster.as_deref()));
        rule.map_or(&self.policy, |rule| &rule.policy)
    }

    /// The metadata that a request asks for, if it does. It needs no token, wherever the proxy routes it.
    pub fn resource_metadata(&self, request: &impl Request) -> Option<&ResourceMetadata> {
        if self.resources.is_empty() {
            return None;
        }
        let authority = request.header(":authority").or_else(|| request.header("host"));
        ResourceMetadata::find(&self.resources, &request.path()?, authority.as_deref())
    }

    /// The credentials, their secrets read as the policy says.
    pub fn credentials_for(&self, policy: &Policy) -> &Credentials {
        let is_usual = policy.secret_is_base64 == self.policy.secret_is_base64;
        if is_usual { &self.credentials } else { &self.other_credentials }
    }

    /// The names that only the filter may write, in lower case: identity headers, and those that any policy fills.
    pub fn own_headers(&self) -> impl Iterator<Item = &str> {
        IDENTITY_HEADERS.into_iter().chain(self.claim_headers.iter().map(AsRef::as_ref))
    }

    /// The headers, in lower case, that hold tokens which some policy hides from the upstream.
    pub fn hidden_headers(&self) -> impl Iterator<Item = &str> {
        self.policies().flat_map(Policy::hidden_headers)
    }

    /// Whether any policy writes to the proxy's dynamic metadata. Where that cannot be done the configuration must be refused:
    /// another filter may refuse by what it finds there.
    pub fn writes_dynamic_metadata(&self) -> bool {
        self.policies().any(|policy| policy.dynamic_metadata.is_some())
    }

    /// Whether any policy takes proofs of possession.
    pub fn takes_dpop(&self) -> bool {
        self.policies().any(|policy| policy.sender.dpop().is_some())
    }

    /// Whether any policy or credential needs more of a token's claims than the time.
    pub fn uses_claims(&self) -> bool {
        self.policies().any(Policy::passes_claims_on) || self.demands().any(Demands::use_claims)
    }

    /// Whether any policy or credential looks at a token's type.
    pub fn uses_token_types(&self) -> bool {
        self.demands().any(|demands| !demands.token_types.is_empty())
    }

    /// What policies and credentials demand of tokens.
    fn demands(&self) -> impl Iterator<Item = &Demands> {
        let of_credentials = self.credentials.all().chain(self.other_credentials.all());
        self.policies().map(|policy| &policy.demands).chain(of_credentials.filter_map(|it| it.demands()))
    }

    /// What is demanded of a request that no rule matches, and what each rule demands.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        policies_of(&self.policy, &self.rules)
    }
}

fn policies_of<'c>(policy: &'c Policy, rules: &'c [Rule]) -> impl Iterator<Item = &'c Policy> {
    iter::once(policy).chain(rules.iter().map(|rule| &rule.policy))
}

/// Every header that any policy fills with claims, and those that are reserved, once.
fn claim_headers(policy: &Policy, rules: &[Rule], reserved: Vec<Arc<str>>) -> Vec<Arc<str>> {
    let filled = policies_of(policy, rules).flat_map(|policy| policy.forwarding.header_names()).cloned();
    let names: BTreeSet<Arc<str>> = filled.chain(reserved).collect();
    names.into_iter().collect()
}

/// Tells the two forms apart. JSON goes first: the first byte of a serialized Struct, 0x0A, is white space to JSON, but
/// what follows it is none.
fn decode(bytes: &[u8]) -> Result<Value<'_>, Problem> {
    let json = std::str::from_utf8(bytes).ok().map(Value::parse);
    match json {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if bytes.trim_ascii_start().starts_with(b"{") && protobuf::parse(bytes).is_none() => {
            Err(Problem::new(format!("invalid JSON ({error})"), "a JSON object"))
        }
        _ => protobuf::parse(bytes)
            .ok_or_else(|| Problem::new("neither a google.protobuf.Struct nor JSON", "one of these, as an object")),
    }
}

fn host_crypto_use(value: Value) -> Result<HostCryptoUse, Problem> {
    match text(value)?.as_ref() {
        "auto" => Ok(HostCryptoUse::Auto),
        "off" => Ok(HostCryptoUse::Off),
        other => Err(Problem::new(other_word(other), "auto or off")),
    }
}

fn token_cache(fields: &mut Fields) -> Result<CacheLimits, Reported> {
    let entries = fields.or_default("token_cache_size", number_up_to(MAX_CACHE_ENTRIES), 10_000);
    let bytes = fields.or_default("token_cache_bytes", number_up_to(MAX_CACHE_BYTES), 16 << 20);
    Ok(CacheLimits { entries: entries? as usize, bytes: bytes? as usize })
}

/// Reads a text that is sent in a header, so it must pass through one unchanged.
fn header_text(value: Value) -> Result<HeaderText, Problem> {
    let text = text(value)?;
    let found = if text.is_empty() { "an empty string" } else { "a text that no header can carry unchanged" };
    let expected = "a text without control characters and without space at its ends";
    HeaderText::new(&text).ok_or_else(|| Problem::new(found, expected))
}

fn header_name(value: Value) -> Result<String, Problem> {
    token(value, "the name of a header").map(|name| name.to_ascii_lowercase())
}

/// Reads a token in the sense of RFC 9110 §5.6.2, the form of names of headers and cookies.
fn token(value: Value, expected: &str) -> Result<String, Problem> {
    let text = text(value)?;
    if is_token(&text) { Ok(text.into_owned()) } else { Err(Problem::new(in_words(&Value::String(text)), expected)) }
}

fn is_token(text: &str) -> bool {
    const SYMBOLS: &[u8] = b"!#$%&'*+-.^_`|~";

    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || SYMBOLS.contains(&byte))
}

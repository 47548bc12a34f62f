//! What the filter does with a request, and why. The filter's core decides; here its decision is told.

#[cfg(feature = "program")]
pub(crate) mod command;
mod curl;
mod facts;
#[cfg(feature = "program")]
pub(crate) mod follow;
mod hints;
mod lines;
mod reading;
pub mod reasons;
mod request;
mod shown_checks;
#[cfg(test)]
mod tests;
mod view;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use jwt_auth_filter::{
    authenticate::{Authenticator, Decision, OnRoute, Outcome},
    config::{self, Config, RoutePolicy},
    crypto::BuiltIn,
    encoding::json,
    jwks::{Answer, FetchError, MAX_BYTES, Parsed, RemoteKeys},
    policy::Policy,
    reply::Reply,
    request::Request,
    revocation::RevocationSet,
    sender::{NotNoted, Proof, ReplayMemory},
    upstream,
};
use serde_json::Value;

pub use self::request::GivenRequest;
use self::shown_checks::{ShownCheck, TokenView};
use crate::{
    certificate,
    configurations::{self, Configuration},
    counted, time,
};

/// Decides by a configuration. What was asked before does not count: a proof of possession may be explained again and again.
fn authenticator(config: Config) -> Authenticator<BuiltIn> {
    struct Forgetful;

    impl ReplayMemory for Forgetful {
        fn note(&self, _: Proof, _: u64) -> Result<(), NotNoted> {
            Ok(())
        }
    }

    Authenticator::new(config, BuiltIn).remembering(Forgetful)
}

/// A file that was given.
#[derive(Debug, Clone, Copy)]
pub struct GivenFile<'t> {
    /// How it is called in messages.
    pub name: &'t str,
    /// What stands in it.
    pub text: &'t str,
    /// Whether its name says that it is JSON.
    pub is_json: bool,
}

/// Why nothing can be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The configuration has faults, of which [`check`](crate::check) tells.
    Faults(String),
    /// Anything else.
    Other(String),
}

/// A filter with its configuration, which can be asked what it does with a request.
pub struct Filter {
    /// The file and line of the configuration.
    place: String,
    configuration: Configuration,
    /// The lines in which the file has others that would do.
    others: Vec<usize>,
    /// What is worth knowing of it.
    notes: Vec<String>,
    authenticator: Authenticator<BuiltIn>,
    /// The policies that routes have of their own, in the order of [`Configuration::own_policies`].
    own_policies: Vec<Policy>,
}

/// Everything there is to tell about a request.
pub struct Explanation {
    /// The file and line of the configuration.
    configuration: String,
    at: u64,
    request: GivenRequest,
    token: Option<TokenView>,
    checks: Vec<ShownCheck>,
    verdict: Verdict,
}

/// What happens to the request.
enum Verdict {
    /// It goes upstream: as whom, and with which headers set and taken away.
    /// `shortened`: the headers of which only the token is taken out; `hides_token`: it is taken out of the query.
    Passes { who: String, set: Vec<(String, String)>, removed: Vec<String>, shortened: Vec<String>, hides_token: bool },
    /// The client is answered here.
    Refused(Reply),
    /// The client is answered here, with what it has asked for.
    Published(Reply),
}

/// Reads the moment to decide for: a date, one with a time, seconds since the epoch, or a span from `now` with its sign.
/// Without a text it is `now`. All in seconds since the epoch.
///
/// # Errors
/// What is expected instead.
pub fn moment(text: Option<&str>, now: i64) -> Result<u64, String> {
    text.map_or_else(|| Ok(u64::try_from(now).unwrap_or_default()), |text| time::parse_moment(text, now))
}

/// What the filter sees of the certificate that a client shows: its SHA-256 hash in hexadecimal. Of a certificate in PEM, or
/// of the hash itself; `None` of anything else.
pub fn certificate_digest(text: &str) -> Option<String> {
    certificate::fingerprint(text).or_else(|| certificate::digest(text))
}

impl Filter {
    /// Finds the filter in a file: the one that has the name, or the first.
    ///
    /// # Errors
    /// If there is none, or its configuration has faults.
    pub fn find(file: GivenFile, name: Option<&str>) -> Result<Self, Problem> {
        let (configuration, others) = choose(file, name)?;
        let config = Config::of(configuration.root.to_value()).map_err(|faults| {
            let count = counted(faults.len(), "fault");
            Problem::Faults(format!("{}: the filter refuses this configuration for {count}", file.name))
        })?;
        let of_key_sets =
            |warning: &&config::Warning| warning.path.0.last() == Some(&config::Step::Field("jwks".to_owned()));
        let notes =
            config.warnings.iter().filter(of_key_sets).map(|warning| format!("{}: {warning}", file.name)).collect();
        let place = format!("{}:{}", file.name, configuration.at);
        let own = configuration.own_policies.iter().map(|own| {
            let problem = || format!("{}:{}: the filter cannot follow the policy of a route", file.name, own.at);
            let is_broken = !own.broken.is_empty();
            let policy = RoutePolicy::read_over(own.root.to_value(), &config).ok().filter(|_| !is_broken);
            policy.ok_or_else(|| Problem::Faults(problem()))
        });
        let own_policies = own.collect::<Result<_, _>>()?;
        Ok(Self { place, configuration, others, notes, authenticator: authenticator(config), own_policies })
    }

    /// The names by which the filters of a file can be found.
    pub fn names_in(file: GivenFile) -> Vec<String> {
        let found = configurations::find(file.text, file.is_json).unwrap_or_default();
        found.configurations.into_iter().flat_map(|it| it.names).collect()
    }

    /// What is worth knowing of it beside what [`check`](crate::check) says.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the requests are sorted by rules, so that their route and cluster matter.
    pub fn has_rules(&self) -> bool {
        !self.config().rules.is_empty()
    }

    /// Whether it has credentials whose keys are fetched, so that [a key set](Self::supply_key_set) matters.
    pub fn fetches_key_sets(&self) -> bool {
        self.remote_keys().next().is_some()
    }

    fn remote_keys(&self) -> impl Iterator<Item = &Arc<RemoteKeys>> {
        let config = self.config();
        config.credentials.remote().chain(config.other_credentials.remote())
    }

    fn config(&self) -> &Config {
        self.authenticator.config()
    }

    /// Reads a request: HTTP, a `curl` command line, a URL, or a token alone.
    ///
    /// # Errors
    /// What the text is instead.
    pub fn read(&self, text: &str) -> Result<GivenRequest, String> {
        reading::read(text, &self.config().policy.token_places)
    }

    /// Gives every credential whose keys are fetched the key set of a file, judged as if a server had just sent it. Gives
    /// what is worth knowing of the set.
    ///
    /// # Errors
    /// If the file holds no key set.
    pub fn supply_key_set(&self, file: GivenFile) -> Result<Vec<String>, String> {
        let GivenFile { name, text, .. } = file;
        let is_used = self.fetches_key_sets();
        let mut notes = Vec::new();
        let answer = Answer { status: Some(200), cache_control: None, etag: None, size: text.len(), body: text.into() };
        let expected = "expected the key set that the issuer publishes, {\"keys\": […]}";
        let refused = |error| format!("{name}: {}; {expected}", in_file(error, &answer.body));
        let Parsed { set, passed_over } = answer.key_set().map_err(refused)?;
        if is_used && !passed_over.is_empty() {
            notes.push(format!("{name}: {passed_over}"));
        } else if is_used && set.is_empty() {
            notes.push(format!("{name}: the key set is empty"));
        }
        for keys in self.remote_keys() {
            keys.replace(answer.key_set().map_err(refused)?.set);
        }
        Ok(notes)
    }

    /// Whether it fetches a list of revoked tokens, so that [one](Self::supply_revocations) matters.
    pub fn fetches_revocations(&self) -> bool {
        self.config().revocations.list.is_some()
    }

    /// Takes a file for the list of revoked tokens, as if a server had just sent it.
    ///
    /// # Errors
    /// If it holds no such list.
    pub fn supply_revocations(&self, file: GivenFile) -> Result<(), String> {
        let set = RevocationSet::read(file.text.as_bytes());
        let set = set.map_err(|error| format!("{}: {}", file.name, in_file(error, file.text.as_bytes())))?;
        self.config().revocations.list.iter().for_each(|list| list.put(set.clone()));
        Ok(())
    }

    /// What the filter does with a request at a moment, in seconds since the epoch.
    ///
    /// # Errors
    /// If the headers for the upstream cannot be made.
    pub fn explain(&self, request: GivenRequest, at: u64) -> Result<Explanation, String> {
        let is_of = |name: &String| Some(name) == request.route.as_ref();
        let nearest = self.configuration.own_policies.iter().position(|own| own.routes.iter().any(is_of));
        let own = nearest.and_then(|at| self.own_policies.get(at));
        explanation(self.place.clone(), &self.configuration, self.authenticator.on_route(own), request, at)
    }
}

impl Explanation {
    /// Whether the request passes, or gets what it has asked for.
    pub fn passes(&self) -> bool {
        !matches!(self.verdict, Verdict::Refused(_))
    }

    /// The explanation for programs.
    pub fn json(&self) -> Value {
        view::json(self)
    }
}

/// What the core decides about a request at a time, and what there is to tell of it.
fn explanation(
    place: String,
    configuration: &Configuration,
    filter: OnRoute<BuiltIn>,
    request: GivenRequest,
    at: u64,
) -> Result<Explanation, String> {
    let decision = filter.decide(&request, at);
    let (token, checks) = shown_checks::of(filter.config(), configuration, &decision, &request, at);
    Ok(Explanation { configuration: place, at, verdict: verdict(&decision, &request)?, request, token, checks })
}

/// The configuration of a file: the one that has the name, or the first. With the lines of others that would do.
fn choose(file: GivenFile, name: Option<&str>) -> Result<(Configuration, Vec<usize>), Problem> {
    let GivenFile { name: of_file, text, is_json } = file;
    let found = configurations::find(text, is_json)
        .map_err(|error| Problem::Other(format!("{of_file}:{}: {error}", error.at)))?;
    let names: BTreeSet<String> = found.configurations.iter().flat_map(|it| it.names.clone()).collect();
    let mut matching = found
        .configurations
        .into_iter()
        .filter(|configuration| name.is_none_or(|name| configuration.names.iter().any(|other| other == name)));
    let of_name = name.map(|name| format!(" named {name:?}{}", other_names(&names))).unwrap_or_default();
    let elsewhere = found.discovered.first().map(|discovered| format!(": {discovered}")).unwrap_or_default();
    let none = || Problem::Other(format!("{of_file}: no configuration of the filter{of_name}{elsewhere}"));
    let first = matching.next().ok_or_else(none)?;
    if !first.broken.is_empty() {
        return Err(Problem::Faults(format!("{of_file}:{}: the configuration cannot be read", first.at)));
    }
    Ok((first, matching.map(|other| other.at.line).collect()))
}

fn other_names(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!("; expected one of {}", names.join(", ")) }
}

/// Why a file holds no key set.
fn in_file(error: FetchError, body: &[u8]) -> String {
    match error {
        FetchError::NotJson => {
            let error = str::from_utf8(body).ok().and_then(|text| json::Value::parse(text).err());
            format!("no JSON: {}", error.map(|error| error.to_string()).unwrap_or_default())
        }
        FetchError::NoRevocationList { line, column } => {
            format!("line {line}, column {column}: expected an object with the lists revoked, sha256 or both")
        }
        FetchError::NoKeySet(error) => format!("no key set: {error}"),
        FetchError::TooLarge(bytes) => format!("{bytes} bytes; the filter takes key sets of up to {MAX_BYTES}"),
        other => other.to_string(),
    }
}

fn verdict(decision: &Decision, request: &GivenRequest) -> Result<Verdict, String> {
    let who = match &decision.outcome {
        Outcome::Denied(denial) => return Ok(Verdict::Refused(Reply::denied(&denial.reason, decision.policy))),
        Outcome::ResourceMetadata(metadata) => {
            return Ok(Verdict::Published(Reply::of_metadata(metadata, request.method.as_bytes())));
        }
        Outcome::Authenticated(authenticated) => format!("as consumer {}", authenticated.credential().consumer()),
        Outcome::Anonymous { consumer, .. } => format!("as the anonymous consumer {consumer}"),
        Outcome::Optional => "without an identity, because a token is optional there".to_owned(),
        Outcome::Preflight => "without a token, as a preflight request".to_owned(),
        Outcome::Disabled => "without a token, because none is asked for there".to_owned(),
    };
    let mut upstream = request.clone();
    upstream::prepare(decision, &mut upstream).map_err(|problem| problem.to_string())?;
    let hides_token = upstream.target != request.target;
    let (mut removed, mut shortened) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (name, _) in request.headers.iter().filter(|(name, _)| seen.insert(name.to_ascii_lowercase())) {
        let left = upstream.header_values(name);
        let is_set = upstream.set.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
        match left.as_slice() {
            [] => removed.push(name.clone()),
            left if !is_set && *left != request.header_values(name) => shortened.push(name.clone()),
            _ => {}
        }
    }
    Ok(Verdict::Passes { who, set: upstream.set, removed, shortened, hides_token })
}

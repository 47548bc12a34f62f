//! `jwt-auth explain`: what the filter does with a request, and why. The filter's core decides; here its decision is told.

mod curl;
mod facts;
mod hints;
mod reading;
mod request;
mod shown_checks;
#[cfg(test)]
mod tests;
mod view;

use std::{
    collections::{BTreeSet, HashSet},
    io::{self, IsTerminal},
    process::ExitCode,
};

use jwt_auth_filter::{
    authenticate::{Authenticator, Decision, Outcome},
    config::{self, Config},
    crypto::BuiltIn,
    encoding::json,
    jwks::{Answer, FetchError, MAX_BYTES, Parsed},
    reply::Reply,
    request::{Request, TokenPlaces},
    upstream,
};

use self::{
    reading::token_of,
    request::GivenRequest,
    shown_checks::{ShownCheck, TokenView},
};
use crate::{
    cli::{ExplainArguments, Format},
    configurations::{self, Configuration},
    input::Input,
    output, time,
};

/// Everything there is to tell about a request.
struct Explanation {
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
}

/// Explains a request; ends with 0 if it passes and with 1 if it is refused.
pub(crate) fn run(arguments: &ExplainArguments) -> ExitCode {
    let explanation = match explain(arguments) {
        Ok(explanation) => explanation,
        Err(problem) => return output::fail(&problem),
    };
    let text = match arguments.format {
        Format::Text => view::text(&explanation, output::has_colours(&io::stdout())),
        Format::Json => format!("{:#}\n", view::json(&explanation)),
    };
    let passes = matches!(explanation.verdict, Verdict::Passes { .. });
    output::print_with(&text, if passes { 0 } else { output::FAULTS })
}

fn explain(arguments: &ExplainArguments) -> Result<Explanation, String> {
    let now = time::now();
    let at = match &arguments.at {
        Some(text) => time::parse_moment(text, now).map_err(|expected| format!("--at {text:?}: {expected}"))?,
        None => u64::try_from(now).unwrap_or_default(),
    };
    let input = Input::new(&arguments.config);
    let configuration = choose(&input, arguments.filter.as_deref())?;
    let config = Config::of(configuration.root.to_value()).map_err(|faults| {
        let (count, file) = (output::counted(faults.len(), "fault"), input.argument());
        format!("{input}: the filter refuses this configuration for {count}; see `jwt-auth check {file}`")
    })?;
    for warning in
        config.warnings.iter().filter(|warning| warning.path.0.last() == Some(&config::Step::Field("jwks".to_owned())))
    {
        output::note(&format!("{input}: {warning}"));
    }
    let request = GivenRequest {
        route: arguments.route.clone(),
        cluster: arguments.service.clone(),
        ..read_request(arguments, &config)?
    };
    if let Some(file) = &arguments.jwks {
        supply_key_set(&config, &Input::new(file))?;
    }

    let place = format!("{input}:{}", configuration.at);
    explanation(place, &configuration, &Authenticator::new(config, BuiltIn), request, at)
}

/// What the core decides about a request at a time, and what there is to tell of it.
fn explanation(
    place: String,
    configuration: &Configuration,
    authenticator: &Authenticator<BuiltIn>,
    request: GivenRequest,
    at: u64,
) -> Result<Explanation, String> {
    let decision = authenticator.decide(&request, at);
    let (token, checks) = shown_checks::of(authenticator.config(), configuration, &decision, &request, at);
    Ok(Explanation { configuration: place, at, verdict: verdict(&decision, &request)?, request, token, checks })
}

/// The configuration of a file: the one that has the name, or the only one.
fn choose(input: &Input, name: Option<&str>) -> Result<Configuration, String> {
    let text = input.read()?;
    let found =
        configurations::find(&text, input.is_json()).map_err(|error| format!("{input}:{}: {error}", error.at))?;
    let names: BTreeSet<String> = found.configurations.iter().flat_map(|it| it.names.clone()).collect();
    let mut matching = found
        .configurations
        .into_iter()
        .filter(|configuration| name.is_none_or(|name| configuration.names.iter().any(|other| other == name)));
    let of_name = name.map(|name| format!(" named {name:?}{}", other_names(&names))).unwrap_or_default();
    let elsewhere = found.discovered.first().map(|discovered| format!(": {discovered}")).unwrap_or_default();
    let none = || format!("{input}: no configuration of the filter{of_name}{elsewhere}");
    let first = matching.next().ok_or_else(none)?;
    if !first.broken.is_empty() {
        let file = input.argument();
        return Err(format!("{input}:{}: the configuration cannot be read; see `jwt-auth check {file}`", first.at));
    }
    let others: Vec<String> = matching.map(|other| other.at.line.to_string()).collect();
    if !others.is_empty() {
        let line = first.at.line;
        let others = others.join(", ");
        output::note(&format!(
            "{input} has several configurations; taking that of line {line}, not {others} (--filter)"
        ));
    }
    Ok(first)
}

fn other_names(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!("; expected one of {}", names.join(", ")) }
}

fn read_request(arguments: &ExplainArguments, config: &Config) -> Result<GivenRequest, String> {
    let places = &config.policy.token_places;
    if let Some(token) = &arguments.token {
        return with_token(token, places).map_err(|problem| format!("--token {problem}"));
    }
    if let Some(file) = &arguments.token_file {
        let input = Input::new(file);
        return with_token(&input.read()?, places).map_err(|problem| format!("{input} {problem}"));
    }
    let input = Input::new(arguments.request.clone().unwrap_or_else(|| "-".into()));
    if input.is_stdin() && Input::new(&arguments.config).is_stdin() {
        let expected = "expected --token, --token-file or a file with --request";
        return Err(format!("--config -: the request comes from standard input, too; {expected}"));
    }
    if input.is_stdin() && io::stdin().is_terminal() {
        output::note("reading a token, an HTTP request or a curl command line; end it with Ctrl-D");
    }
    reading::read(&input.read()?, places).map_err(|problem| format!("{input} {problem}"))
}

fn with_token(text: &str, places: &TokenPlaces) -> Result<GivenRequest, &'static str> {
    if text.trim().is_empty() {
        return Err("is empty; expected a token");
    }
    let token = token_of(text).ok_or("is no token; a request is given with --request or on standard input")?;
    Ok(GivenRequest::with_token(&token, places))
}

/// Gives every credential whose keys are fetched the key set of a file, judged as if a server had just sent it.
fn supply_key_set(config: &Config, input: &Input) -> Result<(), String> {
    let text = input.read()?;
    let mut fetching = config.credentials.remote().chain(config.other_credentials.remote()).peekable();
    let is_used = fetching.peek().is_some();
    if !is_used {
        output::note("no credential has remote_jwks or discovery, so --jwks changes nothing");
    }
    let answer = Answer { status: Some(200), cache_control: None, size: text.len(), body: text.into_bytes() };
    let expected = "expected the key set that the issuer publishes, {\"keys\": […]}";
    let refused = |error| format!("{input}: {}; {expected}", in_file(error, &answer.body));
    let Parsed { set, passed_over } = answer.key_set().map_err(refused)?;
    if is_used && !passed_over.is_empty() {
        output::note(&format!("{input}: {passed_over}"));
    } else if is_used && set.is_empty() {
        output::note(&format!("{input}: the key set is empty"));
    }
    for keys in fetching {
        keys.replace(answer.key_set().map_err(refused)?.set);
    }
    Ok(())
}

/// Why a file holds no key set.
fn in_file(error: FetchError, body: &[u8]) -> String {
    match error {
        FetchError::NotJson => {
            let error = str::from_utf8(body).ok().and_then(|text| json::Value::parse(text).err());
            format!("no JSON: {}", error.map(|error| error.to_string()).unwrap_or_default())
        }
        FetchError::NoKeySet(error) => format!("no key set: {error}"),
        FetchError::TooLarge(bytes) => format!("{bytes} bytes; the filter takes key sets of up to {MAX_BYTES}"),
        other => other.to_string(),
    }
}

fn verdict(decision: &Decision, request: &GivenRequest) -> Result<Verdict, String> {
    let who = match &decision.outcome {
        Outcome::Denied(denial) => return Ok(Verdict::Refused(Reply::denied(&denial.reason, decision.policy))),
        Outcome::Authenticated(authenticated) => format!("as consumer {}", authenticated.credential().consumer()),
        Outcome::Anonymous { consumer, .. } => format!("as the anonymous consumer {consumer}"),
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

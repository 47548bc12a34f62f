//! `jwt-auth explain`.

use std::{
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use super::{Explanation, Filter, GivenFile, GivenRequest, Problem, follow, reading::token_of, view};
use crate::{
    certificate,
    cli::{ExplainArguments, Format},
    input::Input,
    output, time,
};

/// Explains a request, and ends with 0 if it passes and with 1 if it is refused; or the denials of a log.
pub(crate) fn run(arguments: &ExplainArguments) -> ExitCode {
    if let Some(log) = &arguments.follow {
        return follow::run(arguments, log);
    }
    let explanation = match explain(arguments) {
        Ok(explanation) => explanation,
        Err(problem) => return output::fail(&problem),
    };
    let text = match arguments.format {
        Format::Text => view::text(&explanation, output::has_colours(&io::stdout())),
        Format::Json => format!("{:#}\n", explanation.json()),
    };
    output::print_with(&text, if explanation.passes() { 0 } else { output::FAULTS })
}

fn explain(arguments: &ExplainArguments) -> Result<Explanation, String> {
    let at = arguments.at.as_deref();
    let at =
        super::moment(at, time::now()).map_err(|expected| format!("--at {:?}: {expected}", at.unwrap_or_default()))?;
    // Without a log to follow, there is no command line without it.
    let config = arguments.config.as_deref().ok_or("expected --config")?;
    let filter = find(arguments, config)?;
    let request = GivenRequest {
        route: arguments.route.clone(),
        cluster: arguments.service.clone(),
        certificate: arguments.client_certificate.as_deref().map(certificate_digest).transpose()?,
        ..read_request(arguments, config, &filter)?
    };
    if let Some(file) = &arguments.jwks {
        let input = Input::new(file);
        if !filter.fetches_key_sets() {
            output::note("no credential has remote_jwks or discovery, so --jwks changes nothing");
        }
        let (name, text) = (input.to_string(), input.read()?);
        tell(&filter.supply_key_set(GivenFile { name: &name, text: &text, is_json: input.is_json() })?);
    }
    if let Some(file) = &arguments.revocations {
        let input = Input::new(file);
        if !filter.fetches_revocations() {
            output::note("there is no revocation_list, so --revocations changes nothing");
        }
        let (name, text) = (input.to_string(), input.read()?);
        filter.supply_revocations(GivenFile { name: &name, text: &text, is_json: input.is_json() })?;
    }
    filter.explain(request, at)
}

/// The filter of a file that is asked for.
pub(super) fn find(arguments: &ExplainArguments, config: &Path) -> Result<Filter, String> {
    let input = Input::new(config);
    let (name, text) = (input.to_string(), input.read()?);
    let file = GivenFile { name: &name, text: &text, is_json: input.is_json() };
    let filter = Filter::find(file, arguments.filter.as_deref()).map_err(|problem| match problem {
        Problem::Faults(problem) => format!("{problem}; see `jwt-auth check {}`", input.argument()),
        Problem::Other(problem) => problem,
    })?;
    if !filter.others.is_empty() {
        let line = filter.configuration.at.line;
        let others = filter.others.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        output::note(&format!(
            "{name} has several configurations; taking that of line {line}, not {others} (--filter)"
        ));
    }
    tell(&filter.notes);
    Ok(filter)
}

fn read_request(arguments: &ExplainArguments, config: &Path, filter: &Filter) -> Result<GivenRequest, String> {
    if let Some(token) = &arguments.token {
        return with_token(filter, token).map_err(|problem| format!("--token {problem}"));
    }
    if let Some(file) = &arguments.token_file {
        let input = Input::new(file);
        return with_token(filter, &input.read()?).map_err(|problem| format!("{input} {problem}"));
    }
    let input = Input::new(arguments.request.clone().unwrap_or_else(|| "-".into()));
    if input.is_stdin() && Input::new(config).is_stdin() {
        let expected = "expected --token, --token-file or a file with --request";
        return Err(format!("--config -: the request comes from standard input, too; {expected}"));
    }
    if input.is_stdin() && io::stdin().is_terminal() {
        output::note("reading a token, an HTTP request or a curl command line; end it with Ctrl-D");
    }
    filter.read(&input.read()?).map_err(|problem| format!("{input} {problem}"))
}

fn with_token(filter: &Filter, text: &str) -> Result<GivenRequest, &'static str> {
    if text.trim().is_empty() {
        return Err("is empty; expected a token");
    }
    let token = token_of(text).ok_or("is no token; a request is given with --request or on standard input")?;
    Ok(GivenRequest::with_token(&token, &filter.config().policy.token_places))
}

/// The hash of the certificate that is meant: the hash itself, or a file with the certificate.
fn certificate_digest(given: &str) -> Result<String, String> {
    if let Some(fingerprint) = certificate::fingerprint(given) {
        return Ok(fingerprint);
    }
    let input = Input::new(given);
    let digest = certificate::digest(&input.read()?);
    digest.ok_or_else(|| format!("{input}: no certificate; expected one in PEM"))
}

fn tell(notes: &[String]) {
    notes.iter().for_each(|note| output::note(note));
}

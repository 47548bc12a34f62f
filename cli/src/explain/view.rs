//! An explanation as it is printed.

use anstyle::{AnsiColor, Style};
use jwt_auth_filter::request::Protocol;
use serde_json::{Map, Value, json};

use super::{
    Explanation, Verdict,
    shown_checks::{ShownCheck, TokenMember, TokenView},
};
use crate::time;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// For people.
pub(super) fn text(explanation: &Explanation, colours: bool) -> String {
    let page = Page { colours };
    let Explanation { configuration, at, request, token, checks, verdict } = explanation;
    let moment = time::date(*at as f64).unwrap_or_else(|| at.to_string());
    let mut lines = vec![
        row("Request", &format!("{} {}", request.method.escape_debug(), request.path_alone().escape_debug())),
        row("By", configuration),
        row("At", &moment),
        String::new(),
    ];
    if let Some(TokenView { header, claims }) = token {
        lines.push(page.styled(BOLD, "Token"));
        lines.extend(page.members("header", header));
        lines.extend(page.members("claims", claims));
        lines.push(String::new());
    }
    lines.push(page.styled(BOLD, "Checks"));
    lines.extend(checks.iter().map(|check| page.check(check)));
    lines.push(String::new());
    lines.extend(page.verdict(verdict));
    lines.join("\n") + "\n"
}

struct Page {
    colours: bool,
}

impl Page {
    fn styled(&self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn members(&self, part: &str, members: &[TokenMember]) -> Vec<String> {
        let width = members.iter().map(|member| member.name.chars().count()).max().unwrap_or_default();
        let mut part = part;
        members
            .iter()
            .map(|TokenMember { name, value, date }| {
                let date = date.as_ref().map(|date| self.styled(DIM, &format!("   {date}"))).unwrap_or_default();
                let line = format!("  {part:<7} {name:<width$}  {value}{date}");
                part = "";
                line
            })
            .collect()
    }

    fn check(&self, ShownCheck { name, passed, detail, .. }: &ShownCheck) -> String {
        let mark = if *passed { self.styled(GREEN, "✓") } else { self.styled(RED, "✗") };
        format!("  {mark} {name:<11} {detail}")
    }

    fn verdict(&self, verdict: &Verdict) -> Vec<String> {
        match verdict {
            Verdict::Passes { who, set, removed, shortened, hides_token } => {
                let mut lines = vec![self.styled(GREEN, &format!("The request goes upstream {who}."))];
                lines.extend(set.iter().map(|(name, value)| format!("  + {name}: {value}")));
                lines.extend(removed.iter().map(|name| format!("  - {}", name.escape_debug())));
                lines.extend(shortened.iter().map(|name| format!("  - the token in {}", name.escape_debug())));
                lines.extend(hides_token.then(|| "  - the token in the query".to_owned()));
                lines
            }
            Verdict::Refused(reply) | Verdict::Published(reply) => {
                let colour = if matches!(verdict, Verdict::Refused(_)) { RED } else { GREEN };
                let mut lines = vec![self.styled(colour, &format!("The client is answered {}.", reply.status))];
                lines.extend(reply.headers(Protocol::Http).iter().map(|(name, value)| format!("  {name}: {value}")));
                lines.push(format!("  {}", reply.body));
                lines
            }
        }
    }
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<8} {value}")
}

/// For programs.
pub(super) fn json(explanation: &Explanation) -> Value {
    let Explanation { configuration, at, request, token, checks, verdict } = explanation;
    let token = token.as_ref().map(|TokenView { header, claims }| {
        json!({ "header": object(header), "claims": object(claims), "dates": dates(claims) })
    });
    let check =
        |it: &ShownCheck| json!({ "check": it.name, "passed": it.passed, "detail": it.detail, "line": it.line });
    let checks: Vec<Value> = checks.iter().map(check).collect();
    let verdict = match verdict {
        Verdict::Passes { who, set, removed, shortened, hides_token } => {
            let set: Map<String, Value> =
                set.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            json!({ "passes": true, "as": who, "upstream": { "set": set, "removed": removed, "shortened": shortened,
                "hides_token_in_query": hides_token } })
        }
        Verdict::Refused(reply) | Verdict::Published(reply) => {
            let headers = reply.headers(Protocol::Http).into_iter();
            let headers: Map<String, Value> = headers.map(|(name, value)| (name.to_owned(), value.into())).collect();
            json!({ "passes": explanation.passes(), "status": reply.status, "headers": headers, "body": parsed(&reply.body) })
        }
    };
    json!({
        "configuration": configuration,
        "at": at,
        "request": { "method": request.method, "path": request.path_alone() },
        "token": token,
        "checks": checks,
        "verdict": verdict,
    })
}

fn object(members: &[TokenMember]) -> Map<String, Value> {
    members.iter().map(|member| (member.name.clone(), parsed(&member.value))).collect()
}

fn dates(members: &[TokenMember]) -> Map<String, Value> {
    members.iter().filter_map(|member| Some((member.name.clone(), member.date.as_deref()?.into()))).collect()
}

/// JSON, or the text when it is none: a number beyond the range of a double.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json.into())
}

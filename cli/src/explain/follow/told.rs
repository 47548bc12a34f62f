//! A denial of the log in words.

use std::collections::HashMap;

use jwt_auth_filter::{authenticate::Check, encoding::UntrustedText};
use serde_json::{Value, json};

use super::denial::{Denial, Line};
use crate::{
    document::Node,
    explain::{Filter, hints, lines},
};

/// How many different denials are remembered as told. When they are more, all are told in full again.
const MAX_TOLD: usize = 1000;

/// Tells of denials: in full of the first of its kind, and briefly of those that follow.
pub(super) struct Teller {
    filter: Option<Filter>,
    told: HashMap<Kind, u64>,
}

/// What is the same for denials that need telling once.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    reason: &'static str,
    text: String,
    consumer: Option<String>,
    route: Option<String>,
}

impl Teller {
    /// A teller that knows the filter's configuration, or none.
    pub(super) fn new(filter: Option<Filter>) -> Self {
        Self { filter, told: HashMap::new() }
    }

    /// For people.
    pub(super) fn text(&mut self, line: &Line) -> String {
        match line {
            Line::LeftOut { time, count } => {
                let more =
                    format!("{count} more requests were denied and not logged one by one; the counters have them all");
                format!("{}{more}\n", before(time))
            }
            Line::Denial(denial) => match self.count(denial) {
                1 => self.in_full(denial),
                count => {
                    let whose = names(denial, ["client", "kid", "jti"]);
                    format!("{}{}; as above, {count} times so far{whose}\n", before(&denial.time), denial.text)
                }
            },
        }
    }

    /// How often a denial of this kind has come, this one included.
    fn count(&mut self, denial: &Denial) -> u64 {
        let Denial { text, reason, consumer, route, .. } = denial;
        let (text, consumer, route) = (text.clone(), consumer.clone(), route.clone());
        let kind = Kind { reason: reason.reason, text, consumer, route };
        if self.told.len() >= MAX_TOLD && !self.told.contains_key(&kind) {
            self.told.clear();
        }
        let count = self.told.entry(kind).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn in_full(&self, denial: &Denial) -> String {
        let reason = denial.reason;
        let check = reason.check.map(|check| format!(", at the check {}", check.name())).unwrap_or_default();
        let mut rows = vec![("reason", format!("{}{check}", reason.reason))];
        rows.extend(fields(denial).into_iter().filter_map(|(name, value)| Some((name, format!("{:?}", value?)))));
        rows.extend(self.places(denial).into_iter().map(|place| ("config", place)));
        rows.extend([("cause", reason.cause.to_owned()), ("to do", reason.remedy.to_owned())]);
        let rows: String = rows.into_iter().map(|(name, value)| format!("  {name:<9} {value}\n")).collect();
        format!("{}{}\n{rows}", before(&denial.time), denial.text)
    }

    /// For programs.
    pub(super) fn json(&self, line: &Line) -> Value {
        match line {
            Line::LeftOut { time, count } => json!({ "time": time, "left_out": count }),
            Line::Denial(denial) => {
                let Denial { time, text, reason, .. } = denial;
                let mut told = json!({
                    "time": time,
                    "text": text,
                    "reason": reason.reason,
                    "check": reason.check.map(Check::name),
                    "cause": reason.cause,
                    "remedy": reason.remedy,
                    "configuration": self.places(denial),
                });
                if let Value::Object(members) = &mut told {
                    members.extend(fields(denial).map(|(name, value)| (name.to_owned(), json!(value))));
                }
                told
            }
        }
    }

    /// What the configuration has about it.
    fn places(&self, denial: &Denial) -> Vec<String> {
        let Some(filter) = &self.filter else { return Vec::new() };
        let of_key = (denial.reason.check == Some(Check::Credential)).then(|| of_key(filter, denial)).flatten();
        [of_consumer(filter, denial), of_check(filter, denial), of_key].into_iter().flatten().collect()
    }
}

/// Where the consumer stands with its credentials, or that it does not.
fn of_consumer(filter: &Filter, denial: &Denial) -> Option<String> {
    let name = denial.consumer.as_deref()?;
    let consumers = filter.configuration.root.get("consumers").map(Node::items).unwrap_or_default();
    let is_named = |node: &&Node| {
        let names = ["username", "custom_id", "id"];
        names.into_iter().find_map(|field| node.get(field)?.text()).is_some_and(|own| own == name)
    };
    let Some(consumer) = consumers.iter().find(is_named) else {
        return Some(format!("has no consumer {name:?}; is it the one that this Envoy has?"));
    };
    let credentials = consumer.get("jwt_secrets").map(Node::items).unwrap_or_default();
    let lines: Vec<String> = credentials.iter().map(|it| it.at.line.to_string()).collect();
    let line = consumer.at.line;
    Some(match lines.as_slice() {
        [] => format!("line {line} has the consumer, which has no credential"),
        [one] => format!("line {line} has the consumer, line {one} its credential"),
        several => format!("line {line} has the consumer, lines {} its credentials", several.join(", ")),
    })
}

/// The line that the check goes by: of the route's own policy, of a rule for the route, or of what holds for all.
fn of_check(filter: &Filter, denial: &Denial) -> Option<String> {
    let check = denial.reason.check?;
    // The text names the claim that a check of several is about.
    let name = if check == Check::Times { denial.text.split(':').next()? } else { check.name() };
    let configuration = &filter.configuration;
    // The log cuts off what is long.
    let is_route =
        |name: &str| denial.route.as_ref().is_some_and(|route| UntrustedText::new(name) == UntrustedText::new(route));
    let own = configuration.own_policies.iter().find(|own| own.routes.iter().any(|name| is_route(name)));
    let rules = configuration.root.get("rules").map(Node::items).unwrap_or_default();
    let is_for_route = |rule: &&Node| {
        let routes = rule.get("routes").map(Node::items).unwrap_or_default();
        routes.iter().filter_map(Node::text).any(is_route)
    };
    let places = [own.map(|own| &own.root), rules.iter().find(is_for_route), Some(&configuration.root)];
    let (field, line) = lines::first(lines::fields(name), places.into_iter().flatten())?;
    Some(format!("line {line} has {field}"))
}

/// A key that may be the one that was meant.
fn of_key(filter: &Filter, denial: &Denial) -> Option<String> {
    let (_, quoted) = denial.text.split_once('"')?;
    let identifier = quoted.strip_suffix('"')?;
    let hint = hints::of_identifier(identifier, &filter.configuration);
    hint.strip_prefix("; ").map(str::to_owned)
}

fn fields(denial: &Denial) -> [(&'static str, Option<&str>); 5] {
    let Denial { consumer, route, client, kid, jti, .. } = denial;
    [("consumer", consumer), ("route", route), ("client", client), ("kid", kid), ("jti", jti)]
        .map(|(name, value)| (name, value.as_deref()))
}

/// Those of the fields that it has, one behind the other.
fn names<const N: usize>(denial: &Denial, wanted: [&str; N]) -> String {
    let wanted = fields(denial).into_iter().filter(|(name, _)| wanted.contains(name));
    wanted.filter_map(|(name, value)| Some(format!(", {name} {:?}", value?))).collect()
}

fn before(time: &Option<String>) -> String {
    time.as_ref().map(|time| format!("{time}  ")).unwrap_or_default()
}

//! The configurations of the plugins.

use jwt_auth_filter::config::{Config, Step};
use serde_json::{Value, json};

use super::super::{
    entity_fields::{EntityFields, texts_of},
    gateway::{Acl, Jwt, PluginKind},
    report::Report,
    yaml_output::Yaml,
};
use crate::{
    document::{Node, NodeContent},
    position::Position,
};

/// Plugins that have a counterpart.
pub(super) const CONVERTED: [&str; 4] = ["acl", "cors", "jwt", "request-termination"];

/// Plugins that come with the gateway and decide nothing about who may call.
pub(super) const LETS_ALL_IN: &[&str] = &[
    "correlation-id",
    "cors",
    "datadog",
    "file-log",
    "grpc-gateway",
    "grpc-web",
    "http-log",
    "loggly",
    "opentelemetry",
    "prometheus",
    "proxy-cache",
    "rate-limiting",
    "rate-limiting-advanced",
    "request-size-limiting",
    "request-transformer",
    "request-transformer-advanced",
    "response-ratelimiting",
    "response-transformer",
    "response-transformer-advanced",
    "statsd",
    "syslog",
    "tcp-log",
    "udp-log",
    "zipkin",
];

/// Plugins that come with the gateway and find out who calls, or go by that. The gateway refuses them for one consumer.
pub(super) const AUTHENTICATE: &[&str] = &[
    "acl",
    "basic-auth",
    "header-cert-auth",
    "hmac-auth",
    "jwt",
    "jwt-signer",
    "key-auth",
    "key-auth-enc",
    "ldap-auth",
    "ldap-auth-advanced",
    "mtls-auth",
    "oauth2",
    "oauth2-introspection",
    "openid-connect",
    "saml",
    "session",
    "vault-auth",
];

/// A plugin's configuration: its own, and behind it the one that it shares with others.
pub(super) type Configs<'s> = [Option<&'s Node>; 2];

const JWT_FIELDS: [(&str, &str); 10] = [
    ("uri_param_names", r#"["jwt"]"#),
    ("cookie_names", "[]"),
    ("header_names", r#"["authorization"]"#),
    ("key_claim_name", r#""iss""#),
    ("secret_is_base64", "false"),
    ("claims_to_verify", "[]"),
    ("maximum_expiration", "0"),
    ("anonymous", r#""""#),
    ("run_on_preflight", "true"),
    ("realm", r#""""#),
];

pub(super) fn jwt(path: &str, configs: Configs, report: &mut Report) -> Jwt {
    let mut members = Vec::new();
    for (name, default) in JWT_FIELDS {
        let Some(node) = configured(configs, &[name]).filter(|node| !node.is(default)) else { continue };
        // Lua has no lists of its own: an empty one is written as a map.
        let is_empty_list = node.is("{}");
        if is_empty_list && default == "[]" {
            continue;
        }
        let value = match whole_seconds(node).filter(|_| name == "maximum_expiration") {
            Some(seconds) => {
                let message = format!("no whole number; the filter has {seconds}");
                report.note(node.at, &format!("{path}.{name}"), message);
                json!(seconds)
            }
            None if is_empty_list => json!([]),
            None if name == "header_names" => with_dashes(node.to_json()),
            None => node.to_json(),
        };
        if let Some(difference) = difference(name, &value) {
            report.note(node.at, &format!("{path}.{name}"), difference);
        }
        members.push((name, node.at, value));
    }
    if refuse_faulty(path, &members, report) {
        members.clear();
    }
    let members = members.into_iter().map(|(name, _, value)| (name.to_owned(), as_yaml(&value))).collect();
    finish(path, configs, &JWT_FIELDS.map(|(name, _)| name), &[], report);
    Jwt(members)
}

/// Names of headers as the gateway reads them: it takes an underscore for a dash.
fn with_dashes(names: Value) -> Value {
    let Value::Array(names) = names else { return names };
    names.into_iter().map(|name| name.as_str().map_or_else(|| name.clone(), |it| it.replace('_', "-").into())).collect()
}

/// What of a field is converted and yet not quite the same.
fn difference(name: &str, value: &Value) -> Option<&'static str> {
    match name {
        "cookie_names" => Some("the filter compares the names of cookies exactly, and Kong without regard to case"),
        "realm" if value.as_str().is_some_and(|realm| realm.contains(['"', '\\'])) => {
            Some("the filter escapes the quotation marks and backslashes in the challenge, and Kong does not")
        }
        _ => None,
    }
}

/// The whole seconds of a fraction. Of less than one there are none, and 0 would mean no maximum.
fn whole_seconds(node: &Node) -> Option<u64> {
    match node.content {
        NodeContent::Number(number) if number.fract() != 0.0 && (1.0..=31_536_000.0).contains(&number) => {
            Some(number as u64)
        }
        _ => None,
    }
}

/// Reports what the filter would not take, where it stands; whether there was something. Whether `anonymous` is somebody, is
/// looked at elsewhere.
fn refuse_faulty(path: &str, members: &[(&str, Position, Value)], report: &mut Report) -> bool {
    let members = || members.iter().filter(|(name, ..)| *name != "anonymous");
    let config: Value = members().map(|(name, _, value)| ((*name).to_owned(), value.clone())).collect();
    let Err(faults) = Config::parse(config.to_string().as_bytes()) else { return false };
    for fault in faults {
        let field = match fault.path.0.first() {
            Some(Step::Field(field)) => field.as_str(),
            _ => "",
        };
        let at = members().find(|(name, ..)| *name == field).map_or(Position::START, |(_, at, _)| *at);
        let subject = format!("{path}.{}", fault.path);
        report.fault(at, &subject, format!("{}; expected {}", fault.found, fault.expected));
    }
    true
}

/// The consumer that requests without a good token pass as, as the plugin names it.
pub(super) fn anonymous(configs: Configs<'_>) -> Option<&Node> {
    configured(configs, &["anonymous"]).filter(|node| !node.is(r#""""#))
}

const BY_CONSUMER_GROUP: &str = "include_consumer_groups";

pub(super) fn acl(place: Position, path: &str, configs: Configs, report: &mut Report) -> PluginKind {
    let mut fields = ConfigFields::of(path, configs, report);
    let (allow, deny) = (fields.texts(&["allow", "whitelist"]), fields.texts(&["deny", "blacklist"]));
    let goes_by_consumer_group = fields.flag(BY_CONSUMER_GROUP, false);
    let hide_groups_header = fields.flag("hide_groups_header", false);
    // Groups that the plugin jwt finds in no token.
    fields.flag("always_use_authenticated_groups", false);
    fields.finish(&[]);
    if goes_by_consumer_group {
        return PluginKind::Guard(format!("the plugin acl with {BY_CONSUMER_GROUP}"));
    }
    if allow.is_empty() && deny.is_empty() {
        report.fault(place, path, "neither allow nor deny; expected one of them");
    }
    PluginKind::Acl(Acl { allow, deny, hide_groups_header })
}

/// The fields of a plugin's configuration that are still to be read.
pub(super) struct ConfigFields<'s, 'r> {
    path: &'r str,
    configs: Configs<'s>,
    read: Vec<&'static str>,
    report: &'r mut Report,
}

impl<'s, 'r> ConfigFields<'s, 'r> {
    pub(super) fn of(path: &'r str, configs: Configs<'s>, report: &'r mut Report) -> Self {
        Self { path, configs, read: Vec::new(), report }
    }

    /// A field under one of its names, if it is there and not null.
    pub(super) fn take(&mut self, names: &[&'static str]) -> Option<&'s Node> {
        self.read.extend(names);
        configured(self.configs, names)
    }

    pub(super) fn texts(&mut self, names: &[&'static str]) -> Vec<String> {
        let Some(node) = self.take(names) else { return Vec::new() };
        self.expect(names, node, texts_of(node), "a list of texts").unwrap_or_default()
    }

    /// A text; `None` if it is empty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.take(&[name])?;
        self.expect(&[name], node, node.text(), "a text").filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let Some(node) = self.take(&[name]) else { return default };
        let flag = if let NodeContent::Bool(flag) = node.content { Some(flag) } else { None };
        self.expect(&[name], node, flag, "true or false").unwrap_or(default)
    }

    pub(super) fn number(&mut self, name: &'static str) -> Option<f64> {
        let node = self.take(&[name])?;
        let number = if let NodeContent::Number(number) = node.content { Some(number) } else { None };
        self.expect(&[name], node, number, "a number")
    }

    /// Reports a field with a value that cannot be.
    fn expect<T>(&mut self, names: &[&str], node: &Node, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            let message = format!("{}; expected {expected}", node.in_words());
            self.report.fault(
                node.at,
                &format!("{}.{}", self.path, names.first().copied().unwrap_or_default()),
                message,
            );
        }
        value
    }

    /// Reports that a field has no counterpart, or only a part of its value.
    pub(super) fn note(&mut self, name: &str, at: Position, message: &str) {
        self.report.note(at, &format!("{}.{name}", self.path), message);
    }

    /// Notes what is left, but for what is at its default.
    pub(super) fn finish(self, defaults: &[(&str, &str)]) {
        finish(self.path, self.configs, &self.read, defaults, self.report);
    }
}

/// A field under one of its names. What a plugin says itself counts, be it null; what it shares fills in the rest.
fn configured<'s>(configs: Configs<'s>, names: &[&str]) -> Option<&'s Node> {
    let named = |config: &'s Node| config.members().iter().filter(|member| names.contains(&member.name.as_str()));
    let config = configs.into_iter().flatten().find(|config| named(config).next().is_some())?;
    named(config).map(|member| &member.value).find(|node| !node.is_null())
}

fn finish(path: &str, configs: Configs, read: &[&str], defaults: &[(&str, &str)], report: &mut Report) {
    for config in configs.into_iter().flatten() {
        EntityFields::of(path, config, report).finish(read, defaults);
    }
}

/// A value as it is.
fn as_yaml(value: &Value) -> Yaml {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string().into(), Yaml::from),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Yaml::List(items.iter().map(as_yaml).collect()),
        Value::Object(members) => {
            Yaml::Map(members.iter().map(|(name, value)| (name.clone(), as_yaml(value))).collect())
        }
        Value::Null => "".into(),
    }
}

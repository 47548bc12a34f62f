//! What is wrong with configurations, and what is worth a second look, each at its place in its file.

#[cfg(feature = "program")]
pub(crate) mod command;
mod demands;
mod dump;
mod environment;
mod warnings;
#[cfg(feature = "program")]
mod watch;

use jwt_auth_filter::config::{Config, Fault, RoutePolicy, Step, UNKNOWN_FIELD};
use serde_json::{Value, json};

use crate::{
    configurations::{self, Configuration, Discovered, Findings, OwnPolicy},
    diagnostics::{Diagnostic, SourceFile, leads_to_harmless},
    document::{Node, NodeContent},
    position::Position,
};

/// What was found in a file.
pub struct FileReport {
    source: SourceFile,
    configurations: usize,
    diagnostics: Vec<Diagnostic>,
}

fn diagnostics(found: &Findings) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if found.configurations.is_empty() && found.discovered.is_empty() {
        diagnostics.push(nothing_found(found));
    }
    diagnostics.extend(found.configurations.iter().flat_map(of_configuration));
    let elsewhere = |discovered: &Discovered| Diagnostic::warning(discovered.at, format!("{discovered}; check it too"));
    diagnostics.extend(found.discovered.iter().map(elsewhere));
    diagnostics
}

fn nothing_found(Findings { others, of_gateway, .. }: &Findings) -> Diagnostic {
    let names: Vec<String> = others.iter().map(|(name, at)| format!("{name} (line {})", at.line)).collect();
    let seen = match names.as_slice() {
        [] if *of_gateway => ", but Kong's, which `jwt-auth convert` converts".to_owned(),
        [] => String::new(),
        names => format!(", only the filters {}", names.join(", ")),
    };
    let expected = "a plugin configuration, or a Wasm filter or dynamic module with jwt-auth or jwt_auth in its name, root_id, \
                    filter_name or module";
    Diagnostic::fault(Position::START, format!("no configuration of the filter{seen}")).expecting(expected)
}

/// What there is to say about a configuration: its faults, or, when it has none, its warnings.
fn of_configuration(configuration: &Configuration) -> Vec<Diagnostic> {
    let root = &configuration.root;
    if !configuration.broken.is_empty() {
        return configuration.broken.iter().map(|broken| diagnostic(root, configuration.at, broken.clone())).collect();
    }
    match Config::of(configuration.root.to_value()) {
        Ok(config) => {
            let mut warnings = warnings::of(configuration, &config);
            warnings.extend(environment::diagnostics(&configuration.surroundings, &config));
            warnings.extend(needs_native(configuration, &config));
            warnings.extend(configuration.own_policies.iter().flat_map(|own| of_own_policy(own, &config)));
            warnings
        }
        Err(faults) => faults.into_iter().map(|found| placed(root, found)).collect(),
    }
}

/// The faults of a policy that a route has of its own, over the filter's configuration.
fn of_own_policy(OwnPolicy { at, root, broken, .. }: &OwnPolicy, config: &Config) -> Vec<Diagnostic> {
    if !broken.is_empty() {
        return broken.iter().map(|broken| diagnostic(root, *at, broken.clone())).collect();
    }
    let faults = RoutePolicy::read_over(root.to_value(), config).err().unwrap_or_default();
    faults.into_iter().map(|found| placed(root, found)).collect()
}

fn placed(root: &Node, fault: Fault) -> Diagnostic {
    diagnostic(root, place(root, &fault), explained(root, fault))
}

fn diagnostic(root: &Node, at: Position, Fault { path, found, expected }: Fault) -> Diagnostic {
    let is_harmless = is_harmless(root, &path.0);
    Diagnostic::fault(at, found).about(path.to_string()).expecting(expected).if_harmless(is_harmless)
}

/// Faults of what the Wasm edition refuses.
fn needs_native(configuration: &Configuration, config: &Config) -> Vec<Diagnostic> {
    const FIELD: &str = "dynamic_metadata";
    if !(configuration.surroundings.is_wasm && config.writes_dynamic_metadata()) {
        return Vec::new();
    }
    let root = &configuration.root;
    let rules = root.get("rules").map(Node::items).unwrap_or_default();
    let of_rules =
        rules.iter().enumerate().filter_map(|(at, rule)| Some((format!("rules[{at}].{FIELD}"), rule.given(FIELD)?)));
    let of_top = root.given(FIELD).map(|node| (FIELD.to_owned(), node));
    let fault = |(path, node): (String, &Node)| {
        Diagnostic::fault(node.at, "no Wasm filter can write it")
            .about(path)
            .expecting("the native edition, or claims_to_filter_state")
    };
    of_top.into_iter().chain(of_rules).map(fault).collect()
}

/// Whether a value is there, of a kind that holds no secrets.
fn is_harmless(root: &Node, path: &[Step]) -> bool {
    leads_to_harmless(path) && root.find(path).is_some()
}

/// Where a fault stands: a field that should not be there, at its name.
fn place(root: &Node, fault: &Fault) -> Position {
    let name = if fault.found == UNKNOWN_FIELD { root.name_place(&fault.path.0) } else { None };
    name.unwrap_or_else(|| root.place(&fault.path.0))
}

/// A fault, with what is often behind it and only the file shows.
fn explained(root: &Node, mut fault: Fault) -> Fault {
    let is_merge_key = fault.found == UNKNOWN_FIELD && fault.path.0.last() == Some(&Step::Field("<<".to_owned()));
    if is_merge_key {
        fault.found += ", <<: Envoy does not merge maps";
    } else if let Some(Node { content: NodeContent::Text(text), .. }) = root.find(&fault.path.0)
        && text.text.contains("-----BEGIN ")
        && text.text.contains("\\n")
    {
        fault.found += if text.has_escapes {
            "; it holds \\n instead of line breaks; between double quotes, \\\\n is a backslash and an n, and \\n a line break"
        } else {
            "; it holds \\n instead of line breaks; YAML reads \\n as a line break only between double quotes"
        };
    }
    fault
}

impl FileReport {
    /// Checks the text of a file. `name` is what messages call it.
    pub fn of(name: String, text: String, is_json: bool) -> Self {
        let source = SourceFile { name, text };
        let (configurations, mut diagnostics) = match configurations::find(&source.text, is_json) {
            Ok(found) => (found.configurations.len(), diagnostics(&found)),
            Err(unreadable) => {
                let what = if is_json { "no JSON" } else { "neither YAML nor JSON" };
                let message = format!("{what}: {}", unreadable.message);
                (0, vec![Diagnostic { message, ..unreadable }])
            }
        };
        diagnostics.sort_by_key(|diagnostic| (diagnostic.severity, diagnostic.at));
        Self { source, configurations, diagnostics }
    }

    /// Its faults, and what else there is to say.
    #[cfg(feature = "program")]
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    fn count(&self, faults: bool) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_fault() == faults).count()
    }

    /// The report for programs.
    pub fn json(&self) -> Value {
        let of = |faults: bool| {
            let wanted = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_fault() == faults);
            wanted.map(Diagnostic::json).collect::<Vec<_>>()
        };
        json!({
            "file": self.source.name,
            "configurations": self.configurations,
            "faults": of(true),
            "warnings": of(false),
        })
    }
}

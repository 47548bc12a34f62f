//! What is to be said about the file around a configuration.

use jwt_auth_filter::config::Config;

use crate::{
    configurations::{Dependency, ListedRoute, OnFailure, Surroundings},
    diagnostics::Diagnostic,
    position::Position,
};

/// The faults and warnings about what stands around a configuration without faults.
pub(super) fn diagnostics(surroundings: &Surroundings, config: &Config) -> Vec<Diagnostic> {
    let is_fetching = config.credentials.remote().next().is_some();
    let shares_memory = surroundings.shares_memory.filter(|_| is_fetching).map(|at| {
        let text = "not set: any other plugin without a vm_id can replace the fetched keys of issuers";
        warning(at, "vm_config.vm_id", text)
    });
    let unlimited_buffer = surroundings.unlimited_buffer.filter(|_| is_fetching).map(|at| {
        let text = "1 MiB or more: a request that waits for a key set may keep that much of its body in memory; 32768 is usual";
        warning(at, "per_connection_buffer_limit_bytes", text)
    });
    let since_1_40 = surroundings.since_1_40.map(|at| {
        let text = "Envoy 1.38 and 1.39 refuse a TypedStruct here; all versions take a google.protobuf.Struct";
        warning(at, "filter_config", text)
    });
    let alone = [on_failure(surroundings.on_failure), shares_memory, unlimited_buffer, since_1_40];
    let mut diagnostics: Vec<Diagnostic> = alone.into_iter().flatten().collect();
    diagnostics.extend(surroundings.routes.iter().flat_map(|route| chosen_by_changes(route, config)));
    diagnostics.extend(surroundings.unseen_routes.and_then(|at| unseen_routes(at, config)));
    diagnostics.extend(surroundings.routes.iter().filter_map(|route| internal_redirects(route, config)));
    diagnostics
}

fn on_failure(on_failure: OnFailure) -> Option<Diagnostic> {
    let (at, name, text) = match on_failure {
        OnFailure::Settled => return None,
        OnFailure::Closed(at, name) => {
            (at, name, "if the module fails, all requests get 503 until a restart; FAIL_RELOAD restarts the module")
        }
        OnFailure::Open(at, name) => (at, name, "if the module fails, every request passes unchecked"),
    };
    Some(warning(at, name, text))
}

/// Faults where a route depends on what the filter changes, and rules go by the route. Envoy chooses the route again after
/// the changes, and no rule is asked about that one.
fn chosen_by_changes<'r>(route: &'r ListedRoute, config: &'r Config) -> impl Iterator<Item = Diagnostic> + 'r {
    let changed = route.depends_on.iter().filter(|(it, _)| !config.rules.is_empty() && is_changed(it, config));
    changed.map(|(dependency, at)| {
        let what = match dependency {
            Dependency::Header(name) => format!("the header {name}"),
            Dependency::QueryParameter(name) => format!("the query parameter {name}"),
            Dependency::Cookie(name) => format!("the cookie {name}"),
            Dependency::FilterState(key) => format!("the filter state {key}"),
        };
        let found = format!(
            "a route that depends on {what}, which the filter changes: Envoy then chooses the route again, and a request \
             may end on one whose rule it was never asked"
        );
        Diagnostic::fault(*at, found).expecting("routes that depend on other things, or no rules")
    })
}

/// Whether the filter may change what a route depends on.
fn is_changed(dependency: &Dependency, config: &Config) -> bool {
    let mut hiding = config.policies().filter(|policy| policy.hides_tokens());
    match dependency {
        Dependency::Header(name) => {
            config.own_headers().chain(config.hidden_headers()).any(|own| own.eq_ignore_ascii_case(name))
        }
        Dependency::QueryParameter(name) => hiding.any(|policy| policy.token_places.uri_param_names.contains(name)),
        Dependency::Cookie(name) => hiding.any(|policy| policy.token_places.uses_cookie(name)),
        Dependency::FilterState(key) => {
            key.starts_with("wasm.jwt_auth.") && config.policies().any(|policy| policy.filter_state)
        }
    }
}

/// Rules go by routes that cannot be looked at here.
fn unseen_routes(at: Position, config: &Config) -> Option<Diagnostic> {
    const TEXT: &str = "routes that are not listed here are not looked at: beside rules, none may depend on a header, \
                        parameter, cookie or filter state that the filter changes";
    (!config.rules.is_empty()).then(|| Diagnostic::warning(at, TEXT))
}

/// A request that Envoy redirects by itself comes to the filter again, with what the filter made of it.
fn internal_redirects(route: &ListedRoute, config: &Config) -> Option<Diagnostic> {
    let at = route.internal_redirects?;
    let text = if !config.rules.is_empty() {
        "a redirected request has the filter's own headers, which rules refuse with 403"
    } else if config.policies().any(|policy| policy.forwarding.hide_credentials) {
        "a redirected request has lost its token, which hide_credentials has removed"
    } else {
        return None;
    };
    Some(warning(at, "internal_redirect_policy", text))
}

fn warning(at: Position, path: &str, text: &str) -> Diagnostic {
    Diagnostic::warning(at, text).about(path).if_harmless(true)
}

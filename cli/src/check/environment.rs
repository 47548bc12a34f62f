//! What is to be said about the file around a configuration.

use jwt_auth_filter::{config::Config, policy::Policy};

use crate::{
    configurations::{ListedRoute, OnFailure, Surroundings},
    diagnostics::Diagnostic,
    position::Position,
};

/// The faults and warnings about what stands around a configuration without faults.
pub(super) fn diagnostics(surroundings: &Surroundings, config: &Config) -> Vec<Diagnostic> {
    let is_fetching = config.credentials.remote().next().is_some();
    let shares_memory = surroundings.shares_memory.filter(|_| is_fetching).map(|at| {
        let text = "not set: every plugin without one can replace the fetched keys of issuers with keys of its own";
        warning(at, "vm_config.vm_id", text)
    });
    let unlimited_buffer = surroundings.unlimited_buffer.filter(|_| is_fetching).map(|at| {
        let text = "not set: a request that waits for a key set may hold 1 MiB of its body in memory; 32768 is usual";
        warning(at, "per_connection_buffer_limit_bytes", text)
    });
    let mut diagnostics: Vec<Diagnostic> =
        [on_failure(surroundings.on_failure), shares_memory, unlimited_buffer].into_iter().flatten().collect();
    diagnostics.extend(surroundings.routes.iter().flat_map(|route| chosen_by_changes(route, config)));
    diagnostics.extend(surroundings.routes.iter().filter_map(|route| internal_redirects(route, config)));
    diagnostics
}

fn on_failure(on_failure: OnFailure) -> Option<Diagnostic> {
    let (at, name, text) = match on_failure {
        OnFailure::Settled => return None,
        OnFailure::Closed(at, name) => {
            (at, name, "should the module fail, all requests get 503 until a restart; FAIL_RELOAD starts it anew")
        }
        OnFailure::Open(at, name) => (at, name, "should the module fail, every request passes unchecked"),
    };
    Some(warning(at, name, text))
}

/// Faults where a route matches on what the filter changes, and rules go by the route. Envoy chooses the route again after
/// the changes, and no rule is asked about that one.
fn chosen_by_changes<'r>(route: &'r ListedRoute, config: &'r Config) -> impl Iterator<Item = Diagnostic> + 'r {
    let is_changed_header =
        |name: &str| config.own_headers().chain(config.hidden_headers()).any(|own| own.eq_ignore_ascii_case(name));
    let is_hidden_parameter = |name: &String| {
        let hiding = config.policies().filter(|policy| policy.forwarding.hide_credentials);
        hiding.flat_map(|policy: &Policy| &policy.token_places.uri_param_names).any(|own| own == name)
    };
    let headers = route.headers.iter().filter(move |(name, _)| is_changed_header(name));
    let parameters = route.query_parameters.iter().filter(move |(name, _)| is_hidden_parameter(name));
    headers.chain(parameters).filter(|_| !config.rules.is_empty()).map(|(name, at)| {
        let found = format!(
            "a route that matches on {name}, which the filter changes: Envoy then chooses the route again, and a request \
             may end on one whose rule it was never asked"
        );
        Diagnostic::fault(*at, found).expecting("routes that match on other things, or no rules")
    })
}

/// A request that Envoy redirects by itself comes to the filter again, with what the filter made of it.
fn internal_redirects(route: &ListedRoute, config: &Config) -> Option<Diagnostic> {
    let at = route.internal_redirects?;
    let text = if !config.rules.is_empty() {
        "a request that is redirected comes with the filter's own headers, which rules refuse with 403"
    } else if config.policies().any(|policy| policy.forwarding.hide_credentials) {
        "a request that is redirected comes without its token, which hide_credentials has taken out: 401"
    } else {
        return None;
    };
    Some(warning(at, "internal_redirect_policy", text))
}

fn warning(at: Position, path: &str, text: &str) -> Diagnostic {
    Diagnostic::warning(at, text).about(path).if_harmless(true)
}

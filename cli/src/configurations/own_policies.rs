//! The policies that routes, virtual hosts and lists of routes have of their own for a dynamic module.

use jwt_auth_filter::config::Fault;

use super::{STRUCT, Unpacked, message, surroundings::field, unpacked};
use crate::{
    document::{Node, NodeContent},
    position::Position,
};

const PER_ROUTE: &str = "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute";
/// What such a message may be wrapped in.
const WRAPPER: &str = "envoy.config.route.v3.FilterConfig";

/// A policy that Envoy's routes have of their own.
#[derive(Debug)]
pub(crate) struct OwnPolicy {
    /// The names of the routes for which it is the nearest.
    pub routes: Vec<String>,
    /// Where it begins.
    pub at: Position,
    /// Its fields.
    pub root: Node,
    /// What it was read as when it is a text that is no JSON.
    pub broken: Vec<Fault>,
}

/// The policies in a list of routes for the filter that has one of these names.
pub(super) fn of(route_config: &Node, names: &[String]) -> Vec<OwnPolicy> {
    let mut policies = Vec::new();
    let top = add(route_config, names, &mut policies);
    for host in field(route_config, "virtual_hosts").map(Node::items).unwrap_or_default() {
        let of_host = add(host, names, &mut policies).or(top);
        for route in field(host, "routes").map(Node::items).unwrap_or_default() {
            let nearest = add(route, names, &mut policies).or(of_host);
            let name = field(route, "name").and_then(Node::text);
            if let Some((policy, name)) = nearest.and_then(|at| policies.get_mut(at)).zip(name) {
                policy.routes.push(name.to_owned());
            }
            let weighted = field(route, "route").and_then(|action| field(action, "weighted_clusters"));
            for cluster in weighted.and_then(|it| field(it, "clusters")).map(Node::items).unwrap_or_default() {
                add(cluster, names, &mut policies);
            }
        }
    }
    policies
}

/// Adds the policy that stands right in a node, and gives its number.
fn add(holder: &Node, names: &[String], policies: &mut Vec<OwnPolicy>) -> Option<usize> {
    let own = field(holder, "typed_per_filter_config")?.members().iter().find(|member| names.contains(&member.name))?;
    let inner = message(&own.value, WRAPPER).and_then(|wrapper| wrapper.get("config")).unwrap_or(&own.value);
    let filter = message(inner, PER_ROUTE)?;
    let (root, broken) = match unpacked(filter, field(filter, "filter_config"), &[STRUCT]) {
        Unpacked::Tree(root) => (root, Vec::new()),
        Unpacked::Broken(at, faults) => (Node { at, content: NodeContent::Null }, faults),
    };
    policies.push(OwnPolicy { routes: Vec::new(), at: root.at, root, broken });
    policies.len().checked_sub(1)
}

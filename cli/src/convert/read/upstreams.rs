//! Upstreams and their targets.

use super::{
    super::{
        entities::{Entity, EntityKind},
        gateway::{Balancing, KongUpstream, Target},
    },
    KongReader, Reference,
    address::host_and_port,
    push,
};
use crate::document::{Node, NodeContent};

impl<'s> KongReader<'s, '_> {
    pub(super) fn upstream(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let name = fields.name("name");
        let balancing = match fields.take("algorithm").map(|node| (node, node.text())) {
            Some((_, Some("least-connections"))) => Balancing::LeastConnections,
            None | Some((_, Some("round-robin"))) => Balancing::RoundRobin,
            Some((node, _)) => {
                fields.note("algorithm", node.at, "has no counterpart; round-robin takes its place");
                Balancing::RoundRobin
            }
        };
        let host_header = fields.name("host_header");
        if let Some(checks) = fields.take("healthchecks").filter(|checks| any_positive(checks, "interval")) {
            fields.note("healthchecks", checks.at, "has no counterpart");
        }
        fields.finish(
            &["slots", "targets"],
            &[
                ("hash_on", r#""none""#),
                ("hash_fallback", r#""none""#),
                ("hash_on_cookie_path", r#""/""#),
                ("use_srv_name", "false"),
                ("sticky_sessions_cookie_path", r#""/""#),
            ],
        );
        let Some(name) = name else {
            self.report.fault(entity.node.at, &entity.path, "an upstream without a name");
            return None;
        };
        Some(push(&mut self.gateway.upstreams, KongUpstream { name, balancing, host_header, targets: Vec::new() }))
    }

    pub(super) fn target(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let upstream = self.reference(entity, EntityKind::Upstream);
        let mut fields = self.fields(entity);
        let target = fields.name("target");
        let weight = fields.number("weight", 65_535).unwrap_or(100);
        fields.finish(&["upstream", "upstream_id"], &[("failover", "false")]);
        let Reference::To(upstream) = upstream else { return None };
        let Some((host, port)) = target.as_deref().and_then(|target| host_and_port(target, 8000)) else {
            self.report.fault(entity.node.at, &entity.path, "a target without a host and a port");
            return None;
        };
        // The gateway sends nothing to a target of weight 0.
        let upstream = self.gateway.upstreams.get_mut(upstream).filter(|_| weight > 0)?;
        Some(push(&mut upstream.targets, Target { host, port, weight }))
    }
}

/// Whether somewhere in it a member of this name is a number above 0.
fn any_positive(node: &Node, name: &str) -> bool {
    node.members().iter().any(|member| {
        let is_positive = matches!(member.value.content, NodeContent::Number(number) if number > 0.0);
        (member.name == name && is_positive) || any_positive(&member.value, name)
    })
}

//! Routes.

use super::{
    super::{
        entities::{Entity, EntityKind},
        gateway::KongRoute,
    },
    KongReader, Reference,
    conditions::{Protocols, headers, paths, protocols},
    push,
};

impl<'s> KongReader<'s, '_> {
    pub(super) fn route(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let service = self.reference(entity, EntityKind::Service);
        let is_regex = self.entities.regex_test(entity);
        let may_be_old = entity.path.starts_with("data[");
        let mut lacks = Vec::new();
        let mut fields = self.fields(entity);
        let name = fields.name("name").or_else(|| fields.name("id"));
        let redirect = fields.number("https_redirect_status_code", 599).and_then(|code| u16::try_from(code).ok());
        let protocols = protocols(&mut fields, redirect.unwrap_or(426));
        let mut is_there = |name: &str| {
            let node = fields.take(name).filter(|node| !node.is_empty());
            lacks.extend(node.map(|node| fields.remark(name, node.at, "has no counterpart")));
            node.is_some()
        };
        let foreign_conditions =
            ["snis", "sources", "destinations", "query parameters"].into_iter().filter(|name| is_there(name)).count();
        let by_expression = is_there("expression");
        let only_websockets = protocols.and_then(|protocols| protocols.only_websockets);
        let websockets = "takes WebSockets alone, which has no counterpart";
        lacks.extend(only_websockets.map(|at| fields.remark("protocols", at, websockets)));
        let foreign_conditions = foreign_conditions.saturating_add(usize::from(only_websockets.is_some()));
        let methods = fields.texts("methods");
        let hosts = fields.texts("hosts").iter().map(|host| host.to_ascii_lowercase()).collect();
        let paths = paths(&mut fields, is_regex, may_be_old, &mut lacks);
        let headers = headers(&mut fields);
        let is_grpc = protocols.is_some_and(|protocols| protocols.grpc_only);
        let strip_path = fields.flag("strip_path").unwrap_or(!is_grpc);
        let preserve_host = fields.flag("preserve_host").unwrap_or(false);
        let regex_priority = fields.number("regex_priority", i32::MAX as u32).unwrap_or(0);
        fields.finish(
            &["service", "service_id", "plugins", "filter_chains"],
            &[
                ("path_handling", r#""v0""#),
                ("request_buffering", "true"),
                ("response_buffering", "true"),
                ("priority", "0"),
            ],
        );

        // A service that does not speak HTTP leaves its routes without one; they match all the same.
        let service = match service {
            Reference::Nothing | Reference::Lost => None,
            Reference::To(index) => Some(index),
        };
        // As if the route were not there, says the gateway.
        let is_enabled = service.is_none_or(|index| self.gateway.services.get(index).is_some_and(|of| of.enabled));
        if !is_enabled {
            return None;
        }
        let at = entity.node.at;
        let (Protocols { grpc_only, without_tls, .. }, paths, headers) = (protocols?, paths?, headers?);
        let route = KongRoute {
            at,
            name: self.unique_name(entity, name)?,
            service,
            methods,
            hosts,
            paths,
            headers,
            strip_path,
            preserve_host,
            regex_priority,
            grpc_only,
            without_tls,
            foreign_conditions,
            by_expression,
            lacks,
        };
        Some(push(&mut self.gateway.routes, route))
    }
}

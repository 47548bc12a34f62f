//! Services.

use super::{
    super::{
        entities::Entity,
        gateway::{KongService, Scheme},
    },
    KongReader,
    address::Url,
    push,
};

impl<'s> KongReader<'s, '_> {
    pub(super) fn service(&mut self, entity: &'s Entity<'s>) -> Option<usize> {
        let mut fields = self.fields(entity);
        let name = fields.name("name").or_else(|| fields.name("id"));
        let url = fields.take("url").and_then(|node| {
            let url = node.text().and_then(Url::parse);
            fields.expect("url", node, url, "scheme://host:port/path")
        });
        let protocol_place = fields.place_of("protocol").unwrap_or(entity.node.at);
        let protocol = fields.text("protocol").or(url.as_ref().map(|url| url.scheme.clone()));
        let host = fields.name("host").or(url.as_ref().map(|url| url.host.clone()));
        let port = fields.port("port").or(url.as_ref().and_then(|url| url.port));
        let is_url = url.is_some();
        let path = fields.name("path").or(url.and_then(|url| url.path));
        let connect_timeout = fields.number("connect_timeout", i32::MAX as u32).unwrap_or(60_000);
        let write_timeout = fields.number("write_timeout", i32::MAX as u32).unwrap_or(60_000);
        let read_timeout = fields.number("read_timeout", i32::MAX as u32).unwrap_or(60_000);
        let retries = fields.number("retries", 32_767).unwrap_or(5);
        let tls_verify = fields.flag("tls_verify").unwrap_or(false);
        let enabled = fields.flag("enabled").unwrap_or(true);
        fields.finish(&["routes", "plugins", "filter_chains"], &[]);

        let Some(scheme) = scheme(protocol.as_deref().unwrap_or("http")) else {
            let subject = format!("{}.protocol", entity.path);
            self.report.note(protocol_place, &subject, "has no counterpart; the service is left out");
            return None;
        };
        let Some(host) = host else {
            self.report.fault(entity.node.at, &entity.path, "a service without a host");
            return None;
        };
        let service = KongService {
            name: self.unique_name(entity, name)?,
            enabled,
            scheme,
            host,
            // Only in a `url` the gateway takes the port from the scheme.
            port: port.unwrap_or(if scheme.tls && is_url { 443 } else { 80 }),
            path,
            connect_timeout: connect_timeout.max(1),
            idle_timeout: write_timeout.max(read_timeout),
            retries,
            tls_verify,
        };
        Some(push(&mut self.gateway.services, service))
    }
}

/// How a service of a protocol is spoken to, if it speaks HTTP.
fn scheme(protocol: &str) -> Option<Scheme> {
    match protocol {
        "http" => Some(Scheme { tls: false, grpc: false }),
        "https" => Some(Scheme { tls: true, grpc: false }),
        "grpc" => Some(Scheme { tls: false, grpc: true }),
        "grpcs" => Some(Scheme { tls: true, grpc: true }),
        _ => None,
    }
}

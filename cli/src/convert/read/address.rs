//! Hosts with ports, and URLs.

/// `host:port` or `host`; an IPv6 address with a port stands in brackets.
pub(super) fn host_and_port(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// A service's `url`, taken apart.
pub(super) struct Url {
    pub scheme: String,
    pub host: String,
    pub port: Option<u16>,
    pub path: Option<String>,
}

impl Url {
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let (host, port) = host_and_port(authority, 0)?;
        let path = (!path.is_empty()).then(|| path.to_owned());
        Some(Self { scheme: scheme.to_owned(), host, port: (port > 0).then_some(port), path })
    }
}

//! The request to explain, as the filter sees it.

use std::borrow::Cow;

use jwt_auth_filter::request::{Place, Request, RequestHeaders, TokenPlaces};

/// A request as the filter sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenRequest {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Scheme and authority of its URL, as far as they are known.
    pub(super) scheme: Option<String>,
    pub(super) authority: Option<String>,
    /// Names as they were given.
    pub(super) headers: Vec<(String, String)>,
    /// The name of the Envoy route that it takes, if it is known.
    pub route: Option<String>,
    /// The name of the Envoy cluster that it goes to, if it is known.
    pub cluster: Option<String>,
    /// The SHA-256 hash of the client's certificate, in hexadecimal.
    pub certificate: Option<String>,
    /// The headers that the filter has set.
    pub(super) set: Vec<(String, String)>,
}

impl GivenRequest {
    /// The request that carries a token at the first place of the configuration.
    pub(super) fn with_token(token: &str, places: &TokenPlaces) -> Self {
        let mut request = Self { method: "GET".to_owned(), target: "/".to_owned(), ..Self::default() };
        let mut add = |name: &str, value: String| request.headers.push((name.to_owned(), value));
        match places.each().next() {
            Some(Place::Header(name, prefix, _)) => add(name, format!("{prefix} {token}").trim_start().to_owned()),
            Some(Place::Subprotocol(protocol)) => add(TokenPlaces::WEBSOCKET_HEADER, protocol.with(token)),
            Some(Place::QueryParameter(name)) => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                request.target = format!("/?{}", query.append_pair(name, token).finish());
            }
            Some(Place::Cookie(name)) => add("cookie", format!("{name}={token}")),
            Some(Place::SplitCookie(split)) => add("cookie", split.with(token)),
            None => {}
        }
        request
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path to show: without the query, in which a token may stand, and without what looks like one in the path.
    pub(super) fn path_alone(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        // What every JSON object begins with in base64.
        let without_token =
            |part: &str| part.find("eyJ").and_then(|at| part.get(..at)).map(|start| format!("{start}…"));
        let parts: Vec<String> = path.split('/').map(|part| without_token(part).unwrap_or(part.to_owned())).collect();
        parts.join("/")
    }
}

/// The path and query of a URL, or of what stands for one.
pub(super) fn target_of(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let target = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default(),
        None if url.starts_with(['/', '?', '*']) => url,
        None => url.find(['/', '?']).and_then(|at| url.get(at..)).unwrap_or_default(),
    };
    if target.starts_with(['/', '*']) { target.to_owned() } else { format!("/{target}") }
}

/// Scheme and authority of a URL; `curl` takes one without a scheme for one of `http`.
pub(super) fn origin_of(url: &str) -> (Option<String>, Option<String>) {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if url.starts_with(['/', '?', '*']) => return (None, None),
        None => ("http".to_owned(), url),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (_, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
    (Some(scheme), Some(authority.to_owned()))
}

impl Request for GivenRequest {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.method.as_bytes().into())
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.target.as_bytes().into())
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.header_values(name).into_iter().next()
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        match name {
            // What comes over plain HTTP is seldom asked about.
            ":scheme" => return vec![self.scheme.as_deref().unwrap_or("https").as_bytes().into()],
            ":authority" => {
                let authority = self.values("host").next().or(self.authority.as_deref());
                return authority.into_iter().map(|authority| authority.as_bytes().into()).collect();
            }
            _ => {}
        }
        let values: Vec<&str> = self.values(name).collect();
        // Envoy joins several of this one into one, without those that are empty.
        if values.len() > 1 && name.eq_ignore_ascii_case("authorization") {
            let joined = values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join(",");
            return vec![joined.into_bytes().into()];
        }
        values.into_iter().map(|value| value.as_bytes().into()).collect()
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.route.clone().map(String::into_bytes)
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.cluster.clone().map(String::into_bytes)
    }

    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        self.certificate.clone().map(String::into_bytes)
    }
}

impl RequestHeaders for GivenRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        self.remove_header(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self.set.push((name.to_owned(), value.to_owned()));
        true
    }

    fn remove_header(&mut self, name: &str) -> bool {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        true
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        // The filter adds back what it has left of a header, which was text before.
        self.headers.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
        true
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        self.target = String::from_utf8_lossy(path).into_owned();
        true
    }
}

//! What the filter asks of the host about a request, and has it do.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
    time::Duration,
};

use log::{error, info, warn};

use super::{
    abi::{self, Action, MapType, MetricType, Status},
    header_map::HeaderMap,
};
use crate::{
    config::HostCryptoUse,
    crypto::{Algorithm, BuiltIn, CryptoHost, HostCrypto, Key, Prepared, Verifier},
    reply::Reply,
    request::{Protocol, Request, RequestHeaders},
    token::Timestamp,
};

/// The request that the host is calling about, with its headers as they stood when it was taken up.
pub(super) struct HostRequest {
    headers: Headers,
    declined: OnceCell<Status>,
}

/// Where the headers of a request come from.
enum Headers {
    /// All of them, fetched with one call.
    All(HeaderMap),
    /// The host is asked for each by its name: some hosts hand over a part of them only, and tell nobody.
    ByName,
}

impl HostRequest {
    /// The request that the host is calling about.
    pub(super) fn current(is_in_envoy: bool) -> Self {
        let mut declined = OnceCell::new();
        let headers = if is_in_envoy {
            Headers::All(HeaderMap::of_request().unwrap_or_else(|status| {
                declined = OnceCell::from(status);
                HeaderMap::default()
            }))
        } else {
            Headers::ByName
        };
        Self { headers, declined }
    }

    /// The status with which the host declined something that was asked of it about the request, if it did. What was
    /// decided in spite of it counts for nothing: a header that the host would not tell is not a header that is not there.
    pub(super) fn declined(&self) -> Option<Status> {
        self.declined.get().copied()
    }

    /// What a call gave; that it was declined is kept.
    fn noted<T>(&self, result: Result<Option<T>, Status>) -> Option<T> {
        result.unwrap_or_else(|status| {
            self.declined.get_or_init(|| status);
            None
        })
    }

    fn by_name(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.noted(abi::header(MapType::RequestHeaders, name)).map(Cow::Owned)
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.noted(match abi::property(path) {
            Err(Status::NOT_FOUND) => Ok(None),
            result => result.map(Some),
        })
    }
}

impl Request for HostRequest {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match &self.headers {
            Headers::All(headers) => headers.values(name).next().map(Cow::Borrowed),
            Headers::ByName => self.by_name(name),
        }
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        match &self.headers {
            Headers::All(headers) => headers.values(name).map(Cow::Borrowed).collect(),
            Headers::ByName => self.by_name(name).into_iter().collect(),
        }
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        self.property(&["xds", "route_name"])
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        self.property(&["xds", "cluster_name"])
    }

    /// Only Envoy has it; any other host may trap.
    fn peer_certificate_digest(&self) -> Option<Vec<u8>> {
        let is_in_envoy = matches!(self.headers, Headers::All(_));
        is_in_envoy.then(|| self.property(&["connection", "sha256_peer_certificate_digest"])).flatten()
    }
}

impl RequestHeaders for HostRequest {
    fn set_header(&mut self, name: &str, value: &str) -> bool {
        abi::set_header(MapType::RequestHeaders, name, value.as_bytes()).is_ok()
    }

    /// Only Envoy is trusted to remove a header, and to say so when it has not.
    fn remove_header(&mut self, name: &str) -> bool {
        matches!(self.headers, Headers::All(_))
            && abi::remove_header(MapType::RequestHeaders, name).is_ok()
            && abi::header(MapType::RequestHeaders, name) == Ok(None)
    }

    fn add_header(&mut self, name: &str, value: &[u8]) -> bool {
        abi::add_header(MapType::RequestHeaders, name, value).is_ok()
    }

    /// Only Envoy is trusted to send the path upstream that it is told.
    fn set_path(&mut self, path: &[u8]) -> bool {
        matches!(self.headers, Headers::All(_))
            && abi::set_header(MapType::RequestHeaders, ":path", path).is_ok()
            && abi::header(MapType::RequestHeaders, ":path").is_ok_and(|left| left.as_deref() == Some(path))
    }
}

/// Removes every occurrence of a field from the trailers of the request that the host is calling about.
pub(super) fn remove_trailer(name: &str) {
    _ = abi::remove_header(MapType::RequestTrailers, name);
}

/// The address of the client, as far as the host knows it.
pub(super) fn client_address() -> Option<Vec<u8>> {
    abi::property(&["source", "address"]).ok()
}

/// Whether the host is Envoy, which names itself as a node of a mesh. While it only validates a configuration it has no name
/// yet; some other host might say "yes" to everything, but not to what does not exist.
pub(super) fn is_envoy() -> bool {
    match abi::property(&["xds", "node", "user_agent_name"]) {
        Ok(name) if name.is_empty() => abi::property(&["jwt_auth", "nothing"]) == Err(Status::NOT_FOUND),
        Ok(name) => name == b"envoy",
        Err(_) => false,
    }
}

/// How often the host calls a plugin, as far as it was asked to.
#[derive(Default)]
pub(super) struct Ticker {
    period: Cell<Duration>,
}

impl Ticker {
    /// Asks for another period. Outside Envoy only the first one counts: some hosts end a module that asks twice.
    pub(super) fn set(&self, period: Duration, is_in_envoy: bool) {
        let present = self.period.get();
        if present != period && (is_in_envoy || present.is_zero()) && abi::set_tick_period(period).is_ok() {
            self.period.set(period);
        }
    }
}

/// Tells Envoy to choose the route again; any other host may trap.
pub(super) fn clear_route_cache() {
    _ = abi::call_foreign_function("clear_route_cache", &[]);
}

/// Puts a value where access logs and other filters find it, `wasm.NAME` of Envoy's filter state.
pub(super) fn set_filter_state(name: &str, value: &str) {
    _ = abi::set_property(name, value.as_bytes());
}

/// The host's clock. Without it every token has expired.
pub(super) fn now() -> Timestamp {
    abi::now().map_or(Timestamp::MAX, |since_epoch| since_epoch.as_secs())
}

/// Answers the request here. To a gRPC request Envoy says it in gRPC's way.
pub(super) fn refuse(reply: &Reply) -> Action {
    let content_type = abi::header(MapType::RequestHeaders, "content-type").ok().flatten();
    let protocol = Protocol::of(content_type.as_deref());
    let (headers, content) = (reply.headers(protocol), reply.content(protocol));
    if let Err(status) = abi::send_local_response(reply.status, &headers, content.as_bytes()) {
        error!("the host does not send the answer to a refused request, {status}; the request is held");
    }
    Action::Pause
}

/// Lets the request go on that was paused.
pub(super) fn resume() {
    if let Err(status) = abi::continue_request() {
        error!("the host does not continue a request that has waited, {status}");
    }
}

/// What checks signatures, as the configuration's `host_crypto` says.
pub(super) enum HostVerifier {
    Auto(HostCrypto<Host>),
    Off(BuiltIn),
}

impl HostVerifier {
    pub(super) fn new(host_crypto: HostCryptoUse, is_in_envoy: bool) -> Self {
        match host_crypto {
            HostCryptoUse::Auto => Self::Auto(HostCrypto::new(Host::new(is_in_envoy))),
            HostCryptoUse::Off => {
                announce(&[]);
                Self::Off(BuiltIn)
            }
        }
    }
}

impl Verifier for HostVerifier {
    fn verify(&self, key: &Key, prepared: &Prepared, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Auto(verifier) => verifier.verify(key, prepared, algorithm, message, signature),
            Self::Off(verifier) => verifier.verify(key, prepared, algorithm, message, signature),
        }
    }
}

/// The host's cryptography.
pub(super) struct Host {
    is_in_envoy: bool,
    fallbacks: Option<u32>,
}

impl Host {
    fn new(is_in_envoy: bool) -> Self {
        Self { is_in_envoy, fallbacks: abi::define_metric(MetricType::Counter, "jwt_auth.host_crypto_fallbacks").ok() }
    }
}

impl CryptoHost for Host {
    fn is_envoy(&self) -> bool {
        self.is_in_envoy
    }

    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        abi::call_foreign_function("verify_signature", arguments).ok()
    }

    fn tried(&self, by_host: &[Algorithm]) {
        announce(by_host);
    }

    fn fell_back(&self) {
        warn!("the host could not verify a signature; it was verified in this module");
        _ = self.fallbacks.map(|number| abi::increment_metric(number, 1));
    }
}

/// Tells operators, once a worker, which algorithm is verified where.
fn announce(by_host: &[Algorithm]) {
    let names: Vec<&str> = by_host.iter().map(|algorithm| algorithm.name()).collect();
    match names.as_slice() {
        [] => info!("signatures: all algorithms are verified in this module"),
        names => info!("signatures: {} are verified by the host, all others in this module", names.join(", ")),
    }
}

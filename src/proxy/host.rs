//! The calls to the host. Values are octets everywhere: the text variants of the SDK panic on what is not UTF-8.

use std::{borrow::Cow, time::UNIX_EPOCH};

use log::{info, warn};
use proxy_wasm::{
    hostcalls,
    types::{Action, MapType, MetricType},
};

use super::header_map::HeaderMap;
use crate::{
    config::HostCryptoUse,
    crypto::{Algorithm, BuiltIn, CryptoHost, HostCrypto, Key, Verifier},
    reply::Reply,
    request::{Request, RequestHeaders},
    token::Timestamp,
};

/// The request that the host is calling about, with its headers as they stood when it was taken up.
pub(super) struct HostRequest {
    headers: HeaderMap,
}

impl HostRequest {
    pub(super) fn current() -> Self {
        Self { headers: HeaderMap::of_request() }
    }
}

impl Request for HostRequest {
    fn method(&self) -> Option<Cow<'_, [u8]>> {
        self.header(":method")
    }

    fn path(&self) -> Option<Cow<'_, [u8]>> {
        self.header(":path")
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.headers.values(name).next().map(Cow::Borrowed)
    }

    fn header_values(&self, name: &str) -> Vec<Cow<'_, [u8]>> {
        self.headers.values(name).map(Cow::Borrowed).collect()
    }

    fn cookies(&self) -> Option<Cow<'_, [u8]>> {
        let mut values = self.headers.values("cookie");
        let first = values.next()?;
        let others: Vec<&[u8]> = values.collect();
        Some(if others.is_empty() {
            Cow::Borrowed(first)
        } else {
            Cow::Owned([&[first], others.as_slice()].concat().join(b"; ".as_slice()))
        })
    }

    fn route_name(&self) -> Option<Vec<u8>> {
        property(&["xds", "route_name"])
    }

    fn cluster_name(&self) -> Option<Vec<u8>> {
        property(&["xds", "cluster_name"])
    }
}

impl RequestHeaders for HostRequest {
    fn set_header(&mut self, name: &str, value: &str) {
        _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value.as_bytes()));
    }

    fn remove_header(&mut self, name: &str) -> bool {
        _ = hostcalls::remove_map_value(MapType::HttpRequestHeaders, name);
        matches!(hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name), Ok(None))
    }

    fn add_header(&mut self, name: &str, value: &[u8]) {
        _ = hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value);
    }

    fn set_path(&mut self, path: &[u8]) -> bool {
        _ = hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, ":path", Some(path));
        let left = hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, ":path").ok().flatten();
        left.is_some_and(|left| left == path)
    }
}

/// Removes every occurrence of a field from the trailers of the request that the host is calling about.
pub(super) fn remove_trailer(name: &str) {
    _ = hostcalls::remove_map_value(MapType::HttpRequestTrailers, name);
}

/// The address of the client, as far as the host knows it.
pub(super) fn client_address() -> Option<Vec<u8>> {
    property(&["source", "address"])
}

fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Whether the host is Envoy. Every listener of it has a direction, and no other host has `xds`.
pub(super) fn is_envoy() -> bool {
    property(&["xds", "listener_direction"]).is_some()
}

/// Tells Envoy to choose the route again; any other host may trap.
pub(super) fn clear_route_cache() {
    _ = hostcalls::call_foreign_function("clear_route_cache", None);
}

/// Puts a value where access logs and other filters find it, `wasm.NAME` of Envoy's filter state.
pub(super) fn set_filter_state(name: &str, value: &str) {
    // The key is one element for Envoy. Other hosts refuse it, and the SDK's method would panic on that.
    _ = hostcalls::set_property(vec![name], Some(value.as_bytes()));
}

/// The host's clock. Without it every token has expired.
pub(super) fn now() -> Timestamp {
    let since_epoch = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    since_epoch.map_or(Timestamp::MAX, |now| now.as_secs())
}

/// Answers the request here. To a gRPC request Envoy says it in gRPC's way.
pub(super) fn refuse(reply: &Reply) -> Action {
    let mut headers = vec![("content-type", reply.content_type.as_ref())];
    let retry_after = reply.retry_after.map(|seconds| seconds.to_string());
    headers.extend(retry_after.as_deref().map(|seconds| ("retry-after", seconds)));
    headers.extend(reply.www_authenticate.as_deref().map(|challenge| ("www-authenticate", challenge)));
    _ = hostcalls::send_http_response(u32::from(reply.status), headers, Some(reply.body.as_bytes()));
    Action::Pause
}

/// Lets the request go on that was paused.
pub(super) fn resume() {
    _ = hostcalls::resume_http_request();
}

/// What checks signatures, as the configuration's `host_crypto` says.
pub(super) enum HostVerifier {
    Auto(HostCrypto<Host>),
    Off(BuiltIn),
}

impl HostVerifier {
    pub(super) fn new(host_crypto: HostCryptoUse) -> Self {
        match host_crypto {
            HostCryptoUse::Auto => Self::Auto(HostCrypto::new(Host::new())),
            HostCryptoUse::Off => {
                announce(&[]);
                Self::Off(BuiltIn)
            }
        }
    }
}

impl Verifier for HostVerifier {
    fn verify(&self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Auto(verifier) => verifier.verify(key, algorithm, message, signature),
            Self::Off(verifier) => verifier.verify(key, algorithm, message, signature),
        }
    }
}

/// The host's cryptography.
pub(super) struct Host {
    fallbacks: Option<u32>,
}

impl Host {
    fn new() -> Self {
        Self { fallbacks: hostcalls::define_metric(MetricType::Counter, "jwt_auth.host_crypto_fallbacks").ok() }
    }
}

impl CryptoHost for Host {
    fn is_envoy(&self) -> bool {
        is_envoy()
    }

    fn verify_signature(&self, arguments: &[u8]) -> Option<Vec<u8>> {
        hostcalls::call_foreign_function("verify_signature", Some(arguments)).ok().flatten()
    }

    fn tried(&self, by_host: &[Algorithm]) {
        announce(by_host);
    }

    fn fell_back(&self) {
        warn!("the host could not verify a signature; it was verified in this module");
        _ = self.fallbacks.map(|id| hostcalls::increment_metric(id, 1));
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

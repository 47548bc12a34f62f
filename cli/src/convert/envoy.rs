//! The Envoy configuration as a whole: a listener with the filter and the routes, and a cluster for each service.

use std::net::{IpAddr, SocketAddr};

use super::{
    envoy_cors,
    envoy_routes::{otherwise, routes, seconds},
    gateway::{Balancing, Gateway, KongService, Target},
    route_policy::Policies,
    yaml_output::{Yaml, map, some, texts},
};
use crate::hosts::{FilterModule, envoy_filter, typed};

/// What is known beside the gateway's configuration: where Envoy listens, and which module it loads.
pub(super) struct EnvoySetup {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub module: FilterModule,
    /// Which Ingresses are for the gateway.
    pub ingress_class: String,
}

/// The longest body of an answer of its own that Envoy takes unless it is told otherwise, in bytes.
const DIRECT_BODY: u64 = 4096;

/// The configuration that Envoy starts with.
pub(super) fn bootstrap(gateway: &Gateway, policies: Policies, no_route: &str, setup: &EnvoySetup) -> Yaml {
    let mut routes = routes(gateway, &policies.access, no_route);
    routes.push(otherwise(no_route));
    let clusters = gateway.services.iter().filter(|service| service.enabled);
    map([
        ("admin", Some(map([("address", Some(socket(setup.admin)))]))),
        ("layered_runtime", runtime(&setup.module)),
        (
            "static_resources",
            Some(map([
                ("listeners", some(vec![listener(routes, policies, setup)])),
                ("clusters", some(clusters.map(|service| cluster(gateway, service)).collect::<Vec<_>>())),
            ])),
        ),
    ])
}

/// Has Envoy give Prometheus the counters of a dynamic module under the names that those of a Wasm module have.
fn runtime(module: &FilterModule) -> Option<Yaml> {
    const FLAG: &str = "envoy.reloadable_features.dynamic_modules_strip_custom_stat_prefix";

    let FilterModule::Native = module else { return None };
    let layer = map([("name", some("names-of-counters")), ("static_layer", Some(map([(FLAG, some(true))])))]);
    // Which Envoy has by itself as long as it is told of none.
    let admin = map([("name", some("admin")), ("admin_layer", Some(map([])))]);
    Some(map([("layers", some(vec![layer, admin]))]))
}

fn socket(address: SocketAddr) -> Yaml {
    address_of(&address.ip().to_string(), address.port())
}

fn address_of(host: &str, port: u16) -> Yaml {
    let socket = map([("address", some(host)), ("port_value", some(u64::from(port)))]);
    map([("socket_address", Some(socket))])
}

fn listener(routes: Vec<Yaml>, policies: Policies, setup: &EnvoySetup) -> Yaml {
    let has_cors = policies.access.iter().any(|access| access.cors.is_some() && access.answer.is_none());
    let longest = policies.access.iter().filter_map(|access| Some(access.answer.as_ref()?.body.len())).max();
    let virtual_host =
        map([("name", some("gateway")), ("domains", Some(texts(["*"]))), ("routes", Some(Yaml::List(routes)))]);
    let longest = longest.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > DIRECT_BODY);
    let route_config = map([
        ("max_direct_response_body_size_bytes", longest.map(Yaml::from)),
        ("virtual_hosts", some(vec![virtual_host])),
    ]);
    let router = map([
        ("name", some("envoy.filters.http.router")),
        ("typed_config", Some(typed("envoy.extensions.filters.http.router.v3.Router", map([])))),
    ]);
    // Before the filter, so that preflight requests need no token.
    let cors = has_cors
        .then(|| map([("name", some(envoy_cors::NAME)), ("typed_config", Some(typed(envoy_cors::MESSAGE, map([]))))]));
    let filters: Vec<Yaml> = cors.into_iter().chain([envoy_filter(policies.plugin, &setup.module), router]).collect();
    let manager = map([
        ("stat_prefix", some("http")),
        ("use_remote_address", some(true)),
        ("normalize_path", some(true)),
        ("merge_slashes", some(true)),
        // No client may send X_Consumer_Username, which many a service takes for X-Consumer-Username.
        ("common_http_protocol_options", Some(map([("headers_with_underscores_action", some("REJECT_REQUEST"))]))),
        ("upgrade_configs", some(vec![map([("upgrade_type", some("websocket"))])])),
        ("route_config", Some(route_config)),
        ("http_filters", some(filters)),
    ]);
    let manager = typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", manager);
    let manager =
        map([("name", some("envoy.filters.network.http_connection_manager")), ("typed_config", Some(manager))]);
    map([
        ("name", some("http")),
        ("address", Some(socket(setup.listen))),
        // What Envoy keeps of a body whose request waits for a key set, or whose service is slow.
        ("per_connection_buffer_limit_bytes", some(32768_u64)),
        ("filter_chains", some(vec![map([("filters", some(vec![manager]))])])),
    ])
}

fn cluster(gateway: &Gateway, service: &KongService) -> Yaml {
    let upstream = gateway.upstream_of(service);
    let own = [Target { host: service.host.clone(), port: service.port, weight: 1 }];
    let targets = upstream.map_or(own.as_slice(), |upstream| upstream.targets.as_slice());
    let all_addresses = targets.iter().all(|target| target.host.parse::<IpAddr>().is_ok());
    let least = upstream.is_some_and(|upstream| upstream.balancing == Balancing::LeastConnections);
    let endpoints = targets.iter().map(|target| endpoint(target, upstream.is_some())).collect::<Vec<_>>();
    map([
        ("name", some(service.name.as_str())),
        ("connect_timeout", some(seconds(service.connect_timeout))),
        ("type", some(if all_addresses { "STATIC" } else { "STRICT_DNS" })),
        ("dns_lookup_family", (!all_addresses).then(|| "ALL".into())),
        ("lb_policy", least.then(|| "LEAST_REQUEST".into())),
        (
            "load_assignment",
            Some(map([
                ("cluster_name", some(service.name.as_str())),
                ("endpoints", some(vec![map([("lb_endpoints", some(endpoints))])])),
            ])),
        ),
        ("typed_extension_protocol_options", protocol(service)),
        ("transport_socket", service.scheme.tls.then(|| transport(service))),
    ])
}

fn endpoint(target: &Target, is_one_of_several: bool) -> Yaml {
    let authority =
        if matches!(target.port, 80 | 443) { target.host.clone() } else { format!("{}:{}", target.host, target.port) };
    let endpoint = map([
        ("address", Some(address_of(&target.host, target.port))),
        // What `auto_host_rewrite` makes the Host of.
        ("hostname", is_one_of_several.then(|| authority.into())),
    ]);
    map([("endpoint", Some(endpoint)), ("load_balancing_weight", is_one_of_several.then(|| target.weight.into()))])
}

/// HTTP/2 for gRPC; and with TLS the name that is asked for is the request's `Host`, as the gateway does it.
fn protocol(service: &KongService) -> Option<Yaml> {
    const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    let scheme = service.scheme;
    if !scheme.grpc && !scheme.tls {
        return None;
    }
    let version = if scheme.grpc { "http2_protocol_options" } else { "http_protocol_options" };
    let upstream = map([("auto_sni", some(true)), ("auto_san_validation", service.tls_verify.then_some(true.into()))]);
    let options = map([
        ("upstream_http_protocol_options", scheme.tls.then_some(upstream)),
        ("explicit_http_config", Some(map([(version, Some(map([])))]))),
    ]);
    Some(map([(NAME, Some(typed(NAME, options)))]))
}

fn transport(service: &KongService) -> Yaml {
    let roots = map([("validation_context", Some(map([("system_root_certs", Some(map([])))])))]);
    let context = map([("common_tls_context", service.tls_verify.then_some(roots))]);
    let context = typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", context);
    map([("name", some("envoy.transport_sockets.tls")), ("typed_config", Some(context))])
}

//! The filter with its configuration, as each host takes it.

use crate::yaml_output::{Yaml, map, some};

/// The filter's module.
pub(crate) enum FilterModule {
    /// The Wasm file of this name.
    Wasm(String),
    /// The dynamic module, which Envoy finds by its name.
    Native,
}

/// A message in a `google.protobuf.Any`.
pub(crate) fn typed(kind: &str, members: Yaml) -> Yaml {
    let Yaml::Map(members) = members else { return members };
    let kind = ("@type".to_owned(), format!("type.googleapis.com/{kind}").into());
    Yaml::Map([kind].into_iter().chain(members).collect())
}

/// An HTTP filter of Envoy.
pub(crate) fn envoy_filter(plugin: Yaml, module: &FilterModule) -> Yaml {
    let configuration = typed("google.protobuf.Struct", map([("value", Some(plugin))]));
    let filter = match module {
        FilterModule::Wasm(file) => wasm(configuration, file),
        FilterModule::Native => dynamic_module(configuration),
    };
    map([("name", some("jwt_auth")), ("typed_config", Some(filter))])
}

fn dynamic_module(configuration: Yaml) -> Yaml {
    // It has a thread and per-thread memory of its own while key sets are fetched, so it stays loaded.
    let module = map([("name", some("jwt_auth")), ("do_not_close", some(true))]);
    let filter = map([
        ("dynamic_module_config", Some(module)),
        ("filter_name", some("jwt_auth")),
        ("filter_config", Some(configuration)),
    ]);
    typed("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter", filter)
}

fn wasm(configuration: Yaml, module: &str) -> Yaml {
    let code = map([("local", Some(map([("filename", some(module))])))]);
    let config = map([
        ("name", some("jwt_auth")),
        ("root_id", some("jwt_auth")),
        ("failure_policy", some("FAIL_RELOAD")),
        (
            "vm_config",
            Some(map([
                // Plugins of one vm_id share memory: without one, any other plugin could replace an issuer's keys.
                ("vm_id", some("jwt_auth")),
                ("runtime", some("envoy.wasm.runtime.v8")),
                ("code", Some(code)),
            ])),
        ),
        ("configuration", Some(configuration)),
    ]);
    typed("envoy.extensions.filters.http.wasm.v3.Wasm", map([("config", Some(config))]))
}

/// The image that `make image` writes, in a registry.
const IMAGE: &str = concat!("registry.example.com/jwt-auth:", env!("CARGO_PKG_VERSION"));

/// A resource of Istio, for its ingress gateway.
pub(crate) fn wasm_plugin(plugin: Yaml) -> Yaml {
    let gateway = map([("matchLabels", Some(map([("istio", some("ingressgateway"))])))]);
    let spec = map([
        ("selector", Some(gateway)),
        ("url", some(format!("oci://{IMAGE}"))),
        ("phase", some("AUTHN")),
        ("pluginName", some("jwt_auth")),
        ("failStrategy", some("FAIL_RELOAD")),
        ("pluginConfig", Some(plugin)),
    ]);
    resource("extensions.istio.io/v1alpha1", "WasmPlugin", "istio-system", spec)
}

/// A resource of Envoy Gateway, for one Gateway.
pub(crate) fn extension_policy(plugin: Yaml) -> Yaml {
    let gateway = map([("group", some("gateway.networking.k8s.io")), ("kind", some("Gateway")), ("name", some("eg"))]);
    let code = map([("type", some("Image")), ("image", Some(map([("url", some(IMAGE))])))]);
    let wasm = map([
        ("name", some("jwt_auth")),
        ("rootID", some("jwt_auth")),
        ("code", Some(code)),
        ("failOpen", some(false)),
        ("config", Some(plugin)),
    ]);
    let spec = map([("targetRefs", some(vec![gateway])), ("wasm", some(vec![wasm]))]);
    resource("gateway.envoyproxy.io/v1alpha1", "EnvoyExtensionPolicy", "default", spec)
}

/// A resource of Kubernetes.
fn resource(version: &str, kind: &str, namespace: &str, spec: Yaml) -> Yaml {
    map([
        ("apiVersion", some(version)),
        ("kind", some(kind)),
        ("metadata", Some(map([("name", some("jwt-auth")), ("namespace", some(namespace))]))),
        ("spec", Some(spec)),
    ])
}

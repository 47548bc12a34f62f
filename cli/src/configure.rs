//! A configuration for one consumer with one credential, out of what a person fills in.
//!
//! Nothing is judged here: the result is read by [`check`](crate::check) like any other.

use serde_json::Value;

use crate::{
    hosts::{FilterModule, envoy_filter, extension_policy, wasm_plugin},
    yaml_output::{Yaml, map, some, texts},
};

/// Where the configuration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A file of its own, as the filter reads it.
    Plugin,
    /// An entry of Envoy's `http_filters`.
    Envoy,
    /// A WasmPlugin of Istio.
    Istio,
    /// An EnvoyExtensionPolicy of Envoy Gateway.
    EnvoyGateway,
}

/// What a person fills in. What is empty is left out.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// The claim that names the credential; empty for `iss`.
    pub key_claim_name: String,
    /// The claims to verify.
    pub claims_to_verify: Vec<String>,
    /// Whom the tokens must be for.
    pub audiences: Vec<String>,
    /// Whether no token is looked for in the query.
    pub not_in_query: bool,
    /// Whether secrets are in base64.
    pub secret_is_base64: bool,
    /// The consumer.
    pub username: String,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// The value of the key claim.
    pub key: String,
    /// The algorithm; empty for what the filter takes then.
    pub algorithm: String,
    /// What verifies.
    pub verifier: Verifier,
}

/// What the credential's tokens are verified with.
#[derive(Debug, Clone, Default)]
pub enum Verifier {
    /// Nothing yet.
    #[default]
    None,
    /// A secret.
    Secret(String),
    /// A public key in PEM.
    PublicKey(String),
    /// A public key as a JWK.
    Jwk(Value),
    /// A key set.
    KeySet(Value),
    /// The issuer's own key set, fetched from where this field says: `remote_jwks` or `discovery`.
    Fetched {
        /// The field.
        field: &'static str,
        /// The address.
        uri: String,
        /// Envoy's cluster that reaches it.
        cluster: String,
    },
}

impl Form {
    /// The configuration for a host, as a document of YAML.
    pub fn yaml(&self, host: Host) -> String {
        let plugin = self.plugin();
        match host {
            Host::Plugin => plugin,
            Host::Envoy => {
                Yaml::List(vec![envoy_filter(plugin, &FilterModule::Wasm("/etc/envoy/jwt-auth.wasm".to_owned()))])
            }
            Host::Istio => wasm_plugin(plugin),
            Host::EnvoyGateway => extension_policy(plugin),
        }
        .to_string()
        .trim_start()
        .to_owned()
    }

    fn plugin(&self) -> Yaml {
        let consumer = map([
            ("username", given(&self.username)),
            ("groups", list(&self.groups)),
            ("jwt_secrets", some(vec![credential(&self.key, &self.algorithm, &self.verifier)])),
        ]);
        map([
            ("key_claim_name", given(&self.key_claim_name)),
            ("claims_to_verify", list(&self.claims_to_verify)),
            ("audiences", list(&self.audiences)),
            // Groups count, and are told upstream, where they are asked for.
            ("allow", list(&self.groups)),
            ("uri_param_names", self.not_in_query.then(|| Yaml::List(Vec::new()))),
            ("secret_is_base64", self.secret_is_base64.then_some(true.into())),
            ("consumers", some(vec![consumer])),
        ])
    }
}

/// A credential: the value of the key claim, the algorithm, and what verifies. What is empty is left out.
pub(crate) fn credential(key: &str, algorithm: &str, verifier: &Verifier) -> Yaml {
    let verifier = match verifier {
        Verifier::None => None,
        Verifier::Secret(secret) => Some(("secret", secret.as_str().into())),
        Verifier::PublicKey(pem) => Some(("rsa_public_key", format!("{}\n", pem.trim()).into())),
        Verifier::Jwk(jwk) => Some(("rsa_public_key", of_json(jwk))),
        Verifier::KeySet(set) => Some(("jwks", of_json(set))),
        Verifier::Fetched { field, uri, cluster } => {
            Some((*field, map([("uri", given(uri)), ("cluster", given(cluster))])))
        }
    };
    let Yaml::Map(mut members) = map([("key", given(key)), ("algorithm", given(algorithm))]) else {
        return Yaml::Map(Vec::new());
    };
    members.extend(verifier.map(|(name, value)| (name.to_owned(), value)));
    Yaml::Map(members)
}

fn given(text: &str) -> Option<Yaml> {
    (!text.is_empty()).then(|| text.into())
}

fn list(items: &[String]) -> Option<Yaml> {
    (!items.is_empty()).then(|| texts(items))
}

/// The JSON of a key or a set. Nothing in one is asked for that is a number, and `null` is the same as no member.
pub(crate) fn of_json(json: &Value) -> Yaml {
    match json {
        Value::Bool(flag) => Yaml::Flag(*flag),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => Yaml::List(items.iter().map(of_json).collect()),
        Value::Object(members) => {
            let given = members.iter().filter(|(_, value)| !value.is_null());
            Yaml::Map(given.map(|(name, value)| (name.clone(), of_json(value))).collect())
        }
        Value::Null | Value::Number(_) => json.to_string().into(),
    }
}

//! The native edition of jwt-auth-filter: the same core as an HTTP filter that Envoy loads into its own process, a dynamic
//! module (`envoy.filters.http.dynamic_modules`).
//!
//! [`hooks`] are what Envoy calls, [`abi`] what is called of Envoy. A [`plugin`] is a configuration, shared by all workers; a
//! [`worker`] is what one thread keeps for it; an [`exchange`] is one request.

#[allow(unsafe_code, reason = "calls of functions of Envoy's")]
mod abi;
mod calls;
mod exchange;
#[cfg(test)]
#[allow(unsafe_code, reason = "it stands in for Envoy")]
mod fake_envoy;
#[allow(unsafe_code, reason = "functions that Envoy calls, with pointers that it keeps for this module")]
mod hooks;
mod key_sets;
mod logger;
mod metrics;
mod plugin;
mod proofs;
mod request;
mod routes;
mod shared_memory;
mod worker;

//! The filter at its proxy: the only module that knows the proxy-wasm ABI.

#![allow(unsafe_code, reason = "abi declares the host's functions, and exports those that the host calls")]

mod abi;
mod exchange;
mod exports;
mod header_map;
mod host;
mod key_sets;
mod logger;
mod metrics;
mod plugin;
mod proofs;
mod worker;

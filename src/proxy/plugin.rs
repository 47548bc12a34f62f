//! A plugin on a worker thread of the host: its configuration, and what is due in it now and then.

use std::{cell::RefCell, rc::Rc};

use log::{error, info, warn};

use super::{
    abi::{self, BufferType},
    host::{self, Ticker},
    logger,
    worker::Worker,
};
use crate::config::Config;

/// A plugin, configured or not.
pub(super) struct Plugin {
    id: u32,
    worker: RefCell<Option<Rc<Worker>>>,
    ticker: Rc<Ticker>,
}

impl Plugin {
    pub(super) fn new(id: u32) -> Self {
        Self { id, worker: RefCell::default(), ticker: Rc::default() }
    }

    /// What works by the configuration that is in force.
    pub(super) fn worker(&self) -> Option<Rc<Worker>> {
        self.worker.borrow().clone()
    }

    /// Takes the configuration, of so many octets; whether it is one.
    pub(super) fn configure(&self, size: usize) -> bool {
        logger::learn_level();
        let bytes = match abi::buffer(BufferType::PluginConfiguration, size) {
            Ok(bytes) => bytes,
            Err(status) => {
                error!("configuration refused: the host does not hand it over, {status}");
                return false;
            }
        };
        let faults = match Config::parse(&bytes) {
            Ok(config) => {
                let is_in_envoy = host::is_envoy();
                let mut lacking = if is_in_envoy { Vec::new() } else { needs_of_envoy(&config) };
                if config.writes_dynamic_metadata() {
                    lacking
                        .push("dynamic_metadata requires the native edition: no Wasm filter can write it".to_owned());
                }
                if lacking.is_empty() {
                    self.put_in_force(config, is_in_envoy);
                    return true;
                }
                lacking
            }
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        faults.iter().for_each(|fault| error!("{fault}"));
        error!("configuration refused: {} faults", faults.len());
        false
    }

    fn put_in_force(&self, config: Config, is_in_envoy: bool) {
        if config.credentials.is_empty() {
            warn!("no consumer has a credential: no token will be accepted");
        }
        config.warnings.iter().for_each(|warning| warn!("{warning}"));
        info!("configured with {} credential keys", config.credentials.len());
        self.end();
        *self.worker.borrow_mut() = Some(Rc::new(Worker::new(self.id, config, is_in_envoy, Rc::clone(&self.ticker))));
    }

    /// Does what is due.
    pub(super) fn tick(&self) {
        logger::learn_level();
        if let Some(worker) = self.worker() {
            worker.tick();
        }
    }

    /// Takes the answer to a request of its own.
    pub(super) fn answered(&self, call: u32, headers: usize, body_size: usize) {
        if let Some(worker) = self.worker() {
            worker.key_sets().answered(call, headers, body_size);
            worker.wake();
        }
    }

    /// Ends what the configuration in force has under way.
    pub(super) fn end(&self) {
        let replaced = self.worker.borrow_mut().take();
        if let Some(replaced) = replaced {
            replaced.end();
        }
    }
}

/// What a configuration asks for that only Envoy is known to do. To do without would let through what is to be refused.
fn needs_of_envoy(config: &Config) -> Vec<String> {
    let mut needs = Vec::new();
    if !config.rules.is_empty() {
        needs.push("rules require Envoy: this host exposes no route name".to_owned());
    }
    if config.takes_dpop() {
        needs.push("dpop requires Envoy: this host may not keep which proofs were used".to_owned());
    }
    if config.policies().any(|policy| policy.sender.reads_header()) {
        needs.push(
            "client_certificate_from requires Envoy: this host shows the filter one of several headers of a name"
                .to_owned(),
        );
    }
    for (field, is_set) in [
        ("hide_credentials", config.policies().any(|policy| policy.forwarding.hide_credentials)),
        ("first_valid", config.policies().any(|policy| policy.token_places.first_valid)),
    ] {
        if is_set {
            needs.push(format!("{field} requires Envoy: this host may keep a header that the filter has removed"));
        }
    }
    needs
}

//! The filter at its proxy: the only module that names proxy-wasm.

#![allow(unsafe_code, reason = "proxy_wasm::main! exports a function, and header_map calls the host itself")]

mod header_map;
mod host;
mod key_sets;
mod log;
mod metrics;
mod worker;

use std::{rc::Rc, time::Duration};

use ::log::{error, info, warn};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

use self::worker::Worker;
use crate::{config::Config, reply::Reply};

proxy_wasm::main! {{
    // The host filters by its own level, and not every host can be asked for it.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|context_id| Box::new(Root { context_id, worker: None }));
}}

/// How often counters go to the host, and a worker looks whether another one has fetched a key set.
const TICK: Duration = Duration::from_secs(1);

/// A plugin on a worker.
struct Root {
    context_id: u32,
    worker: Option<Rc<Worker>>,
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, headers: usize, body_size: usize, _trailers: usize) {
        if let Some(worker) = &self.worker {
            worker.key_sets().answered(call, headers, body_size);
            worker.wake();
        }
    }

    fn on_done(&mut self) -> bool {
        if let Some(worker) = &self.worker {
            worker.end();
        }
        true
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                if config.credentials.is_empty() {
                    warn!("no consumer has a credential: no token will be accepted");
                }
                config.warnings.iter().for_each(|warning| warn!("{warning}"));
                info!("configured with {} credential keys", config.credentials.len());
                if let Some(replaced) = self.worker.take() {
                    replaced.end();
                }
                self.worker = Some(Rc::new(Worker::new(self.context_id, config)));
                true
            }
            Err(faults) => {
                for fault in &faults {
                    error!("{fault}");
                }
                error!("configuration refused: {} faults", faults.len());
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(worker) = &self.worker {
            worker.tick();
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Filter { context_id, worker: self.worker.clone(), has_paused: false }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Filter {
    context_id: u32,
    worker: Option<Rc<Worker>>,
    has_paused: bool,
}

impl Filter {
    /// Holds back what follows the headers of a request that waits. Envoy does so by itself, unless its configuration says
    /// `allow_on_headers_stop_iteration`: then whoever lets the body pass lets the request pass.
    fn hold_back(&self) -> Action {
        let waits = |worker: &Rc<Worker>| worker.key_sets().waits(self.context_id);
        if self.has_paused && self.worker.as_ref().is_some_and(waits) { Action::Pause } else { Action::Continue }
    }
}

impl Context for Filter {}

impl Drop for Filter {
    fn drop(&mut self) {
        if let (true, Some(worker)) = (self.has_paused, &self.worker) {
            worker.key_sets().forget(self.context_id);
        }
    }
}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let action = match &self.worker {
            Some(worker) => worker.handle(self.context_id),
            // Without a configuration nobody can be let in.
            None => {
                error!("denied: not configured");
                host::refuse(&Reply::internal_error())
            }
        };
        self.has_paused = action == Action::Pause;
        action
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        self.hold_back()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if let Some(worker) = &self.worker {
            worker.clean_trailers();
        }
        self.hold_back()
    }
}

//! The filter at its proxy: the only module that names proxy-wasm.

#![allow(unsafe_code, reason = "proxy_wasm::main! exports a function, and header_map calls the host itself")]

mod header_map;
mod host;
mod log;
mod metrics;
mod worker;

use std::{rc::Rc, time::Duration};

use ::log::{error, info, warn};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

use self::worker::Worker;
use crate::{config::Config, reply::Reply};

proxy_wasm::main! {{
    // The host filters by its own level; what it would drop is not worth a call, see `on_configure`.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// How often counters go to the host.
const TICK: Duration = Duration::from_secs(1);

/// A plugin on a worker.
#[derive(Default)]
struct Root {
    worker: Option<Rc<Worker>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                if config.credentials.is_empty() {
                    warn!("no consumer has a credential: no token will be accepted");
                }
                info!("configured with {} credential keys", config.credentials.len());
                self.worker = Some(Rc::new(Worker::new(config)));
                _ = hostcalls::set_tick_period(TICK);
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

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Filter { worker: self.worker.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Filter {
    worker: Option<Rc<Worker>>,
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match &self.worker {
            Some(worker) => worker.handle(),
            // Without a configuration nobody can be let in.
            None => {
                error!("denied: not configured");
                host::refuse(&Reply::internal_error())
            }
        }
    }
}

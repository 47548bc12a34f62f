//! The filter at its proxy: the only module that names proxy-wasm.

#![allow(unsafe_code, reason = "the entry point that proxy_wasm::main! writes is an exported function")]

mod host;

use std::rc::Rc;

use log::{debug, error, info, warn};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

use self::host::{HostRequest, HostVerifier};
use crate::{
    authenticate::{Authenticator, Outcome},
    config::Config,
    identity,
    reply::Reply,
};

proxy_wasm::main! {{
    // The host filters by its own level; what it would drop is not worth a call, see `on_configure`.
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// A plugin on a worker.
#[derive(Default)]
struct Root {
    authenticator: Option<Rc<Authenticator<HostVerifier>>>,
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
                let verifier = HostVerifier::new(config.host_crypto);
                self.authenticator = Some(Rc::new(Authenticator::new(config, verifier)));
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

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Filter { authenticator: self.authenticator.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Filter {
    authenticator: Option<Rc<Authenticator<HostVerifier>>>,
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // Without a configuration nobody can be let in.
        let Some(authenticator) = &self.authenticator else {
            error!("denied: not configured");
            return host::refuse(&Reply::internal_error());
        };
        let outcome = authenticator.authenticate(&HostRequest, host::now());
        log_outcome(&outcome);
        let Some(identity) = identity::headers(&outcome) else {
            return match outcome {
                Outcome::Denied(denial) => {
                    host::refuse(&Reply::unauthorized(&denial.reason, &authenticator.config().policy))
                }
                _ => host::refuse(&Reply::internal_error()),
            };
        };
        match identity::apply(&identity, &mut HostRequest) {
            Ok(()) => Action::Continue,
            Err(problem) => {
                error!("denied: {problem}");
                host::refuse(&Reply::internal_error())
            }
        }
    }
}

/// Tells operators what was decided; never a token or a key.
fn log_outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Authenticated(authenticated) => {
            let credential = authenticated.credential();
            debug!("authenticated: consumer {}, credential {:?}", credential.consumer(), credential.key().as_str());
        }
        Outcome::Anonymous { consumer, denial } => debug!("anonymous: consumer {consumer}, because: {}", denial.reason),
        Outcome::Preflight => debug!("preflight: passed without a token"),
        Outcome::Denied(denial) => match &denial.consumer {
            Some(consumer) => info!("denied: {}; consumer {consumer}", denial.reason),
            None => info!("denied: {}", denial.reason),
        },
    }
}

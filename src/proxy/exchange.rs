//! One request, from its headers until the host is done with it.

use std::{cell::Cell, rc::Rc};

use log::error;

use super::{abi::Action, host, worker::Worker};
use crate::reply::Reply;

/// A request, and the worker that was configured when it came.
pub(super) struct Exchange {
    id: u32,
    worker: Option<Rc<Worker>>,
    has_paused: Cell<bool>,
}

impl Exchange {
    pub(super) fn new(id: u32, worker: Option<Rc<Worker>>) -> Self {
        Self { id, worker, has_paused: Cell::new(false) }
    }

    /// Decides about it, once its headers are there.
    pub(super) fn headers(&self, has_body: bool) -> Action {
        #[cfg(feature = "panic-drill")]
        panic_if_told();
        let action = match &self.worker {
            Some(worker) => worker.handle(self.id, has_body),
            // Without a configuration nobody can be let in.
            None => {
                error!("denied: not configured");
                host::refuse(&Reply::internal_error())
            }
        };
        self.has_paused.set(action == Action::Pause);
        action
    }

    /// Lets a portion of the body pass, if the request does.
    pub(super) fn body(&self) -> Action {
        self.hold_back()
    }

    /// Cleans the trailers, and lets them pass if the request does.
    pub(super) fn trailers(&self) -> Action {
        if let Some(worker) = &self.worker {
            worker.clean_trailers();
        }
        self.hold_back()
    }

    /// Holds back what follows the headers of a request that waits or is refused. Envoy does so by itself, unless its configuration says
    /// `allow_on_headers_stop_iteration`: then whoever lets the body pass lets the request pass.
    fn hold_back(&self) -> Action {
        let has_resumed = |worker: &Rc<Worker>| worker.key_sets().has_resumed(self.id);
        let passes = !self.has_paused.get() || self.worker.as_ref().is_some_and(has_resumed);
        if passes { Action::Continue } else { Action::Pause }
    }
}

#[cfg(feature = "panic-drill")]
#[expect(clippy::panic, reason = "that is what the drill is about")]
fn panic_if_told() {
    use super::abi::{self, MapType};

    if abi::header(MapType::RequestHeaders, "x-panic-drill").is_ok_and(|header| header.is_some()) {
        panic!("a request asked for it");
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let (true, Some(worker)) = (self.has_paused.get(), &self.worker) {
            worker.key_sets().forget(self.id);
        }
    }
}

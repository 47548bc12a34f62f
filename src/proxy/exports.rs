//! What the host calls: the callbacks of the proxy-wasm ABI 0.2.1, and which plugin or request each of them is about.
//!
//! A number that the host never announced is nobody's. What is called about it is refused or left; it is no reason to stop.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::{abi::Action, exchange::Exchange, logger, plugin::Plugin};

/// All that the host has announced and not yet deleted. Nothing stays borrowed while something runs: a host may call from
/// within a call.
#[derive(Default)]
struct Contexts {
    plugins: RefCell<BTreeMap<u32, Rc<Plugin>>>,
    exchanges: RefCell<BTreeMap<u32, Rc<Exchange>>>,
}

impl Contexts {
    fn plugin(&self, id: u32) -> Option<Rc<Plugin>> {
        self.plugins.borrow().get(&id).cloned()
    }

    fn exchange(&self, id: u32) -> Option<Rc<Exchange>> {
        self.exchanges.borrow().get(&id).cloned()
    }

    fn create(&self, id: u32, plugin_id: u32) {
        if plugin_id == 0 {
            let replaced = self.plugins.borrow_mut().insert(id, Rc::new(Plugin::new(id)));
            replaced.inspect(|plugin| plugin.end());
        } else {
            let worker = self.plugin(plugin_id).and_then(|plugin| plugin.worker());
            let replaced = self.exchanges.borrow_mut().insert(id, Rc::new(Exchange::new(id, worker)));
            drop(replaced);
        }
    }

    fn delete(&self, id: u32) {
        let exchange = self.exchanges.borrow_mut().remove(&id);
        if exchange.is_none() {
            let plugin = self.plugins.borrow_mut().remove(&id);
            plugin.inspect(|plugin| plugin.end());
        }
    }
}

thread_local! {
    static CONTEXTS: Contexts = Contexts::default();
}

fn about_plugin<T>(id: u32, then: impl FnOnce(&Plugin) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| contexts.plugin(id)).map(|plugin| then(&plugin))
}

/// What is nobody's request is let pass by nobody.
fn about_exchange(id: u32, then: impl FnOnce(&Exchange) -> Action) -> u32 {
    let exchange = CONTEXTS.with(|contexts| contexts.exchange(id));
    exchange.map_or(Action::Pause, |exchange| then(&exchange)) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: The linker makes this function. The host calls `_initialize` once, before anything else.
    unsafe { __wasm_call_ctors() };
    logger::install();
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, plugin_id: u32) {
    CONTEXTS.with(|contexts| contexts.create(id, plugin_id));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    CONTEXTS.with(|contexts| contexts.delete(id));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_id: u32, _configuration_size: usize) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, size: usize) -> bool {
    about_plugin(id, |plugin| plugin.configure(size)).unwrap_or(false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    about_plugin(id, Plugin::tick);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(id: u32, call: u32, headers: usize, body_size: usize, _trailers: usize) {
    about_plugin(id, |plugin| plugin.answered(call, headers, body_size));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _count: usize, is_end: bool) -> u32 {
    about_exchange(id, |exchange| exchange.headers(!is_end))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, _size: usize, _is_end: bool) -> u32 {
    about_exchange(id, Exchange::body)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _count: usize) -> u32 {
    about_exchange(id, Exchange::trailers)
}

/// Callbacks with nothing to do. Envoy passes over those that a module lacks, and each that it has costs a request time;
/// some other hosts call them without looking.
#[cfg(feature = "all-callbacks")]
mod idle {
    const CONTINUE: u32 = super::Action::Continue as u32;

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_response_headers(_id: u32, _count: usize, _is_end: bool) -> u32 {
        CONTINUE
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_response_body(_id: u32, _size: usize, _is_end: bool) -> u32 {
        CONTINUE
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_response_trailers(_id: u32, _count: usize) -> u32 {
        CONTINUE
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_done(_id: u32) -> bool {
        true
    }

    #[unsafe(no_mangle)]
    extern "C" fn proxy_on_log(_id: u32) {}
}

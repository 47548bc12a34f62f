//! Calls from Envoy: the hooks of its dynamic modules' ABI. A panic ends here: the request gets a 500, and Envoy lives.

use std::{
    ffi::{c_char, c_void},
    panic::{self, AssertUnwindSafe},
    ptr,
    rc::Rc,
    slice,
    sync::Arc,
};

use jwt_auth_filter::{jwks::Answer, revocation::MAX_LIST_BYTES};

use crate::{
    abi::{self, Buffer, Field, FieldList, FilterConfig},
    calls,
    exchange::{Exchange, State},
    logger,
    plugin::Plugin,
    routes::{self, Number},
};

const HEADERS_CONTINUE: u32 = 0;
const HEADERS_STOP: u32 = 1;
const HEADERS_STOP_ALL_AND_WATERMARK: u32 = 4;
const BODY_CONTINUE: u32 = 0;
const BODY_STOP_AND_WATERMARK: u32 = 2;
const TRAILERS_CONTINUE: u32 = 0;
const TRAILERS_STOP: u32 = 1;
const CALL_SUCCEEDED: u32 = 0;

/// Runs a hook; `None` when it panicked, which the log has told.
fn caught<T>(hook: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(hook)).ok()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    _ = caught(logger::install);
    abi::version().as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    envoy: *mut c_void,
    _name: Buffer,
    configuration: Buffer,
) -> *const Plugin {
    let new = || {
        // SAFETY: Envoy lends the text for as long as the hook runs.
        let configuration = unsafe { configuration.octets() };
        Plugin::new(FilterConfig::new(envoy), configuration)
    };
    let joined = || {
        let plugin = Arc::new(new()?);
        calls::join(&plugin, FilterConfig::new(envoy));
        Some(plugin)
    };
    caught(joined).flatten().map_or(ptr::null(), Arc::into_raw)
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(plugin: *const Plugin) {
    // SAFETY: It is what `config_new` gave, and Envoy gives it back once.
    let plugin = unsafe { Arc::from_raw(plugin) };
    _ = caught(|| {
        calls::leave(plugin.number);
        drop(plugin);
    });
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_new(
    name: Buffer,
    configuration: Buffer,
) -> *const c_void {
    let add = || {
        // SAFETY: Envoy lends both texts for as long as the hook runs.
        let (name, configuration) = unsafe { (name.octets(), configuration.octets()) };
        routes::add(&String::from_utf8_lossy(name), configuration)
    };
    caught(add).flatten().map_or(ptr::null(), |number| ptr::without_provenance(number.get()))
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(policy: *const c_void) {
    _ = caught(|| Number::new(policy.addr()).map(routes::remove));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_new(plugin: *const Plugin, _envoy: *mut c_void) -> *const Exchange {
    let new = || {
        // SAFETY: It is what `config_new` gave; Envoy gives it back only after the last request, and here it is one more's.
        let plugin = unsafe {
            Arc::increment_strong_count(plugin);
            Arc::from_raw(plugin)
        };
        Rc::new(Exchange::new(plugin))
    };
    caught(new).map_or(ptr::null(), Rc::into_raw)
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_destroy(exchange: *const Exchange) {
    if exchange.is_null() {
        return;
    }
    // SAFETY: It is what `new` gave, and Envoy gives it back once.
    let exchange = unsafe { Rc::from_raw(exchange) };
    _ = caught(|| {
        exchange.is_over();
        drop(exchange);
    });
}

/// Runs a hook about a request. One that panics is answered 500.
fn about(envoy: *mut c_void, exchange: *const Exchange, hook: impl FnOnce(&Exchange, abi::Request) -> State) -> State {
    let envoy = abi::Request::new(envoy);
    if exchange.is_null() {
        _ = caught(|| envoy.respond(500, &[], &[]));
        return State::Refused;
    }
    // SAFETY: It is what `new` gave, and Envoy has not given it back. It may while the hook runs: so it is the hook's as well.
    let exchange = unsafe {
        Rc::increment_strong_count(exchange);
        Rc::from_raw(exchange)
    };
    let state = caught(|| hook(&exchange, envoy)).or_else(|| caught(|| exchange.panicked(envoy)));
    _ = caught(|| drop(exchange));
    state.unwrap_or(State::Refused)
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: *mut c_void,
    exchange: *const Exchange,
    is_end: bool,
) -> u32 {
    match about(envoy, exchange, |exchange, envoy| exchange.headers(envoy, !is_end)) {
        State::Passes => HEADERS_CONTINUE,
        State::Waits => HEADERS_STOP_ALL_AND_WATERMARK,
        State::Refused => HEADERS_STOP,
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    envoy: *mut c_void,
    exchange: *const Exchange,
    _is_end: bool,
) -> u32 {
    match about(envoy, exchange, |exchange, _| exchange.state()) {
        State::Passes => BODY_CONTINUE,
        State::Waits | State::Refused => BODY_STOP_AND_WATERMARK,
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    envoy: *mut c_void,
    exchange: *const Exchange,
) -> u32 {
    let cleaned = |exchange: &Exchange, envoy| {
        exchange.clean_trailers(envoy);
        exchange.state()
    };
    match about(envoy, exchange, cleaned) {
        State::Passes => TRAILERS_CONTINUE,
        State::Waits | State::Refused => TRAILERS_STOP,
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(envoy: *mut c_void, exchange: *const Exchange, event: u64) {
    let decided = |exchange: &Exchange, envoy: abi::Request| {
        if exchange.woken(envoy, event) {
            envoy.go_on();
        }
        exchange.state()
    };
    about(envoy, exchange, decided);
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_scheduled(
    _envoy: *mut c_void,
    plugin: *const Plugin,
    _event: u64,
) {
    // SAFETY: It is what `config_new` gave, and Envoy has not given it back.
    let plugin = unsafe { &*plugin };
    _ = caught(|| plugin.tick());
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_config_http_callout_done(
    _envoy: *mut c_void,
    plugin: *const Plugin,
    call: u64,
    result: u32,
    headers: *const Field,
    headers_size: usize,
    chunks: *const Buffer,
    chunks_size: usize,
) {
    // SAFETY: It is what `config_new` gave. Should Envoy give it back on a worker meanwhile, that waits for this.
    let plugin = unsafe { &*plugin };
    // SAFETY: Envoy lends so many fields and chunks for as long as the hook runs.
    let answer = || unsafe { answer(lent(headers, headers_size), lent(chunks, chunks_size)) };
    let answer = || if result == CALL_SUCCEEDED { answer() } else { Answer::default() };
    _ = caught(|| calls::answered(plugin.number, call, answer));
}

/// What Envoy lends as a pointer and a count.
///
/// # Safety
/// The pointer is null, or there are so many for as long as the result is used.
unsafe fn lent<'e, T>(first: *const T, count: usize) -> &'e [T] {
    // SAFETY: The caller's promise.
    if first.is_null() { &[] } else { unsafe { slice::from_raw_parts(first, count) } }
}

/// The answer to a request of the module's own.
///
/// # Safety
/// Headers and chunks are good until this returns.
unsafe fn answer(headers: &[Field], chunks: &[Buffer]) -> Answer {
    // SAFETY: The caller's promise.
    let headers = unsafe { FieldList::copied(headers) };
    // SAFETY: The caller's promise.
    let chunks: Vec<&[u8]> = chunks.iter().map(|chunk| unsafe { chunk.octets() }).collect();
    let header = |name| Some(String::from_utf8_lossy(headers.values(name).next()?).into_owned());
    let size = chunks.iter().map(|chunk| chunk.len()).fold(0, usize::saturating_add);
    Answer {
        status: header(":status").and_then(|status| status.parse().ok()),
        cache_control: header("cache-control"),
        etag: header("etag"),
        size,
        body: if size > MAX_LIST_BYTES { Vec::new() } else { chunks.concat() },
    }
}

/// Hooks that Envoy demands and this module has nothing to do in.
mod idle {
    use std::ffi::c_void;

    use crate::abi::{Buffer, Field};

    type Pointer = *const c_void;

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(_: Pointer, _: Pointer, _: bool) -> u32 {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_response_body(_: Pointer, _: Pointer, _: bool) -> u32 {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(_: Pointer, _: Pointer) -> u32 {
        0
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(_: Pointer, _: Pointer) {}

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_callout_done(
        _: Pointer,
        _: Pointer,
        _: u64,
        _: u32,
        _: *const Field,
        _: usize,
        _: *const Buffer,
        _: usize,
    ) {
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_headers(
        _: Pointer,
        _: Pointer,
        _: u64,
        _: *const Field,
        _: usize,
        _: bool,
    ) {
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_data(
        _: Pointer,
        _: Pointer,
        _: u64,
        _: *const Buffer,
        _: usize,
        _: bool,
    ) {
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_trailers(
        _: Pointer,
        _: Pointer,
        _: u64,
        _: *const Field,
        _: usize,
    ) {
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_complete(_: Pointer, _: Pointer, _: u64) {}

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_http_stream_reset(_: Pointer, _: Pointer, _: u64, _: u32) {}

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(
        _: Pointer,
        _: Pointer,
    ) {
    }

    #[unsafe(no_mangle)]
    extern "C" fn envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(
        _: Pointer,
        _: Pointer,
    ) {
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test is meant to panic"
)]
mod tests;

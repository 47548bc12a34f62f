//! An Envoy of a few lines, which the hooks are tested with: a request of its is a [`FakeRequest`], a configuration a
//! [`FakeConfig`]. What it lends is good for as long as Envoy promises, and no longer.

use std::{
    ffi::{CStr, c_void},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::abi::{Buffer, Field};

/// Header fields, as texts.
pub(crate) type TextFields = Vec<(String, String)>;

/// A request, and what was done with it.
#[derive(Default)]
pub(crate) struct FakeRequest {
    pub(crate) headers: TextFields,
    pub(crate) trailers: TextFields,
    /// Status, headers and body.
    pub(crate) response: Option<(u32, TextFields, String)>,
    pub(crate) has_gone_on: bool,
    pub(crate) counted: Vec<(usize, u64)>,
    /// Namespaces and messages.
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    /// What the module gave for its route.
    pub(crate) route: Option<*const c_void>,
    /// The numbers with which it was woken, in this thread or another.
    pub(crate) rung: Box<Mutex<Vec<u64>>>,
    /// What is done at once when it is answered, or goes on: before the module is back from the call.
    pub(crate) at_end: Option<Box<dyn FnOnce()>>,
}

impl FakeRequest {
    pub(crate) fn with(headers: &[(&str, &str)]) -> Box<Self> {
        let own = [(":method", "GET"), (":path", "/"), (":authority", "a")];
        let headers = own.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Box::new(Self { headers: headers.collect(), ..Self::default() })
    }

    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    fn fields(&mut self, kind: u32) -> &mut TextFields {
        if kind == 0 { &mut self.headers } else { &mut self.trailers }
    }
}

/// A configuration, and what was done with it.
#[derive(Default)]
pub(crate) struct FakeConfig {
    pub(crate) counters: Vec<String>,
    pub(crate) calls: Vec<(String, TextFields)>,
    pub(crate) rung: Box<Mutex<Vec<u64>>>,
}

/// A function that newer Envoys have, by its name.
pub(crate) fn exported(name: &CStr) -> Option<*mut c_void> {
    let is_of_metadata = name == c"envoy_dynamic_module_callback_http_set_dynamic_metadata_struct";
    is_of_metadata.then_some(set_dynamic_metadata as unsafe extern "C" fn(_, _, _) as *mut c_void)
}

unsafe extern "C" fn set_dynamic_metadata(of: *mut c_void, namespace: Buffer, message: Buffer) {
    // SAFETY: See `request`; the module lends both texts for as long as the call runs.
    unsafe { request(of).metadata.push((text(namespace), message.octets().to_vec())) };
}

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What was logged by any test.
pub(crate) fn log() -> Vec<String> {
    lines().clone()
}

fn lines() -> MutexGuard<'static, Vec<String>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(buffer: Buffer) -> String {
    // SAFETY: The module lends it for as long as the call runs.
    String::from_utf8_lossy(unsafe { buffer.octets() }).into_owned()
}

unsafe fn request<'r>(pointer: *mut c_void) -> &'r mut FakeRequest {
    // SAFETY: The tests pass no other pointer, and hold no reference while a hook runs.
    unsafe { &mut *pointer.cast() }
}

unsafe fn config<'c>(pointer: *mut c_void) -> &'c mut FakeConfig {
    // SAFETY: As above.
    unsafe { &mut *pointer.cast() }
}

unsafe fn texts(fields: *const Field, count: usize) -> TextFields {
    // SAFETY: The module lends so many for as long as the call runs.
    let fields = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(fields, count) } };
    fields.iter().map(|field| (text(field.name), text(field.value))).collect()
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log(_level: u32, line: Buffer) {
    lines().push(text(line));
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_log_enabled(_level: u32) -> bool {
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_get_headers_size(of: *mut c_void, kind: u32) -> usize {
    // SAFETY: See `request`.
    unsafe { request(of) }.fields(kind).len()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_get_headers(
    of: *mut c_void,
    kind: u32,
    fields: *mut Field,
) -> bool {
    // SAFETY: See `request`; there is room for all of them.
    unsafe {
        for (at, (name, value)) in request(of).fields(kind).iter().enumerate() {
            let field = Field { name: Buffer::of(name.as_bytes()), value: Buffer::of(value.as_bytes()) };
            fields.add(at).write(field);
        }
    }
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_get_header(
    of: *mut c_void,
    kind: u32,
    name: Buffer,
    value: *mut Buffer,
    index: usize,
    count: *mut usize,
) -> bool {
    let name = text(name).to_ascii_lowercase();
    // SAFETY: See `request`; the module has a place for both.
    unsafe {
        let values: Vec<_> = request(of).fields(kind).iter().filter(|(own, _)| *own == name).collect();
        count.write(values.len());
        values.get(index).inspect(|(_, found)| value.write(Buffer::of(found.as_bytes()))).is_some()
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_set_header(
    of: *mut c_void,
    kind: u32,
    name: Buffer,
    value: Buffer,
) -> bool {
    let name = text(name).to_ascii_lowercase();
    // SAFETY: See `request`.
    let fields = unsafe { request(of) }.fields(kind);
    fields.retain(|(own, _)| *own != name);
    if !value.is_none() {
        fields.push((name, text(value)));
    }
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_add_header(
    of: *mut c_void,
    kind: u32,
    name: Buffer,
    value: Buffer,
) -> bool {
    // SAFETY: See `request`.
    unsafe { request(of) }.fields(kind).push((text(name).to_ascii_lowercase(), text(value)));
    true
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
    _of: *mut c_void,
    _attribute: u32,
    _value: *mut Buffer,
) -> bool {
    false
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_get_most_specific_route_config(of: *mut c_void) -> *const c_void {
    // SAFETY: See `request`.
    unsafe { request(of) }.route.unwrap_or(ptr::null())
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_get_cluster_name(_of: *mut c_void, _name: *mut Buffer) -> bool {
    false
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_send_response(
    of: *mut c_void,
    status: u32,
    headers: *mut Field,
    headers_size: usize,
    body: Buffer,
    _details: Buffer,
) {
    // SAFETY: See `request` and `texts`.
    unsafe { request(of).response = Some((status, texts(headers, headers_size), text(body))) };
    end(of);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_continue_decoding(of: *mut c_void) {
    // SAFETY: See `request`.
    unsafe { request(of) }.has_gone_on = true;
    end(of);
}

fn end(of: *mut c_void) {
    // SAFETY: See `request`.
    let at_end = unsafe { request(of) }.at_end.take();
    at_end.into_iter().for_each(|run| run());
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_clear_route_cache(_of: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
    _of: *mut c_void,
    _name: Buffer,
    _value: Buffer,
) -> bool {
    true
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_increment_counter(
    of: *mut c_void,
    counter: usize,
    _labels: *mut Buffer,
    _labels_size: usize,
    by: u64,
) -> u32 {
    // SAFETY: See `request`.
    unsafe { request(of) }.counted.push((counter, by));
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_record_histogram_value(
    _of: *mut c_void,
    _histogram: usize,
    _labels: *mut Buffer,
    _labels_size: usize,
    _value: u64,
) -> u32 {
    0
}

/// A scheduler is the list of the numbers that it was given, which lives as long as whatever it is of.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_new(of: *mut c_void) -> *mut c_void {
    // SAFETY: See `request`.
    ptr::from_ref::<Mutex<Vec<u64>>>(&unsafe { request(of) }.rung).cast_mut().cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_commit(rung: *mut c_void, event: u64) {
    // SAFETY: The tests keep it for longer than the module has it.
    let rung: &Mutex<Vec<u64>> = unsafe { &*rung.cast() };
    rung.lock().unwrap_or_else(PoisonError::into_inner).push(event);
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_scheduler_delete(_rung: *mut c_void) {}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_define_counter(
    of: *mut c_void,
    name: Buffer,
    _labels: *mut Buffer,
    _labels_size: usize,
    counter: *mut usize,
) -> u32 {
    // SAFETY: See `config`; the module has a place for the number.
    unsafe {
        counter.write(config(of).counters.len());
        config(of).counters.push(text(name));
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_define_histogram(
    _of: *mut c_void,
    _name: Buffer,
    _labels: *mut Buffer,
    _labels_size: usize,
    _histogram: *mut usize,
) -> u32 {
    1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_http_callout(
    of: *mut c_void,
    callout: *mut u64,
    cluster: Buffer,
    headers: *mut Field,
    headers_size: usize,
    _body: Buffer,
    _timeout: u64,
) -> u32 {
    // SAFETY: See `config` and `texts`; the module has a place for the number.
    unsafe {
        let calls = &mut config(of).calls;
        calls.push((text(cluster), texts(headers, headers_size)));
        callout.write(calls.len() as u64);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(of: *mut c_void) -> *mut c_void {
    // SAFETY: See `config`.
    ptr::from_ref::<Mutex<Vec<u64>>>(&unsafe { config(of) }.rung).cast_mut().cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(rung: *mut c_void, event: u64) {
    // SAFETY: As for that of a request.
    unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(rung, event) }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(_rung: *mut c_void) {}

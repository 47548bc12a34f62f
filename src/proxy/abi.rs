//! The calls of the proxy-wasm ABI 0.2.1 that this filter makes, declared by hand: the only unsafe code beside the exports.
//!
//! No answer of a host's can panic here. A call gives what the host gave or the [`Status`] with which it declined, and the
//! caller says what a request is worth without it. Values are octets: nothing promises that they are UTF-8.

use std::{borrow::Cow, fmt, ptr, time::Duration};

use crate::observe::LogLevel;

/// The status with which a host declined a call; 1, for instance, is "not found" and 12 "unimplemented".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status(u32);

impl Status {
    const OK: u32 = 0;
    /// There is nothing under that name.
    pub(super) const NOT_FOUND: Self = Self(1);
    /// A value was changed since the change that was numbered.
    pub(super) const CAS_MISMATCH: Self = Self(8);
    /// What goes over is in pieces.
    pub(super) const SERIALIZATION_FAILURE: Self = Self(3);

    fn of(status: u32) -> Result<(), Self> {
        if status == Self::OK { Ok(()) } else { Err(Self(status)) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.0)
    }
}

/// What a callback tells the host to do with what it was called about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Action {
    Continue = 0,
    Pause = 1,
}

/// A list of header fields that the host keeps.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum MapType {
    RequestHeaders = 0,
    RequestTrailers = 1,
    CallResponseHeaders = 6,
}

/// A body that the host keeps.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum BufferType {
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// A kind of metric.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum MetricType {
    Counter = 0,
    Histogram = 2,
}

/// The request, as a stream of the host's.
const REQUEST_STREAM: u32 = 0;
/// No status of gRPC: the host makes it of the HTTP status.
const NO_GRPC_STATUS: i32 = -1;

/// Writes a line to the host's log. There is nobody to tell when that fails.
pub(super) fn log(level: LogLevel, line: &str) {
    // SAFETY: The host reads the line, which lives longer than the call.
    _ = unsafe { proxy_log(level as u32, line.as_ptr(), line.len()) };
}

/// The least level that the host keeps lines of, as [`LogLevel`] numbers them.
#[cfg(not(feature = "all-callbacks"))]
pub(super) fn log_level() -> Result<u32, Status> {
    let mut level = 0;
    // SAFETY: The host writes to this place and nowhere else.
    Status::of(unsafe { proxy_get_log_level(&mut level) })?;
    Ok(level)
}

/// Hosts that the portable build is for may not have the function, and then do not load a module that asks for it.
#[cfg(feature = "all-callbacks")]
pub(super) fn log_level() -> Result<u32, Status> {
    Err(Status::NOT_FOUND)
}

/// The time since 1970. A host that says 1970 has no clock: tokens of any age would pass by it.
pub(super) fn now() -> Result<Duration, Status> {
    let mut nanoseconds = 0;
    // SAFETY: The host writes to this place and nowhere else.
    Status::of(unsafe { proxy_get_current_time_nanoseconds(&mut nanoseconds) })?;
    if nanoseconds == 0 { Err(Status::NOT_FOUND) } else { Ok(Duration::from_nanos(nanoseconds)) }
}

/// Asks to be called every now and then.
pub(super) fn set_tick_period(period: Duration) -> Result<(), Status> {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: Nothing but a number goes over.
    Status::of(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

/// The first octets of a body, at most so many.
pub(super) fn buffer(buffer: BufferType, max_size: usize) -> Result<Vec<u8>, Status> {
    // SAFETY: See `given`.
    given(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, max_size, data, size) })
}

/// All fields of a list, in the host's serialization.
pub(super) fn header_map(map: MapType) -> Result<Vec<u8>, Status> {
    // SAFETY: See `given`.
    given(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })
}

/// The value of the first field of that name; `None` when there is no such field.
pub(super) fn header(map: MapType, name: &str) -> Result<Option<Vec<u8>>, Status> {
    // SAFETY: The host reads the name, which lives longer than the call; see `given` for the rest.
    let value =
        given(|data, size| unsafe { proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size) });
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

/// Sets a field to one value.
pub(super) fn set_header(map: MapType, name: &str, value: &[u8]) -> Result<(), Status> {
    // SAFETY: The host reads name and value, which live longer than the call.
    Status::of(unsafe {
        proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Adds a field beside those of the same name.
pub(super) fn add_header(map: MapType, name: &str, value: &[u8]) -> Result<(), Status> {
    // SAFETY: The host reads name and value, which live longer than the call.
    Status::of(unsafe {
        proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all fields of that name.
pub(super) fn remove_header(map: MapType, name: &str) -> Result<(), Status> {
    // SAFETY: The host reads the name, which lives longer than the call.
    Status::of(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// A property of the request, the connection or the configuration that the host is calling about.
pub(super) fn property(path: &[&str]) -> Result<Vec<u8>, Status> {
    let path = path.join("\0");
    // SAFETY: The host reads the path, which lives longer than the call; see `given` for the rest.
    given(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Sets a property whose path is one name.
pub(super) fn set_property(name: &str, value: &[u8]) -> Result<(), Status> {
    // SAFETY: The host reads name and value, which live longer than the call.
    Status::of(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// A value that the workers of a virtual machine's name share, and the number of its last change.
pub(super) fn shared_data(name: &str) -> Result<(Vec<u8>, u32), Status> {
    let mut change = 0;
    // SAFETY: The host reads the name, which lives longer than the call, and writes to `change`; see `given` for the rest.
    let value =
        given(|data, size| unsafe { proxy_get_shared_data(name.as_ptr(), name.len(), data, size, &mut change) })?;
    Ok((value, change))
}

/// Changes such a value, unless its last change is another one than numbered. Envoy takes 0 for any.
pub(super) fn set_shared_data(name: &str, value: &[u8], last_change: u32) -> Result<(), Status> {
    // SAFETY: The host reads name and value, which live longer than the call.
    Status::of(unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), last_change) })
}

/// Sends a request without a body; the number that its answer comes with.
pub(super) fn http_call(cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Result<u32, Status> {
    let headers = serialized(headers);
    let trailers = serialized::<&str>(&[]);
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut number = 0;
    // SAFETY: The host reads the texts, which live longer than the call, and writes to `number`.
    Status::of(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            ptr::null(),
            0,
            trailers.as_ptr(),
            trailers.len(),
            milliseconds,
            &mut number,
        )
    })?;
    Ok(number)
}

/// Lets a request go on that was paused.
pub(super) fn continue_request() -> Result<(), Status> {
    // SAFETY: Nothing but a number goes over.
    Status::of(unsafe { proxy_continue_stream(REQUEST_STREAM) })
}

/// Answers a request in place of the upstream.
pub(super) fn send_local_response(status: u16, headers: &[(&str, Cow<str>)], body: &[u8]) -> Result<(), Status> {
    let headers = serialized(headers);
    // SAFETY: The host reads headers and body, which live longer than the call.
    Status::of(unsafe {
        proxy_send_local_response(
            u32::from(status),
            ptr::null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// A number drawn by chance.
pub(super) fn random() -> Result<u64, Status> {
    let mut octets = [0; 8];
    // SAFETY: The host writes to these octets, and nowhere else.
    Status::of(unsafe { random_get(octets.as_mut_ptr(), octets.len()) })?;
    Ok(u64::from_le_bytes(octets))
}

/// Has the calls that follow mean another context than the one that the host is calling about.
pub(super) fn set_effective_context(context_id: u32) -> Result<(), Status> {
    // SAFETY: Nothing but a number goes over.
    Status::of(unsafe { proxy_set_effective_context(context_id) })
}

/// Calls a function that is the host's own.
pub(super) fn call_foreign_function(name: &str, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    // SAFETY: The host reads name and arguments, which live longer than the call; see `given` for the rest.
    given(|data, size| unsafe {
        proxy_call_foreign_function(name.as_ptr(), name.len(), arguments.as_ptr(), arguments.len(), data, size)
    })
}

/// Defines a metric, or finds the one of that name; its number.
pub(super) fn define_metric(kind: MetricType, name: &str) -> Result<u32, Status> {
    let mut number = 0;
    // SAFETY: The host reads the name, which lives longer than the call, and writes to `number`.
    Status::of(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut number) })?;
    Ok(number)
}

/// Adds to a counter.
pub(super) fn increment_metric(number: u32, by: i64) -> Result<(), Status> {
    // SAFETY: Nothing but numbers goes over.
    Status::of(unsafe { proxy_increment_metric(number, by) })
}

/// Adds a value to a histogram.
pub(super) fn record_metric(number: u32, value: u64) -> Result<(), Status> {
    // SAFETY: Nothing but numbers goes over.
    Status::of(unsafe { proxy_record_metric(number, value) })
}

/// What a call gives that tells where in this module's memory it left a value, and how long that is. An empty value may
/// have no place.
fn given(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    Status::of(call(&mut data, &mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: What the host tells of is memory that it got from `proxy_on_memory_allocate`: a `Vec<u8>` of this capacity,
    // whose octets the host has written, and which is left to whoever made the call.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Header fields in the ABI's serialization, as `HeaderMap` reads it.
fn serialized<V: AsRef<str>>(fields: &[(&str, V)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut serialized = number(fields.len()).to_vec();
    for (name, value) in fields {
        serialized.extend([number(name.len()), number(value.as_ref().len())].concat());
    }
    for text in fields.iter().flat_map(|(name, value)| [name, value.as_ref()]) {
        serialized.extend(text.as_bytes());
        serialized.push(0);
    }
    serialized
}

/// Memory for a value that the host is about to give; [`given`] takes it over.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, line: *const u8, line_size: usize) -> u32;
    #[cfg(not(feature = "all-callbacks"))]
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_get_shared_data(
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        change: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
        last_change: u32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        number: *mut u32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_effective_context(context_id: u32) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, number: *mut u32) -> u32;
    fn proxy_increment_metric(number: u32, by: i64) -> u32;
    fn proxy_record_metric(number: u32, value: u64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(octets: *mut u8, size: usize) -> u32;
}

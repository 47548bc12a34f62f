//! Calls to Envoy: the functions of its dynamic modules' ABI that this module uses, declared by hand.
//!
//! This and `hooks` are the only files with unsafe code. Pointers of Envoy's live here, each in a type that says for how long
//! it is good; everything else sees octets and numbers. Those that Envoy lends are copied before the next call.

use std::{
    borrow::Cow,
    ffi::{CStr, c_char, c_void},
    ptr::{self, NonNull},
    slice,
    sync::OnceLock,
    time::Duration,
};

use jwt_auth_filter::observe::LogLevel;

/// The versions of the ABI that were tried: those of Envoy 1.38 and 1.39, and of 1.40.
const VERSIONS: [&CStr; 2] = [c"v0.1.0", c"v0.2.0"];

/// The version of the ABI that this Envoy is taken to have. Envoy compares it with its own, and warns of another.
pub(crate) fn version() -> &'static CStr {
    let [before_1_40, since_1_40] = VERSIONS;
    if find(c"envoy_dynamic_module_callback_log_v2").is_null() { before_1_40 } else { since_1_40 }
}

/// A text that is lent over the ABI, by either side.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    data: *const c_char,
    size: usize,
}

impl Buffer {
    const NONE: Self = Self { data: ptr::null(), size: 0 };

    pub(crate) fn of(octets: &[u8]) -> Self {
        Self { data: octets.as_ptr().cast(), size: octets.len() }
    }

    /// Whether it is no text at all, which is not the same as an empty one.
    #[cfg(test)]
    pub(crate) fn is_none(self) -> bool {
        self.data.is_null()
    }

    /// The octets.
    ///
    /// # Safety
    /// They are Envoy's, and are good until it is called, or called back, the next time.
    pub(crate) unsafe fn octets<'e>(self) -> &'e [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: The caller's promise.
        unsafe { slice::from_raw_parts(self.data.cast(), self.size) }
    }
}

/// A header field that is lent over the ABI.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: Buffer,
    pub(crate) value: Buffer,
}

impl Field {
    fn of((name, value): &(&str, impl AsRef<str>)) -> Self {
        Self { name: Buffer::of(name.as_bytes()), value: Buffer::of(value.as_ref().as_bytes()) }
    }
}

/// A list of header fields of a request.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Fields {
    Headers = 0,
    Trailers = 1,
}

/// What Envoy knows of a request beside its headers.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Attribute {
    SourceAddress = 24,
    PeerCertificateDigest = 38,
    RouteName = 61,
}

/// Writes a line to Envoy's log.
pub(crate) fn log(level: LogLevel, line: &str) {
    // SAFETY: Envoy reads the line, which lives longer than the call.
    unsafe { envoy_dynamic_module_callback_log(level as u32, Buffer::of(line.as_bytes())) }
}

/// Whether anybody reads lines of a level.
pub(crate) fn is_logged(level: LogLevel) -> bool {
    // SAFETY: Nothing but a number goes over.
    unsafe { envoy_dynamic_module_callback_log_enabled(level as u32) }
}

/// A request of Envoy's: good until its filter is destroyed, and on the thread of its worker.
#[derive(Clone, Copy)]
pub(crate) struct Request(*mut c_void);

impl Request {
    /// The request at a pointer that Envoy passed to a hook.
    pub(crate) fn new(pointer: *mut c_void) -> Self {
        Self(pointer)
    }

    /// All fields of a list, copied; `None` when Envoy does not tell them.
    pub(crate) fn fields(self, kind: Fields) -> Option<FieldList> {
        // SAFETY: The request is good, as its type says.
        let count = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.0, kind as u32) };
        let mut fields = vec![Field { name: Buffer::NONE, value: Buffer::NONE }; count];
        // SAFETY: Envoy writes `count` fields, for which there is room.
        let is_told = count > 0
            && unsafe { envoy_dynamic_module_callback_http_get_headers(self.0, kind as u32, fields.as_mut_ptr()) };
        // SAFETY: What Envoy lends is good until the next call, before which it is copied.
        is_told.then(|| unsafe { FieldList::copied(&fields) })
    }

    /// The value of the first field of that name.
    pub(crate) fn field(self, kind: Fields, name: &str) -> Option<Vec<u8>> {
        let mut value = Buffer::NONE;
        let mut count = 0;
        // SAFETY: Envoy reads the name, which lives longer than the call, and writes to the other two.
        let is_told = unsafe {
            envoy_dynamic_module_callback_http_get_header(
                self.0,
                kind as u32,
                Buffer::of(name.as_bytes()),
                &mut value,
                0,
                &mut count,
            )
        };
        // SAFETY: What Envoy lends is good until the next call, before which it is copied.
        (is_told && count > 0).then(|| unsafe { value.octets() }.to_vec())
    }

    /// Sets a field to one value; whether it did.
    pub(crate) fn set_field(self, kind: Fields, name: &str, value: &[u8]) -> bool {
        let (name, value) = (Buffer::of(name.as_bytes()), Buffer::of(value));
        // SAFETY: Envoy copies both, which live longer than the call.
        unsafe { envoy_dynamic_module_callback_http_set_header(self.0, kind as u32, name, value) }
    }

    /// Adds a field beside those of the same name; whether it did.
    pub(crate) fn add_field(self, kind: Fields, name: &str, value: &[u8]) -> bool {
        let (name, value) = (Buffer::of(name.as_bytes()), Buffer::of(value));
        // SAFETY: Envoy copies both, which live longer than the call.
        unsafe { envoy_dynamic_module_callback_http_add_header(self.0, kind as u32, name, value) }
    }

    /// Removes all fields of that name; whether it did.
    pub(crate) fn remove_field(self, kind: Fields, name: &str) -> bool {
        let name = Buffer::of(name.as_bytes());
        // SAFETY: Envoy reads the name, which lives longer than the call. No value at all means that the field goes.
        unsafe { envoy_dynamic_module_callback_http_set_header(self.0, kind as u32, name, Buffer::NONE) }
    }

    /// What Envoy knows of the request; `None` for what it does not know.
    pub(crate) fn attribute(self, attribute: Attribute) -> Option<Vec<u8>> {
        let mut value = Buffer::NONE;
        // SAFETY: Envoy writes to `value`. What it lends is good until the next call, before which it is copied.
        unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_string(self.0, attribute as u32, &mut value)
                .then(|| value.octets().to_vec())
        }
    }

    /// The name of the cluster that the request goes to, if one is chosen. As an attribute, only Envoy 1.40 tells it.
    pub(crate) fn cluster_name(self) -> Option<Vec<u8>> {
        let mut name = Buffer::NONE;
        // SAFETY: Envoy writes to `name`. What it lends is good until the next call, before which it is copied.
        unsafe {
            envoy_dynamic_module_callback_http_get_cluster_name(self.0, &mut name).then(|| name.octets().to_vec())
        }
    }

    /// What the request's route has of its own for the filter, or else its virtual host or list of routes: what a hook gave
    /// Envoy for it, in this module or in another.
    pub(crate) fn route_configuration(self) -> Option<NonNull<c_void>> {
        // SAFETY: The request is good, as its type says.
        NonNull::new(unsafe { envoy_dynamic_module_callback_get_most_specific_route_config(self.0) }.cast_mut())
    }

    /// Answers the request in place of the upstream.
    pub(crate) fn respond(self, status: u16, headers: &[(&str, Cow<str>)], body: &[u8]) {
        let mut headers: Vec<Field> = headers.iter().map(Field::of).collect();
        // SAFETY: Envoy copies headers and body, which live longer than the call.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                u32::from(status),
                headers.as_mut_ptr(),
                headers.len(),
                Buffer::of(body),
                Buffer::NONE,
            );
        }
    }

    /// Lets the request go on that was stopped.
    pub(crate) fn go_on(self) {
        // SAFETY: The request is good, as its type says.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_decoding(self.0) }
    }

    /// Has Envoy choose the route again.
    pub(crate) fn clear_route_cache(self) {
        // SAFETY: The request is good, as its type says.
        unsafe { envoy_dynamic_module_callback_http_clear_route_cache(self.0) }
    }

    /// Puts a value where access logs and other filters find it.
    pub(crate) fn set_filter_state(self, name: &str, value: &[u8]) {
        let (name, value) = (Buffer::of(name.as_bytes()), Buffer::of(value));
        // SAFETY: Envoy copies both, which live longer than the call. That it declines is nobody's harm.
        _ = unsafe { envoy_dynamic_module_callback_http_set_filter_state_bytes(self.0, name, value) };
    }

    /// Puts a serialized `google.protobuf.Struct` into a namespace of the dynamic metadata; whether Envoy can.
    pub(crate) fn set_dynamic_metadata(self, namespace: &str, message: &[u8]) -> bool {
        let (namespace, message) = (Buffer::of(namespace.as_bytes()), Buffer::of(message));
        // SAFETY: Envoy copies both, which live longer than the call.
        metadata_writer().inspect(|write| unsafe { write(self.0, namespace, message) }).is_some()
    }

    /// Adds to a counter that the configuration of the request's filter defined.
    pub(crate) fn count(self, counter: usize, by: u64) {
        // SAFETY: There are no labels, so none is read.
        _ = unsafe {
            envoy_dynamic_module_callback_http_filter_increment_counter(self.0, counter, ptr::null_mut(), 0, by)
        };
    }

    /// Adds a value to a histogram that the configuration of the request's filter defined.
    pub(crate) fn record(self, histogram: usize, value: u64) {
        // SAFETY: There are no labels, so none is read.
        _ = unsafe {
            envoy_dynamic_module_callback_http_filter_record_histogram_value(
                self.0,
                histogram,
                ptr::null_mut(),
                0,
                value,
            )
        };
    }

    /// What wakes the request on its worker.
    pub(crate) fn alarm(self) -> RequestAlarm {
        // SAFETY: The request is good, as its type says.
        RequestAlarm(unsafe { envoy_dynamic_module_callback_http_filter_scheduler_new(self.0) })
    }
}

/// Wakes a request on its worker, from any thread. For a request that is gone it does nothing.
pub(crate) struct RequestAlarm(*mut c_void);

// SAFETY: Envoy promises that a scheduler may be used from any thread.
unsafe impl Send for RequestAlarm {}

impl RequestAlarm {
    /// Has the hook `scheduled` called for the request, with this number.
    pub(crate) fn ring(&self, event: u64) {
        // SAFETY: The scheduler is good until it is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, event) }
    }
}

impl Drop for RequestAlarm {
    fn drop(&mut self) {
        // SAFETY: The scheduler is this module's to delete, and nobody uses it after this.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) }
    }
}

type WriteMetadata = unsafe extern "C" fn(*mut c_void, Buffer, Buffer);

/// Whether Envoy takes dynamic metadata.
pub(crate) fn takes_dynamic_metadata() -> bool {
    metadata_writer().is_some()
}

/// A function that Envoy has since 1.40.
fn metadata_writer() -> Option<WriteMetadata> {
    static FUNCTION: OnceLock<Option<WriteMetadata>> = OnceLock::new();

    *FUNCTION.get_or_init(|| {
        let function = find(c"envoy_dynamic_module_callback_http_set_dynamic_metadata_struct");
        // SAFETY: What Envoy exports by this name has this type; a null pointer becomes `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<WriteMetadata>>(function) }
    })
}

type CountForConfig = unsafe extern "C" fn(*mut c_void, usize, *mut Buffer, usize, u64) -> u32;

/// A function that Envoy has since 1.39.
fn config_counter() -> Option<CountForConfig> {
    static FUNCTION: OnceLock<Option<CountForConfig>> = OnceLock::new();

    *FUNCTION.get_or_init(|| {
        let function = find(c"envoy_dynamic_module_callback_http_filter_config_increment_counter");
        // SAFETY: What Envoy exports by this name has this type; a null pointer becomes `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<CountForConfig>>(function) }
    })
}

/// What the process exports under a name; null for nothing.
fn find(name: &CStr) -> *mut c_void {
    #[cfg(test)]
    if let Some(of_fake) = crate::fake_envoy::exported(name) {
        return of_fake;
    }
    // SAFETY: A null handle has the whole process searched. The name lives longer than the call.
    unsafe { dlsym(ptr::null_mut(), name.as_ptr()) }
}

/// A filter configuration of Envoy's: good until the hook that destroys it.
#[derive(Clone, Copy)]
pub(crate) struct FilterConfig(*mut c_void);

// SAFETY: It is a name for Envoy's object. Which of its methods may be called where stands with each.
unsafe impl Send for FilterConfig {}
// SAFETY: As above.
unsafe impl Sync for FilterConfig {}

impl FilterConfig {
    /// The configuration at a pointer that Envoy passed to a hook.
    pub(crate) fn new(pointer: *mut c_void) -> Self {
        Self(pointer)
    }

    /// Defines a counter; its number. Only while the configuration is made.
    pub(crate) fn define_counter(self, name: &str) -> Option<usize> {
        self.define(name, envoy_dynamic_module_callback_http_filter_config_define_counter)
    }

    /// Defines a histogram; its number. Only while the configuration is made.
    pub(crate) fn define_histogram(self, name: &str) -> Option<usize> {
        self.define(name, envoy_dynamic_module_callback_http_filter_config_define_histogram)
    }

    fn define(
        self,
        name: &str,
        define: unsafe extern "C" fn(*mut c_void, Buffer, *mut Buffer, usize, *mut usize) -> u32,
    ) -> Option<usize> {
        let mut number = 0;
        // SAFETY: Envoy copies the name, which lives longer than the call, and writes to `number`. There are no labels.
        let result = unsafe { define(self.0, Buffer::of(name.as_bytes()), ptr::null_mut(), 0, &mut number) };
        (result == 0).then_some(number)
    }

    /// Adds to a counter without a request; whether Envoy can. Only on the main thread.
    pub(crate) fn count(self, counter: usize, by: u64) -> bool {
        // SAFETY: The configuration is good, as its type says. There are no labels, so none is read.
        config_counter().is_some_and(|count| unsafe { count(self.0, counter, ptr::null_mut(), 0, by) } == 0)
    }

    /// Sends a request without a body; the number that its answer comes with. Only on the main thread.
    pub(crate) fn call(self, cluster: &str, headers: &[(&str, &str)], timeout: Duration) -> Option<u64> {
        let mut headers: Vec<Field> = headers.iter().map(Field::of).collect();
        let mut number = 0;
        // SAFETY: Envoy copies cluster and headers, which live longer than the call, and writes to `number`.
        let result = unsafe {
            envoy_dynamic_module_callback_http_filter_config_http_callout(
                self.0,
                &mut number,
                Buffer::of(cluster.as_bytes()),
                headers.as_mut_ptr(),
                headers.len(),
                Buffer::NONE,
                u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            )
        };
        (result == 0).then_some(number)
    }

    /// What has the main thread look after the configuration.
    pub(crate) fn alarm(self) -> ConfigAlarm {
        // SAFETY: The configuration is good, as its type says.
        ConfigAlarm(unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_new(self.0) })
    }
}

/// Has the main thread look after a configuration, from any thread.
pub(crate) struct ConfigAlarm(*mut c_void);

// SAFETY: Envoy promises that a scheduler may be used from any thread.
unsafe impl Send for ConfigAlarm {}

impl ConfigAlarm {
    /// Has the hook `config_scheduled` called.
    pub(crate) fn ring(&self) {
        // SAFETY: The scheduler is good until it is dropped.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_commit(self.0, 0) }
    }
}

impl Drop for ConfigAlarm {
    fn drop(&mut self) {
        // SAFETY: The scheduler is this module's to delete, and nobody uses it after this.
        unsafe { envoy_dynamic_module_callback_http_filter_config_scheduler_delete(self.0) }
    }
}

/// Header fields, copied.
#[derive(Default)]
pub(crate) struct FieldList {
    texts: Vec<u8>,
    /// Where each name, and each value, ends in `texts`.
    ends: Vec<(usize, usize)>,
}

impl FieldList {
    /// Copies fields that Envoy lends.
    ///
    /// # Safety
    /// They are good until this returns.
    pub(crate) unsafe fn copied(fields: &[Field]) -> Self {
        let mut list = Self { texts: Vec::with_capacity(1024), ends: Vec::with_capacity(fields.len()) };
        for field in fields {
            // SAFETY: The caller's promise.
            let (name, value) = unsafe { (field.name.octets(), field.value.octets()) };
            list.texts.extend_from_slice(name);
            let name_end = list.texts.len();
            list.texts.extend_from_slice(value);
            list.ends.push((name_end, list.texts.len()));
        }
        list
    }

    /// The values of a field, in their order. Names are compared without regard to case.
    pub(crate) fn values<'l>(&'l self, name: &str) -> impl Iterator<Item = &'l [u8]> {
        self.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().filter_map(move |(name_end, end)| {
            let field = (self.texts.get(start..*name_end)?, self.texts.get(*name_end..*end)?);
            start = *end;
            Some(field)
        })
    }
}

unsafe extern "C" {
    /// The C library's: finds what only newer Envoys export, and whose absence must not keep the module from being loaded.
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;

    fn envoy_dynamic_module_callback_log(level: u32, line: Buffer);
    fn envoy_dynamic_module_callback_log_enabled(level: u32) -> bool;
    fn envoy_dynamic_module_callback_http_get_headers_size(request: *mut c_void, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(request: *mut c_void, kind: u32, fields: *mut Field) -> bool;
    fn envoy_dynamic_module_callback_http_get_header(
        request: *mut c_void,
        kind: u32,
        name: Buffer,
        value: *mut Buffer,
        index: usize,
        count: *mut usize,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(
        request: *mut c_void,
        kind: u32,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_add_header(
        request: *mut c_void,
        kind: u32,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        request: *mut c_void,
        attribute: u32,
        value: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_get_most_specific_route_config(request: *mut c_void) -> *const c_void;
    fn envoy_dynamic_module_callback_http_get_cluster_name(request: *mut c_void, name: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        request: *mut c_void,
        status: u32,
        headers: *mut Field,
        headers_size: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_filter_continue_decoding(request: *mut c_void);
    fn envoy_dynamic_module_callback_http_clear_route_cache(request: *mut c_void);
    fn envoy_dynamic_module_callback_http_set_filter_state_bytes(
        request: *mut c_void,
        name: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_increment_counter(
        request: *mut c_void,
        counter: usize,
        labels: *mut Buffer,
        labels_size: usize,
        by: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_record_histogram_value(
        request: *mut c_void,
        histogram: usize,
        labels: *mut Buffer,
        labels_size: usize,
        value: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(request: *mut c_void) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: *mut c_void, event: u64);
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: *mut c_void);
    fn envoy_dynamic_module_callback_http_filter_config_define_counter(
        config: *mut c_void,
        name: Buffer,
        labels: *mut Buffer,
        labels_size: usize,
        counter: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_define_histogram(
        config: *mut c_void,
        name: Buffer,
        labels: *mut Buffer,
        labels_size: usize,
        histogram: *mut usize,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_http_callout(
        config: *mut c_void,
        callout: *mut u64,
        cluster: Buffer,
        headers: *mut Field,
        headers_size: usize,
        body: Buffer,
        timeout: u64,
    ) -> u32;
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_new(config: *mut c_void) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_commit(scheduler: *mut c_void, event: u64);
    fn envoy_dynamic_module_callback_http_filter_config_scheduler_delete(scheduler: *mut c_void);
}

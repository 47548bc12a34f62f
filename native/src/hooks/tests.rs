//! The hooks, called as Envoy would, with an Envoy of a few lines.

use std::{
    ptr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    fake_envoy::{self, FakeConfig, FakeRequest},
    key_sets::GIVE_UP,
};

const FETCHED: &str = r#"{"consumers": [{"username": "u", "jwt_secrets": [
    {"key": "k", "remote_jwks": {"uri": "http://issuer/jwks", "cluster": "issuer"}}]}]}"#;
const GUESTS: &str = r#"{"anonymous": "guest", "consumers": [{"username": "guest"}]}"#;
/// {"alg":"ES256","kid":"1"} and {"iss":"k"}, with a signature that nobody made.
const FORGED: &str = "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJrIn0.AAAA";

/// A configuration as Envoy has it, from its making to its end.
struct Configured {
    envoy: *mut FakeConfig,
    plugin: *const Plugin,
}

impl Configured {
    fn new(configuration: &str) -> Self {
        envoy_dynamic_module_on_program_init();
        let envoy = Box::into_raw(Box::<FakeConfig>::default());
        let text = Buffer::of(configuration.as_bytes());
        let plugin = envoy_dynamic_module_on_http_filter_config_new(envoy.cast(), Buffer::of(b"jwt_auth"), text);
        Self { envoy, plugin }
    }

    /// Takes a request up, and gives what becomes of its headers.
    fn take(&self, request: &mut FakeRequest) -> (*const Exchange, u32) {
        let envoy = ptr::from_mut(request).cast();
        let exchange = envoy_dynamic_module_on_http_filter_new(self.plugin, envoy);
        (exchange, envoy_dynamic_module_on_http_filter_request_headers(envoy, exchange, true))
    }

    /// The names of what was counted, each by one.
    fn names(&self, counted: &[(usize, u64)]) -> Vec<String> {
        // SAFETY: Nobody else uses it now.
        let counters = unsafe { &(*self.envoy).counters };
        counted.iter().filter(|(_, by)| *by == 1).map(|(number, _)| counters[*number].clone()).collect()
    }

    fn tick(&self) {
        envoy_dynamic_module_on_http_filter_config_scheduled(self.envoy.cast(), self.plugin, 0);
    }

    fn calls(&self) -> usize {
        // SAFETY: Nobody else uses it now.
        unsafe { &*self.envoy }.calls.len()
    }

    /// Sends what is due.
    fn sends(&self) {
        self.tick();
        self.tick();
    }

    fn answer(&self, call: u64, body: &str) {
        self.carry(call, CALL_SUCCEEDED, body);
    }

    fn carry(&self, call: u64, result: u32, body: &str) {
        let status = Field { name: Buffer::of(b":status"), value: Buffer::of(b"200") };
        let (first, last) = body.as_bytes().split_at(body.len() / 2);
        let chunks = [Buffer::of(first), Buffer::of(last)];
        envoy_dynamic_module_on_http_filter_config_http_callout_done(
            self.envoy.cast(),
            self.plugin,
            call,
            result,
            &status,
            1,
            chunks.as_ptr(),
            2,
        );
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        if !self.plugin.is_null() {
            envoy_dynamic_module_on_http_filter_config_destroy(self.plugin);
        }
        // SAFETY: It was made by `new`, and the module is done with it.
        drop(unsafe { Box::from_raw(self.envoy) });
    }
}

/// The policy of a route, as Envoy has it.
fn route_policy(configuration: &str) -> *const c_void {
    envoy_dynamic_module_on_program_init();
    let name = Buffer::of(b"of-a-route");
    envoy_dynamic_module_on_http_filter_per_route_config_new(name, Buffer::of(configuration.as_bytes()))
}

/// The status with which a request without a token is answered on a route with this configuration, or that it passes.
fn on_route(configured: &Configured, route: *const c_void) -> Option<u32> {
    let mut request = FakeRequest::with(&[]);
    request.route = Some(route);
    let (exchange, _) = configured.take(&mut request);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    request.response.as_ref().map(|(status, ..)| *status)
}

fn rung(request: &FakeRequest) -> Vec<u64> {
    request.rung.lock().unwrap().clone()
}

#[test]
fn a_request_without_a_token_is_answered_and_its_body_does_not_pass() {
    let configured = Configured::new("{}");
    let mut request = FakeRequest::with(&[]);
    let (exchange, status) = configured.take(&mut request);
    assert_eq!(status, HEADERS_STOP);
    let envoy = ptr::from_mut(&mut *request).cast();
    assert_eq!(envoy_dynamic_module_on_http_filter_request_body(envoy, exchange, true), BODY_STOP_AND_WATERMARK);
    assert_eq!(envoy_dynamic_module_on_http_filter_request_trailers(envoy, exchange), TRAILERS_STOP);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    let (status, headers, body) = request.response.as_ref().unwrap();
    assert_eq!((*status, body.as_str()), (401, r#"{"message":"Unauthorized"}"#));
    assert!(headers.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())));
    assert_eq!(request.counted.len(), 1);
}

#[test]
fn a_client_s_identity_headers_and_trailers_are_replaced() {
    let configured = Configured::new(GUESTS);
    let mut request = FakeRequest::with(&[("x-consumer-username", "admin"), ("x-consumer-username", "root")]);
    request.trailers.push(("x-consumer-username".to_owned(), "admin".to_owned()));
    let (exchange, status) = configured.take(&mut request);
    let envoy = ptr::from_mut(&mut *request).cast();
    assert_eq!(envoy_dynamic_module_on_http_filter_request_trailers(envoy, exchange), TRAILERS_CONTINUE);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    assert_eq!((status, request.response.is_none()), (HEADERS_CONTINUE, true));
    assert_eq!(request.values("x-consumer-username"), ["guest"]);
    assert!(request.trailers.is_empty());
}

#[test]
fn a_configuration_at_fault_is_refused_and_said_why() {
    assert!(Configured::new(r#"{"claims_to_verfy": []}"#).plugin.is_null());
    assert!(fake_envoy::log().iter().any(|line| line.starts_with("jwt_auth: claims_to_verfy: an unknown field")));
}

#[test]
fn a_panic_is_a_500_for_that_request_and_its_place_is_logged_without_its_message() {
    let configured = Configured::new(GUESTS);
    let mut request = FakeRequest::with(&[]);
    let (exchange, _) = configured.take(&mut request);
    request.counted.clear();
    let state = about(ptr::from_mut(&mut *request).cast(), exchange, |_, _| panic!("hunter2"));
    assert_eq!(state, State::Refused);
    let again = about(ptr::from_mut(&mut *request).cast(), exchange, |_, _| panic!("once it is answered"));
    assert_eq!(again, State::Refused);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    assert_eq!(request.response.as_ref().unwrap().0, 500);
    assert_eq!(configured.names(&request.counted), ["jwt_auth.denied.internal_error"]);
    let log = fake_envoy::log();
    assert!(log.iter().any(|line| line.contains("panicked at native/src/hooks/tests.rs:")));
    assert!(!log.iter().any(|line| line.contains("hunter2")));
}

#[test]
fn a_request_waits_for_a_key_set_and_decides_when_it_is_told() {
    let configured = Configured::new(FETCHED);
    let mut requests =
        [FakeRequest::with(&[("authorization", FORGED)]), FakeRequest::with(&[("authorization", FORGED)])];
    let [waiting, leaving] = &mut requests;
    let (exchange, status) = configured.take(waiting);
    let (leaves, _) = configured.take(leaving);
    assert_eq!(status, HEADERS_STOP_ALL_AND_WATERMARK);
    configured.sends();
    assert_eq!(configured.calls(), 1);
    envoy_dynamic_module_on_http_filter_destroy(leaves);
    configured.answer(1, r#"{"keys": []}"#);
    let [deadline] = rung(waiting).try_into().unwrap();
    assert!(deadline > 5_000 && rung(leaving).is_empty());
    envoy_dynamic_module_on_http_filter_scheduled(ptr::from_mut(&mut **waiting).cast(), exchange, deadline);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    assert_eq!((waiting.response.as_ref().unwrap().0, waiting.has_gone_on), (401, false));
}

#[test]
fn a_request_that_is_told_to_give_up_is_answered_503() {
    let configured = Configured::new(FETCHED);
    let mut request = FakeRequest::with(&[("authorization", FORGED)]);
    let (exchange, _) = configured.take(&mut request);
    envoy_dynamic_module_on_http_filter_scheduled(ptr::from_mut(&mut *request).cast(), exchange, GIVE_UP);
    // What was not waiting is not told twice.
    envoy_dynamic_module_on_http_filter_scheduled(ptr::from_mut(&mut *request).cast(), exchange, GIVE_UP);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    assert_eq!(request.response.as_ref().unwrap().0, 503);
}

#[test]
fn envoy_may_be_done_with_a_request_before_a_call_to_it_returns() {
    let configured = Configured::new(FETCHED);
    let answered = || {
        let mut request = FakeRequest::with(&[]);
        let exchange = envoy_dynamic_module_on_http_filter_new(configured.plugin, ptr::from_mut(&mut *request).cast());
        request.at_end = Some(Box::new(move || envoy_dynamic_module_on_http_filter_destroy(exchange)));
        let envoy = ptr::from_mut(&mut *request).cast();
        envoy_dynamic_module_on_http_filter_request_headers(envoy, exchange, true);
        request.response.as_ref().unwrap().0
    };
    assert_eq!(answered(), 401);
    let woken = || {
        let mut request = FakeRequest::with(&[("authorization", FORGED)]);
        let (exchange, status) = configured.take(&mut request);
        assert_eq!(status, HEADERS_STOP_ALL_AND_WATERMARK);
        request.at_end = Some(Box::new(move || envoy_dynamic_module_on_http_filter_destroy(exchange)));
        envoy_dynamic_module_on_http_filter_scheduled(ptr::from_mut(&mut *request).cast(), exchange, GIVE_UP);
        request.response.as_ref().unwrap().0
    };
    assert_eq!(woken(), 503);
}

#[test]
fn a_request_for_which_there_could_be_no_filter_is_answered_500() {
    let mut request = FakeRequest::with(&[]);
    let envoy = ptr::from_mut(&mut *request).cast();
    assert_eq!(envoy_dynamic_module_on_http_filter_request_headers(envoy, ptr::null(), true), HEADERS_STOP);
    envoy_dynamic_module_on_http_filter_destroy(ptr::null());
    assert_eq!(request.response.as_ref().unwrap().0, 500);
}

/// Has another thread, as a worker, give a configuration back, and tells when that is done.
fn end_on_a_worker(configured: &mut Configured) -> mpsc::Receiver<()> {
    let plugin = std::mem::replace(&mut configured.plugin, ptr::null()).expose_provenance();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        envoy_dynamic_module_on_http_filter_config_destroy(ptr::with_exposed_provenance(plugin));
        done.send(()).unwrap();
    });
    is_done
}

#[test]
fn a_configuration_that_ends_on_a_worker_waits_for_what_was_sent_through_it() {
    let mut configured = Configured::new(&FETCHED.replace("issuer/jwks", "issuer/of-a-worker"));
    configured.sends();
    assert_eq!(configured.calls(), 1);
    let plugin = configured.plugin;
    let is_done = end_on_a_worker(&mut configured);
    assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
    configured.plugin = plugin;
    configured.answer(1, r#"{"keys": []}"#);
    configured.plugin = ptr::null();
    is_done.recv_timeout(Duration::from_secs(30)).unwrap();
}

#[test]
fn a_configuration_that_ends_on_a_worker_does_not_wait_for_longer_than_envoy_does() {
    let mut configured = Configured::new(&FETCHED.replace(r#"jwks", "cluster"#, r#"lost", "timeout": 1, "cluster"#));
    configured.sends();
    assert_eq!(configured.calls(), 1);
    let start = Instant::now();
    end_on_a_worker(&mut configured).recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(fake_envoy::log().iter().any(|line| line.contains("although Envoy has not answered")));
}

#[test]
fn what_an_old_configuration_asks_goes_through_the_newest_and_comes_back_to_it() {
    let old = Configured::new(&FETCHED.replace("issuer/jwks", "issuer/old-and-new"));
    let new = Configured::new(GUESTS);
    old.sends();
    assert_eq!((old.calls(), new.calls()), (0, 1));
    let mut request = FakeRequest::with(&[("authorization", FORGED)]);
    let (exchange, status) = old.take(&mut request);
    assert_eq!(status, HEADERS_STOP_ALL_AND_WATERMARK);
    new.answer(1, r#"{"keys": []}"#);
    assert_eq!(rung(&request).len(), 1);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    // An answer for one that has ended is nobody's.
    let mut old = [old, Configured::new(&FETCHED.replace("issuer/jwks", "issuer/ended"))].map(Some);
    let newest = Configured::new(GUESTS);
    old[1].as_ref().unwrap().sends();
    assert_eq!(newest.calls(), 1);
    let is_done = end_on_a_worker(old[1].as_mut().unwrap());
    is_done.recv_timeout(Duration::from_secs(30)).unwrap();
    newest.answer(1, r#"{"keys": []}"#);
    newest.answer(7, r#"{"keys": []}"#);
}

#[test]
fn what_envoy_cancels_with_a_configuration_is_a_failure_for_the_one_that_has_asked() {
    let old = Configured::new(&FETCHED.replace("issuer/jwks", "issuer/cancelled"));
    let new = Configured::new(GUESTS);
    let mut request = FakeRequest::with(&[("authorization", FORGED)]);
    let (exchange, _) = old.take(&mut request);
    old.sends();
    assert_eq!((new.calls(), rung(&request).len()), (1, 0));
    drop(new);
    assert_eq!(rung(&request).len(), 1);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    assert!(fake_envoy::log().iter().any(|line| line.contains("cancelled") && line.contains("no answer")));
}

#[test]
fn a_route_has_a_policy_of_its_own_until_envoy_drops_it() {
    let configured = Configured::new(GUESTS);
    let [closed, open] = [r#"{"anonymous": null}"#, r#"{"anonymous": null, "disabled": true}"#].map(route_policy);
    assert_eq!(on_route(&configured, closed), Some(401));
    assert_eq!(on_route(&configured, open), None);
    assert_eq!(on_route(&configured, closed), Some(401));
    for policy in [closed, open] {
        envoy_dynamic_module_on_http_filter_per_route_config_destroy(policy);
    }
    let other = Configured::new(GUESTS);
    assert_eq!(on_route(&other, open), Some(500));
}

#[test]
fn a_policy_of_a_route_at_fault_is_refused_and_said_why() {
    assert!(route_policy(r#"{"disabled": 1, "consumers": []}"#).is_null());
    let log = fake_envoy::log();
    for expected in [
        "jwt_auth: policy of a route, \"of-a-route\": consumers: an unknown field",
        "jwt_auth: policy of a route, \"of-a-route\": disabled: a number; expected true or false",
    ] {
        assert!(log.iter().any(|line| line.starts_with(expected)), "{expected}");
    }
}

#[test]
fn what_cannot_be_followed_on_a_route_is_a_500() {
    let configured = Configured::new(GUESTS);
    let nobody = route_policy(r#"{"anonymous": "nobody"}"#);
    let of_another_module = ptr::from_ref(&configured).cast();
    for route in [nobody, of_another_module, nobody] {
        assert_eq!(on_route(&configured, route), Some(500));
    }
    envoy_dynamic_module_on_http_filter_per_route_config_destroy(nobody);
    let log = fake_envoy::log();
    let told = |part: &str| log.iter().filter(|line| line.contains(part)).count();
    assert_eq!(told("filter's configuration: anonymous: \"nobody\", which is not the name of a consumer"), 1);
    assert!(told("the route has a configuration of another module for this filter") >= 1);
}

#[test]
fn a_decision_is_written_to_the_dynamic_metadata() {
    let configured = Configured::new(r#"{"dynamic_metadata": {"namespace": "caller"}}"#);
    let mut request = FakeRequest::with(&[]);
    let (exchange, _) = configured.take(&mut request);
    envoy_dynamic_module_on_http_filter_destroy(exchange);
    // {"outcome": "denied.no_token"}
    let message = b"\n\x1c\n\x07outcome\x12\x11\x1a\x0fdenied.no_token".to_vec();
    assert_eq!(request.metadata, [("caller".to_owned(), message)]);
}

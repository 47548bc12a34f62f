"""Hosts that are not Envoy: what each has been seen to do, and what the filter makes of it."""

import json
import struct
from dataclasses import replace

import abi_host
import pytest
from abi_host import ENVOY, NGINX, PAUSE, PLUGIN, Host
from consumers import CLIENT_APP, HS256, RS256, plugin
from tokens import in_seconds, key

REMOTE = "https://remote.example.com"
KEY_SET = json.dumps({"keys": [RS256.jwk]}).encode()
METADATA = json.dumps({"issuer": REMOTE, "jwks_uri": f"{REMOTE}/keys"}).encode()
STATUS_200 = [(":status", "200")]
FILLER = [(f"x-filler-{number}", "x") for number in range(100)]
GOOD = ("authorization", f"Bearer {HS256.token()}")
OF_REMOTE = ("authorization", f"Bearer {RS256.token(iss=REMOTE)}")


def remote(**source):
    """A consumer whose issuer publishes its keys."""
    return {"username": "Remote", "jwt_secrets": [{"key": REMOTE, **source}]}


FETCHED = plugin(CLIENT_APP, remote(remote_jwks={"uri": f"{REMOTE}/keys", "cluster": "remote"}))
DISCOVERED = plugin(CLIENT_APP, remote(discovery={"uri": f"{REMOTE}/.well-known/openid-configuration", "cluster": "remote"}))


def configured(quirks, configuration=None, faults=None):
    host = Host(quirks, faults)
    assert host.configure(configuration or plugin()), host.log
    return host


def only_call(host):
    (number,) = host.calls
    return number


@pytest.mark.parametrize("headers", [[GOOD, *FILLER], [*FILLER, GOOD]], ids=["in front", "behind 100 others"])
@pytest.mark.parametrize("forged", ["x-consumer-username", "x-consumer-id", "x-anonymous-consumer"])
def test_an_identity_header_is_found_wherever_it_stands(headers, forged):
    host = configured(NGINX)
    assert host.request(*headers).passes
    refused = host.request(*headers, (forged, "admin"))
    assert refused.status == 500 and not refused.passes
    assert any("cannot be changed on this host" in line for _, line in host.log)


def test_a_header_of_a_claim_that_a_client_sends_is_refused():
    host = configured(NGINX, plugin(claims_to_headers=[{"claim": "role", "header": "x-role"}]))
    assert host.request(GOOD).passes
    assert host.request(GOOD, ("x-role", "admin")).status == 500


def test_an_identity_that_the_connection_header_names_is_refused():
    request = configured(NGINX).request(GOOD, ("connection", "upgrade, x-consumer-username"))
    assert request.status == 500


@pytest.mark.parametrize(
    "fields, fault",
    [
        ({"hide_credentials": True}, "hide_credentials requires Envoy"),
        ({"rules": [{"routes": ["a"], "hide_credentials": True}]}, "hide_credentials requires Envoy"),
        ({"dpop": {}}, "dpop requires Envoy"),
        ({"first_valid": True}, "first_valid requires Envoy"),
        ({"client_certificate_from": "client-cert"}, "client_certificate_from requires Envoy"),
        ({"dynamic_metadata": {"namespace": "jwt"}}, "dynamic_metadata requires the native edition"),
        ({"rules": [{"routes": ["a"], "disabled": True}]}, "rules require Envoy: this host exposes no route name"),
    ],
)
def test_what_only_envoy_does_is_refused_when_it_is_configured(fields, fault):
    host = Host(NGINX)
    assert not host.configure(plugin(**fields))
    assert any(level == "error" and line.startswith(fault) for level, line in host.log), host.log
    # Nobody passes by a configuration that was refused.
    assert host.request(GOOD).status == 500


def test_envoy_is_known_while_it_only_validates():
    for fields in {"hide_credentials": True}, {"rules": [{"routes": ["a"]}]}:
        assert Host(replace(ENVOY, is_nameless=True)).configure(plugin(**fields))
    # A host that says yes to everything is no Envoy.
    assert not Host(NGINX, {"proxy_get_property": 0}).configure(plugin(hide_credentials=True))


def test_a_request_that_was_announced_before_another_configuration_does_not_wait_for_ever():
    host = configured(ENVOY, FETCHED)
    host._callback("proxy_on_context_create", 77, PLUGIN)
    assert host.configure(FETCHED)
    host.requests[77] = late = abi_host.Request(77, [(":method", "GET"), (":path", "/"), OF_REMOTE])
    host.current = 77
    late.action = host._callback("proxy_on_request_headers", 77, 3, 1)
    assert late.status == 503


def test_a_plugin_that_is_announced_anew_ends_the_one_before():
    host = configured(ENVOY, FETCHED)
    waiting = host.request(OF_REMOTE)
    host._callback("proxy_on_context_create", PLUGIN, 0)
    assert waiting.status == 503


def test_a_configuration_that_the_host_does_not_hand_over_is_refused():
    host = Host(ENVOY, {"proxy_get_buffer_bytes": abi_host.NOT_FOUND})
    assert not host.configure(plugin())
    assert host.log == [("error", "configuration refused: the host does not hand it over, status 1")]


def test_a_request_does_not_wait_where_it_could_not_go_on():
    host = configured(NGINX, FETCHED)
    before = host.request(OF_REMOTE)
    assert before.status == 503 and before.response[1]["retry-after"]
    host.tick()
    host.answer(only_call(host), STATUS_200, KEY_SET)
    host.tick()
    assert host.request(OF_REMOTE).passes
    assert host.ticks == [1000]


def test_in_envoy_it_waits_and_goes_on():
    host = configured(ENVOY, FETCHED)
    waiting, leaving = host.request(OF_REMOTE, has_body=True), host.request(OF_REMOTE)
    assert (waiting.action, waiting.status) == (PAUSE, None)
    assert not host.body(waiting)
    host.end(leaving)
    host.tick()
    host.answer(only_call(host), STATUS_200, KEY_SET)
    assert waiting.passes and host.body(waiting)
    assert waiting.upstream("x-consumer-username") == ["Remote"]


def test_the_answer_to_one_call_asks_for_the_next_from_a_tick():
    host = configured(NGINX, DISCOVERED)
    host.tick()
    host.answer(only_call(host), STATUS_200, METADATA)
    assert not host.calls
    host.tick()
    assert host.calls[only_call(host)].headers[":path"] == "/keys"
    host.answer(only_call(host), STATUS_200, KEY_SET)
    host.tick()
    assert host.request(OF_REMOTE).passes


def test_a_set_replaces_the_one_before_where_0_does_not_mean_any_change():
    host = configured(NGINX, FETCHED)
    for keys in {"keys": [key("RS256", "other").jwk]}, {"keys": [RS256.jwk]}:
        host.shared = {name: value for name, value in host.shared.items() if not name.endswith("schedule")}
        host.tick()
        host.answer(only_call(host), STATUS_200, json.dumps(keys).encode())
        host.tick()
    assert host.request(OF_REMOTE).passes


@pytest.mark.parametrize("fields", [{"filter_state": True}, {"clear_route_cache": True}])
def test_what_another_host_would_stumble_over_is_not_asked(fields):
    host = configured(NGINX, plugin(**fields))
    assert host.request(GOOD).passes
    assert not host.called & {"proxy_set_property", "proxy_call_foreign_function"}


@pytest.mark.parametrize("faults", [{}, {"proxy_get_current_time_nanoseconds": 0}], ids=["declined", "answered with 1970"])
def test_without_a_clock_every_token_has_expired(faults):
    host = configured(replace(NGINX, has_clock=False), plugin(claims_to_verify=["exp"]), faults)
    request = host.request(("authorization", f"Bearer {HS256.token(exp=in_seconds(600))}"))
    assert request.status == 401


@pytest.mark.parametrize(
    "pieces",
    [
        b"",
        b"\1\0",
        struct.pack("<I", 1),
        struct.pack("<III", 1, 5, 3) + b":path\0",
        struct.pack("<III", 1, 5, 1) + b":path\0/\0more",
        struct.pack("<III", 1, 0xFFFF_FFFF, 0xFFFF_FFFF),
        struct.pack("<I", 0xFFFF_FFFF),
    ],
)
def test_headers_in_pieces_are_not_no_headers(pieces, monkeypatch):
    host = configured(ENVOY, plugin(CLIENT_APP, {"username": "guest", "id": "g"}, anonymous="guest"))
    monkeypatch.setattr(abi_host, "serialized", lambda _: pieces)
    request = host.request(("x-consumer-username", "admin"))
    monkeypatch.undo()
    assert not request.passes
    assert ("error", "denied: the host does not hand over the whole request, status 3") in host.log


def test_what_the_host_never_announced_is_nobody_s():
    host = configured(ENVOY, FETCHED)
    assert host._callback("proxy_on_request_headers", 99, 3, 1) == PAUSE
    assert host._callback("proxy_on_request_body", 99, 3, 1) == PAUSE
    assert host._callback("proxy_on_request_trailers", 99, 3) == PAUSE
    assert host._callback("proxy_on_configure", 99, 0) == 0
    for name, *more in ("tick",), ("delete",), ("http_call_response", 1, 1, 1, 0):
        host._callback(f"proxy_on_{name}", 99, *more)
    host._callback("proxy_on_context_create", 100, 99)
    assert host._callback("proxy_on_request_headers", 100, 3, 1) == PAUSE
    host._callback("proxy_on_context_create", 100, 99)
    host._callback("proxy_on_http_call_response", PLUGIN, 12345, 0, 0, 0)
    assert host.request(GOOD).passes


def test_an_answer_that_comes_twice_counts_once():
    host = configured(ENVOY, FETCHED)
    host.tick()
    number = only_call(host)
    call = host.calls[number]
    host.answer(number, STATUS_200, KEY_SET)
    host.calls[number] = call
    host.answer(number, STATUS_200, b"{}")
    assert host.request(OF_REMOTE).passes
    host.tick()
    assert host.counters["jwt_auth.key_set_fetch.success"] == 1


@pytest.mark.parametrize("faults", [{}, {"proxy_send_local_response": abi_host.UNIMPLEMENTED}], ids=["answered", "not"])
def test_the_body_of_a_refused_request_does_not_pass(faults):
    host = configured(ENVOY, faults=faults)
    request = host.request(("authorization", "Bearer x"))
    assert request.action == PAUSE and not host.body(request)


def test_what_waits_is_answered_when_the_plugin_ends():
    host = configured(ENVOY, FETCHED)
    waiting = host.request(OF_REMOTE)
    host.stop()
    assert waiting.status == 503


def test_the_module_has_only_the_callbacks_that_do_something():
    callbacks = {name for name in Host().exports if name.startswith("proxy_on_")}
    about_requests = {f"proxy_on_request_{part}" for part in ("headers", "body", "trailers")}
    about_plugins = {"context_create", "vm_start", "configure", "tick", "http_call_response", "delete", "memory_allocate"}
    assert callbacks == about_requests | {f"proxy_on_{name}" for name in about_plugins}


@pytest.mark.parametrize("quirks", [ENVOY, NGINX])
def test_a_line_that_nobody_reads_is_not_handed_over(quirks):
    host = Host(quirks)
    host.level = "info"
    assert host.configure(plugin()), host.log
    assert host.request(GOOD).passes
    assert host.log
    assert not any(level == "debug" for level, _ in host.log)
    host.level = "debug"
    host.tick()
    assert host.request(GOOD).passes
    assert host.log[-1][0] == "debug"

"""Every call of the module's, answered with every status: nothing passes that should not, and nothing stops."""

import json

import abi_host
import pytest
from abi_host import ENVOY, NGINX, Host
from consumers import CLIENT_APP, GUEST, HS256, RS256, plugin
from tokens import in_seconds

# The ABI's statuses, one that it does not have, and a host that says Ok and does nothing.
STATUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99]
IMPORTS = abi_host.imported()
QUIRKS = [ENVOY, NGINX]

KEY_SET = json.dumps({"keys": [RS256.jwk]}).encode()
REMOTE = {
    "username": "Remote",
    "jwt_secrets": [{"key": "https://remote.example.com", "remote_jwks": {"uri": "https://r.example.com/k", "cluster": "r"}}],
}
USUAL = {"claims_to_verify": ["exp"], "filter_state": True, "measure_verification": True}
CLAIMS = {"claims_to_headers": [{"claim": "role", "header": "x-role"}]}
PLUGINS = {
    "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest", **USUAL),
    "hidden": plugin(CLIENT_APP, hide_credentials=True, **USUAL),
    "claims and key set": plugin(CLIENT_APP, REMOTE, **CLAIMS, **USUAL),
}

# The tokens are made when the tests are collected, long before the last of them runs.
DAY = 86_400
GOOD = HS256.token(exp=in_seconds(DAY), role="reader")
EXPIRED = HS256.token(exp=in_seconds(-600))
FORGED = GOOD[:-4] + "AAAA"
UNKNOWN = RS256.token(iss="https://remote.example.com", exp=in_seconds(DAY))
BASIC = ("authorization", "Basic YTpi")
IDENTITY = [("x-consumer-username", "admin"), ("x-role", "admin"), ("x-consumer-id", "1")]


def bearer(token):
    return ("authorization", f"Bearer {token}")


def requests():
    """Requests, each with whether it may pass as somebody."""
    for extra in [], IDENTITY:
        yield [*extra, bearer(GOOD)], True
        yield [*extra, BASIC, bearer(GOOD)], True
        yield [*extra, bearer(EXPIRED)], False
        yield [*extra, bearer(FORGED)], False
        yield extra, False


def go_through(host, configuration):
    """Everything that happens in the life of a plugin; gives the requests that passed and what each may be."""
    passed = []
    if not host.configure(configuration):
        return passed
    waiting = host.request(bearer(UNKNOWN))
    for _ in range(2):
        host.tick()
        for number in list(host.calls):
            host.answer(number, [(":status", "200")], KEY_SET)
        for headers, is_somebody in requests():
            request = host.request(*headers, trailers=[("x-consumer-username", "admin")])
            passed += [(request, is_somebody)] if request.passes else []
        passed += [(waiting, True)] if waiting.passes else []
        host.end(waiting)
        waiting = host.request(bearer(UNKNOWN))
    return passed


@pytest.mark.parametrize("quirks", QUIRKS, ids=["Envoy", "NGINX"])
@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("call", IMPORTS)
def test_nothing_passes_that_should_not_and_nothing_stops(call, name, quirks):
    for status in STATUSES:
        for is_from_the_start in [True, False] if status in (0, abi_host.UNIMPLEMENTED) else [False]:
            host = Host(quirks, {call: status} if is_from_the_start else {})
            if not is_from_the_start:
                host.configure(PLUGINS[name])
                host.faults[call] = status
            for request, is_somebody in go_through(host, PLUGINS[name]):
                assert is_somebody or name == "anonymous", (status, request)
                # What the host says that it removed and did not, nobody can know.
                if not (status == 0 and call == "proxy_replace_header_map_value"):
                    assert "admin" not in request.upstream("x-consumer-username"), (status, request)
                if "claims" in name:
                    assert "admin" not in request.upstream("x-role"), (status, request)
                if name == "hidden":
                    left = request.upstream("authorization")
                    assert not any("Bearer" in value for value in left), (status, request)
            host.stop()


@pytest.mark.parametrize("quirks", QUIRKS, ids=["Envoy", "NGINX"])
@pytest.mark.parametrize("name", PLUGINS)
def test_without_a_fault_all_pass_that_should(name, quirks):
    """Or the test above could not fail."""
    passed = [is_somebody for _, is_somebody in go_through(Host(quirks), PLUGINS[name])]
    if name == "hidden" and not quirks.is_envoy:
        assert passed == []  # such a configuration is refused there
    elif quirks.is_envoy:
        assert passed.count(True) >= 8
    else:
        assert passed.count(True) >= 2  # a forged header is refused there, and of two headers one is seen


@pytest.mark.parametrize("quirks", QUIRKS, ids=["Envoy", "NGINX"])
def test_every_call_is_made_in_what_happens_here(quirks):
    called = set()
    for configuration in PLUGINS.values():
        host = Host(quirks)
        go_through(host, configuration)
        called |= host.called
    only_in_envoy = {"proxy_set_effective_context", "proxy_continue_stream", "proxy_get_header_map_pairs"}
    only_in_envoy |= {"proxy_call_foreign_function", "proxy_set_property", "proxy_add_header_map_value"}
    assert set(IMPORTS) - called == (set() if quirks.is_envoy else only_in_envoy)

"""The sample for the Model Context Protocol, with the client and the server of the official SDK and a real authorization server."""

import json

import pytest

import client
import harness
import node
import samples
from harness import LOOPBACK

pytestmark = node.NEEDED

RESOURCE = "http://127.0.0.1:8080/mcp"
ISSUER = "http://127.0.0.1:8082"


class Upstream:
    """The MCP server, for those who count the requests of an upstream."""

    requests = 0

    def __init__(self, port):
        self.port = port


def native(sample):
    """The sample with the filter as a dynamic module."""
    [manager] = [item for item in samples.walk(sample) if isinstance(item, dict) and "http_filters" in item]
    of_wasm = manager["http_filters"][0]["typed_config"]["config"]["configuration"]["value"]
    manager["http_filters"][0] = harness._filter(of_wasm, {}, switched_off=False)
    return sample


def configuration(port, server, issuer, bound=False):
    """The sample, where its addresses are: the listener's, the MCP server's and the authorization server's."""
    text = samples.text("mcp.yaml").replace(RESOURCE, f"http://{LOOPBACK}:{port}/mcp").replace(ISSUER, issuer)
    addresses = {8080: port, 8081: server.port, 8082: int(issuer.rpartition(":")[2]), 9901: 0}
    for of_sample, own in addresses.items():
        assert text.count(f"port_value: {of_sample} ") == 1
        text = text.replace(f"port_value: {of_sample} ", f"port_value: {own} ")
    sample = samples.read(text.replace("dist/jwt-auth.wasm", str(harness.MODULE)))
    if bound:
        [plugin] = [config["configuration"]["value"] for config in samples.filters(sample)]
        plugin.update(bound)
    return native(sample) if harness.IS_NATIVE else sample


def called(tmp_path, *mode, bound=None):
    """What the client did and was answered, with the addresses of the sample."""
    port, auth_port = node.free_port(), node.free_port()
    issuer, resource = f"http://{LOOPBACK}:{auth_port}", f"http://{LOOPBACK}:{port}/mcp"
    auth = node.AuthorizationServer(issuer, resource, port=auth_port)
    with auth, node.Server("mcp-server.mjs", 0) as server:
        bootstrap = configuration(port, server, issuer, bound)
        with harness.Envoy(None, Upstream(server.port), tmp_path, bootstrap=bootstrap) as envoy:
            unauthorized = client.http1((LOOPBACK, port), "POST", "/mcp", [])
            assert unauthorized.status == 401
            found = node.run("mcp-client.mjs", resource, *mode)
            log = envoy.log()
            assert not harness.CRASH.search(log), log
    text = json.dumps([found, unauthorized.header("www-authenticate")])
    return json.loads(text.replace(f"127.0.0.1:{port}", "127.0.0.1:8080").replace(issuer, ISSUER))


STEPS = [
    f"POST {RESOURCE} 401",
    "GET http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp 200",
    f"POST {ISSUER}/reg 201",
    f"POST {ISSUER}/token 200",
    f"POST {RESOURCE} 200",
]


BOUND = {"sender_constraint": "required", "dpop": {"algorithms": ["ES256"]}}


def in_order(steps, requests):
    """Whether all steps are among the requests, in their order."""
    left = iter(requests)
    return all(step in left for step in steps)


def test_a_client_that_knows_only_the_address_comes_to_call_a_tool(tmp_path):
    found, challenge = called(tmp_path)
    where = "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"
    assert challenge == f'Bearer resource_metadata="{where}"'
    assert in_order(STEPS, found["requests"]), found["requests"]
    assert found["answer"] == {"consumer": "agents", "authorization": None}


def test_a_client_whose_token_is_bound_to_a_key_comes_to_call_a_tool(tmp_path):
    found, challenge = called(tmp_path, "dpop", bound=BOUND)
    where = 'resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"'
    assert challenge == f'Bearer {where}, DPoP algs="ES256", {where}'
    assert in_order(STEPS, found["requests"]), found["requests"]
    assert found["answer"] == {"consumer": "agents", "authorization": None}


def test_a_client_whose_token_is_bound_to_nothing_does_not_come_to_call_where_that_is_required(tmp_path):
    with pytest.raises(AssertionError, match="Unauthorized"):
        called(tmp_path, bound=BOUND)

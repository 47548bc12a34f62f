"""What a client finds out of a protected resource (RFC 9728), and where it is told to look."""

import json
import re

import pytest

import client
import harness
from consumers import CLIENT_APP, GUEST, HS256, plugin
from expect import NO_CREDENTIALS, passed, passed_as_anonymous, refused
from harness import Listen
from tokens import ISSUER

ROOT = "/.well-known/oauth-protected-resource"
METADATA = {"resource": "https://api.example.com/mcp", "scopes_supported": ["mcp:tools"]}
PUBLISHED = {
    "resource": "https://api.example.com/mcp",
    "authorization_servers": [ISSUER],
    "scopes_supported": ["mcp:tools"],
    "bearer_methods_supported": ["header"],
}
WHERE = f'resource_metadata="https://api.example.com{ROOT}/mcp"'
SCOPE = [{"claim": "scope", "all_of": ["mcp:tools"]}]


def route(name, prefix):
    return {"name": name, "match": {"prefix": prefix}, "route": {"cluster": "http1"}}


ROUTES = [route("open", "/.well-known"), route("other", "/other"), route("rest", "/")]
RULES = [
    {"routes": ["open"], "disabled": True},
    {"routes": ["other"], "resource_metadata": {"resource": "https://api.example.com/other"}},
]

LISTENERS = {
    "main": plugin(resource_metadata=METADATA, required_claims=SCOPE),
    "anonymous": plugin(CLIENT_APP, GUEST, resource_metadata=METADATA, anonymous="guest"),
    "rules": Listen(plugin(resource_metadata=METADATA, rules=RULES), ROUTES),
    "without a route": Listen(plugin(resource_metadata=METADATA), [route("only", "/mcp")]),
    "off": plugin(),
}


def published(listener, path=f"{ROOT}/mcp", **request):
    response = listener.send(path=path, **request)
    assert (response.status, response.reached) == (200, 0), response
    assert response.header("content-type") == "application/json"
    assert response.header("access-control-allow-origin") == "*"
    assert response.header("cache-control") == "public, max-age=300"
    return json.loads(response.body)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_the_filter_publishes_the_metadata_itself(envoy, using):
    assert published(envoy["main"], using=using) == PUBLISHED
    head = envoy["main"].send("HEAD", f"{ROOT}/mcp", using=using)
    assert (head.status, head.body, head.reached) == (200, b"", 0)
    assert head.header("content-length") == str(len(json.dumps(PUBLISHED, separators=(",", ":"))))


@pytest.mark.parametrize("name", ["anonymous", "rules", "without a route"])
def test_neither_rules_nor_routes_nor_tokens_keep_it_from_a_client(envoy, name):
    for headers in [[], [("authorization", "Bearer x")], [("x-consumer-username", "x")]]:
        assert published(envoy[name], headers=headers) == PUBLISHED


def test_a_browser_may_ask(envoy):
    response = envoy["main"].preflight([("access-control-request-headers", "mcp-protocol-version")], path=f"{ROOT}/mcp")
    assert (response.status, response.body, response.reached) == (200, b"", 0)
    assert response.header("access-control-allow-origin") == "*"
    assert response.header("access-control-allow-methods") == "GET, HEAD, OPTIONS"
    assert response.header("access-control-allow-headers") == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(envoy, method):
    response = envoy["main"].send(method, f"{ROOT}/mcp", body=b"x")
    assert (response.status, response.header("allow"), response.reached) == (405, "GET, HEAD, OPTIONS", 0)


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/", f"{ROOT}/mcp/", f"{ROOT}/mcp/x", f"{ROOT}/MCP", f"/x{ROOT}/mcp", "/mcp"])
def test_all_other_paths_are_the_service_s(envoy, path):
    refused(envoy["main"].send(path=path), "Unauthorized", f"Bearer {WHERE}")
    response = envoy["main"].bearer(HS256.token(scope="mcp:tools"), path=path)
    passed(response, CLIENT_APP)
    assert response.upstream["path"] == path


def test_every_challenge_says_where(envoy):
    refused(envoy["main"].send(), "Unauthorized", f"Bearer {WHERE}")
    refused(envoy["main"].bearer(HS256.token(iss="x")), NO_CREDENTIALS, f'Bearer error="invalid_token", {WHERE}')
    response = envoy["main"].bearer(HS256.token(scope="x"))
    challenge = f'Bearer error="insufficient_scope", scope="mcp:tools", {WHERE}'
    assert (response.status, response.header("www-authenticate")) == (403, challenge)
    other = f'Bearer resource_metadata="https://api.example.com{ROOT}/other"'
    refused(envoy["rules"].send(path="/other"), "Unauthorized", other)
    assert published(envoy["rules"], f"{ROOT}/other")["resource"] == "https://api.example.com/other"
    passed_as_anonymous(envoy["anonymous"].send(), GUEST)


def test_nothing_is_published_that_is_not_configured(envoy):
    refused(envoy["off"].send(path=f"{ROOT}/mcp"), "Unauthorized", "Bearer")


def test_it_is_counted(upstream, tmp_path):
    with harness.Envoy({"main": LISTENERS["main"]}, upstream, tmp_path) as envoy:
        published(envoy["main"])
        envoy["main"].send(path="/mcp")
        counted = r"jwt_auth\.(resource_metadata|denied\.no_token): 1\n"
        harness.until(lambda: len(re.findall(counted, envoy.admin("/stats?filter=jwt_auth"))) == 2, "both counters")

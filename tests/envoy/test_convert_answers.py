"""`jwt-auth convert`: the plugins that answer in place of the service, cors and request-termination, through Envoy."""

import json

import pytest

import harness
from conftest import check_log
from consumers import HS256
from converting import EDITIONS, converted_for
from expect import refused
from tokens import in_seconds

GATEWAY = """
_format_version: "3.0"
services:
- name: api
  url: http://127.0.0.1:{port}
  plugins:
  - name: jwt
    config: {{claims_to_verify: [exp]}}
  - name: cors
    config:
      origins: ["https://app.example.com", '^https://[a-z]+\\.partners\\.example$', '.*\\.friends\\.example']
      exposed_headers: [X-Total, X-Page]
      max_age: 600
      credentials: true
  routes:
  - {{name: api, paths: [/api]}}
  - name: all
    paths: [/all]
    plugins:
    - name: cors
      config: {{methods: [GET, PUT], headers: [authorization, x-kind]}}
  - name: group
    paths: [/group]
    plugins:
    - name: acl
      config: {{allow: [nobody]}}
  - name: gone
    paths: [/gone]
    plugins:
    - name: request-termination
      config: {{status_code: 410, message: 'Use "/api"'}}
- name: open
  url: http://127.0.0.1:{port}
  routes:
  - {{name: open, paths: [/open]}}
  - name: page
    paths: [/page]
    plugins:
    - name: request-termination
      config: {{status_code: 200, content_type: text/html, body: "<p>{long}</p>"}}
  - name: stopped
    paths: [/stopped]
    plugins:
    - {{name: request-termination}}
consumers:
- {{username: ClientApp, jwt_secrets: [{{key: client-app, secret: {secret}}}]}}
"""
LONG = "x" * 5000
APP = "https://app.example.com"


@pytest.fixture(scope="module", params=EDITIONS)
def listener(request, upstream, tmp_path_factory):
    secret = json.dumps(HS256.private.decode())
    bootstrap = converted_for(request.param, GATEWAY.format(port=upstream.port, secret=secret, long=LONG))
    with harness.Envoy(None, upstream, tmp_path_factory.mktemp("answers"), bootstrap=bootstrap) as envoy:
        yield envoy["http"]
        check_log(envoy.log())


def token():
    return HS256.token(iss="client-app", exp=in_seconds(300))


def preflight(listener, path, origin, *headers):
    headers = [("origin", origin), ("access-control-request-method", "PUT"), *headers]
    return listener.send("OPTIONS", path, headers)


@pytest.mark.parametrize("origin", [APP, "https://eu.partners.example", "http://www.friends.example:8080"])
def test_a_preflight_request_of_an_origin_that_may_call_needs_no_token(listener, origin):
    response = preflight(listener, "/api/1", origin, ("access-control-request-headers", "authorization,x-kind"))
    assert (response.status, response.reached, response.body) == (200, 0, b"")
    headers = {name: value for name, value in response.headers if name.startswith("access-control-")}
    assert headers == {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT",
        "access-control-allow-headers": "authorization,x-kind",
        "access-control-expose-headers": "X-Total,X-Page",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://evil.example/https://eu.partners.example",
        "https://eu.partners.example.evil.example",
        "https://friends.example",
        "null",
    ],
)
def test_other_origins_are_answered_without_a_permission(listener, origin):
    response = preflight(listener, "/api/1", origin)
    assert (response.status, response.reached) == (200, 0)
    assert response.header("access-control-allow-origin") is None
    response = listener.bearer(token(), [("origin", origin)], path="/api/1")
    assert (response.status, response.reached) == (200, 1)
    assert response.header("access-control-allow-origin") is None


def test_a_route_s_own_cors_counts_before_its_service_s(listener):
    response = preflight(listener, "/all", "https://anybody.example", ("access-control-request-headers", "x-other"))
    headers = {name: value for name, value in response.headers if name.startswith("access-control-")}
    assert headers == {
        "access-control-allow-origin": "https://anybody.example",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "authorization,x-kind",
    }


def test_a_page_may_read_a_refusal_and_the_service_s_answer(listener):
    response = listener.send(path="/api/1", headers=[("origin", APP)])
    refused(response, "Unauthorized", "Bearer")
    answer = listener.bearer(token(), [("origin", APP)], path="/api/1")
    assert answer.upstream_headers("x-consumer-username") == ["ClientApp"]
    for each in [response, answer]:
        assert each.header("access-control-allow-origin") == APP
        assert each.header("access-control-allow-credentials") == "true"
        assert each.header("access-control-expose-headers") == "X-Total,X-Page"
        assert each.header("vary") == "Origin"


def test_what_is_no_preflight_request_needs_a_token(listener):
    for headers in [[], [("origin", APP)], [("access-control-request-method", "GET")]]:
        refused(listener.send("OPTIONS", "/api/1", headers), "Unauthorized", "Bearer")
    refused(listener.send("GET", "/api/1", harness.PREFLIGHT), "Unauthorized", "Bearer")


def test_an_acl_does_not_stand_in_the_way_of_a_preflight_request(listener):
    assert preflight(listener, "/group", APP).header("access-control-allow-origin") == APP
    assert listener.bearer(token(), path="/group").status == 403


def test_without_cors_a_preflight_request_is_the_service_s(listener):
    response = preflight(listener, "/open", APP)
    assert response.upstream["method"] == "OPTIONS"
    assert response.header("access-control-allow-origin") is None


def test_a_terminated_route_asks_for_a_token_first(listener):
    refused(listener.send(path="/gone"), "Unauthorized", "Bearer")
    response = listener.bearer(token(), path="/gone")
    assert (response.status, response.reached) == (410, 0)
    assert json.loads(response.body) == {"message": 'Use "/api"'}
    assert response.header("content-type") == "application/json; charset=utf-8"


def test_request_termination_answers_with_its_own_body(listener):
    response = listener.send(path="/page/x")
    assert (response.status, response.reached, response.body.decode()) == (200, 0, f"<p>{LONG}</p>")
    assert response.header("content-type") == "text/html"
    response = listener.send("POST", "/stopped", body=b"x")
    assert (response.status, response.reached) == (503, 0)
    assert json.loads(response.body) == {"message": "Service unavailable"}

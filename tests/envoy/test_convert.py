"""`jwt-auth convert`: Envoy starts with what it makes of the gateway's configuration, and answers as the gateway does."""

import json
import re
from dataclasses import dataclass

import pytest

import harness
import samples
from conftest import check_log
from consumers import HS256, RS256
from converting import EDITIONS, convert, converted_for
from expect import INVALID_TOKEN, NO_TOKEN
from tokens import in_seconds, key

CLIENT_APP, PARTNER, OUTSIDER = HS256, RS256, key("ES256")

# The gateway's file: every level of the plugin, both directions of the acl plugin, and each way to match a path.
GATEWAY = """
_format_version: "3.0"
services:
- name: orders
  url: http://127.0.0.1:{port}
  plugins:
  - name: jwt
    config: {{claims_to_verify: [exp]}}
  routes:
  - name: orders
    paths: [/orders]
  - name: invoices
    paths: [/orders/invoices]
    strip_path: false
    plugins:
    - name: acl
      config: {{allow: [accounting]}}
  - name: strict
    paths: [/strict]
    plugins:
    - name: jwt
      config: {{claims_to_verify: [exp], maximum_expiration: 600, header_names: [x-token], uri_param_names: []}}
  - name: unblocked
    paths: [/unblocked]
    plugins:
    - name: acl
      config: {{deny: [accounting]}}
  - name: hidden
    paths: [/hidden]
    plugins:
    - name: acl
      config: {{allow: [accounting], hide_groups_header: true, always_use_authenticated_groups: true}}
  - name: closed
    paths: [/nobody]
    plugins:
    - name: acl
      config: {{allow: [board]}}
- name: catalogue
  url: http://127.0.0.1:{port}/api
  routes:
  - name: catalogue
    paths: [/catalogue]
  - name: kept
    paths: [/kept]
    strip_path: false
  - name: item
    paths: ["~/items/(?<id>\\\\d+)"]
  - name: root
    hosts: [root.example.com]
    paths: [/]
  - name: public
    paths: [/public]
    methods: [GET]
    plugins:
    - name: jwt
      enabled: false
      config: {{header_names: [x-token]}}
    - name: key-auth
      enabled: false
  - name: guarded
    paths: [/guarded]
    plugins:
    - name: key-auth
- name: slashed
  url: http://127.0.0.1:{port}/base/
  routes:
  - name: slashed
    paths: [/slashed]
  - name: slashed-root
    hosts: [slashed.example.com]
- name: bare
  url: http://127.0.0.1:{port}
  routes:
  - name: long
    paths: [/match/longer]
  - name: short
    paths: [/match]
  - name: regex
    paths: ["~/match/lon[a-z]+r/x$"]
  - name: by-method
    paths: [/match]
    methods: [PUT]
  - name: by-host
    paths: [/match]
    hosts: [api.example.com]
  - name: by-wildcard
    paths: [/match]
    hosts: ["*.example.org", "example.*"]
  - name: by-header
    paths: [/match]
    headers: {{x-version: [v2, V.3], x-kind: ["~*^b[0-9]$"]}}
- name: preserving
  url: http://127.0.0.1:{port}
  routes:
  - name: preserving
    paths: [/preserving]
    preserve_host: true
- name: pooled
  host: pool
  routes:
  - name: pooled
    paths: [/pooled]
- name: switched-off
  url: http://127.0.0.1:{port}
  enabled: false
  routes:
  - name: switched-off
    paths: [/off]
- name: guests
  url: http://127.0.0.1:{port}
  routes:
  - name: guests
    paths: [/guests]
    plugins:
    - name: jwt
      config: {{anonymous: 0d2c8a34-97a1-4b5c-8f5e-2f6f9f0c7b21, run_on_preflight: false}}
  - name: members
    paths: [/members]
    plugins:
    - name: jwt
      config: {{run_on_preflight: false}}
    - name: acl
      config: {{allow: [accounting]}}
  - name: visitors
    paths: [/visitors]
    plugins:
    - name: jwt
      config: {{anonymous: guest}}
    - name: acl
      config: {{allow: [accounting]}}
- name: open
  url: http://127.0.0.1:{port}
  routes:
  - name: open
    paths: [/open]
upstreams:
- name: pool
  host_header: pool.example.com
  targets:
  - target: 127.0.0.1:{port}
    weight: 10
  - target: 127.0.0.1:1
    weight: 0
plugins:
- name: jwt
  service: catalogue
- name: jwt
  service: slashed
- name: jwt
  route: pooled
consumers:
- username: ClientApp
  id: 4f5a7a1c-6b6e-4e0e-9f2e-5b7d3a6f1c11
  custom_id: crm-42
  jwt_secrets:
  - {{key: client-app, algorithm: HS256, secret: {secret}}}
  acls:
  - group: accounting
- username: Partner
  jwt_secrets:
  - key: "0123"
    algorithm: RS256
    secret: the gateway makes one up for every credential
    rsa_public_key: {public_key}
- username: accounting
  jwt_secrets:
  - key: outsider
    algorithm: ES256
    rsa_public_key: {outsider}
- username: guest
  id: 0d2c8a34-97a1-4b5c-8f5e-2f6f9f0c7b21
"""


def token(signer, iss, **claims):
    return signer.token(iss=iss, **{"exp": in_seconds(300), **claims})


def client_app(**claims):
    return token(CLIENT_APP, "client-app", **claims)


def partner(**claims):
    return token(PARTNER, "0123", **claims)


def outsider():
    return token(OUTSIDER, "outsider")


@pytest.fixture(scope="module")
def gateway(upstream):
    return GATEWAY.format(
        port=upstream.port,
        secret=json.dumps(CLIENT_APP.private.decode()),
        public_key=json.dumps(PARTNER.spki),
        outsider=json.dumps(OUTSIDER.spki),
    )


@pytest.fixture(scope="module", params=EDITIONS)
def converted(request, gateway):
    """What the gateway's file is converted into, for each edition of the filter."""
    return converted_for(request.param, gateway)


@pytest.fixture(scope="module")
def converted_envoy(converted, upstream, tmp_path_factory):
    with harness.Envoy(None, upstream, tmp_path_factory.mktemp("convert"), bootstrap=converted) as envoy:
        yield envoy
        check_log(envoy.log())


@pytest.fixture(scope="module")
def listener(converted_envoy):
    return converted_envoy["http"]


@dataclass
class Request:
    """A request, and what the gateway makes of it: the upstream's path, or an answer of its own."""

    path: str
    upstream: str = None
    status: int = 200
    message: str = None
    token: object = None
    method: str = "GET"
    headers: tuple = ()
    host: str = "service.example.com"
    consumer: str = None


JWT = {
    "a service's plugin": Request("/orders/1", "/1", token=client_app, consumer="ClientApp"),
    "a service's plugin, no token": Request("/orders/1", status=401, message="Unauthorized"),
    "a service's plugin, expired": Request("/orders/1", status=401, token=lambda: client_app(exp=1)),
    "in the query": Request("/orders?jwt={token}", "/?jwt={token}", token=partner, consumer="Partner"),
    "a claim that is not looked at": Request(
        "/catalogue/1", "/api/1", token=lambda: client_app(exp=1), consumer="ClientApp"
    ),
    "a route's plugin instead of its service's": Request("/strict", status=401, token=client_app, message="Unauthorized"),
    "a route's plugin in its own header": Request(
        "/strict", "/", headers=("x-token",), token=client_app, consumer="ClientApp"
    ),
    "a route's plugin with its own limit": Request(
        "/strict",
        status=401,
        headers=("x-token",),
        token=lambda: client_app(exp=in_seconds(900)),
        message=None,
    ),
    "a route's plugin that is switched off": Request("/public", status=401, message="Unauthorized"),
    "a route's plugin that is switched off, a token": Request("/public", "/api", token=client_app, consumer="ClientApp"),
    "a plugin that names its route": Request("/pooled", status=401, message="Unauthorized"),
    "no plugin": Request("/open/x", "/x"),
    "no plugin, a bad token": Request("/open/x", "/x", token=lambda: "not.a.token"),
    "anonymous": Request("/guests", "/", consumer="guest"),
    "anonymous, with a token": Request("/guests", "/", token=partner, consumer="Partner"),
    "preflight": Request("/guests", "/", method="OPTIONS"),
    "preflight with an acl": Request("/members", status=401, method="OPTIONS", message="Unauthorized"),
    "anonymous with an acl": Request("/visitors", status=401, message="Unauthorized"),
    "preflight elsewhere": Request("/orders", status=401, method="OPTIONS", message="Unauthorized"),
}

ACL = {
    "in the group": Request("/orders/invoices/1", "/orders/invoices/1", token=client_app, consumer="ClientApp"),
    "not in the group": Request("/orders/invoices/1", status=403, token=partner, message="You cannot consume this service"),
    "a consumer with the group's name": Request(
        "/orders/invoices/1", status=403, token=outsider, message="You cannot consume this service"
    ),
    "no token": Request("/orders/invoices/1", status=401, message="Unauthorized"),
    "denied": Request("/unblocked", status=403, token=client_app, message="You cannot consume this service"),
    "not denied": Request("/unblocked", "/", token=partner, consumer="Partner"),
    "a consumer with the denied group's name": Request("/unblocked", "/", token=outsider, consumer="accounting"),
    "a group that nobody is in": Request("/nobody", status=403, token=client_app, message="You cannot consume this service"),
    "a group that nobody is in, no token": Request("/nobody", status=401, message="Unauthorized"),
    "a plugin without a counterpart": Request("/guarded", status=503, token=client_app),
}

PATHS = {
    "stripped": Request("/catalogue/a/b?x=/y", "/api/a/b?x=/y", token=client_app),
    "stripped, nothing left": Request("/catalogue", "/api", token=client_app),
    "stripped, a slash left": Request("/catalogue/", "/api/", token=client_app),
    "stripped in the middle of a word": Request("/catalogues", "/api/s", token=client_app),
    "stripped, dots left": Request("/catalogue../secret", "/api/secret", token=client_app),
    "stripped, only dots left": Request("/catalogue..", "/api/", token=client_app),
    "kept": Request("/kept/a", "/api/kept/a", token=client_app),
    "a regular expression": Request("/items/42/parts", "/api/parts", token=client_app),
    "a regular expression, nothing left": Request("/items/42", "/api", token=client_app),
    "a regular expression that does not match": Request("/items/x", status=404),
    "the root": Request("/", "/api", host="root.example.com", token=client_app),
    "below the root": Request("/a", "/api/a", host="root.example.com", token=client_app),
    "a service's path that ends with a slash": Request("/slashed", "/base", token=client_app),
    "a service's path that ends with a slash, more": Request("/slashed/a", "/base/a", token=client_app),
    "the root of a path with a slash": Request("/", "/base/", host="slashed.example.com", token=client_app),
    "below the root of a path with a slash": Request("/a", "/base/a", host="slashed.example.com", token=client_app),
    "no service's path": Request("/open", "/"),
    "no service's path, a slash": Request("/open/", "/"),
    "no route": Request("/elsewhere", status=404, message="no Route matched with those values"),
    "no route, a good token": Request("/elsewhere", status=404, token=client_app),
    "another method": Request("/public", status=404, method="POST"),
    "another case": Request("/OPEN", status=404),
    "a service that is switched off": Request("/off", status=404),
    "dots": Request("/open/../orders/1", status=401, message="Unauthorized"),
    "encoded dots": Request("/open/%2e%2e/orders/1", status=401, message="Unauthorized"),
    "slashes": Request("//orders//1", status=401, message="Unauthorized"),
}

# Which of several routes that match: told by how much of the path was stripped, or by the name in the log.
PRIORITY = {
    "the longer prefix": ("/match/longer/y", "GET", "service.example.com", {}, "long"),
    "the shorter prefix": ("/match/other", "GET", "service.example.com", {}, "short"),
    "a regular expression before a longer prefix": ("/match/longer/x", "GET", "service.example.com", {}, "regex"),
    "a method": ("/match/longer", "PUT", "service.example.com", {}, "by-method"),
    "a host": ("/match/longer", "GET", "api.example.com", {}, "by-host"),
    "a host with a port and in another case": ("/match/longer", "GET", "API.example.com:8000", {}, "by-host"),
    "a wildcard at the start": ("/match", "GET", "a.b.example.org", {}, "by-wildcard"),
    "a wildcard at the end": ("/match", "GET", "example.net", {}, "by-wildcard"),
    "a name that goes on after the wildcard's": ("/match", "GET", "a.example.org.evil.net", {}, "short"),
    "a host before a wildcard": ("/match", "GET", "api.example.com", {}, "by-host"),
    "headers": ("/match", "GET", "service.example.com", {"x-version": "V2", "x-kind": "B7"}, "by-header"),
    "one of a header's values": (
        "/match",
        "GET",
        "service.example.com",
        {"x-version": "v1", "X-Version": "v2", "x-kind": "b7"},
        "by-header",
    ),
    "another value of a header": ("/match", "GET", "service.example.com", {"x-version": "v.3", "x-kind": "b7"}, "by-header"),
    "a value that is no regular expression": (
        "/match",
        "GET",
        "service.example.com",
        {"x-version": "vx3", "x-kind": "b7"},
        "short",
    ),
    "one header of two": ("/match", "GET", "service.example.com", {"x-version": "v2"}, "short"),
    "a host before headers": ("/match", "GET", "api.example.com", {"x-version": "v2", "x-kind": "b7"}, "by-host"),
}


def send(listener, request):
    token = request.token() if request.token else ""
    name = request.headers[0] if request.headers else "authorization"
    in_path = "{token}" in request.path
    headers = [(name, f"Bearer {token}")] if token and not in_path else []
    headers += harness.PREFLIGHT if request.method == "OPTIONS" else []
    response = listener.send(request.method, request.path.format(token=token), headers, using=with_host(request.host))
    return response, token


def with_host(host):
    """A client that asks for another host than the tests' own does."""

    def using(address, method, path, headers, body):
        head = "".join(f"{name}: {value}\r\n" for name, value in [("host", host), ("connection", "close"), *headers])
        return harness.client.http1_raw(address, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode(), method)

    return using


@pytest.mark.parametrize("name", [*JWT, *ACL, *PATHS])
def test_a_request_is_answered_as_the_gateway_does(listener, name):
    request = {**JWT, **ACL, **PATHS}[name]
    response, token = send(listener, request)
    assert response.status == request.status, response
    if request.upstream:
        assert response.upstream["path"] == request.upstream.format(token=token)
    else:
        assert response.reached == 0
    if request.consumer:
        assert response.upstream_headers("x-consumer-username") == [request.consumer]
    if request.message:
        assert json.loads(response.body) == {"message": request.message}
    if request.status == 401:
        assert response.header("www-authenticate") == (NO_TOKEN if request.message == "Unauthorized" else INVALID_TOKEN)


@pytest.mark.parametrize("path, groups", [("/orders/invoices/1", ["group-accounting"]), ("/hidden", []), ("/orders", [])])
def test_the_service_is_told_the_groups_where_an_acl_does_not_hide_them(listener, path, groups):
    response, _ = send(listener, Request(path, token=client_app))
    assert response.upstream_headers("x-consumer-groups") == groups


@pytest.mark.parametrize("name", PRIORITY)
def test_of_several_routes_the_gateway_s_choice_matches(listener_of_routes, name):
    path, method, host, headers, route = PRIORITY[name]
    response = listener_of_routes.send(method, path, list(headers.items()), using=with_host(host))
    assert response.upstream_headers("x-route") == [route]


@pytest.fixture(scope="module")
def listener_of_routes(converted, upstream, tmp_path_factory):
    """The same, but that the upstream is told the name of the route."""
    config = samples.read(converted)
    [host] = [item for item in samples.walk(config) if isinstance(item, dict) and "domains" in item]
    host["request_headers_to_add"] = [{"header": {"key": "x-route", "value": "%ROUTE_NAME%"}}]
    with harness.Envoy(None, upstream, tmp_path_factory.mktemp("routes"), bootstrap=config) as envoy:
        yield envoy["http"]


@pytest.mark.parametrize(
    "path, host",
    [("/preserving", "service.example.com"), ("/pooled", "pool.example.com"), ("/open", None)],
)
def test_the_service_gets_the_host_that_the_gateway_sends(listener, upstream, path, host):
    response, _ = send(listener, Request(path, token=client_app))
    assert response.upstream_headers("host") == [host or f"127.0.0.1:{upstream.port}"]


def test_prometheus_gets_the_filter_s_counters_under_the_same_names(converted_envoy):
    name = "jwt_auth_authenticated"

    def count():
        return re.findall(rf"^{name}{{}} (\d+)$", converted_envoy.admin("/stats/prometheus"), re.MULTILINE)

    send(converted_envoy["http"], Request("/orders/1", token=client_app))
    harness.until(count, f"the counter {name}")


def test_what_has_no_counterpart_is_at_the_end(gateway, converted):
    lines = gateway.splitlines()
    route, consumer = lines.index("  - name: guarded") + 1, lines.index("- username: ClientApp") + 1
    board = lines.index("      config: {allow: [board]}") + 1
    assert converted.rstrip().splitlines()[-6:] == [
        "# What has no counterpart, and where it stands:",
        f"# <stdin>:{board - 1}:7: services[0].routes[5].plugins[0].config: no consumer is in a group of allow, so nobody may "
        "call: `allow: []`",
        f'# <stdin>:{board - 1}:7: services[0].routes[5].plugins[0].config: the group "board" is left out, because no consumer is '
        "in it",
        f"# <stdin>:{route}:5: guarded: the route answers 503 until you decide: the plugin key-auth has no counterpart",
        f"# <stdin>:{route + 3}:7: services[1].routes[5].plugins[0]: the plugin key-auth has no counterpart",
        f"# <stdin>:{consumer}:3: acls: the group accounting is called group-accounting, also in X-Consumer-Groups, "
        "because a consumer has its name",
    ]


SERVICES = """
services:
- {name: tls, url: https://127.0.0.1:8443/api, tls_verify: true, connect_timeout: 1500, retries: 0}
- {name: grpc, url: grpc://127.0.0.1:50051}
- {name: grpcs, host: pool, protocol: grpcs, read_timeout: 120000}
routes:
- {name: tls, service: tls, paths: [/tls]}
- {name: grpc, service: grpc, protocols: [grpc, grpcs], paths: [/echo]}
- {name: grpcs, service: grpcs, hosts: ["grpc.example.com:8000"], preserve_host: true}
- {name: nowhere, paths: [/nowhere]}
upstreams:
- {name: pool, algorithm: least-connections, targets: [{target: "127.0.0.1:1"}, {target: "[::1]:2", weight: 7}]}
"""


def test_envoy_starts_with_every_kind_of_service(upstream, tmp_path):
    result = convert(SERVICES, "--strict", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--module", harness.MODULE)
    assert (result.returncode, result.stderr) == (0, "")
    with harness.Envoy(None, upstream, tmp_path, bootstrap=result.stdout) as envoy:
        clusters = json.loads(envoy.admin("/clusters?format=json"))["cluster_statuses"]
        hosts = {cluster["name"]: len(cluster["host_statuses"]) for cluster in clusters}
        assert hosts == {"tls": 1, "grpc": 1, "grpcs": 2}
        nowhere = envoy["http"].send(path="/nowhere")
        assert (nowhere.status, nowhere.body) == (503, b'{"message":"no Service found with those values"}')
        # The route for gRPC lets nothing else through, not even to another route.
        echo = envoy["http"].send(path="/echo/Unary")
        assert (echo.status, echo.body) == (415, b'{"message":"Non-gRPC request matched gRPC route"}')
        assert envoy["http"].send(path="/tls").status == 503


# Each route would be open for what the ones after it guard, if these were left out.
NARROW = """
_format_version: "3.0"
services:
- name: narrow
  url: http://127.0.0.1:{port}
  routes:
  - {{name: open, paths: [/]}}
  - {{name: encoded, paths: [/a%2Fb], strip_path: false, plugins: [{{name: jwt}}]}}
  - {{name: look-around, paths: ['~/private(?!/public)'], plugins: [{{name: jwt}}]}}
  - {{name: either, paths: ['~/first$|/second'], plugins: [{{name: jwt}}]}}
  - {{name: by-sni, paths: [/sni], snis: [a.example.com], plugins: [{{name: jwt}}]}}
  - {{name: tls, paths: [/tls], protocols: [https], plugins: [{{name: jwt}}]}}
  - {{name: moved, paths: [/moved], protocols: [https], https_redirect_status_code: 308}}
consumers:
- {{username: ClientApp, jwt_secrets: [{{key: client-app, secret: {secret}}}]}}
"""


@pytest.fixture(scope="module")
def narrow(upstream, tmp_path_factory):
    options = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--module", str(harness.MODULE)]
    secret = json.dumps(CLIENT_APP.private.decode())
    result = convert(NARROW.format(port=upstream.port, secret=secret), *options)
    assert result.returncode == 0, result.stderr
    with harness.Envoy(None, upstream, tmp_path_factory.mktemp("narrow"), bootstrap=result.stdout) as envoy:
        yield envoy["http"]


@pytest.mark.parametrize(
    "path, status",
    [
        ("/", 200),
        ("/privat", 200),
        ("/private", 401),
        ("/private/x", 401),
        ("/first", 401),
        ("/firsts", 200),
        ("/x/first", 200),
        ("/second/x", 401),
        ("/x/second", 401),
        ("/sni", 401),
        ("/%73ni", 401),
        ("/a/b", 200),
        ("/a%2Fb", 401),
        ("/a%2fb/c", 401),
        ("/tls", 426),
        ("/tls/x", 426),
        ("/moved?a=b", 308),
    ],
)
def test_what_envoy_cannot_tell_apart_is_not_more_open(narrow, path, status):
    response = narrow.send(path=path)
    assert (response.status, response.reached) == (status, 1 if status == 200 else 0)
    if status == 308:
        assert response.header("location").startswith("https://")


def test_what_envoy_cannot_tell_apart_is_closed_with_a_token_too(narrow):
    response = narrow.bearer(client_app(), path="/private")
    assert (response.status, response.reached) == (503, 0)
    assert b"a condition of the route has no counterpart" in response.body

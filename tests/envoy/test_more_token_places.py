"""Tokens in other places: headers without `Bearer`, WebSockets, cookies in parts; and several tokens in one request."""

import re
import socket
import socketserver
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import client
import harness
from consumers import CLIENT_APP, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import BAD_FORM, BAD_JSON, BAD_SIGNATURE, passed, refused, unauthorized
from harness import Listen
from tokens import b64

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "token-places.md").read_text()
# The route's part of docs/token-places.md that chooses a subprotocol.
[CHOOSES_BEARER] = [
    yaml.safe_load(snippet) for snippet in re.findall(r"```yaml\n(.*?)```", PAGE, re.S) if "response_headers_to_add:" in snippet
]

KUBERNETES = "base64url.bearer.authorization.k8s.io."
PROTOCOLS = [{"name": "bearer"}, {"prefix": KUBERNETES, "base64url": True}]
HEADERS = [{"name": "CF-Access-JWT-Assertion"}, {"name": "authorization", "prefix": "JWT"}]
COOKIES = [{"name": "session"}, {"name": "_oauth2_proxy", "separator": "_"}]
PLACES = {"token_headers": HEADERS, "websocket_protocols": PROTOCOLS, "split_cookies": COOKIES, "cookie_names": ["session"]}

LISTENERS = {
    "keeping": plugin(**PLACES),
    "hiding": plugin(**PLACES, hide_credentials=True),
    "first valid": plugin(CLIENT_APP, PARTNER, **PLACES, first_valid=True),
    "by default": plugin(),
    "amazon": plugin(token_headers=[{"name": "x-amzn-oidc-data", "padded": True}]),
}

TOKEN = HS256.token()
OTHER = HS256.token(n=2)
FORGED = TOKEN[:-4] + "AAAA"
SEVERAL = "Multiple tokens provided"


def encoded(token):
    return KUBERNETES + b64(token.encode())


def split(token, name="session.", size=40):
    parts = [token[at : at + size] for at in range(0, len(token), size)]
    return [f"{name}{number}={part}" for number, part in enumerate(parts)]


IN_PLACES = [
    ("cf-access-jwt-assertion", TOKEN, None),
    ("authorization", f"JWT {TOKEN}", None),
    ("sec-websocket-protocol", f"bearer, {TOKEN}", "bearer"),
    ("sec-websocket-protocol", f"chat,bearer,{TOKEN}", "chat, bearer"),
    ("sec-websocket-protocol", f"{encoded(TOKEN)}, chat", "chat"),
    ("cookie", "; ".join(["a=1", *reversed(split(TOKEN)), "b=2"]), "a=1; b=2"),
    ("cookie", "; ".join(["a=1", *split(TOKEN, "_oauth2_proxy_")]), "a=1"),
]


@pytest.mark.parametrize("name, value, left", IN_PLACES)
def test_a_token_passes_there_and_is_hidden_where_that_is_asked_for(envoy, name, value, left):
    response = envoy["keeping"].send(headers=[(name, value)])
    passed(response, CLIENT_APP)
    assert response.upstream_headers(name) == [value]
    response = envoy["hiding"].send(headers=[(name, value)])
    passed(response, CLIENT_APP)
    assert response.upstream_headers(name) == ([left] if left else [])
    unauthorized(envoy["by default"].send(headers=[(name, value)]))


@pytest.mark.parametrize(
    "headers, message",
    [
        ([("cf-access-jwt-assertion", f"Bearer {TOKEN}")], BAD_JSON),
        ([("cf-access-jwt-assertion", f"{TOKEN},{TOKEN}")], BAD_FORM),
        ([("authorization", f"JWT {TOKEN}, JWT {OTHER}")], BAD_FORM),
        ([("cf-access-jwt-assertion", TOKEN), ("authorization", f"JWT {OTHER}")], SEVERAL),
        ([("sec-websocket-protocol", f"bearer, {TOKEN}"), ("sec-websocket-protocol", f"bearer, {OTHER}")], SEVERAL),
        ([("sec-websocket-protocol", f"bearer, {TOKEN}, {encoded(OTHER)}")], SEVERAL),
        ([("sec-websocket-protocol", KUBERNETES + TOKEN)], BAD_JSON),
        ([("cookie", "; ".join(split(TOKEN)[1:]))], BAD_JSON),
        ([("cookie", "; ".join([*split(TOKEN)[:1], *split(TOKEN)[2:]]))], BAD_JSON),
        ([("cookie", "; ".join([*split(TOKEN), "session.0=x"]))], BAD_FORM),
        ([("cookie", "; ".join([*split(TOKEN), "session.16=x"]))], BAD_FORM),
        ([("cookie", "; ".join([*split(TOKEN), f"session={OTHER}"]))], SEVERAL),
    ],
)
def test_what_is_ambiguous_there_is_refused(envoy, headers, message):
    for name in ["keeping", "hiding"]:
        refused(envoy[name].send(headers=headers), message)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_no_client_puts_another_subprotocol_in_the_token_s_place(envoy, using):
    headers = [("sec-websocket-protocol", f"bearer, {TOKEN}, evil"), ("sec-websocket-protocol", "worse")]
    response = envoy["hiding"].send(headers=headers, using=using)
    passed(response, CLIENT_APP)
    assert response.upstream_headers("sec-websocket-protocol") == ["evil, worse, bearer"]


def test_a_token_with_padding_passes_only_where_that_is_said(envoy):
    def padded(part):
        return part + "=" * (-len(part) % 4)

    header, claims = (padded(b64(json.encode())) for json in ['{"alg":"HS256"}', '{"iss":"https://auth.example.com","a":1}'])
    signature = padded(b64(HS256.sign(f"{header}.{claims}".encode())))
    token = f"{header}.{claims}.{signature}"
    assert "=." in token
    for _ in range(2):  # verified, and remembered
        passed(envoy["amazon"].send(headers=[("x-amzn-oidc-data", token)]), CLIENT_APP)
        refused(envoy["amazon"].bearer(token), BAD_JSON)


def test_the_first_valid_token_counts_and_no_other_goes_upstream(envoy):
    partner = RS256.token(iss=PARTNER_ISSUER)
    headers = [
        ("authorization", f"Bearer {FORGED}"),
        ("cf-access-jwt-assertion", partner),
        ("sec-websocket-protocol", f"bearer, {OTHER}, chat"),
        ("cookie", "; ".join(["a=1", *split(TOKEN)])),
    ]
    response = envoy["first valid"].send(path=f"/?jwt={TOKEN}&a", headers=headers)
    passed(response, PARTNER, PARTNER_ISSUER)
    assert response.upstream["path"] == "/?a"
    left = {name: response.upstream_headers(name) for name, _ in headers}
    assert list(left.values()) == [[], [partner], ["chat, bearer"], ["a=1"]]
    refused(envoy["first valid"].send(path="/?jwt=x", headers=headers[:1]), BAD_SIGNATURE)
    passed(envoy["first valid"].send(path=f"/?jwt={TOKEN}", headers=headers[:1]), CLIENT_APP)


@pytest.mark.parametrize("schemes", [("Bearer", "JWT"), ("JWT", "Bearer")])
def test_tokens_behind_two_schemes_of_one_header_both_go(envoy, schemes):
    """What is taken out for the one scheme must not come back when the other's is."""
    headers = [("cookie", f"session={TOKEN}"), *[("authorization", f"{scheme} {FORGED}") for scheme in schemes]]
    response = envoy["first valid"].send(headers=headers)
    passed(response, CLIENT_APP)
    assert response.upstream_headers("authorization") == []


# --- A WebSocket, with a service that chooses a subprotocol


class WebSocketHandler(socketserver.StreamRequestHandler):
    """Answers a handshake, choosing the first subprotocol that it knows, and echoes what follows."""

    def handle(self):
        headers = {}
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        offered = headers.get("sec-websocket-protocol", "")
        self.server.offered.append(offered)
        chosen = [protocol for protocol in offered.split(", ") if protocol in self.server.known]
        lines = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket"]
        lines += [f"sec-websocket-protocol: {protocol}" for protocol in chosen[:1]]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode())
        while data := self.rfile.read1(1024):
            self.wfile.write(data)


@contextmanager
def websocket_server(known):
    with socketserver.ThreadingTCPServer((harness.LOOPBACK, 0), WebSocketHandler) as server:
        server.daemon_threads, server.offered, server.known = True, [], known
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def handshake(address, protocols):
    """The subprotocol that was chosen, once an octet has gone there and back."""
    head = ["GET / HTTP/1.1", "host: a", "connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
    head += ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", f"sec-websocket-protocol: {protocols}", "", ""]
    with socket.create_connection(address, client.TIMEOUT) as connection, connection.makefile("rb") as answer:
        connection.sendall("\r\n".join(head).encode())
        status = int(answer.readline().split()[1])
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(answer.readline, b"\r\n"))
        if status == 101:
            connection.sendall(b"x")
            assert answer.read(1) == b"x"
        return status, headers.get("sec-websocket-protocol")


@pytest.mark.parametrize(
    "known, protocols, offered, chosen",
    [
        (["chat"], f"chat, bearer, {TOKEN}", "chat, bearer", "chat"),
        (["bearer"], f"bearer, {TOKEN}", "bearer", "bearer"),
        ([], f"bearer, {TOKEN}", "bearer", "bearer"),
        (["chat"], f"{encoded(TOKEN)}, chat", "chat", "chat"),
    ],
)
def test_a_browser_gets_a_subprotocol_that_it_has_offered(upstream, tmp_path, known, protocols, offered, chosen):
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "websocket"}, **CHOOSES_BEARER}]
    upgrades = {"upgrade_configs": [{"upgrade_type": "websocket"}]}
    listeners = {"main": Listen(LISTENERS["hiding"], routes, manager=upgrades)}
    with websocket_server(known) as server:
        clusters = {"websocket": server.server_address[1]}
        with harness.Envoy(listeners, upstream, tmp_path, clusters=clusters) as envoy:
            assert handshake(envoy["main"].address, f"bearer, {FORGED}")[0] == 401
            assert handshake(envoy["main"].address, protocols) == (101, chosen)
            assert server.offered == [offered]

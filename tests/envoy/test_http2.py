"""HTTP/2 on both sides of Envoy, and gRPC."""

import grpc
import pytest

import client
from consumers import CLIENT_APP, GUEST, HS256, plugin
from expect import (
    BAD_SIGNATURE,
    IDENTITY,
    identity,
    identity_of,
    passed,
    passed_as_anonymous,
    passed_unauthenticated,
    refused,
    unauthorized,
)
from harness import PREFLIGHT
from tokens import ISSUER, key

LISTENERS = {
    "default": plugin(cookie_names=["jwt"], run_on_preflight=False),
    "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest"),
}

TOKEN = HS256.token()
FOREIGN = key("HS256", "foreign").token()
SPOOFED = [(name, "spoofed") for name in IDENTITY]


# --- HTTP/2 from the client, and to the upstream


@pytest.fixture(params=["1 to 2", "2 to 1", "2 to 2"])
def send(request, envoy):
    """Sends over one version of HTTP what arrives over another, or over the same."""
    using = client.http1 if request.param.startswith("1") else client.http2
    path = "/" if request.param.endswith("1") else "/http2"

    def send(listener="default", **more):
        return envoy[listener].send(**{"using": using, "path": path, **more})

    return send


def test_a_good_token_passes(send):
    response = send(headers=[("authorization", f"Bearer {TOKEN}"), *SPOOFED])
    passed(response, CLIENT_APP)
    assert response.upstream_headers("authorization") == [f"Bearer {TOKEN}"]


def test_a_body_passes_with_a_good_token(send):
    passed(send(method="POST", headers=[("authorization", f"Bearer {TOKEN}")], body=b"x" * 10_000), CLIENT_APP)


def test_a_bad_one_does_not(send):
    refused(send(headers=[("authorization", f"Bearer {FOREIGN}")]), BAD_SIGNATURE)


def test_no_token_is_unauthorized(send):
    unauthorized(send())
    unauthorized(send(method="POST", body=b"x" * 10_000))


def test_anonymous_and_preflight(send):
    passed_as_anonymous(send("anonymous", headers=SPOOFED), GUEST)
    passed_unauthenticated(send(method="OPTIONS", headers=[*PREFLIGHT, *SPOOFED]))


@pytest.mark.parametrize("position", range(4))
def test_the_cookie_may_be_in_any_crumb(envoy, position):
    """HTTP/2 lets clients cut the cookie header in pieces (RFC 9113 section 8.2.3)."""
    crumbs = [("cookie", crumb) for crumb in ["a=b", "c", "jwtx=d"]]
    crumbs.insert(position, ("cookie", f"jwt={TOKEN}"))
    response = envoy["default"].send(path="/http2", headers=crumbs, using=client.http2)
    passed(response, CLIENT_APP)
    assert "; ".join(response.upstream_headers("cookie")) == "; ".join(crumb for _, crumb in crumbs)


def test_a_token_in_the_query_passes_over_http2(envoy):
    passed(envoy["default"].send(path=f"/http2?jwt={TOKEN}", using=client.http2), CLIENT_APP)


# --- gRPC


@pytest.fixture
def call(envoy):
    """Calls a method of the echo service through a listener; gives the metadata that came with each message."""
    channels = []

    def call(method, metadata, listener="default", messages=(b"one", b"two", b"three")):
        channel = grpc.insecure_channel(envoy[listener].target)
        channels.append(channel)
        if method == "/echo/Unary":
            answers = [channel.unary_unary(method)(messages[0], metadata=metadata, timeout=10)]
            messages = messages[:1]
        else:
            answers = list(channel.stream_stream(method)(iter(messages), metadata=metadata, timeout=10))
        assert [answer.split(b"\n", 1)[1] for answer in answers] == list(messages)
        return [client.Response(200, [], answer.split(b"\n", 1)[0], reached=1) for answer in answers]

    yield call
    for channel in channels:
        channel.close()


METHODS = pytest.mark.parametrize("method", ["/echo/Unary", "/echo/Stream"])


@METHODS
def test_a_grpc_call_with_a_token_passes_with_its_identity(call, method):
    for seen in call(method, [("authorization", f"Bearer {TOKEN}"), *SPOOFED, *SPOOFED]):
        assert identity(seen) == identity_of(CLIENT_APP, ISSUER)


@METHODS
@pytest.mark.parametrize(
    "metadata", [[], SPOOFED, [("authorization", f"Bearer {FOREIGN}")]], ids=["no token", "spoofed", "bad token"]
)
def test_a_refused_grpc_call_is_unauthenticated(call, upstream, method, metadata):
    before = upstream.requests
    with pytest.raises(grpc.RpcError) as error:
        call(method, metadata)
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert upstream.requests == before


@METHODS
def test_a_grpc_call_may_pass_as_anonymous(call, method):
    for seen in call(method, SPOOFED, listener="anonymous"):
        assert identity(seen) == {**identity_of(GUEST), "x-anonymous-consumer": ["true"]}


def test_a_refused_grpc_call_tells_the_reason_and_the_challenge(envoy):
    headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {FOREIGN}")]
    response = envoy["default"].send("POST", "/echo/Unary", headers, using=client.http2)
    assert (response.status, response.header("grpc-status"), response.reached) == (200, "16", 0)
    assert response.header("grpc-message") == "Invalid signature"

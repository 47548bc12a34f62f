"""Tokens that are bound to their sender: to a client's certificate (RFC 8705), or to a key of which each request has a proof
(DPoP, RFC 9449). The proofs that are wrong in themselves are in tests/core/dpop.rs; here is what needs a proxy.
"""

import base64
import hashlib
import json
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import harness
import pytest

import client
from consumers import CLIENT_APP, HS256, plugin
from dpop import ABSENT, CLIENT, OTHER, bound, proof
from expect import passed, refused
from harness import Listen
from tokens import ISSUER, b64, in_seconds, key

ALGS = 'algs="ES256 PS256 RS256 EdDSA Ed25519"'
INVALID_TOKEN = f'Bearer error="invalid_token", DPoP error="invalid_token", {ALGS}'
INVALID_PROOF = f'Bearer, DPoP error="invalid_dpop_proof", {ALGS}'
NO_CERTIFICATE = "No client certificate"
WRONG_CERTIFICATE = "Token is bound to another client certificate"
CERTIFIED, THIEF = key("ES256", "with a certificate"), key("ES256", "of a thief with a certificate")
TOKEN = bound(HS256)

LISTENERS = {
    "mtls": Listen(plugin(), tls=key("ES256", "of the server")),
    "client-cert": plugin(client_certificate_from="client-cert"),
    "xfcc": Listen(
        plugin(client_certificate_from="x-forwarded-client-cert"),
        manager={"forward_client_cert_details": "ALWAYS_FORWARD_ONLY"},
    ),
    "sanitized": plugin(client_certificate_from="x-forwarded-client-cert"),
    "dpop": plugin(dpop={}),
    "external": plugin(dpop={"origin": "https://api.example.com"}, hide_credentials=True),
    "nonces": plugin(dpop={"nonce_secret": "a long and random secret of 32 bytes or more"}),
    "full": plugin(dpop={}, max_dpop_proofs=0),
}


# --- Certificates


def der(signer):
    return ssl.PEM_cert_to_DER_cert(signer.certificate)


def of_certificate(signer):
    """A token that is bound to the certificate of a key."""
    return HS256.token({"iss": ISSUER, "cnf": {"x5t#S256": b64(hashlib.sha256(der(signer)).digest())}})


@pytest.fixture
def over_tls(tmp_path):
    """Sends requests over TLS, showing the certificate of a key, or none."""

    def over_tls(signer=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if signer:
            files = tmp_path / "certificate.pem", tmp_path / "key.pem"
            for file, text in zip(files, (signer.certificate, signer.private_pem), strict=True):
                file.write_text(text)
            context.load_cert_chain(*files)
        return partial(client.http1, tls=context)

    return over_tls


def test_a_token_passes_only_on_a_connection_with_its_certificate(envoy, over_tls):
    token = of_certificate(CERTIFIED)
    passed(envoy["mtls"].bearer(token, using=over_tls(CERTIFIED)), CLIENT_APP)
    refused(envoy["mtls"].bearer(token, using=over_tls(THIEF)), WRONG_CERTIFICATE)
    refused(envoy["mtls"].bearer(token, using=over_tls()), NO_CERTIFICATE)
    passed(envoy["mtls"].bearer(HS256.token(), using=over_tls()), CLIENT_APP)
    # Remembered by now, and still bound.
    passed(envoy["mtls"].bearer(token, using=over_tls(CERTIFIED)), CLIENT_APP)
    refused(envoy["mtls"].bearer(token, using=over_tls(THIEF)), WRONG_CERTIFICATE)


def test_a_header_that_a_client_forges_counts_for_nothing(envoy, over_tls):
    forged = [
        ("client-cert", f":{base64.b64encode(der(CERTIFIED)).decode()}:"),
        ("x-forwarded-client-cert", f"Hash={hashlib.sha256(der(CERTIFIED)).hexdigest()}"),
    ]
    token = of_certificate(CERTIFIED)
    refused(envoy["mtls"].bearer(token, forged, using=over_tls(THIEF)), WRONG_CERTIFICATE)
    refused(envoy["mtls"].bearer(token, forged, using=over_tls()), NO_CERTIFICATE)
    # Envoy takes the header from clients unless it is told otherwise.
    refused(envoy["sanitized"].bearer(token, forged), NO_CERTIFICATE)


def test_a_certificate_that_a_proxy_in_front_tells(envoy):
    token = of_certificate(CERTIFIED)
    own, thief = (f":{base64.b64encode(der(signer)).decode()}:" for signer in (CERTIFIED, THIEF))
    passed(envoy["client-cert"].bearer(token, [("client-cert", own)]), CLIENT_APP)
    refused(envoy["client-cert"].bearer(token, [("client-cert", thief)]), WRONG_CERTIFICATE)
    refused(envoy["client-cert"].bearer(token, [("client-cert", own), ("client-cert", thief)]), NO_CERTIFICATE)
    refused(envoy["client-cert"].bearer(token), NO_CERTIFICATE)
    own, thief = (f'Hash={hashlib.sha256(der(signer)).hexdigest()};Subject="CN=a"' for signer in (CERTIFIED, THIEF))
    passed(envoy["xfcc"].bearer(token, [("x-forwarded-client-cert", own)]), CLIENT_APP)
    refused(envoy["xfcc"].bearer(token, [("x-forwarded-client-cert", thief)]), WRONG_CERTIFICATE)
    # Envoy writes the names of a certificate without quotes, and a client may be called like another's element.
    named = f"{thief};URI=urn:x,{own}"
    for chained in [named, f"{thief},{own}", f"{own},{thief}"]:
        refused(envoy["xfcc"].bearer(token, [("x-forwarded-client-cert", chained)]), NO_CERTIFICATE)


@pytest.mark.parametrize("cnf", [{}, None, "x", {"kid": "1"}, {"x5t#S256": 7}, {"jkt": "x"}], ids=str)
def test_a_cnf_that_asks_for_what_nobody_knows(envoy, cnf):
    refused(envoy["client-cert"].bearer(HS256.token({"iss": ISSUER, "cnf": cnf})), "Bad token; invalid cnf")


# --- Proofs


def send(listener, proof_of, token=TOKEN, scheme="DPoP", headers=(), **request):
    return listener.send(headers=[("authorization", f"{scheme} {token}"), ("dpop", proof_of), *headers], **request)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_a_proof_is_good_for_its_request_and_once(envoy, using):
    own = proof(TOKEN)
    passed(send(envoy["dpop"], own, path="/?a=1", using=using), CLIENT_APP)
    for path in ("/?a=1", "/?a=2", "/"):
        refused(send(envoy["dpop"], own, path=path, using=using), "DPoP proof was used before", INVALID_PROOF)
    post = proof(TOKEN, htm="POST", htu="http://SERVICE.example.com:80/%61/../b?c=d")
    passed(send(envoy["dpop"], post, method="POST", path="/b", using=using), CLIENT_APP)


@pytest.mark.parametrize("claim, claims", [
    ("htm", {"htm": "POST"}),
    ("htu", {"htu": "http://service.example.com/other"}),
    ("htu", {"htu": "http://other.example.com/"}),
    ("htu", {"htu": "https://service.example.com/"}),
    ("ath", {"ath": b64(hashlib.sha256(b"another").digest())}),
    ("ath", {"ath": ABSENT}),
    ("iat", {"iat": in_seconds(-3600)}),
    ("iat", {"iat": in_seconds(3600)}),
    ("jti", {"jti": "j" * 300}),
])  # fmt: skip
def test_a_proof_that_was_made_for_something_else(envoy, claim, claims):
    refused(send(envoy["dpop"], proof(TOKEN, **claims)), f"Invalid DPoP proof; invalid {claim}", INVALID_PROOF)


def test_a_proof_that_is_not_the_clients(envoy):
    invalid = partial(refused, challenge=INVALID_PROOF)
    invalid(send(envoy["dpop"], proof(TOKEN, OTHER)), "Invalid DPoP proof; the token is bound to another key")
    invalid(send(envoy["dpop"], proof(TOKEN, sign=OTHER.sign)), "Invalid DPoP proof; invalid signature")
    for jwk in (CLIENT.private_jwk, {"kty": "oct", "k": b64(b"secret")}):
        invalid(send(envoy["dpop"], proof(TOKEN, header={"jwk": jwk})), "Invalid DPoP proof; invalid jwk")
    two = [("dpop", proof(TOKEN))]
    invalid(send(envoy["dpop"], proof(TOKEN), headers=two), "Invalid DPoP proof; there are several")
    invalid(send(envoy["dpop"], proof(TOKEN, jti="j" * 60_000)), "Invalid DPoP proof; it is too long")
    alone = envoy["dpop"].send(headers=[("authorization", f"DPoP {TOKEN}")])
    invalid(alone, "Invalid DPoP proof; it is missing")


def test_a_bound_token_is_no_bearer_token(envoy):
    refused(send(envoy["dpop"], proof(TOKEN), scheme="Bearer"), "Token is not a bearer token", INVALID_TOKEN)
    refused(envoy["dpop"].send(path=f"/?jwt={TOKEN}"), "Token is not a bearer token", INVALID_TOKEN)
    unbound = HS256.token()
    refused(send(envoy["dpop"], proof(unbound), unbound), "Token is not a DPoP token", INVALID_TOKEN)
    passed(envoy["dpop"].bearer(unbound), CLIENT_APP)
    # Where no proofs are taken.
    refused(envoy["client-cert"].bearer(TOKEN), "Token is not a bearer token")


def test_an_origin_of_the_outside_and_a_proof_that_is_hidden(envoy):
    response = send(envoy["external"], proof(TOKEN, htu="https://api.example.com/"))
    passed(response, CLIENT_APP)
    assert response.upstream_headers("dpop") == response.upstream_headers("authorization") == []
    refused(send(envoy["external"], proof(TOKEN)), "Invalid DPoP proof; invalid htu", INVALID_PROOF)


def test_a_nonce_is_given_out_and_taken(envoy):
    needed = partial(refused, message="DPoP proof needs a nonce", challenge=f'Bearer, DPoP error="use_dpop_nonce", {ALGS}')
    response = send(envoy["nonces"], proof(TOKEN))
    needed(response)
    nonce = response.header("dpop-nonce")
    passed(send(envoy["nonces"], proof(TOKEN, nonce=nonce)), CLIENT_APP)
    passed(send(envoy["nonces"], proof(TOKEN, nonce=nonce)), CLIENT_APP)
    needed(send(envoy["nonces"], proof(TOKEN, nonce=nonce[:-4])))
    assert envoy["dpop"].send().header("dpop-nonce") is None


def test_where_there_is_no_room_for_a_proof_it_is_refused(envoy):
    response = send(envoy["full"], proof(TOKEN))
    assert (response.status, response.reached) == (503, 0)
    assert json.loads(response.body) == {"message": "DPoP proof cannot be checked now"}
    assert int(response.header("retry-after")) >= 1
    passed(envoy["full"].bearer(HS256.token()), CLIENT_APP)
    if not harness.IS_NATIVE:  # it counts once a second
        harness.until(lambda: counted(envoy, "dpop_memory_full") >= 1, "the counter")


def counted(envoy, reason):
    found = re.findall(rf"jwt_auth\.denied\.{reason}: (\d+)", envoy.admin(f"/stats?filter=denied.{reason}"))
    return sum(map(int, found))


def test_a_proof_is_good_once_for_all_workers(upstream, tmp_path):
    with harness.Envoy({"main": plugin(dpop={})}, upstream, tmp_path, concurrency=4) as envoy:
        listener = envoy["main"]
        statuses = partial(client.http1, listener.address, "GET", "/")

        def attempt(headers):
            return statuses(headers).status

        with ThreadPoolExecutor(8) as threads:
            for _ in range(20):
                headers = [("authorization", f"DPoP {TOKEN}"), ("dpop", proof(TOKEN))]
                assert sorted(threads.map(attempt, [headers] * 8)) == [200] + [401] * 7
            each = [[("authorization", f"DPoP {TOKEN}"), ("dpop", proof(TOKEN))] for _ in range(100)]
            assert set(threads.map(attempt, each)) == {200}
        connections = re.findall(r"worker_\d+\.downstream_cx_total: (\d+)", envoy.admin("/stats?filter=worker_.*cx_total"))
        assert sum(count != "0" for count in connections) >= 2, "several workers had a part in it"

"""What the upstream learns about who calls, and that a client cannot tell it anything else."""

import pytest

import client
from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import (
    BAD_SIGNATURE,
    IDENTITY,
    WRONG_ALGORITHM,
    identity,
    passed,
    passed_as_anonymous,
    passed_unauthenticated,
    refused,
    unauthorized,
)
from harness import PREFLIGHT
from tokens import key

CUSTOM_ONLY = {"custom_id": "only a custom id", "jwt_secrets": [key("HS384").credential("custom")]}
ID_ONLY = {"id": "only-an-id", "tags": ["partner", "beta"], "jwt_secrets": [key("HS512").credential("id")]}
ROTATING = {
    "username": "Rotating",
    "jwt_secrets": [
        key("ES256", "old").credential("rotating"),
        key("ES256", "new").credential("rotating"),
        key("Ed25519").credential("rotating"),
    ],
}
EVERYONE = [CLIENT_APP, PARTNER, CUSTOM_ONLY, ID_ONLY, ROTATING, GUEST]

LISTENERS = {
    "default": plugin(*EVERYONE),
    "anonymous": plugin(*EVERYONE, anonymous="guest"),
    "anonymous custom": plugin(CUSTOM_ONLY, CLIENT_APP, anonymous=CLIENT_APP["id"]),
    "no preflight": plugin(*EVERYONE, run_on_preflight=False),
    "no preflight, anonymous": plugin(*EVERYONE, run_on_preflight=False, anonymous="guest"),
    "without the filter": None,
}

WELCOME = [
    (CLIENT_APP, HS256, "https://auth.example.com"),
    (PARTNER, RS256, PARTNER_ISSUER),
    (CUSTOM_ONLY, key("HS384"), "custom"),
    (ID_ONLY, key("HS512"), "id"),
]

SPOOFED = [(name, "spoofed") for name in IDENTITY]
MIXED = [(str.lower, "spoofed"), (str.upper, "other"), (str.title, "")]
SPOOFS = {
    "lower case": SPOOFED,
    "the contract's case": [(name.title().replace("Id", "ID"), "spoofed") for name in IDENTITY],
    "upper case": [(name.upper(), "spoofed") for name in IDENTITY],
    "twice": SPOOFED + SPOOFED,
    "thrice, mixed": [(form(name), value) for name in IDENTITY for form, value in MIXED],
    "empty": [(name, "") for name in IDENTITY],
    "not UTF-8": [(name, b"\xff\xfe") for name in IDENTITY],
    "anonymous only": [("x-anonymous-consumer", "true")],
}


@pytest.fixture(params=SPOOFS.values(), ids=SPOOFS)
def spoofed(request):
    return request.param


@pytest.mark.parametrize("consumer, signer, iss", WELCOME, ids=["all three", "username", "custom_id", "id"])
def test_the_upstream_gets_what_the_consumer_has(envoy, consumer, signer, iss):
    passed(envoy["default"].bearer(signer.token(iss=iss)), consumer, iss)


@pytest.mark.parametrize("consumer, signer, iss", WELCOME, ids=["all three", "username", "custom_id", "id"])
def test_spoofed_identity_is_overwritten_or_removed(envoy, consumer, signer, iss, spoofed):
    passed(envoy["default"].bearer(signer.token(iss=iss), spoofed), consumer, iss)


@pytest.mark.parametrize("path", ["/", "/http2"])
def test_spoofed_identity_is_removed_over_http2(envoy, path):
    response = envoy["default"].bearer(RS256.token(iss=PARTNER_ISSUER), SPOOFED * 2, path=path, using=client.http2)
    passed(response, PARTNER, PARTNER_ISSUER)


def test_without_the_filter_a_spoof_would_arrive(envoy):
    """Shows that the tests beside this one can fail."""
    assert identity(envoy["without the filter"].send(headers=SPOOFED)) == {name: ["spoofed"] for name in IDENTITY}


def test_spoofed_identity_does_not_authenticate(envoy, spoofed):
    unauthorized(envoy["default"].send(headers=spoofed))


def test_other_headers_stay_as_they_are(envoy):
    sent = [["x-custom", "a"], ["x-custom", "b"], ["x-consumer", "c"], ["x-consumer-id-2", "d"], ["x-bytes", "\xe9"]]
    response = envoy["default"].bearer(HS256.token(), sent)
    assert [header for header in response.upstream["headers"] if header in sent] == sent


# --- Rotation: several credentials of one consumer with the same key


@pytest.mark.parametrize("alg, which", [("ES256", "old"), ("ES256", "new"), ("Ed25519", "")])
def test_each_credential_with_the_key_is_tried(envoy, alg, which):
    passed(envoy["default"].bearer(key(alg, which).token(iss="rotating")), ROTATING, "rotating")


def test_a_key_that_none_of_the_credentials_has_is_refused(envoy):
    refused(envoy["default"].bearer(key("ES256", "foreign").token(iss="rotating")), BAD_SIGNATURE)
    refused(envoy["default"].bearer(key("ES384").token(iss="rotating")), WRONG_ALGORITHM)


# --- Anonymous

BAD_REQUESTS = {
    "no token": [],
    "no bearer": [("authorization", "Basic abc")],
    "bad JSON": [("authorization", "Bearer abc")],
    "bad alg": [("authorization", f"Bearer {HS256.token(header={'alg': 'none'})}")],
    "crit": [("authorization", f"Bearer {HS256.token(header={'crit': []})}")],
    "no key claim": [("authorization", f"Bearer {HS256.token('{}')}")],
    "empty key claim": [("authorization", f"Bearer {HS256.token(iss='')}")],
    "no credential": [("authorization", f"Bearer {HS256.token(iss='nobody')}")],
    "another algorithm": [("authorization", f"Bearer {RS256.token()}")],
    "bad signature": [("authorization", f"Bearer {key('HS256', 'foreign').token()}")],
}


@pytest.mark.parametrize("headers", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_every_failure_passes_as_anonymous(envoy, headers):
    passed_as_anonymous(envoy["anonymous"].send(headers=headers), GUEST)


def test_several_tokens_pass_as_anonymous(envoy):
    passed_as_anonymous(envoy["anonymous"].bearer(HS256.token(), path="/?jwt=other"), GUEST)


def test_anonymous_may_be_named_by_id(envoy):
    passed_as_anonymous(envoy["anonymous custom"].send(), CLIENT_APP)


def test_a_good_token_is_not_anonymous(envoy):
    passed(envoy["anonymous"].bearer(HS256.token()), CLIENT_APP)


def test_the_anonymous_consumer_may_authenticate(envoy):
    passed(envoy["anonymous custom"].bearer(HS256.token()), CLIENT_APP)


def test_spoofed_identity_is_removed_from_an_anonymous_request(envoy, spoofed):
    passed_as_anonymous(envoy["anonymous"].send(headers=spoofed), GUEST)


def test_a_client_cannot_call_an_authenticated_request_anonymous(envoy):
    passed(envoy["anonymous"].bearer(HS256.token(), [("x-anonymous-consumer", "true")]), CLIENT_APP)


def test_a_bad_token_stays_in_an_anonymous_request(envoy):
    response = envoy["anonymous"].bearer("abc", path="/?jwt=abc")
    assert response.upstream_headers("authorization") == ["Bearer abc"]
    assert response.upstream["path"] == "/?jwt=abc"


# --- Preflight


def test_preflight_passes_without_a_token_where_that_is_configured(envoy, spoofed):
    passed_unauthenticated(envoy["no preflight"].preflight(spoofed))


def test_a_token_in_a_preflight_is_not_looked_at(envoy):
    passed_unauthenticated(envoy["no preflight"].preflight([("authorization", f"Bearer {HS256.token()}")]))
    passed_unauthenticated(envoy["no preflight"].preflight([("authorization", "Bearer abc")], path="/?jwt=def"))


def test_a_preflight_is_not_anonymous_either(envoy):
    passed_unauthenticated(envoy["no preflight, anonymous"].preflight())
    passed_as_anonymous(envoy["no preflight, anonymous"].send("GET"), GUEST)


def test_a_preflight_needs_a_token_by_default(envoy):
    unauthorized(envoy["default"].preflight())
    passed(envoy["default"].bearer(HS256.token(), method="OPTIONS"), CLIENT_APP)
    passed_as_anonymous(envoy["anonymous"].preflight(), GUEST)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "options", "OPTIONSX", "TRACE"])
def test_only_options_is_a_preflight(envoy, method):
    response = envoy["no preflight"].send(method, headers=PREFLIGHT)
    assert (response.status, response.reached) in [(401, 0), (400, 0)]


@pytest.mark.parametrize("headers", [[], PREFLIGHT[:1], PREFLIGHT[1:], [("x-http-method-override", "DELETE")]])
def test_options_that_no_browser_asks_with_need_a_token(envoy, headers):
    unauthorized(envoy["no preflight"].send("OPTIONS", headers=headers))

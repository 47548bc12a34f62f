"""The cache of verified tokens: what it must never skip, never mix up, and how large it may grow."""

import sys

import pytest

from consumers import CLIENT_APP, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import BAD_FORM, BAD_SIGNATURE, passed, refused
from harness import until
from tokens import b64, in_seconds

LISTENERS = {
    "default": plugin(CLIENT_APP, PARTNER),
    "exp": plugin(CLIENT_APP, claims_to_verify=["exp"]),
    "nbf": plugin(CLIENT_APP, claims_to_verify=["nbf"]),
    "maximum": plugin(CLIENT_APP, claims_to_verify=["exp"], maximum_expiration=60),
    "one entry": plugin(CLIENT_APP, PARTNER, token_cache_size=1),
    "no cache": plugin(CLIENT_APP, PARTNER, token_cache_size=0),
    "small": plugin(CLIENT_APP, token_cache_bytes=1 << 20),
}


# --- Time is never skipped


def test_a_known_token_expires(envoy):
    token = HS256.token(exp=in_seconds(2))
    passed(envoy["exp"].bearer(token), CLIENT_APP)
    response = until(lambda: (it := envoy["exp"].bearer(token)).status != 200 and it, "the token to expire", 5)
    refused(response, {"exp": "token expired"})


def test_a_token_that_came_too_early_passes_later(envoy):
    token = HS256.token(nbf=in_seconds(2))
    refused(envoy["nbf"].bearer(token), {"nbf": "token not valid yet"})
    response = until(lambda: (it := envoy["nbf"].bearer(token)).status == 200 and it, "the token to be valid", 5)
    passed(response, CLIENT_APP)


def test_a_token_that_was_too_far_off_passes_later(envoy):
    token = HS256.token(exp=in_seconds(62))
    refused(envoy["maximum"].bearer(token), {"exp": "exceeds maximum allowed expiration"})
    response = until(lambda: (it := envoy["maximum"].bearer(token)).status == 200 and it, "it to be near enough", 5)
    passed(response, CLIENT_APP)


# --- Tokens are told apart by all of their octets


@pytest.mark.parametrize("listener", ["default", "one entry", "no cache"])
def test_tokens_of_different_consumers_are_not_mixed_up(envoy, listener):
    ours, theirs = HS256.token(), RS256.token(iss=PARTNER_ISSUER)
    for _ in range(3):
        passed(envoy[listener].bearer(ours), CLIENT_APP)
        passed(envoy[listener].bearer(theirs), PARTNER, PARTNER_ISSUER)


def test_what_resembles_a_known_token_is_not_known(envoy):
    token = HS256.token()
    passed(envoy["default"].bearer(token), CLIENT_APP)
    header, claims, signature = token.split(".")
    other_claims = HS256.token(admin=True).split(".")[1]
    for at in (0, len(signature) // 2, len(signature) - 2):
        altered = signature[:at] + ("B" if signature[at] == "A" else "A") + signature[at + 1 :]
        refused(envoy["default"].bearer(f"{header}.{claims}.{altered}"), BAD_SIGNATURE)
    refused(envoy["default"].bearer(f"{header}.{other_claims}.{signature}"), BAD_SIGNATURE)
    refused(envoy["default"].bearer(f"{header}.{claims}."), BAD_SIGNATURE)
    refused(envoy["default"].bearer(f"{header}.{claims}.{signature}AAAAA"), BAD_SIGNATURE)
    refused(envoy["default"].bearer(f"{token}."), BAD_FORM)
    refused(envoy["default"].bearer(token[:-1]), BAD_FORM)
    passed(envoy["default"].bearer(token), CLIENT_APP)


def test_what_was_refused_stays_refused(envoy):
    forged = HS256.token().rpartition(".")[0] + "." + b64(b"x" * 32)
    for _ in range(3):
        refused(envoy["default"].bearer(forged), BAD_SIGNATURE)


# --- Its size is bounded


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the memory of Envoy")
@pytest.mark.parametrize("listener, bound_mib", [("default", 16), ("small", 1)])
def test_a_flood_of_valid_tokens_stays_within_its_bound(envoy, listener, bound_mib):
    """1,200 tokens of 60 KB: a cache without a bound would hold 70 MB of them."""
    first = HS256.token(serial=-1)
    passed(envoy[listener].bearer(first), CLIENT_APP)

    def flood(serials):
        for serial in serials:
            assert envoy[listener].bearer(HS256.token(serial=serial, padding="x" * 45_000)).status == 200
        return envoy.resident_kib()

    before = flood(range(100))  # until pools and buffers have their size
    growth = flood(range(100, 1300)) - before
    assert growth < (bound_mib + 12) * 1024, f"{growth} KiB"
    passed(envoy[listener].bearer(first), CLIENT_APP)  # forgotten long ago, and verified anew

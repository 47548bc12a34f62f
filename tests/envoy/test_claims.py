"""The checks of `exp` and `nbf`, when they are asked for and when not."""

import pytest

from consumers import CLIENT_APP, GUEST, HS256, plugin
from expect import passed, passed_as_anonymous, refused
from harness import until
from tokens import ISSUER, in_seconds

LISTENERS = {
    "none": plugin(),
    "exp": plugin(claims_to_verify=["exp"]),
    "nbf": plugin(claims_to_verify=["nbf"]),
    "both": plugin(claims_to_verify=["exp", "nbf"]),
    "both, the other way round": plugin(claims_to_verify=["nbf", "exp"]),
    "within an hour": plugin(claims_to_verify=["exp"], maximum_expiration=3600),
    "anonymous": plugin(CLIENT_APP, GUEST, claims_to_verify=["exp", "nbf"], maximum_expiration=3600, anonymous="guest"),
}

NOT_A_NUMBER = "must be a number"
EXPIRED = "token expired"
NOT_YET = "token not valid yet"
TOO_FAR = "exceeds maximum allowed expiration"

NO_NUMBERS = ['"1900000000"', '""', "null", "true", "[1900000000]", '{"a":1900000000}']
PAST = ["0", "-1", "-0", "1", "1.5", "1e3", "1E-400", "-1e400", "-18446744073709551616", "1000000000.999"]
FUTURE = ["9999999999", "9999999999.5", "4e9", "1e400", "1E+400", "18446744073709551616", "9223372036854775808"]


def claims(**raw):
    """Claims whose values are JSON text, so that any number can be written."""
    return "{" + ",".join([f'"iss":"{ISSUER}"', *(f'"{name}":{value}' for name, value in raw.items())]) + "}"


def send(listener, **raw):
    return listener.bearer(HS256.token(claims(**raw)))


def test_claims_that_are_asked_for_and_good_pass(envoy):
    for name in LISTENERS:
        passed(send(envoy[name], exp=in_seconds(60), nbf=in_seconds(0)), CLIENT_APP)


@pytest.mark.parametrize("value", [*NO_NUMBERS, *PAST, *FUTURE])
def test_claims_that_are_not_asked_for_are_not_looked_at(envoy, value):
    passed(send(envoy["none"], exp=value, nbf=value), CLIENT_APP)
    passed(send(envoy["exp"], exp=in_seconds(60), nbf=value), CLIENT_APP)
    passed(send(envoy["nbf"], nbf=in_seconds(-60), exp=value), CLIENT_APP)


@pytest.mark.parametrize("name", ["sub", "aud", "iat", "jti", "scope", "x"])
@pytest.mark.parametrize("value", ["1", "1e400", "true", "null", "[]", "{}", '"text"', '[{"a":[null]}]'])
def test_other_claims_may_be_of_any_type(envoy, name, value):
    passed(send(envoy["both"], exp=in_seconds(60), nbf=0, **{name: value}), CLIENT_APP)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_claim_that_is_asked_for_must_be_a_number(envoy, value):
    refused(send(envoy["exp"], exp=value), {"exp": NOT_A_NUMBER})
    refused(send(envoy["nbf"], nbf=value), {"nbf": NOT_A_NUMBER})


def test_a_claim_that_is_asked_for_must_be_there(envoy):
    refused(send(envoy["exp"]), {"exp": NOT_A_NUMBER})
    refused(send(envoy["nbf"]), {"nbf": NOT_A_NUMBER})
    refused(send(envoy["exp"], Exp=in_seconds(60)), {"exp": NOT_A_NUMBER})


def test_a_claim_in_the_header_does_not_count(envoy):
    refused(envoy["exp"].bearer(HS256.token(header={"exp": in_seconds(60)})), {"exp": NOT_A_NUMBER})


@pytest.mark.parametrize("value", PAST)
def test_exp_in_the_past_is_expired(envoy, value):
    refused(send(envoy["exp"], exp=value), {"exp": EXPIRED})


@pytest.mark.parametrize("value", FUTURE)
def test_exp_in_the_future_passes(envoy, value):
    passed(send(envoy["exp"], exp=value), CLIENT_APP)


def test_exp_has_no_leeway(envoy):
    """This very second is too late, and a token that passes stops passing when its time has come."""
    refused(send(envoy["exp"], exp=in_seconds(0)), {"exp": EXPIRED})
    exp = in_seconds(3)
    passed(send(envoy["exp"], exp=exp), CLIENT_APP)
    refusal = until(lambda: (response := send(envoy["exp"], exp=exp)).status == 401 and response, "the token to expire")
    refused(refusal, {"exp": EXPIRED})
    assert exp <= in_seconds(0)


@pytest.mark.parametrize("value", PAST)
def test_nbf_in_the_past_passes(envoy, value):
    passed(send(envoy["nbf"], nbf=value), CLIENT_APP)


@pytest.mark.parametrize("value", FUTURE)
def test_nbf_in_the_future_is_not_valid_yet(envoy, value):
    refused(send(envoy["nbf"], nbf=value), {"nbf": NOT_YET})


def test_nbf_has_no_leeway(envoy):
    """This very second is early enough, and a token starts passing when its time has come."""
    passed(send(envoy["nbf"], nbf=in_seconds(0)), CLIENT_APP)
    nbf = in_seconds(3)
    refused(send(envoy["nbf"], nbf=nbf), {"nbf": NOT_YET})
    passed(until(lambda: (response := send(envoy["nbf"], nbf=nbf)).status == 200 and response, "nbf"), CLIENT_APP)
    assert nbf <= in_seconds(0)


@pytest.mark.parametrize("listener", ["both", "both, the other way round"])
def test_failures_of_both_claims_come_in_one_object(envoy, listener):
    for exp, exp_fault in [('"x"', NOT_A_NUMBER), (1, EXPIRED)]:
        for nbf, nbf_fault in [("null", NOT_A_NUMBER), ("4e9", NOT_YET)]:
            refused(send(envoy[listener], exp=exp, nbf=nbf), {"exp": exp_fault, "nbf": nbf_fault})
    refused(send(envoy[listener]), {"exp": NOT_A_NUMBER, "nbf": NOT_A_NUMBER})


def test_only_the_claim_at_fault_is_named(envoy):
    refused(send(envoy["both"], exp=1, nbf=1), {"exp": EXPIRED})
    refused(send(envoy["both"], exp=in_seconds(60), nbf=in_seconds(60)), {"nbf": NOT_YET})


def test_exp_may_not_be_further_off_than_the_maximum(envoy):
    listener = envoy["within an hour"]
    passed(send(listener, exp=in_seconds(3590)), CLIENT_APP)
    passed(send(listener, exp=in_seconds(3600)), CLIENT_APP)  # the clock can only bring it nearer
    refused(send(listener, exp=in_seconds(3660)), {"exp": TOO_FAR})


@pytest.mark.parametrize("value", FUTURE)
def test_no_far_future_is_near_enough(envoy, value):
    refused(send(envoy["within an hour"], exp=value), {"exp": TOO_FAR})


def test_the_other_checks_go_before_the_maximum(envoy):
    refused(send(envoy["within an hour"], exp=1), {"exp": EXPIRED})
    refused(send(envoy["within an hour"]), {"exp": NOT_A_NUMBER})


@pytest.mark.parametrize("exp, nbf", [(1, 0), ('"x"', 0), ("4e9", 0), ("null", "null"), (1, "4e9")])
def test_every_failure_of_claims_passes_as_anonymous(envoy, exp, nbf):
    passed_as_anonymous(send(envoy["anonymous"], exp=exp, nbf=nbf), GUEST)

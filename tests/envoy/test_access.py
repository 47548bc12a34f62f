"""Who may call: audiences, claims, groups, and clocks that differ."""

import grpc
import pytest

from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import forbidden, passed, refused, unauthorized
from tokens import in_seconds

CANNOT = "You cannot consume this service"
LACKING = "Insufficient claims"
INSIDER = {**CLIENT_APP, "groups": ["staff", "gold"]}
OUTSIDER = {**PARTNER, "groups": ["partners"]}


def requiring(*required, **fields):
    return plugin(required_claims=list(required), **fields)


LISTENERS = {
    "audiences": plugin(audiences=["https://api.example.com", "other"]),
    "allow": plugin(INSIDER, OUTSIDER, GUEST, allow=["staff"], anonymous="guest"),
    "deny": plugin(INSIDER, OUTSIDER, GUEST, allow=["ClientApp", "partners"], deny=["partners", CLIENT_APP["id"]]),
    "scope": requiring({"claim": "scope", "all_of": ["orders:read", "orders:write"]}, realm="api"),
    "any role": requiring({"claim": "realm_access.roles", "any_of": ["admin", 7]}),
    "dotted": requiring({"claim": r"https://example\.com/tier", "equals": "gold"}),
    "present": requiring({"claim": "act", "present": False}, {"claim": "sub", "present": True}),
    "skew": plugin(claims_to_verify=["exp", "nbf"], clock_skew_seconds=60),
    "grpc": requiring({"claim": "scope", "any_of": ["x"]}),
}


@pytest.mark.parametrize("aud", ["other", ["x", "https://api.example.com"]])
def test_one_of_the_audiences_must_be_named(envoy, aud):
    passed(envoy["audiences"].bearer(HS256.token(aud=aud)), CLIENT_APP)


@pytest.mark.parametrize("claims", [{}, {"aud": "OTHER"}, {"aud": ["x"]}, {"aud": {"other": 1}}, {"aud": "other x"}])
def test_a_token_for_another_audience_is_refused(envoy, claims):
    refused(envoy["audiences"].bearer(HS256.token(**claims)), {"aud": "not allowed"})


def test_allow_lets_through_whom_it_names_and_nobody_else(envoy):
    passed(envoy["allow"].bearer(HS256.token()), INSIDER)
    forbidden(envoy["allow"].bearer(RS256.token(iss=PARTNER_ISSUER)), CANNOT)


def test_the_anonymous_consumer_must_be_allowed_as_well(envoy):
    unauthorized(envoy["allow"].send())


def test_deny_wins_over_allow(envoy):
    forbidden(envoy["deny"].bearer(HS256.token()), CANNOT)
    forbidden(envoy["deny"].bearer(RS256.token(iss=PARTNER_ISSUER)), CANNOT)


def test_groups_that_a_client_names_are_nobodys(envoy):
    response = envoy["allow"].bearer(RS256.token(iss=PARTNER_ISSUER, groups=["staff"]), [("x-consumer-groups", "staff")])
    forbidden(response, CANNOT)


def test_a_scope_is_a_list_of_words(envoy):
    for scope in ["orders:write orders:read", ["orders:read", "orders:write", "x"]]:
        passed(envoy["scope"].bearer(HS256.token(scope=scope)), CLIENT_APP)


@pytest.mark.parametrize("claims", [{}, {"scope": "orders:read"}, {"scope": "orders:read,orders:write"}, {"scope": 5}])
def test_a_missing_scope_is_named_in_the_challenge(envoy, claims):
    challenge = 'Bearer realm="api", error="insufficient_scope", scope="orders:read orders:write"'
    forbidden(envoy["scope"].bearer(HS256.token(**claims)), LACKING, challenge)


def test_a_claim_is_found_in_nested_objects(envoy):
    for roles in [["admin"], ["x", 7], "admin", 7]:
        passed(envoy["any role"].bearer(HS256.token(realm_access={"roles": roles})), CLIENT_APP)
    for claims in [{"roles": ["admin"]}, {"realm_access.roles": ["admin"]}, {"realm_access": {"roles": ["7"]}}]:
        forbidden(envoy["any role"].bearer(HS256.token(**claims)), LACKING)


def test_a_dot_may_be_part_of_a_name(envoy):
    passed(envoy["dotted"].bearer(HS256.token(**{"https://example.com/tier": "gold"})), CLIENT_APP)
    forbidden(envoy["dotted"].bearer(HS256.token(**{"https://example": {"com/tier": "gold"}})), LACKING)


def test_a_claim_may_have_to_be_there_or_not(envoy):
    passed(envoy["present"].bearer(HS256.token(sub="x")), CLIENT_APP)
    forbidden(envoy["present"].bearer(HS256.token(sub="x", act={"sub": "y"})), LACKING)
    forbidden(envoy["present"].bearer(HS256.token()), LACKING)


def test_a_token_that_comes_back_is_measured_again(envoy):
    token = HS256.token(scope="orders:read", aud="other")
    for _ in range(2):
        passed(envoy["audiences"].bearer(token), CLIENT_APP)
        assert envoy["scope"].bearer(token).status == 403


def test_clocks_may_differ(envoy):
    passed(envoy["skew"].bearer(HS256.token(exp=in_seconds(-30), nbf=in_seconds(30))), CLIENT_APP)
    refused(envoy["skew"].bearer(HS256.token(exp=in_seconds(-61), nbf=0)), {"exp": "token expired"})
    refused(envoy["skew"].bearer(HS256.token(exp=in_seconds(99), nbf=in_seconds(90))), {"nbf": "token not valid yet"})


def test_authentication_comes_first(envoy):
    refused(envoy["scope"].send(), "Unauthorized", 'Bearer realm="api"')


def test_a_grpc_client_is_told_permission_denied(envoy):
    with grpc.insecure_channel(envoy["grpc"].target) as channel:
        call = channel.unary_unary("/echo/Unary")
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"x", metadata=[("authorization", f"Bearer {HS256.token()}")], timeout=10)
        assert refusal.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert call(b"x", metadata=[("authorization", f"Bearer {HS256.token(scope='x')}")], timeout=10).endswith(b"x")

"""The kind of token: its type, its age, what must be in it; patterns and nested requirements; each issuer's own demands."""

import pytest

from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import forbidden, passed, passed_as_anonymous, passed_unauthenticated, refused, unauthorized
from tokens import in_seconds, key

LACKING = "Insufficient claims"
OWN_DEMANDS = {
    "claims_to_verify": ["exp"],
    "token_types": ["at+jwt"],
    "audiences": ["partner-api"],
    "required_claims": [{"claim": "tier", "prefix": "gold-"}],
}

LISTENERS = {
    "type": plugin(token_types=["at+jwt"]),
    "require": plugin(require=["sub", "act.sub"]),
    "age": plugin(max_token_age=600),
    "subjects": plugin(subjects=["service-a", {"glob": "repo:octo-org/*"}]),
    "nested": plugin(
        required_claims=[
            {
                "any": [
                    {"claim": "roles[].name", "any_of": ["admin"]},
                    {"all": [{"claim": "mail", "suffix": "@a.example"}, {"not": {"claim": "groups", "any_of": ["out"]}}]},
                ]
            }
        ]
    ),
    "optional": plugin(optional=True),
    "anonymous for": plugin(CLIENT_APP, GUEST, anonymous="guest", anonymous_for=["expired"], claims_to_verify=["exp"]),
    "nested key": plugin(key_claim_name="azp.client"),
    "two issuers": plugin(
        CLIENT_APP,
        {**PARTNER, "jwt_secrets": [{**PARTNER["jwt_secrets"][0], **OWN_DEMANDS}]},
        audiences=["api", "partner-api"],
    ),
}


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_an_access_token_passes(envoy, typ):
    passed(envoy["type"].bearer(HS256.token(header={"typ": typ})), CLIENT_APP)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}, {"typ": ["at+jwt"]}, {"typ": "x/at+jwt"}])
def test_an_id_token_is_no_access_token(envoy, header):
    refused(envoy["type"].bearer(HS256.token(header=header)), "Invalid token type")


def test_a_claim_that_must_be_there_may_hold_anything_but_null(envoy):
    passed(envoy["require"].bearer(HS256.token(sub="", act={"sub": 0})), CLIENT_APP)
    refused(envoy["require"].bearer(HS256.token(sub=None, act={"sub": 0})), {"sub": "missing"})
    refused(envoy["require"].bearer(HS256.token(sub="s", act="sub")), {"act.sub": "missing"})


def test_a_token_ages_from_when_it_was_issued(envoy):
    passed(envoy["age"].bearer(HS256.token(iat=in_seconds(-300), exp=1)), CLIENT_APP)
    refused(envoy["age"].bearer(HS256.token(iat=in_seconds(-900))), {"iat": "token too old"})
    refused(envoy["age"].bearer(HS256.token(iat=in_seconds(900))), {"iat": "token not valid yet"})
    refused(envoy["age"].bearer(HS256.token()), {"iat": "must be a number"})


@pytest.mark.parametrize("sub", ["service-a", "repo:octo-org/x:ref:refs/heads/main"])
def test_one_of_the_subjects_may_call(envoy, sub):
    passed(envoy["subjects"].bearer(HS256.token(sub=sub)), CLIENT_APP)


@pytest.mark.parametrize("sub", ["service-b", "repo:octo-org-evil/x", "x repo:octo-org/y", ["service-a"], None])
def test_another_subject_may_not(envoy, sub):
    response = envoy["subjects"].bearer(HS256.token(sub=sub))
    assert (response.status, response.body, response.reached) == (403, b'{"sub":"not allowed"}', 0)


def test_requirements_nest(envoy):
    for claims in [{"roles": [{"name": "x"}, {"name": "admin"}]}, {"mail": "b@a.example"}]:
        passed(envoy["nested"].bearer(HS256.token(**claims)), CLIENT_APP)
    for claims in [{}, {"roles": ["admin"]}, {"mail": "b@a.example", "groups": ["out"]}, {"mail": "b@a.example.evil"}]:
        forbidden(envoy["nested"].bearer(HS256.token(**claims)), LACKING)


def test_the_key_claim_may_stand_in_an_object(envoy):
    issuer = HS256.credential()["key"]
    passed(envoy["nested key"].bearer(HS256.token({"azp": {"client": issuer}})), CLIENT_APP)
    refused(envoy["nested key"].bearer(HS256.token({"azp": issuer})), "No mandatory 'azp.client' in claims")


def test_each_issuer_has_demands_of_its_own(envoy):
    def partner(typ="at+jwt", **claims):
        claims = {"aud": "partner-api", "exp": in_seconds(60), "tier": "gold-1", **claims}
        return envoy["two issuers"].bearer(RS256.token(iss=PARTNER_ISSUER, header={"typ": typ}, **claims))

    passed(partner(), PARTNER, PARTNER_ISSUER)
    refused(partner(typ="JWT"), "Invalid token type")
    refused(partner(exp=1), {"exp": "token expired"})
    refused(partner(aud="api"), {"aud": "not allowed"})
    forbidden(partner(tier="silver"), LACKING)
    passed(envoy["two issuers"].bearer(HS256.token(aud="api", exp=1)), CLIENT_APP)
    refused(envoy["two issuers"].bearer(HS256.token(aud="other")), {"aud": "not allowed"})


def test_an_optional_token_may_be_missing_but_never_bad(envoy):
    passed_unauthenticated(envoy["optional"].send())
    passed_unauthenticated(envoy["optional"].send(headers=[("x-consumer-username", "ClientApp")]))
    passed(envoy["optional"].bearer(HS256.token()), CLIENT_APP)
    refused(envoy["optional"].bearer(key("HS256", "foreign").token()), "Invalid signature")


def test_only_the_failures_that_are_named_lead_to_the_anonymous_consumer(envoy):
    unauthorized(envoy["anonymous for"].send())
    passed_as_anonymous(envoy["anonymous for"].bearer(HS256.token(exp=1)), GUEST)
    refused(envoy["anonymous for"].bearer(HS256.token(exp="x")), {"exp": "must be a number"})

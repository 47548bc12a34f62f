"""Both forms of the plugin configuration, and what all is good configuration."""

import json

import pytest

from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import passed, passed_as_anonymous, passed_unauthenticated, refused, unauthorized
from tokens import in_seconds, key

RICH = plugin(
    CLIENT_APP,
    PARTNER,
    GUEST,
    header_names=["x-token"],
    uri_param_names=["token"],
    cookie_names=["token"],
    key_claim_name="client",
    secret_is_base64=False,
    claims_to_verify=["exp", "nbf"],
    maximum_expiration=300,
    run_on_preflight=False,
    realm="api",
)
DEFAULTS = {
    "header_names": ["authorization"],
    "uri_param_names": ["jwt"],
    "cookie_names": [],
    "key_claim_name": "iss",
    "secret_is_base64": False,
    "claims_to_verify": [],
    "maximum_expiration": 0,
    "anonymous": None,
    "run_on_preflight": True,
    "realm": None,
}
SPARSE = {"username": "Sparse", "id": None, "custom_id": None, "tags": None, "jwt_secrets": None}

LISTENERS = {
    "rich, as a Struct": RICH,
    "rich, as text": json.dumps(RICH, indent=2),
    "minimal": plugin(),
    "defaults": plugin(**DEFAULTS),
    "defaults, as text": json.dumps(plugin(**DEFAULTS)),
    "nulls": plugin(CLIENT_APP, SPARSE, **dict.fromkeys(DEFAULTS)),
    "no consumers": {"consumers": []},
    "nothing": {},
    "nothing, as text": "{}",
    "nothing at all": "",
    "anonymous only": plugin(GUEST, anonymous="guest"),
    "JWK in text": json.dumps(plugin({"username": "P", "jwt_secrets": [RS256.credential("k", RS256.jwk)]})),
    "long maximum": plugin(claims_to_verify=["exp"], maximum_expiration=31536000),
    "same key under different algorithms": plugin(
        {"username": "P", "jwt_secrets": [HS256.credential("k"), RS256.credential("k"), key("HS512").credential("k")]}
    ),
    "Unicode": plugin({"username": "Käufer ☃", "jwt_secrets": [HS256.credential("schlüssel")]}, key_claim_name="größe"),
}


@pytest.mark.parametrize("form", ["rich, as a Struct", "rich, as text"])
def test_every_field_works_in_both_forms(envoy, form):
    listener = envoy[form]
    token = RS256.token({"client": PARTNER_ISSUER, "exp": in_seconds(60), "nbf": 0})
    invalid = 'Bearer realm="api", error="invalid_token"'
    passed(listener.send(headers=[("x-token", f"Bearer {token}")]), PARTNER, PARTNER_ISSUER)
    passed(listener.send(path=f"/?token={token}"), PARTNER, PARTNER_ISSUER)
    passed(listener.send(headers=[("cookie", f"token={token}")]), PARTNER, PARTNER_ISSUER)
    passed_unauthenticated(listener.preflight())
    refused(listener.send(path=f"/?jwt={token}"), "Unauthorized", 'Bearer realm="api"')
    late = RS256.token({"client": PARTNER_ISSUER, "exp": in_seconds(600), "nbf": 0})
    refused(listener.send(path=f"/?token={late}"), {"exp": "exceeds maximum allowed expiration"}, invalid)
    lacking = {"exp": "must be a number", "nbf": "must be a number"}
    refused(listener.send(path=f"/?token={RS256.token({'client': PARTNER_ISSUER})}"), lacking, invalid)
    refused(listener.send(path=f"/?token={RS256.token()}"), "No mandatory 'client' in claims", invalid)


@pytest.mark.parametrize("name", ["minimal", "defaults", "defaults, as text", "nulls"])
def test_a_field_that_is_absent_or_null_has_its_default(envoy, name):
    listener = envoy[name]
    expired = HS256.token(exp=1, nbf="x")
    passed(listener.bearer(expired), CLIENT_APP)
    passed(listener.send(path=f"/?jwt={expired}"), CLIENT_APP)
    unauthorized(listener.send(headers=[("cookie", f"jwt={expired}")]))
    unauthorized(listener.preflight())


@pytest.mark.parametrize("name", ["no consumers", "nothing", "nothing, as text", "nothing at all"])
def test_without_consumers_nothing_passes(envoy, name):
    unauthorized(envoy[name].send())
    refused(envoy[name].bearer(HS256.token()), "No credentials found for given 'iss'")


def test_the_only_consumer_may_be_the_anonymous_one(envoy):
    passed_as_anonymous(envoy["anonymous only"].send(), GUEST)


def test_a_jwk_may_be_an_object_in_text_too(envoy):
    passed(envoy["JWK in text"].bearer(RS256.token(iss="k")), {"username": "P"}, "k")


def test_the_longest_maximum_is_a_year(envoy):
    def send(seconds):
        return envoy["long maximum"].bearer(HS256.token(exp=in_seconds(seconds)))

    passed(send(31536000 - 60), CLIENT_APP)
    refused(send(31536000 + 60), {"exp": "exceeds maximum allowed expiration"})


@pytest.mark.parametrize("signer", [HS256, RS256, key("HS512")], ids=lambda signer: signer.alg)
def test_credentials_of_different_algorithms_may_share_a_key(envoy, signer):
    passed(envoy["same key under different algorithms"].bearer(signer.token(iss="k")), {"username": "P"}, "k")


def test_names_may_hold_any_character(envoy):
    response = envoy["Unicode"].bearer(HS256.token({"größe": "schlüssel"}))
    as_octets = {"username": "Käufer ☃".encode().decode("latin-1")}
    passed(response, as_octets, "schlüssel".encode().decode("latin-1"))
    refused(envoy["Unicode"].bearer(HS256.token()), "No mandatory 'größe' in claims")

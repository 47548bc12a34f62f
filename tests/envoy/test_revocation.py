"""Tokens that are revoked before they expire."""

import pytest

from consumers import CLIENT_APP, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import passed, refused

REVOKED = "Token revoked"
NOON = 1_700_000_000

LISTENERS = {
    "inline": plugin(
        CLIENT_APP,
        PARTNER,
        revoked=[
            {"jti": "7"},
            {"jti": "8", "credential": PARTNER_ISSUER},
            {"sub": "bob"},
            {"consumer": "ClientApp", "issued_before": "2023-11-14T22:13:20Z"},
        ],
    ),
}


@pytest.mark.parametrize("claims", [{"jti": "7"}, {"sub": "bob"}, {"iat": NOON - 1}, {"iat": None}])
def test_a_revoked_token_is_refused_however_well_it_is_known(envoy, claims):
    token = HS256.token(**{"iat": NOON, **claims})
    for _ in range(3):
        refused(envoy["inline"].bearer(token), REVOKED)


def test_another_token_passes(envoy):
    passed(envoy["inline"].bearer(HS256.token(iat=NOON, jti="8", sub="alice")), CLIENT_APP)
    passed(envoy["inline"].bearer(RS256.token(iss=PARTNER_ISSUER, jti="9")), PARTNER, PARTNER_ISSUER)
    refused(envoy["inline"].bearer(RS256.token(iss=PARTNER_ISSUER, jti="8")), REVOKED)


def test_a_jti_of_60_kilobytes_is_compared_as_a_whole(envoy):
    passed(envoy["inline"].bearer(HS256.token(iat=NOON, jti="7" * 20_000)), CLIENT_APP)

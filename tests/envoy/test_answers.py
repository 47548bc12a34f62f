"""Every refusal of the contract, word for word, and the order in which the checks are made."""

from itertools import combinations

import pytest

from consumers import CLIENT_APP, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import (
    BAD_ALG,
    BAD_B64,
    BAD_CRIT,
    BAD_FORM,
    BAD_JSON,
    BAD_SIGNATURE,
    NO_CREDENTIALS,
    NO_TOKEN,
    WRONG_ALGORITHM,
    passed,
    refused,
    unauthorized,
)
from tokens import ISSUER, as_json, b64, compact, in_seconds

LISTENERS = {
    "default": plugin(CLIENT_APP, PARTNER),
    "realm": plugin(realm="api"),
    "awkward realm": plugin(realm='the "inner" \\ api'),
    "by sub": plugin(key_claim_name="sub"),
    "by kid": plugin(key_claim_name="kid"),
    "strict": plugin(CLIENT_APP, PARTNER, claims_to_verify=["exp", "nbf"], maximum_expiration=3600),
}

HEADER = b64(b'{"alg":"HS256"}')
CLAIMS = b64(as_json({"iss": ISSUER}))
SIGNATURE = HS256.token().split(".")[2]

NO_KEY = "No mandatory 'iss' in claims"
BAD_KEY = "Invalid 'iss' in claims"

REFUSALS = {
    "no dot": ("abc", BAD_JSON),
    "two parts": (f"{HEADER}.{CLAIMS}", BAD_JSON),
    "four parts": (f"{HEADER}.{CLAIMS}.{SIGNATURE}.{SIGNATURE}", BAD_FORM),
    "a dot too many": (f"{HEADER}.{CLAIMS}.{SIGNATURE}.", BAD_FORM),
    "four parts and alg none": (f"{b64(as_json({'alg': 'none'}))}.{CLAIMS}.{SIGNATURE}.{SIGNATURE}", BAD_ALG),
    "four parts and bad claims": (f"{HEADER}.e.{SIGNATURE}.{SIGNATURE}", BAD_JSON),
    "only dots": ("..", BAD_JSON),
    "empty header": (f".{CLAIMS}.{SIGNATURE}", BAD_JSON),
    "empty claims": (f"{HEADER}..{SIGNATURE}", BAD_JSON),
    "a header that is not base64url": (f"{HEADER}*.{CLAIMS}.{SIGNATURE}", BAD_JSON),
    "claims that are not base64url": (f"{HEADER}.{CLAIMS}+/.{SIGNATURE}", BAD_JSON),
    "a signature that is not base64url": (f"{HEADER}.{CLAIMS}.~~~~", BAD_FORM),
    "a base64url part of impossible length": (f"{HEADER}.{CLAIMS}.AAAAA", BAD_FORM),
    "standard base64 alphabet": (f"{HEADER}.{CLAIMS}.++//", BAD_FORM),
    "a header that is not JSON": (HS256.token(header=b"{"), BAD_JSON),
    "claims that are not JSON": (HS256.token(b"{'iss':1}"), BAD_JSON),
    "claims with trailing text": (HS256.token(as_json({"iss": ISSUER}) + b"x"), BAD_JSON),
    "claims that are not UTF-8": (HS256.token(b'{"iss":"\xff"}'), BAD_JSON),
    "a header that is a list": (HS256.token(header='["alg"]'), BAD_JSON),
    "a header that is null": (HS256.token(header="null"), BAD_JSON),
    "claims that are a list": (HS256.token("[]"), BAD_JSON),
    "claims that are a string": (HS256.token('"iss"'), BAD_JSON),
    "claims that are a number": (HS256.token("1"), BAD_JSON),
    "a duplicate claim": (HS256.token(f'{{"iss":"{ISSUER}","a":1,"a":1}}'), BAD_JSON),
    "a duplicate claim, once escaped": (HS256.token(f'{{"iss":"{ISSUER}","a":1,"\\u0061":1}}'), BAD_JSON),
    "a duplicate member deep in the claims": (HS256.token(f'{{"iss":"{ISSUER}","a":[{{"b":1,"b":2}}]}}'), BAD_JSON),
    "a duplicate header parameter": (HS256.token(header='{"alg":"HS256","typ":"JWT","typ":"JWT"}'), BAD_JSON),
    "a duplicate member deep in the header": (HS256.token(header='{"alg":"HS256","a":{"b":1,"b":1}}'), BAD_JSON),
    "alg missing": (HS256.token(header='{"typ":"JWT"}'), BAD_ALG),
    "alg null": (HS256.token(header={"alg": None}), BAD_ALG),
    "alg a number": (HS256.token(header={"alg": 256}), BAD_ALG),
    "alg a list": (HS256.token(header={"alg": ["HS256"]}), BAD_ALG),
    "alg empty": (HS256.token(header={"alg": ""}), BAD_ALG),
    "alg none": (HS256.token(header={"alg": "none"}), BAD_ALG),
    "alg unknown": (HS256.token(header={"alg": "HS257"}), BAD_ALG),
    "alg in lower case": (HS256.token(header={"alg": "hs256"}), BAD_ALG),
    "alg with a space": (HS256.token(header={"alg": "HS256 "}), BAD_ALG),
    "ES256K": (HS256.token(header={"alg": "ES256K"}), BAD_ALG),
    "crit": (HS256.token(header={"crit": ["exp"]}), BAD_CRIT),
    "crit empty": (HS256.token(header={"crit": []}), BAD_CRIT),
    "crit null": (HS256.token(header={"crit": None}), BAD_CRIT),
    "b64 false": (HS256.token(header={"b64": False}), BAD_B64),
    "b64 null": (HS256.token(header={"b64": None}), BAD_B64),
    "b64 a string": (HS256.token(header={"b64": "true"}), BAD_B64),
    "iss missing": (HS256.token("{}"), NO_KEY),
    "iss empty": (HS256.token(iss=""), BAD_KEY),
    "iss null": (HS256.token(iss=None), BAD_KEY),
    "iss a number": (HS256.token(iss=1), BAD_KEY),
    "iss a list": (HS256.token(iss=[ISSUER]), BAD_KEY),
    "iss an object": (HS256.token(iss={"a": 1}), BAD_KEY),
    "iss true": (HS256.token(iss=True), BAD_KEY),
    "iss unknown": (HS256.token(iss="https://other.example.com"), NO_CREDENTIALS),
    "iss in another case": (HS256.token(iss=ISSUER.upper()), NO_CREDENTIALS),
    "iss with a space": (HS256.token(iss=ISSUER + " "), NO_CREDENTIALS),
    "the start of an iss": (HS256.token(iss=ISSUER[:-1]), NO_CREDENTIALS),
    "an algorithm that is not the credential's": (RS256.token(), WRONG_ALGORITHM),
    "another hash than the credential's": (HS256.token(header={"alg": "HS512"}), WRONG_ALGORITHM),
    "HS256 for a credential of RS256": (HS256.token(iss=PARTNER_ISSUER), WRONG_ALGORITHM),
    "a signature of other octets": (f"{HEADER}.{CLAIMS}.{b64(bytes(32))}", BAD_SIGNATURE),
}


@pytest.mark.parametrize("token, message", REFUSALS.values(), ids=REFUSALS)
def test_a_bad_token_is_refused(envoy, token, message):
    refused(envoy["default"].bearer(token), message)


def test_a_good_token_passes(envoy):
    passed(envoy["default"].bearer(HS256.token()), CLIENT_APP)


def test_no_token_is_unauthorized(envoy):
    unauthorized(envoy["default"].send())


def test_two_distinct_tokens_are_refused(envoy):
    response = envoy["default"].bearer(HS256.token(), path=f"/?jwt={HS256.token(n=2)}")
    refused(response, "Multiple tokens provided")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_needs_a_token(envoy, method):
    unauthorized(envoy["default"].send(method))


def test_a_refused_head_request_has_the_headers_and_no_body(envoy):
    response = envoy["default"].send("HEAD")
    assert (response.status, response.body, response.header("www-authenticate")) == (401, b"", NO_TOKEN)


def test_a_refused_body_does_not_reach_the_upstream(envoy):
    unauthorized(envoy["default"].send("POST", body=b"x" * 100_000))


def test_an_accepted_body_does(envoy):
    response = envoy["default"].bearer(HS256.token(), method="POST", body=b"x" * 1000)
    passed(response, CLIENT_APP)
    assert response.upstream_headers("content-length") == ["1000"]


@pytest.mark.parametrize("path", ["/", "//", "/a/../b", "/%2e%2e/", "/a?b=c", "/a;jwt=x", "/?"])
def test_every_path_needs_a_token(envoy, path):
    unauthorized(envoy["default"].send(path=path))


def test_the_realm_is_in_the_challenge(envoy):
    refused(envoy["realm"].send(), "Unauthorized", 'Bearer realm="api"')
    refused(envoy["realm"].bearer("abc"), BAD_JSON, 'Bearer realm="api", error="invalid_token"')


def test_a_realm_with_quotes_is_a_quoted_string(envoy):
    refused(envoy["awkward realm"].send(), "Unauthorized", 'Bearer realm="the \\"inner\\" \\\\ api"')


def test_messages_name_the_configured_claim(envoy):
    listener = envoy["by sub"]
    refused(listener.bearer(HS256.token()), "No mandatory 'sub' in claims")
    refused(listener.bearer(HS256.token(sub="")), "Invalid 'sub' in claims")
    refused(listener.bearer(HS256.token(sub=7)), "Invalid 'sub' in claims")
    refused(listener.bearer(HS256.token(sub="nobody")), "No credentials found for given 'sub'")
    passed(listener.bearer(HS256.token(sub=ISSUER, iss="nobody")), CLIENT_APP)


def test_the_key_claim_is_looked_for_in_the_header_too(envoy):
    passed(envoy["by kid"].bearer(HS256.token("{}", header={"kid": ISSUER})), CLIENT_APP)
    passed(envoy["default"].bearer(HS256.token("{}", header={"iss": ISSUER})), CLIENT_APP)
    refused(envoy["by kid"].bearer(HS256.token("{}", header={"kid": ""})), "Invalid 'kid' in claims")
    refused(envoy["by kid"].bearer(HS256.token("{}")), "No mandatory 'kid' in claims")


def test_the_key_claim_in_the_claims_goes_before_the_one_in_the_header(envoy):
    passed(envoy["by kid"].bearer(HS256.token({"kid": ISSUER}, header={"kid": "nobody"})), CLIENT_APP)
    refused(
        envoy["by kid"].bearer(HS256.token({"kid": "nobody"}, header={"kid": ISSUER})),
        "No credentials found for given 'kid'",
    )
    refused(envoy["by kid"].bearer(HS256.token({"kid": ""}, header={"kid": ISSUER})), "Invalid 'kid' in claims")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "anything", "", 1, None])
def test_typ_is_not_looked_at(envoy, typ):
    passed(envoy["default"].bearer(HS256.token(header={"typ": typ})), CLIENT_APP)


def test_b64_true_is_as_good_as_none(envoy):
    passed(envoy["default"].bearer(HS256.token(header={"b64": True})), CLIENT_APP)


def test_json_may_hold_white_space_and_escapes(envoy):
    claims = ' {\r\n\t"\\u0069ss" : "https:\\/\\/auth.ex\\u0061mple.com" } '
    passed(envoy["default"].bearer(HS256.token(claims)), CLIENT_APP)


# In the order in which they are checked: a flaw, as changes to the header, the claims and the signature of a token
# that has none, and the answer to it.
FLAWS = {
    "alg": ({"alg": "none"}, {}, None, BAD_ALG),
    "crit": ({"crit": ["x"]}, {}, None, BAD_CRIT),
    "b64": ({"b64": False}, {}, None, BAD_B64),
    "key claim missing": ({}, {"iss": ...}, None, NO_KEY),
    "key claim empty": ({}, {"iss": ""}, None, BAD_KEY),
    "key claim unknown": ({}, {"iss": "nobody"}, None, NO_CREDENTIALS),
    "algorithm": ({"alg": "RS256"}, {}, None, WRONG_ALGORITHM),
    "signature": ({}, {}, bytes(32), BAD_SIGNATURE),
    "exp": ({}, {"exp": 1}, None, {"exp": "token expired"}),
    "nbf": ({}, {"nbf": "x"}, None, {"nbf": "must be a number"}),
    "maximum": ({}, {"exp": in_seconds(7200)}, None, {"exp": "exceeds maximum allowed expiration"}),
}


def flawed(*names):
    header, claims = {"alg": "HS256"}, {"iss": ISSUER, "exp": in_seconds(1800), "nbf": 0}
    signature = None
    for name in names:
        more_header, more_claims, other_signature, _ = FLAWS[name]
        header.update(more_header)
        claims.update(more_claims)
        signature = signature or other_signature
    claims = {name: value for name, value in claims.items() if value is not ...}
    return compact(header, claims, lambda data: signature or HS256.sign(data))


def compatible(earlier, later):
    """Two flaws that do not concern the same member; and claims that fail together have tests of their own."""
    mine, other = FLAWS[earlier], FLAWS[later]
    together = {earlier, later} <= {"exp", "nbf"}
    return not together and not any(set(mine[part]) & set(other[part]) for part in (0, 1))


@pytest.mark.parametrize("flaw", FLAWS)
def test_one_flaw_gets_its_answer(envoy, flaw):
    refused(envoy["strict"].bearer(flawed(flaw)), FLAWS[flaw][3])


@pytest.mark.parametrize("earlier, later", [pair for pair in combinations(FLAWS, 2) if compatible(*pair)])
def test_of_two_flaws_the_earlier_is_answered(envoy, earlier, later):
    refused(envoy["strict"].bearer(flawed(earlier, later)), FLAWS[earlier][3])


def test_bad_json_goes_before_everything_else(envoy):
    header = '{"alg":"none","crit":[],"alg":"none"}'
    refused(envoy["strict"].bearer(compact(header, '{"iss":""}', lambda _: b"")), BAD_JSON)


def test_the_number_of_tokens_goes_before_what_they_are(envoy):
    refused(envoy["strict"].bearer("abc", path="/?jwt=def"), "Multiple tokens provided")

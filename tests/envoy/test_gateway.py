"""Where the filter answers as the gateway's plugins do, and where it does not on purpose: the list of differences in
docs/migrating-from-kong.md, as far as other tests do not show them.
"""

from urllib.parse import unquote

import grpc
import pytest

import client
from consumers import CLIENT_APP, GUEST, HS256, PARTNER_ISSUER, RS256, PARTNER, plugin
from expect import BAD_FORM, BAD_JSON, forbidden, passed, passed_as_anonymous, refused, unauthorized
from tokens import ISSUER, Key, b64, in_seconds

CANNOT = "You cannot consume this service"
STAFF = {**CLIENT_APP, "groups": ["staff", "gold"]}
OUTSIDER = {**PARTNER, "groups": ["partners"]}
ALONE = {**PARTNER}
KNOWN_GUEST = {**GUEST, "groups": ["guests"]}


OF_A_DUMP = {"id": GUEST["id"], "created_at": 1_700_000_000, "tags": None, "consumer": {"id": CLIENT_APP["id"]}}
DUMPED = [
    {**HS256.credential(), **OF_A_DUMP, "rsa_public_key": "not looked at"},
    {**RS256.credential(PARTNER_ISSUER), **OF_A_DUMP, "secret": "generated"},
]


def listed(*consumers, **fields):
    return plugin(STAFF, *consumers, **fields)


LISTENERS = {
    "allow": listed(ALONE, GUEST, anonymous="guest", allow=["staff"]),
    "allow known": listed(KNOWN_GUEST, anonymous="guest", allow=["staff"]),
    "deny guest": listed(GUEST, anonymous="guest", deny=["guest"]),
    "deny others": listed(GUEST, OUTSIDER, anonymous="guest", deny=["partners"]),
    "no list": listed(KNOWN_GUEST, anonymous="guest"),
    "hidden": listed(KNOWN_GUEST, anonymous="guest", deny=[], hide_groups_header=True),
    "times": plugin(claims_to_verify=["exp", "nbf"], realm="api"),
    "strange name": plugin(key_claim_name='ä"%'),
    "dumped": plugin(
        {**CLIENT_APP, "created_at": 1_700_000_000, "updated_at": 1_700_000_000, "tags": ["x"], "jwt_secrets": DUMPED}
    ),
    "places": plugin(cookie_names=["session"], header_names=["x_token", "authorization"]),
}


# --- As the gateway's plugins


@pytest.mark.parametrize("token", [None, "a.b", HS256.token(iss="?"), HS256.token(iss=PARTNER_ISSUER)])
def test_an_anonymous_consumer_without_groups_must_authenticate(envoy, token):
    unauthorized(envoy["allow"].bearer(token) if token else envoy["allow"].send())
    forbidden(envoy["allow known"].bearer(token) if token else envoy["allow known"].send(), CANNOT)


def test_a_caller_with_a_credential_is_forbidden(envoy):
    passed(envoy["allow"].bearer(HS256.token()), STAFF)
    forbidden(envoy["allow"].bearer(RS256.token(iss=PARTNER_ISSUER)), CANNOT)


def test_an_anonymous_consumer_whom_deny_does_not_mean_passes(envoy):
    passed_as_anonymous(envoy["deny others"].send(), GUEST)
    forbidden(envoy["deny guest"].send(), CANNOT)


def test_groups_are_told_only_where_a_list_looks_at_them(envoy):
    spoofed = [("x-consumer-groups", "admin"), ("X-Consumer-Groups", "root")]

    def groups(listener, **request):
        return envoy[listener].send(headers=[*spoofed, *request.get("headers", [])]).upstream_headers("x-consumer-groups")

    staff = [("authorization", f"Bearer {HS256.token()}")]
    assert groups("allow", headers=staff) == ["staff, gold"]
    assert groups("deny others", headers=staff) == ["staff, gold"]
    for listener in ["no list", "hidden"]:
        assert groups(listener, headers=staff) == []
        assert groups(listener) == []
    assert groups("deny others") == []


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00\\ud800", "x\\udfff"])
def test_half_a_surrogate_pair_is_no_json(envoy, text):
    refused(envoy["times"].bearer(HS256.token(f'{{"iss":"{ISSUER}","x":"{text}"}}')), BAD_JSON, invalid("api"))


def test_the_algorithm_is_looked_at_before_the_signature_s_form(envoy):
    header, claims = b64(b'{"alg":"none"}'), b64(b'{"iss":"x"}')
    refused(envoy["strange name"].bearer(f"{header}.{claims}.*"), "Bad token; invalid alg")
    header = b64(b'{"alg":"HS256"}')
    refused(envoy["strange name"].bearer(f"{header}.{claims}.*"), BAD_FORM)


def invalid(realm):
    return f'Bearer realm="{realm}", error="invalid_token"'


def test_what_the_gateway_s_dumps_carry_is_taken(envoy):
    passed(envoy["dumped"].bearer(HS256.token()), CLIENT_APP)
    passed(envoy["dumped"].bearer(RS256.token(iss=PARTNER_ISSUER)), CLIENT_APP, PARTNER_ISSUER)
    secret = Key("HS256", b"generated").token(iss=PARTNER_ISSUER)
    refused(envoy["dumped"].bearer(secret), "Invalid algorithm")


# --- gRPC


def grpc_refusal(listener, token=None):
    """The status and the message that a client of gRPC's own reads."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(listener.target) as channel:
        with pytest.raises(grpc.RpcError) as refusal:
            channel.unary_unary("/echo/Unary")(b"x", metadata=metadata, timeout=10)
    return refusal.value.code(), refusal.value.details()


def test_a_grpc_client_reads_the_message(envoy):
    unauthenticated = grpc.StatusCode.UNAUTHENTICATED
    assert grpc_refusal(envoy["times"]) == (unauthenticated, "Unauthorized")
    assert grpc_refusal(envoy["times"], "abc") == (unauthenticated, BAD_JSON)
    assert grpc_refusal(envoy["times"], HS256.token(exp=1)) == (
        unauthenticated,
        "exp: token expired, nbf: must be a number",
    )
    assert grpc_refusal(envoy["allow"], RS256.token(iss=PARTNER_ISSUER)) == (grpc.StatusCode.PERMISSION_DENIED, CANNOT)
    assert grpc_refusal(envoy["allow"]) == (unauthenticated, "Unauthorized")


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto"])
def test_the_message_is_percent_encoded(envoy, kind):
    headers = [("content-type", kind), ("te", "trailers"), ("authorization", f"Bearer {HS256.token()}")]
    response = envoy["strange name"].send("POST", "/echo/Unary", headers, using=client.http2)
    message = response.header("grpc-message")
    assert (response.status, response.header("grpc-status"), response.reached) == (200, "16", 0)
    assert message.isascii() and unquote(message) == "No mandatory 'ä\"%' in claims"
    assert [value for name, value in response.headers if name == "content-type"] == ["application/grpc"]
    assert response.body == b""


@pytest.mark.parametrize("kind", ["application/grpc-web", "application/grpc-web+proto", "application/json"])
def test_what_is_not_grpc_is_answered_in_json(envoy, kind):
    response = envoy["times"].send("POST", "/", [("content-type", kind)], using=client.http2)
    refused(response, "Unauthorized", 'Bearer realm="api"')


# --- Differences on purpose


def test_cookies_are_named_exactly(envoy):
    for name, is_the_cookie in [("session", True), ("Session", False), ("SESSION", False)]:
        response = envoy["places"].send(headers=[("cookie", f"{name}={HS256.token()}")])
        passed(response, CLIENT_APP) if is_the_cookie else unauthorized(response)


def test_a_header_name_with_an_underscore_is_that_header(envoy):
    passed(envoy["places"].send(headers=[("x_token", f"Bearer {HS256.token()}")]), CLIENT_APP)
    unauthorized(envoy["places"].send(headers=[("x-token", f"Bearer {HS256.token()}")]))


def test_a_parameter_without_a_value_is_no_token(envoy):
    unauthorized(envoy["places"].send(path="/?jwt"))
    passed(envoy["places"].bearer(HS256.token(), path="/?jwt"), CLIENT_APP)


def test_parameters_behind_the_hundredth_count(envoy):
    passed(envoy["places"].send(path="/?" + "a=b&" * 200 + f"jwt={HS256.token()}"), CLIENT_APP)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "text/plain", "image/png", "*/*"])
def test_a_403_is_json_without_a_request_id_whatever_the_client_accepts(envoy, accept):
    forbidden(envoy["allow"].bearer(RS256.token(iss=PARTNER_ISSUER), [("accept", accept)]), CANNOT)


def test_nesting_has_a_bound(envoy):
    def answer(levels):
        nested = "[" * levels + "]" * levels
        claims = f'{{"iss":"{ISSUER}","exp":{in_seconds(60)},"nbf":0,"x":{nested}}}'
        return envoy["times"].bearer(HS256.token(claims))

    passed(answer(126), CLIENT_APP)
    refused(answer(128), BAD_JSON, invalid("api"))

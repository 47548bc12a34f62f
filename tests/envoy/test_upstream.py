"""What the upstream gets beside the identity: claims as headers, groups, no credentials, and another route."""

from functools import partial

import pytest

import client
from consumers import CLIENT_APP, GUEST, HS256, PARTNER, PARTNER_ISSUER, RS256, plugin
from expect import BAD_FORM, IDENTITY, passed, passed_as_anonymous, passed_unauthenticated, refused
from harness import Listen
from tokens import as_json, b64

CLAIMS = [
    {"claim": "sub", "header": "X-Sub"},
    {"claim": "realm_access.roles", "header": "x-roles"},
    {"claim": "scope", "header": "x-scope", "separator": " "},
    {"claim": r"https://example\.com/tier", "header": "x-tier"},
]
NAMES = ["x-sub", "x-roles", "x-scope", "x-tier", "x-claims"]
HIDING = {
    "hide_credentials": True,
    "header_names": ["authorization", "x-token"],
    "cookie_names": ["session"],
    "anonymous": "guest",
    "run_on_preflight": False,
}


def route_by(name, value, cluster):
    match = {"prefix": "/", "headers": [{"name": name, "string_match": {"exact": value}}]}
    return {"match": match, "route": {"cluster": cluster}}


BY_CONSUMER = [
    route_by("x-consumer-username", "Partner", "http2"),
    route_by("x-tier", "gold", "http2"),
    {"match": {"prefix": "/"}, "route": {"cluster": "http1"}},
]
TIER = [{"claim": "tier", "header": "x-tier"}]

LISTENERS = {
    "claims": plugin(
        *(CLIENT_APP, GUEST),
        claims_to_headers=CLAIMS,
        forward_payload_header="x-claims",
        anonymous="guest",
        run_on_preflight=False,
    ),
    "groups": plugin(
        {**CLIENT_APP, "groups": ["staff", "gold"]}, {**GUEST, "groups": ["guests"]}, anonymous="guest", deny=[]
    ),
    "hiding": plugin(CLIENT_APP, GUEST, **HIDING),
    "strict": Listen(
        plugin(CLIENT_APP, header_names=["authorization", "x-token"], cookie_names=["session"]),
        manager={"upgrade_configs": [{"upgrade_type": "websocket"}]},
    ),
    "routing": Listen(plugin(CLIENT_APP, PARTNER, claims_to_headers=TIER, clear_route_cache=True), BY_CONSUMER),
}

SUPPLIED = [(name, "supplied") for name in NAMES]


def sent(response):
    """The headers of claims that the upstream received."""
    return {name: values for name in NAMES if (values := response.upstream_headers(name))}


# --- Claims as headers

VALUES = [
    ({"sub": "alice"}, {"x-sub": "alice"}),
    ({"sub": 12345678901234567890}, {"x-sub": "12345678901234567890"}),
    ({"sub": 1.5}, {"x-sub": "1.5"}),
    ({"sub": True}, {"x-sub": "true"}),
    ({"sub": False}, {"x-sub": "false"}),
    ({"sub": None}, {}),
    ({"sub": {"a": 1}}, {}),
    ({"realm_access": {"roles": ["a", "b c", 7]}}, {"x-roles": "a,b c,7"}),
    ({"realm_access": {"roles": []}}, {}),
    ({"realm_access": {"roles": ["user", "x,admin"]}}, {"x-roles": "user,x%2Cadmin"}),
    ({"scope": ["a", "b", "c d"]}, {"x-scope": "a b c%20d"}),
    ({"scope": "a b"}, {"x-scope": "a b"}),
    ({"https://example.com/tier": "gold"}, {"x-tier": "gold"}),
    ({"sub": "K\u00e4ufer"}, {"x-sub": "K\u00e4ufer".encode().decode("latin-1")}),
    ({"sub": "a\r\nx-admin: true"}, {"x-sub": "a%0D%0Ax-admin%3A%20true"}),
    ({"sub": "a\nb"}, {"x-sub": "a%0Ab"}),
    ({"sub": "\x00"}, {"x-sub": "%00"}),
    ({"sub": "\x7f"}, {"x-sub": "%7F"}),
    ({"sub": " a "}, {"x-sub": "%20a%20"}),
]


@pytest.mark.parametrize("using", [client.http1, client.http2], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("claims, expected", VALUES, ids=[str(claims)[:40] for claims, _ in VALUES])
def test_claims_become_headers(envoy, claims, expected, using):
    token = HS256.token(**claims)
    for _ in range(2):  # verified, and remembered
        headers = sent(envoy["claims"].bearer(token, SUPPLIED, using=using))
        del headers["x-claims"]
        assert headers == {name: [value] for name, value in expected.items()}


def test_the_payload_is_sent_as_it_was_signed(envoy):
    claims = as_json('{"iss": "https://auth.example.com",  "\u00e4": [1.0]}')
    response = envoy["claims"].bearer(HS256.token(claims), SUPPLIED)
    assert response.upstream_headers("x-claims") == [b64(claims)]


def test_no_client_can_supply_such_a_header(envoy):
    spoofed = [*SUPPLIED, *[(name.upper(), "again") for name in NAMES], *[(name, b"\xff") for name in NAMES]]
    anonymous = envoy["claims"].send(headers=spoofed)
    passed_as_anonymous(anonymous, GUEST)
    preflight = envoy["claims"].preflight(spoofed)
    passed_unauthenticated(preflight)
    authenticated = envoy["claims"].bearer(HS256.token(), spoofed)
    passed(authenticated, CLIENT_APP)
    assert [sent(anonymous), sent(preflight)] == [{}, {}]
    assert list(sent(authenticated)) == ["x-claims"] and len(sent(authenticated)["x-claims"]) == 1


def test_no_client_can_supply_such_a_header_as_a_trailer(envoy):
    """Some services merge trailers into the headers (RFC 9110 section 6.5.1 asks them not to)."""
    trailers = [(name, "supplied") for name in [*NAMES, *IDENTITY, *NAMES, "x-other"]]
    using = partial(client.http2, trailers=trailers)
    authenticated = envoy["claims"].bearer(HS256.token(), method="POST", path="/http2", body=b"x", using=using)
    passed(authenticated, CLIENT_APP)
    anonymous = envoy["claims"].send("POST", path="/http2", body=b"x", using=using)
    passed_as_anonymous(anonymous, GUEST)
    preflight = envoy["claims"].preflight(path="/http2", using=using)
    for response in [authenticated, anonymous, preflight]:
        assert response.upstream["trailers"] == [["x-other", "supplied"]]


def test_groups_are_told(envoy):
    spoofed = [("X-Consumer-Groups", "admin")]
    response = envoy["groups"].bearer(HS256.token(), spoofed)
    assert response.upstream_headers("x-consumer-groups") == ["staff, gold"]
    response = envoy["groups"].send(headers=spoofed)
    assert response.upstream_headers("x-consumer-groups") == ["guests"]
    assert envoy["claims"].bearer(HS256.token(), spoofed).upstream_headers("x-consumer-groups") == []


# --- Hiding the token


def test_a_header_with_nothing_but_the_token_is_gone(envoy):
    response = envoy["hiding"].bearer(HS256.token(), [("x-other", "Bearer x")])
    passed(response, CLIENT_APP)
    assert response.upstream_headers("authorization") == []
    assert response.upstream_headers("x-other") == ["Bearer x"]


@pytest.mark.parametrize("using", [client.http1, client.http2], ids=["HTTP/1.1", "HTTP/2"])
def test_no_other_token_takes_its_place(envoy, using):
    """What stands behind something else was never looked at: it is a bad token, and must not be taken for verified."""
    token, other = HS256.token(), RS256.token(iss=PARTNER_ISSUER)
    for headers, left in [
        ([("x-token", f"Bearer {token}"), ("x-token", f"Basic x, Bearer {other}")], ["Basic x"]),
        ([("x-token", f"Bearer {token}"), ("x-token", f", Bearer {other}")], []),
        ([("authorization", f"Bearer {token}"), ("x-token", f"Basic y,bearer {other}")], ["Basic y"]),
    ]:
        response = envoy["hiding"].send(headers=headers, using=using)
        passed_as_anonymous(response, GUEST)
        assert token not in str(response.upstream) and other not in str(response.upstream)
        assert response.upstream_headers("x-token") == left


@pytest.mark.parametrize("using", [client.http1, client.http2], ids=["HTTP/1.1", "HTTP/2"])
def test_a_second_token_in_the_same_place_is_refused(envoy, using):
    token, other = HS256.token(), RS256.token(iss=PARTNER_ISSUER)
    for headers, message in [
        ([("x-token", f"Bearer {token}"), ("x-token", f"Bearer {other}")], "Multiple tokens provided"),
        ([("authorization", f"Bearer {token}"), ("authorization", f"Bearer {other}")], BAD_FORM),
        ([("authorization", f"Bearer {token}, Bearer {other}")], BAD_FORM),
        ([("cookie", f"session={token}"), ("cookie", f"session={other}")], "Multiple tokens provided"),
    ]:
        refused(envoy["strict"].send(headers=headers, using=using), message)


def test_an_upgrade_cannot_have_the_next_hop_remove_the_identity(envoy, upstream):
    headers = [("connection", "Upgrade, X-Consumer-Username"), ("upgrade", "websocket")]
    response = envoy["strict"].bearer(HS256.token(), headers)
    assert response.reached == 1  # without a body, since the upstream does not upgrade
    headers = {name.lower(): value for name, value in upstream.last["headers"]}
    assert headers["x-consumer-username"] == "ClientApp"
    assert "x-consumer-username" not in headers["connection"].lower()
    assert "upgrade" in headers["connection"].lower()


@pytest.mark.parametrize(
    "query, left",
    [
        ("?jwt={}", ""),
        ("?jwt={}&jwt={}", ""),
        ("?a=%2F+%20&jwt={}&b=%c3%a4&&c", "?a=%2F+%20&b=%c3%a4&&c"),
        ("?%6awt={}&JWT=x", "?JWT=x"),
    ],
)
def test_the_query_keeps_its_other_parameters(envoy, query, left):
    response = envoy["hiding"].send(path="/p" + query.replace("{}", HS256.token()))
    passed(response, CLIENT_APP)
    assert response.upstream["path"] == "/p" + left


@pytest.mark.parametrize(
    "cookies, left",
    [
        (["session={}"], []),
        (['a=1; session={}; b="2"'], ['a=1; b="2"']),
        (["session={};a=1"], ["a=1"]),
        (["session={}; SESSION=x"], ["SESSION=x"]),
        (["a=1; session ={}; session\t= {}"], ["a=1"]),
    ],
)
def test_the_cookies_keep_their_others(envoy, cookies, left):
    headers = [("cookie", cookie.replace("{}", HS256.token())) for cookie in cookies]
    response = envoy["hiding"].send(headers=headers)
    passed(response, CLIENT_APP)
    assert response.upstream_headers("cookie") == left


def test_several_cookie_headers_keep_their_others(envoy):
    token = HS256.token()
    response = envoy["hiding"].send(headers=[("cookie", "a=1"), ("cookie", f"session={token}"), ("cookie", "b=2")])
    passed(response, CLIENT_APP)
    assert "; ".join(response.upstream_headers("cookie")) == "a=1; b=2"


def test_a_token_in_every_place_is_gone_from_all(envoy):
    token = HS256.token()
    headers = [("authorization", f"Bearer {token}"), ("x-token", f"bearer {token}"), ("cookie", f"session={token}")]
    response = envoy["hiding"].send(path=f"/?x&jwt={token}", headers=headers)
    passed(response, CLIENT_APP)
    assert token not in str(response.upstream)
    assert response.upstream["path"] == "/?x"


def test_a_refused_token_is_hidden_from_the_service_too(envoy):
    response = envoy["hiding"].bearer("forged.or.expired", path="/?jwt=another&a")
    passed_as_anonymous(response, GUEST)
    assert response.upstream_headers("authorization") == []
    assert response.upstream["path"] == "/?a"


def test_a_token_is_hidden_in_a_trailer_too(envoy):
    using = partial(client.http2, trailers=[("x-token", "Bearer x"), ("x-other", "Bearer y")])
    response = envoy["hiding"].bearer(HS256.token(), method="POST", path="/http2", body=b"x", using=using)
    passed(response, CLIENT_APP)
    assert response.upstream["trailers"] == [["x-other", "Bearer y"]]


def test_a_token_is_hidden_in_a_preflight_request_too(envoy):
    response = envoy["hiding"].preflight([("authorization", "Bearer whatever")], path="/?jwt=another&a")
    passed_unauthenticated(response)
    assert (response.upstream_headers("authorization"), response.upstream["path"]) == ([], "/?a")


def test_other_credentials_stay(envoy):
    response = envoy["hiding"].send(headers=[("authorization", 'Digest a="b, bearer"'), ("cookie", "a=session=b")])
    passed_as_anonymous(response, GUEST)
    assert response.upstream_headers("authorization") == ['Digest a="b, bearer"']
    assert response.upstream_headers("cookie") == ["a=session=b"]


# --- Routing by who calls


def test_the_route_may_go_by_the_consumer(envoy):
    assert envoy["routing"].bearer(HS256.token()).upstream["protocol"] == "HTTP/1.1"
    assert envoy["routing"].bearer(RS256.token(iss=PARTNER_ISSUER)).upstream["protocol"] == "HTTP/2"


def test_the_route_may_go_by_a_claim(envoy):
    assert envoy["routing"].bearer(HS256.token(tier="gold")).upstream["protocol"] == "HTTP/2"
    assert envoy["routing"].bearer(HS256.token(tier="iron")).upstream["protocol"] == "HTTP/1.1"


def test_the_route_does_not_go_by_what_a_client_says(envoy):
    spoofed = [("x-tier", "gold"), ("x-consumer-username", "Partner")]
    assert envoy["routing"].bearer(HS256.token(), spoofed).upstream["protocol"] == "HTTP/1.1"

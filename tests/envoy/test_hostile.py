"""Input made to break the filter: each gets the contract's answer, and the next request is served as usual."""

import sys
from itertools import islice
from urllib.parse import quote

import pytest

import client
from consumers import CLIENT_APP, GUEST, HS256, plugin
from expect import BAD_FORM, BAD_JSON, BAD_SIGNATURE, NO_CREDENTIALS, passed, passed_as_anonymous, refused, unauthorized
from tokens import ISSUER, as_json, b64, compact, in_seconds

LISTENERS = {
    "default": plugin(cookie_names=["jwt"], header_names=["authorization", "x-token"], claims_to_verify=["exp"]),
    "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest", cookie_names=["jwt"]),
    "not configured to look": plugin(uri_param_names=[], claims_to_verify=["exp"]),
}

LONG = 60 * 1024  # the listeners take 96 KiB of headers


def good():
    return HS256.token(iss=ISSUER, exp=in_seconds(600))


@pytest.fixture
def listener(envoy):
    """A listener that, whatever a test sent, must still work afterwards; a module that crashed would answer 500."""
    yield envoy["default"]
    for name in LISTENERS:
        passed(envoy[name].bearer(good()), CLIENT_APP)


# --- Octets that are not UTF-8

OCTETS = [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80" * 1000, bytes(range(0x80, 0x100))]


@pytest.mark.parametrize("octets", OCTETS)
def test_a_token_that_is_not_utf8(listener, octets):
    behind = good().encode() + octets
    for where in (octets, behind, octets + good().encode(), b"a." + octets + b".c"):
        message = BAD_FORM if where == behind else BAD_JSON
        refused(listener.bearer(where), message)
        refused(listener.send(headers=[("cookie", b"jwt=" + where)]), message)
        refused(listener.send(path=f"/?jwt={quote(where)}"), message)
        refused(listener.send(path="/", headers=[("x-token", b"Bearer " + where)], using=client.http2), message)


@pytest.mark.parametrize("octets", OCTETS)
def test_a_header_that_is_not_utf8_and_holds_no_token(listener, octets):
    unauthorized(listener.send(headers=[("authorization", octets), ("cookie", octets), ("x-other", octets)]))
    unauthorized(listener.send(headers=[("authorization", octets + b" Bearer x")]))
    unauthorized(listener.send(headers=[("cookie", octets + b"=x; " + octets)]))
    unauthorized(listener.send(path=f"/?{quote(octets)}=x"))


@pytest.mark.parametrize("octets", OCTETS)
def test_octets_elsewhere_do_not_disturb_a_good_token(listener, octets):
    headers = [("x-other", octets), ("cookie", b"a=" + octets + b"; " + octets), ("user-agent", octets)]
    passed(listener.bearer(good(), headers), CLIENT_APP)
    passed(listener.send(headers=[("cookie", octets + b"; jwt=" + good().encode() + b"; " + octets)]), CLIENT_APP)


def test_octets_in_the_request_line(listener):
    """Envoy itself may refuse such a path; if it does not, it is decoded like any other."""
    for octets in OCTETS:
        response = listener.send(path=b"/" + octets + b"?jwt=" + octets)
        assert (response.status, response.reached) in [(400, 0), (401, 0)]


def test_claims_and_headers_that_are_not_utf8(listener):
    for octets in OCTETS:
        refused(listener.bearer(HS256.token(b'{"iss":"' + octets + b'"}')), BAD_JSON)
        refused(listener.bearer(compact(b'{"alg":"' + octets + b'"}', {"iss": ISSUER}, HS256.sign)), BAD_JSON)
        refused(listener.bearer(compact(octets, octets, HS256.sign)), BAD_JSON)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud83d\\ude00", "\x7f", "\u2028", "\\u202e", "%s%n", "${x}"])
def test_strange_names(listener, text):
    refused(listener.bearer(HS256.token(f'{{"iss":"{text}"}}')), NO_CREDENTIALS)


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00\\ud800", "\\udfff"])
def test_lone_surrogates(listener, text):
    """They are no text, and RFC 8259 section 8.2 leaves open what they are."""
    refused(listener.bearer(HS256.token(f'{{"iss":"{text}"}}')), BAD_JSON)
    refused(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":9999999999,"a":"{text}"}}')), BAD_JSON)


# --- Sizes


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_long_headers(listener, using):
    refused(listener.send(headers=[("authorization", "Bearer " + "x" * LONG)], using=using), BAD_JSON)
    unauthorized(listener.send(headers=[("authorization", "x" * LONG)], using=using))
    unauthorized(listener.send(headers=[("cookie", "x" * LONG)], using=using))
    refused(listener.send(headers=[("cookie", "jwt=" + "x" * LONG)], using=using), BAD_JSON)
    refused(listener.send(path="/?jwt=" + "x" * LONG, using=using), BAD_JSON)
    unauthorized(listener.send(path="/" + "x" * LONG, using=using))
    passed(listener.bearer(good(), [("x-other", "x" * LONG)], using=using), CLIENT_APP)


def test_many_headers_cookies_and_parameters(listener):
    passed(listener.bearer(good(), [("x-token", "")] * 90), CLIENT_APP)
    unauthorized(listener.send(headers=[("cookie", "a=b; " * 10_000)]))
    unauthorized(listener.send(headers=[("cookie", ";" * LONG)]))
    refused(listener.send(headers=[("cookie", "jwt=x; " * 8_000)]), BAD_JSON)
    unauthorized(listener.send(path="/?" + "&" * LONG))
    unauthorized(listener.send(path="/?" + "jwt=&" * 10_000))
    refused(listener.send(path="/?" + "jwt=x&" * 10_000), BAD_JSON)
    distinct = "&".join(f"jwt={number}" for number in range(5_000))
    refused(listener.send(path=f"/?{distinct}"), "Multiple tokens provided")


def test_a_long_token_that_is_good(listener):
    passed(listener.bearer(HS256.token(iss=ISSUER, exp=in_seconds(600), padding="x" * 40_000)), CLIENT_APP)
    passed(listener.bearer(HS256.token(exp=in_seconds(600), header={"padding": "x" * 40_000})), CLIENT_APP)
    refused(listener.bearer(HS256.token(iss="x" * 40_000, exp=1)), NO_CREDENTIALS)
    refused(listener.bearer(compact({"alg": "HS256"}, {"iss": ISSUER}, lambda _: b"x" * 40_000)), BAD_SIGNATURE)


@pytest.mark.parametrize("dots", [3, 1000, 60_000])
def test_a_token_of_dots(listener, dots):
    refused(listener.bearer("." * dots), BAD_JSON)
    refused(listener.bearer("a." * (dots // 2) + "a.b.c"), BAD_JSON)
    refused(listener.send(path="/?jwt=" + "." * dots), BAD_JSON)


# --- JSON


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("octets", [45_000, 1_000])
def test_deep_nesting(listener, opening, closing, octets):
    depth = octets // len(opening + closing)
    for json in (opening * depth + "1" + closing * depth, opening * (octets // len(opening))):
        refused(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","a":{json}}}')), BAD_JSON)
        refused(listener.bearer(HS256.token(json)), BAD_JSON)
        refused(listener.bearer(HS256.token(header=f'{{"alg":"HS256","a":{json}}}')), BAD_JSON)


def test_nesting_that_is_not_deep_passes(listener):
    for depth in (1, 50, 100):
        claims = f'{{"iss":"{ISSUER}","exp":9999999999,"a":{"[" * depth}{"]" * depth}}}'
        passed(listener.bearer(HS256.token(claims)), CLIENT_APP)


def test_many_members(listener):
    members = ",".join(f'"{number}":{number}' for number in range(3_000))
    passed(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":9999999999,{members}}}')), CLIENT_APP)
    refused(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":9999999999,{members},"7":0}}')), BAD_JSON)


FUTURE = ["1e400", "1" + "0" * 10_000, "18446744073709551616", "1e99999999999999999999"]
PAST = ["-1", "1.5", "-1e400", "1e-99999999999999999999", "0." + "0" * 10_000 + "1", "-" + "9" * 10_000]


@pytest.mark.parametrize("exp", FUTURE)
def test_a_strange_number_in_the_future(listener, exp):
    passed(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":{exp}}}')), CLIENT_APP)


@pytest.mark.parametrize("exp", PAST)
def test_a_strange_number_in_the_past(listener, exp):
    refused(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":{exp}}}')), {"exp": "token expired"})


@pytest.mark.parametrize("exp", ["1e", "+1", "1.", ".5", "0x10", "1_000", "Infinity", "NaN", "--1", "01", "1e+"])
def test_what_is_no_json_number(listener, exp):
    refused(listener.bearer(HS256.token(f'{{"iss":"{ISSUER}","exp":{exp}}}')), BAD_JSON)


# --- Queries and cookies


@pytest.mark.parametrize("query", ["%", "%%", "%1", "%zz=%zz", "=", "==", "&=&", "%00", "??jwt", "jwt", "+", "jwt%"])
def test_a_broken_query_without_a_token(listener, query):
    unauthorized(listener.send(path=f"/?{query}"))
    passed(listener.bearer(good(), path=f"/?{query}"), CLIENT_APP)


@pytest.mark.parametrize(
    "value", ["%", "%%", "%1", "a%", "%zz", "%u0041", "%e2%28%a1", "%c0%ae.%c0%ae", "%00", "%" * 999]
)
def test_a_broken_escape_makes_a_bad_token(listener, value):
    refused(listener.send(path=f"/?jwt={value}"), BAD_JSON)
    refused(listener.send(path=f"/?jwt=a.b.{value}"), BAD_JSON)


@pytest.mark.parametrize(
    "cookie",
    ["jwt", "jwt;jwt", " ; jwt ;", "jwt=", "jwt=;", "=jwt", "=jwt=x", "jwt:x", '"jwt"', "a;b;c", ";;;", "=", "==;="],
)
def test_a_cookie_without_a_token(listener, cookie):
    unauthorized(listener.send(headers=[("cookie", cookie)]))
    passed(listener.bearer(good(), [("cookie", cookie)]), CLIENT_APP)


# --- Other requests


def test_every_octet_that_a_header_may_hold(listener):
    for octet in [*range(0x21, 0x7F), *range(0x80, 0x100)]:
        value = bytes([octet])
        response = listener.send(headers=[("authorization", b"Bearer " + value + b"x"), ("cookie", value)])
        refused(response, BAD_JSON)


def test_connect_asterisk_and_absolute_targets(listener):
    for request in (b"OPTIONS * HTTP/1.1", b"GET http://a.example/?jwt=x HTTP/1.1", b"CONNECT a.example:80 HTTP/1.1"):
        response = client.http1_raw(listener.address, request + b"\r\nhost: a.example\r\nconnection: close\r\n\r\n")
        assert response.status in (400, 401, 404)


def test_hostile_input_passes_as_anonymous_and_nothing_more(envoy):
    for request in (
        {"headers": [("authorization", b"Bearer \xff")]},
        {"headers": [("cookie", b"jwt=" + b"\xff" * 10_000)]},
        {"headers": [("authorization", "Bearer " + "." * 50_000)]},
        {"path": "/?jwt=%zz&jwt=%"},
        {"headers": [("authorization", "Bearer " + HS256.token("[" * 40_000))]},
    ):
        passed_as_anonymous(envoy["anonymous"].send(**request), GUEST)


# --- Memory


def hostile_requests():
    """One of each kind, every time with other octets; good tokens among them."""
    for number in range(100_000):
        noise = f"{number:x}" * 9_000
        yield {"headers": [("authorization", "Bearer " + noise[:LONG])]}
        yield {"path": f"/?jwt={number}&jwt=" + noise[:LONG]}
        yield {"headers": [("cookie", f"jwt={noise[:LONG]}")]}
        yield {"headers": [("authorization", "Bearer " + HS256.token(iss=noise[:30_000]))]}
        yield {"headers": [("authorization", "Bearer " + HS256.token(f'{{"a{number}":' + "[" * 40_000))]}
        yield {"headers": [("authorization", f"Bearer {b64(as_json({'alg': 'HS256'}))}.{'.' * 40_000}{number}")]}
        yield {"headers": [("authorization", "Bearer " + HS256.token(exp=in_seconds(600), n=noise[:30_000]))]}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc for the memory of Envoy")
def test_hostile_requests_do_not_make_it_grow(envoy, listener):
    """2,100 requests of about 50 KB: a module that kept a copy of each would hold 100 MB."""
    requests = hostile_requests()

    def send(count):
        for request in islice(requests, count):
            assert listener.send(**request).status in (200, 401)
        return envoy.resident_kib()

    before = send(700)  # until pools and buffers have their size
    growth = send(2100) - before
    assert growth < 16 * 1024, f"{growth} KiB"

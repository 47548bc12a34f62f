"""Where a token may stand in a request, and what counts as one."""

from urllib.parse import quote

import pytest

import client
from consumers import CLIENT_APP, HS256, plugin
from expect import BAD_FORM, BAD_JSON, passed, refused, unauthorized
from tokens import b64

LISTENERS = {
    "default": plugin(),
    "custom": plugin(
        header_names=["X-Token", "Proxy-Authorization"],
        uri_param_names=["access_token", "t&k=n"],
        cookie_names=["session", "Other"],
    ),
    "everywhere": plugin(cookie_names=["jwt"]),
    "nowhere": plugin(header_names=[], uri_param_names=[], cookie_names=[]),
}

TOKEN = HS256.token()
OTHER = HS256.token(n=2)
SEVERAL = "Multiple tokens provided"


def bearer(token, name="authorization", scheme="Bearer "):
    return (name, scheme + token)


# --- Headers


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer   "])
def test_the_scheme_is_matched_without_regard_to_case(envoy, scheme):
    passed(envoy["default"].send(headers=[bearer(TOKEN, scheme=scheme)]), CLIENT_APP)


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Bearer\t", TOKEN, "Bearer" + TOKEN, "Basic " + TOKEN, "Basic Bearer " + TOKEN]
    + ["xBearer " + TOKEN, "Bearer: " + TOKEN, "Bearers " + TOKEN, '"Bearer ' + TOKEN + '"'],
)
def test_a_header_that_does_not_start_with_the_scheme_holds_no_token(envoy, value):
    unauthorized(envoy["default"].send(headers=[("authorization", value)]))


@pytest.mark.parametrize(
    "value",
    [f"{TOKEN} x", f"{TOKEN} {TOKEN}", f"x {TOKEN}", f'"{TOKEN}"', f"{TOKEN};a=b", f"{TOKEN},", f"{TOKEN}, Bearer x"],
)
def test_all_that_follows_the_scheme_is_the_token(envoy, value):
    refused(envoy["default"].send(headers=[bearer(value)]), BAD_FORM if value.startswith(TOKEN) else BAD_JSON)


def repeating(listener, name, using):
    """Sends requests in which a header has these values."""
    return lambda *values: listener.send(headers=[(name, value) for value in values], using=using)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_all_of_a_repeated_header_count(envoy, using):
    send = repeating(envoy["custom"], "x-token", using)
    refused(send(f"Bearer {TOKEN}", f"Bearer {OTHER}"), SEVERAL)
    refused(send(f"Bearer {TOKEN}", "Bearer abc"), SEVERAL)
    refused(send("Bearer abc", f"Bearer {TOKEN}"), SEVERAL)
    passed(send("Basic abc", f"Bearer {TOKEN}"), CLIENT_APP)
    passed(send(f"Bearer {TOKEN}", f"bearer {TOKEN}"), CLIENT_APP)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_authorization_twice_is_one_value_to_envoy_and_a_bad_token(envoy, using):
    send = repeating(envoy["default"], "authorization", using)
    refused(send(f"Bearer {TOKEN}", f"Bearer {OTHER}"), BAD_FORM)
    refused(send(f"Bearer {TOKEN}", f"Bearer {TOKEN}"), BAD_FORM)
    refused(send(f"Bearer {TOKEN}", "Basic abc"), BAD_FORM)
    refused(send("Basic abc", f"Bearer {TOKEN}"), BAD_JSON)


def test_header_names_are_the_configured_ones_in_any_case(envoy):
    for name in ["x-token", "X-Token", "X-TOKEN", "proxy-authorization"]:
        passed(envoy["custom"].send(headers=[bearer(TOKEN, name)]), CLIENT_APP)
    unauthorized(envoy["custom"].send(headers=[bearer(TOKEN)]))
    unauthorized(envoy["default"].send(headers=[bearer(TOKEN, "x-token")]))


def test_a_custom_header_needs_the_scheme_too(envoy):
    unauthorized(envoy["custom"].send(headers=[("x-token", TOKEN)]))


def test_two_headers_with_different_tokens_are_several(envoy):
    both = [bearer(TOKEN, "x-token"), bearer(OTHER, "proxy-authorization")]
    refused(envoy["custom"].send(headers=both), SEVERAL)


# --- Query parameters


def percent_encoded(text):
    return "".join(f"%{ord(character):02x}" for character in text)


@pytest.mark.parametrize(
    "query",
    [
        f"jwt={TOKEN}",
        f"a=b&jwt={TOKEN}&c",
        f"&&jwt={TOKEN}&",
        f"jwt={percent_encoded(TOKEN)}",
        f"jwt={TOKEN.replace('.', '%2E')}",
        f"%6a%77%74={TOKEN}",
        f"jwt=&jwt={TOKEN}",
        f"jwt&jwt={TOKEN}",
        f"jwt={TOKEN}&jwt={TOKEN}",
        f"jwt={TOKEN}&jwt={percent_encoded(TOKEN)}",
        f"%zz=%&jwt={TOKEN}",
    ],
)
def test_a_token_in_the_query_passes(envoy, query):
    response = envoy["default"].send(path=f"/path?{query}")
    passed(response, CLIENT_APP)
    assert response.upstream["path"] == f"/path?{query}"


@pytest.mark.parametrize(
    "path",
    ["/?jwt=", "/?jwt", "/?jwt&jwt=", f"/?JWT={TOKEN}", f"/?xjwt={TOKEN}", f"/?jwt[]={TOKEN}", f"/?a=jwt={TOKEN}"]
    + [f"/jwt={TOKEN}", f"/{TOKEN}", f"/?a;jwt={TOKEN}", f"/?a%26jwt={TOKEN}", f"/?jwt%3D{TOKEN}"],
)
def test_a_query_without_the_parameter_holds_no_token(envoy, path):
    unauthorized(envoy["default"].send(path=path))


@pytest.mark.parametrize(
    "value",
    [TOKEN + "%", TOKEN + "%2", TOKEN + "%zz", TOKEN + "%00", TOKEN + "+", "%20" + TOKEN, TOKEN + "=", TOKEN + "?"]
    + [TOKEN + "%ff%fe", "%25", "%", percent_encoded(percent_encoded(TOKEN))],
)
def test_a_query_value_is_decoded_once_and_broken_escapes_stay(envoy, value):
    refused(envoy["default"].send(path=f"/?jwt={value}"), BAD_FORM if value.startswith(TOKEN) else BAD_JSON)


def test_repeated_query_parameters_with_different_values_are_several(envoy):
    refused(envoy["default"].send(path=f"/?jwt={TOKEN}&jwt={OTHER}"), SEVERAL)
    refused(envoy["default"].send(path=f"/?jwt={TOKEN}&a&jwt=x"), SEVERAL)
    refused(envoy["custom"].send(path=f"/?access_token={TOKEN}&t%26k%3Dn={OTHER}"), SEVERAL)


def test_query_parameters_are_the_configured_ones(envoy):
    passed(envoy["custom"].send(path=f"/?access_token={TOKEN}"), CLIENT_APP)
    passed(envoy["custom"].send(path=f"/?{quote('t&k=n')}={TOKEN}"), CLIENT_APP)
    unauthorized(envoy["custom"].send(path=f"/?jwt={TOKEN}"))


# --- Cookies


def cookie(*values):
    return [("cookie", value) for value in values]


@pytest.mark.parametrize(
    "value",
    [f"session={TOKEN}", f"a=b; session={TOKEN}; c=d", f"a=b;session={TOKEN};c", f"  session={TOKEN} ;"]
    + [f"Other={TOKEN}", f"session={TOKEN};Other=", f"session={TOKEN}; Other={TOKEN}"]
    + [f"session = {TOKEN}", f"session\t={TOKEN}; a", f"flag; =x; ;; session={TOKEN}", f"session={TOKEN}; session={TOKEN}"],
)
def test_a_token_in_a_cookie_passes(envoy, value):
    response = envoy["custom"].send(headers=cookie(value))
    passed(response, CLIENT_APP)
    assert response.upstream_headers("cookie") == [value.strip()]


@pytest.mark.parametrize(
    "value",
    ["session=", "session", "", ";", "=", TOKEN, f"={TOKEN}", f"jwt={TOKEN}", f"session; x={TOKEN}"]
    + [f"Session={TOKEN}", f"other={TOKEN}", f"xsession={TOKEN}", f"sessionx={TOKEN}", f"a=session={TOKEN}"],
)
def test_a_cookie_header_without_the_cookie_holds_no_token(envoy, value):
    unauthorized(envoy["custom"].send(headers=cookie(value)))


@pytest.mark.parametrize("value", [f'"{TOKEN}"', percent_encoded(TOKEN), f"{TOKEN}=", f"{TOKEN}, x", f"x={TOKEN}"])
def test_a_cookie_value_is_taken_as_it_is(envoy, value):
    refused(envoy["custom"].send(headers=cookie(f"session={value}")), BAD_FORM if value.startswith(TOKEN) else BAD_JSON)


def test_a_repeated_cookie_with_different_tokens_is_several(envoy):
    refused(envoy["custom"].send(headers=cookie(f"session={TOKEN}; session={OTHER}")), SEVERAL)
    refused(envoy["custom"].send(headers=cookie(f"session=x; session={TOKEN}")), SEVERAL)


@pytest.mark.parametrize("using", [client.http1, client.http2])
def test_the_cookie_may_be_in_any_of_several_cookie_headers(envoy, using):
    send = repeating(envoy["custom"], "cookie", using)
    passed(send(f"session={TOKEN}", "a=b"), CLIENT_APP)
    passed(send("a=b", f"session={TOKEN}"), CLIENT_APP)
    passed(send("a", "b=c; d", f"e=f; session={TOKEN}", "g"), CLIENT_APP)
    refused(send(f"session={TOKEN}", f"session={OTHER}"), SEVERAL)
    refused(send("session=x", f"session={TOKEN}"), SEVERAL)
    refused(send(f"session={TOKEN}", f"Other={OTHER}"), SEVERAL)


def test_two_cookies_with_different_tokens_are_several(envoy):
    refused(envoy["custom"].send(headers=cookie(f"session={TOKEN}; Other={OTHER}")), SEVERAL)


def test_no_cookie_is_looked_at_by_default(envoy):
    unauthorized(envoy["default"].send(headers=cookie(f"jwt={TOKEN}")))


# --- Several places


def everywhere(envoy, query, in_cookie, header, listener="everywhere"):
    headers = [*cookie(f"jwt={in_cookie}"), bearer(header)]
    return envoy[listener].send(path=f"/?jwt={query}", headers=headers)


def test_the_same_token_in_several_places_is_one(envoy):
    passed(everywhere(envoy, TOKEN, TOKEN, TOKEN), CLIENT_APP)
    passed(everywhere(envoy, percent_encoded(TOKEN), "", TOKEN), CLIENT_APP)
    refused(everywhere(envoy, "x", "x", "x"), BAD_JSON)


@pytest.mark.parametrize("places", [(TOKEN, TOKEN, OTHER), (TOKEN, OTHER, TOKEN), (OTHER, TOKEN, TOKEN)])
def test_a_different_token_in_any_place_makes_several(envoy, places):
    refused(everywhere(envoy, *places), SEVERAL)


def test_tokens_that_differ_only_in_their_encoding_are_distinct(envoy):
    refused(everywhere(envoy, f"{TOKEN}%3D", "", TOKEN), SEVERAL)


def test_the_last_characters_tell_tokens_apart(envoy):
    long = b64(b"x" * 1000)
    refused(everywhere(envoy, long + "a", long + "b", ""), SEVERAL)


def test_empty_values_do_not_count(envoy):
    passed(everywhere(envoy, "", "", TOKEN), CLIENT_APP)
    passed(everywhere(envoy, TOKEN, "", ""), CLIENT_APP)
    passed(everywhere(envoy, "", TOKEN, ""), CLIENT_APP)
    unauthorized(everywhere(envoy, "", "", ""))


def test_the_token_stays_where_it_was(envoy):
    response = everywhere(envoy, TOKEN, TOKEN, TOKEN)
    assert response.upstream["path"] == f"/?jwt={TOKEN}"
    assert response.upstream_headers("cookie") == [f"jwt={TOKEN}"]
    assert response.upstream_headers("authorization") == [f"Bearer {TOKEN}"]


def test_with_no_place_configured_there_is_never_a_token(envoy):
    unauthorized(everywhere(envoy, TOKEN, TOKEN, TOKEN, listener="nowhere"))

"""What the filter logs: why a request was refused and whose it was, and never a secret."""

import re

import pytest

import harness
from conftest import assert_no_secret_in, check_log
from consumers import CLIENT_APP, GUEST, HS256, RS256, plugin
from tokens import SECRETS, key, secret

LOG_LEVEL = "trace"
LISTENERS = {
    "default": plugin(claims_to_verify=["exp", "nbf"], maximum_expiration=3600, cookie_names=["jwt"]),
    "anonymous": plugin(CLIENT_APP, GUEST, anonymous="guest"),
    "open": plugin(),
}

FOREIGN = key("HS256", "foreign")

DENIALS = {
    "no token": ("", "no token", False),
    "bad JSON": ("abc", "Bad token; not three parts", False),
    "bad alg": (HS256.token(header={"alg": "none"}), "Bad token; invalid alg", False),
    "crit": (HS256.token(header={"crit": []}), "Bad token; invalid crit", False),
    "no key claim": (HS256.token("{}"), "no key claim", False),
    "bad key claim": (HS256.token(iss=""), "the key claim is empty or not a string", False),
    "no credential": (HS256.token(iss="nobody"), 'No credentials found for "nobody"', False),
    "another algorithm": (RS256.token(), "Invalid algorithm", True),
    "bad signature": (FOREIGN.token(), "Invalid signature", True),
    "expired": (HS256.token(exp=1, nbf=0), "exp: token expired", True),
    "not yet": (HS256.token(exp=1 << 40, nbf=1 << 40), "nbf: token not valid yet", True),
    "no number": (HS256.token(exp="x", nbf=0), "exp: must be a number", True),
    "too far off": (HS256.token(exp=1 << 40, nbf=0), "exp: exceeds maximum allowed expiration", True),
}


@pytest.mark.parametrize("token, reason, consumer_known", DENIALS.values(), ids=DENIALS)
def test_a_denial_is_logged_at_info_with_its_reason(envoy, token, reason, consumer_known):
    since = len(envoy.log())
    assert envoy["default"].bearer(token).status == 401
    line = envoy.wait_for_log(rf"\[info\]\[{harness.LOGGER}\] .*denied: {re.escape(reason)}.*", since)[0]
    assert ('consumer "ClientApp"' in line) == consumer_known


def test_both_reasons_are_in_one_line(envoy):
    since = len(envoy.log())
    envoy["default"].bearer(HS256.token())
    envoy.wait_for_log(r"denied: exp: must be a number, nbf: must be a number", since)


def test_several_tokens_are_logged(envoy):
    since = len(envoy.log())
    envoy["default"].bearer("a", path="/?jwt=b")
    envoy.wait_for_log(rf"(?i)\[info\]\[{harness.LOGGER}\] .*denied: multiple tokens", since)


def test_a_level_that_is_lowered_at_run_time_holds_soon(upstream, tmp_path):
    with harness.Envoy({"open": plugin()}, upstream, tmp_path, log_level="warning") as running:
        assert running["open"].bearer(HS256.token()).status == 200
        running.set_log_level("debug")

        def is_told():
            assert running["open"].bearer(HS256.token()).status == 200
            return re.search(rf"\[debug\]\[{harness.LOGGER}\] .*authenticated: ", running.log())

        harness.until(is_told, "a line of the level that was asked for")


def test_an_accepted_request_is_logged_at_debug_with_its_consumer(envoy):
    since = len(envoy.log())
    assert envoy["open"].bearer(HS256.token()).status == 200
    line = envoy.wait_for_log(rf"\[debug\]\[{harness.LOGGER}\] .*{harness.SAYS}authenticated.*", since)[0]
    assert "ClientApp" in line


def test_a_request_is_logged_once(envoy):
    since = len(envoy.log())
    envoy["default"].bearer("abc")
    envoy["open"].bearer(HS256.token())
    envoy.wait_for_log("authenticated", since)
    lines = [line for line in envoy.log()[since:].splitlines() if re.search(harness.SAYS, line)]
    assert len(lines) == 2, lines


def test_what_the_request_says_cannot_forge_a_line(envoy):
    """Neither line breaks nor terminal escapes from a token get into the log."""
    since = len(envoy.log())
    for text in ["\n[info] forged", "\r\nforged", "\x1b[31mforged", "\u2028forged"]:
        envoy["default"].bearer(HS256.token(iss=text))
        envoy["default"].bearer(HS256.token(header={"alg": text}))
        envoy["default"].bearer(HS256.token(header={"kid": text}, iss=text))
    envoy.wait_for_log("denied: No credentials", since)
    assert "forged" not in "".join(re.findall(r"^(?!\[\d{4}-).*", envoy.log()[since:], re.MULTILINE))
    assert "\x1b" not in envoy.log()[since:]


def test_what_a_token_says_does_not_fill_the_log(envoy):
    since = len(envoy.log())
    envoy["open"].bearer(HS256.token(iss="x" * 40_000))
    envoy["open"].bearer(HS256.token(header={"alg": "y" * 40_000}))
    envoy.wait_for_log("denied: Bad token; invalid alg", since)
    assert max(map(len, envoy.log()[since:].splitlines())) < 1000


def test_at_info_accepted_requests_are_not_logged(upstream, tmp_path):
    with harness.Envoy({"open": plugin()}, upstream, tmp_path, log_level="info") as quiet:
        quiet["open"].bearer(HS256.token())
        quiet["open"].bearer("abc")
        quiet.wait_for_log("denied: Bad token")
        assert "authenticated" not in quiet.log()


def test_nothing_secret_is_logged_even_at_trace(envoy):
    """Sends every kind of token to every place, and looks for each of them, and for every key, in the whole log."""
    since = len(envoy.log())
    for listener in LISTENERS:
        for token, _, _ in DENIALS.values():
            envoy[listener].bearer(token)
            envoy[listener].send(path=f"/?jwt={token}")
            envoy[listener].send(headers=[("cookie", f"jwt={token}")])
            envoy[listener].send(headers=[("authorization", f"Basic {token}")])
    envoy["open"].bearer(HS256.token())
    envoy.wait_for_log("authenticated", since)
    assert FOREIGN.token() in SECRETS
    assert_no_secret_in(envoy.log())


def test_the_search_for_secrets_finds_them():
    """Shows that the checks of the log can fail."""
    planted = secret("a planted secret").private.decode()
    try:
        with pytest.raises(AssertionError, match="in the log"):
            assert_no_secret_in(f"[info] the secret is {planted}")
    finally:
        SECRETS.remove(planted)
    with pytest.raises(AssertionError, match="in the log"):
        assert_no_secret_in(f'[info] the path is "/?jwt={FOREIGN.token()}&x"')
    with pytest.raises(AssertionError, match="crashed"):
        check_log("[critical] wasm log jwt_auth: panicked at src/lib.rs")

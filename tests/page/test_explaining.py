"""Why is this token refused? Asked of the page as people do, from the empty page on."""

import json
import time

import pytest
import yaml

from conftest import assert_quiet
from consumers import HS256, plugin
from samples import text as sample
from tokens import ISSUER, in_seconds, key, secret

RS256 = key("RS256")
ES256 = key("ES256")
BY_RS256 = plugin({"username": "ClientApp", "jwt_secrets": [RS256.credential()]}, claims_to_verify=["exp"])


def valid(signer=RS256, **claims):
    return signer.token(**{"exp": in_seconds(3600), "sub": "alice", **claims})


def test_the_article_s_scenario_from_the_empty_page_to_a_verified_token(page):
    """Its reader is sent to a page, to decode a token and to verify its signature with the public key."""
    assert page.verdict[0] == "Paste a token to begin"
    assert not page.shows("explained")
    page.give(request=valid())
    assert page.verdict == ("Not verified", "The token is only decoded. Paste a key or a configuration to verify it.")
    assert page.text("claims").split("\n")[0].startswith("exp")
    assert f'iss\t"{ISSUER}"' in page.text("claims") and 'alg\t"RS256"' in page.text("header")
    assert [name for name, _, _ in page.checks] == ["token", "form", "alg"]
    page.give(verifier=RS256.spki)
    assert page.verdict == ("Verified", "The signature was made with this key, and the times allow the token.")
    assert page.text("kind") == "a public key in PEM"
    assert all(passed for _, passed, _ in page.checks)
    assert ("signature", True, "verified with an RSA public key of at least 2048 bits") in page.checks


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (RS256.spki, "a public key in PEM"),
        (f"\n  {RS256.pkcs1}", "a public key in PEM"),
        (RS256.certificate, "a certificate"),
        (RS256.private_pem, "a private key, of which the public half is used"),
        (json.dumps(RS256.jwk), "a JWK"),
        (json.dumps(RS256.private_jwk), "a private JWK, of which the public half is used"),
        (json.dumps({"keys": [RS256.jwk, ES256.jwk]}, indent=2), "a key set"),
        (json.dumps({"kid-1": RS256.spki}), "a map of keys in PEM"),
        (json.dumps(BY_RS256), "a configuration"),
        (yaml.safe_dump(BY_RS256), "a configuration"),
    ],
)
def test_a_key_is_taken_in_every_form(page, given, kind):
    page.give(request=valid(header={"kid": "kid-1"}) if "kid-1" in given else valid(), verifier=given)
    assert page.text("kind") == kind
    assert page.verdict[0] == ("The request passes" if kind == "a configuration" else "Verified"), page.checks
    assert not page.shows("verifier-problem")


def test_a_secret_is_taken_as_it_stands_or_in_base64(page):
    signer = secret("aSecretThatCouldBeBase64TooAndIsLongEnough12")
    page.give(request=valid(signer), verifier=signer.private.decode())
    assert (page.text("kind"), page.verdict[0]) == ("a secret", "Verified")
    page.tab.check("#base64")
    assert page.verdict[0] == "Refused with 401"
    assert "secret_is_base64 is true" in page.failed
    page.tab.uncheck("#base64")
    page.give(verifier=json.dumps(signer.private_jwk))
    assert (page.text("kind"), page.verdict[0]) == ("a secret as a JWK", "Verified")


def test_a_wrong_key_is_said_to_be_one(page):
    page.give(request=valid(), verifier=key("RS256", "other").spki)
    # All RSA algorithms of the tests share keys, so this one is of its own.
    assert page.failed.startswith("signature: not made with the credential's key")
    page.give(verifier=ES256.spki)
    assert page.failed == "algorithm: the credential takes ES256, not RS256"
    page.give(verifier=RS256.spki.replace("M", "!", 1))
    assert page.verdict[0] == "The key cannot be used"
    assert page.shows("verifier-problem") and page.shows("decoded")


def test_a_token_that_was_changed_is_refused(page):
    head, claims, signature = valid(ES256).split(".")
    page.give(request=f"{head}.{claims}.{signature}", verifier=ES256.spki)
    assert page.verdict[0] == "Verified"
    page.give(request=".".join([head, valid(ES256, sub="mallory").split(".")[1], signature]))
    assert page.verdict[0] == "Refused with 401"
    page.give(request="e30.e30.")
    assert page.failed == "alg: missing; not an algorithm that the filter knows"


def test_an_expired_token_and_the_slider(page):
    now = in_seconds(0)
    page.give(request=RS256.token(iat=now - 7200, nbf=now - 7200, exp=now - 3600), verifier=RS256.spki)
    assert page.failed.startswith("exp: token expired (") and "1 hour ago" in page.failed
    assert json.loads(page.text("wire").split("\n\n")[1]) == {"exp": "token expired"}
    assert page.text("wire").startswith("HTTP/1.1 401 Unauthorized\n")
    slider = page.tab.locator("#slider")
    # Where now is marked, the slider stands.
    near = "slider => Math.abs(slider.value - Date.now() / 1000) < 30"
    assert slider.evaluate(near)
    slider.fill(str(now - 5400))
    assert page.verdict[0] == "Verified"
    assert page.tab.input_value("#moment") == str(now - 5400)
    assert "30 minutes" in page.text("claims")
    slider.fill(str(now - 7201))
    assert page.failed.startswith("nbf: token not valid yet")
    slider.focus()
    page.tab.keyboard.press("ArrowRight")
    assert page.verdict[0] == "Verified"
    page.tab.click("#to-now")
    assert slider.evaluate(near) and page.tab.input_value("#moment") == ""
    assert page.failed.startswith("exp: token expired")


def test_a_moment_can_be_typed_as_for_the_program(page):
    page.give(request=RS256.token(exp=1_700_003_600), verifier=RS256.spki)
    for moment, title in {
        "2023-11-14T22:13:20Z": "Verified",
        "1700003600": "Refused with 401",
        "2023-11-14": "Verified",
        "+5m": "Refused with 401",
        "yesterday": "The moment cannot be read",
    }.items():
        page.give(moment=moment)
        assert page.verdict[0] == title, moment
    assert "such as 2026-11-24T16:00:00Z" in page.text("moment-problem")


def test_a_token_expires_before_one_s_eyes(browser):
    page = browser.open(at=1_700_000_000)
    page.give(request=RS256.token(exp=1_700_000_030), verifier=RS256.spki)
    assert page.verdict[0] == "Verified"
    page.tab.clock.run_for(31_000)
    assert page.failed.startswith("exp: token expired")
    page.close()


CURL = {
    "bash": "curl 'https://api.example.com/a?b=c' \\\n  -H 'accept: */*' \\\n  -H $'authorization: Bearer\\u0020TOK' \\\n"
    "  --data-raw $'{\"it\\'s\":1}'",
    "cmd": 'curl ^"https://api.example.com/a?b=^%^20c^" ^\r\n  -H ^"accept: */*^" ^\r\n'
    '  -H ^"authorization: Bearer TOK^" ^\r\n  --data-raw ^"^{^\\^"a^\\^":1^}^"',
    "powershell": "curl.exe 'https://api.example.com/a?b=c' `\r\n  -H 'authorization: Bearer TOK' `\r\n  --data-raw '{}'",
}


@pytest.mark.parametrize("shell", CURL)
def test_what_a_browser_copies_as_curl(page, shell):
    page.give(request=CURL[shell].replace("TOK", valid()), verifier=yaml.safe_dump(BY_RS256))
    assert page.verdict == ("The request passes", 'It goes upstream as consumer "ClientApp".')
    assert page.checks[0] == ("token", True, "in the header authorization")
    assert page.explanation["request"] == {"method": "POST", "path": "/a"}
    assert "+ X-Consumer-Username: ClientApp" in page.text("wire")


def test_what_cannot_be_read_is_said(page):
    page.give(request="curl 'https://api.example.com", verifier=RS256.spki)
    assert page.verdict == ("The request cannot be read", "is a curl command line with a quote that does not end")
    assert page.text("request-problem") == page.verdict[1]
    page.give(request=valid())
    assert not page.shows("request-problem")


def test_a_fault_of_the_configuration_is_marked_where_it_stands(page):
    broken = sample("envoy.yaml").replace("[exp]", "[exp, iat]")
    page.give(request=valid(), verifier=broken)
    line = broken[: broken.index("[exp, iat]")].count("\n") + 1
    assert page.verdict == ("The configuration cannot be used", f'Line {line}: claims_to_verify[1]: "iat"; expected exp or nbf')
    assert page.tab.locator("#verifier-editor .under .fault").all_inner_texts() == ["iat"]
    assert page.shows("decoded"), "the token can be read all the same"
    [fault] = page.tab.locator("#findings .fault button").all()
    fault.click()
    assert page.tab.locator("#verifier-editor .under .line-mark").all_inner_texts()[0].strip().startswith("claims_to_verify")
    assert page.tab.evaluate("document.activeElement.id") == "verifier"
    start = page.tab.evaluate("document.getElementById('verifier').selectionStart")
    assert broken[:start].count("\n") + 1 == line


def test_a_check_leads_to_the_line_that_it_goes_by(page):
    config = "realm: r\naudiences: [api]\nconsumers:\n- username: a\n  jwt_secrets:\n  - {key: k, secret: \"SECRET\"}\n"
    config = config.replace("SECRET", HS256.private.decode()).replace("{key: k", f'{{key: "{ISSUER}"')
    page.give(request=valid(HS256, aud="other"), verifier=config)
    assert page.failed == 'audience: aud is "other"; expected one of api'
    lines = page.tab.locator("#checks li:has-text('audience') button, #checks li:has-text('signature') button")
    assert lines.all_inner_texts() == ["line 6", "line 2"]
    lines.last.click()
    assert page.tab.locator("#verifier-editor .under .line-mark").inner_text() == "audiences: [api]"


def test_a_key_set_that_the_filter_would_fetch(page):
    remote = {"uri": "https://auth.example.com/jwks.json", "cluster": "auth"}
    config = plugin({"username": "a", "jwt_secrets": [{"key": ISSUER, "remote_jwks": remote}]})
    page.give(request=valid(), verifier=json.dumps(config))
    assert page.verdict[0] == "Refused with 503"
    assert page.shows("key-set"), "it is asked for where it matters"
    page.tab.fill("#key-set", json.dumps({"keys": [RS256.jwk]}))
    assert page.verdict[0] == "The request passes"
    page.tab.fill("#key-set", "[]")
    assert page.verdict[0] == "The key set cannot be read" and page.shows("key-set-problem")


def test_a_filter_a_route_and_a_cluster_can_be_chosen(page):
    fields = [{"rules": [{"routes": ["open"], "disabled": True}], **BY_RS256}, BY_RS256]
    filters = [
        {"name": name, "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
         "config": {"name": name, "configuration": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": value}}}}
        for name, value in zip(["jwt_auth_1", "jwt_auth_2"], fields)
    ]
    page.give(request="GET / HTTP/1.1", verifier=yaml.safe_dump(filters))
    assert page.failed.startswith("token: none in")
    page.tab.fill("#route", "open")
    assert page.verdict == ("The request passes", "It goes upstream without a token, because none is asked for there.")
    page.tab.select_option("#filter", "jwt_auth_2")
    assert page.failed.startswith("token: none in")


def forged(token):
    return token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")


def for_orders(**claims):
    return valid(**{"nbf": in_seconds(-60), "aud": "orders", **claims})


FIVE = {
    "expired": (lambda: for_orders(exp=in_seconds(-3600)), "exp: token expired (", "line 1"),
    "not valid yet": (lambda: for_orders(nbf=in_seconds(3600)), "nbf: token not valid yet (", "line 1"),
    "of another issuer": (lambda: for_orders(iss=f"{ISSUER}/"), f'credential: none has this key; line 6 has "{ISSUER}"', None),
    "signed with another key": (lambda: forged(for_orders()), "signature: not made with the credential's key", "line 6"),
    "for another service": (lambda: for_orders(aud="billing"), 'audience: aud is "billing"; expected one of orders', "line 2"),
}
CONFIGURATION = f"""\
claims_to_verify: [exp, nbf]
audiences: [orders]
consumers:
- username: ClientApp
  jwt_secrets:
  - key: {ISSUER}
    algorithm: RS256
    rsa_public_key: {json.dumps(RS256.spki)}
"""


@pytest.mark.parametrize("fault", FIVE)
def test_why_is_this_token_refused_asked_of_the_file_alone(browser, record_property, fault):
    """From the file that is opened to the reason that can be read, as one who has the token and the configuration does it."""
    token, reason, line = FIVE[fault]
    pasted = token()
    times = [time.perf_counter()]
    page = browser.open()
    times.append(time.perf_counter())
    page.paste("verifier", CONFIGURATION)
    page.paste("request", pasted)
    page.tab.locator("#checks .failed").wait_for()
    shown = page.failed
    times.append(time.perf_counter())
    opening, answering = (round((after - before) * 1000) for before, after in zip(times, times[1:]))
    record_property("milliseconds to open, and from the paste to the reason", (opening, answering))
    print(f"{fault}: opened in {opening} ms, answered {answering} ms after the paste: {shown}")
    assert shown.startswith(reason)
    assert page.verdict[0] == "Refused with 401"
    assert page.tab.locator("#checks .failed button").all_inner_texts() == ([line] if line else [])
    # However slow the machine: nobody waits.
    assert answering < 5000
    assert_quiet(page)
    page.close()


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (lambda: valid(key("PS256")), "algorithm: the credential takes RS256, not PS256"),
        (lambda: f"GET / HTTP/1.1\nAuthorization: Token {valid()}\n", "token: none in the header"),
    ],
)
def test_other_faults_are_named(page, request_, reason):
    page.give(request=request_(), verifier=yaml.safe_dump(BY_RS256))
    assert page.failed.startswith(reason)
    assert page.verdict[0] == "Refused with 401"

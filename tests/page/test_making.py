"""The tokens and configurations that the page makes: read back by other programs, and by the page itself."""

import base64
import json
import subprocess

import pytest
import yaml
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from browser import ROOT
from tokens import ISSUER, key

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verify(algorithm, token, verifier):
    """Verifies with OpenSSL's implementation, not ours."""
    signed, _, signature = token.rpartition(".")
    signature = decoded(signature)
    if algorithm == "HS256":
        tag = hmac.HMAC(verifier.strip().encode(), hashes.SHA256())
        tag.update(signed.encode())
        return tag.verify(signature)
    public = serialization.load_pem_public_key(verifier.encode())
    if algorithm == "ES256":
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        return public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return public.verify(signature, signed.encode())


def made(page):
    return page.tab.input_value("#token-text"), page.tab.input_value("#token-verifier")


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "EdDSA"])
def test_a_token_is_made_with_a_key_of_the_page(page, algorithm):
    page.tab.click("#tab-token")
    page.tab.select_option("#token-algorithm", algorithm)
    token, verifier = made(page)
    verify(algorithm, token, verifier)
    header, claims = (json.loads(decoded(part)) for part in token.split(".")[:2])
    assert header == {"alg": algorithm, "typ": "JWT"}
    assert claims["iss"] == ISSUER and claims["exp"] - claims["iat"] == 3600
    page.tab.click("#generate")
    assert made(page)[1] != verifier, "every key is another"
    page.tab.click("#explain-token")
    assert page.verdict[0] == "Verified"
    assert page.tab.evaluate("document.activeElement.id") == "tab-explain"


def test_a_token_says_what_is_filled_in(page):
    page.tab.click("#tab-token")
    signer = key("RS256")
    page.tab.fill("#token-key", signer.private_pem)
    assert page.text("key-problem") == "the key signs with RS256, RS384, RS512, PS256, PS384, PS512"
    assert page.tab.is_disabled("#explain-token")
    page.tab.fill("#token-key", key("ES256").private_pem)
    page.tab.fill("#token-claims", '{"iss": "other", "n": 1}')
    token, verifier = made(page)
    verify("ES256", token, key("ES256").spki)
    assert verifier == key("ES256").spki
    assert json.loads(decoded(token.split(".")[1])) == {"iss": "other", "n": 1}
    page.tab.click("#set-times")
    assert sorted(json.loads(page.tab.input_value("#token-claims"))) == ["exp", "iat", "iss", "n"]
    for claims in ["{", "[]"]:
        page.tab.fill("#token-claims", claims)
        assert page.shows("claims-problem") and made(page)[0] == ""


def checked(text, tmp_path):
    path = tmp_path / "made.yaml"
    path.write_text(text)
    [report] = json.loads(subprocess.run([PROGRAM, "check", "--format", "json", path], capture_output=True, timeout=60).stdout)
    return report


@pytest.mark.parametrize("host", ["envoy", "istio", "envoy_gateway", "plugin"])
def test_a_configuration_is_made_for_each_host(page, tmp_path, host):
    page.tab.click("#tab-token")
    page.tab.click("#configure-token")
    page.tab.select_option("#host", host)
    page.tab.fill("[name=groups]", "partners, staff")
    text = page.tab.input_value("#configuration-text")
    report = checked(text, tmp_path)
    assert (report["configurations"], report["faults"], report["warnings"]) == (1, [], [])
    assert page.text("checked") == "Checked as jwt-auth check does: 0 faults, 0 warnings."
    document = yaml.safe_load(text)
    plugin = {
        "envoy": lambda: document[0]["typed_config"]["config"]["configuration"]["value"],
        "istio": lambda: document["spec"]["pluginConfig"],
        "envoy_gateway": lambda: document["spec"]["wasm"][0]["config"],
        "plugin": lambda: document,
    }[host]()
    [consumer] = plugin["consumers"]
    assert (consumer["username"], consumer["groups"]) == ("ClientApp", ["partners", "staff"])
    assert consumer["jwt_secrets"][0]["key"] == ISSUER
    # The token of the other tab passes by it.
    token = page.tab.input_value("#token-text")
    page.tab.click("#explain-with")
    page.give(request=token)
    assert page.verdict[0] == "The request passes"


@pytest.mark.parametrize(
    ("verifier", "verifies"),
    [
        ("secret", key("HS256").private.decode()),
        ("public_key", json.dumps(key("RS256").jwk)),
        ("public_key", key("RS256").spki),
        ("jwks", json.dumps({"keys": [{**key("RS256").jwk, "use": None}, key("ES256").jwk]})),
        ("remote_jwks", "https://auth.example.com/jwks.json"),
        ("discovery", "https://auth.example.com/.well-known/openid-configuration"),
    ],
)
def test_a_configuration_with_each_kind_of_verifier(page, tmp_path, verifier, verifies):
    page.tab.click("#tab-configuration")
    page.tab.select_option("#host", "plugin")
    page.tab.select_option("[name=verifier]", verifier)
    page.tab.fill("#verifies", verifies)
    report = checked(page.tab.input_value("#configuration-text"), tmp_path)
    assert (report["faults"], report["warnings"]) == ([], [])


def test_faults_are_marked_as_one_fills_in_and_as_one_edits(page, tmp_path):
    page.tab.click("#tab-configuration")
    page.tab.select_option("#host", "plugin")
    page.tab.fill("#verifies", key("ES256").spki)
    report = checked(page.tab.input_value("#configuration-text"), tmp_path)
    fault = report["faults"][0]
    [shown] = page.tab.locator("#configuration-findings .fault").all_inner_texts()
    assert shown == f"line {fault['line']}: {fault['path']}: {fault['found']}; expected {fault['expected']}"
    page.tab.select_option("#form-algorithm", "ES256")
    assert page.tab.locator("#configuration-findings .fault").count() == 0
    page.tab.fill("#configuration-text", "consumers: []\nrealm: 7\n")
    assert page.tab.locator("#configuration-text-editor .under .fault").all_inner_texts() == ["7"]
    assert "1 fault, " in page.text("checked")
    page.tab.fill("#configuration-text", "consumers: [\n")
    assert "neither YAML nor JSON" in page.text("configuration-findings")

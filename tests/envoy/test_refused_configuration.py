"""Bad configuration keeps Envoy from starting: one log line per fault, all faults at once, and nothing secret in them.

Starting Envoy takes a while, so each configuration here has many faults, and each test looks for the line of one.
"""

import base64
import json
import re
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519

import harness
from conftest import assert_no_secret_in
from consumers import CLIENT_APP, RS256, plugin
from tokens import Key, key, rsa_key, secret

FORMS = ["Struct", "text"]
SECRET = secret("a secret that no log may ever show").private.decode()
WEAK = Key("RS256", rsa_key(1024, ""))
REMOTE = {"uri": "https://issuer.example.com/jwks", "cluster": "issuer"}
X25519 = Key("X25519", x25519.X25519PrivateKey.generate())


def pem(label, octets):
    body = base64.encodebytes(octets).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def public(alg, rsa_public_key):
    return {"algorithm": alg, "rsa_public_key": rsa_public_key}


def without(name, jwk):
    return {member: value for member, value in jwk.items() if member != name}


# What is wrong with a credential: the credential, the field at fault, and what its line must tell.
CREDENTIALS = {
    "no key": ({"secret": SECRET}, ".key", ""),
    "empty key": ({"key": "", "secret": SECRET}, ".key", "empty"),
    "key a number": ({"key": 7, "secret": SECRET}, ".key", "string"),
    "key a list": ({"key": ["a"], "secret": SECRET}, ".key", "string"),
    "unknown algorithm": ({"algorithm": "HS257", "secret": SECRET}, ".algorithm", "HS256"),
    "algorithm in lower case": ({"algorithm": "hs256", "secret": SECRET}, ".algorithm", "HS256"),
    "algorithm none": ({"algorithm": "none", "secret": SECRET}, ".algorithm", "HS256"),
    "algorithm a number": ({"algorithm": 256, "secret": SECRET}, ".algorithm", ""),
    "no secret": ({}, ".secret", ""),
    "empty secret": ({"secret": ""}, ".secret", "empty"),
    "secret a number": ({"secret": 1234567890}, ".secret", "string"),
    "only a public key for HS256": ({"rsa_public_key": RS256.spki}, ".secret", "missing.*HS256.*rsa_public_key"),
    "another consumer's credential": ({"secret": SECRET, "consumer": {"username": "other"}}, ".consumer", "another consumer"),
    "only a secret for RS256": ({"algorithm": "RS256", "secret": SECRET}, ".rsa_public_key", ""),
    "empty public key": (public("RS256", ""), ".rsa_public_key", ""),
    "public key a number": (public("RS256", 5), ".rsa_public_key", ""),
    "public key a list": (public("RS256", [RS256.spki]), ".rsa_public_key", ""),
    "not PEM": (public("RS256", "no key at all"), ".rsa_public_key", "PEM"),
    "PEM without an end": (public("RS256", RS256.spki.split("-----END")[0]), ".rsa_public_key", ""),
    "PEM of other labels": (public("RS256", RS256.spki.replace("PUBLIC KEY", "SOMETHING")), ".rsa_public_key", ""),
    "PEM that is not base64": (public("RS256", RS256.spki.replace("MII", "M*I")), ".rsa_public_key", ""),
    "PEM of something else": (public("RS256", pem("PUBLIC KEY", b"not a key")), ".rsa_public_key", ""),
    "PEM cut short": (public("RS256", pem("PUBLIC KEY", RS256.spki_der[:-20])), ".rsa_public_key", ""),
    "a private key": (public("RS256", RS256.private_pem), ".rsa_public_key", "public"),
    "an EC key for RS256": (public("RS256", key("ES256").spki), ".rsa_public_key", "P-256.* RS256"),
    "an EC certificate for RS256": (public("RS256", key("ES256").certificate), ".rsa_public_key", "P-256.* RS256"),
    "an Ed25519 key for RS256": (public("RS256", key("Ed25519").spki), ".rsa_public_key", "Ed25519.* RS256"),
    "a weak RSA key": (public("RS256", WEAK.spki), ".rsa_public_key", "1024.*2048"),
    "a weak RSA key, PKCS#1": (public("RS256", WEAK.pkcs1), ".rsa_public_key", "1024.*2048"),
    "a weak RSA key, certificate": (public("RS256", WEAK.certificate), ".rsa_public_key", "1024.*2048"),
    "a weak RSA key, JWK": (public("RS256", WEAK.jwk), ".rsa_public_key", "1024.*2048"),
    "a weak RSA key for PS256": (public("PS256", WEAK.spki), ".rsa_public_key", "1024.*2048"),
    "an RSA key for ES256": (public("ES256", RS256.spki), ".rsa_public_key", "RSA.* ES256.*P-256"),
    "P-384 for ES256": (public("ES256", key("ES384").spki), ".rsa_public_key", "P-384.* ES256.*P-256"),
    "P-256 for ES384": (public("ES384", key("ES256").spki), ".rsa_public_key", "P-256.* ES384.*P-384"),
    "P-256 for ES512": (public("ES512", key("ES256").spki), ".rsa_public_key", "P-256.* ES512.*P-521"),
    "an RSA key for EdDSA": (public("EdDSA", RS256.spki), ".rsa_public_key", "RSA.* EdDSA"),
    "an EC key for EdDSA": (public("EdDSA", key("ES256").spki), ".rsa_public_key", "P-256.* EdDSA"),
    "X25519 for EdDSA": (public("EdDSA", X25519.spki), ".rsa_public_key", ""),
    "ML-DSA-65 for ML-DSA-44": (public("ML-DSA-44", key("ML-DSA-65").spki), ".rsa_public_key", "65.* ML-DSA-44"),
    "ML-DSA-65 for ML-DSA-87, JWK": (public("ML-DSA-87", key("ML-DSA-65").jwk), ".rsa_public_key", "65.* ML-DSA-87"),
    "P-384 for ES256, JWK": (public("ES256", key("ES384").jwk), ".rsa_public_key", "P-384.* ES256"),
    "JWK without kty": (public("RS256", without("kty", RS256.jwk)), ".rsa_public_key", "kty"),
    "JWK of an unknown kty": (public("RS256", {**RS256.jwk, "kty": "XYZ"}), ".rsa_public_key", "kty"),
    "JWK without n": (public("RS256", without("n", RS256.jwk)), ".rsa_public_key", ""),
    "JWK whose n is no base64url": (public("RS256", {**RS256.jwk, "n": "***"}), ".rsa_public_key", ""),
    "JWK whose n is a number": (public("RS256", {**RS256.jwk, "n": 5}), ".rsa_public_key", ""),
    "JWK of a point off the curve": (
        public("ES256", {**key("ES256").jwk, "x": key("ES256").jwk["y"]}),
        ".rsa_public_key",
        "",
    ),
    "JWK of an unknown curve": (public("ES256", {**key("ES256").jwk, "crv": "P-257"}), ".rsa_public_key", ""),
    "JWK that is symmetric": (public("RS256", {"kty": "oct", "k": "AAAA"}), ".rsa_public_key", ""),
    "JWK in broken text": (public("RS256", '{"kty":'), ".rsa_public_key", ""),
    "jwks and a secret": ({"jwks": {"keys": [RS256.jwk]}, "secret": SECRET}, ".secret", "none, because jwks"),
    "jwks and remote_jwks": ({"jwks": {"keys": [RS256.jwk]}, "remote_jwks": {}}, ".remote_jwks", "none, because jwks"),
    "remote_jwks and discovery": ({"remote_jwks": REMOTE, "discovery": REMOTE}, ".discovery", "none, because remote_jwks"),
    "discovery and a public key": ({"discovery": REMOTE, "rsa_public_key": "x"}, ".rsa_public_key", "none, because"),
    "a weak key in a set": ({"jwks": {"keys": [RS256.jwk, WEAK.jwk]}}, ".jwks.keys[1]", "1024"),
    "a malformed key in a set": ({"jwks": {"keys": [{**RS256.jwk, "n": "***"}]}}, ".jwks.keys[0]", ""),
    "a private key in a set": ({"jwks": {"keys": [{**key("Ed25519").jwk, "d": "AQAB"}]}}, ".jwks.keys[0]", "private"),
    "101 keys in a set": ({"jwks": {"keys": [RS256.jwk] * 101}}, ".jwks.keys", "100"),
    "a set without a key for RS256": (
        {"algorithm": "RS256", "jwks": {"keys": [key("ES256").jwk]}},
        ".jwks.keys",
        "RS256",
    ),
    "a set in broken text": ({"jwks": '{"keys":'}, ".jwks", "JSON"),
    "HS256 with a fetched set": ({"algorithm": "HS256", "remote_jwks": REMOTE}, ".algorithm", "HS256"),
    "a set from a file": ({"remote_jwks": {**REMOTE, "uri": "file:///jwks"}}, ".remote_jwks.uri", "http"),
    "a set of no cluster": ({"issuer": "https://a.example.com", "discovery": {"uri": REMOTE["uri"]}}, ".discovery.cluster", ""),
    "a timeout without a unit": ({"remote_jwks": {**REMOTE, "timeout": "5"}}, ".remote_jwks.timeout", "60s"),
    "unknown field": ({"secret": SECRET, "colour": "red"}, ".colour", ""),
    "misspelt field": ({"secret": SECRET, "algoritm": "HS256"}, ".algoritm", ""),
}

# What is wrong with a consumer.
CONSUMERS = {
    "no name at all": ({"jwt_secrets": []}, "", "username"),
    "empty username": ({"username": ""}, ".username", "empty"),
    "username a number": ({"username": 5}, ".username", "string"),
    "username with a line break": ({"username": "a\r\nx-admin: true"}, ".username", ""),
    "id a number": ({"id": 5}, ".id", "string"),
    "custom_id a list": ({"custom_id": ["a"]}, ".custom_id", "string"),
    "tags a string": ({"username": "a", "tags": "partner"}, ".tags", "list"),
    "a tag that is a number": ({"username": "b", "tags": ["partner", 5]}, ".tags[1]", "string"),
    "jwt_secrets an object": ({"username": "c", "jwt_secrets": {"key": "a"}}, ".jwt_secrets", "list"),
    "a credential that is a string": ({"username": "d", "jwt_secrets": ["a"]}, ".jwt_secrets[0]", ""),
    "unknown field of a consumer": ({"username": "e", "password": SECRET}, ".password", ""),
    "a consumer that is a string": ("Someone", "", ""),
    "a consumer that is null": (None, "", ""),
    "the key of another consumer": (
        {"username": "f", "jwt_secrets": [{"key": CLIENT_APP["jwt_secrets"][0]["key"], "secret": SECRET}]},
        ".jwt_secrets[0].key",
        "",
    ),
}

# What is wrong with a field of the plugin; several values for one field take several configurations.
FIELDS = [
    {
        "header_names": ("authorization", "", "list"),
        "uri_param_names": (["jwt", 5], "[1]", "string"),
        "cookie_names": ({"a": "b"}, "", "list"),
        "key_claim_name": ("", "", "empty"),
        "secret_is_base64": ("yes", "", "true"),
        "claims_to_verify": (["exp", "aud"], "[1]", "exp"),
        "maximum_expiration": (-1, "", "31536000"),
        "anonymous": ("nobody", "", "nobody"),
        "run_on_preflight": ("no", "", "true"),
        "realm": (5, "", "string"),
        "consumer": ([], "", "consumers"),
    },
    {
        "header_names": (["authorization", None], "[1]", "string"),
        "key_claim_name": (["iss"], "", "string"),
        "claims_to_verify": ("exp", "", "list"),
        "maximum_expiration": (31536001, "", "31536000"),
        "anonymous": (5, "", "string"),
        "run_on_preflight": (1, "", "true"),
        "realm": ("a\r\nx-admin: true", "", ""),
        "config": ({}, "", ""),
    },
    {
        "maximum_expiration": (1.5, "", "whole"),
        "anonymous": ("", "", ""),
        "clock_skew_seconds": (301, "", "300"),
        "audiences": ([], "", "at least one"),
        "required_claims": ([{"claim": "a", "present": True, "equals": 1}], "[0]", "one of any_of, all_of"),
        "allow": (["ClientApp", "nobody"], "[1]", "nobody.*neither a consumer nor a group"),
        "deny": (["clientapp"], "[0]", "clientapp.*neither a consumer nor a group"),
        "claims_to_headers": ([{"claim": "sub", "header": "X-Consumer-ID"}], "[0].header", "x-consumer-id"),
        "forward_payload_header": ("Host", "", "host"),
        "response": ({"forbidden": {"status": 200}}, ".forbidden.status", "400"),
        "rules": ([{"routes": ["a"], "allow": ["nobody"]}], "[0].allow[0]", "nobody.*neither a consumer nor a group"),
    },
    {"maximum_expiration": ("300", "", "number"), "consumers": ({"username": "a"}, "", "list")},
    {"maximum_expiration": (300, "", "exp"), "run_on_preflight": ([], "", "true")},
]

NO_BASE64 = ["not base64!", "c2Vjc", "c2VjcmV0=", "c2Vj cmV0", "c2VjcmV1x"]


@dataclass
class Bundle:
    """A configuration with many faults, and of each its path and what its line must tell."""

    plugin: dict
    faults: dict


def bundles():
    consumers, faults = [CLIENT_APP], {}

    def add(name, consumer, path, tells):
        faults[name] = (f"consumers[{len(consumers)}]{path}", tells)
        consumers.append(consumer)

    for name, (credential, path, tells) in CREDENTIALS.items():
        if path != ".key":
            credential = {"key": name, **credential}
        add(name, {"username": name, "jwt_secrets": [credential]}, f".jwt_secrets[0]{path}", tells)
    for name, (consumer, path, tells) in CONSUMERS.items():
        add(name, consumer, path, tells)
    yield "consumers", Bundle(plugin(*consumers), faults)

    for number, fields in enumerate(FIELDS, 1):
        values = {name: value for name, (value, _, _) in fields.items()}
        faults = {f"{name}: {json.dumps(value)}": (name + path, tells) for name, (value, path, tells) in fields.items()}
        yield f"fields {number}", Bundle({**plugin(), **values}, faults)

    secrets = [{"key": text, "secret": text} for text in NO_BASE64]
    faults = {text: (f"consumers[0].jwt_secrets[{index}].secret", "base64") for index, text in enumerate(NO_BASE64)}
    yield "base64", Bundle(plugin({"username": "a", "jwt_secrets": secrets}, secret_is_base64=True), faults)


BUNDLES = dict(bundles())
FAULT = re.compile(rf"\]\[error\]\[{harness.LOGGER}\] .*?{harness.SAYS}([\w.\[\]]+): (.+); expected (.+)")


@pytest.fixture(scope="module")
def start(upstream, tmp_path_factory):
    """Starts Envoy with a plugin configuration that it must refuse; gives the log."""
    logs = {}

    def start(configuration):
        identity = repr(configuration)
        if identity not in logs:
            envoy = harness.Envoy({"refused": configuration}, upstream, tmp_path_factory.mktemp("refused"))
            assert envoy.refuses_to_start() == 1
            logs[identity] = envoy.log()
        return logs[identity]

    return start


@pytest.fixture
def report(start):
    """What the log says of a bundle in one of the forms: path, found, expected of each line."""

    def report(bundle, form):
        configuration = BUNDLES[bundle].plugin
        return FAULT.findall(start(configuration if form == "Struct" else json.dumps(configuration)))

    return report


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bundle, name", [(bundle, name) for bundle in BUNDLES for name in BUNDLES[bundle].faults])
def test_a_fault_is_reported_with_its_path(report, bundle, name, form):
    path, tells = BUNDLES[bundle].faults[name]
    lines = [f"{found}; expected {expected}" for at, found, expected in report(bundle, form) if at == path]
    assert len(lines) == 1, f"{path} is reported {len(lines)} times"
    assert re.search(tells, lines[0]), lines[0]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_nothing_else_is_reported_and_both_forms_report_the_same_paths(report, bundle):
    expected = sorted(path for path, _ in BUNDLES[bundle].faults.values())
    assert [sorted(path for path, _, _ in report(bundle, form)) for form in FORMS] == [expected, expected]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_no_secret_is_reported(start, bundle):
    for configuration in (BUNDLES[bundle].plugin, json.dumps(BUNDLES[bundle].plugin)):
        log = start(configuration)
        assert FAULT.search(log)
        assert_no_secret_in(log)
        assert not re.search("1234567890|not base64!|PUBLIC KEY-----|PRIVATE KEY-----", log)


@pytest.mark.parametrize("text", ["{", "[]", "null", '"text"', "consumers: []", '{"realm":"a","realm":"b"}', "{} x"])
def test_what_is_no_json_object_is_refused(start, text):
    log = start(text)
    assert re.search(rf"\]\[error\]\[{harness.LOGGER}\] .*{harness.SAYS}.*expected", log), log


def test_the_line_reads_as_documented(start):
    credential = {"key": "c", **public("RS256", key("ES384").spki)}
    consumers = [CLIENT_APP, {"username": "b"}, {"username": "c", "jwt_secrets": [credential]}]
    line = (
        "consumers[2].jwt_secrets[0].rsa_public_key: an EC P-384 key cannot verify RS256; "
        "expected an RSA public key of at least 2048 bits"
    )
    assert line in start(plugin(*consumers))

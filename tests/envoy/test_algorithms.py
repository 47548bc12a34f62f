"""Every algorithm with valid, altered, truncated and foreign signatures, checked by the host and in the module, and every
form in which a key may be given.
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from consumers import plugin
from expect import BAD_FORM, BAD_SIGNATURE, WRONG_ALGORITHM, passed, refused
from tokens import ALGORITHMS, Key, as_json, b64, key, rsa_key, with_signature

WITH_PUBLIC_KEY = [alg for alg in ALGORITHMS if not alg.startswith("HS")]
RSA = [alg for alg in ALGORITHMS if alg[:2] in ("RS", "PS")]

SECRET_OCTETS = bytes(range(224, 256)) + b"\x00\xff\xfe~?>"


def consumer(*credentials):
    return {"username": "Any", "jwt_secrets": list(credentials)}


def indented(pem):
    return "\n".join("    " + line for line in pem.splitlines())


PEM_FORMS = {
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "white space around": lambda pem: f" \r\n\t\n{pem}\n \t\r\n",
    "indented": indented,
    "white space at the ends of lines": lambda pem: pem.replace("\n", " \t\n"),
    "no newline at the end": str.strip,
}
PEM_KINDS = {
    "PKCS#1": (key("RS256"), key("RS256").pkcs1),
    "certificate": (key("RS256"), key("RS256").certificate),
    **{alg: (key(alg), key(alg).spki) for alg in ["RS256", "ES256", "Ed25519", "ML-DSA-44"]},
}

BASE64_FORMS = {
    "standard": base64.b64encode(SECRET_OCTETS).decode(),
    "standard, unpadded": base64.b64encode(SECRET_OCTETS).decode().rstrip("="),
    "url-safe": base64.urlsafe_b64encode(SECRET_OCTETS).decode(),
    "url-safe, unpadded": b64(SECRET_OCTETS),
}

EVERY_ALGORITHM = plugin(consumer(*(key(alg).credential(alg) for alg in ALGORITHMS)))

# The gateway takes signatures of PS* from keys of 2048 bits alone.
LARGE_RSA = [(alg, bits) for alg in ("RS256", "PS256", "PS512") for bits in (3072, 4096)]

LISTENERS = {
    "by the host where it can": EVERY_ALGORITHM,
    "all in the module": {**EVERY_ALGORITHM, "host_crypto": "off"},
    "JWK": plugin(consumer(*(key(alg).credential(alg, key(alg).jwk) for alg in WITH_PUBLIC_KEY))),
    "JWK text": plugin(consumer(*(key(alg).credential(alg, json.dumps(key(alg).jwk)) for alg in WITH_PUBLIC_KEY))),
    "certificate": plugin(consumer(*(key(alg).credential(alg, key(alg).certificate) for alg in WITH_PUBLIC_KEY))),
    "PKCS#1": plugin(consumer(*(key(alg).credential(alg, key(alg).pkcs1) for alg in RSA))),
    "PEM forms": plugin(
        consumer(
            *(
                signer.credential(f"{kind} {name}", form(pem))
                for kind, (signer, pem) in PEM_KINDS.items()
                for name, form in PEM_FORMS.items()
            )
        )
    ),
    "base64": plugin(
        consumer(*({"key": form, "secret": text} for form, text in BASE64_FORMS.items())), secret_is_base64=True
    ),
    "secrets": plugin(
        consumer(
            {"key": "default algorithm", "secret": "s3cr3t"},
            {"key": "short", "secret": "x"},
            {"key": "long", "secret": "x" * 1000},
            {"key": "looks like base64", "secret": "c2VjcmV0"},
            {"key": "not ASCII", "secret": "gehëim 🔑"},
            {"key": "spaces", "secret": " s3cr3t "},
        )
    ),
    "large RSA": plugin(consumer(*(Key(alg, rsa_key(bits, "")).credential(f"{alg} {bits}") for alg, bits in LARGE_RSA))),
}


def accepts(listener, token, credential):
    passed(listener.bearer(token), {"username": "Any"}, credential)


def altered(octets, at):
    """The octets with one bit of one octet turned."""
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


@pytest.fixture(params=ALGORITHMS)
def alg(request):
    return request.param


@pytest.fixture(params=["by the host where it can", "all in the module"])
def listener(envoy, request):
    """Both ways of checking a signature come to the same verdict."""
    return envoy[request.param]


@pytest.fixture
def parts(alg):
    """A valid token's signing input and signature."""
    data = key(alg).token(iss=alg).rpartition(".")[0]
    return data, key(alg).sign(data.encode())


def test_a_valid_signature_passes(listener, alg):
    accepts(listener, key(alg).token(iss=alg), alg)


def test_altered_claims_are_refused(listener, alg, parts):
    header, _ = parts[0].split(".")
    forged = f"{header}.{b64(as_json({'iss': alg, 'admin': True}))}"
    refused(listener.bearer(with_signature(forged, parts[1])), BAD_SIGNATURE)


def test_an_altered_header_is_refused(listener, alg, parts):
    header = b64(as_json({"alg": key(alg).alg, "typ": "JWT", "x": 1}))
    forged = f"{header}.{parts[0].split('.')[1]}"
    refused(listener.bearer(with_signature(forged, parts[1])), BAD_SIGNATURE)


@pytest.mark.parametrize("where", [0, 0.25, 0.5, 0.75, 1])
def test_an_altered_signature_is_refused(listener, alg, parts, where):
    data, signature = parts
    forged = altered(signature, int(where * (len(signature) - 1)))
    refused(listener.bearer(with_signature(data, forged)), BAD_SIGNATURE)


def test_a_signature_of_another_length_is_refused(listener, alg, parts):
    data, signature = parts
    shorter = [b"", signature[:1], signature[: len(signature) // 2], signature[:-1], signature[1:]]
    longer = [signature + b"\0", b"\0" + signature, signature * 2]
    for forged in shorter + longer:
        refused(listener.bearer(with_signature(data, forged)), BAD_SIGNATURE)


def test_a_foreign_key_is_refused(listener, alg):
    refused(listener.bearer(key(alg, "foreign").token(iss=alg)), BAD_SIGNATURE)


def test_a_signature_of_every_other_algorithm_is_refused(listener, alg):
    """Whether the token admits which algorithm signed it or not."""
    for other in ALGORITHMS:
        if key(other).alg != key(alg).alg:
            refused(listener.bearer(key(other).token(iss=alg)), WRONG_ALGORITHM)
            lying = key(other).token({"iss": alg}, header=json.dumps({"alg": key(alg).alg}))
            refused(listener.bearer(lying), BAD_SIGNATURE)


def test_ed25519_and_ed448_do_not_stand_for_each_other(listener):
    refused(listener.bearer(key("Ed448").token(iss="Ed25519")), BAD_SIGNATURE)
    refused(listener.bearer(key("Ed25519").token(iss="Ed448")), BAD_SIGNATURE)


@pytest.mark.parametrize("form", ["JWK", "JWK text", "certificate"])
@pytest.mark.parametrize("alg", WITH_PUBLIC_KEY)
def test_a_key_may_be_given_in_any_form(envoy, form, alg):
    accepts(envoy[form], key(alg).token(iss=alg), alg)
    refused(envoy[form].bearer(key(alg, "foreign").token(iss=alg)), BAD_SIGNATURE)


@pytest.mark.parametrize("alg", RSA)
def test_an_rsa_key_may_be_given_as_pkcs1(envoy, alg):
    accepts(envoy["PKCS#1"], key(alg).token(iss=alg), alg)
    refused(envoy["PKCS#1"].bearer(key(alg, "foreign").token(iss=alg)), BAD_SIGNATURE)


@pytest.mark.parametrize("form", PEM_FORMS)
@pytest.mark.parametrize("kind", PEM_KINDS)
def test_white_space_in_pem_does_no_harm(envoy, kind, form):
    credential = f"{kind} {form}"
    accepts(envoy["PEM forms"], PEM_KINDS[kind][0].token(iss=credential), credential)


@pytest.mark.parametrize("form", BASE64_FORMS)
def test_a_secret_may_be_given_in_base64(envoy, form):
    accepts(envoy["base64"], Key("HS256", SECRET_OCTETS).token(iss=form), form)
    taken_as_text = Key("HS256", BASE64_FORMS[form].encode())
    refused(envoy["base64"].bearer(taken_as_text.token(iss=form)), BAD_SIGNATURE)


@pytest.mark.parametrize("credential", LISTENERS["secrets"]["consumers"][0]["jwt_secrets"], ids=lambda c: c["key"])
def test_a_secret_is_the_octets_of_its_text(envoy, credential):
    iss, text = credential["key"], credential["secret"]
    accepts(envoy["secrets"], Key("HS256", text.encode()).token(iss=iss), iss)
    refused(envoy["secrets"].bearer(Key("HS256", f"{text}?".encode()).token(iss=iss)), BAD_SIGNATURE)


@pytest.mark.parametrize("alg, bits", LARGE_RSA)
def test_larger_rsa_keys_verify(envoy, alg, bits):
    iss = f"{alg} {bits}"
    accepts(envoy["large RSA"], Key(alg, rsa_key(bits, "")).token(iss=iss), iss)
    refused(envoy["large RSA"].bearer(key(alg).token(iss=iss)), BAD_SIGNATURE)


def test_a_pss_signature_needs_the_salt_of_its_hash(listener):
    """RFC 7518 section 3.5: the salt is as long as the hash."""
    data = key("PS256").token(iss="PS256").rpartition(".")[0]
    for salt in (0, 20, 31, 33):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        signature = key("PS256").private.sign(data.encode(), pss, hashes.SHA256())
        refused(listener.bearer(with_signature(data, signature)), BAD_SIGNATURE)


def test_a_signature_in_standard_base64_is_refused(listener, alg, parts):
    data, signature = parts
    standard = base64.b64encode(signature + b"\xff\xff\xff").decode().rstrip("=")
    assert "/" in standard
    refused(listener.bearer(f"{data}.{standard}"), BAD_FORM)

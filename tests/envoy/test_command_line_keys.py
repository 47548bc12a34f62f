"""Keys and tokens of the command line against OpenSSL: what one side makes, the other reads and verifies."""

import base64
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from samples import ROOT
from tokens import ALGORITHMS, HASHES, ISSUER, Key, b64, key

PROGRAM = ROOT / "target" / "debug" / "jwt-auth"


@pytest.fixture(scope="module")
def jwt_auth():
    """Runs the program, which `make test-envoy` has built."""

    def run(*arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def alg_of(name):
    return "EdDSA" if name.startswith("Ed") else name


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verify(alg, public, data, signature):
    """Raises InvalidSignature unless the signature is the key's."""
    if alg[:2] in ("RS", "PS"):
        digest = HASHES[alg[2:]]()
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        public.verify(signature, data, pss if alg[:2] == "PS" else padding.PKCS1v15(), digest)
    elif alg.startswith("ES"):
        half = len(signature) // 2
        assert half == (public.key_size + 7) // 8
        r, s = (int.from_bytes(number, "big") for number in (signature[:half], signature[half:]))
        public.verify(encode_dss_signature(r, s), data, ec.ECDSA(HASHES[alg[2:]]()))
    else:
        public.verify(signature, data)


def block(text, label):
    begin, end = f"-----BEGIN {label}-----", f"-----END {label}-----\n"
    return (text[text.index(begin) : text.index(end)] + end).encode()


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if not name.startswith("HS")])
def test_openssl_reads_the_keys_and_verifies_the_tokens(jwt_auth, tmp_path, name):
    printed = jwt_auth("keygen", name)
    private = serialization.load_pem_private_key(block(printed, "PRIVATE KEY"), password=None)
    public = serialization.load_pem_public_key(block(printed, "PUBLIC KEY"))
    assert private.public_key() == public
    made = Key(alg_of(name), private)
    jwk = json.loads(printed.splitlines()[-1])
    assert {member: jwk[member] for member in made.jwk} == made.jwk

    (tmp_path / "key").write_text(printed)
    token = jwt_auth("token", "--key", tmp_path / "key", "--alg", made.alg, "--claim", "iss=a").strip()
    signing_input, signature = token.rsplit(".", 1)
    verify(made.alg, public, signing_input.encode(), decoded(signature))


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if not name.startswith("HS")])
def test_openssl_s_keys_sign_and_its_tokens_are_explained(jwt_auth, tmp_path, name):
    own = key(name, "command line")
    config = {"consumers": [{"username": "a", "jwt_secrets": [own.credential()]}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "key.pem").write_text(own.private_pem)
    by_program = jwt_auth("token", "--key", tmp_path / "key.pem", "--alg", own.alg, "--claim", f"iss={ISSUER}").strip()
    for token in (by_program, own.token()):
        explanation = jwt_auth("explain", "--format", "json", "--config", tmp_path / "config.json", "--token", token)
        assert json.loads(explanation)["verdict"]["passes"] is True
    signing_input, _ = by_program.rsplit(".", 1)
    forged = f"{signing_input}.{b64(own.sign(b'something else'))}"
    explanation = jwt_auth("explain", "--config", tmp_path / "config.json", "--token", forged, code=1)
    assert "✗ signature" in explanation


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_private_jwk_signs(jwt_auth, tmp_path, name):
    own = key(name, "command line")
    (tmp_path / "key.json").write_text(json.dumps(own.private_jwk))
    token = jwt_auth("token", "--key", tmp_path / "key.json", "--alg", own.alg).strip()
    signing_input, signature = token.rsplit(".", 1)
    if name.startswith("HS"):
        assert decoded(signature) == own.sign(signing_input.encode())
    else:
        verify(own.alg, own.public, signing_input.encode(), decoded(signature))
    broken = {member: value[: len(value) // 2] for member, value in own.private_jwk.items()}
    (tmp_path / "key.json").write_text(json.dumps({**broken, "kty": own.private_jwk["kty"]}))
    assert name.startswith("HS") or jwt_auth("token", "--key", tmp_path / "key.json", code=2) == ""


@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_macs_are_those_of_another_implementation(jwt_auth, name):
    own = key(name, "command line")
    token = jwt_auth("token", "--secret", own.private.decode(), "--alg", name).strip()
    signing_input, mac = token.rsplit(".", 1)
    assert decoded(mac) == own.sign(signing_input.encode())


@pytest.mark.parametrize("name", ["RS256", "ES256", "ES384", "ES512"])
def test_the_older_forms_of_private_keys_are_read_too(jwt_auth, tmp_path, name):
    own = key(name, "command line")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = own.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    token = jwt_auth("token", "--key", tmp_path / "key.pem").strip()
    signing_input, signature = token.rsplit(".", 1)
    verify(name, own.public, signing_input.encode(), decoded(signature))

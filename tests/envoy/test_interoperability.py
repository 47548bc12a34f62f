"""Tokens that other people's libraries have signed, through Envoy: docs/interoperability.md."""

import json
from pathlib import Path

import expect
import pytest
import tokens

FOLDER = Path(__file__).resolve().parents[1] / "interoperability" / "tokens"
LIBRARIES = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
LOG_LEVEL = "warning"


def key_of(library, made):
    """The token's `iss`, which names the credential."""
    return f"{library['library']}/{made['name']}"


def consumer(library):
    return {"username": library["library"], "jwt_secrets": [credential(library, made) for made in library["tokens"]]}


def credential(library, made):
    is_secret = isinstance(made["key"], dict) and made["key"].get("kty") == "oct"
    material = {"secret": made["key"]["k"]} if is_secret else {"rsa_public_key": made["key"]}
    return {"key": key_of(library, made), "algorithm": made["name"].split()[0], **material}


PLUGIN = {"secret_is_base64": True, "claims_to_verify": ["exp"], "consumers": [consumer(one) for one in LIBRARIES]}
LISTENERS = {
    "default": PLUGIN,
    # The module's own verification, where Envoy's is the default.
    "without the host": {**PLUGIN, "host_crypto": "off"},
}


def is_refused(library, made):
    """Its salt is as long as it can be, and not as long as the hash (RFC 7518 section 3.5)."""
    return library["library"] == "erlang-jose" and made["name"].startswith("PS")


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["library"])
def test_each_token_of_a_library_passes_and_none_that_is_forged(envoy, library, listener):
    for made in library["tokens"]:
        token = made["token"]
        tokens.SECRETS.update(part for part in token.split(".") if len(part) >= 16)
        response = envoy[listener].bearer(token)
        if is_refused(library, made):
            expect.refused(response, expect.BAD_SIGNATURE)
        else:
            expect.passed(response, {"username": library["library"]}, key_of(library, made))
        message, _, signature = token.rpartition(".")
        forged = f"{message}.{signature[:9]}{'B' if signature[9] == 'A' else 'A'}{signature[10:]}"
        expect.refused(envoy[listener].bearer(forged), expect.BAD_SIGNATURE)

"""Tokens that other people's libraries have signed, and key sets as issuers publish them, through Envoy:
docs/interoperability.md.
"""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import expect
import harness
import pytest
import tokens
from key_server import KeyServer

FOLDER = Path(__file__).resolve().parents[1] / "interoperability"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "interoperability.md"
LIBRARIES = [json.loads(path.read_text()) for path in sorted((FOLDER / "tokens").glob("*.json"))]
ISSUERS = [json.loads(path.read_text()) for path in sorted((FOLDER / "issuers").glob("*.json"))]
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


METADATA = "/.well-known/openid-configuration"


def usable(issuer):
    """How many keys of the issuer can be used, by the page."""
    row = re.search(rf"^\| {re.escape(issuer['name'])}, `[^`]+` \| [\d-]+ \| \d+ \| (\d+)", PAGE.read_text(), re.MULTILINE)
    return int(row[1])


def served(stack, issuer):
    """A server that answers as the issuer does."""
    server = stack.enter_context(KeyServer())
    server.set(METADATA, issuer["metadata"])
    server.set(urlsplit(issuer["metadata"]["jwks_uri"]).path, issuer["jwks"])
    return server


def discovering(number, issuer):
    name = issuer["metadata"]["issuer"]
    # Of an issuer with many tenants, a token names its own.
    key = {"key": f"client-{number}", "issuer": name} if "{" in name else {"key": name}
    uri = f"http://{urlsplit(name).netloc or name}{METADATA}"
    return {**key, "discovery": {"uri": uri, "cluster": f"issuer-{number}"}}


def test_the_key_set_of_each_issuer_is_discovered_with_the_keys_that_the_page_tells(upstream, tmp_path):
    with ExitStack() as stack:
        servers = [served(stack, issuer) for issuer in ISSUERS]
        credentials = [discovering(number, issuer) for number, issuer in enumerate(ISSUERS)]
        plugin = {"consumers": [{"username": "everybody", "jwt_secrets": credentials}]}
        clusters = {f"issuer-{number}": server.port for number, server in enumerate(servers)}
        envoy = stack.enter_context(harness.Envoy({"main": plugin}, upstream, tmp_path, clusters=clusters))
        for issuer, credential in zip(ISSUERS, credentials, strict=True):
            count = usable(issuer)
            keys = {0: "it has no usable key", 1: "1 key"}.get(count, f"{count} keys")
            envoy.wait_for_log(rf"key set {re.escape(credential['discovery']['uri'])}[^:]*: {keys}\b")
        for server, issuer in zip(servers, ISSUERS, strict=True):
            assert server.hosts[urlsplit(issuer["metadata"]["jwks_uri"]).path] == urlsplit(issuer["metadata"]["jwks_uri"]).netloc

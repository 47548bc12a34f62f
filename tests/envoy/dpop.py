"""Makes proofs of possession (RFC 9449), good ones and bad ones."""

import hashlib
import itertools
import json

from tokens import ISSUER, b64, compact, in_seconds, key

CLIENT, OTHER = key("ES256", "DPoP client"), key("ES256", "another DPoP client")
# As the value of a member of header or claims: it is left out.
ABSENT = object()

_numbers = itertools.count()


def thumbprint(signer):
    """RFC 7638: the hash of what makes up the key, its members in their order."""
    names = {"EC": "crv kty x y", "RSA": "e kty n", "OKP": "crv kty x", "AKP": "alg kty pub"}[signer.jwk["kty"]].split()
    members = {name: signer.jwk[name] for name in names}
    return b64(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def bound(signer, client=CLIENT, **claims):
    """A token that is bound to the key of a client."""
    return signer.token({"iss": ISSUER, **claims, "cnf": {"jkt": thumbprint(client)}})


def proof(token, client=CLIENT, header=None, sign=None, **claims):
    """A proof of the client for a request with the token, with members that may be others or absent."""
    header = {"typ": "dpop+jwt", "alg": client.alg, "jwk": client.jwk, **(header or {})}
    usual = {"jti": f"{next(_numbers)} {in_seconds(0)}", "htm": "GET", "htu": "http://service.example.com/", "iat": in_seconds(0)}
    usual["ath"] = b64(hashlib.sha256(token.encode()).digest())
    return compact(_present(header), _present({**usual, **claims}), sign or client.sign)


def _present(members):
    return {name: value for name, value in members.items() if value is not ABSENT}

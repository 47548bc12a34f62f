"""`make token`: prints a token for the demo credential of envoy/envoy.yaml.

Environment:
  ALG     RS256 (default; the only one that the credential accepts), RS384, RS512, PS256, PS384, PS512: signed with
          the demo key. HS256, HS384, HS512: the public key taken for a shared secret, an old attack. none: unsigned.
  EXP     when the token expires, from now: 3600, 90s, 5m, 1h (default), 7d; -1h for one that has expired.
  CLAIMS  a JSON object whose members are added to the claims or replace them; null removes one.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import sys
import time
from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent / "envoy" / "demo"
ISSUER = "https://auth.example.com"
ALGORITHMS = [family + size for family in ("RS", "PS", "HS") for size in ("256", "384", "512")] + ["none"]
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class BadValue(Exception):
    """A variable with a value that is none; the text says which, and what is expected."""


def variable(name: str, default: str) -> str:
    return os.environ.get(name) or default


def algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise BadValue(f"ALG={text}: expected one of {', '.join(ALGORITHMS)} (the demo key is an RSA key)")
    return text


def seconds(text: str) -> int:
    match = re.fullmatch(r"([+-]?[0-9]{1,10})([smhd]?)", text)
    if not match:
        raise BadValue(f"EXP={text}: expected seconds from now, or a time such as 90s, 5m, 1h, 7d or -1h")
    return int(match[1]) * SECONDS[match[2]]


def changes(text: str) -> dict[str, object]:
    expected = """expected a JSON object such as '{"sub":"x"}'"""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)  # Python reads NaN and 1e400, which JSON cannot say
    except ValueError as error:
        raise BadValue(f"CLAIMS: {error}; {expected}") from None
    if not isinstance(value, dict):
        raise BadValue(f"CLAIMS={text}: {expected}")
    return value


def claims(lifetime: int, changed: dict[str, object]) -> dict[str, object]:
    now = int(time.time())
    merged = {"iss": ISSUER, "sub": "demo", "iat": now, "exp": now + lifetime} | changed
    return {name: value for name, value in merged.items() if value is not None}


def sign(alg: str, signing_input: bytes) -> bytes:
    if alg == "none":
        return b""
    if alg.startswith("HS"):
        secret = (DEMO / "public-key.pem").read_bytes()
        return hmac.digest(secret, signing_input, f"sha{alg[2:]}")
    return sign_with_demo_key(alg, signing_input)


def sign_with_demo_key(alg: str, signing_input: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = getattr(hashes, f"SHA{alg[2:]}")()
    key = serialization.load_pem_private_key((DEMO / "private-key.pem").read_bytes(), password=None)
    if alg.startswith("PS"):
        # RFC 7518, section 3.5: the salt is as long as the hash.
        return key.sign(signing_input, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return key.sign(signing_input, padding.PKCS1v15(), digest)


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(alg: str, payload: dict[str, object]) -> str:
    header = {"alg": alg, "typ": "JWT"}
    signing_input = b".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
    return (signing_input + b"." + base64url(sign(alg, signing_input))).decode()


def main() -> int:
    try:
        alg = algorithm(variable("ALG", "RS256"))
        payload = claims(seconds(variable("EXP", "1h")), changes(variable("CLAIMS", "{}")))
        print(token(alg, payload))
    except BadValue as bad:
        print(bad, file=sys.stderr)
        return 2
    except ModuleNotFoundError as missing:
        print(f"The Python package {missing.name} is missing; `make token` installs it.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

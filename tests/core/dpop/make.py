"""Makes proofs.json: a token that is bound to a key, and proofs for it by their names, good ones and bad ones. Keys are made
anew each time. They are signed by OpenSSL, through `cryptography`: another implementation than the filter's.

    .venv/bin/python tests/core/dpop/make.py > tests/core/dpop/proofs.json
"""

import base64
import json
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "envoy"))

import dpop  # noqa: E402
from dpop import ABSENT, CLIENT, OTHER, thumbprint  # noqa: E402
from tokens import Key, b64, compact, key  # noqa: E402

NOW = 1_700_000_000
SECRET = base64.urlsafe_b64decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==")
HS256 = Key("HS256", SECRET)


def token_of(client, **claims):
    return HS256.token({"iss": "joe", "cnf": {"jkt": thumbprint(client)}, **claims})


TOKEN = token_of(CLIENT)
proof = partial(dpop.proof, **{"token": TOKEN, "jti": "e1j3V_bKic8-LAEB", "htu": "https://api.example.com/orders", "iat": NOW})


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "==="))


good = proof()
head, payload, signature = good.split(".")
symmetric = {"kty": "oct", "k": b64(b"a secret that the attacker knows")}
p384 = key("ES384", "client")
proofs = {
    "good": good,
    "good, later": proof(jti="another"),
    "two parts": f"{head}.{payload}",
    "no base64url": f"{head}.{payload}=.{signature}",
    "claims are a list": compact(decoded(head), "[]", CLIENT.sign),
    "a claim twice": compact(decoded(head), json.dumps(decoded(payload))[:-1] + ',"jti":"b"}', CLIENT.sign),
    "crit": proof(header={"crit": ["x"], "x": 1}),
    "b64": proof(header={"b64": False}),
    **{f"typ {typ}": proof(header={"typ": typ}) for typ in ["JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", 7, ""]},
    **{f"no {name}": proof(header={name: ABSENT}) for name in ["typ", "alg", "jwk"]},
    **{f"no {name}": proof(**{name: ABSENT}) for name in ["jti", "htm", "htu", "iat", "ath"]},
    **{f"{name} {value}": proof(**{name: value}) for name, value in [
        ("jti", 7), ("jti", ""), ("jti", None), ("htm", ["GET"]), ("htu", 7), ("iat", str(NOW)), ("iat", None), ("ath", 7)]},
    "jti of 256 bytes": proof(jti="j" * 256),
    "jti of 257 bytes": proof(jti="j" * 257),
    "alg none": proof(header={"alg": "none"}, sign=lambda _: b""),
    "alg HS256 with its secret": proof(header={"alg": "HS256", "jwk": symmetric}, sign=Key("HS256", b"a secret that the attacker knows").sign),
    "alg HS256 with the public key": proof(header={"alg": "HS256"}, sign=Key("HS256", CLIENT.spki.encode()).sign),
    "alg ES384": proof(client=p384),
    "alg of another key": proof(client=p384, header={"alg": "ES256"}),
    "signed by another key": proof(sign=OTHER.sign),
    "of another key": proof(client=OTHER),
    "changed": f"{head}.{proof(jti='changed').split('.')[1]}.{signature}",
    "signature in DER": proof(sign=CLIENT.sign_der),
    "no signature": f"{head}.{payload}.",
    "private jwk": proof(header={"jwk": CLIENT.private_jwk}),
    "symmetric jwk": proof(header={"jwk": symmetric}),
    "jwk as text": proof(header={"jwk": json.dumps(CLIENT.jwk)}),
    "jwk without y": proof(header={"jwk": {name: CLIENT.jwk[name] for name in ["kty", "crv", "x"]}}),
    **{f"htm {htm}": proof(htm=htm) for htm in ["POST", "get", "GET ", ""]},
    **{f"htu {htu}": proof(htu=htu) for htu in [
        "HTTPS://API.example.com:443/orders?a=b#c", "https://api.example.com/%6Frders", "http://api.example.com/orders",
        "https://api.example.com:8443/orders", "https://other.example.com/orders", "https://api.example.com/orders/",
        "https://api.example.com/Orders", "https://api.example.com/other", "https://u@api.example.com/orders", "/orders",
        "https://internal:8080/orders", ""]},
    **{f"iat {offset:+}": proof(iat=NOW + offset) for offset in [-61, -60, -1, 1, 60, 61]},
    "iat 1e400": compact(decoded(head), json.dumps({**decoded(payload), "iat": "?"}).replace('"?"', "1e400"), CLIENT.sign),
    "for another token": proof(token=token_of(CLIENT, x=1)),
    **{f"nonce {nonce}": proof(nonce=nonce) for nonce in ["", 7, "made up"]},
}  # fmt: skip
clients = {alg: key(alg, "client") for alg in ["ES384", "ES512", "PS256", "RS256", "Ed25519", "Ed448", "ML-DSA-44"]}
tokens = {alg: token_of(client) for alg, client in clients.items()}
by_algorithm = {alg: [tokens[alg], proof(token=tokens[alg], client=client)] for alg, client in clients.items()}
print(json.dumps({"token": TOKEN, "unbound": HS256.token({"iss": "joe"}), "proofs": proofs, "by_algorithm": by_algorithm}, indent=1))

"""Prints tokens that a library for Python has signed, for each algorithm that it and the filter know: make.py PyJWT|joserfc|jwcrypto.

The keys are made anew each time, by the library where it makes keys.
"""

import base64
import json
import secrets
import sys
from importlib.metadata import version

EXP = 4102444800  # 2100-01-01
HMACS, RSA = ["HS256", "HS384", "HS512"], ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
ED = ["Ed25519", "Ed448"]
ML_DSA = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]


def claims(library, name):
    return {"iss": f"{library}/{name}", "sub": "interoperability", "exp": EXP}


def pyjwt():
    import jwt
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    def one(name, alg, private):
        if isinstance(private, bytes):
            key = {"kty": "oct", "k": base64.urlsafe_b64encode(private).rstrip(b"=").decode()}
        else:
            spki = serialization.PublicFormat.SubjectPublicKeyInfo
            key = private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
        return {"name": name, "key": key, "token": jwt.encode(claims("PyJWT", name), private, alg)}

    yield from (one(alg, alg, secrets.token_bytes(64)) for alg in HMACS)
    private = rsa.generate_private_key(65537, 2048)
    yield from (one(alg, alg, private) for alg in RSA)
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    yield from (one(alg, alg, ec.generate_private_key(curve)) for alg, curve in curves.items())
    yield one("EdDSA on Ed25519", "EdDSA", ed25519.Ed25519PrivateKey.generate())
    yield one("EdDSA on Ed448", "EdDSA", ed448.Ed448PrivateKey.generate())


def joserfc():
    from joserfc import jwt
    from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
    from joserfc.jws import JWSRegistry

    def one(name, alg, key):
        token = jwt.encode({"alg": alg}, claims("joserfc", name), key, registry=JWSRegistry(algorithms=[alg]))
        return {"name": name, "key": key.as_dict(private=isinstance(key, OctKey)), "token": token}

    yield from (one(alg, alg, OctKey.generate_key(512)) for alg in HMACS)
    rsa = RSAKey.generate_key(2048)
    yield from (one(alg, alg, rsa) for alg in RSA)
    yield from (one(alg, alg, ECKey.generate_key(curve)) for alg, curve in CURVES.items())
    yield from (one(f"EdDSA on {curve}", "EdDSA", OKPKey.generate_key(curve)) for curve in ED)
    yield from (one(curve, curve, OKPKey.generate_key(curve)) for curve in ED)


def jwcrypto():
    from jwcrypto.jwk import JWK
    from jwcrypto.jws import default_allowed_algs
    from jwcrypto.jwt import JWT

    def one(name, alg, key):
        token = JWT(header={"alg": alg}, claims=claims("jwcrypto", name), algs=[*default_allowed_algs, alg])
        token.make_signed_token(key)
        known = key.export(as_dict=True) if alg in HMACS else key.export_public(as_dict=True)
        return {"name": name, "key": known, "token": token.serialize()}

    yield from (one(alg, alg, JWK.generate(kty="oct", size=512)) for alg in HMACS)
    rsa = JWK.generate(kty="RSA", size=2048)
    yield from (one(alg, alg, rsa) for alg in RSA)
    yield from (one(alg, alg, JWK.generate(kty="EC", crv=curve)) for alg, curve in CURVES.items())
    yield from (one(f"EdDSA on {curve}", "EdDSA", JWK.generate(kty="OKP", crv=curve)) for curve in ED)
    yield from (one(curve, curve, JWK.generate(kty="OKP", crv=curve)) for curve in ED)
    yield from (one(alg, alg, JWK.generate(kty="AKP", alg=alg)) for alg in ML_DSA)


library = sys.argv[1]
make = {"PyJWT": pyjwt, "joserfc": joserfc, "jwcrypto": jwcrypto}[library]
made = {"library": library, "language": "Python", "version": version(library), "tokens": list(make())}
print(json.dumps(made, indent=1))

"""Makes tokens, good ones and every kind of bad one. They are signed by OpenSSL, through `cryptography`: another
implementation than the filter's.

Whatever is secret in them is noted in `SECRETS`, for the tests to look for where it must not be.
"""

import base64
import datetime
import hmac
import json
import time
from dataclasses import dataclass
from functools import cache, cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://auth.example.com"
SECRETS = set()

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
ML_DSA = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}


def b64(data):
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_json(value):
    """Compact JSON; a str is taken for JSON already, bytes for what is to stand there instead of it."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode()


def compact(header, claims, sign):
    """The compact serialization of header, claims and what `sign` makes of the two."""
    signing_input = f"{b64(as_json(header))}.{b64(as_json(claims))}"
    return with_signature(signing_input, sign(signing_input.encode()))


def with_signature(signing_input, signature):
    """The compact serialization of what was signed and a signature, which need not belong together."""
    token = f"{signing_input}.{b64(signature)}"
    SECRETS.update(part for part in [token, *token.split(".")[1:]] if 16 <= len(part) <= 10_000)
    return token


def in_seconds(seconds):
    """A NumericDate that far from now, whole and rounded down, as the filter's clock is."""
    return int(time.time()) + seconds


@dataclass(frozen=True)
class Key:
    """A signing key of one algorithm; `private` is a private key of `cryptography`, or the octets of a secret."""

    alg: str
    private: object

    def sign(self, data):
        """The signature as a JWS holds it."""
        if self.alg.startswith("HS"):
            return hmac.digest(self.private, data, f"sha{self.alg[2:]}")
        if self.alg.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), self._hash)
        if self.alg.startswith("PS"):
            return self.private.sign(data, padding.PSS(padding.MGF1(self._hash), padding.PSS.DIGEST_LENGTH), self._hash)
        if self.alg.startswith("ES"):
            return self.fixed_length(*decode_dss_signature(self.sign_der(data)))
        return self.private.sign(data)

    def sign_der(self, data):
        """An ECDSA signature as X.509 has it and a JWS must not."""
        return self.private.sign(data, ec.ECDSA(self._hash))

    def fixed_length(self, r, s):
        """r and s side by side, each as long as the curve's coordinates (RFC 7518 section 3.4)."""
        return r.to_bytes(self._octets, "big") + s.to_bytes(self._octets, "big")

    def token(self, claims=None, header=None, **more_claims):
        """A token of this key; `claims` and `header` may be JSON text or octets, to be signed as they are."""
        if claims is None:
            claims = {"iss": ISSUER, **more_claims}
        if header is None or isinstance(header, dict):
            header = {"alg": self.alg, "typ": "JWT", **(header or {})}
        return compact(header, claims, self.sign)

    @property
    def _hash(self):
        return HASHES[self.alg[2:]]()

    @property
    def _octets(self):
        return (self.private.key_size + 7) // 8

    @cached_property
    def public(self):
        return self.private.public_key()

    @cached_property
    def spki(self):
        return self._public_pem(serialization.PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def pkcs1(self):
        return self._public_pem(serialization.PublicFormat.PKCS1)

    @cached_property
    def spki_der(self):
        return self.public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def private_pem(self):
        return _noted(
            self.private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
        )

    @cached_property
    def certificate(self):
        """A self-signed certificate of the key, as PEM."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
        start = datetime.datetime(2024, 1, 1)
        plain = isinstance(self.private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
        certificate = (
            x509.CertificateBuilder(name, name, self.public, x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=36500))
            .sign(self.private, hashes.SHA256() if plain else None)
        )
        return _noted(certificate.public_bytes(serialization.Encoding.PEM).decode())

    def _public_pem(self, form):
        return _noted(self.public.public_bytes(serialization.Encoding.PEM, form).decode())

    @cached_property
    def jwk(self):
        """The public key as a JWK (RFC 7517, RFC 8037, RFC 9964)."""
        numbers = getattr(self.public, "public_numbers", lambda: None)()
        if isinstance(self.private, rsa.RSAPrivateKey):
            jwk = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        elif isinstance(self.private, ec.EllipticCurvePrivateKey):
            x, y = (_number(number, self._octets) for number in (numbers.x, numbers.y))
            jwk = {"kty": "EC", "crv": f"P-{self.private.key_size}", "x": x, "y": y}
        elif self.alg in ML_DSA:
            jwk = {"kty": "AKP", "alg": self.alg, "pub": b64(self.public.public_bytes_raw())}
        else:
            curve = "Ed448" if isinstance(self.private, ed448.Ed448PrivateKey) else "Ed25519"
            jwk = {"kty": "OKP", "crv": curve, "x": b64(self.public.public_bytes_raw())}
        SECRETS.update(value for value in jwk.values() if len(value) >= 32)
        return jwk

    @cached_property
    def private_jwk(self):
        """The private key, or the secret, as a JWK."""
        if self.alg.startswith("HS"):
            return {"kty": "oct", "k": b64(self.private)}
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.private_numbers()
            return {**self.jwk, **{name: _number(getattr(numbers, name)) for name in ("d", "p", "q")}}
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return {**self.jwk, "d": _number(self.private.private_numbers().private_value, self._octets)}
        return {**self.jwk, "priv" if self.alg in ML_DSA else "d": b64(self.private.private_bytes_raw())}

    def credential(self, key=ISSUER, public=None):
        """The key as an entry of `jwt_secrets`."""
        if self.alg.startswith("HS"):
            material = {"secret": self.private.decode()}
        else:
            material = {"rsa_public_key": public or self.spki}
        return {"key": key, "algorithm": self.alg, **material}


def _number(number, octets=None):
    return b64(number.to_bytes(octets or (number.bit_length() + 7) // 8, "big"))


def _noted(pem):
    SECRETS.update(line for line in pem.splitlines() if len(line) == 64)
    return pem


def secret(text, alg="HS256"):
    """An HMAC key."""
    SECRETS.add(text)
    return Key(alg, text.encode())


def key(alg, which=""):
    """The key of an algorithm, always the same one for the same arguments; EdDSA's are called Ed25519 and Ed448."""
    return _key(alg, which)


@cache
def _key(alg, which):
    if alg.startswith("HS"):
        return secret(f"a secret of {alg} {which} that is long enough for anyone's taste, SHA-512 included", alg)
    if alg in ("Ed25519", "Ed448"):
        curve = ed448.Ed448PrivateKey if alg == "Ed448" else ed25519.Ed25519PrivateKey
        return Key("EdDSA", curve.generate())
    if alg in ML_DSA:
        return Key(alg, ML_DSA[alg].generate())
    if alg in CURVES:
        return Key(alg, ec.generate_private_key(CURVES[alg]()))
    return Key(alg, rsa_key(2048, which))


@cache
def rsa_key(bits, which):
    """RSA keys take long to make, so all RSA algorithms share theirs."""
    return rsa.generate_private_key(65537, bits)


ALGORITHMS = [
    *[family + size for family in ("HS", "RS", "PS", "ES") for size in HASHES],
    *["Ed25519", "Ed448", *ML_DSA],
]

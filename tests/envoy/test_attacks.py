"""Known attacks on JWT: each is refused, and none reaches the upstream."""

import json
from itertools import product
from urllib.parse import quote

import pytest

import client
from consumers import CLIENT_APP, HS256, plugin
from expect import BAD_ALG, BAD_B64, BAD_CRIT, BAD_FORM, BAD_JSON, BAD_SIGNATURE, WRONG_ALGORITHM, passed, refused
from tokens import ISSUER, Key, as_json, b64, compact, key, with_signature

VICTIMS = ["HS256", "RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519", "Ed448", "ML-DSA-44"]
OTHER_CONSUMER = {"username": "Other", "jwt_secrets": [key("HS256", "other").credential("other")]}

LISTENERS = {
    "default": plugin(
        {"username": "Victim", "jwt_secrets": [key(alg).credential(alg) for alg in VICTIMS]},
        CLIENT_APP,
        OTHER_CONSUMER,
        cookie_names=["jwt"],
    ),
}


@pytest.fixture
def attack(envoy):
    """Sends a token in every place and over both versions of HTTP; it is refused everywhere with the same message."""

    def attack(token, message):
        listener = envoy["default"]
        refused(listener.bearer(token), message)
        refused(listener.bearer(token, using=client.http2), message)
        refused(listener.send(headers=[("cookie", f"jwt={token}")]), message)
        refused(listener.send(path=f"/?jwt={quote(token)}"), message)

    return attack


@pytest.mark.parametrize("alg", VICTIMS)
def test_the_victims_own_tokens_pass(envoy, alg):
    """Shows that it is the attack that is refused below, not the token that it starts from."""
    passed(envoy["default"].bearer(key(alg).token(iss=alg)), {"username": "Victim"}, alg)


# --- alg: none (RFC 8725 section 2.1)


@pytest.mark.parametrize("signature", [b"", b"x", bytes(32)], ids=["empty", "short", "zeros"])
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "non\u0435", "NoNe\n", ""])
def test_alg_none(attack, alg, signature):
    for victim in ("HS256", "RS256"):
        attack(compact({"alg": alg, "typ": "JWT"}, {"iss": victim}, lambda _: signature), BAD_ALG)


def test_alg_none_that_keeps_a_good_signature(attack):
    attack(HS256.token(header={"alg": "none"}), BAD_ALG)


# --- Stripped signatures


@pytest.mark.parametrize("alg", VICTIMS)
def test_a_stripped_signature(attack, alg):
    signing_input = key(alg).token(iss=alg).rpartition(".")[0]
    attack(f"{signing_input}.", BAD_SIGNATURE)
    attack(signing_input, BAD_JSON)


# --- Algorithm confusion: a public key taken for an HMAC secret (RFC 8725 section 2.1)


def public_texts(signer):
    texts = {
        "SPKI PEM": signer.spki,
        "SPKI PEM without the last newline": signer.spki.strip(),
        "SPKI PEM with CRLF": signer.spki.replace("\n", "\r\n"),
        "SPKI PEM in one line": signer.spki.replace("\n", ""),
        "SPKI PEM body": "".join(signer.spki.splitlines()[1:-1]),
        "SPKI DER": signer.spki_der,
        "certificate": signer.certificate,
        "JWK": json.dumps(signer.jwk, separators=(",", ":")),
    }
    if signer.alg == "RS256":
        texts["PKCS#1 PEM"] = signer.pkcs1
    return {name: text if isinstance(text, bytes) else text.encode() for name, text in texts.items()}


@pytest.mark.parametrize("hmac", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "Ed25519", "ML-DSA-44"])
def test_a_public_key_is_never_a_secret(envoy, attack, alg, hmac):
    for text in [*public_texts(key(alg)).values(), b"", b"\0"]:
        attack(Key(hmac, text).token(iss=alg), WRONG_ALGORITHM)
        # The same signature under the name of the credential's own algorithm.
        lying = Key(hmac, text).token({"iss": alg}, header=json.dumps({"alg": key(alg).alg}))
        refused(envoy["default"].bearer(lying), BAD_SIGNATURE)


def test_a_pkcs1_signature_does_not_pass_as_pss_nor_the_other_way_round(attack):
    attack(key("RS256").token({"iss": "PS256"}, header='{"alg":"PS256"}'), BAD_SIGNATURE)
    attack(key("PS256").token({"iss": "RS256"}, header='{"alg":"RS256"}'), BAD_SIGNATURE)


# --- ECDSA

ECDSA = ["ES256", "ES384", "ES512"]


def group_order(alg):
    return key(alg).private.curve.group_order


@pytest.mark.parametrize("alg", ECDSA)
def test_r_and_s_of_zero_one_and_the_group_order(attack, alg):
    """CVE-2022-21449: zeros passed for any message and any key."""
    order = group_order(alg)
    edge = [0, 1, order - 1, order, order + 1]
    for r, s in product(edge, edge):
        signature = key(alg).fixed_length(r, s)
        attack(compact({"alg": alg}, {"iss": alg}, lambda _, signature=signature: signature), BAD_SIGNATURE)


def test_a_good_r_with_an_s_beyond_the_group_order(attack, alg="ES512"):
    """s and s + n are the same modulo n. On P-521 there is room for it in the fixed length; elsewhere hardly ever."""
    data = key(alg).token(iss=alg).rpartition(".")[0]
    size = len(key(alg).sign(b"")) // 2
    signature = key(alg).sign(data.encode())
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    attack(with_signature(data, key(alg).fixed_length(r, s + group_order(alg))), BAD_SIGNATURE)


@pytest.mark.parametrize("alg", ECDSA)
def test_a_der_signature(attack, alg):
    data = key(alg).token(iss=alg).rpartition(".")[0]
    attack(with_signature(data, key(alg).sign_der(data.encode())), BAD_SIGNATURE)


@pytest.mark.parametrize("alg", ECDSA)
def test_r_and_s_in_the_wrong_order_or_with_more_zeros(attack, alg):
    data = key(alg).token(iss=alg).rpartition(".")[0]
    signature = key(alg).sign(data.encode())
    r, s = signature[: len(signature) // 2], signature[len(signature) // 2 :]
    attack(with_signature(data, s + r), BAD_SIGNATURE)
    attack(with_signature(data, b"\0" + r + b"\0" + s), BAD_SIGNATURE)


@pytest.mark.parametrize("alg, order", [
    ("Ed25519", 2**252 + 27742317777372353535851937790883648493),
    ("Ed448", 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885),
])  # fmt: skip
def test_a_malleable_eddsa_signature(attack, alg, order):
    """RFC 8032 sections 5.1.7 and 5.2.7: S must be below the group order."""
    data = key(alg).token(iss=alg).rpartition(".")[0]
    signature = key(alg).sign(data.encode())
    half = len(signature) // 2
    s = int.from_bytes(signature[half:], "little") + order
    attack(with_signature(data, signature[:half] + s.to_bytes(half, "little")), BAD_SIGNATURE)


# --- Base64 that other decoders forgive

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def with_spare_bit(part):
    """The same octets, with a bit set that no octet has."""
    assert len(part) % 4, "this part has no spare bits"
    return part[:-1] + ALPHABET[ALPHABET.index(part[-1]) ^ 1]


@pytest.fixture
def spare():
    """A token each part of which has spare bits, and its parts."""
    header, claims = {"alg": "HS256", "x": ""}, {"iss": ISSUER, "x": ""}
    for members in (header, claims):
        while len(as_json(members)) % 3 == 0:
            members["x"] += "x"
    token = compact(header, claims, HS256.sign)
    return token.split(".")


def test_a_token_with_zero_spare_bits_passes(envoy, spare):
    passed(envoy["default"].bearer(".".join(spare)), CLIENT_APP)


def unreadable(token, good):
    """What a token is answered that was made unreadable: header and claims are looked at before the signature."""
    return BAD_FORM if token.split(".", 2)[:2] == good[:2] else BAD_JSON


@pytest.mark.parametrize("part", range(3), ids=["header", "claims", "signature"])
def test_changed_spare_bits(attack, spare, part):
    changed = [with_spare_bit(text) if index == part else text for index, text in enumerate(spare)]
    attack(".".join(changed), unreadable(".".join(changed), spare))
    if part < 2:  # signed with the spare bits, so that only the base64 is wrong
        signing_input = ".".join(changed[:2])
        attack(with_signature(signing_input, HS256.sign(signing_input.encode())), BAD_JSON)


@pytest.mark.parametrize("extra", ["=", "==", ".", "%", "+", "/", "\n", "\r\n", "\t", " ", "\0", "\u00e9"])
@pytest.mark.parametrize("part", range(3), ids=["header", "claims", "signature"])
def test_padding_white_space_and_other_additions(envoy, spare, part, extra):
    for at in (0, 4, len(spare[part])):
        changed = [text[:at] + extra + text[at:] if index == part else text for index, text in enumerate(spare)]
        token = ".".join(changed)
        refused(envoy["default"].send(path=f"/?jwt={quote(token)}"), unreadable(token, spare))


@pytest.mark.parametrize("padding", ["=", "==", "==="])
@pytest.mark.parametrize("part", range(3), ids=["header", "claims", "signature"])
def test_padding(attack, spare, part, padding):
    token = ".".join(text + padding if index == part else text for index, text in enumerate(spare))
    attack(token, unreadable(token, spare))


# --- JSON that parsers read differently


def test_a_duplicate_iss(attack):
    for first, second in [("other", ISSUER), (ISSUER, "other"), (ISSUER, ISSUER)]:
        attack(HS256.token(f'{{"iss":"{first}","iss":"{second}"}}'), BAD_JSON)
        attack(HS256.token(f'{{"iss":"{first}","\\u0069ss":"{second}"}}'), BAD_JSON)


def test_a_duplicate_alg(attack):
    attack(HS256.token(header='{"alg":"none","alg":"HS256"}'), BAD_JSON)
    attack(HS256.token(header='{"alg":"HS256","\\u0061lg":"none"}'), BAD_JSON)


@pytest.mark.parametrize(
    "claims",
    ['{"iss":"%s",}', '{"iss":"%s"}//', '/**/{"iss":"%s"}', "{'iss':'%s'}", '{iss:"%s"}', '{"iss":"%s"}{}']
    + ['\ufeff{"iss":"%s"}', '{"iss":"%s","a":NaN}', '{"iss":"%s","a":01}', '{"iss":"%s","a":"\n"}', '{"iss":"%s"\0}'],
)
def test_what_only_lenient_parsers_take_for_json(attack, claims):
    attack(HS256.token(claims % ISSUER), BAD_JSON)


# --- Keys that the token brings along (RFC 8725 section 3.10)


def embedded(signer):
    certificate = "".join(signer.certificate.splitlines()[1:-1])
    return {
        "jwk": {"jwk": signer.jwk},
        "jku": {"jku": "https://attacker.example.com/jwks.json", "kid": "1"},
        "x5c": {"x5c": [certificate]},
        "x5u": {"x5u": "https://attacker.example.com/certificate.pem"},
        "all of them": {"jwk": {**signer.jwk, "kid": "1"}, "x5c": [certificate], "kid": "1"},
    }


@pytest.mark.parametrize("way", embedded(key("RS256", "attacker")))
@pytest.mark.parametrize("alg", ["RS256", "ES256", "Ed25519"])
def test_a_key_in_the_header_is_not_used(envoy, attack, alg, way):
    attacker = key(alg, "attacker")
    attack(attacker.token({"iss": alg}, header=embedded(attacker)[way]), BAD_SIGNATURE)
    # It does not disturb either.
    honest = key(alg).token({"iss": alg}, header=embedded(attacker)[way])
    passed(envoy["default"].bearer(honest), {"username": "Victim"}, alg)


@pytest.mark.parametrize("kid", ["../../../../dev/null", "' OR '1'='1", "/dev/zero", "\0", "x" * 5000])
def test_a_kid_leads_nowhere(attack, kid):
    attack(Key("HS256", b"").token({"iss": "HS256"}, header={"kid": kid}), BAD_SIGNATURE)


# --- Extensions (RFC 7515 section 4.1.11, RFC 7797)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["x"], [], "exp", None, ["alg", "alg"], {"a": 1}])
def test_crit(attack, crit):
    attack(HS256.token(header={"crit": crit, "x": 1}), BAD_CRIT)


def test_crit_with_b64_false(attack):
    attack(HS256.token(header={"crit": ["b64"], "b64": False}), BAD_CRIT)


def test_b64_false(attack):
    attack(HS256.token(header={"b64": False}), BAD_B64)


def test_b64_false_with_a_payload_that_is_not_encoded(attack):
    signing_input = b64(as_json({"alg": "HS256", "b64": False})) + '.{"iss":"other"}'
    attack(f"{signing_input}.{b64(key('HS256', 'other').sign(signing_input.encode()))}", BAD_JSON)


# --- Other serializations


def test_a_jwe(attack):
    """RFC 7516: five parts."""
    for alg, enc in [("dir", "A256GCM"), ("RSA-OAEP-256", "A128CBC-HS256"), ("HS256", "none")]:
        header = b64(as_json({"alg": alg, "enc": enc, "iss": ISSUER}))
        attack(".".join([header, b64(b"key"), b64(bytes(12)), b64(b"text"), b64(bytes(16))]), BAD_JSON)
        attack(".".join([header, "", b64(bytes(12)), b64(b"text"), b64(bytes(16))]), BAD_JSON)


def test_a_nested_jwt_is_not_unwrapped(attack):
    attack(HS256.token(HS256.token().encode(), header={"cty": "JWT"}), BAD_JSON)


def test_a_json_serialized_jws(envoy):
    """RFC 7515 section 7.2, general and flattened."""
    header, payload, signature = HS256.token().split(".")
    flattened = {"payload": payload, "protected": header, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    for serialized in (json.dumps(form, separators=(",", ":")) for form in (flattened, general)):
        refused(envoy["default"].bearer(serialized), BAD_JSON)
        refused(envoy["default"].send(path=f"/?jwt={quote(serialized)}"), BAD_JSON)
        refused(envoy["default"].bearer(b64(serialized.encode())), BAD_JSON)


# --- One's own key, somebody else's name


def test_a_token_that_names_another_consumer(attack):
    other = key("HS256", "other")
    attack(other.token(), BAD_SIGNATURE)
    attack(other.token({"iss": "RS256"}, header='{"alg":"RS256"}'), BAD_SIGNATURE)
    attack(other.token(header={"iss": "other", "kid": "other"}), BAD_SIGNATURE)


def test_a_token_with_two_identities_is_of_the_one_that_signed(envoy):
    token = key("HS256", "other").token({"iss": "other", "sub": ISSUER, "client_id": ISSUER}, header={"iss": ISSUER})
    passed(envoy["default"].bearer(token), OTHER_CONSUMER, "other")


def test_a_token_of_one_filter_is_nothing_to_another_credential(attack):
    for alg in VICTIMS:
        for claimed in {"RS256", "ES256", "Ed25519"} - {alg}:
            lying = key(alg).token({"iss": claimed}, header=json.dumps({"alg": key(claimed).alg}))
            attack(lying, BAD_SIGNATURE)

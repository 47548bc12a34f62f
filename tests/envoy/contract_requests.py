"""Policies and requests for the contract run, drawn from a seed. What a request is answered is not known here."""

import base64
import json
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import padding

from contract_model import IDENTITY, Gateway, Request
from harness import PREFLIGHT
from tokens import ALGORITHMS, HASHES, ISSUER, Key, as_json, b64, in_seconds, key, rsa_key, with_signature

SUBPROTOCOL = "base64url.bearer.authorization.k8s.io."
PLACES = {
    "token_headers": [{"name": "x-assertion"}, {"name": "authorization", "prefix": "JWT"}],
    "websocket_protocols": [{"name": "bearer"}, {"prefix": SUBPROTOCOL, "base64url": True}],
    "split_cookies": [{"name": "session"}],
}

# --- Consumers, each with the keys that sign for it


def _consumers():
    for number, alg in enumerate(ALGORITHMS):
        names = {"username": f"user-{alg}", "id": f"id-{alg}", "custom_id": f"custom {alg}"}
        kept = [["username"], ["id"], ["custom_id"], [*names]][number % 4]
        groups = [[], ["staff"], ["partners", "gold"]][number % 3]
        yield {**{name: names[name] for name in kept}, "groups": groups}, [(alg.lower(), key(alg))]
    several = [key("HS256", "old"), key("HS256", "new"), key("ES256", "new")]
    yield {"username": "rotating", "groups": ["staff"]}, [("rotating", signer) for signer in several]
    large = Key("PS256", rsa_key(3072, "large"))
    yield {"username": "large"}, [("large", large)]
    yield {"username": "certified", "id": "certified-id"}, [("certificate", key("ES256", "certified"))]
    # More than one request may cost: the third is never tried.
    yield {"username": "costly"}, [("costly", key("Ed448", which)) for which in ("first", "second", "third")]
    yield {"username": "seven", "custom_id": "7"}, [("7", key("HS256", "seven"))]
    yield {"username": "guest", "id": "guest-id"}, []
    yield {"username": "member", "id": "member-id", "groups": ["guests"]}, []


CONSUMERS = list(_consumers())
SIGNERS = [pair for _, pairs in CONSUMERS for pair in pairs]
GROUPS = ["staff", "partners", "gold", "guests"]


def _consumer(names, pairs, secret_is_base64):
    credentials = [signer.credential(name, signer.certificate if name == "certificate" else None) for name, signer in pairs]
    for credential in credentials:
        if secret_is_base64 and "secret" in credential:
            credential["secret"] = base64.b64encode(credential["secret"].encode()).decode()
    return {**names, "jwt_secrets": credentials}


# --- Policies

# Beside these, others are drawn. Each difference has one here in which it can occur.
FIXED = {
    "as it is": {},
    "strict": {"claims_to_verify": ["exp", "nbf"], "maximum_expiration": 3600, "realm": "api"},
    "cookies": {"cookie_names": ["session", "Other"], "header_names": ["x_token", "x-token", "authorization"]},
    "places": {**PLACES, "header_names": ["authorization", "x-token"], "cookie_names": ["session"]},
    "hidden places": {**PLACES, "cookie_names": ["session"], "hide_credentials": True, "anonymous": "guest"},
    "unbound": {"sender_constraint": "off", "secret_is_base64": True},
    "a quoted realm": {"realm": 'the "inner" \\ api', "claims_to_verify": ["exp"]},
    "by kid": {"key_claim_name": "kid"},
    "by path": {"key_claim_name": "client.id"},
    "preflight": {"run_on_preflight": False, "hide_credentials": True},
    "staff": {"allow": ["staff"], "anonymous": "guest", "realm": "api"},
    "nobody": {"allow": [], "anonymous": "member-id"},
    "not the partners": {"deny": ["partners", "user-RS256"], "anonymous": "member"},
    "not the guest": {"deny": ["guest-id"], "anonymous": "guest", "hide_groups_header": True},
}


def _drawn(rng):
    """A policy with fields at random; None stands for a field that is left out."""
    verified = rng.choice([[], [], ["exp"], ["nbf"], ["exp", "nbf"], ["nbf", "exp"]])
    fields = {
        "header_names": rng.choice([None, None, ["authorization", "x-token"], ["x-token"], []]),
        "uri_param_names": rng.choice([None, None, ["access_token", "jwt"], []]),
        "cookie_names": rng.choice([None, None, ["session"], ["session", "Other"]]),
        "key_claim_name": rng.choice([None, None, None, "kid", "sub", "client.id"]),
        "claims_to_verify": verified,
        "maximum_expiration": rng.choice([0, 3600]) if "exp" in verified else None,
        "run_on_preflight": rng.choice([None, False]),
        "anonymous": rng.choice([None, None, None, "guest", "member-id"]),
        "realm": rng.choice([None, None, "api", 'a "b"']),
        "allow": rng.choice([None, None, None, ["staff", "member"], ["partners"]]),
        "deny": rng.choice([None, None, None, ["gold"], []]),
        "hide_groups_header": rng.choice([None, True]),
        "hide_credentials": rng.choice([None, True]),
        "sender_constraint": rng.choice([None, None, None, "off"]),
        **{name: rng.choice([None, None, None, value]) for name, value in PLACES.items()},
    }
    return {name: value for name, value in fields.items() if value is not None}


@dataclass
class Policy:
    """A policy by its name, on a listener of its own or, as a rule, on a route of one that they share."""

    name: str
    fields: dict
    secret_is_base64: bool = False
    is_rule: bool = False

    def gateway(self, without=None):
        return Gateway({**self.fields, "consumers": self._consumers()}, self.is_rule, without)

    def plugin(self):
        return {**self.fields, "consumers": self._consumers()}

    def get(self, name):
        """What is in force, by default too."""
        return self.fields.get(name, Gateway.DEFAULTS.get(name))

    def _consumers(self):
        return [_consumer(*one, self.fields.get("secret_is_base64", False)) for one in CONSUMERS]


def policies(rng):
    """The fixed ones and twelve that are drawn, each by itself; six more as rules; and one that is switched off."""
    own = [Policy(name, fields) for name, fields in FIXED.items()]
    own += [Policy(f"drawn {number}", _drawn(rng)) for number in range(12)]
    rules = [Policy(f"rule-{number}", _drawn(rng), is_rule=True) for number in range(6)]
    return [*own, *rules, Policy("rule-off", {"disabled": True}, is_rule=True)]


# --- Requests


@dataclass
class Draft:
    """A request under way: a token's parts, then where it stands and what stands beside it."""

    rng: Random
    policy: Policy
    credential: str
    signer: Key
    header: dict
    claims: dict
    header_json: object = None
    claims_json: object = None
    sign: object = None
    reshape: object = None
    place: object = None
    tokens: list = field(default_factory=list)
    method: str = "GET"
    query: list = field(default_factory=list)
    cookies: list = field(default_factory=list)
    headers: list = field(default_factory=list)

    def token(self):
        header = as_json(self.header if self.header_json is None else self.header_json)
        claims = as_json(self.claims if self.claims_json is None else self.claims_json)
        signing_input = f"{b64(header)}.{b64(claims)}"
        if self.reshape:
            return self.reshape(signing_input, self.signer)
        return with_signature(signing_input, (self.sign or self.signer.sign)(signing_input.encode()))

    def put(self, place, token):
        """Writes the token where a place holds it."""
        kind, name, form = place
        if kind == "header":
            self.headers.append((name, form + token))
        elif kind == "query":
            self.query.append(f"{name}={quote(token, safe='')}")
        elif kind == "cookie":
            self.cookies.append(f"{name}={token}")
        elif kind == "parts":
            size = -(-len(token) // form)
            parts = [f"{name}.{number}={token[number * size :][:size]}" for number in range(form)]
            self.cookies += parts[::-1]
        else:
            self.headers.append(("sec-websocket-protocol", f"chat, {name}, {token}" if name else form + b64(token.encode())))

    def request(self, prefix):
        headers = list(self.headers)
        if self.cookies:
            headers.append(("cookie", "; ".join(self.cookies)))
        path = prefix + (f"?{'&'.join(self.query)}" if self.query else "")
        return Request(self.method, path, headers)


def places(policy):
    """Where the policy searches, and in which forms."""
    found = [("header", name, form) for name in policy.get("header_names") for form in ("Bearer ", "Bearer ", "bearer ")]
    found += [("query", name, None) for name in policy.get("uri_param_names")]
    found += [("cookie", name, None) for name in policy.get("cookie_names")]
    for one in policy.get("token_headers"):
        found.append(("header", one["name"], f"{one['prefix']} " if "prefix" in one else ""))
    for one in policy.get("websocket_protocols"):
        found.append(("subprotocol", one.get("name"), one.get("prefix")))
    return found + [("parts", one["name"], 3) for one in policy.get("split_cookies")]


ANYWHERE = [("header", "authorization", "Bearer "), ("header", "x-token", "Bearer "), ("query", "jwt", None)]
ANYWHERE += [("cookie", "session", None), ("header", "x-assertion", ""), ("parts", "session", 2)]


def draft(rng, policy, credential=None):
    """A good token for the policy, somewhere where it searches."""
    name, signer = credential or rng.choice(SIGNERS)
    claims = {"exp": in_seconds(rng.choice([600, 1800, 3500])), "nbf": in_seconds(rng.choice([-600, 0])), "n": rng.random()}
    header = {"alg": signer.alg, "typ": "JWT"}
    made = Draft(rng, policy, name, signer, header, claims)
    set_key(made, name)
    found = places(policy)
    made.place = rng.choice(found if found and rng.random() < 0.95 else ANYWHERE)
    return made


def set_key(made, value):
    """Writes the claim that names the credential, sometimes into the header."""
    name = made.policy.get("key_claim_name")
    if name == "client.id" and made.rng.random() < 0.7:
        made.claims["client"] = {"id": value}
    elif name == "kid" or made.rng.random() < 0.1:
        made.header[name] = value
    else:
        made.claims[name] = value


def with_key(made, value):
    """The claim in the claims, whatever it is, so that it is the one that counts."""
    made.claims[made.policy.get("key_claim_name")] = value


def generate(rng, policies, number):
    """So many requests, each with the policy that it is for: all ways of going wrong in turn, some of them two at a time."""
    for index in range(number):
        twist = TWISTS[index % len(TWISTS)]
        policy = rng.choice([one for one in policies if fits(twist, one)])
        made = draft(rng, policy, CREDENTIAL_FOR.get(twist) and CREDENTIAL_FOR[twist](rng))
        others = [one for one in TWISTS if fits(one, policy) and one not in CREDENTIAL_FOR and one is not twist]
        twists = [twist, rng.choice(others)] if rng.random() < 0.2 else [twist]
        for one in twists:
            one(made)
        for token in [made.token(), *made.tokens]:
            if made.place:
                made.put(made.place, token)
        beside(made)
        prefix = f"/{policy.name}/" if policy.is_rule else rng.choice(["/", "/orders/7", "/a/../b", "//"])
        yield policy, [one.__name__ for one in twists], made.request(prefix)


def beside(made):
    """Things that other people send, which mean nothing here and must stay."""
    rng = made.rng
    if rng.random() < 0.2:
        rng.choice([made.query.append, lambda text: made.query.insert(0, text)])(rng.choice(["a=%2F+%20", "flag", "JWT=x", "b"]))
    if rng.random() < 0.2:
        made.cookies.insert(0, rng.choice(["theme=dark", 'a="b"']))
    if rng.random() < 0.2:
        made.headers.append(("x-custom", rng.choice(["a", "Bearer b", "\xe9"])))
    if rng.random() < 0.1:
        made.headers.append((rng.choice(IDENTITY), "forged"))
    if any(name == "content-type" for name, _ in made.headers):
        made.method = "POST"
    elif rng.random() < 0.1:
        made.headers.append(("content-type", "application/grpc"))
        made.method = "POST"
    elif made.method == "GET" and rng.random() < 0.2:
        made.method = rng.choice(["POST", "HEAD", "DELETE", "OPTIONS"])
    if rng.random() < 0.1:
        made.headers.append(("accept", rng.choice(["text/html", "application/xml"])))


# --- What goes wrong, or is unusual: each changes a draft


def as_it_is(made):
    pass


def no_token(made):
    made.place = None


def a_preflight(made):
    made.method = "OPTIONS"
    made.headers += PREFLIGHT
    made.place = made.rng.choice([None, made.place])


def options_without_origin(made):
    made.method = "OPTIONS"
    made.place = made.rng.choice([None, made.place])


def forged_identity(made):
    names = IDENTITY[:1] if made.policy.is_rule else IDENTITY
    made.headers += [(name, "forged") for name in names]


def identity_twice(made):
    name = made.rng.choice(IDENTITY)
    made.headers += [(name, "forged"), (name, "")]


def the_same_token_twice(made):
    token = made.token()
    made.sign, made.tokens = None, []
    found = places(made.policy) or ANYWHERE
    for place in (made.rng.choice(found), made.rng.choice(found)):
        made.put(place, token)
    made.place = None


def two_tokens(made):
    made.tokens.append(made.signer.token({"iss": made.credential, "second": made.rng.random()}))


def two_places(made):
    other = made.rng.choice(places(made.policy) or ANYWHERE)
    made.put(other, made.rng.choice(["abc", made.signer.token({"iss": made.credential, "other": made.rng.random()})]))


def scheme_in_any_case(made):
    made.place = ("header", "authorization", made.rng.choice(["BEARER ", "bEARER ", "Bearer   "]))


def not_at_the_start(made):
    made.place = ("header", "authorization", made.rng.choice(["Basic Bearer ", "xBearer ", "Token, Bearer ", '"Bearer ']))


def another_scheme(made):
    made.place = ("header", "authorization", made.rng.choice(["Basic ", "Bearer", "Bearers ", "", "DPoP ", "Digest "]))


def a_comma_behind(made):
    token = made.token()
    made.place = None
    made.headers.append(("authorization", f"Bearer {token}, Bearer {made.rng.choice([token, 'x'])}"))


def authorization_twice(made):
    token = made.token()
    made.place = None
    made.headers += [("authorization", f"Bearer {token}"), ("authorization", made.rng.choice([f"Bearer {token}", "Basic x"]))]


def a_header_twice(made):
    token = made.token()
    made.place = None
    made.headers += [("x-token", f"Bearer {token}"), ("x-token", made.rng.choice([f"Bearer {token}", "Bearer x", "Basic x"]))]


def a_cookie_twice(made):
    token = made.token()
    made.place = None
    made.cookies += [f"session={token}", made.rng.choice([f"session={token}", "session=x"])]


def a_cookie_in_capitals(made):
    made.place = ("cookie", made.rng.choice(["SESSION", "Session", "other"]), None)


def underscore(made):
    made.place = ("header", made.rng.choice(["x_token", "x-token"]), "Bearer ")


def a_parameter_without_value(made):
    made.place = made.rng.choice([None, made.place])
    made.query.append(made.rng.choice(["jwt", "jwt", "jwt="]))


def many_parameters(made):
    made.query += ["a=b"] * 120
    made.place = ("query", made.rng.choice(made.policy.get("uri_param_names") or ["jwt"]), None)


def another_place(made):
    made.place = made.rng.choice(ANYWHERE)


def a_missing_part(made):
    token = made.token()
    made.place = None
    made.put(("parts", "session", 3), token)
    made.cookies.remove(made.rng.choice([cookie for cookie in made.cookies if cookie.startswith("session.")]))


def not_three_parts(made):
    made.reshape = lambda text, signer: made.rng.choice(["abc", text, f"{text}.", "..", f"{text}.e30.e30", f".{text}"])


def no_json(made):
    text = made.rng.choice([b"{", b"", b"{'a':1}", b'{"a":1}x', b'{"a":"\xff"}', b'{"a":1,}', b'{"a":"\\ud800"}', b'{"a":"\n"}'])
    if made.rng.random() < 0.5:
        made.header_json = text
    else:
        made.claims_json = text


def no_object(made):
    text = made.rng.choice(["[]", '["alg"]', "1", '"text"', "null", "true"])
    if made.rng.random() < 0.5:
        made.header_json = text
    else:
        made.claims_json = text


def text_of(members):
    return as_json(members).decode()


def a_member_twice(made):
    more = made.rng.choice(['"a":1,"a":1', '"a":1,"\\u0061":2', '"x":[{"b":1,"b":2}]'])
    if made.rng.random() < 0.5:
        made.header_json = f"{text_of(made.header)[:-1]},{more}}}"
    else:
        made.claims_json = f"{text_of(made.claims)[:-1]},{more}}}"


def no_number_of_json(made):
    value = made.rng.choice(["NaN", "0x10", "01", "1e400", "[1e400]", '{"a":[-1e999]}'])
    made.claims_json = f'{text_of(made.claims)[:-1]},"x":{value}}}'


def deep(made):
    levels = made.rng.choice([100, 126, 127, 128, 200])
    made.claims_json = f'{text_of(made.claims)[:-1]},"x":{"[" * levels}{"]" * levels}}}'


def spare_bits_or_padding(made):
    """A part with something more, signed with it."""
    part = made.rng.randrange(3)
    more = made.rng.choice(["=", "==", " ", "spare"])

    def reshape(signing_input, signer):
        parts = signing_input.split(".")
        if part < 2:
            parts[part] = changed(parts[part], more)
        signing_input = ".".join(parts)
        signature = b64(signer.sign(signing_input.encode()))
        return f"{signing_input}.{changed(signature, more) if part == 2 else signature}"

    made.reshape = reshape
    made.place = ("query", made.rng.choice(made.policy.get("uri_param_names") or ["jwt"]), None)


def changed(part, more):
    """With padding or a space behind it, or with its last spare bit set, if it has one."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if more != "spare":
        return part + more
    return part[:-1] + alphabet[alphabet.index(part[-1]) | 1] if len(part) % 4 else part


def bad_alg(made):
    made.header["alg"] = made.rng.choice(["none", "", "hs256", "HS257", "ES256K", None, 256, ["HS256"], {}])


def no_alg(made):
    made.header.pop("alg", None)


def another_alg(made):
    made.header["alg"] = made.rng.choice(["HS256", "HS512", "RS256", "PS384", "ES256", "EdDSA", "Ed25519", "ML-DSA-44"])


def name_of_the_curve(made):
    curve = {32: "Ed25519", 57: "Ed448"}[len(made.signer.public.public_bytes_raw())]
    made.header["alg"] = curve


def crit(made):
    made.header["crit"] = made.rng.choice([["exp"], [], None, ["b64"]])


def b64_in_header(made):
    made.header["b64"] = made.rng.choice([False, None, "true", True, True])


def bad_kid(made):
    made.header["kid"] = made.rng.choice([7, ["a"], {}, True, "text", "text"])


def no_key_claim(made):
    name = made.policy.get("key_claim_name")
    made.claims.pop(name, None)
    made.claims.pop("client", None)
    made.header.pop(name, None)


def bad_key_claim(made):
    with_key(made, made.rng.choice(["", "", None, 7, 7, [made.credential], {"a": 1}, True, False]))


def unknown_key(made):
    with_key(made, made.rng.choice(["nobody", made.credential.upper() + " ", made.credential + "/", ISSUER]))


def another_s_key(made):
    with_key(made, made.rng.choice(SIGNERS)[0])


def a_key_of_both(made):
    """In the claims and in the header: the claims count."""
    name = made.policy.get("key_claim_name")
    made.header[name], made.claims[name] = made.rng.choice([("nobody", made.credential), (made.credential, "nobody")])


def forged(made):
    flips = made.rng.randrange(8)
    good = made.signer.sign
    made.sign = lambda data: bytes([good(data)[0] ^ (1 << flips), *good(data)[1:]])


def no_signature(made):
    made.sign = lambda _: b""


def another_signer(made):
    made.sign = made.rng.choice([Key("HS256", b"guessed").sign, key("RS256", "attacker").sign, key("Ed25519", "attacker").sign])


def public_key_as_secret(made):
    public = as_json(key("RS256").spki)
    made.header["alg"], made.sign = "HS256", Key("HS256", public).sign
    with_key(made, "rs256")


def der(made):
    made.sign = made.signer.sign_der


def long_salt(made):
    """As long as it can be, as OpenSSL makes it unless it is told otherwise."""
    digest = HASHES[made.signer.alg[2:]]()
    longest = padding.PSS(padding.MGF1(digest), padding.PSS.MAX_LENGTH)
    made.sign = lambda data: made.signer.private.sign(data, longest, digest)


def rotated(made):
    pass


def costly(made):
    pass


def certified(made):
    pass


def post_quantum(made):
    pass


def large_key(made):
    pass


def times(made):
    for name in ("exp", "nbf"):
        value = made.rng.choice([..., ..., None, "text", True, [1], 0, -1, 1e308, in_seconds(-60), in_seconds(0), in_seconds(90)])
        value = made.rng.choice([value, in_seconds(3000), in_seconds(7200), 1.5])
        if value is ...:
            made.claims.pop(name, None)
        else:
            made.claims[name] = value


def expired(made):
    made.claims["exp"] = made.rng.choice([in_seconds(-1), 1, in_seconds(0)])


def times_for_grpc(made):
    times(made)
    expired(made)
    made.headers.append(("content-type", "application/grpc"))


def bound(made):
    made.claims["cnf"] = made.rng.choice([{"x5t#S256": b64(bytes(32))}, {"kid": "1"}, {}, None, "x"])


def other_claims(made):
    made.claims.update(sub=made.rng.choice([7, None, [], "x"]), aud=made.rng.choice([{}, "x"]), scope="a b")


TWISTS = [
    *[as_it_is] * 4,
    *[no_token, no_token, a_preflight, options_without_origin, forged_identity, identity_twice],
    *[the_same_token_twice, two_tokens, two_places, scheme_in_any_case, not_at_the_start, another_scheme, a_comma_behind],
    *[authorization_twice, a_header_twice, a_cookie_twice, a_cookie_in_capitals, underscore, a_parameter_without_value],
    *[many_parameters, another_place, a_missing_part],
    *[not_three_parts, no_json, no_object, a_member_twice, no_number_of_json, deep, spare_bits_or_padding],
    *[bad_alg, no_alg, another_alg, name_of_the_curve, crit, b64_in_header, bad_kid],
    *[no_key_claim, bad_key_claim, unknown_key, another_s_key, a_key_of_both],
    *[forged, no_signature, another_signer, public_key_as_secret, der, long_salt],
    *[rotated, costly, certified, post_quantum, large_key],
    *[times, times, expired, times_for_grpc, bound, other_claims],
]


def one_of(*names):
    """A credential of one of these keys."""
    return lambda rng: rng.choice([pair for pair in SIGNERS if pair[0] in names])


CREDENTIAL_FOR = {
    name_of_the_curve: one_of("ed25519", "ed448"),
    long_salt: one_of("ps256", "ps384", "ps512"),
    der: one_of("es256", "es384", "es512"),
    rotated: one_of("rotating"),
    costly: one_of("costly"),
    certified: one_of("certificate"),
    post_quantum: one_of("ml-dsa-44", "ml-dsa-65", "ml-dsa-87"),
    large_key: one_of("large"),
}


def fits(twist, policy):
    """Whether a policy is one that the twist is about."""
    needs = {
        a_header_twice: "x-token" in policy.get("header_names"),
        authorization_twice: "authorization" in policy.get("header_names"),
        a_cookie_twice: "session" in policy.get("cookie_names"),
        a_cookie_in_capitals: bool(policy.get("cookie_names")),
        underscore: "x_token" in policy.get("header_names"),
        a_missing_part: bool(policy.get("split_cookies")),
        many_parameters: bool(policy.get("uri_param_names")),
        a_preflight: not policy.get("run_on_preflight"),
        options_without_origin: not policy.get("run_on_preflight"),
        times: bool(policy.get("claims_to_verify")),
        expired: bool(policy.get("claims_to_verify")),
        times_for_grpc: bool(policy.get("claims_to_verify")) and not policy.get("anonymous"),
        spare_bits_or_padding: bool(policy.get("uri_param_names")),
        # What is left of a header in which a token stands where none is searched is not documented.
        not_at_the_start: not policy.get("hide_credentials"),
    }
    return needs.get(twist, True)

"""What a request must be answered, and what the upstream must get: a model of Kong's plugins `jwt` and `acl`, and of each
difference from them that the documentation names. It knows nothing of the filter's code.

Each difference is a switch, so that the model can also say what a gateway without it would do. A difference occurs in a request
if that is something else.
"""

import binascii
import hmac
import json
import re
from dataclasses import dataclass
from functools import cache
from math import inf
from urllib.parse import quote, unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# The sentences of docs/migrating-from-kong.md#where-it-differs-from-kongs-plugin, and the differences that each of them names.
# One without a name is about something else than the answer to a request; other tests show it.
DIFFERENCES = {
    "A bad configuration is refused when it is loaded: unknown fields, keys that do not fit their algorithm, RSA keys under 2048"
    " bits, empty secrets, the same `key` for two consumers, an `anonymous` that names nobody, a `maximum_expiration` that is not"
    " a whole number. `jwt-auth convert` takes the whole seconds and lists it.": [],
    "A token with `crit` is refused.": ["crit"],
    "So is a token with `b64: false`, with padding, white space or spare bits in its base64, or with a duplicate member in its"
    " JSON, at any depth.": ["b64", "base64", "duplicate member"],
    "A header or claims that are not an object give `Bad token; invalid JSON`. Kong answers `invalid alg`, `No mandatory 'iss' in"
    " claims` or 500.": ["header no object", "claims no object"],
    "So do numbers that JSON does not have (`NaN`, `0x10`, `01`), a number beyond the range of a double within a claim"
    " (`[1e400]`), and nesting beyond 127 levels within the object; Kong takes them, up to 1000 levels.": [
        "numbers",
        "range of numbers",
        "nesting",
    ],
    "The scheme `Bearer` must stand at the start of the header's value.": ["scheme at the start"],
    "Behind a comma it makes a bad token.": ["behind another scheme"],
    "A key claim that is not a string is invalid.": ["key claim no string"],
    "All values of a searched header and all cookies of a searched name count: two different tokens are multiple tokens.": [
        "all values",
        "all cookies",
    ],
    # As in Kong, so that nothing can differ: it says what follows from the sentence before.
    "What follows `Bearer` is the token, including a comma and what follows it.": [],
    "`Authorization` twice is one value for Envoy, joined by a comma, and so a bad token, even if both are the same. Kong's"
    " plugin reads the first.": ["authorization twice"],
    "`cookie_names` are compared exactly, and Kong's without regard to case. `jwt-auth convert` lists them.": ["cookie's case"],
    "`header_names: [x_token]` reads `x_token`, and Kong reads `x-token` there. `jwt-auth convert` writes `x-token`, and"
    " `jwt-auth check` warns of the underscore.": ["underscore"],
    "With `run_on_preflight: false` only preflight requests pass without a token; other `OPTIONS` requests need one.": [
        "preflight only"
    ],
    "A `kid` that is not a string is refused.": ["kid"],
    "So is a token for which more keys must be tried than one request may cost.": ["cost"],
    "A token with the claim `cnf` is [bound to its client](sender-constrained.md) and passes only with the proof that its `cnf`"
    " asks for. `sender_constraint: off` ignores `cnf`, as Kong does.": ["cnf"],
    "An ECDSA signature is the fixed-length pair of RFC 7518, never DER.": ["DER"],
    "The salt of a PS256, PS384 or PS512 signature is as long as the hash (RFC 7518). Kong takes one of any length.": ["salt"],
    "Identity headers from the client are removed on every request, preflight requests and those without an access list"
    " included. Kong's plugins leave a client's `X-Consumer-Groups` alone where `acl` does not run.": ["identity removed"],
    "Where there are [`rules`](authorization.md#rules-per-route-and-cluster), such a request is refused with 403 instead.": [
        "identity and rules"
    ],
    "`allow` and `deny` must name consumers and groups that exist, or the configuration is refused.": [],
    "Several credentials of one consumer may share a `key`, and keys may be fetched from the issuer. So a key can be"
    " [rotated](key-sets.md#rotate-a-key) without an outage.": ["shared key"],
    "`key_claim_name` may be the path of a nested claim, such as `client.id`.": ["nested key claim"],
    "A token may stand in [more places](token-places.md): in headers without `Bearer`, in a WebSocket's subprotocols, in cookies"
    " in parts.": ["other header", "subprotocol", "cookie in parts"],
    "`Bearer` may be in capitals. Kong takes `Bearer` and `bearer`.": ["capitals"],
    "A query parameter without a value (`?jwt`) is no token. For Kong it is one, `Unrecognizable token`, and beside another one"
    " `Multiple tokens provided`.": ["no value"],
    "All query parameters are searched, and by Kong the first 100.": ["all parameters"],
    "PS256, PS384 and PS512 work with keys of any size from 2048 bits on. Kong answers 500 unless it is 2048. `jwt-auth convert`"
    " lists such credentials, because nobody could use them before.": ["size of PS keys"],
    "Keys may be certificates. The post-quantum ML-DSA algorithms are supported.": ["certificate", "ML-DSA"],
    "A credential of `EdDSA` takes tokens that name `Ed25519` or `Ed448` (RFC 9864), too. Kong answers `Invalid algorithm`.": [
        "name of the curve"
    ],
    "The body of a 403 is JSON whatever the client accepts, and has no `request_id`. Kong's has one, and is HTML, XML or text by"
    " `Accept`.": ["body of 403"],
    "The same holds for the 401 of an anonymous consumer without groups; here it has a challenge (RFC 9110), in Kong none.": [
        "challenge of anonymous"
    ],
    "Quotation marks and backslashes in a `realm` are escaped in the challenge (RFC 9110), and Kong writes them as they are."
    " `jwt-auth convert` lists such a realm.": ["realm"],
    "A gRPC client is told the faults of time claims, such as `exp: token expired`. Kong tells it `Unauthenticated`.": [
        "gRPC and times"
    ],
    "`hide_groups_header` works as in Kong. `always_use_authenticated_groups` is left out: it prefers groups that another plugin,"
    " such as `ldap-auth`, has found, and the plugin `jwt` finds none.": [],
}
NAMES = [name for names in DIFFERENCES.values() for name in names]

IDENTITY = ["x-consumer-id", "x-consumer-custom-id", "x-consumer-username", "x-consumer-groups", "x-credential-identifier"]
IDENTITY += ["x-anonymous-consumer"]
INVALID = ', error="invalid_token"'
KONGS_ALGORITHMS = {family + size for family in ("HS", "RS", "PS", "ES") for size in ("256", "384", "512")} | {"EdDSA"}
CURVES = {"Ed25519", "Ed448"}
ML_DSA = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@dataclass
class Request:
    """Header names in lower case; the path with its query."""

    method: str
    path: str
    headers: list

    def __post_init__(self):
        # White space around a value is no part of it (RFC 9110 section 5.5).
        self.headers = [(name, value.strip(" \t")) for name, value in self.headers]

    def values(self, name):
        return [value for key, value in self.headers if key == name]


@dataclass
class Answer:
    """A refusal, or what the upstream gets: its path, and the values of each header by name."""

    status: int = 200
    body: str | None = None
    challenge: str | None = None
    grpc: tuple | None = None
    path: str | None = None
    headers: dict | None = None


class Refusal(Exception):
    """401 with a message, or with what is wrong with each claim."""

    def __init__(self, message, challenge=INVALID):
        super().__init__(message)
        self.message, self.challenge = message, challenge


class Gateway:
    """A policy of the filter with its consumers; `without` is the name of a difference that this one has not."""

    DEFAULTS = {
        "header_names": ["authorization"],
        "uri_param_names": ["jwt"],
        "cookie_names": [],
        "token_headers": [],
        "websocket_protocols": [],
        "split_cookies": [],
        "key_claim_name": "iss",
        "claims_to_verify": [],
        "maximum_expiration": 0,
        "run_on_preflight": True,
        "sender_constraint": "if_bound",
    }

    def __init__(self, policy, has_rules=False, without=None):
        self._policy = {**self.DEFAULTS, **policy}
        self._has_rules = has_rules
        self._without = without
        self.asked = set()

    def answer(self, request, now):
        """What becomes of a request that comes now, in whole seconds since the epoch."""
        own = [name for name in IDENTITY if request.values(name)]
        if self._has_rules and own and self._differs("identity and rules"):
            return self._refused(request, 403, f"Header not allowed: {own[0]}")
        if self._policy.get("disabled"):
            return Answer(path=request.path, headers=as_dict(request.headers))
        if not self._policy["run_on_preflight"] and self._is_preflight(request):
            return self._upstream(request, {}, is_preflight=True)
        try:
            consumer, credential = self._authenticate(request, now)
            identity = {"x-credential-identifier": credential["key"]}
        except Refusal as refusal:
            consumer = self._consumer(self._policy.get("anonymous"))
            if not consumer:
                return self._unauthorized(request, refusal)
            identity = {"x-anonymous-consumer": "true"}
        if not self._may_call(consumer):
            return self._kept_out(request, consumer, "x-anonymous-consumer" in identity)
        return self._upstream(request, {**identity, **self._told_of(consumer)})

    def _differs(self, name):
        """Whether a difference from Kong is in force, which is at stake here."""
        assert name in NAMES, name
        self.asked.add(name)
        return name != self._without

    # --- Who calls

    def _is_preflight(self, request):
        if request.method != "OPTIONS":
            return False
        asks = request.values("origin") and request.values("access-control-request-method")
        return bool(asks) or not self._differs("preflight only")

    def _authenticate(self, request, now):
        token = self._token(request)
        header, claims, signature = self._parse(token)
        key = self._key(header, claims)
        found = [(consumer, one) for consumer in self._policy["consumers"] for one in consumer.get("jwt_secrets", [])]
        found = [(consumer, one) for consumer, one in found if one["key"] == key]
        if any("CERTIFICATE" in one.get("rsa_public_key", "") for _, one in found) and not self._differs("certificate"):
            found = []
        if not found:
            raise Refusal(f"No credentials found for given '{self._policy['key_claim_name']}'")
        if len(found) > 1 and not self._differs("shared key"):
            found = found[:1]
        fitting = [(consumer, one) for consumer, one in found if self._fits(header["alg"], one)]
        if not fitting:
            raise Refusal("Invalid algorithm")
        message = token.rpartition(".")[0].encode("latin-1")
        cost = 0
        for consumer, credential in fitting:
            cost += cost_of(credential)
            if cost > 1 and self._differs("cost"):
                break
            if self._verifies(credential, message, signature):
                self._check_times(claims, now)
                self._check_binding(claims)
                return consumer, credential
        raise Refusal("Invalid signature")

    def _fits(self, alg, credential):
        if alg == credential.get("algorithm", "HS256"):
            return True
        return alg == curve_of(credential) and self._differs("name of the curve")

    def _consumer(self, name):
        names = [consumer for consumer in self._policy["consumers"] if name in (consumer.get("username"), consumer.get("id"))]
        return names[0] if name and names else None

    # --- Where the token stands

    def _token(self, request):
        tokens = {token for token in [*self._in_query(request), *self._in_cookies(request), *self._in_headers(request)] if token}
        if not tokens:
            raise Refusal("Unauthorized", challenge="")
        if len(tokens) > 1:
            raise Refusal("Multiple tokens provided")
        [token] = tokens
        if token is True:
            raise Refusal("Unrecognizable token")
        return token

    def _in_query(self, request):
        parameters = request.path.partition("?")[2].split("&")
        if len(parameters) > 100 and not self._differs("all parameters"):
            parameters = parameters[:100]
        for parameter in parameters:
            name, equals, value = parameter.partition("=")
            if decoded(name) in self._policy["uri_param_names"]:
                if equals:
                    yield decoded(value)
                elif not self._differs("no value"):
                    yield True

    def _in_cookies(self, request):
        cookies = cookies_of(request)
        for wanted in self._policy["cookie_names"]:
            values = [value for name, value in cookies if name == wanted]
            alike = [value for name, value in cookies if name.lower() == wanted.lower()]
            if alike != values and not self._differs("cookie's case"):
                values = alike
            if len(values) > 1 and not self._differs("all cookies"):
                values = values[:1]
            yield from values
        for split in self._policy["split_cookies"]:
            parts = parts_of(cookies, split)
            if parts and self._differs("cookie in parts"):
                values = [parts[number][0] for number in sorted(parts)]
                fit = sorted(parts) == list(range(len(parts))) and all(len(set(same)) == 1 for same in parts.values())
                yield "".join(values) + ("" if fit else ";")

    def _in_headers(self, request):
        for name in self._policy["header_names"]:
            if "_" in name and not self._differs("underscore"):
                name = name.replace("_", "-")
            yield from (self._bearer(value) for value in self._values(request, name))
        for place in self._policy["token_headers"]:
            for value in self._values(request, place["name"]):
                if self._differs("other header"):
                    yield self._behind(place["prefix"], value) if "prefix" in place else value
        yield from self._in_subprotocols(request)

    def _values(self, request, name):
        values = request.values(name)
        if len(values) < 2:
            return values
        if name == "authorization":
            return [",".join(values)] if self._differs("authorization twice") else values[:1]
        return values if self._differs("all values") else values[:1]

    def _bearer(self, value):
        start = "" if self._differs("scheme at the start") else r".*?"
        scheme = "(?i:bearer)" if self._differs("capitals") else "[Bb]earer"
        found = re.fullmatch(rf"{start}{scheme} +(.+)", value)
        return found[1] if found else self._behind_another(scheme, value)

    def _behind(self, scheme, value):
        return behind(scheme, value) or self._behind_another(f"(?i:{re.escape(scheme)})", value)

    def _behind_another(self, scheme, value):
        """A token, and a bad one."""
        if self._differs("behind another scheme") and re.search(rf", *{scheme} +[^, ]", value):
            return value
        return None

    def _in_subprotocols(self, request):
        offered = [text.strip() for value in request.values("sec-websocket-protocol") for text in value.split(",")]
        for place in self._policy["websocket_protocols"] if offered and self._differs("subprotocol") else ():
            if "name" in place:
                yield from (token for name, token in zip(offered, offered[1:], strict=False) if name == place["name"])
            else:
                found = [text.removeprefix(place["prefix"]) for text in offered if text.startswith(place["prefix"])]
                yield from (unbase64(text).decode() if place.get("base64url") else text for text in found)

    # --- What it is

    def _parse(self, token):
        parts = token.split(".", 2)
        if len(parts) < 3:
            raise Refusal("Bad token; invalid JSON")
        header, claims = (self._json(part) for part in parts[:2])
        if not isinstance(header, dict):
            raise Refusal("Bad token; invalid " + ("JSON" if self._differs("header no object") else "alg"))
        if not isinstance(claims, dict) and self._differs("claims no object"):
            raise Refusal("Bad token; invalid JSON")
        alg = header.get("alg")
        if not isinstance(alg, str) or alg not in KONGS_ALGORITHMS | CURVES | ML_DSA:
            raise Refusal("Bad token; invalid alg")
        if alg in ML_DSA and not self._differs("ML-DSA"):
            raise Refusal("Bad token; invalid alg")
        signature = self._base64(parts[2])
        if signature is None:
            raise Refusal("Bad token; invalid signature")
        if "crit" in header and self._differs("crit"):
            raise Refusal("Bad token; invalid crit")
        if header.get("b64", True) is not True and self._differs("b64"):
            raise Refusal("Bad token; invalid b64")
        if not isinstance(header.get("kid", ""), str) and self._differs("kid"):
            raise Refusal("Bad token; invalid kid")
        return header, claims if isinstance(claims, dict) else {}, signature

    def _base64(self, text):
        strict = unbase64(text)
        lenient = unbase64(re.sub(r"[=\s]", "", text), any_spare_bits=True)
        return strict if strict == lenient or self._differs("base64") else lenient

    def _json(self, part):
        octets = self._base64(part)
        try:
            text = (octets or b"").decode()
            usual = re.sub(r"(?<=[:,\[])(NaN|0x10|01)(?=[],}])", "1", text)
            if usual != text and not self._differs("numbers"):
                text = usual
            value = json.loads(text, object_pairs_hook=self._members, parse_constant=not_json)
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        except (ValueError, RecursionError):
            raise Refusal("Bad token; invalid JSON") from None
        below = within(value) if isinstance(value, dict) else []
        if max(map(depth, below), default=0) > 127 and self._differs("nesting"):
            raise Refusal("Bad token; invalid JSON")
        if any(isinstance(one, (dict, list)) and is_infinite(one) for one in below) and self._differs("range of numbers"):
            raise Refusal("Bad token; invalid JSON")
        return value

    def _members(self, pairs):
        members = dict(pairs)
        if len(members) != len(pairs) and self._differs("duplicate member"):
            raise ValueError("a member stands twice")
        return members

    def _key(self, header, claims):
        name = self._policy["key_claim_name"]
        [key, *_] = [part[name] for part in (claims, header) if name in part] or [nested(claims, name)]
        if "." in name and name not in claims and name not in header and not self._differs("nested key claim"):
            key = ABSENT
        if key is ABSENT:
            raise Refusal(f"No mandatory '{name}' in claims")
        if key == "" or not isinstance(key, str) and self._differs("key claim no string"):
            raise Refusal(f"Invalid '{name}' in claims")
        return key

    def _verifies(self, credential, message, signature):
        alg = credential.get("algorithm", "HS256")
        if alg.startswith("HS"):
            secret = credential["secret"].encode()
            secret = binascii.a2b_base64(secret) if self._policy.get("secret_is_base64") else secret
            return hmac.compare_digest(hmac.digest(secret, message, f"sha{alg[2:]}"), signature)
        key = public_key(credential["rsa_public_key"])
        if alg.startswith("PS") and key.key_size != 2048 and not self._differs("size of PS keys"):
            raise Refusal("An unexpected error occurred")
        if alg.startswith("ES"):
            octets = (key.key_size + 7) // 8
            is_der = len(signature) != 2 * octets
            if is_der and self._differs("DER"):
                return False
            numbers = (int.from_bytes(half, "big") for half in (signature[:octets], signature[octets:]))
            signature = signature if is_der else encode_dss_signature(*numbers)
        if is_signed(key, signature, message, scheme(alg)):
            return True
        any_salt = alg.startswith("PS") and is_signed(key, signature, message, scheme(alg, padding.PSS.AUTO))
        return any_salt and not self._differs("salt")

    # --- What it claims

    def _check_times(self, claims, now):
        faults = {}
        for name in sorted(self._policy["claims_to_verify"]):
            value = claims.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                faults[name] = "must be a number"
            elif name == "exp" and value <= now:
                faults[name] = "token expired"
            elif name == "nbf" and value > now:
                faults[name] = "token not valid yet"
        maximum = self._policy["maximum_expiration"]
        if not faults and maximum and claims["exp"] > now + maximum:
            faults["exp"] = "exceeds maximum allowed expiration"
        if faults:
            raise Refusal(faults)

    def _check_binding(self, claims):
        if "cnf" in claims and self._policy["sender_constraint"] != "off" and self._differs("cnf"):
            known = isinstance(claims["cnf"], dict) and isinstance(claims["cnf"].get("x5t#S256"), str)
            raise Refusal("No client certificate" if known else "Bad token; invalid cnf")

    # --- Who may call, and what is answered

    def _may_call(self, consumer):
        names = {consumer.get("username"), consumer.get("id"), *consumer.get("groups", [])}
        allow, deny = self._policy.get("allow"), self._policy.get("deny") or []
        return not names & set(deny) and (allow is None or bool(names & set(allow)))

    def _kept_out(self, request, consumer, is_anonymous):
        names = {consumer.get("username"), consumer.get("id")}
        if is_anonymous and not consumer.get("groups") and not names & set(self._policy.get("deny") or []):
            refused = self._unauthorized(request, Refusal("Unauthorized", challenge=""))
            if not self._differs("challenge of anonymous"):
                refused.challenge = None
            return refused
        refused = self._refused(request, 403, "You cannot consume this service")
        if not self._differs("body of 403"):
            refused.body = "by what the client accepts, with a request_id"
        return refused

    def _unauthorized(self, request, refusal):
        realm = self._policy.get("realm")
        if realm is not None and re.search(r'["\\]', realm) and self._differs("realm"):
            realm = re.sub(r'(["\\])', r"\\\1", realm)
        challenge = "Bearer" + (f' realm="{realm}"' if realm is not None else "") + refusal.challenge
        return self._refused(request, 401, refusal.message, challenge.replace("Bearer,", "Bearer"))

    def _refused(self, request, status, message, challenge=None):
        if "application/grpc" in request.values("content-type"):
            text = message
            if isinstance(message, dict):
                faults = ", ".join(f"{name}: {fault}" for name, fault in message.items())
                text = faults if self._differs("gRPC and times") else "Unauthenticated"
            return Answer(grpc=(16 if status == 401 else 7, text))
        body = json.dumps(message if isinstance(message, dict) else {"message": message}, separators=(",", ":"))
        return Answer(status, "" if request.method == "HEAD" else body, challenge)

    # --- What the upstream gets

    def _told_of(self, consumer):
        lists = self._policy.get("allow") is not None or self._policy.get("deny") is not None
        groups = consumer.get("groups") if lists and not self._policy.get("hide_groups_header") else None
        told = {
            "x-consumer-id": consumer.get("id"),
            "x-consumer-custom-id": consumer.get("custom_id"),
            "x-consumer-username": consumer.get("username"),
            "x-consumer-groups": ", ".join(groups) if groups else None,
        }
        return {name: value for name, value in told.items() if value is not None}

    def _upstream(self, request, identity, is_preflight=False):
        kept = set()
        acl = self._policy.get("allow") is not None or self._policy.get("deny") is not None
        if any(name in IDENTITY for name, _ in request.headers) and not self._differs("identity removed"):
            kept = set(IDENTITY) if is_preflight else set() if acl else {"x-consumer-groups"}
        headers = [(name, value) for name, value in request.headers if name not in IDENTITY or name in kept]
        path = request.path
        if self._policy.get("hide_credentials"):
            path, headers = self._without_tokens(request, headers)
        return Answer(path=path, headers={**as_dict(headers), **{name: [value] for name, value in identity.items()}})

    def _without_tokens(self, request, headers):
        path, mark, query = request.path.partition("?")
        query = "&".join(text for text in query.split("&") if not self._is_token(*text.partition("=")[::2]))
        offered = ", ".join(request.values("sec-websocket-protocol"))
        headers = [(name, value) for name, value in headers if name != "sec-websocket-protocol"]
        headers += [("sec-websocket-protocol", offered)] if offered else []
        left = [(name, self._header_without(name, value)) for name, value in headers]
        cookies = "; ".join(f"{name}={value}" for name, value in cookies_of(request) if not self._is_searched(name))
        left = [(name, value) for name, value in left if value and name != "cookie"]
        return path + (mark + query if query else ""), left + ([("cookie", cookies)] if cookies else [])

    def _is_token(self, parameter, value):
        return decoded(parameter) in self._policy["uri_param_names"] and value != ""

    def _is_searched(self, cookie):
        parts = [parts_of([(cookie, "x")], split) for split in self._policy["split_cookies"]]
        return cookie in self._policy["cookie_names"] or any(parts)

    def _header_without(self, name, value):
        if name in self._policy["header_names"]:
            value = re.sub(r"(^|, *)bearer +.*", "", value, flags=re.IGNORECASE)
        for place in self._policy["token_headers"]:
            if name == place["name"]:
                value = "" if "prefix" not in place or behind(place["prefix"], value) else value
        if name == "sec-websocket-protocol":
            offered = [text.strip() for text in value.split(",")]
            for place in self._policy["websocket_protocols"]:
                if "prefix" in place:
                    offered = [text for text in offered if not text.startswith(place["prefix"])]
                elif place["name"] in offered[:-1]:
                    name = place["name"]
                    pairs = zip(["", *offered], offered, strict=False)
                    offered = [*(text for before, text in pairs if name not in (before, text)), name]
            value = ", ".join(offered)
        return value


ABSENT = object()


def nested(claims, path):
    """What a path of names with dots between them leads to."""
    value = claims
    for name in path.split("."):
        value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def decoded(text):
    return unquote_to_bytes(text).decode("latin-1")


def behind(scheme, value):
    found = re.fullmatch(rf"(?i:{scheme}) +(.+)", value)
    return found and found[1]


def cookies_of(request):
    pairs = [pair.strip().partition("=") for value in request.values("cookie") for pair in value.split(";")]
    return [(name, value) for name, _, value in pairs]


def parts_of(cookies, split):
    start = split["name"] + split.get("separator", ".")
    numbers = [(name.removeprefix(start), value) for name, value in cookies if name.startswith(start)]
    parts = {}
    for number, value in numbers:
        if number.isdigit():
            parts.setdefault(int(number), []).append(value)
    return parts


def as_dict(headers):
    """The values by name, as Envoy hands them on: those of Authorization and Cookie in one."""
    joined = {}
    for name, value in headers:
        joined.setdefault(name, []).append(value)
    for name, comma in (("authorization", ","), ("cookie", "; ")):
        if name in joined:
            joined[name] = [comma.join(joined[name])]
    return joined


def unbase64(text, any_spare_bits=False):
    """Base64url without padding (RFC 7515 section 2), or None."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    octets = binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    again = binascii.b2a_base64(octets, newline=False).decode().rstrip("=").replace("+", "-").replace("/", "_")
    return octets if any_spare_bits or again == text else None


def not_json(_):
    raise ValueError("a number that JSON does not have")


def within(value):
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def depth(value):
    return 1 + max(map(depth, within(value)), default=0) if isinstance(value, (dict, list)) else 0


def is_infinite(value):
    """Whether there is a number in it that a double cannot hold."""
    return value in (inf, -inf) or any(map(is_infinite, within(value)))


@cache
def public_key(pem):
    if "CERTIFICATE" in pem:
        return x509.load_pem_x509_certificate(pem.encode()).public_key()
    return serialization.load_pem_public_key(pem.encode())


def is_signed(key, signature, message, how):
    try:
        key.verify(signature, message, *how)
    except InvalidSignature:
        return False
    return True


def scheme(alg, salt_length=padding.PSS.DIGEST_LENGTH):
    """What `verify` of a public key takes after signature and message."""
    digest = HASHES.get(alg[2:])
    pss = padding.PSS(padding.MGF1(digest), salt_length) if digest else None
    return {"RS": (padding.PKCS1v15(), digest), "PS": (pss, digest), "ES": digest and (ec.ECDSA(digest),)}.get(alg[:2], ())


def cost_of(credential):
    """The part of what one request may cost (docs/security.md#limits): two Ed448 keys, or many of the others."""
    return 0.5 if curve_of(credential) == "Ed448" else 0


def curve_of(credential):
    """The name of RFC 9864 for a credential of EdDSA."""
    if credential.get("algorithm") != "EdDSA":
        return None
    return "Ed448" if isinstance(public_key(credential["rsa_public_key"]), ed448.Ed448PublicKey) else "Ed25519"


def in_grpc(text):
    """Text as `grpc-message` carries it."""
    return quote(text, safe="".join(chr(code) for code in range(0x20, 0x7F) if code != 0x25))

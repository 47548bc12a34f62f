"""What is around the filter, and what goes wrong with it: the issuer, the configuration, the service."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

import harness
from clients import ABUSED, LIFETIME, good_tokens, issuer_of
from key_server import key_set
from tokens import ALGORITHMS, Key, in_seconds, key

ROTATING = "https://rotating.example.com"
JWKS, ABUSED_JWKS = "/jwks", "/abused"
# How long after its death the service may still be missed: its process has to start, and Envoy to connect.
GRACE = 10
BROKEN = [b"{", b""]
NEW_CONFIGURATION, BROKEN_CONFIGURATION = "new configuration", "broken configuration"


class World:
    """The tokens that are good at the moment, the configuration in force, and the service."""

    def __init__(self, issuer, directory, ports):
        self._issuer, self._ports = issuer, ports
        self._tokens = good_tokens(20)
        self._changing = threading.Lock()
        self._rotations = self._configurations = 0
        self._keys = []
        self._away_until = 0.0
        self._process = None
        self.misled = []  # what reached the service and should not have
        self.discovered = None
        self._directory = directory
        issuer.set(ABUSED_JWKS, key_set((key("ES256"), "abused")))
        self.rotate_key()
        self.discovered = harness.Discovered(directory, self.configuration())

    # --- tokens

    def token(self, chance, fresh=False):
        """A good token of any algorithm: one of those that return, or one that nobody has seen before."""
        if fresh:
            algorithm = chance.choice(["HS256", "RS256", "ES256", "Ed25519"])
            return key(algorithm).token(iss=issuer_of(algorithm), exp=in_seconds(LIFETIME), jti=chance.randbytes(9).hex())
        return chance.choice(self._tokens)

    def rotating_token(self):
        """A token of the issuer whose keys rotate, with the newest key."""
        with self._changing:
            signer, kid = self._keys[-1]
        return signer.token({"iss": ROTATING, "exp": in_seconds(LIFETIME)}, header={"kid": kid})

    # --- the issuer

    def rotate_key(self):
        """Publishes a new key beside the last one, and signs with it from now on."""
        with self._changing:
            self._rotations += 1
            self._keys = [*self._keys[-1:], (Key("ES256", ec.generate_private_key(ec.SECP256R1())), f"key {self._rotations}")]
            self._issuer.set(JWKS, key_set(*self._keys))

    def fail_issuer(self, how):
        """Lets the issuer answer in a way that is of no use."""
        with self._changing:
            if how == "slow":
                self._issuer.hold(JWKS)
            else:
                answers = {"away": (b"", 503), "nonsense": (b"<html>it works</html>", 200), "huge": (b" " * 700_000, 200)}
                body, status = answers[how]
                self._issuer.set(JWKS, body, status=status)

    def heal_issuer(self):
        with self._changing:
            self._issuer.release(JWKS)
            self._issuer.set(JWKS, key_set(*self._keys))

    # --- the configuration

    def configuration(self, others=0):
        """A plugin configuration under which the same tokens are good, with so many consumers beside theirs."""

        def remote(path):
            times = {"timeout": "1s", "cache_duration": "5s", "stale_duration": "1h"}
            return {"uri": f"http://issuer.example.com{path}", "cluster": "issuer", **times}

        consumers = [{"username": each, "jwt_secrets": [key(each).credential(issuer_of(each))]} for each in ALGORITHMS]
        consumers.append({"username": "Rotating", "jwt_secrets": [{"key": ROTATING, "remote_jwks": remote(JWKS)}]})
        consumers.append({"username": "Abused", "jwt_secrets": [{"key": ABUSED, "remote_jwks": remote(ABUSED_JWKS)}]})
        consumers += [
            {"username": f"Other {number}", "jwt_secrets": [key("HS256", "other").credential(f"other {number}")]}
            for number in range(others)
        ]
        return {"claims_to_verify": ["exp"], "consumers": consumers}

    def change_configuration(self, chance):
        """Replaces the configuration by another good one, or by one that must be refused; says what was done."""
        if chance.random() < 0.3:
            wrong = {**self.configuration(), "claims_to_verfy": []}
            self.discovered.put(chance.choice([*BROKEN, wrong]))
            return BROKEN_CONFIGURATION
        # Always another one: Envoy does not count one that it has already.
        self._configurations += 1
        self.discovered.put(self.configuration(others=self._configurations * 7 % 300))
        return NEW_CONFIGURATION

    # --- the service

    def start_service(self):
        command = [sys.executable, str(Path(__file__).with_name("upstream_process.py")), *map(str, self._ports)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "serves\n"
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def restart_service(self):
        self._away_until = time.monotonic() + 60
        self.stop_service()
        self.start_service()
        self._away_until = time.monotonic() + GRACE

    def stop_service(self):
        self._process.kill()
        self._process.wait()

    def service_may_be_away(self):
        return time.monotonic() < self._away_until

    def _listen(self, lines):
        self.misled += list(lines)


class Chaos:
    """Lets something go wrong every few seconds, and notes what and when."""

    def __init__(self, world, ledger):
        self._world, self._ledger = world, ledger
        self._chance = random.Random()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._issuer, self._configuration, self._service)]
        self.events = []

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def count(self, what):
        return sum(happened == what for _, happened in self.events)

    def _note(self, what):
        self.events.append((self._ledger.seconds(), what))

    def _issuer(self):
        while not self._ending.wait(8):
            self._world.rotate_key()
            self._note("key rotated")
            if self._ending.wait(8):
                break
            how = self._chance.choice(["away", "slow", "nonsense", "huge"])
            self._world.fail_issuer(how)
            self._note(f"issuer {how}")
            self._ending.wait(8)
            self._world.heal_issuer()
            self._note("issuer back")

    def _configuration(self):
        while not self._ending.wait(15):
            self._note(self._world.change_configuration(self._chance))

    def _service(self):
        while not self._ending.wait(25):
            self._note("service restarts")
            self._world.restart_service()

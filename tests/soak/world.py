"""What is around the filter, and what goes wrong with it: the issuer, the configuration, the service."""

import itertools
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

import harness
from clients import ABUSED, LIFETIME, WAITED_FOR, good_tokens, issuer_of
from key_server import key_set
from tokens import ALGORITHMS, Key, in_seconds, key
from upstream import LOOPBACK

ROTATING = "https://rotating.example.com"
JWKS, ABUSED_JWKS, WAITED_FOR_JWKS = "/jwks", "/abused", "/waited-for"
# How long, after the service has accepted connections again, a request may still begin that Envoy finds no service for.
MARGIN = 0.5
ISSUER_FAULTS = ["away", "slow", "nonsense", "huge"]
NEW_CONFIGURATION, BROKEN_CONFIGURATION = "new configuration", "broken configuration"
KEY_ROTATED, SERVICE_RESTARTS = "key rotated", "service restarts"
# What two minutes have of each kind of event, since they come in turn.
EVERY_EVENT = {KEY_ROTATED, *(f"issuer {how}" for how in ISSUER_FAULTS), NEW_CONFIGURATION, BROKEN_CONFIGURATION, SERVICE_RESTARTS}


class Ports:
    """The ports of the service, as the harness sees them. They stay the same, and nobody else gets them while it is away."""

    requests = 0

    def __init__(self):
        self._kept = [self._keep(), self._keep()]
        self.port, self.grpc_port = (each.getsockname()[1] for each in self._kept)

    @staticmethod
    def _keep():
        kept = socket.socket()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((LOOPBACK, 0))
        return kept


class World:
    """The tokens that are good at the moment, the configuration in force, and the service."""

    def __init__(self, issuer, directory, ports):
        self._issuer, self._ports = issuer, ports
        self._tokens = good_tokens(20)
        self._changing = threading.Lock()
        self._rotations = self._configurations = 0
        self._broken_ones = itertools.cycle([b"{", b"", {**self.configuration(), "claims_to_verfy": []}])
        self._keys = []
        self._is_away, self._back_at = False, 0.0
        self._process = self._listening = None
        self.misled = []  # what reached the service and should not have
        self.discovered = None
        self._directory = directory
        issuer.set(ABUSED_JWKS, key_set((key("ES256"), "abused")))
        issuer.set(WAITED_FOR_JWKS, key_set((key("ES256"), "waited for")))
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
        """Lets the issuer refuse connections, or answer in a way that is of no use."""
        with self._changing:
            if how == "away":
                self._issuer.go_away()
            elif how == "slow":
                self._issuer.hold(JWKS)
            else:
                self._issuer.set(JWKS, {"nonsense": b"<html>it works</html>", "huge": b" " * 700_000}[how])

    def heal_issuer(self, how):
        with self._changing:
            if how == "away":
                self._issuer.come_back()
            self._issuer.release(JWKS)
            self._issuer.set(JWKS, key_set(*self._keys))

    def hold_back(self):
        """Keeps a key set back that requests wait for, until it is released."""
        self._issuer.hold(WAITED_FOR_JWKS)

    def release(self):
        self._issuer.release(WAITED_FOR_JWKS)

    # --- the configuration

    def configuration(self, others=0):
        """A plugin configuration under which the same tokens are good, with so many consumers beside theirs."""

        def remote(path, timeout="1s", cache="5s"):
            times = {"timeout": timeout, "cache_duration": cache, "stale_duration": "1h"}
            return {"uri": f"http://issuer.example.com{path}", "cluster": "issuer", **times}

        consumers = [{"username": each, "jwt_secrets": [key(each).credential(issuer_of(each))]} for each in ALGORITHMS]
        remote_ones = {ROTATING: remote(JWKS), ABUSED: remote(ABUSED_JWKS), WAITED_FOR: remote(WAITED_FOR_JWKS, "5s", "1s")}
        consumers += [{"username": each, "jwt_secrets": [{"key": each, "remote_jwks": at}]} for each, at in remote_ones.items()]
        consumers += [
            {"username": f"Other {number}", "jwt_secrets": [key("HS256", "other").credential(f"other {number}")]}
            for number in range(others)
        ]
        # So few tokens are remembered that memory is soon what it stays.
        return {"claims_to_verify": ["exp"], "filter_state": True, "token_cache_size": 500, "consumers": consumers}

    def change_configuration(self, is_good):
        """Replaces the configuration by another good one, or by one that must be refused; says what was done."""
        if not is_good:
            self.discovered.put(next(self._broken_ones))
            return BROKEN_CONFIGURATION
        # Always another one: Envoy does not count one that it has already.
        self._configurations += 1
        self.discovered.put(self.configuration(others=self._configurations * 11 % 100))
        return NEW_CONFIGURATION

    # --- the service

    def start_service(self):
        script = Path(__file__).with_name("upstream_process.py")
        command = [sys.executable, str(script), str(self._ports.port), str(self._ports.grpc_port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told = self._process.stdout.readline()
        assert told == "serves\n", f"the service did not start: {told!r}"
        for port in (self._ports.port, self._ports.grpc_port):
            harness.until(lambda port=port: accepts(port), "the service to accept connections")
        self._listening = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listening.start()

    def restart_service(self):
        self._is_away = True
        self.stop_service()
        self.start_service()
        self._back_at, self._is_away = time.monotonic(), False

    def stop_service(self):
        """Ends it, and hears all that it has said."""
        self._process.kill()
        self._process.wait()
        self._listening.join()

    def service_was_away_since(self, start):
        """Whether there was a time from the start of a request until now when Envoy might find no service."""
        return self._is_away or start < self._back_at + MARGIN

    def _listen(self, lines):
        for line in lines:
            self.misled.append(line.rstrip())


def accepts(port):
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True


class Chaos:
    """Lets something go wrong every few seconds, and notes what and when. Each kind has its turn."""

    def __init__(self, world, ledger, seed):
        self._world, self._ledger = world, ledger
        self._chance = random.Random(seed)
        self._ending = threading.Event()
        plays = (self._issuer, self._waiting, self._configuration, self._service)
        self._threads = [threading.Thread(target=self._play, args=(each,), daemon=True) for each in plays]
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

    def _play(self, play):
        try:
            play()
        except Exception as error:  # nothing that should go wrong may silently not do so
            self._ledger.wrong(f"chaos itself failed in {play.__name__}: {error!r}")

    def _issuer(self):
        for how in itertools.cycle(ISSUER_FAULTS):
            if self._ending.wait(8):
                break
            self._world.rotate_key()
            self._note(KEY_ROTATED)
            if self._ending.wait(8):
                break
            self._world.fail_issuer(how)
            self._note(f"issuer {how}")
            self._ending.wait(8)
            self._world.heal_issuer(how)
            self._note("issuer back")

    def _waiting(self):
        while not self._ending.wait(0.2):
            self._world.hold_back()
            self._ending.wait(0.3 + 2 * self._chance.random())
            self._world.release()

    def _configuration(self):
        for is_good in itertools.cycle([True, False]):
            if self._ending.wait(15):
                break
            self._note(self._world.change_configuration(is_good))

    def _service(self):
        while not self._ending.wait(25):
            self._note(SERVICE_RESTARTS)
            self._world.restart_service()

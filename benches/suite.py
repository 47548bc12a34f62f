"""What the bench shares with the tests through Envoy, in tests/envoy: how Envoy is started, how tokens are signed,
and the server of an issuer."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "envoy"))

from harness import ENVOY, LAUNCHER, MODULE, NATIVE_MODULE, until  # noqa: E402  (after the line that makes them importable)
from key_server import KeyServer  # noqa: E402
from tokens import Key, as_json, b64, key  # noqa: E402
from upstream import LOOPBACK  # noqa: E402

__all__ = ["ENVOY", "LAUNCHER", "LOOPBACK", "MODULE", "NATIVE_MODULE", "Key", "KeyServer", "as_json", "b64", "key", "until"]

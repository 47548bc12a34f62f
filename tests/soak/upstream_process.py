"""The service behind Envoy in a process of its own, which can be killed as services are.

Arguments: the ports for HTTP and gRPC. It prints a line once it serves, and the mark of every request that must not have come.
"""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "envoy"))

from upstream import Upstream  # noqa: E402

MARK = "x-soak"
GOOD = "good"


class Guarded(Upstream):
    def record(self, protocol, method, path, headers, trailers=()):
        marks = [value for name, value in headers if name.lower() == MARK]
        if marks != [GOOD]:
            print(f"reached: {marks} {path[:80]!r}", flush=True)
        return super().record(protocol, method, path, headers, trailers)


if __name__ == "__main__":
    with Guarded(int(sys.argv[1]), int(sys.argv[2])):
        print("serves", flush=True)
        threading.Event().wait()

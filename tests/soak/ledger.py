"""What was sent, how it was answered, and what should not have been."""

import threading
import time
from collections import Counter

EXAMPLES = 20


class Ledger:
    """Counts answers by the kind of request, and keeps the first examples of what went wrong."""

    def __init__(self):
        self._writing = threading.Lock()
        self._began = time.monotonic()
        self.answers = Counter()  # by kind and answer
        self.decided = 0
        self.wrongs = []
        self.wrong_count = 0

    def answered(self, kind, answer, by_filter=True):
        """Notes an answer. The filter has decided about a request unless Envoy has refused it before."""
        with self._writing:
            self.answers[kind, answer] += 1
            self.decided += by_filter

    def cut(self, kind, is_answered):
        """Notes a request whose client went away. Envoy's access log says whether it was decided."""
        with self._writing:
            self.answers[kind, "cut when answered" if is_answered else "cut without an answer"] += 1

    def wrong(self, text):
        """Notes what must not happen."""
        with self._writing:
            self.wrong_count += 1
            if len(self.wrongs) < EXAMPLES:
                self.wrongs.append(f"{self.seconds():.1f} s: {text}")

    def seconds(self):
        """Since the ledger was opened."""
        return time.monotonic() - self._began

    def sent(self):
        """How many requests there were."""
        return sum(self.answers.values())

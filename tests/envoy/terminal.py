"""What a command prints where a person sees it."""

import os
import pty
import subprocess


def printed(command, environment=None, seconds=60):
    """Its exit code and all that it prints on a terminal, where a line ends with CR and LF."""
    terminal, inner = pty.openpty()
    streams = {"stdin": subprocess.DEVNULL, "stdout": inner, "stderr": inner}
    done = subprocess.run(command, **streams, env=environment, timeout=seconds)
    os.close(inner)
    output = b""
    try:
        while part := os.read(terminal, 65536):
            output += part
    except OSError:
        pass  # Linux says so when nobody can write any more.
    os.close(terminal)
    return done.returncode, output.decode()

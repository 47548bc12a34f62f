#!/bin/sh
# Makes sure that wrk is installed, which sends the load of `make bench`. Prints to stderr only.
set -eu

say() { printf '%s\n' "$*" >&2; }

present() { command -v "$1" >/dev/null 2>&1; }

if present wrk; then
    exit 0
elif present apt-get && [ "$(id -u)" = 0 ]; then
    say "Installing wrk; this is done once."
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends wrk >&2
elif present apt-get; then
    say "wrk is needed for the load. Install it, then try again:  sudo apt-get install wrk"
    exit 1
else
    say "wrk is needed for the load. Install the package of that name, then try again: https://github.com/wg/wrk"
    exit 1
fi

#!/bin/sh
# Checks the dependencies with cargo-deny, which is installed below .tools where it is missing.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

sh scripts/ensure-cargo-tool.sh cargo-deny 0.20.2

cargo deny --locked check licenses bans sources

# Known vulnerabilities come from a database that is cloned from the network, which not every machine reaches.
if cargo deny fetch db; then
    cargo deny --locked check advisories
else
    echo "Advisories were NOT checked: their database could not be fetched." >&2
fi

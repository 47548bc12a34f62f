#!/bin/sh
# Makes sure that the tools of `make release` are there, below .tools where they are missing, and the targets of the program.
set -eu
cd "$(dirname "$0")/.."

# Compilers are not for a Makefile to install.
for compiler in x86_64-linux-gnu-gcc aarch64-linux-gnu-gcc; do
    command -v "$compiler" >/dev/null || {
        echo "No '$compiler' found, which a release needs: docs/install.md names its packages." >&2
        exit 1
    }
done

sh scripts/ensure-cargo-tool.sh cargo-cyclonedx 0.5.9
sh scripts/ensure-cargo-tool.sh cargo-about 0.9.3 --features cli
rustup --quiet target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl

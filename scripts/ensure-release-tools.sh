#!/bin/sh
# Makes sure that the tools of `make release` are there, below .tools where they are missing, and the targets of the program.
set -eu
cd "$(dirname "$0")/.."

sh scripts/ensure-cargo-tool.sh cargo-cyclonedx 0.5.9
sh scripts/ensure-cargo-tool.sh cargo-about 0.9.3 --features cli
rustup --quiet target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl

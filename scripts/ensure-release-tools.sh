#!/bin/sh
# Makes sure that the tools of `make release` are there, below .tools where they are missing, and the targets of the program.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

# The name of a tool, its version, and what else cargo should know.
ensure() {
    name=$1 version=$2
    shift 2
    command -v "$name" >/dev/null 2>&1 || {
        echo "Installing $name $version into .tools; this takes some minutes, once." >&2
        cargo install --locked --quiet --root .tools --version "$version" "$@" "$name"
    }
}

ensure cargo-cyclonedx 0.5.9
ensure cargo-about 0.9.3 --features cli
rustup --quiet target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl

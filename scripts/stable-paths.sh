#!/bin/sh
# Runs a command of cargo so that what it builds does not tell where it was built: panic messages name their file, which
# without this begins with the folder of the source, of cargo's crates, or of the toolchain.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
separator=$(printf '\037')
flags=${CARGO_ENCODED_RUSTFLAGS:-$(printf '%s' "${RUSTFLAGS:-}" | tr -s ' ' "$separator")}
flags="$flags${flags:+$separator}--remap-path-prefix=$root=/jwt-auth-filter"
flags="$flags$separator--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
flags="$flags$separator--remap-path-prefix=$(rustc --print sysroot)=/rust"
CARGO_ENCODED_RUSTFLAGS=$flags exec "$@"

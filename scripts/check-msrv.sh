#!/bin/sh
# Compiles the workspace with the oldest Rust that Cargo.toml declares, where rustup has that toolchain.
set -eu
cd "$(dirname "$0")/.."
msrv=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)

# rustup calls it 1.90-… or 1.90.0-…, as it was asked for.
toolchain=$(rustup toolchain list 2>/dev/null | awk -v msrv="$msrv" '$1 ~ "^" msrv "(\\.[0-9]+)?-" { print $1; exit }')
[ -n "$toolchain" ] || {
    echo "SKIPPED: the build with Rust $msrv. This installs it: rustup toolchain install --profile minimal $msrv" >&2
    exit 0
}

check() { rustup run "$toolchain" cargo check --locked --target-dir target/msrv "$@"; }

check --workspace
if [ -d "$(rustup run "$toolchain" rustc --print sysroot)/lib/rustlib/wasm32-wasip1" ]; then
    check --package jwt-auth-filter --lib --target wasm32-wasip1
fi

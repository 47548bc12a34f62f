#!/bin/sh
# Runs the native tests with counters in the code: those of the core, and those of program and native edition, which use all of
# it. Says per folder how many lines of the core they have run.
set -eu
cd "$(dirname "$0")/.."
version=0.9.1
PATH="$PWD/.tools/bin:$PATH"

command -v cargo-llvm-cov >/dev/null 2>&1 || {
    echo "Installing cargo-llvm-cov $version into .tools; this takes some minutes, once." >&2
    cargo install --locked --quiet --root .tools --version "$version" cargo-llvm-cov
}
[ -x "$(rustc --print target-libdir)/../bin/llvm-cov" ] || rustup component add llvm-tools >&2
cargo llvm-cov --locked --package jwt-auth-filter --package jwt-auth --package jwt-auth-native --lcov --output-path target/coverage.lcov
.venv/bin/python scripts/coverage.py target/coverage.lcov

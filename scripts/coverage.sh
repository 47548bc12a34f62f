#!/bin/sh
# Runs the core's own tests with counters in the code, and says per folder how many of its lines they have run.
set -eu
cd "$(dirname "$0")/.."
version=0.9.1
PATH="$PWD/.tools/bin:$PATH"

command -v cargo-llvm-cov >/dev/null 2>&1 || {
    echo "Installing cargo-llvm-cov $version into .tools; this takes some minutes, once." >&2
    cargo install --locked --quiet --root .tools --version "$version" cargo-llvm-cov
}
[ -x "$(rustc --print target-libdir)/../bin/llvm-cov" ] || rustup component add llvm-tools >&2
cargo llvm-cov --locked --package jwt-auth-filter --lcov --output-path target/coverage.lcov
.venv/bin/python scripts/coverage.py target/coverage.lcov

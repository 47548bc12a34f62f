#!/bin/sh
# Runs the native tests with counters in the code: those of the core, and those of program and native edition, which use all of
# it. Says per folder how many lines of the core they have run.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

sh scripts/ensure-cargo-tool.sh cargo-llvm-cov 0.9.1
[ -x "$(rustc --print target-libdir)/../bin/llvm-cov" ] || rustup component add llvm-tools >&2
cargo llvm-cov --locked --package jwt-auth-filter --package jwt-auth --package jwt-auth-native --lcov --output-path target/coverage.lcov
.venv/bin/python scripts/coverage.py target/coverage.lcov

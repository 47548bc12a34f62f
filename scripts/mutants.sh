#!/bin/sh
# Changes the core in every small way that cargo-mutants knows, one after the other, and runs its tests, which must notice.
# First those of tests/core, but for the slowest; then all of them for what these did not notice. So most cost few seconds.
# FILES= names some files instead of all in .cargo/mutants.toml, and SHARD=0/4 takes every fourth change, so that it can be
# done in parts. What came of each change is left in target/mutants.out.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

sh scripts/ensure-cargo-tool.sh cargo-mutants 27.1.0
set -- --package jwt-auth-filter --output target --colors never
for file in ${FILES:-}; do set -- "$@" --re "^$file:"; done
[ -z "${SHARD:-}" ] || set -- "$@" --shard "$SHARD"
# Each change is compiled once and run once: what only helps to look for a fault would be made in vain.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$PWD/target/mutants"

rm -rf target/mutants.out
# It ends with 2 if a change was not noticed, and with 3 if one ran for ever.
cargo mutants "$@" --cargo-arg=--test=core -- -- --skip=wycheproof --skip=a_million --skip=slow_huge || [ $? -le 3 ]
exec cargo mutants "$@" --iterate

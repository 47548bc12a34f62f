#!/bin/sh
# Runs the unit tests of the native edition, with an Envoy of a few lines around it, in Miri: an interpreter that finds undefined
# behaviour, data races among it. Miri comes with nightly toolchains only. It interprets no C, so nothing here verifies a signature.
set -eu
cd "$(dirname "$0")/.."

rustup --quiet component add --toolchain nightly miri rust-src
# Timers and the clock are real. Pointers go to Envoy and back, as numbers where two threads are concerned.
MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-permissive-provenance" \
    cargo +nightly miri test --locked --target-dir target/miri --package jwt-auth-native

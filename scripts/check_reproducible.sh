#!/bin/sh
# Builds what is committed in another folder, with another home of cargo, and compares it with what is in dist: the module, or
# with `release` all files of a release.
set -eu
cd "$(dirname "$0")/.."
what=${1:-module}
root=$PWD
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT

# The crates are those that are here already: only the path to them differs.
home=${CARGO_HOME:-$HOME/.cargo}
mkdir "$elsewhere/cargo"
for path in "$home"/*; do ln -s "$path" "$elsewhere/cargo/"; done

git clone --quiet "$root" "$elsewhere/source"
case $what in
    module) target=build files=dist/jwt-auth.wasm ;;
    release) target=release files=dist/release ;;
    *) echo "$what: expected module or release" >&2; exit 1 ;;
esac
# The tools of the release are not built again.
[ ! -d .tools ] || ln -s "$root/.tools" "$elsewhere/source/.tools"
CARGO_HOME=$elsewhere/cargo make --silent --directory "$elsewhere/source" "$target" >/dev/null
if diff --recursive --brief "$elsewhere/source/$files" "$files"; then
    echo "The $what has the same bytes in another folder: $(find "$files" -type f | sort | xargs cat | sha256sum | cut -c 1-64)"
elif [ -n "$(git status --porcelain)" ]; then
    echo "The $what differs, and so may the source: something here is not committed." >&2
    exit 1
else
    exit 1
fi

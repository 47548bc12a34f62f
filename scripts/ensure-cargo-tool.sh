#!/bin/sh
# Installs a tool with cargo below .tools, unless it is there, or elsewhere on the machine.
#
# ensure-cargo-tool.sh NAME VERSION [what else cargo should know]
set -eu
cd "$(dirname "$0")/.."
name=$1 version=$2
shift 2
PATH="$PWD/.tools/bin:$PATH"

command -v "$name" >/dev/null 2>&1 || {
    echo "Installing $name $version into .tools; this takes some minutes, once." >&2
    cargo install --locked --quiet --root .tools --version "$version" "$@" "$name"
}

#!/bin/sh
# Says how large a build of the native edition is, for which machine, and the oldest glibc that has all symbols which it
# needs. Fails if that glibc is newer than promised.
set -eu
# Envoy's images, RHEL 9, Debian 12 and Ubuntu 22.04 have it or a newer one. docs/native.md promises it.
baseline=2.34

machine=$(readelf --file-header --wide "$1" | sed -n 's/^ *Machine: *//p')
glibc=$(readelf --version-info --wide "$1" | grep -o 'Name: GLIBC_[0-9.]*' | cut -d_ -f2 | sort -V | tail -1)
echo "$1: $(wc -c < "$1" | tr -d ' ') bytes, for $machine, glibc $glibc or newer"
if [ "$(printf '%s\n' "$glibc" "$baseline" | sort -V | tail -1)" != "$baseline" ]; then
    echo "$1 must not need a newer glibc than $baseline. It needs what this one brings: build it on an older Linux." >&2
    exit 1
fi

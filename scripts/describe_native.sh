#!/bin/sh
# Says how large a shared object is, and the oldest glibc that has all symbols which it needs.
set -eu
glibc=$(strings -a "$1" | grep -o '^GLIBC_[0-9.]*$' | sort -t. -k1,1 -k2,2n | tail -1 | cut -d_ -f2)
echo "$1: $(wc -c < "$1" | tr -d ' ') bytes, for glibc $glibc or newer"

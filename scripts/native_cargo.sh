#!/bin/sh
# Calls cargo for the native edition on an architecture, x86_64 or aarch64: native_cargo.sh ARCH build|test [OPTION…]
#
# For another machine than this one it needs a C cross compiler, since AWS-LC is written in C, and for tests an emulator.
set -eu
cd "$(dirname "$0")/.."
arch=$1 command=$2
shift 2

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

case $arch in
    x86_64) package=gcc-x86-64-linux-gnu debian=amd64 ;;
    aarch64) package=gcc-aarch64-linux-gnu debian=arm64 ;;
    *) stop "ARCH=$arch: expected x86_64 or aarch64." ;;
esac
[ "$arch" = "$(uname -m)" ] && exec cargo "$command" --locked --target-dir target "$@"

target=$arch-unknown-linux-gnu
compiler=$arch-linux-gnu-gcc
emulator=qemu-$arch-static
command -v "$compiler" >/dev/null ||
    stop "No '$compiler' found, which ARCH=$arch needs on this machine. On Debian and Ubuntu: apt install $package libc6-dev-$debian-cross"
[ "$command" != test ] || command -v "$emulator" >/dev/null ||
    stop "No '$emulator' found, which tests for ARCH=$arch need on this machine. On Debian and Ubuntu: apt install qemu-user-static"
[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || rustup target add "$target" >&2

name=$(printf '%s' "$target" | tr 'a-z-' 'A-Z_')
export "CC_$(printf '%s' "$target" | tr - _)=$compiler"
export "CARGO_TARGET_${name}_LINKER=$compiler"
export "CARGO_TARGET_${name}_RUNNER=$emulator -L /usr/$arch-linux-gnu"
exec cargo "$command" --locked --target-dir target --target "$target" "$@"

#!/bin/sh
# Makes sure that the toolchain of rust-toolchain.toml is installed, with its Wasm target, rustfmt and clippy.
# rustup usually does that when cargo is called, but not with RUSTUP_AUTO_INSTALL=0, and a cargo that a
# distribution packaged does not either. Prints to stderr only.
set -eu
cd "$(dirname "$0")/.."
target=wasm32-wasip1

say() { printf '%s\n' "$*" >&2; }

complete() {
    sysroot=$(rustc --print sysroot 2>/dev/null) &&
        [ -d "$sysroot/lib/rustlib/$target" ] &&
        cargo fmt --version >/dev/null 2>&1 &&
        cargo clippy --version >/dev/null 2>&1
}

install() {
    channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    rustup run "$channel" rustc --version >/dev/null 2>&1 ||
        rustup toolchain install --profile minimal "$channel"
    rustup target add --toolchain "$channel" "$target"
    rustup component add --toolchain "$channel" rustfmt clippy
}

command -v cc >/dev/null 2>&1 ||
    say "Note: no C compiler 'cc' found. Rust links with it; on Debian and Ubuntu: apt install gcc libc6-dev"

if complete; then
    exit 0
elif command -v rustup >/dev/null 2>&1; then
    install >&2
elif [ -x "$HOME/.cargo/bin/rustup" ]; then
    say "rustup is installed but not on the PATH. Run this, then try again:  . \"\$HOME/.cargo/env\""
    exit 1
else
    say "Rust with the target $target, rustfmt and clippy is needed; rustup installs it: https://rustup.rs"
    exit 1
fi

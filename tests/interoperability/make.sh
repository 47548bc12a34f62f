#!/bin/sh
# Makes the tokens of tests/interoperability/tokens anew, with each library that can be had here, and says which could not.
set -eu
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
missing=

say() { printf '%s\n' "$*" >&2; }

has() { command -v "$1" > /dev/null 2>&1; }

# Runs a maker, whose output becomes a file if it succeeds.
make_tokens() {
    file=tokens/$1.json
    shift
    if "$@" > "$keys/made.json" 2> "$keys/log"; then
        cat "$keys/made.json" > "$file"
        say "$file"
    else
        missing="$missing $file"
        say "$file stays as it is: $(tail -n 1 "$keys/log")"
    fi
}

# The upstream version of a Debian package.
version_of() { dpkg-query -W -f '${Version}' "$1" | sed 's/-.*//'; }

golang_jwt() {
    export GOPATH=/usr/share/gocode GO111MODULE=off
    go run go/main.go "$keys" "$(version_of golang-github-golang-jwt-jwt-dev)"
}

sh keys.sh "$keys"
python=${PYTHON:-python3}
"$python" -m venv "$keys/venv" && "$keys/venv/bin/pip" install --quiet --disable-pip-version-check -r python/requirements.txt || true
for library in PyJWT joserfc jwcrypto; do
    make_tokens "$(printf '%s' $library | tr 'A-Z' 'a-z')" "$keys/venv/bin/python" python/make.py $library
done
has npm && npm ci --prefix node --no-audit --no-fund --loglevel=error >&2 || true
for library in jose jsonwebtoken fast-jwt; do
    make_tokens $library node node/make.mjs $library
done
make_tokens jsonwebtoken-rust cargo run --quiet --locked --manifest-path rust/Cargo.toml --target-dir ../../target/interop -- "$keys"
make_tokens golang-jwt golang_jwt
make_tokens ruby-jwt ruby ruby/make.rb "$keys"
make_tokens crypt-jwt perl perl/make.pl "$keys"
make_tokens latchset-jose sh c/make.sh "$(version_of jose 2> /dev/null || true)"
make_tokens erlang-jose escript erlang/make.escript
[ -z "$missing" ] || say "Not made anew, because a language or library is missing:$missing"
say "Write the page: JWT_AUTH_UPDATE_DOCS=1 cargo test -p jwt-auth-filter --test core interoperability"

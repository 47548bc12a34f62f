#!/bin/sh
# Installs the program $1 below the folder $2, with its manual pages and the completions of bash, zsh and fish.
set -eu
program=$1
prefix=$2
umask 022

mkdir -p "$prefix/bin" "$prefix/share/man/man1" "$prefix/share/bash-completion/completions" \
    "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
install -m 755 "$program" "$prefix/bin/jwt-auth"
"$program" man > "$prefix/share/man/man1/jwt-auth.1"
for command in check convert explain consumer consumer-add consumer-remove consumer-list credential credential-add \
    credential-remove credential-rotate credential-list token keygen schema page completions; do
    "$program" man "$command" > "$prefix/share/man/man1/jwt-auth-$command.1"
done
"$program" completions bash > "$prefix/share/bash-completion/completions/jwt-auth"
"$program" completions zsh > "$prefix/share/zsh/site-functions/_jwt-auth"
"$program" completions fish > "$prefix/share/fish/vendor_completions.d/jwt-auth.fish"
echo "$prefix/bin/jwt-auth: $("$prefix/bin/jwt-auth" --version)"

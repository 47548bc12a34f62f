#!/bin/sh
# Prints tokens that José of latchset (the C library, by its program) has signed, for each algorithm that it and the filter know. It makes the
# keys itself. The argument is its version, which it does not tell.
set -eu
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
separator=

printf '{"library": "latchset jose", "language": "C", "version": "%s", "tokens": [' "$1"
for name in HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512; do
    jose jwk gen -i "{\"alg\":\"$name\"}" -o "$folder/key"
    printf '{"iss":"latchset jose/%s","sub":"interoperability","exp":4102444800}' "$name" > "$folder/claims" # 2100-01-01
    token=$(jose jws sig -I "$folder/claims" -k "$folder/key" -s "{\"protected\":{\"alg\":\"$name\"}}" -c -o -)
    # A secret is no public key, so that José would print nothing of it.
    case $name in HS*) key=$(cat "$folder/key") ;; *) key=$(jose jwk pub -i "$folder/key" -o -) ;; esac
    printf '%s\n {"name": "%s", "key": %s, "token": "%s"}' "$separator" "$name" "$key" "$token"
    separator=,
done
printf '\n]}\n'

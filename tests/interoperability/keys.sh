#!/bin/sh
# Makes keys in PEM in a folder, for the libraries that make none themselves.
set -eu
cd "$1"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
for bits in 256 384 521; do
    openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:P-$bits" -out "p$bits.pem"
done
openssl genpkey -algorithm ed25519 -out ed25519.pem
openssl rand 64 | openssl base64 -A > secret
for key in rsa p256 p384 p521 ed25519; do
    openssl pkey -in "$key.pem" -pubout -out "$key.pub.pem"
done

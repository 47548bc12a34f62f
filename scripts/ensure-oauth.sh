#!/bin/sh
# Makes sure that tests/oauth holds the npm packages of its package-lock.json.
set -eu
cd "$(dirname "$0")/../tests/oauth"
installed=node_modules/.package-lock-copy.json # a copy of what was last installed in full

say() { printf '%s\n' "$*" >&2; }

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 20 ]; then
    say "Node 20 or newer is needed for the authorization server, and there is none on the PATH: https://nodejs.org"
    exit 1
elif cmp -s package-lock.json "$installed"; then
    exit 0
fi
say "Installing the packages of tests/oauth/package-lock.json; this is done once."
npm ci --no-audit --no-fund --loglevel=error >&2 || {
    say "npm could not install them; its message is above. The network is needed this once."
    exit 1
}
cp package-lock.json "$installed"

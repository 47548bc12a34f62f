#!/bin/sh
# Makes sure that .venv holds the Python packages of tests/requirements.txt. Prints to stderr only, so that
# `make -s token` prints a token and nothing else. PYTHON= chooses the Python that .venv is made with.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
requirements=tests/requirements.txt
installed=.venv/requirements.txt # a copy of what was last installed in full

say() { printf '%s\n' "$*" >&2; }

works() { "$1" -c "$2" >/dev/null 2>&1; }

if works .venv/bin/python '' && cmp -s "$requirements" "$installed"; then
    exit 0
fi

if ! works .venv/bin/python 'import pip'; then
    if ! works "$python" ''; then
        say "Python 3.10 or newer is needed, and '$python' does not run. Install it, or name one with PYTHON=."
        exit 1
    elif ! works "$python" 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        say "Python 3.10 or newer is needed, and '$python' is $("$python" -V 2>&1). Name another with PYTHON=."
        exit 1
    elif ! works "$python" 'import venv, ensurepip'; then
        say "'$python' cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"
        exit 1
    fi
    "$python" -m venv --clear .venv >&2
fi

say "Installing the packages of $requirements into .venv; this is done once."
.venv/bin/python -m pip install --disable-pip-version-check --quiet --requirement "$requirements" >&2 || {
    say "pip could not install $requirements; its message is above. The network is needed this once."
    exit 1
}
cp "$requirements" "$installed"

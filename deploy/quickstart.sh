#!/bin/sh
# Install digest into .venv beside this folder, and run its demo: sh deploy/quickstart.sh
# It takes python3 (3.11 or later, another one by PYTHON=/path/to/python3) with venv, and nothing else.
set -eu

cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
    printf 'quickstart: %s\n' "$1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "$python was not found; digest needs Python 3.11 or later."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "digest needs Python 3.11 or later; this is $("$python" --version 2>&1). Name another: PYTHON=/path/to/python3"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python comes without venv; on Debian and Ubuntu: apt-get install python3-venv"

# An interrupted run may have left a folder without pip; making it again mends it.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv .venv
printf 'Installing into %s/.venv; this takes about a minute.\n\n' "$PWD"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt .
exec .venv/bin/digest demo

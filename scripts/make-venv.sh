#!/bin/sh
# Make a virtual environment with a Python that is new enough.
# usage: make-venv.sh FOLDER [PYTHON]
set -eu
folder=$1
wanted=${2:-}

if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    exit 0
fi

is_new_enough() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=
for candidate in $wanted python3 python3.13 python3.12 python3.11; do
    if is_new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "jeoview needs Python 3.11 or newer; found: $(python3 --version 2>&1 || echo none)." >&2
    echo "On Debian 12 or newer: apt install python3 python3-venv; or: make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python cannot make virtual environments: its venv module is not installed." >&2
    echo "On Debian: apt install python3-venv (or python$version-venv)" >&2
    exit 1
fi

echo "Making $folder with $("$python" --version)"
# a folder that was moved or half made is of no use
rm -rf "$folder"
"$python" -m venv "$folder"

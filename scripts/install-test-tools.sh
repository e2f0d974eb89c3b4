#!/bin/sh
# Install what some tests need besides Python packages: redis-server and chromium from Debian.
# Where that is not possible, say which tests are left out and why; this is no failure.
set -u

has_redis() { command -v redis-server >/dev/null 2>&1; }
has_chromium() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; }

missing=
has_redis || missing="$missing redis-server"
has_chromium || missing="$missing chromium"
[ -z "$missing" ] && exit 0

why=
if ! command -v apt-get >/dev/null 2>&1; then
    why="apt-get is not here"
elif [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    why="you are not root and sudo asks for a password"
fi

if [ -z "$why" ]; then
    echo "Installing for the tests:$missing"
    # A server that only the tests start must not run as a service
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get update -qq || echo "apt-get update failed; trying with the lists that are here"
    for package in $missing; do
        $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get install -y --no-install-recommends "$package" || why="apt-get could not install it"
    done
fi

has_redis || echo "LEFT OUT: tests marked redis, because redis-server is not installed: ${why:-unknown}." \
    "To have them: apt install redis-server"
has_chromium || echo "LEFT OUT: tests marked browser, because chromium is not installed: ${why:-unknown}." \
    "To have them: apt install chromium"
exit 0

#!/bin/sh
# Run all tests. Root gets the system packages that some of them want; for anybody else a missing one is a line, and
# only the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."

missing=""
for package in $(cat scripts/system-packages.txt); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "dockline: installing for the tests:$missing"
        apt-get update -qq >/dev/null 2>&1 || true
        # One by one would be slower; one that is not to be had must not keep the others away.
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 \
            || for package in $missing; do
                DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 \
                    || echo "dockline: $package could not be installed; the tests that need it are skipped"
            done
    else
        echo "dockline: not installed here, so the tests that need them are skipped:$missing"
    fi
fi

exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"

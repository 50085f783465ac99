# The two commands that matter: `make demo` and `make test`. Each sets up what it needs and may be run again.
.POSIX:
.PHONY: demo test check bench bench-full setup setup-dev assets lock clean

ARGS =

demo: setup
	.venv/bin/dockline demo $(ARGS)

test: setup-dev
	sh scripts/test.sh $(ARGS)

check: setup-dev
	sh scripts/check.sh

bench: setup-dev
	.venv/bin/python -m benchmarks $(ARGS)

bench-full: setup-dev
	.venv/bin/python -m benchmarks --full $(ARGS)

setup:
	@sh scripts/setup.sh run

setup-dev:
	@sh scripts/setup.sh dev

assets:  # needs Node; the built files are committed, so nothing else does
	cd portal/assets && npm ci --ignore-scripts && node build.mjs

lock:
	sh scripts/lock.sh

clean:
	rm -rf .venv dockline-demo dockline-data

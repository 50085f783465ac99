"""``make bench``: run every benchmark of this folder and print one table; a name or several run only those."""

import argparse
import importlib
import pkgutil
import sys
import traceback
from pathlib import Path

NOT_BENCHMARKS = {"__main__", "harness"}


def names() -> list[str]:
    found = {module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])}
    return sorted(name for name in found - NOT_BENCHMARKS if not name.startswith("_"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[[], *names()], help="only these")
    parser.add_argument("--full", action="store_true", help="full sizes: gigabytes and minutes")
    chosen = parser.parse_args()
    failed = []
    for name in chosen.which or names():
        print(f"\n== {name}", flush=True)
        try:
            importlib.import_module(f"benchmarks.{name}").main(full=chosen.full)
        except Exception:  # noqa: BLE001 - one that fails must not keep the others from being run
            traceback.print_exc()
            failed.append(name)
    if failed:
        print(f"did not run to their end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

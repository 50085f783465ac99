"""Write the next migration: what the models say and the migrations do not do yet.

    .venv/bin/python scripts/new_migration.py "Words for the change"

With ``--again`` the newest revision is thrown away and written anew; only for one that no installation has run.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from evidence import migrate
from evidence.database import Database

VERSIONS = Path(migrate.__file__).with_name("migrations") / "versions"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the next migration.")
    parser.add_argument("words", help="what the change does, for its first line")
    parser.add_argument("--again", action="store_true", help="replace the newest revision, which nobody has run yet")
    given = parser.parse_args()
    there = sorted(VERSIONS.glob("v*.py"))
    if given.again and there:
        there.pop().unlink()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/draft.sqlite3")
        if there:
            migrate.migrate(database)
        migrate.draft(database, given.words, f"{len(there) + 1:04d}")
        database.close()
    for tool in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *tool, str(VERSIONS)], check=True)
    print(*sorted(VERSIONS.glob("v*.py")), sep="\n")


if __name__ == "__main__":
    main()

"""A process that uploads to an S3 server and is killed in the middle of it."""

import sys
from pathlib import Path

from evidence.objectstore_s3 import S3Store
from evidence.settings import Settings
from tests.contract.busy_writer import MIB, large


def main() -> None:
    settings = Settings(data=Path(), store="s3", s3_endpoint=sys.argv[1], s3_bucket=sys.argv[2])
    upload = S3Store.of(settings).incoming(sys.argv[3], size=len(large()))
    upload.append(large()[: 20 * MIB])
    print(upload.sync(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

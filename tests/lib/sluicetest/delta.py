# SPDX-License-Identifier: Apache-2.0
"""A Delta table as others see it: rows by delta-rs, the log as it lies there."""

import json
import pathlib
import re
import urllib.parse

import deltalake
import pyarrow as pa

from .s3 import S3Server

_COMMIT = re.compile(r"(\d{20})\.json")


def read_delta_rs(location: str, storage_options: dict | None = None,
                  version: int | None = None) -> pa.Table:
    table = deltalake.DeltaTable(str(location), version=version, storage_options=storage_options)
    return pa.table(table.to_pyarrow_table())


class Table:
    """A table's place, local (a path) or in an S3 server (s3a://bucket/key).  It
    need not exist yet."""

    def __init__(self, location: str | pathlib.Path, store: S3Server | None = None):
        self.location = str(location)
        self.store = store
        assert self.location.startswith(("s3a://", "s3://")) == (store is not None), location

    def __str__(self) -> str:
        return self.location

    @property
    def storage_options(self) -> dict | None:
        return self.store.storage_options() if self.store else None

    # --- rows -------------------------------------------------------------

    def read(self, version: int | None = None) -> pa.Table:
        return read_delta_rs(self.location, self.storage_options, version)

    def rows(self, version: int | None = None) -> list[dict]:
        return self.read(version).to_pylist()

    def count(self, version: int | None = None) -> int:
        """0 when there is no table."""
        if self.version() < 0:
            return 0
        table = deltalake.DeltaTable(self.location, version=version,
                                     storage_options=self.storage_options)
        return table.to_pyarrow_dataset().count_rows()

    # --- the log, without a Delta library ---------------------------------

    def files(self, below: str = "") -> list[str]:
        """What is stored, by paths relative to the table, sorted."""
        if self.store:
            prefix = self._key(below)
            strip = len(self._key(""))
            return sorted(k[strip:] for k in self.store.client.list(prefix))
        root = pathlib.Path(self.location)
        return sorted(str(p.relative_to(root)) for p in (root / below).rglob("*") if p.is_file())

    def file(self, path: str) -> bytes | None:
        if self.store:
            return self.store.client.get(self._key(path))
        file = pathlib.Path(self.location, path)
        return file.read_bytes() if file.exists() else None

    def versions(self) -> list[int]:
        """Of the commits that are in the log, ascending."""
        names = (f.removeprefix("_delta_log/") for f in self.files("_delta_log/"))
        return sorted(int(m[1]) for m in map(_COMMIT.fullmatch, names) if m)

    def version(self) -> int:
        """The newest commit's, -1 when there is no table."""
        return max(self.versions(), default=-1)

    def commit(self, version: int) -> list[dict]:
        """The actions of one commit."""
        body = self.file(f"_delta_log/{version:020}.json")
        if body is None:
            raise FileNotFoundError(f"{self.location} has no version {version}")
        return [json.loads(line) for line in body.decode().splitlines() if line.strip()]

    def txns(self) -> dict[str, int]:
        """Latest version of each appId, from all commits that are in the log."""
        return {a["txn"]["appId"]: a["txn"]["version"]
                for v in self.versions() for a in self.commit(v) if "txn" in a}

    def _key(self, path: str) -> str:
        return urllib.parse.urlsplit(self.location).path.strip("/") + "/" + path

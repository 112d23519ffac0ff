# SPDX-License-Identifier: Apache-2.0
"""From a record's CreateTime to the moment at which its commit was visible.

Every record counts once.  The pipelines carry the record's time along as a
column; a commit is visible when its file in the log got its name, which is the
change time of that file (the store's own, for MinIO): nothing polls, so that
the measurement costs nothing while it runs.
"""

import io
import os
import pathlib
import urllib.parse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sluicetest.delta import Table

COLUMN = "kafka_timestamp"


def visible_s(table: Table, version: int) -> float:
    """Wall clock."""
    name = f"_delta_log/{version:020}.json"
    if not table.store:
        return os.stat(pathlib.Path(table.location, name)).st_ctime
    key = urllib.parse.urlsplit(table.location).path.strip("/")
    folder = pathlib.Path(table.store.data, table.store.bucket, key, name)
    # MinIO keeps an object as a folder, which it moves into place.
    return max(os.stat(folder).st_ctime, os.stat(folder / "xl.meta").st_ctime)


def of(table: Table, since_s: float) -> dict:
    """Of the records made at `since_s` (wall clock) or later."""
    parts = []
    commits = 0
    since_us = int(since_s * 1e6)
    for version in table.versions():
        visible_us = int(visible_s(table, version) * 1e6)
        before = len(parts)
        for action in table.commit(version):
            if "add" in action:
                body = table.file(urllib.parse.unquote(action["add"]["path"]))
                column = pq.read_table(io.BytesIO(body), columns=[COLUMN])[COLUMN]
                made_us = pc.cast(pc.cast(column, pa.timestamp("us", "UTC")), pa.int64())
                made_us = pc.filter(made_us, pc.greater_equal(made_us, since_us))
                if len(made_us):
                    parts.append(pc.subtract(visible_us, made_us))
        commits += len(parts) > before
    latency_us = pa.chunked_array([c for p in parts for c in p.chunks])
    p50, p99, most = pc.quantile(latency_us, [0.5, 0.99, 1]).to_pylist()
    return {"records": len(latency_us), "commits": commits, "p50_ms": p50 / 1e3,
            "p99_ms": p99 / 1e3, "max_ms": most / 1e3}

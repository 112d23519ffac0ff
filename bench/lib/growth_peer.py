# SPDX-License-Identifier: Apache-2.0
"""What delta-rs pays for a table's age: one measurement in a process of its own.

    growth_peer.py open|commit|refresh|checkpoint LOCATION REPEATS [STORAGE_OPTIONS]

The counterpart of growth.c, with the same output.  Commits name files without writing them and
run no hook: neither checkpoints nor clean-up are in their time.
"""

import json
import statistics
import sys
import time
import uuid

import deltalake
import pyarrow as pa
from deltalake.transaction import AddAction, PostCommitHookProperties

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string())])
STATS = json.dumps({"numRecords": 1000, "minValues": {"id": 1, "name": "abc"},
                    "maxValues": {"id": 9, "name": "xyz"}, "nullCount": {"id": 0, "name": 0}})


def append(table: deltalake.DeltaTable) -> None:
    add = AddAction(f"part-{uuid.uuid4()}.snappy.parquet", 123456, {}, 1600000000000, True, STATS)
    table.create_write_transaction(
        [add], "append", SCHEMA, post_commithook_properties=PostCommitHookProperties(
            create_checkpoint=False, cleanup_expired_logs=False))


class Measure:
    def __init__(self, location: str, repeats: int, storage: dict | None):
        self.location, self.repeats, self.storage = location, repeats, storage
        self.samples: list[tuple[float, float]] = []

    def table(self) -> deltalake.DeltaTable:
        return deltalake.DeltaTable(self.location, storage_options=self.storage)

    def timed(self, call) -> None:
        began = time.monotonic(), time.process_time()
        call()
        self.samples.append(((time.monotonic() - began[0]) * 1e3,
                             (time.process_time() - began[1]) * 1e3))

    def open(self) -> None:
        for _ in range(self.repeats):
            self.timed(self.table)

    def commit(self) -> None:
        table = self.table()
        for _ in range(self.repeats):
            self.timed(lambda: append(table))

    def refresh(self) -> None:
        table, other = self.table(), self.table()
        for _ in range(self.repeats):
            append(other)
            self.timed(table.update_incremental)

    def checkpoint(self) -> None:
        table = self.table()
        for _ in range(self.repeats):
            append(table)
            self.timed(table.create_checkpoint)


def main() -> None:
    what, location, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3])
    measure = Measure(location, repeats, json.loads(sys.argv[4]) if len(sys.argv) > 4 else None)
    getattr(measure, what)()
    with open("/proc/self/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    walls, cpus = zip(*measure.samples)
    print(json.dumps({"what": what, "ms": round(statistics.median(walls), 3),
                      "ms_most": round(max(walls), 3), "cpu_ms": round(statistics.median(cpus), 3),
                      "rss_mb": round(peak / 1024, 1)}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What splitting a batch into many partitions costs, without a broker.

    bench/partitions.py                                   a few minutes
    bench/partitions.py --partitions 500 --against OTHER/sluice    two builds in turn

The generator's events, drained into a local table; 0 partitions is a table without.  delta-rs
counts the rows of each table.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "bench/lib"), str(TREE / "tests/lib")]

import measure  # noqa: E402
from sluicetest.delta import Table  # noqa: E402


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, nargs="*", default=[0, 1, 10, 100, 500, 3000])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sluice", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("SLUICE_BIN", TREE / "build/sluice")))
    parser.add_argument("--against", type=pathlib.Path, help="another build")
    parser.add_argument("--timeout", type=float, default=600, help="seconds of one run")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there as well")
    return parser.parse_args()


def drain(sluice: pathlib.Path, partitions: int, args: argparse.Namespace,
          work: pathlib.Path) -> dict:
    """One run; {"failed": why} when it does not come through."""
    shutil.rmtree(work, ignore_errors=True)
    place = work / "table"
    env = {"BENCH_ROWS": str(args.rows), "BENCH_TABLE": str(place), "TMPDIR": str(work),
           "BENCH_PARTITIONS": str(max(partitions, 1)),
           "BENCH_PARTITIONED": "PARTITIONED BY (part)" if partitions else ""}
    try:
        used = measure.run([sluice.resolve(), "run", "--no-live", "--log-format=json",
                            "--available-now", TREE / "bench/pipelines/partitions.sql"],
                           work, "sluice", env, args.timeout)
    except (RuntimeError, TimeoutError) as failure:
        return {"failed": str(failure)}
    table = Table(place)
    rows = table.count()
    if rows != args.rows:
        raise AssertionError(f"{place} has {rows} rows, not {args.rows}")
    log = (work / "sluice.log").read_text().splitlines()
    batches = [line for line in map(json.loads, log) if line.get("event") == "batch"]
    return {"wall_s": used.wall_s, "cpu_s": used.cpu_s, "rss_mb": used.rss_bytes / 1e6,
            "foreign_cpu_s": used.foreign_cpu_s, "batches": len(batches),
            "files": sum(1 for name in table.files() if name.endswith(".parquet")
                         and not name.startswith("_"))}


def row(name: str, partitions: int, runs: list[dict], rows: int) -> str:
    failed = [run for run in runs if "failed" in run]
    if failed:
        return f"| {name} | {partitions:,} | failed: {failed[0]['failed'].splitlines()[0]} | | | | | |"
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return (f"| {name} | {partitions:,} | {rows / middle['wall_s'] / 1e3:,.0f} K | "
            f"{middle['cpu_s'] / rows * 1e6:.2f} | {max(run['rss_mb'] for run in runs):,.0f} | "
            f"{middle['files']:,.0f} | {middle['batches']:.0f} | "
            f"{middle['foreign_cpu_s'] / middle['wall_s']:.2f} |")


def main() -> None:
    args = options()
    builds = {"this": args.sluice} | ({"other": args.against} if args.against else {})
    runs: dict = {}
    work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-partitions-"))
    try:
        for _ in range(args.repeats):
            for partitions in args.partitions:
                for name, sluice in builds.items():
                    run = drain(sluice, partitions, args, work / "run")
                    runs.setdefault((name, partitions), []).append(run)
                    print(row(name, partitions, [run], args.rows), file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    machine = measure.machine()
    if args.json:
        args.json.write_text(json.dumps(
            {"machine": machine, "runs": [[*key, value] for key, value in runs.items()]}, indent=1))
    print(f"{machine}, {args.rows:,} rows, {args.repeats} runs\n\n"
          "| build | partitions | messages/s | CPU s / million | peak RSS, MB, the most | files "
          "| batches | cores used by others |\n|---|---|---|---|---|---|---|---|")
    for (name, partitions), those in runs.items():
        print(row(name, partitions, those, args.rows))


if __name__ == "__main__":
    main()

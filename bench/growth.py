#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a table's age costs: open, commit, refresh and checkpoint, beside delta-rs, in one run.

    bench/growth.py                                  everything, some ten minutes and 10 GB
    bench/growth.py --commits 1000 100000 --files 1000 100000 --minio-commits --minio-files 1000

Tables have a log and no data (growth.c).  Those of --commits have 100 live files and as many
commits, all of them still there or, "cleaned", only those behind the checkpoint; those of --files
have 100 commits.  Each measurement is a process of its own on a table that it has for itself.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "bench/lib"), str(TREE / "tests/lib")]

import measure  # noqa: E402
from sluicetest.s3 import MinIO  # noqa: E402

LIVE = 100
REPEATS = {"open": 5, "commit": 30, "refresh": 10, "idle": 10, "checkpoint": 3}
PEER_REPEATS = {"open": 3, "commit": 5, "refresh": 3, "checkpoint": 2}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"type": int, "nargs": "*"}
    parser.add_argument("--commits", default=[1_000, 10_000, 100_000, 1_000_000], **sizes)
    parser.add_argument("--files", default=[1_000, 100_000, 1_000_000], **sizes)
    parser.add_argument("--minio-commits", default=[1_000, 10_000], **sizes)
    parser.add_argument("--minio-files", default=[1_000, 100_000, 1_000_000], **sizes)
    parser.add_argument("--no-peer", action="store_true", help="without delta-rs")
    parser.add_argument("--work", type=pathlib.Path, help="where data goes; a temporary folder")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there as well")
    return parser.parse_args()


class Bench:
    def __init__(self, args: argparse.Namespace, work: pathlib.Path):
        self.args = args
        self.work = work
        self.program = TREE / "build/bench/growth_bench"
        subprocess.run(["ninja", "-C", TREE / "build", "bench/growth_bench"], check=True,
                       stdout=subprocess.DEVNULL)
        self.minio = None
        if args.minio_commits or args.minio_files:
            self.minio = MinIO(work / "minio")
        self.lines: list[dict] = []

    def close(self) -> None:
        if self.minio:
            self.minio.process.kill()

    def call(self, argv: list) -> dict:
        env = dict(os.environ)
        if self.minio:
            env |= {"MINIO_ENDPOINT": self.minio.endpoint,
                    "MINIO_ROOT_USER": self.minio.access_key,
                    "MINIO_ROOT_PASSWORD": self.minio.secret_key}
        done = subprocess.run([str(a) for a in argv], env=env, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{argv} ended with {done.returncode}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def make(self, commits: int, files: int, cleaned: bool) -> pathlib.Path:
        folder = self.work / "table"
        shutil.rmtree(folder, ignore_errors=True)
        self.call([self.program, "make", folder, commits, files] + ["cleaned"] * cleaned)
        return folder

    def measure(self, name: str, where: str, location: str) -> None:
        spool = self.work / "spool"
        spool.mkdir(exist_ok=True)
        storage = []
        if where == "MinIO":
            storage = [json.dumps(self.minio.storage_options())]
        line: dict = {"table": name, "where": where, "sluice": {}, "delta-rs": {}}
        for what, repeats in REPEATS.items():
            line["sluice"][what] = self.call([self.program, what, location, spool, repeats])
            if what in PEER_REPEATS and not self.args.no_peer:
                peer = location.replace("s3a://", "s3://")
                line["delta-rs"][what] = self.call(
                    [sys.executable, TREE / "bench/lib/growth_peer.py", what, peer,
                     PEER_REPEATS[what]] + storage)
        self.lines.append(line)
        say(row(line))

    def local(self, name: str, commits: int, files: int, cleaned: bool) -> None:
        say(f"making a table of {name}")
        folder = self.make(commits, files, cleaned)
        self.measure(name, "local disk", str(folder))

    def remote(self, name: str, commits: int, files: int, cleaned: bool) -> None:
        say(f"making a table of {name} in MinIO")
        folder = self.make(commits, files, cleaned)
        location = self.minio.url(f"tables/t{len(self.lines)}", "s3a")
        self.call([self.program, "copy", folder, location])
        self.measure(name, "MinIO", location)

    def run(self) -> None:
        for commits in self.args.commits:
            self.local(f"{commits:,} commits", commits, LIVE, False)
        if self.args.commits:
            self.local(f"{max(self.args.commits):,} commits, cleaned", max(self.args.commits),
                       LIVE, True)
        for files in self.args.files:
            self.local(f"{files:,} files", 100, files, False)
        for commits in self.args.minio_commits:
            self.remote(f"{commits:,} commits", commits, LIVE, False)
        for files in self.args.minio_files:
            self.remote(f"{files:,} files", 100, files, False)


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def row(line: dict) -> str:
    cells = [line["where"], line["table"]]
    for what in REPEATS:
        ours, theirs = line["sluice"].get(what), line["delta-rs"].get(what)
        cells.append(figure(ours["ms"]) + (f" / {figure(theirs['ms'])}" if theirs else ""))
    ours, theirs = line["sluice"]["checkpoint"], line["delta-rs"].get("checkpoint")
    cells.append(figure(ours["rss_mb"]) + (f" / {figure(theirs['rss_mb'])}" if theirs else ""))
    return "| " + " | ".join(cells) + " |"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    args = options()
    work = (args.work or pathlib.Path(tempfile.mkdtemp(prefix="sluice-growth-"))).resolve()
    work.mkdir(parents=True, exist_ok=True)
    machine = measure.machine()
    bench = Bench(args, work)
    try:
        bench.run()
    finally:
        bench.close()
        if args.json:
            args.json.write_text(json.dumps({"machine": machine, "tables": bench.lines}, indent=1))
        if not args.work:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{machine}\n\nSluice / delta-rs, medians in ms; the last column in MB.\n\n"
          "| where | table | open | commit | refresh, one new | refresh, nothing new | checkpoint "
          "| its peak RSS |\n|---|---|---|---|---|---|---|---|")
    print("\n".join(row(line) for line in bench.lines))


if __name__ == "__main__":
    main()

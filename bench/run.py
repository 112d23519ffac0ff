#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sluice beside bare librdkafka and Spark: the same topics, the same tables, one run.

    bench/run.py                       everything, about half an hour
    bench/run.py --events 1000000 --feeds 20000 --repeats 1 --no-spark    a few minutes

Starts a Kafka broker and MinIO of its own, fills the topics, and measures the
engines in turn, `--repeats` times; the table shows medians.  After each run
delta-rs counts and sums the rows: a run that lost or doubled one ends it all.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "bench/lib"), str(TREE / "tests/lib")]

import deltalake  # noqa: E402
import engines  # noqa: E402
import latency  # noqa: E402
import measure  # noqa: E402
import pyarrow.compute as pc  # noqa: E402
import report  # noqa: E402
from servers import FastBroker  # noqa: E402
from sluicetest.delta import Table  # noqa: E402
from sluicetest.process import wait_until  # noqa: E402
from sluicetest.s3 import MinIO  # noqa: E402

PARTITIONS = 4
ENTITIES = 20  # in a feed
PARTS = ("throughput", "feeds", "latency", "start")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--feeds", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--spark-repeats", type=int, default=None, help="default: as --repeats")
    parser.add_argument("--no-spark", action="store_true")
    parser.add_argument("--only", action="append", choices=PARTS, help="may be given repeatedly")
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 10000])
    parser.add_argument("--latency-seconds", type=int, default=30)
    parser.add_argument("--sluice", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("SLUICE_BIN", TREE / "build/sluice")))
    parser.add_argument("--programs", type=pathlib.Path, help="folder with bench_produce and "
                        "bench_consume; built in build/ when not given")
    parser.add_argument("--work", type=pathlib.Path, help="where data goes; a temporary folder")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there as well")
    return parser.parse_args()


def build() -> pathlib.Path:
    subprocess.run(["ninja", "-C", TREE / "build", "bench/bench_produce", "bench/bench_consume"],
                   check=True, stdout=subprocess.DEVNULL)
    return TREE / "build/bench"


class Bench:
    def __init__(self, args: argparse.Namespace, work: pathlib.Path):
        self.args = args
        self.work = work
        self.programs = args.programs or build()
        self.parts = args.only or PARTS
        self.results: dict = {"machine": measure.machine(), "command": sys.argv, "drain": [],
                              "latency": [], "start": []}
        say("starting Kafka and MinIO")
        self.broker = FastBroker(work / "kafka", heap="512m")
        self.minio = MinIO(work / "minio")
        self.sums: dict = {}
        self.number = 0

    def close(self) -> None:
        self.broker.process.kill()
        self.minio.process.kill()

    # --- topics and tables ------------------------------------------------

    def topic(self, kind: str, payload: str, messages: int, rows_each: int = 1) -> engines.Topic:
        self.number += 1
        topic = engines.Topic(self.broker, f"{kind}-{self.number}", kind, PARTITIONS, 0, rows_each)
        self.broker.create_topic(topic.name, PARTITIONS)
        if messages:
            say(f"producing {messages} {payload}")
            engines.produce(self.programs / "bench_produce", topic, payload, messages)
        return topic

    def place(self, where: str) -> Table:
        self.number += 1
        name = f"tables/t{self.number}"
        if where == "MinIO":
            return Table(self.minio.url(name), self.minio)
        return Table(self.work / name)

    def drop(self, table: Table | None) -> None:
        """Keeps the disk from filling up."""
        if table and table.store:
            key = table.location.removeprefix(self.minio.url("", "s3a"))
            shutil.rmtree(self.minio.data / self.minio.bucket / key, ignore_errors=True)
        elif table:
            shutil.rmtree(table.location, ignore_errors=True)

    def verify(self, topic: engines.Topic, table: Table) -> dict:
        """Rows and sums by delta-rs; all tables of a topic must have the same ones."""
        delta = deltalake.DeltaTable(table.location, storage_options=table.storage_options)
        names = ["latitude", "current_stop_sequence"] if topic.rows_each > 1 else \
            ["user_id", "quantity"]
        rows = 0
        sums = [0.0] * len(names)
        for batch in delta.to_pyarrow_dataset().to_batches(columns=names):
            rows += batch.num_rows
            sums = [s + (pc.sum(c).as_py() or 0) for s, c in zip(sums, batch.columns)]
        if rows != topic.rows:
            raise AssertionError(f"{table} has {rows} rows, not {topic.rows}")
        sums = [round(s, 3) for s in sums]
        if self.sums.setdefault(topic.name, sums) != sums:
            raise AssertionError(f"{table} sums up to {sums}, not {self.sums[topic.name]}")
        actions = [a for v in table.versions() for a in table.commit(v) if "add" in a]
        return {"files": len(actions), "bytes": sum(a["add"]["size"] for a in actions)}

    # --- throughput -------------------------------------------------------

    def drain(self, topic: engines.Topic) -> None:
        sluice, spark = engines.Sluice(self.args.sluice), engines.Spark()
        cases = [(engines.Bare(self.programs / "bench_consume"), None, self.args.repeats)]
        cases += [(sluice, where, self.args.repeats) for where in ("local", "MinIO")]
        if not self.args.no_spark:
            repeats = self.args.spark_repeats
            repeats = self.args.repeats if repeats is None else repeats
            cases += [(spark, where, repeats) for where in ("local", "MinIO")]
        for repeat in range(max(repeats for _, _, repeats in cases)):
            for engine, where, repeats in cases:
                if repeat < repeats:
                    self.drain_once(topic, engine, where)

    def drain_once(self, topic: engines.Topic, engine, where: str | None) -> None:
        table = self.place(where) if where else None
        self.number += 1
        done = engine.drain(topic, table, self.work / f"run-{self.number}")
        written = self.verify(topic, table) if table else {"files": 0, "bytes": 0}
        self.drop(table)
        million = topic.messages / 1e6
        line = {
            "topic": topic.kind, "engine": engine.name, "where": where, **written,
            "messages": topic.messages, "message_bytes": topic.bytes / topic.messages,
            "rows": topic.rows, "wall_s": done.wall_s, "inside_s": done.inside_s,
            "per_second": topic.messages / done.wall_s,
            "cpu_s_per_million": done.cpu_s / million, "rss_mb": done.rss_bytes / 1e6,
            "foreign_cpu_s": done.foreign_cpu_s,
        }
        self.results["drain"].append(line)
        say(f"{topic.kind} {engine.name} {where or ''}: {line['per_second'] / 1e3:.1f} K/s, "
            f"{line['cpu_s_per_million']:.2f} CPU s per million, {line['rss_mb']:.0f} MB; "
            f"others used {done.foreign_cpu_s / done.wall_s:.2f} cores")

    # --- latency ----------------------------------------------------------

    def latencies(self) -> None:
        for rate in self.args.rates:
            for where in ("MinIO", "local"):
                for trigger in ("0 seconds", "1 second"):
                    self.latency(engines.Sluice(self.args.sluice), where, trigger, rate)
                if not self.args.no_spark:
                    self.latency(engines.Spark(), where, "0 seconds", rate)

    def latency(self, engine, where: str, trigger: str, rate: int) -> None:
        """Some records before, so that the engine runs when those that count begin."""
        topic = self.topic("latency", "events", 1000)
        table = self.place(where)
        self.number += 1
        with engine.follow(topic, table, self.work / f"run-{self.number}", trigger) as pid:
            wait_until(lambda: table.count() >= topic.rows, "the first rows")
            since, cpu = time.time(), measure.cpu_s(pid)
            engines.produce(self.programs / "bench_produce", topic, "events",
                            rate * self.args.latency_seconds, rate)
            wait_until(lambda: table.count() >= topic.rows, "all rows")
            cpu = (measure.cpu_s(pid) - cpu) / (time.time() - since)
            rss = measure.memory(pid)[1]
        self.verify(topic, table)
        line = {"engine": engine.name, "where": where, "trigger": trigger, "rate": rate,
                **latency.of(table, since), "cpu_percent": cpu * 100, "rss_mb": rss / 1e6}
        self.results["latency"].append(line)
        self.drop(table)
        say(f"latency {engine.name} {where} trigger {trigger} at {rate}/s: p50 "
            f"{line['p50_ms']:.0f} ms, p99 {line['p99_ms']:.0f} ms, {line['commits']} commits")

    def start(self) -> None:
        topic = self.topic("events", "events", 1000)
        for _ in range(self.args.repeats):
            table = self.place("local")
            self.number += 1
            line = engines.first_commit_s(engines.Sluice(self.args.sluice), topic, table,
                                          self.work / f"run-{self.number}")
            self.results["start"].append(line)
            say(f"start: first rows after {line['seconds'] * 1e3:.0f} ms")

    def run(self) -> None:
        if "throughput" in self.parts:
            self.drain(self.topic("events", "events", self.args.events))
        if "feeds" in self.parts:
            self.drain(self.topic("feeds", "feeds", self.args.feeds, ENTITIES))
        if "start" in self.parts:
            self.start()
        if "latency" in self.parts:
            self.latencies()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    args = options()
    args.sluice = args.sluice.resolve()
    work = args.work or pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    work = work.resolve()
    bench = Bench(args, work)
    try:
        bench.run()
    finally:
        bench.close()
        if args.json:
            args.json.write_text(json.dumps(bench.results, indent=1, default=str) + "\n")
    print(report.markdown(bench.results, statistics.median))
    if not args.work:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""The engines side by side: each drains a topic into a table, or follows one."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import measure
from sluicetest.delta import Table
from sluicetest.process import Process, wait_until

BENCH = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass
class Drained:
    """One run over a whole topic."""
    wall_s: float  # of the process, its start included
    inside_s: float | None  # of its batches alone, where it tells
    cpu_s: float
    rss_bytes: int
    foreign_cpu_s: float  # broker, store and whatever else ran


class Bare:
    """librdkafka alone, no table."""
    name = "librdkafka"

    def __init__(self, binary: pathlib.Path, properties: tuple = ()):
        self.binary = binary
        self.properties = properties

    def drain(self, topic: "Topic", table: None, folder: pathlib.Path) -> Drained:
        used = measure.run([self.binary, topic.broker.bootstrap, topic.name, topic.partitions,
                            *self.properties], folder, "consume")
        told = json.loads(used.stdout)
        if told["messages"] != topic.messages:
            raise AssertionError(f"{told['messages']} of {topic.messages} messages came")
        return Drained(used.wall_s, told["seconds"], used.cpu_s, used.rss_bytes,
                       used.foreign_cpu_s)


class Sluice:
    name = "Sluice"

    def __init__(self, binary: pathlib.Path):
        self.binary = binary

    def _env(self, topic: "Topic", table: Table, trigger: str) -> dict:
        env = {"BENCH_BROKER": topic.broker.bootstrap, "BENCH_TOPIC": topic.name,
               "BENCH_TABLE": table.location, "BENCH_TRIGGER": trigger}
        return env | (table.store.sluice_env() if table.store else {})

    def _argv(self, kind: str) -> list:
        return [self.binary, "run", "--no-live", "--log-format=json",
                BENCH / f"pipelines/{kind}.sql"]

    def drain(self, topic: "Topic", table: Table, folder: pathlib.Path) -> Drained:
        used = measure.run([*self._argv(topic.kind), "--available-now"], folder, "sluice",
                           {"TMPDIR": str(folder), **self._env(topic, table, "1 second")})
        return Drained(used.wall_s, None, used.cpu_s, used.rss_bytes, used.foreign_cpu_s)

    @contextlib.contextmanager
    def follow(self, topic: "Topic", table: Table, folder: pathlib.Path, trigger: str):
        """While the body runs; gives the pid."""
        process = Process("sluice", self._argv(topic.kind), folder, cwd=folder,
                          env={"TMPDIR": str(folder), **self._env(topic, table, trigger)})
        try:
            yield process.pid
            process.check_alive()
            if process.stop() != 0:
                raise RuntimeError(f"sluice failed:\n{process.tail()}")
        finally:
            process.kill()


class Spark:
    name = "Spark"

    def _job(self, topic: "Topic", table: Table, folder: pathlib.Path, now: bool) -> list:
        s3 = table.store
        job = {
            "kind": topic.kind, "broker": topic.broker.bootstrap, "topic": topic.name,
            "table": table.location, "checkpoint": str(folder / "checkpoint"),
            "available_now": now, "work": str(folder),
            "s3": s3 and {"endpoint": s3.endpoint, "region": s3.region, "key": s3.access_key,
                          "secret": s3.secret_key},
        }
        return [sys.executable, BENCH / "lib/spark_job.py", json.dumps(job)]

    def _env(self) -> dict:
        return {"PYTHONPATH": os.pathsep.join([str(BENCH / "lib"), str(BENCH.parent / "tests/lib")])}

    def drain(self, topic: "Topic", table: Table, folder: pathlib.Path) -> Drained:
        used = measure.run(self._job(topic, table, folder, True), folder, "spark", self._env())
        told = json.loads(used.stdout.splitlines()[-1])
        return Drained(used.wall_s, told["inside_s"], told["cpu_s"], told["rss_bytes"],
                       used.foreign_cpu_s + used.cpu_s - told["cpu_s"])

    @contextlib.contextmanager
    def follow(self, topic: "Topic", table: Table, folder: pathlib.Path, trigger: str):
        """While the body runs; gives the JVM's pid."""
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "spark.log", "wb") as log:
            child = subprocess.Popen([str(a) for a in self._job(topic, table, folder, False)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                     env={**os.environ, **self._env()})
        try:
            yield json.loads(child.stdout.readline())["jvm"]
            child.stdin.close()
            if child.wait(120) != 0:
                raise RuntimeError(f"Spark failed, see {folder}/spark.log")
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                child.wait(60)


@dataclasses.dataclass
class Topic:
    broker: object
    name: str
    kind: str  # of pipeline: events, feeds, latency
    partitions: int
    messages: int
    rows_each: int = 1
    bytes: int = 0

    @property
    def rows(self) -> int:
        return self.messages * self.rows_each


def produce(binary: pathlib.Path, topic: Topic, payload: str, messages: int, rate: int = 0):
    argv = [binary, topic.broker.bootstrap, topic.name, topic.partitions, payload, messages]
    done = subprocess.run([str(a) for a in argv + ([rate] if rate else [])], check=True,
                          stdout=subprocess.PIPE)
    told = json.loads(done.stdout)
    topic.messages += told["messages"]
    topic.bytes += told["bytes"]
    return told


def first_commit_s(engine: Sluice, topic: Topic, table: Table, folder: pathlib.Path) -> dict:
    """From the start of the process to the first visible rows, and what it holds and burns
    when there is nothing more to do. On local disk."""
    from latency import visible_s

    started = time.time()
    with engine.follow(topic, table, folder, "0 seconds") as pid:
        wait_until(lambda: table.count() >= topic.rows, "all rows")
        first = next(v for v in table.versions() if any("add" in a for a in table.commit(v)))
        seconds = visible_s(table, first) - started
        time.sleep(2)
        before = measure.cpu_s(pid)
        time.sleep(5)
        return {"seconds": seconds, "idle_cpu_percent": (measure.cpu_s(pid) - before) / 5 * 100,
                "idle_rss_bytes": measure.memory(pid)[0]}

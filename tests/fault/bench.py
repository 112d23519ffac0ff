# SPDX-License-Identifier: Apache-2.0
"""What kill.py and the scenarios stand on: servers, a producer that keeps the
book, a table under attack, and the comparison at the end.
"""

import contextlib
import itertools
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import confluent_kafka as ck  # noqa: E402
import deltalake  # noqa: E402
import pyarrow as pa  # noqa: E402
from sluicetest.delta import Table  # noqa: E402
from sluicetest.kafka import KafkaBroker, Record  # noqa: E402
from sluicetest.ledger import Difference, Ledger  # noqa: E402
from sluicetest.s3 import MinIO  # noqa: E402
from sluicetest.sluice import Sluice, command  # noqa: E402

from proxy import Proxy  # noqa: E402

EXIT_DATA, EXIT_IO, EXIT_CORRUPT, EXIT_FENCED, EXIT_IDENTITY = 3, 4, 5, 6, 7

PIPELINE = """\
CREATE STREAM feed (id BIGINT, pad STRING) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '{broker}',
    subscribe = '{topic}',
    startingOffsets = 'earliest',
    {stream}
    'value.format' = 'json'
);
CREATE STREAMING TABLE t USING delta LOCATION '{table}'
OPTIONS (queryName = '{query}', trigger = '{trigger}')
AS SELECT id, pad, _partition, _offset FROM feed;
"""


class Servers:
    """Kafka, and MinIO behind the proxy; MinIO only when asked for."""

    def __init__(self, folder: pathlib.Path, kafka: KafkaBroker | None = None,
                 minio: MinIO | None = None):
        self.folder = pathlib.Path(folder)
        self.own = []
        self.kafka = kafka or self._start(KafkaBroker, "kafka")
        self._minio = minio
        self._proxy: Proxy | None = None
        self.numbers = itertools.count(1)

    def _start(self, cls, name: str):
        server = cls(self.folder / name)
        self.own.append(server)
        return server

    @property
    def proxy(self) -> Proxy:
        if not self._proxy:
            self._minio = self._minio or self._start(MinIO, "minio")
            self._proxy = Proxy(self._minio)
        return self._proxy

    def stop(self) -> None:
        if self._proxy:
            self._proxy.close()
        for server in self.own:
            server.process.kill()


class Feeder:
    """Sends records until stopped and writes those that were acknowledged into the
    ledger.  Some go in transactions, of which some are aborted: gaps in the
    offsets, and records that must not appear."""

    def __init__(self, kafka: KafkaBroker, topic: str, seed: int, rate: int = 400,
                 transactions: bool = True):
        self.kafka, self.topic, self.rate = kafka, topic, rate
        self.transactions = transactions
        self.rng = random.Random(seed)
        self.ledger = Ledger(value_column="id", value_of=lambda r: int(r.key or b"-1"))
        self.failure: BaseException | None = None
        self.number = itertools.count()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> Ledger:
        self.ending.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        return self.ledger

    def _run(self) -> None:
        try:
            plain = ck.Producer({"bootstrap.servers": self.kafka.bootstrap, "acks": "all",
                                 "linger.ms": 2, "log_level": 0})
            while not self.ending.wait(0.1):
                kind = self.rng.random() if self.transactions else 1
                if kind < 0.04:
                    with contextlib.suppress(_Abort), self.kafka.transaction() as send:
                        records = send(self.topic, *self._values(20))
                        if kind < 0.02:
                            raise _Abort
                        self.ledger.add(records)
                else:
                    self._send(plain, self.rng.randrange(1, self.rate // 5))
        except BaseException as e:  # told by stop()
            self.failure = e

    def _values(self, count: int) -> tuple[list, int, list]:
        ids = [next(self.number) for _ in range(count)]
        return ([f'{{"id": {i}, "pad": "{"x" * (i % 50)}"}}' for i in ids], -1,
                [str(i) for i in ids])

    def _send(self, producer: ck.Producer, count: int) -> None:
        values, _, keys = self._values(count)
        failed: list = []

        def delivered(error, message):
            if error:
                failed.append(error)
            else:
                self.ledger.records.append(Record(message.topic(), message.partition(),
                                                  message.offset(), message.key(), None))

        for value, key in zip(values, keys):
            producer.produce(self.topic, value, key, on_delivery=delivered)
        if producer.flush(60) or failed:
            raise ck.KafkaException(f"not produced: {failed[:3]}")


class _Abort(Exception):
    pass


class Stranger:
    """delta-rs appends rows of its own (partition -1) beside the query."""

    def __init__(self, table: Table, seed: int):
        self.table, self.rng = table, random.Random(seed)
        self.sent: list[int] = []
        self.doubt: list[int] = []  # it failed, and may have been written all the same
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.ending.set()
        self.thread.join()

    def _run(self) -> None:
        for number in itertools.count():
            if self.ending.wait(self.rng.random() * 1.5):
                return
            if self.table.version() < 0:
                continue
            row = pa.table({"id": pa.array([number], pa.int64()), "pad": ["stranger"],
                            "_partition": pa.array([-1], pa.int32()),
                            "_offset": pa.array([number], pa.int64())})
            try:
                deltalake.write_deltalake(self.table.location, row, mode="append",
                                          storage_options=self.table.storage_options)
                self.sent.append(number)
            except Exception:  # it may lose a race; what it says then is its own affair
                self.doubt.append(number)

    def check(self, rows: list[int]) -> None:
        missing = set(self.sent) - set(rows)
        assert not missing, f"appends of delta-rs are gone: {sorted(missing)[:10]}"
        assert len(rows) == len(set(rows)), "appends of delta-rs are doubled"
        assert set(rows) <= set(self.sent) | set(self.doubt)


class Target:
    """A topic and a table, and the query between them.  As a context: at its end nothing that it
    started runs any more, and the proxy has no rules."""

    def __init__(self, servers: Servers, store: str, partitions: int = 3):
        self.servers = servers
        self.number = next(servers.numbers)
        self.folder = servers.folder / f"target-{self.number}"
        self.folder.mkdir(parents=True)
        self.topic = servers.kafka.create_topic(None, partitions)
        self.s3 = store == "minio"
        if self.s3:
            server = servers.proxy.server
            self.table = Table(server.url(f"lake/t{self.number}"), server)
            self.env = {**server.sluice_env(), "MINIO_ENDPOINT": servers.proxy.endpoint}
        else:
            self.table = Table(self.folder / "lake")
            self.env = {}
        self.runs: list[Sluice] = []
        self.feeders: list[Feeder] = []

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_) -> None:
        if self.s3:
            self.servers.proxy.rules = []
        self.close()

    # --- records ----------------------------------------------------------

    def feed(self, seed: int) -> Feeder:
        """A producer that goes on until `settle` or the target's end."""
        self.feeders.append(Feeder(self.servers.kafka, self.topic, seed))
        return self.feeders[-1]

    def produce(self, count: int, first: int = 0) -> list[Record]:
        return self.servers.kafka.produce(
            self.topic, [json.dumps({"id": first + i, "pad": "p"}) for i in range(count)],
            keys=[str(first + i) for i in range(count)])

    # --- the query --------------------------------------------------------

    def pipeline(self, query: str = "q", trigger: str = "0 seconds", stream: str = "") -> str:
        return PIPELINE.format(broker=self.servers.kafka.bootstrap, topic=self.topic, query=query,
                               table=self.table.location, trigger=trigger, stream=stream)

    def run(self, *args: str, failpoint: str = "", pipeline: str | None = None) -> Sluice:
        env = {**self.env, **({"SLUICE_FAILPOINT": failpoint} if failpoint else {})}
        run = Sluice(self.folder, pipeline or self.pipeline(), *args, env=env)
        self.runs.append(run)
        return run

    def command(self, *args: str, pipeline: str | None = None) -> None:
        """`sluice ARGS… FILE`, which must succeed."""
        file = self.folder / "command.sql"
        file.write_text(pipeline or self.pipeline())
        done = command(*args, file, env=self.env)
        assert done.exit_code == 0, f"sluice {args} ended with {done.exit_code}: {done.stderr}"

    def drain(self, pipeline: str | None = None) -> None:
        run = self.run("--available-now", pipeline=pipeline)
        code = run.wait_exit()
        assert code == 0, f"the drain ended with {code}:\n{run.process.tail()}"

    def close(self) -> None:
        for feeder in self.feeders:
            feeder.ending.set()
        for run in self.runs:
            run.kill()

    # --- the outcome ------------------------------------------------------

    def check(self, ledger: Ledger) -> None:
        difference = self.compare(ledger)
        assert not difference, str(difference)

    def settle(self, feeder: Feeder) -> None:
        """The feeder stops, the rest is read: everything is there once."""
        ledger = feeder.stop()
        self.drain()
        self.check(ledger)

    def compare(self, ledger: Ledger, stranger: Stranger | None = None) -> Difference:
        found = self.table.read()
        own = pa.compute.greater_equal(found.column("_partition"), 0)
        if stranger:
            stranger.check(found.filter(pa.compute.invert(own)).column("_offset").to_pylist())
        return ledger.compare(found.filter(own))


def wait_for(what: str, probe, seconds: float = 120.0, pause_s: float = 0.02) -> bool:
    """True when it has come, False after the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if probe():
            return True
        time.sleep(pause_s)
    return False

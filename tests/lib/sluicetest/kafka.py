# SPDX-License-Identifier: Apache-2.0
"""One Apache Kafka node (KRaft: broker and controller in one), and what a test
does with it: topics, records, transactions, offsets.

A broker is shared by a whole test run, so every topic gets a name of its own.
Offsets are never dense (markers, compaction): produce returns where each record
went, and the ledger goes by that.
"""

import base64
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import uuid
from typing import Iterable, Sequence

import confluent_kafka as ck
from confluent_kafka import admin as ck_admin

from . import deps
from .process import PATIENCE_S, Process, free_port, wait_until

#: broker and topic settings that make retention act within seconds
RETENTION_BROKER = {"log.retention.check.interval.ms": 1000, "log.initial.task.delay.ms": 1000}
RETENTION_TOPIC = {"retention.ms": 1000, "segment.ms": 500}

#: the same for compaction; the segment only rolls with one more record, written
#: later than segment.ms
COMPACTION_BROKER = {"log.cleaner.backoff.ms": 1000}
COMPACTION_TOPIC = {"cleanup.policy": "compact", "segment.ms": 500,
                    "min.cleanable.dirty.ratio": 0.001, "max.compaction.lag.ms": 1000,
                    "delete.retention.ms": 100}

_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
# The settings at the start and each replayed metadata record: a thousand lines.
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.controller.name = org.apache.kafka.controller
logger.controller.level = warn
logger.state.name = state.change.logger
logger.state.level = warn
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


@dataclasses.dataclass(frozen=True)
class Record:
    """A record as the broker has it."""
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    timestamp_ms: int | None = None


class KafkaBroker:
    """`properties` are added to server.properties (of equal keys the last wins);
    `format_args` go to the storage tool, which is where SCRAM users are made."""

    def __init__(self, folder: pathlib.Path, properties: dict | None = None,
                 format_args: Sequence[str] = (), heap: str = "256m"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heap = heap
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._write_config(properties or {})
        self._format(format_args)
        self._admin: ck_admin.AdminClient | None = None
        self._archive: pathlib.Path | None = None
        self.process = self.start()

    # --- the server -------------------------------------------------------

    def start(self) -> Process:
        """Start it (again, after stop or a kill), on the same port and data."""
        argv = [*self._java(), "kafka.Kafka", self.folder / "server.properties"]
        self.process = Process("kafka", argv, self.folder)
        self.process.wait_until(lambda: "Kafka Server started" in self.process.output, "started")
        self.process.wait_until(lambda: self.admin.list_topics(timeout=5).brokers, "answers")
        return self.process

    def stop(self) -> int:
        code = self.process.stop()
        if self._archive and self._archive.exists():
            # Complete only now; another run may have put its own there, equally good.
            self._archive.rename(_class_archive())
        self._archive = None
        return code

    @property
    def admin(self) -> ck_admin.AdminClient:
        if not self._admin:
            self._admin = ck_admin.AdminClient(self._client())
        return self._admin

    def _client(self) -> dict:
        # Quiet: a test that stops the broker would fill its report with retries.
        return {"bootstrap.servers": self.bootstrap, "log_level": 0}

    def _write_config(self, properties: dict) -> None:
        controller = free_port()
        config = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": self.folder / "data",
            "num.partitions": 1,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
            **properties,
        }
        text = "".join(f"{k}={v}\n" for k, v in config.items())
        (self.folder / "server.properties").write_text(text)
        (self.folder / "log4j2.properties").write_text(_LOG4J)

    def _format(self, arguments: Sequence[str]) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*self._java(archive=False), "kafka.tools.StorageTool", "format",
                   f"--cluster-id={cluster}",  # "-t" and an id that begins with "-" do not go
                   "-c", self.folder / "server.properties", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise OSError(f"kafka storage format failed:\n{done.stdout.decode()}")

    def _java(self, archive: bool = True) -> list:
        """The start of a command line.  C1 only and a class-data archive halve
        the start; the archive is made by the first broker that stops in peace."""
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Xmx{self.heap}",
                   f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"]
        if archive and _class_archive().exists():
            options += [f"-XX:SharedArchiveFile={_class_archive()}", "-Xlog:cds=off",
                        "-Xlog:cds+dynamic=off"]
        elif archive:
            self._archive = _class_archive().with_suffix(f".{os.getpid()}.{self.port}")
            options += [f"-XX:ArchiveClassesAtExit={self._archive}", "-Xlog:cds=off",
                        "-Xlog:cds+dynamic=off"]
        return ["java", *options, "-cp", f"{deps.need('kafka')}/*"]

    # --- topics -----------------------------------------------------------

    def create_topic(self, name: str | None = None, partitions: int = 1,
                     config: dict | None = None) -> str:
        """Create it, wait until a client sees all its partitions, give its name."""
        name = name or f"t-{uuid.uuid4().hex[:12]}"
        new = ck_admin.NewTopic(name, partitions, 1,
                                config={k: str(v) for k, v in (config or {}).items()})
        self.admin.create_topics([new])[name].result(PATIENCE_S)
        wait_until(lambda: self._leaders(name) == partitions, f"topic {name}")
        return name

    def delete_topic(self, name: str) -> None:
        self.admin.delete_topics([name])[name].result(PATIENCE_S)
        wait_until(lambda: name not in self.admin.list_topics(timeout=30).topics,
                   f"topic {name} gone")

    def recreate_topic(self, name: str, partitions: int = 1, config: dict | None = None) -> None:
        """The same name with another topic id, and offsets that begin again."""
        self.delete_topic(name)
        self.create_topic(name, partitions, config)

    def add_partitions(self, name: str, total: int) -> None:
        self.admin.create_partitions([ck_admin.NewPartitions(name, total)])[name].result(PATIENCE_S)
        wait_until(lambda: self._leaders(name) == total, f"{total} partitions of {name}")

    def alter_topic(self, name: str, config: dict) -> None:
        resource = ck_admin.ConfigResource(
            ck_admin.ConfigResource.Type.TOPIC, name,
            incremental_configs=[ck_admin.ConfigEntry(
                k, str(v), incremental_operation=ck_admin.AlterConfigOpType.SET)
                for k, v in config.items()])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(PATIENCE_S)

    def describe_topic(self, name: str) -> ck_admin.TopicDescription:
        return self.admin.describe_topics(ck.TopicCollection([name]))[name].result(PATIENCE_S)

    def topic_id(self, name: str) -> str:
        return str(self.describe_topic(name).topic_id)

    def _leaders(self, name: str) -> int:
        topic = self.admin.list_topics(name, timeout=30).topics[name]
        return sum(p.leader >= 0 and p.error is None for p in topic.partitions.values())

    # --- records ----------------------------------------------------------

    def produce(self, topic: str, values: Iterable, partition: int = -1, keys: Iterable = (),
                headers: list | None = None, config: dict | None = None) -> list[Record]:
        """Send each value (bytes, str or None) and wait for all; the records come
        back in the order of `values`.  Without a partition the key decides, or
        chance."""
        producer = ck.Producer({**self._client(), "acks": "all", "linger.ms": 5, **(config or {})})
        return _send(producer, topic, values, partition, keys, headers)

    @contextlib.contextmanager
    def transaction(self, transactional_id: str | None = None, commit: bool = True):
        """`with broker.transaction() as send: send(topic, values)`, committed at
        the end, or aborted, as it also is when the body raises."""
        producer = ck.Producer({**self._client(), "linger.ms": 5,
                                "transactional.id": transactional_id or uuid.uuid4().hex})
        producer.init_transactions(PATIENCE_S)
        producer.begin_transaction()

        def send(topic: str, values: Iterable, partition: int = -1, keys: Iterable = (),
                 headers: list | None = None) -> list[Record]:
            return _send(producer, topic, values, partition, keys, headers)

        try:
            yield send
        except BaseException:
            producer.abort_transaction(PATIENCE_S)
            raise
        if commit:
            producer.commit_transaction(PATIENCE_S)
        else:
            producer.abort_transaction(PATIENCE_S)

    def delete_records(self, topic: str, before: dict[int, int]) -> None:
        """Move the log start of each named partition to the offset given."""
        wanted = [ck.TopicPartition(topic, p, o) for p, o in before.items()]
        for future in self.admin.delete_records(wanted).values():
            future.result(PATIENCE_S)

    def watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        """Log start and log end of each partition."""
        with self._consumer() as consumer:
            partitions = self.admin.list_topics(topic, timeout=30).topics[topic].partitions
            return {p: consumer.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=60)
                    for p in partitions}

    def consume(self, topic: str, committed_only: bool = True) -> list[Record]:
        """All that can be read now, by partition and offset."""
        isolation = "read_committed" if committed_only else "read_uncommitted"
        records: list[Record] = []
        partitions = self.admin.list_topics(topic, timeout=30).topics[topic].partitions
        with self._consumer({"isolation.level": isolation, "enable.partition.eof": True,
                             "auto.offset.reset": "earliest"}) as consumer:
            consumer.assign([ck.TopicPartition(topic, p, ck.OFFSET_BEGINNING) for p in partitions])
            at_end: set[int] = set()

            def drained() -> bool:
                while messages := consumer.consume(1000, timeout=0.5):
                    for message in messages:
                        if message.error() is None:
                            records.append(_record(message))
                        elif message.error().code() == ck.KafkaError._PARTITION_EOF:
                            at_end.add(message.partition())
                    if len(at_end) == len(partitions):
                        return True
                return False

            wait_until(drained, f"the end of {topic}")
        return sorted(records, key=lambda r: (r.partition, r.offset))

    def group_offsets(self, group: str) -> dict[tuple[str, int], int]:
        """What a consumer group has committed."""
        request = ck.ConsumerGroupTopicPartitions(group)
        answer = self.admin.list_consumer_group_offsets([request])[group].result(PATIENCE_S)
        return {(p.topic, p.partition): p.offset for p in answer.topic_partitions}

    def commit_group(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Commit in a group's name, as another tool would."""
        with self._consumer({"group.id": group}) as consumer:
            consumer.commit(offsets=[ck.TopicPartition(topic, p, o) for p, o in offsets.items()],
                            asynchronous=False)

    @contextlib.contextmanager
    def _consumer(self, config: dict | None = None):
        consumer = ck.Consumer({**self._client(), "enable.auto.commit": False,
                                "group.id": f"sluicetest-{uuid.uuid4().hex}", **(config or {})})
        try:
            yield consumer
        finally:
            consumer.close()


def _send(producer: ck.Producer, topic: str, values: Iterable, partition: int, keys: Iterable,
          headers: list | None) -> list[Record]:
    done: dict[int, Record] = {}
    failed: list = []
    keys = iter(keys)
    count = 0
    for value in values:
        def delivered(error, message, number=count):
            if error:
                failed.append(error)
            else:  # a delivery report has everything but the headers
                done[number] = dataclasses.replace(_record(message), headers=tuple(headers or ()))

        while True:
            try:
                producer.produce(topic, value, next(keys, None), partition, delivered,
                                 headers=headers)
                break
            except BufferError:  # the queue is full: let it drain
                producer.poll(0.5)
        count += 1
        producer.poll(0)
    left = producer.flush(PATIENCE_S)
    if failed or left:
        raise ck.KafkaException(f"{len(failed)} failed, {left} unanswered: {failed[:3]}")
    return [done[i] for i in range(count)]


def _record(message: ck.Message) -> Record:
    kind, timestamp_ms = message.timestamp()
    return Record(message.topic(), message.partition(), message.offset(), message.key(),
                  message.value(), tuple(message.headers() or ()),
                  None if kind == ck.TIMESTAMP_NOT_AVAILABLE else timestamp_ms)


def _class_archive() -> pathlib.Path:
    """Valid for one Java and one set of jars, so its name says which."""
    jars = deps.need("kafka")
    java = shutil.which("java")
    if not java:
        raise FileNotFoundError("no java in PATH: run tools/deps test")
    key = hashlib.sha256(f"{pathlib.Path(java).resolve()}".encode())
    for jar in sorted(jars.iterdir()):
        key.update(f"{jar.name} {jar.stat().st_mtime_ns}\n".encode())
    folder = deps.prefix() / "cds"
    folder.mkdir(exist_ok=True)
    return folder / f"kafka-{key.hexdigest()[:16]}.jsa"

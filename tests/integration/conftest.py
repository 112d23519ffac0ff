# SPDX-License-Identifier: Apache-2.0
"""Fixtures: shared servers, and a test's own topics, tables and processes.

Servers are started when the first test asks for them and live as long as the
run; tests keep apart by names.  A test that wants a server of its own (other
settings, or to stop it) takes `own_kafka`, `own_minio`, `own_versitygw` or
`own_registry`.
When a test fails, its report ends with the logs of its own processes and of the
servers that were running, and the folders are kept.
"""

import itertools
import pathlib
import re
import uuid

import pytest
from sluicetest import spark as spark_session
from sluicetest.delta import Table
from sluicetest.kafka import KafkaBroker
from sluicetest.process import Process
from sluicetest.registry import SchemaRegistry
from sluicetest.s3 import MinIO, S3Server, Versitygw
from sluicetest.sluice import Sluice
from xdist.scheduler import LoadScopeScheduling

# --- shared servers ---------------------------------------------------------


@pytest.fixture(scope="session")
def server_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("servers")


def _running(server):
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(server_dir):
    yield from _running(KafkaBroker(server_dir / "kafka"))


@pytest.fixture(scope="session")
def minio(server_dir):
    yield from _running(MinIO(server_dir / "minio"))


@pytest.fixture(scope="session")
def versitygw(server_dir):
    yield from _running(Versitygw(server_dir / "versitygw"))


@pytest.fixture(scope="session")
def registry(server_dir):
    yield from _running(SchemaRegistry(server_dir / "registry"))


@pytest.fixture(params=["minio", "versitygw"])
def store(request) -> S3Server:
    """The test runs once on each S3 server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def spark(server_dir):
    """One session; spark_session.use_store(spark, store) before reading from S3."""
    folder = server_dir / "spark"
    folder.mkdir()
    session = spark_session.start(folder)
    yield session
    spark_session.stop(session)


# --- a test's own -----------------------------------------------------------


@pytest.fixture
def unique(request) -> str:
    """A name that tells the test and is used by no other run."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(kafka, unique):
    """topic(partitions=1, config={…}) creates a topic and gives its name."""
    numbers = itertools.count(1)

    def create(partitions: int = 1, config: dict | None = None) -> str:
        return kafka.create_topic(f"{unique}-{next(numbers)}", partitions, config)

    return create


@pytest.fixture
def table(tmp_path, unique):
    """table() is a place for a table on local disk, table(store) one in S3."""
    numbers = itertools.count(1)

    def place(store: S3Server | None = None) -> Table:
        name = f"{unique}/t{next(numbers)}"
        return Table(store.url(name), store) if store else Table(tmp_path / "lake" / name)

    return place


@pytest.fixture
def sluice(tmp_path):
    """sluice(pipeline, *args, env={…}) starts `sluice run`; whatever still runs at
    the end of the test is killed.  `name` tells several pipelines apart."""
    runs: list[Sluice] = []

    def run(pipeline: str, *args: str, env: dict | None = None, name: str = "sluice") -> Sluice:
        runs.append(Sluice(tmp_path / name, pipeline, *args, env=env))
        return runs[-1]

    yield run
    for process in runs:
        process.kill()


def _own(cls, folder):
    servers: list = []

    def start(*args, **options):
        servers.append(cls(folder / f"{cls.__name__.lower()}-{len(servers)}", *args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()


@pytest.fixture
def own_kafka(tmp_path):
    """own_kafka(properties={…}) starts a broker for this test alone."""
    yield from _own(KafkaBroker, tmp_path)


@pytest.fixture
def own_minio(tmp_path):
    yield from _own(MinIO, tmp_path)


@pytest.fixture
def own_versitygw(tmp_path):
    yield from _own(Versitygw, tmp_path)


@pytest.fixture
def own_registry(tmp_path):
    yield from _own(SchemaRegistry, tmp_path)


# --- several workers --------------------------------------------------------


class _ByFile(LoadScopeScheduling):
    """A file's tests stay together and in order; one worker has Spark, a gigabyte."""

    def _split_scope(self, nodeid: str) -> str:
        path = pathlib.Path(self.config.rootpath, nodeid.partition("::")[0])
        return "spark" if "pytest.mark.spark" in path.read_text() else path.stem


def pytest_xdist_make_scheduler(config, log):
    return _ByFile(config, log)


# --- reports ----------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.first_process = len(Process.started)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for number, process in enumerate(Process.started):
            own = number >= item.first_process
            if own or process.exit_code is None:
                state = "running" if process.exit_code is None else f"exit {process.exit_code}"
                report.sections.append((f"{process.name} ({state}): {process.log}",
                                        process.tail(60 if own else 15)))
    return report

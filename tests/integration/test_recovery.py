# SPDX-License-Identifier: Apache-2.0
"""The procedures of docs/operations.md, run as they stand there: afterwards every message that is
still in Kafka is in the table once."""

import os
import re
import shutil
import subprocess

import deltalake
import pytest
from sluicetest import deps
from sluicetest.delta import Table
from sluicetest.sluice import command

PAGE = (deps.TREE / "docs/operations.md").read_text()
PROCEDURES = dict(re.findall(r"^```sh procedure=(\S+)\n(.*?)^```$", PAGE, re.M | re.S))

PIPELINE = """
CREATE STREAM lines (id BIGINT) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '${KAFKA_BROKER}', subscribe = '${TOPIC}',
    startingOffsets = 'earliest');
CREATE STREAMING TABLE copies LOCATION '${DELTA_LAKE_PATH:-lake}' AS SELECT id FROM lines;
"""


class Place:
    """A folder with pipeline.sql and ./lake, as the page has it."""

    def __init__(self, folder, kafka, topic: str):
        self.folder, self.kafka, self.topic = folder, kafka, topic
        self.env = {"KAFKA_BROKER": kafka.bootstrap, "TOPIC": topic, "TMPDIR": str(folder)}
        (folder / "pipeline.sql").write_text(PIPELINE)
        (folder / "bin").mkdir()
        (folder / "bin/sluice").symlink_to(deps.sluice_binary())

    def produce(self, *ids: int) -> None:
        self.kafka.produce(self.topic, [f'{{"id": {i}}}' for i in ids])

    def run(self, exit_code: int = 0) -> None:
        done = command("run", "--available-now", "pipeline.sql", folder=self.folder, env=self.env)
        assert done.exit_code == exit_code, done.stderr

    def follow(self, procedure: str, **env: str) -> str:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-e", "-c", PROCEDURES[procedure]], cwd=self.folder, text=True,
                              capture_output=True, env={**os.environ, **self.env, **env, "PATH": path})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ids(self, name: str = "lake") -> list[int]:
        return sorted(row["id"] for row in Table(self.folder / name).rows())


@pytest.fixture
def place(kafka, topic, tmp_path):
    return Place(tmp_path, kafka, topic())


def test_each_procedure_of_the_page_is_followed_here():
    tests = (deps.TREE / "tests/integration/test_recovery.py").read_text()
    assert len(PROCEDURES) >= 8
    assert [p for p in PROCEDURES if f'follow("{p}"' not in tests] == []


def test_a_backup_reads_on_where_it_was_taken(place):
    place.produce(1, 2)
    place.run()
    place.follow("backup")
    place.produce(3, 4)
    place.run()
    assert place.ids() == [1, 2, 3, 4]
    place.produce(5)
    place.follow("restore")
    assert place.ids() == [1, 2, 3, 4, 5]


def test_a_backup_that_is_taken_while_rows_are_written_is_whole(place, sluice, tmp_path):
    """The log is copied first, so each file it names is there already when files are copied."""
    pipeline = (PIPELINE.replace("${DELTA_LAKE_PATH:-lake}", str(tmp_path / "lake"))
                .replace("AS SELECT", "OPTIONS (trigger = '0 seconds') AS SELECT"))
    run = sluice(pipeline, env=place.env)
    lake = Table(tmp_path / "lake")
    number = 0
    for _ in range(5):
        for _ in range(20):
            number += 1
            place.produce(number)
        run.wait_rows(lake, number - 10)
        shutil.rmtree(tmp_path / "backup", ignore_errors=True)
        place.follow("backup")
        saved = place.ids("backup/lake")
        assert len(saved) >= number - 10 and saved == list(range(1, len(saved) + 1))
    assert run.stop() == 0
    place.follow("restore")
    assert place.ids() == list(range(1, number + 1))


def test_a_lost_checkpoint_directory_costs_nothing(place):
    text = PIPELINE.replace("(id BIGINT) ", "").replace(
        "AS SELECT id", "OPTIONS (checkpointLocation = 'checkpoint') AS SELECT *")
    (place.folder / "pipeline.sql").write_text(text)
    place.produce(1, 2)
    place.run()
    assert list((place.folder / "checkpoint").iterdir())
    shutil.rmtree(place.folder / "checkpoint")
    place.kafka.produce(place.topic, ['{"id": 3, "name": "x"}'])
    place.run()
    assert place.ids() == [1, 2, 3]


def restored(place) -> None:
    """Two rows, a third one, and back to two."""
    place.produce(1, 2)
    place.run()
    version = Table(place.folder / "lake").version()
    place.produce(3)
    place.run()
    deltalake.DeltaTable(place.folder / "lake").restore(version)
    place.produce(4)
    place.run(exit_code=7)


def test_a_restored_table_keeps_its_positions(place):
    restored(place)
    place.follow("keep-positions")
    assert place.ids() == [1, 2, 4]


def test_what_a_restored_table_lacks_is_read_again(place):
    restored(place)
    place.follow("read-again")
    assert place.ids() == [1, 2, 3, 4]


def test_a_recreated_topic_is_read_from_its_beginning(place):
    place.produce(1, 2)
    place.run()
    place.kafka.recreate_topic(place.topic)
    place.produce(3)
    place.run(exit_code=7)
    place.follow("recreated-topic")
    assert place.ids() == [1, 2, 3]


def test_a_query_moves_to_another_cluster(place, own_kafka):
    other = own_kafka()
    place.produce(1, 2)
    place.run()
    other.create_topic(place.topic)
    other.produce(place.topic, ['{"id": 3}'])
    shown = place.follow("another-cluster", NEW_BROKER=other.bootstrap)
    assert place.topic in shown
    assert place.ids() == [1, 2, 3]


def test_a_table_moves_to_another_place(place):
    place.produce(1, 2)
    place.run()
    place.produce(3)
    place.follow("another-place")
    assert place.ids("elsewhere") == [1, 2, 3]


def test_a_full_refresh_reads_everything_again(place):
    place.produce(1, 2)
    place.run()
    place.follow("full-refresh")
    assert place.ids() == [1, 2]

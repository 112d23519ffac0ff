# SPDX-License-Identifier: Apache-2.0
"""Every snippet of docs/reading.md is run against a table that Sluice wrote, on local disk and on
MinIO, by the libraries that it names and not by ours.

    python place      where the table is; each of the following snippets is run after each of these
    python            a snippet; it prints the number of rows of route 5, or that of `prints=`
    python spark      … in a Spark session, as the `sql spark` ones
    sh count          commands of which each prints that number
    sh thrift         commands against Spark's Thrift Server: test_dbt.py
"""

import contextlib
import io
import json
import os
import random
import re
import shlex
import subprocess

import pytest
from sluicetest import deps
from sluicetest import spark as spark_session
from sluicetest.delta import Table
from sluicetest.sluice import Sluice, command
from test_docs import blocks
from test_gtfs_spark import PIPELINE, feed, vehicle

PAGE = deps.TREE / "docs/reading.md"
PYTHON = [b for b in blocks(PAGE) if b.language == "python"]
PLACES = [b for b in PYTHON if "place" in b.words]
SNIPPETS = [b for b in PYTHON if not {"place", "spark"} & set(b.words)]
IN_SPARK = [b for b in blocks(PAGE) if "spark" in b.words]


class Lake:
    """One topic in two tables: where the page says, but for the bucket's name."""

    def __init__(self, folder, kafka, minio):
        self.folder, self.minio = folder, minio
        rng = random.Random(3)
        vehicles = [vehicle(rng, number) for number in range(400)]
        self.rows_of_route_5 = sum(v["trip"]["route_id"] == "5" for v in vehicles)
        topic = kafka.create_topic()
        kafka.produce(topic, [json.dumps(feed(n, [{"id": str(n), "vehicle": v}]))
                              for n, v in enumerate(vehicles)])
        self.local = Table(folder / "lake/vehicle_positions")
        self.remote = Table(minio.url(f"{topic}/delta-lake"), minio)
        for number, place in enumerate((self.local, self.remote)):
            env = {"KAFKA_BROKER": kafka.bootstrap, "KAFKA_TOPIC": topic,
                   "DELTA_LAKE_PATH": place.location, **minio.sluice_env()}
            run = Sluice(folder / f"sluice-{number}", PIPELINE.read_text(), "--available-now",
                         env=env)
            assert run.wait_exit() == 0, run.stderr
            assert place.count() == len(vehicles)

    def located(self, text: str) -> str:
        """The page's text, with the bucket that there is."""
        return re.sub(r"(s3a?)://my-bucket/delta-lake",
                      lambda m: f"{m[1]}://{self.remote.location.partition('://')[2]}", text)


@pytest.fixture(scope="module")
def lake(kafka, minio, tmp_path_factory):
    return Lake(tmp_path_factory.mktemp("reading"), kafka, minio)


@pytest.fixture(scope="module")
def readers_env(minio, tmp_path_factory):
    """MinIO's keys by the names that the page has, and a home where `duckdb.install_extension` finds
    what it would fetch."""
    home = tmp_path_factory.mktemp("home")
    found = sorted(deps.need("readers/lib").glob("*/site-packages/duckdb_ext/extensions"))
    (home / ".duckdb").mkdir()
    (home / ".duckdb/extensions").symlink_to(found[0])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return {**kept, "HOME": str(home), "MINIO_ENDPOINT": minio.endpoint,
            "MINIO_ROOT_USER": minio.access_key, "MINIO_ROOT_PASSWORD": minio.secret_key}


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("block", SNIPPETS, ids=str)
def test_a_snippet_counts_the_rows(block, place, lake, readers_env):
    # Threads of Arrow's may outlive the interpreter, and end the process with it: not our matter.
    leave = "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n"
    done = subprocess.run([deps.need("readers/bin/python"), "-"], cwd=lake.folder, text=True,
                          input=lake.located(place.text + block.text) + leave,
                          capture_output=True, env=readers_env)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == int(block.value("prints") or lake.rows_of_route_5)


def test_the_commands_count_the_rows(lake):
    lines = [line for b in blocks(PAGE) if b.language == "sh" and "count" in b.words
             for line in lake.located(b.text).splitlines()]
    assert len(lines) == 2
    for line in lines:
        program, *args = shlex.split(line)
        assert program == "sluice"
        done = command(*args, "--format", "csv", folder=lake.folder, env=lake.minio.sluice_env())
        assert done.exit_code == 0, done.stderr
        assert int(done.stdout.split()[-1]) == lake.rows_of_route_5, line


@pytest.mark.spark
def test_spark_counts_the_rows(lake, spark):
    spark_session.use_store(spark, lake.minio)
    counts = []
    try:
        for block in IN_SPARK:
            if block.language == "python":
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(lake.located(block.text), {"spark": spark})
                counts.append(int(printed.getvalue()))
            else:
                counts += [row[0] for row in spark.sql(lake.located(block.text)).collect()]
    finally:
        spark.sql("DROP TABLE IF EXISTS vehicle_positions")
    assert counts == [lake.rows_of_route_5] * 3


def test_the_page_has_all_it_speaks_of():
    assert [b.text.startswith("import os") for b in PLACES] == [False, True]
    text = "".join(b.text for b in SNIPPETS)
    for library in ("to_pandas", "polars", "to_pyarrow_dataset", "duckdb", "delta_scan"):
        assert library in text, library
    assert len(IN_SPARK) == 4

# SPDX-License-Identifier: Apache-2.0
"""The stack of deploy/: Kafka, Sluice, MinIO, Spark's Thrift Server and dbt, while messages keep
coming.  What dbt makes of the table must be what DuckDB makes of the same version of it.

The commands are those of deploy/dbt/README.md.  The tests share one server and go on from each
other, in order.
"""

import contextlib
import datetime
import json
import os
import random
import re
import shlex
import subprocess
import threading

import duckdb
import pytest
from sluicetest import deps
from sluicetest.delta import Table
from sluicetest.process import PATIENCE_S
from sluicetest.sluice import Sluice
from sluicetest.thrift import SparkThriftServer
from test_docs import blocks
from test_gtfs_spark import PIPELINE

pytestmark = pytest.mark.spark

README = deps.TREE / "deploy/dbt/README.md"
EPOCH = 1_767_225_600  # 2026-01-01, a whole hour
STATUSES = ["INCOMING_AT", "STOPPED_AT", "IN_TRANSIT_TO", None]


def page_commands(page, word: str) -> list[str]:
    found = [line for b in blocks(page) if b.language == "sh" and word in b.words
             for line in b.text.splitlines()]
    assert found, f"{page.name} has no `sh {word}`"
    return found


class Fleet:
    """Feeds of vehicles that report twice, late, against each other, from nowhere, or nothing."""

    def __init__(self):
        self.rng = random.Random(4)
        self.number = 0

    def vehicle(self) -> dict:
        rng = self.rng
        # New vehicles appear as the feeds go on; instants come late, and again and again.
        name = rng.randrange(20 + self.number // 10)
        instant = self.number * 6 - rng.randrange(0, 7200, 30)
        return {
            "trip": rng.choices([None, {
                "trip_id": f"trip-{name % 13}", "start_date": f"2026010{1 + name % 3}",
                "route_id": rng.choices([None, f"route-{name % 7}", "diverted"], [1, 20, 1])[0],
                "direction_id": name % 2}], [1, 20])[0],
            "position": {"latitude": rng.choices([rng.uniform(60, 61), None, 95.5], [30, 1, 1])[0],
                         "longitude": rng.uniform(24, 25), "bearing": rng.randrange(360),
                         "speed": rng.choices([rng.uniform(0, 30), None], [20, 1])[0]},
            "current_status": rng.choice(STATUSES), "stop_id": f"{name:07}",
            "timestamp": rng.choices([str(EPOCH + instant - instant % 30), None], [40, 1])[0],
            "vehicle": {"id": rng.choices([f"{name:06}", None], [40, 1])[0], "label": f"Bus {name}"},
            "occupancy_status": rng.choice(["EMPTY", "FULL", None]),
        }

    def feeds(self, count: int, **changes) -> list[str]:
        made = []
        for _ in range(count):
            self.number += 1
            made.append(json.dumps({
                "header": {"gtfs_realtime_version": "2.0", "incrementality": "FULL_DATASET",
                           "timestamp": str(EPOCH + self.number)},
                "entity": [{"id": f"e{i}", "vehicle": self.vehicle()} for i in range(8)],
                "producer_timestamp": EPOCH + self.number, "source_id": "fleet",
                "event_type": "vehicle_positions", **changes}))
        return made


class Stack:
    def __init__(self, folder, kafka, minio):
        self.folder, self.kafka, self.minio = folder, kafka, minio
        self.topic = kafka.create_topic(partitions=2)
        self.table = Table(minio.url(f"{self.topic}/delta-lake"), minio)
        self.thrift = SparkThriftServer(folder / "spark", minio, self.table.location)
        self.fleet = Fleet()
        self.sluice: Sluice | None = None

    def start_sluice(self) -> None:
        env = {"KAFKA_BROKER": self.kafka.bootstrap, "KAFKA_TOPIC": self.topic,
               "DELTA_LAKE_PATH": self.table.location, **self.minio.sluice_env()}
        pipeline = PIPELINE.read_text()
        assert "trigger = '10 seconds'" in pipeline  # more commits make more of a test
        self.sluice = Sluice(self.folder / "sluice",
                             pipeline.replace("trigger = '10 seconds'", "trigger = '1 second'"),
                             env=env)

    def close(self) -> None:
        if self.sluice:
            self.sluice.kill()
        self.thrift.stop()

    def run(self, line: str, *more: str, exit_code: int = 0) -> str:
        """A command of a page, with the programs that the tests have; what it prints."""
        program, *args = shlex.split(_filled_in(line, self.thrift.env))
        path = {"beeline": self.thrift.beeline_program, "dbt": deps.need("readers/bin/dbt")}[program]
        done = subprocess.run([path, *args, *more], capture_output=True, text=True, cwd=deps.TREE,
                              stdin=subprocess.DEVNULL, env=self.env())
        text = f"{line} {more}:\n{done.stdout}\n{done.stderr}"
        assert done.returncode == exit_code, f"{text}\n{self.thrift.process.tail()}"
        return text

    def env(self) -> dict:
        return {**os.environ, **self.thrift.env, "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"), "NO_COLOR": "1", "TZ": "Asia/Tokyo"}

    def made(self, name: str) -> Table:
        """A table of dbt."""
        return Table(f"{self.table.location}_dbt/{name}", self.minio)

    def result(self, file: str) -> dict:
        return json.loads((self.folder / "target" / file).read_text())

    def statuses(self) -> dict[str, str]:
        """Of the last dbt command: what became of each model and test."""
        return {r["unique_id"].split(".")[2]: r["status"]
                for r in self.result("run_results.json")["results"]}

    def source_version(self) -> int:
        """Which version of Sluice's table the last build read: from the statement that made the view."""
        made = self.folder / "target/run/sluice_vehicles/models/bronze/bronze_vehicle_positions.sql"
        return int(re.search(r"version as of (\d+)", made.read_text())[1])

    def keep_producing(self):
        return _Producing(self)


class _Producing(contextlib.AbstractContextManager):
    """Messages all the time, in a thread of their own."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self) -> None:
        try:
            while not self.ended.wait(0.3):
                self.stack.kafka.produce(self.stack.topic, self.stack.fleet.feeds(3))
        except BaseException as e:
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failed):
        self.ended.set()
        self.thread.join(PATIENCE_S)
        if self.error:
            raise self.error


def _filled_in(line: str, env: dict) -> str:
    return re.sub(r"\$(\w+)", lambda m: env[m[1]], line)


@pytest.fixture(scope="module")
def stack(kafka, minio, tmp_path_factory):
    made = Stack(tmp_path_factory.mktemp("stack"), kafka, minio)
    yield made
    made.close()


# --- what must be there, by DuckDB ----------------------------------------------


def independent(positions) -> dict[str, list[tuple]]:
    """silver and gold from the rows of Sluice's table, by other means than dbt's: no windows, no
    increments, another engine."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("positions", positions)
    db.execute("""
        CREATE TABLE silver AS
        SELECT vehicle_id, vehicle_timestamp, unnest(first_report) FROM (
            SELECT vehicle_id, vehicle_timestamp, arg_min(
                {route_id: route_id, trip_id: trip_id, latitude: latitude, longitude: longitude,
                 speed: speed, current_status: current_status, loaded_at: processing_timestamp},
                (processing_timestamp, feed_timestamp, entity_id)) AS first_report
            FROM positions
            WHERE vehicle_id IS NOT NULL AND vehicle_timestamp IS NOT NULL
              AND abs(latitude) <= 90 AND abs(longitude) <= 180
            GROUP BY ALL)""")

    def rows(query: str) -> list[tuple]:
        return [tuple(row.values()) for row in db.sql(query).to_arrow_table().to_pylist()]

    return {
        "silver": rows("""
            SELECT vehicle_id, vehicle_timestamp, route_id, trip_id, latitude, longitude, speed,
                   current_status, loaded_at
            FROM silver"""),
        "latest": rows("""
            SELECT s.vehicle_id, s.vehicle_timestamp, s.route_id, s.trip_id, s.latitude, s.longitude,
                   s.speed, s.current_status
            FROM silver AS s WHERE NOT EXISTS (
                FROM silver AS t WHERE t.vehicle_id = s.vehicle_id
                                   AND t.vehicle_timestamp > s.vehicle_timestamp)"""),
        "hours": rows("""
            SELECT route_id, to_timestamp(epoch(vehicle_timestamp)::BIGINT // 3600 * 3600) AS hour,
                   count(*), count(DISTINCT vehicle_id), count(DISTINCT trip_id), avg(speed),
                   max(speed), count(*) FILTER (WHERE current_status = 'STOPPED_AT')
            FROM silver WHERE route_id IS NOT NULL GROUP BY ALL"""),
    }


def as_dbt_made(stack: Stack) -> dict[str, list[tuple]]:
    """The same columns from dbt's tables, read by delta-rs."""

    def rows(name: str, columns: list[str]) -> list[tuple]:
        table = stack.made(name).read().select(columns)
        return [tuple(row.values()) for row in table.to_pylist()]

    position = ["vehicle_id", "vehicle_timestamp", "route_id", "trip_id", "latitude", "longitude",
                "speed_mps", "current_status"]
    return {
        "silver": rows("silver/silver_positions", [*position, "loaded_at"]),
        "latest": rows("gold/gold_latest_positions", position),
        "hours": rows("gold/gold_route_hours", [
            "route_id", "hour", "positions", "vehicles", "trips", "avg_speed_mps", "max_speed_mps",
            "stopped_positions"]),
    }


def in_order(rows: list[tuple]) -> list[tuple]:
    """By key, which the first two columns are, with instants of both readers in one form."""

    def plain(value: object) -> object:
        if isinstance(value, datetime.datetime):
            return value.astimezone(datetime.timezone.utc).isoformat()
        return value

    return sorted((tuple(map(plain, row)) for row in rows), key=lambda row: row[:2])


def nearly(row: tuple) -> tuple:
    """A mean depends on the order of its sum."""
    return tuple(pytest.approx(v, rel=1e-12) if isinstance(v, float) else v for v in row)


def check_numbers(stack: Stack) -> int:
    """dbt's tables are what DuckDB makes of the version that the build read; how many measurements."""
    wanted = independent(stack.table.read(stack.source_version()))
    found = as_dbt_made(stack)
    for name in wanted:
        assert len(wanted[name]) > 20, name
        assert in_order(found[name]) == [nearly(row) for row in in_order(wanted[name])], name
    return len(wanted["silver"])


# --- without a server -----------------------------------------------------------


@pytest.mark.parametrize("env, schemas, root", [
    ({}, {"bronze", "silver", "gold"}, "s3a://my-bucket/delta-lake_dbt"),
    ({"DBT_SCHEMA": "alice", "DELTA_LAKE_PATH": "s3a://other/lake/"},
     {"alice_bronze", "alice_silver", "alice_gold"}, "s3a://other/lake_dbt"),
    ({"DBT_LOCATION_ROOT": "s3a://other/results"}, {"bronze", "silver", "gold"},
     "s3a://other/results"),
])
def test_schemas_and_places_are_those_of_the_environment(env, schemas, root, tmp_path):
    done = subprocess.run(
        [deps.need("readers/bin/dbt"), "--quiet", "ls", "--project-dir", "deploy/dbt",
         "--profiles-dir", "deploy/dbt", "--resource-type", "model", "--output", "json",
         "--output-keys", "schema", "config"], capture_output=True, text=True, cwd=deps.TREE,
        env={**os.environ, "DBT_TARGET_PATH": str(tmp_path), "DBT_LOG_PATH": str(tmp_path), **env})
    assert done.returncode == 0, done.stdout
    models = [json.loads(line) for line in done.stdout.splitlines()]
    assert {m["schema"] for m in models} == schemas
    assert {m["config"]["location_root"] for m in models} == {root}


# --- the tests, in order --------------------------------------------------------


def test_a_table_is_not_registered_before_sluice_made_it(stack):
    (line,) = page_commands(README, "register")
    assert "(state=42K03" in stack.run(line, exit_code=2)  # no such path
    assert stack.table.files() == []


def test_one_statement_registers_the_table(stack):
    stack.start_sluice()
    stack.kafka.produce(stack.topic, stack.fleet.feeds(200))
    stack.sluice.wait_rows(stack.table, 200 * 8)
    (line,) = page_commands(README, "register")
    for _ in range(2):  # the second time at no cost
        stack.run(line)
    shown = stack.run(page_commands(deps.TREE / "docs/reading.md", "thrift")[1].replace(
        "WHERE route_id = '5'", "WHERE route_id = 'route-5'"))
    route_5 = stack.table.read().column("route_id").to_pylist().count("route-5")
    assert route_5 and f"| {route_5} " in shown


def test_a_build_gives_the_numbers_of_the_version_that_it_read(stack):
    (line,) = page_commands(README, "build")
    with stack.keep_producing():
        stack.run(line)
    statuses = stack.statuses()
    assert statuses.pop("rows_without_a_position") == "warn"  # the fleet has some
    assert set(statuses.values()) == {"success", "pass"}
    assert check_numbers(stack) > 500


def test_a_second_build_takes_up_what_came_since(stack):
    first = stack.source_version()
    before = check_numbers(stack)
    versions = {name: stack.made(name).version() for name in (
        "silver/silver_positions", "gold/gold_latest_positions", "gold/gold_route_hours")}
    (line,) = page_commands(README, "build")
    with stack.keep_producing():
        rows = stack.table.count()
        stack.sluice.wait_rows(stack.table, rows + 400)
        # Without looking back, so that nothing but the watermark finds the new rows.
        stack.run(line, "--vars", "lookback_hours: 0")
    assert stack.source_version() > first
    assert check_numbers(stack) > before
    for name, version in versions.items():
        changes = [a["commitInfo"]["operation"]
                   for v in range(version + 1, stack.made(name).version() + 1)
                   for a in stack.made(name).commit(v) if "commitInfo" in a]
        assert changes == ["MERGE"], name


def test_a_source_is_fresh_and_the_docs_are_made(stack):
    (line,) = page_commands(README, "freshness")
    rows = stack.table.count()
    stack.kafka.produce(stack.topic, stack.fleet.feeds(3))
    stack.sluice.wait_rows(stack.table, rows + 24)
    stack.run(line)
    (source,) = stack.result("sources.json")["results"]
    assert source["status"] == "pass"

    (line,) = page_commands(README, "docs")
    stack.run(line)
    catalog = stack.result("catalog.json")
    columns = {name.split(".")[-1]: set(node["columns"])
               for kind in ("nodes", "sources") for name, node in catalog[kind].items()}
    assert set(columns) == {"vehicle_positions", "bronze_vehicle_positions", "silver_positions",
                            "gold_latest_positions", "gold_route_hours"}
    for name, node in stack.result("manifest.json")["nodes"].items():
        if node["resource_type"] == "model":
            assert node["description"]
            described = {c for c, about in node["columns"].items() if about["description"]}
            assert described and described == set(node["columns"]) <= columns[node["name"]], name


def test_a_catalog_that_was_lost_is_made_again(stack):
    """Dropping the names leaves the files where they are, as losing the catalog does."""
    schemas = ("bronze", "silver", "gold")
    forget = "; ".join(["DROP TABLE vehicle_positions", *(f"DROP SCHEMA {s} CASCADE" for s in schemas)])
    (register,) = page_commands(README, "register")
    stack.run(register.replace("-f deploy/spark/register.sql", f'-e "{forget}"'))
    before = stack.source_version(), stack.made("gold/gold_route_hours").version()
    stack.run(register)
    stack.sluice.wait_version(stack.table, before[0] + 1)
    (line,) = page_commands(README, "build")
    stack.run(line, "--exclude-resource-type", "test")
    assert stack.source_version() > before[0]
    assert stack.made("gold/gold_route_hours").version() == before[1] + 1
    check_numbers(stack)


def test_bad_data_fails_a_test_of_the_source_and_stops_the_build(stack):
    rows = stack.table.count()
    stack.kafka.produce(stack.topic, stack.fleet.feeds(1, event_type="alert"))
    stack.sluice.wait_rows(stack.table, rows + 8)
    (line,) = page_commands(README, "build")
    versions = stack.made("gold/gold_route_hours").version()
    stack.run(line, exit_code=1)
    statuses = stack.statuses()
    failed = [name for name, status in statuses.items() if status == "fail"]
    assert [f for f in failed if "event_type" in f] == failed != []
    assert statuses["silver_positions"] == statuses["gold_route_hours"] == "skipped"
    assert stack.made("gold/gold_route_hours").version() == versions

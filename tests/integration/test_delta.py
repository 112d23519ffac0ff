# SPDX-License-Identifier: Apache-2.0
"""Delta tables as Sluice makes them and as it finds them; lines of a file are the messages."""

import datetime
import decimal
import json
import pathlib

import deltalake
import pyarrow as pa
import pytest

UTC = datetime.timezone.utc


class Job:
    """A file of JSON lines and the streaming table made from it."""

    def __init__(self, sluice, folder, place):
        self.sluice, self.place = sluice, place
        self.file = folder / "input.jsonl"
        self.file.touch()

    def feed(self, *rows):
        with open(self.file, "a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def pipeline(self, columns, select="*", head="", clauses="", stream="", **options):
        options = {"trigger": "0 seconds", **options}
        listed = ", ".join(f"'{name}' = '{value}'" for name, value in options.items())
        return (f"CREATE STREAM s ({columns}) USING file OPTIONS (path = '{self.file}'{stream});\n"
                f"CREATE STREAMING TABLE t {head} LOCATION '{self.place}' {clauses}\n"
                f"OPTIONS ({listed}) AS SELECT {select} FROM s;\n")

    def start(self, *args, **more):
        return self.sluice(self.pipeline(*args, **more))

    def run(self, *args, **more):
        """Until the end of the file; gives the ended process."""
        process = self.sluice(self.pipeline(*args, **more), "--available-now")
        process.wait_exit()
        return process

    def drain(self, *args, **more):
        process = self.run(*args, **more)
        assert process.process.exit_code == 0
        return process

    def actions(self, kind):
        """All of that kind in the log, oldest first."""
        return [a[kind] for v in self.place.versions() for a in self.place.commit(v) if kind in a]

    def numbers(self, column="n"):
        return sorted(self.place.read().column(column).to_pylist())


@pytest.fixture
def job(sluice, tmp_path, table):
    return Job(sluice, tmp_path, table())


def numbered(first, count):
    return [{"n": n} for n in range(first, first + count)]


# --- new tables -----------------------------------------------------------------


def test_a_plain_table_is_created_with_protocol_1_2(job):
    job.feed(*numbered(0, 10))
    job.drain("n INT")
    [protocol] = job.actions("protocol")
    assert protocol == {"minReaderVersion": 1, "minWriterVersion": 2}
    assert job.numbers() == list(range(10))


def test_a_timestamp_without_zone_demands_its_feature(job):
    job.feed({"n": 1, "t": "2026-11-22T10:20:30.123456"})
    job.drain("n INT, t TIMESTAMP_NTZ", head="(n INT NOT NULL, t TIMESTAMP_NTZ)")
    [protocol] = job.actions("protocol")
    assert (protocol["minReaderVersion"], protocol["minWriterVersion"]) == (3, 7)
    assert protocol["readerFeatures"] == ["timestampNtz"]
    assert {"timestampNtz", "invariants"} <= set(protocol["writerFeatures"])
    assert job.place.rows() == [{"n": 1, "t": datetime.datetime(2026, 11, 22, 10, 20, 30, 123456)}]


def test_properties_and_comments_of_the_pipeline_are_in_the_table(job):
    job.feed({"n": 1})
    job.drain("n INT", head="(n INT COMMENT 'a count')",
              clauses="COMMENT 'of things' TBLPROPERTIES ('delta.logRetentionDuration' = "
                      "'interval 7 days')")
    [metadata] = job.actions("metaData")
    assert metadata["description"] == "of things"
    assert metadata["configuration"]["delta.logRetentionDuration"] == "interval 7 days"
    [field] = json.loads(metadata["schemaString"])["fields"]
    assert field["metadata"]["comment"] == "a count"


@pytest.mark.parametrize("sql_type, given, found", [
    ("STRING", ["a", "a/b c%d", "x=y:z", "ünï", "it's {}?#&+", None],
     ["a", "a/b c%d", "x=y:z", "ünï", "it's {}?#&+", None]),
    ("DATE", ["2024-02-29", "1969-12-31", None],
     [datetime.date(2024, 2, 29), datetime.date(1969, 12, 31), None]),
    ("INT", [0, -5, 2147483647, None], [0, -5, 2147483647, None]),
    ("TIMESTAMP", ["2024-02-29T12:34:56.789012Z", "1970-01-01T00:00:00Z", None],
     [datetime.datetime(2024, 2, 29, 12, 34, 56, 789012, UTC),
      datetime.datetime(1970, 1, 1, tzinfo=UTC), None]),
], ids=["string", "date", "int", "timestamp"])
def test_partition_values_of_each_type_are_read_back(job, sql_type, given, found):
    job.feed(*({"n": n, "p": given[n % len(given)]} for n in range(3 * len(given))))
    job.drain(f"n INT, p {sql_type}", clauses="PARTITIONED BY (p)")
    rows = sorted(job.place.rows(), key=lambda r: r["n"])
    assert [r["p"] for r in rows] == found * 3
    assert len(job.actions("add")) == len(given)


def test_statistics_are_those_of_the_data(job):
    rows = [{"i": n - 50, "d": n / 4, "s": f"s{n:03}", "t": f"2026-11-22T00:00:{n % 60:02}Z",
             "day": f"2026-01-{n % 28 + 1:02}", "m": f"{n}.25", "l": [n], "o": {"x": n}}
            for n in range(100)]
    for n in range(0, 100, 10):
        rows[n]["i"] = None
    job.feed(*rows, {}, {})
    job.drain("i BIGINT, d DOUBLE, s STRING, t TIMESTAMP, day DATE, m DECIMAL(10,2), "
              "l ARRAY<INT>, o STRUCT<x: INT>")
    data = job.place.read()
    [add] = job.actions("add")
    stats = json.loads(add["stats"], parse_float=decimal.Decimal)
    assert stats["numRecords"] == data.num_rows == 102
    for name in ("i", "d", "s", "t", "day", "m"):
        column = [v for v in data.column(name).to_pylist() if v is not None]
        assert stats["nullCount"][name] == 102 - len(column)
        assert same(stats["minValues"][name], min(column)), name
        assert same(stats["maxValues"][name], max(column)), name
    assert stats["nullCount"]["o"] == {"x": 2}
    assert (stats["minValues"]["o"], stats["maxValues"]["o"]) == ({"x": 0}, {"x": 99})


def same(stated, value):
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromisoformat(stated.replace("Z", "+00:00")) == value
    if isinstance(value, datetime.date):
        return stated == value.isoformat()
    return stated == value


# --- schemas that change ----------------------------------------------------------


def test_merge_schema_adds_a_column_and_without_it_the_difference_is_told(job):
    job.feed(*numbered(0, 5))
    job.drain("n INT")
    job.feed({"n": 5, "extra": "x"})
    refused = job.run("n INT, extra STRING")
    assert refused.process.exit_code == 2
    assert "extra" in refused.stderr and "mergeSchema" in refused.stderr
    job.drain("n INT, extra STRING", mergeSchema="true")
    rows = sorted(job.place.rows(), key=lambda r: r["n"])
    assert rows == [{"n": n, "extra": None} for n in range(5)] + [{"n": 5, "extra": "x"}]


@pytest.mark.parametrize("merge", ["false", "true"])
def test_a_changed_type_is_refused(job, merge):
    job.feed(*numbered(0, 5))
    job.drain("n INT")
    refused = job.run("n STRING", mergeSchema=merge)
    assert refused.process.exit_code == 2
    assert '\\"n\\"' in refused.stderr
    assert "string" in refused.stderr.lower() and "int" in refused.stderr.lower()
    assert job.numbers() == list(range(5))


def test_other_partition_columns_are_refused(job):
    job.feed({"n": 1, "p": "a"})
    job.drain("n INT, p STRING", clauses="PARTITIONED BY (p)")
    refused = job.run("n INT, p STRING", clauses="PARTITIONED BY (n)")
    assert refused.process.exit_code == 2
    assert "partitioned by (p)" in refused.stderr


# --- other writers ------------------------------------------------------------------


def test_delta_rs_appends_between_and_during_commits(job):
    job.feed(*numbered(0, 10))
    job.drain("n INT")
    foreign = iter(range(1000, 2000))

    def append():
        rows = pa.table({"n": pa.array([next(foreign)], pa.int32())})
        deltalake.write_deltalake(str(job.place), rows, mode="append")

    append()
    run = job.start("n INT")
    written = 10
    for _ in range(20):
        job.feed(*numbered(written, 10))
        written += 10
        append()
    run.wait_rows(job.place, written + 21)
    assert run.stop() == 0
    assert job.numbers() == list(range(written)) + list(range(1000, 1021))


def test_delta_rs_optimizes_and_deletes_beside_the_stream(job):
    job.feed(*numbered(0, 50))
    run = job.start("n INT", stream=", maxOffsetsPerTrigger = '5'")
    run.wait_rows(job.place, 50)
    deltalake.DeltaTable(str(job.place)).optimize.compact()
    job.feed(*numbered(50, 50))
    run.wait_rows(job.place, 100)
    deltalake.DeltaTable(str(job.place)).delete("n < 20")
    job.feed(*numbered(100, 50))
    run.wait_rows(job.place, 130)
    assert run.stop() == 0
    assert job.numbers() == list(range(20, 150))


def test_a_checkpoint_carries_the_table_when_the_commits_it_covers_are_gone(job):
    job.feed(*numbered(0, 40))
    stream = ", maxOffsetsPerTrigger = '2'"
    job.drain("n INT", stream=stream,
              clauses="TBLPROPERTIES ('delta.checkpointInterval' = '5')")
    hint = json.loads(job.place.file("_delta_log/_last_checkpoint"))
    # The newest commit stays, as it does in a log clean-up.
    for version in range(min(hint["version"] + 1, job.place.version())):
        pathlib.Path(str(job.place), f"_delta_log/{version:020}.json").unlink()
    assert job.numbers() == list(range(40))
    job.feed(*numbered(40, 5))  # and Sluice finds its positions in it
    job.drain("n INT", stream=stream)
    assert job.numbers() == list(range(45))


# --- tables that are not what they were or cannot be honoured -----------------------------


def craft(place, protocol, configuration=None):
    schema = {"type": "struct", "fields": [
        {"name": "n", "type": "integer", "nullable": True, "metadata": {}}]}
    log = pathlib.Path(str(place), "_delta_log")
    log.mkdir(parents=True)
    actions = [{"protocol": protocol}, {"metaData": {
        "id": "00000000-0000-4000-8000-000000000001",
        "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps(schema),
        "partitionColumns": [], "configuration": configuration or {}, "createdTime": 0}}]
    (log / f"{0:020}.json").write_text("".join(json.dumps(a) + "\n" for a in actions))


@pytest.mark.parametrize("protocol, configuration, named", [
    ({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [],
      "writerFeatures": ["rowTracking", "domainMetadata"]},
     {"delta.enableRowTracking": "true"}, "rowTracking"),
    ({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["checkConstraints"]},
     {"delta.constraints.positive": "n > 0"}, "checkConstraints"),
    ({"minReaderVersion": 1, "minWriterVersion": 3},
     {"delta.constraints.positive": "n > 0"}, "checkConstraints"),
    ({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["fromTheFuture"],
      "writerFeatures": ["fromTheFuture"]}, {}, "fromTheFuture"),
], ids=["row tracking", "constraints", "constraints by number", "unknown"])
def test_a_table_that_cannot_be_honoured_is_refused_by_name(job, protocol, configuration, named):
    craft(job.place, protocol, configuration)
    job.feed(*numbered(0, 5))
    refused = job.run("n INT")
    assert refused.process.exit_code == 2
    assert named in refused.stderr
    assert job.place.versions() == [0]


def test_a_table_made_by_another_with_a_harmless_feature_is_appended_to(job):
    craft(job.place, {"minReaderVersion": 1, "minWriterVersion": 7,
                      "writerFeatures": ["appendOnly", "domainMetadata"]},
          {"delta.appendOnly": "true"})
    job.feed(*numbered(0, 5))
    job.drain("n INT")
    assert job.numbers() == list(range(5))


@pytest.mark.parametrize("running", [False, True], ids=["while stopped", "while running"])
def test_a_restored_table_stops_the_query(job, running):
    job.feed(*numbered(0, 10))
    job.drain("n INT")
    before = job.place.version()
    job.feed(*numbered(10, 10))
    if running:
        run = job.start("n INT")
        run.wait_rows(job.place, 20)
    else:
        job.drain("n INT")
    deltalake.DeltaTable(str(job.place)).restore(before)
    job.feed(*numbered(20, 10))
    if not running:
        run = job.start("n INT")
    assert run.wait_exit() == 7
    assert "restore" in run.stderr.lower() and "sluice offsets" in run.stderr
    assert job.numbers() == list(range(10))

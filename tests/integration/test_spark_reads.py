# SPDX-License-Identifier: Apache-2.0
"""Spark reads all that Sluice writes, and the two take turns on one table."""

import collections
import datetime
import decimal
import json
import pathlib

import pytest
from sluicetest import spark as spark_session


def stream(kafka, topic: str, columns: str, options: str = "") -> str:
    return f"""
        CREATE STREAM src ({columns}) USING kafka OPTIONS (
            'kafka.bootstrap.servers' = '{kafka.bootstrap}', subscribe = '{topic}',
            startingOffsets = 'earliest'{options});"""


def target(place, select: str, partitions: str = "", options: str = "mergeSchema = true") -> str:
    by = f"PARTITIONED BY ({partitions})" if partitions else ""
    return f"""
        CREATE STREAMING TABLE out USING delta LOCATION '{place}' {by}
        OPTIONS ({options}) AS {select};"""


def drain(sluice, pipeline: str, env: dict | None = None, name: str = "sluice") -> None:
    run = sluice(pipeline, "--available-now", env=env, name=name)
    assert run.wait_exit() == 0, run.stderr


def load(spark, place):
    return spark.read.format("delta").load(place.location)


def counted(rows) -> collections.Counter:
    return collections.Counter(repr(row) for row in rows)


# --- values -------------------------------------------------------------------

#: name: type, and values as JSON text with what Spark must give for each
TYPES = {
    "c_bool": ("BOOLEAN", {"true": True, "false": False}),
    "c_tiny": ("TINYINT", {"-128": -128, "127": 127, "0": 0}),
    "c_small": ("SMALLINT", {"-32768": -32768, "32767": 32767}),
    "c_int": ("INT", {"-2147483648": -2147483648, "2147483647": 2147483647, "7": 7}),
    "c_long": ("BIGINT", {"-9223372036854775808": -2**63, "9223372036854775807": 2**63 - 1}),
    "c_float": ("FLOAT", {"1.5": 1.5, "-0.25": -0.25, "3.0e38": pytest.approx(3.0e38)}),
    "c_double": ("DOUBLE", {"0.1": 0.1, "-1e308": -1e308, "5e-324": 5e-324, "12": 12.0}),
    "c_dec9": ("DECIMAL(9,2)", {"1234567.89": decimal.Decimal("1234567.89"),
                                "-0.01": decimal.Decimal("-0.01")}),
    "c_dec18": ("DECIMAL(18,6)", {"123456789012.123456": decimal.Decimal("123456789012.123456")}),
    "c_dec38": ("DECIMAL(38,10)", {
        "-1234567890123456789012345678.0123456789":
            decimal.Decimal("-1234567890123456789012345678.0123456789")}),
    "c_text": ("STRING", {'""': "", '"ü🚌 \\u0000 \\n"': "ü🚌 \0 \n",
                          json.dumps("x" * 5000): "x" * 5000,
                          json.dumps("\U0010ffff" * 40): "\U0010ffff" * 40}),
    "c_binary": ("BINARY", {'"AAH/"': bytearray(b"\x00\x01\xff"), '""': bytearray(b"")}),
    "c_date": ("DATE", {'"2026-02-28"': datetime.date(2026, 2, 28),
                        '"0001-01-01"': datetime.date(1, 1, 1),
                        '"9999-12-31"': datetime.date(9999, 12, 31)}),
    "c_time": ("TIMESTAMP", {
        '"2026-01-02T03:04:05.123456Z"': datetime.datetime(2026, 1, 2, 3, 4, 5, 123456),
        '"1969-12-31T23:59:59.999999Z"': datetime.datetime(1969, 12, 31, 23, 59, 59, 999999),
        '"1500-01-01T00:00:00Z"': datetime.datetime(1500, 1, 1)}),
    "c_ntz": ("TIMESTAMP_NTZ", {
        '"2026-01-02T03:04:05.000001"': datetime.datetime(2026, 1, 2, 3, 4, 5, 1)}),
    "c_list": ("ARRAY<INT>", {"[]": [], "[1, null, 3]": [1, None, 3]}),
    "c_struct": ("STRUCT<a: INT, b: STRUCT<c: STRING>>", {
        '{"a": 1, "b": {"c": "x"}}': {"a": 1, "b": {"c": "x"}},
        '{"a": null}': {"a": None, "b": None}, '{"b": {}}': {"a": None, "b": {"c": None}}}),
    "c_map": ("MAP<STRING, DOUBLE>", {'{"k": 1.5, "l": null}': {"k": 1.5, "l": None}, "{}": {}}),
    "c_deep": ("ARRAY<STRUCT<m: MAP<STRING, ARRAY<BIGINT>>>>", {
        '[{"m": {"x": [1, 2]}}, null, {}]': [{"m": {"x": [1, 2]}}, None, {"m": None}]}),
}


def plain(value):
    return value.asDict(recursive=True) if hasattr(value, "asDict") else (
        [plain(v) for v in value] if isinstance(value, list) else value)


@pytest.mark.spark
def test_spark_reads_values_of_every_type(spark, kafka, topic, table, sluice):
    """Row i has the i-th value of each column, NULL where a column has no more; then a row
    of explicit nulls."""
    spark.conf.set("spark.sql.datetime.java8API.enabled", "true")
    name, place = topic(), table()
    count = max(len(values) for _, values in TYPES.values()) + 1
    messages, wanted = [], []
    for i in range(count):
        texts = [f'"i": {i}']
        row = {"i": i}
        for column, (_, values) in TYPES.items():
            text, value = dict(enumerate(values.items())).get(i, ("null", None))
            texts.append(f'"{column}": {text}')
            row[column] = value
        messages.append("{" + ", ".join(texts) + "}")
        wanted.append(row)
    kafka.produce(name, messages)
    columns = "i INT, " + ", ".join(f"{c} {kind}" for c, (kind, _) in TYPES.items())
    drain(sluice, stream(kafka, name, columns) + target(place, "SELECT * FROM STREAM src"))

    frame = load(spark, place)
    kinds = {f.name: f.dataType.simpleString() for f in frame.schema}
    for column, (kind, _) in TYPES.items():
        assert kinds[column] == kind.lower().replace(" ", ""), column
    found = [plain(row) for row in frame.orderBy("i").collect()]
    for got, want in zip(found, wanted, strict=True):
        for column in want:
            assert got[column] == want[column], (want["i"], column)
    for column in TYPES:
        nulls = sum(row[column] is None for row in wanted)
        assert frame.filter(f"{column} IS NULL").count() == nulls, column


@pytest.mark.spark
def test_spark_finds_each_value_though_it_skips_files(spark, kafka, topic, table, sluice):
    """One message a file, so that every file's statistics say min = max = its value: a wrong
    one hides the row."""
    name, place = topic(), table()
    kinds = {c: kind for c, (kind, _) in TYPES.items()
             if "<" not in kind and kind not in ("BINARY", "FLOAT")}
    messages = [json.dumps({"c": c})[:-1] + f', "{c}": {text}' + "}"
                for c in kinds for text in TYPES[c][1]]
    kafka.produce(name, messages)
    columns = "c STRING, " + ", ".join(f"{c} {kind}" for c, kind in kinds.items())
    drain(sluice, stream(kafka, name, columns, ", maxOffsetsPerTrigger = 1")
          + target(place, "SELECT * FROM STREAM src"))
    assert place.version() >= len(messages)
    frame = load(spark, place)
    from pyspark.sql import functions as F

    for c, kind in kinds.items():
        for value in TYPES[c][1].values():
            # As text: PySpark cannot hand over the year 1.
            text = value.isoformat() if hasattr(value, "isoformat") else value
            same = F.col(c) == F.lit(text).cast(kind)
            assert frame.filter(same).count() == 1, (c, value)


def files_read(frame) -> int:
    """What the scan of a collected frame opened."""
    frame.collect()
    leaves = frame._jdf.queryExecution().executedPlan().collectLeaves()
    return leaves.head().metrics().apply("numFiles").value()


@pytest.mark.spark
def test_spark_skips_files_by_our_statistics(spark, kafka, topic, table, sluice):
    name, place = topic(), table()
    kafka.produce(name, [json.dumps({"id": i, "name": f"n{i:04}", "at": f"2026-01-01T00:{i // 60:02}"
                                     f":{i % 60:02}.000500Z"}) for i in range(1000)])
    drain(sluice, stream(kafka, name, "id BIGINT, name STRING, at TIMESTAMP",
                         ", maxOffsetsPerTrigger = 100")
          + target(place, "SELECT * FROM STREAM src"))
    frame = load(spark, place)
    assert frame.count() == 1000 and files_read(frame) == 10
    for where, rows in (("id BETWEEN 250 AND 259", 10), ("name = 'n0250'", 1),
                        ("at = '2026-01-01T00:01:40.000500Z'", 1), ("id < 0", 0),
                        ("id IS NULL", 0)):
        some = frame.filter(where)
        assert some.count() == rows, where
        assert files_read(some) <= 1, where


# --- partitions ---------------------------------------------------------------

PARTITIONS = {
    "p_bool": ("BOOLEAN", ["true", "false", "null"]),
    "p_int": ("INT", ["-5", "2147483647", "null"]),
    "p_long": ("BIGINT", ["9223372036854775807", "0"]),
    "p_double": ("DOUBLE", ["1.5", "-1e300", "1e-7", "null"]),
    "p_dec": ("DECIMAL(12,3)", ["1.500", "-0.001", "null"]),
    "p_date": ("DATE", ['"2026-02-28"', '"1969-01-01"', "null"]),
    "p_time": ("TIMESTAMP", ['"2026-01-02T03:04:05.123456Z"', '"2026-01-02T00:00:00Z"', "null"]),
    "p_text": ("STRING", ['"plain"', '"a/b=c d%e"', '"ü🚌"', '"it\'s \\"q\\": {x}#?[1]^|"', '" "',
                          "null"]),
}


@pytest.mark.spark
@pytest.mark.parametrize("column", PARTITIONS)
def test_spark_reads_partitions_of_every_type(spark, kafka, topic, minio, table, sluice, column):
    kind, values = PARTITIONS[column]
    name, place = topic(), table(minio)
    spark_session.use_store(spark, minio)
    kafka.produce(name, [f'{{"i": {i}, "{column}": {v}}}' for i, v in enumerate(values * 3)])
    drain(sluice, stream(kafka, name, f"i INT, {column} {kind}")
          + target(place, "SELECT * FROM STREAM src", column), minio.sluice_env())
    frame = load(spark, place)
    # Spark's own reading of the same JSON is the oracle.
    texts = [(i, v) for i, v in enumerate(values * 3)]
    from pyspark.sql import functions as F

    wanted = (spark.createDataFrame([(i, f'{{"v": {v}}}') for i, v in texts], "i INT, t STRING")
              .select("i", F.from_json("t", f"v {kind}").getField("v").alias(column)))
    assert counted(frame.select("i", column).collect()) == counted(wanted.collect())
    for row in wanted.select(column).distinct().collect():
        same = F.col(column).eqNullSafe(F.lit(row[0]).cast(kind))
        assert counted(frame.filter(same).select("i").collect()) == \
            counted(wanted.filter(same).select("i").collect()), row
    partitions = {json.dumps(a["add"]["partitionValues"]) for v in place.versions()
                  for a in place.commit(v) if "add" in a}
    assert len(partitions) == len(values)


# --- the schema changes ---------------------------------------------------------


@pytest.mark.spark
def test_spark_reads_a_table_whose_columns_grew(spark, kafka, topic, table, sluice):
    name, place = topic(), table()
    kafka.produce(name, ['{"a": 1, "s": {"x": 1}}', '{"a": 2}'])
    drain(sluice, stream(kafka, name, "a INT, s STRUCT<x: INT>")
          + target(place, "SELECT * FROM STREAM src"))
    kafka.produce(name, ['{"a": 3, "b": "new", "s": {"x": 3, "y": "deep"}}', '{"a": 4}'])
    drain(sluice, stream(kafka, name, "a INT, b STRING, s STRUCT<x: INT, y: STRING>")
          + target(place, "SELECT * FROM STREAM src"))
    found = sorted(map(repr, (plain(r) for r in load(spark, place).select("a", "b", "s").collect())))
    assert found == sorted(map(repr, [
        {"a": 1, "b": None, "s": {"x": 1, "y": None}}, {"a": 2, "b": None, "s": None},
        {"a": 3, "b": "new", "s": {"x": 3, "y": "deep"}}, {"a": 4, "b": None, "s": None}]))


# --- taking turns ---------------------------------------------------------------


class Turns:
    """A table with columns id, n that both change, and what it must hold."""

    def __init__(self, spark, kafka, topic, place, sluice, batch: int = 50):
        self.spark, self.kafka, self.place, self.run = spark, kafka, place, sluice
        self.topic = topic()
        self.batch = batch
        self.rows: dict[int, int] = {}
        self.next_id = 0

    def append(self, count: int) -> None:
        ids = range(self.next_id, self.next_id + count)
        self.next_id += count
        self.kafka.produce(self.topic, [json.dumps({"id": i, "n": i % 10}) for i in ids])
        drain(self.run, stream(self.kafka, self.topic, "id BIGINT, n INT",
                               f", maxOffsetsPerTrigger = {self.batch}")
              + target(self.place, "SELECT * FROM STREAM src"))
        self.rows |= {i: i % 10 for i in ids}
        self.check()

    def sql(self, text: str):
        return self.spark.sql(text.format(t=f"delta.`{self.place.location}`"))

    def check(self) -> None:
        found = [(r["id"], r["n"]) for r in load(self.spark, self.place).collect()]
        assert len(found) == len(self.rows) and dict(found) == self.rows


@pytest.fixture
def turns(spark, kafka, topic, table, sluice):
    return Turns(spark, kafka, topic, table(), sluice)


@pytest.mark.spark
def test_sluice_appends_on_after_spark_deleted_and_updated(turns):
    turns.append(200)
    turns.sql("DELETE FROM {t} WHERE n = 3")
    turns.rows = {i: n for i, n in turns.rows.items() if n != 3}
    turns.append(120)
    turns.sql("UPDATE {t} SET n = 100 WHERE id >= 150 AND id < 250")
    turns.rows |= {i: 100 for i in turns.rows if 150 <= i < 250}
    turns.append(30)
    turns.sql("DELETE FROM {t} WHERE id = 5")
    turns.rows.pop(5)
    turns.append(1)


@pytest.mark.spark
def test_sluice_appends_on_after_spark_optimized_and_made_a_checkpoint(turns):
    """The log before the checkpoint is taken away, so that both must read it."""
    turns.append(300)
    turns.sql("ALTER TABLE {t} SET TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    turns.sql("OPTIMIZE {t}")
    turns.sql("DELETE FROM {t} WHERE id = 7")
    turns.rows.pop(7)
    turns.check()
    newest = forget_before_checkpoint(turns)
    assert newest > 5
    turns.append(100)
    assert turns.place.version() > newest


@pytest.mark.spark
def test_spark_reads_by_our_checkpoint_and_goes_on(turns):
    turns.batch = 10
    turns.append(300)
    newest = forget_before_checkpoint(turns)
    assert newest >= 10
    turns.check()
    turns.sql("UPDATE {t} SET n = -1 WHERE id < 10")
    turns.rows |= {i: -1 for i in range(10)}
    turns.append(40)


@pytest.mark.spark
def test_sluice_appends_to_a_table_with_deletion_vectors(turns):
    turns.append(100)
    turns.sql("ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableDeletionVectors' = true)")
    turns.sql("DELETE FROM {t} WHERE n = 4")
    turns.rows = {i: n for i, n in turns.rows.items() if n != 4}
    turns.check()
    turns.append(100)


@pytest.mark.spark
def test_sluice_appends_to_a_table_that_spark_made(turns):
    turns.sql("CREATE TABLE {t} (id BIGINT NOT NULL, n INT) USING delta "
              "TBLPROPERTIES ('delta.appendOnly' = 'false')")
    turns.append(120)
    assert [f.nullable for f in load(turns.spark, turns.place).schema][1] is True


@pytest.mark.spark
def test_spark_streams_from_a_table_of_ours(turns, tmp_path):
    """Each row once, though commits without data lie between."""
    turns.append(150)
    turns.append(70)
    out = str(tmp_path / "copy")
    (turns.spark.readStream.format("delta").load(turns.place.location)
     .writeStream.format("delta").option("checkpointLocation", str(tmp_path / "cp"))
     .trigger(availableNow=True).start(out).awaitTermination())
    found = [(r["id"], r["n"]) for r in turns.spark.read.format("delta").load(out).collect()]
    assert sorted(found) == sorted(turns.rows.items())


def forget_before_checkpoint(turns: Turns) -> int:
    """Deletes the commits that the newest checkpoint holds, and Spark's memory of the table."""
    log = pathlib.Path(turns.place.location, "_delta_log")
    newest = max(int(f.name[:20]) for f in log.glob("[0-9]*.checkpoint*.parquet"))
    for version in turns.place.versions():
        if version < newest:
            (log / f"{version:020}.json").unlink()
    for crc in log.glob("*.crc"):
        crc.unlink()
    turns.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    return newest

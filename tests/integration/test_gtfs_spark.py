# SPDX-License-Identifier: Apache-2.0
"""The job Sluice was made to replace, by Sluice and by PySpark from one topic:
vehicle positions of GTFS feeds, one row a vehicle.  Both tables must be equal,
row for row, but for the time of processing."""

import collections
import json
import random

import pytest
from sluicetest import deps
from sluicetest import spark as spark_session

PIPELINE = deps.TREE / "examples/vehicle_positions.sql"

SCHEMA = """
    header STRUCT<gtfs_realtime_version: STRING, incrementality: STRING, `timestamp`: STRING>,
    entity ARRAY<STRUCT<id: STRING, vehicle: STRUCT<
        trip: STRUCT<trip_id: STRING, start_time: STRING, start_date: STRING, route_id: STRING,
                     schedule_relationship: STRING, direction_id: INT>,
        position: STRUCT<latitude: DOUBLE, longitude: DOUBLE, bearing: DOUBLE, speed: DOUBLE>,
        current_stop_sequence: INT, current_status: STRING, `timestamp`: STRING, stop_id: STRING,
        vehicle: STRUCT<id: STRING, label: STRING>, occupancy_status: STRING>>>,
    producer_timestamp DOUBLE, source_id STRING, event_type STRING"""

COLUMNS = [
    "header.gtfs_realtime_version", "header.incrementality",
    "timestamp_seconds(try_cast(header.`timestamp` AS BIGINT)) AS feed_timestamp",
    "e.id AS entity_id", "e.vehicle.trip.trip_id", "e.vehicle.trip.start_time",
    "e.vehicle.trip.start_date", "e.vehicle.trip.route_id",
    "e.vehicle.trip.schedule_relationship", "e.vehicle.trip.direction_id",
    "e.vehicle.position.latitude", "e.vehicle.position.longitude", "e.vehicle.position.bearing",
    "e.vehicle.position.speed", "e.vehicle.current_stop_sequence", "e.vehicle.current_status",
    "timestamp_seconds(try_cast(e.vehicle.`timestamp` AS BIGINT)) AS vehicle_timestamp",
    "e.vehicle.stop_id", "e.vehicle.vehicle.id AS vehicle_id",
    "e.vehicle.vehicle.label AS vehicle_label", "e.vehicle.occupancy_status",
    "timestamp_seconds(producer_timestamp) AS producer_timestamp", "source_id", "event_type",
    "current_timestamp() AS processing_timestamp",
]


def vehicle(rng: random.Random, number: int, date: str | None = "20260105") -> dict:
    return {
        "trip": {"trip_id": f"1001_{number}", "start_time": f"{rng.randrange(24):02}:05:00",
                 "start_date": date, "route_id": str(rng.randrange(11)),
                 "schedule_relationship": "SCHEDULED", "direction_id": rng.randrange(2)},
        "position": {"latitude": rng.uniform(60, 61), "longitude": rng.uniform(24, 25),
                     "bearing": rng.randrange(360), "speed": rng.uniform(0, 30)},
        "current_stop_sequence": rng.randrange(40), "current_status": "IN_TRANSIT_TO",
        "timestamp": str(1_767_225_600 + number), "stop_id": f"{number:07}",
        "vehicle": {"id": f"{number:06}", "label": f"Bus {number}"},
        "occupancy_status": rng.choice(["EMPTY", "FULL", None]),
    }


def feed(number: int, entity: object = ()) -> dict:
    """producer_timestamp has a fraction that a DOUBLE holds exactly: DuckDB rounds to
    microseconds and Spark cuts them off."""
    return {"header": {"gtfs_realtime_version": "2.0", "incrementality": "FULL_DATASET",
                       "timestamp": str(1_767_225_600 + number)},
            "entity": entity, "producer_timestamp": 1_767_225_600.25 + number,
            "source_id": f"feed_{number}", "event_type": "vehicle_positions"}


def ordinary_feeds(count: int) -> list[str]:
    rng = random.Random(1)
    dates = ["20260104", "20260105", "20260106"]
    return [json.dumps(feed(n, [{"id": f"e{n}_{i}", "vehicle": vehicle(rng, i, rng.choice(dates))}
                                for i in range(rng.randrange(1, 12))])) for n in range(count)]


def odd_feeds() -> dict[str, str | bytes | None]:
    """By what is odd about each."""
    rng = random.Random(2)
    good = {"id": "good", "vehicle": vehicle(rng, 7)}

    def changed(path: str, value: object) -> str:
        entity = json.loads(json.dumps(good))
        at = entity["vehicle"]
        *parents, last = path.split(".")
        for name in parents:
            at = at[name]
        at[last] = value
        return json.dumps(feed(0, [entity, good]) | {"source_id": f"odd {path} {value!r}"})

    def without(*names: str) -> str:
        made = feed(0, [good]) | {"source_id": f"without {names}"}
        return json.dumps({k: v for k, v in made.items() if k not in names})

    escaped = "quote \\\" slash \\/ \\\\ \\b\\f\\n\\r\\t \\u00e4 \\ud83d\\ude8c ü🚌"
    return {
        "null vehicle": json.dumps(feed(1, [{"id": "v", "vehicle": None}, good])),
        "no vehicle": json.dumps(feed(2, [{"id": "v"}, good])),
        "null in the list": json.dumps(feed(3, [None, good])),
        "no trip": json.dumps(feed(4, [{"id": "v", "vehicle": {"stop_id": "1"}}])),
        "null trip": json.dumps(feed(5, [{"id": "v", "vehicle": {"trip": None}}])),
        "empty objects": json.dumps(feed(6, [{}, {"vehicle": {}}, {"vehicle": {"trip": {}}}])),
        "no entity": without("entity"),
        "null entity": json.dumps(feed(7, None)),
        "empty entity": json.dumps(feed(8, [])),
        "no header": without("header"),
        "no times": without("header", "producer_timestamp", "event_type"),
        "nothing": "{}",
        "unknown fields": json.dumps(
            feed(9, [good | {"alert": {"x": [1, {"y": None}]}, "is_deleted": False}])
            | {"extra": [[], {}], "": 1}),
        "escapes": json.dumps(feed(10, [good | {"id": "ESC"}])).replace("ESC", escaped),
        "white space": json.dumps(feed(11, [good]), indent=3),
        "cut off": json.dumps(feed(12, [good]))[:200],
        "not JSON": "positions!",
        "empty": "",
        "not an object": "[1, 2]",
        "null": "null",
        "tombstone": None,
        "date null": changed("trip.start_date", None),
        "date empty": changed("trip.start_date", ""),
        "date odd": changed("trip.start_date", "a/b=c %ü'\""),
        "whole number into DOUBLE": changed("position.latitude", 60),
        "number into STRING": changed("stop_id", 42),
        "time not a number": changed("timestamp", "soon"),
        "time null": changed("timestamp", None),
        "negative time": changed("timestamp", "-5"),
        "exponent": changed("position.speed", 1e-7),
        "large": changed("current_stop_sequence", 2**31 - 1),
    }


def spark_job(spark, broker: str, topic: str, target: str, checkpoint: str) -> None:
    """As a user writes it."""
    from pyspark.sql import functions as F

    (spark.readStream.format("kafka").option("kafka.bootstrap.servers", broker)
     .option("subscribe", topic).option("startingOffsets", "earliest").load()
     .select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("m")).select("m.*")
     .withColumn("e", F.explode("entity")).selectExpr(*COLUMNS)
     .writeStream.format("delta").outputMode("append").partitionBy("start_date")
     .option("mergeSchema", "true").option("checkpointLocation", checkpoint)
     .trigger(availableNow=True).start(target).awaitTermination())


def rows_of(frame) -> collections.Counter:
    """Each row as text, with how often it is there; text compares NaN, NULL and -0."""
    kept = [c for c in frame.columns if c != "processing_timestamp"]
    return collections.Counter(repr(tuple(row)) for row in frame.select(*kept).collect())


@pytest.fixture
def both(spark, kafka, topic, minio, table, sluice, tmp_path):
    """both(values) fills a topic, runs both jobs, gives both tables as frames."""
    spark_session.use_store(spark, minio)

    def run(values: list):
        name, ours, theirs = topic(partitions=2), table(minio), table(minio)
        kafka.produce(name, values)
        env = {"KAFKA_BROKER": kafka.bootstrap, "KAFKA_TOPIC": name,
               "DELTA_LAKE_PATH": ours.location, **minio.sluice_env()}
        run = sluice(PIPELINE.read_text(), "--available-now", env=env)
        assert run.wait_exit() == 0, run.stderr
        spark_job(spark, kafka.bootstrap, name, theirs.location, str(tmp_path / "checkpoint"))
        frames = [spark.read.format("delta").load(place.location) for place in (ours, theirs)]
        return *frames, ours

    return run


@pytest.mark.spark
def test_ordinary_feeds_give_the_table_that_spark_gives(both):
    ours, theirs, place = both(ordinary_feeds(300))
    assert [(f.name, f.dataType) for f in ours.schema] == \
        [(f.name, f.dataType) for f in theirs.schema]
    assert theirs.count() > 1000
    assert rows_of(ours) == rows_of(theirs)
    assert ours.filter("processing_timestamp IS NULL").count() == 0
    assert place.count() == theirs.count()  # delta-rs sees them too


@pytest.mark.spark
def test_odd_feeds_give_the_rows_that_spark_gives(both):
    ours, theirs, _ = both(list(odd_feeds().values()))
    found, wanted = rows_of(ours), rows_of(theirs)
    assert not wanted - found, "rows that only Spark has"
    assert not found - wanted, "rows that only Sluice has"


@pytest.mark.spark
def test_a_partition_is_pruned_as_in_spark(both):
    ours, theirs, _ = both(ordinary_feeds(60) + [odd_feeds()["date odd"]])
    for where in ("start_date = '20260105'", "start_date > '20260105'", "start_date IS NULL",
                  "start_date = 'a/b=c %ü\\'\"'"):
        assert rows_of(ours.filter(where)) == rows_of(theirs.filter(where)), where

# SPDX-License-Identifier: Apache-2.0
"""The same pipelines as a PySpark user writes them; a process of its own.

    python spark_job.py '{"kind": "events" | "feeds" | "latency", "broker": …, "topic": …,
                          "table": …, "checkpoint": …, "available_now": true, "work": …,
                          "s3": {"endpoint": …, "key": …, "secret": …} | null}'

Available now: runs to the end and prints what it cost.  Else: prints the JVM's pid
and runs until its standard input closes.  Spark's own defaults, with both cores, 1 GB of heap and
as many shuffle partitions as cores.
"""

import json
import os
import pathlib
import sys

import measure
from sluicetest import deps

EVENT = ("event_id STRING, user_id BIGINT, event_type STRING, ts BIGINT, country STRING, "
         "device STRING, amount DOUBLE, quantity BIGINT, url STRING, ok BOOLEAN")
FEED = """
    header STRUCT<gtfs_realtime_version: STRING, incrementality: STRING, `timestamp`: STRING>,
    entity ARRAY<STRUCT<id: STRING, vehicle: STRUCT<
        trip: STRUCT<trip_id: STRING, start_time: STRING, start_date: STRING, route_id: STRING,
                     schedule_relationship: STRING, direction_id: INT>,
        position: STRUCT<latitude: DOUBLE, longitude: DOUBLE, bearing: DOUBLE, speed: DOUBLE>,
        current_stop_sequence: INT, current_status: STRING, `timestamp`: STRING, stop_id: STRING,
        vehicle: STRUCT<id: STRING, label: STRING>, occupancy_status: STRING>>>,
    producer_timestamp DOUBLE, source_id STRING, event_type STRING"""
FEED_COLUMNS = """
    header.gtfs_realtime_version, header.incrementality, header.`timestamp` AS feed_timestamp,
    e.id AS entity_id, e.vehicle.trip.trip_id, e.vehicle.trip.start_time,
    e.vehicle.trip.start_date, e.vehicle.trip.route_id, e.vehicle.trip.schedule_relationship,
    e.vehicle.trip.direction_id, e.vehicle.position.latitude, e.vehicle.position.longitude,
    e.vehicle.position.bearing, e.vehicle.position.speed, e.vehicle.current_stop_sequence,
    e.vehicle.current_status, e.vehicle.`timestamp` AS vehicle_timestamp, e.vehicle.stop_id,
    e.vehicle.vehicle.id AS vehicle_id, e.vehicle.vehicle.label AS vehicle_label,
    e.vehicle.occupancy_status, producer_timestamp, source_id, event_type,
    current_timestamp() AS processing_timestamp"""


def session(work: pathlib.Path, s3: dict | None):
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.pop("SPARK_HOME", None)
    from pyspark.sql import SparkSession

    jars = f"{deps.need('spark')}/*"
    conf = {
        "spark.driver.memory": "1g",
        "spark.driver.extraClassPath": jars,
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={work} -Djava.io.tmpdir={work}",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.local.dir": work / "local",
        "spark.sql.warehouse.dir": work / "warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": os.cpu_count(),
        "spark.databricks.delta.snapshotPartitions": os.cpu_count(),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    }
    if s3:
        conf |= {
            "spark.hadoop.fs.s3a.endpoint": s3["endpoint"],
            "spark.hadoop.fs.s3a.endpoint.region": s3["region"],
            "spark.hadoop.fs.s3a.access.key": s3["key"],
            "spark.hadoop.fs.s3a.secret.key": s3["secret"],
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        }
    builder = SparkSession.builder.master(f"local[{os.cpu_count()}]").appName("bench")
    for key, value in conf.items():
        builder = builder.config(key, str(value))
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def frame(spark, job: dict):
    from pyspark.sql import functions as F

    source = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", job["broker"])
              .option("subscribe", job["topic"]).option("startingOffsets", "earliest").load())
    text = F.col("value").cast("string")
    if job["kind"] == "events":
        return source.select(F.from_json(text, EVENT).alias("m")).select("m.*")
    if job["kind"] == "latency":
        return source.select(F.from_json(text, EVENT).alias("m"), F.col("timestamp")).select(
            "m.*", F.col("timestamp").alias("kafka_timestamp"))
    feeds = source.select(F.from_json(text, FEED).alias("m")).select("m.*")
    return (feeds.withColumn("e", F.explode("entity"))
            .selectExpr(*_split(FEED_COLUMNS)))


def _split(columns: str) -> list[str]:
    return [c.strip() for c in columns.split(",")]


def main() -> None:
    job = json.loads(sys.argv[1])
    work = pathlib.Path(job["work"])
    spark = session(work, job.get("s3"))
    jvm = measure.java(spark.sparkContext._gateway.proc.pid)
    writer = (frame(spark, job).writeStream.format("delta").outputMode("append")
              .option("checkpointLocation", job["checkpoint"]).option("mergeSchema", "true"))
    if job["kind"] == "feeds":
        writer = writer.partitionBy("start_date")
    if not job["available_now"]:
        query = writer.trigger(processingTime="0 seconds").start(job["table"])
        print(json.dumps({"jvm": jvm}), flush=True)
        sys.stdin.read()
        if query.exception():
            raise query.exception()
        query.stop()
    else:
        query = writer.trigger(availableNow=True).start(job["table"])
        query.awaitTermination()
        inside = sum(p["durationMs"]["triggerExecution"] for p in query.recentProgress) / 1000
        print(json.dumps({"inside_s": inside, "cpu_s": measure.cpu_s(jvm),
                          "rss_bytes": measure.memory(jvm)[1]}))
    sys.stdout.flush()
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()


if __name__ == "__main__":
    main()

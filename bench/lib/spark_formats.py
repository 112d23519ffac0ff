# SPDX-License-Identifier: Apache-2.0
"""from_json and from_avro over messages that are cached in memory; a process of its own.

    python spark_formats.py '{"folder": …, "work": …, "repeats": 5, "warm_ups": 5}'

The folder is decode_bench's.  One core (local[1]), Spark's own defaults.  For each format, after
the warm-ups: seconds of the whole query into the noop sink, CPU seconds of the JVM, and the same
for a query that only hands the messages on, which is what the source and sink cost.
"""

import json
import os
import pathlib
import statistics
import struct
import sys
import time

import measure
import pyarrow as pa
import pyarrow.parquet as pq
from sluicetest import deps

EVENT = ("event_id BIGINT, user_id BIGINT, event_type STRING, session STRING, price DOUBLE, "
         "quantity BIGINT, latitude DOUBLE, is_mobile BOOLEAN, country STRING, ts TIMESTAMP")


def session(work: pathlib.Path):
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.pop("SPARK_HOME", None)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("bench")
    for key, value in {
        "spark.driver.memory": "2g",
        "spark.driver.extraClassPath": f"{deps.need('spark')}/*",
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={work}",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.local.dir": work / "local",
        "spark.sql.warehouse.dir": work / "warehouse",
        "spark.sql.session.timeZone": "UTC",
    }.items():
        builder = builder.config(key, str(value))
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def messages(path: pathlib.Path) -> list[bytes]:
    data, at, out = path.read_bytes(), 0, []
    while at < len(data):
        length, = struct.unpack_from("<I", data, at)
        out.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return out


def cached(spark, folder: pathlib.Path, work: pathlib.Path, name: str):
    values = messages(folder / f"{name}.messages")
    pq.write_table(pa.table({"value": pa.array(values, pa.binary())}), work / f"{name}.parquet")
    frame = spark.read.parquet(str(work / f"{name}.parquet")).coalesce(1).cache()
    if frame.count() != len(values):
        raise AssertionError(f"{name}: Spark has read other messages")
    return frame, len(values)


def main() -> None:
    job = json.loads(sys.argv[1])
    folder, work = pathlib.Path(job["folder"]), pathlib.Path(job["work"])
    spark = session(work)
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro

    jvm = measure.java(spark.sparkContext._gateway.proc.pid)
    decoders = {"json": F.from_json(F.col("value").cast("string"), EVENT),
                "avro": from_avro("value", (folder / "event.avsc").read_text())}

    def once(frame) -> tuple[float, float]:
        clock, cpu = time.monotonic(), measure.cpu_s(jvm)
        frame.write.format("noop").mode("overwrite").save()
        return time.monotonic() - clock, measure.cpu_s(jvm) - cpu

    def many(frame) -> dict:
        for _ in range(job["warm_ups"]):
            once(frame)
        wall, cpu = zip(*(once(frame) for _ in range(job["repeats"])))
        return {"wall_s": statistics.median(wall), "cpu_s": statistics.median(cpu)}

    for name, decoder in decoders.items():
        frame, rows = cached(spark, folder, work, name)
        events = frame.select(decoder.alias("m"))
        sums = events.agg(F.count("m.ts"), F.sum("m.event_id"), F.sum("m.quantity")).first()
        if sums[0] != rows:
            raise AssertionError(f"{name}: {rows - sums[0]} messages did not decode")
        print(json.dumps({"format": name, "rows": rows, "sums": list(sums), **many(events),
                          "alone": many(frame)}), flush=True)
        frame.unpersist()
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()


if __name__ == "__main__":
    main()

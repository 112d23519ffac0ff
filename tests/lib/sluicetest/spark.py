# SPDX-License-Identifier: Apache-2.0
"""A Spark session with Delta, Kafka and S3: the oracle that users come from.

One a test run: a JVM has one session's configuration for good, and its start
costs ten seconds and half a gigabyte.
"""

import os
import pathlib

from . import deps
from .s3 import S3Server


def start(folder: pathlib.Path, heap: str = "1g"):
    """A pyspark.sql.SparkSession, local[2]; `stop` ends it."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.pop("SPARK_HOME", None)  # pyspark's own, not one that lies about
    from pyspark.sql import SparkSession  # takes a while, and only few tests want it

    folder = pathlib.Path(folder)
    jars = f"{deps.need('spark')}/*"
    options = (f"-Dderby.system.home={folder} -Djava.io.tmpdir={folder} "
               "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
    conf = {
        "spark.driver.memory": heap,
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.extraJavaOptions": options,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.local.dir": folder / "local",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": 2,
        "spark.databricks.delta.snapshotPartitions": 2,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("sluicetest")
    for key, value in conf.items():
        builder = builder.config(key, str(value))
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def use_store(session, store: S3Server) -> None:
    """Let the session find the server's bucket.  Options are the bucket's own, so
    several servers can be used in one session; before the first access to each."""
    hadoop = session.sparkContext._jsc.hadoopConfiguration()
    for key, value in {"endpoint": store.endpoint, "endpoint.region": store.region,
                       "access.key": store.access_key, "secret.key": store.secret_key}.items():
        hadoop.set(f"fs.s3a.bucket.{store.bucket}.{key}", value)


def stop(session) -> None:
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()  # ends the JVM, which session.stop() leaves running

# SPDX-License-Identifier: Apache-2.0
"""Spark's Thrift Server, as deploy/spark sets it up: what beeline and dbt talk to."""

import pathlib

from . import deps
from .process import Process, free_port
from .s3 import S3Server


class SparkThriftServer:
    """One JVM with a catalogue of its own in `folder`; finds tables in `store`.
    `env` is what the containers of a stack have, and what its clients need."""

    def __init__(self, folder: pathlib.Path, store: S3Server, delta_lake_path: str,
                 heap: str = "1g"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heap = heap
        self.port = free_port()
        self.url = f"jdbc:hive2://127.0.0.1:{self.port}"
        self.env = {
            "SPARK_CONF_DIR": str(deps.TREE / "deploy/spark"),
            "SPARK_HOME": str(_spark_home()),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_THRIFT_HOST": "127.0.0.1",
            "SPARK_THRIFT_PORT": str(self.port),
            "MINIO_ENDPOINT": store.endpoint,
            "MINIO_ROOT_USER": store.access_key,
            "MINIO_ROOT_PASSWORD": store.secret_key,
            "DELTA_LAKE_PATH": delta_lake_path,
        }
        self.process = self.start()

    def start(self) -> Process:
        self.process = Process("spark-thrift", self._argv(), self.folder, env=self.env,
                               cwd=self.folder)
        self.process.wait_until(lambda: "ThriftBinaryCLIService on port" in self.process.output,
                                "listens")
        return self.process

    def stop(self) -> int:
        return self.process.stop()

    @property
    def beeline_program(self) -> pathlib.Path:
        return _spark_home() / "bin/beeline"

    def _argv(self) -> list:
        jars = f"{deps.need('spark')}/*"
        java = (f"-Dderby.system.home={self.folder} -Djava.io.tmpdir={self.folder} "
                "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
        conf = {
            "spark.driver.extraClassPath": jars,
            "spark.driver.extraJavaOptions": java,
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.local.dir": self.folder / "local",
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": 2,
            "spark.databricks.delta.snapshotPartitions": 2,
        }
        argv = [_spark_home() / "bin/spark-submit", "--master", "local[2]",
                "--driver-memory", self.heap]
        for key, value in conf.items():
            argv += ["--conf", f"{key}={value}"]
        return [*argv, "--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
                "spark-internal",
                "--hiveconf", f"hive.server2.thrift.port={self.port}",
                "--hiveconf", "hive.server2.thrift.bind.host=127.0.0.1"]


def _spark_home() -> pathlib.Path:
    import pyspark  # takes a while, and only few tests want it

    return pathlib.Path(pyspark.__file__).parent

# SPDX-License-Identifier: Apache-2.0
"""`--profile spark`: a cluster reads the table that Sluice writes, and dbt builds on it."""

import json
import urllib.request

import pytest
from flow import check_exactly_once, wait_more
from sluicetest.process import PATIENCE_S, wait_until

PROFILES = ("spark",)
PATIENT_S = 6 * PATIENCE_S


@pytest.fixture(scope="module", autouse=True)
def running(spark_images, stack):
    stack.up()


def select(stack, sql: str) -> list[str]:
    """The values of a query's one column, by the Thrift Server."""
    out = stack.podman.run("exec", stack.name("spark-thrift-server"), "/opt/spark/bin/beeline",
                           "-u", "jdbc:hive2://localhost:10000", "-n", "test", "--silent=true",
                           "--showHeader=false", "--outputformat=tsv2", "-e", sql)
    return out.split()


def test_the_table_is_registered(stack):
    wait_until(lambda: stack.inspect("spark-register")["State"]["ExitCode"] == 0
               and stack.inspect("spark-register")["State"]["Status"] == "exited",
               "the table's name", PATIENT_S)
    assert int(select(stack, "SELECT count(*) FROM vehicle_positions")[-1]) > 0


def test_the_workers_of_the_cluster_do_it(stack):
    url = f"http://127.0.0.1:{stack.ports['SPARK_MASTER_UI_PORT']}/json/"
    with urllib.request.urlopen(url, timeout=30) as answer:
        state = json.load(answer)
    assert [worker["state"] for worker in state["workers"]] == ["ALIVE"]
    assert [app["state"] for app in state["activeapps"]] == ["RUNNING"]


def test_dbt_builds_and_its_tests_pass(stack):
    wait_until(lambda: stack.inspect("dbt")["State"]["Status"] == "exited", "dbt's end", PATIENT_S)
    assert stack.inspect("dbt")["State"]["ExitCode"] == 0, stack.logs("dbt")
    assert int(select(stack, "SELECT count(*) FROM gold.gold_route_hours")[-1]) > 0


@pytest.mark.parametrize("service", ["spark-worker", "spark-master", "spark-thrift-server", "sluice"])
def test_a_service_is_restarted_while_feeds_flow(stack, service):
    stack.compose("restart", service)
    wait_more(stack)


def test_spark_reads_on_after_the_restarts(stack):
    stack.wait_healthy("spark-thrift-server")
    assert int(select(stack, "SELECT count(*) FROM vehicle_positions")[-1]) > 0


def test_nothing_is_lost_and_nothing_doubled(stack):
    stack.compose("stop", "producer")
    check_exactly_once(stack)

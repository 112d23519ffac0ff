# SPDX-License-Identifier: Apache-2.0
"""`--profile monitoring`: Prometheus scrapes Sluice by its name in the stack and knows the rules,
Alertmanager is told, and Grafana finds its files."""

import json
import urllib.parse
import urllib.request

import pytest
from flow import check_exactly_once, wait_more
from sluicetest.process import PATIENCE_S, wait_until

PROFILES = ("monitoring",)
PATIENT_S = 3 * PATIENCE_S


@pytest.fixture(scope="module", autouse=True)
def running(monitoring_images, stack):
    stack.up()


def ask(stack, port: str, path: str) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.ports[port]}{path}", timeout=30) as answer:
        return json.load(answer)


def samples(stack, query: str) -> list:
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    return ask(stack, "PROMETHEUS_PORT", path)["data"]["result"]


@pytest.mark.parametrize("service", ["prometheus", "alertmanager", "grafana"])
def test_it_is_healthy(stack, service):
    stack.wait_healthy(service)


def test_prometheus_scrapes_sluice(stack):
    rows = wait_until(lambda: [s for s in samples(stack, "sluice_output_rows_total")
                               if float(s["value"][1]) > 0], "rows in Prometheus", PATIENT_S)
    assert rows[0]["metric"]["query"] == "vehicle_positions"
    assert rows[0]["metric"]["instance"] == "sluice:4040"


def test_prometheus_has_the_rules_and_knows_whom_to_tell(stack):
    groups = ask(stack, "PROMETHEUS_PORT", "/api/v1/rules")["data"]["groups"]
    names = {rule["name"] for group in groups for rule in group["rules"]}
    assert "SluiceDown" in names
    found = wait_until(lambda: ask(stack, "PROMETHEUS_PORT", "/api/v1/alertmanagers")["data"]
                       ["activeAlertmanagers"], "an Alertmanager", PATIENT_S)
    assert "alertmanager:9093" in found[0]["url"]


@pytest.mark.parametrize("service", ["prometheus", "alertmanager", "grafana", "sluice"])
def test_a_service_is_restarted_while_feeds_flow(stack, service):
    stack.compose("restart", service)
    stack.wait_healthy(service)
    wait_more(stack)


def test_prometheus_scrapes_on_after_the_restarts(stack):
    seen = float(samples(stack, "timestamp(sluice_output_rows_total)")[0]["value"][1])
    wait_until(lambda: any(float(s["value"][1]) > seen
                           for s in samples(stack, "timestamp(sluice_output_rows_total)")),
               "a newer sample", PATIENT_S)


def test_nothing_is_lost_and_nothing_doubled(stack):
    stack.compose("stop", "producer")
    check_exactly_once(stack)

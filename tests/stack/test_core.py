# SPDX-License-Identifier: Apache-2.0
"""The core of deploy/compose.yml: from nothing to rows, each service restarted
while feeds flow, everything taken down and up again. In the end each vehicle of
each feed in the topic is one row of the table, read by programs that share no
code with Sluice. The tests are one story, in order.
"""

import re

import pytest
from flow import check_exactly_once, wait_more

IMAGE_BYTES = 120 * 1000 * 1000


def log_line(text: str, event: str) -> str:
    """The first line of that event."""
    lines = [line for line in text.splitlines() if re.search(rf'event="?{event}"?( |$)', line)]
    assert lines, f"no event {event!r} in\n{text}"
    return lines[0]


def test_the_image_is_small_and_has_no_root(podman, sluice_image):
    config = podman.inspect(sluice_image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["/usr/bin/sluice"]  # no shell between Docker and Sluice
    health = podman.inspect(sluice_image)["Healthcheck"]
    assert health["Test"] == ["CMD", "/usr/bin/sluice", "health"]
    assert podman.compressed_bytes(sluice_image) < IMAGE_BYTES


def test_from_nothing_to_rows(stack):
    stack.up()
    wait_more(stack)


def test_the_check_of_a_service_is_the_one_of_the_file(stack):
    """Podman joins the words of a check and takes them apart again at blanks."""
    test = stack.inspect("kafka")["Config"]["Healthcheck"]["Test"]
    assert test == ["CMD", "bash", "-c", "3<>/dev/tcp/127.0.0.1/9092"]


def test_all_services_are_healthy(stack):
    for service in ["kafka", "minio", "sluice"]:
        stack.wait_healthy(service)
    assert stack.inspect("kafka-topic")["State"]["ExitCode"] == 0


@pytest.mark.parametrize("service", ["sluice", "producer"])
def test_it_runs_with_no_more_rights_than_it_needs(stack, service):
    found = stack.inspect(service)
    assert found["Config"]["User"] == "10001:10001"
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert not found["EffectiveCaps"]
    assert found["HostConfig"]["Memory"] > 0


def test_the_log_of_a_start_says_what_it_is_connected_to(stack):
    text = stack.logs("sluice")
    assert "kafka:9092" in log_line(text, "connected")
    assert stack.settings["KAFKA_TOPIC"] in log_line(text, "reading")
    assert stack.settings["DELTA_LAKE_PATH"] in log_line(text, "running")
    assert stack.settings["MINIO_ROOT_PASSWORD"] not in text


@pytest.mark.parametrize("service", ["sluice", "producer", "minio", "kafka"])
def test_a_service_is_restarted_while_feeds_flow(stack, service):
    stack.compose("restart", service)
    wait_more(stack)


def test_down_and_up_again(stack):
    stack.compose("down")
    assert not stack.podman.run("ps", "--all", "--quiet").split()
    stack.up()
    wait_more(stack)


def test_a_stop_is_clean(stack):
    for service in ["producer", "sluice"]:
        stack.compose("stop", service)
        assert stack.inspect(service)["State"]["ExitCode"] == 0, stack.logs(service)
    assert "stopped" in log_line(stack.logs("sluice"), "stopped")
    stack.compose("start", "sluice")


def test_nothing_is_lost_and_nothing_doubled(stack):
    check_exactly_once(stack)

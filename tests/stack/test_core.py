# SPDX-License-Identifier: Apache-2.0
"""The core of deploy/compose.yml: from nothing to rows, each service restarted
while feeds flow, everything taken down and up again. In the end each vehicle of
each feed in the topic is one row of the table, read by programs that share no
code with Sluice. The tests are one story, in order.
"""

import collections
import json
import re

import confluent_kafka as ck
import deltalake
import pytest
from sluicetest.process import PATIENCE_S, wait_until

IMAGE_BYTES = 120 * 1000 * 1000
STEP_ROWS = 200  # that come after each disturbance
PATIENT_S = 3 * PATIENCE_S


def open_table(stack) -> deltalake.DeltaTable:
    return deltalake.DeltaTable("s3://my-bucket/delta-lake", storage_options={
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stack.ports['MINIO_PORT']}",
        "AWS_ACCESS_KEY_ID": stack.settings["MINIO_ROOT_USER"],
        "AWS_SECRET_ACCESS_KEY": stack.settings["MINIO_ROOT_PASSWORD"],
        "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"})


def count(stack) -> int:
    return open_table(stack).to_pyarrow_dataset().count_rows()


def wait_more(stack) -> None:
    """Until the table has rows that it lacks now."""
    now = wait_until(lambda: count(stack), "rows", PATIENT_S)
    wait_until(lambda: count(stack) >= now + STEP_ROWS, f"rows after {now}", PATIENT_S)


def read_topic(stack) -> dict:
    """{(partition, offset): ids of the vehicles in the feed}, to the end of the topic."""
    consumer = ck.Consumer({"bootstrap.servers": f"localhost:{stack.ports['KAFKA_PORT']}",
                            "group.id": "reader", "enable.auto.commit": False,
                            "enable.partition.eof": True, "auto.offset.reset": "error"})
    topic = stack.settings["KAFKA_TOPIC"]
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    consumer.assign([ck.TopicPartition(topic, p, 0) for p in partitions])
    found, ended = {}, set()
    while len(ended) < len(partitions):
        message = consumer.poll(PATIENCE_S)
        assert message is not None, f"only partitions {ended} of {topic} end"
        if message.error():
            assert message.error().code() == ck.KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
        else:
            feed = json.loads(message.value())
            found[message.partition(), message.offset()] = sorted(e["id"] for e in feed["entity"])
    consumer.close()
    return found


def read_table(stack) -> dict:
    """The same, from the table; an id that is there twice is in the list twice."""
    rows = open_table(stack).to_pyarrow_dataset().to_table(["_partition", "_offset", "entity_id"])
    found = collections.defaultdict(list)
    for row in rows.to_pylist():
        found[row["_partition"], row["_offset"]].append(row["entity_id"])
    return {place: sorted(ids) for place, ids in found.items()}


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
    published = read_topic(stack)
    vehicles = sum(map(len, published.values()))
    wait_until(lambda: count(stack) >= vehicles, f"{vehicles} rows", PATIENT_S)
    stored = read_table(stack)
    lost = {place: ids for place, ids in published.items() if place not in stored}
    other = {place: ids for place, ids in stored.items() if published.get(place) != ids}
    print(f"{len(published)} feeds, {vehicles} vehicles, {count(stack)} rows")
    assert not lost, f"{len(lost)} feeds of {len(published)} are not in the table: {lost}"
    assert not other, f"{len(other)} of {len(published)} differ: {other}"

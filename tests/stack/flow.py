# SPDX-License-Identifier: Apache-2.0
"""Feeds on their way through the stack: in the topic and as rows of the table, read by programs
that share no code with Sluice."""

import collections
import json

import confluent_kafka as ck
import deltalake
from sluicetest.process import PATIENCE_S, wait_until

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


def check_exactly_once(stack) -> None:
    """After the last feed: each vehicle of each feed is one row. Sluice runs still."""
    published = read_topic(stack)
    vehicles = sum(map(len, published.values()))
    wait_until(lambda: count(stack) >= vehicles, f"{vehicles} rows", PATIENT_S)
    stored = read_table(stack)
    lost = {place: ids for place, ids in published.items() if place not in stored}
    other = {place: ids for place, ids in stored.items() if published.get(place) != ids}
    print(f"{len(published)} feeds, {vehicles} vehicles, {count(stack)} rows")
    assert not lost, f"{len(lost)} feeds of {len(published)} are not in the table: {lost}"
    assert not other, f"{len(other)} of {len(published)} differ: {other}"

# SPDX-License-Identifier: Apache-2.0
"""Kafka as a source: which records a query reads, and what stops it."""

import contextlib
import json
import pathlib
import time

import pytest
from sluicetest.kafka import COMPACTION_BROKER, COMPACTION_TOPIC
from sluicetest.ledger import Ledger
from sluicetest.process import free_port, wait_until
from sluicetest.sluice import Terminal


#: a broker that was killed may register again when its old session is over, by default 9 s
SOON_BACK = {"broker.session.timeout.ms": 2000, "broker.heartbeat.interval.ms": 500}


def pipeline(broker, place, select="n, _topic, _partition, _offset", table=None, **stream):
    """One table of one stream; `stream` and `table` are options (dots as __), None = leave out."""
    given = {"kafka__bootstrap__servers": getattr(broker, "bootstrap", broker),
             "startingOffsets": "earliest", "metadataRefresh": "200 ms", **stream}
    return (f"CREATE STREAM s (n INT) USING kafka OPTIONS ({options(given)});\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}'\n"
            f"OPTIONS ({options({'trigger': '0 seconds', **(table or {})})})\n"
            f"AS SELECT {select} FROM STREAM s;\n")


def options(given):
    return ", ".join("'{}' = '{}'".format(name.replace("__", "."), value)
                     for name, value in given.items() if value is not None)


def values(first, count):
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def n_of(record):
    return json.loads(record.value)["n"]


def ledger(*records):
    return Ledger([r for group in records for r in group], "n", n_of)


@pytest.fixture
def drain(sluice):
    """Reads what is there and ends, which must go well."""
    def run(text, **options):
        process = sluice(text, "--available-now", **options)
        assert process.wait_exit() == 0
        return process
    return run


def positions(place):
    """Next offset to read, by topic and partition, as the table has it."""
    found = {}
    for app, version in place.txns().items():
        parts = app.split("/")
        if len(parts) == 6:
            found[parts[3], int(parts[5])] = version
    return found


def ends(broker, name):
    return {(name, p): high for p, (_, high) in broker.watermarks(name).items()}


# --- which topics and offsets ---------------------------------------------------


def test_several_topics_in_one_stream(kafka, topic, table, drain):
    names, place = [topic(2), topic(1)], table()
    book = ledger(*(kafka.produce(name, values(0, 100)) for name in names))
    drain(pipeline(kafka, place, subscribe=", ".join(names)))
    book.check(place.read())


def test_assign_reads_only_the_named_partitions(kafka, topic, table, drain):
    name, place = topic(3), table()
    book = ledger(*(kafka.produce(name, values(p * 10, 10), partition=p) for p in (0, 2)))
    kafka.produce(name, values(10, 10), partition=1)
    drain(pipeline(kafka, place, assign=json.dumps({name: [0, 2]})))
    book.check(place.read())


def test_starting_offsets_per_partition(kafka, topic, table, sluice):
    name, place = topic(3), table()
    before = [kafka.produce(name, values(p * 10, 10), partition=p) for p in range(3)]
    start = json.dumps({name: {"0": -2, "1": -1, "2": 4}})
    run = sluice(pipeline(kafka, place, subscribe=name, startingOffsets=start))
    run.process.wait_until(lambda: len(positions(place)) == 3, "the start commit")
    after = [kafka.produce(name, values(100 + p * 10, 5), partition=p) for p in range(3)]
    book = ledger(before[0], before[2][4:], *after)
    run.wait_rows(place, len(book))
    assert run.stop() == 0
    book.check(place.read())


def test_latest_means_the_same_after_a_crash_before_the_first_batch(kafka, topic, table, sluice,
                                                                     drain):
    name, place = topic(2), table()
    kafka.produce(name, values(0, 20))
    text = pipeline(kafka, place, subscribe=name, startingOffsets="latest")
    run = sluice(text)
    run.process.wait_until(lambda: len(positions(place)) == 2, "the start commit")
    run.kill()
    book = ledger(kafka.produce(name, values(20, 20)))
    drain(text)
    book.check(place.read())


def test_max_offsets_per_trigger_cuts_batches(kafka, topic, table, drain):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 1000)))
    run = drain(pipeline(kafka, place, subscribe=name, maxOffsetsPerTrigger=300))
    book.check(place.read())
    rows = [p["numInputRows"] for p in run.progress()]
    assert sum(rows) == 1000 and max(rows) <= 300


def test_a_partition_added_while_running_is_read_from_its_start(kafka, topic, table, sluice):
    name, place = topic(1), table()
    run = sluice(pipeline(kafka, place, subscribe=name, startingOffsets="latest"))
    run.process.wait_until(lambda: positions(place), "the start commit")
    kafka.add_partitions(name, 3)
    book = ledger(*(kafka.produce(name, values(p * 10, 10), partition=p) for p in range(3)))
    run.wait_rows(place, 30)
    assert run.stop() == 0
    book.check(place.read())


def test_a_partition_added_while_stopped_is_read_from_its_start(kafka, topic, table, drain):
    name, place = topic(1), table()
    text = pipeline(kafka, place, subscribe=name, startingOffsets="latest")
    kafka.produce(name, values(0, 10))
    drain(text)
    kafka.add_partitions(name, 2)
    book = ledger(*(kafka.produce(name, values(p * 10, 10), partition=p) for p in range(2)))
    drain(text)
    book.check(place.read())


# --- records ----------------------------------------------------------------------


def test_records_of_each_compression(kafka, topic, table, drain):
    name, place = topic(), table()
    book = ledger(*(kafka.produce(name, values(i * 500, 500), config={"compression.type": codec})
                    for i, codec in enumerate(["none", "gzip", "snappy", "lz4", "zstd"])))
    drain(pipeline(kafka, place, subscribe=name))
    book.check(place.read())


def test_aborted_records_and_markers_are_not_delivered_and_lag_reaches_0(kafka, topic, table,
                                                                         drain):
    name, place = topic(), table()
    with kafka.transaction() as send:
        committed = send(name, values(0, 50))
    with kafka.transaction(commit=False) as send:
        send(name, values(50, 50))
    between = kafka.produce(name, values(100, 10))
    with kafka.transaction(commit=False) as send:  # the topic ends in what nobody may see
        send(name, values(110, 10))
    text = pipeline(kafka, place, subscribe=name)
    drain(text)
    ledger(committed, between).check(place.read())
    assert positions(place) == ends(kafka, name)
    drain(text)  # and once more from there
    ledger(committed, between).check(place.read())


def test_the_gaps_of_a_compacted_topic_are_no_loss(own_kafka, table, drain):
    broker, place = own_kafka(properties=COMPACTION_BROKER), table()
    name = broker.create_topic(config=COMPACTION_TOPIC)
    broker.produce(name, values(0, 100), keys=["same"] * 100)
    time.sleep(COMPACTION_TOPIC["segment.ms"] / 1000 + 0.1)
    broker.produce(name, values(100, 1), keys=["other"])
    wait_until(lambda: len(broker.consume(name)) < 100, "compaction")
    broker.alter_topic(name, {"max.compaction.lag.ms": 3_600_000, "segment.ms": 3_600_000})
    left = broker.consume(name)
    drain(pipeline(broker, place, subscribe=name, maxOffsetsPerTrigger=1))
    ledger(left).check(place.read())


def test_metadata_columns_keys_and_tombstones(kafka, topic, table, drain):
    name, place = topic(), table()
    sent = kafka.produce(name, ['{"n": 1}', None, '{"n": 3}'], keys=[b"a", b"\x00\xff", None])
    drain(pipeline(kafka, place, subscribe=name, onBadRecord="fail",
                   select="n, _key, _value, _topic, _partition, _offset, _timestamp"))
    rows = sorted(place.rows(), key=lambda r: r["_offset"])
    assert [r["n"] for r in rows] == [1, None, 3]
    for row, record in zip(rows, sent):
        assert (row["_key"], row["_value"]) == (record.key, record.value)
        assert (row["_topic"], row["_partition"], row["_offset"]) == (name, 0, record.offset)
        assert round(row["_timestamp"].timestamp() * 1000) == record.timestamp_ms


# --- what is lost or is not what it was ---------------------------------------------


def test_offsets_that_retention_took_stop_the_query_or_are_passed(kafka, topic, table, sluice,
                                                                  drain):
    name, place = topic(), table()
    first = kafka.produce(name, values(0, 10))
    drain(pipeline(kafka, place, subscribe=name))
    lost = kafka.produce(name, values(10, 10))
    left = kafka.produce(name, values(20, 10))
    kafka.delete_records(name, {0: left[0].offset})
    run = sluice(pipeline(kafka, place, subscribe=name), "--available-now")
    assert run.wait_exit() == 3
    assert name in run.stderr and str(lost[0].offset) in run.stderr
    assert "failOnDataLoss" in run.stderr or "sluice offsets skip" in run.stderr
    ledger(first).check(place.read())
    drain(pipeline(kafka, place, subscribe=name, failOnDataLoss="false"))
    ledger(first, left).check(place.read())


def epochs(place):
    """Leader epochs by partition, as the newest commit has them."""
    info = place.commit(place.version())[0]["commitInfo"]
    return {int(p): epoch for topic in info.get("sluiceLeaderEpochs", {}).values()
            for p, epoch in topic.items()}


def test_a_truncated_log_that_has_grown_again_is_noticed(own_kafka, table, sluice, drain):
    kafka, place = own_kafka(), table()
    name = kafka.create_topic("grown")
    text = pipeline(kafka, place, subscribe=name)
    kafka.produce(name, values(0, 10))
    drain(text)
    assert epochs(place) == {0: 0}
    kafka.stop()
    kafka.start()
    kafka.produce(name, values(10, 10))
    drain(text)
    assert place.count() == 20 and epochs(place)[0] > 0
    # As if the ten records after the first ten had been others, of the first leader.
    version = place.version() + 1
    fence, position = (next(app for app in place.txns() if len(app.split("/")) == n)
                       for n in (2, 6))
    where = "/".join(position.split("/")[2:5])
    actions = [
        {"commitInfo": {"timestamp": 0, "operation": "STREAMING UPDATE",
                        "operationParameters": {"queryName": "t"},
                        "sluiceLeaderEpochs": {where: {"0": 0}}}},
        {"txn": {"appId": fence, "version": place.txns()[fence] + 1, "lastUpdated": 0}},
    ]
    log = pathlib.Path(place.location, f"_delta_log/{version:020}.json")
    log.write_text("".join(json.dumps(a) + "\n" for a in actions))
    kafka.produce(name, values(20, 5))  # a partition with nothing to read is not looked at
    process = sluice(text, "--available-now")
    assert process.wait_exit() == 3
    assert "was truncated below offset 20" in process.stderr


def test_markers_of_a_later_leader_are_no_truncation(own_kafka, table, drain):
    kafka, place = own_kafka(), table()
    name = kafka.create_topic("markers")
    text = pipeline(kafka, place, subscribe=name)
    with kafka.transaction() as send:
        send(name, values(0, 10))
        kafka.stop()
        kafka.start()
    for _ in range(2):
        drain(text)
        assert place.count() == 10 and positions(place) == {(name, 0): 11} and epochs(place) == {}
    kafka.produce(name, values(20, 5))
    drain(text)
    assert place.count() == 15 and epochs(place)[0] > 0


def test_a_topic_recreated_while_stopped_stops_the_query(kafka, topic, table, sluice, drain):
    name, place = topic(), table()
    text = pipeline(kafka, place, subscribe=name)
    book = ledger(kafka.produce(name, values(0, 10)))
    drain(text)
    kafka.recreate_topic(name)
    kafka.produce(name, values(100, 30))
    run = sluice(text, "--available-now")
    assert run.wait_exit() == 7
    assert name in run.stderr and "sluice offsets" in run.stderr
    book.check(place.read())


def test_a_topic_recreated_while_running_stops_the_query(kafka, topic, table, sluice):
    name, place = topic(), table()
    book = ledger(kafka.produce(name, values(0, 10)))
    run = sluice(pipeline(kafka, place, subscribe=name))
    run.wait_rows(place, 10)
    kafka.recreate_topic(name)
    kafka.produce(name, values(100, 30))
    assert run.wait_exit() == 7
    assert name in run.stderr
    book.check(place.read())


def test_a_missing_topic_is_named_with_the_nearest(kafka, topic, table, sluice):
    name, place = topic(), table()
    run = sluice(pipeline(kafka, place, subscribe=name + "x"))
    assert run.wait_exit() == 2
    assert f"{name}x" in run.stderr and f'did you mean \\"{name}\\"' in run.stderr


# --- brokers ------------------------------------------------------------------------


def test_group_offsets_are_committed_for_lag_tools(kafka, topic, table, drain, unique):
    name, place = topic(2), table()
    kafka.produce(name, values(0, 100))
    wait_until(lambda: kafka.group_offsets(unique) == {}, "the group's coordinator")
    drain(pipeline(kafka, place, subscribe=name, **{"kafka__group__id": unique}))
    wait_until(lambda: kafka.group_offsets(unique) == ends(kafka, name), "group offsets")


def test_a_broker_that_is_killed_is_waited_for(own_kafka, table, sluice):
    broker, place = own_kafka(properties=SOON_BACK), table()
    name = broker.create_topic(partitions=2)
    book = ledger(broker.produce(name, values(0, 500)))
    run = sluice(pipeline(broker, place, subscribe=name))
    run.wait_rows(place, 500)
    broker.process.kill()
    broker.start()
    book.add(broker.produce(name, values(500, 500)))
    run.wait_rows(place, 1000)
    # Once more, and Sluice starts while there is no broker.
    assert run.stop() == 0
    broker.process.kill()
    run = sluice(pipeline(broker, place, subscribe=name))
    run.wait_log('"event":"source down"')
    assert "waiting for the broker" in next(line["reason"] for line in run.log_lines()
                                            if line["event"] == "source down")
    broker.start()
    run.wait_log('"event":"source back"')
    book.add(broker.produce(name, values(1000, 500)))
    run.wait_rows(place, 1500)
    assert run.stop() == 0
    book.check(place.read())


def test_a_terminal_shows_what_is_waited_for(own_kafka, table, tmp_path):
    broker, place = own_kafka(properties=SOON_BACK), table()
    name = broker.create_topic("live")
    file = tmp_path / "live.sql"
    file.write_text(pipeline(broker, place, subscribe=name))
    broker.stop()
    with contextlib.closing(Terminal("run", file, env={"TMPDIR": str(tmp_path)})) as run:
        # The broker is down at the start …
        at = run.wait_shown("t  waiting (waiting for the broker: ")
        broker.start()
        broker.produce(name, values(0, 10))
        at = run.wait_shown("t  running  ", at)
        at = run.wait_shown("10 rows", at)
        # … goes away while running, for longer than a request may take …
        broker.stop()
        at = run.wait_shown("t  waiting (waiting for the broker: ", at)
        time.sleep(5)
        assert "t  running" not in run.shown[at:]
        # … and is back.
        broker.start()
        at = run.wait_shown("t  running  ", at)
        broker.produce(name, values(10, 10))
        run.wait_shown("20 rows", at)
        run.type(b"\x03")
        assert run.wait_exit().exit_code == 0
    assert place.count() == 20


def test_a_kafka_setting_that_would_break_exactly_once_is_refused(table, sluice):
    run = sluice(pipeline("127.0.0.1:9", table(), subscribe="x",
                          **{"kafka__enable__auto__commit": "true"}))
    assert run.wait_exit() == 2
    assert 'kafka.enable.auto.commit' in run.stderr and "is not supported" in run.stderr


def test_a_wrong_password_is_reported_and_not_printed(own_kafka, table, sluice):
    broker, port = own_kafka(properties=SOON_BACK), free_port()
    broker.process.kill()
    add_login_listener(broker.folder / "server.properties", port)
    broker.start()
    name, place = broker.create_topic(), table()
    book = ledger(broker.produce(name, values(0, 10)))

    def text(password):
        return pipeline(f"127.0.0.1:{port}", place, subscribe=name, **{
            "kafka__security__protocol": "SASL_PLAINTEXT", "kafka__sasl__mechanism": "PLAIN",
            "kafka__sasl__username": "bob", "kafka__sasl__password": password})

    wrong = sluice(text("canary-password"), "--available-now")
    assert wrong.wait_exit() == 2
    assert "refused the login" in wrong.stderr
    assert "canary-password" not in wrong.stderr + wrong.stdout
    right = sluice(text("bob-secret"), "--available-now")
    assert right.wait_exit() == 0
    book.check(place.read())


def add_login_listener(file, port):
    lines = [line + f",LOGIN://127.0.0.1:{port}" if "listeners=" in line else line
             for line in file.read_text().splitlines()]
    lines += ["listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
              "LOGIN:SASL_PLAINTEXT",
              "listener.name.login.sasl.enabled.mechanisms=PLAIN",
              "listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain."
              'PlainLoginModule required user_bob="bob-secret";']
    file.write_text("\n".join(lines) + "\n")


# --- several -------------------------------------------------------------------------


def test_two_streaming_tables_in_one_file(kafka, topic, table, drain):
    name, even, odd = topic(2), table(), table()
    sent = kafka.produce(name, values(0, 200))
    drain(f"CREATE STREAM s (n INT) USING kafka OPTIONS ('kafka.bootstrap.servers' = "
          f"'{kafka.bootstrap}', subscribe = '{name}', startingOffsets = 'earliest');\n"
          f"CREATE STREAMING TABLE even LOCATION '{even}' AS "
          f"SELECT n, _partition, _offset FROM s WHERE n % 2 = 0;\n"
          f"CREATE STREAMING TABLE odd LOCATION '{odd}' AS "
          f"SELECT n, _partition, _offset FROM s WHERE n % 2 = 1;\n")
    for place, rest in ((even, 0), (odd, 1)):
        ledger([r for r in sent if n_of(r) % 2 == rest]).check(place.read())


def test_union_all_of_two_streams(kafka, topic, table, drain):
    names, place = [topic(), topic(2)], table()
    book = ledger(*(kafka.produce(name, values(i * 100, 100)) for i, name in enumerate(names)))
    streams = "".join(
        f"CREATE STREAM s{i} (n INT) USING kafka OPTIONS ('kafka.bootstrap.servers' = "
        f"'{kafka.bootstrap}', subscribe = '{name}', startingOffsets = 'earliest');\n"
        for i, name in enumerate(names))
    text = streams + (f"CREATE STREAMING TABLE t LOCATION '{place}' AS "
                      "SELECT n, _topic, _partition, _offset FROM s0 UNION ALL "
                      "SELECT n, _topic, _partition, _offset FROM s1;\n")
    drain(text)
    book.check(place.read())
    book.add(kafka.produce(names[1], values(200, 10)))
    drain(text)
    book.check(place.read())

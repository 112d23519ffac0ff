# SPDX-License-Identifier: Apache-2.0
"""The fixtures tested by themselves: when one of these fails, look here first and
not at Sluice."""

import signal
import textwrap
import threading
import time

import deltalake
import pyarrow as pa
import pytest
from sluicetest import spark as spark_session
from sluicetest.kafka import (COMPACTION_BROKER, COMPACTION_TOPIC, RETENTION_BROKER,
                              RETENTION_TOPIC, Record)
from sluicetest.ledger import Ledger
from sluicetest.process import Process, ProcessDied, wait_until
from sluicetest.sluice import command

# --- processes ----------------------------------------------------------------


def test_a_process_is_logged_and_stopped_by_its_own_pid(tmp_path):
    process = Process("sleeper", ["sh", "-c", "echo up; exec sleep 600"], tmp_path)
    process.wait_until(lambda: "up" in process.output, "up")
    assert process.exit_code is None
    assert process.stop() == -signal.SIGTERM


def test_waiting_for_a_process_that_dies_ends_with_its_log(tmp_path):
    process = Process("failer", ["sh", "-c", "echo what went wrong; exit 3"], tmp_path)
    with pytest.raises(ProcessDied, match="(?s)ended with 3.*what went wrong"):
        process.wait_until(lambda: False, "never")


def test_a_wait_tells_what_it_saw_last():
    with pytest.raises(TimeoutError, match="the impossible.*last: 0"):
        wait_until(lambda: 0, "the impossible", timeout_s=0)


# --- Kafka --------------------------------------------------------------------


def test_what_is_produced_is_consumed(kafka, topic):
    name = topic(partitions=3)
    sent = kafka.produce(name, [f"v{i}" for i in range(1000)], keys=map(str, range(1000)),
                         headers=[("h", b"1")])
    assert [r.value for r in sent] == [b"v%d" % i for i in range(1000)]
    assert {r.headers for r in sent} == {(("h", b"1"),)}
    assert set(kafka.consume(name)) == set(sent)
    assert sum(high - low for low, high in kafka.watermarks(name).values()) == 1000


def test_an_aborted_transaction_is_hidden_and_takes_offsets(kafka, topic):
    name = topic()
    with kafka.transaction() as send:
        committed = send(name, ["a", "b"])
    with kafka.transaction(commit=False) as send:
        aborted = send(name, ["c"])
    after = kafka.produce(name, ["d"])
    assert kafka.consume(name) == committed + after
    assert kafka.consume(name, committed_only=False) == committed + aborted + after
    assert after[0].offset == 5  # a b marker c marker


def test_a_recreated_topic_has_another_id(kafka, topic):
    name = topic()
    kafka.produce(name, ["old"] * 3)
    before = kafka.topic_id(name)
    kafka.recreate_topic(name, partitions=2)
    assert kafka.topic_id(name) != before
    assert kafka.watermarks(name) == {0: (0, 0), 1: (0, 0)}


def test_deleted_records_move_the_log_start(kafka, topic):
    name = topic()
    kafka.produce(name, map(str, range(10)))
    kafka.delete_records(name, {0: 4})
    assert kafka.watermarks(name) == {0: (4, 10)}


def test_partitions_can_be_added(kafka, topic):
    name = topic()
    kafka.add_partitions(name, 4)
    assert kafka.produce(name, ["x"], partition=3)[0].offset == 0


def test_a_broker_comes_back_with_its_data_after_a_kill(own_kafka):
    broker = own_kafka()
    name = broker.create_topic()
    sent = broker.produce(name, ["before"])
    broker.process.kill()
    broker.start()
    sent += broker.produce(name, ["after"])
    assert broker.consume(name) == sent


def test_retention_and_compaction_act_while_a_test_waits(own_kafka):
    broker = own_kafka(properties={**RETENTION_BROKER, **COMPACTION_BROKER})
    expiring = broker.create_topic(config=RETENTION_TOPIC)
    compacted = broker.create_topic(config=COMPACTION_TOPIC)
    broker.produce(expiring, ["x"] * 10)
    broker.produce(compacted, map(str, range(100)), keys=["same"] * 100)
    time.sleep(COMPACTION_TOPIC["segment.ms"] / 1000 + 0.1)
    last = broker.produce(compacted, ["last"], keys=["other"])
    wait_until(lambda: broker.watermarks(expiring) == {0: (10, 10)}, "retention")
    wait_until(lambda: len(broker.consume(compacted)) < 100, "compaction")
    left = broker.consume(compacted)
    assert left[-1] == last[0] and left[-2].value == b"99"  # the newest of each key stays


# --- S3 -----------------------------------------------------------------------


def test_put_if_absent_is_done_once(store, unique):
    assert store.client.put(f"{unique}/k", b"first", if_absent=True) == 200
    assert store.client.put(f"{unique}/k", b"second", if_absent=True) == 412
    assert store.client.get(f"{unique}/k") == b"first"


def test_put_if_absent_has_one_winner_among_many(store, unique):
    statuses: dict[int, int] = {}

    def put(number: int) -> None:
        statuses[number] = store.client.put(f"{unique}/k", b"%d" % number, if_absent=True)

    writers = [threading.Thread(target=put, args=(n,)) for n in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    winners = [n for n, status in statuses.items() if status == 200]
    assert len(winners) == 1
    assert store.client.get(f"{unique}/k") == b"%d" % winners[0]


def test_keys_are_listed_as_they_were_put(store, unique):
    keys = [f"{unique}/{name}" for name in ("a b", "a+b", "a%2Fb", "c=d/e", "ü")]
    for key in keys:
        assert store.client.put(key, b"x") == 200
    assert sorted(store.client.list(f"{unique}/")) == sorted(keys)
    store.client.delete(keys[0])
    assert store.client.get(keys[0]) is None


def test_an_s3_server_comes_back_with_its_data_after_a_kill(own_minio):
    server = own_minio()
    server.client.put("k", b"v")
    server.process.kill()
    server.start()
    assert server.client.get("k") == b"v"


# --- delta-rs and the log -------------------------------------------------------


def write(place, first: int, count: int) -> None:
    rows = pa.table({"_partition": pa.array([0] * count, pa.int32()),
                     "_offset": pa.array(range(first, first + count), pa.int64()),
                     "value": [f"v{i}" for i in range(first, first + count)]})
    deltalake.write_deltalake(place.location, rows, mode="append",
                              storage_options=place.storage_options)


def check_written_table(place) -> None:
    assert place.version() == -1 and place.count() == 0
    write(place, 0, 10)
    write(place, 10, 5)
    assert place.versions() == [0, 1] and place.version() == 1
    assert place.count() == 15 and place.count(version=0) == 10
    assert sorted(r["value"] for r in place.rows()) == sorted(f"v{i}" for i in range(15))
    assert any("add" in action for action in place.commit(1))
    assert place.txns() == {}


def test_delta_rs_writes_and_reads_on_s3(store, table):
    check_written_table(table(store))


def test_delta_rs_writes_and_reads_on_local_disk(table):
    check_written_table(table())


# --- the ledger -----------------------------------------------------------------


def rows(*offsets: int, value: str = "v") -> pa.Table:
    return pa.table({"_partition": pa.array([0] * len(offsets), pa.int32()),
                     "_offset": pa.array(offsets, pa.int64()),
                     "value": [f"{value}{o}" for o in offsets]})


def ledger_of(*offsets: int) -> Ledger:
    return Ledger((Record("t", 0, o, None, b"v%d" % o) for o in offsets), value_column="value")


def test_the_ledger_accepts_each_record_once_in_any_order():
    ledger_of(0, 1, 5).check(rows(5, 0, 1))


@pytest.mark.parametrize("found, what", [
    (rows(0, 1), "1 missing: \\(0, 5\\)"),
    (rows(0, 1, 5, 1), "1 doubled: \\(0, 1\\)"),
    (rows(0, 1, 5, 6), "1 foreign: \\(0, 6\\)"),
    (rows(0, 1, 5, value="w"), "3 altered"),
])
def test_the_ledger_finds_what_is_wrong(found, what):
    with pytest.raises(AssertionError, match=what):
        ledger_of(0, 1, 5).check(found)


# --- Spark ----------------------------------------------------------------------


@pytest.mark.spark
def test_spark_reads_what_delta_rs_wrote(spark, store, table):
    place = table(store)
    write(place, 0, 10)
    spark_session.use_store(spark, store)
    frame = spark.read.format("delta").load(place.location)
    assert sorted(r["value"] for r in frame.collect()) == [f"v{i}" for i in range(10)]


@pytest.mark.spark
def test_delta_rs_reads_what_spark_wrote(spark, store, table):
    place = table(store)
    spark_session.use_store(spark, store)
    spark.range(100).write.format("delta").save(place.location)
    assert sorted(r["id"] for r in place.rows()) == list(range(100))


@pytest.mark.spark
def test_spark_reads_kafka(spark, kafka, topic):
    name = topic(partitions=2)
    sent = kafka.produce(name, [f"v{i}" for i in range(50)])
    frame = (spark.read.format("kafka").option("kafka.bootstrap.servers", kafka.bootstrap)
             .option("subscribe", name).load())
    found = [(r["partition"], r["offset"], bytes(r["value"])) for r in frame.collect()]
    assert sorted(found) == sorted((r.partition, r.offset, r.value) for r in sent)


# --- the sluice helper, with a stand-in for the binary ----------------------------

STAND_IN = """
    import json, signal, sys, time
    import deltalake, pyarrow as pa
    pipeline = open(sys.argv[2]).read() if sys.argv[1] == "run" else None
    if pipeline is None:
        print("out", sys.argv[1:]); print("err", file=sys.stderr); sys.exit(4)
    if pipeline == "fail":
        print("broken pipeline", file=sys.stderr); sys.exit(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for batch in range(1_000_000):
        deltalake.write_deltalake(pipeline, pa.table({"batch": [batch] * 10}), mode="append")
        print(json.dumps({"msg": "progress", "progress": {"batchId": batch}}), file=sys.stderr)
        if "--available-now" in sys.argv and batch == 2:
            break
        time.sleep(0.05)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    path = tmp_path / "sluice.py"
    path.write_text(textwrap.dedent(STAND_IN))
    monkeypatch.setenv("SLUICE_BIN", str(path))


def test_a_run_is_waited_for_by_version_and_by_rows_and_stopped(stand_in, sluice, table):
    place = table()
    run = sluice(place.location)
    assert run.wait_version(place, 1) >= 1
    assert run.wait_rows(place, 30) >= 30
    assert run.stop() == 0
    assert [p["batchId"] for p in run.progress()][:2] == [0, 1]


def test_a_run_until_the_end_gives_its_exit_code(stand_in, sluice, table):
    place = table()
    run = sluice(place.location, "--available-now")
    assert run.wait_exit() == 0
    assert place.count() == 30


def test_a_run_that_fails_ends_the_wait_with_its_message(stand_in, sluice, table):
    run = sluice("fail")
    with pytest.raises(ProcessDied, match="(?s)ended with 2.*broken pipeline"):
        run.wait_version(table(), 0)


def test_other_commands_run_to_their_end(stand_in):
    result = command("check", "x.sql")
    assert (result.exit_code, result.stdout, result.stderr) == (4, "out ['check', 'x.sql']\n",
                                                                "err\n")

# SPDX-License-Identifier: Apache-2.0
"""Dead letters: messages that cannot become rows, kept once with all that is known of them."""

import hashlib
import json
import signal

import confluent_kafka as ck
import pytest
from sluicetest.delta import Table


def pipeline(broker, place, topic, body="SELECT CAST(v AS INT) AS v, n FROM s", columns="v STRING, n INT",
             stream="", table=""):
    return (f"CREATE STREAM s ({columns}) USING kafka OPTIONS (\n"
            f"'kafka.bootstrap.servers' = '{broker.bootstrap}', subscribe = '{topic}',\n"
            f"startingOffsets = 'earliest', onBadRecord = 'deadletter'{stream});\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}'\n"
            f"OPTIONS (trigger = '0 seconds'{table}) AS {body};\n")


@pytest.fixture
def drain(sluice):
    def run(text, **options):
        process = sluice(text, "--available-now", **options)
        assert process.wait_exit() == 0
        return process
    return run


def letters_of(place):
    return Table(f"{place}_deadletters", place.store)


def offsets(rows, name="offset"):
    return sorted(row[name] for row in rows)


def test_a_letter_says_all_there_is_to_know(kafka, topic, table, drain):
    name, place = topic(), table()
    headers = [("h1", b"\x01"), ("h2", None), ("h1", b"again")]
    sent = kafka.produce(name, ['{"v": "1", "n": 1}', b"\xff\x00 not text", '{"v": "x", "n": 3}',
                                '{"v": "4", "n": 40000000000}'],
                         keys=[b"a", b"\x00k", None, b"d"])
    drain(pipeline(kafka, place, name))
    assert [(r["v"], r["n"]) for r in place.rows()] == [(1, 1)]
    sent += kafka.produce(name, ["[]"], headers=headers)
    drain(pipeline(kafka, place, name), name="again")
    rows = sorted(letters_of(place).rows(), key=lambda r: r["offset"])
    assert offsets(rows) == [1, 2, 3, 4]
    assert [r["reason"] for r in rows] == ["syntax", "sql", "range", "syntax"]
    for row, record in zip(rows, sent[1:]):
        assert (row["topic"], row["partition"], row["query"], row["stream"]) == (name, 0, "t", "s")
        assert (row["key"], row["value"]) == (record.key, record.value)
        assert row["value_bytes"] == len(record.value) and row["value_sha256"] is None
        assert round(row["timestamp"].timestamp() * 1000) == record.timestamp_ms
        assert row["topic_id"] and row["time"] is not None and row["replay_id"] is None
    assert rows[3]["headers"] == [{"key": key, "value": value} for key, value in headers]
    assert rows[1]["headers"] is None
    assert rows[0]["position"] == 0 and "'x'" in rows[1]["message"] and "\"n\"" in rows[2]["message"]


def test_a_large_value_is_cut_and_its_hash_kept(kafka, topic, table, drain):
    name, place = topic(), table()
    large = b"[" + b"7" * 5000
    kafka.produce(name, [large, b"[" + b"8" * 999])
    drain(pipeline(kafka, place, name, table=", deadLetterMaxValueBytes = '1000'"))
    rows = sorted(letters_of(place).rows(), key=lambda r: r["offset"])
    assert (rows[0]["value"], rows[0]["value_bytes"]) == (large[:1000], 5001)
    assert rows[0]["value_sha256"] == hashlib.sha256(large).hexdigest()
    assert len(rows[1]["value"]) == 1000 and rows[1]["value_sha256"] is None


@pytest.mark.parametrize("later", ["CAST(v AS INT)", "TRY_CAST(v AS INT)", "CAST(v AS INT) + error(v)"])
def test_a_message_is_a_row_or_a_letter_also_when_the_sql_changed_in_a_crash(
        kafka, topic, table, sluice, drain, later):
    name, place = topic(2), table()
    values = [json.dumps({"v": str(n) if n % 3 else f"bad {n}", "n": n}) for n in range(20)]
    kafka.produce(name, values[:10], partition=0)
    kafka.produce(name, values[10:], partition=1)
    process = sluice(pipeline(kafka, place, name), "--available-now",
                     env={"SLUICE_FAILPOINT": "after_dead_commit:1"})
    assert process.wait_exit() == -signal.SIGKILL
    first = {(r["partition"], r["offset"]) for r in letters_of(place).rows()}
    assert first
    # Whatever the SQL makes of them by now, they stay dead; what is bad only now becomes a letter.
    drain(pipeline(kafka, place, name, body=f"SELECT {later} AS v, n FROM s"), name="later")
    letters = [(r["partition"], r["offset"]) for r in letters_of(place).rows()]
    assert len(letters) == len(set(letters)) and first <= set(letters)
    dead = {int(p) * 10 + o for p, o in letters}
    rows = [r["n"] for r in place.rows()]
    assert len(rows) == len(set(rows))
    assert dead.isdisjoint(rows) and dead | set(rows) == set(range(20))
    if later.startswith("TRY_CAST"):
        assert set(letters) == first  # nothing else is bad by now


def test_letters_go_to_s3_beside_the_table(kafka, topic, table, minio, drain):
    name, place = topic(), table(minio)
    kafka.produce(name, ["{}", "nope", '{"v": "2"}'])
    drain(pipeline(kafka, place, name), env=minio.sluice_env())
    assert sorted(r["v"] or 0 for r in place.rows()) == [0, 2]
    assert [r["value"] for r in letters_of(place).rows()] == [b"nope"]


def test_a_crash_between_the_tables_on_s3(kafka, topic, table, minio, sluice, drain):
    name, place = topic(), table(minio)
    kafka.produce(name, ["{}", "nope", '{"v": "2"}'])
    text = pipeline(kafka, place, name)
    process = sluice(text, "--available-now",
                     env={**minio.sluice_env(), "SLUICE_FAILPOINT": "after_dead_commit:1"})
    assert process.wait_exit() == -signal.SIGKILL
    drain(text, env=minio.sluice_env(), name="later")
    assert sorted(r["v"] or 0 for r in place.rows()) == [0, 2]
    assert [r["value"] for r in letters_of(place).rows()] == [b"nope"]


def test_letters_to_a_topic_keep_key_value_and_headers(kafka, topic, table, drain):
    name, place, dead = topic(), table(), topic()
    kafka.produce(name, ['{"v": "1"}', "nope"], keys=[None, b"k"], headers=[("h", b"1")])
    drain(pipeline(kafka, place, name, table=f", deadLetterTopic = '{dead}'"))
    consumer = ck.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "dead-reader",
                            "auto.offset.reset": "earliest"})
    consumer.assign([ck.TopicPartition(dead, 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    assert (message.key(), message.value()) == (b"k", b"nope")
    headers = dict(message.headers())
    assert headers["h"] == b"1"
    assert headers["__connect.errors.topic"] == name.encode()
    assert headers["__connect.errors.partition"] == b"0"
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["__connect.errors.connector.name"] == b"t"
    assert headers["__connect.errors.exception.class.name"] == b"syntax"
    assert headers["__connect.errors.exception.message"]


def test_too_many_bad_messages_stop_the_query_before_they_are_committed(kafka, topic, table, sluice,
                                                                       drain):
    name, place = topic(), table()
    kafka.produce(name, ['{"v": "1"}'] * 60 + ["nope"] * 60)
    text = pipeline(kafka, place, name, stream=", maxBadRatio = '0.3'")
    process = sluice(text, "--available-now")
    assert process.wait_exit() == 3
    assert "maxBadRatio" in process.stderr
    assert place.rows() == [] and letters_of(place).rows() == []
    drain(text.replace("'0.3'", "'0.5'"), name="later")
    assert len(place.rows()) == 60 and len(letters_of(place).rows()) == 60


def test_headers_are_a_column_when_named(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, ['{"n": 1}'], headers=[("a", b"1"), ("a", None)])
    kafka.produce(name, ['{"n": 2}'])
    drain(pipeline(kafka, place, name, columns="n INT",
                   body="SELECT n, _headers AS h, _headers[1].key AS first FROM s"))
    rows = sorted(place.rows(), key=lambda r: r["n"])
    assert rows[0]["h"] == [{"key": "a", "value": b"1"}, {"key": "a", "value": None}]
    assert rows[0]["first"] == "a" and rows[1]["h"] is None


# --- messages that are too much, and batches that are broken --------------------------------


def test_a_bomb_is_a_dead_letter_and_its_size_is_told(kafka, topic, table, drain):
    name, place = topic(config={"max.message.bytes": 20_000_000}), table()
    bomb = b'{"v": "' + b"1" * 50_000_000 + b'"}'
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        kafka.produce(name, ['{"v": "1"}', bomb, '{"v": "2"}'],
                      config={"compression.type": codec, "message.max.bytes": 100_000_000})
    drain(pipeline(kafka, place, name, stream=", maxMessageBytes = '10 MB'"))
    assert sorted(r["v"] for r in place.rows()) == [1] * 4 + [2] * 4
    rows = letters_of(place).rows()
    assert [(r["reason"], r["value_bytes"], len(r["value"])) for r in rows] == [
        ("size", len(bomb), 1 << 20)] * 4
    assert {r["value_sha256"] for r in rows} == {hashlib.sha256(bomb).hexdigest()}


def test_a_message_of_100_mb_is_a_row(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, [b'{"v": "x", "s": "' + b"y" * 100_000_000 + b'"}'],
                  config={"compression.type": "gzip", "message.max.bytes": 200_000_000})
    drain(pipeline(kafka, place, name, columns="v STRING, s STRING",
                   body="SELECT v, length(s) AS bytes FROM s"))
    assert place.rows() == [{"v": "x", "bytes": 100_000_000}]


def test_a_batch_whose_checksum_is_wrong_stops_the_query_at_its_offset(own_kafka, table, sluice):
    broker, place = own_kafka(), table()
    name = broker.create_topic()
    for n in range(5):
        broker.produce(name, [json.dumps({"v": str(n), "n": n})])
    broker.stop()
    segment = next((broker.folder / "data" / f"{name}-0").glob("*.log"))
    data = bytearray(segment.read_bytes())
    at = data.index(b'{"v": "3"')
    data[at + 2] ^= 0x40
    segment.write_bytes(bytes(data))
    broker.start()
    text = pipeline(broker, place, name)
    process = sluice(text)
    assert process.wait_exit() == 3, process.stderr
    assert name in process.stderr and "offset 3" in process.stderr
    assert sorted(r["n"] for r in place.rows()) == [0, 1, 2]  # what came before is there

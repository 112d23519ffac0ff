# SPDX-License-Identifier: Apache-2.0
"""Dead letters: messages that cannot become rows, kept once with all that is known of them."""

import hashlib
import json
import pathlib
import signal

import confluent_kafka as ck
import pytest
from sluicetest import deps
from sluicetest.delta import Table
from sluicetest.process import Process, wait_until
from sluicetest.sluice import ask, command


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
    skipped = command("offsets", "skip", process.pipeline, "--partition", f"{name}:0", "--yes")
    assert skipped.exit_code == 0, skipped.stderr
    again = sluice(text, "--available-now", name="again")
    assert again.wait_exit() == 0, again.stderr
    assert sorted(r["n"] for r in place.rows()) == [0, 1, 2, 4]


# --- show and replay ------------------------------------------------------------

FIXED = "SELECT TRY_CAST(v AS INT) AS v, n FROM s"


class Bench:
    """A topic, a table and a pipeline file that a test may write anew; n is the offset."""

    def __init__(self, kafka, topic, place, folder, env=None):
        self.kafka, self.topic, self.place, self.env = kafka, topic, place, env or {}
        self.file = folder / "bench.sql"
        self.folder = folder
        self.sent = 0
        self.write()

    def write(self, body="SELECT CAST(v AS INT) AS v, n FROM s", **options):
        self.text = pipeline(self.kafka, self.place, self.topic, body=body, **options)
        self.file.write_text(self.text)

    def produce(self, *vs, **options):
        """A text is a v, bytes are a whole message."""
        self.kafka.produce(self.topic, [v if isinstance(v, bytes) else json.dumps(
            {"v": v, "n": self.sent + n}) for n, v in enumerate(vs)], partition=0, **options)
        self.sent += len(vs)

    def run(self, *args, exit_code=0, env=None, stdin=""):
        result = command(*args, env={"TMPDIR": str(self.folder), **self.env, **(env or {})},
                         stdin=stdin)
        assert result.exit_code == exit_code, result.stderr
        return result

    def drain(self, exit_code=0, failpoint=None):
        self.run("run", "--available-now", self.file, exit_code=exit_code,
                 env={"SLUICE_FAILPOINT": failpoint} if failpoint else None)

    def show(self, *args):
        return [json.loads(line) for line in
                self.run("deadletters", "show", self.file, "--format", "json",
                         *args).stdout.splitlines()]

    def replay(self, *args, exit_code=0, failpoint=None):
        return self.run("deadletters", "replay", self.file, "--yes", *args, exit_code=exit_code,
                        env={"SLUICE_FAILPOINT": failpoint} if failpoint else None)

    def rows(self):
        return sorted(r["n"] for r in self.place.rows())

    def letters(self):
        """(offset, replay it failed in) of each letter in its table."""
        return sorted((r["offset"], r["replay_id"] or 0) for r in letters_of(self.place).rows())

    def claims(self):
        rows = Table(f"{self.place}_deadletters_replays", self.place.store).rows()
        return sorted((r["offset"], r["replay_id"]) for r in rows)

    def open(self):
        return [r["offset"] for r in self.show() if r["replayed_in"] is None]


@pytest.fixture
def bench(kafka, topic, table, tmp_path):
    return Bench(kafka, topic(), table(), tmp_path)


def test_show_tells_of_the_newest_letters_and_filters_them(bench):
    assert bench.show() == []  # there is no table yet
    bench.produce("1", b"nope", "x", b"\xff\x00\xc3\xa9", "é", "6")
    bench.drain()
    rows = bench.show()
    assert sorted(r["offset"] for r in rows) == [1, 2, 3, 4]
    assert [r["time"] for r in rows] == sorted(r["time"] for r in rows)
    by_offset = {r["offset"]: r for r in rows}
    assert {r["query"] for r in rows} == {"t"} and {r["stream"] for r in rows} == {"s"}
    assert (by_offset[1]["value"], by_offset[1]["bytes"]) == ("nope", 4)
    assert by_offset[3]["value"] == "\\xFF\\x00\\xC3\\xA9"
    assert json.loads(by_offset[4]["value"])["v"] == "é"
    assert by_offset[2]["reason"] == "sql" and "\n" not in by_offset[2]["message"]
    assert all(r["replayed_in"] is None and r["failed_in"] is None for r in rows)

    assert {r["offset"] for r in bench.show("--reason", "sql")} == {2, 4}
    assert {r["offset"] for r in bench.show("--from", "2", "--to", "3")} == {2, 3}
    assert bench.show("--partition", "1") == []
    assert bench.show("--topic", "another") == []
    assert len(bench.show("--topic", bench.topic, "--partition", "0")) == 4
    newest = bench.run("deadletters", "show", bench.file, "--limit", "2", "--format", "csv")
    assert len(newest.stdout.splitlines()) == 3 and "2 of 4" in newest.stderr
    assert bench.show("--limit", "2") == rows[2:]
    table = bench.run("deadletters", "show", bench.file).stdout
    assert "(4 rows)" in table and "nope" in table
    summary = {r["reason"]: r for r in bench.show("--summary")}
    assert {k: (r["letters"], r["open"]) for k, r in summary.items()} == {
        "sql": (2, 2), "syntax": (2, 2)}


def test_letters_to_a_topic_can_be_neither_shown_nor_replayed(bench, topic):
    bench.write(table=f", deadLetterTopic = '{topic()}'")
    bench.produce("1", b"nope")
    bench.drain()
    assert "go to the topic" in bench.run("deadletters", "show", bench.file).stderr
    assert "go to the topic" in bench.replay(exit_code=2).stderr


def test_a_fixed_pipeline_takes_the_letters_once(bench):
    bench.produce("1", "x", "3", "y", b"nope", "6", headers=[("h", b"1")])
    bench.drain()
    assert bench.rows() == [0, 2, 5]
    bench.write(body="SELECT TRY_CAST(v AS INT) AS v, n, _topic AS topic, _partition AS part, "
                     "_offset AS place, _headers AS headers FROM s", table=", mergeSchema = 'true'")
    assert "replay 1: 2 replayed, 1 dead again, 0 not replayable" in bench.replay().stdout
    rows = {r["n"]: r for r in bench.place.rows()}
    assert sorted(rows) == [0, 1, 2, 3, 5]
    for n in (1, 3):
        assert (rows[n]["topic"], rows[n]["part"], rows[n]["place"]) == (bench.topic, 0, n)
        assert rows[n]["headers"] == [{"key": "h", "value": b"1"}]
    assert bench.letters() == [(1, 0), (3, 0), (4, 0), (4, 1)]
    assert bench.open() == [4]
    again = [r for r in bench.show() if r["failed_in"] == 1]
    assert [(r["offset"], r["topic"], r["value"]) for r in again] == [(4, bench.topic, "nope")]
    # The query goes on where it was, and nothing more is to be replayed but what failed again.
    bench.produce("7")
    bench.drain()
    assert bench.rows() == [0, 1, 2, 3, 5, 6]
    assert "replay 2: 0 replayed, 1 dead again" in bench.replay().stdout
    assert bench.open() == [4]
    bench.write(body="SELECT 1 AS v, CAST(7 AS INT) AS n FROM s", columns="x STRING",
                stream=", 'value.format' = 'text'", table=", mergeSchema = 'true'")
    assert "replay 3: 1 replayed, 0 dead again" in bench.replay().stdout
    assert "  0 letters to be replayed" in bench.replay().stdout
    assert bench.rows() == [0, 1, 2, 3, 5, 6, 7]
    assert bench.claims() == [(1, 1), (3, 1), (4, 1), (4, 2), (4, 3)]


def test_replays_that_overlap_take_each_letter_once(bench):
    bench.produce(*(f"x{n}" for n in range(8)))
    bench.drain()
    assert bench.rows() == [] and bench.open() == list(range(8))
    bench.write(body=FIXED)
    bench.replay("--from", "2", "--to", "4")
    assert bench.rows() == [2, 3, 4]
    bench.replay("--from", "3", "--to", "6", "--topic", bench.topic, "--partition", "0")
    assert bench.rows() == [2, 3, 4, 5, 6]
    assert "0 letters" in bench.replay("--reason", "syntax").stdout
    bench.replay("--reason", "sql")
    assert bench.rows() == list(range(8))
    assert [r["replayed_in"] for r in sorted(bench.show(), key=lambda r: r["offset"])] == [
        3, 3, 1, 1, 1, 2, 2, 3]


def test_a_replay_asks_first(bench):
    bench.produce("x")
    bench.drain()
    bench.write(body=FIXED)
    env = {"TMPDIR": str(bench.folder)}
    result = ask("deadletters", "replay", bench.file, answer=b"n\n", env=env)
    assert result.exit_code == 130 and "1 letters to be replayed" in result.stdout
    assert bench.open() == [0] and bench.rows() == []
    assert ask("deadletters", "replay", bench.file, answer=b"y\n", env=env).exit_code == 0
    assert bench.rows() == [0]


# Where a commit stands: the claims' is the first, the dead letters' the second, the rows' the third.
CRASHES = ["before_start_commit:1", "after_start_commit:1", "before_commit:1", "after_commit:1",
           "after_claim:1", "after_start_commit:2", "after_start_commit:3", "before_dead_commit:1",
           "after_dead_commit:1", "before_commit:3", "after_commit:3", "before_mark:1"]


@pytest.mark.parametrize("failpoint", CRASHES)
def test_a_replay_that_is_killed_is_finished_by_the_next_one(bench, failpoint):
    bench.produce("x0", "1", b"nope", "x3", "x4")
    bench.drain()
    bench.write(body=FIXED)
    bench.replay("--to", "3", exit_code=-signal.SIGKILL, failpoint=failpoint)
    bench.replay()
    assert bench.rows() == [0, 1, 3, 4]
    letters = bench.letters()
    assert len(letters) == len(set(letters))
    # Offset 2 stayed dead: in the replay that was killed, and in another when that was begun.
    assert bench.open() == [2]
    claims = bench.claims()
    assert len(claims) == len(set(claims)) and {offset for offset, _ in claims} == {0, 2, 3, 4}
    bench.replay()
    assert bench.rows() == [0, 1, 3, 4]


def test_a_message_of_a_killed_replay_stays_dead_whatever_the_sql_makes_of_it_later(bench):
    bench.produce("x0", "y1", "x2")
    bench.drain()
    bench.write(body="SELECT CASE WHEN v LIKE 'x%' THEN 1 ELSE CAST(v AS INT) END AS v, n FROM s")
    bench.replay(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    assert (1, 1) in bench.letters()
    bench.write(body=FIXED)
    bench.replay("--topic", "another")  # only what was begun
    assert bench.rows() == [0, 2] and bench.letters().count((1, 1)) == 1
    bench.replay()
    assert bench.rows() == [0, 1, 2]


@pytest.mark.parametrize("failpoint", ["before_commit:1", "after_claim:1", "before_commit:2"])
def test_a_second_replay_takes_over_and_the_first_ends_as_fenced(bench, failpoint):
    bench.produce("x0", "1", "x2")
    bench.drain()
    bench.write(body=FIXED)
    # The first stops in the middle: before its claim, after it, before its rows.
    first = Process("replay", [deps.sluice_binary(), "deadletters", "replay", bench.file, "--yes"],
                    bench.folder, env={"TMPDIR": str(bench.folder),
                                       "SLUICE_FAILPOINT": f"{failpoint}:pause"})
    first.wait_until(lambda: is_stopped(first.pid), "the pause")
    bench.replay()
    assert bench.rows() == [0, 1, 2]
    first.send(signal.SIGCONT)
    assert first.wait_exit() == 6
    assert bench.rows() == [0, 1, 2] and bench.open() == []
    assert bench.claims() == [(0, 1), (2, 1)]


def is_stopped(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def test_a_replay_does_not_stop_the_running_query(bench, sluice):
    bench.produce("x0", "1")
    bench.drain()
    bench.write(body=FIXED)
    process = sluice(bench.text)
    bench.produce("2")
    wait_until(lambda: bench.rows() == [1, 2], "rows of the query")
    bench.replay()
    assert bench.rows() == [0, 1, 2]
    bench.produce("3", b"nope")
    wait_until(lambda: bench.rows() == [0, 1, 2, 3] and bench.open() == [4], "rows after it")
    assert process.stop() == 0


def test_a_letter_whose_value_was_cut_is_named_and_not_claimed(bench):
    bench.write(table=", deadLetterMaxValueBytes = '100'")
    bench.produce("x0", b"[" + b"7" * 200)
    bench.drain()
    bench.write(body=FIXED)
    result = bench.replay()
    assert "replay 1: 1 replayed, 0 dead again, 1 not replayable" in result.stdout
    assert f"the value was cut (deadLetterMaxValueBytes): {bench.topic}:0:1" in result.stdout
    assert bench.claims() == [(0, 1)] and bench.open() == [1]
    assert {r["reason"]: r["cut"] for r in bench.show("--summary")} == {"sql": 0, "syntax": 1}


def test_several_streams_are_replayed_each_from_its_own_letters(kafka, topic, table, tmp_path):
    first, second, place = topic(), topic(), table()
    bench = Bench(kafka, first, place, tmp_path)

    def write(cast):
        bench.file.write_text("".join(
            f"CREATE STREAM {name} (v STRING, n INT) USING kafka OPTIONS (\n"
            f"'kafka.bootstrap.servers' = '{kafka.bootstrap}', subscribe = '{subscribed}',\n"
            f"startingOffsets = 'earliest', onBadRecord = 'deadletter');\n"
            for name, subscribed in (("a", first), ("b", second))) +
            f"CREATE STREAMING TABLE t LOCATION '{place}' AS\n"
            f"SELECT {cast}(v AS INT) AS v, n FROM a UNION ALL "
            f"SELECT {cast}(v AS INT) AS v, n + 100 FROM b;\n")
    write("CAST")
    kafka.produce(first, ['{"v": "x", "n": 0}', '{"v": "1", "n": 1}'])
    kafka.produce(second, ['{"v": "1", "n": 0}', '{"v": "x", "n": 1}', '{"v": "x", "n": 2}'])
    bench.drain()
    assert bench.rows() == [1, 100]
    write("TRY_CAST")
    bench.replay("--topic", second)
    assert bench.rows() == [1, 100, 101, 102]
    assert "1 replayed" in bench.replay().stdout
    assert bench.rows() == [0, 1, 100, 101, 102]


def test_letters_on_s3_are_shown_and_replayed(kafka, topic, table, minio, tmp_path):
    bench = Bench(kafka, topic(), table(minio), tmp_path, env=minio.sluice_env())
    bench.produce("x0", "1", b"nope")
    bench.drain()
    bench.write(body=FIXED)
    bench.replay(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    assert "replay 1: 1 replayed, 1 dead again" in bench.replay("--reason", "sql").stdout
    assert bench.rows() == [0, 1] and bench.open() == [2]


# --- offsets ----------------------------------------------------------------------


def test_messages_are_read_again_after_offsets_were_set_back(bench):
    bench.produce("x0", "1", b"nope", "3")
    bench.drain()
    assert bench.rows() == [1, 3] and bench.letters() == [(0, 0), (2, 0)]
    bench.write(body=FIXED)
    bench.run("offsets", "set", bench.file, "--partition", f"{bench.topic}:0", "--offset", "0",
              "--yes")
    bench.drain()
    assert bench.rows() == [0, 1, 1, 3, 3]  # all of it again, as asked
    assert bench.letters() == [(0, 0), (2, 0), (2, 0)]


def judging(name="bad"):
    """Options of a pipeline for which messages of bad_field() are letters."""
    return {"columns": f"v STRING, n INT, {name} INT",
            "body": f"SELECT CAST(v AS INT) AS v, n + coalesce({name}, 0) AS n FROM s"}


def bad_field(n, name="bad"):
    return json.dumps({"v": str(n), "n": n, name: "x"}).encode()


@pytest.mark.parametrize("action", ["set", "reset"])
def test_a_crash_between_the_tables_does_not_outlive_a_rewind(bench, action):
    bench.write(**judging())
    bench.produce("0", bad_field(1), "2")
    bench.drain(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    assert bench.letters() == [(1, 0)] and bench.rows() == []
    bench.write()
    # Forward first: a position that is set to where it stands does not go back.
    bench.run("offsets", "skip", bench.file, "--partition", f"{bench.topic}:0", "--yes")
    where = ["--partition", f"{bench.topic}:0", "--offset", "0"] if action == "set" else []
    bench.run("offsets", action, bench.file, *where, "--yes")
    bench.drain()
    assert bench.rows() == [0, 1, 2] and bench.letters() == [(1, 0)]


def test_what_is_known_stays_known_when_a_message_is_skipped(bench):
    bench.write(**judging())
    bench.produce("0", bad_field(1), "2", bad_field(3))
    bench.drain(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    assert bench.letters() == [(1, 0), (3, 0)]
    bench.run("offsets", "skip", bench.file, "--partition", f"{bench.topic}:0", "--yes")
    bench.write()
    bench.drain()
    assert bench.rows() == [2] and bench.letters() == [(1, 0), (3, 0)]


def test_adopt_waits_until_the_former_name_has_caught_up(bench):
    bench.write(**judging())
    bench.produce("0", bad_field(1))
    bench.drain(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    bench.write(table=", queryName = 'renamed'")
    adopt = ["offsets", "adopt", bench.file, "--from", "t", "--yes"]
    assert "run it once more" in bench.run(*adopt, exit_code=2).stderr
    bench.write()
    bench.drain()
    bench.write(table=", queryName = 'renamed'")
    bench.run(*adopt)
    bench.produce("2")
    bench.drain()
    assert bench.rows() == [0, 2] and bench.letters() == [(1, 0)]


def test_a_recreated_topic_is_read_from_its_start_after_a_reset(bench):
    bench.produce("0", "x1", b"nope")
    bench.drain()
    bench.kafka.recreate_topic(bench.topic)
    bench.produce(b"other", "x4", "5")
    bench.drain(exit_code=7)
    bench.run("offsets", "reset", bench.file, "--yes")
    bench.drain()
    assert bench.rows() == [0, 5]
    assert sorted(bench.letters()) == [(0, 0), (1, 0), (1, 0), (2, 0)]
    bench.write(body=FIXED)
    bench.replay()
    assert bench.rows() == [0, 1, 4, 5] and sorted(bench.open()) == [0, 2]


def test_a_running_query_is_stopped_by_offsets_set(bench, sluice):
    bench.produce("x0", "1")
    process = sluice(bench.text)
    wait_until(lambda: bench.rows() == [1], "the row")
    bench.run("offsets", "set", bench.file, "--partition", f"{bench.topic}:0", "--offset", "0",
              "--yes")
    bench.produce(b"nope")
    assert process.wait_exit() == 6


def test_a_table_that_was_ahead_stays_so_while_smaller_batches_catch_up(bench):
    bench.write(**judging())
    bench.produce("0", bad_field(1, "worse"), "2", bad_field(3), "4", "5", bad_field(6), "7")
    bench.drain(exit_code=-signal.SIGKILL, failpoint="after_dead_commit:1")
    assert bench.letters() == [(3, 0), (6, 0)] and bench.rows() == []
    # Another message is bad by now, in a batch that ends before what is known; a crash after it.
    bench.write(**judging("worse"), stream=", maxOffsetsPerTrigger = '2'")
    bench.drain(exit_code=-signal.SIGKILL, failpoint="after_commit:2")
    assert bench.letters() == [(1, 0), (3, 0), (6, 0)] and bench.rows() == [0]
    bench.write()
    bench.drain()
    assert bench.letters() == [(1, 0), (3, 0), (6, 0)]
    assert bench.rows() == [0, 2, 4, 5, 7]

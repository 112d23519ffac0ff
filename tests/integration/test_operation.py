# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, watching and looking into a query; messages it cannot take."""

import datetime
import json
import secrets
import signal
import uuid

import pytest
from sluicetest.ledger import Ledger
from sluicetest.sluice import command


def pipeline(broker, name, place, columns="n INT", select="n, _partition, _offset",
             trigger="0 seconds", **stream):
    more = "".join(f", '{option}' = '{value}'" for option, value in stream.items())
    return (f"CREATE STREAM s ({columns}) USING kafka OPTIONS ('kafka.bootstrap.servers' = "
            f"'{broker.bootstrap}', subscribe = '{name}', startingOffsets = 'earliest'{more});\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS (trigger = '{trigger}')\n"
            f"AS SELECT {select} FROM STREAM s;\n")


def values(first, count):
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def ledger(records=()):
    return Ledger(records, "n", lambda record: json.loads(record.value)["n"])


# --- stopping ---------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL],
                         ids=["SIGTERM", "SIGINT", "SIGKILL"])
def test_a_query_stopped_in_the_middle_goes_on_where_it_was(kafka, topic, table, sluice, how):
    name, place = topic(3), table()
    book = ledger(kafka.produce(name, values(0, 5000)))
    text = pipeline(kafka, name, place, maxOffsetsPerTrigger=100)
    for at in (1000, 2000):
        run = sluice(text)
        run.wait_rows(place, at)
        assert run.process.stop(how) == (-how if how == signal.SIGKILL else 0)
    book.add(kafka.produce(name, values(5000, 100)))
    run = sluice(text, "--available-now")
    assert run.wait_exit() == 0
    book.check(place.read())


def test_a_second_signal_gives_up_what_is_under_way(own_minio, tmp_path, table, sluice):
    store = own_minio()
    place, lines = table(store), tmp_path / "input.jsonl"
    lines.write_text('{"n": 0}\n')
    text = (f"CREATE STREAM s (n INT) USING file OPTIONS (path = '{lines}');\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS (trigger = '0 seconds')\n"
            f"AS SELECT n FROM s;\n")
    run = sluice(text, "--grace=3600", env=store.sluice_env())
    run.wait_rows(place, 1)
    store.process.send(signal.SIGSTOP)
    with open(lines, "a") as file:
        file.write('{"n": 1}\n')
    spool = run.folder / "tmp"
    run.process.wait_until(lambda: list(spool.rglob("*.parquet")), "a batch under way")
    run.process.send(signal.SIGINT)
    run.process.send(signal.SIGTERM)  # another one: equal signals may be joined on their way
    assert run.wait_exit() == 130
    store.process.send(signal.SIGCONT)
    again = sluice(text, "--available-now", env=store.sluice_env())
    assert again.wait_exit() == 0
    assert sorted(r["n"] for r in place.rows()) == [0, 1]


def test_a_second_instance_fences_the_first(kafka, topic, table, sluice):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 100)))
    text = pipeline(kafka, name, place)
    first = sluice(text, name="first")
    first.wait_rows(place, 100)
    second = sluice(text, name="second")
    second.wait_log('"event":"running"')
    book.add(kafka.produce(name, values(100, 100)))
    assert first.wait_exit() == 6
    assert first.log_lines()[-1]["code"] == "fenced"
    assert first.log_lines()[-1]["retry"] is False
    second.wait_rows(place, 200)
    assert second.stop() == 0
    book.check(place.read())


# --- triggers -----------------------------------------------------------------------


@pytest.mark.parametrize("trigger", ["0 seconds", "1 second"])
def test_a_trigger_by_time_runs_until_stopped(kafka, topic, table, sluice, trigger):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 100)))
    run = sluice(pipeline(kafka, name, place, trigger=trigger))
    run.wait_rows(place, 100)
    book.add(kafka.produce(name, values(100, 100)))
    run.wait_rows(place, 200)
    assert run.stop() == 0
    book.check(place.read())


@pytest.mark.parametrize("trigger, args", [("available-now", []), ("once", []),
                                           ("1 second", ["--available-now"])])
def test_a_bounded_run_ends_by_itself_and_the_next_finds_only_what_is_new(
        kafka, topic, table, sluice, trigger, args):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 100)))
    text = pipeline(kafka, name, place, trigger=trigger)
    assert sluice(text, *args).wait_exit() == 0
    book.check(place.read())
    assert sluice(text, *args).wait_exit() == 0  # nothing to do
    book.add(kafka.produce(name, values(100, 50)))
    assert sluice(text, *args).wait_exit() == 0
    book.check(place.read())


# --- what it tells ---------------------------------------------------------------------


def test_each_batch_reports_progress_in_sparks_shape(kafka, topic, table, sluice):
    name, place = topic(2), table()
    for partition in range(2):
        kafka.produce(name, values(partition * 50, 50), partition=partition)
    run = sluice(pipeline(kafka, name, place, select="n, _partition, _offset, unnest([1, 2]) AS u",
                          maxOffsetsPerTrigger=30), "--available-now")
    assert run.wait_exit() == 0
    batches = run.progress()
    assert sum(b["numInputRows"] for b in batches) == 100
    assert sum(b["sink"]["numOutputRows"] for b in batches) == 200
    assert len({b["id"] for b in batches}) == len({b["runId"] for b in batches}) == 1
    assert uuid.UUID(batches[0]["id"]) != uuid.UUID(batches[0]["runId"])
    first = batches[0]["batchId"]
    assert [b["batchId"] for b in batches] == list(range(first, first + len(batches)))
    reached = {name: {"0": 0, "1": 0}}
    for batch in batches:
        assert batch["name"] == "t"
        datetime.datetime.strptime(batch["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
        for field in ("batchDuration", "inputRowsPerSecond", "processedRowsPerSecond"):
            assert batch[field] >= 0
        for field in ("addBatch", "commitOffsets", "latestOffset", "triggerExecution"):
            assert isinstance(batch["durationMs"][field], int)
        assert batch["stateOperators"] == []
        [source] = batch["sources"]
        assert source["startOffset"] == reached
        reached = source["endOffset"]
        assert source["numInputRows"] == batch["numInputRows"] == sum(
            reached[name][p] - source["startOffset"][name][p] for p in ("0", "1"))
        assert place.location in batch["sink"]["description"]
    assert reached == {name: {"0": 50, "1": 50}}
    again = sluice(pipeline(kafka, name, place), "--available-now")
    again.wait_exit()
    assert all(b["id"] == batches[0]["id"] for b in again.progress())


def test_offsets_show_tells_positions_and_lag(kafka, topic, table, sluice):
    name, place = topic(1), table()
    kafka.produce(name, values(0, 30))
    run = sluice(pipeline(kafka, name, place), "--available-now")
    assert run.wait_exit() == 0
    kafka.produce(name, values(30, 12))
    shown = command("offsets", "show", run.pipeline, "--json")
    assert shown.exit_code == 0
    [line] = [json.loads(line) for line in shown.stdout.splitlines()]
    assert (line["topic"], line["partition"], line["lag"]) == (name, 0, 12)


# --- messages it cannot take ---------------------------------------------------------------

BAD = ['{"n": 0}', "not json", '{"n": 2}', '{"n": 3']


@pytest.mark.parametrize("rule, found", [("null", [0, None, 2, None]), ("drop", [0, 2])])
def test_a_bad_record_is_nulls_or_dropped_and_is_named_in_the_log(kafka, topic, table, sluice,
                                                                  rule, found):
    name, place = topic(), table()
    kafka.produce(name, BAD)
    run = sluice(pipeline(kafka, name, place, onBadRecord=rule), "--available-now")
    assert run.wait_exit() == 0
    assert [r["n"] for r in sorted(place.rows(), key=lambda r: r["_offset"])] == found
    lines = [line for line in run.log_lines() if line.get("event") == "bad record"]
    assert (lines[0]["topic"], lines[0]["partition"], lines[0]["offset"]) == (name, 0, 1)
    assert sum(line["bad_records"] for line in lines) == 2
    assert sum(line["dropped"] for line in lines) == (2 if rule == "drop" else 0)
    assert sum(b["numInputRows"] for b in run.progress()) == 4


def test_a_bad_record_ends_the_query_that_says_fail_until_it_is_skipped(kafka, topic, table,
                                                                        sluice):
    name, place = topic(), table()
    sent = kafka.produce(name, BAD[:3])
    text = pipeline(kafka, name, place, onBadRecord="fail")
    run = sluice(text, "--available-now")
    assert run.wait_exit() == 3
    last = run.log_lines()[-1]
    assert last["code"] == "data" and last["retry"] is False
    assert name in last["message"] and "partition 0" in last["message"]
    assert "offset 1" in last["message"]
    skipped = command("offsets", "skip", run.pipeline, "--partition", f"{name}:0", "--yes")
    assert skipped.exit_code == 0, skipped.stderr
    assert sluice(text, "--available-now").wait_exit() == 0
    ledger([sent[0], sent[2]]).check(place.read())


@pytest.mark.parametrize("rule, code", [("null", 0), ("drop", 0), ("fail", 3)])
def test_an_error_of_the_sql_is_brought_home_to_its_message(kafka, topic, table, sluice, rule,
                                                            code):
    name, place = topic(), table()
    sent = kafka.produce(name, [json.dumps({"v": str(n)}) for n in range(100)]
                         + ['{"v": "poison"}'] + [json.dumps({"v": "100"})])
    run = sluice(pipeline(kafka, name, place, "v STRING",
                          "CAST(v AS INT) AS n, _partition, _offset", onBadRecord=rule),
                 "--available-now")
    assert run.wait_exit() == code
    rows = {r["_offset"]: r["n"] for r in place.rows()}
    good = {r.offset: int(json.loads(r.value)["v"]) for r in sent if r.offset != 100}
    if rule == "fail":
        message = run.log_lines()[-1]["message"]
        assert name in message and "offset 100" in message
        assert 100 not in rows
        assert rows.items() <= good.items()
    else:
        assert rows == (good if rule == "drop" else {**good, 100: None})
        [line] = [line for line in run.log_lines() if line.get("event") == "bad record"]
        assert (line["topic"], line["partition"], line["offset"]) == (name, 0, 100)


# --- secrets ---------------------------------------------------------------------------------


def test_a_secret_is_printed_by_no_command(minio, table, sluice, tmp_path):
    """Right keys and wrong ones; every command that reads the pipeline or the table."""
    place, lines = table(minio), tmp_path / "input.jsonl"
    lines.write_text('{"n": 1}\n')
    wrong = "canary-" + secrets.token_hex(12)
    printed = ""
    for secret in (minio.secret_key, wrong):
        text = (f"CREATE STREAM s (n INT) USING file OPTIONS (path = '{lines}');\n"
                f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS ("
                f"'s3.endpoint' = '{minio.endpoint}', 's3.access.key' = '{minio.access_key}', "
                f"'s3.secret.key' = '{secret}')\n"
                f"AS SELECT n FROM s;\n")
        run = sluice(text, "--available-now", "--log-level=debug")
        assert run.wait_exit() == (0 if secret == minio.secret_key else 2)
        printed += run.stdout + run.stderr
        broken = tmp_path / "broken.sql"
        broken.write_text(text.replace("SELECT n", "SELECT no_such_column"))
        env = {**minio.sluice_env(), "MINIO_ROOT_PASSWORD": secret}
        for args in (["check", run.pipeline], ["check", "--connect", run.pipeline],
                     ["check", broken], ["offsets", "show", run.pipeline],
                     ["offsets", "reset", run.pipeline], ["table", "history", place],
                     ["table", "show", place], ["table", "files", place],
                     ["query", f"SELECT * FROM delta_scan('{place}')"]):
            done = command(*args, "--log-level=debug", env=env)
            printed += done.stdout + done.stderr
    assert "no_such_column" in printed and place.location in printed
    assert minio.secret_key not in printed
    assert wrong not in printed

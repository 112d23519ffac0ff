# SPDX-License-Identifier: Apache-2.0
"""The commands that talk to Kafka: run, produce, offsets, demo; and query on S3."""

import json
import os
import signal

import deltalake
import pytest
from sluicetest import deps
from sluicetest.delta import Table
from sluicetest.process import Process, wait_until
from sluicetest.sluice import ask, command

PIPELINE = """
CREATE STREAM lines (id BIGINT, name STRING) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '{broker}', subscribe = '{topic}', startingOffsets = 'earliest',
    onBadRecord = '{bad}'
);
CREATE STREAMING TABLE {name} LOCATION '{table}' {options}
AS SELECT id, name, _partition, _offset FROM lines;
"""


class Bench:
    """A topic, a table and a pipeline file that a test may write anew."""

    def __init__(self, kafka, topic: str, place: Table, folder):
        self.kafka, self.topic, self.place, self.folder = kafka, topic, place, folder
        self.file = folder / "pipeline.sql"
        self.write()

    def write(self, name: str = "copies", options: str = "", bad: str = "null") -> None:
        self.file.write_text(PIPELINE.format(broker=self.kafka.bootstrap, topic=self.topic,
                                             table=self.place, name=name, options=options, bad=bad))

    def produce(self, *ids: int, partition: int = 0) -> None:
        self.kafka.produce(self.topic, [json.dumps({"id": i, "name": f"n{i}"}) for i in ids],
                           partition=partition)

    def drain(self, exit_code: int = 0):
        result = command("run", "--available-now", self.file, env={"TMPDIR": str(self.folder)})
        assert result.exit_code == exit_code, result.stderr
        return result

    def ids(self) -> list[int]:
        return sorted(r["id"] for r in self.place.rows())

    def offsets(self, action: str, *args, exit_code: int = 0):
        yes = [] if action == "show" or "--ask" in args else ["--yes"]
        args = [a for a in args if a != "--ask"]
        result = command("offsets", action, self.file, *yes, *args)
        assert result.exit_code == exit_code, result.stderr
        return result

    def positions(self) -> dict[int, dict]:
        lines = self.offsets("show", "--json").stdout.splitlines()
        return {row["partition"]: row for row in map(json.loads, lines)}


@pytest.fixture
def bench(kafka, topic, table, tmp_path):
    return Bench(kafka, topic(partitions=2), table(), tmp_path)


# --- run and show -----------------------------------------------------------------


def test_available_now_reads_what_is_there_and_ends(bench):
    bench.produce(1, 2, 3)
    bench.produce(4, partition=1)
    bench.drain()
    assert bench.ids() == [1, 2, 3, 4]
    bench.produce(5)
    positions = bench.positions()
    assert {p: (r["offset"], r["logStart"], r["logEnd"], r["lag"], r["state"])
            for p, r in positions.items()} == {0: (3, 0, 4, 1, "ok"), 1: (1, 0, 1, 0, "ok")}
    assert {p: r["groupOffset"] for p, r in positions.items()} == {0: 3, 1: 1}
    bench.drain()
    assert bench.ids() == [1, 2, 3, 4, 5]


def test_a_run_ends_by_the_first_signal_and_commits(bench, sluice):
    run = sluice(bench.file.read_text())
    bench.produce(1, 2)
    run.wait_rows(bench.place, 2)
    assert run.stop() == 0
    assert bench.ids() == [1, 2]


def test_a_run_says_what_it_cannot_find(bench):
    bench.file.write_text(bench.file.read_text().replace(bench.topic, bench.topic + "x"))
    assert bench.topic in bench.drain(exit_code=2).stderr


def test_check_connects(bench):
    result = command("check", "--connect", bench.file)
    assert result.exit_code == 0, result.stderr
    assert "1 topic, 2 partitions" in result.stdout
    assert bench.place.version() == -1


def test_a_broker_that_is_away_is_told(bench, tmp_path):
    bench.file.write_text(bench.file.read_text().replace(bench.kafka.bootstrap, "127.0.0.1:1"))
    result = command("check", "--connect", "--timeout=1", bench.file)
    assert result.exit_code == 4 and "no answer within 1 s" in result.stderr
    shown = command("offsets", "show", "--timeout=1", bench.file)
    assert shown.exit_code == 0 and "not known" in shown.stderr


def test_offsets_before_the_first_run(bench):
    bench.produce(1)
    assert {r["state"] for r in bench.positions().values()} == {"new"}
    assert "not there yet" in bench.offsets("show").stdout
    assert "no Delta table" in bench.offsets("reset", exit_code=2).stderr


def test_show_tells_the_group_from_the_table(bench):
    bench.produce(1, 2, 3)
    assert {r["groupOffset"] for r in bench.positions().values()} == {None}
    bench.drain()
    bench.kafka.commit_group("sluice-copies", bench.topic, {0: 1})
    row = bench.positions()[0]
    assert (row["offset"], row["groupOffset"], row["logEnd"]) == (3, 1, 3)
    cells = [[cell.strip() for cell in line.split("|")]
             for line in bench.offsets("show").stdout.splitlines() if "|" in line]
    assert cells[0][3:7] == ["table", "group", "log start", "log end"]
    assert cells[1][3:7] == ["3", "1", "0", "3"]


# --- the ways on --------------------------------------------------------------------


def test_set_reads_again_and_reset_begins_anew(bench):
    bench.produce(1, 2, 3)
    bench.drain()
    bench.offsets("set", "--partition", f"{bench.topic}:0", "--offset", "2")
    assert bench.positions()[0]["offset"] == 2
    bench.drain()
    assert bench.ids() == [1, 2, 3, 3]
    out = bench.offsets("reset").stdout
    assert "3 -> none" in out
    assert {r["state"] for r in bench.positions().values()} == {"new"}
    bench.drain()
    assert bench.ids() == [1, 1, 2, 2, 3, 3, 3]


def test_what_is_unclear_is_refused(bench):
    bench.produce(1, 2)
    bench.drain()
    version = bench.place.version()
    at = ["--partition", f"{bench.topic}:0"]
    assert "beyond the end" in bench.offsets("set", *at, "--offset", "9", exit_code=2).stderr
    assert "--offset" in bench.offsets("set", *at, exit_code=2).stderr
    assert "no partition" in bench.offsets("set", "--partition", "other:0", "--offset", "1",
                                           exit_code=2).stderr
    assert "no message" in bench.offsets("skip", *at, exit_code=2).stderr
    assert "nobody is there" in bench.offsets("reset", "--ask", exit_code=2).stderr
    assert bench.place.version() == version


def test_a_change_fences_a_running_instance(bench, sluice):
    run = sluice(bench.file.read_text())
    bench.produce(1)
    run.wait_rows(bench.place, 1)
    bench.offsets("reset")
    bench.produce(2)
    assert run.wait_exit() == 6


def test_a_recreated_topic_stops_and_reset_goes_on(bench):
    bench.produce(1, 2, 3)
    bench.drain()
    bench.kafka.recreate_topic(bench.topic, partitions=2)
    bench.produce(7)
    assert "reset" in bench.drain(exit_code=7).stderr
    bench.offsets("reset")
    bench.drain()
    assert bench.ids() == [1, 2, 3, 7]


def test_a_renamed_query_stops_and_adopt_goes_on(bench):
    bench.produce(1, 2)
    bench.drain()
    bench.write(name="renamed")
    bench.produce(3)
    assert "adopt" in bench.drain(exit_code=7).stderr
    assert "no positions" in bench.offsets("adopt", "--from", "nobody", exit_code=2).stderr
    bench.offsets("adopt", "--from", "copies")
    bench.drain()
    assert bench.ids() == [1, 2, 3]


def test_a_restored_table_stops_and_adopt_of_itself_goes_on(bench):
    bench.produce(1, 2)
    bench.drain()
    version = bench.place.version()
    bench.produce(3)
    bench.drain()
    deltalake.DeltaTable(bench.place.location).restore(version)
    bench.produce(4)
    bench.drain(exit_code=7)
    bench.offsets("adopt", "--from", "copies")
    bench.drain()
    assert bench.ids() == [1, 2, 4]


def test_skip_steps_over_a_poison_message(bench):
    bench.write(bad="fail")
    bench.produce(1)
    bench.drain()
    bench.kafka.produce(bench.topic, ["{broken"], partition=0)
    bench.produce(2)
    bench.drain(exit_code=3)
    bench.offsets("skip", "--partition", f"{bench.topic}:0")
    bench.drain()
    assert bench.ids() == [1, 2]


def test_skip_goes_on_after_what_retention_took(bench):
    bench.produce(1)
    bench.drain()
    bench.produce(2, 3, 4)
    bench.kafka.delete_records(bench.topic, {0: 3})
    bench.drain(exit_code=3)
    assert bench.positions()[0]["state"].startswith("lost")
    bench.offsets("skip", "--partition", f"{bench.topic}:0")
    bench.drain()
    assert bench.ids() == [1, 4]


# --- the question ---------------------------------------------------------------------


CHANGES = {"set": ["--partition", "{topic}:0", "--offset", "1"], "reset": [],
           "skip": ["--partition", "{topic}:1"], "adopt": ["--from", "copies"]}


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_is_asked_for_on_a_terminal(bench, action):
    bench.produce(1, 2, 3)
    bench.drain()
    bench.produce(4, partition=1)
    bench.drain()
    bench.produce(5, partition=1)
    version = bench.place.version()
    words = ["offsets", action, bench.file, *(w.format(topic=bench.topic) for w in CHANGES[action])]
    for answer in (b"n\n", b"\n", b"yesterday\n", b"\x04"):
        asked = ask(*words, answer=answer)
        assert asked.exit_code == 130 and "nothing was changed" in asked.stderr, asked
        assert "->" in asked.stdout  # what would be written was shown
        assert bench.place.version() == version
    refused = command(*words)
    assert refused.exit_code == 2 and "--yes" in refused.stderr
    assert bench.place.version() == version
    asked = ask(*words, answer=b"Y\n" if action == "reset" else b"yes\n")
    assert asked.exit_code == 0 and f"committed as version {version + 1}" in asked.stdout, asked
    assert bench.place.version() == version + 1


def test_an_interrupt_at_the_question_changes_nothing(bench):
    bench.produce(1)
    bench.drain()
    version = bench.place.version()
    asked = ask("offsets", "reset", bench.file, answer=b"\x03")
    assert asked.exit_code == 130 and "nothing was changed" in asked.stderr, asked
    assert bench.place.version() == version


# --- produce ------------------------------------------------------------------------


def test_produce_sends_lines_with_keys(kafka, topic, tmp_path):
    name = topic(partitions=3)
    lines = [json.dumps({"k": f"key{i}", "v": "ä" * i}, ensure_ascii=False) for i in range(50)]
    path = tmp_path / "lines"
    path.write_text("\r\n".join(lines))
    result = command("produce", "--topic", name, "--brokers", kafka.bootstrap, "--key-field=k",
                     path)
    assert result.exit_code == 0, result.stderr
    assert "50 messages delivered" in result.stderr
    found = kafka.consume(name)
    assert sorted(r.value.decode() for r in found) == sorted(lines)
    assert all(r.key.decode() == json.loads(r.value)["k"] for r in found)
    assert len({r.partition for r in found}) > 1


def test_produce_reads_standard_input_and_generates(kafka, topic):
    name = topic(partitions=2)
    env = {"KAFKA_BROKER": kafka.bootstrap}
    assert command("produce", "-t", name, "--partition=1", "-", env=env,
                   stdin="a\n\nb").exit_code == 0
    assert [(r.partition, r.value) for r in kafka.consume(name)] == [(1, b"a"), (1, b""), (1, b"b")]
    result = command("produce", "-t", name, "-g", "events", "-n", "100", env=env)
    assert result.exit_code == 0, result.stderr
    events = [json.loads(r.value) for r in kafka.consume(name) if r.value.startswith(b"{")]
    assert len(events) == 100 and {len(e) for e in events} == {10}


def test_produce_refuses_a_line_without_the_key_it_needs(kafka, topic):
    name = topic()
    result = command("produce", "-t", name, "-b", kafka.bootstrap, "--key-field", "k", "-",
                     stdin='{"k": 1}\nno json\n')
    assert result.exit_code == 3 and "line 2 of standard input" in result.stderr


@pytest.mark.parametrize("rows, code", [([], 0), (["--rows", "1000000"], 130)])
def test_a_producer_that_is_stopped_delivers_what_it_sent(kafka, topic, tmp_path, rows, code):
    name = topic()
    run = Process("produce", [deps.sluice_binary(), "produce", "-t", name, "-b", kafka.bootstrap,
                              "-g", "events", "--rate", "200", *rows], tmp_path)
    run.wait_until(lambda: kafka.watermarks(name)[0][1] > 0, "messages")
    assert run.stop() == code
    assert f"{len(kafka.consume(name))} messages delivered to {name}" in run.output


# --- query on S3 ----------------------------------------------------------------------


def test_query_reads_a_table_in_a_store(store, table, tmp_path):
    import pyarrow as pa
    place = table(store)
    rows = pa.table({"p": ["a b", "ü/%", None, "a b"], "v": [1, 2, 3, 4]})
    deltalake.write_deltalake(place.location, rows, partition_by=["p"],
                              storage_options=place.storage_options)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {**store.sluice_env(), "TMPDIR": str(scratch)}
    sql = f"SELECT v, p FROM delta_scan('{place}') ORDER BY v"
    result = command("query", "-fcsv", sql, env=env)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "v,p\n1,a b\n2,ü/%\n3,\n4,a b\n"
    assert not any(scratch.iterdir())
    refused = command("query", "--fetch-max=1", sql, env=env)
    assert refused.exit_code == 2 and "--fetch-max" in refused.stderr
    shown = command("table", "show", "--json", place, env=env)
    assert json.loads(shown.stdout)["numRecords"] == 4


# --- demo -----------------------------------------------------------------------------


def test_demo_ends_by_itself_with_rows(tmp_path):
    env = {"DEMO_SECONDS": "3", "TMPDIR": str(tmp_path)}
    first = command("demo", folder=tmp_path, env=env)
    assert first.exit_code == 0, first.stderr
    assert "rows" in first.stdout and "What next" in first.stdout
    place = Table(tmp_path / "lake/vehicle_positions")
    rows = place.count()
    assert rows > 1000
    again = command("demo", "--seconds", "1", folder=tmp_path, env=env)
    assert again.exit_code == 0, again.stderr
    assert place.count() > rows


def test_demo_is_ended_by_a_signal_and_still_shows_the_table(tmp_path):
    process = Process("demo", [deps.sluice_binary(), "demo", "--seconds", "600"], tmp_path,
                      cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    place = Table(tmp_path / "lake/vehicle_positions")
    process.wait_until(lambda: place.count() > 0, "rows")
    os.kill(process.pid, signal.SIGINT)
    assert process.wait_exit() == 0
    wait_until(lambda: "What next" in process.output, "the query's result")

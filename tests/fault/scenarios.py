# SPDX-License-Identifier: Apache-2.0
"""One fault each, on purpose, with the outcome that it must have.

A scenario takes the servers and raises AssertionError.  kill.py runs them all;
tests/integration/test_exactly_once.py runs each as a test.
"""

import json
import signal

import deltalake

import proxy
from bench import (EXIT_CORRUPT, EXIT_DATA, EXIT_FENCED, EXIT_IDENTITY, Feeder, Servers, Target,
                   wait_for)
from sluicetest.kafka import Record
from sluicetest.ledger import Ledger

ALL: dict = {}


def scenario(function):
    ALL[function.__name__] = function
    return function


def _produce(target: Target, count: int, first: int = 0) -> list[Record]:
    return target.servers.kafka.produce(
        target.topic, [json.dumps({"id": first + i, "pad": "p"}) for i in range(count)],
        keys=[str(first + i) for i in range(count)])


def _ledger(records=()) -> Ledger:
    return Ledger(records, "id", lambda r: int(r.key))


def _check(target: Target, ledger: Ledger) -> None:
    difference = target.compare(ledger)
    assert not difference, str(difference)


def _expect_exit(run, code: int, text: str = "") -> None:
    got = run.wait_exit()
    assert got == code, f"exit {got}, not {code}:\n{run.process.tail(20)}"
    assert text in run.stderr, f"{text!r} is not in:\n{run.process.tail(20)}"


def _some_table(servers: Servers, store: str, count: int = 500) -> tuple[Target, Ledger]:
    target = Target(servers, store)
    ledger = _ledger(_produce(target, count))
    target.drain()
    _check(target, ledger)
    return target, ledger


# --- the store ----------------------------------------------------------------


def _with_rule(servers: Servers, rule, check_done: bool = True) -> None:
    """A query under load meets the rule, goes on, and has every record once."""
    target = Target(servers, "minio")
    servers.proxy.rules = [rule]
    feeder = Feeder(servers.kafka, target.topic, 1)
    try:
        run = target.run()
        if check_done:
            run.process.wait_until(lambda: rule.done, "the fault has come")
        version = target.table.version()
        run.wait_version(target.table, version + 5)
        assert run.stop() == 0, run.process.tail(20)
        ledger = feeder.stop()
        target.drain()
        _check(target, ledger)
    finally:
        servers.proxy.rules = []
        feeder.ending.set()
        target.close()


@scenario
def answer_of_a_commit_is_lost(servers: Servers) -> None:
    _with_rule(servers, proxy.Once(lambda r: r.is_commit, proxy.swallow, 3))


@scenario
def commit_is_applied_and_answered_500(servers: Servers) -> None:
    _with_rule(servers, proxy.Once(lambda r: r.is_commit, proxy.error_after, 3))


@scenario
def commit_is_reset_before_it_arrives(servers: Servers) -> None:
    _with_rule(servers, proxy.Once(lambda r: r.is_commit, proxy.reset, 3))


@scenario
def answer_of_the_start_commit_is_lost(servers: Servers) -> None:
    _with_rule(servers, proxy.Once(lambda r: r.is_commit, proxy.swallow, 1))


@scenario
def store_says_slow_down_for_a_while(servers: Servers) -> None:
    left = [12]  # each is answered by a longer pause

    def burst(request):
        if left[0] > 0 and request.key:
            left[0] -= 1
            return proxy.slow_down
        return None

    _with_rule(servers, burst, check_done=False)


@scenario
def rival_holds_the_key_of_the_next_version(servers: Servers) -> None:
    def be_first(request):
        body = (b'{"commitInfo":{"timestamp":1,"operation":"WRITE","operationParameters":'
                b'{"mode":"Append"},"isBlindAppend":true}}\n'
                b'{"txn":{"appId":"rival","version":1}}\n')
        assert servers.proxy.client.put(request.key, body, if_absent=True) == 200

    _with_rule(servers, proxy.Once(lambda r: r.is_commit, proxy.first(be_first), 3))


@scenario
def store_keeps_half_of_a_commit(servers: Servers) -> None:
    target, _ = _some_table(servers, "minio")
    version = target.table.version()
    rule = proxy.Once(lambda r: r.is_commit, proxy.truncate, 2)  # the one after the start commit
    servers.proxy.rules = [rule]
    try:
        _produce(target, 100, 500)
        _expect_exit(target.run(), EXIT_CORRUPT)
        _expect_exit(target.run(), EXIT_CORRUPT)  # nobody goes on behind it
        assert target.table.version() == version + 2
    finally:
        servers.proxy.rules = []
        target.close()


# --- who else is there ----------------------------------------------------------


def _sleeper_is_fenced(servers: Servers, store: str, point: str) -> None:
    target = Target(servers, store)
    feeder = Feeder(servers.kafka, target.topic, 2)
    try:
        old = target.run(failpoint=f"{point}:3:pause")
        old.process.wait_until(lambda: _is_stopped(old.process.pid), f"stopped at {point}")
        before = target.table.version()
        new = target.run()
        new.wait_version(target.table, before + 4)
        old.process.send(signal.SIGCONT)
        _expect_exit(old, EXIT_FENCED)
        new.wait_version(target.table, target.table.version() + 2)
        assert new.stop() == 0, new.process.tail(20)
        ledger = feeder.stop()
        target.drain()
        _check(target, ledger)
    finally:
        feeder.ending.set()
        target.close()


def _is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


@scenario
def sleeper_before_its_commit_is_fenced(servers: Servers) -> None:
    _sleeper_is_fenced(servers, "local", "before_commit")


@scenario
def sleeper_after_its_upload_is_fenced_on_s3(servers: Servers) -> None:
    _sleeper_is_fenced(servers, "minio", "after_upload")


@scenario
def newest_of_three_instances_wins(servers: Servers) -> None:
    target = Target(servers, "minio")
    feeder = Feeder(servers.kafka, target.topic, 3)
    try:
        runs = []
        for _ in range(3):
            run = target.run()
            runs.append(run)  # its own commits: the order of start commits is what counts
            run.process.wait_until(lambda: len(run.progress()) >= 2, "two batches")
        for run in runs[:2]:
            _expect_exit(run, EXIT_FENCED)
        assert runs[2].stop() == 0, runs[2].process.tail(20)
        ledger = feeder.stop()
        target.drain()
        _check(target, ledger)
    finally:
        feeder.ending.set()
        target.close()


# --- identity ---------------------------------------------------------------------


@scenario
def recreated_topic_stops_a_running_query(servers: Servers) -> None:
    target = Target(servers, "local")
    ledger = _ledger(_produce(target, 300))
    try:
        run = target.run()
        run.wait_rows(target.table, 300)
        servers.kafka.recreate_topic(target.topic, 3)
        _produce(target, 1000, 300)
        _expect_exit(run, EXIT_IDENTITY)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY)
        _check(target, ledger)  # nothing of the new topic
    finally:
        target.close()


@scenario
def recreated_topic_stops_the_next_start(servers: Servers) -> None:
    target, ledger = _some_table(servers, "local")
    try:
        servers.kafka.recreate_topic(target.topic, 3)
        _produce(target, 2000, 500)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "recreated")
        _check(target, ledger)
    finally:
        target.close()


@scenario
def eaten_offsets_stop_the_query_unless_allowed(servers: Servers) -> None:
    target, ledger = _some_table(servers, "local", 300)
    try:
        later = _produce(target, 300, 300)
        ends = {p: high for p, (_, high) in servers.kafka.watermarks(target.topic).items()}
        servers.kafka.delete_records(target.topic, ends)
        kept = _produce(target, 300, 600)
        _expect_exit(target.run("--available-now"), EXIT_DATA)
        _check(target, ledger)
        target.drain(target.pipeline(stream="failOnDataLoss = 'false',"))
        ledger.add(kept)
        difference = target.compare(ledger)
        assert not difference, f"{difference} ({len(later)} were eaten)"
    finally:
        target.close()


@scenario
def renamed_query_stops(servers: Servers) -> None:
    target, ledger = _some_table(servers, "local")
    try:
        _expect_exit(target.run("--available-now", pipeline=target.pipeline(query="renamed")),
                     EXIT_IDENTITY, "sluice offsets adopt")
        _check(target, ledger)
    finally:
        target.close()


def _restore(target: Target, version: int) -> None:
    table = deltalake.DeltaTable(target.table.location,
                                 storage_options=target.table.storage_options)
    table.restore(version)


@scenario
def restored_table_stops_the_next_start(servers: Servers) -> None:
    target, _ = _some_table(servers, "minio")
    try:
        _produce(target, 100, 500)
        target.drain()
        _restore(target, 2)
        version = target.table.version()
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        assert target.table.version() == version
    finally:
        target.close()


@scenario
def restored_table_stops_a_running_query(servers: Servers) -> None:
    target, _ = _some_table(servers, "local")
    try:
        run = target.run()
        _produce(target, 100, 500)
        run.wait_rows(target.table, 600)
        _restore(target, 2)
        version = target.table.version()
        _produce(target, 100, 600)
        _expect_exit(run, EXIT_IDENTITY, "RESTORE")
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        assert target.table.version() == version
    finally:
        target.close()


# --- the way on ---------------------------------------------------------------------


@scenario
def restored_table_goes_on_after_adopt(servers: Servers) -> None:
    target, ledger = _some_table(servers, "local")
    try:
        version = target.table.version()
        _produce(target, 100, 500)  # these are restored away for good
        target.drain()
        _restore(target, version)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        target.command("offsets", "adopt", "--from", "q", "--yes")
        for first in (600, 700):  # the RESTORE is history now, for every later start
            ledger.add(_produce(target, 100, first))
            target.drain()
        _check(target, ledger)
    finally:
        target.close()


@scenario
def renamed_query_goes_on_after_adopt(servers: Servers) -> None:
    target, ledger = _some_table(servers, "minio")
    try:
        renamed = target.pipeline(query="renamed")
        target.command("offsets", "adopt", "--from", "q", "--yes", pipeline=renamed)
        ledger.add(_produce(target, 200, 500))
        target.drain(renamed)
        _check(target, ledger)
    finally:
        target.close()


@scenario
def recreated_topic_goes_on_after_reset(servers: Servers) -> None:
    target, _ = _some_table(servers, "local")
    try:
        servers.kafka.recreate_topic(target.topic, 3)
        later = _produce(target, 700, 500)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "recreated")
        target.command("offsets", "reset", "--yes")
        target.drain()
        rows = sorted(r["id"] for r in target.table.rows())
        assert rows == list(range(1200)), f"{len(rows)} rows of {500 + len(later)}"
    finally:
        target.close()


@scenario
def changing_offsets_fences_a_running_query(servers: Servers) -> None:
    target, ledger = _some_table(servers, "local")
    try:
        run = target.run()
        ledger.add(_produce(target, 100, 500))
        run.wait_rows(target.table, 600)
        target.command("offsets", "adopt", "--from", "q", "--yes")
        ledger.add(_produce(target, 100, 600))
        _expect_exit(run, EXIT_FENCED)
        target.drain()
        _check(target, ledger)
    finally:
        target.close()


# --- checkpoints --------------------------------------------------------------------


def _killed_around_checkpoint(servers: Servers, store: str, kill) -> None:
    target = Target(servers, store)
    feeder = Feeder(servers.kafka, target.topic, 4)
    try:
        for _ in range(3):
            kill(target)
        run = target.run()
        assert wait_for("a checkpoint", lambda: any("checkpoint.parquet" in f
                                                    for f in target.table.files("_delta_log/")))
        run.kill()
        ledger = feeder.stop()
        target.drain()
        _check(target, ledger)
    finally:
        servers.proxy.rules = []
        feeder.ending.set()
        target.close()


@scenario
def kill_after_checkpoint_before_its_hint(servers: Servers) -> None:
    def kill(target: Target) -> None:
        started: list = []
        rule = proxy.Once(lambda r: r.method in ("PUT", "POST") and "checkpoint.parquet" in r.key,
                          proxy.then(lambda: started[0].kill()))
        servers.proxy.rules = [rule]
        started.append(target.run())
        assert started[0].wait_exit() == -signal.SIGKILL

    _killed_around_checkpoint(servers, "minio", kill)


@scenario
def kill_before_checkpoint(servers: Servers) -> None:
    def kill(target: Target) -> None:
        assert target.run(failpoint="before_checkpoint").wait_exit() == -signal.SIGKILL

    _killed_around_checkpoint(servers, "local", kill)

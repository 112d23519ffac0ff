# SPDX-License-Identifier: Apache-2.0
"""One fault each, on purpose, with the outcome that it must have.

A scenario takes the servers and raises AssertionError.  kill.py runs them all;
tests/integration/test_exactly_once.py runs each as a test.
"""

import contextlib
import signal

import deltalake

import proxy
from bench import (EXIT_CORRUPT, EXIT_DATA, EXIT_FENCED, EXIT_IDENTITY, Servers, Target,
                   wait_for)
from sluicetest.ledger import Ledger

ALL: dict = {}


def scenario(function):
    ALL[function.__name__] = function
    return function


def _ledger(records=()) -> Ledger:
    return Ledger(records, "id", lambda r: int(r.key))


def _expect_exit(run, code: int, text: str = "") -> None:
    got = run.wait_exit()
    assert got == code, f"exit {got}, not {code}:\n{run.process.tail(20)}"
    assert text in run.stderr, f"{text!r} is not in:\n{run.process.tail(20)}"


@contextlib.contextmanager
def _some_table(servers: Servers, store: str, count: int = 500):
    """A target whose first `count` records are in the table, and their ledger."""
    with Target(servers, store) as target:
        ledger = _ledger(target.produce(count))
        target.drain()
        target.check(ledger)
        yield target, ledger


# --- the store ----------------------------------------------------------------


def _with_rule(servers: Servers, rule, check_done: bool = True) -> None:
    """A query under load meets the rule, goes on, and has every record once."""
    with Target(servers, "minio") as target:
        servers.proxy.rules = [rule]
        feeder = target.feed(1)
        run = target.run()
        if check_done:
            run.process.wait_until(lambda: rule.done, "the fault has come")
        version = target.table.version()
        run.wait_version(target.table, version + 5)
        assert run.stop() == 0, run.process.tail(20)
        target.settle(feeder)


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
    with _some_table(servers, "minio") as (target, _):
        version = target.table.version()
        rule = proxy.Once(lambda r: r.is_commit, proxy.truncate, 2)  # behind the start commit
        servers.proxy.rules = [rule]
        target.produce(100, 500)
        _expect_exit(target.run(), EXIT_CORRUPT)
        _expect_exit(target.run(), EXIT_CORRUPT)  # nobody goes on behind it
        assert target.table.version() == version + 2


# --- who else is there ----------------------------------------------------------


def _sleeper_is_fenced(servers: Servers, store: str, point: str) -> None:
    with Target(servers, store) as target:
        feeder = target.feed(2)
        old = target.run(failpoint=f"{point}:3:pause")
        old.process.wait_until(lambda: _is_stopped(old.process.pid), f"stopped at {point}")
        before = target.table.version()
        new = target.run()
        new.wait_version(target.table, before + 4)
        old.process.send(signal.SIGCONT)
        _expect_exit(old, EXIT_FENCED)
        new.wait_version(target.table, target.table.version() + 2)
        assert new.stop() == 0, new.process.tail(20)
        target.settle(feeder)


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
    with Target(servers, "minio") as target:
        feeder = target.feed(3)
        runs = []
        for _ in range(3):
            run = target.run()
            runs.append(run)  # its own commits: the order of start commits is what counts
            run.process.wait_until(lambda: len(run.progress()) >= 2, "two batches")
        for run in runs[:2]:
            _expect_exit(run, EXIT_FENCED)
        assert runs[2].stop() == 0, runs[2].process.tail(20)
        target.settle(feeder)


# --- identity ---------------------------------------------------------------------


@scenario
def recreated_topic_stops_a_running_query(servers: Servers) -> None:
    with Target(servers, "local") as target:
        ledger = _ledger(target.produce(300))
        run = target.run()
        run.wait_rows(target.table, 300)
        servers.kafka.recreate_topic(target.topic, 3)
        target.produce(1000, 300)
        _expect_exit(run, EXIT_IDENTITY)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY)
        target.check(ledger)  # nothing of the new topic


@scenario
def recreated_topic_stops_the_next_start(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, ledger):
        servers.kafka.recreate_topic(target.topic, 3)
        target.produce(2000, 500)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "recreated")
        target.check(ledger)


@scenario
def eaten_offsets_stop_the_query_unless_allowed(servers: Servers) -> None:
    with _some_table(servers, "local", 300) as (target, ledger):
        later = target.produce(300, 300)
        ends = {p: high for p, (_, high) in servers.kafka.watermarks(target.topic).items()}
        servers.kafka.delete_records(target.topic, ends)
        kept = target.produce(300, 600)
        _expect_exit(target.run("--available-now"), EXIT_DATA)
        target.check(ledger)
        target.drain(target.pipeline(stream="failOnDataLoss = 'false',"))
        ledger.add(kept)
        difference = target.compare(ledger)
        assert not difference, f"{difference} ({len(later)} were eaten)"


@scenario
def renamed_query_stops(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, ledger):
        _expect_exit(target.run("--available-now", pipeline=target.pipeline(query="renamed")),
                     EXIT_IDENTITY, "sluice offsets adopt")
        target.check(ledger)


def _restore(target: Target, version: int) -> None:
    table = deltalake.DeltaTable(target.table.location,
                                 storage_options=target.table.storage_options)
    table.restore(version)


@scenario
def restored_table_stops_the_next_start(servers: Servers) -> None:
    with _some_table(servers, "minio") as (target, _):
        target.produce(100, 500)
        target.drain()
        _restore(target, 2)
        version = target.table.version()
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        assert target.table.version() == version


@scenario
def restored_table_stops_a_running_query(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, _):
        run = target.run()
        target.produce(100, 500)
        run.wait_rows(target.table, 600)
        _restore(target, 2)
        version = target.table.version()
        target.produce(100, 600)
        _expect_exit(run, EXIT_IDENTITY, "RESTORE")
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        assert target.table.version() == version


# --- the way on ---------------------------------------------------------------------


@scenario
def restored_table_goes_on_after_adopt(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, ledger):
        version = target.table.version()
        target.produce(100, 500)  # these are restored away for good
        target.drain()
        _restore(target, version)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "RESTORE")
        target.command("offsets", "adopt", "--from", "q", "--yes")
        for first in (600, 700):  # the RESTORE is history now, for every later start
            ledger.add(target.produce(100, first))
            target.drain()
        target.check(ledger)


@scenario
def renamed_query_goes_on_after_adopt(servers: Servers) -> None:
    with _some_table(servers, "minio") as (target, ledger):
        renamed = target.pipeline(query="renamed")
        target.command("offsets", "adopt", "--from", "q", "--yes", pipeline=renamed)
        ledger.add(target.produce(200, 500))
        target.drain(renamed)
        target.check(ledger)


@scenario
def recreated_topic_goes_on_after_reset(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, _):
        servers.kafka.recreate_topic(target.topic, 3)
        later = target.produce(700, 500)
        _expect_exit(target.run("--available-now"), EXIT_IDENTITY, "recreated")
        target.command("offsets", "reset", "--yes")
        target.drain()
        rows = sorted(r["id"] for r in target.table.rows())
        assert rows == list(range(1200)), f"{len(rows)} rows of {500 + len(later)}"


@scenario
def changing_offsets_fences_a_running_query(servers: Servers) -> None:
    with _some_table(servers, "local") as (target, ledger):
        run = target.run()
        ledger.add(target.produce(100, 500))
        run.wait_rows(target.table, 600)
        target.command("offsets", "adopt", "--from", "q", "--yes")
        ledger.add(target.produce(100, 600))
        _expect_exit(run, EXIT_FENCED)
        target.drain()
        target.check(ledger)


# --- checkpoints --------------------------------------------------------------------


def _killed_around_checkpoint(servers: Servers, store: str, kill) -> None:
    with Target(servers, store) as target:
        feeder = target.feed(4)
        for _ in range(3):
            kill(target)
        run = target.run()
        assert wait_for("a checkpoint", lambda: any("checkpoint.parquet" in f
                                                    for f in target.table.files("_delta_log/")))
        run.kill()
        target.settle(feeder)


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

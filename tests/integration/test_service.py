# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of `sluice run`: the sd_notify protocol on a socket of ours, which
stands in for systemd's."""

import socket
import time

import pytest
from sluicetest.process import PATIENCE_S, free_port

WATCHDOG_S = 1.0

GENERATED = """
CREATE STREAM s (event_id BIGINT) USING generator OPTIONS (kind = 'events', rowsPerSecond = 200);
CREATE STREAMING TABLE t USING delta LOCATION '{lake}'
OPTIONS (trigger = '100 milliseconds') AS SELECT * FROM s;
"""


class Manager:
    """The manager's end; every message is kept, with the time of its coming."""

    def __init__(self, address: str):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self.address = address
        self.lines: list[str] = []
        self.fed = 0
        self.fed_at = time.monotonic()

    def env(self) -> dict:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}

    def read(self, timeout_s: float) -> None:
        self.socket.settimeout(timeout_s)
        try:
            lines = self.socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return
        self.lines += lines
        if "WATCHDOG=1" in lines:
            self.fed += 1
            self.fed_at = time.monotonic()

    def wait(self, probe, what: str, process) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not probe():
            self.read(0.1)
            assert time.monotonic() < deadline, f"{what}: {self.lines}\n{process.stderr}"

    def statuses(self) -> list[str]:
        return [line for line in self.lines if line.startswith("STATUS=")]


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, unique):
    heard = Manager(f"@{unique[-40:]}" if request.param == "abstract" else str(tmp_path / "notify"))
    yield heard
    heard.socket.close()


def test_a_run_is_ready_fed_and_stopping(sluice, manager, tmp_path):
    run = sluice(GENERATED.format(lake=tmp_path / "lake"), env=manager.env())
    manager.wait(lambda: "READY=1" in manager.lines, "READY=1", run)
    manager.wait(lambda: any(" version " in s for s in manager.statuses()), "a status", run)
    fed = manager.fed
    manager.wait(lambda: manager.fed >= fed + 20, "WATCHDOG=1 goes on", run)
    assert "STOPPING=1" not in manager.lines
    run.process.popen.terminate()
    manager.wait(lambda: "STOPPING=1" in manager.lines, "STOPPING=1", run)
    assert run.wait_exit() == 0
    assert manager.lines.count("READY=1") == manager.lines.count("STOPPING=1") == 1
    assert any(s.startswith("STATUS=t running, ") for s in manager.statuses())


@pytest.mark.parametrize("place", ["before_upload", "before_commit"])
def test_an_engine_that_hangs_does_not_feed_the_watchdog(sluice, manager, tmp_path, place):
    run = sluice(GENERATED.format(lake=tmp_path / "lake"),
                 env={**manager.env(), "SLUICE_FAILPOINT": f"{place}:3:hang"})
    manager.wait(lambda: manager.fed > 0, "WATCHDOG=1", run)
    # What systemd would act on: a silence of more than WatchdogSec=.
    manager.wait(lambda: time.monotonic() - manager.fed_at > 3 * WATCHDOG_S, "the silence", run)
    run.process.check_alive()  # its other threads are well, and would have gone on for ever
    assert "READY=1" in manager.lines


def test_a_broker_that_is_away_is_waited_for_as_a_service_that_is_up(sluice, manager, tmp_path):
    run = sluice(f"""
        CREATE STREAM s (a BIGINT) USING kafka OPTIONS (
            'kafka.bootstrap.servers' = '127.0.0.1:{free_port()}', subscribe = 'x');
        CREATE STREAMING TABLE t USING delta LOCATION '{tmp_path / "lake"}' AS SELECT * FROM s;
        """, env=manager.env())
    manager.wait(lambda: "READY=1" in manager.lines, "READY=1", run)
    manager.wait(lambda: any(s.startswith("STATUS=t waiting (") for s in manager.statuses()),
                 "a status that says so", run)
    fed = manager.fed
    manager.wait(lambda: manager.fed >= fed + 20, "WATCHDOG=1 goes on", run)
    assert run.stop() == 0


def test_a_topic_without_a_message_to_infer_columns_from_is_waited_for_too(
        sluice, manager, tmp_path, kafka, topic):
    run = sluice(f"""
        CREATE STREAM s USING kafka OPTIONS (
            'kafka.bootstrap.servers' = '{kafka.bootstrap}', subscribe = '{topic()}');
        CREATE STREAMING TABLE t USING delta LOCATION '{tmp_path / "lake"}' AS SELECT * FROM s;
        """, env=manager.env())
    manager.wait(lambda: "READY=1" in manager.lines, "READY=1", run)
    assert "STATUS=looking for the columns" in manager.statuses()
    fed = manager.fed
    manager.wait(lambda: manager.fed >= fed + 20, "WATCHDOG=1 goes on", run)
    assert run.stop() == 0


def test_a_batch_that_waits_for_its_trigger_is_no_hang(sluice, manager, tmp_path):
    run = sluice(GENERATED.format(lake=tmp_path / "lake").replace("100 milliseconds", "1 hour"),
                 env=manager.env())
    manager.wait(lambda: "READY=1" in manager.lines, "READY=1", run)
    fed = manager.fed
    manager.wait(lambda: manager.fed >= fed + 40, "WATCHDOG=1 goes on", run)
    assert run.stop() == 0


def test_what_cannot_run_is_never_ready(sluice, manager, tmp_path):
    run = sluice("CREATE STREAMING TABLE t USING delta LOCATION 'x' AS SELECT * FROM nowhere;",
                 env=manager.env())
    assert run.wait_exit() == 2
    manager.read(0.1)
    assert "READY=1" not in manager.lines


def test_a_run_that_ends_by_itself_has_been_ready(sluice, manager, tmp_path):
    pipeline = GENERATED.replace("rowsPerSecond = 200", "rowsPerSecond = 0, numRows = 10")
    run = sluice(pipeline.format(lake=tmp_path / "lake"), "--available-now", env=manager.env())
    assert run.wait_exit() == 0
    manager.wait(lambda: "STOPPING=1" in manager.lines, "STOPPING=1", run)
    assert "READY=1" in manager.lines


def test_a_socket_that_makes_no_sense_is_named_and_the_run_goes_on(sluice, tmp_path):
    pipeline = GENERATED.replace("rowsPerSecond = 200", "rowsPerSecond = 0, numRows = 10")
    run = sluice(pipeline.format(lake=tmp_path / "lake"), "--available-now",
                 env={"NOTIFY_SOCKET": "run/notify"})
    assert run.wait_exit() == 0
    assert "NOTIFY_SOCKET is \\\"run/notify\\\"" in run.stderr

# SPDX-License-Identifier: Apache-2.0
"""A child process that cannot be lost: it is stopped by its own pid, dies with
the test run, and its output is a file that a failing test shows.

Nothing here asserts how long something takes.  A wait ends when what it waits
for has come, when the process has died, or after a time so long that something
must be broken.
"""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time
from typing import Callable, TypeVar

T = TypeVar("T")

PATIENCE_S = 180.0  # generous: the machine may be doing something else as well

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def wait_until(probe: Callable[[], T], what: str, timeout_s: float = PATIENCE_S,
               alive: Callable[[], None] = lambda: None) -> T:
    """The first true answer of `probe`.  Its exceptions count as "not yet"; the
    last one is the cause of the TimeoutError.  `alive` raises to end the wait early."""
    deadline = time.monotonic() + timeout_s
    last: object = None
    pause_s = 0.02
    while True:
        try:
            last = probe()
            if last:
                return last
            error = None
        except Exception as e:  # whatever a half-started server makes a client raise
            error = e
        alive()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s, last: {last!r}") from error
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)


def free_port() -> int:
    """A port to listen on, below the range from which the kernel gives outgoing
    connections theirs: between this call and the server's bind nobody gets it by
    chance."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first_ephemeral = int(f.read().split()[0])
    low, high = (10_000, first_ephemeral) if first_ephemeral > 12_000 else (61_001, 65_535)
    for _ in range(200):
        port = random.SystemRandom().randrange(low, high)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port on the loopback interface")


class ProcessDied(Exception):
    pass


class Process:
    """One child process.  stdout and stderr go to files in `folder`; `log` is
    the one worth reading (by default both in one)."""

    #: every process of this test run, in order: a failing test shows their logs
    started: list["Process"] = []

    def __init__(self, name: str, argv: list, folder: pathlib.Path, env: dict | None = None,
                 cwd: pathlib.Path | None = None, split_output: bool = False):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = _unused(self.folder / f"{name}.log")
        self.stdout_path = self.log.with_suffix(".out") if split_output else self.log
        with open(self.log, "ab") as err, open(self.stdout_path, "ab") as out:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out if split_output else err,
                stderr=err, cwd=cwd, env={**os.environ, **(env or {})},
                preexec_fn=_die_with_us if _in_main_thread() else None)
        Process.started.append(self)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self.popen.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.output.splitlines()[-lines:])

    def check_alive(self) -> None:
        if self.exit_code is not None:
            raise ProcessDied(f"{self.name} ended with {self.exit_code}:\n{self.tail()}")

    def wait_until(self, probe: Callable[[], T], what: str, timeout_s: float = PATIENCE_S) -> T:
        """wait_until that also ends, with the log's tail, when the process has died."""
        try:
            return wait_until(probe, f"{self.name}: {what}", timeout_s, self.check_alive)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self.tail()}") from e.__cause__

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:.0f} s:\n{self.tail()}") \
                from None

    def send(self, number: int) -> None:
        """SIGSTOP, SIGCONT, SIGKILL and the like; to a dead process nothing happens."""
        self.popen.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = PATIENCE_S) -> int:
        """Ask it to end and give its exit code; kill it when it does not."""
        if self.exit_code is None:
            self.send(signal.SIGCONT)  # a stopped process would never notice
            self.send(number)
        try:
            return self.wait_exit(timeout_s)
        except TimeoutError:
            self.kill()
            raise

    def kill(self) -> int:
        self.send(signal.SIGKILL)
        return self.popen.wait()


def _unused(path: pathlib.Path) -> pathlib.Path:
    """`path`, or with a number when a process started before has it."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{path.stem}-{number}")
    return candidate


def _in_main_thread() -> bool:
    # The kernel takes "parent" to mean the thread that forked: a child of a
    # helper thread would be killed when that thread ends.
    return threading.current_thread() is threading.main_thread()


def _die_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

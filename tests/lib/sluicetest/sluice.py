# SPDX-License-Identifier: Apache-2.0
"""The sluice process under test.

`Sluice` is one `sluice run` of a pipeline; `command` is any other command, run
to its end.  SLUICE_BIN names the binary, else it is build/sluice.
"""

import dataclasses
import fcntl
import json
import os
import pathlib
import pty
import select
import subprocess
import sys
import termios
import time

from . import deps
from .delta import Table
from .process import PATIENCE_S, Process


@dataclasses.dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


def command(*args, env: dict | None = None, stdin: str = "", folder: pathlib.Path | None = None,
            timeout_s: float = PATIENCE_S) -> Result:
    """Run `sluice ARGS…` to its end."""
    done = subprocess.run([*_binary(), *map(str, args)], input=stdin, capture_output=True,
                          text=True, cwd=folder, env={**os.environ, **(env or {})},
                          timeout=timeout_s)
    return Result(done.returncode, done.stdout, done.stderr)


def ask(*args, answer: bytes, env: dict | None = None) -> Result:
    """Run `sluice ARGS…` as on a terminal and type `answer` when it asks; stderr is what the
    terminal shows.  b"\\x04" is the end of input, b"\\x03" an interrupt."""
    terminal, child = pty.openpty()

    def take_over() -> None:  # its own session, so that ^C reaches it
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen([*_binary(), *map(str, args)], stdin=child, stderr=child,
                               stdout=subprocess.PIPE, env={**os.environ, **(env or {})},
                               preexec_fn=take_over)
    os.close(child)
    shown = b""
    deadline = time.monotonic() + PATIENCE_S
    answered = False
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        try:
            read = os.read(terminal, 4096) if ready else b""
        except OSError:  # nobody holds the other end any more
            read = b""
        if not read:
            break
        shown += read
        if not answered and b"[y/N] " in shown:
            answered = True
            os.write(terminal, answer)
    if time.monotonic() >= deadline:
        process.kill()
    out = process.stdout.read()
    os.close(terminal)
    return Result(process.wait(), out.decode(), shown.decode())


class Sluice:
    """`sluice run` of `pipeline` (SQL text) in `folder`.  Several runs of one
    pipeline are several objects with one folder."""

    def __init__(self, folder: pathlib.Path, pipeline: str, *args: str, env: dict | None = None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pipeline = self.folder / "pipeline.sql"
        self.pipeline.write_text(pipeline)
        argv = [*_binary(), "run", self.pipeline, "--log-format=json", *args]
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        self.process = Process("sluice", argv, self.folder, cwd=self.folder, split_output=True,
                               env={"TMPDIR": str(scratch), **(env or {})})

    @property
    def stderr(self) -> str:
        return self.process.output

    @property
    def stdout(self) -> str:
        return self.process.stdout_path.read_text(errors="replace")

    def log_lines(self) -> list[dict]:
        """The log lines that are complete JSON objects."""
        lines = []
        for line in self.stderr.splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                lines.append(value)
        return lines

    def progress(self) -> list[dict]:
        """The progress objects (Spark's shape: id, runId, batchId, …) so far."""
        found = []
        for line in self.log_lines():
            value = line.get("progress", line)
            if isinstance(value, dict) and "batchId" in value:
                found.append(value)
        return found

    # --- waiting; all of these end at once when the process dies ------------

    def wait_version(self, table: Table, version: int, timeout_s: float = PATIENCE_S) -> int:
        """Until the table has that version or a newer one; which it has."""
        self.process.wait_until(lambda: table.version() >= version,
                                f"version {version} of {table}", timeout_s)
        return table.version()

    def wait_rows(self, table: Table, rows: int, timeout_s: float = PATIENCE_S) -> int:
        """Until the table has that many rows or more; how many."""
        self.process.wait_until(lambda: table.count() >= rows, f"{rows} rows in {table}", timeout_s)
        return table.count()

    def wait_log(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        self.process.wait_until(lambda: text in self.stderr, f"{text!r} in the log", timeout_s)

    def wait_exit(self, timeout_s: float = PATIENCE_S) -> int:
        return self.process.wait_exit(timeout_s)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self.process.stop()

    def kill(self) -> int:
        """SIGKILL: the crash that every test of exactly-once needs."""
        return self.process.kill()


def _binary() -> list:
    path = deps.sluice_binary()
    # A stand-in written in Python, as the tests of these helpers use.
    return [sys.executable, path] if path.suffix == ".py" else [path]

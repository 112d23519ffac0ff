# SPDX-License-Identifier: Apache-2.0
"""The sluice process under test.

`Sluice` is one `sluice run` of a pipeline; `command` is any other command, run
to its end.  SLUICE_BIN names the binary, else it is build/sluice.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import pty
import subprocess
import sys
import termios
import threading

from . import deps
from .delta import Table
from .process import PATIENCE_S, Process, wait_until

#: tests run side by side: a status page on any free port, unless a test says where
ENVIRONMENT = {"SLUICE_UI_ADDRESS": "127.0.0.1:0"}


@dataclasses.dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


def command(*args, env: dict | None = None, stdin: str = "", folder: pathlib.Path | None = None,
            timeout_s: float = PATIENCE_S) -> Result:
    """Run `sluice ARGS…` to its end."""
    done = subprocess.run([*_binary(), *map(str, args)], input=stdin, capture_output=True,
                          text=True, cwd=folder, env={**os.environ, **ENVIRONMENT, **(env or {})},
                          timeout=timeout_s)
    return Result(done.returncode, done.stdout, done.stderr)


class Terminal:
    """`sluice ARGS…` with a terminal as standard input and standard error."""

    def __init__(self, *args, env: dict | None = None):
        self._terminal, child = pty.openpty()

        def take_over() -> None:  # its own session, so that ^C reaches it
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen([*_binary(), *map(str, args)], stdin=child, stderr=child,
                                         stdout=subprocess.PIPE, preexec_fn=take_over,
                                         env={**os.environ, **ENVIRONMENT, **(env or {})})
        os.close(child)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nobody holds the other end any more
            while read := os.read(self._terminal, 4096):
                self._shown += read

    @property
    def shown(self) -> str:
        """All that was written to the terminal so far."""
        return self._shown.decode(errors="replace")

    def wait_shown(self, text: str, after: int = 0) -> int:
        """Until the terminal shows `text`; where it ends, for the next wait."""
        wait_until(lambda: text in self.shown[after:], f"{text!r} on the terminal",
                   alive=self._alive)
        return self.shown.index(text, after) + len(text)

    def _alive(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"exit {self._process.returncode}: {self.shown}")

    def type(self, keys: bytes) -> None:
        """0x04 is the end of input, 0x03 an interrupt."""
        os.write(self._terminal, keys)

    def wait_exit(self) -> Result:
        out, _ = self._process.communicate(timeout=PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return Result(self._process.returncode, out.decode(), self.shown)

    def close(self) -> None:
        """Kill it, if it still runs."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._reader.join(PATIENCE_S)
        os.close(self._terminal)


def ask(*args, answer: bytes, env: dict | None = None) -> Result:
    """Run `sluice ARGS…` on a terminal and type `answer` when it asks; stderr is what the
    terminal shows."""
    with contextlib.closing(Terminal(*args, env=env)) as terminal:
        terminal.wait_shown("[y/N] ")
        terminal.type(answer)
        return terminal.wait_exit()


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
                               env={"TMPDIR": str(scratch), **ENVIRONMENT, **(env or {})})

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

    def ui_url(self) -> str:
        """Where the status page is, without a slash at the end; once it is there."""
        def said() -> str | None:
            return next((line["url"] for line in self.log_lines() if line.get("event") == "ui"), None)
        return self.process.wait_until(said, "its status page").rstrip("/")

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

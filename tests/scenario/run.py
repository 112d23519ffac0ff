# SPDX-License-Identifier: Apache-2.0
"""
Runs scenario files: text in, rows out, each in three ways.

    run.py SLUICE FILE.test…

A file is a description (# lines) and sections:

    input NAME          JSON lines (or anything) that become the file ${INPUT}/NAME
    pipeline            SQL; ${INPUT} is the folder of the inputs, ${TABLE} the table's location;
                        ${LIMIT} stands inside the OPTIONS of a stream, after the last option
    expect              the table's rows as JSON lines, in any order
    expect dead         the dead letter table's rows: value, reason, and what follows from them
    expect error REGEX  `sluice run` fails and its message matches
    check error REGEX   `sluice check` fails and its message matches

The three ways: straight; in batches of odd sizes; killed at a named point and run again until it
gets through.  All must leave the same rows.  Output is TAP.
"""

import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

KILL_POINTS = [
    "before_start_commit", "after_start_commit", "before_upload:2", "during_upload:2",
    "after_upload:1", "before_commit:2", "after_commit:1", "after_commit:2",
    "before_dead_commit:1", "after_dead_commit:1", "after_dead_commit:2", "after_dead_commit:1",
]
RUN_SECONDS = 120


class Scenario:
    def __init__(self, path):
        self.path = path
        self.inputs, self.pipeline, self.rows, self.dead = {}, "", None, None
        self.run_error = self.check_error = None
        self.parse(path.read_text(encoding="utf-8"))

    def parse(self, text):
        section, body = None, []
        for line in text.splitlines() + ["end"]:
            if re.match(r"(input \w+|pipeline|expect|expect dead|expect error .+|check error .+|end)$", line):
                self.take(section, body)
                section, body = line, []
            elif section or not line.startswith("#"):
                body.append(line)

    def take(self, section, body):
        text = "\n".join(body)
        if section is None:
            return
        if section.startswith("input "):
            while body and body[-1] == "":
                body.pop()
            self.inputs[section.split()[1]] = "".join(line + "\n" for line in body)
        elif section == "pipeline":
            self.pipeline = text
        elif section == "expect":
            self.rows = [json.loads(line) for line in body if line.strip()]
        elif section == "expect dead":
            self.dead = [json.loads(line) for line in body if line.strip()]
        elif section.startswith("expect error "):
            self.run_error = section[len("expect error "):]
        elif section.startswith("check error "):
            self.check_error = section[len("check error "):]


def canonical(rows):
    return collections.Counter(json.dumps(row, sort_keys=True) for row in rows)


class Bench:
    """One run of one scenario in a folder of its own."""

    def __init__(self, sluice, scenario, folder):
        self.sluice, self.scenario, self.folder = sluice, scenario, pathlib.Path(folder)
        (self.folder / "in").mkdir()
        for name, text in scenario.inputs.items():
            (self.folder / "in" / name).write_text(text, encoding="utf-8")
        self.file = self.folder / "pipeline.sql"
        self.file.write_text(scenario.pipeline, encoding="utf-8")
        self.table = self.folder / "table"

    def command(self, *args, limit=None, failpoint=None):
        env = dict(os.environ, INPUT=str(self.folder / "in"), TABLE=str(self.table),
                   LIMIT=f", maxOffsetsPerTrigger = {limit}" if limit else "",
                   SLUICE_UI_ADDRESS="127.0.0.1:0")
        env.pop("SLUICE_FAILPOINT", None)
        if failpoint:
            env["SLUICE_FAILPOINT"] = failpoint
        return subprocess.run([self.sluice, *args], env=env, capture_output=True, text=True,
                              timeout=RUN_SECONDS, check=False)

    def run(self, **how):
        return self.command("run", str(self.file), "--available-now", **how)

    def rows(self):
        return self.query(f"SELECT * FROM delta_scan('{self.table}')")

    def dead(self):
        return self.query("SELECT decode(value) AS value, reason FROM "
                          f"delta_scan('{self.table}_deadletters')")

    def query(self, text):
        done = self.command("query", text, "--format", "json")
        if done.returncode != 0:
            return f"sluice query: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def expect_rows(bench, done):
    """None, or what is wrong."""
    scenario = bench.scenario
    if scenario.run_error:
        if done.returncode in (0, -signal.SIGKILL):
            return f"exit code {done.returncode}, expected an error"
        if not re.search(scenario.run_error, done.stderr):
            return f"the error does not match /{scenario.run_error}/: {done.stderr}"
        return None
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr}"
    complaint = compare(scenario.rows, bench.rows())
    if complaint is None and scenario.dead is not None:
        complaint = compare(scenario.dead, bench.dead())
    return complaint


def compare(wanted, got):
    if isinstance(got, str):
        return got
    missing = canonical(wanted) - canonical(got)
    extra = canonical(got) - canonical(wanted)
    if missing or extra:
        return f"missing: {dict(missing)}\nnot expected: {dict(extra)}"
    return None


def straight(bench):
    return expect_rows(bench, bench.run())


def odd_batches(bench):
    return expect_rows(bench, bench.run(limit=3))


def killed(bench):
    for point in KILL_POINTS:
        done = bench.run(limit=2, failpoint=point)
        if done.returncode not in (0, -signal.SIGKILL) and not bench.scenario.run_error:
            return f"killed at {point}: exit code {done.returncode}: {done.stderr}"
    return expect_rows(bench, bench.run(limit=2))


def check(bench):
    done = bench.command("check", str(bench.file))
    if done.returncode == 0:
        return "check passed, expected an error"
    if not re.search(bench.scenario.check_error, done.stderr):
        return f"the error does not match /{bench.scenario.check_error}/: {done.stderr}"
    return None


def ways_of(scenario):
    if scenario.check_error:
        return [check]
    if scenario.run_error:
        return [straight, odd_batches]
    return [straight, odd_batches, killed]


def main(sluice, paths):
    plan = [(Scenario(pathlib.Path(p)), way) for p in paths
            for way in ways_of(Scenario(pathlib.Path(p)))]
    print(f"1..{len(plan)}")
    bad = 0
    for number, (scenario, way) in enumerate(plan, 1):
        with tempfile.TemporaryDirectory(prefix="sluice-scenario-") as folder:
            complaint = way(Bench(sluice, scenario, folder))
        name = f"{scenario.path.stem} {way.__name__}"
        print(f"{'not ok' if complaint else 'ok'} {number} - {name}", flush=True)
        for line in (complaint or "").splitlines():
            print(f"# {line}", flush=True)
        bad += bool(complaint)
    return 1 if bad else 0


sys.exit(main(sys.argv[1], sys.argv[2:]))

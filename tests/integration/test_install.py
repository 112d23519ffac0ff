# SPDX-License-Identifier: Apache-2.0
"""What is installed beside the binary: manual pages, completions driven in the shells themselves, and
`make install` into a folder.  Packages, tarball and unit: tests/stack/install."""

import os
import pathlib
import pty
import re
import subprocess
import time

import pytest
from sluicetest import deps
from sluicetest.process import PATIENCE_S
from sluicetest.sluice import command


def commands() -> list[str]:
    text = command("help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in text.splitlines() if re.match(r"  \S", line)]


def output(*argv, **options) -> str:
    return subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True,
                          **options).stdout


# ---- manual pages -----------------------------------------------------------------------------


def page(text: str, folder: pathlib.Path) -> str:
    """The page as plain text; troff has nothing to complain of."""
    file = folder / "page"
    file.write_text(text)
    done = subprocess.run(["groff", "-K", "utf8", "-man", "-Tutf8", "-ww", "-P-cbou", file],
                          capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", [c for c in commands() if c != "help"])
def test_the_page_of_a_command_has_all_that_its_help_has(name, tmp_path):
    words = " ".join(page(command("help", "man", name).stdout, tmp_path).replace("‐\n", "").split())
    text = command("help", name).stdout
    for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M):
        assert option in words
    for row in re.findall(r"^  (\d+) +(.*)", text, re.M):
        assert row[0] in words
    assert f"sluice-{name} - " in words


def test_the_page_of_the_program_names_every_command(tmp_path):
    text = page(command("help", "man").stdout, tmp_path)
    for name in commands():
        assert re.search(rf"^ +{name}\b", text, re.M), name


def test_the_page_of_pipeline_files_has_every_option(tmp_path):
    (tmp_path / "options.md").write_text(command("help", "options").stdout)
    text = page(output(deps.TREE / "tools/mdman", "1.0", deps.TREE / "docs/sql.md",
                       tmp_path / "options.md"), tmp_path)
    names = re.findall(r"^\| `([^`]+)`", (tmp_path / "options.md").read_text(), re.M)
    assert len(names) > 60
    for name in names:
        assert re.search(rf"^ +{re.escape(name)}(\s|$)", text, re.M), name
    assert "CREATE STREAMING TABLE" in text


def test_help_of_what_is_not_there_says_what_is():
    for args, text in (("completion",), "bash|zsh|fish"), (("completion", "ksh"), "bash|zsh|fish"), \
            (("man", "rum"), 'did you mean "run"'):
        done = command("help", *args)
        assert done.exit_code == 2
        assert text in done.stderr


# ---- completion -------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path):
    """A folder to complete names in."""
    here = tmp_path / "here"
    (here / "lake").mkdir(parents=True)
    for name in ("events.sql", "my feed.sql", "notes.txt"):
        (here / name).touch()
    return here


class Shell:
    """An interactive shell on a terminal, in which `sluice` prints its arguments."""

    def __init__(self, argv: list[str], folder: pathlib.Path, setup: str):
        self.terminal, child = pty.openpty()
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(argv, stdin=child, stdout=child, stderr=child, cwd=folder,
                                        env=env, start_new_session=True)
        os.close(child)
        os.set_blocking(self.terminal, False)
        self.shown = ""
        os.write(self.terminal, f"{setup}\necho 're''ady'\n".encode())
        self.wait("ready")

    def wait(self, text: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            try:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.01)
            assert time.monotonic() < deadline, self.shown
        return self.shown

    def complete(self, line: str) -> list[str]:
        """The arguments after `line`, where \\t is the key, was typed."""
        self.shown = ""
        os.write(self.terminal, f"sluice {line}\n".encode())
        shown = self.wait("<end>")
        return re.findall(r"<([^<>]*)>", shown[:shown.rindex("<end>")].rsplit("<begin>", 1)[1])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


PRINTER = "sluice() { printf '<%s>' begin \"$@\" end; echo; }"


def shell_of(name: str, place: pathlib.Path) -> Shell:
    script = place.parent / ("_sluice" if name == "zsh" else "sluice")
    script.write_text(command("help", "completion", name).stdout)
    if name == "bash":
        return Shell(["bash", "--norc", "--noprofile", "-i"], place,
                     f"PS1=; bind 'set enable-bracketed-paste off'; . {script}; {PRINTER}")
    return Shell(["zsh", "-f", "-i"], place,
                 f"PS1=; fpath=({place.parent} $fpath); autoload -Uz compinit; "
                 f"compinit -u -d {place.parent}/dump; {PRINTER}")


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_keys_typed_in_a_shell_become_words(name, place):
    shell = shell_of(name, place)
    try:
        assert shell.complete("ru\t") == ["run"]
        assert shell.complete("run ev\t") == ["run", "events.sql"]
        assert shell.complete("run my\t") == ["run", "my feed.sql"]
        assert shell.complete("run --avail\t") == ["run", "--available-now"]
        assert shell.complete("run --log-format js\t ev\t") == [
            "run", "--log-format", "json", "events.sql"]
        assert shell.complete("run --log-format=js\t x") == ["run", "--log-format=json", "x"]
        assert shell.complete("offsets ad\t ev\t") == ["offsets", "adopt", "events.sql"]
        assert shell.complete("offsets show --timeout 5 ev\t") == [
            "offsets", "show", "--timeout", "5", "events.sql"]
        # zsh takes the slash away again when the line ends there.
        assert shell.complete("table hist\t la\t")[-1].removesuffix("/") == "lake"
        assert shell.complete("query --format par\t") == ["query", "--format", "parquet"]
        assert shell.complete("query -p ev\t x") == ["query", "-p", "events.sql", "x"]
        if name == "bash":  # zsh offers other files when none fits
            assert shell.complete("run no\t") == ["run", "no"]
    finally:
        shell.close()


def fish(script: pathlib.Path, place: pathlib.Path, line: str) -> list[str]:
    found = output("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'", cwd=place)
    return [row.split("\t")[0] for row in found.splitlines()]


def test_fish_offers_the_same(place):
    script = place.parent / "sluice.fish"
    script.write_text(command("help", "completion", "fish").stdout)
    assert fish(script, place, "sluice ru") == ["run"]
    assert fish(script, place, "sluice run ev") == ["events.sql"]
    assert fish(script, place, "sluice run --avail") == ["--available-now"]
    assert sorted(fish(script, place, "sluice run --log-format ")) == ["json", "logfmt"]
    assert fish(script, place, "sluice offsets ad") == ["adopt"]
    assert fish(script, place, "sluice table history la") == ["lake/"]
    assert set(fish(script, place, "sluice ")) >= set(commands())


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_every_command_and_option_can_be_completed(name):
    script = command("help", "completion", name).stdout
    for c in commands():
        assert re.search(rf"\b{c}\b", script)
        for option in re.findall(r"^  (?:-\w, )?--([a-z-]+)", command("help", c).stdout, re.M) \
                if c != "help" else []:
            assert re.search(rf"(--|-l ){option}\b", script), option


# ---- make install -----------------------------------------------------------------------------


def test_make_install_puts_everything_below_the_prefix_and_it_runs_from_anywhere(tmp_path):
    stage = tmp_path / "stage"
    subprocess.run(["make", "--no-print-directory", "install", f"DESTDIR={stage}"], cwd=deps.TREE,
                   check=True, stdout=subprocess.DEVNULL)
    prefix = stage / "usr/local"
    moved = tmp_path / "moved"
    prefix.rename(moved)  # nothing in it names where it is
    files = {str(p.relative_to(moved)) for p in moved.rglob("*") if p.is_file()}
    assert files >= {"bin/sluice", "lib/sluice/libduckdb.so", "lib/systemd/system/sluice@.service",
                     "lib/sysusers.d/sluice.conf", "share/man/man5/sluice.sql.5",
                     "share/bash-completion/completions/sluice", "share/doc/sluice/LICENSE",
                     "share/zsh/site-functions/_sluice", "share/doc/sluice/examples/events.sql",
                     "share/fish/vendor_completions.d/sluice.fish", "share/man/man1/sluice.1"}
    pages = {f"share/man/man1/sluice-{c}.1" for c in commands() if c != "help"}
    assert files >= pages
    assert not [f for f in files if f.endswith((".a", ".h", ".pc"))]
    env = {"PATH": "/usr/bin:/bin"}
    assert output(moved / "bin/sluice", "version", "-v", env=env).startswith("sluice ")
    assert f"=> {moved}/bin/../lib/sluice/libduckdb.so" in output("ldd", moved / "bin/sluice")
    unit = (moved / "lib/systemd/system/sluice@.service").read_text()
    assert "ExecStart=/usr/local/bin/sluice run " in unit


# ---- the unit ---------------------------------------------------------------------------------


def test_the_unit_restarts_after_what_another_start_may_mend():
    """RestartPreventExitStatus is what docs/exit-codes.md says of each code."""
    unit = (deps.TREE / "deploy/systemd/sluice@.service.in").read_text()
    prevented = set(re.search(r"^RestartPreventExitStatus=(.*)", unit, re.M)[1].split())
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", (deps.TREE / "docs/exit-codes.md").read_text(),
                      re.M)
    told = dict(rows)
    assert {"2", "3", "5", "6", "7"} == prevented
    assert all(re.match("no|after", told[code]) for code in prevented)
    assert all(not re.match("no|after", text) for code, text in rows if code not in prevented)
    assert re.search(r"^SuccessExitStatus=130$", unit, re.M)


def test_the_grace_of_the_unit_fits_into_its_time_to_stop():
    unit = (deps.TREE / "deploy/systemd/sluice@.service.in").read_text()
    grace = int(re.search(r"--grace=(\d+)", unit)[1])
    assert grace + 10 <= int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1])

# SPDX-License-Identifier: Apache-2.0
"""Every pipeline in README.md, docs/*.md and examples/ is checked and run: `sluice check`, and `sluice
run --available-now` over topics of its own.

A fenced block says by the words behind its language what it is for:

    sql                   a pipeline; it is checked without any server
    sql service           … and run by tests/stack/install: it has no end
    sql connect           … checked against Kafka and a registry (check --connect)
    json file=NAME        a file beside the page's pipelines (any language)
    json subject=NAME     … and the latest schema of that subject (proto: a Protobuf schema)
    json topic=NAME       the messages of that topic, one a line
    sh run                commands that make a file
    python, sh count, …   what reads a table: test_reading.py, test_dbt.py
    sql spark             Spark's SQL: the same
    text printed          what the check of the last `sql connect` before it prints
    text                  a sketch: not looked at

A `sql` block that is a query (begins with SELECT) is no pipeline; a page has few of them.
"""

import dataclasses
import pathlib
import re
import shlex
import subprocess

import pytest
from sluicetest import deps
from sluicetest.sluice import command

PAGES = [deps.TREE / "README.md", *sorted((deps.TREE / "docs").glob("*.md"))]
EXAMPLES = sorted((deps.TREE / "examples").glob("*.sql"))
FENCE = re.compile(r"^```(?P<words>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
LANGUAGES = {"sql", "json", "proto", "python", "sh", "text", ""}


@dataclasses.dataclass(frozen=True)
class Block:
    page: pathlib.Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def value(self, name: str) -> str | None:
        return next((w.partition("=")[2] for w in self.words if w.startswith(f"{name}=")), None)

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: pathlib.Path) -> list[Block]:
    text = page.read_text()
    found = []
    for match in FENCE.finditer(text):
        language, *words = match["words"].split() or [""]
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, tuple(words),
                           match["text"]))
    return found


ALL = [block for page in PAGES for block in blocks(page)]
SQL = [b for b in ALL if b.language == "sql" and "spark" not in b.words
       and not b.text.lstrip().upper().startswith("SELECT")]


def prepare(page: pathlib.Path, folder: pathlib.Path) -> None:
    """The files that the page's pipelines name."""
    for block in blocks(page):
        if block.value("file"):
            (folder / block.value("file")).write_text(block.text)
        if block.language == "sh" and "run" in block.words:
            subprocess.run(["sh", "-e", "-c", block.text], cwd=folder, check=True)


def check(pipeline: str, folder: pathlib.Path, *args: str, env: dict | None = None) -> str:
    (folder / "pipeline.sql").write_text(pipeline)
    done = command("check", *args, "pipeline.sql", folder=folder, env=env)
    assert done.exit_code == 0, done.stderr
    assert "pipeline.sql is fine" in done.stdout
    return done.stdout


def without_blanks(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


# --- links ------------------------------------------------------------------------


def in_tree(*names: str) -> list[pathlib.Path]:
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                          *names], cwd=deps.TREE, check=True, capture_output=True, text=True).stdout
    found = [deps.TREE / name for name in out.split("\0") if name]
    return [path for path in found if path.exists()]


def prose(page: pathlib.Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: pathlib.Path) -> set[str]:
    """What the headings of a page are called, as GitHub and GitLab do it."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", prose(page), re.M):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(re.fullmatch(rf"{re.escape(name)}(-\d+)?", other) is not None for other in found)
        found.append(f"{name}-{again}" if again else name)
    return set(found)


def broken_links(page: pathlib.Path, tree: set[pathlib.Path]) -> list[str]:
    broken = []
    for link in re.findall(r"\[[^]]*\]\(([^)\s]+)[^)]*\)", re.sub(r"`[^`\n]*`", "", prose(page))):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / place).resolve() if place else page
        if target not in tree or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def test_every_link_leads_to_a_file_or_heading_of_the_tree():
    files = in_tree()
    tree = {place for file in files for place in (file, *file.parents)}
    pages = [file for file in files if file.suffix == ".md"]
    assert deps.TREE / "README.md" in pages and len(pages) > 20
    assert {str(page): broken for page in pages if (broken := broken_links(page, tree))} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "other.md").write_text("# What `a-b` is: *new*\n## Twice\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](other.md) [b](other.md#what-a-b-is-new) [c](#here) "
                    "[d](other.md#twice-1) [e](https://example.org/x) `[f](no.md)`\n"
                    "[g](gone.md) [h](other.md#gone) [i](#gone) [j](other.md#twice-2)\n")
    assert broken_links(page, {page, tmp_path / "other.md"}) == \
           ["gone.md", "other.md#gone", "#gone", "other.md#twice-2"]


# --- blocks -----------------------------------------------------------------------


def test_blocks_say_what_they_are():
    assert [f"{b}: {b.language}" for b in ALL if b.language not in LANGUAGES] == []
    no_pipelines = [str(b) for b in SQL if "CREATE STREAMING TABLE" not in b.text]
    assert no_pipelines == [], "a sketch is a ```text block"


def with_topics(block: Block, kafka, unique: str, env: dict) -> str:
    """The pipeline over topics that are there, with the page's messages in them, and into ./lake."""
    text = block.text.replace("'localhost:9092'", f"'{kafka.bootstrap}'")
    text = text.replace("'kafka:9092'", f"'{kafka.bootstrap}'")
    text = re.sub(r"'s3a://[^']*'", "'lake/table'", text)
    # Topics of the same names in other tests are other ones.
    topics = set(re.findall(r"subscribe\s*=\s*'(\w+)'", text))
    for name in topics:
        text = re.sub(rf"(subscribe\s*=\s*)'{name}'", rf"\1'{name}-{unique}'", text)
    sent = {f"{name}-{unique}": name for name in topics}
    if "${KAFKA_TOPIC}" in text:
        sent[env["KAFKA_TOPIC"]] = None
    for topic, name in sent.items():
        kafka.create_topic(topic)
        for b in blocks(block.page):
            if b.value("topic") and name in (None, b.value("topic")):
                kafka.produce(topic, b.text.splitlines())
    return text


def run(pipeline: str, folder: pathlib.Path, env: dict) -> None:
    (folder / "pipeline.sql").write_text(pipeline)
    done = command("run", "--available-now", "pipeline.sql", folder=folder, env=env)
    assert done.exit_code == 0, done.stderr
    for place in re.findall(r"LOCATION '([^'$]+)'", pipeline):
        assert (folder / place / "_delta_log/00000000000000000000.json").exists(), place


@pytest.mark.parametrize("block", [b for b in SQL if "connect" not in b.words], ids=str)
def test_a_pipeline_of_the_docs_is_fine(block, kafka, unique, tmp_path):
    prepare(block.page, tmp_path)
    check(block.text, tmp_path)
    env = {"KAFKA_BROKER": kafka.bootstrap}
    if "service" not in block.words:
        run(with_topics(block, kafka, unique, env), tmp_path, env)


@pytest.mark.parametrize("block", [b for b in SQL if "connect" in b.words], ids=str)
def test_a_pipeline_of_the_docs_is_fine_with_servers(block, kafka, registry, unique, tmp_path):
    prepare(block.page, tmp_path)
    env = {"KAFKA_BROKER": kafka.bootstrap, "SCHEMA_REGISTRY": registry.url,
           "KAFKA_TOPIC": f"topic-{unique}", "DELTA_LAKE_PATH": "lake/table"}
    page = blocks(block.page)
    text = with_topics(block, kafka, unique, env)
    text = re.sub(r"('schema.registry.subject'\s*=\s*)'([\w-]+)'", rf"\1'\2-{unique}'", text)
    for b in page:
        if b.value("subject"):
            kind = "PROTOBUF" if b.language == "proto" else "AVRO"
            name, value, _ = b.value("subject").partition("-value")
            registry.register(f"{name}-{unique}{value}", b.text, kind)
    shown = check(text, tmp_path, "--connect", env=env)
    run(text, tmp_path, env)
    follows = [b for b in page if b.line > block.line and b.language in ("sql", "text")]
    for printed in follows[:1]:
        if "printed" in printed.words:
            assert without_blanks(printed.text) in without_blanks(shown)


def test_the_pipeline_of_a_run_without_a_file_is_the_one_in_the_source():
    source = (deps.TREE / "src/cli/pipeline.c").read_text()
    strings = source.partition("environment_pipeline[] =")[2].partition(";\n\n")[0]
    built_in = "".join(re.findall(r'"(.*)"', strings)).replace("\\n", "\n")
    shown = [b.text for b in SQL if "CHECKPOINT_DIR" in b.text]
    assert shown == [built_in]


def test_what_is_said_to_be_printed_is_looked_at():
    for block in ALL:
        if "printed" in block.words:
            before = [b for b in ALL if b.page == block.page and b.line < block.line and
                      b.language in ("sql", "text")]
            assert before and "connect" in before[-1].words, block


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_fine(example, kafka, unique, tmp_path):
    done = command("check", example.relative_to(deps.TREE), folder=deps.TREE,
                   env={"KAFKA_TOPIC": "", "DELTA_LAKE_PATH": ""})
    assert done.exit_code == 0, done.stderr
    env = {"KAFKA_BROKER": kafka.bootstrap, "KAFKA_TOPIC": kafka.create_topic(f"example-{unique}"),
           "DELTA_LAKE_PATH": str(tmp_path / "lake"), "EVENTS_PATH": str(tmp_path / "events")}
    done = command("run", "--available-now", example.relative_to(deps.TREE), folder=deps.TREE,
                   env=env)
    assert done.exit_code == 0, done.stderr
    assert list(tmp_path.glob("*/_delta_log/*.json"))


def test_there_is_something_to_check():
    assert len(EXAMPLES) >= 3
    assert {b.page.name for b in SQL} >= {"README.md", "formats.md", "schema.md"}


def test_the_commands_of_the_dead_letter_page_do_what_they_say(kafka, unique, tmp_path):
    page = deps.TREE / "docs/dead-letters.md"
    pipeline = next(b for b in blocks(page) if b.language == "sql")
    text = with_topics(pipeline, kafka, unique, {})
    run(text, tmp_path, {})  # the first run settles what "latest" means
    kafka.produce(f"events-{unique}", ['{"id": 1}', "no JSON"])
    run(text, tmp_path, {})
    lines = [line.replace("s3a://lake/copies_deadletters", "lake/table_deadletters")
             for b in blocks(page) if b.language == "sh" for line in b.text.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        program, *args = shlex.split(line)
        assert program == "sluice"
        done = command(*args, *(["--yes"] if "replay" in args else []), folder=tmp_path)
        assert done.exit_code == 0, f"{line}: {done.stderr}"
        if "replay" not in args:
            assert "syntax" in done.stdout, line

# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the real program: what /metrics says is sound, each panel of the dashboards
has data, and what goes wrong reaches people as a message."""

import datetime
import json
import math
import re
import subprocess
import threading
import urllib.request

import pytest
import yaml
from sluicetest import deps
from sluicetest.delta import Table
from sluicetest.monitoring import DEPLOY, RULES, Alertmanager, Mail, Prometheus, Slack
from sluicetest.process import free_port, wait_until
from sluicetest.sluice import Sluice, command

DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
PIPELINE = """
CREATE STREAM letters_in (id BIGINT) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '{broker}', subscribe = '{topic}', startingOffsets = 'earliest',
    'kafka.statistics.interval.ms' = '500', onBadRecord = 'deadletter');
CREATE STREAM holes_in (id BIGINT) USING kafka OPTIONS (
    'kafka.bootstrap.servers' = '{broker}', subscribe = '{topic}', startingOffsets = 'earliest',
    'kafka.statistics.interval.ms' = '500', onBadRecord = 'drop');
CREATE STREAMING TABLE letters LOCATION '{place}/letters' OPTIONS (trigger = '300 milliseconds')
    AS SELECT id FROM letters_in;
CREATE STREAMING TABLE holes LOCATION '{place}/holes' OPTIONS (trigger = '300 milliseconds')
    AS SELECT id FROM holes_in;
"""


class Load:
    """Messages until the end of the test, one in five of them bad."""

    def __init__(self, kafka, topic: str):
        self._kafka, self._topic = kafka, topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.2):
            good = [json.dumps({"id": number + i}) for i in range(40)]
            self._kafka.produce(self._topic, good + ["no JSON"] * 10)
            number += 40

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def load(kafka, topic):
    loads: list[Load] = []

    def start() -> str:
        name = topic(2)
        loads.append(Load(kafka, name))
        return name

    yield start
    for each in loads:
        each.stop()


@pytest.fixture(scope="module")
def watched(kafka, minio, tmp_path_factory):
    """Prometheus over the two queries of PIPELINE, which run on MinIO under load."""
    folder = tmp_path_factory.mktemp("watched")
    topic = kafka.create_topic(f"watched-{folder.name}-{free_port()}", 2)
    place, port = Table(minio.url(topic), minio), free_port()
    run = Sluice(folder / "sluice", PIPELINE.format(broker=kafka.bootstrap, topic=topic, place=place),
                 f"--ui-address=127.0.0.1:{port}", env=minio.sluice_env())
    stream = Load(kafka, topic)
    run.wait_log('"event":"ui"')
    prometheus = Prometheus(folder / "prometheus", f"127.0.0.1:{port}")
    prometheus.run, prometheus.metrics = run, f"http://127.0.0.1:{port}/metrics"
    yield prometheus
    stream.stop()
    prometheus.stop()
    run.kill()


def metrics(watched) -> str:
    with urllib.request.urlopen(watched.metrics, timeout=60) as answer:
        return answer.read().decode()


def names(text: str) -> set[str]:
    """The names of the series."""
    return set(re.findall(r"^(\w+)[{ ]", text, re.M)) - {"#"}


# --- /metrics -----------------------------------------------------------------


def in_the_older_format(text: str) -> str:
    """promtool reads Prometheus' own text format, in which a counter's name has its _total, there is no
    kind info, no unit and no end."""
    lines, kinds = [], {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            kinds[name] = kind
    for line in text.splitlines():
        if line.startswith(("# TYPE", "# HELP")):
            mark, word, name, rest = line.split(" ", 3)
            suffix = {"counter": "_total", "info": "_info"}.get(kinds[name], "")
            rest = "gauge" if (word, rest) == ("TYPE", "info") else rest
            lines.append(f"{mark} {word} {name}{suffix} {rest}")
        elif not line.startswith("#"):
            lines.append(line)
    return "\n".join(lines) + "\n"


def promtool_check_metrics(text: str) -> subprocess.CompletedProcess:
    return subprocess.run([deps.need("bin/promtool"), "check", "metrics"], input=text, text=True,
                          capture_output=True)


def test_promtool_finds_nothing_to_complain_about(watched):
    watched.wait('sluice_batches_total{outcome="committed"} > 0')
    text = in_the_older_format(metrics(watched))
    done = promtool_check_metrics(text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert promtool_check_metrics(text.replace("# HELP sluice_lag_records", "# ")).stderr


def test_prometheus_scrapes_it(watched):
    watched.wait("up == 1")
    [target] = watched.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert watched.value('scrape_samples_scraped{job="sluice"}') > 100
    watched.wait('sum(rate(sluice_input_records_total{query="letters"}[10s])) > 0')


# --- what names them ------------------------------------------------------------


def test_every_metric_that_rules_dashboards_and_pages_name_is_there(watched):
    """Those of which a query has something to tell: a load, dead letters, a checkpoint."""
    watched.wait('sluice_table_size_bytes{query="letters"} > 0')
    there = names(metrics(watched))
    for page in (RULES, *DASHBOARDS, deps.TREE / "docs/runbook.md", deps.TREE / "docs/monitoring.md"):
        named = set(re.findall(r"\b(?:sluice|process)_[a-z_]+", page.read_text()))
        named -= {"sluice_docs", "sluice_test"}
        assert named, page
        for name in named:
            found = {n for n in there if n == name or n.startswith(name) and name.endswith("_")}
            assert found or {f"{name}_bucket", f"{name}_count"} & there, f"{page.name}: {name}"


# --- dashboards -------------------------------------------------------------------


def check_dashboard(*paths) -> subprocess.CompletedProcess:
    return subprocess.run([deps.need("bin/check-dashboard"), *paths], capture_output=True, text=True)


def test_dashboards_are_what_grafanas_types_say():
    assert len(DASHBOARDS) == 2
    done = check_dashboard(*DASHBOARDS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what, instead, complaint", [
    ('"schemaVersion"', '"schemeVersion"', "unexpected field 'schemeVersion'"),
    ('"graphMode"', '"graphMod"', "unexpected field 'graphMod'"),
    ('"expr"', '"expression"', "unexpected field 'expression'"),
    ('"lineWidth": 1', '"lineWidth": "1"', "lineWidth: json: cannot unmarshal string"),
    ('"type": "table"', '"type": "tabel"', 'the kind "tabel" is not known')])
def test_a_dashboard_with_a_mistake_is_refused(tmp_path, what, instead, complaint):
    text = DASHBOARDS[0].read_text()
    assert what in text
    (tmp_path / "x.json").write_text(text.replace(what, instead))
    done = check_dashboard(tmp_path / "x.json")
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap_and_have_names_of_their_own(path):
    board = json.loads(path.read_text())
    assert board["uid"] == path.stem
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"])
               for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells and at["x"] + at["w"] <= 24, panel["title"]
        cells |= own
        if panel["type"] != "row":
            assert panel["title"] and panel["description"]


def test_links_and_provisioning_lead_to_the_dashboards():
    uids = {path.stem for path in DASHBOARDS}
    for path in DASHBOARDS:
        links = set(re.findall(r'"url": "/d/([\w-]+)', path.read_text()))
        assert links and links <= uids
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert source["datasources"][0]["type"] == "prometheus"
    boards = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/sluice.yml").read_text())
    assert boards["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"


def queries(path) -> list[tuple[str, str]]:
    """(name, expression) of each query of a dashboard: panels, variables, annotations."""
    board = json.loads(path.read_text())
    found = [(f"{panel['title']}, {target['refId']}", target["expr"])
             for panel in board["panels"] for target in panel.get("targets", [])]
    found += [(a["name"], a["expr"]) for a in board["annotations"]["list"]]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            series = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            found.append((f"${variable['name']}", f"count by ({series[2]}) ({series[1]})"))
    return found


def substituted(expression: str, query: str) -> str:
    for name, value in {"$job": ".*", "$instance": ".*", "$query": query,
                        "$__rate_interval": "20s"}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def has_data(results: list[dict]) -> bool:
    return any(not math.isnan(float(result["value"][1])) for result in results)


@pytest.mark.parametrize("path, name, expression", [
    pytest.param(path, name, expression, id=f"{path.stem}: {name}")
    for path in DASHBOARDS for name, expression in queries(path) if name != "Starts"])
def test_a_panel_has_data(watched, path, name, expression):
    text = substituted(expression, "letters")
    watched.run.process.wait_until(lambda: has_data(watched.query(text)), text)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_mark_of_a_start_is_a_query(watched, path):
    """It has data only in the minute after a start that follows another one."""
    [text] = [expression for name, expression in queries(path) if name == "Starts"]
    watched.query(substituted(text, "letters"))


def test_panels_about_errors_show_the_errors(watched):
    board = next(path for path in DASHBOARDS if path.stem == "sluice-query")
    shown = dict(queries(board))
    for name in ("Bad records, by reason, A", "Dead letters, by reason, A"):
        watched.wait(f"({substituted(shown[name], 'letters')}) > 0")
    watched.wait(f"({substituted(shown['Dropped records and bad fields, A'], 'holes')}) > 0")


def test_a_healthy_program_with_bad_messages_raises_nothing_else(watched):
    """Although the test's rules do not wait."""
    watched.wait_alert("SluiceDeadLetters", query="letters")
    watched.wait_alert("SluiceBadRecords", query="holes")
    assert {alert["labels"]["alertname"] for alert in watched.alerts()} == {"SluiceDeadLetters",
                                                                           "SluiceBadRecords"}


# --- from the fault to the message ---------------------------------------------------


@pytest.fixture
def people(tmp_path):
    slack, mail = Slack(), Mail(tmp_path / "mail")
    alertmanager = Alertmanager(tmp_path / "alertmanager", slack, mail)
    yield alertmanager, slack, mail
    alertmanager.stop()
    mail.stop()
    slack.stop()


def since(text: str) -> datetime.datetime:
    found = re.search(r"Since (\d+-\d+-\d+ \d+:\d+:\d+) UTC", text)
    return datetime.datetime.fromisoformat(found[1] + "+00:00")


def test_dead_letters_and_the_death_of_the_program_reach_people(
        kafka, table, load, sluice, people, tmp_path):
    alertmanager, slack, mail = people
    start = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    port, place = free_port(), table()
    text = PIPELINE.format(broker=kafka.bootstrap, topic=load(), place=place)
    run = sluice(text, f"--ui-address=127.0.0.1:{port}")
    run.wait_log('"event":"ui"')
    prometheus = Prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}", alertmanager.address)
    try:
        prometheus.wait_alert("SluiceDeadLetters", query="letters")
        wanted = "dead letters"
        wait_until(lambda: any(wanted in a["title"] for a in slack.attachments()), wanted)
        shown = next(a for a in slack.attachments() if wanted in a["title"])
        assert re.fullmatch(r"\[warning\] [\d.]+% of the records of letters become dead letters",
                            shown["title"])
        assert re.search(r"about [\d.]+k? of them; most often because of: syntax\.", shown["text"])
        assert f"at 127.0.0.1:{port} has read" in shown["text"]
        assert since(shown["text"]) >= start
        runbook = "https://sluice.example.org/docs/runbook.md"
        assert shown["title_link"] == f"{runbook}#sluicedeadletters"
        assert f"<{runbook}#sluicedeadletters|What to do>" in shown["text"]
        assert all("sluice_docs" not in a["labels"] for a in alertmanager.alerts())

        run.kill()
        wait_until(lambda: mail.letters, "a letter")
        letter = mail.letters[0]
        assert letter.subject == f"[critical] Sluice at 127.0.0.1:{port} does not answer"
        assert "the process is not running" in " ".join(letter.text.split())
        assert since(letter.text) >= start
        assert f"What to do: {runbook}#sluicedown" in letter.text
        wait_until(lambda: any(letter.subject == a["title"] for a in slack.attachments()), "both")

        sluice(text, f"--ui-address=127.0.0.1:{port}")
        wait_until(lambda: len(mail.letters) > 1, "the end of it")
        assert mail.letters[1].subject == (f"[resolved] Sluice at 127.0.0.1:{port} does not answer")
    finally:
        prometheus.stop()


def test_a_query_that_failed_reaches_people_while_the_other_one_runs(
        kafka, topic, table, sluice, people, tmp_path):
    alertmanager, slack, mail = people
    name, port, place = topic(), free_port(), table()
    text = PIPELINE.format(broker=kafka.bootstrap, topic=name, place=place)
    run = sluice(text.replace("'drop'", "'fail'"), f"--ui-address=127.0.0.1:{port}")
    prometheus = Prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}", alertmanager.address)
    try:
        kafka.produce(name, ['{"id": 1}'])
        prometheus.wait('sluice_last_commit_timestamp_seconds{query="holes"} > 0')
        kafka.produce(name, ["no JSON"])
        prometheus.wait_alert("SluiceQueryFailed", query="holes")
        wait_until(lambda: any("holes has failed" in one.subject for one in mail.letters), "a letter")
        letter = next(one for one in mail.letters if "holes has failed" in one.subject)
        assert letter.subject == ("[critical] Query holes has failed and will not start again by "
                                  "itself")
        said = " ".join(letter.text.split())
        day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-")
        assert f"Its last commit was at {day}" in said and "query=holes" in said
        assert "runbook.md#sluicequeryfailed" in letter.html
        assert prometheus.value('sluice_query_state{query="letters",state="failed"}') == 0
        assert run.process.exit_code is None
    finally:
        prometheus.stop()


def test_a_store_that_is_away_reaches_people_and_its_return_too(
        own_minio, table, load, kafka, sluice, people, tmp_path):
    alertmanager, slack, mail = people
    store, port = own_minio(), free_port()
    place = table(store)
    run = sluice(PIPELINE.format(broker=kafka.bootstrap, topic=load(), place=place),
                 f"--ui-address=127.0.0.1:{port}", env=store.sluice_env())
    prometheus = Prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}", alertmanager.address)
    try:
        prometheus.wait('sluice_last_commit_timestamp_seconds{query="letters"} > 0')
        store.process.kill()
        prometheus.wait_alert("SluiceStoreDown", query="letters")
        title = "The store of letters does not answer as it should"
        wait_until(lambda: any(title in one.subject for one in mail.letters), title)
        letter = next(one for one in mail.letters if title in one.subject)
        assert letter.subject == f"[critical] {title}"
        said = " ".join(letter.text.split())
        assert re.search(r"again [\d.]+k? times in the last 5 minutes and commits nothing", said)
        assert "Its last commit was at 20" in said
        store.start()
        wait_until(lambda: any(one.subject == f"[resolved] {title}" for one in mail.letters),
                   "its end")
        assert run.process.exit_code is None
    finally:
        prometheus.stop()


def test_brokers_that_are_away_reach_people_and_their_return_too(
        own_kafka, table, sluice, people, tmp_path):
    alertmanager, slack, mail = people
    broker, port, place = own_kafka(), free_port(), table()
    name = broker.create_topic("events", 2)
    text = PIPELINE.format(broker=broker.bootstrap, topic=name, place=place)
    run = sluice(text.replace("'kafka.statistics.interval.ms' = '500', ", ""),
                 f"--ui-address=127.0.0.1:{port}")
    prometheus = Prometheus(tmp_path / "prometheus", f"127.0.0.1:{port}", alertmanager.address)
    try:
        broker.produce(name, ['{"id": 1}'])
        prometheus.wait('sluice_last_commit_timestamp_seconds{query="letters"} > 0')
        prometheus.wait('sluice_kafka_brokers_up{query="letters"} > 0')
        broker.process.kill()
        prometheus.wait_alert("SluiceKafkaDown", query="letters")
        title = "Query letters reaches no Kafka broker"
        wait_until(lambda: any(one.subject == f"[critical] {title}" for one in mail.letters), title)
        assert run.process.exit_code is None
        broker.start()
        wait_until(lambda: any(one.subject == f"[resolved] {title}" for one in mail.letters),
                   "its end")
    finally:
        prometheus.stop()


# --- the runbook's commands -------------------------------------------------------------


def commands(path) -> list[list[str]]:
    text = path.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(sluice [a-z][^`]*)`", text)
    return [line.split() for line in lines if line.startswith("sluice ")]


def test_the_commands_of_the_runbook_are_there_with_their_options():
    found = commands(deps.TREE / "docs/runbook.md")
    assert len(found) >= 10
    for words in found:
        help_text = command(words[1], "--help").stdout
        assert f"Usage: sluice {words[1]}" in help_text, words
        if words[1] in ("offsets", "deadletters", "table"):
            assert re.search(rf"^  {words[2]} ", help_text, re.M), words
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert option in help_text, words

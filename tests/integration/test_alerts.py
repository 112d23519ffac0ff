# SPDX-License-Identifier: Apache-2.0
"""The alerts of deploy/prometheus, the messages of deploy/alertmanager: each alert fires when it should
and stays silent when it should, and what it says reaches people with a link to what to do."""

import datetime
import html
import re
import shlex
import subprocess

import pytest
import yaml
from sluicetest import deps
from sluicetest.monitoring import DEPLOY, RULES, Alertmanager, Mail, Slack, rules
from sluicetest.process import wait_until

RUNBOOK = deps.TREE / "docs/runbook.md"
RULE_TESTS = DEPLOY / "prometheus/tests/sluice_test.yml"
ALERTS = {rule["alert"]: rule for rule in rules()}


def tool(name: str, *args, fine: bool = True) -> str:
    done = subprocess.run([deps.need(f"bin/{name}"), *map(str, args)], capture_output=True, text=True)
    assert (done.returncode == 0) == fine, done.stdout + done.stderr
    return done.stdout + done.stderr


def anchor(heading: str) -> str:
    """As GitHub and its like make them."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


# --- the files --------------------------------------------------------------


def test_promtool_and_amtool_accept_the_files():
    assert "SUCCESS" in tool("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")
    assert "SUCCESS" in tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert "SUCCESS" in tool("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")


def test_each_alert_fires_and_does_not():
    assert "SUCCESS" in tool("promtool", "test", "rules", RULE_TESTS)


def test_each_alert_has_a_test_that_fires_and_one_that_does_not():
    fired, silent = set(), set()
    for case in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        for check in case["alert_rule_test"]:
            (fired if check["exp_alerts"] else silent).add(check["alertname"])
    assert fired == silent == set(ALERTS)


def test_another_threshold_fails_the_tests_of_the_rules(tmp_path):
    """They would notice."""
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    text = RULES.read_text()
    assert "> 0.01" in text
    (tmp_path / "rules/sluice.yml").write_text(text.replace("> 0.01", "> 0.1"))
    (tmp_path / "tests/sluice_test.yml").write_text(RULE_TESTS.read_text())
    assert "SluiceDeadLetters" in tool("promtool", "test", "rules",
                                       tmp_path / "tests/sluice_test.yml", fine=False)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_links_to_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert "$labels.instance" in notes["description"]
    assert "$labels.query" in notes["summary"] or "$labels.instance" in notes["summary"]
    link = re.fullmatch(r"\{\{ \$externalLabels\.sluice_docs \}\}/(.+)#(.+)", notes["runbook_url"])
    page = deps.TREE / "docs" / link[1]
    assert link[2] == name.lower() and link[2] in anchors(page.read_text())


def test_the_runbook_has_a_section_for_each_alert_with_meaning_looking_and_doing():
    sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.M)[1:]
    of_alerts = {s.split("\n", 1)[0]: s for s in sections if s.startswith("Sluice")}
    assert set(of_alerts) == set(ALERTS)
    for name, text in of_alerts.items():
        for part in ("**Meaning.**", "**Look.**", "**Do.**"):
            assert part in text, f"{name}: {part}"
        severity = ALERTS[name]["labels"]["severity"]
        assert f"*{severity}*" in text, f"{name} is {severity}"


def test_links_within_the_pages_on_monitoring_lead_somewhere():
    for page in (RUNBOOK, deps.TREE / "docs/monitoring.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            if target.startswith("http"):
                continue
            path, _, name = target.partition("#")
            other = (page.parent / path).resolve() if path else page
            assert other.exists(), f"{page.name}: {target}"
            if name:
                assert name in anchors(other.read_text()), f"{page.name}: {target}"


def test_the_table_of_alerts_is_complete():
    table = (deps.TREE / "docs/monitoring.md").read_text()
    rows = dict(re.findall(r"^\| \[(Sluice\w+)\]\(runbook\.md#\w+\) \| (\w+) \|", table, re.M))
    assert rows == {name: rule["labels"]["severity"] for name, rule in ALERTS.items()}


# --- who hears of it ----------------------------------------------------------


@pytest.mark.parametrize("severity, receiver, again", [
    ("critical", "slack-and-email", "1h"), ("warning", "slack", "4h"), ("info", "slack", "3d")])
def test_an_alert_goes_where_its_severity_says(severity, receiver, again):
    out = tool("amtool", "config", "routes", "test", f"severity={severity}", "alertname=SluiceDown",
               f"--config.file={DEPLOY}/alertmanager/alertmanager.yml")
    assert out.splitlines()[0] == receiver
    route = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())["route"]
    own = [r for r in route["routes"] if r["matchers"] == [f'severity = "{severity}"']]
    assert (own or [route])[0]["repeat_interval"] == again


@pytest.fixture
def slack():
    webhook = Slack()
    yield webhook
    webhook.stop()


@pytest.fixture
def mail(tmp_path):
    server = Mail(tmp_path / "mail")
    yield server
    server.stop()


@pytest.fixture
def alertmanager(tmp_path, slack, mail):
    server = Alertmanager(tmp_path / "alertmanager", slack, mail)
    yield server
    server.stop()


def alert(name: str, start: datetime.datetime, end: datetime.datetime | None = None,
          **labels: str) -> dict:
    """As Prometheus would send it; the texts are not the rule's."""
    if name in ALERTS:
        labels = {"severity": ALERTS[name]["labels"]["severity"], **labels}
    times = {"startsAt": start.isoformat()}
    if end:
        times["endsAt"] = end.isoformat()
    return {"labels": {"alertname": name, "job": "sluice", "instance": "sluice:4040", **labels},
            "annotations": {"summary": f"{name} & <it>", "description": f"What {name} means.",
                            "runbook_url": f"https://docs/runbook.md#{name.lower()}"},
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up", **times}


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def clock(time: datetime.datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def test_a_message_says_since_when_and_links_and_its_end_is_told(alertmanager, slack, mail):
    start = now() - datetime.timedelta(minutes=7)
    alertmanager.post([alert("SluiceQueryFailed", start, query="orders")])
    wait_until(lambda: slack.posts and mail.letters, "messages")
    [shown] = slack.attachments()
    assert shown["title"] == "[critical] SluiceQueryFailed & <it>"
    assert shown["title_link"] == "https://docs/runbook.md#sluicequeryfailed"
    assert shown["color"] == "danger"
    assert shown["text"].splitlines() == [
        "What SluiceQueryFailed means.",
        f"Since {clock(start)} UTC · <https://docs/runbook.md#sluicequeryfailed|What to do>"
        " · <http://prometheus:9090/graph?g0.expr=up|In Prometheus>"]
    letter = mail.letters[0]
    assert letter.subject == "[critical] SluiceQueryFailed & <it>"
    assert "oncall@example.org" in letter.to and "sluice@example.org" in letter.sender
    assert f"Since {clock(start)} UTC" in letter.text
    assert "What to do: https://docs/runbook.md#sluicequeryfailed" in letter.text
    assert "query=orders" in letter.text
    assert "SluiceQueryFailed &amp; &lt;it&gt;" in letter.html
    assert 'href="https://docs/runbook.md#sluicequeryfailed"' in letter.html

    end = now()
    alertmanager.post([alert("SluiceQueryFailed", start, end, query="orders")])
    wait_until(lambda: len(slack.posts) > 1 and len(mail.letters) > 1, "the end")
    shown = slack.attachments()[1]
    assert shown["title"] == "[resolved] SluiceQueryFailed & <it>"
    assert shown["color"] == "good"
    assert f"From {clock(start)} to {clock(end)} UTC" in shown["text"]
    assert f"From {clock(start)} to {clock(end)} UTC" in html.unescape(mail.letters[1].html)


def test_alerts_of_one_kind_come_as_one_message_and_warnings_only_to_slack(
        alertmanager, slack, mail):
    # Alerts are taken up one by one; one that began longer ago than group_wait is not waited with.
    start = now()
    alertmanager.post([alert("SluiceLagGrowing", start, query="orders", topic=topic)
                       for topic in ("a", "b", "c")])
    together = "[warning] SluiceLagGrowing & <it> (and 2 more)"
    wait_until(lambda: [a for a in slack.attachments() if a["title"] == together], "a message")
    shown = slack.attachments()[-1]
    assert shown["color"] == "warning"
    assert shown["text"].count("Since ") == 3
    # Something critical after it, whose letter has come: none came before it.
    alertmanager.post([alert("SluiceDown", start)])
    wait_until(lambda: mail.letters, "a letter")
    assert [letter.subject for letter in mail.letters] == ["[critical] SluiceDown & <it>"]


def test_secrets_may_come_later(alertmanager, slack, mail):
    """Without them it runs, says in its log what it misses, and sends once they are there."""
    kept = {}
    for file in sorted((alertmanager.process.folder / "secrets").iterdir()):
        kept[file] = file.read_text()
        file.unlink()
    alertmanager.post([alert("SluiceDown", now())])
    for file in kept:
        alertmanager.process.wait_until(
            lambda file=file: re.search(f"{file}.*no such file", alertmanager.process.output), "why")
    assert not slack.posts and not mail.letters
    for file, text in kept.items():
        file.write_text(text)
    wait_until(lambda: slack.posts and mail.letters, "messages")


def test_the_alert_by_hand_of_the_page_arrives(alertmanager, slack, mail):
    page = (deps.TREE / "docs/monitoring.md").read_text()
    text = page.partition("\namtool alert add")[2].partition("\n```")[0].replace("\\\n", " ")
    assert "http://localhost:9093" in text
    tool("amtool", "alert", "add", *shlex.split(text.replace("localhost:9093", alertmanager.address)))
    wait_until(lambda: slack.posts and mail.letters, "messages")
    assert slack.attachments()[0]["title"] == mail.letters[0].subject == "[critical] A test"
    assert slack.attachments()[0]["text"].startswith("Nothing is wrong.\nSince ")


@pytest.mark.parametrize("cause, silenced, told", [
    ("SluiceDown", {"SluiceQueryFailed", "SluiceMemoryHigh", "SluiceNoData"}, set()),
    ("SluiceQueryFailed", {"SluiceNoData", "SluiceLagGrowing", "SluiceCommitsFailing"},
     {"SluiceDeadLetters"}),
    ("SluiceStoreDown", {"SluiceCommitsFailing", "SluiceQueryRestarting", "SluiceStoreErrors"},
     {"SluiceDeadLetters", "SluiceCheckpointOld"}),
    ("SluiceCommitsFailing", {"SluiceLagGrowing", "SluiceLatencyHigh"}, {"SluiceStoreErrors"})])
def test_what_follows_from_an_alert_is_not_told_beside_it(alertmanager, cause, silenced, told):
    start = now()
    alertmanager.post([alert(name, start, query="orders") for name in {cause} | silenced | told]
                      + [alert(min(silenced), start, query="orders", instance="other:4040")])

    def states():
        found = {(a["labels"]["alertname"], a["labels"]["instance"]): a["status"]
                 for a in alertmanager.alerts()}
        return found if all(s["state"] != "unprocessed" for s in found.values()) else None

    found = wait_until(states, "what became of the alerts")
    suppressed = {key for key, status in found.items() if status["state"] == "suppressed"}
    assert suppressed == {(name, "sluice:4040") for name in silenced}

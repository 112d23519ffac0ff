# SPDX-License-Identifier: Apache-2.0
"""The log as a person on call reads it: its lines, levels, events; and that it tells no secret."""

import json
import pathlib
import re
import secrets
import urllib.parse

import pytest
from sluicetest.process import free_port
from sluicetest.sluice import command
from test_source import SOON_BACK, add_login_listener

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELD = re.compile(r'(\w+)=("(?:\\.|[^"\\])*"|[^ ]*)(?: |$)')


def logfmt(line):
    """A line as a dict; it must be logfmt from its beginning to its end."""
    fields, at = {}, 0
    while at < len(line):
        found = FIELD.match(line, at)
        assert found, (line, at)
        value = found.group(2)
        assert found.group(1) not in fields, line
        fields[found.group(1)] = json.loads(value) if value.startswith('"') else value
        at = found.end()
    return fields


def logged(text):
    return [logfmt(line) for line in text.splitlines() if line.startswith("ts=")]


def events(lines, *names):
    return [line for line in lines if line["event"] in names]


def pipeline(broker, name, place, more="", table=""):
    return (f"CREATE STREAM s (n INT) USING kafka OPTIONS ('kafka.bootstrap.servers' = "
            f"'{broker}', subscribe = '{name}', startingOffsets = 'earliest'{more});\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS (trigger = '0 seconds'{table})\n"
            f"AS SELECT n FROM s;\n")


# --- what it tells ---------------------------------------------------------------------------


def test_a_start_says_at_once_what_it_does(kafka, topic, table, tmp_path):
    name, place = topic(3), table()
    kafka.produce(name, [json.dumps({"n": n}) for n in range(30)])
    file = tmp_path / "orders.sql"
    file.write_text(pipeline(kafka.bootstrap, name, place))
    done = command("run", file, "--available-now")
    assert done.exit_code == 0, done.stderr
    lines = logged(done.stderr)
    assert len(lines) == len(done.stderr.splitlines())
    story = [line["event"] for line in lines]
    assert story[:5] == ["ui", "starting", "connected", "reading", "running"]
    assert story[-1] == "stopped" and "batch" in story
    ui, starting, connected, reading, running = lines[:5]
    assert ui["module"] == "http" and ui["url"].startswith("http://127.0.0.1:")
    assert starting["pipeline"] == str(file) and starting["module"] == "job"
    assert starting["version"] == re.search(r"sluice (\S+)", command("version").stdout).group(1)
    assert connected["to"] == kafka.bootstrap and connected["module"] == "connect"
    assert reading["topic"] == name and reading["partitions"] == "3"
    assert reading["resumed"] == "0" and reading["offsets"] == "0:0,1:0,2:0"
    assert running["table"] == place.location and running["created"] == "true"
    assert all(line["query"] == "t" for line in lines[2:])
    assert (lines[-1]["outcome"], lines[-1]["input_rows"], lines[-1]["output_rows"]) == (
        "ended", "30", "30")
    assert sum(int(line["input_rows"]) for line in events(lines, "batch")) == 30

    again = logged(command("run", file, "--available-now").stderr)
    assert events(again, "running")[0]["created"] == "false"
    [reading] = events(again, "reading")
    assert reading["resumed"] == "3"
    assert sum(int(part.split(":")[1]) for part in reading["offsets"].split(",")) == 30


def test_json_has_the_same_fields(kafka, topic, table, sluice):
    name, place = topic(1), table()
    kafka.produce(name, ['{"n": 1}'])
    run = sluice(pipeline(kafka.bootstrap, name, place))
    run.wait_rows(place, 1)
    assert run.stop() == 0
    lines = run.log_lines()
    assert len(lines) == len(run.stderr.splitlines())
    for line in lines:
        assert list(line)[:4] == ["ts", "level", "module", "event"]
    story = [line["event"] for line in lines]
    assert [e for e in story if e != "batch"] == [
        "ui", "starting", "connected", "reading", "running", "stopping", "stopped"]
    [running] = events(lines, "running")
    assert running["created"] is True and isinstance(running["version"], int)
    assert lines[-1]["outcome"] == "stopped"


def test_a_broker_that_goes_and_comes_back_is_told(own_kafka, table, sluice):
    broker = own_kafka()
    name, place = broker.create_topic(), table()
    broker.produce(name, ['{"n": 1}'])
    run = sluice(pipeline(broker.bootstrap, name, place))
    run.wait_rows(place, 1)
    broker.process.kill()
    run.wait_log('"event":"source down"')
    broker.start()
    broker.produce(name, ['{"n": 2}'])
    run.wait_rows(place, 2)
    assert run.stop() == 0
    lines = run.log_lines()
    [down, back] = events(lines, "source down", "source back")
    assert (down["level"], down["module"], down["stream"]) == ("warn", "connect", "s")
    assert back["event"] == "source back" and back["down_ms"] > 0
    kafka_lines = events(lines, "librdkafka")
    assert kafka_lines and {line["module"] for line in kafka_lines} == {"kafka"}
    assert all(line["query"] == "t" for line in kafka_lines)
    assert len(lines) == len(run.stderr.splitlines())  # nothing of the library's own format


def test_retries_of_the_store_are_seen_and_counted(own_minio, tmp_path, table, sluice):
    store = own_minio()
    place, lines = table(store), tmp_path / "input.jsonl"
    lines.write_text('{"n": 0}\n')
    run = sluice(f"CREATE STREAM s (n INT) USING file OPTIONS (path = '{lines}');\n"
                 f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS (trigger = '0 seconds')\n"
                 f"AS SELECT n FROM s;\n", env=store.sluice_env())
    run.wait_rows(place, 1)
    store.process.kill()
    with open(lines, "a") as file:
        file.write('{"n": 1}\n')
    run.wait_log('"event":"retrying"')
    store.start()
    run.wait_rows(place, 2)
    assert run.stop() == 0
    retries = events(run.log_lines(), "retrying")
    first = retries[0]
    assert (first["level"], first["module"], first["query"]) == ("warn", "store", "t")
    assert first["operation"] in ("put", "get", "head", "list", "delete")
    assert first["status"] == 0 and first["attempts"] == 1 and first["key"] and first["reason"]
    if first["operation"] == "put":
        assert first["batch"] > 0


@pytest.mark.parametrize("source", ["option", "environment"])
def test_levels_by_module(tmp_path, table, source):
    lines, place = tmp_path / "input.jsonl", table()
    lines.write_text('{"n": 0}\n')
    file = tmp_path / "p.sql"
    file.write_text(f"CREATE STREAM s (n INT) USING file OPTIONS (path = '{lines}');\n"
                    f"CREATE STREAMING TABLE t LOCATION '{place}' AS SELECT n FROM s;\n")
    args, env = (["--log-level=warn,delta=debug"], {})
    if source == "environment":
        args, env = [], {"SLUICE_LOG_LEVEL": "warn,delta=debug", "SLUICE_LOG_FORMAT": "json"}
    done = command("run", file, "--available-now", *args, env=env)
    assert done.exit_code == 0, done.stderr
    read = ([json.loads(line) for line in done.stderr.splitlines()] if env
            else logged(done.stderr))
    assert [line["event"] for line in read] == ["committed"]
    assert read[0]["module"] == "delta" and read[0]["level"] == "debug"


@pytest.mark.parametrize("given, says", [
    ("loud", 'there is no level "loud", but debug, info, warn, error'),
    ("info,stor=debug", 'there is no module "stor"; did you mean "store"?')])
def test_a_level_that_there_is_not_is_named(given, says):
    for done, where in ((command("version", f"--log-level={given}"), "--log-level"),
                        (command("version", env={"SLUICE_LOG_LEVEL": given}), "SLUICE_LOG_LEVEL")):
        assert done.exit_code == 2
        assert f'{where} is "{given}": {says}' in done.stderr


# --- what the page says ------------------------------------------------------------------------


CALL = re.compile(r"(?<![\w])log_(line|often|err)(_in)?\(((?:[^;\"]|\"(?:\\.|[^\"\\])*\")*);")
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')


def events_of_the_sources():
    """(event, module, level or None) of every call that logs."""
    found = set()
    for path in sorted((ROOT / "src").rglob("*.c")):
        if path.name.endswith("_test.c") or path == ROOT / "src/base/log.c":
            continue
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        for call in CALL.finditer(text):
            head = re.split(r"\bLOG_(?:S|STR|I|D|J|END)\b", call.group(3))[0]
            module = re.search(r"LOG_MODULE_(\w+)", head)
            level = re.search(r"LOG_(DEBUG|INFO|WARN|ERROR)\b", head)
            names = LITERAL.findall(head)
            assert names, (path, call.group(0))
            for name in names:
                found.add((name, module.group(1).lower() if module else path.parent.name,
                           level.group(1).lower() if level else None))
    return found


def test_the_page_has_every_event_and_no_other():
    rows = re.findall(r"^\| `([a-z ]+)`(?: ↻)? \| (\w+) \| ([\w, ]+) \|",
                      (ROOT / "docs/logs.md").read_text(), re.M)
    documented = {(event, module): level for event, module, level in rows}
    assert len(documented) == len(rows)
    assert documented.pop(("suppressed", "any")) and documented.pop(("exit", "cli"))
    sources = events_of_the_sources()
    assert len(sources) > 20
    assert {(event, module) for event, module, _ in sources} == set(documented)
    for event, module, level in sources:
        assert level is None or level == documented[event, module], (event, module, level)


# --- secrets -----------------------------------------------------------------------------------


class Canary:
    """A password with characters that every encoding changes."""

    def __init__(self):
        self.text = "c4n/" + secrets.token_hex(6) + '"\\+é &x'
        self.core = self.text[4:16]  # no form of it is without this

    def __str__(self):
        return self.text.replace("'", "''")


def forms(text):
    quoted = json.dumps(text)[1:-1]
    return {text, quoted, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(quoted)[1:-1],
            urllib.parse.quote(text, safe=""), urllib.parse.quote(text), urllib.parse.quote_plus(text)}


def assert_silent(printed, *canaries):
    assert printed
    for canary in canaries:
        for form in forms(canary.text):
            assert form not in printed
        at = printed.find(canary.core)
        assert at < 0, printed[max(0, at - 200):at + 100]


def everything(file, env=None, *more):
    """What the commands print about a pipeline, in both formats, with all that there is to tell."""
    printed = ""
    for kind in ("json", "logfmt"):
        for args in (["check", file], ["check", "--connect", "--timeout=2", file],
                     ["run", "--available-now", file], ["offsets", "show", file],
                     ["run", "--no-such-option", file], ["check", file, "--help"], *more):
            done = command(*args, "--log-level=debug", f"--log-format={kind}", env=env)
            printed += done.stdout + done.stderr
    return printed


def test_secrets_of_a_store_are_told_by_nothing(minio, table, tmp_path):
    lines, place = tmp_path / "input.jsonl", table(minio)
    lines.write_text('{"n": 1}\n')
    secret, token, inline = Canary(), Canary(), Canary()

    def text(more="", select="n", location=place, first=""):
        return (f"{first}CREATE STREAM s (n INT) USING file OPTIONS (path = '{lines}');\n"
                f"CREATE STREAMING TABLE t LOCATION '{location}' OPTIONS ("
                f"'s3.endpoint' = '{minio.endpoint}', 's3.access.key' = '{minio.access_key}', "
                f"'s3.secret.key' = '{secret}', 's3.session.token' = '{token}'{more})\n"
                f"AS SELECT {select} FROM s;\n")

    plain = urllib.parse.quote(inline.text, safe="")
    for n, sql in enumerate([
            text(), text(select="no_such"), text(more=", 'no.such' = 'x'"),
            text(more=" 's3.region' = 'x'"), text(more=f", 's3.password' = '{inline}'"),
            text(location=f"s3a://key:{plain}@bucket/t"),
            text().replace(minio.endpoint, f"http://user:{plain}@127.0.0.1:{minio.port}"),
            text(first=f"SET secret = '{inline}';\n"),
            text(first=f"SET memory_limit = 'x://u:{plain}@h';\n"),
            text()[:-20]]):
        file = tmp_path / f"{n}.sql"
        file.write_text(sql)
        assert_silent(everything(file, None, ["deadletters", "show", file]), secret, token, inline)
    file = tmp_path / "env.sql"
    file.write_text(text(more=", queryName = '${QUERY_PASSWORD}'").replace(
        str(secret), "${LAKE_SECRET}"))
    env = {"LAKE_SECRET": secret.text, "QUERY_PASSWORD": inline.text}
    assert_silent(everything(file, env), secret, token, inline)


def topic_behind_a_login(own_kafka) -> tuple[str, int]:
    """A topic with one message, and the port of a listener that wants a password."""
    broker, port = own_kafka(properties=SOON_BACK), free_port()
    broker.process.kill()
    add_login_listener(broker.folder / "server.properties", port)
    broker.start()
    name = broker.create_topic()
    broker.produce(name, ['{"n": 1}'])
    return name, port


def test_secrets_of_a_broker_are_told_by_nothing(own_kafka, table, tmp_path):
    name, port = topic_behind_a_login(own_kafka)
    for n, mechanism in enumerate(["PLAIN", "SCRAM-SHA-256"]):
        password, key = Canary(), Canary()
        login = {"kafka.security.protocol": "SASL_PLAINTEXT", "kafka.sasl.mechanism": mechanism,
                 "kafka.sasl.username": "bob", "kafka.sasl.password": str(password),
                 "kafka.ssl.key.password": str(key), "kafka.debug": "all"}
        file = tmp_path / f"sasl-{n}.sql"
        file.write_text(pipeline(f"127.0.0.1:{port}", name, table(),
                                 "".join(f", '{k}' = '{v}'" for k, v in login.items())))
        printed = everything(file, None, ["produce", "-p", file, "-t", name, "/dev/null"])
        assert "module=kafka" in printed and '"module":"kafka"' in printed
        assert_silent(printed, password, key)
    jaas = Canary()
    line = ('org.apache.kafka.common.security.plain.PlainLoginModule required username="bob" '
            'password="' + jaas.core + '";')
    file = tmp_path / "jaas.sql"
    file.write_text(pipeline(f"127.0.0.1:{port}", name, table(), (
        ", 'kafka.security.protocol' = 'SASL_PLAINTEXT', 'kafka.sasl.mechanism' = 'PLAIN', "
        f"'kafka.sasl.jaas.config' = '{line}'")))
    assert_silent(everything(file), jaas)


def test_a_right_password_is_not_told_either(own_kafka, table, tmp_path):
    name, port = topic_behind_a_login(own_kafka)
    file = tmp_path / "right.sql"
    place = table()
    file.write_text(pipeline(f"127.0.0.1:{port}", name, place, (
        ", 'kafka.security.protocol' = 'SASL_PLAINTEXT', 'kafka.sasl.mechanism' = 'PLAIN', "
        "'kafka.sasl.username' = 'bob', 'kafka.sasl.password' = '${KAFKA_PASSWORD}', "
        "'kafka.debug' = 'security,broker'")))
    printed = everything(file, {"KAFKA_PASSWORD": "bob-secret"})
    assert place.count() == 1
    assert "numInputRows" in printed and "bob-secret" not in printed


def test_secrets_of_a_registry_are_told_by_nothing(kafka, registry, topic, table, tmp_path):
    name = topic(1)
    kafka.produce(name, ['{"n": 1}'])
    password, token = Canary(), Canary()
    url = registry.url
    host = url.split("://")[1]
    plain = urllib.parse.quote(password.text, safe="")
    for n, (address, login) in enumerate([
            (url, f"'schema.registry.basic.auth.user.info' = 'bob:{password}'"),
            (url, f"'schema.registry.bearer.auth.token' = '{token.core}'"),
            (f"http://bob:{plain}@{host}", "'schema.registry.version' = '1'"),
            (f"bob:{plain}@{host}", "'schema.registry.version' = '1'"),
            ("http://127.0.0.1:1", f"'schema.registry.basic.auth.user.info' = 'bob:{password}'")]):
        file = tmp_path / f"{n}.sql"
        file.write_text(pipeline(kafka.bootstrap, name, table(), (
            f", 'value.format' = 'avro', 'schema.registry.url' = '{address}', {login}")))
        assert_silent(everything_bounded(file), password, token)


def everything_bounded(file):
    """The same without a run, which would wait for a registry that is away."""
    printed = ""
    for kind in ("logfmt", "json"):
        for args in (["check", file], ["check", "--connect", "--timeout=2", file],
                     ["offsets", "show", file]):
            done = command(*args, "--log-level=debug", f"--log-format={kind}")
            printed += done.stdout + done.stderr
    return printed

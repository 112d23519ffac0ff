# SPDX-License-Identifier: Apache-2.0
"""The command line, as far as it needs no server: help, errors and exit codes,
check, and query and table on local Delta tables against what delta-rs reads."""

import csv
import http.server
import io
import json
import pathlib
import re
import signal
import socket
import subprocess
import threading

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sluicetest import deps
from sluicetest.process import Process
from sluicetest.sluice import command

COMMANDS = ["run", "check", "query", "table", "offsets", "produce", "health", "demo", "version"]

GENERATED = """
CREATE STREAM events (
    event_id STRING, user_id BIGINT, event_type STRING, ts BIGINT, country STRING,
    device STRING, amount DOUBLE, quantity INT, url STRING, ok BOOLEAN
) USING generator OPTIONS (kind = 'events', numRows = 1000, rowsPerSecond = 0);

CREATE STREAMING TABLE events_by_country
LOCATION '{table}'
PARTITIONED BY (country)
AS SELECT event_id, user_id, amount, quantity, ok, country FROM events;
"""


def expect(result, exit_code: int, *texts: str):
    assert result.exit_code == exit_code, result.stderr
    for text in texts:
        assert text in result.stderr
    return result


def rows_of(table: pa.Table) -> list[str]:
    """Rows in an order and a form in which they can be compared."""
    return sorted(repr(_plain(row)) for row in table.to_pylist())


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        pairs = value and all(isinstance(v, tuple) and len(v) == 2 for v in value)
        return sorted(map(repr, value)) if pairs else [_plain(v) for v in value]
    return "NaN" if isinstance(value, float) and value != value else value


def query_rows(tmp_path: pathlib.Path, sql: str, *args, env: dict | None = None) -> pa.Table:
    out = tmp_path / "result.parquet"
    expect(command("query", "--format", "parquet", "-o", out, sql, *args, env=env), 0)
    return pq.read_table(out)


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """A table of 1,000 generated events that Sluice wrote, and its pipeline file."""
    folder = tmp_path_factory.mktemp("generated")
    pipeline = folder / "pipeline.sql"
    pipeline.write_text(GENERATED.format(table=folder / "table"))
    expect(command("run", "--available-now", pipeline), 0)
    return folder / "table", pipeline


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    archive = deps.TREE.parent / "shared/data/delta-tables.tar.zst"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    folder = tmp_path_factory.mktemp("corpus")
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", folder], check=True)
    return folder


# --- help and errors ------------------------------------------------------------


def test_help_lists_the_commands_and_the_exit_codes():
    for args in (["--help"], ["-h"], ["help"]):
        out = expect(command(*args), 0).stdout
        for name in COMMANDS:
            assert re.search(rf"^  {name}\s", out, re.M), name
        for code in (0, 1, 2, 3, 4, 5, 6, 7, 130):
            assert re.search(rf"^  {code}\s", out, re.M), code


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name):
    by_option = expect(command(name, "--help"), 0).stdout
    by_word = expect(command("help", name), 0).stdout
    assert by_option == by_word
    for part in (f"Usage: sluice {name}", "Options:", "Examples:", "Exit codes:"):
        assert part in by_option
    assert max(map(len, by_option.splitlines())) <= 130


@pytest.mark.parametrize("args, message", [
    ([], "no command was given"),
    (["rnu", "x.sql"], 'unknown command "rnu"; did you mean "run"?'),
    (["help", "qery"], 'did you mean "query"?'),
    (["xyzzy"], 'unknown command "xyzzy"; `sluice help` lists them'),
    (["run", "--availble-now", "x.sql"], 'did you mean "--available-now"?'),
    (["run"], "FILE.sql is missing; without one, KAFKA_TOPIC and DELTA_LAKE_PATH must be set"),
    (["run", "a.sql", "b.sql"], "usage: sluice run"),
    (["run", "--grace", "soon", "a.sql"], "--grace"),
    (["run", "--grace"], "--grace needs a value"),
    (["table", "histroy", "x"], 'did you mean "history"?'),
    (["table", "show"], "usage: sluice table show PATH"),
    (["table", "show", "x", "--limit", "3"], "--limit does not belong"),
    (["offsets"], "needs one of show, set"),
    (["query", "--format", "xml", "SELECT 1"], "table|csv|json|parquet"),
    (["produce", "x"], "--topic is missing"),
])
def test_a_wrong_command_line_says_what_is_wrong(args, message):
    result = expect(command(*args), 2, "sluice: error: ", message)
    assert result.stdout == ""


def test_an_error_can_be_json():
    result = expect(command("query", "--log-format=json", "SELEC 1"), 2)
    error = json.loads(result.stderr)
    assert error["level"] == "error" and error["code"] == "config" and error["retry"] is False
    assert "SELEC" in error["message"]
    result = expect(command("run", "--bogus", "--log-format", "json"), 2)
    assert "--bogus" in json.loads(result.stderr)["message"]


def test_version_names_the_libraries():
    assert re.fullmatch(r"sluice \d+\.\d+\.\d+\n", expect(command("--version"), 0).stdout)
    out = expect(command("version", "--verbose"), 0).stdout
    for name in ("sluice", "librdkafka", "duckdb", "libcurl", "openssl"):
        assert re.search(rf"^{name}\s+v?\d+\.", out, re.M), name


def test_output_nobody_reads_is_no_error_message(generated):
    table, _ = generated
    argv = [deps.sluice_binary(), "query", "--format=json",
            f"SELECT * FROM delta_scan('{table}'), range(1000)"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 130
        assert process.stderr.read() == b""


# --- check ----------------------------------------------------------------------


def check(tmp_path, text: str):
    path = tmp_path / "p.sql"
    path.write_text(text)
    return command("check", path)


def test_check_explains_a_pipeline_and_touches_nothing(tmp_path):
    out = expect(check(tmp_path, GENERATED.format(table=tmp_path / "t")), 0).stdout
    assert "events_by_country" in out and "country STRING" in out and "is fine" in out
    assert not (tmp_path / "t").exists()


def test_check_with_connect_compares_with_the_table(generated, tmp_path):
    table, pipeline = generated
    out = expect(command("check", "--connect", pipeline), 0).stdout
    assert "its schema fits" in out
    version = deltalake.DeltaTable(table).version()
    other = pipeline.read_text().replace("SELECT event_id,", "SELECT 1 AS event_id,")
    expect(command("check", "--connect", _file(tmp_path, other)), 2, "event_id")
    assert deltalake.DeltaTable(table).version() == version


def _file(folder, text) -> pathlib.Path:
    path = folder / "pipeline.sql"
    path.write_text(text)
    return path


@pytest.mark.parametrize("change, place, message", [
    (("numRows", "numRow"), "5:", "numRows"),
    (("FROM events;", "FROM evnts;"), "10:", "evnts"),
    (("user_id, amount", "user_idd, amount"), "10:", "user_id"),
    (("CREATE STREAMING", "CREATE STREAMNG"), "7:", "STREAMING"),
    (("BIGINT", "BIGINTT"), "3:", "BIGINTT"),
])
def test_check_errors_name_their_place(tmp_path, change, place, message):
    text = GENERATED.format(table=tmp_path / "t")
    assert change[0] in text
    result = expect(check(tmp_path, text.replace(*change, 1)), 2, message)
    assert f"p.sql:{place}" in result.stderr


def test_secrets_are_not_shown(tmp_path):
    text = """CREATE STREAM s (a BIGINT) USING kafka OPTIONS (subscribe = 't',
        'kafka.bootstrap.servers' = 'localhost:9', 'kafka.sasl.mechanism' = 'PLAIN',
        'kafka.security.protocol' = 'SASL_PLAINTEXT', 'kafka.sasl.username' = 'me',
        'kafka.sasl.password' = 'hush-hush');
        CREATE STREAMING TABLE t LOCATION 's3a://b/t'
        OPTIONS ('fs.s3a.access.key' = 'key-id-1', 'fs.s3a.secret.key' = 'top-secret-1')
        AS SELECT a FROM s;"""
    result = expect(check(tmp_path, text), 0)
    assert "hush-hush" not in result.stdout and "top-secret-1" not in result.stdout
    assert "***" in result.stdout


# --- run, query, table on a table that Sluice wrote ------------------------------


def test_query_reads_what_run_wrote_as_delta_rs_does(generated, tmp_path):
    table, _ = generated
    expected = pa.table(deltalake.DeltaTable(table).to_pyarrow_table())
    assert expected.num_rows == 1000
    assert rows_of(query_rows(tmp_path, f"FROM delta_scan('{table}')")) == rows_of(expected)


def test_query_prints_a_table(generated):
    table, _ = generated
    out = expect(command("query", f"SELECT count(*) AS n, 'a' AS t, NULL::VARCHAR AS nothing "
                                  f"FROM delta_scan('{table}')"), 0).stdout
    assert out == "    n | t | nothing\n------+---+---------\n 1000 | a | NULL\n(1 row)\n"


def test_query_prints_csv_and_json(generated):
    table, _ = generated
    sql = (f"SELECT event_id, amount, ok, NULL AS x, 'a,\"b' AS y FROM delta_scan('{table}') "
           "ORDER BY event_id LIMIT 7")
    expected = deltalake.DeltaTable(table).to_pyarrow_table().sort_by("event_id").to_pylist()[:7]
    found = list(csv.DictReader(io.StringIO(expect(command("query", "-fcsv", sql), 0).stdout)))
    assert [r["event_id"] for r in found] == [r["event_id"] for r in expected]
    assert {r["x"] for r in found} == {""} and {r["y"] for r in found} == {'a,"b'}
    lines = expect(command("query", "-f", "json", sql), 0).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [r["amount"] for r in found] == [r["amount"] for r in expected]
    assert [r["ok"] for r in found] == [r["ok"] for r in expected]
    assert {r["x"] for r in found} == {None}


def test_a_streaming_table_is_queried_by_its_name(generated):
    _, pipeline = generated
    sql = "SELECT count(*) AS n FROM events_by_country e WHERE e.quantity IS NOT NULL"
    out = expect(command("query", "--pipeline", pipeline, "-fcsv", sql), 0).stdout
    assert out.splitlines()[0] == "n"


def test_the_query_can_come_from_standard_input(generated):
    table, _ = generated
    text = f"-- how many?\nSELECT count(*) AS n\nFROM delta_scan('{table}'); -- that many\n"
    assert expect(command("query", "-fcsv", "-", stdin=text), 0).stdout == "n\n1000\n"


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('{folder}/../pipeline.sql')",
    "COPY (SELECT 1) TO '{folder}/x.csv'",
    "SELECT 1) TO '{folder}/x.csv' --",
    "SELECT 1; DROP TABLE x",
    "ATTACH '{folder}/x.db'",
    "SELECT getenv('HOME')",
    "",
])
def test_a_query_reaches_nothing_else(generated, sql):
    table, _ = generated
    sql = sql.format(folder=table)
    assert command("query", sql).exit_code == 2
    assert not (table / "x.csv").exists()


def test_an_error_in_a_query_is_one_line_with_its_place(generated):
    table, _ = generated
    result = expect(command("query", f"SELECT\n  nope\nFROM delta_scan('{table}')"), 2, "line 2")
    assert len(result.stderr.splitlines()) == 1


def test_a_table_that_is_not_there(tmp_path):
    expect(command("query", f"FROM delta_scan('{tmp_path}/none')"), 2, "no Delta table")
    expect(command("table", "show", tmp_path / "none"), 2, "no Delta table")
    assert not (tmp_path / "none").exists()


def test_history_show_and_files(generated):
    table, _ = generated
    log = deltalake.DeltaTable(table)
    out = expect(command("table", "history", table), 0).stdout
    assert "version" in out and "CREATE TABLE" in out and "STREAMING UPDATE" in out
    lines = [json.loads(line) for line in
             expect(command("table", "history", "--json", table), 0).stdout.splitlines()]
    assert [line["version"] for line in lines] == list(range(log.version(), -1, -1))
    one = expect(command("table", "history", "--json", "--limit=1", table), 0).stdout
    assert json.loads(one)["version"] == log.version()

    shown = json.loads(expect(command("table", "show", "--json", table), 0).stdout)
    assert shown["version"] == log.version() and shown["numRecords"] == 1000
    assert shown["partitionColumns"] == ["country"]
    assert shown["numFiles"] == len(log.file_uris())
    assert any(name.startswith("sluice/") for name in shown["txns"])
    text = expect(command("table", "show", table), 0).stdout
    assert "partitioned  country" in text and "event_id STRING" in text

    files = [json.loads(line) for line in
             expect(command("table", "files", "--json", "--limit", "1000", table), 0)
             .stdout.splitlines()]
    assert len(files) == len(log.file_uris())
    assert sum(json.loads(f["stats"])["numRecords"] for f in files) == 1000
    first = json.loads(expect(command("table", "show", "--json", "--version", "0", table), 0).stdout)
    assert first["numFiles"] == 0


def test_a_query_is_interrupted_and_leaves_nothing(generated, tmp_path):
    table, _ = generated
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sql = f"SELECT count(*) FROM range(10000000) a, range(1000000) b, delta_scan('{table}')"
    process = Process("query", [deps.sluice_binary(), "query", sql], tmp_path,
                      env={"TMPDIR": str(scratch)})
    process.wait_until(lambda: any(scratch.iterdir()), "its spool")
    assert process.stop(signal.SIGINT) == 130
    assert not any(scratch.iterdir())


# --- query against delta-rs on tables of other writers -----------------------------

SAME = ["dat/all_primitive_types/delta", "dat/basic_append/delta", "dat/basic_partitioned/delta",
        "dat/multi_partitioned/delta", "dat/multi_partitioned_2/delta", "dat/nested_types/delta",
        "dat/no_replay/delta", "dat/with_checkpoint/delta", "dat/with_schema_change/delta",
        "dat/stats_as_struct/delta", "kernel-rs/mixed-nulls", "kernel-rs/basic_partitioned",
        "kernel-rs/data-reader-timestamp_ntz", "kernel-rs/parquet_row_group_skipping",
        "kernel-rs/external-table-different-nullability", "kernel-rs/app-txn-checkpoint",
        "kernel-rs/parsed-stats", "kernel-rs/cdf-table", "spark/delta-0.1.0",
        "spark/history/delta-0.2.0", "spark/transaction_log_schema_evolvability",
        "spark/identity_test_written_by_version_5",
        "kernel-java/kernel-pagination-multi-part-checkpoints",
        "kernel-java/basic-with-checkpoint"]


@pytest.mark.parametrize("name", SAME)
def test_query_equals_delta_rs(corpus, tmp_path, name):
    table = corpus / name
    expected = pa.table(deltalake.DeltaTable(table).to_pyarrow_table())
    found = query_rows(tmp_path, f"FROM delta_scan('{table}')")
    assert found.column_names == expected.column_names
    assert rows_of(found) == rows_of(expected)


def test_an_old_version_is_read_with_its_schema(corpus, tmp_path):
    table = corpus / "dat/with_schema_change/delta"
    for version in (0, 1):
        expected = pa.table(deltalake.DeltaTable(table, version=version).to_pyarrow_table())
        found = query_rows(tmp_path, f"FROM delta_scan('{table}', {version})")
        assert found.column_names == expected.column_names
        assert rows_of(found) == rows_of(expected)


def test_two_tables_and_versions_are_joined(corpus):
    table = corpus / "dat/basic_append/delta"
    sql = (f"SELECT count(*) AS n FROM delta_scan('{table}') a LEFT JOIN "
           f"delta_scan('{table}', 0) b USING (number) WHERE b.number IS NULL")
    now = deltalake.DeltaTable(table).to_pyarrow_table().num_rows
    before = deltalake.DeltaTable(table, version=0).to_pyarrow_table().num_rows
    assert expect(command("query", "-fcsv", sql), 0).stdout == f"n\n{now - before}\n"


@pytest.mark.parametrize("name, what", [
    ("kernel-java/catalog-owned-preview", "catalogManaged"),
    ("kernel-rs/unshredded-variant", "variantType-preview"),
    ("spark/variant-stats-no-checkpoint", "variantType"),
    ("kernel-rs/table-with-geo", "geospatial"),
    ("kernel-rs/void-column", "void"),
])
def test_what_cannot_be_read_right_is_refused_by_name(corpus, name, what):
    expect(command("query", f"FROM delta_scan('{corpus / name}')"), 2, what)


def test_many_partitions_and_odd_names_are_read(tmp_path):
    written, table = tmp_path / "written", tmp_path / "t[1]*?"
    rows = pa.table({"p": [f"v'{i}%/{{}}" if i % 7 else None for i in range(600)],
                     "q\"uote": pa.array(range(600), pa.int32()), "filename": ["f"] * 600})
    deltalake.write_deltalake(written, rows, partition_by=["p"])
    extra = pa.table({"p": ["x"], "q\"uote": pa.array([1], pa.int32()), "filename": ["g"],
                      "new": [1.5]})
    deltalake.write_deltalake(written, extra, mode="append", schema_mode="merge")
    expected = rows_of(pa.table(deltalake.DeltaTable(written).to_pyarrow_table()))
    assert rows_of(query_rows(tmp_path, f"FROM delta_scan('{written}')")) == expected
    written.rename(table)  # a pattern in the folder's name is no pattern
    assert rows_of(query_rows(tmp_path, f"FROM delta_scan('{table}')")) == expected


def test_a_path_that_leads_out_of_the_table_is_refused(tmp_path):
    table = tmp_path / "t"
    deltalake.write_deltalake(table, pa.table({"a": [1]}))
    commit = table / "_delta_log/00000000000000000000.json"
    text = re.sub(r'"path":"', '"path":"../../', commit.read_text())
    commit.write_text(text)
    assert command("query", f"FROM delta_scan('{table}')").exit_code in (2, 5)


# --- health ---------------------------------------------------------------


class _Answer(http.server.BaseHTTPRequestHandler):
    """What a Sluice whose one query is behind answers."""

    def do_GET(self):
        status, body = {"/healthz": (200, "ok\n"),
                        "/readyz": (503, '{"ready":false}')}.get(self.path, (404, "no"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def status_address():
    """HOST:PORT of such a server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class TestHealth:
    def test_the_address_of_the_status_page_is_asked(self, status_address):
        result = expect(command("health", env={"SLUICE_UI_ADDRESS": status_address}), 0)
        assert result.stdout == "ok\n"

    def test_any_address_means_this_machine(self, status_address):
        address = status_address.replace("127.0.0.1", "0.0.0.0")
        expect(command("health", env={"SLUICE_UI_ADDRESS": address}), 0)

    def test_a_url_is_asked_instead(self, status_address):
        env = {"SLUICE_UI_ADDRESS": "192.0.2.1:1"}
        assert command("health", f"http://{status_address}", env=env).stdout == "ok\n"
        result = command("health", f"http://{status_address}/elsewhere", env=env)
        expect(result, 4, "/elsewhere answered 404: no")

    def test_alive_is_not_ready(self, status_address):
        result = command("health", "--ready", env={"SLUICE_UI_ADDRESS": status_address})
        expect(result, 4, '/readyz answered 503: {"ready":false}')
        assert result.stdout == ""

    def test_nobody_there(self):
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            expect(command("health", f"http://127.0.0.1:{port}"), 4, "Connection refused")

    def test_nobody_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            result = command("health", "--timeout", "0.1", f"http://127.0.0.1:{port}")
            expect(result, 4, "no answer in time")

    @pytest.mark.parametrize("args", [["https://127.0.0.1/"], ["--timeout", "0"],
                                      ["--ready", "http://127.0.0.1/healthz"]])
    def test_what_cannot_be_asked(self, args):
        expect(command("health", *args), 2)

    def test_a_password_in_a_url_is_not_shown(self):
        result = command("health", "http://probe:marrowfat@h:1/")
        expect(result, 2, "http://probe:***@h:1/")
        assert "marrowfat" not in result.stderr

    def test_a_port_that_nobody_knows(self):
        result = command("health", env={"SLUICE_UI_ADDRESS": "127.0.0.1:0"})
        expect(result, 2, "SLUICE_UI_ADDRESS", "127.0.0.1:0")

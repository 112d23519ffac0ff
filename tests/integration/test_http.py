# SPDX-License-Identifier: Apache-2.0
"""The status page, the API and the metrics of a running sluice.  Every answer here is held against
docs/openapi.yaml (sluicetest/ui.py)."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

import openapi_spec_validator
import pytest
from sluicetest.ledger import Ledger
from sluicetest.process import free_port, wait_until
from sluicetest.sluice import Sluice, Terminal, command
from sluicetest.ui import Events, Ui, document

TOKEN = "correct-horse-battery-staple"
PRESET_PORTS = range(4040, 4057)


def kafka_pipeline(broker, topic, place, name="t"):
    return (f"CREATE STREAM s (n INT) USING kafka OPTIONS ('kafka.bootstrap.servers' = "
            f"'{broker.bootstrap}', subscribe = '{topic}', startingOffsets = 'earliest');\n"
            f"CREATE STREAMING TABLE \"{name}\" LOCATION '{place}'\n"
            f"PARTITIONED BY (p) OPTIONS (trigger = '0 seconds')\n"
            f"AS SELECT n, n % 2 AS p, _partition, _offset FROM STREAM s;\n")


def file_pipeline(folder, name="t"):
    """Without a server: a file that a test may append to."""
    (folder / "lines.jsonl").touch()
    return (f"CREATE STREAM s (n INT) USING file OPTIONS (path = '{folder}/lines.jsonl');\n"
            f"CREATE STREAMING TABLE \"{name}\" LOCATION '{folder}/lake'\n"
            f"OPTIONS (trigger = '0 seconds') AS SELECT n FROM s;\n")


def values(first, count):
    return [json.dumps({"n": n}) for n in range(first, first + count)]


def ledger(records):
    return Ledger(records, "n", lambda record: json.loads(record.value)["n"])


@pytest.fixture(scope="module")
def ui(tmp_path_factory):
    """One quiet sluice for those who only ask."""
    folder = tmp_path_factory.mktemp("quiet")
    run = Sluice(folder / "sluice", file_pipeline(folder))
    ui = Ui(run.ui_url())
    ui.wait_state("t", "running", "idle")
    yield ui
    assert run.stop() == 0


# --- secrets --------------------------------------------------------------------------


def test_no_answer_has_a_secret_of_the_pipeline(tmp_path, sluice):
    """Also where the query has not come to use it yet, and however it is written."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=me", "-keyout",
                    tmp_path / "key", "-out", tmp_path / "certificate"], check=True,
                   capture_output=True)
    key, certificate = ((tmp_path / name).read_text() for name in ("key", "certificate"))
    words = ["salsify-1", "kohlrabi", key.splitlines()[1]]
    run = sluice(f"""
        CREATE STREAM s (n INT) USING kafka OPTIONS (
            'kafka.bootstrap.servers' = '127.0.0.1:{free_port()}', subscribe = 'x',
            'kafka.security.protocol' = 'SASL_SSL', 'kafka.sasl.mechanism' = 'PLAIN',
            'kafka.sasl.username' = 'me', 'kafka.sasl.password' = 'O''Brien\\s "kohlrabi"',
            'kafka.ssl.key.pem' = '{key}',
            'kafka.ssl.certificate.pem' = '{certificate}', 'kafka.ssl.key.password' = 'salsify-1');
        CREATE STREAMING TABLE t LOCATION '{tmp_path}/lake' AS SELECT n FROM s;
        """)
    ui = Ui(run.ui_url())
    ui.wait_state("t", "waiting")  # for the broker: all has been used
    with contextlib.closing(Events(ui)) as events:
        texts = [json.dumps(events.next())]
    for path in ("", "/t", "/t/plan", "/t/errors", "/t/offsets", "/t/progress", "/t/schema"):
        texts.append(ui.request("GET", f"/api/v1/queries{path}").body.decode())
    texts += [ui.request("GET", path).body.decode() for path in ("/metrics", "/readyz")]
    assert "kafka.ssl.key.pem" in texts[3] and "***" in texts[3]
    for text in [*texts, run.stderr]:
        assert [word for word in words if word in text] == []


# --- as documented --------------------------------------------------------------------


def test_the_document_is_valid():
    openapi_spec_validator.validate(document())


def test_every_path_answers_as_documented(kafka, topic, table, sluice):
    name, place = topic(3), table()
    kafka.produce(name, [*values(0, 500), "no json"])
    ui = Ui(sluice(kafka_pipeline(kafka, name, place, name="trips / north")).ui_url())
    wait_until(lambda: ui.query("trips / north")["totals"]["inputRows"] == 501, "the rows")
    for template, item in document()["paths"].items():
        for method in item.keys() & {"get", "post"}:
            if template in ("/api/v1/events", "/static/{file}"):
                continue  # tested below
            path = template.replace("{name}", "trips%20%2F%20north")
            if method == "get":
                assert ui.request("GET", path).status in (200, 503), path
                assert ui.request("HEAD", path).status in (200, 503), path
            unknown = template.replace("{name}", "unknown")
            if unknown != template:
                answer = ui.request(method.upper(), unknown, {"X-Sluice": "1"})
                assert answer.status == 404
                assert "trips / north" in json.loads(answer.body)["error"]["message"]
    assert ui.get("/readyz")["ready"] is True
    assert ui.command("trips / north", "stop").status == 202


def test_figures_are_those_of_topic_and_table(kafka, topic, table, sluice):
    name, place = topic(3), table()
    kafka.produce(name, values(0, 1000))
    run = sluice(kafka_pipeline(kafka, name, place))
    ui = Ui(run.ui_url())
    run.wait_rows(place, 1000)
    wait_until(lambda: ui.query("t")["lagRecords"] == 0, "no lag")
    query = ui.query("t")
    assert query["topics"] == [name]
    assert query["totals"]["inputRows"] == query["totals"]["outputRows"] == 1000
    assert query["table"]["location"] == str(place)
    assert query["table"]["version"] == query["lastCommit"]["version"] == place.version()
    ends = kafka.watermarks(name)
    partitions = ui.get("/api/v1/queries/t/offsets")["partitions"]
    assert {p["partition"]: p["nextOffset"] for p in partitions} == \
           {number: end for number, (_, end) in ends.items()}
    assert all(p["logEnd"] == p["nextOffset"] and p["lag"] == 0 for p in partitions)
    progress = ui.get("/api/v1/queries/t/progress?limit=1000")
    assert sum(p["numInputRows"] for p in progress) == 1000
    assert [p["batchId"] for p in progress] == sorted((p["batchId"] for p in progress), reverse=True)
    assert len(ui.get("/api/v1/queries/t/progress?limit=1")) == 1
    columns = ui.get("/api/v1/queries/t/schema")["columns"]
    assert [(c["name"], c["partition"]) for c in columns] == [
        ("n", False), ("p", True), ("_partition", False), ("_offset", False)]
    assert "FROM STREAM s" in ui.get("/api/v1/queries/t/plan")["sql"]
    series = ui.get("/api/v1/queries/t/history")["series"]
    assert len({len(s) for s in series.values()}) == 1
    metrics = ui.request("GET", "/metrics").body.decode()
    assert re.search(r'^sluice_output_rows_total\{query="t"\} 1000$', metrics, re.M)
    assert 'sluice_http_requests_total{code="200"}' in metrics


def test_a_bad_parameter_is_named(ui):
    for path in ("progress?limit=0", "progress?limit=x", "history?since=-1", "progress?limit=%"):
        assert "error" in ui.get(f"/api/v1/queries/t/{path}", 400)


# --- the page -------------------------------------------------------------------------


def test_the_page_and_all_that_it_names(ui):
    page = ui.request("GET", "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = set(re.findall(r'(?:href|src)="(static/[^"]+)"', page.body.decode()))
    for path in named:
        answer = ui.request("GET", f"/{path}")
        assert answer.status == 200 and answer.body
        assert "etag" in answer.headers


def test_a_browser_that_has_the_page_is_told_so(ui):
    plain = ui.request("GET", "/")
    packed = ui.request("GET", "/", {"Accept-Encoding": "br, gzip"})
    if "content-encoding" in packed.headers:
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["etag"] != plain.headers["etag"]
    assert ui.request("GET", "/", {"If-None-Match": plain.headers["etag"]}).status == 304
    assert ui.request("GET", "/", {"If-None-Match": '"other"'}).status == 200


# --- who may ask ----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4040", "localhost.evil.example",
                                  "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "", "[::2]",
                                  "localhost@evil.example"])
@pytest.mark.parametrize("path", ["/", "/api/v1/queries", "/metrics", "/healthz"])
def test_a_host_that_is_not_ours_is_refused(ui, host, path):
    assert ui.request("GET", path, {"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:4040"])
def test_names_of_this_machine_are_taken(ui, host):
    assert ui.request("GET", "/healthz", {"Host": host}).status == 200


def test_further_names_are_let_in_when_told(tmp_path, sluice):
    run = sluice(file_pipeline(tmp_path), "--ui-host=sluice.example,other.example")
    ui = Ui(run.ui_url())
    ui.wait_state("t", "running", "idle")
    assert ui.request("GET", "/healthz", {"Host": "sluice.example"}).status == 200
    assert ui.request("GET", "/healthz", {"Host": "third.example"}).status == 421
    # Whoever comes by that name comes from elsewhere.
    assert ui.command("t", "stop", {"X-Sluice": "1", "Host": "sluice.example"}).status == 403


# --- who may change something ---------------------------------------------------------


@pytest.mark.parametrize("headers", [
    {},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "text/plain", "Origin": "http://evil.example"},
    {"X-Sluice": "1", "Origin": "http://evil.example"},
    {"X-Sluice": "1", "Origin": "null"},
    {"X-Sluice": "1", "Sec-Fetch-Site": "cross-site"},
    {"X-Sluice": "1", "X-Forwarded-For": "10.0.0.1"},
], ids=str)
def test_a_form_or_page_of_another_site_cannot_stop_a_query(ui, headers):
    answer = ui.request("POST", "/api/v1/queries/t/stop", headers, b"a=b")
    assert answer.status == 403
    assert ui.query("t")["state"] in ("running", "idle")


def test_a_preflight_is_not_granted(ui):
    answer = ui.request("OPTIONS", "/api/v1/queries/t/stop", {
        "Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-sluice"})
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("how", ["file", "variable"])
def test_with_a_token_nothing_goes_without_it(tmp_path, sluice, how):
    if how == "file":
        (tmp_path / "token").write_text(TOKEN + "\n")
        run = sluice(file_pipeline(tmp_path), f"--ui-token-file={tmp_path}/token")
    else:
        run = sluice(file_pipeline(tmp_path), env={"SLUICE_UI_TOKEN": TOKEN})
    ui = Ui(run.ui_url())
    ui.wait_state("t", "running", "idle")
    for headers in ({"X-Sluice": "1"}, {"Authorization": "Bearer wrong-horse-battery"},
                    {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"},
                    {"Authorization": f"Bearer {TOKEN[:-1]}"}):
        answer = ui.command("t", "stop", headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert ui.command("t", "stop", {"Authorization": f"Bearer {TOKEN}"}).status == 202
    assert run.wait_exit() == 0
    assert TOKEN not in run.stderr


def test_other_addresses_are_read_only_without_a_token(tmp_path, sluice):
    run = sluice(file_pipeline(tmp_path), "--ui-address=0.0.0.0:0")
    port = Ui(run.ui_url()).port
    ui = Ui(f"http://127.0.0.1:{port}")
    ui.wait_state("t", "running", "idle")
    assert ui.request("GET", "/api/v1/queries", {"Host": f"10.1.2.3:{port}"}).status == 200
    assert ui.request("GET", "/api/v1/queries", {"Host": "evil.example"}).status == 421
    answer = ui.command("t", "stop")
    assert answer.status == 403
    assert "--ui-token-file" in json.loads(answer.body)["error"]["message"]


# --- bad requests ---------------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "/nowhere", "/static/", "/static/../index.html", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/../../etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/static/nothing.js",
    "/api/v1/queries/", "/api/v1/queries/t/nothing", "/api/v1/queries/t/plan/", "/api/v1/queries//",
    "/api/v1/queries/..%2f..%2fetc/plan", "/api/v1/queries/t%00/plan", "/api/v1/queries/%ff",
    "/api/v1/queries/t%2fstop", "/api/v2/queries"])
def test_what_is_not_there_is_404(ui, path):
    answer = ui.request("GET", path)
    assert answer.status == 404
    assert json.loads(answer.body)["error"]["status"] == 404


def test_a_name_is_decoded_once(ui):
    assert ui.request("GET", "/api/v1/queries/%74").status == 200
    assert ui.request("GET", "/api/v1/queries/%2574").status == 404
    assert ui.request("GET", "/api/v1/queries/%").status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
def test_methods_that_are_not_there_are_405(ui, method):
    answer = ui.request(method, "/api/v1/queries", {"X-Sluice": "1"})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert ui.request("GET", "/api/v1/queries/t/stop").status == 405


def test_a_body_is_bounded(ui):
    answer = ui.request("POST", "/api/v1/queries/t/stop", {"X-Sluice": "1"}, b"x" * 5000)
    assert answer.status == 413
    assert ui.query("t")["state"] in ("running", "idle")


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize("text", [
    b"GET / HTTP/1.1\r\n" + HOST + b"X-Large: " + b"x" * 100_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n",
    b"\x00" * 10_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    b"POST /api/v1/queries/t/stop HTTP/1.1\r\n" + HOST +
    b"X-Sluice: 1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST /api/v1/queries/t/stop HTTP/1.1\r\n" + HOST +
    b"X-Sluice: 1\r\nContent-Length: 18446744073709551616\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
], ids=lambda text: repr(text[:24]))
def test_malformed_requests_are_refused_and_do_no_harm(ui, text):
    answer = ui.raw(text)
    assert answer == b"" or re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
    assert ui.query("t")["state"] in ("running", "idle")


def test_pipelined_requests_are_answered_in_order_and_garbage_ends_them(ui):
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    answer = ui.raw(one * 20 + b"\x01\x02 garbage\r\n\r\n" + one)
    assert answer.count(b"HTTP/1.1 200 OK") == 20
    assert ui.request("GET", "/healthz").status == 200


# --- many and slow clients ------------------------------------------------------------


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"],
                         ids=["silent", "half a request"])
def test_a_thousand_open_connections_stop_neither_rows_nor_requests(kafka, topic, table, sluice,
                                                                    many_files, said):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 100)))
    run = sluice(kafka_pipeline(kafka, name, place))
    ui = Ui(run.ui_url())
    run.wait_rows(place, 100)
    before = resident_bytes(run.process.pid)
    with contextlib.ExitStack() as stack:
        for number in range(1000):
            held = stack.enter_context(ui.dial())
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                held.sendall(said)  # it may have had to make room already
            if number % 100 == 99:
                book.add(kafka.produce(name, values(100 + number, 100)))
                assert ui.query("t")["name"] == "t"
        run.wait_rows(place, 1100)
        assert ui.request("GET", "/metrics").status == 200
        assert len(os.listdir(f"/proc/{run.process.pid}/fd")) < 500
        assert resident_bytes(run.process.pid) < before + (128 << 20)
    assert ui.command("t", "stop").status == 202
    assert run.wait_exit() == 0
    book.check(place.read())


def test_readers_that_never_read_hold_nothing_up(kafka, topic, table, sluice):
    name, place = topic(2), table()
    book = ledger(kafka.produce(name, values(0, 100)))
    run = sluice(kafka_pipeline(kafka, name, place))
    ui = Ui(run.ui_url())
    run.wait_rows(place, 100)
    with contextlib.ExitStack() as stack:
        for path in ("/api/v1/events", "/metrics", "/api/v1/queries") * 10:
            held = stack.enter_context(ui.dial())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            held.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() *
                         (1 if path.endswith("events") else 100))
        for first in range(100, 1000, 100):
            book.add(kafka.produce(name, values(first, 100)))
            run.wait_rows(place, first + 100)
            assert ui.query("t")["name"] == "t"
        assert run.stop() == 0
    book.check(place.read())


# --- events ---------------------------------------------------------------------------


def test_events_begin_at_once_and_tell_of_changes(kafka, topic, table, sluice):
    name, place = topic(), table()
    run = sluice(kafka_pipeline(kafka, name, place))
    ui = Ui(run.ui_url())
    ui.wait_state("t", "running", "idle")
    with contextlib.closing(Events(ui)) as events:
        kind, number, data = events.next()
        assert kind == "queries"
        assert [q["name"] for q in data["queries"]] == ["t"]
        kafka.produce(name, values(0, 10))
        events.wait(lambda data: data["queries"][0]["totals"]["outputRows"] == 10)
        ui.command("t", "pause")
        events.wait(lambda data: data["queries"][0]["state"] == "paused")
        ui.command("t", "resume")
        events.wait(lambda data: data["queries"][0]["state"] in ("running", "idle"))
        assert events.next()[1] > number


def test_listeners_are_bounded(ui):
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(contextlib.closing(Events(ui)))
        assert ui.request("GET", "/api/v1/events").status == 503
        assert ui.request("GET", "/healthz").status == 200

    def again():
        Events(ui).close()
        return True
    wait_until(again, "a place for a listener")


def test_a_run_that_ends_does_not_wait_for_listeners(tmp_path, sluice):
    run = sluice(file_pipeline(tmp_path))
    ui = Ui(run.ui_url())
    ui.wait_state("t", "running", "idle")
    with contextlib.closing(Events(ui)) as events:
        events.next()
        assert run.stop() == 0


# --- commands -------------------------------------------------------------------------


def test_pause_and_resume_lose_and_double_nothing(kafka, topic, table, sluice):
    name, place = topic(3), table()
    book = ledger(kafka.produce(name, values(0, 500)))
    run = sluice(kafka_pipeline(kafka, name, place))
    ui = Ui(run.ui_url())
    run.wait_rows(place, 1)
    for first in range(500, 2000, 500):
        assert ui.command("t", "pause").status == 202
        ui.wait_state("t", "paused")
        version = place.version()
        book.add(kafka.produce(name, values(first, 500)))
        wait_until(lambda: (ui.query("t")["lagRecords"] or 0) >= 500, "what was produced as lag")
        assert place.version() == version
        assert ui.command("t", "resume").status == 202
        run.wait_rows(place, first + 500)
    book.check(place.read())
    assert ui.command("t", "stop").status == 202
    assert run.wait_exit() == 0
    again = sluice(kafka_pipeline(kafka, name, place), "--available-now")
    assert again.wait_exit() == 0
    book.check(place.read())


def test_a_stop_ends_one_query_and_the_other_goes_on(kafka, topic, table, sluice):
    name, one, two = topic(2), table(), table()
    book = ledger(kafka.produce(name, values(0, 200)))
    text = kafka_pipeline(kafka, name, one, "one")
    run = sluice(text + kafka_pipeline(kafka, name, two, "two").partition("\n")[2])
    ui = Ui(run.ui_url())
    run.wait_rows(one, 200)
    assert ui.command("one", "stop").status == 202
    ui.wait_state("one", "ended")
    version = one.version()
    book.add(kafka.produce(name, values(200, 200)))
    run.wait_rows(two, 400)
    book.check(two.read())
    assert one.version() == version
    assert ui.command("one", "pause").status == 409
    assert ui.command("two", "stop").status == 202
    assert run.wait_exit() == 0  # nothing runs any more


# --- readiness ------------------------------------------------------------------------


def test_a_query_that_does_not_get_on_is_not_ready(own_minio, kafka, topic, table, sluice):
    store = own_minio()
    name, place = topic(), table(store)
    book = ledger(kafka.produce(name, values(0, 10)))
    run = sluice(kafka_pipeline(kafka, name, place), "--ready-lag=1", env=store.sluice_env())
    ui = Ui(run.ui_url())
    run.wait_rows(place, 10)
    wait_until(lambda: ui.request("GET", "/readyz").status == 200, "ready")
    store.process.send(signal.SIGSTOP)
    book.add(kafka.produce(name, values(10, 10)))
    wait_until(lambda: ui.request("GET", "/readyz").status == 503, "not ready")
    [query] = ui.get("/readyz", 503)["queries"]
    assert query["name"] == "t" and not query["ready"] and "under way" in query["reason"]
    assert ui.request("GET", "/healthz").status == 200  # alive all the same
    store.process.send(signal.SIGCONT)
    run.wait_rows(place, 20)
    wait_until(lambda: ui.request("GET", "/readyz").status == 200, "ready again")
    book.check(place.read())


# --- where it listens -----------------------------------------------------------------


def listening(pid):
    """Ports on which the process listens."""
    own = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            own.add(os.readlink(fd))
    ports = set()
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def hold_preset_ports(stack):
    for port in PRESET_PORTS:
        held = stack.enter_context(socket.socket())
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it, which is as good
            held.bind(("127.0.0.1", port))
            held.listen()


def test_by_default_each_takes_the_first_free_port_from_4040(tmp_path, sluice):
    """An empty variable is as good as none."""
    urls = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run = sluice(file_pipeline(tmp_path / name), env={"SLUICE_UI_ADDRESS": ""}, name=name)
        urls.append(run.ui_url())
        ui = Ui(urls[-1])
        assert ui.host == "127.0.0.1" and ui.port in PRESET_PORTS
        assert ui.request("GET", "/healthz").status == 200
        assert listening(run.process.pid) == {ui.port}
    assert len(set(urls)) == 2


def test_without_a_free_port_it_runs_without_a_page(tmp_path, sluice):
    (tmp_path / "lines.jsonl").write_text('{"n": 1}\n')
    with contextlib.ExitStack() as stack:
        hold_preset_ports(stack)
        run = sluice(file_pipeline(tmp_path), "--available-now", env={"SLUICE_UI_ADDRESS": ""})
        assert run.wait_exit() == 0
    assert "no status page" in run.stderr and "--ui-address" in run.stderr


def test_an_address_that_is_asked_for_must_be_had(tmp_path):
    pipeline = tmp_path / "p.sql"
    pipeline.write_text(file_pipeline(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        done = command("run", pipeline, f"--ui-address=127.0.0.1:{port}")
        assert done.exit_code == 4 and f"127.0.0.1:{port}" in done.stderr
    for address in ("4040", "localhost", "192.0.2.1:4040", "a b:1"):
        done = command("run", pipeline, env={"SLUICE_UI_ADDRESS": address})
        assert done.exit_code == 2 and address.partition(":")[0] in done.stderr
    done = command("run", pipeline, f"--ui-token-file={tmp_path}/missing")
    assert done.exit_code == 2 and f"{tmp_path}/missing" in done.stderr
    done = command("run", pipeline, env={"SLUICE_READY_LAG": "soon"})
    assert done.exit_code == 2 and "SLUICE_READY_LAG" in done.stderr


def test_switched_off_it_listens_nowhere(tmp_path, sluice):
    run = sluice(file_pipeline(tmp_path), "--no-ui", env={"SLUICE_UI_ADDRESS": ""})
    run.wait_log('"event":"running"')
    assert listening(run.process.pid) == set()
    assert '"event":"ui"' not in run.stderr


def test_ipv6_is_an_address_too(tmp_path, sluice):
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    ui = Ui(sluice(file_pipeline(tmp_path), "--ui-address=[::1]:0").ui_url())
    assert ui.host == "::1"
    assert ui.request("GET", "/healthz").status == 200


def test_on_a_terminal_the_page_is_named_before_the_status_line(tmp_path):
    pipeline = tmp_path / "p.sql"
    pipeline.write_text(file_pipeline(tmp_path))
    with contextlib.closing(Terminal("run", pipeline)) as terminal:
        terminal.wait_shown("status page: http://127.0.0.1:")
        terminal.type(b"\x03")
        assert terminal.wait_exit().exit_code == 0


def test_the_demo_names_its_page(tmp_path):
    done = command("demo", "--seconds", "1", folder=tmp_path)
    assert done.exit_code == 0
    assert re.search(r"^status page: http://127\.0\.0\.1:\d+/$", done.stderr, re.M)

# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the server of the status page: it serves ui/ and answers the
API with made-up states, so that the page is tried without Kafka or a build.

    tools/ui serve [STATE] [PORT]    for a look by hand; the states are those of STATES
    tools/ui pictures                docs/images

A state is a function of the time: figures follow one formula, so /history and
the events that come after it fit together.
"""

import dataclasses
import datetime
import http.server
import json
import math
import pathlib
import sys
import threading
import time
import urllib.parse
from typing import Callable

from . import deps

CSP = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
MIB = 2**20
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".txt": "text/plain; charset=utf-8"}


def iso(epoch: float) -> str:
    at = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wave(t: float, low: float, high: float, period: float = 1_400.0) -> float:
    """Between low and high; the same for the same t, and rough enough to look at."""
    smooth = math.sin(t / period * math.tau) * 0.6 + math.sin(t / period * 4.3 * math.tau) * 0.22
    rough = math.sin(t * 1.7) * math.sin(t * 0.37) * 0.18
    return low + (high - low) * (0.5 + 0.5 * (smooth + rough))


@dataclasses.dataclass
class Query:
    """One query as the API shows it; what a state leaves out is an ordinary live one."""

    name: str = "vehicle_positions"
    state: str = "running"
    reason: str | None = None
    state_age_s: float = 5_040
    age_s: float = 11_520
    attempts: int = 1
    topics: tuple[str, ...] = ("feed.vehicles",)
    partitions: int = 6
    rows: Callable[[float], float | None] = lambda t: wave(t, 38_000, 52_000)
    latency_ms: Callable[[float], float | None] = lambda t: wave(t, 70, 190, 1_100)
    lag: Callable[[float], float | None] = lambda t: wave(t, 900, 6_000, 2_100)
    lag_s: Callable[[float], float | None] = lambda t: wave(t, 0.1, 0.9, 2_100)
    commit_age_s: float | None = 0.0  # None: nothing has been committed
    bad: dict = dataclasses.field(default_factory=dict)
    dead: dict = dataclasses.field(default_factory=dict)
    errors: list = dataclasses.field(default_factory=list)  # (age_s, code, kind, message, retry)
    held: dict = dataclasses.field(default_factory=dict)  # partition → reason
    sql: str = ""
    columns: list = dataclasses.field(default_factory=list)

    def batch_id(self, t: float) -> int:
        return 8_000 + int(t - (self.commit_age_s or 0)) % 100_000

    def _out(self, t: float) -> float | None:
        rows = self.rows(t)
        return None if rows is None else round(rows * 1.9, 1)

    def last_error(self, now: float) -> dict | None:
        if not self.errors:
            return None
        age, code, _, message, retry = self.errors[0]
        return {"timestamp": iso(now - age), "code": code, "message": message, "retry": retry}

    def show(self, now: float) -> dict:
        committed = self.commit_age_s is not None
        rows = self.rows(now)
        bad, dead = sum(self.bad.values()), sum(self.dead.values())
        done = int(self.age_s * 44_000) if committed else 0
        lag, lag_s, latency = self.lag(now), self.lag_s(now), self.latency_ms(now)
        return {
            "name": self.name, "id": "0b7e5f6e-9f5c-5b1a-8a52-0f4fb7f3a111",
            "runId": "6a9cb0f0-1111-4c6e-9f6a-6f3f5d1c2b7a", "state": self.state,
            "reason": self.reason, "stateSince": iso(now - self.state_age_s),
            "startedAt": iso(now - self.age_s), "attempts": self.attempts,
            "topics": list(self.topics), "inputRowsPerSecond": None if rows is None else round(rows, 1),
            "outputRowsPerSecond": self._out(now),
            "latencyMs": None if latency is None else round(latency, 1),
            "lagRecords": None if lag is None else round(lag),
            "lagSeconds": None if lag_s is None else round(lag_s, 1),
            "totals": {"inputRows": done, "inputBytes": done * 220, "outputRows": int(done * 1.9),
                       "batches": int(self.age_s) if committed else 0,
                       "files": int(self.age_s) if committed else 0, "bytes": done * 61,
                       "badRecords": bad + dead, "badFields": bad // 3, "dropped": bad,
                       "deadLetters": dead},
            "badReasons": {**self.bad, **self.dead}, "deadLetterReasons": self.dead,
            "table": {"location": "s3a://lake/vehicle_positions",
                      "version": self.batch_id(now) + 12 if committed else None,
                      "files": 1_204, "bytes": 18 * 2**30, "checkpointVersion":
                      self.batch_id(now) // 50 * 50 if committed else None,
                      "checkpointAgeSeconds": 38 if committed else None},
            "lastCommit": {"version": self.batch_id(now) + 12, "batchId": self.batch_id(now),
                           "timestamp": iso(now - self.commit_age_s), "outputRows": 84_211,
                           "files": 1, "bytes": int(5.1 * MIB)} if committed else None,
            "memory": {"duckdbBytes": 96 * MIB, "duckdbLimitBytes": 512 * MIB,
                       "queueBytes": 11 * MIB},
            "lastError": self.last_error(now),
        }

    def progress(self, now: float, limit: int) -> list:
        if self.commit_age_s is None:
            return []
        newest = now - self.commit_age_s
        found = []
        for i in range(min(limit, 100)):
            t = math.floor(newest) - i
            rows = max(0, int(self.rows(t) or 41_000))
            read = 1_000
            upload, commit = int(wave(t, 20, 70, 11)), int(wave(t, 9, 30, 17))
            encode = int(wave(t, 700, 940, 23)) if i != 5 else 1_900
            tail = 30 if i != 5 else 1_020
            found.append({
                "id": "0b7e5f6e-9f5c-5b1a-8a52-0f4fb7f3a111",
                "runId": "6a9cb0f0-1111-4c6e-9f6a-6f3f5d1c2b7a", "name": self.name,
                "timestamp": iso(t), "batchId": self.batch_id(now) - i,
                "batchDuration": read + tail + upload + commit, "numInputRows": rows,
                "inputRowsPerSecond": float(rows), "processedRowsPerSecond": float(rows),
                "durationMs": {"addBatch": encode, "commitOffsets": commit, "latestOffset": read,
                               "triggerExecution": encode + upload + commit, "upload": upload},
                "stateOperators": [],
                "sources": [{"description": f"kafka[{topic}]", "startOffset": {}, "endOffset": {},
                             "numInputRows": rows, "processedRowsPerSecond": float(rows),
                             "metrics": {"badFields": "0", "badRecords": "0", "deadLetters": "0",
                                         "dropped": "0"}} for topic in self.topics[:1]],
                "sink": {"description": "DeltaSink[s3a://lake/vehicle_positions]",
                         "numOutputRows": int(rows * 1.9), "version": self.batch_id(now) + 12 - i,
                         "files": 1, "bytes": rows * 61},
            })
        return found

    def history(self, now: float, since: int) -> dict:
        start = max(int(now) - min(3_599, int(self.age_s)), since)
        times = range(start, int(now) + 1)
        series = {
            "inputRowsPerSecond": [_round(self.rows(t)) for t in times],
            "outputRowsPerSecond": [self._out(t) for t in times],
            "latencyMs": [_round(self.latency_ms(t)) for t in times],
            "lagRecords": [_round(self.lag(t)) for t in times],
            "memoryBytes": [memory(t) for t in times],
            "deadLetters": [0 for _ in times], "badRecords": [0 for _ in times],
        }
        return {"stepSeconds": 1, "start": start, "series": series}

    def offsets(self, now: float) -> dict:
        rows, lag = self.rows(now), self.lag(now)
        found = []
        for topic in self.topics:
            for p in range(self.partitions):
                # Few are far behind, most are near: as it is after a broker came back.
                share = 1 / (1 + (p * 37 % self.partitions)) if self.partitions > 20 else \
                    (1 + p * 3 % 7) / 7
                own = None if lag is None else int(lag * share * 0.29)
                if own is not None and share < 0.004:
                    own = 0
                behind = self.lag_s(now)
                base = 18_000_000 + p * 1_711 + int(now) % 100_000 * 700
                found.append({
                    "stream": "feed", "topic": topic, "partition": p, "nextOffset": base,
                    "logEnd": None if own is None else base + own, "lag": own,
                    "lagSeconds": None if behind is None else round(behind * share, 1),
                    "recordsPerSecond": None if rows is None else round(rows / self.partitions, 1),
                    "held": self.held.get(p)})
        return {"partitions": found}

    def error_list(self, now: float) -> list:
        return [{"timestamp": iso(now - age), "code": code, "kind": kind, "message": message,
                 "retry": retry} for age, code, kind, message, retry in self.errors]

    def plan(self) -> dict:
        return {"file": "pipelines/vehicle_positions.sql", "sql": self.sql or SQL, "plan": PLAN}

    def schema(self) -> dict:
        return {"columns": self.columns or COLUMNS}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def memory(t: float) -> int:
    return int(wave(t, 236, 262, 3_000) * MIB)


SQL = (deps.TREE / "examples/vehicle_positions.sql").read_text()
PLAN = """COPY_TO_FILE spool, parquet
└── PROJECTION gtfs_realtime_version, entity_id, trip_id, latitude, longitude, start_date
    └── UNNEST entity
        └── SRC() feed: kafka, json
"""
COLUMNS = [
    {"name": "gtfs_realtime_version", "type": "STRING", "nullable": True, "partition": False},
    {"name": "entity_id", "type": "STRING", "nullable": False, "partition": False},
    {"name": "position", "type": "STRUCT<latitude: DOUBLE, longitude: DOUBLE, bearing: FLOAT>",
     "nullable": True, "partition": False},
    {"name": "start_date", "type": "DATE", "nullable": True, "partition": True},
]

REFUSED = ("no broker answers: localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: "
           "Connection refused")
GONE = ("topic \"feed.vehicles\" partition 3: offsets 18,204,411 to 18,311,002 are gone: the log "
        "begins at 18,311,003; retention was shorter than the outage. `sluice offsets skip` goes on "
        "behind the gap")
nothing = lambda t: None
zero = lambda t: 0.0
RATE, LATENCY, LAG, BEHIND = (Query.rows, Query.latency_ms, Query.lag, Query.lag_s)


def until(age_s: float, figure: Callable[[float], float | None]) -> Callable:
    """The figure as it was until `age_s` before now, and nothing since."""
    end = time.time() - age_s
    return lambda t: figure(t) if t < end else None


def _failing() -> list[Query]:
    return [Query(state="failed", reason=GONE, state_age_s=94, attempts=5, rows=until(812, RATE),
                  latency_ms=until(812, LATENCY), lag=until(812, LAG), lag_s=until(812, BEHIND),
                  commit_age_s=812,
                  held={3: "offsets are gone"},
                  errors=[(94, "data", "attempt", GONE, False),
                          (130, "io", "attempt", REFUSED, True),
                          (190, "io", "attempt", REFUSED, True),
                          (260, "io", "attempt", "commit version 8,011: put _delta_log/00000000000000"
                           "008011.json: 503 SlowDown", True)])]


def _thousand() -> list[Query]:
    return [Query(partitions=1_000, lag=lambda t: 4_800_000 + wave(t, 0, 90_000),
                  lag_s=lambda t: 212.0,
                  held={17: "leader not available", 404: "leader not available",
                        733: "topic authorization failed"})]


def _many() -> list[Query]:
    found = []
    for i in range(40):
        query = Query(name=f"{['orders', 'clicks', 'payments', 'positions', 'alerts'][i % 5]}_{i:02}",
                      rows=lambda t, i=i: wave(t + i * 7, 200 * i, 900 * i + 10),
                      topics=(f"topic.{i}",))
        if i == 7:
            query.state, query.reason, query.rows, query.lag = "failed", GONE, nothing, nothing
        elif i in (12, 29):
            query.state, query.reason, query.state_age_s = "waiting", REFUSED, 190
        elif i == 20:
            query.state, query.rows = "paused", zero
        elif i % 3 == 0:
            query.state, query.rows, query.lag, query.lag_s = "idle", zero, zero, zero
            query.commit_age_s = 600
        found.append(query)
    return found


HOSTILE = "<img src=x onerror=\"window.pwned=1\">'\"&amp;</script><script>window.pwned=1</script>"


def _hostile() -> list[Query]:
    topic = "<b>t</b>" + "x" * 241
    plain = Query(name="a/b?c=d#e%2F ü‮evil", topics=(topic,))
    bad = Query(name=HOSTILE, state="waiting", reason=HOSTILE, topics=(topic,),
                bad={HOSTILE: 12}, dead={HOSTILE: 3}, held={1: HOSTILE},
                errors=[(30, HOSTILE, HOSTILE, HOSTILE, True)], sql=HOSTILE,
                columns=[{"name": HOSTILE, "type": HOSTILE, "nullable": True, "partition": True}])
    return [bad, plain, Query(name="__proto__"), Query(name="constructor")]


def _faults() -> list[Query]:
    return [Query(dead={"bad_json": 1_204, "wrong_type": 311, "sql_error": 9},
                  bad={"too_deep": 44},
                  errors=[(70, "data", "bad record", "topic \"feed.vehicles\" partition 2 offset "
                           "18,204,411: expected ',' or '}' at byte 118", True)])]


STATES: dict[str, Callable[[], list[Query]]] = {
    "starting": lambda: [Query(state="starting", state_age_s=3, age_s=3, rows=nothing,
                               latency_ms=nothing, lag=nothing, lag_s=nothing, commit_age_s=None,
                               partitions=0)],
    "live": lambda: [Query()],
    "failing": _failing,
    "idle": lambda: [Query(state="idle", state_age_s=252, rows=zero, latency_ms=nothing, lag=zero,
                           lag_s=zero, commit_age_s=252)],
    "thousand": _thousand,
    "broker": lambda: [Query(state="waiting", reason=REFUSED, state_age_s=48, attempts=1,
                             rows=until(50, RATE), latency_ms=until(50, LATENCY),
                             lag=until(50, LAG), lag_s=until(50, BEHIND), commit_age_s=52,
                             errors=[(48, "io", "attempt", REFUSED, True)])],
    "many": _many,
    "hostile": _hostile,
    "faults": _faults,
    "paused": lambda: [Query(state="paused", state_age_s=600, rows=zero, commit_age_s=601,
                             lag=lambda t: 26_000_000.0, lag_s=lambda t: 600.0)],
    "none": lambda: [],
}


def assets() -> dict[str, pathlib.Path]:
    """What is served below /static/: ui/ and uPlot, as the build embeds them."""
    uplot = deps.need("share/uplot")
    return {path.name: path for folder in (deps.TREE / "ui", uplot) for path in folder.iterdir()
            if path.suffix in TYPES}


class StatusServer:
    """`state` is a name of STATES and may be changed while it runs; `up = False` is a server that
    has gone away, and `events = False` one that has no room for another stream."""

    def __init__(self, state: str = "live", port: int = 0, token: str | None = None):
        self.token = token
        self.up = True
        self.events = True
        self.listeners = 0  # streams that are open
        self.commands: list[tuple[str, str]] = []  # (query, verb), as they were accepted
        self.changed = threading.Condition()
        self.generation = 0
        self.boot = time.time() - 11_522
        self.show(state)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.status = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def show(self, state: str) -> None:
        self.set(STATES[state]())

    def set(self, queries: list[Query]) -> None:
        with self.changed:
            self.queries = queries
            self.generation += 1
            self.changed.notify_all()

    def lose(self) -> None:
        """Every connection breaks, new ones too, until `come_back`."""
        with self.changed:
            self.up = False
            self.changed.notify_all()

    def come_back(self) -> None:
        self.up = True

    def find(self, name: str) -> Query | None:
        return next((query for query in self.queries if query.name == name), None)

    def overview(self) -> dict:
        now = time.time()
        return {"process": {"version": "0.1.0", "pid": 4040, "startedAt": iso(self.boot),
                            "uptimeSeconds": round(now - self.boot, 3), "memoryBytes": memory(now),
                            "memoryBudgetBytes": 1024 * MIB},
                "queries": [query.show(now) for query in self.queries]}

    def stop(self) -> None:
        self.lose()
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    status: StatusServer

    def handle_error(self, request, client_address):
        pass  # a browser that hangs up is no news


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format, *args):
        pass

    def answer(self, status: int, body: bytes, type_: str) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", type_), ("Content-Length", str(len(body))),
                            ("Content-Security-Policy", CSP), ("Cache-Control", "no-store"),
                            ("X-Content-Type-Options", "nosniff")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: object, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), "application/json")

    def error(self, status: int, message: str) -> None:
        self.json({"error": {"status": status, "message": message}}, status)

    def gone(self) -> bool:
        if not self.server.status.up:
            self.close_connection = True
        return not self.server.status.up

    def do_GET(self):
        if self.gone():
            return
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        if url.path == "/":
            self.file("index.html")
        elif parts[0] == "static" and len(parts) == 2:
            self.file(parts[1])
        elif url.path == "/api/v1/events":
            self.stream()
        elif parts[:3] == ["api", "v1", "queries"]:
            self.query(parts[3:], urllib.parse.parse_qs(url.query))
        else:
            self.error(404, f"there is nothing at {url.path}")

    def file(self, name: str) -> None:
        path = assets().get(name)
        if path is None:
            self.error(404, f"there is no file {name}")
        else:
            self.answer(200, path.read_bytes(), TYPES[path.suffix])

    def query(self, parts: list[str], arguments: dict) -> None:
        status, now = self.server.status, time.time()
        if not parts:
            self.json(status.overview())
            return
        query = status.find(parts[0])
        if query is None:
            self.error(404, f"there is no query \"{parts[0]}\"")
            return
        number = lambda name, preset: int(arguments.get(name, [preset])[0])
        answers = {
            None: lambda: query.show(now), "history": lambda: query.history(now, number("since", 0)),
            "progress": lambda: query.progress(now, number("limit", 100)),
            "offsets": lambda: query.offsets(now), "errors": lambda: query.error_list(now),
            "plan": query.plan, "schema": query.schema,
        }
        part = parts[1] if len(parts) == 2 else None
        if part in answers:
            self.json(answers[part]())
        else:
            self.error(404, f"a query has no {part}")

    def stream(self) -> None:
        status = self.server.status
        if not status.events:
            self.error(503, "there are as many listeners as there may be")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with status.changed:
            status.listeners += 1
        try:
            self.tell(status)
        finally:
            with status.changed:
                status.listeners -= 1

    def tell(self, status: StatusServer) -> None:
        while status.up:
            data = json.dumps(status.overview())
            self.wfile.write(f"id: {status.generation}\nevent: queries\ndata: {data}\n\n".encode())
            self.wfile.flush()
            seen = status.generation
            with status.changed:
                status.changed.wait_for(lambda: status.generation != seen or not status.up, 1.0)

    def do_POST(self):
        if self.gone():
            return
        status = self.server.status
        parts = [urllib.parse.unquote(part) for part in self.path.split("/")[1:]]
        if parts[:3] != ["api", "v1", "queries"] or len(parts) != 5 or \
                parts[4] not in ("stop", "pause", "resume"):
            self.error(404, "there is nothing to post to")
            return
        if status.token and self.headers.get("Authorization") != f"Bearer {status.token}":
            self.error(401, "this needs the token of --ui-token-file")
            return
        if not status.token and self.headers.get("X-Sluice") != "1":
            self.error(403, "this needs the header X-Sluice: 1")
            return
        query = status.find(parts[3])
        if query is None:
            self.error(404, f"there is no query \"{parts[3]}\"")
            return
        if parts[4] == "resume" and query.state != "paused":
            self.error(409, f"query \"{query.name}\" is {query.state}, not paused")
            return
        status.commands.append((query.name, parts[4]))  # before anybody can see the new state
        query.state = {"stop": "stopping", "pause": "paused", "resume": "running"}[parts[4]]
        query.reason, query.state_age_s = None, 0
        status.set(status.queries)
        self.json({"name": query.name, "state": query.state}, 202)


def serve(state: str, port: int) -> None:
    server = StatusServer(state, port)
    print(f"{server.url} shows {state}; a line with another state changes it, ^C ends")
    print("states:", " ".join(STATES), "| lose, back")
    try:
        while line := input().strip():
            if line == "lose":
                server.lose()
            elif line == "back":
                server.come_back()
            elif line in STATES:
                server.show(line)
            else:
                print("no such state")
    except (EOFError, KeyboardInterrupt):
        pass
    finally:
        server.stop()


def pictures() -> None:
    """A few states as PNGs for the documents; small, as they lie in the tree."""
    from . import browser  # not needed to serve

    folder = deps.TREE / "docs/images"
    desk = {"width": 1280, "height": 860}
    with browser.chromium() as chromium:
        for name, state, options, full in (
                ("status-live", "live", {"viewport": desk}, False),
                ("status-failing", "failing", {"viewport": desk, "dark": True}, False),
                ("status-phone", "faults", {"viewport": browser.PHONE}, False)):
            server = StatusServer(state)
            page = browser.new_page(chromium, **options)
            with page.expect_response("**/history"):
                page.goto(server.url)
            page.locator("table.batches tbody tr").first.wait_for()
            page.locator(".plot canvas").nth(3).wait_for()
            for _ in range(3):
                page.evaluate("() => new Promise(requestAnimationFrame)")
            browser.picture(page, folder / f"{name}.png", full)
            page.context.close()
            server.stop()


def main(argv: list[str]) -> int:
    if argv[:1] == ["pictures"] and len(argv) == 1:
        pictures()
        return 0
    if argv[:1] == ["serve"] and len(argv) <= 3:
        state = argv[1] if len(argv) > 1 else "live"
        if state in STATES:
            serve(state, int(argv[2]) if len(argv) > 2 else 0)
            return 0
        print(f"no such state: {state}; there are {', '.join(STATES)}", file=sys.stderr)
        return 2
    print("usage: tools/ui serve [STATE] [PORT] | tools/ui pictures", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

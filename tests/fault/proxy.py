# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of an S3 server that does to requests what networks and
servers do: it loses answers, answers 500 after the fact, resets connections,
keeps half of a body, lets a rival be first.

`Proxy.rules` are asked in order for each request; the first that answers an
action decides.  A rule is a function of the request; what it answers is one of
the functions below, or None.  Signatures stay valid: the Host header is passed
on as the client sent it.
"""

import dataclasses
import http.client
import http.server
import re
import socket
import struct
import threading
import urllib.parse
from typing import Callable

_COMMIT = re.compile(r"_delta_log/\d{20}\.json$")
_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}


@dataclasses.dataclass
class Request:
    method: str
    target: str  # path and query, as sent
    headers: dict
    body: bytes

    @property
    def key(self) -> str:
        """Without the bucket."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.target).path)
        return path.split("/", 2)[2] if path.count("/") > 1 else ""

    @property
    def is_commit(self) -> bool:
        """A conditional PUT of N.json."""
        return (self.method == "PUT" and bool(_COMMIT.search(self.key))
                and "if-none-match" in {k.lower() for k in self.headers})


# --- actions: what becomes of a request; they answer (status, headers, body) or
# --- None for no answer at all


def forward(proxy: "Proxy", request: Request):
    connection = http.client.HTTPConnection(*proxy.upstream, timeout=60)
    try:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        connection.putrequest(request.method, request.target, skip_host=True,
                              skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def swallow(proxy: "Proxy", request: Request):
    """Carried out, but nobody hears of it."""
    forward(proxy, request)


def error_after(proxy: "Proxy", request: Request):
    forward(proxy, request)
    return _error(500, "InternalError")


def slow_down(proxy: "Proxy", request: Request):
    return _error(503, "SlowDown")


def reset(proxy: "Proxy", request: Request):
    return None


def truncate(proxy: "Proxy", request: Request):
    """The server keeps half of the body, and the answer is lost."""
    proxy.client.put(request.key, request.body[:len(request.body) // 2])


def then(hook: Callable[[], None]):
    """Carried out; before anybody hears of it, `hook` runs."""

    def action(proxy: "Proxy", request: Request):
        forward(proxy, request)
        hook()

    return action


def first(hook: Callable[[Request], None]):
    """`hook` runs before the request is passed on."""

    def action(proxy: "Proxy", request: Request):
        hook(request)
        return forward(proxy, request)

    return action


def _error(status: int, code: str):
    body = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on order</Message></Error>"
    return status, {"Content-Type": "application/xml"}, body.encode()


class Once:
    """A rule that applies `action` to the nth request that `matches`, then never again."""

    def __init__(self, matches: Callable[[Request], bool], action, nth: int = 1):
        self.matches, self.action, self.left = matches, action, nth
        self.lock = threading.Lock()

    @property
    def done(self) -> bool:
        return self.left <= 0

    def __call__(self, request: Request):
        if not self.matches(request):
            return None
        with self.lock:
            self.left -= 1
            return self.action if self.left == 0 else None


class Proxy:
    """Listens on a free port and passes on to `server` (a sluicetest S3Server)."""

    def __init__(self, server):
        self.server = server
        self.client = server.client
        self.upstream = ("127.0.0.1", server.port)
        self.rules: list = []
        self.counts: dict[str, int] = {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                proxy._handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # clients that are killed break off
                pass

        self.http = Server(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def _handle(self, handler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(handler.command, handler.path, dict(handler.headers.items()),
                          handler.rfile.read(length))
        action = next((a for a in (rule(request) for rule in list(self.rules)) if a), forward)
        if action is not forward:
            name = getattr(action, "__name__", "action")
            self.counts[name] = self.counts.get(name, 0) + 1
        try:
            answer = action(self, request)
        except OSError:
            answer = None
        if answer is None:
            handler.close_connection = True
            # An abrupt end, not an orderly one: nothing in flight is delivered.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
            return
        status, headers, body = answer
        handler.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        length = headers.get("Content-Length") if request.method == "HEAD" else None
        handler.send_header("Content-Length", length or str(len(body)))
        handler.end_headers()
        if request.method != "HEAD":
            handler.wfile.write(body)

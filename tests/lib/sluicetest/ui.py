# SPDX-License-Identifier: Apache-2.0
"""The API of a running sluice: each answer is held against docs/openapi.yaml."""

import contextlib
import functools
import gzip
import http.client
import json
import re
import socket
import urllib.parse

import jsonschema
import yaml

from . import deps
from .process import PATIENCE_S, wait_until
from .s3 import Answer

#: what every answer must have, and what none may have
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@functools.cache
def document() -> dict:
    return yaml.safe_load((deps.TREE / "docs/openapi.yaml").read_text(encoding="utf-8"))


def _operation(method: str, path: str) -> dict | None:
    method = "get" if method == "HEAD" else method.lower()
    for template, item in document()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in item:
            return item[method]
    return None


def _plain(answer: Answer) -> bytes:
    packed = answer.headers.get("content-encoding") == "gzip"
    return gzip.decompress(answer.body) if packed else answer.body


def check(method: str, path: str, answer: Answer) -> None:
    """Raises when the document does not say that this request has such an answer."""
    assert answer.headers["content-security-policy"] == POLICY
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    operation = _operation(method, path)
    if operation is None:  # no path or method of the API: an error all the same
        response = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
        assert answer.status in (400, 404, 405, 421), answer
    else:
        response = operation["responses"][str(answer.status)]
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    if "content" not in response or method == "HEAD":
        assert answer.body == b""
        return
    [(kind, media)] = response["content"].items()
    assert kind in ("*/*", answer.headers["content-type"].split(";")[0])
    value = (json.loads(answer.body) if kind == "application/json"
             else "" if kind == "*/*" else _plain(answer).decode())
    validator = jsonschema.Draft202012Validator(
        {**media["schema"], "components": document()["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    validator.validate(value)


class Ui:
    def __init__(self, url: str):
        self.url = url
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def request(self, method: str, path: str, headers: dict | None = None,
                body: bytes | None = None) -> Answer:
        """One request on a connection of its own; its answer is as documented."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            got = connection.getresponse()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        finally:
            connection.close()
        check(method, path.partition("?")[0], answer)
        return answer

    def get(self, path: str, status: int = 200):
        """The JSON at a path."""
        answer = self.request("GET", path)
        assert answer.status == status, answer
        return json.loads(answer.body)

    def query(self, name: str) -> dict:
        return self.get(f"/api/v1/queries/{urllib.parse.quote(name, safe='')}")

    def command(self, name: str, command: str, headers: dict | None = None) -> Answer:
        path = f"/api/v1/queries/{urllib.parse.quote(name, safe='')}/{command}"
        return self.request("POST", path, {"X-Sluice": "1"} if headers is None else headers)

    def wait_state(self, name: str, *states: str) -> None:
        wait_until(lambda: self.query(name)["state"] in states, f"{name} {'|'.join(states)}")

    def dial(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_S)

    def raw(self, text: bytes) -> bytes:
        """Sends bytes as they are and reads to the end; b"" when it is hung up on."""
        said = b""
        with self.dial() as connection, contextlib.suppress(OSError):  # hung up on: as good
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                said += part
        return said


class Events:
    """A listener: events are (name, id, data)."""

    def __init__(self, ui: Ui):
        self._connection = http.client.HTTPConnection(ui.host, ui.port, timeout=PATIENCE_S)
        self._connection.request("GET", "/api/v1/events")
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.getheader("content-type") == "text/event-stream"

    def next(self) -> tuple[str, int, dict]:
        fields: dict[str, str] = {}
        while True:
            line = self._answer.readline().decode()
            assert line, "the stream has ended"
            if line == "\n":
                if fields:
                    return fields["event"], int(fields["id"]), json.loads(fields["data"])
                continue
            name, _, value = line.rstrip("\n").partition(":")
            if name:  # else a comment
                fields[name] = value.removeprefix(" ")

    def wait(self, condition) -> dict:
        """Until an event's data fulfils it."""
        while True:
            _, _, data = self.next()
            if condition(data):
                return data

    def close(self) -> None:
        self._answer.close()
        self._connection.close()

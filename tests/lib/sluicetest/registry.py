# SPDX-License-Identifier: Apache-2.0
"""A Schema Registry: Apicurio's, spoken to through its Confluent-compatible API.

It keeps what is registered in a file, written at once, so that ids outlive a kill.
"""

import json
import pathlib
import struct
import urllib.error
import urllib.parse
import urllib.request

from . import deps
from .process import Process, free_port


class SchemaRegistry:
    def __init__(self, folder: pathlib.Path, heap: str = "256m"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.heap = heap
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        self.process = self.start()

    def start(self) -> Process:
        """Start it (again, after stop or a kill), on the same port and data."""
        argv = ["java", f"-Xmx{self.heap}", "-XX:TieredStopAtLevel=1", "-jar",
                deps.need("apicurio/registry.jar")]
        env = {"QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(self.port),
               "REGISTRY_DATASOURCE_URL": f"jdbc:h2:file:{self.folder}/registry;WRITE_DELAY=0"}
        self.process = Process("registry", argv, self.folder, env=env, cwd=self.folder)
        self.process.wait_until(lambda: self.request("GET", "/subjects") is not None, "answers")
        return self.process

    def stop(self) -> int:
        return self.process.stop()

    def request(self, method: str, path: str, body: object = None) -> object:
        """One request; an answer that is no 2xx raises, with what was said."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise OSError(f"{method} {path}: {e.code} {e.read()[:500]!r}") from e

    def register(self, subject: str, schema: object, kind: str = "AVRO",
                 references: list[tuple[str, str, int]] | None = None) -> int:
        """The schema's id.  A schema that is no text is written as JSON; a reference is
        (name, subject, version)."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body = {"schemaType": kind, "schema": text,
                "references": [{"name": n, "subject": s, "version": v}
                               for n, s, v in references or []]}
        path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        return self.request("POST", path, body)["id"]


def frame(schema_id: int, payload: bytes) -> bytes:
    """A message in Confluent's wire format (but for Protobuf's indexes)."""
    return struct.pack(">bI", 0, schema_id) + payload

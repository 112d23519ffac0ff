# SPDX-License-Identifier: Apache-2.0
"""The Schema Registry client against a real registry, led through build/tests/registry_probe."""

import json
import subprocess

import pytest
from sluicetest import deps
from sluicetest.registry import frame


class Probe:
    """One client process for a test; ask("fetch 7") is one call of it."""

    def __init__(self, url: str, timeout_ms: int = 60_000, *args: str):
        path = deps.TREE / "build/tests/registry_probe"
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: build it")
        self.popen = subprocess.Popen([path, url, str(timeout_ms), *args], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def begin(self, command: str) -> None:
        self.popen.stdin.write(command + "\n")
        self.popen.stdin.flush()

    def answer(self) -> dict:
        line = self.popen.stdout.readline()
        assert line, f"the probe ended with {self.popen.wait()}"
        return json.loads(line)

    def ask(self, command: str) -> dict:
        self.begin(command)
        return self.answer()

    def close(self) -> int:
        self.popen.stdin.close()
        return self.popen.wait()


@pytest.fixture
def probe():
    """probe(url, timeout_ms=60_000) starts a client; all must end well."""
    probes: list[Probe] = []

    def start(*args) -> Probe:
        probes.append(Probe(*args))
        return probes[-1]

    yield start
    for p in probes:
        assert p.close() == 0


INNER = {"type": "record", "name": "Inner", "namespace": "n",
         "fields": [{"name": "x", "type": "int"}]}
OUTER = {"type": "record", "name": "Outer", "namespace": "n",
         "fields": [{"name": "i", "type": "Inner"}, {"name": "j", "type": ["null", "n.Inner"]}]}


def test_avro_schemas_come_with_their_references_in_them(registry, unique, probe):
    registry.register(f"{unique}-inner", INNER)
    number = registry.register(f"{unique}-value", OUTER,
                               references=[("n.Inner", f"{unique}-inner", 1)])
    p = probe(registry.url)
    found = p.ask(f"fetch {number}")
    assert found["outcome"] == "found" and found["kind"] == "avro" and found["unusable"] == ""
    assert found["references"] == ["n.Inner"]
    writer = json.loads(found["writer"])
    assert writer["name"] == "n.Outer"
    assert writer["fields"][0]["type"] == {"type": "record", "name": "n.Inner",
                                           "fields": INNER["fields"]}
    assert writer["fields"][1]["type"] == ["null", "n.Inner"]
    assert p.ask(f"latest {unique}-value") == found


def test_an_independent_reader_takes_the_avro_schema_we_put_together(registry, unique, probe):
    fastavro = pytest.importorskip("fastavro")
    deep = {"type": "record", "name": "Deep", "fields": [
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}]}
    middle = {"type": "record", "name": "Middle", "namespace": "m.k",
              "fields": [{"name": "d", "type": {"type": "array", "items": "Deep"}}]}
    outer = {"type": "record", "name": "Outer", "namespace": "o", "fields": [
        {"name": "m", "type": {"type": "map", "values": "m.k.Middle"}}]}
    registry.register(f"{unique}-deep", deep)
    registry.register(f"{unique}-middle", middle, references=[("Deep", f"{unique}-deep", 1)])
    number = registry.register(f"{unique}-value", outer,
                               references=[("m.k.Middle", f"{unique}-middle", 1)])
    found = probe(registry.url).ask(f"fetch {number}")
    assert found["references"] == ["Deep", "m.k.Middle"]
    schema = fastavro.parse_schema(json.loads(found["writer"]))
    assert fastavro.validate({"m": {"k": {"d": [{"e": "A"}]}}}, schema)


def test_protobuf_schemas_are_compiled_with_their_imports(registry, unique, probe):
    registry.register(f"{unique}-common", 'syntax = "proto3"; package c; message C { int32 a = 1; }',
                      "PROTOBUF")
    number = registry.register(
        f"{unique}-value",
        'syntax = "proto3"; package p; import "common/c.proto"; '
        'import "google/protobuf/timestamp.proto"; '
        "message P { c.C c = 1; google.protobuf.Timestamp t = 2; message Q { int32 z = 1; } } "
        "message R {}",
        "PROTOBUF", references=[("common/c.proto", f"{unique}-common", 1)])
    p = probe(registry.url)
    found = p.ask(f"fetch {number}")
    assert (found["outcome"], found["kind"], found["unusable"]) == ("found", "protobuf", "")
    assert found["references"] == ["common/c.proto"]
    assert p.ask(f"message {number} 0") == {"message": "p.P"}
    assert p.ask(f"message {number} 0 0") == {"message": "p.P.Q"}
    assert p.ask(f"message {number} 1") == {"message": "p.R"}
    assert p.ask(f"message {number} 2")["error"] == "data"


def test_json_schemas_become_row_types_and_their_messages_rows(registry, unique, probe):
    registry.register(f"{unique}-address",
                      {"type": "object", "properties": {"city": {"type": "string"}}}, "JSON")
    number = registry.register(
        f"{unique}-value",
        {"type": "object", "properties": {
            "id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
            "address": {"$ref": "address.json"},
            "tags": {"type": "array", "items": {"type": "string"}}}},
        "JSON", references=[("address.json", f"{unique}-address", 1)])
    p = probe(registry.url)
    assert p.ask(f"describe {unique}-value") == {
        "type": "STRUCT<id: BIGINT, at: TIMESTAMP, address: STRUCT<city: STRING>, "
                "tags: ARRAY<STRING>>"}
    message = frame(number, json.dumps({"id": 7, "address": {"city": "Ulm"}, "tags": ["x"]}).encode())
    assert p.ask(f"decode {message.hex()}") == {
        "row": {"id": 7, "at": None, "address": {"city": "Ulm"}, "tags": ["x"]}}
    assert p.ask(f"decode {message[5:].hex()}")["fault"] == "magic"


def test_new_versions_are_the_latest_and_old_ids_stay(registry, unique, probe):
    first = registry.register(f"{unique}-value", {"type": "record", "name": "A", "fields": []})
    p = probe(registry.url)
    assert p.ask(f"latest {unique}-value")["id"] == first
    second = registry.register(f"{unique}-value", {
        "type": "record", "name": "A",
        "fields": [{"name": "x", "type": ["null", "int"], "default": None}]})
    assert second != first
    assert p.ask(f"latest {unique}-value")["id"] == second
    assert p.ask(f"cached {first}")["outcome"] == "found"


def test_what_is_not_registered_is_unknown_until_it_is(registry, unique, probe):
    p = probe(registry.url)
    assert p.ask("fetch 2000000000") == {"outcome": "unknown"}
    assert p.ask(f"latest {unique}-value") == {"outcome": "unknown"}
    assert "no subject" in p.ask(f"describe {unique}-value")["message"]
    number = registry.register(f"{unique}-value", {"type": "string", "doc": unique})
    assert p.ask(f"fetch {number}")["outcome"] == "found"


def test_a_wrong_path_is_a_failure_and_not_an_unknown_id(registry, probe):
    answer = probe(registry.url + "/nowhere", 500).ask("fetch 1")
    assert (answer["error"], answer["retry"]) == ("io", True)


def test_cached_ids_outlive_the_registry_and_others_wait_for_it(own_registry, unique, probe):
    server = own_registry()
    known = server.register("known", {"type": "record", "name": "K", "fields": []})
    later = server.register("later", {"type": "record", "name": "L", "fields": []})
    brief, patient = probe(server.url, 300), probe(server.url, 600_000)
    assert brief.ask(f"fetch {known}")["outcome"] == "found"
    assert patient.ask(f"fetch {known}")["outcome"] == "found"
    server.process.kill()
    assert brief.ask(f"fetch {known}")["outcome"] == "found"
    down = brief.ask(f"fetch {later}")
    assert (down["error"], down["retry"]) == ("io", True)
    assert brief.ask(f"cached {later}") == {"outcome": "unknown"}
    patient.begin(f"fetch {later}")  # asked while it is down, answered when it is back
    server.start()
    assert patient.answer()["outcome"] == "found"
    assert brief.ask(f"fetch {later}")["outcome"] == "found"


def test_the_next_registry_of_a_list_is_asked_when_one_is_down(own_registry, probe):
    server, gone = own_registry(), own_registry()
    number = server.register("s", {"type": "record", "name": "S", "fields": []})
    gone.process.kill()
    assert probe(f"{gone.url},{server.url}").ask(f"fetch {number}")["outcome"] == "found"

# SPDX-License-Identifier: Apache-2.0
"""Every format from a real topic into a table, schemas that change, and a registry that comes late."""

import io
import json
import subprocess
import time

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sluicetest.delta import Table
from sluicetest.process import wait_until
from sluicetest.registry import frame


def pipeline(broker, place, topic, columns="", body="SELECT * FROM s", table="", **stream):
    given = {"kafka.bootstrap.servers": broker.bootstrap, "subscribe": topic,
             "startingOffsets": "earliest", "metadataRefresh": "200 ms",
             **{name.replace("__", "."): value for name, value in stream.items()}}
    options = ", ".join(f"'{name}' = $${value}$$" for name, value in given.items())
    return (f"CREATE STREAM s {columns} USING kafka OPTIONS ({options});\n"
            f"CREATE STREAMING TABLE t LOCATION '{place}'\n"
            f"OPTIONS (trigger = '0 seconds'{table}) AS {body};\n")


@pytest.fixture
def drain(sluice):
    def run(text, **options):
        process = sluice(text, "--available-now", **options)
        assert process.wait_exit() == 0
        return process
    return run


def rows_by(place, name):
    return sorted(place.rows(), key=lambda r: (r[name] is None, r[name]))


# --- Avro and the registry ----------------------------------------------------------

V1 = {"type": "record", "name": "Event", "fields": [
    {"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"], "default": None}]}
V2 = {"type": "record", "name": "Event", "fields": [
    *V1["fields"], {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 0}]}


def avro(schema, record):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return out.getvalue()


def test_avro_by_an_inline_schema(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, [avro(V1, {"id": n, "name": f"n{n}" if n else None}) for n in range(3)]
                  + [None, b"\x02"])
    drain(pipeline(kafka, place, name, body="SELECT *, _offset AS o FROM s", value__format="avro",
                   jsonFormatSchema=json.dumps(V1), onBadRecord="deadletter"))
    rows = rows_by(place, "o")
    assert [(r["id"], r["name"]) for r in rows] == [(0, None), (1, "n1"), (2, "n2"), (None, None)]


def test_columns_and_schemas_come_from_the_registry(kafka, registry, topic, table, drain, unique):
    name, place = topic(), table()
    first = registry.register(f"{name}-value", V1)
    second = registry.register(f"{name}-value", V2)
    kafka.produce(name, [frame(first, avro(V1, {"id": 1, "name": "a"})),
                         frame(second, avro(V2, {"id": 2, "name": "b", "tags": ["x"], "at": 1000})),
                         frame(first, avro(V1, {"id": 3, "name": None}))], partition=0)
    drain(pipeline(kafka, place, name, value__format="avro", schema__registry__url=registry.url))
    rows = rows_by(place, "id")
    assert [(r["id"], r["name"], r["tags"]) for r in rows] == [
        (1, "a", None), (2, "b", ["x"]), (3, None, None)]
    assert rows[1]["at"].timestamp() == 1 and rows[0]["at"] is None


def test_a_field_of_a_new_schema_becomes_a_column_in_the_commit_of_its_first_row(
        kafka, registry, topic, table, sluice):
    name, place = topic(), table()
    first = registry.register(f"{name}-value", V1)
    kafka.produce(name, [frame(first, avro(V1, {"id": 1, "name": "a"}))])
    process = sluice(pipeline(kafka, place, name, value__format="avro",
                              schema__registry__url=registry.url))
    wait_until(lambda: place.count() == 1, "the first row")
    second = registry.register(f"{name}-value", V2)
    kafka.produce(name, [frame(second, avro(V2, {"id": 2, "name": "b", "tags": ["x"], "at": 5}))])
    wait_until(lambda: place.count() == 2, "the second row")
    assert process.stop() == 0
    assert [r["tags"] for r in rows_by(place, "id")] == [None, ["x"]]
    assert_columns_came_with_rows(place, "tags")


def assert_columns_came_with_rows(place, column):
    """The commit whose metaData has the column first adds the first file that has it."""
    for version in place.versions():
        actions = [json.loads(line) for line in
                   place.file(f"_delta_log/{version:020}.json").splitlines()]
        if any(column in a.get("metaData", {}).get("schemaString", "") for a in actions):
            assert any("add" in a for a in actions), f"version {version} has the column only"
            return
    raise AssertionError(f"no commit has {column}")


def test_a_partition_whose_schema_is_unknown_waits_and_nothing_is_lost(
        kafka, own_registry, topic, table, sluice):
    registry = own_registry()
    name, place = topic(2), table()
    first = registry.register(f"{name}-value", V1)
    late = first + 1
    kafka.produce(name, [frame(first, avro(V1, {"id": 1, "name": "a"})),
                         frame(late, avro(V2, {"id": 2, "name": "b", "tags": [], "at": 0})),
                         frame(first, avro(V1, {"id": 3, "name": "c"}))], partition=0)
    kafka.produce(name, [frame(first, avro(V1, {"id": 10, "name": "z"}))], partition=1)
    process = sluice(pipeline(kafka, place, name, columns="(id BIGINT, name STRING)",
                              value__format="avro", schema__registry__url=registry.url))
    wait_until(lambda: "partition held" in process.stderr, "the partition is held")
    kafka.produce(name, [frame(first, avro(V1, {"id": 11, "name": "y"}))], partition=1)
    wait_until(lambda: place.count() == 3, "the other partition goes on")
    assert sorted(r["id"] for r in place.rows()) == [1, 10, 11]
    assert registry.register(f"{name}-value", V2) == late
    wait_until(lambda: place.count() == 5, "the partition is free")
    assert process.stop() == 0
    assert sorted(r["id"] for r in place.rows()) == [1, 2, 3, 10, 11]


def test_a_registry_that_is_down_is_waited_for(kafka, own_registry, topic, table, sluice):
    registry = own_registry()
    name, place = topic(), table()
    first = registry.register(f"{name}-value", V1)
    registry.process.kill()
    kafka.produce(name, [frame(first, avro(V1, {"id": n, "name": "a"})) for n in range(5)])
    process = sluice(pipeline(kafka, place, name, value__format="avro",
                              schema__registry__url=registry.url))
    wait_until(lambda: "trying again" in process.stderr, "the start waits for the registry")
    registry.start()
    wait_until(lambda: place.count() == 5, "the rows")
    # What is known goes on without it.
    registry.process.kill()
    kafka.produce(name, [frame(first, avro(V1, {"id": n, "name": "b"})) for n in range(5, 9)])
    wait_until(lambda: place.count() == 9, "the rows of a known schema")
    assert process.stop() == 0


def test_a_message_that_is_not_framed_is_a_dead_letter(kafka, registry, topic, table, drain):
    name, place = topic(), table()
    first = registry.register(f"{name}-value", V1)
    kafka.produce(name, [frame(first, avro(V1, {"id": 1, "name": "a"})), b"{}", frame(first, b"")],
                  partition=0)
    drain(pipeline(kafka, place, name, value__format="avro", onBadRecord="deadletter",
                   schema__registry__url=registry.url))
    assert place.count() == 1


def test_keys_have_a_format_of_their_own(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, ['{"n": 1}', '{"n": 2}', '{"n": 3}'],
                  keys=['{"id": 7, "part": "x"}', None, "no"], partition=0)
    drain(pipeline(kafka, place, name, columns="(n INT)", key__format="json",
                   key__schema="id BIGINT, part STRING",
                   body="SELECT n, _key AS k, _key.id AS id FROM s"))
    rows = rows_by(place, "n")
    assert [r["k"] for r in rows] == [{"id": 7, "part": "x"}, None, None]
    assert [r["id"] for r in rows] == [7, None, None]


def test_a_bad_field_of_a_key_is_not_rescued_with_the_value(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, ['{"n": 1}', '{"n": "x"}'], keys=['{"id": "no"}', '{"id": 2}'], partition=0)
    drain(pipeline(kafka, place, name, columns="(n INT)", key__format="json",
                   key__schema="id BIGINT", rescuedDataColumn="rest", onBadRecord="deadletter",
                   body="SELECT n, rest, _key.id AS id FROM s"))
    assert [(r["n"], r["id"], '"x"' in r["rest"]) for r in place.rows()] == [(None, 2, True)]
    letters = Table(f"{place}_deadletters").rows()
    assert [(r["offset"], r["reason"]) for r in letters] == [(0, "type")]


def test_text_keys_and_text_values(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, ["one", "zwei ü", None], keys=["k1", "k2", "k3"], partition=0)
    drain(pipeline(kafka, place, name, value__format="text", key__format="text",
                   body="SELECT value, _key AS k, _value IS NULL AS tombstone, _offset AS o FROM s"))
    rows = rows_by(place, "o")
    assert [(r["value"], r["k"], r["tombstone"]) for r in rows] == [
        ("one", "k1", False), ("zwei ü", "k2", False), (None, "k3", True)]


# --- Protobuf ---------------------------------------------------------------------------

PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  enum State { UNKNOWN = 0; PAID = 1; SENT = 2; }
  message Line { string sku = 1; uint32 count = 2; }
  uint64 id = 1;
  State state = 2;
  repeated Line lines = 3;
  map<string, double> prices = 4;
  google.protobuf.Timestamp at = 5;
  oneof who { string name = 6; bytes token = 7; }
  optional int32 rating = 8;
}
"""


@pytest.fixture
def order(tmp_path):
    """The message class of PROTO, its .proto file and its descriptor set."""
    source = tmp_path / "shop.proto"
    source.write_text(PROTO)
    compiled = tmp_path / "shop.desc"
    subprocess.run(["protoc", "--include_imports", f"--descriptor_set_out={compiled}",
                    f"-I{tmp_path}", source.name], check=True, cwd=tmp_path)
    files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    cls = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))
    return cls, source, compiled


def orders(cls):
    a = cls(id=2**64 - 1, state=1, name="ann", rating=0)
    a.lines.add(sku="x", count=2**32 - 1)
    a.lines.add(sku="y")
    a.prices["x"] = 1.5
    a.at.FromMilliseconds(1_700_000_000_123)
    return [a.SerializeToString(), cls(id=1, token=b"\x00\xff", state=9).SerializeToString()]


@pytest.mark.parametrize("how", ["descFilePath", "protoFiles"])
def test_protobuf_by_descriptors_or_source(kafka, topic, table, drain, order, how):
    cls, source, compiled = order
    name, place = topic(), table()
    kafka.produce(name, [*orders(cls), b"\xff\xff"], partition=0)
    drain(pipeline(kafka, place, name, value__format="protobuf", messageName="shop.Order",
                   body="SELECT * EXCLUDE (prices), prices['x'] AS px, _offset AS o FROM s",
                   onBadRecord="drop", **{how: source if how == "protoFiles" else compiled}))
    rows = rows_by(place, "o")
    assert [int(r["id"]) for r in rows] == [2**64 - 1, 1]
    assert [r["state"] for r in rows] == ["PAID", "9"]
    assert rows[0]["lines"] == [{"sku": "x", "count": 2**32 - 1}, {"sku": "y", "count": None}]
    assert (rows[0]["px"], rows[0]["name"], rows[0]["token"]) == (1.5, "ann", None)
    assert (rows[1]["name"], rows[1]["token"], rows[1]["rating"]) == (None, b"\x00\xff", None)
    assert rows[0]["rating"] == 0
    assert round(rows[0]["at"].timestamp() * 1000) == 1_700_000_000_123


def test_protobuf_by_the_registry_with_message_indexes(kafka, registry, topic, table, drain, order):
    cls = order[0]
    name, place = topic(), table()
    number = registry.register(f"{name}-value", PROTO, "PROTOBUF")
    kafka.produce(name, [frame(number, b"\x00" + m) for m in orders(cls)], partition=0)
    drain(pipeline(kafka, place, name, value__format="protobuf",
                   body="SELECT id, state FROM s", schema__registry__url=registry.url))
    assert [int(r["id"]) for r in rows_by(place, "id")] == [1, 2**64 - 1]


def test_a_field_of_a_new_protobuf_schema_becomes_a_column(kafka, registry, topic, table, sluice):
    name, place = topic(), table()
    text = 'syntax = "proto3"; message M { int64 id = 1; In in = 2; message In { string a = 1; } }'
    first = registry.register(f"{name}-value", text, "PROTOBUF")
    kafka.produce(name, [frame(first, b"\x00\x08\x01\x12\x03\x0a\x01x")])
    process = sluice(pipeline(kafka, place, name, value__format="protobuf",
                              schema__registry__url=registry.url))
    wait_until(lambda: place.count() == 1, "the first row")
    wider = text.replace("string a = 1;", "string a = 1; sint32 deep = 2;").replace(
        "In in = 2;", "In in = 2; repeated string tags = 3;")
    second = registry.register(f"{name}-value", wider, "PROTOBUF")
    kafka.produce(name, [frame(second, b"\x00\x08\x02\x12\x02\x10\x03\x1a\x01t")])
    wait_until(lambda: place.count() == 2, "the second row")
    assert process.stop() == 0
    rows = rows_by(place, "id")
    assert rows[0]["tags"] is None and rows[1]["tags"] == ["t"]
    assert rows[0]["in"] == {"a": "x", "deep": None} and rows[1]["in"]["deep"] == -2
    assert_columns_came_with_rows(place, "tags")


# --- JSON whose fields nobody wrote down ----------------------------------------------------


def test_new_json_fields_become_columns_with_their_first_rows(kafka, topic, table, sluice):
    name, place = topic(), table()
    kafka.produce(name, ['{"id": 1, "place": {"lat": 1.5}}'])
    process = sluice(pipeline(kafka, place, name))
    wait_until(lambda: place.count() == 1, "the first row")
    kafka.produce(name, ['{"id": 2, "place": {"lat": 2, "lon": 3.5}, "brandnew": [{"a": true}]}'])
    wait_until(lambda: place.count() == 2, "the second row")
    assert process.stop() == 0
    rows = rows_by(place, "id")
    assert rows[0]["place"] == {"lat": 1.5, "lon": None} and rows[0]["brandnew"] is None
    assert rows[1]["place"] == {"lat": 2.0, "lon": 3.5} and rows[1]["brandnew"] == [{"a": True}]
    assert_columns_came_with_rows(place, "brandnew")
    # A restart takes the columns that the query has kept; the topic's beginning does not matter.
    kafka.delete_records(name, {0: 2})
    kafka.produce(name, ['{"id": 3}'])
    again = sluice(pipeline(kafka, place, name), "--available-now", name="again")
    assert again.wait_exit() == 0
    assert len(place.rows()) == 3 and "new columns" not in again.stderr


def test_fields_that_cannot_be_columns_do_not_stop_the_rows(kafka, topic, table, drain):
    name, place = topic(), table()
    kafka.produce(name, ['{"id": 1}', '{"id": 2, "ID": 3, "a b": 4, "_key": 5, "e": {}}'] * 20)
    drain(pipeline(kafka, place, name, rescuedDataColumn="_rescued_data", inferSampleRows=1))
    rows = place.rows()
    assert sorted(r["id"] for r in rows) == [1] * 20 + [2] * 20
    rescued = [json.loads(r["_rescued_data"]) for r in rows if r["_rescued_data"]]
    assert len(rescued) == 20 and all(r["a b"] == 4 and r["_key"] == 5 for r in rescued)


def test_a_run_without_a_file_infers_and_streams(kafka, topic, minio, table, tmp_path):
    from sluicetest import deps
    from sluicetest.process import Process
    name, place = topic(), table(minio)
    kafka.produce(name, ['{"id": 1, "v": "a"}', "no JSON"])
    env = {**minio.sluice_env(), "KAFKA_BROKER": kafka.bootstrap, "KAFKA_TOPIC": name,
           "DELTA_LAKE_PATH": str(place), "CHECKPOINT_DIR": str(tmp_path / "checkpoint")}
    process = Process("sluice", [deps.TREE / "build/sluice", "run"], tmp_path, cwd=tmp_path, env=env)
    wait_until(lambda: place.count() == 1, "the first row")
    kafka.produce(name, ['{"id": 2, "more": 1.5}'])
    wait_until(lambda: place.count() == 2, "the second row")
    assert process.stop() == 0
    rows = rows_by(place, "id")
    assert [(r["id"], r["v"], r["more"]) for r in rows] == [(1, "a", None), (2, None, 1.5)]
    kept = list((tmp_path / "checkpoint").rglob("schema-*.json"))
    assert len(kept) == 1 and "more" in kept[0].read_text()


def test_check_shows_the_columns_it_found_as_a_list_to_paste(kafka, topic, table, tmp_path):
    from sluicetest.sluice import command
    name, place = topic(), table()
    kafka.produce(name, ['{"id": 1, "odd name": 2, "nested": {"x": [1.5]}}'])
    file = tmp_path / "p.sql"
    file.write_text(pipeline(kafka, place, name, schemaHints="nested.x ARRAY<FLOAT>, extra DATE"))
    done = command("check", file)
    assert done.exit_code == 2 and "check --connect" in done.stderr
    done = command("check", "--connect", file)
    assert done.exit_code == 0, done.stderr
    shown = done.stdout
    listed = shown[shown.index("(\n") + 2:shown.index("\n)")]
    assert "id BIGINT" in listed and "nested STRUCT<x: ARRAY<FLOAT>>" in listed
    assert "extra DATE" in listed
    file.write_text(pipeline(kafka, place, name, columns=f"({listed})"))
    assert command("check", file).exit_code == 0
    assert place.version() == -1  # nothing was written


def test_the_first_message_is_waited_for(kafka, topic, table, sluice):
    name, place = topic(), table()
    process = sluice(pipeline(kafka, place, name, startingOffsets="latest"))
    wait_until(lambda: "looking for the columns" in process.stderr, "the wait")
    time.sleep(0.5)
    kafka.produce(name, ['{"id": 1}'])
    wait_until(lambda: place.version() >= 0, "the start commit")
    kafka.produce(name, ['{"id": 2}'])
    wait_until(lambda: any(r["id"] == 2 for r in place.rows()), "the row")
    assert process.stop() == 0


# --- the examples -------------------------------------------------------------------------


def test_gtfs_feeds_in_protobuf_give_the_table_that_they_give_in_json(kafka, topic, table, sluice,
                                                                     tmp_path):
    from google.protobuf import json_format
    from sluicetest import deps
    proto = deps.TREE / "examples/vehicle_positions.proto"
    compiled = tmp_path / "gtfs.desc"
    subprocess.run(["protoc", f"--descriptor_set_out={compiled}", f"-I{proto.parent}", proto.name],
                   check=True)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file[0])
    cls = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("transit_realtime.FeedMessage"))
    json_topic, binary_topic, ours, theirs = topic(), topic(), table(), table()
    for n in range(40):
        message = gtfs_feed(cls, n)
        feed = json_format.MessageToDict(message, preserving_proto_field_name=True)
        sent = kafka.produce(binary_topic, [message.SerializeToString()], keys=[f"feed_{n}"],
                             headers=[("event_type", b"vehicle_positions")])
        kafka.produce(json_topic, [json.dumps(feed | {
            "producer_timestamp": sent[0].timestamp_ms / 1000, "source_id": f"feed_{n}",
            "event_type": "vehicle_positions"})])
    for name, place, file in [(json_topic, theirs, "vehicle_positions.sql"),
                              (binary_topic, ours, "vehicle_positions_protobuf.sql")]:
        env = {"KAFKA_BROKER": kafka.bootstrap, "KAFKA_TOPIC": name, "DELTA_LAKE_PATH": str(place),
               "PROTO": str(proto)}
        run = sluice((deps.TREE / "examples" / file).read_text(), "--available-now", env=env,
                     name=file)
        assert run.wait_exit() == 0, run.stderr
    assert ours.read().schema.remove_metadata() == theirs.read().schema.remove_metadata()
    assert comparable(ours) == comparable(theirs)
    assert len(ours.rows()) > 80


def comparable(place):
    return sorted((json.dumps({k: v for k, v in row.items() if k != "processing_timestamp"},
                              default=str, sort_keys=True) for row in place.rows()))


def gtfs_feed(cls, number):
    """Numbers that a float holds exactly; every third vehicle lacks what it may lack."""
    feed = cls()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.incrementality = number % 2
    feed.header.timestamp = 1_767_225_600 + number
    for i in range(number % 7):
        entity = feed.entity.add(id=f"e{number}_{i}")
        vehicle = entity.vehicle
        vehicle.trip.trip_id = f"1001_{i}"
        vehicle.trip.start_date = f"2026010{i % 3 + 1}"
        vehicle.position.latitude = 60 + i / 8
        vehicle.position.longitude = 24.5
        vehicle.current_status = i % 3  # has a default, which JSON does not say
        if i % 3:
            vehicle.trip.schedule_relationship = i % 4
            vehicle.trip.direction_id = i % 2
            vehicle.position.speed = i / 4
            vehicle.current_stop_sequence = i
            vehicle.timestamp = 1_767_225_600 + i
            vehicle.vehicle.label = f"Bus {i} ü"
            vehicle.occupancy_status = i % 7
    return feed

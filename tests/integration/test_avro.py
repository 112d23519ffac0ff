# SPDX-License-Identifier: Apache-2.0
"""Avro as Spark reads it: the row types that schemas amount to, and the rows of random records.

fastavro encodes, Spark's from_avro and our decoder (tests/lib/avro_rows.c) decode, and both
give JSON that must say the same."""

import base64
import decimal
import io
import json
import math
import random
import struct
import subprocess

import fastavro
import pytest
from sluicetest import deps

pytestmark = pytest.mark.spark


def logical(kind: str, name: str, **more) -> dict:
    return {"type": kind, "logicalType": name, **more}


def record(name: str, **fields) -> dict:
    """A field is a schema, or (schema, default)."""
    return {"type": "record", "name": name,
            "fields": [{"name": n, "type": t[0], "default": t[1]} if isinstance(t, tuple)
                       else {"name": n, "type": t} for n, t in fields.items()]}


def nullable(schema) -> list:
    return ["null", schema]


def array(items) -> dict:
    return {"type": "array", "items": items}


def mapping(values) -> dict:
    return {"type": "map", "values": values}


def enum(name: str, *symbols: str, **more) -> dict:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(name: str, size: int, **more) -> dict:
    return {"type": "fixed", "name": name, "size": size, **more}


RICH = record(
    "Rich", flag="boolean", small="int", big="long", single="float", real="double", blob="bytes",
    text="string", mood=enum("Mood", "HAPPY", "SAD", "a_mood_with_a_long_name"),
    six=fixed("Six", 6),
    day=logical("int", "date"), at_ms=logical("long", "timestamp-millis"),
    at_us=logical("long", "timestamp-micros"), at_ns=logical("long", "timestamp-nanos"),
    local_ms=logical("long", "local-timestamp-millis"),
    local_us=logical("long", "local-timestamp-micros"),
    time_ms=logical("int", "time-millis"),
    money=logical("bytes", "decimal", precision=9, scale=2),
    money18=logical("bytes", "decimal", precision=18, scale=6),
    money38=logical("bytes", "decimal", precision=38, scale=10),
    money_fixed=fixed("Money", 8, logicalType="decimal", precision=16, scale=4),
    uuid=logical("string", "uuid"), uuid_fixed=fixed("Uuid", 16, logicalType="uuid"),
    span=fixed("Span", 12, logicalType="duration"),
    maybe=nullable("string"), maybe_last=["long", "null"], number=["int", "long"],
    real_number=["null", "float", "double"],
    choice=["null", "string", "int", record("Inner", a="int", b=nullable("double"))],
    pick=["boolean", "bytes"],
    list=array("int"), lists=array(array(nullable("string"))),
    records=array(record("Line", sku="string", count="int", tags=mapping("string"))),
    map=mapping("long"), maps=mapping(nullable(mapping("double"))),
    nested=record("Outer", x=record("Deep", y=nullable(array("Six")), z="Mood")),
    again=nullable("Line"))


class Maker:
    """Random values of a schema, those at the limits more often than others."""

    def __init__(self, schema, seed: int):
        self.r = random.Random(seed)
        self.named: dict[str, dict] = {}
        self.learn(schema)

    def learn(self, s) -> None:
        """The names that may be used without their definitions."""
        for part in s.values() if isinstance(s, dict) else s if isinstance(s, list) else ():
            self.learn(part)
        if isinstance(s, dict) and s.get("type") in ("record", "enum", "fixed"):
            self.named[s["name"]] = s

    def integer(self, bits: int) -> int:
        top = 2 ** (bits - 1)
        return self.r.choice([0, 1, -1, 63, -64, 64, top - 1, -top, self.r.randrange(-top, top),
                              self.r.randrange(-(2 ** self.r.randrange(1, bits)), top) >>
                              self.r.randrange(0, bits - 1)])

    def text(self) -> str:
        alphabet = self.r.choice(["abc", "aü🚌\n\"\\", "\0\x7f\u20ac"])
        return "".join(self.r.choice(alphabet) for _ in range(self.r.choice([0, 1, 5, 12, 13, 40])))

    def real(self, single: bool) -> float:
        value = self.r.choice([0.0, -0.0, 1.5, -1e-30, 3.0e38, self.r.uniform(-1e6, 1e6),
                               math.inf, -math.inf, math.nan])
        return struct.unpack("f", struct.pack("f", value))[0] if single else value

    def unscaled(self, precision: int) -> int:
        limit = 10 ** self.r.randrange(1, precision + 1)
        return self.r.choice([0, limit - 1, 1 - limit, self.r.randrange(1 - limit, limit)])

    def time(self, unit: int) -> int:  # 1900 to 2200: Spark moves older ones about
        return self.r.choice([0, -1, self.r.randrange(-2_208_988_800, 7_258_118_400)]) * unit + \
            self.r.randrange(0, unit)

    def special(self, s: dict):
        kind, name = s["type"], s.get("logicalType")
        if name == "decimal":
            value = self.unscaled(s["precision"])
            size = s["size"] if kind == "fixed" else (value.bit_length() // 8 + 1)
            return value.to_bytes(size, "big", signed=True)
        if name == "date":
            return self.r.randrange(-25567, 84006)
        if name in ("time-millis", "time-micros"):
            return self.r.randrange(0, 86_400_000)
        if name == "uuid" and kind == "string":
            return "%08x-0000-4000-8000-%012x" % (self.r.getrandbits(32), self.r.getrandbits(48))
        units = {"millis": 1000, "micros": 1_000_000, "nanos": 1_000_000_000}
        return self.time(units[name.rsplit("-", 1)[-1]])

    def value(self, s):
        s = self.named.get(s, s) if isinstance(s, str) else s
        if isinstance(s, list):
            chosen = self.r.choice(s)
            value = self.value(chosen)
            return (branch_name(chosen), value) if chosen != "null" else None
        kind = s if isinstance(s, str) else s["type"]
        if isinstance(kind, (dict, list)):
            return self.value(kind)
        if isinstance(s, dict) and s.get("logicalType") and not (
                kind == "fixed" and s["logicalType"] != "decimal"):
            return self.special(s)
        if kind == "record":
            return {f["name"]: self.value(f["type"]) for f in s["fields"]}
        if kind in ("array", "map"):
            held = s["items"] if kind == "array" else s["values"]
            values = [self.value(held) for _ in range(self.r.choice([0, 1, 3]))]
            return values if kind == "array" else {f"{self.text()}{i}": v
                                                   for i, v in enumerate(values)}
        return {"null": lambda: None, "boolean": lambda: self.r.random() < 0.5,
                "int": lambda: self.integer(32), "long": lambda: self.integer(64),
                "float": lambda: self.real(True), "double": lambda: self.real(False),
                "bytes": lambda: self.r.randbytes(self.r.choice([0, 1, 12, 13, 100])),
                "string": self.text, "enum": lambda: self.r.choice(s["symbols"]),
                "fixed": lambda: self.r.randbytes(s["size"])}[kind]()


def branch_name(s) -> str:
    return s if isinstance(s, str) else s.get("name", s["type"])


def encode(schema, values) -> list[bytes]:
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
    messages = []
    for value in values:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, value)
        messages.append(out.getvalue())
    return messages


def made(schema, count: int, seed: int) -> list[bytes]:
    maker = Maker(schema, seed)
    return encode(schema, [maker.value(schema) for _ in range(count)])


def read_json(text: str):
    """Numbers as they are: -0 is a float's, and floats keep their digits."""
    return json.loads(text, parse_float=decimal.Decimal,
                      parse_int=lambda t: int(t) if t != "-0" else decimal.Decimal(t))


def ours(folder, messages, writer, reader=None):
    """The row type, and (verdict, reason, row) of each message."""
    paths = []
    for name, schema in (("writer", writer), ("reader", reader)):
        if schema is not None:
            paths.append(folder / f"{name}.avsc")
            paths[-1].write_text(json.dumps(schema))
    done = subprocess.run([deps.TREE / "build/src/codec/avro_rows", *paths], check=True,
                          input="".join(m.hex() + "\n" for m in messages), capture_output=True,
                          encoding="utf-8")
    lines = done.stdout.split("\n")
    rows = [line.split("\t", 2) for line in lines[1:-1]]
    return lines[0], [(verdict, reason, read_json(row))
                      for verdict, reason, row in rows]


def sparks(spark, messages, writer, reader=None):
    """The type, and the row of each message as Spark decodes it."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro
    from pyspark.sql.types import StructField, StructType

    options = {"mode": "PERMISSIVE", "datetimeRebaseMode": "CORRECTED"}
    if reader is not None:
        options["avroSchema"] = json.dumps(reader)
    frame = spark.createDataFrame(list(enumerate(map(bytearray, messages))), "i INT, m BINARY")
    frame = frame.select("i", from_avro("m", json.dumps(writer), options).alias("value"))
    kind = frame.schema["value"].dataType
    schema = reader or writer
    if not isinstance(schema, dict) or schema["type"] != "record":
        kind = StructType([StructField("value", kind)])
        frame = frame.select("i", F.struct("value").alias("value"))
    text = F.to_json("value", {
        "ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSX",
        "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"})
    rows = frame.select("i", text.alias("t")).orderBy("i").collect()
    return kind, [read_json(r["t"]) for r in rows]


def same_text(kind) -> str:
    return "".join(kind.split()).lower()


def plain(value, kind):
    """A value of the JSON of either side as one that can be compared."""
    if value is None:
        return None
    name = kind.typeName()
    if name == "struct":
        return {f.name: plain(value.get(f.name), f.dataType) for f in kind.fields}
    if name == "array":
        return [plain(v, kind.elementType) for v in value]
    if name == "map":
        return {k: plain(v, kind.valueType) for k, v in value.items()}
    if name == "float":
        return struct.pack("f", float(value)).hex() if value != "NaN" else "NaN"
    if name == "double":
        return struct.pack("d", float(value)).hex() if value != "NaN" else "NaN"
    if name == "binary":
        return base64.b64decode(value)
    if name.startswith("decimal"):
        return decimal.Decimal(value)
    if name.startswith("timestamp"):
        return value.replace(".000000", "")
    return value


def compare(spark, folder, messages, writer, reader=None):
    """Both decode the messages to the same rows; the verdicts of ours."""
    ddl, got = ours(folder, messages, writer, reader)
    kind, wanted = sparks(spark, messages, writer, reader)
    assert same_text(ddl) == same_text(kind.simpleString())
    assert len(got) == len(wanted) == len(messages)
    for number, ((verdict, reason, row), want) in enumerate(zip(got, wanted, strict=True)):
        assert plain(row, kind) == plain(want, kind), (number, verdict, reason)
    return [verdict for verdict, _, _ in got]


def test_random_records_are_decoded_as_spark_does(spark, tmp_path):
    messages = made(RICH, 2000, 1)
    assert set(compare(spark, tmp_path, messages, RICH)) == {"ok"}


def test_messages_that_are_cut_off_are_bad_to_both(spark, tmp_path):
    prefixes = [m[:n] for m in made(RICH, 4, 2) for n in range(len(m))]
    assert set(compare(spark, tmp_path, prefixes, RICH)) == {"bad"}


def test_a_time_of_microseconds_is_a_number_where_spark_has_a_type_that_delta_has_not(
        spark, tmp_path):
    schema = record("R", t=logical("long", "time-micros"))
    ddl, got = ours(tmp_path, encode(schema, [{"t": 86_399_000_001}]), schema)
    kind, _ = sparks(spark, [], schema)
    assert (ddl, kind.simpleString()) == ("STRUCT<t: BIGINT>", "struct<t:time(6)>")
    assert got == [("ok", "", {"t": 86_399_000_001})]


LONE = ["int", "string", nullable("double"), array(nullable("long")),
        mapping("bytes"), enum("E", "A", "B"), logical("long", "timestamp-millis")]


@pytest.mark.parametrize("schema", LONE, ids=lambda s: json.dumps(s)[:40])
def test_what_is_no_record_is_decoded_as_spark_does(spark, tmp_path, schema):
    messages = made(schema, 100, 3)
    if schema == nullable("double"):  # whose null is 0.0 to Spark
        messages = [m for m in messages if m != b"\0"]
    assert set(compare(spark, tmp_path, messages, schema)) == {"ok"}


LINE = record("Line", sku="string", count="int")

#: writer, reader
EVOLUTIONS = {
    "promotions": (
        record("R", a="int", b="int", c="int", d="long", e="long", f="float", g="string",
               h="bytes", i=array("int"), j=mapping("float")),
        record("R", a="long", b="float", c="double", d="float", e="double", f="double", g="bytes",
               h="bytes", i=array("long"), j=mapping("double"))),
    "order, and fields left out": (
        record("R", a="int", b="string", c=array(LINE), d=nullable("Line"), e="double"),
        record("R", e="double", b="string", a="int")),
    "nested fields left out and added": (
        record("R", a=array(LINE), b=mapping("Line")),
        record("R", b=mapping(record("Line", count="long", more=("int", 7))),
               a=array("Line"))),
    "defaults": (
        record("R", a="int"),
        record("R", a="int", b=("string", "a text of more than twelve"),
               c=(nullable("int"), None), d=("double", 1.5),
               e=(array("int"), [1, 2]),
               f=(mapping("string"), {"k": "v"}),
               g=(LINE, {"sku": "x", "count": 3}),
               h=(enum("E", "A", "B"), "B"),
               i=("bytes", "\u00ffA"), j=("boolean", True),
               k=("long", -5), l=(fixed("F", 2), "ab"))),
    "null added and taken away": (
        record("R", a="int", b=nullable("int"), c=nullable("string")),
        record("R", a=nullable("int"), b=nullable("long"), c=["string", "null"])),
    "unions": (
        record("R", a=["int", "string"], b=["null", "int", LINE], c="int"),
        record("R", a=["null", "string", "long", "boolean"],
               b=["null", "double", record("Line", count="int", sku="string"), "string"],
               c=["null", "string", "double"])),
    "enums": (
        record("R", a=enum("E", "A", "B", "C"), b=array(enum("G", "X", "Y"))),
        record("R", a=enum("E", "C", "A", "D", default="D"),
               b=array(enum("G", "Y", "Z", "X")))),
}


@pytest.mark.parametrize("name", EVOLUTIONS)
def test_a_readers_schema_is_resolved_as_spark_does(spark, tmp_path, name):
    writer, reader = EVOLUTIONS[name]
    messages = made(writer, 200, 4)
    assert set(compare(spark, tmp_path, messages, writer, reader)) == {"ok"}


def test_aliases_of_the_reader_are_resolved_as_spark_does(spark, tmp_path):
    writer = record("Old", a="int", b=array(record("Item", x="int")), c=enum("E", "A", "B"))
    reader = {"type": "record", "name": "New", "aliases": ["Old"], "fields": [
        {"name": "number", "type": "long", "aliases": ["a"]},
        {"name": "items", "aliases": ["b"], "type": array(
            {"type": "record", "name": "Thing", "aliases": ["Item"],
             "fields": [{"name": "y", "type": "int", "aliases": ["x"]}]})},
        {"name": "c", "type": {**enum("F", "A", "B"), "aliases": ["E"]}}]}
    messages = made(writer, 100, 5)
    assert set(compare(spark, tmp_path, messages, writer, reader)) == {"ok"}


def test_a_symbol_that_the_reader_lacks_spoils_the_row_to_spark_and_the_field_to_us(
        spark, tmp_path):
    writer = record("R", a=enum("E", "A", "B"), b="int")
    reader = record("R", a=enum("E", "A"), b="int")
    messages = encode(writer, [{"a": "A", "b": 1}, {"a": "B", "b": 2}])
    _, got = ours(tmp_path, messages, writer, reader)
    _, wanted = sparks(spark, messages, writer, reader)
    assert got[0][2] == wanted[0] == {"a": "A", "b": 1}
    assert got[1] == ("field", "unresolved", {"a": None, "b": 2})
    assert wanted[1] == {"a": None, "b": None}


def test_records_of_random_schemas_are_decoded_as_fastavro_does(tmp_path):
    """Without Spark, which takes a second a schema: many small schemas, values of each."""
    r = random.Random(6)
    for number in range(150):
        schema = random_schema(r, number)
        maker = Maker(schema, number)
        values = [maker.value(schema) for _ in range(10)]
        _, got = ours(tmp_path, encode(schema, values), schema)
        for (verdict, reason, row), value in zip(got, values, strict=True):
            assert verdict == "ok", (schema, reason)
            assert row == shown(schema, value), schema


def random_schema(r: random.Random, number: int) -> dict:
    names = iter(range(10_000))

    def pick(depth: int):
        kinds = ["int", "long", "string", "boolean", "bytes", "enum", "fixed"]
        if depth < 4:
            kinds += ["array", "map", "record", "nullable"]
        kind = r.choice(kinds)
        if kind == "enum":
            return enum(f"E{next(names)}", "A", "B")
        if kind == "fixed":
            return fixed(f"F{next(names)}", r.randrange(1, 20))
        if kind == "array":
            return array(pick(depth + 1))
        if kind == "map":
            return mapping(pick(depth + 1))
        if kind == "record":
            return record(f"R{next(names)}",
                          **{f"f{i}": pick(depth + 1) for i in range(r.randrange(1, 5))})
        if kind == "nullable":
            inner = pick(4)
            return r.choice([["null", inner], [inner, "null"]])
        return kind

    return record(f"Root{number}", **{f"f{i}": pick(0) for i in range(r.randrange(1, 8))})


def shown(schema, value):
    """What the decoder's JSON says of a value."""
    if value is None:
        return None
    if isinstance(schema, list):
        inner = next(b for b in schema if b != "null")
        return shown(inner, value[1] if isinstance(value, tuple) else value)
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "record":
        return {f["name"]: shown(f["type"], value[f["name"]]) for f in schema["fields"]}
    if kind == "array":
        return [shown(schema["items"], v) for v in value]
    if kind == "map":
        return {k: shown(schema["values"], v) for k, v in value.items()}
    return base64.b64encode(value).decode() if kind in ("bytes", "fixed") else value

# SPDX-License-Identifier: Apache-2.0
"""The Protobuf decoder against Python's protobuf, which shares no code with it.

Messages of schemas with everything in them are made at random, encoded by Python,
shuffled, merged and damaged on the wire, then read by both: they must agree on
which messages are bad and on every field of the others.  SLUICE_TEST_SEED and
SLUICE_TEST_COUNT make other and more of them.  The recorded cases of
Google's conformance suite are read the same way.  The rules by which a message
becomes a row are written down a second time here, in `Row`.

DUMP is build/src/codec/protobuf_dump beside the binary under test.
"""

import base64
import json
import math
import os
import pathlib
import random
import re
import struct
import subprocess

import pytest
from google.protobuf import (descriptor_pb2, descriptor_pool, json_format, message,
                             message_factory)
from google.protobuf.descriptor import FieldDescriptor as FD

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/sluice"))
DUMP = BINARY.parent / "src/codec/protobuf_dump"
CORPORA = ROOT.parent / "shared/data/format-corpora.tar.zst"
SEED = int(os.environ.get("SLUICE_TEST_SEED", "1"))
COUNT = int(os.environ.get("SLUICE_TEST_COUNT", "100"))  # messages of a schema

SCALARS = ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
           "sfixed32", "sfixed64", "float", "double", "bool", "string", "bytes"]
KEYS = [s for s in SCALARS if s not in ("float", "double", "bytes")]


def rich_schema(syntax: str) -> str:
    """A schema of one syntax with every type, single, listed, in maps and in a oneof."""
    two = syntax == "proto2"
    single = "optional " if two else ""
    number = iter([*range(1, 19000), *range(20000, 1 << 20)])
    lines = []
    for s in [*SCALARS, "Color", "Inner"]:
        lines.append(f"{single}{s} one_{s.lower()} = {next(number)};")
        lines.append(f"repeated {s} many_{s.lower()} = {next(number)};")
        if s not in ("string", "bytes", "Inner"):
            lines.append(f"repeated {s} other_{s.lower()} = {next(number)} "
                         f"[packed = {'true' if two else 'false'}];")
    for s in SCALARS:
        lines.append(f"optional {s} maybe_{s} = {next(number)};")
    for s in KEYS:
        lines.append(f"map<{s}, string> by_{s} = {next(number)};")
    for s in [*SCALARS, "Color", "Inner"]:
        lines.append(f"map<string, {s}> to_{s.lower()} = {next(number)};")
    lines.append("oneof choice {")
    for s in [*SCALARS, "Color", "Inner", "Rich"]:
        lines.append(f"  {s} choice_{s.lower()} = {next(number)};")
    lines.append("}")
    lines.append("oneof other { Inner left = 536870911; string right = 536870910; }")
    for s in ["Timestamp", "Duration", "Struct", "Value", "ListValue", "Any", "Int32Value",
              "UInt64Value", "StringValue", "BytesValue", "BoolValue", "DoubleValue"]:
        known = f"google.protobuf.{s}"
        lines.append(f"{single}{known} known_{s.lower()} = {next(number)};")
        lines.append(f"repeated {known} knowns_{s.lower()} = {next(number)};")
        lines.append(f"map<int32, {known}> known_by_{s.lower()} = {next(number)};")
    lines.append(f"{single}Rich self = {next(number)};")
    lines.append(f"repeated Rich selves = {next(number)};")
    lines.append(f"map<string, Rich> self_by_name = {next(number)};")
    lines.append(f"{single}Empty empty = {next(number)};")
    if two:
        lines.append(f"optional int32 preset = {next(number)} [default = -7];")
        lines.append(f"optional string preset_text = {next(number)} "
                     "[default = \"longer than twelve bytes\"];")
        lines.append(f"optional bytes preset_bytes = {next(number)} [default = \"a\\001\\xff\"];")
        lines.append(f"optional double preset_double = {next(number)} [default = -inf];")
        lines.append(f"optional Color preset_color = {next(number)} [default = BLUE];")
        lines.append(f"optional group Old = {next(number)} "
                     "{ optional int32 x = 1; repeated string y = 2; optional Inner z = 3; }")
        lines.append(f"repeated group Olds = {next(number)} {{ optional int32 x = 1; }}")
        lines.append(f"optional Strict strict = {next(number)};")
        lines.append(f"repeated Strict stricts = {next(number)};")
    inner = "\n".join([f"{single}int32 a = 1;", f"{single}string b = 2;", "repeated int64 c = 3;",
                       f"{single}Inner deeper = 4;", "map<int32, Inner> d = 5;",
                       "oneof pick { int32 p = 6; Inner q = 7; }"])
    strict = "message Strict { required int32 need = 1; optional int32 may = 2; }" if two else ""
    return f"""
syntax = "{syntax}";
package rich.{syntax};
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Color {{ RED = 0; GREEN = 1; BLUE = 5; DARK = -3; A_NAME_OF_MORE_THAN_TWELVE = 77; }}
message Empty {{}}
message Inner {{ {inner} }}
{strict}
message Rich {{ {" ".join(lines)} }}
"""


def read_json(text: str):
    """With a zero that is negative, which Python makes an integer of."""
    return json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def read_set(files: descriptor_pb2.FileDescriptorSet):
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


class Schema:
    """A descriptor set on disk and in Python."""

    def __init__(self, folder: pathlib.Path, files: descriptor_pb2.FileDescriptorSet):
        self.path = folder / "set.bin"
        self.path.write_bytes(files.SerializeToString())
        self.pool = read_set(files)

    def descriptor(self, name):
        return self.pool.FindMessageTypeByName(name)

    def message(self, name):
        return message_factory.GetMessageClass(self.descriptor(name))


def compile_set(folder: pathlib.Path, sources: dict[str, str], *includes) -> Schema:
    for name, text in sources.items():
        (folder / name).write_text(text)
    out = folder / "protoc.bin"
    subprocess.run(["protoc", "--include_imports", f"--descriptor_set_out={out}", f"-I{folder}",
                    *[f"-I{i}" for i in includes], *sources], check=True)
    return Schema(folder, descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()))


def dump(schema: Schema, name: str, messages: list[bytes], *options: str):
    """The row of each message, as the decoder gives it."""
    stdin = b"".join(struct.pack("<I", len(m)) + m for m in messages)
    run = subprocess.run([DUMP, schema.path, name, *options], input=stdin, capture_output=True,
                         check=False)
    assert run.returncode == 0, run.stderr.decode()
    rows = [read_json(line) for line in run.stdout.decode().splitlines()[1:]]
    assert len(rows) == len(messages)
    return rows


class NoText(Exception):
    """JSON has no form for it."""


class Row:
    """What a message becomes: the rules of src/codec/README.md."""

    TEXT = ("google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value",
            "google.protobuf.ListValue")

    def __init__(self, pool, depth: int, defaults: bool, enums_as_ints: bool = False):
        self.pool = pool
        self.depth = depth
        self.defaults = defaults
        self.enums_as_ints = enums_as_ints
        self.bad_field = False

    @staticmethod
    def is_time(d, name):
        return (d.name == name and [f.name for f in d.fields] == ["seconds", "nanos"])

    def is_dropped(self, field, path) -> bool:
        """The field has no column: it goes too deep, or nothing is left of it."""
        d = field.message_type
        if d is None:
            return False
        if d.GetOptions().map_entry:
            return self.is_dropped(d.fields_by_name["value"], path)
        if self.is_leaf(d):
            return False
        if d.full_name in path and path.count(d.full_name) >= self.depth:
            return True
        return all(self.is_dropped(f, [*path, d.full_name]) for f in d.fields)

    def is_leaf(self, d):
        return (d.full_name in self.TEXT or self.is_time(d, "Timestamp") or
                self.is_time(d, "Duration") or self.is_wrapper(d))

    @staticmethod
    def is_wrapper(d):
        return (d.file.package == "google.protobuf" and len(d.fields) == 1 and
                d.name.endswith("Value") and d.name != "ListValue")

    def row(self, msg, path=()):
        d = msg.DESCRIPTOR
        path = [*path, d.full_name]
        return {f.name: self.field(msg, f, path) for f in d.fields
                if not self.is_dropped(f, path)}

    def field(self, msg, field, path):
        value = getattr(msg, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            key = field.message_type.fields_by_name["key"]
            inner = field.message_type.fields_by_name["value"]
            return {self.key(key, k): self.value(inner, value[k], path) for k in value}
        if field.is_repeated:
            return [self.value(field, v, path) for v in value]
        if field.has_presence:
            if not msg.HasField(field.name):
                is_preset = field.has_default_value and field.containing_oneof is None
                return self.value(field, value, path) if is_preset else None
            return self.value(field, value, path)
        return self.value(field, value, path) if self.defaults or value else None

    @staticmethod
    def key(field, key):
        if field.cpp_type == FD.CPPTYPE_BOOL:
            return "true" if key else "false"
        return str(key)

    def value(self, field, value, path):
        d = field.message_type
        if d is None:
            return self.scalar(field, value)
        if d.full_name in self.TEXT:
            return self.text(value)
        if self.is_time(d, "Timestamp") or self.is_time(d, "Duration"):
            return self.time(value, d.name)
        if self.is_wrapper(d):
            return self.scalar(d.fields[0], value.value)
        return self.row(value, path)

    def scalar(self, field, value):
        kind = field.cpp_type
        if kind == FD.CPPTYPE_ENUM:
            named = field.enum_type.values_by_number.get(value)
            if self.enums_as_ints:
                return value
            return named.name if named is not None else str(value)
        if kind in (FD.CPPTYPE_FLOAT, FD.CPPTYPE_DOUBLE):
            if math.isnan(value):
                return "NaN"
            if math.isinf(value):
                return "Infinity" if value > 0 else "-Infinity"
            return value
        if field.type == FD.TYPE_BYTES:
            return base64.b64encode(value).decode()
        if kind == FD.CPPTYPE_STRING:
            try:
                return value if isinstance(value, str) else value.decode()
            except UnicodeDecodeError:
                self.bad_field = True
                return None
        return value

    def time(self, value, name):
        us = value.seconds * 1_000_000 + value.nanos // 1000
        if not -(1 << 63) <= us < 1 << 63:
            self.bad_field = True
            return None
        return us if name == "Duration" else ("us", us)

    def text(self, value):
        try:
            return ("json", plain_json(self.pool, value))
        except NoText:
            self.bad_field = True
            return None


def check_text(msg):
    """NoText when a proto2 string in it is not UTF-8."""
    for field, value in msg.ListFields():
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        parts = [*value, *value.values()] if is_map else value if field.is_repeated else [value]
        is_text = field.type == FD.TYPE_STRING or is_map
        for part in parts:
            if isinstance(part, message.Message):
                check_text(part)
            elif isinstance(part, bytes) and is_text:
                try:
                    part.decode()
                except UnicodeDecodeError as e:
                    if not is_map or field.message_type.fields_by_name["value"].type != FD.TYPE_BYTES:
                        raise NoText from e


def plain_json(pool, value):
    """protobuf's JSON, by hand where Python's differs (an Any of no known type) or is stricter."""
    d = value.DESCRIPTOR
    try:
        check_text(value)
    except UnicodeDecodeError as e:
        raise NoText from e
    if d.full_name == "google.protobuf.Value":
        kind = value.WhichOneof("kind")
        if kind in (None, "null_value"):
            return None
        if kind == "number_value" and not math.isfinite(value.number_value):
            raise NoText
        inner = getattr(value, kind)
        return plain_json(pool, inner) if isinstance(inner, message.Message) else inner
    if d.full_name == "google.protobuf.Struct":
        return {k: plain_json(pool, value.fields[k]) for k in value.fields}
    if d.full_name == "google.protobuf.ListValue":
        return [plain_json(pool, v) for v in value.values]
    if d.full_name == "google.protobuf.Any":
        if not value.type_url and not value.value:
            return {}
        unknown = {"@type": value.type_url, "value": base64.b64encode(value.value).decode()}
        try:
            name = value.type_url.rsplit("/", 1)[1]
            inner = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))()
            inner.ParseFromString(value.value)
        except (IndexError, KeyError, message.DecodeError):
            return unknown
        try:
            body = plain_json(pool, inner)
        except (json_format.Error, ValueError, OverflowError) as e:
            raise NoText from e
        is_known = name.startswith("google.protobuf.") and name != "google.protobuf.Empty"
        return {"@type": value.type_url, **({"value": body} if is_known else body)}
    try:
        return json.loads(json_format.MessageToJson(value, descriptor_pool=pool))
    except (json_format.Error, ValueError, OverflowError) as e:
        raise NoText from e


def timestamp_us(text: str) -> int:
    """µs of "[+-]Y…-MM-DDTHH:MM:SS[.ffffff]Z", any year."""
    year, month, day, h, m, s, f = re.fullmatch(
        r"([+-]?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?Z", text).groups()
    y = int(year) - (int(month) <= 2)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (int(month) + (-3 if int(month) > 2 else 9)) + 2) // 5 + int(day) - 1
    days = era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
    return ((days * 24 + int(h)) * 60 + int(m)) * 60_000_000 + int(s) * 1_000_000 + int(f or 0)


def same(ours, want, is_float=False) -> bool:
    if isinstance(want, tuple):
        kind, value = want
        if kind == "us":
            return isinstance(ours, str) and timestamp_us(ours) == value
        return isinstance(ours, str) and same(read_json(ours), value, True)
    if isinstance(want, dict):
        return (isinstance(ours, dict) and ours.keys() == want.keys() and
                all(same(ours[k], want[k], is_float) for k in want))
    if isinstance(want, list):
        return (isinstance(ours, list) and len(ours) == len(want) and
                all(same(o, w, is_float) for o, w in zip(ours, want)))
    if isinstance(want, float):
        if not isinstance(ours, (int, float)):
            return False
        if struct.pack("<d", float(ours)) == struct.pack("<d", want):
            return True
        return abs(want) < 3.5e38 and struct.pack("<f", ours) == struct.pack("<f", want)
    if isinstance(ours, float) and isinstance(want, int) and is_float:
        return ours == want
    return type(ours) is type(want) and ours == want


def diff(ours, want, path=""):
    """Where they differ."""
    if isinstance(ours, str) and isinstance(want, tuple) and want[0] == "json":
        yield from diff(read_json(ours), want[1], path)
        return
    if isinstance(want, dict) and isinstance(ours, dict):
        for name in sorted({*ours, *want}):
            if name not in ours or name not in want:
                yield f"{path}.{name}: only {'ours' if name in ours else 'theirs'}"
            else:
                yield from diff(ours[name], want[name], f"{path}.{name}")
    elif isinstance(want, list) and isinstance(ours, list) and len(ours) == len(want):
        for i, (o, w) in enumerate(zip(ours, want)):
            yield from diff(o, w, f"{path}[{i}]")
    elif not same(ours, want):
        yield f"{path}: {ours!r} instead of {want!r}"


def differences(ours: dict, want: dict, msg, defaults: bool):
    """Columns that are not the same.  A zero that is written out is a zero here, and cannot be
    told from one that is not in Python."""
    fields = msg.DESCRIPTOR.fields_by_name
    zeros = {n for n in ours if n in want and want[n] is None and not defaults and
             is_zero(ours[n]) and not fields[n].has_presence}
    yield from diff({n: v for n, v in ours.items() if n not in zeros},
                    {n: v for n, v in want.items() if n not in zeros})


def is_zero(value):
    return value in (0, "", False, "RED", "FOO", "FOREIGN_FOO", "ALIAS_FOO", "NULL_VALUE")


def parse(cls, data: bytes):
    """The message, or None when it is bad."""
    msg = cls()
    try:
        msg.ParseFromString(data)
    except message.DecodeError:
        return None
    return msg if msg.IsInitialized() else None


#: a difference within a map of Rich
IN_A_MAP = re.compile(r"(\.\w+)*\.(by|to)_\w+\.")


def compare(schema: Schema, name: str, messages: list[bytes], depth: int = 3):
    """Both options of emit.default.values; returns how many were good and bad."""
    cls = schema.message(name)
    counts = {"good": 0, "bad": 0}
    for defaults in (True, False):
        options = ["notice_unknown", f"recursive_depth={depth}"]
        options += ["emit_default_values"] if defaults else []
        for data, ours in zip(messages, dump(schema, name, messages, *options)):
            msg = parse(cls, data)
            assert (msg is None) == (ours["row"] == "bad"), (data.hex(), ours["row"],
                                                             ours["reason"], ours["message"])
            counts["bad" if msg is None else "good"] += 1
            if msg is None:
                assert all(v is None for v in ours["columns"].values())
                continue
            rules = Row(schema.pool, depth, defaults)
            try:
                want = rules.row(msg)
            except UnicodeDecodeError:  # proto2; Python cannot even look at it
                assert ours["row"] == "bad_field"
                continue
            if not defaults:
                # Only the top level can be compared so: see differences().
                names = [f.name for f in msg.DESCRIPTOR.fields
                         if f.message_type is None and f.name in want]
                want = {n: want[n] for n in names}
                ours["columns"] = {n: ours["columns"][n] for n in names}
            found = list(differences(ours["columns"], want, msg, defaults))
            # Python drops a map's entry with an unknown field in it; Java and we only the field, so
            # that the entry may replace an earlier one. Of an Any nothing is told.
            may_drop = ours["unknown"] or ours["row"] == "bad_field"
            found = [f for f in found if not (f.endswith(": only ours") and
                                              (may_drop or "any" in f.lower()))]
            found = [f for f in found if not (may_drop and IN_A_MAP.match(f))]
            assert not found, (data.hex(), found[:3])
            if rules.bad_field:
                assert ours["row"] == "bad_field"
            elif data == msg.SerializeToString(deterministic=True):
                # Else a bad value may have been replaced.
                assert ours["row"] == "ok" or ours["reason"] == "type", ours["message"]
    return counts


class Maker:
    """Random messages of a descriptor."""

    def __init__(self, rng: random.Random, pool):
        self.rng = rng
        self.pool = pool

    def scalar(self, field):
        r = self.rng
        kind = field.type
        bits = {FD.TYPE_INT32: 32, FD.TYPE_SINT32: 32, FD.TYPE_SFIXED32: 32, FD.TYPE_UINT32: 32,
                FD.TYPE_FIXED32: 32}.get(kind, 64)
        if kind == FD.TYPE_BOOL:
            return r.random() < 0.5
        if kind == FD.TYPE_STRING:
            return "".join(r.choice("ab cXYZ019\"\\\n\0éß€𝄞") for _ in range(r.choice([0, 3, 12, 13, 70])))
        if kind == FD.TYPE_BYTES:
            return r.randbytes(r.choice([0, 1, 11, 12, 13, 40]))
        if kind == FD.TYPE_ENUM:
            numbers = [v.number for v in field.enum_type.values]
            return r.choice(numbers) if field.enum_type.is_closed or r.random() < 0.9 else 1234567
        if kind in (FD.TYPE_FLOAT, FD.TYPE_DOUBLE):
            value = r.choice([0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, r.random() * 1e9,
                              r.uniform(-1, 1) * 10.0 ** r.randint(-30, 30)])
            return struct.unpack("<f", struct.pack("<f", value))[0] if kind == FD.TYPE_FLOAT else value
        unsigned = kind in (FD.TYPE_UINT32, FD.TYPE_UINT64, FD.TYPE_FIXED32, FD.TYPE_FIXED64)
        low, high = (0, (1 << bits) - 1) if unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return r.choice([0, 1, low, high, r.randint(low, high), r.randint(0, 300)])

    def fill_known(self, msg) -> bool:
        r = self.rng
        name = msg.DESCRIPTOR.full_name
        if name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
            wide = r.random() < 0.05
            msg.seconds = r.randint(-(1 << 63), (1 << 63) - 1) if wide else r.randint(-10**10, 10**10)
            msg.nanos = r.choice([0, 1, 999, 1000, 999_999_999, r.randint(-10**9, 10**9)])
            return True
        if name == "google.protobuf.Any":
            kind = r.choice(["Inner", "Empty", "nothing", "Rich", "Timestamp", "Struct"])
            package = "google.protobuf" if kind in ("Timestamp", "Struct") else self.package
            msg.type_url = f"type.example.com/{package}.{kind}"
            if kind in ("Inner", "Struct"):
                inner = message_factory.GetMessageClass(
                    self.pool.FindMessageTypeByName(f"{package}.{kind}"))()
                self.fill(inner, 2)
                msg.value = inner.SerializeToString(deterministic=True)
            elif kind != "Empty":
                msg.value = r.choice([b"", b"\xff\xff", b"\x08\x01"])
            return True
        if name == "google.protobuf.Value":
            which = r.randrange(7)
            if which == 0:
                msg.null_value = 0
            elif which == 1:
                msg.number_value = r.choice([1.5, -3, 1e300, math.nan if r.random() < .1 else 0])
            elif which == 2:
                msg.string_value = r.choice(["", "x\"y", "1"])
            elif which == 3:
                msg.bool_value = r.random() < 0.5
            elif which == 4:
                msg.struct_value.SetInParent()
                msg.struct_value.fields["k"].bool_value = True
            elif which == 5:
                msg.list_value.values.add().string_value = "v"
            return True
        return False

    def fill(self, msg, budget: int):
        r = self.rng
        if self.fill_known(msg):
            return msg
        fields = msg.DESCRIPTOR.fields
        few = r.random() < 0.5
        for field in fields:
            if r.random() > (min(1.0, 12 / len(fields)) if few else 0.6) and not field.is_required:
                continue
            d = field.message_type
            if d is not None and budget == 0 and not field.is_required:
                continue
            value = getattr(msg, field.name)
            if d is not None and d.GetOptions().map_entry:
                key, inner = d.fields_by_name["key"], d.fields_by_name["value"]
                for _ in range(r.choice([0, 1, 2, 3, 40 if budget > 1 else 2])):
                    k = self.scalar(key)
                    if inner.message_type is not None:
                        self.fill(value[k], budget - 2 if budget > 1 else 0)
                    else:
                        value[k] = self.scalar(inner)
            elif field.is_repeated:
                for _ in range(r.choice([0, 1, 2, 5])):
                    if d is not None:
                        self.fill(value.add(), budget - 2 if budget > 1 else 0)
                    else:
                        value.append(self.scalar(field))
            elif d is not None:
                value.SetInParent()
                self.fill(value, budget - 1)
            else:
                setattr(msg, field.name, self.scalar(field))
        return msg


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes([*out, n])


def read_varint(data: bytes, at: int):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def split_fields(data: bytes) -> list[bytes]:
    """The fields of a good message, groups whole."""
    out, at, start, depth = [], 0, 0, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        wire = tag & 7
        if wire == 0:
            _, at = read_varint(data, at)
        elif wire == 1:
            at += 8
        elif wire == 5:
            at += 4
        elif wire == 2:
            length, at = read_varint(data, at)
            at += length
        depth += (wire == 3) - (wire == 4)
        if depth == 0:
            out.append(data[start:at])
            start = at
    return out


UNKNOWN = [varint(15000 << 3 | 0) + b"\x05", varint(15001 << 3 | 2) + b"\x02hi",
           varint(15002 << 3 | 3) + b"\x08\x01" + varint(15002 << 3 | 4),
           varint(15003 << 3 | 5) + b"abcd", varint(15004 << 3 | 1) + b"abcdefgh"]


def mangle(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The same kind of message as another writer might have written it."""
    how = rng.randrange(5)
    if how == 0:
        return data
    if how == 1:
        return data + other  # merged
    fields = split_fields(data + (other if how > 2 else b""))
    rng.shuffle(fields)
    if how == 4:
        fields.insert(rng.randint(0, len(fields)), rng.choice(UNKNOWN))
    return b"".join(fields)


def damage(rng: random.Random, data: bytes) -> bytes:
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if not data:
            break
        at = rng.randrange(len(data))
        how = rng.randrange(4)
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[at:]
        elif how == 2:
            data[at] = rng.choice([0, 0x7f, 0x80, 0xff, 0x0b, 0x0c])
        else:
            del data[at]
    return bytes(data)


@pytest.fixture(scope="module", params=["proto2", "proto3"])
def rich(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    schema = compile_set(folder, {"rich.proto": rich_schema(request.param)})
    schema.package = f"rich.{request.param}"
    return schema


def make_messages(schema, rng, count):
    maker = Maker(rng, schema.pool)
    maker.package = schema.package
    cls = schema.message(f"{schema.package}.Rich")
    messages = [maker.fill(cls(), 3).SerializeToString(deterministic=True) for _ in range(count)]
    return [mangle(rng, m, rng.choice(messages)) for m in messages]


def test_every_field_of_random_messages_is_as_python_reads_it(rich):
    messages = make_messages(rich, random.Random(SEED), COUNT)
    counts = compare(rich, f"{rich.package}.Rich", messages)
    assert counts["good"] == 2 * COUNT


def test_recursion_ends_where_the_option_says(rich):
    messages = make_messages(rich, random.Random(SEED + 1), COUNT // 4)
    for depth in (1, 2):
        compare(rich, f"{rich.package}.Rich", messages, depth)


def test_damaged_messages_are_bad_exactly_when_python_says_so(rich):
    rng = random.Random(SEED + 2)
    messages = [damage(rng, m) for m in make_messages(rich, rng, COUNT) for _ in range(5)]
    counts = compare(rich, f"{rich.package}.Rich", messages)
    assert counts["good"] > COUNT and counts["bad"] > COUNT


def test_enums_are_numbers_when_asked_for(rich):
    messages = make_messages(rich, random.Random(SEED + 3), COUNT // 2)
    cls = rich.message(f"{rich.package}.Rich")
    rows = dump(rich, f"{rich.package}.Rich", messages, "enums_as_ints", "emit_default_values",
                "recursive_depth=2")
    for data, ours in zip(messages, rows):
        msg = parse(cls, data)
        want = Row(rich.pool, 2, True, enums_as_ints=True).row(msg)
        assert not list(differences(ours["columns"], want, msg, True))


def test_messages_as_json_text_are_what_python_prints(rich):
    messages = make_messages(rich, random.Random(SEED + 4), COUNT)
    name = f"{rich.package}.Rich"
    cls = rich.message(name)
    rows = dump(rich, name, messages, "text", "recursive_depth=2")
    texts = 0
    for data, ours in zip(messages, rows):
        msg = parse(cls, data)
        for field in ["one_inner", "self", "choice_rich"]:
            if not msg.HasField(field):
                assert ours["columns"][field] is None
                continue
            if has_any(getattr(msg, field)):
                continue
            try:
                want = plain_json(rich.pool, getattr(msg, field))
            except NoText:
                assert ours["columns"][field] is None and ours["row"] == "bad_field"
                continue
            text = ours["columns"][field]
            assert not list(diff(read_json(text), want)), (data.hex(), field)
            texts += 1
    assert texts > COUNT // 3


def has_any(msg) -> bool:
    """Python prints an Any of no known type differently, or not at all."""
    for field, value in msg.ListFields():
        d = field.message_type
        if d is None:
            continue
        if d.GetOptions().map_entry:
            if d.fields_by_name["value"].message_type is not None and any(
                    has_any(v) or v.DESCRIPTOR.name == "Any" for v in value.values()):
                return True
            continue
        for v in value if field.is_repeated else [value]:
            if d.name == "Any" or has_any(v):
                return True
    return False


def test_unknown_fields_are_noticed_and_rescued(rich):
    name = f"{rich.package}.Rich"
    one = rich.message(name)(one_int32=5).SerializeToString()
    for extra in UNKNOWN:
        row, = dump(rich, name, [one + extra], "notice_unknown", "rescued", "recursive_depth=1")
        assert row["row"] == "ok" and row["unknown"]
        assert row["columns"]["one_int32"] == 5
        rescued = json.loads(row["columns"]["_rescued"])
        number, _ = read_varint(extra, 0)
        assert rescued["_reason"] == {str(number >> 3): "unknown"}
        assert str(number >> 3) in rescued
    row, = dump(rich, name, [one], "notice_unknown", "rescued", "recursive_depth=1")
    assert not row["unknown"] and row["columns"]["_rescued"] is None


def test_a_maps_entry_with_an_unknown_field_is_an_entry_still(rich):
    """Where Python differs: it leaves the entry out. What compare() lets pass is this."""
    name = f"{rich.package}.Rich"
    cls = rich.message(name)
    first = cls(by_int32={5: "a"}).SerializeToString()
    _, start = read_varint(first, 0)
    tag, entry = first[:start], first[start + 1:] + UNKNOWN[0]
    twice = first + tag + bytes([len(entry)]) + entry.replace(b"a", b"b", 1)
    assert dict(parse(cls, twice).by_int32) == {5: "a"}
    row, = dump(rich, name, [twice], "notice_unknown", "recursive_depth=1")
    assert row["row"] == "ok" and row["unknown"]
    assert row["columns"]["by_int32"] == {"5": "b"}


def editions_set() -> descriptor_pb2.FileDescriptorSet:
    """Edition 2023 by hand, since Debian's protoc has none: every feature that matters."""
    file = descriptor_pb2.FileDescriptorProto(name="e.proto", package="e", syntax="editions",
                                              edition=descriptor_pb2.EDITION_2023)
    feature = descriptor_pb2.FeatureSet
    closed = file.enum_type.add(name="Closed")
    closed.value.add(name="C_ZERO", number=0)
    closed.value.add(name="C_ONE", number=1)
    closed.options.features.enum_type = feature.CLOSED
    opened = file.enum_type.add(name="Open")
    opened.value.add(name="O_ZERO", number=0)
    inner = file.message_type.add(name="Inner")
    inner.field.add(name="x", number=1, type=FD.TYPE_INT32, label=1)
    m = file.message_type.add(name="M")
    m.field.add(name="plain", number=1, type=FD.TYPE_INT32, label=1)
    f = m.field.add(name="implicit", number=2, type=FD.TYPE_INT32, label=1)
    f.options.features.field_presence = feature.IMPLICIT
    f = m.field.add(name="needed", number=3, type=FD.TYPE_INT32, label=1)
    f.options.features.field_presence = feature.LEGACY_REQUIRED
    m.field.add(name="packed", number=4, type=FD.TYPE_INT32, label=3)
    f = m.field.add(name="expanded", number=5, type=FD.TYPE_INT32, label=3)
    f.options.features.repeated_field_encoding = feature.EXPANDED
    f = m.field.add(name="group", number=6, type=FD.TYPE_MESSAGE, type_name=".e.Inner", label=1)
    f.options.features.message_encoding = feature.DELIMITED
    m.field.add(name="inner", number=7, type=FD.TYPE_MESSAGE, type_name=".e.Inner", label=1)
    m.field.add(name="checked", number=8, type=FD.TYPE_STRING, label=1)
    f = m.field.add(name="unchecked", number=9, type=FD.TYPE_STRING, label=1)
    f.options.features.utf8_validation = feature.NONE
    m.field.add(name="closed", number=10, type=FD.TYPE_ENUM, type_name=".e.Closed", label=1)
    m.field.add(name="open", number=11, type=FD.TYPE_ENUM, type_name=".e.Open", label=1)
    return descriptor_pb2.FileDescriptorSet(file=[file])


def test_editions_features_are_followed(tmp_path):
    schema = Schema(tmp_path, editions_set())
    cls = schema.message("e.M")
    whole = cls(plain=0, implicit=3, needed=1, packed=[1, 2], expanded=[3, 4], checked="é",
                unchecked="u", closed=1, open=9)
    whole.group.x = 5
    whole.inner.x = 6
    data = whole.SerializeToString()
    assert b"\x33" in data and b"\x34" in data  # the group's tags
    good = [data, b"\x18\x01", b"\x18\x01\x50\x05", b"\x18\x01\x4a\x01a"]
    bad = [b"", b"\x08\x01", b"\x18\x01\x42\x01\xff"]
    counts = compare(schema, "e.M", good + bad)
    assert counts == {"good": 2 * len(good), "bad": 2 * len(bad)}


# --- the recorded conformance suite ------------------------------------------


@pytest.fixture(scope="module")
def conformance(tmp_path_factory):
    if not CORPORA.exists():
        pytest.skip(f"{CORPORA} is not there")
    folder = tmp_path_factory.mktemp("conformance")
    subprocess.run(["tar", "--zstd", "-xf", CORPORA, "-C", folder,
                    "formats/protobuf-conformance"], check=True)
    corpus = folder / "formats/protobuf-conformance"
    files = {f"test_messages_proto{n}.proto": (corpus / f"test_messages_proto{n}.proto").read_text()
             for n in (2, 3)}
    schema = compile_set(folder, files)
    lines = (corpus / "conformance-3.21.12.tsv").read_text().splitlines()[1:]
    schema.cases = [line.split("\t") for line in lines]
    return schema


def test_conformance_cases_are_accepted_and_rejected_as_the_reference_does(conformance):
    total = {"good": 0, "bad": 0}
    values = 0
    for name in ("protobuf_test_messages.proto2.TestAllTypesProto2",
                 "protobuf_test_messages.proto3.TestAllTypesProto3"):
        cases = [c for c in conformance.cases if c[1] == name and c[2] == "protobuf"]
        inputs = [bytes.fromhex(c[3]) for c in cases]
        rows = dump(conformance, name, inputs, "recursive_depth=2", "emit_default_values")
        for case, row in zip(cases, rows):
            is_bad = case[4] == "parse_error"
            assert (row["row"] == "bad") == is_bad, (case[0], row["reason"], row["message"])
            total["bad" if is_bad else "good"] += 1
        # What the reference wrote back means the same as what it read.
        both = [(bytes.fromhex(c[3]), bytes.fromhex(c[5]), c[0]) for c in cases
                if c[4] == "protobuf"]
        ins = dump(conformance, name, [b[0] for b in both], "recursive_depth=2",
                   "emit_default_values")
        outs = dump(conformance, name, [b[1] for b in both], "recursive_depth=2",
                    "emit_default_values")
        for case, a, b in zip(both, ins, outs):
            assert a["columns"] == b["columns"], case[2]
            values += 1
        compare(conformance, name, inputs, 2)
    print(f"{total}, {values} with values")
    assert sum(total.values()) == 1621

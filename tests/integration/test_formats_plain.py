# SPDX-License-Identifier: Apache-2.0
"""CSV and schema inference, with Spark's from_csv and read.json as the oracle.

Both are asked through `format_tool`, a program of ours around the codecs.  Where we differ from
Spark on purpose (src/codec/README.md) a case says so, and what we do instead.
"""

import datetime
import decimal
import json
import math
import random
import re
import subprocess

import pytest
from sluicetest import deps


def tool(*args: str, messages: list[str]) -> str:
    path = deps.sluice_binary().parent / "tests/format_tool"
    text = "".join(m + "\0" for m in messages)
    run = subprocess.run([path, *args], input=text.encode(), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()


# --- CSV ----------------------------------------------------------------------


def our_csv(columns: str, messages: list[str], options: dict) -> list[tuple]:
    """(values, whether the row is marked bad) of each message."""
    lines = tool("decode", "csv", f"STRUCT<{columns}>",
                 *(f"{k}={v}" for k, v in options.items()), messages=messages)
    rows = [json.loads(line, parse_float=decimal.Decimal,
                       parse_int=decimal.Decimal) for line in lines.splitlines()]
    return [(row["row"], row["rc"] != "ok") for row in rows]


def spark_csv(spark, columns: str, messages: list[str], options: dict) -> list[tuple]:
    from pyspark.sql import functions as F

    schema = f"{columns}, _bad STRING"
    frame = spark.createDataFrame(list(enumerate(messages)), "i INT, v STRING")
    parsed = F.from_csv("v", schema, {**options, "columnNameOfCorruptRecord": "_bad"})
    rows = frame.select("i", parsed.alias("r")).orderBy("i").collect()
    return [(list(row["r"])[:-1], row["r"]["_bad"] is not None) for row in rows]


def same(ours, theirs) -> bool:
    """Our value, read from JSON, and Spark's Python object."""
    if ours is None or theirs is None:
        return ours is theirs
    if isinstance(theirs, float):
        number = float(ours)
        return number == theirs and math.copysign(1, number) == math.copysign(1, theirs)
    if isinstance(theirs, datetime.datetime):
        return datetime.datetime.fromisoformat(ours).replace(tzinfo=None) == theirs
    if isinstance(theirs, datetime.date):
        return ours == theirs.isoformat()
    if isinstance(theirs, decimal.Decimal):
        return decimal.Decimal(ours) == theirs
    return ours == theirs


#: columns, options, messages; and those that we read in another way, with what we give
CSV = {
    "strings": ("a STRING, b STRING, c STRING", {}, [
        "a,b,c", 'a,"b",c', 'a,"",c', "a,,c", ",,", "a", "a,b", "a,b,c,d", "a,b,c,", "a,b,",
        'a,"b,x",c', 'a,"b\nx",c', 'a,"b\r\nx",c', "a,b\nx,c", "a,b,c\n", "a,b,c\r\n", "\na,b,c",
        "\n", '"a","b","c"', r'a,"b\"x",c', r'a,"b\\",c', r'a,"b\\x",c', r'a,"b\nx",c',
        r'a,"b\\\"x",c', r'a,b\"x,c', r"a,b\\x,c", 'a,"b""x",c', 'a,"b"x,c', 'a,"b" ,c',
        'a, "b",c', "a, b ,c", 'a,b"x"y,c', '"a" x,b,c', 'a,"b"x",c', 'a,"b"\n,c', 'a,"b""",c',
        '"a\nb",\n,c', 'a,b,"c"\n\n', 'a,b,"c"\nx,y,z', "#a,b,c", " ,b,c", 'a,"  b  ",c',
        r"a,\,c", r"\a,b,c", "a,'b',c", r'a,"\"",c', "a,ü🚌x,c", '""",b,c', 'a,"" x,c',
    ], {}),
    "null": ("a STRING, b STRING, c STRING", {"nullValue": "NULL"}, [
        'a,"",c', "a,,c", "a,NULL,c", 'a,"NULL",c', "NULL", "a,null,c"], {}),
    "semicolon": ("a STRING, b STRING", {"sep": ";"}, ['a;"x;y"', "a,b;c"], {}),
    "two characters": ("a STRING, b STRING", {"sep": "||"}, ["a||b", "a|b||c", 'a||"b||c"'], {}),
    "tab": ("a STRING, b STRING", {"sep": "\\t"}, ["a\tb", 'a\t"b" ', '"a" \tb'], {}),
    "quote": ("a STRING, b STRING", {"quote": "'"}, ["a,'b,x'", 'a,"b"', r"a,'b\'x'"], {}),
    "doubled": ("a STRING, b STRING", {"escape": '"'}, [
        'a,"b""x"', 'a,"b"""', 'a,"""b"', 'a,"b"x', r'a,"b\"', 'a,""'], {}),
    "boolean": ("a BOOLEAN", {}, ["true", "false", "TRUE", "1", "yes", " true", "t"], {"": None}),
    "tinyint": ("a TINYINT", {}, ["127", "128", "-128", "-129", "+127"], {}),
    "smallint": ("a SMALLINT", {}, ["32767", "32768"], {}),
    "int": ("a INT", {}, [
        "1", "+1", "-1", " 1", "1 ", "007", "1.0", "1e2", "2147483648", "-2147483648", "0x1",
        "1_000", "--1", "-", "+", "x"], {}),
    "bigint": ("a BIGINT", {}, ["9223372036854775807", "9223372036854775808",
                                "-9223372036854775808"], {}),
    "double": ("a DOUBLE", {"sep": ";"}, [
        "1", "1.5", " 1.5 ", "1d", "1f", "1D", "-0", ".5", "5.", "+1.5", "1e-400", "0.1", "1e22",
        "123456789.123456789e-3", "INF", "nan", "1,5", "12abc", "1e", "e5", ".", "abc", "- 1"],
        {"1e400": None, "-1e400": None, "0x1p3": None}),
    "float": ("a FLOAT", {}, ["1.5", "-2.25", "16777217"], {"1e39": None}),
    "decimal": ("a DECIMAL(5,2)", {"sep": ";"}, [
        "1", "1.5", "1.005", "-1.005", "999.99", "999.995", "1000", "1e2", "+1.5", ".5", "5.",
        "1E+2", " 1", "abc", "1.5d"], {"1,2": None}),
    "wide decimal": ("a DECIMAL(38,10)", {}, ["1234567890123456789012345678.0123456789",
                                              "12345678901234567890123456789"], {}),
    "date": ("a DATE", {}, ["2026-01-02", "2026-02-30", " 2026-01-02 ", "20260102", "x"],
             {"2026": None, "2026-01": None, "2026-01-02 x": None}),
    "timestamp": ("a TIMESTAMP", {}, [
        "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05.123456789",
        "2026-01-02T03:04:05Z", "2026-01-02T03:04:05+02:00", "2026-01-02T03:04", "1767000000",
        "2026-01-02T24:00:00", " 2026-01-02T03:04:05 ", "x"],
        {"2026": None, "2026-01-02T03:04:05 Europe/Berlin": None}),
    "timestamp_ntz": ("a TIMESTAMP_NTZ", {}, [
        "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05.1"], {}),
    "mixed": ("a INT, b DOUBLE, c STRING", {}, ["1,x,y", "x,1,y", "1", "1,2,y,4", "x"], {}),
}


@pytest.mark.spark
@pytest.mark.parametrize("case", CSV)
def test_csv_reads_as_from_csv_does(spark, case):
    columns, options, messages, differing = CSV[case]
    ours = our_csv(columns, messages, options)
    theirs = spark_csv(spark, columns, messages, options)
    for message, (values, bad), (want, spark_bad) in zip(messages, ours, theirs, strict=True):
        assert all(map(same, values, want)) and bad == spark_bad, (message, values, want)
    for message, value in differing.items():
        assert our_csv(columns, [message], options) == [([value], True)]
        (theirs,), bad = spark_csv(spark, columns, [message], options)[0]
        assert not (same(value, theirs) and bad), f"{message} is no difference any more"


@pytest.mark.spark
def test_csv_reads_numbers_that_are_none_as_from_csv_does(spark):
    texts = ["NaN", "Inf", "-Inf", "Infinity", "-Infinity", "+Infinity"]
    theirs = spark_csv(spark, "a DOUBLE", texts, {})
    lines = tool("decode", "csv", "STRUCT<a: DOUBLE>", messages=texts).splitlines()
    assert [json.loads(line)["rc"] for line in lines] == ["ok"] * len(texts)
    assert all(not math.isfinite(values[0]) and not bad for values, bad in theirs)


@pytest.mark.spark
def test_csv_takes_bytes_as_from_csv_does(spark):
    assert our_csv("a BINARY", ["abc"], {}) == [(["YWJj"], False)]
    assert spark_csv(spark, "a BINARY", ["abc"], {}) == [([bytearray(b"abc")], False)]


#: Behind a closing quote: blanks and then text, or an escape. uniVocity adds quotes to such a field
#: and loses separators; ours is read like any other that was not meant to be quoted.
ODD = re.compile(r'"\s+[^\s,]|"\\')


@pytest.mark.spark
@pytest.mark.parametrize("escape", ["\\", '"'])
def test_csv_splits_random_records_as_from_csv_does(spark, escape):
    """But for odd ones, and a quoted field that does not end, which Spark takes as if it did."""
    chance = random.Random(11)
    columns, options = "a STRING, b STRING, c STRING", {"escape": escape}
    messages = ["".join(chance.choice('ab,,"" \\\n\t') for _ in range(chance.randrange(1, 14)))
                for _ in range(4000)]
    lines = tool("decode", "csv", f"STRUCT<{columns}>", f"escape={escape}", messages=messages)
    theirs = spark_csv(spark, columns, messages, options)
    same_count = odd_count = 0
    for message, line, (want, _) in zip(messages, lines.splitlines(), theirs, strict=True):
        row = json.loads(line)
        if row["rc"] == "bad":
            assert row["reason"] == "syntax" and '"' in message
        elif row["row"] == want:
            same_count += 1
        else:
            assert ODD.search(message), message
            odd_count += 1
    assert same_count > 3000 and odd_count < 100


# --- inference ----------------------------------------------------------------


def normal(kind):
    """A Spark type without the order of fields, and with the two widths of decimals that we
    use."""
    from pyspark.sql import types as T

    if isinstance(kind, T.StructType):
        return tuple(sorted((f.name, normal(f.dataType)) for f in kind.fields))
    if isinstance(kind, T.ArrayType):
        return ("array", normal(kind.elementType))
    if isinstance(kind, T.DecimalType):
        return ("decimal", 20 if kind.precision <= 20 else 38)
    return kind.simpleString()


def our_schema(messages: list[str], options: dict):
    """Spark reads what we print."""
    from pyspark.sql import types as T

    columns = tool("infer", *(f"{k}={v}" for k, v in options.items()), messages=messages)
    return normal(T.StructType.fromDDL(columns) if columns.strip() else T.StructType())


def spark_schema(spark, messages: list[str], options: dict):
    texts = spark.sparkContext.parallelize(messages, 1)
    schema = spark.read.options(**options).json(texts).schema
    kept = [f for f in schema.fields if f.name != "_corrupt_record"]
    return normal(type(schema)(kept))


SAMPLES = [
    ['{"a":1}'], ['{"a":1.5}'], ['{"a":1}', '{"a":1.5}'], ['{"a":9223372036854775808}'],
    ['{"a":9223372036854775808}', '{"a":1}'], ['{"a":99999999999999999999999999}', '{"a":1}'],
    ['{"a":' + "9" * 39 + "}"], ['{"a":' + "9" * 39 + "}", '{"a":1}'],
    ['{"a":99999999999999999999}', '{"a":1.5}'], ['{"a":null}'], ['{"a":""}'],
    ['{"a":"","b":1}', '{"a":1,"b":""}'], ['{"a":[]}'], ['{"a":[null]}'], ['{"a":[1,"x"]}'],
    ['{"a":[1,1.5]}'], ['{"a":[[],[1]]}'], ['{"a":{}}'], ['{"a":[{}]}', '{"b":1}'],
    ['{"a":{"x":1}}', '{"a":{"y":"z"}}'], ['{"a":{"x":1}}', '{"a":1}'],
    ['{"a":{"x":1}}', '{"a":[1]}'], ['{"a":true}', '{"a":1}'], ['{"a":true}', '{"a":"x"}'],
    ['{"":1,"b":2}'], ['{"a":1}', "nope"], ['{"a":"2026-01-01"}'], ['{"a":1e2}'], ['{"a":-0}'],
    ['{"a":1e400}'], ['{"b":1,"a":2}'], ['{"a":"x"}', '{"a":{"x":1}}'],
    ['{"a":[{"x":1},{"y":[1.5]}]}'], ["1", '"x"'], ['{"a b":1,"2c":{"d.e":1,"`":2},"ü":3}'],
    ['{"a":true}', '{"a":"2026-01-01T00:00:00Z"}'],
]


@pytest.mark.spark
def test_samples_give_the_schema_that_spark_infers(spark):
    for messages in SAMPLES:
        assert our_schema(messages, {}) == spark_schema(spark, messages, {}), messages
    nan = {"allowNonNumericNumbers": "true"}
    assert our_schema(['{"a":NaN}'], nan) == spark_schema(spark, ['{"a":NaN}'], nan)


@pytest.mark.spark
def test_times_are_inferred_as_spark_infers_them_but_for_dates(spark):
    options = {"inferTimestamp": "true"}
    for messages in (['{"a":"2026-01-01T00:00:00"}'], ['{"a":"2026-01-01T00:00:00Z"}'],
                     ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"2026-01-01"}'],
                     ['{"a":"2026-01-01T00:00:00Z"}', '{"a":"x"}'], ['{"a":"20260101T000000"}']):
        assert our_schema(messages, options) == spark_schema(spark, messages, options), messages
    for text, ours in (("2026-01-01", "date"), ("2026", "string"), ("12:30", "string")):
        message = [json.dumps({"a": text})]
        assert our_schema(message, options) == (("a", ours),)
        assert spark_schema(spark, message, options) == (("a", "timestamp"),)


def random_json(chance: random.Random, depth: int):
    scalars = [None, True, 1, -7, 1.5, 2**64, 10**25, "", "x", {}, []]
    which = chance.randrange(8 if depth else 5)
    if which < 5:
        # Few kinds at a place, or all would be strings.
        return chance.choice(scalars if chance.random() < 0.1 else scalars[2:6])
    if which < 7:
        return {name: random_json(chance, depth - 1)
                for name in chance.sample("abcde", chance.randrange(4))}
    return [random_json(chance, depth - 1) for _ in range(chance.randrange(4))]


@pytest.mark.spark
def test_random_samples_give_the_schema_that_spark_infers(spark):
    chance = random.Random(5)
    for _ in range(60):
        messages = [json.dumps({"v": random_json(chance, 4), "w": random_json(chance, 2)})
                    for _ in range(chance.randrange(1, 6))]
        assert our_schema(messages, {}) == spark_schema(spark, messages, {}), messages

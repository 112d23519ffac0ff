# SPDX-License-Identifier: Apache-2.0
"""`sluice query`: what it leaves out and fetches, deletion vectors, column mapping; against DuckDB
over what delta-rs reads."""

import datetime
import itertools
import json
import pathlib
import random
import re
import shutil
import struct
import zlib

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sluicetest.s3 import S3Server
from sluicetest.sluice import command
from sluicetest.wire import Wire
from test_cli import corpus, expect, query_rows, rows_of  # noqa: F401 (corpus is a fixture)

STATS = re.compile(r"table \"(.*)\" version (\d+): (\d+) of (\d+) files \((\d+) of (\d+) bytes\); "
                   r"fetched (\d+) bytes in (\d+) requests")


def csv(sql: str, env: dict | None = None) -> str:
    return expect(command("query", "-fcsv", sql, env=env), 0).stdout


def files_read(sql: str, env: dict | None = None) -> tuple[int, int]:
    """Files read, of how many, by --stats."""
    found = STATS.search(expect(command("query", "--stats", "-fcsv", sql, env=env), 0).stderr)
    assert found
    return int(found[3]), int(found[4])


def write(location, rows: pa.Table, options: dict | None = None, **more) -> None:
    deltalake.write_deltalake(location, rows, mode="append", storage_options=options, **more)


# --- what is left out -------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Twelve files: days as partitions, ids ascending, some columns without order or values."""
    table = tmp_path_factory.mktemp("parts") / "t"
    for i in range(12):
        ids = list(range(i * 100, i * 100 + 100))
        write(table, pa.table({
            "id": ids,
            "day": pa.array([datetime.date(2026, 1, 1 + i // 3)] * 100),
            "name": [f"name {n:05d} {'x' * 40}" for n in ids],
            "ts": pa.array([1767225600_000_000 + n * 1_000_123 for n in ids],
                           pa.timestamp("us", "UTC")),
            "price": pa.array([None if i == 4 else n / 8 for n in ids], pa.float64()),
            "odd": pa.array([None if n % 2 else n % 17 for n in ids], pa.int32()),
            "part": pa.array([f"p/{i % 4}" if i % 5 else None for _ in ids], pa.string()),
        }), partition_by=["day", "part"])
    return table


@pytest.mark.parametrize("where, files", [
    ("id = 450", 1),
    ("id BETWEEN 250 AND 349", 2),
    ("id IN (5, 1150)", 2),
    ("id < 0", 0),
    ("day = DATE '2026-01-02'", 3),
    ("day > DATE '2026-01-03' AND id < 1000", 1),
    ("part IS NULL", 3),
    ("part = 'p/3' AND day = DATE '2026-01-01'", 0),
    ("part = 'p/1' OR id = 0", 3),
    ("name = 'name 00777 ' || repeat('x', 40)", 1),
    ("ts >= TIMESTAMPTZ '2026-01-01 00:18:20+00'", 1),
    ("price IS NOT NULL", 11),
    ("price < 1", 1),
    ("odd = 99", 0),
    ("id + 0 * odd = 450", 12),
    ("random() >= 0", 12),
])
def test_files_are_left_out_by_the_log(parts, where, files):
    assert files_read(f"SELECT count(*) FROM delta_scan('{parts}') WHERE {where}") == (files, 12)


def test_a_table_that_is_read_twice_keeps_what_either_read_needs(parts):
    sql = (f"SELECT count(*) FROM delta_scan('{parts}') a JOIN delta_scan('{parts}') b "
           "ON a.id = b.id + 100 WHERE a.id = 250 AND b.id < 200")
    assert files_read(sql) == (3, 12)
    assert csv(sql) == "count_star()\n1\n"


def predicates(rng: random.Random):
    """Conditions on the columns of `parts`, simple and nested."""
    ops = ["=", "<", "<=", ">", ">=", "<>"]
    simple = [
        lambda: f"id {rng.choice(ops)} {rng.randrange(-50, 1300)}",
        lambda: f"day {rng.choice(ops)} DATE '2026-01-{rng.randrange(1, 7):02d}'",
        lambda: f"name {rng.choice(ops)} 'name {rng.randrange(1300):05d}'",
        lambda: f"ts {rng.choice(ops)} TIMESTAMPTZ '2026-01-01 00:{rng.randrange(21):02d}:00.5+00'",
        lambda: f"price {rng.choice(ops)} {rng.randrange(160)}.125::DOUBLE",
        lambda: f"odd {rng.choice(ops)} {rng.randrange(-2, 20)}",
        lambda: f"part {rng.choice(ops)} 'p/{rng.randrange(5)}'",
        lambda: f"{rng.choice(['id', 'odd', 'part', 'price'])} IS {rng.choice(['', 'NOT '])}NULL",
        lambda: f"id IN ({rng.randrange(1300)}, {rng.randrange(1300)}, NULL)",
        lambda: f"ts BETWEEN TIMESTAMPTZ '2026-01-01 00:{rng.randrange(20):02d}:00+00' AND "
                "TIMESTAMPTZ '2026-01-01 00:12:00+00'",
    ]
    while True:
        terms = [rng.choice(simple)() for _ in range(rng.choice([1, 1, 2, 3]))]
        text = terms[0]
        for term in terms[1:]:
            text = f"({text}) {rng.choice(['AND', 'OR'])} {rng.choice(['', 'NOT '])}({term})"
        yield text


def test_no_condition_loses_a_row(parts):
    oracle = duckdb.connect()
    oracle.register("rows", deltalake.DeltaTable(parts).to_pyarrow_table())
    conditions = list(itertools.islice(predicates(random.Random(11)), 80))
    texts = [f"(SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM rows WHERE {c})"
             for c in conditions]
    expected = [oracle.sql(f"SELECT {text}").fetchone()[0] for text in texts]
    for condition, row in zip(conditions, expected):
        sql = (f"SELECT count(*) || ' ' || coalesce(sum(id), 0) AS x FROM delta_scan('{parts}') "
               f"WHERE {condition}")
        assert csv(sql) == f"x\n{row}\n", condition


def test_times_cut_to_milliseconds_lose_no_row(corpus):
    table = corpus / "kernel-rs/timestamp-truncation-stats"
    rows = pa.table(deltalake.DeltaTable(table).to_pyarrow_table())  # named in the SQL
    for ts in sorted(set(rows["ts_col"].to_pylist())):
        for op in ("=", ">=", ">", "<="):
            sql = f"SELECT count(*) FROM {{}} WHERE ts_col {op} TIMESTAMPTZ '{ts.isoformat()}'"
            expected = duckdb.sql(sql.format("rows")).fetchone()[0]
            assert csv(sql.format(f"delta_scan('{table}')")).split()[1] == str(expected), (op, ts)


def test_statistics_of_a_checkpoint_as_a_struct_leave_files_out(corpus):
    table = corpus / "kernel-rs/parsed-stats"
    read, files = files_read(f"SELECT count(*) FROM delta_scan('{table}') WHERE id = 250")
    assert files == 6 and read == 1
    rows = pa.table(deltalake.DeltaTable(table).to_pyarrow_table())  # noqa: F841 (in the SQL)
    for where in ("id < 150", "age > 40 AND id >= 300", "salary = 50000", "name = 'name_3'",
                  "ts_col < TIMESTAMPTZ '2024-01-02 00:00:00+00'"):
        expected = duckdb.sql(f"SELECT count(*) FROM rows WHERE {where}").fetchone()[0]
        found = csv(f"SELECT count(*) FROM delta_scan('{table}') WHERE {where}")
        assert found.split()[1] == str(expected), where


# --- what is fetched --------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    """Rows whose columns are large and do not compress: about 5 MiB a file and noise column."""
    return [duckdb.sql(f"""
        SELECT i AS id, make_timestamptz(1767225600000000 + i * 1000) AS ts,
               {{'a': i, 'b': 'b' || i}} AS nested, [i, i + 1] AS list, 'day {f}' AS day,
               md5(i::VARCHAR) AS noise1, md5((i * 3)::VARCHAR) AS noise2,
               md5((i * 5)::VARCHAR) AS noise3
        FROM range({f * 150_000}, {(f + 1) * 150_000}) t(i)""").to_arrow_table() for f in range(3)]


@pytest.fixture(scope="module")
def remote(minio, wide):
    """The same on an S3 server, behind a wire that counts."""
    for rows in wide:
        write(minio.url("query/wide", "s3"), rows, minio.storage_options(), partition_by=["day"],
              writer_properties=deltalake.WriterProperties(max_row_group_size=30_000))
    wire = Wire(minio.port)
    yield minio.url("query/wide"), wire, {**minio.sluice_env(), "MINIO_ENDPOINT": wire.endpoint}
    wire.close()


def size_of(table: str, env: dict) -> int:
    listed = expect(command("table", "files", "--json", table, env=env), 0).stdout
    return sum(json.loads(line)["size"] for line in listed.splitlines())


def test_only_the_columns_of_the_query_go_over_the_wire(remote, wide, tmp_path):
    table, wire, env = remote
    total = size_of(table, env)
    wire.take_down_bytes()
    whole = query_rows(tmp_path, f"FROM delta_scan('{table}')", env=env)
    everything = wire.take_down_bytes()
    rows = pa.concat_tables(wide)
    some = rows.take(pa.array(whole["id"].slice(0, 2000).to_pylist()))
    assert rows_of(whole.slice(0, 2000).drop("ts")) == rows_of(some.drop("ts"))
    assert whole["ts"].cast(pa.int64()).slice(0, 2000) == some["ts"].cast(pa.int64())
    assert whole.num_rows == rows.num_rows
    assert total < everything < total * 1.1

    column = query_rows(tmp_path, f"SELECT noise2 FROM delta_scan('{table}')", env=env)
    assert wire.take_down_bytes() < everything / 2
    assert sorted(column["noise2"].to_pylist()) == sorted(rows["noise2"].to_pylist())

    nested = csv(f"SELECT sum(nested.a) AS a, sum(len(list)) AS l FROM delta_scan('{table}')", env)
    assert wire.take_down_bytes() < everything / 2
    assert nested == f"a,l\n{sum(range(450_000))},900000\n"


def test_only_the_row_groups_of_the_query_go_over_the_wire(remote):
    table, wire, env = remote
    total = size_of(table, env)
    wire.take_down_bytes()
    assert csv(f"SELECT noise1, noise2 FROM delta_scan('{table}') WHERE id = 222222", env) == (
        "noise1,noise2\n" + duckdb.sql(
            "SELECT md5('222222') || ',' || md5('666666')").fetchone()[0] + "\n")
    assert wire.take_down_bytes() < total / 10
    assert csv(f"SELECT count(noise3) AS n FROM delta_scan('{table}') WHERE day = 'day 1' AND "
               "ts < TIMESTAMPTZ '2026-01-01 00:02:45+00'", env) == "n\n15000\n"
    assert wire.take_down_bytes() < total / 10
    read, files = files_read(f"SELECT count(*) FROM delta_scan('{table}') WHERE id = -1", env)
    assert (read, files) == (0, 3)


@pytest.mark.parametrize("sql", [
    "SELECT count(*) AS x FROM delta_scan('{}')",
    "SELECT id, noise3 FROM delta_scan('{}') ORDER BY noise3 LIMIT 5",
    "SELECT min(ts) AS a, max(noise1) AS b FROM delta_scan('{}') WHERE id % 1000 = 7",
    "WITH x AS MATERIALIZED (FROM delta_scan('{}')) SELECT a.noise1 FROM x a JOIN x b ON "
    "a.noise1 = b.noise2 ORDER BY 1 LIMIT 3",
    "SELECT id, (SELECT count(*) FROM delta_scan('{}') b WHERE b.id < a.id % 3) AS c FROM "
    "delta_scan('{}') a WHERE id BETWEEN 149999 AND 150003 ORDER BY id",
    "SELECT day, count(DISTINCT noise2) AS n FROM delta_scan('{}') GROUP BY day ORDER BY day",
    "SELECT count(*) AS n FROM delta_scan('{}') WHERE nested.b = 'b77' OR list[2] = 12",
    "SELECT row_number() OVER (ORDER BY id DESC) AS r, id FROM delta_scan('{}') QUALIFY r < 4",
    "SELECT id FROM delta_scan('{}') EXCEPT SELECT id + 1 FROM delta_scan('{}') WHERE id < 449998 "
    "ORDER BY 1",
    "PIVOT (SELECT day, id % 2 AS odd FROM delta_scan('{}')) ON odd USING count(*) ORDER BY day",
    "SELECT count(*) AS n FROM delta_scan('{}') WHERE id IN (SELECT id * 2 FROM delta_scan('{}') "
    "WHERE noise1 < '1')",
    "SELECT id, noise1 FROM delta_scan('{}') WHERE ts > now() - INTERVAL 100 YEAR AND id < 3 "
    "ORDER BY id",
    "SUMMARIZE SELECT id, day FROM delta_scan('{}') WHERE id < 10",
])
def test_queries_over_holes_give_what_they_give_over_whole_files(remote, wide, tmp_path, sql):
    table, _, env = remote
    local = tmp_path / "t"
    for rows in wide:
        write(local, rows, partition_by=["day"])
    count = sql.count("{}")
    assert csv(sql.format(*[table] * count), env) == csv(sql.format(*[local] * count))


def test_fetch_max_counts_what_is_needed(remote):
    table, _, env = remote
    sql = "SELECT {} AS x FROM delta_scan('" + table + "')"
    expect(command("query", "--fetch-max", "8MB", sql.format("count(day)"), env=env), 0)
    expect(command("query", "--fetch-max", "8MB", sql.format("max(noise1)"), env=env), 2,
           "--fetch-max")


def test_a_small_file_is_one_request(minio):
    location = minio.url("query/small", "s3")
    write(location, pa.table({"a": [1, 2], "b": ["x", "y"]}), minio.storage_options())
    result = expect(command("query", "--stats", "-fcsv",
                            f"SELECT b FROM delta_scan('{minio.url('query/small')}') ORDER BY 1",
                            env=minio.sluice_env()), 0)
    assert result.stdout == "b\nx\ny\n"
    assert STATS.search(result.stderr)[8] == "1"


# --- deletion vectors -------------------------------------------------------------


def kernel_rows(location) -> pa.Table:
    """What delta-rs reads by the kernel, deletion vectors and column mapping applied."""
    table = deltalake.DeltaTable(location)
    return pa.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t")
                    .read_all())


@pytest.fixture(scope="module")
def plain_names(corpus):
    """Spark's own test tables: their vectors have a prefix that only Spark's tests know of."""
    for path in corpus.glob("spark/*/test%dv%prefix-*"):
        path.rename(path.with_name(path.name.removeprefix("test%dv%prefix-")))
    return corpus


#: table: rows that the data's README states
MAPPED = {
    "kernel-rs/cdf-column-mapping-id-mode": 3, "kernel-rs/cdf-column-mapping-name-mode": 3,
    "kernel-rs/cdf-column-mapping-name-mode-3-7": 3, "kernel-rs/partition_cm/id": 0,
    "kernel-rs/partition_cm/name": 0, "kernel-rs/partition_cm/none": 0,
    "kernel-rs/stats-writing-all-types/delta": 4, "kernel-java/column-mapping-id": 20,
    "kernel-java/data-reader-partition-values-column-mapping-name": 3,
    "kernel-java/data-reader-primitives-column-mapping-name": 11,
}
DELETED = {
    "kernel-rs/cdf-table-with-cdc-and-dvs": 5, "kernel-rs/cdf-table-with-dv": 10,
    "kernel-rs/compacted-log-files-table": 5, "kernel-rs/table-with-dv-small": 8,
    "kernel-rs/with-short-dv": 7, "spark/partitioned-table-with-dv-large": 1990,
    "spark/table-with-dv-large": 1993, "spark/table-with-dv-small": 8,
    "kernel-java/basic-dv-no-checkpoint": 8, "kernel-java/basic-dv-with-checkpoint": 454,
}


@pytest.mark.parametrize("name", [*MAPPED, *DELETED])
def test_deleted_rows_and_mapped_columns_read_as_the_kernel_reads_them(plain_names, tmp_path, name):
    table = plain_names / name
    found = query_rows(tmp_path, f"FROM delta_scan('{table}')")
    expected = kernel_rows(table)
    assert found.num_rows == {**MAPPED, **DELETED}[name]
    assert found.column_names == expected.column_names
    assert rows_of(found) == rows_of(expected)


@pytest.mark.parametrize("name", ["spark/partitioned-table-with-dv-large",
                                  "kernel-java/basic-dv-with-checkpoint",
                                  "kernel-rs/cdf-table-with-dv"])
def test_conditions_over_deleted_rows(plain_names, name):
    table = plain_names / name
    oracle = duckdb.connect()
    oracle.register("rows", kernel_rows(table))
    column = oracle.sql("FROM rows").columns[0]
    for low in range(-3, 60, 7):
        for condition in (f"{column} = {low}", f"{column} > {low} AND {column} < {low + 40}",
                          f"{column} IN ({low}, {low + 1}, {low * 10})", f"{column} % 10 = {low % 10}"):
            sql = f"SELECT count(*) || ' ' || coalesce(sum({column}), 0) AS x FROM {{}} WHERE {condition}"
            assert csv(sql.format(f"delta_scan('{table}')")).split("\n")[1] == (
                oracle.sql(sql.format("rows")).fetchone()[0]), condition


def test_a_vector_with_a_path_of_its_own_is_read_in_the_table_only(corpus, tmp_path):
    table = tmp_path / "t"
    shutil.copytree(corpus / "spark/table-with-dv-special-char", table)
    folder = table / "folder&with%special char"
    for vector in folder.glob("*.bin"):
        vector.rename(folder / f"test%dv%prefix-{vector.name.removeprefix('test%dv%prefix-')}")
    commit = table / "_delta_log/00000000000000000000.json"
    text = commit.read_text()
    expect(command("query", f"FROM delta_scan('{table}')"), 2, "outside of the table")
    commit.write_text(text.replace("file:{{FOLDER_WITH_SPECIAL_CHAR}}",
                                   f"file:{table}/folder&with%25special%20char"))
    assert len(query_rows(tmp_path, f"FROM delta_scan('{table}')")) == 5


def roaring(rows: list[int]) -> bytes:
    """Ascending rows, fewer than 4,097 of every 65,536, as a portable 64-bit Roaring bitmap."""
    groups = {k: list(v) for k, v in itertools.groupby(rows, lambda row: row >> 16)}
    heads = b"".join(struct.pack("<HH", k, len(v) - 1) for k, v in groups.items())
    body = b"".join(struct.pack(f"<{len(v)}H", *(row & 0xFFFF for row in v))
                    for v in groups.values())
    offsets = bytes(4 * len(groups))
    return (struct.pack("<IQI", 1681511377, 1, 0) + struct.pack("<II", 12346, len(groups)) + heads
            + offsets + body)


def uuid_base85(value: bytes) -> str:
    digits = ("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}"
              "@%$#")
    out = ""
    for (word,) in struct.iter_unpack(">I", value):
        out += "".join(digits[word // 85 ** k % 85] for k in (4, 3, 2, 1, 0))
    return out


class Hand:
    """A table made by hand, local or on an S3 server: files, vectors and one commit."""

    def __init__(self, folder: pathlib.Path, schema: list[tuple], configuration: dict,
                 features: list[str], partition_columns: list[str] = []):
        self.folder = folder
        (folder / "_delta_log").mkdir(parents=True)
        fields = [{"name": n, "type": t, "nullable": True, "metadata": m} for n, t, m in schema]
        self.actions = [
            {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
                          "writerFeatures": features}},
            {"metaData": {"id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", "partitionColumns":
                          partition_columns, "configuration": configuration, "createdTime": 1,
                          "format": {"provider": "parquet", "options": {}},
                          "schemaString": json.dumps({"type": "struct", "fields": fields})}}]

    def add(self, rows: pa.Table, deleted: list[int] = (), values: dict | None = None,
            stats: dict | None = None, **options) -> None:
        path = self.folder / f"{len(self.actions)}.parquet"
        pq.write_table(rows, path, **options)
        add = {"path": path.name, "partitionValues": values or {}, "size": path.stat().st_size,
               "modificationTime": 1, "dataChange": True,
               "stats": json.dumps({"numRecords": rows.num_rows, **(stats or {})})}
        if deleted:
            name = bytes([len(self.actions)]) * 16
            data = roaring(sorted(deleted))
            text = name.hex()
            text = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
            (self.folder / f"deletion_vector_{text}.bin").write_bytes(
                b"\1" + struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data)))
            add["deletionVector"] = {"storageType": "u", "pathOrInlineDv": uuid_base85(name),
                                     "offset": 1, "sizeInBytes": len(data),
                                     "cardinality": len(deleted)}
        self.actions.append({"add": add})

    def commit(self, server: S3Server | None = None, key: str = "") -> str:
        lines = "".join(json.dumps(action) + "\n" for action in self.actions)
        (self.folder / "_delta_log/00000000000000000000.json").write_text(lines)
        if server is None:
            return str(self.folder)
        for path in self.folder.rglob("*"):
            if path.is_file():
                server.client.put(f"{key}/{path.relative_to(self.folder)}", path.read_bytes())
        return server.url(key)


def test_deleted_rows_of_many_row_groups_on_s3(minio, tmp_path):
    """Statistics, footers, holes and deletion vectors together."""
    table = Hand(tmp_path / "t", [("id", "long", {}), ("part", "string", {}),
                                  ("noise", "string", {}), ("filename", "string", {})],
                 {"delta.enableDeletionVectors": "true"}, ["deletionVectors"], ["part"])
    live = duckdb.connect()
    live.execute("CREATE TABLE rows(id BIGINT, part VARCHAR, noise VARCHAR, filename VARCHAR)")
    for f in range(3):
        rows = live.sql(f"SELECT i AS id, md5(i::VARCHAR) AS noise, 'f' || i % 5 AS filename FROM "
                        f"range({f * 120_000}, {(f + 1) * 120_000}) t(i)").to_arrow_table()
        deleted = [] if f == 1 else [n for n in range(120_000) if n % (97 + f) == 5]
        table.add(rows, deleted, {"part": f"p{f // 2}"},
                  {"minValues": {"id": f * 120_000}, "maxValues": {"id": f * 120_000 + 119_999},
                   "nullCount": {"id": 0}}, row_group_size=10_000)
        kept = rows.filter(pa.array([f == 1 or n % (97 + f) != 5 for n in range(120_000)]))
        live.register("kept", kept)
        live.execute(f"INSERT INTO rows SELECT id, 'p{f // 2}', noise, filename FROM kept")
    location = table.commit(minio, "query/deleted")
    for where in ("true", "id = 5", "id = 102", "id BETWEEN 119000 AND 241000", "part = 'p1'",
                  "id % 97 = 5 AND id < 120000", "filename = 'f3' AND id > 239990",
                  "noise < '01' AND part = 'p0'"):
        sql = (f"SELECT count(*) || ' ' || coalesce(sum(id), 0) || ' ' || coalesce(max(noise), '') || "
               f"' ' || count(DISTINCT filename) AS x FROM {{}} WHERE {where}")
        expected = live.sql(sql.format("rows")).fetchone()[0]
        for place, env in ((location, minio.sluice_env()), (table.folder, None)):
            assert csv(sql.format(f"delta_scan('{place}')"), env) == f"x\n{expected}\n", where


def test_a_vector_that_is_gone_or_damaged_ends_the_query(tmp_path):
    table = Hand(tmp_path / "t", [("id", "long", {})], {}, ["deletionVectors"])
    table.add(pa.table({"id": list(range(10))}), [3, 4])
    location = table.commit()
    sql = f"SELECT id FROM delta_scan('{location}')"
    assert csv(sql).split() == ["id", "0", "1", "2", "5", "6", "7", "8", "9"]
    vector, = table.folder.glob("*.bin")
    body = bytearray(vector.read_bytes())
    body[-6] ^= 1
    vector.write_bytes(body)
    assert expect(command("query", "-fcsv", sql), 5, "checksum").stdout == ""
    vector.unlink()
    assert expect(command("query", "-fcsv", sql), 5, "gone").stdout == ""


# --- column mapping ---------------------------------------------------------------


def mapped(number: int) -> dict:
    return {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}


def nested_field(name: str, number: int, kind) -> dict:
    return {"name": name, "type": kind, "nullable": True, "metadata": mapped(number)}


NESTED = [
    ("id", "long", mapped(1)),
    ("filename", "string", mapped(2)),
    ("s", {"type": "struct", "fields": [nested_field("x", 4, "long"), nested_field("y", 5, {
        "type": "array", "containsNull": True, "elementType":
            {"type": "struct", "fields": [nested_field("z", 6, "string")]}})]}, mapped(3)),
    ("m", {"type": "map", "keyType": "string", "valueContainsNull": True, "valueType":
           {"type": "struct", "fields": [nested_field("v", 8, "long")]}}, mapped(7)),
    ("p", "string", mapped(9)),
    ("added", "double", mapped(10)),
]
LOGICAL = [{"id": 1, "filename": "f", "s": {"x": 1, "y": [{"z": "a"}, None]},
            "m": [("k", {"v": 1})], "p": "a b", "added": None},
           {"id": 2, "filename": None, "s": None, "m": None, "p": "a b", "added": None},
           {"id": 3, "filename": "h", "s": {"x": None, "y": None}, "m": [], "p": "a b",
            "added": None}]


def physical(ids: bool, rename: dict[str, str] = {}) -> pa.Table:
    """LOGICAL as it stands in a file; the column "added" is not there yet."""
    def field(number: int, kind: pa.DataType) -> pa.Field:
        name = f"col-{number}"
        return pa.field(rename.get(name, name), kind,
                        metadata={"PARQUET:field_id": str(number)} if ids else None)
    inner = pa.struct([field(6, pa.string())])
    schema = pa.schema([
        field(1, pa.int64()), field(2, pa.string()),
        field(3, pa.struct([field(4, pa.int64()), field(5, pa.list_(inner))])),
        field(7, pa.map_(pa.string(), pa.struct([field(8, pa.int64())])))])
    rows = [{"col-1": r["id"], "col-2": r["filename"],
             "col-3": r["s"] and {"col-4": r["s"]["x"], "col-5": r["s"]["y"] and [
                 e and {"col-6": e["z"]} for e in r["s"]["y"]]},
             "col-7": None if r["m"] is None else [(k, {"col-8": v["v"]}) for k, v in r["m"]]}
            for r in LOGICAL]
    columns = [pa.array([row[f"col-{n}"] for row in rows], schema.field(i).type)
               for i, n in enumerate((1, 2, 3, 7))]
    return pa.table(columns, schema=schema)


def mapped_table(folder: pathlib.Path, mode: str) -> Hand:
    return Hand(folder, NESTED, {"delta.columnMapping.mode": mode,
                                 "delta.columnMapping.maxColumnId": "10"}, ["columnMapping"], ["p"])


@pytest.mark.parametrize("mode, rename", [("name", {}), ("id", {}), ("id", {"col-1": "renamed"})])
def test_mapped_columns_are_read_all_the_way_down(minio, tmp_path, mode, rename):
    table = mapped_table(tmp_path / "t", mode)
    table.add(physical(mode == "id", rename), values={"col-9": "a b"},
              stats={"minValues": {"col-1": 1}, "maxValues": {"col-1": 3}})
    location = table.commit(minio, f"query/mapped-{mode}-{len(rename)}")
    for place, env in ((str(table.folder), None), (location, minio.sluice_env())):
        found = query_rows(tmp_path, f"FROM delta_scan('{place}')", env=env)
        assert found.column_names == [name for name, _, _ in NESTED]
        assert rows_of(found) == rows_of(pa.Table.from_pylist(LOGICAL, found.schema))
        sql = f"SELECT s.y[1].z AS z, m['k'].v AS v, filename FROM delta_scan('{place}') WHERE id < 2"
        assert csv(sql, env) == "z,v,filename\na,1,f\n"
        assert files_read(f"SELECT 1 FROM delta_scan('{place}') WHERE id = 4", env) == (0, 1)
        assert files_read(f"SELECT 1 FROM delta_scan('{place}') WHERE p = 'b'", env) == (0, 1)


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns_come_in_parts_from_s3(minio, tmp_path, mode):
    """The columns of the table in another order than those of the files."""
    rows = 120_000
    names = {"c": 4, "a": 2, "b": 3, "id": 1}
    table = Hand(tmp_path / "t", [(name, "long" if name == "id" else "string", mapped(number))
                                  for name, number in names.items()],
                 {"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "4"},
                 ["columnMapping"])
    data = duckdb.sql(f"SELECT i AS id, md5('a' || i) AS a, md5('b' || i) AS b, md5('c' || i) AS c "
                      f"FROM range({rows}) t(i)").to_arrow_table()
    fields = [pa.field(f"col-{names[f.name]}", f.type,
                       metadata={"PARQUET:field_id": str(names[f.name])}) for f in data.schema]
    table.add(pa.table(data.columns, schema=pa.schema(fields)), row_group_size=20_000)
    location = table.commit(minio, f"query/parts-{mode}")
    result = expect(command("query", "--stats", "-fcsv", f"SELECT b, id FROM delta_scan('{location}') "
                            "WHERE id IN (7, 100007) ORDER BY id", env=minio.sluice_env()), 0)
    assert result.stdout == "b,id\n" + "".join(
        duckdb.sql(f"SELECT md5('b{n}') || ',{n}'").fetchone()[0] + "\n" for n in (7, 100007))
    found = STATS.search(result.stderr)
    assert int(found[7]) < int(found[6]) / 4
    for column in ("a", "b", "c"):
        sql = f"SELECT count(*) AS n FROM delta_scan('{location}') WHERE {column} = md5('{column}77')"
        assert csv(sql, minio.sluice_env()) == "n\n1\n"


def test_a_file_without_the_ids_of_the_mapping_is_refused(minio, tmp_path):
    table = mapped_table(tmp_path / "t", "id")
    table.add(physical(False), values={"col-9": "x"})
    location = table.commit(minio, "query/no-ids")
    expect(command("query", f"FROM delta_scan('{table.folder}')"), 2, "field ids")
    expect(command("query", f"FROM delta_scan('{location}')", env=minio.sluice_env()), 2, "field ids")


def test_widened_types_read_as_the_type_of_today(corpus):
    """Against what Spark's test says of the table: the first file has the narrow types."""
    table = corpus / "kernel-rs/type-widening"
    rows = [json.loads(line) for line in
            expect(command("query", "-fjson", f"FROM delta_scan('{table}') ORDER BY byte_long"), 0)
            .stdout.splitlines()]
    assert rows[0]["byte_long"] == 1 and rows[0]["int_long"] == 2
    assert rows[0]["float_double"] == pytest.approx(3.4, rel=1e-7)
    assert (rows[0]["byte_double"], rows[0]["int_double"]) == (5.0, 7.0)
    assert rows[0]["decimal_decimal_greater_scale"] == 67.89
    assert rows[0]["date_timestamp_ntz"] == "2024-09-09 00:00:00"
    assert rows[1]["byte_long"] == rows[1]["int_long"] == 2 ** 63 - 1
    assert rows[1]["date_timestamp_ntz"] == "2024-09-09 12:34:56.123456"

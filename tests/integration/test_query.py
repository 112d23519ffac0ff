# SPDX-License-Identifier: Apache-2.0
"""`sluice query`: what it leaves out and what it fetches, against DuckDB over what delta-rs reads."""

import datetime
import itertools
import json
import random
import re

import deltalake
import duckdb
import pyarrow as pa
import pytest
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

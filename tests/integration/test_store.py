# SPDX-License-Identifier: Apache-2.0
"""Tables in S3 and in folders; lines of a file are the messages."""

import json
import secrets

import pytest
from sluicetest.delta import Table
from sluicetest.sluice import command


class Lines:
    """A file of messages, and the pipeline that brings them to a place."""

    def __init__(self, folder):
        self.file = folder / "input.jsonl"
        self.file.touch()

    def feed(self, first, count, **more):
        with open(self.file, "a") as file:
            file.writelines(json.dumps({"n": n, **more}) + "\n"
                            for n in range(first, first + count))

    def pipeline(self, place, columns="n INT", stream="", head="", **given):
        given = {"trigger": "0 seconds", **given}
        listed = ", ".join(f"'{name}' = '{value}'" for name, value in given.items())
        return (f"{head} CREATE STREAM s ({columns}) "
                f"USING file OPTIONS (path = '{self.file}'{stream});\n"
                f"CREATE STREAMING TABLE t LOCATION '{place}' OPTIONS ({listed}) "
                f"AS SELECT * FROM s;\n")


@pytest.fixture
def lines(tmp_path):
    return Lines(tmp_path)


def numbers(place):
    return sorted(place.read().column("n").to_pylist())


def s3_options(store, secret=None, endpoint=None):
    return {"s3.endpoint": endpoint or store.endpoint, "s3.access.key": store.access_key,
            "s3.secret.key": secret or store.secret_key}


def test_batches_arrive_once_and_a_second_run_goes_on(store, lines, table, sluice):
    place = table(store)
    lines.feed(0, 100)
    text = lines.pipeline(place, stream=", maxOffsetsPerTrigger = '30'")
    run = sluice(text, env=store.sluice_env())
    run.wait_rows(place, 100)
    run.kill()
    lines.feed(100, 50)
    again = sluice(text, "--available-now", env=store.sluice_env())
    assert again.wait_exit() == 0
    assert numbers(place) == list(range(150))


def test_keys_with_special_characters_are_read_back(store, lines, sluice, unique):
    place = Table(store.url(f"{unique}/a b+c/ü=d"), store)
    strings = ["a/b c%d", "x=y+z", "ünï", "it's &?#"]
    for n, text in enumerate(strings):
        lines.feed(n, 1, p=text)
    text = lines.pipeline(place, "n INT, p STRING").replace("OPTIONS ('trigger'",
                                                            "PARTITIONED BY (p) OPTIONS ('trigger'")
    run = sluice(text, "--available-now", env=store.sluice_env())
    assert run.wait_exit() == 0
    assert sorted(place.rows(), key=lambda r: r["n"]) == [
        {"n": n, "p": text} for n, text in enumerate(strings)]


def test_the_bucket_may_be_in_the_host_name(store, lines, table, sluice):
    place = table(store)
    lines.feed(0, 10)
    options = {**s3_options(store, endpoint=f"http://localhost:{store.port}"),
               "s3.path.style.access": "false"}
    run = sluice(lines.pipeline(place, **options), "--available-now")
    assert run.wait_exit() == 0
    assert numbers(place) == list(range(10))


def test_spark_spelling_of_the_options_is_understood(store, lines, table, sluice):
    place = table(store)
    lines.feed(0, 10)
    options = {name.replace("s3.", "fs.s3a."): value for name, value in s3_options(store).items()}
    run = sluice(lines.pipeline(place, **options), "--available-now")
    assert run.wait_exit() == 0
    assert numbers(place) == list(range(10))


def test_a_missing_bucket_is_named(store, lines, sluice):
    lines.feed(0, 10)
    run = sluice(lines.pipeline("s3a://no-such-bucket/t"), "--available-now",
                 env=store.sluice_env())
    assert run.wait_exit() == 2
    assert "no-such-bucket" in run.stderr


def test_a_wrong_secret_is_reported_and_not_printed(store, lines, table, sluice):
    place, secret = table(store), "canary-" + secrets.token_hex(8)
    lines.feed(0, 10)
    run = sluice(lines.pipeline(place, **s3_options(store, secret)), "--log-level=debug")
    assert run.wait_exit() == 2
    assert "SignatureDoesNotMatch" in run.stderr
    asked = command("check", "--connect", run.pipeline)
    assert asked.exit_code == 2
    assert secret not in run.stdout + run.stderr + asked.stdout + asked.stderr


def test_a_large_file_is_uploaded_in_parts(store, lines, table, sluice):
    place = table(store)
    with open(lines.file, "w") as file:
        file.writelines(json.dumps({"n": n, "text": secrets.token_hex(500)}) + "\n"
                        for n in range(24_000))
    run = sluice(lines.pipeline(place, "n INT, text STRING", head="SET threads = 1;",
                                compression="uncompressed"), "--available-now",
                 env=store.sluice_env())
    assert run.wait_exit() == 0
    assert numbers(place) == list(range(24_000))
    with open(lines.file) as file:
        sent = [json.loads(line)["text"] for line in file]
    assert [r["text"] for r in sorted(place.rows(), key=lambda r: r["n"])] == sent
    parts = [f for f in place.files() if f.endswith(".parquet")]
    etags = [store.client.request("HEAD", place._key(part)).headers["etag"] for part in parts]
    assert any("-" in etag for etag in etags), etags  # how S3 tells an upload in parts


def test_a_store_that_goes_away_is_waited_for(own_minio, lines, table, sluice):
    store = own_minio()
    place = table(store)
    lines.feed(0, 100)
    run = sluice(lines.pipeline(place, stream=", maxOffsetsPerTrigger = '20'"),
                 env=store.sluice_env())
    run.wait_rows(place, 100)
    for first in (100, 200):
        store.process.kill()
        lines.feed(first, 100)
        run.process.wait_until(lambda: spooled(run), "a batch that waits for the store")
        store.start()
        run.wait_rows(place, first + 100)
    assert run.stop() == 0
    assert numbers(place) == list(range(300))


def spooled(run):
    return [f for f in (run.folder / "tmp").rglob("*.parquet")]


@pytest.mark.parametrize("how", ["path", "relative path", "file URL"])
def test_a_folder_is_a_store(how, lines, tmp_path, sluice):
    place = Table(tmp_path / "sluice" / "lake" / "a b")
    location = {"path": place.location, "relative path": "lake/a b",
                "file URL": f"file://{place.location}"}[how]
    lines.feed(0, 10)
    run = sluice(lines.pipeline(location), "--available-now")
    assert run.wait_exit() == 0
    assert numbers(place) == list(range(10))

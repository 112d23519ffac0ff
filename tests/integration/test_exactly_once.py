# SPDX-License-Identifier: Apache-2.0
"""Exactly once under kills and faults: the short run of tests/fault, and each of
its directed scenarios as a test.  The long run is `make fault`."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fault"))

import kill  # noqa: E402
import scenarios  # noqa: E402
from bench import Servers  # noqa: E402


@pytest.fixture(scope="module")
def attacked(kafka, minio, tmp_path_factory):
    servers = Servers(tmp_path_factory.mktemp("fault"), kafka, minio)
    yield servers
    servers.stop()


def test_no_record_is_lost_or_doubled_by_twenty_kills(attacked, capsys):
    fine = kill.run(kills=20, seconds=60, seed=7, stores=["local", "minio"], names=[],
                    servers=attacked)
    report = capsys.readouterr().out
    assert fine, report


@pytest.mark.parametrize("name", scenarios.ALL)
def test_scenario(attacked, name):
    scenarios.ALL[name](attacked)

# SPDX-License-Identifier: Apache-2.0
"""Where tools/deps has put servers and jars, and where the tree is."""

import functools
import os
import pathlib
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[3]


@functools.cache
def prefix() -> pathlib.Path:
    out = subprocess.run([TREE / "tools/deps", "prefix"], check=True, stdout=subprocess.PIPE)
    return pathlib.Path(out.stdout.decode().strip())


def need(relative: str) -> pathlib.Path:
    """A file below the prefix; a clear error, not a skip, when it is not there."""
    path = prefix() / relative
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run tools/deps test, then tools/deps wait")
    return path


def sluice_binary() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("SLUICE_BIN", TREE / "build/sluice"))
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it, or name another with SLUICE_BIN")
    return path.resolve()

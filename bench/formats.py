#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decoding alone: Sluice beside yyjson, protobuf, avro-c and Spark, on the same bytes, in one run.

    bench/formats.py                                  some minutes
    bench/formats.py --megabytes 16 --rounds 1 --no-spark

decode_bench makes the events and writes them down; peers.cc and Spark read those files.  Sluice
and the libraries take turns, `--rounds` times; the table shows medians.  All must have decoded
the same values, or the run ends with an error.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TREE / "bench/lib"), str(TREE / "tests/lib")]

import measure  # noqa: E402
import report  # noqa: E402
from sluicetest import deps  # noqa: E402

LINE = re.compile(r"(?P<name>\S+) +(?P<rows>\d+) rows +(?P<bytes>\d+) B/row +(?P<ns>[\d.]+) ns/row"
                  r" .* (?P<memcpy>[\d.]+|-) memcpy digest (?P<digest>\w+)")
TARGETS = {"json": 4e6, "protobuf": 6e6, "avro": 6e6}
# What is shown, and of which format.
TITLES = {
    "json": ("json", "JSON: Sluice"),
    "yyjson-parse": ("json", "yyjson into its DOM"),
    "yyjson-read": ("json", "… and ten fields read"),
    "spark-json": ("json", "Spark from_json"),
    "protobuf": ("protobuf", "Protobuf: Sluice"),
    "dynamic-parse": ("protobuf", "C++ dynamic message"),
    "dynamic-read": ("protobuf", "… and ten fields read"),
    "generated-parse": ("protobuf", "C++ generated code"),
    "generated-read": ("protobuf", "… and ten fields read"),
    "avro": ("avro", "Avro: Sluice"),
    "avroc-parse": ("avro", "avro-c generic value"),
    "avroc-read": ("avro", "… and ten fields read"),
    "spark-avro": ("avro", "Spark from_avro"),
    "protobuf-long": ("protobuf", "Protobuf, a longer text: Sluice"),
    "avro-nullable": ("avro", "Avro, all in unions with null: Sluice"),
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=64, help="of JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5, help="in each round")
    parser.add_argument("--no-spark", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build")
    return parser.parse_args()


def build_decode(args: argparse.Namespace) -> pathlib.Path:
    subprocess.run(["ninja", "-C", args.build, "src/codec/decode_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    return args.build / "src/codec/decode_bench"


def build_peers(work: pathlib.Path) -> pathlib.Path:
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "protobuf", "avro-c"], check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["protoc", f"-I{work}", f"--cpp_out={work}", work / "event.proto"], check=True)
    subprocess.run(["g++", "-std=c++17", "-O3", "-DNDEBUG", "-Wall", "-Wextra", "-o",
                    work / "peers", TREE / "bench/peers.cc", work / "event.pb.cc", f"-I{work}",
                    f"-I{deps.need('bench')}", deps.need("bench/libyyjson.a"), *flags], check=True)
    return work / "peers"


def lines(argv: list) -> list[dict]:
    out = subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE, text=True)
    found = [LINE.match(line) for line in out.stdout.splitlines()]
    if not all(found):
        raise RuntimeError(f"{argv[0]} printed what is no line of figures:\n{out.stdout}")
    return [m.groupdict() for m in found]


def rounds(args: argparse.Namespace, work: pathlib.Path) -> list[dict]:
    decode = build_decode(args)
    found: list[dict] = []
    for number in range(args.rounds):
        say(f"round {number + 1} of {args.rounds}")
        for name in ("json", "protobuf", "protobuf-long", "avro", "avro-nullable"):
            found += lines([decode, name, args.megabytes, args.repeats,
                            *([work] if number == 0 else [])])
        peers = build_peers(work) if number == 0 else peers
        found += lines([peers, work, args.repeats])
    digests = {line["digest"] for line in found}
    if len(digests) != 1:
        raise AssertionError(f"not all have decoded the same values: {found}")
    return found


def medians(found: list[dict]) -> dict:
    out: dict = {}
    for name in dict.fromkeys(line["name"] for line in found):
        own = [line for line in found if line["name"] == name]
        copies = [float(line["memcpy"]) for line in own if line["memcpy"] != "-"]
        ns = [float(line["ns"]) for line in own]
        out[name] = {"rows": int(own[0]["rows"]), "bytes": int(own[0]["bytes"]),
                     "ns": statistics.median(ns), "ns_all": sorted(ns),
                     "memcpy": statistics.median(copies) if copies else None}
    return out


def spark(args: argparse.Namespace, work: pathlib.Path, results: dict) -> None:
    say("Spark")
    job = {"folder": str(work), "work": str(work), "repeats": args.repeats, "warm_ups": 5}
    env = {"PYTHONPATH": f"{TREE}/bench/lib:{TREE}/tests/lib"}
    done = measure.run([sys.executable, TREE / "bench/lib/spark_formats.py", json.dumps(job)],
                       work, "spark", env=env)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if [s["format"] for s in said] != ["json", "avro"] or said[0]["sums"] != said[1]["sums"]:
        raise AssertionError(f"Spark decoded something else: {said}")
    for s in said:
        results[f"spark-{s['format']}"] = {
            "rows": s["rows"], "bytes": results[s["format"]]["bytes"], "memcpy": None,
            "ns": s["cpu_s"] / s["rows"] * 1e9, "wall_ns": s["wall_s"] / s["rows"] * 1e9,
            "alone_ns": s["alone"]["cpu_s"] / s["rows"] * 1e9}


def markdown(args: argparse.Namespace, results: dict) -> str:
    machine = measure.machine()
    rows = []
    for name in (n for n in TITLES if n in results):
        form, title = TITLES[name]
        r, ours = results[name], results[form]
        memcpy = r["memcpy"] or r["ns"] * ours["memcpy"] / ours["ns"]
        target = TARGETS.get(name)
        rate = 1e9 / r["ns"]
        rows.append([title, r["bytes"], f"{r['ns']:.0f}", f"{rate / 1e6:.2f} M",
                     f"{rate * r['bytes'] / 1e6:,.0f}", f"{memcpy:.0f}×",
                     f"{r['ns'] / ours['ns']:.1f}×",
                     f"≥ {target / 1e6:.0f} M: {'yes' if rate >= target else '**no**'}"
                     if target else ""])
    out = [f"`{shlex.join(sys.argv)}`", "",
           f"{machine['cpus']} cores ({machine.get('cpu', '?')}), Linux {machine['kernel']}; load "
           f"{os.getloadavg()[0]:.1f}. {results['json']['rows']:,} events.", "",
           report.table(["", "bytes", "ns/row", "rows/s", "MB/s", "of memcpy", "of Sluice's time",
                         "target"], rows)]
    for name, r in results.items():
        if "wall_ns" in r:
            out += ["", f"{TITLES[name][1]}: {r['wall_ns']:.0f} ns of wall time; source and sink alone "
                    f"are {r['alone_ns']:.0f} of its CPU time."]
    return "\n".join(out)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    args = options()
    with tempfile.TemporaryDirectory(prefix="sluice-formats-") as folder:
        work = pathlib.Path(folder)
        results = medians(rounds(args, work))
        if not args.no_spark:
            spark(args, work, results)
    print(markdown(args, results))


if __name__ == "__main__":
    main()

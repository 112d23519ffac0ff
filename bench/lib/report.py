# SPDX-License-Identifier: Apache-2.0
"""Figures as Markdown, beside the targets of the design."""

import shlex


def _median(lines: list, key: str, median) -> float | None:
    values = [line[key] for line in lines if line.get(key) is not None]
    return median(values) if values else None


def _groups(lines: list, *keys: str) -> dict:
    groups: dict = {}
    for line in lines:
        groups.setdefault(tuple(line[k] for k in keys), []).append(line)
    return groups


def table(head: list, rows: list) -> str:
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
    return "\n".join(out)


def _inside(lines: list, median) -> float | None:
    """Messages a second inside the batches, for an engine whose start is long."""
    seconds = _median(lines, "inside_s", median)
    return lines[0]["messages"] / seconds if seconds else None


def _rate(value: float) -> str:
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.1f} K"


def _ratio(value: float | None, other: float | None, text: str) -> str:
    return text.format(value / other) if value and other else "–"


def _drained(results: dict, topic: str, median) -> tuple[str, dict]:
    groups = _groups([r for r in results["drain"] if r["topic"] == topic], "engine", "where")
    rate = {k: _median(v, "per_second", median) for k, v in groups.items()}
    rows = []
    for (engine, where), lines in groups.items():
        wall = _median(lines, "wall_s", median)
        inside = _inside(lines, median)
        name = f"{engine} → {where}" if where else f"{engine} alone"
        first = lines[0]
        rows.append([
            name, _rate(rate[engine, where]),
            _rate(inside) if inside else "–",
            _ratio(rate[engine, where], rate.get(("librdkafka", None)), "{:.0%}"),
            _ratio(inside or rate[engine, where], _inside(groups.get(("Spark", where), []), median),
                   "{:.1f}×"),
            f"{_median(lines, 'cpu_s_per_million', median):.2f}",
            f"{_median(lines, 'rss_mb', median):.0f}",
            f"{first['bytes'] / 1e6:.0f} in {first['files']}" if where else "–",
            f"{_median(lines, 'foreign_cpu_s', median) / wall:.2f}",
            len(lines),
        ])
    head = ["", "messages/s", "… without its start", "of bare", "of Spark", "CPU s / million",
            "peak RSS, MB", "MB written, files", "cores used by others", "runs"]
    return table(head, rows), groups


def _latency(results: dict) -> str:
    rows = [[f"{r['engine']} → {r['where']}", f"{r['rate']:,}", r["trigger"],
             f"{r['p50_ms']:.0f}", f"{r['p99_ms']:.0f}", f"{r['max_ms']:.0f}",
             r["commits"], f"{r['cpu_percent']:.0f} %", f"{r['rss_mb']:.0f}"]
            for r in results["latency"]]
    head = ["", "messages/s", "trigger", "p50, ms", "p99, ms", "most, ms", "commits",
            "CPU of a core", "peak RSS, MB"]
    return table(head, rows)


def _targets(results: dict, median) -> str:
    drained = {k: v for k, v in _groups(results["drain"], "topic", "engine", "where").items()}

    def rate(*key):
        return _median(drained.get(key, []), "per_second", median)

    def of(key: str, *group):
        return _median(drained.get(group, []), key, median)

    def line(what, target, value, text, passed):
        if value is None:
            return [what, target, "–", ""]
        met = "" if not target else "yes" if passed(value) else "**no**"
        return [what, target, text.format(value), met]

    def share(value, other):
        return value / other if value and other else None

    def spark(topic):
        return _inside(drained.get((topic, "Spark", "local"), []), median)

    bare = rate("events", "librdkafka", None)
    local, minio = rate("events", "Sluice", "local"), rate("events", "Sluice", "MinIO")
    feeds = share(rate("feeds", "Sluice", "local"), spark("feeds"))
    latency = next((r for r in results["latency"] if r["engine"] == "Sluice" and
                    r["where"] == "MinIO" and r["trigger"] == "0 seconds" and
                    r["rate"] == 10000), {})
    start = _median(results["start"], "seconds", median)
    idle = _median(results["start"], "idle_rss_bytes", median)
    rows = [
        line("events → local disk, of bare consumption", "≥ 75 %", share(local, bare), "{:.0%}",
             lambda v: v >= 0.75),
        line("events → MinIO, of bare consumption", "≥ 55 %", share(minio, bare), "{:.0%}",
             lambda v: v >= 0.55),
        line("events → local disk, of Spark", "≥ 15×",
             share(local, spark("events")), "{:.1f}×", lambda v: v >= 15),
        line("nested feeds → local disk, of Spark", "≥ 15×", feeds, "{:.1f}×",
             lambda v: v >= 15),
        line("CPU s per million events", "< 1.4", of("cpu_s_per_million", "events", "Sluice",
                                                     "local"), "{:.2f}", lambda v: v < 1.4),
        line("Spark's CPU for the same events", "", share(
            of("cpu_s_per_million", "events", "Spark", "local"),
            of("cpu_s_per_million", "events", "Sluice", "local")), "{:.1f}×", None),
        line("peak RSS at full speed, MB", "< 200", of("rss_mb", "events", "Sluice", "local"),
             "{:.0f}", lambda v: v < 200),
        line("RSS idle, MB", "< 100", idle and idle / 1e6, "{:.0f}", lambda v: v < 100),
        line("p50 at 10,000/s, MinIO, trigger 0, ms", "< 100", latency.get("p50_ms"), "{:.0f}",
             lambda v: v < 100),
        line("p99 at 10,000/s, MinIO, trigger 0, ms", "< 500", latency.get("p99_ms"), "{:.0f}",
             lambda v: v < 500),
        line("start to first rows, ms", "< 500", start and start * 1e3, "{:.0f}",
             lambda v: v < 500),
    ]
    return table(["target", "", "measured", "met"], rows)


def markdown(results: dict, median) -> str:
    machine = results["machine"]
    out = [f"`{shlex.join(map(str, results['command']))}`", "",
           f"{machine['cpus']} cores ({machine.get('cpu', '?')}), {machine.get('memory_gb')} GB, "
           f"Linux {machine['kernel']}; load {machine['load']:.1f} before the run. Broker, store "
           "and engine share the cores. Medians.", "", _targets(results, median), ""]
    for topic, title in (("events", "Events"), ("feeds", "Nested feeds of 20 vehicles")):
        lines = [r for r in results["drain"] if r["topic"] == topic]
        if lines:
            out += [f"### {title}", "", f"{lines[0]['messages']:,} messages of "
                    f"{lines[0]['message_bytes']:.0f} bytes, {lines[0]['rows']:,} rows.", "",
                    _drained(results, topic, median)[0], ""]
    if results["latency"]:
        out += ["### Record to visible commit", "", _latency(results), ""]
    if results["start"]:
        first = results["start"][0]
        out += [f"Idle: {first['idle_rss_bytes'] / 1e6:.0f} MB, {first['idle_cpu_percent']:.1f} % "
                "of a core.", ""]
    return "\n".join(out)

# SPDX-License-Identifier: Apache-2.0
"""What a process cost, and what the machine did beside it."""

import dataclasses
import os
import pathlib
import subprocess
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Usage:
    """One process from start to end, threads included, children not."""
    exit_code: int
    started_s: float  # wall clock
    wall_s: float
    cpu_s: float
    rss_bytes: int  # the most it ever had (VmHWM)
    foreign_cpu_s: float  # of the machine's cores, used by anything but the process
    stdout: str = ""


def run(argv: list, folder: pathlib.Path, name: str, env: dict | None = None,
        timeout_s: float = 3600) -> Usage:
    """Run to the end. stdout is returned, stderr goes to a file; a failure raises."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with open(log, "wb") as err, open(folder / f"{name}.out", "w+b") as out:
        busy = machine_cpu_s()
        started = time.time()
        clock = time.monotonic()
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=err, env={**os.environ, **(env or {})}, cwd=folder)
        deadline = clock + timeout_s
        rss = 0
        while True:
            # Not ru_maxrss: that counts what we had when we forked.
            rss = max(rss, _memory_if_any(child.pid))
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                child.kill()
                raise TimeoutError(f"{name} took longer than {timeout_s:.0f} s, see {log}")
            time.sleep(0.005)
        wall = time.monotonic() - clock
        child.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait again
        cpu = used.ru_utime + used.ru_stime
        out.seek(0)
        usage = Usage(child.returncode, started, wall, cpu, rss,
                      machine_cpu_s() - busy - cpu, out.read().decode(errors="replace"))
    if usage.exit_code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise RuntimeError(f"{name} ended with {usage.exit_code}; {log} ends with\n{tail}")
    return usage


def machine_cpu_s() -> float:
    """Of all cores since the machine started, without idle time."""
    with open("/proc/stat") as f:
        user, nice, system, idle, iowait, irq, softirq, steal = map(
            int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


def cpu_s(pid: int) -> float:
    """Of a process that runs, its threads included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def java(pid: int) -> int:
    """The JVM of a session: spark-submit is a script that may or may not have become it."""
    while "java" not in os.path.basename(os.readlink(f"/proc/{pid}/exe")):
        pid = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return pid


def memory(pid: int) -> tuple[int, int]:
    """Resident now, and the most so far; bytes."""
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in ("VmRSS", "VmHWM"):
            values[key] = int(value.split()[0]) * 1024
    return values["VmRSS"], values["VmHWM"]


def _memory_if_any(pid: int) -> int:
    try:
        return memory(pid)[1]
    except (OSError, KeyError):  # it has ended
        return 0


def machine() -> dict:
    info = {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "kernel": os.uname().release}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            info["cpu"] = line.partition(":")[2].strip()
            break
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            info["memory_gb"] = round(int(line.split()[1]) / 1e6)
            break
    return info

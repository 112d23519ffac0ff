# SPDX-License-Identifier: Apache-2.0
"""Podman with storage of its own, and docker-compose that talks to it.

Images and layers stay in the prefix of tools/deps, so that a second run builds
only what has changed; containers, networks and volumes do not.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import threading

from sluicetest import deps
from sluicetest.process import Process, free_port, wait_until

HERE = pathlib.Path(__file__).resolve().parent
IMAGES = HERE / "images"
DEPLOY = deps.TREE / "deploy"
BUILD_S = 1800
COMPOSE_S = 900


class Podman:
    def __init__(self, folder: pathlib.Path):
        self.home = deps.prefix() / "stack"
        self.home.mkdir(exist_ok=True)
        self._lock = open(self.home / "lock", "w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # one run at a time owns the storage
        self.env = {**os.environ, "CONTAINERS_CONF": str(HERE / "containers.conf")}
        self._argv = ["podman", "--root", self.home / "storage", "--runroot", self.home / "run",
                      "--network-config-dir", self.home / "networks"]
        self.run("rm", "--force", "--all", "--time", "0")  # what a killed run has left
        self.run("volume", "prune", "--force")
        self.run("network", "prune", "--force")
        socket = self.home / "podman.sock"
        socket.unlink(missing_ok=True)
        self.host = f"unix://{socket}"
        self._service = Process("podman", [*self._argv, "system", "service", "--time", "0",
                                           self.host], folder, env=self.env)
        self._service.wait_until(socket.exists, "its socket")

    def close(self) -> None:
        self._service.stop()
        self._lock.close()

    def run(self, *args, timeout_s: float = 300) -> str:
        """What it prints; CalledProcessError with the end of its errors."""
        done = subprocess.run([*map(str, self._argv), *map(str, args)], capture_output=True,
                              text=True, env=self.env, timeout=timeout_s)
        if done.returncode != 0:
            raise AssertionError(f"podman {args}: {done.returncode}\n{done.stdout[-2000:]}"
                                 f"\n{done.stderr[-4000:]}")
        return done.stdout

    def inspect(self, name: str) -> dict:
        return json.loads(self.run("inspect", name))[0]

    def logs(self, name: str) -> str:
        done = subprocess.run([*map(str, self._argv), "logs", name], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.env, check=True)
        return done.stdout

    # --- images -----------------------------------------------------------

    def build(self, tag: str, dockerfile: pathlib.Path, context: pathlib.Path,
              volume: str = "/deps", **arguments: str) -> None:
        """The prefix of tools/deps is at `volume` while it is built."""
        args = [f"--build-arg={k}={v}" for k, v in arguments.items()]
        # --format docker: the other one has no HEALTHCHECK.
        self.run("build", "--layers", "--format", "docker", "--network", "host", "--pull=never",
                 "--volume", f"{deps.prefix()}:{volume}:ro", "--volume",
                 "/etc/ssl/certs/ca-certificates.crt:/machine-ca.crt:ro", *args, "--tag", tag,
                 "--file", dockerfile, context, timeout_s=BUILD_S)

    def import_debian(self, tag: str) -> None:
        archive = deps.need("stack/debian.tar")
        stamp = f"sluice-{archive.stat().st_mtime_ns}"
        with contextlib.suppress(AssertionError):
            if stamp in self.inspect(tag)["Comment"]:
                return
        self.run("import", "--message", stamp, archive, tag)

    def compressed_bytes(self, tag: str) -> int:
        """What a registry would hold, and a pull would fetch."""
        save = subprocess.Popen([*map(str, self._argv), "save", "--format", "docker-archive", tag],
                                stdout=subprocess.PIPE, env=self.env)
        gzip = subprocess.Popen(["gzip", "-6"], stdin=save.stdout, stdout=subprocess.PIPE)
        save.stdout.close()
        total = 0
        while part := gzip.stdout.read(1 << 20):
            total += len(part)
        assert gzip.wait() == 0 and save.wait() == 0
        return total


class Stack:
    """deploy/compose.yml as one project, with free ports instead of its own."""

    def __init__(self, podman: Podman, folder: pathlib.Path, pipeline: pathlib.Path,
                 profiles: tuple = (), **settings: str):
        self.podman = podman
        self.project = f"sluicestack{os.getpid()}"
        self.profiles = profiles
        names = ["KAFKA_PORT", "MINIO_PORT", "MINIO_CONSOLE_PORT", "SLUICE_PORT", "PROMETHEUS_PORT",
                 "ALERTMANAGER_PORT", "GRAFANA_PORT", "SPARK_MASTER_PORT", "SPARK_MASTER_UI_PORT",
                 "SPARK_THRIFT_PORT"]
        self.ports = {name: free_port() for name in names}
        settings = {"SLUICE_PIPELINE": str(pipeline), **{k: str(v) for k, v in self.ports.items()},
                    "COMPOSE_PROJECT_NAME": self.project,
                    "ALERTMANAGER_SECRETS": str(folder / "secrets"), **settings}
        (folder / "secrets").mkdir()
        self.env_file = folder / "stack.env"
        self.settings = _read_env(DEPLOY / ".env.example") | settings
        self.env_file.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def _tick(self) -> None:
        """Podman leaves running the health checks to systemd, which is not here."""
        while not self._stop.wait(1):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                for name in self.podman.run("ps", "--format", "{{.Names}}").split():
                    with contextlib.suppress(AssertionError):  # not healthy, or no check
                        self.podman.run("healthcheck", "run", name, timeout_s=60)

    def compose(self, *args: str) -> str:
        profiles = [f"--profile={p}" for p in self.profiles]
        argv = ["docker-compose", "--ansi=never", "--file", DEPLOY / "compose.yml", "--env-file",
                self.env_file, "--project-name", self.project, *profiles, *args]
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True,
                              timeout=COMPOSE_S,
                              env={**os.environ, "DOCKER_HOST": self.podman.host,
                                   "COMPOSE_HTTP_TIMEOUT": str(COMPOSE_S)})
        if done.returncode != 0:
            raise AssertionError(f"docker-compose {args}: {done.returncode}\n{done.stdout}\n"
                                 f"{done.stderr}\n{self.report()}")
        return done.stdout + done.stderr

    def up(self) -> None:
        self.compose("up", "--detach", "--no-build")

    def name(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def inspect(self, service: str) -> dict:
        return self.podman.inspect(self.name(service))

    def logs(self, service: str) -> str:
        return self.podman.logs(self.name(service))

    def is_healthy(self, service: str) -> bool:
        """The service's own check, now: what podman remembers may be from before a restart, and
        while a service starts podman takes a failure for none."""
        kind, *argv = self.inspect(service)["Config"]["Healthcheck"]["Test"]
        assert kind in ("CMD", "CMD-SHELL"), kind
        argv = argv if kind == "CMD" else ["sh", "-c", *argv]
        try:
            self.podman.run("exec", self.name(service), *argv, timeout_s=60)
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        return True

    def wait_healthy(self, service: str) -> None:
        wait_until(lambda: self.is_healthy(service), f"{service} healthy", 600)

    def report(self) -> str:
        """What a failed test shows."""
        parts = [self.podman.run("ps", "--all")]
        for name in self.podman.run("ps", "--all", "--format", "{{.Names}}").split():
            parts.append(f"--- {name}\n" + "\n".join(self.podman.logs(name).splitlines()[-25:]))
        return "\n".join(parts)

    def close(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")
        self._stop.set()
        self._ticker.join(60)


def _read_env(path: pathlib.Path) -> dict:
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

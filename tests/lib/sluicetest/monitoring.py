# SPDX-License-Identifier: Apache-2.0
"""Prometheus and Alertmanager with the files of deploy/, and the places where messages go: a Slack
webhook and a mail server.

What the tests change in those files is all in `prometheus_files` and `alertmanager_files`: addresses,
the places of secrets, and how long things take (`for` of each rule is gone; scrapes, evaluations and
groups of messages come each second). Expressions, thresholds, texts and routes are as they are.
"""

import base64
import contextlib
import dataclasses
import email
import email.policy
import http.server
import json
import pathlib
import socketserver
import ssl
import subprocess
import threading
import urllib.parse
import urllib.request

import yaml

from . import deps
from .process import Process, free_port

DEPLOY = deps.TREE / "deploy"
RULES = DEPLOY / "prometheus/rules/sluice.yml"


def rules() -> list[dict]:
    """The alerts, as they are in the file."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def get_json(url: str, **parameters):
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    with urllib.request.urlopen(url + query, timeout=60) as answer:
        return json.load(answer)


# --- the files, made quick --------------------------------------------------


def prometheus_files(folder: pathlib.Path, target: str, alertmanager: str | None) -> None:
    """deploy/prometheus in `folder`, scraping `target` (host:port) each second."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"].update(scrape_interval="1s", evaluation_interval="1s")
    config["scrape_configs"] = [job for job in config["scrape_configs"] if
                                job["job_name"] == "sluice"]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    if alertmanager:
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    else:
        del config["alerting"]
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    text = yaml.safe_load(RULES.read_text())
    for group in text["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    (folder / "rules/sluice.yml").write_text(yaml.safe_dump(text))


def alertmanager_files(folder: pathlib.Path, slack: str, smarthost: str, password: str,
                       ca_file: pathlib.Path) -> None:
    """deploy/alertmanager in `folder`, with its secrets there."""
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "secrets").mkdir(exist_ok=True)
    for template in (DEPLOY / "alertmanager/templates").iterdir():
        (folder / "templates" / template.name).write_text(template.read_text())
    (folder / "secrets/slack_url").write_text(slack + "\n")
    (folder / "secrets/smtp_password").write_text(password)  # a newline would be part of it
    text = (DEPLOY / "alertmanager/alertmanager.yml").read_text()
    config = yaml.safe_load(text.replace("/etc/alertmanager", str(folder)))
    config["global"]["smtp_smarthost"] = smarthost
    config["route"].update(group_wait="1s", group_interval="1s")
    for route in config["route"]["routes"]:
        route.pop("group_wait", None)
    for receiver in config["receivers"]:
        for mail in receiver.get("email_configs", []):
            mail["tls_config"] = {"ca_file": str(ca_file)}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))


# --- the servers ------------------------------------------------------------


class Prometheus:
    """Started in `folder` on a free port; its web pages are not there, its API is."""

    def __init__(self, folder: pathlib.Path, target: str, alertmanager: str | None = None):
        prometheus_files(folder, target, alertmanager)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process("prometheus", [
            deps.need("bin/prometheus"), f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
        ], folder, cwd=folder)
        self.process.wait_until(self._ready, "ready")

    def _ready(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10) as answer:
            return answer.status == 200

    def query(self, expression: str) -> list[dict]:
        return get_json(f"{self.url}/api/v1/query", query=expression)["data"]["result"]

    def value(self, expression: str) -> float | None:
        """Of an expression with one result; None when it has none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def targets(self) -> list[dict]:
        return get_json(f"{self.url}/api/v1/targets")["data"]["activeTargets"]

    def alerts(self) -> list[dict]:
        return get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]

    def wait(self, expression: str) -> list[dict]:
        """Until the expression has a result; which."""
        return self.process.wait_until(lambda: self.query(expression), expression)

    def wait_alert(self, name: str, **labels: str) -> dict:
        """Until the alert fires; which."""
        def firing():
            return [a for a in self.alerts() if a["state"] == "firing" and
                    {"alertname": name, **labels}.items() <= a["labels"].items()]
        return self.process.wait_until(firing, f"{name} fires")[0]

    def stop(self) -> None:
        self.process.stop()


class Alertmanager:
    def __init__(self, folder: pathlib.Path, slack: "Slack", mail: "Mail"):
        alertmanager_files(folder, slack.url, mail.address, mail.password, mail.certificate)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.process = Process("alertmanager", [
            deps.need("bin/prometheus-alertmanager"),
            f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data",
            f"--web.listen-address={self.address}", "--cluster.listen-address=",
        ], folder, cwd=folder)
        self.process.wait_until(self._ready, "ready")

    def _ready(self) -> bool:
        with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=10) as answer:
            return answer.status == 200

    def post(self, alerts: list[dict]) -> None:
        request = urllib.request.Request(f"http://{self.address}/api/v2/alerts",
                                         json.dumps(alerts).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60):
            pass

    def alerts(self) -> list[dict]:
        return get_json(f"http://{self.address}/api/v2/alerts")

    def stop(self) -> None:
        self.process.stop()


# --- where messages go ------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def _serving(handler, port: int):
    with _Server(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Slack:
    """An incoming webhook: what was posted to it, in order."""

    def __init__(self):
        self.posts: list[dict] = []
        self._path = "/services/T0/B0/secret"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{self._path}"
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == webhook._path
                self.send_response(200 if known else 404)
                self.end_headers()
                self.wfile.write(b"ok" if known else b"no_team")
                if known:
                    webhook.posts.append(json.loads(body))

            def log_message(self, *args):
                pass

        self._stack = contextlib.ExitStack()
        self._stack.enter_context(_serving(Handler, port))

    def attachments(self) -> list[dict]:
        return [attachment for post in list(self.posts) for attachment in post["attachments"]]

    def stop(self) -> None:
        self._stack.close()


@dataclasses.dataclass(frozen=True)
class Letter:
    sender: str
    to: str
    subject: str
    text: str
    html: str


class Mail:
    """A mail server that takes letters over TLS from who knows the password."""

    user = "sluice@example.org"
    password = "a password of mail"

    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.letters: list[Letter] = []
        self.certificate, key = folder / "mail.pem", folder / "mail.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mail",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                        self.certificate], check=True, capture_output=True)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.certificate, key)
        mail = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    _smtp(mail, self.request)

        self._stack = contextlib.ExitStack()
        self._stack.enter_context(_serving(Handler, port))

    def stop(self) -> None:
        self._stack.close()


def _smtp(mail: Mail, connection) -> None:
    """One connection: EHLO, STARTTLS, AUTH PLAIN, then letters."""
    lines = connection.makefile("rb")
    secure = known = False
    sender = to = ""

    def say(text: str) -> None:
        connection.sendall((text + "\r\n").encode())

    say("220 mail")
    while line := lines.readline().decode().strip():
        word, _, rest = line.partition(" ")
        match word.upper():
            case "EHLO":
                say("250-mail\r\n" + ("250 AUTH PLAIN" if secure else "250 STARTTLS"))
            case "STARTTLS":
                say("220 go on")
                connection = mail._tls.wrap_socket(connection, server_side=True)
                lines, secure = connection.makefile("rb"), True
            case "AUTH" if secure:
                given = base64.b64decode(rest.split()[1]).decode().split("\0")
                known = given[1:] == [mail.user, mail.password]
                say("235 welcome" if known else "535 who are you")
            case "MAIL" if known:
                sender = rest
                say("250 ok")
            case "RCPT" if known:
                to = rest
                say("250 ok")
            case "DATA" if known:
                say("354 go on")
                text = b""
                while (part := lines.readline()) not in (b".\r\n", b""):
                    text += part.removeprefix(b".") if part.startswith(b"..") else part
                mail.letters.append(_letter(sender, to, text))
                say("250 ok")
            case "QUIT":
                say("221 bye")
                return
            case _:
                say("503 not now")


def _letter(sender: str, to: str, text: bytes) -> Letter:
    message = email.message_from_bytes(text, policy=email.policy.default)
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    return Letter(sender, to, message["Subject"], plain.get_content() if plain else "",
                  html.get_content() if html else "")

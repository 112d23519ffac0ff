"""Stands in for Grafana: /api/health on 3000, when the provisioned files can be read."""

import http.server
import json
import pathlib

import yaml

PROVISIONING = pathlib.Path("/etc/grafana/provisioning")


def dashboards() -> int:
    """How many dashboards the providers lead to."""
    found = 0
    for file in (PROVISIONING / "dashboards").glob("*.y*ml"):
        for provider in yaml.safe_load(file.read_text())["providers"]:
            for board in pathlib.Path(provider["options"]["path"]).glob("*.json"):
                found += bool(json.loads(board.read_text())["panels"])
    return found


def datasources() -> int:
    return sum(len(yaml.safe_load(file.read_text())["datasources"])
               for file in (PROVISIONING / "datasources").glob("*.y*ml"))


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = self.path == "/api/health" and dashboards() > 0 and datasources() > 0
        self.send_response(200 if well else 503)
        self.end_headers()


http.server.ThreadingHTTPServer(("0.0.0.0", 3000), Health).serve_forever()

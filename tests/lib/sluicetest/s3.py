# SPDX-License-Identifier: Apache-2.0
"""S3 servers, and a client of our own to look into them.

The client signs by itself (SigV4, payload signed) and retries nothing: a test
sees each answer as the server gave it.
"""

import dataclasses
import datetime
import hashlib
import hmac
import http.client
import pathlib
import urllib.parse
import xml.etree.ElementTree as ElementTree

from . import deps
from .process import Process, free_port

REGION = "us-east-1"
ACCESS_KEY = "sluice-test"
SECRET_KEY = "sluice-test-secret"


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes


class S3Client:
    def __init__(self, host: str, port: int, bucket: str):
        self.host, self.port, self.bucket = host, port, bucket

    def request(self, method: str, key: str, query: dict | None = None, body: bytes = b"",
                headers: dict | None = None) -> Answer:
        """One signed request for /bucket/key, on a connection of its own."""
        path = urllib.parse.quote(f"/{self.bucket}/{key}" if key else f"/{self.bucket}")
        query_text = "&".join(f"{_quote(k)}={_quote(str(v))}"
                              for k, v in sorted((query or {}).items()))
        signed = self._signed_headers(method, path, query_text, body, headers or {})
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        try:
            connection.request(method, path + ("?" + query_text if query_text else ""),
                               body=body or None, headers=signed)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                          answer.read())
        finally:
            connection.close()

    def put(self, key: str, body: bytes, if_absent: bool = False) -> int:
        """The status: 200, or 412 if `if_absent` and the key exists."""
        condition = {"If-None-Match": "*"} if if_absent else {}
        return self.request("PUT", key, body=body, headers=condition).status

    def get(self, key: str) -> bytes | None:
        answer = self.request("GET", key)
        if answer.status == 404:
            return None
        return _checked(answer).body

    def delete(self, key: str) -> None:
        _checked(self.request("DELETE", key))

    def list(self, prefix: str = "") -> list[str]:
        """All keys below `prefix`, in the order of the server."""
        keys: list[str] = []
        query = {"list-type": 2, "prefix": prefix}
        while True:
            root = ElementTree.fromstring(_checked(self.request("GET", "", query)).body)
            namespace = root.tag.partition("}")[0] + "}"
            encoded = root.findtext(f"{namespace}EncodingType") == "url"
            for entry in root.iter(f"{namespace}Contents"):
                key = entry.findtext(f"{namespace}Key") or ""
                keys.append(urllib.parse.unquote_plus(key) if encoded else key)
            token = root.findtext(f"{namespace}NextContinuationToken")
            if not token:
                return keys
            query["continuation-token"] = token

    def _signed_headers(self, method: str, path: str, query: str, body: bytes,
                        headers: dict) -> dict:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        headers = {**headers, "Host": f"{self.host}:{self.port}", "X-Amz-Date": now,
                   "X-Amz-Content-Sha256": digest}
        named = sorted((k.lower(), v) for k, v in headers.items())
        names = ";".join(k for k, _ in named)
        canonical = "\n".join([method, path, query, *(f"{k}:{v}" for k, v in named), "", names,
                               digest])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + SECRET_KEY.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, "
                                    f"SignedHeaders={names}, Signature={signature}")
        return headers


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def _checked(answer: Answer) -> Answer:
    if answer.status >= 300:
        raise OSError(f"S3 answered {answer.status}: {answer.body[:500]!r}")
    return answer


class S3Server:
    """What the two servers have in common.  One bucket, named after the server
    and its port so that one Spark session can tell several servers apart."""

    kind = ""
    region = REGION
    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self, folder: pathlib.Path):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.bucket = f"{self.kind}-{self.port}"
        self.data = self.folder / "data"
        (self.data / self.bucket).mkdir(parents=True)
        self.client = S3Client("127.0.0.1", self.port, self.bucket)
        self.process = self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def argv_env(self) -> tuple[list, dict]:
        raise NotImplementedError

    def start(self) -> Process:
        """Start it (again, after stop or a kill), on the same port and data."""
        argv, env = self.argv_env()
        self.process = Process(self.kind, argv, self.folder, env=env)
        # A signed LIST, not the health page: it needs everything a test needs.
        self.process.wait_until(lambda: self.client.list() is not None, "ready")
        return self.process

    def stop(self) -> int:
        return self.process.stop()

    def storage_options(self) -> dict:
        """For delta-rs."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
                "AWS_ALLOW_HTTP": "true"}

    def sluice_env(self) -> dict:
        """For Sluice: the same pipeline file runs against either server."""
        return {"MINIO_ENDPOINT": self.endpoint, "MINIO_ROOT_USER": ACCESS_KEY,
                "MINIO_ROOT_PASSWORD": SECRET_KEY, "AWS_REGION": REGION}

    def url(self, key: str, scheme: str = "s3a") -> str:
        return f"{scheme}://{self.bucket}/{key}"


class MinIO(S3Server):
    kind = "minio"

    def argv_env(self) -> tuple[list, dict]:
        argv = [deps.need("bin/minio"), "server", "--address", f"127.0.0.1:{self.port}",
                "--console-address", f"127.0.0.1:{free_port()}", self.data]
        env = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY,
               "MINIO_BROWSER": "off", "MINIO_UPDATE": "off", "MINIO_CALLHOME_ENABLE": "off",
               "MINIO_DOMAIN": "localhost", "HOME": str(self.folder)}
        return argv, env


class Versitygw(S3Server):
    """The second opinion on S3; objects are plain files below `data`."""

    kind = "versitygw"

    def argv_env(self) -> tuple[list, dict]:
        argv = [deps.need("bin/versitygw"), "--access", ACCESS_KEY, "--secret", SECRET_KEY,
                "--port", f"127.0.0.1:{self.port}", "--keep-alive", "--virtual-domain",
                f"localhost:{self.port}", "posix", self.data]
        return argv, {"HOME": str(self.folder)}

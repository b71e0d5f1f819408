"""What Google's clients need besides the emulators: credentials, and a proxy in front of one that can
fail.
"""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import json
import threading
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit


@dataclasses.dataclass(frozen=True)
class GoogleServers:
    """Addresses of the emulators of BigQuery and Cloud Storage, and a file of credentials, which they do not
    check.
    """

    bigquery: str
    storage: str
    bucket: str
    credentials: Path


class _Server:
    """An HTTP server on a free loopback port, in a thread."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def write_credentials(path: Path) -> Path:
    """Writes the file that `gcloud auth application-default login` would, with a token that needs no
    refresh.
    """
    given = {
        "type": "authorized_user",
        "client_id": "a-client",
        "client_secret": "a-secret",
        "refresh_token": "a-refresh-token",
        "token": "a-token",
        "expiry": "2100-01-01T00:00:00Z",
    }
    path.write_text(json.dumps(given))
    return path


class FailingProxy(_Server):
    """Passes requests on to a server, but answers the next ones itself where it was told to.

    Attributes:
      failures: (method, part of the path, status, error reason) of answers still to give, in order; one is
        given to the next request that fits it.
      bytes_processed: replaces `totalBytesProcessed` of each answer where it is set: the emulator knows no
        bytes.
      requests: (method, path, JSON body) of every request.
    """

    def __init__(self, target: str) -> None:
        self.failures: list[tuple[str, str, int, str]] = []
        self.bytes_processed: int | None = None
        self.requests: list[tuple[str, str, Any]] = []
        proxy, host = self, urlsplit(target).netloc

        class Handler(_Handler):
            def pass_on(self) -> None:
                body = self.read_body()
                sent = json.loads(body) if body else None
                proxy.requests.append((self.command, self.path, sent))
                for failure in proxy.failures:
                    method, part, status, reason = failure
                    if method == self.command and part in self.path:
                        proxy.failures.remove(failure)
                        self.answer(status, _error(status, reason))
                        return
                connection = http.client.HTTPConnection(host)
                headers = {"Content-Type": "application/json"} if body else {}
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                content = response.read()
                connection.close()
                found = json.loads(content) if proxy.bytes_processed is not None and content else {}
                if "statistics" in found:
                    for statistics in (found["statistics"], found["statistics"].get("query", {})):
                        statistics["totalBytesProcessed"] = str(proxy.bytes_processed)
                    content = json.dumps(found).encode()
                self.answer(response.status, content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

        super().__init__(Handler)

    def count(self, method: str, part: str) -> int:
        """Requests of the method whose path holds the part."""
        return sum(1 for sent, path, _ in self.requests if sent == method and part in path)


def _error(status: int, reason: str) -> bytes:
    message = f"The proxy says {reason}"
    error = {"reason": reason, "message": message, "domain": "global"}
    return json.dumps({"error": {"code": status, "message": message, "errors": [error]}}).encode()

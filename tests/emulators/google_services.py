"""What Google's clients need besides the emulators: credentials, and a proxy in front of one that can
fail.
"""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit


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


class PreconditionProxy(_Server):
    """Passes requests on to an emulator of Cloud Storage, and checks `ifGenerationMatch`, which it ignores.

    Attributes:
      refused: number of writes that met another generation than they asked for.
      before_write: called once, before the next conditional write is checked.
    """

    def __init__(self, target: str) -> None:
        self.refused = 0
        self.before_write: Callable[[], None] | None = None
        proxy, host, lock = self, urlsplit(target).netloc, threading.Lock()

        def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(host)
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            connection.close()
            return response.status, content

        class Handler(_Handler):
            def pass_on(self) -> None:
                body = self.read_body()
                query = parse_qs(urlsplit(self.path).query)
                headers = {"Content-Type": self.headers["Content-Type"]} if body else {}
                if self.command == "POST" and "ifGenerationMatch" in query:
                    hook, proxy.before_write = proxy.before_write, None
                    if hook is not None:
                        hook()
                    name = json.loads(body.split(b"\r\n\r\n")[1].split(b"\r\n")[0])["name"]
                    bucket = self.path.split("/b/")[1].split("/")[0]
                    with lock:
                        where = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
                        status, found = ask("GET", where, b"", {})
                        now = json.loads(found)["generation"] if status == 200 else "0"
                        if [now] != query["ifGenerationMatch"]:
                            proxy.refused += 1
                            self.answer(412, _error(412, "conditionNotMet"))
                            return
                        self.answer(*ask("POST", self.path, body, headers))
                    return
                self.answer(*ask(self.command, self.path, body, headers))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

        super().__init__(Handler)


def _error(status: int, reason: str) -> bytes:
    message = f"The proxy says {reason}"
    error = {"reason": reason, "message": message, "domain": "global"}
    return json.dumps({"error": {"code": status, "message": message, "errors": [error]}}).encode()

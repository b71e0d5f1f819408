"""A stand-in for the part of Vertex AI's REST API that the client speaks: it keeps every request."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: dict[str, Any]


@dataclass
class VertexApi:
    """Jobs and schedules that were made; `failures` are answered first, one per request."""

    address: str = ""
    requests: list[Request] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    # States that a job goes through, one each time it is looked at.
    progress: list[dict[str, Any]] = field(default_factory=list)
    idle_looks: int = 0

    def posted(self, collection: str) -> list[Request]:
        return [r for r in self.requests if r.method == "POST" and r.path.endswith("/" + collection)]

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        self.requests.append(request)
        if self.failures:
            code, status, message = self.failures.pop(0)
            return code, {"error": {"code": code, "status": status, "message": message}}
        parts = request.path.removeprefix("/v1/").split("/")
        collection, name = parts[4], "/".join(parts)
        match request.method, collection, len(parts):
            case "POST", "pipelineJobs", 5:
                name = f"{name}/{request.query['pipelineJobId'][0]}"
                if name in self.jobs:
                    return _error(409, "ALREADY_EXISTS", f"{name} already exists")
                self.jobs[name] = {**request.body, "name": name, "state": "PIPELINE_STATE_PENDING"}
                return 200, self.jobs[name]
            case "GET", "pipelineJobs", 6 if name in self.jobs:
                if self.progress:
                    self.jobs[name] |= self.progress.pop(0)
                elif self.jobs[name]["state"] in _UNDER_WAY:
                    self.idle_looks += 1
                if self.idle_looks > _PATIENCE:
                    return _error(400, "FAILED_PRECONDITION", f"{name}: the test gives no further state")
                return 200, self.jobs[name]
            case "POST", "schedules", 5:
                name = f"{name}/{len(self.schedules) + 1}"
                self.schedules[name] = {**request.body, "name": name, "state": "ACTIVE"}
                return 200, self.schedules[name]
            case "GET", "schedules", 5:
                return 200, {"schedules": list(self.schedules.values())}
            case "PATCH", "schedules", 6 if name in self.schedules:
                self.schedules[name] |= request.body
                return 200, self.schedules[name]
        return _error(404, "NOT_FOUND", f"{request.path} was not found")


_UNDER_WAY = ("PIPELINE_STATE_PENDING", "PIPELINE_STATE_RUNNING")
# Looks at a job that goes nowhere; whoever follows it would wait for ever.
_PATIENCE = 5


def _error(code: int, status: str, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "status": status, "message": message}}


@contextlib.contextmanager
def vertex_api() -> Iterator[VertexApi]:
    """Serves on a free port of the loopback interface."""
    api = VertexApi()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            address = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            code, answer = api.answer(Request(self.command, address.path, parse_qs(address.query), body))
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815 the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

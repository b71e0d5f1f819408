"""TensorFlow's own client of Cloud Storage against an emulator.

The client knows one address, Google's, over TLS. A proxy on loopback answers for that address with a
certificate that the client is told to trust, and hands the requests to the emulator.
"""

from __future__ import annotations

import datetime as dt
import http.client
import http.server
import json
import os
import re
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.emulators.server_processes import start, stop

# Objects are read from one, everything else is asked of the other.
CONTROL = "/failures"
CONTENT, API = "storage.googleapis.com", "www.googleapis.com"


class StorageProxy:
    """The proxy in a process of its own: TensorFlow keeps this one's threads from running while it waits for
    an answer.

    Args:
      target: address of the emulator.
      folder: for the certificate and the proxy's log.
    """

    def __init__(self, target: str, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        # What it imports of the repository, pytest finds by its own settings.
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        self._process = start(
            [sys.executable, "-m", "tests.emulators.cloud_storage", target, str(folder)],
            folder / "proxy.log",
            environment,
        )
        port = folder / "port"
        while not port.exists():
            assert self._process.poll() is None, (folder / "proxy.log").read_text()
            time.sleep(0.1)
        self.address = f"http://127.0.0.1:{port.read_text()}"

    def fail(self, method: str, part: str, status: int) -> None:
        """Answers the next request of the method whose path holds the part with a status."""
        self._ask("POST", [method, part, status])

    def pending(self) -> list[Any]:
        """Failures that no request has met yet."""
        return list(self._ask("GET", None))

    def stop(self) -> None:
        """Ends the process."""
        stop(self._process)

    def _ask(self, method: str, body: Any) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc)
        connection.request(method, CONTROL, json.dumps(body))
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Speaks TLS for Google's hosts and passes requests on to `emulator`."""

    protocol_version = "HTTP/1.1"
    # Else the answer's second packet waits 40 ms for the first one's acknowledgement.
    disable_nagle_algorithm = True
    context: ssl.SSLContext
    emulator: str
    failures: ClassVar[list[Any]] = []
    host = ""

    def do_CONNECT(self) -> None:
        self.host = self.path.split(":")[0]
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)  # type: ignore[assignment]
        self.close_connection = False

    def pass_on(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        # TensorFlow sends the length of what is in the chunks, and no chunk of nothing.
        body = self.chunks() if size and self.headers.get("Transfer-Encoding") else self.rfile.read(size)
        if self.path == CONTROL:
            self.failures += [json.loads(body)] if self.command == "POST" else []
            return self.answer(200, json.dumps(self.failures).encode())
        for failure in self.failures:
            if failure[0] == self.command and failure[1] in self.path:
                self.failures.remove(failure)
                return self.answer(failure[2], b"{}")
        path = self.path
        if "uploadType=media" in path and not body:
            # The mark of a folder; the emulator cannot hold an object without a byte.
            body = b" "
        if self.host == CONTENT:
            _, bucket, name = path.split("/", 2)
            path = f"/download/storage/v1/b/{bucket}/o/{name}?alt=media"
        connection = http.client.HTTPConnection(self.emulator)
        headers = {key: self.headers[key] for key in ("Content-Type", "Content-Range") if key in self.headers}
        connection.request(self.command, path, body, headers)
        response = connection.getresponse()
        content, status = response.read(), response.status
        location = response.getheader("Location")
        connection.close()
        wanted = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        if wanted and status == 200:
            first, last = map(int, wanted.groups())
            status, content = (206, content[first : last + 1]) if first < len(content) else (416, b"")
        if location is not None:
            # Where a resumable upload goes on.
            location = location.replace(f"http://{self.emulator}", f"https://{API}")
        return self.answer(status, content, location)

    def chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    def answer(self, status: int, content: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def tensorflow_storage(target: str, folder: Path) -> Iterator[StorageProxy]:
    """Points this process's TensorFlow at the emulator ``target``."""
    proxy = StorageProxy(target, folder)
    with ExitStack() as stack:
        stack.callback(proxy.stop)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("https_proxy", "HTTPS_PROXY"):
            patch.setenv(name, proxy.address)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        patch.setenv("CURL_CA_BUNDLE", str(proxy.certificate))
        patch.setenv("GOOGLE_AUTH_TOKEN_FOR_TESTING", "a-token")
        yield proxy


def _certificate(certificate: Path, key: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Cloud Storage, for tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(CONTENT), x509.DNSName(API)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


def main(target: str, folder: Path) -> None:
    """Serves until the process is ended; the file `port` in the folder holds its port."""
    _Proxy.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _Proxy.context.load_cert_chain(*_certificate(folder / "certificate.pem", folder / "key.pem"))
    _Proxy.emulator = urlsplit(target).netloc
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    (folder / "port.partial").write_text(str(server.server_address[1]))
    (folder / "port.partial").rename(folder / "port")
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

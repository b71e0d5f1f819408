"""A load generator for HTTP/1.1 on loopback. Each connection sends its next request when it has its answer.

One thread over epoll, with requests made beforehand, because it shares the machine's cores with the server
that it measures. Its own cost is reported with the figures. Every answer is compared with the
expected one, byte for byte.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "
_SILENT_SECONDS = 30.0


@dataclass(frozen=True)
class Exchange:
    """A request as bytes on the wire, and the body that it must be answered with."""

    request: bytes
    body: bytes

    @classmethod
    def get(cls, path: str, body: bytes) -> Exchange:
        """GET of an absolute, encoded path."""
        return cls(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode("ascii"), body)

    @classmethod
    def post(cls, path: str, content: bytes, body: bytes) -> Self:
        """POST of JSON to an absolute, encoded path."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return cls(head.encode("ascii") + content, body)

    def is_answered_by(self, body: bytes) -> bool:
        """Whether a body is the right answer."""
        return body == self.body


@dataclass
class Load:
    """Observations of one run of the generator.

    Attributes:
      seconds: from the first request to the last answer.
      generator_seconds: processor time of the generator itself.
      latencies: seconds of each right answer, ascending.
      wrong: answers that are not 200 or have another body than expected.
    """

    seconds: float = 0.0
    generator_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0

    def to_json(self) -> dict[str, Any]:
        """Quantiles in milliseconds, and the rest."""
        return {
            **quantiles(self.latencies),
            "requests_per_second": len(self.latencies) / self.seconds,
            "generator_us_per_request": 1e6 * self.generator_seconds / max(len(self.latencies), 1),
            "wrong": self.wrong,
        }


def quantiles(ascending: Sequence[float]) -> dict[str, float]:
    """Milliseconds at the quantiles of latencies in seconds, by their exact rank."""
    last = len(ascending) - 1
    found = {f"p{share:g}": 1e3 * ascending[round(share / 100 * last)] for share in (50, 90, 99, 99.9)}
    return {"mean": 1e3 * statistics.fmean(ascending), **found, "max": 1e3 * ascending[last]}


class _Connection:
    """A connection with one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.exchange = Exchange(b"", b"")
        self.sent_at = 0.0
        self.received = b""

    def send(self, exchange: Exchange) -> None:
        self.exchange, self.received = exchange, b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(exchange.request)

    def receive(self) -> bool | None:
        """Reads on; True if the answer was right, None while it is not complete."""
        self.received += self.socket.recv(65536)
        head = self.received.find(_END_OF_HEAD)
        if head < 0:
            return None
        start = self.received.find(_LENGTH, 0, head)
        if start < 0:
            return False
        length = int(self.received[start + len(_LENGTH) : self.received.index(b"\r", start)])
        body = self.received[head + len(_END_OF_HEAD) :]
        if len(body) < length:
            return None
        return self.received.startswith(b"HTTP/1.1 200 ") and self.exchange.is_answered_by(body)


def drive(address: tuple[str, int], exchanges: Sequence[Exchange], connections: int, seconds: float) -> Load:
    """Sends ``exchanges`` in turn, again and again, over ``connections`` connections for ``seconds``.

    Raises:
      TimeoutError: no connection is answered for half a minute.
      OSError: the server cannot be connected to, or closes a connection.
    """
    found = Load()
    number = 0
    opened = [_Connection(address) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        processor, start = time.process_time(), time.perf_counter()
        deadline, under_way = start + seconds, 0
        for connection in opened:
            connection.send(exchanges[number % len(exchanges)])
            number, under_way = number + 1, under_way + 1
        while under_way:
            ready = selector.select(_SILENT_SECONDS)
            if not ready:
                raise TimeoutError(f"{address[0]}:{address[1]} has been silent for {_SILENT_SECONDS:g} s")
            for key, _ in ready:
                connection = key.data
                right = connection.receive()
                if right is None:
                    continue
                now = time.perf_counter()
                if right:
                    found.latencies.append(now - connection.sent_at)
                else:
                    found.wrong += 1
                if now < deadline:
                    connection.send(exchanges[number % len(exchanges)])
                    number += 1
                else:
                    under_way -= 1
        found.seconds = time.perf_counter() - start
        found.generator_seconds = time.process_time() - processor
    for connection in opened:
        connection.socket.close()
    found.latencies.sort()
    return found

"""Who may talk to the console: only a browser that was given its key, on pages of its own.

Other sites, which the same browser shows, may not have requests sent here: not by a form or a script
(`Sec-Fetch-Site`, `Origin` and the token of the forms), and not by a name of theirs that leads to this
machine (`Host`; "DNS rebinding"). See "Cross-Site Request Forgery Prevention Cheat Sheet" (OWASP).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "key"  # of the address that the command prints
STYLE = "/style.css"  # nothing in it is secret, and refusals need it too
_SAFE = ("GET", "HEAD")
# A report brings its style with it; nothing on a page may run, or come from elsewhere.
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox"
)
_OPENED = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>The console</title><link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">To the console</a></p></html>
"""
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    # The pages are about persons, and old by tomorrow.
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Stricter, and a form would no longer say where it comes from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Access:
    """What a process of the console answers to.

    Attributes:
      port: that it listens on.
      key: opens the console; the browser keeps it in a cookie.
      token: each form of its pages holds it.
    """

    port: int
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names by which a browser on this machine may call it."""
        port = "" if self.port == 80 else f":{self.port}"  # browsers leave out the port of their own
        return tuple(f"{name}{port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    @property
    def address(self) -> str:
        """Address that opens it."""
        return f"http://{self.hosts[0]}/?{_KEY}={self.key}"

    @property
    def cookie(self) -> str:
        """Name of the cookie; ports of one machine share their cookies."""
        return f"newsletter-bandit-console-{self.port}"


# Makes a page of a status and a sentence.
Refuse = Callable[[HTTPStatus, str], Response]


class Guard:
    """Refuses what is not the console's own, and sends each answer with the headers that browsers heed.

    Args:
      app: what it guards.
      access: host names, key and token.
      refuse: makes the page of a refusal.
    """

    def __init__(self, app: ASGIApp, access: Access, refuse: Refuse) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        answer = self._answer(request)
        await (self._app if answer is None else answer)(scope, receive, send_guarded)

    def _answer(self, request: Request) -> Response | None:
        """A refusal, or the answer to the key; None for what may pass."""
        host = request.headers.get("host", "")
        if host not in self._access.hosts:
            return self._refuse(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"The console was called by the name {host or '(none)'}; allowed: "
                f"{', '.join(self._access.hosts)}. Open the address that the command printed.",
            )
        foreign = self._foreign(request, host)
        if foreign:
            return self._refuse(
                HTTPStatus.FORBIDDEN, f"{foreign}; allowed: only what the console's own pages ask for."
            )
        if request.url.path == "/" and _KEY in request.query_params:
            return self._opened(request.query_params[_KEY])
        if request.url.path == STYLE:
            return None
        if not _same(request.cookies.get(self._access.cookie), self._access.key):
            return self._refuse(
                HTTPStatus.FORBIDDEN,
                "This browser was not given the key of the console. Open the address that `newsletter-bandit "
                "console` printed when it started; each start has a new one.",
            )
        return None

    def _foreign(self, request: Request, host: str) -> str:
        """What shows that another site sends the request; "" where nothing does."""
        site = request.headers.get("sec-fetch-site")
        if request.method in _SAFE:
            # A link from elsewhere may lead here; an image, a script or a frame may not.
            if site in ("cross-site", "same-site") and request.headers.get("sec-fetch-mode") != "navigate":
                return "A page of another site asked for this"
            return ""
        if site not in (None, "same-origin"):
            return f"This was sent from elsewhere (Sec-Fetch-Site: {site})"
        origin = request.headers.get("origin")
        if origin != f"http://{host}":
            return f"This was sent from {origin or 'an unknown page (no Origin)'}"
        return ""

    def _opened(self, key: str) -> Response:
        if not _same(key, self._access.key):
            return self._refuse(
                HTTPStatus.FORBIDDEN,
                "The key in this address is not that of the console that runs now; each start has a new one. "
                "Open the address that the command printed last.",
            )
        # Where a page from elsewhere opened the address, such as the command's file, a redirection would not
        # send the cookie; the refresh of a page of ours does.
        response = HTMLResponse(_OPENED)
        response.set_cookie(self._access.cookie, key, httponly=True, samesite="strict")
        return response


def token_is_right(given: str | None, access: Access) -> bool:
    """A form holds the token of this process."""
    return _same(given, access.token)


def _same(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())

"""A headless Chromium, driven over its own protocol through a pipe: what a page does in a real browser.

See "Chrome DevTools Protocol". With `--remote-debugging-pipe` the browser speaks it on file descriptors 3 and
4, one JSON text after another, each ended by a zero byte.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

# In CI a missing browser is a failure, not a reason to skip.
_REQUIRED = "REQUIRE_CHROMIUM"

# Width of all that sticks out to the right, in CSS pixels, and of what; a scrolling region holds what it may.
TOO_WIDE = """
(() => { const room = document.documentElement.clientWidth;
  return [document.documentElement.scrollWidth - room,
    [...document.querySelectorAll("body *:not(svg *)")].filter(e => e.checkVisibility()
      && e.getBoundingClientRect().right > room + 1 && getComputedStyle(e).clipPath == "none"
      && !e.closest("thead") && !e.parentElement.closest(".scroll")).map(e => e.outerHTML.slice(0, 80))]; })()
"""
# Of each visible text its contrast with the ground behind it, the least first.
CONTRAST = """
(() => { const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => v / 255).map(
    v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (rgb(c).length == 3 || rgb(c)[3] == 1) return c; } return "rgb(255, 255, 255)"; };
  return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility()
    && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())).map(e => {
      const svg = e.closest("svg"), s = getComputedStyle(e);
      const [a, b] = [light(svg ? s.fill : s.color), light(ground(e))].sort((x, y) => y - x);
      return [(a + .05) / (b + .05), e.textContent.trim().slice(0, 40)]; }
    ).sort((x, y) => x[0] - y[0])[0]; })()
"""


def chromium() -> str:
    """Path of the browser; skips the test where there is none, unless `REQUIRE_CHROMIUM` is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get(_REQUIRED) == "1":
            pytest.fail(f"{_REQUIRED}=1, but Chromium is missing: apt-get install chromium")
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


class Tab:
    """One tab of a browser.

    Attributes:
      events: what the browser reported, oldest first: method and parameters.
    """

    def __init__(self, profile: Path) -> None:
        program = chromium()
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # The sandbox needs rights that a container does not give; only pages of the tests are opened.
        flags = (
            "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
            "--disable-background-networking --remote-debugging-pipe"
        )
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$0" {flags} "$1" 3<&{theirs_in} 4>&{theirs_out}',
                program,
                f"--user-data-dir={profile}",
            ],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self._sent = 0
        self._session: str | None = None
        self._rest = b""
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Tab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            # Of the browser, not of the tab: it then ends its other processes as well.
            self._session = None
            self.ask("Browser.close")
        self._process.wait()
        self._in.close()
        self._out.close()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Asks the browser, and returns its answer."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def open(
        self, page: Path | str, width: int, height: int = 900, scheme: str = "light", media: str = ""
    ) -> None:
        """Opens a file or an address in a window of this size in CSS pixels, and waits until it is loaded."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.events.clear()
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.absolute().as_uri())
        self.loaded()

    def loaded(self) -> None:
        """Waits until a page is loaded; none may have been since the events were cleared."""
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            self._next()

    def press(self, key: str) -> None:
        """Presses and releases a key, such as "Tab" or "Enter"."""
        number, text = {"Tab": (9, ""), "Enter": (13, "\r")}[key]
        told = {"key": key, "code": key, "windowsVirtualKeyCode": number}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **told)

    def write(self, text: str) -> None:
        """Types a text where the focus is."""
        self.ask("Input.insertText", text=text)

    def complaints(self) -> list[dict[str, Any]]:
        """Errors and messages of the page since it was opened."""
        told = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [parameters for method, parameters in self.events if method in told]

    def asked_for(self) -> list[str]:
        """Addresses that the page asked for since it was opened."""
        return [
            told["request"]["url"] for method, told in self.events if method == "Network.requestWillBeSent"
        ]

    def axe(self) -> list[str]:
        """What axe-core finds wrong for people who do not see the page, or not well; a line per rule.

        A page in a sandbox, where no script may run, would never answer.
        """
        self.evaluate(_axe())
        line = "`${one.impact} ${one.id}: ${one.nodes[0].html}`"
        run = f"axe.run().then(found => found.violations.map(one => {line}))"
        found = self.ask("Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True)
        violations: list[str] = found["result"]["value"]
        return violations

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._in.fileno(), 1 << 16)
            assert chunk, "Chromium ended"
            self._rest += chunk
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message


def _axe() -> str:
    """axe-core's script."""
    return resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@contextmanager
def opened(profile: Path) -> Iterator[Tab]:
    """A tab of a new browser, which ends with the block."""
    with Tab(profile) as tab:
        yield tab

"""How `newsletter-bandit serve --model` answers requests, and where it logs them."""

from __future__ import annotations

from pydantic import Field

from newsletter_bandit.settings.base import Settings


class ModelServer(Settings):
    """How `newsletter-bandit serve --model` answers requests, and where it logs them; docs/requests.md.

    Attributes:
      log: folder of the log; `{use_case}` in it stands for the use case's name.
      max_items: most rankings, or outcomes, that one request may ask for or hold.
      max_body_kib: largest body of a request, KiB.
      max_batch: most rows of one call of the graph; a request of more items is one call all the same.
      gather_ms: how long a call waits, at most, while fewer rows are there than the last call had; 0 takes
        what is there.
      look_every_seconds: how often the registry is asked for the version in production.
      retry_after_seconds: how long a version that could not be loaded is left alone.
      sync_every_seconds: how often the log is forced to disk; 0 does it before each answer.
      rotate_mib: size from which the log begins a new file, MiB; it does so on a new day too.
    """

    log: str = "requests-{use_case}"
    max_items: int = Field(default=100, ge=1, le=10_000)
    max_body_kib: int = Field(default=1024, ge=1, le=1_048_576)
    max_batch: int = Field(default=128, ge=1, le=65_536)
    gather_ms: float = Field(default=1.0, ge=0.0, le=1000.0)
    look_every_seconds: float = Field(default=5.0, gt=0.0, le=86_400.0)
    retry_after_seconds: float = Field(default=60.0, gt=0.0, le=86_400.0)
    sync_every_seconds: float = Field(default=1.0, ge=0.0, le=3600.0)
    rotate_mib: int = Field(default=64, ge=1, le=65_536)

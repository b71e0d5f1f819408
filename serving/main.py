"""The Cloud Function: ``functions-framework --target=recommenders`` with this folder as its source.

`aio.http` makes functions-framework serve it over ASGI, as a Cloud Function too. The store is opened once per
process, on the first request; a startup probe on ``/health`` does that before any user waits for it.
"""

from __future__ import annotations

import gc

from functions_framework import aio
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from .config import ServingConfig
from .endpoint import Endpoint


class _AnyPathConvertor(PathConvertor):
    # Starlette's own stops at a line break, which a percent-encoded user_id may hold.
    regex = "(?s:.*)"


# functions-framework routes every path to the function by the pattern "/{path:path}".
register_url_convertor("path", _AnyPathConvertor())

_endpoint: Endpoint | None = None


def configure(config: ServingConfig) -> None:
    """Sets what this process serves; without it the environment variables say so."""
    global _endpoint
    _endpoint = Endpoint(config)


@aio.http
async def recommenders(request: Request) -> Response:
    """Answers one request; `endpoint.Endpoint.handle` says how."""
    if _endpoint is None:
        configure(ServingConfig.from_env())
    assert _endpoint is not None
    return await _endpoint.handle(request)


if __name__ == "main":
    # functions-framework loads the file under this name to start serving it: a wrong variable ends the
    # process here, at deployment, rather than failing each request.
    configure(ServingConfig.from_env())
    # Imported objects stay; otherwise garbage collection would search them again and again while somebody
    # waits.
    gc.freeze()

"""The least that functions-framework can serve: a constant answer, what remains of an endpoint without its
work.

`CONSTANT_ANSWER` in the environment is the JSON that it answers every request with.
"""

from __future__ import annotations

import json
import os

from functions_framework import aio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_ANSWER = json.loads(os.environ["CONSTANT_ANSWER"])


@aio.http
async def constant(_: Request) -> Response:
    """The answer, encoded anew each time."""
    return JSONResponse(_ANSWER, headers={"Cache-Control": "no-store"})

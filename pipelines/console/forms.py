"""Reads the forms that the console's own pages send."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.requests import Request

from pipelines.console.guard import Access, token_is_right
from pipelines.console.refusal import Refusal

_FORM_BYTES = 16_384


async def read_form(request: Request, access: Access) -> dict[str, str]:
    """The fields of a form that is one of ours, and says what the person saw in production (`seen`).

    Raises:
      Refusal: it is too long, or lacks the token or what was seen.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"The form is longer than {_FORM_BYTES} bytes; none of ours is."
            )
    form = {
        name: values[0]
        for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()
    }
    if not token_is_right(form.get("token"), access):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "The form does not hold the token of this console. If the console was started anew since, "
            "open the page again.",
        )
    if "seen" not in form:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The form does not say what was in production.")
    return form

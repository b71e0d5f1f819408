"""Google Cloud's errors in one sentence: which credential, permission, API or setting is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from newsletter_bandit.errors import SettingsError

_LOG_IN = "run `gcloud auth application-default login`"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def credentials() -> Any:
    """Google's application default credentials.

    Raises:
      SettingsError: there are none.
    """
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError as error:
        raise SettingsError(
            f"Google Cloud: no credentials were found; {_LOG_IN}, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account"
        ) from error
    return found


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns an error of Google's libraries inside the block into a `SettingsError` that begins with
    ``what``.
    """
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        yield
    except exceptions.Forbidden as error:
        said = _said(error)
        missing = "has not been used" in said or "is disabled" in said
        hint = "enable the API" if missing else "grant the account the missing role"
        raise SettingsError(f"{what}: permission denied: {said}; {hint}") from error
    except exceptions.Unauthorized as error:
        raise SettingsError(f"{what}: the credentials were refused: {_said(error)}; {_LOG_IN}") from error
    except exceptions.NotFound as error:
        raise SettingsError(f"{what}: not found: {_said(error)}; check project, region and names") from error
    except exceptions.BadRequest as error:
        raise SettingsError(f"{what}: refused: {_said(error)}") from error
    except exceptions.RetryError as error:
        raise SettingsError(f"{what}: still failing after retries: {error.cause or error}") from error
    except exceptions.GoogleAPICallError as error:
        raise SettingsError(f"{what}: {type(error).__name__}: {_said(error)}") from error
    except TransportError as error:
        raise SettingsError(f"{what}: Google's token service cannot be reached: {error}") from error
    except GoogleAuthError as error:
        raise SettingsError(f"{what}: the credentials do not work: {error}; {_LOG_IN}") from error


def _said(error: Any) -> str:
    # REST answers put method and address in front of the service's message.
    return " ".join(re.sub(r"^[A-Z]+ https?://\S+: ", "", str(error.message)).split()) or type(error).__name__

"""The release that an image holds, and whether it can run what another has compiled."""

from __future__ import annotations

import pytest
from pydantic import Field

from newsletter_bandit.errors import SettingsError
from newsletter_bandit.settings.base import Settings
from newsletter_bandit.settings.release import Release, settings_schema


def test_a_release_is_read_as_it_is_written() -> None:
    installed = Release.installed()
    assert Release.of(str(installed)) == installed
    for text in ("", "0.1.0", "0.1.0+xyz", "main+3f2a9c41d07b"):
        with pytest.raises(SettingsError, match=r"release: found .*; allowed: VERSION\+SETTINGS"):
            Release.of(text)


@pytest.mark.parametrize(
    ("image", "needed", "refused"),
    [
        ("0.1.0+aaaaaaaaaaaa", "0.1.0+aaaaaaaaaaaa", False),
        ("0.1.0+aaaaaaaaaaaa", "0.1.0+bbbbbbbbbbbb", True),  # other settings, of the same version
        ("0.2.0+aaaaaaaaaaaa", "0.10.0+aaaaaaaaaaaa", True),  # older
        ("0.10.0+aaaaaaaaaaaa", "0.2.0+bbbbbbbbbbbb", False),  # later
    ],
)
def test_an_older_image_is_refused_and_a_later_one_is_not(image: str, needed: str, refused: bool) -> None:
    if not refused:
        Release.of(image).require(Release.of(needed))
        return
    with pytest.raises(SettingsError) as error:
        Release.of(image).require(Release.of(needed))
    assert str(error.value).startswith(
        f"this step's image holds newsletter-bandit {image}, and the pipeline "
    )
    assert f"needed: an image of {needed}, or of a later version: build it from the commit" in str(
        error.value
    )


def test_the_digest_sees_names_types_and_bounds_and_neither_words_nor_defaults() -> None:
    class One(Settings):
        """A docstring."""

        share: float = Field(default=0.1, ge=0.0)

    class Words(Settings):
        """Another docstring."""

        share: float = Field(default=0.2, ge=0.0, description="told")

    class Bound(Settings):
        share: float = Field(default=0.1, ge=0.5)

    class Wider(Settings):
        share: float = Field(default=0.1, ge=0.0)
        title: str = ""

    class Typed(Settings):
        share: int = Field(default=1, ge=0)

    digests = [settings_schema([model]) for model in (One, Words, Bound, Wider, Typed)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4

"""The model card: what it says of a version, and that nobody must render it to read it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml

from newsletter_bandit.registry.evidence import Refitted
from newsletter_bandit.reports.card import card, code
from newsletter_bandit.reports.libraries import libraries
from tests.reports.made import NAMES, SECOND, evidence, refused, with_everything

# Of "Model Cards for Model Reporting" by Mitchell et al. (2019), figure 1.
HEADINGS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]


def rows(text: str) -> dict[str, list[str]]:
    """The other cells of each table's row by its first one."""
    found = {}
    for line in text.splitlines():
        if line.startswith("|"):
            first, *rest = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[first] = rest
    return found


def test_a_card_has_the_headings_of_the_paper() -> None:
    text = card(with_everything(), {"Python": "3.13.1"})
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert text.startswith(f"# Model card: tiny, {SECOND}\n")
    assert "\n\n\n" not in text
    # Every row of a table has as many cells as the one above it.
    for one in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in one.splitlines()}
        assert len(widths) == 1, one


def test_a_card_says_whether_what_is_served_was_judged() -> None:
    found = with_everything()
    assert "Refit:" not in card(found)
    compared = Refitted("taken", "", 57_000, 9_000, 4_000, 0.91, 0.7, 0.009, 0.04, "2026-11-02")
    told = card(replace(found, refit=compared))
    assert "Refit: on 57,000 rows, 9,000 of them held out" in told
    assert "those of the judged model, which lies beside this one." in " ".join(told.split())
    refused = card(replace(found, refit=Refitted("not_made", "the gate did not bless the model")))
    assert "Refit: not made, because the gate did not bless the model." in refused
    assert "lies beside this one" not in refused


def test_a_card_says_what_the_evidence_says() -> None:
    found = with_everything()
    text = card(found, {"Python": "3.13.1", "tensorflow": "2.21.0"})
    told = rows(text)
    assert told["Version"] == [f"`{SECOND}`"]
    assert told["Published"] == ["2026-11-23 10:15 UTC"]
    assert told["tensorflow"] == ["2.21.0"]
    assert told["Window"] == ["12 Oct to 8 Nov 2026"]
    assert told["**This model**"] == ["12,000", "11,000 to 13,000"]
    assert told["Newsletters as they were sent"] == ["1,000", "0 to 2,000"]
    assert told["net clicks"] == ["+2,000", "+1,500 to +2,540"]
    assert told["`colour`"] == ["string", "vocabulary", "`<red>` 45.0%, `green` 45.0%", "21.0%"]
    assert told["`height`"][2:] == ["median 1.55, 10% to 90%: 1.51 to 1.59", "0.0%"]
    assert told["Newsletters judged"][1:] == ["at least 2,000", "holds"]
    settings = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert settings["agent"]["hidden_layers"] == [16]
    assert settings["exploration"]["epsilon"] == 0.2
    assert "Drift: 2 of 4 features beyond their bounds" in text
    for command in (f"models rollback {SECOND}", "models rollback --previous", "predict", f"report {SECOND}"):
        assert f"\n    newsletter-bandit {command}\n" in text


def test_a_card_says_where_nothing_is_known() -> None:
    found = with_everything()
    text = card(replace(evidence(), log=None, drift=None, options=None))
    assert "Nobody wrote down with which libraries it was made." in text
    assert "Nobody measured if the features moved" in text
    assert f"newsletter-bandit models rollback {SECOND} --use-case FILE --environment FILE" in text
    assert "**To take it back**: nothing was in production before it." in text
    assert "by `colour`. Nobody measured it by `height`," in text
    assert "estimated probabilities" not in text
    estimated = replace(found, metrics=replace(found.metrics, estimated_by=("segment",)))
    assert "**All of them rest on estimated probabilities.** Estimated: nobody logged" in card(estimated)
    assert "| Goes into production |" not in text
    assert "| Goes into production |" in card(evidence(publication={"wait_for_sign_off": True}))
    none = replace(evidence(), metrics=replace(evidence().metrics, slices={}))
    assert "for no group of them" in card(none)
    overlap = dict(found.metrics.overall.overlap)
    overlap[NAMES[2]] = replace(overlap[NAMES[2]], logged_share=None)
    overall = replace(found.metrics.overall, overlap=overlap)
    untested = card(replace(found, metrics=replace(found.metrics, overall=overall)))
    assert "**Untested recommenders**: no newsletter of the log shows `c`." in untested


def test_a_name_is_never_markup() -> None:
    assert code("deals | <b>") == "`deals \\| <b>`"
    assert code("a `tick") == "``a `tick``"
    assert code("`") == "`` ` ``"
    assert code("two\nlines") == "`two lines`"
    text = card(with_everything(), {})
    assert all(f"`{name}`" in text for name in NAMES)
    assert "| Only deals & \\<b>more\\</b>, the best single one |" in text


def test_a_line_of_a_card_can_be_read() -> None:
    lines = card(with_everything(), {}).splitlines()
    assert max(len(line) for line in lines if not line.startswith("|")) <= 110
    # A name stays whole.
    assert all(line.count("`") % 2 == 0 for line in lines if not line.startswith("```"))


def test_only_a_published_version_has_a_card() -> None:
    with pytest.raises(ValueError, match="no version"):
        card(refused(rows=(1.0, 2.0, "too few")))


def test_a_card_needs_no_tensorflow() -> None:
    program = (
        "import sys\nfrom newsletter_bandit.reports.card import card\n"
        "from newsletter_bandit.reports.libraries import libraries\nlibraries()\n"
        "assert not {'tensorflow', 'tfx', 'apache_beam'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_libraries_are_the_installed_ones() -> None:
    found = libraries()
    assert found["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"newsletter-bandit", "tensorflow", "tfx", "tf-agents"} <= set(found)

"""What a log is worth of which nobody knows how the recommender was chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter_bandit.first_use.log import Log


def unknown(log: Log, recommender: str, clicked: str, context: Sequence[str]) -> str:
    """What can and cannot be learnt from a log of which nobody knows how the recommender was chosen."""
    columns = " ".join(f"--context {_shell(column)}" for column in context[:3]) or "--context COLUMN"
    file = _shell(str(log.files[0]))
    return (
        "How the recommender was chosen is not known, so nothing was written.\n"
        "  What this log tells: the click rate of each recommender, among those who\n"
        "  got it.\n"
        "  What it cannot tell: what the others would have clicked. Whoever chose may\n"
        "  have sent each recommender to those who click anyway. A model would learn\n"
        "  that too, nothing could judge it off-policy, and the gate would never\n"
        "  publish it.\n"
        "  What to do next, the best first:\n"
        "  - Find the split in the tool that sent the newsletters, and give it with\n"
        "    --split or --rule-column.\n"
        "  - Send the next newsletters by a random draw, and log its probability.\n"
        "  - If columns of this log decided, compare policies with estimated\n"
        "    propensities. Every figure then says ESTIMATED, and holds only if these\n"
        "    columns are all that decided:\n"
        f"    newsletter-bandit evaluate {file} --action {_shell(recommender)} --reward {_shell(clicked)} "
        f"--estimate-propensities {columns} --evaluation-probability COLUMN"
    )


def _shell(text: str) -> str:
    return text if re.fullmatch(r"[\w./-]+", text) else "'" + text.replace("'", "'\\''") + "'"

"""What a log is worth of which nobody knows how the recommender was chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter_bandit.first_use.log import Log
from newsletter_bandit.quoting import quoted_path, text
from newsletter_bandit.settings.yaml_text import one_line

_WITH_POLICY = "with-policy.csv"


def unknown(log: Log, recommender: str, clicked: str, context: Sequence[str]) -> str:
    """What can and cannot be learnt from a log of which nobody knows how the recommender was chosen."""
    columns = " ".join(f"--context {_shell(column)}" for column in context[:3]) or "--context COLUMN"
    policy = "always"
    while policy in log.columns:
        policy += "_"
    arm = log.columns[recommender].example
    readers = [
        f"read_parquet({quoted_path(file)})"
        if file.name.lower().endswith(".parquet")
        else f"read_csv({quoted_path(file)}, all_varchar = true)"
        for file in log.files
    ]
    rows = " UNION ALL BY NAME ".join(f"SELECT *, {text(arm)} AS {policy} FROM {each}" for each in readers)
    code = f"import duckdb; duckdb.sql({f'COPY ({rows}) TO {text(_WITH_POLICY)}'!r})"
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
        "  - If columns of this log decided, name all of them with --estimate-by. Every\n"
        "    figure then says ESTIMATED, and holds only if they are all that decided.\n"
        "  - Or only compare policies so, with nothing learnt. The policy stands in a\n"
        "    column of the file.\n"
        f"    Always {one_line(arm)}, say, is judged by\n"
        f"    python -c {_shell(code)}\n"
        f"    newsletter-bandit evaluate {_WITH_POLICY} --action {_shell(recommender)} "
        f"--reward {_shell(clicked)} --estimate-propensities {columns} --evaluation-action {policy}"
    )


def _shell(word: str) -> str:
    return word if re.fullmatch(r"[\w./-]+", word) else "'" + word.replace("'", "'\\''") + "'"

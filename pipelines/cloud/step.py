"""The command of each compiled step: refuses an image that is older than the pipeline, then does what TFX's
own entry point does.

    python -m pipelines.cloud.step RELEASE --executor_class_path ... (the arguments of TFX's entry point)
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence

from newsletter_bandit.errors import UserError
from newsletter_bandit.settings.release import Release

ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_REFUSED = 2


def command(release: Release) -> list[str]:
    """The command of a container, to which its arguments are added."""
    return ["python", "-m", __name__, str(release)]


def main(argv: Sequence[str]) -> None:
    """Runs the step, or ends the process with one sentence.

    Args:
      argv: the program, the release that compiled the pipeline, and the arguments of TFX's entry point.
    """
    program, needed, *arguments = argv
    try:
        Release.installed().require(Release.of(needed))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(_REFUSED)
    sys.argv = [program, *arguments]
    runpy.run_module(ENTRY_POINT, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv)

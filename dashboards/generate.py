"""`python -m dashboards.generate` writes the dashboards and rules; `--check` sees whether they are fresh."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashboards.alerts import GROUPS
from dashboards.budget_and_limits import BUDGET_AND_LIMITS
from dashboards.calls_and_breakers import CALLS_AND_BREAKERS
from dashboards.dependencies import DEPENDENCIES
from dashboards.kubernetes import KUSTOMIZATION, PROMETHEUS_RULE, kustomization_yaml, prometheus_rule_yaml
from dashboards.mend import mended
from dashboards.overview import OVERVIEW
from dashboards.pipeline import PIPELINE
from dashboards.rules import RUNBOOKS, rules_yaml
from dashboards.schema import problems
from dashboards.sidecar import SIDECAR

DASHBOARDS: Final = (OVERVIEW, DEPENDENCIES, CALLS_AND_BREAKERS, PIPELINE, BUDGET_AND_LIMITS, SIDECAR)

GENERATED: Final = Path(__file__).with_name("generated")
RULES: Final = "rules.yml"


def generated(runbooks_url: str = RUNBOOKS) -> dict[str, str]:
    """Every file by its name.

    Raises:
        ValueError: a dashboard has a defect; tells every one.
    """
    rules = rules_yaml(GROUPS, runbooks_url=runbooks_url)
    files = {
        RULES: rules,
        PROMETHEUS_RULE: prometheus_rule_yaml(rules),
        KUSTOMIZATION: kustomization_yaml(dashboard.uid for dashboard in DASHBOARDS),
    }
    wrong = []
    for dashboard in DASHBOARDS:
        content = mended(dashboard)
        wrong += [f"{dashboard.uid}: {problem}" for problem in problems(content)]
        files[f"{dashboard.uid}.json"] = (
            json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        )
    if wrong:
        raise ValueError("\n".join(wrong))
    return files


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1 if one is out of date"
    )
    parser.add_argument("--output", type=Path, default=GENERATED, metavar="DIR", help="where to write")
    parser.add_argument(
        "--runbooks-url",
        default=RUNBOOKS,
        metavar="URL",
        help="where you publish docs/runbooks; stands before the page's name in each runbook_url",
    )
    options = parser.parse_args(argv)
    files = generated(options.runbooks_url)
    folder: Path = options.output
    if options.check:
        return _check(folder, files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return 0


def _check(folder: Path, files: dict[str, str]) -> int:
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*") if path.is_file()}
    stale = sorted(name for name in {*files, *there} if files.get(name) != there.get(name))
    for name in stale:
        sys.stderr.write(f"{folder.name}/{name} is out of date: run make generate\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""Write docs/metrics.md or, with `--check`, see whether it is fresh: `python -m sidecar.metrics_page`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pipeline import metrics as worker
from pipeline.definitions import Definition, GaugeDefinition, HistogramDefinition, Label
from sidecar import metrics

METRICS_PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD: Final = """\
# Metrics

Generated from `pipeline/metrics.py` and `sidecar/metrics.py` by `make generate`; do not edit.

Base units; labels are closed sets, without job ids, URLs or exception texts. Of each
worker and dependency there are at most {models} model names, then `{other}`.
A call outside any layer has `layer="{no_layer}"`.
"""


def metrics_page() -> str:
    """The whole page as Markdown."""
    head = _HEAD.format(models=worker.MAX_MODEL_NAMES, other=worker.OTHER_MODEL, no_layer=worker.NO_LAYER)
    return "\n".join(
        (
            head,
            *_section("Emitted by the sidecar", metrics.METRICS),
            *_section("Emitted by workers", worker.METRICS),
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sidecar.metrics_page")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1 if it is out of date"
    )
    page = metrics_page()
    if not parser.parse_args(argv).check:
        METRICS_PAGE.parent.mkdir(exist_ok=True)
        METRICS_PAGE.write_text(page, encoding="utf-8")
    elif not METRICS_PAGE.exists() or METRICS_PAGE.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"docs/{METRICS_PAGE.name} is out of date: run make generate\n")
        return 1
    return 0


def _section(title: str, definitions: Iterable[Definition]) -> Iterable[str]:
    yield f"## {title}\n"
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for definition in definitions:
        labels = "; ".join(map(_label, definition.labels))
        yield f"| `{definition.name}` | {_type(definition)} | {labels} | {definition.help} |"
    yield ""


def _type(definition: Definition) -> str:
    if isinstance(definition, HistogramDefinition):
        return f"histogram, {definition.buckets[0]:g} to {definition.buckets[-1]:g}"
    if isinstance(definition, GaugeDefinition):
        return f"gauge, {definition.mode} over workers" if definition in worker.METRICS else "gauge"
    return definition.type


def _label(label: Label) -> str:
    return f"`{label.name}`" + (f": {', '.join(label.values)}" if label.values else "")


if __name__ == "__main__":
    sys.exit(main())

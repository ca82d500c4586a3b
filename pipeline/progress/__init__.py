"""How a run gets on, for the person who watches: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.progress.lines import Lines
from pipeline.progress.summary import Summary

if TYPE_CHECKING:
    from pipeline.meter import Meter
    from pipeline.runner import Watch

__all__ = ["Summary", "progress"]


@contextmanager
def progress(summary: Summary, meter: Meter) -> Iterator[Watch]:
    """What the runner tells of the jobs, shown on standard output and added to the summary."""
    if not sys.stdout.isatty():
        yield Lines(summary)
        return
    try:
        from pipeline.progress.live import live_view
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        yield Lines(summary)
        return
    events = logging.getLogger("pipeline")
    level = events.level
    if sys.stderr.isatty():
        # The view shows how each job gets on; above it, only what went wrong.
        events.setLevel(logging.WARNING)
    try:
        with live_view(summary, meter) as watch:
            yield watch
    finally:
        events.setLevel(level)

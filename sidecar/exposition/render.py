"""Families to text. What a line begins with is written once and kept for the next scrape."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from prometheus_client import Metric

from sidecar.exposition.formats import Format
from sidecar.exposition.lines import go_text, line_start
from sidecar.exposition.table import LINES_A_SLICE, TableFamily

_PLAIN_TYPES: Final = frozenset({"counter", "gauge", "histogram", "summary"})
_PAUSE_SECONDS: Final = 1e-6
"""Asked for; the kernel makes 50 µs of it. Long enough for another thread to take over."""

_Line = tuple[str, tuple[tuple[str, str], ...]]


class Renderer:
    """Writes snapshots; one thread at a time."""

    def __init__(self) -> None:
        self._line_starts: dict[_Line, str] = {}

    def render(self, families: Iterable[Metric], form: Format) -> bytes:
        """The same bytes as prometheus_client's `generate_latest` of these families.

        Between slices of a long answer it lets other threads run: Python would make each of them wait for
        5 ms every time it has waited for a socket.
        """
        used: dict[_Line, str] = {}
        pieces: list[bytes] = []
        for family in families:
            if isinstance(family, TableFamily):
                for piece in family.table.rendered(family.values, form):
                    pieces.append(piece)
                    if len(family.values) > LINES_A_SLICE:
                        time.sleep(_PAUSE_SECONDS)
            else:
                pieces.append(self._rendered(family, form, used))
        # What was not used this time belongs to series that are gone.
        self._line_starts = used
        pieces.append(form.end)
        return b"".join(pieces)

    def _rendered(self, family: Metric, form: Format, used: dict[_Line, str]) -> bytes:
        if not _is_plain(family):
            return form.by_prometheus_client(family)
        parts = [form.header(family.name, family.type, family.documentation)]
        for sample in family.samples:
            # In the format's own name: OpenMetrics may write another one.
            line = (form.sample_name(sample.name), tuple(sample.labels.items()))
            start = used.get(line)
            if start is None:
                start = self._line_starts.get(line)
                if start is None:
                    start = line_start(line[0], sorted(line[1]))
                used[line] = start
            parts.append(f"{start}{go_text(float(sample.value))}\n")
        return "".join(parts).encode()


def _is_plain(family: Metric) -> bool:
    """Whether it has nothing but values: no unit, times, exemplars, or samples with a place of their own."""
    if family.type not in _PLAIN_TYPES or family.unit:
        return False
    apart = {f"{family.name}{suffix}" for suffix in ("_created", "_gsum", "_gcount")}
    return all(sample[3:] == (None, None, None) and sample.name not in apart for sample in family.samples)

"""A family whose series stay what they are while their values change: its lines are written once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

from sidecar.exposition.formats import Format
from sidecar.exposition.lines import GO_EXPONENT_FROM, escape_name, go_text, line_start

Labels = tuple[tuple[str, str], ...]

LINES_A_SLICE: Final = 1000
"""How many lines are written at once: under a millisecond, in which no other thread runs."""


class SeriesTable:
    """The series of one family, in the order in which they are exposed."""

    def __init__(
        self,
        name: str,
        type_name: str,
        help_text: str,
        series: Sequence[tuple[str, Labels]],
        lines: Sequence[str],
    ) -> None:
        """Take `series` as (sample name, labels in order of name), `lines` as `line_start` writes them."""
        self.name = name
        self.exposed_name = escape_name(name)
        self.type = type_name
        self.help = help_text
        self.series = series
        self._lines = lines
        self._templates: dict[Format, tuple[str, ...]] = {}

    def rendered(self, values: Sequence[float], form: Format) -> Iterator[bytes]:
        """The family as text, slice by slice; one value for each series."""
        templates = self._templates.get(form)
        if templates is None:
            templates = self._templates[form] = self._as_templates(form)
        yield form.header(self.name, self.type, self.help).encode()
        for number, template in enumerate(templates):
            part = tuple(values[number * LINES_A_SLICE : (number + 1) * LINES_A_SLICE])
            # The sum tells whether one of them is not a number.
            if max(part) < GO_EXPONENT_FROM and isfinite(sum(part)):
                yield (template % part).encode()
            else:
                yield (template % tuple(map(go_text, part))).encode()

    def samples(self, values: Sequence[float]) -> list[Sample]:
        return [
            Sample(name, dict(labels), value)
            for (name, labels), value in zip(self.series, values, strict=True)
        ]

    def _as_templates(self, form: Format) -> tuple[str, ...]:
        lines = self._lines
        if form.sample_name(self.name) != self.name:
            lines = [line_start(form.sample_name(name), labels) for name, labels in self.series]
        return tuple(
            "".join([line.replace("%", "%%") + "%s\n" for line in lines[start : start + LINES_A_SLICE]])
            for start in range(0, len(lines), LINES_A_SLICE)
        )


class TableFamily(Metric):
    """The family of one table at one time. Its samples are made only for who asks for them."""

    def __init__(self, table: SeriesTable, values: Sequence[float]) -> None:
        self.table = table
        self.values = values
        self.name = table.name
        self.documentation = table.help
        self.unit = ""
        self.type = table.type

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]
        return self.table.samples(self.values)

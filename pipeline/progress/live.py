"""The live view of a run, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.metrics import RunOutcome
from pipeline.progress.standing import Standing, standing
from pipeline.progress.summary import Summary

if TYPE_CHECKING:
    from pipeline.jobs import Job, JobReport
    from pipeline.meter import Meter

_PER_SECOND: Final = 4
_BAR_CHARS: Final = 40
_STYLES: Final = {
    RunOutcome.SUCCEEDED: "green",
    RunOutcome.DEGRADED: "yellow",
    RunOutcome.FAILED: "red",
    RunOutcome.CANCELLED: "dim",
}


class LiveView:
    """Adds to the summary what it is told, and shows it beside the metrics as they are now."""

    def __init__(self, summary: Summary, meter: Meter) -> None:
        self._summary = summary
        self._meter = meter

    def entered(self, job: Job, layer: str) -> None:
        """The metrics show it."""

    def ended(self, report: JobReport) -> None:
        self._summary.add(report)

    def __rich__(self) -> RenderableType:
        now = standing(self._meter)
        lines: list[RenderableType] = [self._jobs(now), _layers(now), self._money(now)]
        if now.open_breakers:
            lines.append(Text(f"breakers not closed: {', '.join(now.open_breakers)}", "bold red"))
        return Group(*lines)

    def _jobs(self, now: Standing) -> RenderableType:
        ended, expected = len(self._summary.reports), self._summary.expected
        row = Table.grid(padding=(0, 1))
        counts = Text(f"{ended}" if expected is None else f"{ended}/{expected}", "bold")
        counts.append(f"  {now.running} running", "cyan")
        for outcome, count in self._summary.counts().items():
            name = "elsewhere" if outcome is None else outcome.value
            counts.append(f"  {count} {name}", "dim" if outcome is None else _STYLES[outcome])
        row.add_row(ProgressBar(total=expected, completed=ended, width=_BAR_CHARS), counts)
        return row

    def _money(self, now: Standing) -> Text:
        spent_usd = max(now.cost_usd, self._summary.cost_usd)
        money = Text(f"{spent_usd:.4f} USD spent", "bold")
        if now.budget_left_usd is not None:
            money.append(f", {now.budget_left_usd:.4f} USD of the budget left")
        return money


def _layers(now: Standing) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("layer")
    for heading in ("running", "done", "failed", "cost USD"):
        table.add_column(heading, justify="right")
    for name, layer in now.layers.items():
        table.add_row(
            name,
            str(layer.running or ""),
            str(layer.done or ""),
            Text(str(layer.failed or ""), "red"),
            f"{layer.cost_usd:.4f}" if layer.cost_usd else "",
        )
    return table


@contextmanager
def live_view(summary: Summary, meter: Meter, console: Console | None = None) -> Iterator[LiveView]:
    """Shown until the block ends; what is written to standard error meanwhile stands above it."""
    view = LiveView(summary, meter)
    with Live(
        view, console=console or Console(highlight=False), refresh_per_second=_PER_SECOND, transient=True
    ):
        yield view

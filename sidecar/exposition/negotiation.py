"""Which format a scraper wants, by its `Accept` header. Every scrape is answered, whatever it asks for."""

from __future__ import annotations

from typing import NamedTuple

from sidecar.accept import Choice, choices
from sidecar.exposition.formats import OPENMETRICS, TEXT, Format


class _Match(NamedTuple):
    """Better ones compare greater."""

    quality: float
    specificity: int
    earliness: int


def choose_format(accept: str) -> Format:
    """The format that is accepted most, of two the one that is named more closely, or first.

    A version that is not served here is not accepted; where none is asked for, any will do. Nothing that is
    served being acceptable, the answer is in the text format.
    """
    ranges = choices(accept)
    best, chosen = _Match(0.0, 0, 0), TEXT
    for form in (TEXT, OPENMETRICS):
        match = _match(form, ranges)
        if match.quality > 0 and match > best:
            best, chosen = match, form
    return chosen


def _match(form: Format, ranges: list[Choice]) -> _Match:
    """How much the format is accepted: what is said most closely of it counts."""
    said = [
        (specificity, choice.quality, -position)
        for position, choice in enumerate(ranges)
        if (specificity := _specificity(form, choice)) is not None
    ]
    specificity, quality, earliness = max(said, default=(0, 0.0, 0))
    return _Match(quality, specificity, earliness)


def _specificity(form: Format, choice: Choice) -> int | None:
    """How closely the range names the format; None if it means others."""
    if choice.value == "*/*":
        return 0
    if choice.value == f"{form.media_type.partition('/')[0]}/*":
        return 1
    if choice.value != form.media_type:
        return None
    version = choice.parameters.get("version")
    if version is None:
        return 2
    return 3 if version == form.version else None

"""What is kept beside a layer's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNote:
    """What a layer's result came with, and what it rests on.

    Attributes:
        files: What the layer has written.
        degradations: What it had to do without, one line each.
        can_be_made_good: Whether a later run may have what was missing; the layer runs again then.
        cv: The digest of the CV that the result rests on; None where it rests on none.
    """

    files: tuple[Path, ...] = ()
    degradations: tuple[str, ...] = ()
    can_be_made_good: bool = False
    cv: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Without the files: where they are depends on the machine."""
        return {
            "degradations": self.degradations,
            "can_be_made_good": self.can_be_made_good,
            "cv": self.cv,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], files: tuple[Path, ...] = ()) -> Self:
        """Raises TypeError or KeyError: it is no note."""
        cv = entry.get("cv")
        return cls(
            files=files,
            degradations=tuple(_text(reason) for reason in entry["degradations"]),
            can_be_made_good=entry.get("can_be_made_good") is True,
            cv=None if cv is None else _text(cv),
        )


@dataclass(frozen=True, slots=True)
class KeptResult:
    """A layer's result as it was kept: as JSON until somebody needs it."""

    result: Any
    note: LayerNote


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{type(value).__name__} is no text")

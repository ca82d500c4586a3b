"""What is instrumented bears a mark, copies and parts too: guarded twice, every call would cost twice."""

from __future__ import annotations

from typing import Any, Final

_MARK: Final = "_pipeline_instrumented"


def mark(client: Any) -> None:  # noqa: ANN401
    setattr(client, _MARK, True)


def is_marked(client: object) -> bool:
    return getattr(client, _MARK, False) is True

"""Which layer and job the running code belongs to: labels come from here, never from a caller's string."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from pipeline.metrics import LAYER_NAME, NO_LAYER


class JobAccount:
    """What one job has spent so far, by layer, in USD."""

    __slots__ = ("spent_usd_by_layer",)

    def __init__(self, spent_usd_by_layer: Mapping[str, float] | None = None) -> None:
        """With what an earlier run has spent and nobody has told."""
        self.spent_usd_by_layer: defaultdict[str, float] = defaultdict(float, spent_usd_by_layer or {})

    @property
    def spent_usd(self) -> float:
        return sum(self.spent_usd_by_layer.values())


_layer: ContextVar[str] = ContextVar("layer", default=NO_LAYER)
_account: ContextVar[JobAccount | None] = ContextVar("job_account", default=None)


# The variables' own methods: each guarded call asks, and a function round them would double the cost.
current_layer = _layer.get
"""The layer that is running in this task or thread, `none` outside any."""


current_account = _account.get
"""The account of the job that is running; None outside any: there is nobody to charge."""


class running_layer:  # noqa: N801
    """`with running_layer(name)`: everything inside counts for this layer, tasks started inside included.

    Raises:
        ValueError: a name that is no label, such as a URL. What matches is a layer for good: give names
            of code, none with an id in it.
    """

    __slots__ = ("_name", "_token")

    def __init__(self, name: str) -> None:
        if not LAYER_NAME.fullmatch(name):
            raise ValueError(f"layer name {name!r} must match {LAYER_NAME.pattern}")
        self._name = name

    def __enter__(self) -> None:
        self._token = _layer.set(self._name)

    def __exit__(self, *_: object) -> None:
        _layer.reset(self._token)


@contextmanager
def running_job(account: JobAccount | None = None) -> Iterator[JobAccount]:
    """Everything inside is charged to that account, or to a new one."""
    if account is None:
        account = JobAccount()
    token = _account.set(account)
    try:
        yield account
    finally:
        _account.reset(token)

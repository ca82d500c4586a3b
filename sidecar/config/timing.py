"""A run must end before the next begins: no timeout longer than its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter, ValidationError

from sidecar.config.draft import DEPENDENCIES, Draft
from sidecar.config.errors import Key, shown
from sidecar.config.model import Config
from sidecar.probes.probe import Seconds

INTERVAL: Final = "interval_seconds"
TIMEOUT: Final = "timeout_seconds"
_SECONDS: Final[TypeAdapter[float]] = TypeAdapter(Seconds)


def judge(draft: Draft) -> None:
    _judge(draft, draft.values, ())
    for name, options in draft.dependencies().items():
        if options.keys() & {INTERVAL, TIMEOUT}:
            _judge(draft, options, (DEPENDENCIES, name))


def give_defaults(draft: Draft) -> None:
    """Give every dependency the interval and the timeout it doesn't have itself."""
    for key in (INTERVAL, TIMEOUT):
        seconds = _seconds(draft, {}, key)
        # A bad one is one mistake, not one more in every dependency.
        if seconds is not None:
            for options in draft.dependencies().values():
                options.setdefault(key, seconds)


def _judge(draft: Draft, options: Mapping[str, object], place: Key) -> None:
    timeout, interval = _seconds(draft, options, TIMEOUT), _seconds(draft, options, INTERVAL)
    if timeout is None or interval is None or timeout <= interval:
        return
    if TIMEOUT in options:
        other = draft.leaf((*place, INTERVAL) if INTERVAL in options else (INTERVAL,))
        rule = f"{shown(timeout)} exceeds {other} {shown(interval)}"
        draft.complain((*place, TIMEOUT), f"{rule}; lower the timeout or raise the interval")
    else:
        rule = f"{shown(interval)} is less than {draft.leaf((TIMEOUT,))} {shown(timeout)}"
        draft.complain((*place, INTERVAL), f"{rule}; raise the interval or lower the timeout")


def _seconds(draft: Draft, options: Mapping[str, object], key: str) -> float | None:
    """What holds for a dependency; None when that is wrong in itself."""
    default = Config.model_fields[key].default
    try:
        return _SECONDS.validate_python(options.get(key, draft.values.get(key, default)), strict=True)
    except ValidationError:
        return None

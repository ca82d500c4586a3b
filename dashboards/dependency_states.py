"""The state of a dependency as one number, for panels that colour numbers."""

from __future__ import annotations

from typing import Final

from dashboards.colors import GREEN, GREY, RED, YELLOW
from dashboards.panels import Shown
from dashboards.queries import Scope, highest, numbered, one_of, total
from sidecar.metrics import DEPENDENCY_STATE
from sidecar.state import DependencyState

# In rising order of what one wants to hear of: of several sidecars that disagree the worst is shown,
# but one that knows nothing does not hide what another knows.
_ORDER: Final = (
    (DependencyState.UNKNOWN, GREY),
    (DependencyState.UP, GREEN),
    (DependencyState.DEGRADED, YELLOW),
    (DependencyState.DOWN, RED),
)

STATES: Final = {number: Shown(state.value, color) for number, (state, color) in enumerate(_ORDER, start=1)}


def count_down(scope: Scope) -> str:
    """Dependencies that are down for any sidecar."""
    return total(_is(scope, DependencyState.DOWN))


def count_up(scope: Scope) -> str:
    """Those that are up or degraded for some sidecar and down for none: no dependency is counted in both."""
    reached = _is(scope, DependencyState.UP, DependencyState.DEGRADED)
    return total(f"{reached} * (1 - {_is(scope, DependencyState.DOWN)})")


def _is(scope: Scope, *states: DependencyState) -> str:
    return highest(scope.series(DEPENDENCY_STATE, state=one_of(*states)), "dependency")


def worst_state(scope: Scope) -> str:
    series = {
        number: scope.series(DEPENDENCY_STATE, state=state)
        for number, (state, _) in enumerate(_ORDER, start=1)
    }
    return numbered(series, "dependency")

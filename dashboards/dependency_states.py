"""The state of a dependency as one number, for panels that colour numbers."""

from __future__ import annotations

from typing import Final

from dashboards.colors import GREEN, GREY, RED, YELLOW
from dashboards.panels import Shown
from dashboards.queries import Scope, numbered
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


def worst_state(scope: Scope) -> str:
    series = {
        number: scope.series(DEPENDENCY_STATE, state=state)
        for number, (state, _) in enumerate(_ORDER, start=1)
    }
    return numbered(series, "dependency")

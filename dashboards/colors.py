"""Grafana's colours, by what they mean here."""

from __future__ import annotations

from typing import Final

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"
GREY: Final = "text"
ORANGE: Final = "orange"
PURPLE: Final = "purple"
BLUE: Final = "blue"

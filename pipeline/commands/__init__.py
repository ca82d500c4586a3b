"""The commands of `pipeline`, one file each."""

from __future__ import annotations

from typing import Final

from pipeline.commands.budget import BUDGET
from pipeline.commands.command import Command
from pipeline.commands.run import RUN

__all__ = ["COMMANDS", "Command"]

COMMANDS: Final[tuple[Command, ...]] = (RUN, BUDGET)

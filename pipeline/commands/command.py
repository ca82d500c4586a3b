"""What a command of `pipeline` is."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One word after `pipeline`.

    Attributes:
        name: That word.
        help: One line for `pipeline --help`.
        add_arguments: Adds the command's own arguments.
        execute: Does it, and returns the exit status. Raises UsageError or SettingsError for what the user
            has to change: its lines are printed, and the status is 2.
    """

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    execute: Callable[[Namespace], int]

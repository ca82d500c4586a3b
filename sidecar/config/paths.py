"""Paths in the options of a dependency, which are relative to the configuration file."""

from __future__ import annotations

from pathlib import Path

from sidecar.config.draft import Draft
from sidecar.config.secret_fields import field_types


def resolve(draft: Draft, directory: Path) -> None:
    """Put the directory before every path that is not absolute."""
    for options in draft.dependencies().values():
        for field, types in field_types(options.get("kind")).items():
            value = options.get(field)
            if Path in types and isinstance(value, str) and value:
                options[field] = str(directory / value)

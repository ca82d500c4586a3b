"""How a mistake is put in words: where, what, the rule, the remedy, in one line, and nothing secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

_MAX_SHOWN_CHARS: Final = 80
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_START_OF_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{0,40}")

Key = tuple[str | int, ...]
"""The way to a value: `("dependencies", "pdf_service", "url")`."""


class ConfigError(Exception):
    """Everything that is wrong with a configuration, one line each, without any secret."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors: tuple[str, ...] = tuple(errors)
        super().__init__("\n".join(self.errors))


def dotted(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{_shown_key(part)}"
    return text.removeprefix(".")


def _shown_key(part: str) -> str:
    # `Authorization: Bearer …` in quotes is one key: what comes after its first word may be the secret.
    start = _START_OF_KEY.match(part)
    return part if _PLAIN_KEY.fullmatch(part) else f"'{start.group() if start else ''}…'"


def shown(value: object) -> str:
    """A value that is not secret, shortened; a list or mapping only by its type."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return _shortened(str(value))
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, str):
        return hidden(value) if "@" in value or "://" in value else _shortened(repr(value))
    return hidden(value)


def hidden(value: object) -> str:
    """What a value is, when the value itself may be secret."""
    if value is None:
        return "an empty value"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "the value"


def shown_path(path: str) -> str:
    # What does not begin as a path does may be the secret itself, put where its file's path belongs.
    return shown(path) if path.startswith(("/", "./", "../")) and "@" not in path else "the file"


def closest(name: str, known: Iterable[str], what: str) -> str:
    """The remedy for a name that doesn't exist."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:_MAX_SHOWN_CHARS], names, n=1)
    return f"did you mean {close[0]}?" if close else f"the {what} are {', '.join(names)}"


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[: _MAX_SHOWN_CHARS - 1]}…"
